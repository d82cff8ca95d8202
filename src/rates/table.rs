//! Tables of rates: one row for each channel, campaign, owner, team or segment, and the total.

use std::collections::BTreeMap;

use jiff::{ToSpan, civil::Date};
use serde::Serialize;

use super::estimate::{Row, Tally};
use super::smooth::Prior;
use crate::domain::{dimension::Dimension, scope::Names, stage::Stage};

/// What is asked.
#[derive(Clone, Debug, PartialEq)]
pub struct RatesQuery {
    /// The stage entered.
    pub from: Stage,
    /// The stage to be reached.
    pub to: Stage,
    /// Rows by this; the total only when absent.
    pub by: Option<Dimension>,
    /// The conversion window in days.
    pub window_days: Option<i64>,
    /// Rows split into cohorts by month of entry.
    pub by_month: bool,
    /// First entry day.
    pub since: Option<Date>,
    /// The day after the last entry day.
    pub until: Option<Date>,
}

/// A table of rates, as JSON and as text show it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RateTable {
    /// The stage entered.
    pub from: &'static str,
    /// The stage to be reached.
    pub to: &'static str,
    /// The conversion window in days.
    pub window_days: Option<i64>,
    /// `cohort` or `closed`.
    pub basis: &'static str,
    /// One row a key.
    pub rows: Vec<KeyedRow>,
    /// All of them.
    pub total: KeyedRow,
}

/// A row with its key and its cohorts.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeyedRow {
    /// Channel, campaign id, owner id, team or segment; null for "unattributed".
    pub key: Option<String>,
    /// What people call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The figures.
    #[serde(flatten)]
    pub row: Row,
    /// Won value / closed value, on the closed basis.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_by_value: Option<f64>,
    /// By month of entry, where asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cohorts: Option<Vec<CohortRow>>,
}

/// A row of one cohort.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CohortRow {
    /// First entry day.
    pub from: Date,
    /// The day after the last.
    pub to: Date,
    /// The figures.
    #[serde(flatten)]
    pub row: Row,
}

/// Tallies by stored key.
pub type Tallies = BTreeMap<Option<String>, Tally>;

/// Groups stored keys into the keys of a dimension: vendor values into channels and campaigns, owners into teams.
pub fn group(tallies: &Tallies, by: Dimension, names: Names<'_>) -> Tallies {
    let mut grouped = Tallies::new();
    for (key, tally) in tallies {
        let key = names.named(by, key.as_deref());
        grouped.entry(key.map(str::to_owned)).or_default().extend(tally);
    }
    grouped
}

/// Builds the table from tallies that are grouped already. `seen_to` is `date(data_as_of)`.
pub fn build(query: &RatesQuery, tallies: &Tallies, total: &Tally, seen_to: Date) -> RateTable {
    let since = query.since.unwrap_or(Date::MIN);
    // Nobody who enters later has been seen.
    let until = query.until.unwrap_or(Date::MAX).min(seen_to.tomorrow().unwrap_or(seen_to));
    let keyed = |key: Option<String>, tally: &Tally| {
        let tally = tally.between(since, until);
        KeyedRow {
            key,
            name: None,
            rate_by_value: None,
            row: row_of(query, &tally, seen_to),
            cohorts: query.by_month.then(|| cohorts(query, &tally, seen_to)),
        }
    };
    let mut rows: Vec<KeyedRow> =
        tallies.iter().map(|(key, tally)| keyed(key.clone(), tally)).collect();
    rows.retain(|row| row.row.entered > 0 || row.row.converted > 0);
    let mut table = RateTable {
        from: query.from.name(),
        to: query.to.name(),
        window_days: query.window_days,
        basis: "cohort",
        rows,
        total: keyed(None, total),
    };
    table.smooth();
    table
}

impl RateTable {
    /// Draws each row towards its siblings, and each cohort towards those of its row.
    pub fn smooth(&mut self) {
        smooth(self.rows.iter_mut().map(|row| &mut row.row));
        for row in self.rows.iter_mut().chain([&mut self.total]) {
            smooth(row.cohorts.iter_mut().flatten().map(|cohort| &mut cohort.row));
        }
        self.total.row.smoothed = self.total.row.rate;
    }
}

/// Rows whose window nobody has reached take no part.
fn smooth<'a>(rows: impl Iterator<Item = &'a mut Row>) {
    let mut rows: Vec<&mut Row> =
        rows.filter(|row| row.rate.is_some() && row.window_reached != Some(false)).collect();
    let known = |row: &&mut Row| (row.rate.unwrap_or(0.0) * row.size, row.size);
    let prior = Prior::of(&rows.iter().map(known).collect::<Vec<_>>());
    for row in &mut rows {
        row.smoothed = row.rate.map(|rate| prior.smoothed(rate * row.size, row.size));
    }
}

fn row_of(query: &RatesQuery, tally: &Tally, seen_to: Date) -> Row {
    if query.from == Stage::Visit {
        return tally.visit_row(query.window_days, seen_to);
    }
    tally.row(query.window_days, seen_to)
}

fn cohorts(query: &RatesQuery, tally: &Tally, seen_to: Date) -> Vec<CohortRow> {
    let Some((first, last)) = tally.entry_days() else { return Vec::new() };
    let mut rows = Vec::new();
    let mut from = first.first_of_month();
    while from <= last {
        let to = from.saturating_add(1.month());
        rows.push(CohortRow { from, to, row: row_of(query, &tally.between(from, to), seen_to) });
        if to <= from {
            break;
        }
        from = to;
    }
    rows
}
