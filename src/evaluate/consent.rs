//! Mails of sales to people who had opted out.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{Timestamp, ToSpan};

use super::{Snapshot, snapshot::EvaluateError};
use crate::alerts::{MailedOptedOut, rules::mailed_after_opt_out::DAYS};
use crate::domain::{Activity, Object, RecordKey};
use crate::handoff::episode::instant;
use crate::sources;

/// The mails of the last days, no older than `since`, to whoever had opted out by then. Before the source said
/// so, or before a sync saw it, nobody is held to it. None where nobody looks, or no source says who opted out.
///
/// # Errors
/// When the store cannot be read.
pub async fn mailed_opted_out(
    snapshot: &Snapshot<'_>,
    since: Timestamp,
) -> Result<Option<Vec<MailedOptedOut>>, EvaluateError> {
    let zone = &snapshot.settings.company.zone;
    let mut sources = snapshot.settings.sources.iter();
    let told = sources.any(|(name, source)| {
        let opened = sources::open(name, source, zone);
        ["opt_in", "opted_out_at"].iter().any(|field| opened.provides(Object::Lead, field))
    });
    if !told || !snapshot.settings.alerts.mailed_after_opt_out.enabled {
        return Ok(None);
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
        let mail = mail.key.id.clone();
        (at > opted_out_at).then_some(MailedOptedOut { lead, mail, at, owner, opted_out_at })
    };
    Ok(Some(to.into_iter().filter_map(late).collect()))
}
