//! What the pace rule would have said of a goal in earlier periods, had it been the goal then: so that
//! somebody knows a rule before it speaks.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan, civil::Date};

use super::{Snapshot, completeness::objects_of};
use crate::domain::{number::to_f64, period::Period, stage::Metric};
use crate::pacing::{self, State, history};
use crate::plan::{Goal, GoalPlan, Measured, lay_out};

/// Looks into one period at most.
const LOOKS_MAX: i32 = 13;
/// A period that ended with less than this share of the goal, and of which nothing was said, was missed.
const MISSED: f64 = 0.9;

/// A goal on its own past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trial {
    /// The goal.
    pub goal: String,
    /// What is counted.
    pub metric: Metric,
    /// Periods that were tried.
    pub periods: usize,
    /// In how many of them it would have fired.
    pub fired: usize,
    /// Of those: the goal was reached after all.
    pub wrong: usize,
    /// In how many it would not have, and the goal was missed by a tenth or more.
    pub missed: usize,
}

/// Tries the pace rule on the past of each whole goal that is not over. From the records as they stand,
/// with later events taken away.
pub fn trials(snapshot: &Snapshot<'_>) -> Vec<Trial> {
    let zone = &snapshot.settings.company.zone;
    let today = zone.to_datetime(snapshot.clock).date();
    let whole = |plan: &&GoalPlan| plan.goal.part_of.is_none() && plan.goal.period.to > today;
    let plans = snapshot.plans.iter().filter(whole);
    plans.filter_map(|plan| trial(snapshot, &plan.goal)).collect()
}

fn trial(snapshot: &Snapshot<'_>, goal: &Goal) -> Option<Trial> {
    // Revenue follows its wins.
    let metric = if goal.metric == Metric::Revenue { Metric::Wins } else { goal.metric };
    let end = snapshot.data_as_of(objects_of(metric.stage()))?;
    let zone = &snapshot.settings.company.zone;
    let last = zone.to_datetime(end).date();
    let mut trial =
        Trial { goal: goal.name.clone(), metric, periods: 0, fired: 0, wrong: 0, missed: 0 };
    for period in history::before(goal.period).into_iter().filter(|period| period.to <= last) {
        let Some((fired, ended, wanted)) = one(snapshot, goal, metric, period, end) else {
            continue;
        };
        trial.periods += 1;
        trial.fired += usize::from(fired);
        trial.wrong += usize::from(fired && ended >= wanted);
        trial.missed += usize::from(!fired && ended < MISSED * wanted);
    }
    (trial.periods > 0).then_some(trial)
}

/// Whether it would have fired in a period, how that ended, and what was wanted; none where nothing happened.
fn one(
    snapshot: &Snapshot<'_>,
    goal: &Goal,
    metric: Metric,
    period: Period,
    end: Timestamp,
) -> Option<(bool, f64, f64)> {
    let company = &snapshot.settings.company;
    let past = Goal { period, shape: None, ..goal.clone() };
    let nothing = Measured::default();
    let measured = snapshot.measured.get(&goal.scope).unwrap_or(&nothing);
    let plan = lay_out(&past, measured, &company.hours, company.fiscal_start).ok()?;
    let actuals = snapshot.actuals(goal.scope.as_ref());
    let ended = to_f64(actuals.count(metric, period, end, &plan));
    let wanted = to_f64(*plan.chain.required.get(&metric)?);
    (ended > 0.0).then_some(())?;
    let complete = BTreeMap::from([(metric, end)]);
    let first_step = snapshot.settings.alerts.pace_behind.steps[0];
    let fired = looks(period).into_iter().any(|day| {
        let midnight = day.to_zoned(company.zone.clone()).map(|midnight| midnight.timestamp());
        let Ok(clock) = midnight else { return false };
        let rows = pacing::rows(&plan, &[], &actuals, &complete, clock);
        let row = rows.iter().find(|row| row.metric == metric);
        row.is_some_and(|row| {
            row.state() == State::Behind && 1.0 - row.pace.unwrap_or(1.0) >= first_step
        })
    });
    Some((fired, ended, wanted))
}

/// Weekly looks that leave a week, thinned out where a period is long.
fn looks(period: Period) -> Vec<Date> {
    let days = period.from.until(period.to).map_or(0, |span| span.get_days());
    let step = ((days / 7 + LOOKS_MAX - 1) / LOOKS_MAX).max(1) * 7;
    let day = |n: i32| period.from.saturating_add((n * step).days());
    (1..=LOOKS_MAX).map(day).filter(|day| day.saturating_add(7.days()) <= period.to).collect()
}

/// A trial in a sentence.
pub fn sentence(trial: &Trial) -> String {
    let periods = match trial.periods {
        1 => "the 1 period like it before".to_owned(),
        n => format!("the last {n} periods like it"),
    };
    format!(
        "{}: with this goal, pace_behind would have fired in {} of {periods} ({}), {} of them wrongly; \
         {} that ended short would have gone untold",
        trial.goal,
        trial.fired,
        trial.metric.title(),
        trial.wrong,
        trial.missed
    )
}
