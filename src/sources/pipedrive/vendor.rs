//! What Pipedrive's statuses and headers mean.
//!
//! Sources: "Rate limiting" of pipedrive.readme.io. Two budgets count: requests in two seconds, for each token;
//! and tokens in a day, for the whole company, which come back at midnight of the server.

use reqwest::header::{CONTENT_TYPE, HeaderMap};

use crate::sources::http::{Answer, Meaning, Quota, Rate, Vendor, WAIT_MS_MAX, retry_after_ms};

/// The window of the burst limit.
const BURST_MS: i64 = 2_000;

/// Pipedrive.
pub struct PipedriveVendor;

impl Vendor for PipedriveVendor {
    fn meaning(&self, answer: &Answer) -> Meaning {
        let why = match answer.words("error") {
            Some(words) => format!("HTTP {}: {words}", answer.status),
            None => format!("HTTP {}", answer.status),
        };
        match answer.status {
            401 => Meaning::Unauthorised { why: "the token was refused (HTTP 401)".into() },
            402 => Meaning::Refused {
                why,
                mend: "the account is closed or unpaid; ask its owner".into(),
            },
            403 if is_html(answer) => Meaning::Later {
                // Cloudflare answers so for a while when limits were not kept, by whomever.
                why: "HTTP 403 with a page of HTML: requests from here are blocked for a while"
                    .into(),
            },
            403 => Meaning::Refused {
                why,
                mend: "use the token of an administrator: others see a part of the records only"
                    .into(),
            },
            429 => limited(answer),
            _ => answer.usual_meaning(why, "the API's own address"),
        }
    }

    fn quota(&self, headers: &HeaderMap) -> Quota {
        let rate = number(headers, "x-ratelimit-limit")
            .and_then(|count| usize::try_from(count).ok())
            .map(|count| Rate { count, window_ms: BURST_MS });
        Quota {
            rate,
            remaining: None,
            daily_remaining: number(headers, DAILY_REMAINING),
            daily: number(headers, "x-daily-ratelimit-token-limit"),
        }
    }
}

/// It is in no document, and was seen on answers.
const DAILY_REMAINING: &str = "x-daily-ratelimit-token-remaining";

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

fn is_html(answer: &Answer) -> bool {
    let kind = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
        || answer.body.trim_ascii_start().starts_with(b"<")
}

/// A day's budget that is spent does not come back by waiting; a burst's does.
fn limited(answer: &Answer) -> Meaning {
    let spent = "today's budget of the company is spent (HTTP 429)";
    let reset_ms = number(&answer.headers, "x-ratelimit-reset")
        .and_then(|secs| i64::try_from(secs).ok())
        .map(|secs| secs.saturating_mul(1_000));
    let wait_ms = retry_after_ms(&answer.headers).or(reset_ms).unwrap_or(BURST_MS);
    // Whole seconds of a window of two may be none.
    let wait_ms = wait_ms.max(BURST_MS / 2);
    let daily = number(&answer.headers, DAILY_REMAINING) == Some(0)
        || answer.words("error").is_some_and(|words| words.to_lowercase().contains("daily"));
    if daily || wait_ms > WAIT_MS_MAX {
        return Meaning::Later { why: spent.into() };
    }
    Meaning::Again { wait_ms: Some(wait_ms), why: "HTTP 429".into() }
}
