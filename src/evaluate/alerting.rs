//! One check of all rules: what follows is written as alert state and outbox rows, in one transaction.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    Snapshot, completeness::objects_of, rate_checks::rate_checks, recording,
    snapshot::EvaluateError,
};
use crate::alerts::{
    Context, Finding, SourceView,
    lifecycle::{Kind, OpenAlert, Transition, decide},
    message,
    rules::{find_all, pace_behind, rate_below_plan, source_stale::stale_sources},
};
use crate::domain::Object;
use crate::outbox::address::audience_ways;
use crate::store::{
    StoreError, Write,
    alerts::{AlertRow, TransitionRow},
};

/// What a check did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Scopes that were looked at.
    pub findings: usize,
    /// Transitions that people hear of.
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
    let now = snapshot.clock;
    let mut checked = Checked { findings: findings.len(), stale, ..Checked::default() };
    let mut write = snapshot.store.begin().await?;
    let rows: BTreeMap<i64, AlertRow> =
        write.open_alerts().await?.into_iter().map(|row| (row.id, row)).collect();
    let open: Vec<OpenAlert> = rows.values().filter_map(open_alert).collect();
    for transition in decide(&open, &findings, &checked.stale, &unchecked_rules(snapshot)) {
        let row = transition.alert.and_then(|id| rows.get(&id));
        let id = write.put_alert(&alert_row(row, &transition, now)).await?;
        if transition.kind == Kind::Unchanged {
            continue;
        }
        let told = transition.kind.is_told() && !snapshot.settings.alerts.shadow;
        let note = TransitionRow {
            alert: id,
            at: now,
            kind: transition.kind.name().to_owned(),
            reason: transition.reason.clone(),
            sent: told,
            finding: serde_json::to_string(&transition.finding).unwrap_or_default(),
        };
        let number = write.note_transition(&note).await?;
        if told {
            let since = row.map_or(now, |row| row.since);
            checked.told += 1;
            checked.messages += send(snapshot, &mut write, &transition, id, number, since).await?;
        }
    }
    recording::keep(snapshot, &mut write).await?;
    write.commit().await?;
    Ok(checked)
}

/// The rules that rest on a plan, where a goal cannot be worked out or a source was never read.
fn unchecked_rules(snapshot: &Snapshot<'_>) -> BTreeSet<&'static str> {
    let whole = snapshot.plan_errors.is_empty() && snapshot.data_as_of_all().is_some();
    let of_plan = [pace_behind::NAME, rate_below_plan::NAME];
    of_plan.into_iter().filter(|_| !whole).collect()
}

/// What the rules find, and the sources that are too old to rest on.
///
/// # Errors
/// See [`EvaluateError`].
pub async fn findings(
    snapshot: &Snapshot<'_>,
) -> Result<(Vec<Finding>, BTreeSet<String>), EvaluateError> {
    let views = source_views(snapshot);
    let context = Context {
        settings: &snapshot.settings.alerts,
        clock: snapshot.clock,
        calendar: &snapshot.settings.company.hours,
        currency: &snapshot.settings.currency,
        channels: &snapshot.settings.channels,
        teams: &snapshot.teams,
        facts: &snapshot.facts,
        plans: &snapshot.plans,
        pace: &snapshot.pace_known(),
        rates: &rate_checks(snapshot).await?,
        ledger: &snapshot.ledger().await?,
        alerts_since: alerts_since(snapshot),
        sources: &views,
        sources_of: &|stage| snapshot.completeness.sources_of(objects_of(stage)),
        activity_sources: &snapshot.completeness.sources_of(&[Object::Activity]),
    };
    let stale = stale_sources(&context);
    Ok((find_all(&context), stale))
}

fn source_views(snapshot: &Snapshot<'_>) -> BTreeMap<String, SourceView> {
    let view = |(name, source): (&String, &crate::config::source::Source)| {
        let state = snapshot.states.get(name).cloned().unwrap_or_default();
        let complete_to = snapshot.completeness.complete_to.get(name).copied().flatten();
        let view = SourceView {
            complete_to,
            tried: state.last_attempt.is_some(),
            last_error: state.last_error,
            place: source.place.clone(),
        };
        (name.clone(), view)
    };
    snapshot.settings.sources.iter().map(view).collect()
}

/// Hand-offs before this are older than the daemon: they get verdicts and never alerts.
fn alerts_since(snapshot: &Snapshot<'_>) -> Timestamp {
    let zone = &snapshot.settings.company.zone;
    let first = snapshot.states.values().filter_map(|state| state.first_complete).min();
    let day =
        snapshot.settings.handoff.since.or_else(|| first.map(|at| zone.to_datetime(at).date()));
    day.and_then(|day| day.to_zoned(zone.clone()).ok())
        .map_or(snapshot.clock, |midnight| midnight.timestamp())
}

fn open_alert(row: &AlertRow) -> Option<OpenAlert> {
    Some(OpenAlert {
        id: row.id,
        rule: row.rule.clone(),
        scope: row.scope.clone(),
        stale: row.state == "stale",
        level: usize::try_from(row.level).unwrap_or(0),
        told: row.told.iter().cloned().collect(),
        finding: serde_json::from_str(&row.finding).ok()?,
    })
}

fn alert_row(known: Option<&AlertRow>, transition: &Transition, now: Timestamp) -> AlertRow {
    let finding = &transition.finding;
    let state = match transition.kind {
        Kind::Stale => "stale",
        Kind::Resolved => "resolved",
        Kind::Unchanged => known.map_or("firing", |row| row.state.as_str()),
        _ => "firing",
    };
    let mut told: BTreeSet<String> =
        known.map(|row| row.told.iter().cloned().collect()).unwrap_or_default();
    if transition.kind.is_told() {
        told.extend(transition.new_records.iter().cloned());
    }
    let reason = match (&transition.reason, known) {
        (reason, Some(row)) if reason.is_empty() => row.reason.clone(),
        (reason, _) => reason.clone(),
    };
    AlertRow {
        id: known.map_or(0, |row| row.id),
        rule: finding.rule.clone(),
        scope: finding.scope.clone(),
        state: state.to_owned(),
        severity: finding.severity.name().to_owned(),
        level: transition.level as i64,
        since: known.map_or(now, |row| row.since),
        ended: (transition.kind == Kind::Resolved).then_some(now),
        changed: now,
        reason,
        // What ended is remembered as it was, and not as the nothing that is left of it.
        finding: match known {
            Some(row) if transition.kind == Kind::Resolved => row.finding.clone(),
            _ => serde_json::to_string(finding).unwrap_or_default(),
        },
        told: told.into_iter().collect(),
    }
}

async fn send(
    snapshot: &Snapshot<'_>,
    write: &mut Write,
    transition: &Transition,
    alert: i64,
    number: i64,
    since: Timestamp,
) -> Result<usize, StoreError> {
    let zone = &snapshot.settings.company.zone;
    let data_as_of = transition
        .finding
        .rests_on
        .iter()
        .filter_map(|source| snapshot.completeness.complete_to.get(source).copied().flatten())
        .min()
        .or_else(|| snapshot.data_as_of_all());
    let document = message::document(transition, alert, since, data_as_of, snapshot.clock, zone);
    let ways = audience_ways(snapshot.settings, &transition.finding.audience);
    for (sink, address) in &ways {
        let thread = format!("alert:{alert}");
        let key = format!("{thread}:{number}:{sink}:{address}");
        write.enqueue(&thread, &key, sink, address, &document, snapshot.clock).await?;
    }
    Ok(ways.len())
}
