//! `paceline simulate`: a simulated vendor on loopback, to try things out and to test against.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use jiff::tz::TimeZone;

use super::{CliError, CliResult, Global, output};
use crate::clock::Clock;
use crate::simulate::Company;
use crate::simulate::hubspot::{Faults, Portal, Simulator, generated};

/// The company that the README shows.
const SEED: u64 = 42;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The vendor.
    #[arg(long, value_parser = ["hubspot"])]
    vendor: String,
    /// The port on loopback; 0 takes a free one, which is printed.
    #[arg(long)]
    port: u16,
    /// Another company.
    #[arg(long, default_value_t = SEED)]
    seed: u64,
    /// Records from `lead.csv`, `opportunity.csv` and so on with canonical column names, in place of
    /// the embedded company.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The zone of times without one in these files.
    #[arg(long, default_value = "UTC", value_name = "ZONE")]
    time_zone: String,
    /// So many plain contacts in place of a company, to measure with.
    #[arg(long, conflicts_with = "data", value_name = "N")]
    contacts: Option<usize>,
    /// What goes wrong on purpose, and the limits (TOML; see docs/SIMULATE.md).
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
}

pub async fn run(global: &Global, args: &Args) -> CliResult {
    let faults = match &args.faults {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                CliError::Usage(format!("{} cannot be read: {error}", path.display()))
            })?;
            Faults::from_toml(&text)
                .map_err(|error| CliError::Usage(format!("{}: {error}", path.display())))?
        }
        None => Faults::none(),
    };
    let clock = global.clock();
    let portal = match (&args.data, args.contacts) {
        (Some(dir), _) => {
            let zone = TimeZone::get(&args.time_zone).map_err(|_| {
                CliError::Usage(format!("there is no time zone `{}`", args.time_zone))
            })?;
            Portal::from_csv(dir, &zone).map_err(CliError::Usage)?
        }
        (None, Some(contacts)) => generated(contacts, args.seed),
        (None, None) => Company::generate(args.seed).portal_at(clock.now()),
    };
    let now: Clock = clock;
    let clock = Arc::new(move || now.now());
    let simulator = Simulator::start(Arc::new(Mutex::new(portal)), faults, clock, args.port)
        .await
        .map_err(|error| CliError::Failed(format!("port {}: {error}", args.port)))?;
    output::text(&format!("simulated {} at {}\n", args.vendor, simulator.base_url()))?;
    simulator.stopped().await;
    Ok(())
}
