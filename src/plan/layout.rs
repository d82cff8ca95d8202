//! A goal's numbers laid out over periods.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{
    chain::{Chain, Measured, PlanError, work},
    curve::{Curve, NoCurve, grid},
    goal::{Goal, Pair, ValueBasis},
    lag::{self, Lag, Upstream},
};
use crate::domain::{
    calendar::BusinessCalendar,
    number::{ceil_div, from_f64},
    period::{FiscalStart, Period},
    stage::Metric,
};

/// A goal with everything worked out.
#[derive(Clone, Debug, PartialEq)]
pub struct GoalPlan {
    /// The goal.
    pub goal: Goal,
    /// Its numbers and how they came about.
    pub chain: Chain,
    /// How long the steps before the goal take, the last one first.
    pub lags: Vec<(Pair, Lag)>,
    /// Metric -> the share of what comes of it that lands in the goal; 1 for fixed lags.
    pub in_goal_shares: BTreeMap<Metric, f64>,
    /// Metric -> the days over which it is counted: earlier ones for a stage before the goal's.
    pub counted_over: BTreeMap<Metric, Period>,
    /// Metric -> its days.
    pub curves: BTreeMap<Metric, Curve>,
    /// The plan, period by period.
    pub periods: Vec<PlanPeriod>,
}

/// What must be created in a period.
#[derive(Clone, Debug, PartialEq)]
pub struct PlanPeriod {
    /// The days.
    pub period: Period,
    /// Metric -> number.
    pub numbers: BTreeMap<Metric, Decimal>,
}

impl GoalPlan {
    /// The share of what enters the stage before the goal's own that lands in the goal; 1 where no stage is
    /// before it, and for fixed lags.
    pub fn in_goal_share(&self) -> f64 {
        let nearest = self.lags.first().map(|(pair, _)| Metric::of_stage(pair.stages().0));
        nearest.map_or(1.0, |metric| self.in_goal_share_of(metric))
    }

    /// The share of what is counted in a metric that lands in the goal.
    pub fn in_goal_share_of(&self, metric: Metric) -> f64 {
        self.in_goal_shares.get(&metric).copied().unwrap_or(1.0)
    }

    /// The days over which a metric is counted.
    pub fn counted_over(&self, metric: Metric) -> Period {
        self.counted_over.get(&metric).copied().unwrap_or(self.goal.period)
    }

    /// A day of the goal less the steps from a metric up to it.
    pub fn before(&self, metric: Metric, day: Date) -> Date {
        let upto = self.lags.iter().take_while(|(pair, _)| pair.stages().1 > metric.stage());
        upto.fold(day, |day, (_, lag)| lag.before(day))
    }

    /// The months of its value that a win from a day on counts with, on average: see `ValueBasis`.
    pub fn months_counted(&self, from: Date) -> f64 {
        match self.goal.assume.value_basis {
            ValueBasis::MonthlyBooked if self.goal.metric == Metric::Revenue => 12.0,
            ValueBasis::MonthlyRecognised if self.goal.metric == Metric::Revenue => {
                let of = |day: Date| i64::from(day.year()) * 12 + i64::from(day.month());
                let last = of(self.goal.period.to.yesterday().unwrap_or(self.goal.period.to));
                let days = self.curves.get(&Metric::Wins).into_iter().flat_map(Curve::days);
                let rest = days.filter(|(day, _)| *day >= from);
                let (months, weight) = rest.fold((0.0, 0.0), |(months, all), (day, share)| {
                    (months + share * (last - of(day) + 1) as f64, all + share)
                });
                if weight > 0.0 { months / weight } else { 1.0 }
            }
            _ => 1.0,
        }
    }
}

/// Works a goal out.
///
/// # Errors
/// See [`PlanError`].
pub fn lay_out(
    goal: &Goal,
    measured: &Measured,
    calendar: &BusinessCalendar,
    fiscal: FiscalStart,
) -> Result<GoalPlan, PlanError> {
    let own = Curve::of_goal(goal, calendar, fiscal).map_err(|fault| no_curve(goal, fault))?;
    let mut chain = work(goal, measured, own.mean_months_left(goal.period))?;
    let pairs: Vec<Pair> = chain.rates.iter().map(|(pair, _)| *pair).collect();
    let lags = lag::steps(goal, &pairs, &measured.lags)?;
    let upstream = lag::upstream(goal, &own, &lags, calendar);
    tell_lags(goal, &mut chain, &lags);
    ask_for_more(goal, &mut chain, &upstream)?;
    let moved = upstream.iter().filter(|stage| stage.moved);
    let counted_over =
        moved.filter_map(|stage| Some((stage.metric, stage.curve.span()?))).collect();
    let in_goal_shares = upstream.iter().map(|stage| (stage.metric, stage.in_goal_share)).collect();
    let before: BTreeMap<Metric, Curve> =
        upstream.into_iter().map(|stage| (stage.metric, stage.curve)).collect();
    let curve = |metric: &Metric| before.get(metric).unwrap_or(&own).clone();
    let metrics = chain.required.keys();
    let curves: BTreeMap<Metric, Curve> = metrics.map(|metric| (*metric, curve(metric))).collect();
    let all: Vec<&Curve> = curves.values().collect();
    let cells = grid(goal.every, goal.period, &all, fiscal);
    let periods = split(goal, &chain, &curves, &cells);
    let goal = goal.clone();
    Ok(GoalPlan { goal, chain, lags, in_goal_shares, counted_over, curves, periods })
}

impl GoalPlan {
    /// The same goal over the same days with other numbers.
    pub(super) fn with_numbers(&self, goal: Goal, required: BTreeMap<Metric, Decimal>) -> GoalPlan {
        let chain = Chain { required, arithmetic: Vec::new(), ..self.chain.clone() };
        let cells: Vec<Period> = self.periods.iter().map(|period| period.period).collect();
        let periods = split(&goal, &chain, &self.curves, &cells);
        GoalPlan { goal, chain, periods, ..self.clone() }
    }
}

fn tell_lags(goal: &Goal, chain: &mut Chain, lags: &[(Pair, Lag)]) {
    for (pair, lag) in lags.iter().filter(|(_, lag)| *lag != Lag::None) {
        let measured = goal.assume.lag(*pair) == Lag::Actual;
        let from = if measured { ", measured" } else { "" };
        let line = format!("{:<15} {}   ({}{from})", "time", lag.title(), pair.title());
        chain.arithmetic.push(line);
    }
}

/// With a lag distribution a part of the wins lands outside the goal, so more must be asked for.
fn ask_for_more(goal: &Goal, chain: &mut Chain, upstream: &[Upstream]) -> Result<(), PlanError> {
    for stage in upstream.iter().filter(|stage| stage.in_goal_share < 1.0) {
        let phi = stage.in_goal_share;
        let share = from_f64((phi * 1e6).round() / 1e6).filter(|share| *share > Decimal::ZERO);
        let share = share.ok_or_else(|| {
            goal.error("with these lags nothing lands inside the goal", "lengthen the goal")
        })?;
        let Some(number) = chain.required.get_mut(&stage.metric) else { continue };
        *number = ceil_div(*number, share)
            .ok_or_else(|| goal.error("the numbers are too large", "check the plan"))?;
        chain.arithmetic.push(format!(
            "{:<15} {:.1} % land in the goal in time, so {} are asked for",
            stage.metric.title(),
            phi * 100.0,
            crate::domain::money::thousands(&number.normalize().to_string()),
        ));
    }
    Ok(())
}

fn split(
    goal: &Goal,
    chain: &Chain,
    curves: &BTreeMap<Metric, Curve>,
    cells: &[Period],
) -> Vec<PlanPeriod> {
    let mut periods: Vec<PlanPeriod> =
        cells.iter().map(|cell| PlanPeriod { period: *cell, numbers: BTreeMap::new() }).collect();
    for (metric, total) in &chain.required {
        let curve = &curves[metric];
        let whole = *metric <= goal.metric && *metric != Metric::Revenue;
        let parts: Vec<Decimal> = if whole && total.fract().is_zero() {
            curve
                .split(total.trunc().normalize().mantissa(), cells)
                .into_iter()
                .map(|n| Decimal::try_from_i128_with_scale(n, 0).unwrap_or_default())
                .collect()
        } else if *metric == Metric::Revenue && goal.metric == Metric::Revenue {
            // Money adds up to the cent.
            let mut cents = *total;
            cents.rescale(2);
            curve
                .split(cents.mantissa(), cells)
                .into_iter()
                .map(|n| Decimal::try_from_i128_with_scale(n, 2).unwrap_or_default())
                .collect()
        } else {
            cells.iter().map(|cell| portion(*total, curve.share_in(*cell))).collect()
        };
        for (period, part) in periods.iter_mut().zip(parts) {
            period.numbers.insert(*metric, part);
        }
    }
    periods
}

fn portion(total: Decimal, (weight, of): (i128, i128)) -> Decimal {
    let decimal = |n: i128| Decimal::try_from_i128_with_scale(n, 0).unwrap_or_default();
    (total * decimal(weight)).checked_div(decimal(of)).unwrap_or_default().normalize()
}

fn no_curve(goal: &Goal, fault: NoCurve) -> PlanError {
    match fault {
        NoCurve::NoBusinessDay => goal.error(
            "has no business day",
            "choose other dates, or check `[company.business_hours]`",
        ),
        NoCurve::ShapeLength { periods, shares } => goal.error(
            format!("`shape` has {shares} shares, but the goal has {periods} periods"),
            "give one share for each period of `every`",
        ),
        NoCurve::EmptyPeriod(period) => goal.error(
            format!(
                "`shape` gives a share to {} - {}, which has no business day",
                period.from, period.to
            ),
            "give that period 0",
        ),
    }
}
