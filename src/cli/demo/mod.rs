//! `paceline demo`: the main job on an embedded company, with the shipped configuration.
//!
//! Its vendors are simulated and read over HTTP on two Mondays, with a week in between. Everything after that is
//! what `paceline run --once` does.

mod stack;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;

use super::{CliError, CliResult, Global, digest::write_files, output, progress::Progress};
use crate::clock::{Clock, Timer};
use crate::config::{Settings, document::Document};
use crate::daemon::{self, Ground};
use crate::digest::Week;
use crate::evaluate::{Snapshot, digesting};
use crate::simulate::Company;
use crate::sources::http::{Environment, Pacers};
use crate::store::Store;
use crate::web::{self, Web};
pub use stack::hubspot_configuration;
use stack::{Simulated, Stack};

/// The company that the README shows.
const SEED: u64 = 42;
/// Two Mondays at 08:00 in New York.
const MONDAYS: [&str; 2] = ["2026-11-16T13:00:00Z", "2026-11-23T13:00:00Z"];
/// Written into the directory, so that only a demo's directory is ever emptied.
const MARK: &str = ".paceline-demo";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the demo's files go; what an earlier demo left there is removed.
    #[arg(long, default_value = "paceline-demo", value_name = "DIR")]
    dir: PathBuf,
    /// Stays up with the status page until it is interrupted.
    #[arg(long)]
    serve: bool,
    /// Where the page is served.
    #[arg(long, default_value = "127.0.0.1:9187", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// What the company uses.
    #[arg(long, value_enum, default_value_t = Stack::Hubspot)]
    stack: Stack,
    /// Another company.
    #[arg(long, default_value_t = SEED)]
    seed: u64,
}

pub async fn run(global: &Global, args: &Args) -> CliResult {
    let started = Instant::now();
    let vendors = Simulated::start(args.stack, first_monday()?).await?;
    let settings = prepare(&args.dir, &vendors)?;
    let progress = Progress::start(global.shows_progress());
    progress.say("inventing a company".into());
    let company = Company::generate(args.seed);
    let store = Store::open(&settings.database).await?;
    let mut records = 0;
    let mut told_since = Timestamp::UNIX_EPOCH;
    for monday in MONDAYS {
        let now: Timestamp = monday.parse().map_err(|_| CliError::Failed(monday.into()))?;
        if vendors.has_files() {
            company.export(&args.dir.join("config/exports"), now)?;
        }
        let clock = Clock::Fixed(now);
        vendors.stand_at(&company, now);
        let bar = progress.clone();
        let say: daemon::Progress =
            Arc::new(move |name, count| bar.say(format!("{monday}: {name}, {count} records")));
        let mut ground = Ground::new(&settings, &store, clock, say);
        // Nobody wants to wait a minute for a simulated vendor to look at its queue.
        ground.environment = Environment {
            timer: Timer::skipping(),
            clock,
            pacers: Pacers::default(),
            ..Environment::default()
        };
        let step = daemon::step_on(&ground, true).await?;
        if !step.is_complete() {
            return Err(CliError::Failed(format!("{step:?}")));
        }
        let read = step.synced.iter().filter_map(|(_, result)| result.as_ref().ok());
        records += read.map(|report| report.read).sum::<u64>();
        told_since = now;
    }
    progress.finish();
    report(&settings, &store, told_since, &args.dir).await?;
    let faults = store.faults().await?.len();
    output::text(&format!(
        "{records} records from {} requests{}, {faults} data faults, in {:.1} s.\n",
        vendors.requests(),
        if vendors.has_files() { " and 2 files" } else { "" },
        started.elapsed().as_secs_f64()
    ))?;
    let config = settings.file.display();
    output::text(&format!(
        "Look further: paceline --config {config} --as-of {} pace\n",
        MONDAYS[1]
    ))?;
    if args.serve {
        serve(&settings, &store, Clock::Fixed(told_since), args.listen).await?;
    }
    store.close().await;
    Ok(())
}

/// The status page, as it stood on the second Monday.
async fn serve(settings: &Settings, store: &Store, clock: Clock, address: SocketAddr) -> CliResult {
    let ground = Ground::new(settings, store, clock, daemon::silent());
    ground.pulse.tick(clock.now());
    let (_kept, ground) = tokio::sync::watch::channel(ground);
    let listener = web::listen(address).await.map_err(CliError::Failed)?;
    output::text(&format!("The page: http://{address}/ (Ctrl-C ends it)\n"))?;
    tokio::select! {
        () = web::serve(listener, Web::new(ground)) => Ok(()),
        interrupted = tokio::signal::ctrl_c() => Ok(interrupted?),
    }
}

/// Prints the messages of the second Monday, the ledger's sum and the digest's first screen.
async fn report(settings: &Settings, store: &Store, now: Timestamp, directory: &Path) -> CliResult {
    for (key, _, message) in store.messages_since(now).await? {
        if key.starts_with("alert:") {
            output::text(&format!("----\n{}\n", message.text))?;
        }
    }
    let snapshot = Snapshot::load(settings, store, now, None).await?;
    let ledger = snapshot.ledger().await?;
    output::text(&format!(
        "----\n{} hand-offs in the ledger, each with its verdict.\n",
        ledger.rows.len()
    ))?;
    let week = Week::last_complete(now, &settings.company.zone);
    let digest = digesting::digest_of(settings, store, week, now).await?;
    output::text(&format!("----\n{}\n", crate::digest::text::render(&digest)))?;
    let paths = write_files(&digest, &directory.join("digests"))?;
    output::text(&format!("Digest: {}\n", paths[0].display()))
}

/// Lays out the demo's directory with the shipped configuration and plan.
fn prepare(directory: &Path, vendors: &Simulated) -> Result<Settings, CliError> {
    let mark = directory.join(MARK);
    if directory.exists() {
        let empty = fs::read_dir(directory)?.next().is_none();
        if !empty && !mark.exists() {
            return Err(CliError::Usage(format!(
                "{} holds something else than a demo: name another directory with --dir",
                directory.display()
            )));
        }
        fs::remove_dir_all(directory)?;
    }
    let config = directory.join("config");
    fs::create_dir_all(config.join("exports"))?;
    fs::write(&mark, "made by `paceline demo`\n")?;
    fs::write(config.join("paceline.toml"), vendors.configuration()?)?;
    for (name, secret) in vendors.secrets() {
        fs::write(config.join(name), secret)?;
    }
    fs::write(config.join("plan.toml"), include_str!("../../../config/plan.toml"))?;
    // Without the environment: a variable that is meant for the real daemon must not reach the demo.
    let document = Document::load(&config.join("paceline.toml"), None)?;
    Ok(daemon::asked_now(Settings::from_document(&document)?))
}

fn first_monday() -> Result<Timestamp, CliError> {
    MONDAYS[0].parse().map_err(|_| CliError::Failed(MONDAYS[0].into()))
}
