//! Whether goals can be reached: their chance at the measured rates, and what the past says of each
//! assumption.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{
    Snapshot,
    purchasing::won,
    snapshot::EvaluateError,
    tallies::{cut_of, total_of},
};
use crate::domain::{
    number::{from_f64, to_f64},
    stage::{Metric, Stage},
};
use crate::pacing::PaceRow;
use crate::plan::{Given, Goal, GoalPlan, Lag, Pair, Provenance};
use crate::rates::assumed::{self, Past, Verdict};
use crate::rates::clients::clients;
use crate::rates::measured::horizon_days;

/// What can be said of a goal before it is over.
#[derive(Clone, Debug)]
pub struct Feasibility {
    /// The goal's name.
    pub goal: String,
    /// Its chance with the plan's volumes and the measured rates and values.
    pub at_planned_volumes: Option<f64>,
    /// Its chance with the present volumes.
    pub at_present_volumes: Option<f64>,
    /// What is left of the goal.
    pub remainder: Option<Remainder>,
    /// What the plan assumes.
    pub assumptions: Vec<Assumed>,
}

/// What is left of a goal that counts wins or money, and what it still asks for.
#[derive(Clone, Debug, PartialEq)]
pub struct Remainder {
    /// Wins, or money.
    pub metric: Metric,
    /// What is there.
    pub there: f64,
    /// What the open opportunities will still bring.
    pub from_open: f64,
    /// The chain for the rest.
    pub still_needed: BTreeMap<Metric, Decimal>,
}

/// What an assumption is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// A rate of the chain.
    Rate(Pair),
    /// The value of a deal.
    DealValue,
    /// The time from opportunity to won, in days: half of the wins take longer.
    SalesCycle,
    /// The share of a year's clients that buy again in the next.
    Retention,
    /// How many come in on a business day.
    Volume(Metric),
}

/// An assumption of the plan, and what the past says of it.
#[derive(Clone, Debug)]
pub struct Assumed {
    /// What.
    pub about: About,
    /// As planned.
    pub planned: f64,
    /// As measured; none where that cannot be done.
    pub past: Option<Past>,
    /// Days within which a rate was measured.
    pub window_days: Option<i64>,
    /// What follows.
    pub verdict: Verdict,
}

/// Every whole goal that is not over.
///
/// # Errors
/// When the store cannot be read.
pub async fn feasibility(snapshot: &Snapshot<'_>) -> Result<Vec<Feasibility>, EvaluateError> {
    let calendar = &snapshot.settings.company.hours;
    let today = calendar.zone.to_datetime(snapshot.clock).date();
    let rows = snapshot.pace_known();
    let mut found = Vec::new();
    for plan in &snapshot.plans {
        if plan.goal.part_of.is_some() || plan.goal.period.to <= today {
            continue;
        }
        let own = |row: &&PaceRow| row.goal == plan.goal.name && row.own;
        let prospects = snapshot.prospects.get(&plan.goal.scope);
        let chances = rows.iter().find(own).and_then(|row| {
            let counted = row.forecast.map(|forecast| forecast.probability);
            prospects?.chances(row, plan, calendar).map_or_else(
                || counted.map(|chance| (None, Some(chance))),
                |(planned, present)| Some((Some(planned), Some(present))),
            )
        });
        let (at_planned_volumes, at_present_volumes) = chances.unwrap_or_default();
        let mut assumptions = rates(snapshot, plan).await?;
        assumptions.extend(value(snapshot, plan));
        assumptions.extend(cycle(snapshot, plan));
        assumptions.extend(retention(snapshot, plan));
        assumptions.extend(volumes(snapshot, plan));
        let goal = plan.goal.name.clone();
        let remainder = rows.iter().find(own).and_then(|row| remainder(plan, row));
        found.push(Feasibility {
            goal,
            at_planned_volumes,
            at_present_volumes,
            remainder,
            assumptions,
        });
    }
    Ok(found)
}

fn remainder(plan: &GoalPlan, row: &PaceRow) -> Option<Remainder> {
    let from_open = row.pipeline.as_ref()?.expected_open;
    let left = row.goal_value - row.actual - from_f64(from_open)?.round_dp(2);
    Some(Remainder {
        metric: row.metric,
        there: to_f64(row.actual),
        from_open,
        still_needed: plan.still_needed(left)?,
    })
}

async fn rates(snapshot: &Snapshot<'_>, plan: &GoalPlan) -> Result<Vec<Assumed>, EvaluateError> {
    let company = &snapshot.settings.company;
    let mut found = Vec::new();
    for (pair, assumed) in &plan.chain.rates {
        let (from, to) = pair.stages();
        let given = !matches!(assumed.from, Provenance::Measured { .. });
        let (true, true, Ok(cut)) = (given, from != Stage::Visit, cut_of(snapshot, from, to))
        else {
            continue;
        };
        let seen_to = company.zone.to_datetime(cut).date();
        let tally = total_of(snapshot, from, to, cut, plan.goal.scope.as_ref()).await?;
        let window = plan.goal.assume.within_days.get(pair).copied();
        let window = window.unwrap_or_else(|| horizon_days(&tally, seen_to));
        let past = assumed::rate(&tally, window, seen_to, company.fiscal_start);
        found.push(of_past(About::Rate(*pair), to_f64(assumed.value), past, Some(window)));
    }
    Ok(found)
}

fn of_past(about: About, planned: f64, past: Option<Past>, window_days: Option<i64>) -> Assumed {
    let verdict = past.map_or(Verdict::NotDecidable, |past| past.verdict(planned));
    Assumed { about, planned, past, window_days, verdict }
}

fn value(snapshot: &Snapshot<'_>, plan: &GoalPlan) -> Option<Assumed> {
    let assumed = plan.chain.deal_value.as_ref()?;
    let cut = cut_of(snapshot, Stage::Opportunity, Stage::Won).ok()?;
    let company = &snapshot.settings.company;
    let seen_to = company.zone.to_datetime(cut).date();
    let actuals = snapshot.actuals(plan.goal.scope.as_ref());
    let values: Vec<(Date, f64)> = actuals.won_values(cut).collect();
    let past = assumed::mean(&values, seen_to, company.fiscal_start);
    let given = !matches!(assumed.from, Provenance::Measured { .. });
    given.then(|| of_past(About::DealValue, to_f64(assumed.value), past, None))
}

/// A cycle that is planned to be shorter than half of the wins take is too good.
fn cycle(snapshot: &Snapshot<'_>, plan: &GoalPlan) -> Option<Assumed> {
    let from = plan.goal.period.from;
    let given = plan.goal.assume.lags.get(&Pair::WinRate).filter(|lag| **lag != Lag::Actual)?;
    let planned = given.before(from).until(from).ok()?.get_days().into();
    let past = snapshot.prospects.get(&plan.goal.scope)?.median_cycle();
    let verdict = match past {
        None => Verdict::NotDecidable,
        Some(past) if planned < past.low => Verdict::Contradicted,
        Some(past) if planned > past.high => Verdict::Careful,
        Some(_) => Verdict::Holds,
    };
    Some(Assumed { about: About::SalesCycle, planned, past, window_days: None, verdict })
}

fn retention(snapshot: &Snapshot<'_>, plan: &GoalPlan) -> Option<Assumed> {
    let Given::Value(planned) = plan.goal.assume.retention_rate else { return None };
    let cut = cut_of(snapshot, Stage::Opportunity, Stage::Won).ok()?;
    let today = snapshot.settings.company.zone.to_datetime(cut).date();
    let bought = won(snapshot, plan.goal.scope.as_ref(), cut);
    let past = clients(&bought.purchases, today).retention.map(|stay| Past {
        value: stay.share,
        low: stay.low,
        high: stay.high,
        of: stay.of as u64,
        best: None,
        quarters: 0,
    });
    Some(of_past(About::Retention, to_f64(planned), past, None))
}

/// A volume that not even the busiest month of two years had was never reached.
fn volumes(snapshot: &Snapshot<'_>, plan: &GoalPlan) -> Vec<Assumed> {
    let Some(prospects) = snapshot.prospects.get(&plan.goal.scope) else { return Vec::new() };
    let calendar = &snapshot.settings.company.hours;
    let of = |(metric, total): (&Metric, &Decimal)| {
        let span = plan.curves.get(metric)?.span()?;
        let days = calendar.business_days(span.from, span.to).count().max(1) as f64;
        let (now, most) = prospects.per_day(*metric)?;
        let planned = to_f64(*total) / days;
        let verdict = if planned > most { Verdict::NeverReached } else { Verdict::Holds };
        let past = Past { value: now, low: now, high: most, of: 0, best: None, quarters: 0 };
        let about = About::Volume(*metric);
        Some(Assumed { about, planned, past: Some(past), window_days: None, verdict })
    };
    let upstream = plan.chain.required.iter().filter(|(metric, _)| **metric < Metric::Wins);
    upstream.filter_map(of).collect()
}

/// The goal with what was measured in place of what the past does not bear out; none where nothing is to
/// be changed. Volumes are what a plan asks for, and stay.
pub fn proposal(goal: &Goal, feasibility: &Feasibility) -> Option<Goal> {
    let mut changed = goal.clone();
    for assumed in &feasibility.assumptions {
        let Some(past) = assumed.past.filter(|_| assumed.verdict.asks_for_change()) else {
            continue;
        };
        match assumed.about {
            About::Rate(pair) => {
                let Some(rate) = from_f64(past.value) else { continue };
                changed.assume.rates.insert(pair, Given::Value(rate.round_dp(4)));
            }
            About::DealValue => {
                let Some(value) = from_f64(past.value) else { continue };
                changed.assume.average_deal_value = Given::Value(value.round_dp(2));
            }
            About::SalesCycle => {
                let days = past.value as i64;
                let cycle = Lag::Fixed(jiff::Span::new().days(days));
                changed.assume.lags.insert(Pair::WinRate, cycle);
            }
            About::Retention => {
                let Some(stay) = from_f64(past.value) else { continue };
                changed.assume.retention_rate = Given::Value(stay.round_dp(4));
            }
            About::Volume(_) => {}
        }
    }
    (changed != *goal).then_some(changed)
}
