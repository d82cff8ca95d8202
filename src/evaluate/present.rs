//! What a check of the present needs: opportunities with what belongs to them, and of the leads only those
//! that have one, that something happened to lately, or that are the newest. The others are counted, so that
//! a check takes as long with many leads as with few.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{snapshot::load_goals, tallies::by_lead};
use crate::alerts::RECORDS_MAX;
use crate::config::Settings;
use crate::domain::{
    Facts, Lead,
    dimension::Dimension,
    stage::{Metric, Stage},
    unit::Unit,
};
use crate::store::{Store, StoreResult};

/// What is counted by day, and the pair of stages whose entrants these are.
const COUNTED: [(Metric, Stage, Stage); 2] =
    [(Metric::Leads, Stage::Lead, Stage::Mql), (Metric::Mqls, Stage::Mql, Stage::Opportunity)];

/// The facts, and whether some of the leads are only counted. They are all held where a goal is split by what
/// roll-ups are not kept by, and while roll-ups are not those of the records.
///
/// # Errors
/// When the store cannot be read.
pub(super) async fn facts(
    settings: &Settings,
    store: &Store,
    clock: Timestamp,
    complete: &BTreeMap<String, Timestamp>,
) -> StoreResult<(Facts, bool)> {
    let zone = &settings.company.zone;
    let by = split_by(settings);
    if !by.iter().flatten().all(|by| by.is_stored()) || !store.rollups_are_sound(zone).await? {
        return Ok((store.facts().await?, false));
    }
    let earliest = complete.values().copied().min().unwrap_or(clock).min(clock);
    let recent = zone.to_datetime(earliest).date();
    let mut facts = store.facts_with_leads_since(recent, RECORDS_MAX).await?;
    for (metric, from, to) in COUNTED {
        for by in &by {
            for (cell, count, _) in store.cells(from, to, *by).await? {
                let day = cell.contribution.entered;
                facts.counted.add(metric, *by, Some(cell.key.as_str()), day, count);
            }
        }
    }
    let units: Vec<Unit> = {
        let by_lead = by_lead(&facts);
        let unit = |lead: &Lead| {
            let own = by_lead.get(&lead.key).into_iter().flatten().copied();
            Unit::of_lead(lead, own, None, zone)
        };
        facts.leads.values().filter_map(unit).collect()
    };
    let by: Vec<Option<Dimension>> = by.into_iter().collect();
    units.iter().for_each(|unit| facts.counted.take_away(unit, &by));
    Ok((facts, true))
}

/// The total, and what goals are split by. Leads have no product.
fn split_by(settings: &Settings) -> BTreeSet<Option<Dimension>> {
    let goals = load_goals(settings).unwrap_or_default();
    let scopes = goals.iter().flat_map(|goal| {
        goal.scope.iter().chain(goal.shares.iter().map(|(scope, _)| scope)).map(|scope| scope.by)
    });
    let of_leads = scopes.filter(|by| *by != Dimension::Product);
    of_leads.map(|by| Some(by.stored())).chain([None]).collect()
}
