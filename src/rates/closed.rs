//! The practitioners' win rate: won / (won + lost) of what closed in a period.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use super::{
    estimate::{LagDays, Row},
    interval::wilson,
    table::{KeyedRow, RateTable},
};
use crate::domain::{
    facts::{Facts, Opportunity, Outcome},
    unit::lag_days,
};

/// One closing: its key, and the days from creation to closing where the creation is known.
struct Closing {
    won: bool,
    /// What it was worth, in the company's currency, where that is known.
    worth: Option<f64>,
    lag_days: Option<i64>,
}

/// The table over opportunities whose last closing lies in `[since, until)`.
///
/// It needs only `closed_at`; an opportunity that was reopened and is still open does not count.
pub fn closed(
    facts: &Facts,
    clock: Timestamp,
    zone: &TimeZone,
    since: Option<Date>,
    until: Option<Date>,
    key: impl Fn(&Opportunity) -> Option<Option<String>>,
    worth: impl Fn(&Opportunity, Date) -> Option<f64>,
) -> RateTable {
    let mut all = Vec::new();
    let mut by_key: BTreeMap<Option<String>, Vec<Closing>> = BTreeMap::new();
    for opportunity in facts.opportunities.values() {
        let Some(closed) = opportunity.closed_at.filter(|at| at.is_seen(clock, zone)) else {
            continue;
        };
        let day = closed.date(zone);
        let outside = since.is_some_and(|since| day < since) || until.is_some_and(|u| day >= u);
        let deleted = opportunity.deleted_at.is_some_and(|at| at <= clock);
        if outside || deleted || opportunity.outcome == Outcome::Open {
            continue;
        }
        let closing = || Closing {
            won: opportunity.outcome == Outcome::Won,
            worth: worth(opportunity, day),
            lag_days: opportunity.created_at.map(|at| lag_days(at.date(zone), day).max(0)),
        };
        all.push(closing());
        if let Some(key) = key(opportunity) {
            by_key.entry(key.filter(|key| !key.is_empty())).or_default().push(closing());
        }
    }
    let keyed = |key, closings: &[Closing]| KeyedRow {
        key,
        name: None,
        rate_by_value: rate_by_value(closings),
        row: row(closings),
        cohorts: None,
    };
    let mut table = RateTable {
        from: "opportunity",
        to: "won",
        window_days: None,
        basis: "closed",
        rows: by_key.into_iter().map(|(key, closings)| keyed(key, &closings)).collect(),
        total: keyed(None, &all),
    };
    table.smooth();
    table
}

/// The value of what was won over that of what closed, of those whose value is known.
fn rate_by_value(closings: &[Closing]) -> Option<f64> {
    let sum = |won: bool| -> f64 {
        let counted = closings.iter().filter(|closing| closing.won || !won);
        counted.filter_map(|closing| closing.worth).sum()
    };
    let all = sum(false);
    (all > 0.0).then(|| sum(true) / all)
}

fn row(closings: &[Closing]) -> Row {
    let entered = closings.len() as u64;
    let won: Vec<&Closing> = closings.iter().filter(|closing| closing.won).collect();
    let converted = won.len() as u64;
    let mut row = Row { entered, matured: entered, converted, ..Row::default() };
    if entered > 0 {
        let rate = converted as f64 / entered as f64;
        let (low, high) = wilson(rate, entered as f64);
        (row.rate, row.low, row.high) = (Some(rate), Some(low), Some(high));
        (row.size, row.mature_share) = (entered as f64, Some(1.0));
    }
    let mut lags: Vec<i64> = won.iter().filter_map(|closing| closing.lag_days).collect();
    lags.sort_unstable();
    let quantile = |q: f64| {
        let index = (q * lags.len() as f64 - 1e-12).ceil().max(1.0) as usize - 1;
        lags.get(index).copied()
    };
    row.lag_days = LagDays { p50: quantile(0.5), p90: quantile(0.9) };
    row
}
