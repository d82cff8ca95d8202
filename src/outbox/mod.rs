//! Delivery: claim, send, record. No transaction is open while a message is on its way.

pub mod address;
pub mod policy;

use address::tell_operator;

use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::notice::{Document, html_escape};
use crate::sinks::{self, Delivery, Outgoing};
use crate::store::{Store, StoreError, outbox::Fate};

/// Rounds of one call; each takes what the one before made free.
const ROUNDS_MAX: usize = 20;

/// What a delivery round did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Messages that arrived.
    pub sent: usize,
    /// Messages that will be tried again.
    pub again: usize,
    /// Messages of which it is not known.
    pub unknown: usize,
    /// Messages that were given up.
    pub dead: usize,
}

/// Sends what is due.
///
/// # Errors
/// When the store cannot be read or written. A message that was sent and not recorded is claimed
/// until its claim runs out, and then marked as not known.
pub async fn deliver_due(
    store: &Store,
    settings: &Settings,
    clock: &Clock,
) -> Result<Delivered, StoreError> {
    let store_id = store.id().await?;
    let mut delivered = Delivered::default();
    for _ in 0..ROUNDS_MAX {
        let claimed = store.claim_due(clock.now()).await?;
        if claimed.is_empty() {
            break;
        }
        for row in claimed {
            let message = Outgoing {
                document: &row.message,
                id: row.id,
                store_id: &store_id,
                thread: &row.thread,
                may_repeat: row.may_repeat,
            };
            let delivery = match sinks::open(settings, &row.sink, &row.address) {
                Ok(sink) => sink.deliver(message).await,
                Err(text) => Delivery::Failed(text),
            };
            let fate = policy::fate(&delivery, row.attempts, row.may_repeat, clock.now());
            let error = policy::error_text(&delivery);
            store.finish(row.id, &fate, error, clock.now()).await?;
            match &fate {
                Fate::Sent => delivered.sent += 1,
                Fate::Again { .. } => delivered.again += 1,
                Fate::Unknown { .. } => delivered.unknown += 1,
                Fate::Dead => delivered.dead += 1,
            }
            if let Some(error) = error {
                tracing::warn!(
                    outbox_id = row.id, sink = row.sink, fate = ?fate, error,
                    "a message was not delivered"
                );
            }
            // A message to the operator that dies must not make another one.
            if fate == Fate::Dead && !row.thread.starts_with("delivery:") {
                let document = dead_letter(&row.sink, &row.message.subject, error.unwrap_or(""));
                let thread = format!("delivery:{}", row.id);
                tell_operator(settings, store, &thread, &document, clock.now()).await?;
            }
        }
    }
    Ok(delivered)
}

/// Tells the operator of a message that reached nobody.
fn dead_letter(sink: &str, subject: &str, error: &str) -> Document {
    let title = format!("A message could not be delivered by {sink}");
    operator_document(title, &[("Message", subject), ("Why", error)])
}

/// A message to the operator about the daemon's own troubles.
pub fn operator_document(title: String, lines: &[(&str, &str)]) -> Document {
    let step = ("Next step", "today: run `paceline check` and mend what it names");
    let lines = lines.iter().chain(&[("Owner", "the operator"), step]);
    let text: String = lines.map(|(label, line)| format!("{label:<10} {line}\n")).collect();
    let body =
        serde_json::json!({"type": "plain_text", "text": crate::alerts::message::cut(&text)});
    Document {
        html: format!(
            "<p><b>{}</b></p><pre>{}</pre>",
            html_escape(&title),
            html_escape_lines(&text)
        ),
        blocks: vec![serde_json::json!({"type": "section", "text": body})],
        text: format!("{title}\n\n{text}"),
        subject: title,
    }
}

fn html_escape_lines(text: &str) -> String {
    text.lines().map(html_escape).collect::<Vec<_>>().join("\n")
}
