//! Mails of sales to people who had opted out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{Timestamp, ToSpan};

use super::{Snapshot, snapshot::EvaluateError};
use crate::alerts::{MailedOptedOut, rules::mailed_after_opt_out::DAYS};
use crate::domain::{Activity, RecordKey};
use crate::handoff::episode::instant;

/// The mails of the last days, no older than `since`, to whoever had opted out by then. Before the source said
/// so, or before a sync saw it, nobody is held to it.
///
/// # Errors
/// When the store cannot be read.
pub async fn mailed_opted_out(
    snapshot: &Snapshot<'_>,
    since: Timestamp,
) -> Result<Vec<MailedOptedOut>, EvaluateError> {
    if !snapshot.settings.alerts.mailed_after_opt_out.enabled {
        return Ok(Vec::new());
    }
    let hours = &snapshot.settings.company.hours;
    let days = snapshot.clock.checked_sub((DAYS * 24).hours()).unwrap_or(snapshot.clock);
    let since = since.max(days);
    let recent = |mail: &&Activity| {
        let at = instant(mail.at, hours);
        mail.kind == "email_out" && at >= since && at <= snapshot.clock
    };
    let mails: HashMap<&RecordKey, &Activity> =
        snapshot.facts.activities.iter().filter(recent).map(|mail| (&mail.key, mail)).collect();
    let mut to: BTreeSet<(RecordKey, &RecordKey)> = BTreeSet::new();
    let person = |source: &str, id: &str| RecordKey { source: source.into(), id: id.into() };
    for (key, mail) in &mails {
        to.extend(mail.lead.as_deref().map(|lead| (person(&key.source, lead), *key)));
    }
    for link in &snapshot.facts.activity_links {
        if let (Some((key, _)), Some(lead)) = (mails.get_key_value(&link.activity), &link.lead) {
            to.insert((person(&key.source, lead), *key));
        }
    }
    let people: BTreeSet<RecordKey> = to.iter().map(|(person, _)| person.clone()).collect();
    let out: BTreeMap<RecordKey, Timestamp> = snapshot
        .store
        .opted_out(&people)
        .await?
        .into_iter()
        .map(|row| (row.lead, row.at.map_or(row.seen_at, |at| instant(at, hours))))
        .collect();
    let late = |(lead, mail): (RecordKey, &RecordKey)| {
        let (opted_out_at, mail) = (*out.get(&lead)?, mails.get(mail)?);
        let (at, owner) = (instant(mail.at, hours), mail.owner.clone());
        (at > opted_out_at).then_some(MailedOptedOut { lead, at, owner, opted_out_at })
    };
    Ok(to.into_iter().filter_map(late).collect())
}
