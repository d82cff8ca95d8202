//! `paceline sync`

use super::{CliError, CliResult, Format, Global, output, progress::Progress};
use crate::daemon;
use crate::store::Store;
use crate::sync::Full;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this source.
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Also compare ids with the source, and mark what it no longer has.
    #[arg(long)]
    full: bool,
    /// With --full: also when most of the records are gone.
    #[arg(long, requires = "full")]
    accept_deletions: bool,
}

pub async fn run(global: &Global, args: &Args) -> CliResult {
    let settings = global.settings()?;
    let names: Vec<String> = match &args.source {
        Some(name) if !settings.sources.contains_key(name) => {
            let known: Vec<&str> = settings.sources.keys().map(String::as_str).collect();
            let known = known.join(", ");
            return Err(CliError::Usage(format!(
                "there is no source `{name}` in {}; name one of: {known}",
                settings.file.display()
            )));
        }
        Some(name) => vec![name.clone()],
        None => settings.sources.keys().cloned().collect(),
    };
    if names.is_empty() {
        let file = settings.file.display();
        return Err(CliError::Usage(format!("{file} has no source: add `[source.NAME]`")));
    }
    let store = Store::open(&settings.database).await?;
    let full = match (args.full, args.accept_deletions) {
        (false, _) => Full::No,
        (true, false) => Full::Checked,
        (true, true) => Full::Accepted,
    };
    let progress = Progress::start(global.shows_progress());
    let mut reports = Vec::new();
    let mut failed = Vec::new();
    for name in &names {
        let say = |count: u64| progress.say(format!("{name}: {count} records"));
        let clock = global.clock();
        if !daemon::take_source(&store, name, clock.now()).await? {
            failed.push(format!("source {name} is being read by another process: try again later"));
            continue;
        }
        match daemon::sync_source(&settings, &store, &clock, name, full, &say).await {
            Ok(report) => reports.push((name, report)),
            Err(error) => failed.push(format!("source {name} was not read completely: {error}")),
        }
        daemon::give_back_source(&store, name).await?;
    }
    progress.finish();
    store.close().await;
    if global.format == Format::Json {
        let sources: Vec<_> = reports
            .iter()
            .map(|(name, report)| {
                serde_json::json!({
                    "source": name, "read": report.read, "changed": report.changed,
                    "deleted": report.deleted, "faults": report.faults,
                })
            })
            .collect();
        output::json(&serde_json::json!({"sources": sources, "failed": failed}))?;
    } else {
        for (name, report) in &reports {
            output::text(&format!(
                "{name}: {} records read, {} changed, {} deleted, {} data faults\n",
                report.read, report.changed, report.deleted, report.faults
            ))?;
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(CliError::Failed(failed.join("\n"))) }
}
