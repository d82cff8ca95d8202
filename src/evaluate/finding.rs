//! What the rules find in a snapshot: everything that they look at, put together.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    Snapshot, assumption::doubts as doubts_of, completeness::objects_of, consent::mailed_opted_out,
    feasibility::feasibility, questioning_late::criteria_view, rate_checks::rate_checks,
    snapshot::EvaluateError, targeting,
};
use crate::alerts::{
    Context, Doubt, Finding, SourceView,
    rules::{
        assumption_doubtful, find_all, goal_out_of_reach, last_useful_day, month_missed,
        pace_behind, pipeline_coverage, rate_below_plan, source_stale::stale_sources,
        source_unusual, target_behind,
    },
};
use crate::domain::Object;

/// The rules that rest on a plan, where a goal cannot be worked out or a source was never read.
pub fn unchecked_rules(snapshot: &Snapshot<'_>) -> BTreeSet<&'static str> {
    let whole = snapshot.plan_errors.is_empty() && snapshot.data_as_of_all().is_some();
    let of_plan = [
        pace_behind::NAME,
        rate_below_plan::NAME,
        month_missed::NAME,
        goal_out_of_reach::NAME,
        last_useful_day::NAME,
        pipeline_coverage::NAME,
        assumption_doubtful::NAME,
        target_behind::NAME,
        source_unusual::NAME,
    ];
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
    let mut faults: BTreeMap<String, usize> = BTreeMap::new();
    for fault in snapshot.store.faults().await?.into_iter().chain(snapshot.derived_faults()) {
        *faults.entry(fault.source).or_default() += 1;
    }
    let ledger = snapshot.ledger().await?;
    let criteria = match snapshot.settings.alerts.criteria_too_tight.enabled {
        true => criteria_view(snapshot, &ledger).await?,
        false => None,
    };
    let mailed = mailed_opted_out(snapshot, alerts_since(snapshot)).await?;
    let context = Context {
        settings: &snapshot.settings.alerts,
        clock: snapshot.clock,
        calendar: &snapshot.settings.company.hours,
        currency: &snapshot.settings.currency,
        words: &snapshot.words,
        teams: &snapshot.teams,
        facts: &snapshot.facts,
        plans: &snapshot.plans,
        pace: &snapshot.pace_known(),
        rates: &rate_checks(snapshot).await?,
        doubts: &doubts(snapshot).await?,
        targets: &targeting::targets(snapshot).await?,
        faults: &faults,
        ledger: &ledger,
        mailed_opted_out: mailed.as_deref(),
        criteria: criteria.as_ref(),
        alerts_since: alerts_since(snapshot),
        sources: &views,
        sources_of: &|stage| snapshot.completeness.sources_of(objects_of(stage)),
        activity_sources: &snapshot.completeness.sources_of(&[Object::Activity]),
    };
    let stale = stale_sources(&context);
    Ok((find_all(&context), stale))
}

async fn doubts(snapshot: &Snapshot<'_>) -> Result<Vec<Doubt>, EvaluateError> {
    if !snapshot.settings.alerts.assumption_doubtful.enabled {
        return Ok(Vec::new());
    }
    let currency = &snapshot.settings.company.currency;
    let mut found = Vec::new();
    for of_goal in feasibility(snapshot).await? {
        let plan = snapshot.plans.iter().find(|plan| plan.goal.name == of_goal.goal);
        found.extend(plan.into_iter().flat_map(|plan| doubts_of(&plan.goal, &of_goal, currency)));
    }
    Ok(found)
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
            lag_secs: source.kind.lag_secs(),
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
