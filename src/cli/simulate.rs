//! `paceline simulate`: a simulated vendor on loopback, to try things out and to test against.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use jiff::tz::TimeZone;

use super::{CliError, CliResult, Global, output};
use crate::clock::Clock;
use crate::simulate::{Company, google, hubspot, marketo, pipedrive, salesforce};

/// The company that the README shows.
const SEED: u64 = 42;

/// The vendors that are simulated; Google's two are one server.
const VENDORS: [&str; 6] =
    ["ga4", "hubspot", "marketo", "pipedrive", "salesforce", "search-console"];

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The vendor.
    #[arg(long, value_parser = VENDORS)]
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
    /// So many plain records in place of a company, to measure with: contacts, leads, or rows of sessions.
    #[arg(long, conflicts_with = "data", value_name = "N")]
    contacts: Option<usize>,
    /// What goes wrong on purpose, and the limits (TOML; see docs/SIMULATE.md).
    #[arg(long, value_name = "FILE")]
    faults: Option<PathBuf>,
}

/// What the simulated CRM holds.
enum Content<'a> {
    Folder(&'a Path, TimeZone),
    Generated(usize),
    Company,
}

pub async fn run(global: &Global, args: &Args) -> CliResult {
    let content = match (&args.data, args.contacts) {
        (Some(dir), _) => {
            let zone = TimeZone::get(&args.time_zone).map_err(|_| {
                CliError::Usage(format!("there is no time zone `{}`", args.time_zone))
            })?;
            Content::Folder(dir, zone)
        }
        (None, Some(contacts)) => Content::Generated(contacts),
        (None, None) => Content::Company,
    };
    match args.vendor.as_str() {
        "ga4" | "search-console" => google(global, args, &content).await,
        "marketo" => marketo(global, args, &content).await,
        "pipedrive" => pipedrive(global, args, &content).await,
        "salesforce" => salesforce(global, args, &content).await,
        _ => hubspot(global, args, &content).await,
    }
}

/// The faults of the file, if one is named.
fn faults<F>(args: &Args, none: F, read: fn(&str) -> Result<F, String>) -> Result<F, CliError> {
    let Some(path) = &args.faults else { return Ok(none) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| CliError::Usage(format!("{} cannot be read: {error}", path.display())))?;
    read(&text).map_err(|error| CliError::Usage(format!("{}: {error}", path.display())))
}

fn no_port(args: &Args, error: &std::io::Error) -> CliError {
    CliError::Failed(format!("port {}: {error}", args.port))
}

fn announced(args: &Args, url: &str) -> CliResult {
    output::text(&format!("simulated {} at {url}\n", args.vendor))
}

async fn hubspot(global: &Global, args: &Args, content: &Content<'_>) -> CliResult {
    use hubspot::{Faults, Portal, Simulator, generated};
    let faults = faults(args, Faults::none(), Faults::from_toml)?;
    let now: Clock = global.clock();
    let portal = match content {
        Content::Folder(dir, zone) => Portal::from_csv(dir, zone).map_err(CliError::Usage)?,
        Content::Generated(contacts) => generated(*contacts, args.seed),
        Content::Company => Company::generate(args.seed).portal_at(now.now()),
    };
    let clock = Arc::new(move || now.now());
    let simulator = Simulator::start(Arc::new(Mutex::new(portal)), faults, clock, args.port)
        .await
        .map_err(|error| no_port(args, &error))?;
    announced(args, &simulator.base_url())?;
    simulator.stopped().await;
    Ok(())
}

async fn marketo(global: &Global, args: &Args, content: &Content<'_>) -> CliResult {
    use marketo::{Faults, Instance, Simulator, generated};
    let faults = faults(args, Faults::none(), Faults::from_toml)?;
    let now: Clock = global.clock();
    let instance = match content {
        Content::Folder(dir, zone) => Instance::from_csv(dir, zone).map_err(CliError::Usage)?,
        Content::Generated(leads) => generated(*leads, args.seed),
        Content::Company => Company::generate(args.seed).instance_at(now.now()),
    };
    let clock = Arc::new(move || now.now());
    let simulator = Simulator::start(Arc::new(Mutex::new(instance)), faults, clock, args.port)
        .await
        .map_err(|error| no_port(args, &error))?;
    announced(args, &simulator.base_url())?;
    simulator.stopped().await;
    Ok(())
}

async fn pipedrive(global: &Global, args: &Args, content: &Content<'_>) -> CliResult {
    use pipedrive::{Account, Faults, Simulator, generated};
    let faults = faults(args, Faults::none(), Faults::from_toml)?;
    let now: Clock = global.clock();
    let account = match content {
        Content::Folder(dir, zone) => Account::from_csv(dir, zone).map_err(CliError::Usage)?,
        Content::Generated(leads) => generated(*leads, args.seed),
        Content::Company => Company::generate(args.seed).account_at(now.now()),
    };
    let clock = Arc::new(move || now.now());
    let simulator = Simulator::start(Arc::new(Mutex::new(account)), faults, clock, args.port)
        .await
        .map_err(|error| no_port(args, &error))?;
    announced(args, &simulator.base_url())?;
    simulator.stopped().await;
    Ok(())
}

async fn salesforce(global: &Global, args: &Args, content: &Content<'_>) -> CliResult {
    use salesforce::{Faults, Org, Simulator, generated};
    let faults = faults(args, Faults::none(), Faults::from_toml)?;
    let now: Clock = global.clock();
    let org = match content {
        Content::Folder(dir, zone) => Org::from_csv(dir, zone).map_err(CliError::Usage)?,
        Content::Generated(leads) => generated(*leads, args.seed),
        Content::Company => Company::generate(args.seed).org_at(now.now()),
    };
    let clock = Arc::new(move || now.now());
    let simulator = Simulator::start(Arc::new(Mutex::new(org)), faults, clock, args.port)
        .await
        .map_err(|error| no_port(args, &error))?;
    announced(args, &simulator.base_url())?;
    simulator.stopped().await;
    Ok(())
}

/// Both of Google's APIs, since one service account reads both.
async fn google(global: &Global, args: &Args, content: &Content<'_>) -> CliResult {
    use google::{Faults, Property, Simulator, generated};
    let faults = faults(args, Faults::none(), Faults::from_toml)?;
    let now: Clock = global.clock();
    let property = match content {
        Content::Folder(dir, zone) => Property::from_csv(dir, zone).map_err(CliError::Usage)?,
        Content::Generated(rows) => generated(*rows, args.seed, now.now()),
        Content::Company => Company::generate(args.seed).property_at(now.now()),
    };
    let clock = Arc::new(move || now.now());
    let simulator = Simulator::start(Arc::new(Mutex::new(property)), faults, clock, args.port)
        .await
        .map_err(|error| no_port(args, &error))?;
    announced(args, &simulator.base_url())?;
    simulator.stopped().await;
    Ok(())
}
