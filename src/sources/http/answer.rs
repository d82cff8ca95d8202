//! An answer, and what can go wrong before there is one.

use std::time::Duration;

use jiff::Timestamp;
use reqwest::Response;
use reqwest::header::{CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};

use super::{Quota, TRIES_MAX, WAIT_MS_MAX};
use crate::net;

/// Characters of an answer's text that a message may show.
const SHOWN_CHARS_MAX: usize = 160;

/// A whole answer.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    /// What kind of answer it is, without its content: that may be anything.
    pub fn described(&self) -> String {
        let kind = self.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        format!(
            "HTTP {} with {} bytes of {}, which is not what was asked for",
            self.status,
            self.body.len(),
            kind.unwrap_or("no stated type")
        )
    }

    /// What its status means where the vendor says nothing else; `address` is what `base_url` is to be.
    pub fn usual_meaning(&self, why: String, address: &str) -> Meaning {
        match self.status {
            200..=299 => Meaning::Usable,
            404 => Meaning::Gone,
            408 | 429 | 500..=599 => {
                let wait_ms = retry_after_ms(&self.headers).filter(|ms| *ms <= WAIT_MS_MAX);
                Meaning::Again { wait_ms, why }
            }
            410 => Meaning::Refused {
                why: format!("{why}: the vendor has switched this off"),
                mend: "install a newer paceline, which asks otherwise".into(),
            },
            300..=399 => Meaning::Refused {
                why: format!("HTTP {} sends us elsewhere, and we do not follow", self.status),
                mend: format!("set `base_url` to {address}"),
            },
            _ => Meaning::Refused {
                why,
                mend: "look at the message; `paceline check` asks for each kind of record once"
                    .into(),
            },
        }
    }

    /// The vendor's own words in a field of a JSON object, short and without control characters.
    pub fn words(&self, field: &str) -> Option<String> {
        let value: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        let text = value.get(field)?.as_str()?;
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        Some(text.chars().take(SHOWN_CHARS_MAX).map(plain).collect())
    }
}

/// What an answer means for the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It can be read.
    Usable,
    /// The same request may succeed after a wait; the usual one where the vendor names none.
    Again {
        /// How long.
        wait_ms: Option<i64>,
        /// Why.
        why: String,
    },
    /// It will not succeed in this run.
    Later {
        /// Why.
        why: String,
    },
    /// The secret was refused.
    Unauthorised {
        /// Why.
        why: String,
    },
    /// It will not succeed until somebody changes something.
    Refused {
        /// Why.
        why: String,
        /// What to change.
        mend: String,
    },
    /// What was asked for does not exist.
    Gone,
}

/// How a vendor speaks HTTP.
pub trait Vendor: Send + Sync {
    /// What an answer means.
    fn meaning(&self, answer: &Answer) -> Meaning;

    /// What an answer's headers say about limits.
    fn quota(&self, _headers: &HeaderMap) -> Quota {
        Quota::default()
    }

    /// Whose limits they are, where not all of a credential's requests count against the same ones.
    fn limited(&self) -> &str {
        ""
    }

    /// How long an answer may take.
    fn answers_within(&self) -> Duration {
        Duration::from_secs(30)
    }

    /// How often one request is tried where the vendor asks for another try.
    fn tries_max(&self) -> u32 {
        TRIES_MAX
    }
}

/// The wait that an answer asks for, in its `Retry-After`.
pub fn retry_after_ms(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?;
    let secs: f64 = text.trim().parse().ok()?;
    (secs >= 0.0).then_some((secs.min(86_400.0) * 1_000.0).ceil() as i64)
}

/// The vendor's time, as its answer tells it.
pub(super) fn date(headers: &HeaderMap) -> Option<Timestamp> {
    let text = headers.get(DATE)?.to_str().ok()?;
    jiff::fmt::rfc2822::parse(text).ok().map(|at| at.timestamp())
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("no answer in time")]
    Slow,
    #[error("{0}")]
    Broken(String),
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    #[error("{0}")]
    NoSecret(String),
    #[error("{0}")]
    NoToken(String),
    #[error("the day's budget is spent")]
    DaySpent,
}

impl Trouble {
    pub fn of(error: reqwest::Error) -> Trouble {
        if error.is_timeout() { Trouble::Slow } else { Trouble::Broken(net::cause(error)) }
    }

    /// What takes long is tried less often.
    pub fn tries_max(&self, usual: u32, slow: u32) -> u32 {
        match self {
            Trouble::Slow | Trouble::TooLarge(_) => slow,
            _ => usual,
        }
    }
}

/// Reads a body up to its end; one that is cut short, endless or too slow is trouble.
pub(super) async fn read_body(
    mut response: Response,
    bytes_max: usize,
) -> Result<Vec<u8>, Trouble> {
    let declared = response.content_length().unwrap_or(0);
    let mut body = Vec::with_capacity(usize::try_from(declared).unwrap_or(0).min(1 << 20));
    while let Some(chunk) = response.chunk().await.map_err(Trouble::of)? {
        if body.len() + chunk.len() > bytes_max {
            return Err(Trouble::TooLarge(bytes_max));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}
