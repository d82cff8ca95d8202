//! The HTTP client that sources and sinks share: bounded in time, and silent about addresses.

use std::path::Path;
use std::time::Duration;

use reqwest::{Certificate, Client, redirect::Policy};

/// How long a connection may take to be made.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a ping may take.
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// Makes a client for an address, whose exchanges take at most so long. A redirect is not followed: it
/// could carry a secret elsewhere. The authorities of `ca_file` count beside those of the machine, and
/// `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` are heeded.
///
/// # Errors
/// A sentence, when TLS cannot be set up or `ca_file` cannot be read.
pub fn client(
    url: &str,
    total_timeout: Duration,
    ca_file: Option<&Path>,
) -> Result<Client, String> {
    // A second installation fails and changes nothing, which is what we want.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let builder = Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(total_timeout)
        .redirect(Policy::none())
        .user_agent(concat!("paceline/", env!("CARGO_PKG_VERSION")));
    // No proxy knows this machine by that name.
    let builder = if is_loopback(url) { builder.no_proxy() } else { builder };
    let builder = match ca_file {
        // Reading the machine's authorities takes longer than a small sync.
        _ if url.starts_with("http://") => builder.tls_certs_only([]),
        Some(path) => builder.tls_certs_merge(authorities(path)?),
        None => builder,
    };
    builder.build().map_err(|error| format!("the HTTP client cannot be made: {}", cause(error)))
}

fn is_loopback(url: &str) -> bool {
    let host = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.is_some_and(|host| {
        let host = host.trim_matches(['[', ']']);
        host == "localhost"
            || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
    })
}

/// The certificates of a PEM file.
fn authorities(path: &Path) -> Result<Vec<Certificate>, String> {
    let wrong = |cause: String| format!("the certificates of {}: {cause}", path.display());
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let found = Certificate::from_pem_bundle(&pem).map_err(|error| wrong(cause(error)))?;
    if found.is_empty() {
        return Err(wrong("there is none in the file; it must be PEM".into()));
    }
    Ok(found)
}

/// Asks an address and reads nothing of its answer.
///
/// # Errors
/// A sentence without the address, when the answer is no success.
pub async fn ping(url: &str, ca_file: Option<&Path>) -> Result<(), String> {
    let response = client(url, PING_TIMEOUT, ca_file)?.get(url).send().await.map_err(cause)?;
    let status = response.status();
    if status.is_success() { Ok(()) } else { Err(format!("HTTP {status}")) }
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
