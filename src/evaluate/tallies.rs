//! Tallies at a clock: the roll-ups for what is settled, the facts for what is recent.
//!
//! A roll-up knows days and the present state. A unit to which something happened on the day of the
//! cut or later is taken out of it and worked out again from its facts, as they were at the cut.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use jiff::Timestamp;

use super::{Snapshot, completeness::objects_of_pair, snapshot::EvaluateError};
use crate::domain::{
    Facts, Fault, Opportunity, RecordKey,
    dimension::Dimension,
    past::Past,
    scope::Scope,
    stage::Stage,
    unit::{Contribution, End, Unit, UnitKind},
};
use crate::rates::{self, RateTable, RatesQuery, Tally, table::Tallies};

/// The opportunities of each lead.
pub(super) type ByLead<'a> = HashMap<RecordKey, Vec<&'a Opportunity>>;

pub(super) fn by_lead(facts: &Facts) -> ByLead<'_> {
    let mut by_lead: ByLead<'_> = HashMap::new();
    for opportunity in facts.opportunities.values() {
        if let Some(id) = &opportunity.lead {
            let key = RecordKey { source: opportunity.key.source.clone(), id: id.clone() };
            by_lead.entry(key).or_default().push(opportunity);
        }
    }
    by_lead
}

pub(super) fn kind_of(from: Stage) -> UnitKind {
    if from >= Stage::Opportunity { UnitKind::Opportunity } else { UnitKind::Lead }
}

/// The unit of a record as seen at a cut; as everything known tells it where there is none, which
/// is what the roll-ups hold.
pub(super) fn unit_at(
    snapshot: &Snapshot<'_>,
    by_lead: &ByLead<'_>,
    kind: UnitKind,
    key: &RecordKey,
    cut: Option<Timestamp>,
) -> Option<Unit> {
    let zone = &snapshot.settings.company.zone;
    match kind {
        UnitKind::Lead => {
            let own = by_lead.get(key).into_iter().flatten().copied();
            Unit::of_lead(snapshot.facts.leads.get(key)?, own, cut, zone)
        }
        UnitKind::Opportunity => {
            let opportunity = snapshot.facts.opportunities.get(key)?;
            Unit::of_opportunity(opportunity, snapshot.facts.lead_of(opportunity), cut, zone)
        }
    }
}

/// One entry of a tally.
struct Entry {
    key: Option<String>,
    contribution: Contribution,
    count: i64,
}

/// All entries of a pair and a dimension, as seen at a cut.
async fn entries(
    snapshot: &Snapshot<'_>,
    from: Stage,
    to: Stage,
    by: Option<Dimension>,
    cut: Timestamp,
) -> Result<Vec<Entry>, EvaluateError> {
    let kind = kind_of(from);
    let by_lead = by_lead(&snapshot.facts);
    let day = snapshot.settings.company.zone.to_datetime(cut).date();
    let mut entries = Vec::new();
    let mut add = |unit: &Unit, count: i64| {
        let found = unit.contributions().into_iter().find(|c| (c.from, c.to) == (from, to));
        entries.extend(found.map(|contribution| Entry {
            key: by.and_then(|by| unit.key(by)).map(str::to_owned),
            contribution,
            count,
        }));
    };
    // What was known at a past instant is not in the roll-ups: all of it is worked out.
    // Nor is what a first load has not finished.
    let zone = &snapshot.settings.company.zone;
    // Nor are some dimensions.
    let stored = by.is_none_or(Dimension::is_stored);
    let unsound = snapshot.known_at.is_some() || !snapshot.store.rollups_are_sound(zone).await?;
    // Where leads are only counted, there is nothing else to work them out from.
    if !stored || (unsound && !snapshot.counted) {
        for key in keys(snapshot, kind) {
            if let Some(unit) = unit_at(snapshot, &by_lead, kind, key, Some(cut)) {
                add(&unit, 1);
            }
        }
        return Ok(entries);
    }
    for key in snapshot.store.units_since(kind, day).await? {
        if let Some(unit) = unit_at(snapshot, &by_lead, kind, &key, None) {
            add(&unit, -1);
        }
        if let Some(unit) = unit_at(snapshot, &by_lead, kind, &key, Some(cut)) {
            add(&unit, 1);
        }
    }
    for (cell, count, _) in snapshot.store.cells(from, to, by.map(Dimension::stored)).await? {
        let key = Some(cell.key).filter(|key| !key.is_empty());
        entries.push(Entry { key, contribution: cell.contribution, count });
    }
    Ok(entries)
}

pub(super) fn keys<'a>(snapshot: &'a Snapshot<'_>, kind: UnitKind) -> Vec<&'a RecordKey> {
    match kind {
        UnitKind::Lead => snapshot.facts.leads.keys().collect(),
        UnitKind::Opportunity => snapshot.facts.opportunities.keys().collect(),
    }
}

/// A pair, a dimension and a cut.
pub(super) type Asked = (Stage, Stage, Option<Dimension>, Timestamp);

/// Tallies of a pair by the stored keys of a dimension; one with no key for the total. They are worked out
/// once, since goals, checks and forecasts ask for the same ones.
async fn stored_tallies(
    snapshot: &Snapshot<'_>,
    from: Stage,
    to: Stage,
    by: Option<Dimension>,
    cut: Timestamp,
) -> Result<Arc<Tallies>, EvaluateError> {
    let asked = (from, to, by, cut);
    let known = || snapshot.tallied.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(tallies) = known().get(&asked) {
        return Ok(Arc::clone(tallies));
    }
    let past = past_of(snapshot, from, to);
    let mut tallies = Tallies::new();
    if from == Stage::Visit {
        tallies = visit_tallies(snapshot, to, by, cut).await?;
    } else {
        for entry in entries(snapshot, from, to, by, cut).await? {
            let part = entry.contribution;
            let tally = tallies.entry(entry.key).or_default();
            tally.add(part.entered, part.end, part.lag_days, entry.count);
        }
    }
    let tallies = tallies.into_iter().map(|(key, tally)| (key, tally.with_past(past)));
    let tallies = Arc::new(tallies.collect());
    known().insert(asked, Arc::clone(&tallies));
    Ok(tallies)
}

/// From when on the sources of a pair know what happened.
fn past_of(snapshot: &Snapshot<'_>, from: Stage, to: Stage) -> Past {
    let sources = snapshot.completeness.sources_of(&objects_of_pair(from, to));
    let pasts = sources.iter().filter_map(|name| Some(snapshot.settings.sources.get(name)?.past));
    pasts.fold(Past::default(), Past::and)
}

/// Visits are counted and not known one by one: those of a day that brought a lead convert.
async fn visit_tallies(
    snapshot: &Snapshot<'_>,
    to: Stage,
    by: Option<Dimension>,
    cut: Timestamp,
) -> Result<Tallies, EvaluateError> {
    let zone = &snapshot.settings.company.zone;
    let mut tallies = Tallies::new();
    for visit in snapshot.facts.visits.iter().filter(|visit| visit.at.is_seen(cut, zone)) {
        let key = match by {
            Some(Dimension::Channel) => visit.channel.clone(),
            Some(Dimension::Campaign) => visit.campaign.clone(),
            _ => None,
        };
        let count = i64::try_from(visit.count).unwrap_or(i64::MAX);
        tallies.entry(key).or_default().add(visit.at.date(zone), End::Waiting, 0, count);
    }
    // Every lead is an entrant of the pair lead -> mql, whatever became of it.
    let counted = if to == Stage::Lead { Stage::Mql } else { to };
    for entry in entries(snapshot, Stage::Lead, counted, by, cut).await? {
        let part = entry.contribution;
        if to != Stage::Lead && part.end != End::Converted {
            continue;
        }
        let lag = if to == Stage::Lead { 0 } else { part.lag_days };
        let tally = tallies.entry(entry.key).or_default();
        tally.add(part.entered, End::Converted, lag, entry.count);
        tally.add(part.entered, End::Waiting, 0, -entry.count);
    }
    Ok(tallies)
}

/// A table of rates, and how far its data is complete.
///
/// # Errors
/// When a source that it rests on was never read completely, or the store cannot be read.
pub async fn table(
    snapshot: &Snapshot<'_>,
    query: &RatesQuery,
) -> Result<(RateTable, Timestamp), EvaluateError> {
    let data_as_of = cut_of(snapshot, query.from, query.to)?;
    let seen_to = snapshot.settings.company.zone.to_datetime(data_as_of).date();
    let total = total(snapshot, query.from, query.to, data_as_of).await?;
    let mut tallies = Tallies::new();
    if let Some(by) = query.by {
        let stored = stored_tallies(snapshot, query.from, query.to, Some(by), data_as_of).await?;
        tallies = rates::table::group(&stored, by, snapshot.names());
    }
    let mut table = rates::table::build(query, &tallies, &total, seen_to);
    name_rows(snapshot, query.by, &mut table);
    Ok((table, data_as_of))
}

/// `data_as_of` of a pair.
///
/// # Errors
/// When a source that it rests on was never read completely.
pub fn cut_of(snapshot: &Snapshot<'_>, from: Stage, to: Stage) -> Result<Timestamp, EvaluateError> {
    snapshot
        .data_as_of(&objects_of_pair(from, to))
        .ok_or_else(|| EvaluateError::NothingRead { what: format!("{from}s and {to}s") })
}

/// The tally over everything.
///
/// # Errors
/// When the store cannot be read.
pub async fn total(
    snapshot: &Snapshot<'_>,
    from: Stage,
    to: Stage,
    cut: Timestamp,
) -> Result<Tally, EvaluateError> {
    let tallies = stored_tallies(snapshot, from, to, None, cut).await?;
    Ok(tallies.get(&None).cloned().unwrap_or_default())
}

/// The tally over a part of everything.
///
/// # Errors
/// When the store cannot be read.
pub async fn total_of(
    snapshot: &Snapshot<'_>,
    from: Stage,
    to: Stage,
    cut: Timestamp,
    scope: Option<&Scope>,
) -> Result<Tally, EvaluateError> {
    let Some(scope) = scope else { return total(snapshot, from, to, cut).await };
    let stored = stored_tallies(snapshot, from, to, Some(scope.by), cut).await?;
    let names = snapshot.names();
    let named = rates::table::group(&stored, scope.by, names);
    let mut sum = Tally::default().with_past(past_of(snapshot, from, to));
    for (key, tally) in named {
        if scope.holds(key.as_deref()) {
            sum.extend(&tally);
        }
    }
    Ok(sum)
}

/// Owners and campaigns have names beside their ids.
pub fn name_rows(snapshot: &Snapshot<'_>, by: Option<Dimension>, table: &mut RateTable) {
    for row in &mut table.rows {
        let Some(key) = &row.key else { continue };
        row.name = match by {
            Some(Dimension::Owner) => Some(snapshot.facts.owner_name(key).to_owned()),
            Some(Dimension::Campaign) => {
                snapshot.facts.campaigns.get(key).map(|one| one.name.clone())
            }
            _ => None,
        };
    }
}

/// Records that entered a later stage before an earlier one, as data faults.
pub fn negative_lag_faults(snapshot: &Snapshot<'_>) -> Vec<Fault> {
    let by_lead = by_lead(&snapshot.facts);
    let mut faults = Vec::new();
    for kind in [UnitKind::Lead, UnitKind::Opportunity] {
        for key in keys(snapshot, kind) {
            let clock = Some(snapshot.clock);
            let Some(unit) = unit_at(snapshot, &by_lead, kind, key, clock) else {
                continue;
            };
            faults.extend(unit.negative_lags().into_iter().map(|(from, to, lag)| Fault {
                source: key.source.clone(),
                origin: String::new(),
                object: kind.name().to_owned(),
                record: key.id.clone(),
                kind: "negative_lag".into(),
                detail: format!("{to} lies {} days before {from}; the lag counts as 0", -lag),
                line: 0,
            }));
        }
    }
    faults
}
