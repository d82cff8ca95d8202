//! What people do about alerts: look after one, or ask not to hear of something for a while.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

use crate::alerts::Finding;
use crate::alerts::lifecycle::{Ack, State};
use crate::alerts::message::day_time;
use crate::config::{Settings, span::duration_secs};
use crate::domain::notice::{AlertNote, Document, Event, EventKind};
use crate::domain::silence::Silence;
use crate::outbox::address::{Way, team_ways, ways};
use crate::store::{
    Store, StoreError, Write,
    alerts::{AlertRow, TransitionRow},
};

/// The longest time for which anything may be put aside.
const DAYS_MAX: i64 = 92;
/// Characters of a name or a reason.
const TEXT_CHARS_MAX: usize = 300;

/// Why nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum ActError {
    /// It cannot be done, and what can.
    #[error("{0}")]
    Refused(String),
    /// The store says no.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn refused(text: impl Into<String>) -> ActError {
    ActError::Refused(text.into())
}

/// Until when: a day (its end), or a span like `3d` or `4h` from now.
///
/// # Errors
/// A sentence, where it is neither, over, or too far off.
pub fn until(text: &str, now: Timestamp, zone: &TimeZone) -> Result<Timestamp, ActError> {
    let day = |day: Date| {
        let next = day.tomorrow().and_then(|next| next.to_zoned(zone.clone()));
        next.map(|midnight| midnight.timestamp()).ok()
    };
    let at = match duration_secs(text.trim()) {
        Some(secs) if secs > DAYS_MAX * 86_400 => None,
        Some(secs) => now.saturating_add(secs.seconds()).ok(),
        None => text.trim().parse().ok().and_then(day),
    };
    let at = at.ok_or_else(|| {
        refused(format!(
            "`{text}` is no time: write a day like 2026-12-04, or a span like 3d or 4h"
        ))
    })?;
    if at <= now {
        return Err(refused(format!("`{text}` is over")));
    }
    if at.as_second() - now.as_second() > DAYS_MAX * 86_400 {
        return Err(refused(format!("`{text}` is further off than {DAYS_MAX} days")));
    }
    Ok(at)
}

/// A name or a reason, without what a terminal or a page would obey.
fn said(what: &str, text: &str) -> Result<String, ActError> {
    let text = crate::domain::notice::plain(text.trim());
    match text.chars().count() {
        0 => Err(refused(format!("{what} is missing"))),
        n if n > TEXT_CHARS_MAX => {
            Err(refused(format!("{what} is longer than {TEXT_CHARS_MAX} characters")))
        }
        _ => Ok(text),
    }
}

/// Which alerts somebody looks after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The one alert.
    One,
    /// All that go on and are told in one thread with it: what stood in one message.
    Thread,
}

/// What somebody looks after from now on.
#[derive(Clone, Debug, PartialEq)]
pub struct Acknowledged {
    /// Who, why and until when.
    pub ack: Ack,
    /// The alerts, the one that was named first.
    pub ids: Vec<i64>,
}

impl Acknowledged {
    /// What that means, for whoever did it.
    pub fn sentence(&self, zone: &TimeZone) -> String {
        let ids: Vec<String> = self.ids.iter().map(i64::to_string).collect();
        let (what, they_are, they_go, they_get) = match ids.len() {
            1 => ("alert", "It is", "it still goes", "it gets"),
            _ => ("alerts", "They are", "they still go", "one gets"),
        };
        format!(
            "{} looks after {what} {} until {}. {they_are} told again if {they_go} on then, and at once \
             where {they_get} worse.",
            self.ack.by,
            ids.join(", "),
            day_time(self.ack.until, zone)
        )
    }
}

/// Somebody looks after an alert. It is told again if it still goes on at the end of that time, and
/// at once where it gets worse.
///
/// # Errors
/// See [`ActError`].
pub async fn acknowledge(
    store: &Store,
    (id, reach): (i64, Reach),
    (by, why): (&str, &str),
    until: Timestamp,
    now: Timestamp,
    settings: &Settings,
) -> Result<Acknowledged, ActError> {
    let zone = &settings.company.zone;
    let ack = Ack { by: said("who", by)?, why: said("why", why)?, at: now, until };
    let mut write = store.begin().await?;
    let open = write.open_alerts().await?;
    let Some(named) = open.iter().find(|row| row.id == id) else {
        return Err(match store.alert(id).await? {
            Some(_) => refused(format!("alert {id} is over: nothing is left to acknowledge")),
            None => refused(format!("there is no alert {id}: `paceline alerts list` has them all")),
        });
    };
    let firing = |row: &&AlertRow| row.state == State::Firing.name();
    let beside = open.iter().filter(|row| {
        reach == Reach::Thread && row.id != id && row.thread == named.thread && firing(row)
    });
    let mut ids = Vec::new();
    for row in std::iter::once(named).chain(beside) {
        let mut row = row.clone();
        if firing(&&row) {
            State::Acknowledged.name().clone_into(&mut row.state);
        }
        row.ack = serde_json::to_string(&ack).ok();
        row.reason =
            format!("{} looks after it until {}: {}", ack.by, day_time(until, zone), ack.why);
        write.put_alert(&row).await?;
        let transition = TransitionRow {
            alert: row.id,
            at: now,
            kind: State::Acknowledged.name().to_owned(),
            reason: row.reason.clone(),
            sent: false,
            finding: row.finding.clone(),
        };
        write.note_transition(&transition).await?;
        tell_pagers(store, &mut write, settings, &row, now).await?;
        ids.push(row.id);
    }
    write.commit().await?;
    Ok(Acknowledged { ack, ids })
}

/// PagerDuty hears that somebody looks after it, where it heard that it goes on: it wakes nobody else then.
async fn tell_pagers(
    store: &Store,
    write: &mut Write,
    settings: &Settings,
    row: &AlertRow,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Ok(finding) = serde_json::from_str::<Finding>(&row.finding) else { return Ok(()) };
    let note = AlertNote {
        id: row.id,
        rule: row.rule.clone(),
        scope: row.scope.clone(),
        state: State::Acknowledged.name().into(),
        severity: row.severity.clone(),
        summary: finding.summary.clone(),
        value: finding.value,
        threshold: finding.threshold,
    };
    let document = Document {
        event: Event { kind: EventKind::Alert, over: false, alerts: vec![note] },
        subject: finding.summary,
        text: row.reason.clone(),
        ..Document::default()
    };
    for (recipient, heard) in store.heard_of(row.id).await? {
        let pagers = ways_of(settings, &recipient).into_iter().filter(|_| !heard.ended);
        for (sink, address) in pagers.filter(|(sink, _)| *sink == "pagerduty") {
            let key = format!("ack:{}:{}:{sink}:{address}", row.id, now.as_millisecond());
            write.enqueue(&row.thread, &key, sink, &address, &document, now).await?;
        }
    }
    Ok(())
}

/// The ways of a recipient by its stored name.
fn ways_of(settings: &Settings, recipient: &str) -> Vec<Way> {
    match recipient.strip_prefix("team.") {
        Some(team) => team_ways(settings, team),
        None if recipient == "escalation" => ways(recipient, &settings.escalation),
        None if recipient == "operator" => ways(recipient, &settings.operator),
        None => Vec::new(),
    }
}

/// Somebody does not want to hear of something for a while.
///
/// # Errors
/// See [`ActError`].
pub async fn silence(store: &Store, mut silence: Silence) -> Result<i64, ActError> {
    silence.by = said("who", &silence.by)?;
    silence.why = said("why", &silence.why)?;
    if silence.rule.is_none() && silence.scope.is_none() && silence.team.is_none() {
        return Err(refused(
            "a silence needs a rule, a scope or a team: name at least one of them",
        ));
    }
    let mut write = store.begin().await?;
    let id = write.add_silence(&silence).await?;
    write.commit().await?;
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_day_or_a_span_ahead() {
        let now: Timestamp = "2026-11-23T13:00:00Z".parse().unwrap();
        let zone = TimeZone::get("America/New_York").unwrap();
        let at = |text: &str| until(text, now, &zone).map(|at| at.to_string()).ok();
        assert_eq!(at("3d").as_deref(), Some("2026-11-26T13:00:00Z"));
        assert_eq!(at("2026-11-23").as_deref(), Some("2026-11-24T05:00:00Z"));
        for wrong in ["2026-11-22", "soon", "", "93d", "99999999w"] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_name_and_a_reason_are_asked_for_and_made_harmless() {
        assert!(said("who", "  ").is_err() && said("who", &"x".repeat(301)).is_err());
        assert_eq!(said("who", " Da\u{1b}na ").unwrap(), "Da na");
    }
}
