//! What the sinks need of HTTP: what a failure means, and how much of an answer is read.

use std::path::Path;
use std::time::Duration;

use reqwest::{Client, Response, StatusCode, header::RETRY_AFTER};

use super::Delivery;
use crate::net;

/// How long a whole exchange may take.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(30);
/// More of an answer than this is not read.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// What is shown of an answer that nobody expected.
const ANSWER_CHARS_MAX: usize = 80;
/// The wait when the other side limits and does not say for how long.
const LIMITED_SECS: i64 = 30;
/// The longest wait that is believed.
const LIMITED_SECS_MAX: i64 = 6 * 3_600;

/// Makes the client for an address.
///
/// # Errors
/// A sentence, when TLS cannot be set up.
pub fn client(url: &str, ca_file: Option<&Path>) -> Result<Client, String> {
    net::client(url, TOTAL_TIMEOUT, ca_file)
}

/// Classes a transport error: before the request left, nothing can have arrived.
pub fn transport_error(error: reqwest::Error) -> Delivery {
    let before = error.is_connect() || error.is_builder();
    let text = net::cause(error);
    if before { Delivery::Unready(text) } else { Delivery::Unknown(text) }
}

/// How long the answer asks to wait.
pub fn limited(response: &Response) -> Delivery {
    let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let asked = asked.and_then(|text| text.trim().parse::<f64>().ok());
    let after_secs = asked.map_or(LIMITED_SECS, |secs| secs.ceil() as i64);
    Delivery::Limited { after_secs: after_secs.clamp(1, LIMITED_SECS_MAX) }
}

/// The statuses that are about the way and not about one message.
const REVOKED: [StatusCode; 4] =
    [StatusCode::UNAUTHORIZED, StatusCode::FORBIDDEN, StatusCode::NOT_FOUND, StatusCode::GONE];

/// What an answer means where only its status counts: a success arrived, 429 asks to wait, 5xx and 408 pass,
/// 401, 403, 404 and 410 are about the way, all others about the message.
pub async fn plain_answer(response: Response, who: &str) -> Delivery {
    let status = response.status();
    if status == StatusCode::TOO_MANY_REQUESTS {
        return limited(&response);
    }
    if status.is_success() {
        return Delivery::Sent;
    }
    let answer: String = body(response).await.chars().take(ANSWER_CHARS_MAX).collect();
    let text = format!("{who} answers {status}: {}", crate::domain::notice::plain(&answer));
    match status {
        StatusCode::REQUEST_TIMEOUT => Delivery::Failed(text),
        _ if status.is_server_error() => Delivery::Failed(text),
        // Slack says so of a webhook whose app was taken away (slack.com, "Changes to errors").
        _ if REVOKED.contains(&status) || answer.contains("invalid_token") => {
            Delivery::Revoked(text)
        }
        _ => Delivery::Refused(text),
    }
}

/// The answer's text, as much of it as is read.
pub async fn body(mut response: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > BODY_BYTES_MAX {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
