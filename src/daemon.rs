//! The wiring: one step of everything that is due. The daemon and the tests drive the same step.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::clock::Clock;
use crate::config::Settings;
use crate::digest::{Digest, html};
use crate::evaluate::{
    Snapshot, alerting,
    digesting::{self, DigestError},
};
use crate::outbox::{
    self, Delivered,
    address::{team_ways, tell_operator},
};
use crate::schedule::{Job, due, week_of_due};
use crate::sources;
use crate::store::Store;
use crate::sync::{self, Full, SyncReport};

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
}

impl Step {
    /// Whether everything went well.
    pub fn is_complete(&self) -> bool {
        self.evaluation_error.is_none()
            && self.digest_error.is_none()
            && self.synced.iter().all(|(_, result)| result.is_ok())
    }
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
    let zone = &settings.company.zone;
    let known = settings.sources.get(name).ok_or_else(|| format!("there is no source `{name}`"))?;
    let source = sources::open(name, known, zone);
    let source = source.as_ref();
    let sync = sync::Sync { store, name, source, full, clock, zone };
    sync::run(&sync, progress).await.map_err(|error| error.to_string())
}

/// One step of everything that is due; with `once`, every source is read whether due or not.
///
/// # Errors
/// When the store does not answer. What fails in a job is in the step's report.
pub async fn step(
    settings: &Settings,
    store: &Store,
    clock: &Clock,
    once: bool,
    progress: &(dyn Fn(&str, u64) + Sync),
) -> Result<Step, crate::store::StoreError> {
    let now = clock.now();
    let jobs = Job::all(settings);
    for job in &jobs {
        store.schedule(&job.name(), job.first_due(settings, now)).await?;
    }
    let rows = store.jobs().await?;
    let next_due = rows.iter().map(|(name, row)| (name.clone(), row.next_due)).collect();
    let mut wanted: BTreeSet<Job> = due(&jobs, &next_due, now).into_iter().collect();
    if once {
        wanted.extend(jobs.iter().filter(|job| matches!(job, Job::Sync(_))).cloned());
    }
    let mut step = Step::default();
    // What was reconciled has been read.
    let mut read: BTreeSet<String> = BTreeSet::new();
    for job in &jobs {
        let (Job::Reconcile(name) | Job::Sync(name)) = job else { continue };
        if !wanted.contains(job) || !read.insert(name.clone()) {
            continue;
        }
        let full = if matches!(job, Job::Reconcile(_)) { Full::Checked } else { Full::No };
        let result =
            sync_source(settings, store, clock, name, full, &|count| progress(name, count)).await;
        log_sync(name, &result);
        for ran in [Job::Sync(name.clone()), job.clone()] {
            let next = ran.next_due(settings, now);
            let error = result.as_ref().err().map(String::as_str);
            store.job_ran(&ran.name(), now, clock.now(), error, next).await?;
        }
        step.synced.push((name.clone(), result));
    }
    if !step.synced.is_empty() || wanted.contains(&Job::Evaluate) {
        evaluate(settings, store, clock, &mut step).await?;
    }
    if wanted.contains(&Job::Digest) {
        let due_at = next_due_of(&rows, &Job::Digest, now);
        write_digest(settings, store, clock, due_at, &mut step).await?;
    }
    step.delivered = outbox::deliver_due(store, settings, clock).await?;
    Ok(step)
}

fn next_due_of(
    rows: &std::collections::BTreeMap<String, crate::store::schedule::JobRow>,
    job: &Job,
    now: Timestamp,
) -> Timestamp {
    rows.get(&job.name()).map_or(now, |row| row.next_due)
}

fn log_sync(name: &str, result: &Result<SyncReport, String>) {
    match result {
        Ok(report) => tracing::info!(
            source = name,
            read = report.read,
            changed = report.changed,
            deleted = report.deleted,
            faults = report.faults,
            "source {name} was read"
        ),
        Err(error) => {
            tracing::error!(source = name, error, "source {name} could not be read completely");
        }
    }
}

async fn evaluate(
    settings: &Settings,
    store: &Store,
    clock: &Clock,
    step: &mut Step,
) -> Result<(), crate::store::StoreError> {
    let now = clock.now();
    let result = async {
        let snapshot = Snapshot::load(settings, store, now, None).await?;
        for error in &snapshot.plan_errors {
            tracing::warn!(error, "a goal cannot be worked out; the rest goes on");
            let title = "A goal cannot be worked out".to_owned();
            let document = outbox::operator_document(title, &[("Why", error)]);
            // The same trouble is told once.
            let thread = format!("plan:{:016x}", crate::sources::id_hash(error));
            tell_operator(settings, store, &thread, &document, now).await?;
        }
        alerting::check(&snapshot).await
    };
    let error = match result.await {
        Ok(checked) => {
            tracing::info!(
                findings = checked.findings,
                told = checked.told,
                messages = checked.messages,
                "the rules were checked"
            );
            step.checked = Some(checked);
            None
        }
        Err(error) => {
            tracing::error!(error = %error, "the rules could not be checked");
            Some(error.to_string())
        }
    };
    let next = Job::Evaluate.next_due(settings, now);
    store.job_ran(&Job::Evaluate.name(), now, clock.now(), error.as_deref(), next).await?;
    step.evaluation_error = error;
    Ok(())
}

/// Writes the digest that was due, keeps it, and puts it into the outbox of its teams.
async fn write_digest(
    settings: &Settings,
    store: &Store,
    clock: &Clock,
    due_at: Timestamp,
    step: &mut Step,
) -> Result<(), crate::store::StoreError> {
    let now = clock.now();
    // After a long pause only the last week is worth reading.
    let week = week_of_due(settings, due_at.max(last_due(settings, now)));
    let error = match send_digest(settings, store, week, now).await {
        Ok(_) => {
            tracing::info!(week = %week, "the digest of {week} was written");
            step.digest = Some(week.to_string());
            None
        }
        Err(error) => {
            tracing::error!(week = %week, error = %error, "the digest could not be written");
            Some(error.to_string())
        }
    };
    // One that failed stays due and is tried again at the next step.
    let next = if error.is_none() { Job::Digest.next_due(settings, now) } else { due_at };
    store.job_ran(&Job::Digest.name(), now, clock.now(), error.as_deref(), next).await?;
    step.digest_error = error;
    Ok(())
}

/// The last time at or before `now` at which a digest was due.
fn last_due(settings: &Settings, now: Timestamp) -> Timestamp {
    let mut week = crate::digest::Week::last_complete(now, &settings.company.zone);
    if crate::schedule::digest_due(settings, week) > now {
        week = week.before();
    }
    crate::schedule::digest_due(settings, week)
}

/// Builds (or fetches) the digest of a week and puts it into the outbox; once for each recipient.
///
/// # Errors
/// See [`DigestError`].
pub async fn send_digest(
    settings: &Settings,
    store: &Store,
    week: crate::digest::Week,
    now: Timestamp,
) -> Result<Digest, DigestError> {
    let mut digest = digesting::digest_of(settings, store, week, now).await?;
    let due_at = crate::schedule::digest_due(settings, week);
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

/// The lock that a daemon holds on its database. It dies with the process.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock.
    ///
    /// # Errors
    /// A sentence, when another daemon has it.
    pub fn take(database: &Path) -> Result<Lock, String> {
        // Two names of one file must not give two locks.
        let database = database.canonicalize().unwrap_or_else(|_| database.to_owned());
        let path: PathBuf = database.with_extension("lock");
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)
                .map_err(|error| format!("{} cannot be made: {error}", folder.display()))?;
        }
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|error| format!("{} cannot be made: {error}", path.display()))?;
        match file.try_lock() {
            Ok(()) => Ok(Lock { _file: file }),
            Err(_) => Err(format!(
                "another paceline runs on {}: stop it first, or use another `[database] url`",
                database.display()
            )),
        }
    }
}
