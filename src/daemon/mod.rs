//! The daemon: everything that is due is begun, side by side where that does no harm. Tests and
//! `run --once` drive [`step`], which does the same one after the other.

mod care;
pub mod jobs;
mod lanes;
pub mod lock;
pub mod pulse;
mod supervise;
pub mod troubles;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::alerts::settings::Delivery;
use crate::clock::Clock;
use crate::config::Settings;
use crate::evaluate::alerting;
use crate::outbox::Delivered;
use crate::schedule::{Job, due, sooner};
use crate::sources::http::Environment;
use crate::store::{Store, StoreError};
use crate::sync::SyncReport;
use jobs::{JobError, Report};
pub use jobs::{people, send_digest, sync_source};
pub use lanes::Daemon;
pub use lock::Lock;
use pulse::Pulse;
pub use supervise::{give_back_source, take_source};

/// Who is told how many records of a source were read so far.
pub type Progress = Arc<dyn Fn(&str, u64) + Send + Sync>;

/// Progress that nobody is told of.
pub fn silent() -> Progress {
    Arc::new(|_, _| {})
}

/// What every job stands on.
#[derive(Clone)]
pub struct Ground {
    /// The configuration.
    pub settings: Arc<Settings>,
    /// The store.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// Who is told how far a sync has come.
    pub progress: Progress,
    /// How sources wait, and what bounds their exchanges.
    pub environment: Environment,
    /// The vital signs.
    pub pulse: Arc<Pulse>,
}

impl Ground {
    /// A ground of its own.
    pub fn new(settings: &Settings, store: &Store, clock: Clock, progress: Progress) -> Ground {
        Ground {
            settings: Arc::new(settings.clone()),
            store: store.clone(),
            clock,
            progress,
            environment: Environment::default(),
            pulse: Arc::default(),
        }
    }

    /// The jobs that are due; a job that is new is put into the schedule, and one that a clock's step
    /// back would hold up is brought forward.
    async fn due(&self) -> Result<Vec<Job>, StoreError> {
        let (settings, store, now) = (&self.settings, &self.store, self.clock.now());
        let jobs = Job::all(settings);
        let mut rows = store.jobs().await?;
        for job in &jobs {
            let name = job.name();
            let Some(row) = rows.get(&name) else {
                store.schedule(&name, job.first_due(settings, now)).await?;
                continue;
            };
            if let Some(sooner) = sooner(job, settings, row.next_due, now) {
                tracing::warn!(
                    job = name,
                    "the clock was set back, or the interval is shorter; it is due at {sooner}"
                );
                store.bring_forward(&name, sooner).await?;
            }
        }
        rows = store.jobs().await?;
        let next_due: BTreeMap<String, Timestamp> =
            rows.iter().map(|(name, row)| (name.clone(), row.next_due)).collect();
        Ok(due(&jobs, &next_due, now))
    }
}

/// What a step did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Sources that were read, with what came of it or why not.
    pub synced: Vec<(String, Result<SyncReport, String>)>,
    /// Why the rules could not be checked.
    pub evaluation_error: Option<String>,
    /// What the check of the rules did.
    pub checked: Option<alerting::Checked>,
    /// The week whose digest was written.
    pub digest: Option<String>,
    /// Why the digest could not be written.
    pub digest_error: Option<String>,
    /// What was delivered.
    pub delivered: Delivered,
    /// Other jobs that ran, with what came of them or why not.
    pub others: Vec<(String, Result<String, String>)>,
}

impl Step {
    /// Whether everything went well.
    pub fn is_complete(&self) -> bool {
        self.evaluation_error.is_none()
            && self.digest_error.is_none()
            && self.synced.iter().all(|(_, result)| result.is_ok())
            && self.others.iter().all(|(_, result)| result.is_ok())
    }

    fn note(&mut self, job: &Job, result: Result<Report, JobError>) {
        let result = result.map_err(|error| error.text);
        match (job, result) {
            (_, Ok(Report::Synced(report))) => {
                self.synced.push((source_of(job), Ok(report)));
            }
            (_, Ok(Report::Checked(checked))) => self.checked = Some(checked),
            (_, Ok(Report::Digest(week))) => self.digest = Some(week),
            (_, Ok(Report::Delivered(delivered))) => self.delivered = delivered,
            (_, Ok(Report::Done(text))) => self.others.push((job.name(), Ok(text))),
            (Job::Sync(_) | Job::Reconcile(_), Err(text)) => {
                self.synced.push((source_of(job), Err(text)));
            }
            (Job::Evaluate, Err(text)) => self.evaluation_error = Some(text),
            (Job::Digest, Err(text)) => self.digest_error = Some(text),
            (_, Err(text)) => self.others.push((job.name(), Err(text))),
        }
    }
}

fn source_of(job: &Job) -> String {
    match job {
        Job::Sync(source) | Job::Reconcile(source) => source.clone(),
        other => other.name(),
    }
}

/// One step of everything that is due, one after the other; with `once`, every source is read and
/// the outbox looked into whether due or not.
///
/// # Errors
/// When the store does not answer. What fails in a job is in the step's report.
pub async fn step(
    settings: &Settings,
    store: &Store,
    clock: &Clock,
    once: bool,
    progress: &Progress,
) -> Result<Step, StoreError> {
    let settings = if once { asked_now(settings.clone()) } else { settings.clone() };
    step_on(&Ground::new(&settings, store, *clock, Arc::clone(progress)), once).await
}

/// Somebody asks now, and does not want to wait for the team's hours, unless the file says so.
pub fn asked_now(mut settings: Settings) -> Settings {
    if settings.alerts.delivery == Delivery::DaemonWaits {
        settings.alerts.delivery = Delivery::Always;
    }
    settings
}

/// As [`step`], on a ground that is at hand.
///
/// # Errors
/// As [`step`].
pub async fn step_on(ground: &Ground, once: bool) -> Result<Step, StoreError> {
    ground.pulse.tick(ground.clock.now());
    let mut step = Step::default();
    let mut read = Vec::new();
    for job in Job::all(&ground.settings) {
        // What ran before may have made a job due.
        let due = ground.due().await?.contains(&job);
        let forced = once && matches!(job, Job::Sync(_) | Job::Deliver);
        let again = matches!(job, Job::Sync(_)) && read.contains(&source_of(&job));
        if again || !(due || forced) {
            continue;
        }
        if matches!(job, Job::Sync(_) | Job::Reconcile(_)) {
            read.push(source_of(&job));
        }
        if let Some(result) = supervise::run(ground, &job).await? {
            step.note(&job, result);
        }
    }
    Ok(step)
}
