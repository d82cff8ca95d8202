//! What each job does.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{Ground, care};
use crate::clock::Clock;
use crate::config::Settings;
use crate::digest::{Digest, Week, html};
use crate::evaluate::{
    Board, EvaluateError, Snapshot, alerting,
    digesting::{self, DigestError},
};
use crate::net;
use crate::outbox::{
    self, Delivered,
    address::{team_ways, tell_operator},
};
use crate::schedule::{Job, digest_due, last_digest_due, week_of_due};
use crate::sources::{self, SourceError, http::Environment};
use crate::store::{Store, StoreError, Trouble};
use crate::sync::{self, Full, SyncError, SyncReport, people::People};

/// What a job did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// A source was read.
    Synced(SyncReport),
    /// The rules were checked.
    Checked(alerting::Checked),
    /// The digest of this week was written.
    Digest(String),
    /// The outbox was looked into.
    Delivered(Delivered),
    /// What there is to say of any other job.
    Done(String),
}

/// Why a job did not go well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError {
    /// In words.
    pub text: String,
    /// Whether a secret was refused: waiting mends nothing.
    pub refused: bool,
    /// What is wrong with the store, if that is the cause.
    pub trouble: Option<Trouble>,
}

impl JobError {
    /// An error of which only the words are known.
    pub fn of(text: impl Into<String>) -> JobError {
        JobError { text: text.into(), refused: false, trouble: None }
    }
}

impl From<StoreError> for JobError {
    fn from(error: StoreError) -> Self {
        JobError { trouble: error.trouble(), ..JobError::of(error.to_string()) }
    }
}

impl From<EvaluateError> for JobError {
    fn from(error: EvaluateError) -> Self {
        match error {
            EvaluateError::Store(error) => error.into(),
            other => JobError::of(other.to_string()),
        }
    }
}

impl From<DigestError> for JobError {
    fn from(error: DigestError) -> Self {
        match error {
            DigestError::Evaluate(error) => error.into(),
            other => JobError::of(other.to_string()),
        }
    }
}

impl From<SyncError> for JobError {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Store(error) => error.into(),
            other => {
                let refused = matches!(other, SyncError::Source(SourceError::Unauthorised { .. }));
                JobError { refused, ..JobError::of(other.to_string()) }
            }
        }
    }
}

/// Runs a job.
pub(super) async fn run(ground: Ground, job: Job) -> Result<Report, JobError> {
    match &job {
        Job::Sync(name) => read(&ground, name, Full::No).await,
        Job::Reconcile(name) => read(&ground, name, Full::Checked).await,
        Job::Evaluate => evaluate(&ground).await.map(Report::Checked),
        Job::Digest => write_digest(&ground).await.map(Report::Digest),
        Job::Deliver => {
            let sent = outbox::deliver_due(&ground.store, &ground.settings, &ground.clock).await?;
            Ok(Report::Delivered(sent))
        }
        Job::Backup => care::backup(&ground).await.map(Report::Done),
        Job::Retention => care::retention(&ground).await.map(Report::Done),
        Job::Integrity => care::integrity(&ground).await.map(Report::Done),
        Job::Heartbeat => heartbeat(&ground).await.map(Report::Done),
    }
}

async fn read(ground: &Ground, name: &str, full: Full) -> Result<Report, JobError> {
    let progress = |count: u64| (ground.progress)(name, count);
    let Ground { settings, store, clock, environment, .. } = ground;
    let report = try_sync(settings, store, clock, environment, name, full, &progress).await?;
    tracing::info!(
        source = name,
        read = report.read,
        changed = report.changed,
        deleted = report.deleted,
        faults = report.faults,
        "source {name} was read"
    );
    Ok(Report::Synced(report))
}

/// Reads one source.
///
/// # Errors
/// A sentence; it is in the store as well.
pub async fn sync_source(
    settings: &Settings,
    store: &Store,
    clock: &Clock,
    name: &str,
    full: Full,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<SyncReport, String> {
    let environment = Environment::default();
    let result = try_sync(settings, store, clock, &environment, name, full, progress).await;
    result.map_err(|error| error.text)
}

async fn try_sync(
    settings: &Settings,
    store: &Store,
    clock: &Clock,
    environment: &Environment,
    name: &str,
    full: Full,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<SyncReport, JobError> {
    let zone = &settings.company.zone;
    let known = settings.sources.get(name);
    let known = known.ok_or_else(|| JobError::of(format!("there is no source `{name}`")))?;
    let source = sources::open_in(name, known, zone, environment);
    let source = source.as_ref();
    let people = people(settings);
    let people = people.as_ref();
    let sync = sync::Sync { store, name, source, full, warns: true, people, clock, zone };
    Ok(sync::run(&sync, progress).await?)
}

/// Which sources tell of the same people.
pub fn people(settings: &Settings) -> Option<People> {
    let zone = &settings.company.zone;
    let report = |(name, own): (&String, &crate::config::source::Source)| {
        (name.clone(), sources::open(name, own, zone).objects())
    };
    let report: Vec<_> = settings.sources.iter().map(report).collect();
    let identity = &settings.identity;
    People::among(identity.crm.as_deref(), identity.by_address, &report)
}

async fn evaluate(ground: &Ground) -> Result<alerting::Checked, JobError> {
    let Ground { settings, store, clock, .. } = ground;
    let now = clock.now();
    let snapshot = Snapshot::load_present(settings, store, now).await?;
    for error in &snapshot.plan_errors {
        tracing::warn!(error, "a goal cannot be worked out; the rest goes on");
        let title = "A goal cannot be worked out".to_owned();
        let document = outbox::operator_document(title, &[("Why", error)]);
        // The same trouble is told once.
        let thread = format!("plan:{:016x}", sources::id_hash(error));
        tell_operator(settings, store, &thread, &document, now).await?;
    }
    let checked = alerting::check(&snapshot).await?;
    tracing::info!(
        findings = checked.findings,
        told = checked.told,
        messages = checked.messages,
        "the rules were checked"
    );
    ground.pulse.set_board(Board::of(&snapshot).await?);
    Ok(checked)
}

/// Writes the digest that was due, keeps it, and puts it into the outbox of its teams.
async fn write_digest(ground: &Ground) -> Result<String, JobError> {
    let now = ground.clock.now();
    // After a long pause only the last week is worth reading.
    let week = week_of_due(&ground.settings, last_digest_due(&ground.settings, now));
    send_digest(&ground.settings, &ground.store, week, now).await?;
    tracing::info!(week = %week, "the digest of {week} was written");
    Ok(week.to_string())
}

/// Builds (or fetches) the digest of a week and puts it into the outbox; once for each recipient.
///
/// # Errors
/// See [`DigestError`].
pub async fn send_digest(
    settings: &Settings,
    store: &Store,
    week: Week,
    now: Timestamp,
) -> Result<Digest, DigestError> {
    let mut digest = digesting::digest_of(settings, store, week, now).await?;
    let due_at = digest_due(settings, week);
    digest.notes.extend(digesting::late_note(due_at, now, &settings.company.zone));
    let document =
        html::document(&digest).map_err(|error| DigestError::Render(error.to_string()))?;
    let mut write = store.begin().await?;
    let thread = format!("digest:{week}");
    let teams = settings.digest_teams();
    let ways: BTreeSet<_> = teams.iter().flat_map(|team| team_ways(settings, team)).collect();
    for (sink, address) in ways {
        let key = format!("{thread}:{sink}:{address}");
        write.enqueue(&thread, &key, sink, &address, &document, now).await?;
    }
    write.commit().await?;
    Ok(digest)
}

/// Tells whoever watches from outside, while the daemon is well.
async fn heartbeat(ground: &Ground) -> Result<String, JobError> {
    let Some(heartbeat) = &ground.settings.heartbeat else {
        return Ok("no heartbeat is asked for".into());
    };
    ground.store.answers().await?;
    if let Some(ailment) = ground.pulse.ailment() {
        return Err(JobError::of(format!("the heartbeat was not sent: {ailment}")));
    }
    let url = heartbeat.url.reveal().map_err(|error| JobError::of(error.to_string()))?;
    let ca_file = ground.settings.network.ca_file.as_deref();
    net::ping(&url, ca_file).await.map_err(|why| JobError::of(format!("heartbeat: {why}")))?;
    Ok("the heartbeat was sent".into())
}
