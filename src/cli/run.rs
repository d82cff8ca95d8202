//! `paceline run`

use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio_cron_scheduler::{Job, JobScheduler};

use super::service::Service;
use super::{CliError, CliResult, Global, output, progress::Progress};
use crate::config::{Settings, upkeep::Http};
use crate::daemon::{self, Daemon, Ground, Lock, Step, troubles};
use crate::evaluate::snapshot::load_goals;
use crate::outbox;
use crate::schedule;
use crate::store::Store;
use crate::web::{self, Web};

/// A tick every five seconds, in UTC.
const TICK: &str = "*/5 * * * * *";
/// Without a tick for so long we go on by ourselves and say so.
const TICK_LOST: Duration = Duration::from_secs(30);
/// What is under way when the program is asked to stop has so long to end. SIGTERM is answered
/// within ten seconds, closing the database included.
const DRAIN: Duration = Duration::from_secs(6);
/// The database has so long to be closed.
const CLOSE: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Sync, check, deliver what is due, and exit.
    #[arg(long)]
    once: bool,
}

pub async fn run(global: &Global, args: &Args) -> CliResult {
    let settings = sound_settings(global)?;
    let lock = Lock::take(&settings.database).map_err(CliError::Failed)?;
    let store = match Store::open_alone(&settings.database).await {
        Ok(store) => store,
        Err(error) => {
            if let Some(trouble) = error.trouble() {
                let clock = global.clock();
                troubles::tell_past_the_store(&settings, trouble, &error.to_string(), clock.now())
                    .await;
            }
            return Err(error.into());
        }
    };
    let result = if args.once {
        once(global, &settings, &store).await
    } else {
        forever(global, &settings, &store).await
    };
    // A long read may hold a connection; what is written is written.
    if tokio::time::timeout(CLOSE, store.close()).await.is_err() {
        tracing::warn!("the database was still being read; its log is put away at the next start");
    }
    drop(lock);
    result
}

/// The configuration; a broken plan is refused before anything runs on it.
fn sound_settings(global: &Global) -> Result<Settings, CliError> {
    let settings = global.settings()?;
    load_goals(&settings)?;
    Ok(settings)
}

async fn once(global: &Global, settings: &Settings, store: &Store) -> CliResult {
    let progress = Progress::start(global.shows_progress());
    let bar = progress.clone();
    let say: daemon::Progress =
        Arc::new(move |name, count| bar.say(format!("{name}: {count} records")));
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
    failed.extend(
        step.others
            .iter()
            .filter_map(|(name, result)| Some(format!("{name}: {}", result.as_ref().err()?))),
    );
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
    for (name, result) in &step.others {
        if let Ok(text) = result {
            out.push_str(&format!("{name}: {text}\n"));
        }
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
    let mut signals = Signals::new()?;
    let ground = Ground::new(settings, store, global.clock(), daemon::silent());
    let (seen, ground_of_web) = watch::channel(ground.clone());
    let page = match settings.http.listen {
        None => None,
        Some(address) => {
            let listener = web::listen(address).await.map_err(CliError::Failed)?;
            tracing::info!(%address, "the status page is served");
            Some(tokio::spawn(web::serve(listener, Web::new(ground_of_web))))
        }
    };
    let (tick, mut ticks) = mpsc::channel::<()>(1);
    let mut metronome = start_metronome(tick).await?;
    let mut service = Service::started();
    let mut daemon = Daemon::new(ground);
    outbox::try_closed_ways(store, global.clock().now()).await?;
    tracing::info!(
        database = %settings.database.display(),
        version = crate::VERSION,
        "paceline runs"
    );
    daemon.tick().await;
    loop {
        tokio::select! {
            ticked = next_tick(&mut ticks) => {
                if !ticked {
                    tracing::warn!("the metronome stopped; going on without it");
                }
                daemon.tick().await;
            }
            // What a job made due begins at once.
            ran = daemon.ended() => {
                if ran {
                    daemon.tick().await;
                }
            }
            () = service.due() => service.feed(daemon.ground()).await,
            asked = signals.next() => match asked {
                Asked::Stop => break,
                Asked::Reload => {
                    service.reloading();
                    reload(global, &mut daemon, settings).await;
                    // What was refused for good may be what was mended.
                    if let Err(error) = outbox::try_closed_ways(store, global.clock().now()).await {
                        tracing::warn!(%error, "closed ways stay closed");
                    }
                    seen.send_replace(daemon.ground().clone());
                    service.ready();
                }
            },
        }
    }
    tracing::info!("paceline stops");
    service.stopping();
    page.iter().for_each(tokio::task::JoinHandle::abort);
    daemon.drain(DRAIN).await;
    if let Err(error) = metronome.shutdown().await {
        tracing::debug!(%error, "the metronome did not stop");
    }
    Ok(())
}

/// Waits for a tick, but not for ever; whether one came.
async fn next_tick(ticks: &mut mpsc::Receiver<()>) -> bool {
    match tokio::time::timeout(TICK_LOST, ticks.recv()).await {
        Ok(Some(())) => true,
        Ok(None) => {
            tokio::time::sleep(TICK_LOST).await;
            false
        }
        Err(_) => false,
    }
}

/// Takes the configuration anew; a broken one is refused, and the old one runs on.
async fn reload(global: &Global, daemon: &mut Daemon, first: &Settings) {
    match sound_settings(global) {
        Ok(settings) => {
            for (key, changed) in [
                ("[database] url", settings.database != first.database),
                ("[http] listen", settings.http.listen != first.http.listen),
            ] {
                if changed {
                    tracing::warn!(key, "`{key}` is taken at the next start");
                }
            }
            let mut http = Http { listen: first.http.listen, ..settings.http.clone() };
            if http.listen.is_some_and(|address| !address.ip().is_loopback()) {
                // The port stays open to others, so it stays closed without a token.
                http.token = http.token.or(first.http.token.clone());
            }
            daemon.take(Settings { database: first.database.clone(), http, ..settings });
            tracing::info!("the new configuration is in force");
            let ground = daemon.ground();
            let evaluate = schedule::Job::Evaluate.name();
            if let Err(error) = ground.store.bring_forward(&evaluate, ground.clock.now()).await {
                tracing::error!(%error, "the rules are checked later");
            }
            daemon.tick().await;
        }
        Err(error) => {
            let problems = error.to_string();
            tracing::error!(problems, "the new configuration is broken; the old one runs on");
            let told = troubles::refused_configuration(daemon.ground(), &problems).await;
            if let Err(error) = told {
                tracing::error!(%error, "the operator could not be told");
            }
            daemon.tick().await;
        }
    }
}

/// What the program is asked from outside.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Signals> {
        Ok(Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Asked {
        tokio::select! {
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.hangup.recv() => Asked::Reload,
        }
    }
}

/// What a signal asks for.
enum Asked {
    /// To stop.
    Stop,
    /// To take the configuration anew.
    Reload,
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
