//! The vendor's rate limits against the portal's clock, and the counters that tests read.

use std::collections::VecDeque;

use serde::Deserialize;

use super::route::Operation;
use super::wire::Answer;

/// The table `[limits]` of a faults file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    /// Requests of any kind in any ten seconds.
    pub(super) per_10_secs: usize,
    /// Searches in any second.
    pub(super) search_per_sec: usize,
    /// Requests in a day, counted from midnight UTC.
    pub(super) daily: u64,
    /// Whether requests beyond a limit are refused.
    pub(super) enforce: bool,
    /// Whether answers tell the limits in headers. Left open, they do, but limits that are not
    /// enforced are never told to be used up.
    pub(super) headers: Option<bool>,
    /// Whether a refusal tells in `Retry-After` how long to wait.
    pub(super) retry_after: bool,
    /// Links per record in one answer.
    pub(super) associations_page: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            per_10_secs: 190,
            search_per_sec: 5,
            daily: 650_000,
            enforce: true,
            headers: None,
            retry_after: false,
            associations_page: 500,
        }
    }
}

/// How often what has been asked for, and how densely.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    /// All requests that reached an operation, the refused among them.
    pub total: u64,
    /// Pages of lists.
    pub list: u64,
    /// Single records.
    pub get: u64,
    /// Batch reads of records.
    pub batch_read: u64,
    /// Searches.
    pub search: u64,
    /// Reads of associations, batched or single.
    pub associations: u64,
    /// Owners.
    pub owners: u64,
    /// Pipelines.
    pub pipelines: u64,
    /// Property definitions.
    pub properties: u64,
    /// Writes of any kind.
    pub writes: u64,
    /// Requests refused with 429 by a limit; those of a fault are not among them.
    pub refused_429: u64,
    /// The most requests that came in any ten seconds of the portal's time, the refused included.
    pub most_in_10_secs: usize,
    /// The most searches that came in any second of the portal's time, the refused included.
    pub most_searches_in_1_sec: usize,
}

impl Requests {
    fn count(&mut self, operation: Operation) {
        self.total += 1;
        *match operation {
            Operation::List => &mut self.list,
            Operation::Get => &mut self.get,
            Operation::BatchRead => &mut self.batch_read,
            Operation::Search => &mut self.search,
            Operation::Associations => &mut self.associations,
            Operation::Owners => &mut self.owners,
            Operation::Pipelines => &mut self.pipelines,
            Operation::Properties => &mut self.properties,
            Operation::Write => &mut self.writes,
        } += 1;
    }
}

/// The instants of what happened within a rolling window.
#[derive(Debug, Default)]
struct Window {
    at_ms: VecDeque<i64>,
}

impl Window {
    fn trim(&mut self, now_ms: i64, length_ms: i64) -> usize {
        while self.at_ms.front().is_some_and(|at| *at <= now_ms - length_ms) {
            self.at_ms.pop_front();
        }
        self.at_ms.len()
    }
}

/// Which limit refused a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Policy {
    Secondly,
    TenSecondly,
    Daily,
}

impl Policy {
    /// The vendor's name of it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Policy::Secondly => "SECONDLY",
            Policy::TenSecondly => "TEN_SECONDLY_ROLLING",
            Policy::Daily => "DAILY",
        }
    }

    fn wait_secs(self, now_ms: i64) -> i64 {
        match self {
            Policy::Secondly => 1,
            Policy::TenSecondly => 10,
            Policy::Daily => 86_400 - now_ms.div_euclid(1000).rem_euclid(86_400),
        }
    }
}

/// The vendor's 429.
pub(super) fn refusal(policy: &str) -> Answer {
    let body = serde_json::json!({
        "status": "error",
        "message": format!("You have reached your {} limit.", policy.to_lowercase()),
        "errorType": "RATE_LIMIT",
        "correlationId": "1f7c2d3e-35c6-4f0a-a4f5-6e5f3a0b8c11",
        "policyName": policy,
        "requestId": "9a3ed5d2-2c51-4b0c-8d6f-1d6c1f0c7b52",
    });
    Answer::json(429, body.to_string().into_bytes())
}

/// Counts requests and refuses those beyond a limit.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    pub(super) settings: Limits,
    pub(super) requests: Requests,
    arrived: Window,
    searches_arrived: Window,
    admitted: Window,
    searches_admitted: Window,
    day: i64,
    today: u64,
}

impl Limiter {
    /// A limiter with the given limits.
    pub(super) fn new(settings: Limits) -> Limiter {
        Limiter { settings, ..Limiter::default() }
    }

    /// Counts a request; the answer that refuses it, when it is one too many.
    pub(super) fn admit(&mut self, operation: Operation, now_ms: i64) -> Option<Answer> {
        let search = operation == Operation::Search;
        self.requests.count(operation);
        self.arrived.at_ms.push_back(now_ms);
        let dense = self.arrived.trim(now_ms, 10_000);
        self.requests.most_in_10_secs = self.requests.most_in_10_secs.max(dense);
        if search {
            self.searches_arrived.at_ms.push_back(now_ms);
            let dense = self.searches_arrived.trim(now_ms, 1000);
            self.requests.most_searches_in_1_sec = self.requests.most_searches_in_1_sec.max(dense);
        }
        let day = now_ms.div_euclid(86_400_000);
        if day != self.day {
            (self.day, self.today) = (day, 0);
        }
        let refused = if self.settings.enforce { self.exceeded(search, now_ms) } else { None };
        if let Some(policy) = refused {
            self.requests.refused_429 += 1;
            let mut answer = refusal(policy.name());
            if self.settings.retry_after {
                answer.headers.push(("Retry-After", policy.wait_secs(now_ms).to_string()));
            }
            return Some(answer);
        }
        self.today += 1;
        self.admitted.at_ms.push_back(now_ms);
        self.admitted.trim(now_ms, 10_000);
        if search {
            self.searches_admitted.at_ms.push_back(now_ms);
            self.searches_admitted.trim(now_ms, 1000);
        }
        None
    }

    fn exceeded(&mut self, search: bool, now_ms: i64) -> Option<Policy> {
        if self.today >= self.settings.daily {
            return Some(Policy::Daily);
        }
        if self.admitted.trim(now_ms, 10_000) >= self.settings.per_10_secs {
            return Some(Policy::TenSecondly);
        }
        let searches = self.searches_admitted.trim(now_ms, 1000);
        (search && searches >= self.settings.search_per_sec).then_some(Policy::Secondly)
    }

    /// The headers that tell the limits; searches never carry them.
    pub(super) fn headers(&self, operation: Option<Operation>) -> Vec<(&'static str, String)> {
        let settings = &self.settings;
        if settings.headers == Some(false) || operation == Some(Operation::Search) {
            return Vec::new();
        }
        let least = usize::from(settings.headers.is_none() && !settings.enforce);
        let left = settings.per_10_secs.saturating_sub(self.admitted.at_ms.len()).max(least);
        let left_today = settings.daily.saturating_sub(self.today).max(least as u64);
        vec![
            ("X-HubSpot-RateLimit-Max", settings.per_10_secs.to_string()),
            ("X-HubSpot-RateLimit-Remaining", left.to_string()),
            ("X-HubSpot-RateLimit-Interval-Milliseconds", "10000".to_owned()),
            ("X-HubSpot-RateLimit-Daily", settings.daily.to_string()),
            ("X-HubSpot-RateLimit-Daily-Remaining", left_today.to_string()),
        ]
    }
}
