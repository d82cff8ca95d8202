//! Slack by a bot token: one message for an alert, told on in its thread and rewritten at its end.
//!
//! Sources: docs.slack.dev, "chat.postMessage", "chat.update" (blocks that are left out stay as they were),
//! "conversations.history" and "Message metadata". Slack has no key against repeats (slack-api-specs issue
//! 10), so the outbox's number goes along as metadata and is looked for before a message is sent again.

use jiff::Timestamp;
use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::sinks::{Delivery, Outgoing, http};

/// Messages of a channel that are looked through for one that may have arrived.
const HISTORY_MAX: usize = 100;
/// So long before a message was written it cannot have arrived.
const CLOCK_SLACK_SECS: i64 = 300;
/// The name of our metadata.
const EVENT_TYPE: &str = "paceline_message";

/// A channel of a workspace.
pub struct Bot<'a> {
    /// The client.
    pub client: &'a Client,
    /// The bot token.
    pub token: &'a str,
    /// The channel's id.
    pub channel: &'a str,
    /// Slack's API.
    pub base_url: &'a str,
}

impl Bot<'_> {
    /// Posts a message, or goes on in the thread of the alert's first one.
    pub async fn deliver(&self, message: Outgoing<'_>, mut body: Value) -> Delivery {
        let id = format!("{}-{}", message.store_id, message.id);
        let root = message.root.and_then(|root| self.of_this_channel(root));
        if message.may_repeat
            && let Some(ts) = self.arrived(&id, message.created, root).await
        {
            let (channel, ts) = root.unwrap_or((self.channel, &ts));
            return Delivery::Kept(self.reference(channel, ts));
        }
        body["channel"] = self.channel.into();
        body["metadata"] = json!({"event_type": EVENT_TYPE, "event_payload": {"outbox_id": id}});
        let Some((channel, ts)) = root else { return self.post(&body).await };
        if message.document.event.over {
            self.rewrite(channel, ts, &body).await;
            // The whole stands in the message above; its thread gets a line.
            body["blocks"] = json!([]);
        } else {
            body["reply_broadcast"] = true.into();
        }
        body["channel"] = channel.into();
        body["thread_ts"] = ts.into();
        match self.post(&body).await {
            // Somebody deleted the first message: the news is told all the same.
            Delivery::Refused(text) if text.contains("thread_not_found") => {
                let fresh = super::payload(message);
                body["blocks"] = fresh["blocks"].clone();
                for key in ["thread_ts", "reply_broadcast"] {
                    body.as_object_mut().map(|body| body.remove(key));
                }
                body["channel"] = self.channel.into();
                self.post(&body).await
            }
            // What comes later refers to the first message, and not to this reply.
            Delivery::Kept(_) => Delivery::Kept(self.reference(channel, ts)),
            other => other,
        }
    }

    /// The name under which a message is kept: the channel as it is configured, then what Slack calls it, and
    /// the message's `ts`.
    fn reference(&self, channel: &str, ts: &str) -> String {
        format!("{} {channel} {ts}", self.channel)
    }

    /// Slack's name of the channel and the `ts`, of a message that went to the channel of today.
    fn of_this_channel<'b>(&self, reference: &'b str) -> Option<(&'b str, &'b str)> {
        let (configured, rest) = reference.split_once(' ')?;
        rest.split_once(' ').filter(|_| configured == self.channel)
    }

    async fn post(&self, body: &Value) -> Delivery {
        let request = self.client.post(format!("{}/chat.postMessage", self.base_url));
        match request.bearer_auth(self.token).json(body).send().await {
            Ok(response) => match answer(response).await {
                Delivery::Kept(sent) => {
                    let (channel, ts) = sent.split_once(' ').unwrap_or((self.channel, &sent));
                    Delivery::Kept(self.reference(channel, ts))
                }
                other => other,
            },
            Err(error) => http::transport_error(error),
        }
    }

    /// Rewrites the first message. Where that cannot be done (it was deleted, editing is switched off), the
    /// line in the thread says as much.
    async fn rewrite(&self, channel: &str, ts: &str, body: &Value) {
        let update = json!({
            "channel": channel, "ts": ts, "text": body["text"], "blocks": body["blocks"],
        });
        let request = self.client.post(format!("{}/chat.update", self.base_url));
        match request.bearer_auth(self.token).json(&update).send().await {
            Ok(response) => {
                if let Delivery::Refused(error)
                | Delivery::Failed(error)
                | Delivery::Revoked(error) = answer(response).await
                {
                    tracing::debug!(error, "a message could not be rewritten");
                }
            }
            Err(_) => tracing::debug!("a message could not be rewritten: no answer"),
        }
    }

    /// Looks whether a message with this number is in the channel, or in the thread of the first one, and
    /// gives its `ts`. A token that may not read the channel finds nothing, and the message is then marked as a
    /// possible repeat.
    async fn arrived(
        &self,
        id: &str,
        created: Timestamp,
        root: Option<(&str, &str)>,
    ) -> Option<String> {
        let oldest = (created.as_second() - CLOCK_SLACK_SECS).to_string();
        let limit = HISTORY_MAX.to_string();
        let mut query = vec![
            ("channel", root.map_or(self.channel, |(channel, _)| channel)),
            ("oldest", oldest.as_str()),
            ("include_all_metadata", "true"),
            ("limit", &limit),
        ];
        query.extend(root.map(|(_, ts)| ("ts", ts)));
        // A channel's history has no replies.
        let method = if root.is_some() { "conversations.replies" } else { "conversations.history" };
        let request = self.client.get(format!("{}/{method}", self.base_url));
        let response = request.bearer_auth(self.token).query(&query).send().await.ok()?;
        let answer: Value = serde_json::from_str(&http::body(response).await).ok()?;
        let found = answer["messages"]
            .as_array()?
            .iter()
            .find(|message| message["metadata"]["event_payload"]["outbox_id"] == id)?;
        Some(found["ts"].as_str()?.to_owned())
    }
}

/// Errors that a later try may not meet; all others stay.
const PASSING: [&str; 6] = [
    "internal_error",
    "fatal_error",
    "service_unavailable",
    "request_timeout",
    "ratelimited",
    "rate_limited",
];

/// Errors that are about the token or the channel, and not about one message.
const REVOKED: [&str; 13] = [
    "invalid_auth",
    "not_authed",
    "account_inactive",
    "token_revoked",
    "token_expired",
    "no_permission",
    "missing_scope",
    "access_denied",
    "team_access_not_granted",
    "org_login_required",
    "channel_not_found",
    "not_in_channel",
    "is_archived",
];

async fn answer(response: reqwest::Response) -> Delivery {
    let status = response.status();
    if status == StatusCode::TOO_MANY_REQUESTS {
        return http::limited(&response);
    }
    if status.is_server_error() {
        return Delivery::Failed(format!("Slack answers {status}"));
    }
    let answer: Value = match serde_json::from_str(&http::body(response).await) {
        Ok(answer) => answer,
        Err(_) => return Delivery::Unknown(format!("Slack's answer ({status}) is not readable")),
    };
    if answer["ok"] == true {
        let reference = || Some((answer["channel"].as_str()?, answer["ts"].as_str()?));
        let reference = reference().map(|(channel, ts)| format!("{channel} {ts}"));
        return reference.map_or(Delivery::Sent, Delivery::Kept);
    }
    let error = answer["error"].as_str().unwrap_or("unknown").to_owned();
    let text = format!("Slack says `{}`", crate::domain::notice::plain(&error));
    match error.as_str() {
        error if PASSING.contains(&error) => Delivery::Failed(text),
        error if REVOKED.contains(&error) => Delivery::Revoked(text),
        _ => Delivery::Refused(text),
    }
}
