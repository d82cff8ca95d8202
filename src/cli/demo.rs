//! `paceline demo`: the main job on an embedded company, with the shipped configuration.
//!
//! The company's CRM writes its exports on two Mondays; in between a week passes. Everything after
//! that is what `paceline run --once` does.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use jiff::Timestamp;

use super::{CliError, CliResult, Global, digest::write_files, output, progress::Progress};
use crate::clock::Clock;
use crate::config::{Settings, document::Document};
use crate::daemon;
use crate::digest::Week;
use crate::evaluate::{Snapshot, digesting};
use crate::simulate::Company;
use crate::store::Store;
use crate::sync::Full;

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
    /// Another company.
    #[arg(long, default_value_t = SEED)]
    seed: u64,
}

pub async fn run(global: &Global, args: &Args) -> CliResult {
    let started = Instant::now();
    let settings = prepare(&args.dir)?;
    let progress = Progress::start(global.shows_progress());
    progress.say("inventing a company".into());
    let company = Company::generate(args.seed);
    let store = Store::open(&settings.database).await?;
    let mut records = 0;
    let mut told_since = Timestamp::UNIX_EPOCH;
    for monday in MONDAYS {
        let now: Timestamp = monday.parse().map_err(|_| CliError::Failed(monday.into()))?;
        company.export(&args.dir.join("config/exports"), now)?;
        let clock = Clock::Fixed(now);
        let say =
            |name: &str, count: u64| progress.say(format!("{monday}: {name}, {count} records"));
        // The second export no longer has what was merged, so ids are compared as well.
        let full = |count: u64| say("export", count);
        let report =
            daemon::sync_source(&settings, &store, &clock, "export", Full::Checked, &full).await;
        let report = report.map_err(CliError::Failed)?;
        records += report.read;
        progress.say(format!("{monday}: plan, rates, pace, follow-ups, alerts"));
        let step = daemon::step(&settings, &store, &clock, false, &say).await?;
        if !step.is_complete() {
            return Err(CliError::Failed(format!("{step:?}")));
        }
        told_since = now;
    }
    progress.finish();
    report(&settings, &store, told_since, &args.dir).await?;
    let faults = store.faults().await?.len();
    store.close().await;
    output::text(&format!(
        "{records} records from 7 files, {faults} data faults, in {:.1} s.\n",
        started.elapsed().as_secs_f64()
    ))?;
    let config = settings.file.display();
    output::text(&format!("Look further: paceline --config {config} --as-of {} pace\n", MONDAYS[1]))
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
fn prepare(directory: &Path) -> Result<Settings, CliError> {
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
    fs::write(config.join("paceline.toml"), include_str!("../../config/paceline.toml"))?;
    fs::write(config.join("plan.toml"), include_str!("../../config/plan.toml"))?;
    // Without the environment: a variable that is meant for the real daemon must not reach the demo.
    let document = Document::load(&config.join("paceline.toml"), None)?;
    Ok(Settings::from_document(&document)?)
}
