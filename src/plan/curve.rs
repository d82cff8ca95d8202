//! How a goal is spread over days, and how much of it should be there by an instant.
//!
//! Weights are whole numbers, so that shares are exact and whole counts add up to their total
//! (`statistics.md` 1.11).

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;

use super::{goal::Goal, lag::Lag};
use crate::domain::{
    calendar::BusinessCalendar,
    period::{Every, FiscalStart, Period},
};

/// Day weights.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    days: BTreeMap<Date, i128>,
    total: i128,
}

/// Why a goal has no curve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoCurve {
    /// No day of the goal is a business day.
    NoBusinessDay,
    /// The shape has another number of shares than the goal has periods.
    ShapeLength {
        /// Periods of the goal.
        periods: usize,
        /// Shares of the shape.
        shares: usize,
    },
    /// A period with a share has no business day.
    EmptyPeriod(Period),
}

impl Curve {
    /// The goal's own days: every business day alike, or by the goal's shape.
    ///
    /// # Errors
    /// See [`NoCurve`].
    pub fn of_goal(
        goal: &Goal,
        calendar: &BusinessCalendar,
        fiscal: FiscalStart,
    ) -> Result<Curve, NoCurve> {
        let days = |p: Period| -> Vec<Date> { calendar.business_days(p.from, p.to).collect() };
        if days(goal.period).is_empty() {
            return Err(NoCurve::NoBusinessDay);
        }
        let Some(shape) = &goal.shape else {
            return Ok(Curve::from_days(days(goal.period).into_iter().map(|day| (day, 1))));
        };
        let grid = goal.every.grid(goal.period.from, goal.period, fiscal);
        if grid.len() != shape.len() {
            return Err(NoCurve::ShapeLength { periods: grid.len(), shares: shape.len() });
        }
        let cells: Vec<Vec<Date>> = grid.iter().map(|cell| days(*cell)).collect();
        let common = cells.iter().filter(|c| !c.is_empty()).fold(1_i128, |acc, cell| {
            let n = cell.len() as i128;
            acc / gcd(acc, n) * n
        });
        let scale = shape.iter().map(Decimal::scale).max().unwrap_or(0);
        let mut weights = Vec::new();
        for ((cell, days), share) in grid.iter().zip(&cells).zip(shape) {
            let mut share = *share;
            share.rescale(scale);
            if days.is_empty() && !share.is_zero() {
                return Err(NoCurve::EmptyPeriod(*cell));
            }
            let weight = share.mantissa() * (common / (days.len().max(1) as i128));
            weights.extend(days.iter().map(|day| (*day, weight)));
        }
        Ok(Curve::from_days(weights))
    }

    fn from_days(weights: impl IntoIterator<Item = (Date, i128)>) -> Curve {
        let mut days = BTreeMap::new();
        for (day, weight) in weights {
            *days.entry(day).or_insert(0) += weight;
        }
        days.retain(|_, weight| *weight > 0);
        let total = days.values().sum();
        Curve { days, total }
    }

    /// Every day moved back by the lag, then back to the nearest business day.
    pub fn moved_back(&self, lag: &Lag, calendar: &BusinessCalendar) -> Curve {
        if matches!(lag, Lag::None | Lag::Actual) {
            return self.clone();
        }
        let moved = |day: Date| calendar.back_to_business_day(lag.before(day));
        Curve::from_days(self.days.iter().map(|(day, weight)| (moved(*day), *weight)))
    }

    /// From the first weighted day to the day after the last.
    pub fn span(&self) -> Option<Period> {
        let from = *self.days.keys().next()?;
        let to = self.days.keys().next_back()?.tomorrow().ok()?;
        Some(Period { from, to })
    }

    /// The share of the whole that should be there at `at`: days that are over count whole, the
    /// running one by the part of its business hours that is over.
    pub fn share_at(&self, at: Timestamp, calendar: &BusinessCalendar) -> f64 {
        if self.total == 0 {
            return 0.0;
        }
        let today = calendar.zone.to_datetime(at).date();
        let over: i128 = self.days.range(..today).map(|(_, weight)| weight).sum();
        let running = self.days.get(&today).copied().unwrap_or(0) as f64;
        (over as f64 + running * calendar.share_over(today, at)) / self.total as f64
    }

    /// The share that falls into a period, as weight and total.
    pub fn share_in(&self, period: Period) -> (i128, i128) {
        (self.days.range(period.from..period.to).map(|(_, weight)| weight).sum(), self.total)
    }

    /// Whole numbers for each cell, which add up to `total`: each cumulative share is rounded.
    pub fn split(&self, total: i128, cells: &[Period]) -> Vec<i128> {
        let mut cumulative = 0;
        let mut given = 0;
        cells
            .iter()
            .map(|cell| {
                cumulative += self.share_in(*cell).0;
                let upto = (2 * total * cumulative + self.total).div_euclid(2 * self.total.max(1));
                let part = upto - given;
                given = upto;
                part
            })
            .collect()
    }

    /// Weighted days still to come at `at`, the running one by the part that is left.
    pub fn business_days_left(&self, at: Timestamp, calendar: &BusinessCalendar) -> f64 {
        let today = calendar.zone.to_datetime(at).date();
        let running = f64::from(u8::from(self.days.contains_key(&today)));
        let after = self.days.range(today..).filter(|(day, _)| **day > today).count() as f64;
        after + running * (1.0 - calendar.share_over(today, at))
    }

    /// Each day with its share of the whole.
    pub fn days(&self) -> impl Iterator<Item = (Date, f64)> + '_ {
        self.days.iter().map(|(day, weight)| (*day, *weight as f64 / self.total as f64))
    }

    /// The mean number of months, the month of the win included, that a win has left in the goal, as
    /// numerator and denominator: the chain must not go through a rounded quotient.
    pub fn mean_months_left(&self, goal: Period) -> (Decimal, Decimal) {
        let months = |day: Date| {
            let last = goal.to.yesterday().unwrap_or(goal.to);
            let of = |d: Date| i64::from(d.year()) * 12 + i64::from(d.month());
            of(last) - of(day) + 1
        };
        let weighted: i128 =
            self.days.iter().map(|(day, weight)| i128::from(months(*day)) * weight).sum();
        let divisor = gcd(weighted, self.total).max(1);
        let whole = |n: i128| Decimal::try_from_i128_with_scale(n / divisor, 0);
        match (whole(weighted), whole(self.total)) {
            (Ok(numerator), Ok(denominator)) => (numerator, denominator),
            _ => (Decimal::ONE, Decimal::ONE),
        }
    }
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// The cells of a goal's plan, from its earliest weighted day on.
pub fn grid(every: Every, goal: Period, curves: &[&Curve], fiscal: FiscalStart) -> Vec<Period> {
    let first = curves.iter().filter_map(|curve| curve.span()).map(|span| span.from).min();
    every.grid(first.unwrap_or(goal.from), goal, fiscal)
}
