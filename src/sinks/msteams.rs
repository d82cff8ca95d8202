//! Microsoft Teams by a workflow's webhook ("When a Teams webhook request is received"): an Adaptive Card
//! in a `message` (learn.microsoft.com, "Create incoming webhooks with Workflows"). The answer says that the
//! flow was begun, and not that it ended well: `check` and a test message are for somebody's eyes.

use std::path::Path;

use reqwest::Client;
use serde_json::{Value, json};

use super::{Boxed, Delivery, Outgoing, Sink, http};
use crate::config::secret::Secret;
use crate::domain::notice::plain;

/// A message may have 28 kB in all.
const TEXT_BYTES_MAX: usize = 20_000;

/// A workflow.
pub struct TeamsSink {
    client: Client,
    url: String,
}

impl TeamsSink {
    /// Reads the address, which is the secret, and makes the client.
    ///
    /// # Errors
    /// A sentence that names the place of the secret.
    pub fn open(url: &Secret, ca_file: Option<&Path>) -> Result<TeamsSink, String> {
        let url = url.reveal().map_err(|error| error.to_string())?;
        Ok(TeamsSink { client: http::client(&url, ca_file)?, url })
    }

    async fn post(&self, message: Outgoing<'_>) -> Delivery {
        match self.client.post(&self.url).json(&card(message)).send().await {
            Ok(response) => http::plain_answer(response, "the workflow").await,
            Err(error) => http::transport_error(error),
        }
    }

    /// A workflow has no harmless question: what it is sent, it posts.
    async fn ask(&self) -> Result<String, String> {
        match self.client.head(&self.url).send().await {
            Ok(_) => {
                Ok("the workflow's server answers; `paceline alerts test` shows whether it posts"
                    .into())
            }
            Err(error) => {
                Err(format!("the workflow cannot be reached: {}", crate::net::cause(error)))
            }
        }
    }
}

fn card(message: Outgoing<'_>) -> Value {
    let repeat = if message.may_repeat { " (may be a repeat)" } else { "" };
    let document = message.document;
    let title = markdown_escape(&format!("{}{repeat}", document.subject));
    // The text begins with the subject, which stands above it already.
    let mut text = document.text.as_str();
    if text.len() > TEXT_BYTES_MAX {
        let mut end = TEXT_BYTES_MAX;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text = &text[..text[..end].rfind('\n').unwrap_or(end)];
    }
    let block = |text: &str| json!({"type": "TextBlock", "text": text, "wrap": true, "fontType": "Monospace", "size": "Small"});
    let paragraphs = text.split("\n\n").filter(|part| !part.trim().is_empty());
    let mut body = vec![json!({
        "type": "TextBlock", "text": title, "wrap": true, "weight": "Bolder", "size": "Medium",
    })];
    body.extend(paragraphs.map(|part| block(&markdown_escape_lines(part))));
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.2",
                "msteams": {"width": "full"},
                "body": body,
            },
        }],
    })
}

/// Cards know a little markdown: a joiner before its marks breaks them.
fn markdown_escape(text: &str) -> String {
    let mut out = String::new();
    for c in plain(text).chars() {
        if matches!(c, '*' | '_' | '[' | ']' | '`' | '#') {
            out.push('\u{2060}');
        }
        out.push(c);
    }
    out
}

fn markdown_escape_lines(text: &str) -> String {
    // Two line ends are one in a card.
    text.lines().map(markdown_escape).collect::<Vec<_>>().join("\n\n")
}

impl Sink for TeamsSink {
    fn deliver<'a>(&'a self, message: Outgoing<'a>) -> Boxed<'a, Delivery> {
        Box::pin(self.post(message))
    }

    fn check<'a>(&'a self) -> Boxed<'a, Result<String, String>> {
        Box::pin(self.ask())
    }
}
