//! The quotas of Search Console: requests in a minute, and what queries cost in ten minutes.

use super::limits::Limits;
use super::refusals::{quota_exceeded, rate_limited};
use super::wire::Answer;

const CHUNK_SECS: i64 = 600;

/// Counts the requests of a minute and the load of ten.
#[derive(Debug, Default)]
pub(super) struct SearchLimiter {
    minute: i64,
    requests: u64,
    chunk: i64,
    load: u64,
}

impl SearchLimiter {
    /// The answer that refuses a request, when it is one too many.
    pub(super) fn refusal(&mut self, limits: &Limits, now_secs: i64) -> Option<Answer> {
        let (minute, chunk) = (now_secs.div_euclid(60), now_secs.div_euclid(CHUNK_SECS));
        if self.minute != minute {
            (self.minute, self.requests) = (minute, 0);
        }
        if self.chunk != chunk {
            (self.chunk, self.load) = (chunk, 0);
        }
        if !limits.enforce {
            return None;
        }
        if limits.search_load > 0 && self.load >= limits.search_load {
            return Some(quota_exceeded());
        }
        if self.requests >= limits.search_per_minute {
            return Some(rate_limited(429));
        }
        self.requests += 1;
        None
    }

    /// Uses up what a query cost.
    pub(super) fn charge(&mut self, load: u64) {
        self.load += load;
    }
}
