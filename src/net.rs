//! The HTTP client that sources and sinks share: bounded in time, and silent about addresses.

use std::time::Duration;

use reqwest::{Client, redirect::Policy};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Makes a client whose exchanges take at most so long. A redirect is not followed: it could carry a
/// secret elsewhere.
///
/// # Errors
/// A sentence, when TLS cannot be set up.
pub fn client(total_timeout: Duration) -> Result<Client, String> {
    // A second installation fails and changes nothing, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(total_timeout)
        .redirect(Policy::none())
        .user_agent(concat!("paceline/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| format!("the HTTP client cannot be made: {}", cause(error)))
}

/// A transport error without its URL, which may hold a secret.
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
