//! How good the forecasts are: those that were made, kept once a week, and what would have been said in
//! earlier periods.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan, civil::Date};

use super::{Snapshot, completeness::objects_of, forecasting::prospects, snapshot::EvaluateError};
use crate::domain::{
    number::to_f64,
    period::{Every, Period},
    stage::Metric,
};
use crate::forecast::Forecast;
use crate::pacing::{self, PaceRow, history, judge::DISPERSION_UNKNOWN, record::Made};
use crate::plan::{Goal, GoalPlan, Measured, lay_out};
use crate::store::{Store, StoreError, Write, forecasts::ForecastRow};

/// Where in a period it is replayed, in thirds of its days.
const THIRDS: [i32; 2] = [1, 2];
/// Fewer forecasts than this say little: shorter periods are looked at.
const LEAST: usize = 8;

/// Keeps what is said this week, and says how periods ended that are over.
///
/// # Errors
/// When the store cannot be written.
pub async fn keep(snapshot: &Snapshot<'_>, write: &mut Write) -> Result<(), StoreError> {
    let zone = &snapshot.settings.company.zone;
    for row in snapshot.pace_known().iter().filter(|row| row.part_of.is_none()) {
        let today = zone.to_datetime(row.at).date();
        if let Some(made) = made(row) {
            let week = Every::Week.cell(today, Default::default()).from;
            write.keep_forecast(&row_of(made), &week.to_string()).await?;
        } else if today >= row.period.to {
            let ended = to_f64(row.actual);
            write.end_forecasts(&row.goal, row.metric, row.period, ended).await?;
        }
    }
    Ok(())
}

/// Every forecast that was kept by an instant.
///
/// # Errors
/// When the store cannot be read.
pub async fn kept(store: &Store, until: Timestamp) -> Result<Vec<Made>, StoreError> {
    let made = |row: ForecastRow| {
        let [p10, p50, p90, probability] = row.said;
        Made {
            goal: row.goal,
            metric: row.metric,
            period: row.period,
            at: row.at,
            goal_value: row.goal_value,
            so_far: row.so_far,
            elapsed: row.elapsed,
            forecast: Forecast { p10, p50, p90, probability },
            ended: row.ended,
        }
    };
    let rows = store.forecasts().await?.into_iter().filter(|row| row.at <= until);
    Ok(rows.map(made).collect())
}

fn row_of(made: Made) -> ForecastRow {
    let Forecast { p10, p50, p90, probability } = made.forecast;
    ForecastRow {
        goal: made.goal,
        metric: made.metric,
        period: made.period,
        at: made.at,
        goal_value: made.goal_value,
        so_far: made.so_far,
        elapsed: made.elapsed,
        said: [p10, p50, p90, probability],
        ended: made.ended,
    }
}

fn made(row: &PaceRow) -> Option<Made> {
    let goal_value = to_f64(row.goal_value);
    Some(Made {
        goal: row.goal.clone(),
        metric: row.metric,
        period: row.period,
        at: row.at,
        goal_value,
        so_far: to_f64(row.actual),
        elapsed: row.plan_to_date / goal_value,
        forecast: row.forecast?,
        ended: None,
    })
}

/// What would have been said of wins and revenue after a third and two thirds of earlier periods: those that
/// are like the goal's, or where too few of them can be forecast, quarters, then months. From the records as
/// they stand today, with later events taken away; each with how it ended. The snapshot's clock is moved, and
/// stands at its own time again at the end.
///
/// # Errors
/// When the store cannot be read.
pub async fn replayed(snapshot: &mut Snapshot<'_>) -> Result<Vec<Made>, EvaluateError> {
    let wholes = snapshot.plans.iter().filter(|plan| plan.goal.part_of.is_none());
    let of_wins = wholes.filter(|plan| plan.goal.counts_wins());
    let goals: Vec<Goal> = of_wins.map(|plan| plan.goal.clone()).collect();
    let Some(end) = snapshot.data_as_of(objects_of(Metric::Wins.stage())) else {
        return Ok(Vec::new());
    };
    let company = &snapshot.settings.company;
    let today = company.zone.to_datetime(end).date();
    let cells = [Every::Quarter, Every::Month].map(|every| every.cell(today, company.fiscal_start));
    let mut all = Vec::new();
    for goal in goals {
        for like in [goal.period].into_iter().chain(cells) {
            let past = if like == goal.period { goal.clone() } else { without_shape(&goal) };
            let found = of_periods(snapshot, &past, like, end).await?;
            if found.len() >= LEAST {
                all.extend(found);
                break;
            }
        }
    }
    all.sort_by_key(|made| (made.goal.clone(), made.metric, made.at));
    Ok(all)
}

fn without_shape(goal: &Goal) -> Goal {
    Goal { shape: None, ..goal.clone() }
}

async fn of_periods(
    snapshot: &mut Snapshot<'_>,
    goal: &Goal,
    like: Period,
    end: Timestamp,
) -> Result<Vec<Made>, EvaluateError> {
    let now = snapshot.clock;
    let last = snapshot.settings.company.zone.to_datetime(end).date();
    let mut all = Vec::new();
    for period in history::before(like).into_iter().filter(|period| period.to <= last) {
        let past = Goal { period, ..goal.clone() };
        for third in THIRDS {
            let Some(clock) = clock_at(snapshot, period, third) else { continue };
            snapshot.clock = clock;
            let found = said(snapshot, &past, end).await;
            snapshot.clock = now;
            all.extend(found?);
        }
    }
    Ok(all)
}

/// The end of the day that is so many thirds into a period.
fn clock_at(snapshot: &Snapshot<'_>, period: Period, third: i32) -> Option<Timestamp> {
    let days = period.from.until(period.to).ok()?.get_days();
    let day: Date = period.from.checked_add((days * third / 3).days()).ok()?;
    Some(day.to_zoned(snapshot.settings.company.zone.clone()).ok()?.timestamp())
}

async fn said(
    snapshot: &Snapshot<'_>,
    goal: &Goal,
    end: Timestamp,
) -> Result<Vec<Made>, EvaluateError> {
    let company = &snapshot.settings.company;
    let nothing = Measured::default();
    let measured = snapshot.measured.get(&goal.scope).unwrap_or(&nothing);
    let Ok(plan) = lay_out(goal, measured, &company.hours, company.fiscal_start) else {
        return Ok(Vec::new());
    };
    let prospects = prospects(snapshot, goal.scope.as_ref()).await?;
    let mut made = Vec::new();
    for mut row in rows(snapshot, &plan, snapshot.clock) {
        prospects.extend(&mut row, &plan, DISPERSION_UNKNOWN, &company.hours);
        let Some(mut one) = self::made(&row) else { continue };
        let actuals = snapshot.actuals(goal.scope.as_ref());
        one.ended = Some(to_f64(actuals.count(row.metric, row.period, end, &plan)));
        made.push(one);
    }
    Ok(made)
}

fn rows(snapshot: &Snapshot<'_>, plan: &GoalPlan, clock: Timestamp) -> Vec<PaceRow> {
    let complete: BTreeMap<Metric, Timestamp> = [Metric::Wins, Metric::Revenue]
        .into_iter()
        .filter_map(|metric| Some((metric, snapshot.completeness.of(objects_of(metric.stage()))?)))
        .collect();
    let actuals = snapshot.actuals(plan.goal.scope.as_ref());
    pacing::rows(plan, &[], &actuals, &complete, clock)
}
