//! The vendor's limits, on requests in twenty seconds, in a day and at once, and the counters that tests
//! read.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use super::refusals::refusal;
use super::route::Operation;
use super::wire::Answer;

/// The table `[limits]` of a faults file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    /// Requests in any twenty seconds.
    pub(super) per_20_secs: usize,
    /// Requests at once.
    pub(super) concurrent: usize,
    /// Requests of the whole subscription in a day of US Central.
    pub(super) daily: u64,
    /// Of these, what others have used on the first day.
    pub(super) used: u64,
    /// Whether requests beyond that are refused.
    pub(super) enforce: bool,
    /// How long every answer takes, during which the request counts as one of those at once.
    pub(super) latency_ms: u64,
    /// Rows on a page, at most.
    pub(super) page_rows: usize,
    /// So many activities of the log a page looks at, whatever matches.
    pub(super) slice_rows: usize,
    /// Bytes of all files in a day.
    pub(super) bulk_bytes: u64,
    /// Jobs that are processed at once.
    pub(super) bulk_running: usize,
    /// Jobs in the queue, those that are processed among them.
    pub(super) bulk_queued: usize,
    /// Statuses change so often; with 0 they do whenever one is asked for.
    pub(super) status_secs: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            per_20_secs: 100,
            concurrent: 10,
            daily: 50_000,
            used: 0,
            enforce: true,
            latency_ms: 0,
            page_rows: 300,
            slice_rows: 3000,
            bulk_bytes: 500_000_000,
            bulk_running: 2,
            bulk_queued: 10,
            status_secs: 60,
        }
    }
}

/// How often what has been asked for, and how densely.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    /// All requests but those for tokens, the refused among them.
    pub total: u64,
    /// Tokens.
    pub token: u64,
    /// Pages of activities, of changes and of deleted leads.
    pub activities: u64,
    /// Leads and their memberships.
    pub leads: u64,
    /// Programs and e-mails.
    pub assets: u64,
    /// Whatever was asked of bulk jobs.
    pub bulk: u64,
    /// Creations, changes and deletions of records.
    pub writes: u64,
    /// Requests refused by a limit; those of a fault are not among them.
    pub refused: u64,
    /// The most requests that came in any twenty seconds of the instance's time, the refused included.
    pub most_in_20_secs: usize,
    /// The most requests that were answered at once.
    pub most_at_once: usize,
}

impl Requests {
    fn count(&mut self, operation: Operation) {
        self.total += 1;
        match operation {
            Operation::Activities | Operation::LeadChanges | Operation::DeletedLeads => {
                self.activities += 1;
            }
            Operation::Leads | Operation::Members => self.leads += 1,
            Operation::Programs | Operation::Emails => self.assets += 1,
            Operation::BulkCreate
            | Operation::BulkEnqueue
            | Operation::BulkStatus
            | Operation::BulkFile
            | Operation::BulkCancel
            | Operation::BulkList => self.bulk += 1,
            Operation::Write => self.writes += 1,
            _ => {}
        }
    }
}

const WINDOW_MS: i64 = 20_000;
const DAYS_KEPT: usize = 7;
const ZONE: &str = "America/Chicago";

/// The day of an instant where the vendor's days begin and end.
pub(super) fn day(now: Timestamp) -> Date {
    now.to_zoned(TimeZone::get(ZONE).unwrap_or(TimeZone::UTC)).date()
}

/// Counts requests and refuses what is beyond a limit.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    pub(super) settings: Limits,
    pub(super) requests: Requests,
    arrived: VecDeque<i64>,
    admitted: VecDeque<i64>,
    /// What each user has asked for, by days.
    days: BTreeMap<Date, BTreeMap<String, u64>>,
    /// Every answer holds one of these until it is sent.
    busy: Arc<()>,
}

fn trim(window: &mut VecDeque<i64>, now_ms: i64) -> usize {
    while window.front().is_some_and(|at| *at <= now_ms - WINDOW_MS) {
        window.pop_front();
    }
    window.len()
}

impl Limiter {
    /// A limiter with the given limits.
    pub(super) fn new(settings: Limits) -> Limiter {
        Limiter { settings, ..Limiter::default() }
    }

    /// What an answer holds while it is being sent.
    pub(super) fn busy(&self) -> Arc<()> {
        Arc::clone(&self.busy)
    }

    /// Counts a request; the answer that refuses it, when it is one too many. What is refused counts for the
    /// day all the same.
    pub(super) fn admit(
        &mut self,
        operation: Operation,
        user: &str,
        now: Timestamp,
    ) -> Option<Answer> {
        self.requests.count(operation);
        let now_ms = now.as_millisecond();
        self.arrived.push_back(now_ms);
        let dense = trim(&mut self.arrived, now_ms);
        self.requests.most_in_20_secs = self.requests.most_in_20_secs.max(dense);
        // This request holds one already, and the limiter does too.
        let at_once = Arc::strong_count(&self.busy) - 1;
        self.requests.most_at_once = self.requests.most_at_once.max(at_once);
        let today = day(now);
        if self.days.is_empty() && self.settings.used > 0 {
            let others = BTreeMap::from([("others@example.test".to_owned(), self.settings.used)]);
            self.days.insert(today, others);
        }
        let users = self.days.entry(today).or_default();
        let used: u64 = users.values().sum();
        *users.entry(user.to_owned()).or_default() += 1;
        while self.days.len() > DAYS_KEPT {
            self.days.pop_first();
        }
        let refused =
            if self.settings.enforce { self.refusal(used, at_once, now_ms) } else { None };
        match refused {
            Some(_) => self.requests.refused += 1,
            None => self.admitted.push_back(now_ms),
        }
        refused
    }

    fn refusal(&mut self, used: u64, at_once: usize, now_ms: i64) -> Option<Answer> {
        let (settings, held) = (&self.settings, trim(&mut self.admitted, now_ms));
        if used >= settings.daily {
            Some(refusal(607, "Daily API quota reached"))
        } else if held >= settings.per_20_secs {
            let message = "Max rate limit '100' exceeded with in '20' secs";
            let message = message.replace("100", &settings.per_20_secs.to_string());
            Some(refusal(606, &message))
        } else if at_once > settings.concurrent {
            Some(refusal(615, "Concurrent access limit reached"))
        } else {
            None
        }
    }

    /// What each user has asked for in the last days.
    pub(super) fn usage(&self, days: usize, now: Timestamp) -> Vec<Value> {
        let today = day(now);
        let last = self.days.iter().rev().filter(|told| days > 1 || *told.0 == today).take(days);
        let told = last.map(|(day, users)| {
            let each = users.iter().map(|(user, count)| json!({"userId": user, "count": count}));
            json!({
                "date": day.to_string(),
                "total": users.values().sum::<u64>(),
                "users": each.collect::<Vec<Value>>(),
            })
        });
        told.collect()
    }
}
