//! What HubSpot's statuses and headers mean.
//!
//! Sources: "Error handling" and "API usage guidelines" of developers.hubspot.com; `Retry-After` is
//! documented for 477 only and seen on some 429s, so it is honoured and never required.

use reqwest::header::HeaderMap;

use crate::sources::http::{Answer, Meaning, Quota, Rate, Vendor, WAIT_MS_MAX, retry_after_ms};

/// The wait after "You have reached your secondly limit.".
const SECONDLY_WAIT_MS: i64 = 1_000;
/// The wait after "You have reached your ten_secondly_rolling limit.".
const TEN_SECONDLY_WAIT_MS: i64 = 10_000;
/// A locked resource is free again after two seconds at the earliest.
const LOCKED_WAIT_MS: i64 = 2_000;

/// HubSpot.
pub struct HubSpotVendor;

impl Vendor for HubSpotVendor {
    fn meaning(&self, answer: &Answer) -> Meaning {
        let words = || match answer.words("message") {
            Some(message) => format!("HTTP {}: {message}", answer.status),
            None => format!("HTTP {}", answer.status),
        };
        match answer.status {
            401 => Meaning::Unauthorised { why: "the token was refused (HTTP 401)".into() },
            // A malformed token was seen to give 530 instead of 401.
            530 => Meaning::Unauthorised { why: "the token was refused (HTTP 530)".into() },
            403 => forbidden(answer),
            423 => Meaning::Again { wait_ms: Some(LOCKED_WAIT_MS), why: words() },
            429 => limited(answer),
            477 => match retry_after_ms(&answer.headers) {
                Some(wait_ms) if wait_ms > WAIT_MS_MAX => Meaning::Later {
                    why: format!("the account is being moved; it asks for {} s", wait_ms / 1_000),
                },
                wait_ms => Meaning::Again { wait_ms, why: "the account is being moved".into() },
            },
            _ => answer.usual_meaning(words(), "the API's own address"),
        }
    }

    fn quota(&self, headers: &HeaderMap) -> Quota {
        let number =
            |name: &str| -> Option<u64> { headers.get(name)?.to_str().ok()?.trim().parse().ok() };
        let rate = || {
            let count = usize::try_from(number("x-hubspot-ratelimit-max")?).ok()?;
            let window_ms =
                i64::try_from(number("x-hubspot-ratelimit-interval-milliseconds")?).ok()?;
            Some(Rate { count, window_ms })
        };
        Quota {
            rate: rate(),
            remaining: number("x-hubspot-ratelimit-remaining"),
            daily_remaining: number("x-hubspot-ratelimit-daily-remaining"),
            daily: None,
        }
    }
}

/// 403 is a missing scope, a proxy's page, or an account that may not use the API.
fn forbidden(answer: &Answer) -> Meaning {
    let message = answer.words("message").unwrap_or_else(|| "no reason given".into());
    let missing = answer.words("category").is_some_and(|category| category == "MISSING_SCOPES")
        || message.contains("scope");
    if missing {
        return Meaning::Refused {
            why: format!("the token lacks a scope (HTTP 403: {message})"),
            mend: "give the key or the app the scope, in HubSpot's settings under Integrations"
                .into(),
        };
    }
    Meaning::Refused {
        why: format!("HTTP 403: {message}"),
        mend: "look whether the token's account may use the API, and whether a proxy answers"
            .into(),
    }
}

fn limited(answer: &Answer) -> Meaning {
    let policy = answer.words("policyName").unwrap_or_default();
    let asked_ms = retry_after_ms(&answer.headers);
    if policy == "DAILY" {
        return Meaning::Later { why: "today's quota of requests is spent (HTTP 429)".into() };
    }
    if let Some(wait_ms) = asked_ms.filter(|wait_ms| *wait_ms > WAIT_MS_MAX) {
        let secs = wait_ms / 1_000;
        return Meaning::Later { why: format!("HTTP 429 asks for a wait of {secs} s") };
    }
    let usual_ms = if policy == "SECONDLY" { SECONDLY_WAIT_MS } else { TEN_SECONDLY_WAIT_MS };
    Meaning::Again {
        wait_ms: Some(asked_ms.unwrap_or(usual_ms)),
        why: format!("HTTP 429 {policy}").trim_end().to_owned(),
    }
}
