//! What Marketo's answers mean: errors come with HTTP 200 and a code that is a text.
//!
//! Source: "Error codes" of the Marketo developer guide (AdobeDocs/marketo-developer.en, `error-codes.md`).

use serde_json::Value;

use crate::sources::http::{Answer, Meaning, Vendor};

/// "The limit is 100 calls in 20 seconds."
const WINDOW_MS: i64 = 20_000;
/// How long others may hold the ten places for calls at one time.
const CROWDED_MS: i64 = 2_000;
/// Errors that the one who asked deals with: no data, bad values, too many jobs, filters not provided.
const ANSWERED: [&str; 6] = ["702", "1001", "1003", "1006", "1029", "1035"];

/// Marketo.
pub struct MarketoVendor;

/// An error as Marketo tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The number, as text.
    pub code: String,
    /// What it says.
    pub message: String,
}

impl Failure {
    /// The first error of an answer that says it is none.
    pub fn of(value: &Value) -> Option<Failure> {
        if value.get("success").and_then(Value::as_bool) != Some(false) {
            return None;
        }
        let error = value.get("errors").and_then(|errors| errors.get(0)).unwrap_or(&Value::Null);
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let text = |name: &str| match error.get(name) {
            Some(Value::String(text)) => text.chars().take(200).map(plain).collect(),
            Some(Value::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        Some(Failure { code: text("code"), message: text("message") })
    }

    /// As [`Failure::of`], for a body. Looking for the word spares reading each answer twice.
    fn in_body(body: &[u8]) -> Option<Failure> {
        let begins = body.trim_ascii_start().first() == Some(&b'{');
        let says_no = |body: &[u8]| {
            body.windows(9).enumerate().any(|(at, word)| {
                let rest = || body[at + 9..].iter().find(|b| !b" \t\r\n:".contains(b));
                word == b"\"success\"" && rest() == Some(&b'f')
            })
        };
        if !begins || !says_no(body) {
            return None;
        }
        Failure::of(&serde_json::from_slice(body).ok()?)
    }
}

impl Vendor for MarketoVendor {
    fn meaning(&self, answer: &Answer) -> Meaning {
        match answer.status {
            200..=299 => match Failure::in_body(&answer.body) {
                Some(failure) => of_failure(&failure),
                None => Meaning::Usable,
            },
            401 => Meaning::Unauthorised { why: "the token was refused (HTTP 401)".into() },
            status => answer.usual_meaning(
                format!("HTTP {status}"),
                "the REST address that Admin > Web Services shows",
            ),
        }
    }
}

fn of_failure(failure: &Failure) -> Meaning {
    let Failure { code, message } = failure;
    let why = format!("error {code}: {message}");
    match code.as_str() {
        known if ANSWERED.contains(&known) => Meaning::Usable,
        "600" | "601" | "602" => Meaning::Unauthorised { why },
        "603" => Meaning::Refused {
            why,
            mend: "give the API user's role the permissions that docs name (leads, activities and assets, \
                   read-only), and let this server's address through the allow-list for API access"
                .into(),
        },
        "606" => Meaning::Again { wait_ms: Some(WINDOW_MS), why },
        "615" => Meaning::Again { wait_ms: Some(CROWDED_MS), why },
        "607" => Meaning::Later { why: "the instance's calls of the day are spent (error 607)".into() },
        "502" | "604" | "608" | "611" | "614" | "713" => Meaning::Again { wait_ms: None, why },
        "610" => Meaning::Gone,
        _ => Meaning::Refused {
            why,
            mend: "look at the message; `paceline check` asks one question of each kind".into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderMap;

    fn meaning(body: &str) -> Meaning {
        let (headers, body) = (HeaderMap::new(), body.as_bytes().to_vec());
        MarketoVendor.meaning(&Answer { status: 200, headers, body })
    }

    fn error(code: &str) -> Meaning {
        meaning(&format!(
            r#"{{"requestId":"a","success" : false,"errors":[{{"code":"{code}","message":"m"}}]}}"#
        ))
    }

    #[test]
    fn errors_come_with_the_status_of_success() {
        assert!(matches!(error("602"), Meaning::Unauthorised { .. }));
        assert_eq!(
            error("606"),
            Meaning::Again { wait_ms: Some(20_000), why: "error 606: m".into() }
        );
        assert!(matches!(error("607"), Meaning::Later { .. }));
        assert!(matches!(error("603"), Meaning::Refused { .. }));
        assert!(matches!(error("611"), Meaning::Again { .. }));
        assert_eq!(error("1035"), Meaning::Usable);
        assert_eq!(error("610"), Meaning::Gone);
    }

    #[test]
    fn an_answer_that_is_none_is_usable_and_so_is_a_file() {
        assert_eq!(meaning(r#"{"success":true,"errors":[],"result":[]}"#), Meaning::Usable);
        assert_eq!(meaning("id,company\n1,\"\"\"success\"\":false\"\n"), Meaning::Usable);
    }
}
