//! When what is due. Due-ness is a durable row; this decides about it and is pure.
//!
//! `tokio-cron-scheduler` only ticks: it keeps its state in memory, freezes the offset of a zone when
//! a job is made (its issue 107) and may stop repeating (113), so it decides nothing here.
//!
//! However many runs of a job were missed, there is one, late. A clock that was set back brings no
//! job again, and holds none up for longer than its interval.

mod times;

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan};

use crate::config::Settings;
pub use times::{digest_due, last_digest_due, week_of_due};

/// Seconds between two evaluations that no sync causes.
const EVALUATE_SECS: i64 = 600;
/// Seconds between two looks into the outbox that nothing causes.
const DELIVER_SECS: i64 = 30;
/// Seconds between two reconciliations of ids, and between two clean-ups.
const DAY_SECS: i64 = 86_400;
/// Seconds between two checks of the whole file.
const INTEGRITY_SECS: i64 = 7 * DAY_SECS;
/// The first wait before what failed is tried again out of turn; it doubles up to an hour.
const RETRY_SECS: i64 = 60;
/// A clock that is set right by less is no clock that was set back.
const CLOCK_SLACK_SECS: i64 = 120;

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// Read a source and compare its ids with the stored ones.
    Reconcile(String),
    /// Read a source.
    Sync(String),
    /// Check all rules.
    Evaluate,
    /// Write the week's digest.
    Digest,
    /// Send what is in the outbox.
    Deliver,
    /// Copy the database.
    Backup,
    /// Delete what is kept no longer.
    Retention,
    /// Check the database's file.
    Integrity,
    /// Tell whoever watches that all is well.
    Heartbeat,
}

/// Jobs of one lane run one after the other; lanes run side by side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// What reads a source.
    Source(String),
    /// What works out figures.
    Figures,
    /// What sends messages.
    Delivery,
    /// What cares for the store.
    Care,
    /// The heartbeat.
    Heartbeat,
}

impl Job {
    /// Its name in the store, in logs and in metrics.
    pub fn name(&self) -> String {
        match self {
            Job::Sync(source) => format!("sync:{source}"),
            Job::Reconcile(source) => format!("reconcile:{source}"),
            Job::Evaluate => "evaluate".into(),
            Job::Digest => "digest".into(),
            Job::Deliver => "deliver".into(),
            Job::Backup => "backup".into(),
            Job::Retention => "retention".into(),
            Job::Integrity => "integrity".into(),
            Job::Heartbeat => "heartbeat".into(),
        }
    }

    /// What it waits for.
    pub fn lane(&self) -> Lane {
        match self {
            Job::Sync(source) | Job::Reconcile(source) => Lane::Source(source.clone()),
            Job::Evaluate | Job::Digest => Lane::Figures,
            Job::Deliver => Lane::Delivery,
            Job::Backup | Job::Retention | Job::Integrity => Lane::Care,
            Job::Heartbeat => Lane::Heartbeat,
        }
    }

    /// How long it may take before it is cut off.
    pub fn deadline_secs(&self) -> i64 {
        match self {
            // A first load of millions of records at a vendor's limit takes hours, and goes on from
            // where it was cut off.
            Job::Sync(_) | Job::Reconcile(_) => 6 * 3_600,
            Job::Backup | Job::Integrity => 2 * 3_600,
            Job::Evaluate | Job::Digest | Job::Deliver | Job::Retention => 1_800,
            Job::Heartbeat => 60,
        }
    }

    /// Every job of a configuration, in the order in which they run.
    pub fn all(settings: &Settings) -> Vec<Job> {
        let sources = || settings.sources.keys().cloned();
        let backup = settings.backup.enabled.then_some(Job::Backup);
        let heartbeat = settings.heartbeat.as_ref().map(|_| Job::Heartbeat);
        sources()
            .map(Job::Reconcile)
            .chain(sources().map(Job::Sync))
            .chain([Job::Evaluate, Job::Digest, Job::Deliver])
            .chain(backup)
            .chain([Job::Retention, Job::Integrity])
            .chain(heartbeat)
            .collect()
    }

    /// When it is due for the first time.
    pub fn first_due(&self, settings: &Settings, now: Timestamp) -> Timestamp {
        match self {
            // The first check comes with the first data.
            Job::Sync(_) | Job::Deliver | Job::Heartbeat => now,
            Job::Digest => times::first_digest(settings, now),
            _ => self.next_due(settings, now),
        }
    }

    /// When it is due after a run that ended at `now`.
    pub fn next_due(&self, settings: &Settings, now: Timestamp) -> Timestamp {
        let after = |secs: i64| now.saturating_add(secs.seconds()).unwrap_or(now);
        match self {
            Job::Sync(source) => after(settings.sources.get(source).map_or(600, |s| s.every_secs)),
            Job::Reconcile(_) | Job::Retention => after(DAY_SECS),
            Job::Evaluate => after(EVALUATE_SECS),
            Job::Deliver => after(DELIVER_SECS),
            Job::Integrity => after(INTEGRITY_SECS),
            Job::Heartbeat => after(settings.heartbeat.as_ref().map_or(300, |h| h.every_secs)),
            Job::Digest => times::next_digest(settings, now),
            Job::Backup => times::next_night(settings.backup.minute, &settings.company.zone, now),
        }
    }

    /// When it is tried again after it failed for the `failures`th time in a row. What runs often
    /// waits for its turn.
    pub fn retry_due(&self, settings: &Settings, now: Timestamp, failures: i64) -> Timestamp {
        let next = self.next_due(settings, now);
        let doublings = failures.clamp(1, 7) - 1;
        let secs = (RETRY_SECS << doublings).min(3_600);
        match self {
            Job::Digest | Job::Backup | Job::Retention | Job::Integrity => {
                now.saturating_add(secs.seconds()).map_or(next, |at| at.min(next))
            }
            _ => next,
        }
    }
}

/// The jobs that are due.
pub fn due(jobs: &[Job], next_due: &BTreeMap<String, Timestamp>, now: Timestamp) -> Vec<Job> {
    let is_due = |job: &&Job| next_due.get(&job.name()).is_some_and(|at| *at <= now);
    jobs.iter().filter(is_due).cloned().collect()
}

/// The due time of a job that is due later than it can be: the clock was set back, or the interval was
/// made shorter, and it must not wait until the old time comes. Nothing where all is well.
pub fn sooner(
    job: &Job,
    settings: &Settings,
    next_due: Timestamp,
    now: Timestamp,
) -> Option<Timestamp> {
    let latest = job.next_due(settings, now);
    (next_due.as_second() - latest.as_second() > CLOCK_SLACK_SECS).then_some(latest)
}
