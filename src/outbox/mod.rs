//! Delivery: claim, send, record. No transaction is open while a message is on its way.

pub mod address;
pub mod link;
pub mod policy;

use std::collections::BTreeMap;

use address::tell_operator;
use jiff::Timestamp;

use crate::clock::Clock;
use crate::config::Settings;
use crate::domain::notice::{Document, html_escape, plain, slack_escape};
use crate::sinks::{self, Delivery, Outgoing};
use crate::store::{
    Store, StoreError,
    outbox::{ClosedWay, Fate, OutboxRow},
};

/// After so many tries on a closed way the operator hears of it: some minutes.
const CLOSED_TRIES: i64 = 3;
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
    // Ways that are closed, and until when.
    let mut closed = still_closed(store, settings, clock.now()).await?;
    for _ in 0..ROUNDS_MAX {
        let claimed = store.claim_due(clock.now()).await?;
        if claimed.is_empty() {
            break;
        }
        for row in claimed {
            let way = way_of(&row);
            let own = (row.sink.clone(), row.address.clone());
            if let Some(at) = closed.get(&way).or_else(|| closed.get(&own)) {
                let wait = Fate::Again { at: *at, counts: false };
                store.finish(row.id, &wait, None, clock.now()).await?;
                delivered.again += 1;
                continue;
            }
            let root = store.root_of(&row).await?;
            let now = clock.now();
            let delivery = send(settings, &store_id, &row, root.as_deref(), now).await;
            let fate = policy::fate(&row, &delivery, clock.now());
            let error = policy::error_text(&delivery);
            store.finish(row.id, &fate, error, clock.now()).await?;
            let until = policy::way_closed_until(&delivery, &fate);
            if let Delivery::Revoked(reason) = &delivery {
                // A mailbox that is gone closes no other.
                let (sink, address) = own.clone();
                let fingerprint = sinks::fingerprint(settings, &sink, &address);
                let until = until.unwrap_or(clock.now());
                let way = ClosedWay { sink, address, until, fingerprint };
                store.close_way(&way, reason, clock.now()).await?;
                closed.insert(own, until);
            } else {
                closed.extend(until.map(|at| (way, at)));
                if matches!(fate, Fate::Sent | Fate::Kept(_)) {
                    store.open_way(&row).await?;
                }
            }
            delivered.count(&fate);
            if let Some(error) = error {
                let (outbox_id, sink) = (row.id, row.sink.as_str());
                tracing::warn!(outbox_id, sink, error, "a message was not delivered");
            }
            tell_if_lost(store, settings, &row, &fate, error.unwrap_or(""), clock.now()).await?;
            let closed_now = match delivery {
                Delivery::Unready(_) => row.attempts + 1 == CLOSED_TRIES,
                Delivery::Revoked(_) => matches!(fate, Fate::Again { .. }),
                _ => false,
            };
            if closed_now {
                tell_closed(store, settings, &row, error.unwrap_or(""), clock.now()).await?;
            }
        }
    }
    Ok(delivered)
}

/// The ways that are still closed, and until when. One of which the configuration says something else by now is
/// open again.
async fn still_closed(
    store: &Store,
    settings: &Settings,
    now: Timestamp,
) -> Result<BTreeMap<(String, String), Timestamp>, StoreError> {
    let ways = store.closed_ways(now).await?;
    let (same, mended): (Vec<ClosedWay>, Vec<ClosedWay>) = ways
        .into_iter()
        .partition(|way| sinks::fingerprint(settings, &way.sink, &way.address) == way.fingerprint);
    store.open_ways(&mended, now).await?;
    Ok(same.into_iter().map(|way| ((way.sink, way.address), way.until)).collect())
}

/// Opens every way that was refused for good: somebody may have mended the other side.
///
/// # Errors
/// When the database cannot be written.
pub async fn try_closed_ways(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    store.open_ways(&store.closed_ways(now).await?, now).await
}

impl Delivered {
    fn count(&mut self, fate: &Fate) {
        match fate {
            Fate::Sent | Fate::Kept(_) => self.sent += 1,
            Fate::Again { .. } => self.again += 1,
            Fate::Unknown { .. } => self.unknown += 1,
            Fate::Dead => self.dead += 1,
        }
    }
}

/// What a message shares with others: a webhook, or the one mail server.
fn way_of(row: &OutboxRow) -> (String, String) {
    let address = if row.sink == "email" { String::new() } else { row.address.clone() };
    (row.sink.clone(), address)
}

async fn send(
    settings: &Settings,
    store_id: &str,
    row: &OutboxRow,
    root: Option<&str>,
    now: Timestamp,
) -> Delivery {
    let message = Outgoing {
        document: &row.message,
        id: row.id,
        store_id,
        thread: &row.thread,
        may_repeat: row.may_repeat,
        created: row.created,
        now,
        root,
    };
    match sinks::open(settings, &row.sink, &row.address) {
        Ok(sink) => sink.deliver(message).await,
        Err(text) => Delivery::Unready(text),
    }
}

/// The operator hears of a message that was given up, and of one that nobody can tell arrived. A
/// message to the operator that is lost must not make another one.
async fn tell_if_lost(
    store: &Store,
    settings: &Settings,
    row: &OutboxRow,
    fate: &Fate,
    error: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let title = match fate {
        Fate::Dead => format!("A message could not be delivered by {}", row.sink),
        Fate::Unknown { again: None } => {
            format!("It is not known whether a message arrived by {}", row.sink)
        }
        _ => return Ok(()),
    };
    if row.thread.starts_with("delivery:") {
        return Ok(());
    }
    let lines = [("Message", row.message.subject.as_str()), ("To", &row.address), ("Why", error)];
    let document = operator_document(title, &lines);
    tell_operator(settings, store, &format!("delivery:{}", row.id), &document, now).await
}

/// A way that stays closed is told once a day, for what waits on it may be urgent. One that is refused for good is
/// tried again every six hours, and when the daemon is started or reads its configuration anew.
async fn tell_closed(
    store: &Store,
    settings: &Settings,
    row: &OutboxRow,
    error: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    // A notice that waits on the operator's own way needs no notice of that.
    if row.thread.starts_with("delivery:") {
        return Ok(());
    }
    let title = format!("Messages by {} wait: the way is closed", row.sink);
    let lines = [("First", row.message.subject.as_str()), ("To", &row.address), ("Why", error)];
    let document = operator_document(title, &lines);
    let (sink, address) = way_of(row);
    let day = settings.company.zone.to_datetime(now).date();
    tell_operator(settings, store, &format!("delivery:{sink}:{address}:{day}"), &document, now)
        .await
}

/// A message to the operator about the daemon's own troubles.
pub fn operator_document(title: String, lines: &[(&str, &str)]) -> Document {
    let step = ("Next step", "today: mend it where `paceline check` names it, or at the other end");
    let lines = lines.iter().copied().chain([("Owner", "the operator"), step]);
    let text: String =
        lines.clone().map(|(label, line)| format!("{label:<10} {}\n", plain(line))).collect();
    let body: String =
        lines.map(|(label, line)| format!("\n*{label}*  {}", slack_escape(line))).collect();
    let body = crate::alerts::message::cut(&format!("*{}*{body}", slack_escape(&title)));
    let section = serde_json::json!({"type": "mrkdwn", "text": body});
    let escaped: Vec<String> = text.lines().map(html_escape).collect();
    Document {
        event: Default::default(),
        html: format!("<p><b>{}</b></p><pre>{}</pre>", html_escape(&title), escaped.join("\n")),
        blocks: vec![serde_json::json!({"type": "section", "text": section})],
        text: format!("{title}\n\n{text}"),
        subject: title,
    }
}
