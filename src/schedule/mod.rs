//! When what is due. Due-ness is a durable row; this decides about it and is pure.
//!
//! `tokio-cron-scheduler` only ticks: it keeps its state in memory, freezes the offset of a zone when
//! a job is made (its issue 107) and may stop repeating (113), so it decides nothing here.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan};

use crate::config::Settings;
use crate::digest::Week;

/// Seconds between two evaluations that no sync causes.
const EVALUATE_SECS: i64 = 600;
/// Seconds between two reconciliations of ids.
const RECONCILE_SECS: i64 = 86_400;
/// A digest that was due at most so long before the first start is still written.
const FIRST_DIGEST_SECS: i64 = 86_400;

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Job {
    /// Read a source.
    Sync(String),
    /// Read a source and compare its ids with the stored ones.
    Reconcile(String),
    /// Check all rules.
    Evaluate,
    /// Write the week's digest.
    Digest,
}

impl Job {
    /// Its name in the store.
    pub fn name(&self) -> String {
        match self {
            Job::Sync(source) => format!("sync:{source}"),
            Job::Reconcile(source) => format!("reconcile:{source}"),
            Job::Evaluate => "evaluate".into(),
            Job::Digest => "digest".into(),
        }
    }

    /// Every job of a configuration, in the order in which they run.
    pub fn all(settings: &Settings) -> Vec<Job> {
        let sources = || settings.sources.keys().cloned();
        sources()
            .map(Job::Reconcile)
            .chain(sources().map(Job::Sync))
            .chain([Job::Evaluate, Job::Digest])
            .collect()
    }

    /// When it is due for the first time.
    pub fn first_due(&self, settings: &Settings, now: Timestamp) -> Timestamp {
        match self {
            Job::Sync(_) | Job::Evaluate => now,
            Job::Reconcile(_) => self.next_due(settings, now),
            Job::Digest => {
                let last = digest_due(settings, Week::last_complete(now, &settings.company.zone));
                if now.as_second() - last.as_second() <= FIRST_DIGEST_SECS && last <= now {
                    last
                } else {
                    self.next_due(settings, now)
                }
            }
        }
    }

    /// When it is due after a run at `now`. What was missed in between is not made up for, but for
    /// the digest, whose due time stays in the past until it is written.
    pub fn next_due(&self, settings: &Settings, now: Timestamp) -> Timestamp {
        let after = |secs: i64| now.saturating_add(secs.seconds()).unwrap_or(now);
        match self {
            Job::Sync(source) => after(settings.sources.get(source).map_or(600, |s| s.every_secs)),
            Job::Reconcile(_) => after(RECONCILE_SECS),
            Job::Evaluate => after(EVALUATE_SECS),
            Job::Digest => {
                let zone = &settings.company.zone;
                let mut week = Week::last_complete(now, zone);
                while digest_due(settings, week) <= now {
                    week = Week::of(week.to());
                }
                digest_due(settings, week)
            }
        }
    }
}

/// When the digest of a week is due.
pub fn digest_due(settings: &Settings, week: Week) -> Timestamp {
    week.due(settings.digest.weekday, settings.digest.minute, &settings.company.zone)
}

/// The week whose digest a due time stands for.
pub fn week_of_due(settings: &Settings, due: Timestamp) -> Week {
    Week::last_complete(due, &settings.company.zone)
}

/// The jobs that are due. A job whose last start lies in the future (the clock was set back) waits
/// for its due time like any other.
pub fn due(jobs: &[Job], next_due: &BTreeMap<String, Timestamp>, now: Timestamp) -> Vec<Job> {
    let is_due = |job: &&Job| next_due.get(&job.name()).is_some_and(|at| *at <= now);
    jobs.iter().filter(is_due).cloned().collect()
}
