//! The vendor's limit on requests in any 24 hours, and the counters that tests read.

use std::collections::VecDeque;

use serde::Deserialize;

use super::route::Operation;

/// The table `[limits]` of a faults file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    /// Requests of the whole org in any 24 hours.
    pub(super) daily: u64,
    /// Of these, what others have used already.
    pub(super) used: u64,
    /// Whether requests beyond that are refused.
    pub(super) enforce: bool,
    /// Rows on a page of a query, at most.
    pub(super) page_rows: usize,
    /// How often a bulk job is still in progress when it is asked for.
    pub(super) bulk_polls: u32,
    /// Bulk query jobs in any 24 hours.
    pub(super) bulk_jobs: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            daily: 100_000,
            used: 0,
            enforce: true,
            page_rows: 2000,
            bulk_polls: 1,
            bulk_jobs: 10_000,
        }
    }
}

/// How often what has been asked for, and how densely.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    /// All requests that reached an operation, the refused among them.
    pub total: u64,
    /// Tokens.
    pub token: u64,
    /// First pages of queries, of all rows or of the present ones.
    pub query: u64,
    /// Further pages of queries.
    pub query_more: u64,
    /// Descriptions of objects.
    pub describe: u64,
    /// Whatever was asked of bulk jobs.
    pub bulk: u64,
    /// Lists of what was updated or deleted.
    pub replication: u64,
    /// Creations, changes and deletions of records.
    pub writes: u64,
    /// Requests refused by the daily limit; those of a fault are not among them.
    pub refused: u64,
    /// The most requests that came in any second of the org's time, the refused included.
    pub most_in_1_sec: usize,
}

impl Requests {
    fn count(&mut self, operation: Operation) {
        self.total += 1;
        match operation {
            Operation::Token => self.token += 1,
            Operation::Query | Operation::QueryAll => self.query += 1,
            Operation::QueryMore => self.query_more += 1,
            Operation::Describe => self.describe += 1,
            Operation::BulkCreate | Operation::BulkStatus | Operation::BulkResults => {
                self.bulk += 1;
            }
            Operation::Replication => self.replication += 1,
            Operation::Write => self.writes += 1,
            Operation::Limits | Operation::Get => {}
        }
    }
}

/// Minutes in which usage is counted together.
const BUCKET_SECS: i64 = 900;
const DAY_SECS: i64 = 86_400;

/// Counts requests and refuses those beyond the limit.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    pub(super) settings: Limits,
    pub(super) requests: Requests,
    /// The requests of the last 24 hours, by quarters of an hour.
    buckets: VecDeque<(i64, u64)>,
    /// The instants of the last second.
    arrived_ms: VecDeque<i64>,
}

impl Limiter {
    /// A limiter with the given limits.
    pub(super) fn new(settings: Limits) -> Limiter {
        Limiter { settings, ..Limiter::default() }
    }

    /// Counts a request as one that came.
    pub(super) fn count(&mut self, operation: Operation, now_ms: i64) {
        self.requests.count(operation);
        while self.arrived_ms.front().is_some_and(|at| *at <= now_ms - 1000) {
            self.arrived_ms.pop_front();
        }
        self.arrived_ms.push_back(now_ms);
        self.requests.most_in_1_sec = self.requests.most_in_1_sec.max(self.arrived_ms.len());
    }

    /// Whether a request is one that the org may still make; it is used up then.
    pub(super) fn admit(&mut self, now_ms: i64) -> bool {
        let bucket = now_ms.div_euclid(BUCKET_SECS * 1000);
        let oldest = bucket - DAY_SECS / BUCKET_SECS;
        while self.buckets.front().is_some_and(|at| at.0 <= oldest) {
            self.buckets.pop_front();
        }
        if self.settings.enforce && self.used() >= self.settings.daily {
            self.requests.refused += 1;
            return false;
        }
        match self.buckets.back_mut() {
            Some(last) if last.0 == bucket => last.1 += 1,
            _ => self.buckets.push_back((bucket, 1)),
        }
        true
    }

    /// What is used up of the limit.
    pub(super) fn used(&self) -> u64 {
        self.settings.used + self.buckets.iter().map(|bucket| bucket.1).sum::<u64>()
    }

    /// The header that tells the limit.
    pub(super) fn header(&self) -> (&'static str, String) {
        let usage = format!("api-usage={}/{}", self.used(), self.settings.daily);
        ("Sforce-Limit-Info", usage)
    }
}
