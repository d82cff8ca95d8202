//! One check of all rules: what follows is written as alert state and outbox rows, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    Snapshot,
    finding::{findings, unchecked_rules},
    recording,
    snapshot::EvaluateError,
    telling,
};
use crate::alerts::{
    Audience, Finding, Status,
    lifecycle::{Ack, Check, Kind, OpenAlert, State, Transition, decide},
    telling::{House, Standing, Telling, tell},
};
use crate::outbox::link::Signer;
use crate::store::{
    StoreError, Write,
    alerts::{AlertRow, TransitionRow},
    checks::CheckRow,
};

/// An end that could not be told for so long is no news any more.
const END_HOURS_MAX: i64 = 31 * 24;

/// What a check did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Scopes that were looked at.
    pub findings: usize,
    /// Alerts of which somebody hears.
    pub told: usize,
    /// Messages that were put into the outbox.
    pub messages: usize,
    /// Sources whose data is too old, so that what rests on them was held back.
    pub stale: BTreeSet<String>,
}

/// Looks at everything and writes what follows.
///
/// # Errors
/// See [`EvaluateError`]; nothing is written then.
pub async fn check(snapshot: &Snapshot<'_>) -> Result<Checked, EvaluateError> {
    let (findings, stale) = findings(snapshot).await?;
    let people = telling::people(snapshot, &findings).await?;
    let silences = snapshot.store.silences_after(snapshot.clock).await?;
    let signer = match snapshot.settings.http.public_url {
        Some(_) => Signer::of(snapshot.store).await?,
        None => None,
    };
    let alerts = &snapshot.settings.alerts;
    let house = House {
        people: &people,
        silences: &silences,
        now: snapshot.clock,
        shadow: alerts.shadow,
        critical_passes: alerts.critical_passes,
    };
    let mut write = snapshot.store.begin().await?;
    let after = follow(snapshot, &mut write, &findings, &stale).await?;
    let heard = write.heard().await?;
    let told = tell(&after.standings, &heard, &house);
    let messages =
        telling::send(snapshot, &mut write, &told.messages, &after, &heard, signer.as_ref())
            .await?;
    for (index, who, news) in &told.digest_only {
        let standing = &after.standings[*index];
        let (name, now) = (who.name(), snapshot.clock);
        telling::remember(&mut write, standing, &name, *news, &heard, 0, now).await?;
    }
    let told_of: BTreeSet<usize> =
        told.messages.iter().flat_map(|m| m.parts.iter().map(|(index, _)| *index)).collect();
    note_transitions(&mut write, &after, &told_of, snapshot.clock).await?;
    note_checks(snapshot, &mut write, &findings, &stale, &after, &told).await?;
    recording::keep(snapshot, &mut write).await?;
    write.commit().await?;
    Ok(Checked { findings: findings.len(), told: told_of.len(), messages, stale })
}

/// The alerts after a check, and what happened to them.
pub(super) struct After {
    /// Those of which there may be something to tell.
    pub(super) standings: Vec<Standing>,
    /// By place in the list of standings.
    transitions: BTreeMap<usize, Transition>,
    /// Threads in which something goes on, whether or not it was looked at.
    pub(super) open_threads: BTreeSet<String>,
}

/// Decides what follows for each alert, and stores it.
async fn follow(
    snapshot: &Snapshot<'_>,
    write: &mut Write,
    findings: &[Finding],
    stale: &BTreeSet<String>,
) -> Result<After, StoreError> {
    let now = snapshot.clock;
    let rows: BTreeMap<i64, AlertRow> =
        write.open_alerts().await?.into_iter().map(|row| (row.id, row)).collect();
    let mut ended = write.untold_ends().await?;
    let open: Vec<OpenAlert> = rows.values().filter_map(open_alert).collect();
    let check = Check {
        now,
        stale_sources: stale,
        unchecked_rules: &unchecked_rules(snapshot),
        patience: &snapshot.settings.alerts.patience,
    };
    let mut threads: BTreeMap<String, String> = BTreeMap::new();
    for alert in &open {
        if let Some(row) = rows.get(&alert.id) {
            threads.entry(alert.finding.group.clone()).or_insert_with(|| row.thread.clone());
        }
    }
    let mut after = After {
        standings: Vec::new(),
        transitions: BTreeMap::new(),
        open_threads: BTreeSet::new(),
    };
    let mut going_on: BTreeMap<i64, String> =
        rows.values().map(|row| (row.id, row.thread.clone())).collect();
    for transition in decide(&open, findings, &check) {
        let known = transition.alert.and_then(|id| rows.get(&id));
        let group = transition.finding.group.clone();
        let mut row = alert_row(known, &transition, now);
        // It comes back before everybody heard that it was over: to them it never was.
        let before = ended.iter().position(|old| old.rule == row.rule && old.scope == row.scope);
        let before = before.filter(|_| known.is_none()).map(|place| ended.remove(place));
        if let Some(before) = &before {
            row.thread.clone_from(&before.thread);
        } else if known.is_none() && !group.is_empty() {
            row.thread = threads.get(&group).cloned().unwrap_or_default();
        }
        row.id = write.put_alert(&row).await?;
        if row.thread.is_empty() {
            row.thread = format!("alert:{}", row.id);
        }
        threads.entry(group).or_insert_with(|| row.thread.clone());
        if let Some(before) = before {
            write.hand_over_heard(before.id, row.id).await?;
        }
        if transition.state == State::Resolved {
            going_on.remove(&row.id);
        } else {
            going_on.insert(row.id, row.thread.clone());
        }
        let standing = standing(snapshot, &row, transition.finding.clone(), transition.state);
        after.transitions.insert(after.standings.len(), transition);
        after.standings.push(standing);
    }
    for row in ended {
        let age_hours = row.ended.map_or(0, |at| (now.as_second() - at.as_second()) / 3_600);
        if age_hours > END_HOURS_MAX {
            write.let_end_rest(row.id).await?;
        } else if let Ok(finding) = serde_json::from_str(&row.finding) {
            after.standings.push(standing(snapshot, &row, finding, State::Resolved));
        }
    }
    after.open_threads = going_on.into_values().collect();
    Ok(after)
}

fn standing(snapshot: &Snapshot<'_>, row: &AlertRow, finding: Finding, state: State) -> Standing {
    let escalation = &snapshot.settings.alerts.escalation;
    let team = match &finding.audience {
        Audience::Team(team) => Some(team.as_str()),
        _ => None,
    };
    let hours = snapshot.teams.hours_of(team, &snapshot.settings.company.hours);
    Standing {
        alert: row.id,
        thread: row.thread.clone(),
        state,
        level: usize::try_from(row.level).unwrap_or(0),
        since: row.since,
        reason: row.reason.clone(),
        reminded: row.reminded,
        escalates: escalation.rules.contains(&row.rule)
            && state == State::Firing
            && hours.due(row.since, escalation.after) <= snapshot.clock,
        finding,
    }
}

async fn note_transitions(
    write: &mut Write,
    after: &After,
    told: &BTreeSet<usize>,
    now: Timestamp,
) -> Result<(), StoreError> {
    for (index, standing) in after.standings.iter().enumerate() {
        let transition = after.transitions.get(&index);
        let sent = told.contains(&index);
        let (kind, reason) = match transition.filter(|t| t.kind != Kind::Unchanged) {
            Some(transition) => (transition.kind.name(), transition.reason.clone()),
            None if sent => ("told", "it was told".to_owned()),
            None => continue,
        };
        let finding = serde_json::to_string(&standing.finding).unwrap_or_default();
        let (alert, kind) = (standing.alert, kind.to_owned());
        let row = TransitionRow { alert, at: now, kind, reason, sent, finding };
        write.note_transition(&row).await?;
    }
    Ok(())
}

/// Keeps each check with what followed from it, or why nothing did.
async fn note_checks(
    snapshot: &Snapshot<'_>,
    write: &mut Write,
    findings: &[Finding],
    stale: &BTreeSet<String>,
    after: &After,
    told: &Telling,
) -> Result<(), StoreError> {
    let (now, day) = (snapshot.clock, telling::day_of(snapshot));
    for finding in findings {
        let place = after.standings.iter().position(|standing| {
            standing.finding.rule == finding.rule && standing.finding.scope == finding.scope
        });
        let stopped: Vec<&str> = finding.rests_on.intersection(stale).map(String::as_str).collect();
        let outcome = match place {
            _ if !stopped.is_empty() => {
                format!("held back: no complete data from {}", stopped.join(", "))
            }
            Some(place) => outcome(&after.standings[place], place, told),
            None => match &finding.status {
                Status::Ended(reason) => reason.clone(),
                Status::Holding => "between its two thresholds".into(),
                _ => "well".into(),
            },
        };
        let status = match finding.status {
            Status::Breach(step) => format!("step {step}"),
            Status::Holding => "holding".into(),
            Status::Clear => "clear".into(),
            Status::Ended(_) => "ended".into(),
        };
        let row = CheckRow {
            rule: finding.rule.clone(),
            scope: finding.scope.clone(),
            day,
            first: now,
            last: now,
            checks: 1,
            status,
            outcome,
            value: finding.value,
            lowest: finding.value,
            highest: finding.value,
            threshold: finding.threshold,
            summary: finding.summary.clone(),
        };
        write.note_check(&row).await?;
    }
    Ok(())
}

fn outcome(standing: &Standing, place: usize, told: &Telling) -> String {
    let state = standing.state.name();
    let to: Vec<String> = told
        .messages
        .iter()
        .filter(|message| message.parts.iter().any(|(index, _)| *index == place))
        .map(|message| message.to.name())
        .collect();
    if !to.is_empty() {
        return format!("{state}, told to {}", to.join(", "));
    }
    if told.digest_only.iter().any(|(index, _, _)| *index == place) {
        return format!("{state}, left to the digest: the week's messages are used up");
    }
    match told.held.iter().find(|(index, _)| *index == place) {
        Some((_, reason)) => format!("{state}, waits: {reason}"),
        None if standing.state == State::Pending => format!("{state}: {}", standing.reason),
        None => format!("{state}, nothing new to tell"),
    }
}

fn open_alert(row: &AlertRow) -> Option<OpenAlert> {
    Some(OpenAlert {
        id: row.id,
        rule: row.rule.clone(),
        scope: row.scope.clone(),
        state: State::of(&row.state)?,
        level: usize::try_from(row.level).unwrap_or(0),
        streak: usize::try_from(row.streak).unwrap_or(0),
        ack: row.ack.as_deref().and_then(|ack| serde_json::from_str::<Ack>(ack).ok()),
        finding: serde_json::from_str(&row.finding).ok()?,
    })
}

fn alert_row(known: Option<&AlertRow>, transition: &Transition, now: Timestamp) -> AlertRow {
    let finding = &transition.finding;
    let reason = match (&transition.reason, known) {
        (reason, Some(row)) if reason.is_empty() => row.reason.clone(),
        (reason, _) => reason.clone(),
    };
    AlertRow {
        id: known.map_or(0, |row| row.id),
        rule: finding.rule.clone(),
        scope: finding.scope.clone(),
        state: transition.state.name().to_owned(),
        severity: finding.severity.name().to_owned(),
        level: transition.level as i64,
        since: known.map_or(now, |row| row.since),
        ended: (transition.state == State::Resolved).then_some(now),
        changed: now,
        reason,
        // What ended is remembered as it was, and not as the nothing that is left of it.
        finding: match known {
            Some(row) if transition.state == State::Resolved => row.finding.clone(),
            _ => serde_json::to_string(finding).unwrap_or_default(),
        },
        thread: known.map(|row| row.thread.clone()).unwrap_or_default(),
        streak: transition.streak as i64,
        ack: transition.ack.as_ref().and_then(|ack| serde_json::to_string(ack).ok()),
        reminded: match transition.kind {
            Kind::AckEnded => Some(now),
            _ => known.and_then(|row| row.reminded),
        },
    }
}
