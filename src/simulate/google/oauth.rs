//! The token endpoint, which takes signed assertions of service accounts, and the tokens that it gave.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::faults::Auth;
use super::jwt;
use super::refusals::{Api, no_scope, oauth_error, unauthenticated};
use super::wire::{Answer, Request};

/// Older tokens end when there are more.
const MAX_TOKENS: usize = 1000;
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// An assertion may be good for no longer.
const LONGEST_SECS: i64 = 3600;
/// Clocks may differ so much.
const SKEW_SECS: i64 = 300;
const SCOPES: &str = "https://www.googleapis.com/auth/";
const AUDIENCES: [&str; 3] = [
    "https://oauth2.googleapis.com/token",
    "https://www.googleapis.com/oauth2/v4/token",
    "https://accounts.google.com/o/oauth2/token",
];

#[derive(Debug)]
struct Token {
    text: String,
    scopes: Vec<String>,
    ends: i64,
    /// After so many requests it ends.
    left: Option<u64>,
}

/// The tokens that are good.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    given: VecDeque<Token>,
    count: u64,
}

/// The scopes of which an API wants one.
fn wanted(api: Api) -> [&'static str; 2] {
    match api {
        Api::Analytics => ["analytics.readonly", "analytics"],
        Api::Search => ["webmasters.readonly", "webmasters"],
    }
}

impl Tokens {
    /// Refuses a request whose token is not good, or not for the API.
    pub(super) fn admit(
        &mut self,
        request: &Request,
        api: Api,
        now: Timestamp,
    ) -> Result<(), Answer> {
        let now = now.as_second();
        let Some(told) = request.authorization.as_deref() else {
            return Err(unauthenticated(api, true));
        };
        let told = told.strip_prefix("Bearer ").map(str::trim);
        self.given.retain(|token| token.ends > now && token.left != Some(0));
        let found = self.given.iter_mut().find(|token| Some(token.text.as_str()) == told);
        let Some(token) = found else { return Err(unauthenticated(api, false)) };
        token.left = token.left.map(|left| left.saturating_sub(1));
        let good = |scope: &String| {
            scope.strip_prefix(SCOPES).is_some_and(|scope| wanted(api).contains(&scope))
        };
        if token.scopes.iter().any(good) { Ok(()) } else { Err(no_scope(api)) }
    }

    /// Ends all tokens.
    pub(super) fn end_all(&mut self) {
        self.given.clear();
    }

    /// Answers the token endpoint. `base` is the address of the simulator.
    pub(super) fn token(
        &mut self,
        request: &Request,
        auth: &Auth,
        base: &str,
        now: Timestamp,
    ) -> Answer {
        match granted(request, auth, base, now) {
            Ok(scopes) => self.give(scopes, auth, now),
            Err(refused) => refused,
        }
    }

    fn give(&mut self, scopes: Vec<String>, auth: &Auth, now: Timestamp) -> Answer {
        self.count += 1;
        let text = format!("ya29.c.simulated-{:06}", self.count);
        if self.given.len() == MAX_TOKENS {
            self.given.pop_front();
        }
        let ends = now.as_second() + auth.token_secs;
        self.given.push_back(Token { text: text.clone(), scopes, ends, left: auth.token_requests });
        // The vendor tells a second less than the hour.
        let expires_secs = (auth.token_secs - 1).max(0);
        let body =
            json!({"access_token": text, "expires_in": expires_secs, "token_type": "Bearer"});
        let mut answer = Answer::json(200, body.to_string().into_bytes());
        answer.headers.push(("Cache-Control", "private".to_owned()));
        answer
    }
}

/// The scopes that an assertion is granted.
fn granted(
    request: &Request,
    auth: &Auth,
    base: &str,
    now: Timestamp,
) -> Result<Vec<String>, Answer> {
    let form = request.form();
    let field = |name: &str| form.iter().find(|f| f.0 == name).map(|f| f.1.as_str());
    match field("grant_type") {
        Some(JWT_BEARER) => {}
        Some(other) => {
            let told = format!("Invalid grant_type: {other}");
            return Err(oauth_error(400, "unsupported_grant_type", &told));
        }
        None => {
            let told = "Required parameter is missing: grant_type";
            return Err(oauth_error(400, "invalid_request", told));
        }
    }
    let wrong = |description: &str| oauth_error(400, "invalid_grant", description);
    let Some(assertion) = field("assertion") else {
        return Err(oauth_error(
            400,
            "invalid_request",
            "Required parameter is missing: assertion",
        ));
    };
    let key = auth.public_key.as_deref().and_then(jwt::public_key);
    let signature = |_| wrong("Invalid JWT Signature.");
    let claims = jwt::claims(assertion, key.as_deref()).map_err(signature)?;
    let account = claims["iss"].as_str().unwrap_or_default();
    let known = auth.client_email.as_ref().is_none_or(|known| known == account);
    if account.is_empty() || !known {
        return Err(wrong("Invalid grant: account not found"));
    }
    let audience = claims["aud"].as_str().unwrap_or_default();
    if !AUDIENCES.contains(&audience) && audience != format!("{base}/token") {
        return Err(wrong("Invalid JWT: Failed audience check."));
    }
    if auth.check_times {
        times(&claims, now.as_second()).map_err(|told| wrong(&told))?;
    }
    let scopes: Vec<String> =
        claims["scope"].as_str().unwrap_or_default().split(' ').map(str::to_owned).collect();
    if scopes.iter().all(|scope| scope.is_empty()) {
        let told = "Invalid OAuth scope or ID token audience provided.";
        return Err(oauth_error(400, "invalid_scope", told));
    }
    match scopes.iter().find(|scope| !scope.starts_with(SCOPES) && *scope != "openid") {
        Some(bad) => {
            let told = format!("Some requested scopes were invalid. {{invalid=[{bad}]}}");
            Err(oauth_error(400, "invalid_scope", &told))
        }
        None => Ok(scopes),
    }
}

/// Checks from when to when an assertion is good.
fn times(claims: &Value, now: i64) -> Result<(), String> {
    let [issued, expires] = ["iat", "exp"].map(|name| claims[name].as_f64().map(|at| at as i64));
    let Some(issued) = issued else {
        return Err("Invalid JWT: iat (issued at) is not set.".to_owned());
    };
    let Some(expires) = expires else {
        return Err("Invalid JWT: exp (expiration time) is not set.".to_owned());
    };
    // An assertion that ends this very second is taken, and clocks may differ a little.
    let good = expires - issued <= LONGEST_SECS
        && issued <= now + SKEW_SECS
        && expires >= now
        && expires > issued;
    if good {
        return Ok(());
    }
    let told = "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable \
                timeframe. Check your iat and exp values in the JWT claim.";
    Err(told.to_owned())
}
