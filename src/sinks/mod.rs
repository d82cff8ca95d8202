//! Where messages go. A sink sends one message to one address and says what became of it.
//!
//! A new sink is one file here and one line in [`open`].

pub mod email;
pub mod file;
pub mod http;
pub mod msteams;
pub mod pagerduty;
pub mod slack;
pub mod webhook;

use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;

use jiff::Timestamp;

use crate::config::{
    Settings,
    sinks::{Sinks, Slack},
};
use crate::domain::notice::Document;

/// What became of a try. The texts name no secret and no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// It arrived.
    Sent,
    /// It arrived, and later messages of its thread can refer to it by this name.
    Kept(String),
    /// The other side asks to wait so many seconds.
    Limited {
        /// Seconds to wait.
        after_secs: i64,
    },
    /// Not now; a later try may do.
    Failed(String),
    /// The way itself is closed (no answer, no login, no TLS): other messages on it must wait too.
    Unready(String),
    /// It may have arrived: the answer was lost.
    Unknown(String),
    /// It never will arrive like this.
    Refused(String),
    /// Nothing will arrive on this way any more, until somebody mends it: it is gone, or was taken from us.
    Revoked(String),
}

/// A message with the names that make it recognisable.
#[derive(Clone, Copy, Debug)]
pub struct Outgoing<'a> {
    /// The message.
    pub document: &'a Document,
    /// The outbox row, the same at every try.
    pub id: i64,
    /// The random name of the database.
    pub store_id: &'a str,
    /// Messages of one thread belong together.
    pub thread: &'a str,
    /// Whether an earlier try may have arrived.
    pub may_repeat: bool,
    /// When it was written, the same at every try.
    pub created: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// What the first message of its thread is called there.
    pub root: Option<&'a str>,
}

/// A future that a trait object can return.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A sink with its address.
pub trait Sink: Send + Sync {
    /// Sends one message.
    fn deliver<'a>(&'a self, message: Outgoing<'a>) -> Boxed<'a, Delivery>;

    /// Asks one harmless question: a sentence when it is in order, one that names the mend if not.
    fn check<'a>(&'a self) -> Boxed<'a, Result<String, String>>;
}

/// Opens the sink of an outbox row.
///
/// # Errors
/// A sentence, where the configuration no longer has that address or a secret is not to be had.
pub fn open(settings: &Settings, sink: &str, address: &str) -> Result<Box<dyn Sink>, String> {
    let gone = || format!("the configuration no longer has `{address}` for {sink}");
    match sink {
        "email" => {
            let email = settings.email.as_ref().ok_or_else(gone)?;
            Ok(Box::new(email::EmailSink::new(email.clone(), address)))
        }
        "slack" => {
            let slack = sinks_of(settings, address).and_then(|sinks| sinks.slack.as_ref());
            let ca_file = settings.network.ca_file.as_deref();
            Ok(Box::new(slack::SlackSink::open(slack.ok_or_else(gone)?, ca_file)?))
        }
        "webhook" => {
            let webhook = sinks_of(settings, address).and_then(|sinks| sinks.webhook.as_ref());
            let ca_file = settings.network.ca_file.as_deref();
            Ok(Box::new(webhook::WebhookSink::open(webhook.ok_or_else(gone)?, ca_file)?))
        }
        "pagerduty" => {
            let pagerduty = sinks_of(settings, address).and_then(|sinks| sinks.pagerduty.as_ref());
            let ca_file = settings.network.ca_file.as_deref();
            Ok(Box::new(pagerduty::PagerDutySink::open(pagerduty.ok_or_else(gone)?, ca_file)?))
        }
        "msteams" => {
            let url = sinks_of(settings, address).and_then(|sinks| sinks.msteams.as_ref());
            let ca_file = settings.network.ca_file.as_deref();
            Ok(Box::new(msteams::TeamsSink::open(url.ok_or_else(gone)?, ca_file)?))
        }
        "file" => {
            let path = sinks_of(settings, address).and_then(|sinks| sinks.file.clone());
            Ok(Box::new(file::FileSink::new(path.ok_or_else(gone)?)))
        }
        _ => Err(format!("there is no sink `{sink}`")),
    }
}

/// The sinks behind `team.NAME`, `operator` or `escalation`.
fn sinks_of<'a>(settings: &'a Settings, address: &str) -> Option<&'a Sinks> {
    match address.strip_prefix("team.") {
        Some(team) => settings.teams.get(team).map(|team| &team.sinks),
        None if address == "escalation" => Some(&settings.escalation),
        None => (address == "operator").then_some(&settings.operator),
    }
}

/// A hash of what the configuration says of a way, its secret included: another one means that somebody mended it.
pub fn fingerprint(settings: &Settings, sink: &str, address: &str) -> i64 {
    let sinks = sinks_of(settings, address);
    let said = match sink {
        "email" => settings.email.as_ref().map(|email| format!("{}:{}", email.host, email.port)),
        "slack" => sinks.and_then(|sinks| sinks.slack.as_ref()).map(|slack| match slack {
            Slack::Webhook(url) => url.reveal().unwrap_or_default(),
            Slack::Bot { token, channel, base_url } => {
                format!("{} {channel} {base_url}", token.reveal().unwrap_or_default())
            }
        }),
        "webhook" => sinks.and_then(|sinks| sinks.webhook.as_ref()).map(|webhook| {
            let secret = webhook.secret.as_ref().and_then(|secret| secret.reveal().ok());
            format!("{} {secret:?}", webhook.url.reveal().unwrap_or_default())
        }),
        "pagerduty" => sinks.and_then(|sinks| sinks.pagerduty.as_ref()).map(|pagerduty| {
            let key = pagerduty.routing_key.reveal().unwrap_or_default();
            format!("{key} {}", pagerduty.base_url)
        }),
        "msteams" => sinks.and_then(|sinks| sinks.msteams.as_ref()?.reveal().ok()),
        _ => None,
    };
    let mut hasher = DefaultHasher::new();
    (sink, address, said).hash(&mut hasher);
    i64::from_ne_bytes(hasher.finish().to_ne_bytes())
}

/// Where a sink stands in the configuration, for `check`.
pub fn place(settings: &Settings, sink: &str, address: &str) -> Option<String> {
    if sink == "email" {
        return settings.email.as_ref().map(|email| email.place.clone());
    }
    let sinks = sinks_of(settings, address)?;
    let secret = match sink {
        "slack" => match sinks.slack.as_ref()? {
            Slack::Webhook(secret) | Slack::Bot { token: secret, .. } => secret,
        },
        "webhook" => &sinks.webhook.as_ref()?.url,
        "pagerduty" => &sinks.pagerduty.as_ref()?.routing_key,
        "msteams" => sinks.msteams.as_ref()?,
        _ => return None,
    };
    Some(secret.place.clone())
}
