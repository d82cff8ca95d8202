//! A goal's numbers laid out over periods.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{
    chain::{Chain, Measured, PlanError, work},
    curve::{Curve, NoCurve, grid, in_goal_share},
    goal::{Goal, Lag, ValueBasis},
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
    /// The share of wins that lands in the goal; 1 for a fixed lag.
    pub in_goal_share: f64,
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
    let lag = if goal.counts_wins() { goal.assume.sales_cycle } else { Lag::None };
    let upstream = own.moved_back(&lag, calendar);
    let phi = in_goal_share(&upstream, &lag, goal.period);
    ask_for_more(goal, &mut chain, phi)?;
    let curves: BTreeMap<Metric, Curve> = chain
        .required
        .keys()
        .map(|metric| {
            let moved = goal.counts_wins() && *metric < Metric::Wins;
            (*metric, if moved { upstream.clone() } else { own.clone() })
        })
        .collect();
    let all: Vec<&Curve> = curves.values().collect();
    let cells = grid(goal.every, goal.period, &all, fiscal);
    let periods = split(goal, &chain, &curves, &cells);
    Ok(GoalPlan { goal: goal.clone(), chain, in_goal_share: phi, curves, periods })
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

/// With a lag distribution a part of the wins lands outside the goal, so more must be asked for.
fn ask_for_more(goal: &Goal, chain: &mut Chain, phi: f64) -> Result<(), PlanError> {
    if phi >= 1.0 {
        return Ok(());
    }
    let share = from_f64((phi * 1e6).round() / 1e6).filter(|share| *share > Decimal::ZERO);
    let share = share.ok_or_else(|| {
        goal.error("with this sales cycle nothing lands inside the goal", "lengthen the goal")
    })?;
    chain.arithmetic.push(format!(
        "in goal         {:.1} % of the wins land inside the goal, so upstream asks for 1/{share} of it",
        phi * 100.0
    ));
    for (metric, number) in &mut chain.required {
        if *metric < Metric::Wins {
            *number = ceil_div(*number, share)
                .ok_or_else(|| goal.error("the numbers are too large", "check the plan"))?;
        }
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
