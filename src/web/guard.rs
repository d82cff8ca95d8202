//! Who may ask.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;

use super::Web;

/// Where a token is set it must come along: as a bearer token, or as the password of a browser's
/// dialogue, whatever the user name.
pub async fn authorised(State(web): State<Web>, request: Request, next: Next) -> Response {
    let ground = web.ground();
    let Some(token) = &ground.settings.http.token else { return next.run(request).await };
    match token.reveal() {
        Ok(token) if shown(request.headers()).is_some_and(|shown| same(&shown, &token)) => {
            next.run(request).await
        }
        Ok(_) => (
            StatusCode::UNAUTHORIZED,
            [(header::WWW_AUTHENTICATE, "Basic realm=\"paceline\"")],
            "the token of `[http] token` is needed\n",
        )
            .into_response(),
        Err(error) => {
            tracing::error!(%error, "the token of the status page is not to be had");
            (StatusCode::SERVICE_UNAVAILABLE, "the token is not to be had\n").into_response()
        }
    }
}

/// The token that a request shows.
fn shown(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let bytes = base64::engine::general_purpose::STANDARD.decode(rest.trim()).ok()?;
    let (_, password) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
    Some(password.to_owned())
}

/// Compares all bytes whatever differs, so that the time it takes tells nothing.
fn same(shown: &str, token: &str) -> bool {
    let differences = shown.bytes().zip(token.bytes()).fold(0, |sum, (a, b)| sum | (a ^ b));
    shown.len() == token.len() && differences == 0
}

/// Without a token the page is for this machine, and for the address it is known under. A page on the
/// web could make a browser ask us under a name of its own that points to this machine.
pub async fn known_host(State(web): State<Web>, request: Request, next: Next) -> Response {
    let http = web.ground().settings.http.clone();
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let name = host.map(name_of).unwrap_or_default();
    let public = http.public_url.as_deref().and_then(|url| url.split("://").nth(1));
    let public = public.and_then(|rest| rest.split('/').next()).map(name_of);
    let local = name == "localhost"
        || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    if http.token.is_some() || local || name.is_empty() || public == Some(name) {
        return next.run(request).await;
    }
    let text = "this name is not known: set it as `[http] public_url`, or set a token\n";
    (StatusCode::MISDIRECTED_REQUEST, text).into_response()
}

/// A host without its port and brackets.
fn name_of(host: &str) -> &str {
    match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_comes_as_bearer_or_as_a_browsers_password() {
        let with = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            shown(&headers)
        };
        assert_eq!(with("Bearer s3cret").as_deref(), Some("s3cret"));
        assert_eq!(with("Basic YW55Ym9keTpzM2NyZXQ=").as_deref(), Some("s3cret"));
        assert_eq!(with("Digest s3cret"), None);
        assert!(same("s3cret", "s3cret") && !same("s3cre", "s3cret") && !same("S3cret", "s3cret"));
    }

    #[test]
    fn a_host_is_known_without_its_port() {
        assert_eq!(name_of("localhost:9187"), "localhost");
        assert_eq!(name_of("[::1]:9187"), "::1");
        assert_eq!(name_of("paceline.example.com"), "paceline.example.com");
    }
}
