//! Who is reached over which ways. The outbox keeps keys of the configuration, never secrets.

use jiff::Timestamp;

use crate::config::{
    Settings,
    sinks::{Sinks, Slack},
};
use crate::domain::notice::Document;
use crate::store::{Store, StoreError};

/// A way to somebody: the sink, and the address that the outbox keeps.
pub type Way = (&'static str, String);

/// The ways that a set of sinks opens. `owner` is its key in the configuration.
pub fn ways(owner: &str, sinks: &Sinks) -> Vec<Way> {
    let slack = sinks.slack.iter().map(|slack| match slack {
        Slack::Webhook(_) | Slack::Bot { .. } => ("slack", owner.to_owned()),
    });
    let mails = sinks.email.iter().map(|address| ("email", address.clone()));
    let file = sinks.file.iter().map(|_| ("file", owner.to_owned()));
    let own = |sink: &'static str, there: bool| there.then(|| (sink, owner.to_owned()));
    let others = [
        own("webhook", sinks.webhook.is_some()),
        own("pagerduty", sinks.pagerduty.is_some()),
        own("msteams", sinks.msteams.is_some()),
    ];
    slack.chain(mails).chain(file).chain(others.into_iter().flatten()).collect()
}

/// The ways to a team.
pub fn team_ways(settings: &Settings, name: &str) -> Vec<Way> {
    let sinks = settings.teams.get(name).map(|team| &team.sinks);
    sinks.map(|sinks| ways(&format!("team.{name}"), sinks)).unwrap_or_default()
}

/// Puts a message for the operator into the outbox, outside of any alert.
///
/// # Errors
/// When the database cannot be written.
pub async fn tell_operator(
    settings: &Settings,
    store: &Store,
    key: &str,
    document: &Document,
    now: Timestamp,
) -> Result<(), StoreError> {
    let mut write = store.begin().await?;
    for (sink, address) in ways("operator", &settings.operator) {
        let dedupe_key = format!("{key}:{sink}:{address}");
        write.enqueue(key, &dedupe_key, sink, &address, document, now).await?;
    }
    write.commit().await
}
