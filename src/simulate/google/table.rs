//! Adds the sessions up to the rows of a report.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use jiff::Timestamp;
use jiff::civil::Date;

use super::asked::{Asked, Column};
use super::fields::Dimension;
use super::filter::Filter;
use super::limits::Telling;
use super::property::{Origin, Property, Sessions, UNKNOWN_ORIGIN};
use super::ranges::Range;
use super::settle::known;
use super::sums::{Figure, Sums};

/// What stands for the values that are too many.
const OTHER: &str = "(other)";
/// Of all sessions of a day, in thousandths, so many are known soon after it has ended.
const SOON_KNOWN: i64 = 850;

/// A row of a report.
pub(super) struct Row {
    pub(super) values: Vec<String>,
    pub(super) figures: Vec<Figure>,
    pub(super) users: u64,
}

/// The rows of a report before they are ordered.
pub(super) struct Table {
    pub(super) rows: Vec<Row>,
    /// For each range, the sums of its rows.
    pub(super) totals: Vec<Sums>,
    /// Values were put together.
    pub(super) other: bool,
}

type Key<'p> = Vec<Cow<'p, str>>;

/// The origins of a day that are told by themselves, where not all are.
fn told_alone(rows: &[Sessions], most: usize) -> Option<HashSet<u32>> {
    if most == 0 || rows.len() <= most {
        return None;
    }
    let mut ranked: Vec<&Sessions> = rows.iter().collect();
    ranked.sort_by_key(|row| (std::cmp::Reverse(row.count), row.origin));
    Some(ranked[..most].iter().map(|row| row.origin).collect())
}

struct Adder<'p, 'a> {
    property: &'p Property,
    asked: &'a Asked,
    range: &'a Range,
    channels: HashMap<&'p str, u64>,
    sums: HashMap<Key<'p>, Sums>,
    total: Sums,
    other: bool,
}

impl<'p> Adder<'p, '_> {
    fn value(&self, dimension: &Dimension, place: (Date, &'p Origin), alone: bool) -> Cow<'p, str> {
        match dimension.has_many_values() && !alone {
            true => Cow::Borrowed(OTHER),
            false => (dimension.of)(place),
        }
    }

    fn add(&mut self, day: Date, origin: u32, count: u64, alone: bool) {
        let place = (day, &self.property.origins[origin as usize]);
        let of = |name: &'static str| match Dimension::named(name) {
            Some(dimension) => self.value(dimension, place, alone),
            None => Cow::Borrowed(""),
        };
        if self.asked.filter.as_ref().is_some_and(|filter| !filter.passes(&of)) {
            return;
        }
        let columns = self.asked.columns.iter();
        let key = columns.map(|column| match column {
            Column::Of(dimension) => self.value(dimension, place, alone),
            Column::Range => Cow::Owned(self.range.name.clone()),
        });
        let key: Key<'p> = key.collect();
        let channel = self.channels.get(place.1.channel.as_str()).copied().unwrap_or(0);
        self.sums.entry(key).or_default().add(day, channel, count);
        self.total.add(day, channel, count);
    }

    fn add_day(&mut self, day: Date, rows: &[Sessions], now: Timestamp, telling: &Telling) {
        let hours = telling.settle_hours;
        let Some(known) = known(day, &self.property.zone, now, (hours, SOON_KNOWN)) else {
            return;
        };
        let alone = match self.asked.has_many_values() {
            true => told_alone(rows, telling.campaigns),
            false => None,
        };
        self.other |= alone.is_some();
        let mut astray = 0;
        for row in rows {
            let count = known.of(row.count);
            let without = known.without_origin(count);
            astray += without;
            let is_alone = alone.as_ref().is_none_or(|alone| alone.contains(&row.origin));
            if count > without || row.count == 0 {
                self.add(day, row.origin, count - without, is_alone);
            }
        }
        if astray > 0 {
            self.add(day, UNKNOWN_ORIGIN, astray, true);
        }
    }
}

/// The rows of a report, as the property tells them at an instant.
pub(super) fn build(
    property: &Property,
    asked: &Asked,
    now: Timestamp,
    telling: &Telling,
) -> Table {
    let mut names: Vec<&str> = property.origins.iter().map(|o| o.channel.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let channels: HashMap<&str, u64> = names.into_iter().zip(0..).collect();
    let mut table = Table { rows: Vec::new(), totals: Vec::new(), other: false };
    for range in &asked.ranges {
        let channels = channels.clone();
        let (sums, total) = (HashMap::new(), Sums::default());
        let mut adder = Adder { property, asked, range, channels, sums, total, other: false };
        for (day, rows) in property.days.range(range.first..=range.last) {
            adder.add_day(*day, rows, now, telling);
        }
        let rows = adder.sums.into_iter().filter_map(|(key, sums)| row(asked, key, &sums));
        table.rows.extend(rows);
        table.totals.push(adder.total);
        table.other |= adder.other;
    }
    table
}

fn row(asked: &Asked, key: Key, sums: &Sums) -> Option<Row> {
    let figures: Vec<Figure> =
        asked.metrics.iter().filter_map(|metric| sums.figure(metric.name)).collect();
    let empty = !figures.is_empty() && figures.iter().all(|figure| figure.number() == 0.0);
    if empty && !asked.keep_empty {
        return None;
    }
    let of =
        |name: &'static str| Cow::Owned(sums.figure(name).map(Figure::text).unwrap_or_default());
    let passes = |filter: &Filter| filter.passes(&of);
    if !asked.metric_filter.as_ref().is_none_or(passes) {
        return None;
    }
    let values = key.into_iter().map(Cow::into_owned).collect();
    Some(Row { values, figures, users: sums.users() })
}
