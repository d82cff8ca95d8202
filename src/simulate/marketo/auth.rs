//! Tokens: each service has one, which is given again until it ends.

use jiff::Timestamp;
use serde_json::json;

use super::asked::Asked;
use super::faults::Auth;
use super::refusals::{identity, refusal};
use super::wire::Answer;

/// The token of a service.
#[derive(Debug)]
struct Service {
    client: String,
    token: String,
    ends: i64,
}

/// Who asks: the client, and the user to whom its service belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User(pub(super) String);

impl User {
    /// As usage and tokens tell it.
    pub(super) fn name(&self) -> String {
        format!("{}@api.example.test", self.0)
    }
}

/// All tokens that were given.
#[derive(Debug, Default)]
pub(super) struct Tokens {
    given: Vec<Service>,
}

fn credentials(asked: &Asked, auth: &Auth) -> Result<String, Answer> {
    let form = asked.request.form();
    let told = |name: &str| {
        let in_form = form.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_str());
        asked.parameter(name).or(in_form).unwrap_or_default().to_owned()
    };
    if told("grant_type") != "client_credentials" {
        let grant = told("grant_type");
        let message = format!("Unsupported grant type: {grant}");
        return Err(identity(400, "unsupported_grant_type", &message));
    }
    let (client, secret) = (told("client_id"), told("client_secret"));
    if client.is_empty() || auth.client_id.as_ref().is_some_and(|good| *good != client) {
        let message = format!("No client with requested id: {client}");
        return Err(identity(401, "unauthorized", &message));
    }
    if secret.is_empty() || auth.client_secret.as_ref().is_some_and(|good| *good != secret) {
        return Err(identity(401, "invalid_client", "Bad client credentials"));
    }
    Ok(client)
}

impl Tokens {
    /// Answers the identity service.
    pub(super) fn token(&mut self, asked: &Asked, auth: &Auth, now: Timestamp) -> Answer {
        let client = match credentials(asked, auth) {
            Ok(client) => client,
            Err(refused) => return refused,
        };
        let secs = now.as_second();
        let open = self.given.iter().rposition(|given| given.client == client && given.ends > secs);
        let place = open.unwrap_or_else(|| {
            let number = self.given.len() as u64 + 1;
            let mixed = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let token = format!("{:08x}-110d-4155-99a7-{number:012x}:int", mixed >> 32);
            let ends = secs + auth.token_secs;
            self.given.push(Service { client, token, ends });
            self.given.len() - 1
        });
        let given = &self.given[place];
        let told = json!({
            "access_token": given.token,
            "token_type": "bearer",
            "expires_in": given.ends - secs,
            "scope": User(given.client.clone()).name(),
        });
        Answer::json(200, told.to_string().into_bytes())
    }

    /// Who asks; the answer that refuses a request without a good token.
    pub(super) fn user(&self, asked: &Asked, auth: &Auth, now: Timestamp) -> Result<User, Answer> {
        let header = asked.request.authorization.as_deref();
        let bearer = header.and_then(|told| {
            let (scheme, token) = told.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
        });
        let in_query = asked.parameter("access_token");
        let token = match (bearer, in_query) {
            (Some(token), _) => token,
            (None, Some(token)) if auth.query_token => token,
            (None, Some(_)) => return Err(refusal(601, "Access token invalid")),
            (None, None) => return Err(refusal(600, "Access token not specified")),
        };
        let given = self.given.iter().find(|given| given.token == token);
        match given {
            None => Err(refusal(601, "Access token invalid")),
            Some(given) if given.ends <= now.as_second() => {
                Err(refusal(602, "Access token expired"))
            }
            Some(given) => Ok(User(given.client.clone())),
        }
    }

    /// Ends all tokens at once.
    pub(super) fn end_all(&mut self) {
        for given in &mut self.given {
            given.ends = i64::MIN;
        }
    }
}
