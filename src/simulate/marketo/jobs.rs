//! The jobs of bulk extracts, whose statuses change once a minute of the clock.

use jiff::Timestamp;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::auth::User;
use super::export::{self, Spec};
use super::instance::{Instance, time};
use super::limits::{Limits, day};
use super::route::Extract;

const DAY_SECS: i64 = 86_400;
/// How long files are kept and jobs are listed.
pub(super) const KEPT_SECS: i64 = 7 * DAY_SECS;

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Created,
    Queued,
    Processing,
    Canceled,
    Completed,
    Failed,
}

impl Status {
    /// As it is told.
    pub(super) fn name(self) -> &'static str {
        match self {
            Status::Created => "Created",
            Status::Queued => "Queued",
            Status::Processing => "Processing",
            Status::Canceled => "Canceled",
            Status::Completed => "Completed",
            Status::Failed => "Failed",
        }
    }
}

/// A job.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: String,
    pub(super) extract: Extract,
    pub(super) user: User,
    pub(super) status: Status,
    pub(super) created: i64,
    queued: Option<i64>,
    started: Option<i64>,
    pub(super) finished: Option<i64>,
    /// A fault has it fail.
    pub(super) fails: bool,
    spec: Spec,
    records: usize,
    pub(super) file: Vec<u8>,
}

/// All jobs, in the order of their creation.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    jobs: Vec<Job>,
    advanced: i64,
}

impl Job {
    fn is_active(&self) -> bool {
        matches!(self.status, Status::Queued | Status::Processing)
    }

    /// As the API tells it, without what it has not come to.
    pub(super) fn told(&self) -> Value {
        let mut told = json!({
            "exportId": self.id,
            "format": self.spec.format(),
            "status": self.status.name(),
            "createdAt": time(self.created),
        });
        let times =
            [("queuedAt", self.queued), ("startedAt", self.started), ("finishedAt", self.finished)];
        for (name, at) in times {
            if let Some(at) = at {
                told[name] = json!(time(at));
            }
        }
        if self.status == Status::Completed {
            told["numberOfRecords"] = json!(self.records);
            told["fileSize"] = json!(self.file.len());
            told["fileChecksum"] = json!(format!("sha256:{}", checksum(&self.file)));
        }
        if self.status == Status::Failed {
            told["errorMsg"] = json!("Export failed: internal error");
        }
        told
    }

    fn end(&mut self, instance: &Instance, at: i64) {
        self.finished = Some(at);
        if self.fails {
            self.status = Status::Failed;
            return;
        }
        self.status = Status::Completed;
        (self.file, self.records) = export::file(instance, &self.spec, at);
    }
}

fn checksum(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Jobs {
    /// Lets happen what the minutes since the last time have brought.
    pub(super) fn advance(&mut self, instance: &Instance, now: Timestamp, limits: &Limits) {
        let (secs, every) = (now.as_second(), limits.status_secs);
        if every > 0 {
            let mut tick = (self.advanced.div_euclid(every) + 1) * every;
            while tick <= secs && self.jobs.iter().any(Job::is_active) {
                self.step(instance, tick, limits);
                tick += every;
            }
        }
        self.advanced = self.advanced.max(secs);
    }

    /// What is processed ends, and what waits longest is begun.
    pub(super) fn step(&mut self, instance: &Instance, at: i64, limits: &Limits) {
        for job in self.jobs.iter_mut().filter(|job| job.status == Status::Processing) {
            job.end(instance, at);
        }
        let mut waiting: Vec<&mut Job> =
            self.jobs.iter_mut().filter(|job| job.status == Status::Queued).collect();
        waiting.sort_by_key(|job| job.queued);
        for job in waiting.into_iter().take(limits.bulk_running) {
            job.status = Status::Processing;
            job.started = Some(at);
        }
    }

    /// The bytes of the files of a day.
    pub(super) fn bytes_today(&self, now: Timestamp) -> u64 {
        let today = day(now);
        let on = |at: i64| day(Timestamp::from_second(at).unwrap_or_default());
        let done = self.jobs.iter().filter(|job| job.finished.is_some_and(|at| on(at) == today));
        done.map(|job| job.file.len() as u64).sum()
    }

    /// How many jobs are in the queue, those that are processed among them.
    pub(super) fn queued(&self) -> usize {
        self.jobs.iter().filter(|job| job.is_active()).count()
    }

    /// Creates a job.
    pub(super) fn create(
        &mut self,
        extract: Extract,
        user: &User,
        spec: Spec,
        created: i64,
    ) -> &mut Job {
        let number = self.jobs.len() as u64 + 1;
        let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let id = format!("{:08x}-f19d-4ce2-882c-{number:012x}", mixed >> 32);
        self.jobs.push(Job {
            id,
            extract,
            user: user.clone(),
            status: Status::Created,
            created,
            queued: None,
            started: None,
            finished: None,
            fails: false,
            spec,
            records: 0,
            file: Vec::new(),
        });
        let last = self.jobs.len() - 1;
        &mut self.jobs[last]
    }

    /// The jobs of a user, which nobody else sees.
    pub(super) fn of<'a>(
        &'a self,
        extract: Extract,
        user: &'a User,
    ) -> impl Iterator<Item = &'a Job> {
        self.jobs.iter().filter(move |job| job.extract == extract && job.user == *user)
    }

    /// One job of a user.
    pub(super) fn find(&mut self, extract: Extract, user: &User, id: &str) -> Option<&mut Job> {
        let mut jobs = self.jobs.iter_mut();
        jobs.find(|job| job.id == id && job.extract == extract && job.user == *user)
    }

    /// Puts a job in the queue.
    pub(super) fn enqueue(job: &mut Job, at: i64) {
        job.status = Status::Queued;
        job.queued = Some(at);
    }
}
