//! Slack: an incoming webhook, or a bot token. With a token an alert has one message in the channel: what is
//! new is told in its thread, and when all of it is over the message itself is rewritten.
//!
//! Sources: docs.slack.dev, "Sending messages using incoming webhooks" (its errors are texts with
//! 400, 403, 404 and 410) and "chat.postMessage" (its errors come with status 200 and `ok: false`).

mod bot;

use std::path::Path;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use super::{Boxed, Delivery, Outgoing, Sink, http};
use crate::config::sinks::Slack;
use crate::domain::notice::slack_escape;
use crate::net;
use bot::Bot;

/// Block Kit: at most this many blocks in a message.
const BLOCKS_MAX: usize = 50;

/// A Slack channel.
pub struct SlackSink {
    client: Client,
    way: Way,
}

enum Way {
    Webhook(String),
    Bot { token: String, channel: String, base_url: String },
}

impl SlackSink {
    /// Reads the secret and makes the client.
    ///
    /// # Errors
    /// A sentence that names the place of the secret.
    pub fn open(slack: &Slack, ca_file: Option<&Path>) -> Result<SlackSink, String> {
        let way = match slack {
            Slack::Webhook(url) => Way::Webhook(url.reveal().map_err(|e| e.to_string())?),
            Slack::Bot { token, channel, base_url } => Way::Bot {
                token: token.reveal().map_err(|e| e.to_string())?,
                channel: channel.clone(),
                base_url: base_url.trim_end_matches('/').to_owned(),
            },
        };
        let (Way::Webhook(url) | Way::Bot { base_url: url, .. }) = &way;
        Ok(SlackSink { client: http::client(url, ca_file)?, way })
    }

    async fn post(&self, message: Outgoing<'_>) -> Delivery {
        let body = payload(message);
        match &self.way {
            Way::Webhook(url) => match self.client.post(url).json(&body).send().await {
                Ok(response) => http::plain_answer(response, "Slack").await,
                Err(error) => http::transport_error(error),
            },
            Way::Bot { token, channel, base_url } => {
                let bot = Bot { client: &self.client, token, channel, base_url };
                bot.deliver(message, body).await
            }
        }
    }

    /// A webhook gets a body that posts nothing: Slack refuses it with 400 when the webhook is alive.
    async fn ask(&self) -> Result<String, String> {
        match &self.way {
            Way::Webhook(url) => {
                let sent = self.client.post(url).json(&json!({})).send().await;
                let response =
                    sent.map_err(|e| format!("Slack cannot be reached: {}", net::cause(e)))?;
                let status = response.status();
                match status {
                    StatusCode::BAD_REQUEST => {
                        let text = http::body(response).await;
                        if text.contains("invalid_token") {
                            return Err("Slack does not know this webhook; make a new one".into());
                        }
                        Ok("the webhook answers (nothing was posted)".into())
                    }
                    s if s.is_success() => Ok("the webhook answers".into()),
                    StatusCode::TOO_MANY_REQUESTS => Ok("the webhook answers, and is busy".into()),
                    _ => Err(format!("Slack answers {status}: make a new webhook for the channel")),
                }
            }
            Way::Bot { token, base_url, .. } => {
                let request = self.client.post(format!("{base_url}/auth.test")).bearer_auth(token);
                let response = request.send().await;
                let response =
                    response.map_err(|e| format!("Slack cannot be reached: {}", net::cause(e)))?;
                let answer: Value =
                    serde_json::from_str(&http::body(response).await).unwrap_or_default();
                if answer["ok"] == true {
                    return Ok("the token is good".into());
                }
                Err(format!("Slack says `{}`: use a bot token with chat:write", answer["error"]))
            }
        }
    }
}

impl Sink for SlackSink {
    fn deliver<'a>(&'a self, message: Outgoing<'a>) -> Boxed<'a, Delivery> {
        Box::pin(self.post(message))
    }

    fn check<'a>(&'a self) -> Boxed<'a, Result<String, String>> {
        Box::pin(self.ask())
    }
}

/// The message as Slack takes it: the blocks, and a text for notifications.
pub fn payload(message: Outgoing<'_>) -> Value {
    let repeat = if message.may_repeat { " (may be a repeat)" } else { "" };
    let mut blocks = message.document.blocks.clone();
    blocks.truncate(BLOCKS_MAX - 1);
    if message.may_repeat {
        let note = json!({"type": "mrkdwn", "text": "This message may be a repeat."});
        blocks.push(json!({"type": "context", "elements": [note]}));
    }
    json!({
        "text": format!("{}{repeat}", slack_escape(&message.document.subject)),
        "blocks": blocks,
        "unfurl_links": false,
    })
}
