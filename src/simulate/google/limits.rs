//! The quotas of a property, how the data are told, and the counters that tests read.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ranges::today;
use super::refusals::exhausted;
use super::route::Operation;
use super::search_limits::SearchLimiter;
use super::wire::Answer;

/// The table `[limits]` of a faults file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    /// Whether anything is refused.
    pub(super) enforce: bool,
    pub(super) tokens_per_day: u64,
    pub(super) tokens_per_hour: u64,
    pub(super) tokens_per_project_hour: u64,
    /// Tokens that others have used on the first day.
    pub(super) used_today: u64,
    pub(super) concurrent: usize,
    pub(super) server_errors_per_hour: u64,
    pub(super) thresholded_per_hour: u64,
    /// Rows of a report at once, at most.
    pub(super) page_rows: usize,
    /// Requests of Search Console in a minute.
    pub(super) search_per_minute: u64,
    /// What queries may cost in ten minutes; 0 for no limit.
    pub(super) search_load: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            enforce: true,
            tokens_per_day: 200_000,
            tokens_per_hour: 40_000,
            tokens_per_project_hour: 14_000,
            used_today: 0,
            concurrent: 10,
            server_errors_per_hour: 10,
            thresholded_per_hour: 120,
            page_rows: 250_000,
            search_per_minute: 1_200,
            search_load: 0,
        }
    }
}

/// The table `[data]` of a faults file: how what is recorded is told.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Telling {
    /// A day's sessions are all known so many hours after it has ended.
    pub(super) settle_hours: i64,
    /// Rows with fewer users are withheld; 0 for none.
    pub(super) threshold_users: u64,
    /// So many origins of a day are told by their campaign, the others as `(other)`; 0 for all.
    pub(super) campaigns: usize,
    /// Reports say that they are from a sample.
    pub(super) sampled: bool,
    /// What a report without rows says for a reason.
    pub(super) empty_reason: Option<String>,
    /// The last final day of Search Console is so many days ago.
    pub(super) final_days: i64,
    /// Rows of a day and type that Search Console keeps.
    pub(super) search_rows: usize,
}

impl Default for Telling {
    fn default() -> Self {
        Telling {
            settle_hours: 48,
            threshold_users: 0,
            campaigns: 0,
            sampled: false,
            empty_reason: None,
            final_days: 3,
            search_rows: 50_000,
        }
    }
}

/// How often what has been asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    /// All requests that reached an operation, the refused among them.
    pub total: u64,
    /// Tokens.
    pub token: u64,
    /// Reports; each of a batch counts.
    pub reports: u64,
    /// Lists of dimensions and metrics, and questions whether they go together.
    pub metadata: u64,
    /// Lists of sites, and single ones.
    pub sites: u64,
    /// Queries of searches.
    pub search: u64,
    /// Requests refused by a quota; those of a fault are not among them.
    pub refused: u64,
    /// Tokens of the property's quota that were spent.
    pub tokens: u64,
    /// The most requests that came in any second of the vendor's time, the refused included.
    pub most_in_1_sec: usize,
}

impl Requests {
    fn count(&mut self, operation: Operation) {
        self.total += 1;
        match operation {
            Operation::Token => self.token += 1,
            // What is in a batch is counted when it is answered.
            Operation::Report | Operation::Batch => {}
            Operation::Metadata | Operation::Compatibility => self.metadata += 1,
            Operation::Sites | Operation::Site => self.sites += 1,
            Operation::Search => self.search += 1,
        }
    }
}

/// What a report uses up.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    pub(super) tokens: u64,
    pub(super) thresholded: u64,
}

/// Counts requests and tokens, and refuses what is beyond a quota.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    pub(super) settings: Limits,
    pub(super) requests: Requests,
    pub(super) search: SearchLimiter,
    arrived_ms: VecDeque<i64>,
    day: Option<Date>,
    tokens_today: u64,
    hour: i64,
    tokens_this_hour: u64,
    errors: u64,
    thresholded: u64,
    /// Each answer that is under way has a copy of it.
    under_way: Arc<()>,
}

/// The zone in which quotas are renewed and in which Search Console has its days.
pub(super) fn pacific() -> TimeZone {
    TimeZone::get("America/Los_Angeles").unwrap_or(TimeZone::UTC)
}

impl Limiter {
    /// A limiter with the given quotas.
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

    fn roll(&mut self, now: Timestamp) {
        let (day, hour) = (today(&pacific(), now), now.as_second().div_euclid(3600));
        if self.day != Some(day) {
            self.tokens_today = if self.day.is_none() { self.settings.used_today } else { 0 };
            self.day = Some(day);
        }
        if self.hour != hour {
            self.hour = hour;
            (self.tokens_this_hour, self.errors, self.thresholded) = (0, 0, 0);
        }
    }

    fn refusal(&self) -> Option<Answer> {
        let (limits, hour) = (&self.settings, self.tokens_this_hour);
        let soon = "These quota tokens will return in under an hour.";
        let told = if Arc::strong_count(&self.under_way) > limits.concurrent {
            "Exhausted concurrent requests quota. Please send fewer requests concurrently."
                .to_owned()
        } else if self.tokens_today >= limits.tokens_per_day {
            "Exhausted property tokens per day. These quota tokens will return in under 24 hours."
                .to_owned()
        } else if hour >= limits.tokens_per_hour {
            format!("Exhausted property tokens per hour. {soon}")
        } else if hour >= limits.tokens_per_project_hour {
            format!("Exhausted property tokens for a project per hour. {soon}")
        } else if self.errors >= limits.server_errors_per_hour {
            format!("Exhausted server errors for a project per hour. {soon}")
        } else if self.thresholded >= limits.thresholded_per_hour {
            format!("Exhausted potentially thresholded requests quota. {soon}")
        } else {
            return None;
        };
        Some(exhausted(&told))
    }

    /// Lets a request of the Data API in, unless a quota is used up. What is told is under way for as
    /// long as it lives.
    pub(super) fn admit(&mut self, now: Timestamp) -> Result<Arc<()>, Answer> {
        self.roll(now);
        match self.refusal().filter(|_| self.settings.enforce) {
            Some(refused) => {
                self.requests.refused += 1;
                Err(refused)
            }
            None => Ok(Arc::clone(&self.under_way)),
        }
    }

    /// Uses up what a request cost.
    pub(super) fn charge(&mut self, cost: Cost) {
        self.tokens_today += cost.tokens;
        self.tokens_this_hour += cost.tokens;
        self.thresholded += cost.thresholded;
        self.requests.tokens += cost.tokens;
    }

    /// Counts an answer that was an error of the vendor's own.
    pub(super) fn count_error(&mut self) {
        self.errors += 1;
    }

    /// What is left, after a report with a cost.
    pub(super) fn quota(&self, cost: Cost) -> Value {
        let status = |consumed: u64, limit: u64, used: u64| {
            let remaining = limit.saturating_sub(used);
            match (consumed, remaining) {
                (0, remaining) => json!({ "remaining": remaining }),
                (consumed, 0) => json!({ "consumed": consumed }),
                both => json!({ "consumed": both.0, "remaining": both.1 }),
            }
        };
        let (limits, tokens, hour) = (&self.settings, cost.tokens, self.tokens_this_hour);
        let under_way = Arc::strong_count(&self.under_way).saturating_sub(2) as u64;
        json!({
            "tokensPerDay": status(tokens, limits.tokens_per_day, self.tokens_today),
            "tokensPerHour": status(tokens, limits.tokens_per_hour, hour),
            "concurrentRequests": status(0, limits.concurrent as u64, under_way),
            "serverErrorsPerProjectPerHour": status(0, limits.server_errors_per_hour, self.errors),
            "potentiallyThresholdedRequestsPerHour":
                status(cost.thresholded, limits.thresholded_per_hour, self.thresholded),
            "tokensPerProjectPerHour": status(tokens, limits.tokens_per_project_hour, hour),
        })
    }
}
