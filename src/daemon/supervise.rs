//! One run of a job: it is leased, bounded in time, cut off, caught when it panics, and noted.

use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use tokio::task::JoinHandle;
use tracing::Instrument;

use super::{Ground, jobs, lock, troubles};
use crate::daemon::jobs::{JobError, Report};
use crate::schedule::Job;
use crate::store::{Store, StoreError, schedule::Ran};

/// A lease outlives the deadline by so much, so that what is cut off can be noted.
const LEASE_SLACK_SECS: i64 = 60;

/// Runs a job if nobody else does, and notes what came of it.
///
/// # Errors
/// When the store does not answer; what fails in the job is in the result.
pub async fn run(
    ground: &Ground,
    job: &Job,
) -> Result<Option<Result<Report, JobError>>, StoreError> {
    let (store, settings) = (&ground.store, &ground.settings);
    let (name, started) = (job.name(), ground.clock.now());
    let Some(run) = claim(&ground.store, job, started).await? else {
        tracing::debug!(job = name, "somebody else runs it");
        return Ok(None);
    };
    ground.pulse.begin(job);
    let work = jobs::run(ground.clone(), job.clone());
    let span = tracing::info_span!("job", job = name, run);
    let limit = Duration::from_secs(job.deadline_secs().unsigned_abs());
    let result = bounded(limit, work.instrument(span.clone())).await;
    ground.pulse.end(job);
    let (finished, before) = (ground.clock.now(), store.jobs().await?);
    let failures = before.get(&name).map_or(0, |row| row.failures);
    let error = result.as_ref().err().map(|error| error.text.as_str());
    let next_due = match error {
        None => job.next_due(settings, finished),
        Some(_) => job.retry_due(settings, finished, failures + 1),
    };
    store.job_ran(&Ran { job: &name, started, finished, error, next_due }).await?;
    if let Some(error) = error {
        let _in_span = span.enter();
        tracing::error!(error, failures = failures + 1, "job {name} failed");
    }
    follow_up(ground, job, finished).await?;
    troubles::after_run(ground, job, &result, failures).instrument(span).await?;
    Ok(Some(result))
}

/// Takes the lease; one whose holder is no more is freed first.
async fn claim(store: &Store, job: &Job, now: Timestamp) -> Result<Option<i64>, StoreError> {
    let (name, own) = (job.name(), lock::holder());
    let secs = job.deadline_secs() + LEASE_SLACK_SECS;
    let until = now.saturating_add(secs.seconds()).unwrap_or(now);
    if let Some(run) = store.claim_job(&name, &own, now, until).await? {
        return Ok(Some(run));
    }
    let rows = store.jobs().await?;
    match rows.get(&name).and_then(|row| row.lease.as_ref()) {
        Some((holder, _)) if !lock::is_alive(holder) => {
            store.free_job(&name, holder).await?;
            store.claim_job(&name, &own, now, until).await
        }
        _ => Ok(None),
    }
}

/// The jobs that read a source.
fn readers(source: &str) -> [Job; 2] {
    [Job::Sync(source.to_owned()), Job::Reconcile(source.to_owned())]
}

/// Takes a source for this process, beside a daemon that may run; false where the daemon reads it.
///
/// # Errors
/// When the store does not answer.
pub async fn take_source(store: &Store, source: &str, now: Timestamp) -> Result<bool, StoreError> {
    for job in readers(source) {
        if claim(store, &job, now).await?.is_none() {
            give_back_source(store, source).await?;
            return Ok(false);
        }
    }
    Ok(true)
}

/// Gives back what [`take_source`] took.
///
/// # Errors
/// When the store does not answer.
pub async fn give_back_source(store: &Store, source: &str) -> Result<(), StoreError> {
    for job in readers(source) {
        store.free_job(&job.name(), &lock::holder()).await?;
    }
    Ok(())
}

/// What a run makes due.
async fn follow_up(ground: &Ground, job: &Job, now: Timestamp) -> Result<(), StoreError> {
    let (store, settings) = (&ground.store, &ground.settings);
    match job {
        // What was reconciled has been read.
        Job::Reconcile(source) => {
            let sync = Job::Sync(source.clone());
            store.postpone(&sync.name(), sync.next_due(settings, now)).await?;
            store.bring_forward(&Job::Evaluate.name(), now).await
        }
        Job::Sync(_) => store.bring_forward(&Job::Evaluate.name(), now).await,
        Job::Evaluate | Job::Digest => store.bring_forward(&Job::Deliver.name(), now).await,
        _ => Ok(()),
    }
}

/// A task that ends with whoever waits for it.
struct CutOff<T>(JoinHandle<T>);

impl<T> Drop for CutOff<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs work in a task of its own: it ends when it ends, panics or its time is over.
async fn bounded<T: Send + 'static>(
    limit: Duration,
    work: impl Future<Output = Result<T, JobError>> + Send + 'static,
) -> Result<T, JobError> {
    let mut task = CutOff(tokio::spawn(work));
    let task = &mut task.0;
    match tokio::time::timeout(limit, &mut *task).await {
        Ok(Ok(result)) => result,
        Ok(Err(stopped)) if stopped.is_panic() => {
            let cause = stopped.into_panic();
            let said = cause
                .downcast_ref::<&str>()
                .map(|text| (*text).to_owned())
                .or_else(|| cause.downcast_ref::<String>().cloned());
            let said = said.unwrap_or_else(|| "no reason given".into());
            Err(JobError::of(format!("it panicked, which is a defect of paceline: {said}")))
        }
        Ok(Err(_)) => Err(JobError::of("it was stopped")),
        Err(_) => {
            task.abort();
            // What cannot even be cut off keeps its lease, and the watchdog goes hungry.
            let _ = task.await;
            Err(JobError::of(format!("it was cut off after {} s", limit.as_secs())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_that_hangs_is_cut_off_and_work_that_panics_is_told() {
        let hangs = std::future::pending::<Result<(), JobError>>();
        let error = bounded(Duration::from_millis(10), hangs).await.unwrap_err();
        assert_eq!(error.text, "it was cut off after 0 s");
        let panics = async { panic!("index out of bounds") };
        let error = bounded::<()>(Duration::from_secs(5), panics).await.unwrap_err();
        assert!(error.text.ends_with("index out of bounds"), "{}", error.text);
        let works = async { Ok::<_, JobError>(7) };
        assert_eq!(bounded(Duration::from_secs(5), works).await.unwrap(), 7);
    }
}
