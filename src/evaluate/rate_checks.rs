//! Planned rates beside the measured ones: the latest cohort that has wholly grown up.

use jiff::{ToSpan, civil::Date};

use super::{
    Snapshot,
    snapshot::EvaluateError,
    tallies::{by_lead, cut_of, keys, kind_of, total_of, unit_at},
};
use crate::alerts::{RECORDS_MAX, RateCheck};
use crate::domain::{
    RecordKey,
    notice::RecordRef,
    number::to_f64,
    period::{Every, Period},
    stage::Stage,
    unit::{End, Unit, UnitKind},
};
use crate::plan::{Pair, Provenance};
use crate::rates::{self, Tally};

/// Quarters that are put together until the cohort is large enough.
const QUARTERS_MAX: usize = 4;
/// Leads among which those are looked for that did not convert: few of them do.
const LOOKED_AT: usize = 5 * RECORDS_MAX;

/// One check for each rate that a plan gives and that can be measured.
///
/// # Errors
/// When the store cannot be read.
pub async fn rate_checks(snapshot: &Snapshot<'_>) -> Result<Vec<RateCheck>, EvaluateError> {
    let mut checks = Vec::new();
    // A part has the rates of its whole.
    for plan in snapshot.plans.iter().filter(|plan| plan.goal.part_of.is_none()) {
        for (pair, assumed) in &plan.chain.rates {
            let (from, to) = pair.stages();
            let given = !matches!(assumed.from, Provenance::Measured { .. });
            let (true, true, Ok(cut)) =
                (given, *pair != Pair::VisitToLead, cut_of(snapshot, from, to))
            else {
                continue;
            };
            let seen_to = snapshot.settings.company.zone.to_datetime(cut).date();
            let tally = total_of(snapshot, from, to, cut, plan.goal.scope.as_ref()).await?;
            let window_days = plan.goal.assume.within_days.get(pair).copied();
            let window_days =
                window_days.unwrap_or_else(|| rates::measured::horizon_days(&tally, seen_to));
            let Some(cohort) = grown_cohort(snapshot, &tally, window_days, seen_to) else {
                continue;
            };
            let of_cohort = tally.between(cohort.from, cohort.to);
            let row = of_cohort.row(Some(window_days), seen_to);
            let planned = to_f64(assumed.value);
            // Only of a rate that is below the plan will anybody look at records.
            let below = row.high.is_some_and(|high| high < planned);
            let records = match below {
                true => not_converted(snapshot, from, to, cohort, cut).await?,
                false => Vec::new(),
            };
            checks.push(RateCheck {
                goal: plan.goal.name.clone(),
                team: plan.goal.team.clone(),
                pair: *pair,
                planned,
                window_days,
                cohort,
                row,
                records,
                records_total: usize::try_from(of_cohort.not_converted()).unwrap_or(usize::MAX),
            });
        }
    }
    Ok(checks)
}

/// The latest quarter all of whose entrants could be seen for the whole window, with those before it
/// as long as there are too few.
fn grown_cohort(
    snapshot: &Snapshot<'_>,
    tally: &Tally,
    window_days: i64,
    seen_to: Date,
) -> Option<Period> {
    let fiscal = snapshot.settings.company.fiscal_start;
    let last_grown = seen_to.checked_sub(window_days.days()).ok()?;
    let running = Every::Quarter.cell(last_grown.tomorrow().ok()?, fiscal);
    let mut cohort = Every::Quarter.cell(running.from.yesterday().ok()?, fiscal);
    let minimum = snapshot.settings.alerts.rate_below_plan.minimum_entrants;
    for _ in 1..QUARTERS_MAX {
        if tally.between(cohort.from, cohort.to).entered() >= minimum {
            break;
        }
        cohort.from = Every::Quarter.cell(cohort.from.yesterday().ok()?, fiscal).from;
    }
    (tally.between(cohort.from, cohort.to).entered() > 0).then_some(cohort)
}

/// The entrants of a cohort that did not convert, cut at [`RECORDS_MAX`].
async fn not_converted(
    snapshot: &Snapshot<'_>,
    from: Stage,
    to: Stage,
    cohort: Period,
    cut: jiff::Timestamp,
) -> Result<Vec<RecordRef>, EvaluateError> {
    let missed = |unit: &Unit| {
        unit.contributions().into_iter().any(|c| {
            (c.from, c.to) == (from, to) && c.end != End::Converted && cohort.contains(c.entered)
        })
    };
    let by_lead = by_lead(&snapshot.facts);
    let kind = kind_of(from);
    if kind == UnitKind::Lead && snapshot.counted {
        let zone = &snapshot.settings.company.zone;
        let field = if from == Stage::Mql { "mql_at" } else { "created_at" };
        let mut leads = snapshot.store.leads_entered(field, cohort, LOOKED_AT).await?;
        leads.retain(|lead| {
            let own = by_lead.get(&lead.key).into_iter().flatten().copied();
            Unit::of_lead(lead, own, Some(cut), zone).is_some_and(|unit| missed(&unit))
        });
        let leads = leads.iter().take(RECORDS_MAX);
        return Ok(leads.map(|lead| reference(&lead.key, kind, None)).collect());
    }
    let found = keys(snapshot, kind).into_iter().filter(|key| {
        unit_at(snapshot, &by_lead, kind, key, Some(cut)).is_some_and(|unit| missed(&unit))
    });
    let url = |key: &RecordKey| snapshot.facts.opportunities.get(key)?.url.clone();
    Ok(found.take(RECORDS_MAX).map(|key| reference(key, kind, url(key))).collect())
}

fn reference(key: &RecordKey, kind: UnitKind, url: Option<String>) -> RecordRef {
    let object = kind.name().to_owned();
    RecordRef { source: key.source.clone(), object, id: key.id.clone(), url }
}
