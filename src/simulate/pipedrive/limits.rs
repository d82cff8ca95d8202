//! The vendor's limits, on requests in two seconds and on tokens in a day, and the counters that tests
//! read.

use std::collections::VecDeque;

use serde::Deserialize;

use super::refusals::{page, too_many};
use super::route::Operation;
use super::wire::Answer;

/// The table `[limits]` of a faults file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Limits {
    /// Requests in any two seconds.
    pub(super) burst: usize,
    /// Tokens of the whole company in a day.
    pub(super) daily: u64,
    /// Of these, what others have used on the first day.
    pub(super) used: u64,
    /// Whether requests beyond that are refused.
    pub(super) enforce: bool,
    /// Whether answers tell the burst limit, and the daily one where that is told.
    pub(super) headers: bool,
    /// Whether answers tell the daily limit, which the vendor has not documented.
    pub(super) daily_headers: bool,
    /// Rows on a page, at most.
    pub(super) page_rows: usize,
    /// So many refusals in a row, each answered by the next request at once, and the edge blocks.
    pub(super) block_after: u32,
    /// For so long.
    pub(super) block_secs: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            burst: 20,
            daily: 30_000,
            used: 0,
            enforce: true,
            headers: true,
            daily_headers: true,
            page_rows: 500,
            block_after: 20,
            block_secs: 60,
        }
    }
}

/// How often what has been asked for, and how densely.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Requests {
    /// All requests that reached an operation, the refused among them.
    pub total: u64,
    /// Pages of lists.
    pub lists: u64,
    /// Pages of what happened to one deal, as change log or flow.
    pub changelog: u64,
    /// Creations, changes and deletions of records.
    pub writes: u64,
    /// Requests refused by a limit or the edge; those of a fault are not among them.
    pub refused: u64,
    /// The tokens that were spent.
    pub tokens: u64,
    /// The most requests that came in any two seconds of the account's time, the refused included.
    pub most_in_2_secs: usize,
}

impl Requests {
    fn count(&mut self, operation: Operation) {
        self.total += 1;
        match operation {
            Operation::Changelog | Operation::Flow => self.changelog += 1,
            Operation::Write => self.writes += 1,
            Operation::Get => {}
            _ => self.lists += 1,
        }
    }
}

const WINDOW_MS: i64 = 2000;
const DAY_MS: i64 = 86_400_000;

/// Counts requests and tokens, and refuses what is beyond a limit.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    pub(super) settings: Limits,
    pub(super) requests: Requests,
    arrived: VecDeque<i64>,
    admitted: VecDeque<i64>,
    day: Option<i64>,
    today: u64,
    /// Refusals without an admission between them, and the time of the last.
    ignored: u32,
    refused_ms: i64,
    blocked_until_ms: i64,
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

    /// Counts a request; the answer that refuses it, when it is one too many.
    pub(super) fn admit(&mut self, operation: Operation, cost: u64, now_ms: i64) -> Option<Answer> {
        self.requests.count(operation);
        self.arrived.push_back(now_ms);
        let dense = trim(&mut self.arrived, now_ms);
        self.requests.most_in_2_secs = self.requests.most_in_2_secs.max(dense);
        let day = now_ms.div_euclid(DAY_MS);
        if self.day != Some(day) {
            self.today = if self.day.is_none() { self.settings.used } else { 0 };
            self.day = Some(day);
        }
        let refused = if self.settings.enforce { self.refusal(cost, now_ms) } else { None };
        if refused.is_some() {
            self.requests.refused += 1;
            return refused;
        }
        self.ignored = 0;
        self.today += cost;
        self.requests.tokens += cost;
        self.admitted.push_back(now_ms);
        None
    }

    fn refusal(&mut self, cost: u64, now_ms: i64) -> Option<Answer> {
        if now_ms < self.blocked_until_ms {
            return Some(page(403));
        }
        let burst = trim(&mut self.admitted, now_ms) >= self.settings.burst;
        if self.today + cost > self.settings.daily {
            // What is left is of no use to this request, and the vendor tells that nothing is left.
            self.today = self.settings.daily;
        } else if !burst {
            return None;
        }
        // Who waits for the end of the window has not ignored the refusal.
        let at_once = now_ms < self.refused_ms + WINDOW_MS;
        self.ignored = if at_once { self.ignored + 1 } else { 0 };
        self.refused_ms = now_ms;
        if self.ignored >= self.settings.block_after {
            self.ignored = 0;
            self.blocked_until_ms = now_ms + self.settings.block_secs * 1000;
            return Some(page(403));
        }
        Some(too_many())
    }

    /// The headers that tell the limits.
    pub(super) fn headers(&mut self, now_ms: i64) -> Vec<(&'static str, String)> {
        if !self.settings.headers {
            return Vec::new();
        }
        let held = trim(&mut self.admitted, now_ms);
        let left = self.settings.burst.saturating_sub(held);
        let first = self.admitted.front().map_or(WINDOW_MS, |at| at + WINDOW_MS - now_ms);
        let reset = (first + 999).div_euclid(1000);
        let mut headers = vec![
            ("x-ratelimit-limit", self.settings.burst.to_string()),
            ("x-ratelimit-remaining", left.to_string()),
            ("x-ratelimit-reset", reset.to_string()),
        ];
        if self.settings.daily_headers {
            let left = self.settings.daily.saturating_sub(self.today);
            headers.push(("x-daily-ratelimit-token-limit", self.settings.daily.to_string()));
            headers.push(("x-daily-ratelimit-token-remaining", left.to_string()));
        }
        headers
    }
}
