//! Where a goal stands: plan to date against what happened. Pure.

pub mod actual;
pub mod chart;
pub mod counts;
pub mod evidence;
pub mod family;
pub mod history;
pub mod judge;
pub mod record;
pub mod targets;

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Serialize;

use crate::domain::{
    calendar::BusinessCalendar,
    number::{from_f64, to_f64},
    period::Period,
    scope::Scope,
    stage::Metric,
};
use crate::forecast::{Forecast, Pipeline};
use crate::plan::{Curve, GoalPlan};
use actual::Actuals;
pub use judge::Judgement;
use judge::{Case, judge};

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

/// What a goal's stage would have to show by the plan that was approved first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {
    /// The version of the plan.
    pub version: i64,
    /// What was wanted in all.
    pub goal_value: Decimal,
    /// What should be there by now.
    pub plan_to_date: f64,
}

/// The baseline of a row, by the goal as it was approved.
pub fn baseline(
    row: &PaceRow,
    version: i64,
    approved: &GoalPlan,
    calendar: &BusinessCalendar,
) -> Option<Baseline> {
    let goal_value = *approved.chain.required.get(&row.metric)?;
    let curve = approved.curves.get(&row.metric)?;
    let period = approved.counted_over(row.metric);
    let plan_to_date = to_f64(goal_value) * share(curve, period, row.at, calendar);
    Some(Baseline { version, goal_value, plan_to_date })
}

/// A goal's stage: what was planned by now and what there is.
#[derive(Clone, Debug, PartialEq)]
pub struct PaceRow {
    /// The goal's name.
    pub goal: String,
    /// Of which part of everything; none for all of it.
    pub scope: Option<Scope>,
    /// The goal that it is a part of.
    pub part_of: Option<String>,
    /// What is counted.
    pub metric: Metric,
    /// Whether it is the figure that the goal names.
    pub own: bool,
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
    /// How it stands, and why.
    pub judgement: Judgement,
    /// How its period may end; none once it is over, or where nothing can be measured.
    pub forecast: Option<Forecast>,
    /// What is still to come, for wins and revenue.
    pub pipeline: Option<Pipeline>,
    /// The plan that was approved first, where the present one differs from it.
    pub baseline: Option<Baseline>,
    /// The instant that the figures are cut at.
    pub at: Timestamp,
    /// How far its data is complete.
    pub data_as_of: Timestamp,
}

impl PaceRow {
    /// Whether people who have little time should see it: of a part only its own figure, and what is
    /// behind.
    pub fn is_telling(&self) -> bool {
        self.part_of.is_none() || self.own || self.state() == State::Behind
    }

    /// How it stands.
    pub fn state(&self) -> State {
        self.judgement.state
    }
}

/// The rows of a goal, in the order of the funnel. `at` of a metric is `min(clock, data_as_of)`. The
/// siblings of a part are all parts of its goal, itself among them.
pub fn rows(
    plan: &GoalPlan,
    siblings: &[&GoalPlan],
    actuals: &Actuals<'_>,
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
        let alphas = family::alphas(plan, siblings, *metric);
        let mut row = row(plan, *metric, *goal_value, curve, at, actuals, &alphas);
        row.data_as_of = at;
        // While it runs: once it is over, money that is there is there.
        if *metric == Metric::Revenue
            && actuals.calendar.zone.to_datetime(at).date() < row.period.to
            && let Some(wins) = rows.iter().find(|row| row.metric == Metric::Wins)
        {
            let usual_to_date = row.judgement.usual_to_date;
            row.judgement = Judgement { usual_to_date, ..wins.judgement.clone() };
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
    alphas: &[f64],
) -> PaceRow {
    let calendar = actuals.calendar;
    let period = plan.counted_over(metric);
    let actual = actuals.count(metric, period, at, plan);
    let share = share(curve, period, at, calendar);
    let plan_to_date = to_f64(goal_value) * share;
    let count = to_f64(actual);
    let days_left = curve.business_days_left(at, calendar);
    let missing = (to_f64(goal_value) - count).max(0.0);
    let case = Case { plan, metric, period, curve, goal_value, plan_to_date, count, at, alphas };
    PaceRow {
        goal: plan.goal.name.clone(),
        scope: plan.goal.scope.clone(),
        part_of: plan.goal.part_of.clone(),
        metric,
        own: metric == plan.goal.metric,
        period,
        goal_value,
        plan_to_date,
        actual,
        pace: (plan_to_date > 0.0).then(|| count / plan_to_date),
        gap: plan_to_date - count,
        required_per_business_day: (days_left > 0.0).then(|| missing / days_left),
        judgement: judge(&case, actuals),
        forecast: None,
        pipeline: None,
        baseline: None,
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

/// Until when entrants of the stages before an opportunity count.
fn last_days_json(rest: &Pipeline) -> Vec<serde_json::Value> {
    let stage = |days: &crate::forecast::outlook::LastDays| {
        serde_json::json!({
            "stage": days.stage.to_lowercase(),
            "last_useful_day": days.useful,
            "last_possible_day": days.possible,
        })
    };
    rest.last_days_before.iter().map(stage).collect()
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
        // The sum of nothing is minus zero.
        if money { decimal(cents) } else { serde_json::json!(value + 0.0) }
    };
    let mut json = serde_json::json!({
        "goal": row.part_of.as_deref().unwrap_or(&row.goal),
        "metric": row.metric.name(),
        "scope": row.scope.as_ref().map(Scope::name),
        "from": row.period.from,
        "to": row.period.to,
        "goal_value": decimal(row.goal_value),
        "plan_to_date": real(row.plan_to_date),
        "actual": decimal(row.actual),
        "pace": row.pace,
        "gap": real(row.gap),
        "required_per_business_day": row.required_per_business_day.map(real),
        "forecast": row.forecast.map(|forecast| serde_json::json!({
            "p10": real(forecast.p10), "p50": real(forecast.p50), "p90": real(forecast.p90),
        })),
        "probability": row.forecast.map(|forecast| forecast.probability),
        "pipeline": row.pipeline.as_ref().map(|rest| serde_json::json!({
            "open": real(rest.open),
            "open_opportunities": rest.open_count,
            "zombies": rest.zombies,
            "expected_from_open": real(rest.expected_open),
            "expected_from_new": real(rest.expected_new),
            "coverage": rest.coverage,
            "coverage_needed": rest.coverage_needed,
            "gap_at_end": real(rest.gap_at_end),
            "recoverable": real(rest.recoverable),
            "beyond_recovery": real(rest.beyond_recovery),
            "opportunities_needed_now": rest.needed_now,
            "last_useful_day": rest.last_useful_day,
            "last_possible_day": rest.last_possible_day,
            "last_days_before": last_days_json(rest),
        })),
        "baseline": row.baseline.map(|base| serde_json::json!({
            "version": base.version,
            "goal_value": decimal(base.goal_value),
            "plan_to_date": real(base.plan_to_date),
            "pace": (base.plan_to_date > 0.0).then(|| to_f64(row.actual) / base.plan_to_date),
            "gap": real(base.plan_to_date - to_f64(row.actual)),
        })),
        "state": row.state(),
        "p_value": row.judgement.p_value,
        "crossed_at": row.judgement.crossed_at,
        "usual": row.judgement.usual,
        "usual_to_date": row.judgement.usual_to_date,
        "dispersion": row.judgement.dispersion,
        "looks": { "taken": row.judgement.looks.0, "all": row.judgement.looks.1 },
        "data_as_of": row.data_as_of,
    });
    if money {
        json["currency"] = currency.into();
    }
    json
}
