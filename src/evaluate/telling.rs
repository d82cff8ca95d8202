//! Who can be told at the moment, and the messages of a check on their way into the outbox.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan, civil::Date};

use super::{Snapshot, alerting::After, snapshot::EvaluateError};
use crate::alerts::message::{self, Frame, Part, day_time};
use crate::alerts::settings::Delivery;
use crate::alerts::telling::{Message, News, Person, Recipient, Standing};
use crate::alerts::{Audience, Finding};
use crate::config::Settings;
use crate::digest::Week;
use crate::domain::{calendar::BusinessCalendar, heard::Heard};
use crate::outbox::address::{Way, team_ways, ways};
use crate::outbox::link::{Action, Signer};
use crate::store::{StoreError, Write};

/// So far the next opening is looked for.
const OPENING_DAYS_MAX: i64 = 62;

/// A thread, and what is told in it.
type Said<'a> = (&'a str, &'a [(usize, News)]);

/// What each recipient has heard, by alert and recipient.
pub type AllHeard = BTreeMap<(i64, String), Heard>;

/// Everybody who can be reached, and how they stand.
///
/// # Errors
/// See [`EvaluateError`].
pub async fn people(
    snapshot: &Snapshot<'_>,
    findings: &[Finding],
) -> Result<BTreeMap<Recipient, Person>, EvaluateError> {
    let (settings, now) = (snapshot.settings, snapshot.clock);
    let zone = &settings.company.zone;
    let monday = Week::of(zone.to_datetime(now).date()).from();
    let from = monday.to_zoned(zone.clone()).map_or(now, |midnight| midnight.timestamp());
    let used =
        snapshot.store.alert_messages(from, now.saturating_add(1.hour()).unwrap_or(now)).await?;
    let digest = settings.digest_teams();
    let mut people = BTreeMap::new();
    let mut add = |who: Recipient, hours: Option<&BusinessCalendar>| {
        let ways = ways_to(snapshot, &who);
        if ways.is_empty() {
            return;
        }
        // Nobody is woken for a report: whom only PagerDuty reaches has no digest.
        let reads = ways.iter().any(|(sink, _)| *sink != "pagerduty");
        let had = used.get(&who.name()).copied().unwrap_or(0);
        let limited = who != Recipient::Operator;
        let person = Person {
            closed: hours.and_then(|hours| closed(settings, hours, now)),
            left: limited.then(|| settings.alerts.messages_per_week.saturating_sub(had)),
            reads_digest: reads && matches!(&who, Recipient::Team(name) if digest.contains(name)),
        };
        people.insert(who, person);
    };
    let company = &settings.company.hours;
    for name in settings.teams.keys() {
        add(Recipient::Team(name.clone()), Some(snapshot.teams.hours_of(Some(name), company)));
    }
    for finding in findings {
        if let Audience::Owner(id) = &finding.audience {
            let team = snapshot.teams.team_of(id);
            add(Recipient::Owner(id.clone()), Some(snapshot.teams.hours_of(team, company)));
        }
    }
    add(Recipient::Escalation, Some(company));
    add(Recipient::Operator, None);
    Ok(people)
}

/// When somebody's hours begin, if messages wait for that.
fn closed(settings: &Settings, hours: &BusinessCalendar, now: Timestamp) -> Option<String> {
    if settings.alerts.delivery == Delivery::Always {
        return None;
    }
    let today = hours.zone.to_datetime(now).date();
    let openings = (0..OPENING_DAYS_MAX)
        .filter_map(|days| hours.opening(today.saturating_add(days.days())))
        .find(|(_, close)| now < *close);
    match openings {
        Some((open, _)) if open <= now => None,
        Some((open, _)) => Some(format!("working hours begin {}", day_time(open, &hours.zone))),
        None => Some("there are no working hours in the next two months".into()),
    }
}

/// The ways to a recipient.
fn ways_to(snapshot: &Snapshot<'_>, who: &Recipient) -> BTreeSet<Way> {
    let settings = snapshot.settings;
    let found: Vec<Way> = match who {
        Recipient::Team(name) => team_ways(settings, name),
        Recipient::Escalation => ways("escalation", &settings.escalation),
        Recipient::Operator => ways("operator", &settings.operator),
        Recipient::Owner(id) => {
            let by_mail = settings.alerts.escalation.owners && settings.email.is_some();
            let owner = snapshot.facts.owners.get(id).filter(|_| by_mail);
            let address = owner.and_then(|owner| owner.email.clone());
            address.map(|address| ("email", address)).into_iter().collect()
        }
    };
    found.into_iter().collect()
}

/// Puts messages into the outbox and remembers who has heard what. Gives the number of outbox rows.
///
/// # Errors
/// When the database cannot be written.
pub async fn send(
    snapshot: &Snapshot<'_>,
    write: &mut Write,
    messages: &[Message],
    after: &After,
    heard: &AllHeard,
    signer: Option<&Signer>,
) -> Result<usize, StoreError> {
    let standings = &after.standings;
    let mut count = 0;
    // Two teams with one mailbox get one copy: what says the same in the same check has one number.
    let mut numbers: BTreeMap<Said<'_>, i64> = BTreeMap::new();
    for message in messages {
        let name = message.to.name();
        let ids: Vec<i64> =
            message.parts.iter().map(|(index, _)| standings[*index].alert).collect();
        let number = write.note_alert_message(&name, &message.thread, &ids, snapshot.clock).await?;
        let same = (message.thread.as_str(), message.parts.as_slice());
        let key_number = *numbers.entry(same).or_insert(number);
        let document = document(snapshot, message, after, heard, signer);
        for (sink, address) in ways_to(snapshot, &message.to) {
            // The letter keeps these apart from the keys of older versions.
            let key = format!("{}:m{key_number}:{sink}:{address}", message.thread);
            write.enqueue(&message.thread, &key, sink, &address, &document, snapshot.clock).await?;
            count += 1;
        }
        for (index, news) in &message.parts {
            remember(write, &standings[*index], &name, *news, heard, number, snapshot.clock)
                .await?;
        }
    }
    Ok(count)
}

/// Remembers that a recipient has heard of an alert.
///
/// # Errors
/// When the database cannot be written.
pub async fn remember(
    write: &mut Write,
    standing: &Standing,
    recipient: &str,
    news: News,
    heard: &AllHeard,
    message: i64,
    now: Timestamp,
) -> Result<(), StoreError> {
    let known = known_of(heard, standing.alert, recipient);
    let mut records = known.map(|heard| heard.records.clone()).unwrap_or_default();
    records.extend(standing.finding.records.iter().map(|record| record.id.clone()));
    let now_known =
        Heard { at: now, level: standing.level, records, ended: news == News::Resolved };
    write.put_heard(standing.alert, recipient, &now_known, message).await
}

fn known_of<'a>(heard: &'a AllHeard, alert: i64, recipient: &str) -> Option<&'a Heard> {
    heard.get(&(alert, recipient.to_owned())).or_else(|| heard.get(&(alert, "*".to_owned())))
}

fn document(
    snapshot: &Snapshot<'_>,
    message: &Message,
    after: &After,
    heard: &AllHeard,
    signer: Option<&Signer>,
) -> crate::domain::notice::Document {
    let settings = snapshot.settings;
    let part = |(index, news): &(usize, News)| {
        let standing = &after.standings[*index];
        let known = known_of(heard, standing.alert, &message.to.name());
        Part { news: *news, standing, heard: known.map(|heard| &heard.records) }
    };
    let parts: Vec<Part<'_>> = message.parts.iter().map(part).collect();
    let rests_on = parts.iter().flat_map(|part| &part.standing.finding.rests_on);
    let complete =
        |source: &String| snapshot.completeness.complete_to.get(source).copied().flatten();
    let frame = Frame {
        data_as_of: rests_on.filter_map(complete).min().or_else(|| snapshot.data_as_of_all()),
        now: snapshot.clock,
        zone: &settings.company.zone,
        note: message.last.then(|| {
            format!(
                "This was the last of this week's {} messages; what else comes up is in the digest.",
                settings.alerts.messages_per_week
            )
        }),
        over: !after.open_threads.contains(&message.thread),
        links: links(snapshot, &parts, signer),
    };
    message::document(&parts, &frame)
}

/// Where a message can be acted on; what is over needs nothing.
fn links(
    snapshot: &Snapshot<'_>,
    parts: &[Part<'_>],
    signer: Option<&Signer>,
) -> Vec<(String, String)> {
    let Some(url) = &snapshot.settings.http.public_url else { return Vec::new() };
    let Some(first) = parts.first() else { return Vec::new() };
    let alert = first.standing.alert;
    let mut links = Vec::new();
    if let Some(signer) = signer.filter(|_| first.news != News::Resolved) {
        let link = |action| signer.address(url, action, alert, snapshot.clock);
        links.push(("Acknowledge".to_owned(), link(Action::Acknowledge)));
        links.push(("Silence".to_owned(), link(Action::Silence)));
    }
    let page = format!("{}/alerts/{alert}", url.trim_end_matches('/'));
    links.push(("How this came about".to_owned(), page));
    links
}

/// The company's day of a check.
pub fn day_of(snapshot: &Snapshot<'_>) -> Date {
    snapshot.settings.company.zone.to_datetime(snapshot.clock).date()
}
