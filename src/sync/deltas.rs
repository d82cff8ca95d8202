//! Changes of roll-up cells, added up in memory: pure.
//!
//! A lead counts in some twenty cells. Leads that took the same days between the stages (one
//! *course*) contribute the same to each pair of stages, so they are counted by course and key, and
//! the cells are worked out once, at the end.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use jiff::civil::{Date, date};

use super::mixer::Mixer;
use crate::domain::dimension::Dimension;
use crate::domain::stage::Stage;
use crate::domain::unit::{Contribution, End, Unit, UnitKind};
use crate::store::rollups::{MonthCells, MonthChange};

/// Days are counted from here.
const EPOCH: Date = date(1900, 1, 1);
/// Bits of each part of a cell's place within its key.
const CURRENCY_BITS: u32 = 8;
const LAG_BITS: u32 = 18;
const END_BITS: u32 = 2;
const DAY_BITS: u32 = 18;
const PLACE_BITS: u32 = CURRENCY_BITS + LAG_BITS + END_BITS + DAY_BITS;
/// The total and each dimension.
const DIMENSIONS: usize = 1 + Dimension::STORED.len();

/// What decides about a unit's contributions: its kind, its days, and the currency of a win.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Course {
    kind: UnitKind,
    days: [Option<Date>; 5],
    currency: u32,
}

/// Changes of cells.
#[derive(Debug, Default)]
pub struct Deltas {
    dimensions: [Keys; DIMENSIONS],
    currencies: Vec<String>,
    courses: HashMap<Course, u32, BuildHasherDefault<Mixer>>,
    /// By course: its contributions.
    contributions: Vec<Vec<Part>>,
}

/// The values of a dimension, and what is added to each course of each.
#[derive(Debug, Default)]
struct Keys {
    places: HashMap<String, u32>,
    texts: Vec<String>,
    /// (course, key) -> count, value.
    sums: HashMap<u64, (i64, i64), BuildHasherDefault<Mixer>>,
}

/// A contribution: the pair of stages, the place of its cell, and whether it carries the value.
#[derive(Clone, Copy, Debug)]
struct Part {
    pair: (Stage, Stage),
    place: u64,
    is_win: bool,
}

impl Deltas {
    /// Adds a unit, or with a sign of -1 takes it away.
    pub fn add(&mut self, unit: &Unit, sign: i64) {
        let course = self.course(unit);
        if self.contributions[course as usize].is_empty() {
            return;
        }
        let dimensions = [None].into_iter().chain(Dimension::STORED.map(Some));
        for (keys, dimension) in self.dimensions.iter_mut().zip(dimensions) {
            let text = dimension.and_then(|dimension| unit.key(dimension)).unwrap_or_default();
            let key = keys.place(text);
            let sum = keys.sums.entry(u64::from(course) << 32 | u64::from(key)).or_default();
            sum.0 += sign;
            sum.1 += sign * unit.value;
        }
    }

    /// How many sums it holds.
    pub fn len(&self) -> usize {
        self.dimensions.iter().map(|keys| keys.sums.len()).sum()
    }

    /// Takes everything out, by month.
    pub fn take(&mut self) -> Vec<MonthChange> {
        let all = std::mem::take(self);
        let mut months = Vec::new();
        let dimensions = [None].into_iter().chain(Dimension::STORED.map(Some));
        for (keys, dimension) in all.dimensions.iter().zip(dimensions) {
            for pair in PAIRS {
                all.months(dimension, keys, pair, &mut months);
            }
        }
        months
    }

    fn months(
        &self,
        dimension: Option<Dimension>,
        keys: &Keys,
        pair: (Stage, Stage),
        months: &mut Vec<MonthChange>,
    ) {
        let mut month: Option<(u32, Date)> = None;
        let mut entered: (u64, Date) = (0, EPOCH);
        for (address, count, value) in self.cells(keys, pair) {
            let key = (address >> PLACE_BITS) as u32;
            let place = (address & ((1 << PLACE_BITS) - 1)) as u64;
            let cell = read_place(place);
            if entered.0 != cell.days {
                let days = i64::try_from(cell.days).unwrap_or(0);
                entered = (cell.days, EPOCH.saturating_add(jiff::Span::new().days(days)));
            }
            let first = entered.1.first_of_month();
            if month.replace((key, first)) != Some((key, first)) {
                months.push(MonthChange {
                    from: pair.0,
                    to: pair.1,
                    dimension,
                    key: keys.texts[key as usize].clone(),
                    month: first,
                    cells: MonthCells::default(),
                });
            }
            let known = cell.currency.checked_sub(1).and_then(|n| self.currencies.get(n));
            let currency = known.map_or("", String::as_str);
            if let Some(month) = months.last_mut() {
                let (end, lag_days) = (cell.end, cell.lag_days);
                month.cells.push(entered.1.day(), end, lag_days, currency, (count, value));
            }
        }
    }

    /// The cells of a pair that change, as (key and place, count, value), in their order.
    fn cells(&self, keys: &Keys, pair: (Stage, Stage)) -> Vec<(u128, i64, i64)> {
        let mut cells: Vec<(u128, i64, i64)> = Vec::new();
        for (address, (count, value)) in &keys.sums {
            let key = u128::from(*address & u64::from(u32::MAX)) << PLACE_BITS;
            let own = &self.contributions[(*address >> 32) as usize];
            cells.extend(own.iter().filter(|part| part.pair == pair).map(|part| {
                let value = if part.is_win { *value } else { 0 };
                (key | u128::from(part.place), *count, value)
            }));
        }
        cells.sort_unstable_by_key(|cell| cell.0);
        cells.dedup_by(|next, sum| {
            let same = next.0 == sum.0;
            if same {
                sum.1 += next.1;
                sum.2 += next.2;
            }
            same
        });
        cells.retain(|(_, count, value)| *count != 0 || *value != 0);
        cells
    }

    fn course(&mut self, unit: &Unit) -> u32 {
        let currency = unit.currency.as_deref().unwrap_or_default();
        let currency = if unit.won_day.is_some() { self.currency(currency) } else { 0 };
        let Unit { lead_day, mql_day, opportunity_day, won_day, lost_day, kind, .. } = unit;
        let days = [*lead_day, *mql_day, *opportunity_day, *won_day, *lost_day];
        let course = Course { kind: *kind, days, currency };
        if let Some(known) = self.courses.get(&course) {
            return *known;
        }
        let part = |contribution: &Contribution| Part {
            pair: (contribution.from, contribution.to),
            is_win: unit.is_win(contribution),
            place: place(if unit.is_win(contribution) { currency } else { 0 }, contribution),
        };
        let number = u32::try_from(self.contributions.len()).unwrap_or(u32::MAX);
        self.contributions.push(unit.contributions().iter().map(part).collect());
        self.courses.insert(course, number);
        number
    }

    /// There are few currencies, so looking through them is quick; most cells have none, which is 0.
    fn currency(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let place = self.currencies.iter().position(|known| known == text);
        let place = place.unwrap_or_else(|| {
            self.currencies.push(text.to_owned());
            self.currencies.len() - 1
        });
        u32::try_from(place + 1).unwrap_or(u32::MAX)
    }
}

impl Keys {
    fn place(&mut self, text: &str) -> u32 {
        if let Some(place) = self.places.get(text) {
            return *place;
        }
        let place = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(text.to_owned());
        self.places.insert(text.to_owned(), place);
        place
    }
}

/// The pairs of stages that any unit takes part in.
const PAIRS: [(Stage, Stage); 6] = [
    (Stage::Lead, Stage::Mql),
    (Stage::Lead, Stage::Opportunity),
    (Stage::Lead, Stage::Won),
    (Stage::Mql, Stage::Opportunity),
    (Stage::Mql, Stage::Won),
    (Stage::Opportunity, Stage::Won),
];

/// A cell within its key, from a number.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    days: u64,
    end: End,
    lag_days: i64,
    currency: usize,
}

/// The place of a cell within its key as a number; sorted, they put a month's cells together. Days
/// before 1900 and after 2600 are no days of a company.
fn place(currency: u32, contribution: &Contribution) -> u64 {
    let days = EPOCH.until(contribution.entered).map_or(0, |span| i64::from(span.get_days()));
    let bounded = |value: i64, bits: u32| value.clamp(0, (1 << bits) - 1) as u64;
    let end = match contribution.end {
        End::Converted => 0,
        End::Lost => 1,
        End::Waiting => 2,
    };
    let mut place = bounded(days, DAY_BITS) << END_BITS | end;
    place = place << LAG_BITS | bounded(contribution.lag_days, LAG_BITS);
    place << CURRENCY_BITS | bounded(i64::from(currency), CURRENCY_BITS)
}

fn read_place(mut place: u64) -> Place {
    let mut part = |bits: u32| {
        let value = place & ((1 << bits) - 1);
        place >>= bits;
        value
    };
    let currency = part(CURRENCY_BITS) as usize;
    let lag_days = part(LAG_BITS) as i64;
    let end = [End::Converted, End::Lost, End::Waiting][part(END_BITS).min(2) as usize];
    Place { days: part(DAY_BITS), end, lag_days, currency }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back() {
        for (end, lag_days) in [(End::Converted, 0), (End::Lost, 1_461), (End::Waiting, 0)] {
            for entered in [date(1900, 1, 1), date(2017, 6, 14), date(2026, 2, 28)] {
                let (from, to) = (Stage::Lead, Stage::Mql);
                let read = read_place(place(3, &Contribution { from, to, entered, end, lag_days }));
                let days = u64::try_from(EPOCH.until(entered).unwrap().get_days()).unwrap();
                assert_eq!(read, Place { days, end, lag_days, currency: 3 });
            }
        }
    }

    #[test]
    fn what_is_added_and_taken_away_is_nothing_and_courses_are_told_apart() {
        let unit = |mql_day, campaign: &str| Unit {
            kind: UnitKind::Lead,
            channel: None,
            campaign: Some(campaign.to_owned()),
            owner: None,
            segment: None,
            market: None,
            product: None,
            currency: None,
            value: 0,
            lead_day: Some(date(2026, 1, 30)),
            mql_day,
            opportunity_day: None,
            won_day: None,
            lost_day: None,
        };
        let mut deltas = Deltas::default();
        deltas.add(&unit(None, "a"), 1);
        deltas.add(&unit(Some(date(2026, 2, 2)), "a"), 1);
        deltas.add(&unit(None, "a"), -1);
        let told = |months: &[MonthChange]| {
            let one = |month: &MonthChange| {
                let (from, to) = (month.from.name(), month.to.name());
                format!("{from}>{to} {} {} {}", month.month, month.key, month.cells.text())
            };
            months.iter().filter(|m| m.dimension == Some(Dimension::Campaign)).map(one).collect()
        };
        let months: Vec<String> = told(&deltas.take());
        assert_eq!(
            months,
            [
                "lead>mql 2026-01-01 a 30c3:1;",
                "lead>opportunity 2026-01-01 a 30w0:1;",
                "lead>won 2026-01-01 a 30w0:1;",
                "mql>opportunity 2026-02-01 a 2w0:1;",
                "mql>won 2026-02-01 a 2w0:1;",
            ]
        );
        assert_eq!((deltas.len(), deltas.take().len()), (0, 0));
    }
}
