//! Where a goal stands: plan to date against what happened. Pure.

pub mod actual;
pub mod chart;
pub mod poisson;

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;
use serde::Serialize;

use crate::domain::{
    calendar::BusinessCalendar,
    number::{from_f64, to_f64},
    period::Period,
    stage::Metric,
};
use crate::plan::{Curve, GoalPlan};
use actual::Actuals;

/// Fewer expected events than this decide nothing.
pub const EXPECTED_MIN: f64 = 5.0;
/// The one-sided probability below which chance is not believed.
pub const P_VALUE_MAX: f64 = 0.05;
/// A shortfall or a surplus below this share of the plan is not called one.
pub const DEVIATION_MIN: f64 = 0.10;

/// How a goal's stage stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// More than planned, by more than chance.
    Ahead,
    /// Nothing speaks against the plan.
    OnTrack,
    /// The goal is less likely than not.
    AtRisk,
    /// Less than planned, by more than chance.
    Behind,
    /// Too little is known.
    Undecided,
}

impl State {
    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            State::Ahead => "ahead",
            State::OnTrack => "on track",
            State::AtRisk => "at risk",
            State::Behind => "behind",
            State::Undecided => "undecided",
        }
    }
}

/// A goal's stage: what was planned by now and what there is.
#[derive(Clone, Debug, PartialEq)]
pub struct PaceRow {
    /// The goal's name.
    pub goal: String,
    /// What is counted.
    pub metric: Metric,
    /// The days over which it is counted: for a stage that comes before the goal's, earlier ones.
    pub period: Period,
    /// What is wanted in all.
    pub goal_value: Decimal,
    /// What should be there by now, not rounded.
    pub plan_to_date: f64,
    /// What is there.
    pub actual: Decimal,
    /// `actual / plan_to_date`.
    pub pace: Option<f64>,
    /// `plan_to_date - actual`.
    pub gap: f64,
    /// What is needed on each business day that is left.
    pub required_per_business_day: Option<f64>,
    /// How it stands.
    pub state: State,
    /// The probability of so few (or so many) if the plan were true.
    pub p_value: Option<f64>,
    /// The instant that the figures are cut at.
    pub at: Timestamp,
    /// How far its data is complete.
    pub data_as_of: Timestamp,
}

/// The rows of a goal, in the order of the funnel. `at` of a metric is `min(clock, data_as_of)`.
pub fn rows(
    plan: &GoalPlan,
    actuals: &Actuals<'_>,
    calendar: &BusinessCalendar,
    complete: &BTreeMap<Metric, Timestamp>,
    clock: Timestamp,
) -> Vec<PaceRow> {
    let mut rows: Vec<PaceRow> = Vec::new();
    for (metric, goal_value) in &plan.chain.required {
        let (Some(curve), Some(data_as_of)) = (plan.curves.get(metric), complete.get(metric))
        else {
            continue;
        };
        let at = clock.min(*data_as_of);
        let mut row = row(plan, *metric, *goal_value, curve, at, actuals, calendar);
        row.data_as_of = at;
        if *metric == Metric::Revenue
            && let Some(wins) = rows.iter().find(|row| row.metric == Metric::Wins)
        {
            (row.state, row.p_value) = (wins.state, wins.p_value);
        }
        rows.push(row);
    }
    rows
}

fn row(
    plan: &GoalPlan,
    metric: Metric,
    goal_value: Decimal,
    curve: &Curve,
    at: Timestamp,
    actuals: &Actuals<'_>,
    calendar: &BusinessCalendar,
) -> PaceRow {
    let own = metric >= plan.goal.metric || !plan.goal.counts_wins() || metric >= Metric::Wins;
    let period = if own { plan.goal.period } else { curve.span().unwrap_or(plan.goal.period) };
    let actual = actuals.count(metric, period, at, plan);
    let share = share(curve, period, at, calendar);
    let plan_to_date = to_f64(goal_value) * share;
    let count = to_f64(actual);
    let days_left = curve.business_days_left(at, calendar);
    let missing = (to_f64(goal_value) - count).max(0.0);
    let (state, p_value) = state(period, goal_value, plan_to_date, count, at, calendar);
    PaceRow {
        goal: plan.goal.name.clone(),
        metric,
        period,
        goal_value,
        plan_to_date,
        actual,
        pace: (plan_to_date > 0.0).then(|| count / plan_to_date),
        gap: plan_to_date - count,
        required_per_business_day: (days_left > 0.0).then(|| missing / days_left),
        state,
        p_value,
        at,
        data_as_of: at,
    }
}

fn share(curve: &Curve, period: Period, at: Timestamp, calendar: &BusinessCalendar) -> f64 {
    let today = calendar.zone.to_datetime(at).date();
    match () {
        () if today < period.from => 0.0,
        () if today >= period.to => 1.0,
        () => curve.share_at(at, calendar),
    }
}

/// `statistics.md` 1.12, first match. Until the sequential test is built the evidence is a one-sided
/// Poisson test at the moment of asking.
fn state(
    period: Period,
    goal_value: Decimal,
    plan_to_date: f64,
    count: f64,
    at: Timestamp,
    calendar: &BusinessCalendar,
) -> (State, Option<f64>) {
    let today: Date = calendar.zone.to_datetime(at).date();
    if today < period.from || goal_value.is_zero() {
        return (State::Undecided, None);
    }
    if today >= period.to {
        let reached = count >= to_f64(goal_value);
        return (if reached { State::Ahead } else { State::Behind }, None);
    }
    if plan_to_date < EXPECTED_MIN {
        return (State::Undecided, None);
    }
    let below = count < plan_to_date;
    let p_value = if below {
        poisson::at_most(count.floor().max(0.0) as u64, plan_to_date)
    } else {
        poisson::at_least(count.ceil().max(0.0) as u64, plan_to_date)
    };
    let deviates = (count - plan_to_date).abs() >= DEVIATION_MIN * plan_to_date;
    let state = match (p_value < P_VALUE_MAX && deviates, below) {
        (true, true) => State::Behind,
        (true, false) => State::Ahead,
        (false, _) => State::OnTrack,
    };
    (state, Some(p_value))
}

/// A pace row as JSON: money as decimal text with its currency beside it, counts as numbers.
pub fn row_json(row: &PaceRow, currency: &str) -> serde_json::Value {
    let money = row.metric == Metric::Revenue;
    let decimal = |value: Decimal| {
        if money {
            crate::domain::money::decimal_text(value).into()
        } else {
            serde_json::json!(to_f64(value))
        }
    };
    let real = |value: f64| {
        let cents = from_f64((value * 100.0).round() / 100.0).unwrap_or_default();
        if money { decimal(cents) } else { serde_json::json!(value) }
    };
    let mut json = serde_json::json!({
        "goal": row.goal,
        "metric": row.metric.name(),
        "scope": null,
        "from": row.period.from,
        "to": row.period.to,
        "goal_value": decimal(row.goal_value),
        "plan_to_date": real(row.plan_to_date),
        "actual": decimal(row.actual),
        "pace": row.pace,
        "gap": real(row.gap),
        "required_per_business_day": row.required_per_business_day.map(real),
        "forecast": null,
        "probability": null,
        "state": row.state,
        "p_value": row.p_value,
        "data_as_of": row.data_as_of,
    });
    if money {
        json["currency"] = currency.into();
    }
    json
}
