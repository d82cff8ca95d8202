//! The bulk query jobs of an org.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::cell::told;
use super::ids::Key;
use super::soql::{Found, Selection};

/// Results are kept for seven days.
const LIFE_SECS: i64 = 7 * 86_400;
const DAY_SECS: i64 = 86_400;
/// Older jobs go when there are more, so that their lists of ids do not pile up.
const MAX_KEPT: usize = 100;

/// How far a job has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    UploadComplete,
    InProgress,
    Aborted,
    JobComplete,
    Failed,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::UploadComplete => "UploadComplete",
            State::InProgress => "InProgress",
            State::Aborted => "Aborted",
            State::JobComplete => "JobComplete",
            State::Failed => "Failed",
        }
    }
}

/// A bulk query job.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: Key,
    pub(super) operation: &'static str,
    pub(super) object: &'static str,
    pub(super) selection: Selection,
    pub(super) keys: Vec<Key>,
    pub(super) state: State,
    /// How often it is still told to be in progress.
    pub(super) polls_left: u32,
    pub(super) made: i64,
    pub(super) version: String,
    pub(super) user: Key,
    /// The names of the line ending and of the delimiter.
    pub(super) format: (String, String),
}

impl Job {
    /// One more question for its state, which may be the last.
    pub(super) fn poll(&mut self) {
        if matches!(self.state, State::UploadComplete | State::InProgress) {
            self.state = match self.polls_left {
                0 => State::JobComplete,
                _ => State::InProgress,
            };
            self.polls_left = self.polls_left.saturating_sub(1);
        }
    }

    /// Whether it can still be stopped.
    pub(super) fn runs(&self) -> bool {
        matches!(self.state, State::UploadComplete | State::InProgress)
    }

    /// What is told of it; more when its state was asked for.
    pub(super) fn told(&self, asked: bool) -> Value {
        let mut body = json!({
            "id": self.id.text(),
            "operation": self.operation,
            "object": self.object,
            "createdById": self.user.text(),
            "createdDate": told(self.made),
            "systemModstamp": told(self.made),
            "state": self.state.name(),
            "concurrencyMode": "Parallel",
            "contentType": "CSV",
            "apiVersion": self.version.trim_start_matches('v').parse::<f64>().unwrap_or(0.0),
            "lineEnding": self.format.0,
            "columnDelimiter": self.format.1,
        });
        if asked {
            let complete = self.state == State::JobComplete;
            body["jobType"] = json!("V2Query");
            body["retries"] = json!(0);
            body["totalProcessingTime"] = json!(if complete { 334 } else { 0 });
            body["isPkChunkingSupported"] = json!(true);
            body["numberRecordsProcessed"] = json!(if complete { self.keys.len() } else { 0 });
        }
        if self.state == State::Failed {
            body["errorMessage"] = json!("InternalServerError: Retried more than fifteen times");
        }
        body
    }
}

/// The jobs that are kept.
#[derive(Debug, Default)]
pub(super) struct Jobs {
    pub(super) kept: VecDeque<Job>,
    made: u64,
    /// When the jobs of the last day were made.
    day: VecDeque<i64>,
}

impl Jobs {
    /// How many were made in the last 24 hours.
    pub(super) fn today(&mut self, now: i64) -> usize {
        while self.day.front().is_some_and(|at| now - at >= DAY_SECS) {
            self.day.pop_front();
        }
        self.day.len()
    }

    /// Adds a job for what a query found.
    pub(super) fn add(&mut self, found: Found, made: i64, user: Key) -> &mut Job {
        self.made += 1;
        self.day.push_back(made);
        if self.kept.len() == MAX_KEPT {
            self.kept.pop_front();
        }
        let Found { object, selection, keys } = found;
        let id = Key::new("750", self.made);
        let job = Job {
            id,
            operation: "query",
            object,
            selection,
            keys,
            state: State::UploadComplete,
            polls_left: 0,
            made,
            version: String::new(),
            user,
            format: ("LF".to_owned(), "COMMA".to_owned()),
        };
        self.kept.push_back(job);
        let last = self.kept.len() - 1;
        &mut self.kept[last]
    }

    /// A job by its id.
    pub(super) fn find(&mut self, id: &str, now: i64) -> Option<&mut Job> {
        self.kept.retain(|job| now - job.made < LIFE_SECS);
        let key = Key::parse(id)?;
        self.kept.iter_mut().find(|job| job.id == key)
    }
}
