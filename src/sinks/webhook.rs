//! Any program that listens: a signed POST as the Standard Webhooks specification 1.0.0 has it
//! (github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md): `webhook-id` is the same at
//! every try, `webhook-timestamp` is that of the try, the signature is over both and the body.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::{Client, StatusCode};
use ring::hmac;
use serde_json::json;

use super::{Boxed, Delivery, Outgoing, Sink, http};
use crate::config::sinks::Webhook;

/// The specification asks for less than 20 kB.
const TEXT_CHARS_MAX: usize = 8_000;
/// Alerts that one message lists.
const ALERTS_MAX: usize = 20;

/// Somebody's address with the secret that both sides know.
pub struct WebhookSink {
    client: Client,
    url: String,
    key: Option<hmac::Key>,
}

impl WebhookSink {
    /// Reads the secrets and makes the client.
    ///
    /// # Errors
    /// A sentence that names the place of the secret.
    pub fn open(webhook: &Webhook, ca_file: Option<&Path>) -> Result<WebhookSink, String> {
        let url = webhook.url.reveal().map_err(|error| error.to_string())?;
        let key = match &webhook.secret {
            Some(secret) => Some(key(&secret.reveal().map_err(|error| error.to_string())?)?),
            None => None,
        };
        Ok(WebhookSink { client: http::client(&url, ca_file)?, url, key })
    }

    async fn post(&self, message: Outgoing<'_>) -> Delivery {
        let body = body(message);
        let id = format!("msg_{}_{}", message.store_id, message.id);
        let seconds = message.now.as_second().to_string();
        let mut request = self
            .client
            .post(&self.url)
            .header("content-type", "application/json")
            .header("webhook-id", &id)
            .header("webhook-timestamp", &seconds);
        if let Some(key) = &self.key {
            let signature = sign(key, &format!("{id}.{seconds}.{body}"));
            request = request.header("webhook-signature", signature);
        }
        match request.body(body).send().await {
            Ok(response) => http::plain_answer(response, "the webhook").await,
            Err(error) => http::transport_error(error),
        }
    }

    /// There is no question that every program takes for harmless, so only the way to it is tried.
    async fn ask(&self) -> Result<String, String> {
        match self.client.head(&self.url).send().await {
            Ok(response) if response.status() == StatusCode::GONE => {
                Err("the webhook is gone (410): take it out, or make a new one".into())
            }
            Ok(response) => Ok(format!("the webhook's server answers ({})", response.status())),
            Err(error) => {
                Err(format!("the webhook cannot be reached: {}", crate::net::cause(error)))
            }
        }
    }
}

/// `whsec_` and base64, as the specification writes secrets; other texts are taken as they are.
fn key(secret: &str) -> Result<hmac::Key, String> {
    let bytes = match secret.strip_prefix("whsec_") {
        Some(encoded) => STANDARD.decode(encoded).map_err(|_| {
            "the webhook's secret begins with whsec_, and what follows is no base64".to_owned()
        })?,
        None => secret.as_bytes().to_vec(),
    };
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

fn sign(key: &hmac::Key, text: &str) -> String {
    format!("v1,{}", STANDARD.encode(hmac::sign(key, text.as_bytes())))
}

/// The signature of `{id}.{timestamp}.{body}`.
///
/// # Errors
/// A sentence, where the secret is not as it says it is.
pub fn signature(secret: &str, text: &str) -> Result<String, String> {
    Ok(sign(&key(secret)?, text))
}

/// The same bytes at every try.
fn body(message: Outgoing<'_>) -> String {
    let document = message.document;
    let text: String = document.text.chars().take(TEXT_CHARS_MAX).collect();
    let alerts: Vec<_> = document.event.alerts.iter().take(ALERTS_MAX).collect();
    json!({
        "type": document.event.kind.name(),
        "timestamp": message.created,
        "data": {
            "subject": document.subject,
            "text": text,
            "thread": message.thread,
            "over": document.event.over,
            "alerts": alerts,
        },
    })
    .to_string()
}

impl Sink for WebhookSink {
    fn deliver<'a>(&'a self, message: Outgoing<'a>) -> Boxed<'a, Delivery> {
        Box::pin(self.post(message))
    }

    fn check<'a>(&'a self) -> Boxed<'a, Result<String, String>> {
        Box::pin(self.ask())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vector that the specification's libraries share.
    #[test]
    fn signatures_are_those_of_the_published_vector() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let text = "msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{\"test\": 2432232314}";
        let signed = signature(secret, text).unwrap();
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert!(signature("whsec_no base64", text).is_err());
    }
}
