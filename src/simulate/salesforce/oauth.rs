//! The token endpoint, and the sessions that it opens.

use std::collections::VecDeque;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::faults::Auth;
use super::jwt;
use super::refusals::oauth_error;
use super::wire::{Answer, Request};

/// Older sessions end when there are more.
const MAX_SESSIONS: usize = 1000;
/// A session of which nothing is heard ends, by the vendor's usual setting.
const IDLE_SECS: i64 = 2 * 3600;
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const ORG_ID: &str = "00DQy0000000001MAA";

#[derive(Debug)]
struct Session {
    token: String,
    /// After so many requests it ends.
    left: Option<u64>,
    heard: i64,
}

/// The sessions that are open.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: VecDeque<Session>,
    issued: u64,
}

impl Sessions {
    /// Whether a request comes with the token of an open session; it counts for the session then.
    pub(super) fn admit(&mut self, request: &Request, now: Timestamp) -> bool {
        let now = now.as_second();
        let told = request.authorization.as_deref().unwrap_or_default();
        let token = told.strip_prefix("Bearer ").or(told.strip_prefix("OAuth ")).map(str::trim);
        self.open.retain(|session| session.left != Some(0) && now - session.heard < IDLE_SECS);
        let Some(session) = self.open.iter_mut().find(|session| Some(&*session.token) == token)
        else {
            return false;
        };
        session.heard = now;
        session.left = session.left.map(|left| left.saturating_sub(1));
        true
    }

    /// Ends all sessions.
    pub(super) fn end_all(&mut self) {
        self.open.clear();
    }

    fn open(&mut self, left: Option<u64>, now: Timestamp) -> String {
        self.issued += 1;
        let token = format!("{}!AQEAQ{:020}.s1mu1ated", &ORG_ID[..15], self.issued);
        if self.open.len() == MAX_SESSIONS {
            self.open.pop_front();
        }
        self.open.push_back(Session { token: token.clone(), left, heard: now.as_second() });
        token
    }

    /// Answers the token endpoint. `base` is the org's own address, `user` the id of its user.
    pub(super) fn token(
        &mut self,
        request: &Request,
        auth: &Auth,
        (base, user): (&str, &str),
        now: Timestamp,
    ) -> Answer {
        let form = request.form();
        let field = |name: &str| form.iter().find(|f| f.0 == name).map(|f| f.1.as_str());
        let checked = match field("grant_type") {
            Some("client_credentials") => credentials(request, &field, auth),
            Some(JWT_BEARER) => assertion(&field, auth, base, now),
            Some(_) => Err(oauth_error(400, "unsupported_grant_type", "grant type not supported")),
            None => Err(oauth_error(400, "invalid_request", "grant type not supplied")),
        };
        if let Err(refused) = checked {
            return refused;
        }
        let token = self.open(auth.token_requests, now);
        let body = json!({
            "access_token": token,
            "signature": "c2ltdWxhdGVkIHNpZ25hdHVyZQ==",
            "token_format": "opaque",
            "scope": "api",
            "instance_url": base,
            "id": format!("{base}/id/{ORG_ID}/{user}"),
            "token_type": "Bearer",
            "issued_at": now.as_millisecond().to_string(),
        });
        let mut answer = Answer::json(200, body.to_string().into_bytes());
        answer.headers.push(("Cache-Control", "no-cache, no-store".to_owned()));
        answer
    }
}

/// Checks id and secret of a client, which come in the form or in the header.
fn credentials<'f>(
    request: &Request,
    field: &dyn Fn(&str) -> Option<&'f str>,
    auth: &Auth,
) -> Result<(), Answer> {
    let basic = request.authorization.as_deref().and_then(|told| told.strip_prefix("Basic "));
    let basic = basic.and_then(|told| STANDARD.decode(told.trim()).ok());
    let basic = basic.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
    let (basic_id, basic_secret) = basic.split_once(':').unwrap_or_default();
    let id = field("client_id").unwrap_or(basic_id);
    let secret = field("client_secret").unwrap_or(basic_secret);
    client(id, auth)?;
    let good = match &auth.client_secret {
        Some(wanted) => wanted == secret,
        None => !secret.is_empty(),
    };
    match good {
        true => Ok(()),
        false => Err(oauth_error(400, "invalid_client", "invalid client credentials")),
    }
}

fn client(id: &str, auth: &Auth) -> Result<(), Answer> {
    match &auth.client_id {
        Some(wanted) if wanted == id => Ok(()),
        None if !id.is_empty() => Ok(()),
        _ => Err(oauth_error(400, "invalid_client_id", "client identifier invalid")),
    }
}

/// Checks a signed assertion.
fn assertion<'f>(
    field: &dyn Fn(&str) -> Option<&'f str>,
    auth: &Auth,
    base: &str,
    now: Timestamp,
) -> Result<(), Answer> {
    let wrong = |description: &str| oauth_error(400, "invalid_grant", description);
    let key = auth.public_key.as_deref().and_then(jwt::public_key);
    let told = field("assertion").ok_or_else(|| wrong("invalid assertion"))?;
    let claims = jwt::claims(told, key.as_deref()).map_err(wrong)?;
    client(claims["iss"].as_str().unwrap_or_default(), auth)?;
    if claims["sub"].as_str().is_none_or(str::is_empty) {
        return Err(wrong("user hasn't approved this consumer"));
    }
    let audience = claims["aud"].as_str().unwrap_or_default();
    let usual = ["https://login.salesforce.com", "https://test.salesforce.com", base];
    let own = audience.starts_with("https://") && audience.ends_with(".my.salesforce.com");
    if !usual.contains(&audience.trim_end_matches('/')) && !own {
        return Err(wrong("audience is invalid"));
    }
    // Some clients write the number as a text.
    let expires = match &claims["exp"] {
        Value::String(text) => text.parse::<f64>().ok(),
        other => other.as_f64(),
    };
    match expires {
        Some(at) if at > now.as_second() as f64 => Ok(()),
        _ => Err(wrong("expired authorization code")),
    }
}
