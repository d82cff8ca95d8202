//! What Google's two sources share: the service account, and what its answers mean.
//!
//! Sources: "Using OAuth 2.0 for Server to Server Applications" and the error model of Google's APIs
//! (`google.rpc.Status`); "Quotas" of the Data API; "Usage limits" of the Search Console API.

pub mod analytics;
mod cursor;
mod report;
pub mod search;

use reqwest::header::CONTENT_TYPE;
use serde_json::Value;

use super::http::{
    Answer, Api, Auth, Environment, Grant, Meaning, Proof, Rate, Vendor, WAIT_MS_MAX,
    retry_after_ms,
};
use super::{Complete, SourceError};
use crate::config::google::Account;
use crate::config::secret::Secret;

/// Where a token is asked for when the key file does not say.
const TOKEN_URL: &str = "https://oauth2.googleapis.com/token";
/// Both APIs count their quotas by the minute and longer; this spreads what is asked.
const USUAL_RATE: Rate = Rate { count: 5, window_ms: 1_000 };
/// The Data API allows ten server errors in an hour and refuses everything then, so few tries are made.
const TRIES_MAX: u32 = 3;

/// An API of Google at this address, for a service account that may do what `scope` says.
fn api(
    account: &Account,
    (scope, limited): (&'static str, &str),
    environment: &Environment,
    place: &str,
) -> Result<Api, SourceError> {
    let wrong = |message: String| {
        SourceError::At {
        place: place.to_owned(),
        message: format!("the service account's key: {message}"),
        mend: "make `key` point to the JSON file that Google gave with the key, readable for the daemon's user"
            .into(),
    }
    };
    let text = account.key.reveal().map_err(|error| wrong(error.to_string()))?;
    let key: Value = serde_json::from_str(&text)
        .map_err(|_| wrong(format!("{}: this is no JSON", account.key.place)))?;
    let field = |name: &str| {
        let value = key.get(name).and_then(Value::as_str).map(str::to_owned);
        value.ok_or_else(|| wrong(format!("{}: it has no `{name}`", account.key.place)))
    };
    let given = |text: String| Secret::given(text, account.key.place.clone());
    let url = field("token_uri").unwrap_or_else(|_| TOKEN_URL.into());
    let proof = Proof::Assertion {
        username: None,
        scope: Some(scope),
        audience: url.clone(),
        private_key: given(field("private_key")?),
    };
    let client_id = given(field("client_email")?);
    let auth = Auth::Grant(Grant { url, client_id, proof, secrets_key: "key" });
    let rate = Rate::of(account.rate_limit, USUAL_RATE);
    Api::new(
        &account.base_url,
        Box::new(Google { property: limited.to_owned() }),
        auth,
        (rate, None),
        environment,
        place,
    )
}

/// A pass; the log says how many requests it took.
async fn counted(
    name: &str,
    api: &Api,
    pass: impl Future<Output = Result<Complete, SourceError>>,
) -> Result<Complete, SourceError> {
    let before = api.requests();
    let result = pass.await;
    let requests = api.requests() - before;
    tracing::info!(source = name, requests, "source {name}: {requests} requests were sent");
    result
}

/// Google: the Data API's limits are a property's.
struct Google {
    property: String,
}

impl Vendor for Google {
    fn meaning(&self, answer: &Answer) -> Meaning {
        let error = Error::of(&answer.body);
        let why = format!("HTTP {}{}", answer.status, error.words());
        let again = |why| Meaning::Again {
            wait_ms: retry_after_ms(&answer.headers).filter(|wait_ms| *wait_ms <= WAIT_MS_MAX),
            why,
        };
        match answer.status {
            200..=299 if !is_html(answer) => Meaning::Usable,
            401 => Meaning::Unauthorised { why },
            403 if error.is_soon_over() => again(why),
            429 if !error.is_spent() => again(why),
            403 | 429 if error.is_spent() => Meaning::Later { why },
            403 => Meaning::Refused { why, mend: error.mend().into() },
            200..=299 => again(why),
            // What the API knows and does not have is told as JSON; an address that it does not know is a page.
            404 if !error.is_told => Meaning::Refused {
                why: format!("{why}: this address is not known"),
                mend: "look whether `base_url` is right; where this worked before, this version of the API was \
                       switched off: install a newer paceline"
                    .into(),
            },
            _ => answer.usual_meaning(why, "the API's own address"),
        }
    }

    fn limited(&self) -> &str {
        &self.property
    }

    fn tries_max(&self) -> u32 {
        TRIES_MAX
    }
}

/// A page of HTML where an answer was expected is a proxy's.
fn is_html(answer: &Answer) -> bool {
    let kind = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}

/// An error as Google tells it.
#[derive(Default)]
struct Error {
    /// Whether there is one.
    is_told: bool,
    /// Its name: `PERMISSION_DENIED`.
    status: String,
    message: String,
    /// The reasons of its details, old and new form.
    reasons: Vec<String>,
}

impl Error {
    fn of(body: &[u8]) -> Error {
        // What is large is no error.
        if body.len() > 64 * 1024 {
            return Error::default();
        }
        let value: Value = serde_json::from_slice(body).unwrap_or_default();
        let error = value.get("error").unwrap_or(&Value::Null);
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let text = |name: &str| {
            let text = error.get(name).and_then(Value::as_str).unwrap_or_default();
            text.chars().take(200).map(plain).collect::<String>()
        };
        let lists =
            ["errors", "details"].into_iter().filter_map(|name| error.get(name)?.as_array());
        let reasons = lists.flatten().filter_map(|one| one.get("reason")?.as_str());
        let reasons = reasons.map(str::to_owned).collect();
        let is_told = error.is_object();
        Error { is_told, status: text("status"), message: text("message"), reasons }
    }

    fn words(&self) -> String {
        let parts = [self.status.as_str(), self.message.as_str()];
        let told: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        if told.is_empty() { String::new() } else { format!(" {}", told.join(": ")) }
    }

    fn has(&self, reasons: &[&str]) -> bool {
        self.reasons.iter().any(|own| reasons.contains(&own.as_str()))
    }

    /// Too quick, or too many at once: a short wait helps.
    fn is_soon_over(&self) -> bool {
        self.has(&["rateLimitExceeded", "userRateLimitExceeded"])
    }

    /// A quota of an hour or a day, or one that the vendor asks to wait a quarter of an hour for.
    fn is_spent(&self) -> bool {
        let message = self.message.to_lowercase();
        let long = ["per day", "daily", "per hour", "tokens", "hourly", "quota exceeded"];
        self.has(&["quotaExceeded", "dailyLimitExceeded"])
            || long.iter().any(|word| message.contains(word))
    }

    /// What to change where something is refused.
    fn mend(&self) -> &'static str {
        if self.has(&["SERVICE_DISABLED", "accessNotConfigured"]) {
            "switch the API on in the service account's Google Cloud project"
        } else if self.has(&["ACCESS_TOKEN_SCOPE_INSUFFICIENT"]) {
            "the token's scope was refused: look whether the organisation restricts service accounts"
        } else {
            "add the service account's e-mail address as a viewer of the property"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::HeaderMap;

    fn meaning(status: u16, body: &str) -> Meaning {
        let answer = Answer { status, headers: HeaderMap::new(), body: body.as_bytes().to_vec() };
        Google { property: String::new() }.meaning(&answer)
    }

    #[test]
    fn a_quota_of_a_day_is_not_waited_for_and_one_of_the_moment_is() {
        let told = |message: &str| {
            format!(
                r#"{{"error":{{"code":429,"message":"{message}","status":"RESOURCE_EXHAUSTED"}}}}"#
            )
        };
        let day =
            told("Exhausted property tokens per day. These quota tokens will return in 5 hours.");
        assert!(matches!(meaning(429, &day), Meaning::Later { .. }));
        let moment = told("Exhausted concurrent requests quota.");
        assert!(matches!(meaning(429, &moment), Meaning::Again { .. }));
        let old =
            r#"{"error":{"code":403,"message":"x","errors":[{"reason":"rateLimitExceeded"}]}}"#;
        assert!(matches!(meaning(403, old), Meaning::Again { .. }));
        let old = old.replace("rateLimitExceeded", "quotaExceeded");
        assert!(matches!(meaning(403, &old), Meaning::Later { .. }));
    }

    #[test]
    fn what_is_not_there_is_told_as_json_and_an_address_that_nobody_knows_is_a_page() {
        let old = r#"{"error":{"code":404,"message":"x","errors":[{"reason":"notFound"}]}}"#;
        assert_eq!(meaning(404, old), Meaning::Gone);
        let new = r#"{"error":{"code":404,"message":"x","status":"NOT_FOUND"}}"#;
        assert_eq!(meaning(404, new), Meaning::Gone);
        let Meaning::Refused { why, mend } = meaning(404, "<html>") else { panic!("not refused") };
        assert!(why.contains("not known") && mend.contains("newer paceline"), "{why} {mend}");
    }

    #[test]
    fn a_refusal_names_what_to_switch_on() {
        let body = r#"{"error":{"code":403,"message":"x","status":"PERMISSION_DENIED",
            "details":[{"reason":"SERVICE_DISABLED"}]}}"#;
        let Meaning::Refused { mend, why } = meaning(403, body) else { panic!("not refused") };
        assert!(mend.contains("switch the API on"), "{mend}");
        assert_eq!(why, "HTTP 403 PERMISSION_DENIED: x");
        let other = body.replace("SERVICE_DISABLED", "x");
        let Meaning::Refused { mend, .. } = meaning(403, &other) else { panic!("not refused") };
        assert!(mend.contains("viewer of the property"), "{mend}");
    }
}
