//! A token that is asked for, and asked for again when it ends: OAuth 2 by client credentials (RFC 6749,
//! section 4.4) or by a signed assertion (RFC 7523).

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Client;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};

use super::answer::{Trouble, read_body};
use crate::config::secret::Secret;

/// A token's answer is small.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// How long an assertion may be used.
const ASSERTION_SECS: i64 = 180;
/// A clock that is ahead by so much has not signed in the future.
const SKEW_SECS: i64 = 60;
/// What `grant_type` says of an assertion.
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// How a token is had.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The address of the token endpoint.
    pub url: String,
    /// Who the application is.
    pub client_id: Secret,
    /// How it proves that.
    pub proof: Proof,
    /// What the configuration calls its secret, for messages.
    pub secrets_key: &'static str,
}

/// How an application proves who it is.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A secret that it shares with the vendor.
    ClientSecret(Secret),
    /// The same, in the address: Marketo's identity service is documented to take it there only.
    QuerySecret(Secret),
    /// A signature by its private key.
    Assertion {
        /// For whom it acts; for itself when absent.
        username: Option<String>,
        /// What it wants to do, where the vendor asks.
        scope: Option<&'static str>,
        /// Who is to believe it.
        audience: String,
        /// The RSA key, as PEM.
        private_key: Secret,
    },
}

/// Why there is no token.
#[derive(Debug)]
pub(super) enum Refusal {
    /// The secret cannot be had or is no key.
    NoSecret(String),
    /// The vendor refused it; its words.
    Refused(String),
    /// There was no usable answer; another try may help.
    Unanswered(String),
}

impl Grant {
    /// Asks for a token. Its answer's own words are kept short, and never hold what was sent.
    pub(super) async fn token(&self, client: &Client, now_secs: i64) -> Result<String, Refusal> {
        let form = self.form(now_secs).map_err(Refusal::NoSecret)?;
        let request = if matches!(self.proof, Proof::QuerySecret(_)) {
            client.get(&self.url).query(&form)
        } else {
            let body = reqwest::Url::parse_with_params("form:", &form);
            let body = body.map(|url| url.query().unwrap_or_default().to_owned());
            client
                .post(&self.url)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body.unwrap_or_default())
        };
        let request =
            request.header(ACCEPT, "application/json").header(ACCEPT_ENCODING, "identity");
        let unanswered = |trouble: Trouble| Refusal::Unanswered(trouble.to_string());
        let response = request.send().await.map_err(|error| unanswered(Trouble::of(error)))?;
        let status = response.status().as_u16();
        let body = read_body(response, BODY_BYTES_MAX).await.map_err(unanswered)?;
        let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
        let told = |name: &str| {
            let text = answer.get(name)?.as_str()?;
            let plain = |c: char| if c.is_control() { ' ' } else { c };
            Some(text.chars().take(120).map(plain).collect::<String>())
        };
        if let (200..=299, Some(token)) = (status, answer["access_token"].as_str()) {
            return Ok(token.to_owned());
        }
        let words = [told("error"), told("error_description")];
        let words = words.into_iter().flatten().collect::<Vec<_>>().join(": ");
        match status {
            400 | 401 | 403 if !words.is_empty() => {
                Err(Refusal::Refused(format!("HTTP {status}: {words}")))
            }
            401 | 403 => Err(Refusal::Refused(format!("HTTP {status}"))),
            _ => Err(Refusal::Unanswered(format!("HTTP {status} and no token"))),
        }
    }

    /// The parameters of the question.
    fn form(&self, now_secs: i64) -> Result<Vec<(&'static str, String)>, String> {
        let id = self.client_id.reveal().map_err(|error| error.to_string())?;
        match &self.proof {
            Proof::ClientSecret(secret) | Proof::QuerySecret(secret) => {
                let secret = secret.reveal().map_err(|error| error.to_string())?;
                Ok(vec![
                    ("grant_type", "client_credentials".to_owned()),
                    ("client_id", id),
                    ("client_secret", secret.trim().to_owned()),
                ])
            }
            Proof::Assertion { username, scope, audience, private_key } => {
                let pem = private_key.reveal().map_err(|error| error.to_string())?;
                let key = rsa_key(&pem).ok_or_else(|| {
                    format!("{}: this is no RSA private key in PEM", private_key.place)
                })?;
                let mut claims = json!({
                    "iss": id, "aud": audience,
                    "iat": now_secs - SKEW_SECS, "exp": now_secs + ASSERTION_SECS,
                });
                for (name, value) in [("sub", username.as_deref()), ("scope", *scope)] {
                    if let Some(value) = value {
                        claims[name] = json!(value);
                    }
                }
                let assertion = signed(&claims, &key).ok_or("the key does not sign")?;
                Ok(vec![("grant_type", JWT_BEARER.to_owned()), ("assertion", assertion)])
            }
        }
    }
}

/// An RSA key in PEM, as PKCS #8 or as PKCS #1.
fn rsa_key(pem: &str) -> Option<RsaKeyPair> {
    let begin = pem.find("-----BEGIN ")?;
    let (label, rest) = pem[begin + 11..].split_once("-----")?;
    let (body, _) = rest.split_once("-----END")?;
    let text: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    let der = STANDARD.decode(text).ok()?;
    match label {
        "PRIVATE KEY" => RsaKeyPair::from_pkcs8(&der).ok(),
        "RSA PRIVATE KEY" => RsaKeyPair::from_der(&der).ok(),
        _ => None,
    }
}

/// A JSON Web Token, signed by RS256.
fn signed(claims: &Value, key: &RsaKeyPair) -> Option<String> {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", part(&json!({"alg": "RS256", "typ": "JWT"})), part(claims));
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text.as_bytes(), &mut signature).ok()?;
    Some(format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
