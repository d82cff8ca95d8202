//! `paceline run`

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_cron_scheduler::{Job, JobScheduler};

use super::{CliError, CliResult, Global, output, progress::Progress};
use crate::config::Settings;
use crate::daemon::{self, Lock, Step};
use crate::evaluate::snapshot::load_goals;
use crate::store::Store;

/// A tick every five seconds, in UTC.
const TICK: &str = "*/5 * * * * *";
/// Without a tick for so long we go on by ourselves and say so.
const TICK_LOST: Duration = Duration::from_secs(60);
/// What is under way when the program is asked to stop has so long to end.
const DRAIN: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Sync, check, deliver what is due, and exit.
    #[arg(long)]
    once: bool,
}

pub async fn run(global: &Global, args: &Args) -> CliResult {
    let settings = global.settings()?;
    // A broken plan is refused before anything runs on it.
    load_goals(&settings)?;
    let lock = Lock::take(&settings.database).map_err(CliError::Failed)?;
    let store = Store::open(&settings.database).await?;
    let result = if args.once {
        once(global, &settings, &store).await
    } else {
        forever(global, &settings, &store).await
    };
    store.close().await;
    drop(lock);
    result
}

async fn once(global: &Global, settings: &Settings, store: &Store) -> CliResult {
    let progress = Progress::start(global.shows_progress());
    let say = |name: &str, count: u64| progress.say(format!("{name}: {count} records"));
    let step = daemon::step(settings, store, &global.clock(), true, &say).await?;
    progress.finish();
    output::text(&summary(&step))?;
    let lost = step.delivered.dead;
    if step.is_complete() && lost == 0 {
        return Ok(());
    }
    let mut failed: Vec<String> = step
        .synced
        .iter()
        .filter_map(|(name, result)| Some(format!("source {name}: {}", result.as_ref().err()?)))
        .collect();
    failed.extend(step.evaluation_error);
    failed.extend(step.digest_error);
    failed.extend((lost > 0).then(|| format!("{lost} messages were given up")));
    Err(CliError::Failed(failed.join("\n")))
}

fn summary(step: &Step) -> String {
    let mut out = String::new();
    for (name, result) in &step.synced {
        if let Ok(report) = result {
            out.push_str(&format!(
                "{name}: {} records read, {} changed, {} deleted\n",
                report.read, report.changed, report.deleted
            ));
        }
    }
    if let Some(checked) = &step.checked {
        out.push_str(&format!(
            "{} scopes checked, {} changes told, {} messages\n",
            checked.findings, checked.told, checked.messages
        ));
    }
    if let Some(week) = &step.digest {
        out.push_str(&format!("digest of {week} written\n"));
    }
    let delivered = &step.delivered;
    out.push_str(&format!(
        "{} messages sent, {} to be tried again, {} not known, {} given up\n",
        delivered.sent, delivered.again, delivered.unknown, delivered.dead
    ));
    out
}

/// Ticks until the program is asked to stop.
async fn forever(global: &Global, settings: &Settings, store: &Store) -> CliResult {
    let (tick, mut ticks) = mpsc::channel::<()>(1);
    let mut metronome = start_metronome(tick).await?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tracing::info!(database = %settings.database.display(), "paceline runs");
    let clock = global.clock();
    let result = loop {
        let step = daemon::step(settings, store, &clock, false, &|_, _| {});
        tokio::pin!(step);
        tokio::select! {
            done = &mut step => {
                if let Err(error) = done {
                    tracing::error!(%error, "the store does not answer");
                }
            }
            () = stop(&mut terminate, &mut interrupt) => {
                // A page that is being written is finished; what is cut off goes on next time.
                if tokio::time::timeout(DRAIN, step).await.is_err() {
                    tracing::warn!("work was cut off; it goes on at the next start");
                }
                break Ok(());
            }
        }
        tokio::select! {
            tick = tokio::time::timeout(TICK_LOST, ticks.recv()) => {
                if tick.is_err() {
                    tracing::warn!("the metronome stopped; going on without it");
                }
            }
            () = stop(&mut terminate, &mut interrupt) => break Ok(()),
        }
    };
    if let Err(error) = metronome.shutdown().await {
        tracing::debug!(%error, "the metronome did not stop");
    }
    tracing::info!("paceline stops");
    result
}

async fn stop(
    terminate: &mut tokio::signal::unix::Signal,
    interrupt: &mut tokio::signal::unix::Signal,
) {
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// One UTC job that only says "now": see `schedule` for why it may not decide more.
async fn start_metronome(tick: mpsc::Sender<()>) -> Result<JobScheduler, CliError> {
    let fail = |error: tokio_cron_scheduler::JobSchedulerError| {
        CliError::Failed(format!("the metronome cannot be started: {error}"))
    };
    let scheduler = JobScheduler::new().await.map_err(fail)?;
    let job = Job::new_async(TICK, move |_, _| {
        let tick = tick.clone();
        Box::pin(async move {
            // A tick that nobody waits for is one too many.
            let _ = tick.try_send(());
        })
    });
    scheduler.add(job.map_err(fail)?).await.map_err(fail)?;
    scheduler.start().await.map_err(fail)?;
    Ok(scheduler)
}
