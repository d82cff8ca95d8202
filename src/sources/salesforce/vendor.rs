//! What Salesforce's statuses and headers mean.
//!
//! Sources: "Status Codes and Error Responses" and "API Request Limits and Allocations" of
//! developer.salesforce.com; 406 and 420 were seen from its edge by others (Airbyte, `rate_limiting.py`).

use std::time::Duration;

use reqwest::header::HeaderMap;

use super::wire::Refusal;
use crate::sources::http::{Answer, Meaning, Quota, Vendor};

/// Errors that the one who asked deals with.
const ANSWERED: [&str; 12] = [
    "INVALID_QUERY_LOCATOR",
    "QUERY_TIMEOUT",
    "INVALID_TYPE",
    "INVALID_FIELD",
    "NOT_FOUND",
    "INSUFFICIENT_ACCESS",
    "API_DISABLED_FOR_ORG",
    "FEATURENOTENABLED",
    "INVALIDENTITY",
    "EXCEEDEDQUOTA",
    "LIMIT_EXCEEDED",
    "INVALIDJOB",
];

/// Salesforce.
pub struct SalesforceVendor;

impl Vendor for SalesforceVendor {
    fn meaning(&self, answer: &Answer) -> Meaning {
        let refusal = Refusal::of(&answer.body);
        let why = match &refusal {
            Some(refusal) => format!("HTTP {} {}: {}", answer.status, refusal.code, refusal.words),
            None => format!("HTTP {}", answer.status),
        };
        let code = refusal.map(|refusal| refusal.code).unwrap_or_default();
        match (answer.status, code.as_str()) {
            (_, "REQUEST_LIMIT_EXCEEDED") => {
                Meaning::Later { why: "the company's requests of the day are spent".into() }
            }
            (401, _) => Meaning::Unauthorised { why },
            (404 | 410, "UNSUPPORTED_API_VERSION") => version_gone(why),
            (410, _) => version_gone(why),
            (400 | 403 | 404 | 500, known) if ANSWERED.contains(&known) => Meaning::Usable,
            (403, _) => Meaning::Refused {
                why,
                mend: "look whether the integration user has \"API Enabled\" and \"View All Data\", and \
                       whether a proxy answers"
                    .into(),
            },
            // The edge says "we are setting things up" with 406 and 420.
            (406 | 420, _) => Meaning::Again { wait_ms: None, why },
            _ => answer.usual_meaning(why, "the address of My Domain"),
        }
    }

    /// It ends questions that take two minutes by `QUERY_TIMEOUT`, which is to be heard.
    fn answers_within(&self) -> Duration {
        Duration::from_secs(150)
    }

    fn quota(&self, headers: &HeaderMap) -> Quota {
        let usage = || {
            let text = headers.get("sforce-limit-info")?.to_str().ok()?;
            let (used, most) = text.split("api-usage=").nth(1)?.split_once('/')?;
            let most: String = most.chars().take_while(char::is_ascii_digit).collect();
            Some((used.trim().parse::<u64>().ok()?, most.parse::<u64>().ok()?))
        };
        // Paid editions may go over the limit for a while, and say so by a refusal; nothing is taken as spent
        // from the header alone.
        Quota { daily: usage().map(|(_, most)| most), ..Quota::default() }
    }
}

fn version_gone(why: String) -> Meaning {
    Meaning::Refused { why, mend: "set `api_version` to one that is still supported".into() }
}
