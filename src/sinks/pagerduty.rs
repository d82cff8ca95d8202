//! PagerDuty, Events API v2 (developer.pagerduty.com, "Events API v2 overview"): an event with the
//! `dedup_key` of an alert that is open joins it, so a repeated try does no harm.

use std::path::Path;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::{Boxed, Delivery, Outgoing, Sink, http};
use crate::config::sinks::PagerDuty;
use crate::domain::notice::{AlertNote, EventKind};

/// The API's limit of `payload.summary`.
const SUMMARY_CHARS_MAX: usize = 1_024;
/// The API's limit of `dedup_key`.
const KEY_CHARS_MAX: usize = 255;
/// Of a message's text in the details; the API takes 512 kB in all.
const DETAILS_CHARS_MAX: usize = 16_000;

/// A service's integration.
pub struct PagerDutySink {
    client: Client,
    url: String,
    routing_key: String,
}

impl PagerDutySink {
    /// Reads the key and makes the client.
    ///
    /// # Errors
    /// A sentence that names the place of the key.
    pub fn open(pagerduty: &PagerDuty, ca_file: Option<&Path>) -> Result<PagerDutySink, String> {
        let routing_key = pagerduty.routing_key.reveal().map_err(|error| error.to_string())?;
        let url = format!("{}/v2/enqueue", pagerduty.base_url.trim_end_matches('/'));
        Ok(PagerDutySink { client: http::client(&url, ca_file)?, url, routing_key })
    }

    /// One event for each alert of the message. What was taken before one fails is taken again, and joins.
    async fn post(&self, message: Outgoing<'_>) -> Delivery {
        for event in events(message) {
            let mut body = event;
            body["routing_key"] = self.routing_key.as_str().into();
            let delivery = match self.client.post(&self.url).json(&body).send().await {
                Ok(response) => http::plain_answer(response, "PagerDuty").await,
                // A lost answer is no harm here: the event is sent again and joins.
                Err(error) => match http::transport_error(error) {
                    Delivery::Unknown(text) => Delivery::Failed(text),
                    other => other,
                },
            };
            if delivery != Delivery::Sent {
                return delivery;
            }
        }
        Delivery::Sent
    }

    /// An event without a summary opens nothing: 400 says that somebody listens.
    async fn ask(&self) -> Result<String, String> {
        let body = json!({"routing_key": self.routing_key, "event_action": "trigger"});
        match self.client.post(&self.url).json(&body).send().await {
            Ok(response) if response.status() == StatusCode::BAD_REQUEST => {
                Ok("PagerDuty answers (nothing was opened); whether the key is right shows with \
                    `paceline alerts test`"
                    .into())
            }
            Ok(response) => Err(format!("PagerDuty answers {}", response.status())),
            Err(error) => Err(format!("PagerDuty cannot be reached: {}", crate::net::cause(error))),
        }
    }
}

fn events(message: Outgoing<'_>) -> Vec<Value> {
    let document = message.document;
    let details: String = document.text.chars().take(DETAILS_CHARS_MAX).collect();
    let event = |key: String, action: &str, summary: &str, severity: &str| {
        let summary: String = summary.chars().take(SUMMARY_CHARS_MAX).collect();
        json!({
            "event_action": action,
            "dedup_key": key,
            "payload": {
                "summary": summary,
                "source": "paceline",
                "severity": severity,
                "timestamp": message.created,
                "custom_details": {"message": details},
            },
        })
    };
    match document.event.kind {
        // Nobody is woken for a report.
        EventKind::Digest => Vec::new(),
        EventKind::Notice => {
            let key = format!("paceline:{}:{}", message.store_id, message.thread);
            vec![event(key, "trigger", &document.subject, "warning")]
        }
        EventKind::Alert => {
            let of = |alert: &AlertNote| {
                // By what it is about: an alert that ends and begins again is one incident to them.
                let key = format!("paceline:{}:{}:{}", message.store_id, alert.rule, alert.scope);
                let key: String = key.chars().take(KEY_CHARS_MAX).collect();
                let action = match alert.state.as_str() {
                    "resolved" => "resolve",
                    "acknowledged" => "acknowledge",
                    _ => "trigger",
                };
                event(key, action, &alert.summary, &alert.severity)
            };
            document.event.alerts.iter().map(of).collect()
        }
    }
}

impl Sink for PagerDutySink {
    fn deliver<'a>(&'a self, message: Outgoing<'a>) -> Boxed<'a, Delivery> {
        Box::pin(self.post(message))
    }

    fn check<'a>(&'a self) -> Boxed<'a, Result<String, String>> {
        Box::pin(self.ask())
    }
}
