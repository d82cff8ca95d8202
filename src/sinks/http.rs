//! The HTTP client of the sinks: bounded in time and size, and silent about addresses.

use std::time::Duration;

use reqwest::{Client, Response, header::RETRY_AFTER, redirect::Policy};

use super::Delivery;

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a whole exchange may take.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(30);
/// More of an answer than this is not read.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// The wait when the other side limits and does not say for how long.
const LIMITED_SECS: i64 = 30;
/// The longest wait that is believed.
const LIMITED_SECS_MAX: i64 = 6 * 3_600;

/// Makes the client. A redirect is not followed: it could carry a secret elsewhere.
///
/// # Errors
/// A sentence, when TLS cannot be set up.
pub fn client() -> Result<Client, String> {
    // A second installation fails and changes nothing, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TOTAL_TIMEOUT)
        .redirect(Policy::none())
        .user_agent(concat!("paceline/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| format!("the HTTP client cannot be made: {}", cause(error)))
}

/// A transport error without its URL, which may hold the secret.
pub fn cause(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

/// Classes a transport error: before the request left, nothing can have arrived.
pub fn transport_error(error: reqwest::Error) -> Delivery {
    let before = error.is_connect() || error.is_builder();
    let text = cause(error);
    if before { Delivery::Unready(text) } else { Delivery::Unknown(text) }
}

/// How long the answer asks to wait.
pub fn limited(response: &Response) -> Delivery {
    let asked = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    let asked = asked.and_then(|text| text.trim().parse::<f64>().ok());
    let after_secs = asked.map_or(LIMITED_SECS, |secs| secs.ceil() as i64);
    Delivery::Limited { after_secs: after_secs.clamp(1, LIMITED_SECS_MAX) }
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
