//! The cells of one month as text: `5c12:3` are three that entered on the 5th and converted after 12
//! days, `7c60:1:4200000:EUR` one that was won, worth 420 euros in ten-thousandths.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::civil::{Date, date};

use crate::domain::unit::End;

/// One cell within its month.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// Day of entry.
    pub day: i8,
    /// How the wait ended.
    pub end: End,
    /// After how many days.
    pub lag_days: i64,
    /// Currency of the value; empty where nothing was won.
    pub currency: String,
}

impl Entry {
    /// The day of entry in a month like `2026-11`.
    pub fn entered(&self, month: &str) -> Option<Date> {
        let (year, month) = month.split_once('-')?;
        let (year, month): (i16, i8) = (year.parse().ok()?, month.parse().ok()?);
        let valid = (1..=12).contains(&month) && (1..=31).contains(&self.day);
        valid.then(|| date(year, month, self.day))
    }
}

/// What is added to the cells of a month, as text; each cell once, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MonthCells(String);

impl MonthCells {
    /// Adds a cell: the day of entry, how and after how many days the wait ended, the currency where
    /// something was won, and what comes to the count and the value.
    pub fn push(
        &mut self,
        day: i8,
        end: End,
        lag_days: i64,
        currency: &str,
        (count, value): (i64, i64),
    ) {
        write_cell(&mut self.0, (day, end, lag_days, currency), count, value);
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// The cells of several texts together, without those that come to nothing.
pub(super) fn together<'a>(mut texts: impl Iterator<Item = &'a str>) -> Vec<(Entry, (i64, i64))> {
    let mut cells: Vec<(Entry, (i64, i64))> = texts.next().into_iter().flat_map(read).collect();
    let mut rest = texts.flat_map(read).peekable();
    if rest.peek().is_some() {
        let mut sums: BTreeMap<Entry, (i64, i64)> = BTreeMap::new();
        for (entry, (count, value)) in cells.drain(..).chain(rest) {
            let sum = sums.entry(entry).or_default();
            sum.0 += count;
            sum.1 += value;
        }
        cells = sums.into_iter().collect();
    }
    cells.retain(|(_, (count, _))| *count != 0);
    cells
}

/// The text of several texts together, without what comes to nothing.
pub(super) fn sum(texts: &[String]) -> String {
    let cells = together(texts.iter().map(String::as_str));
    let mut text = String::with_capacity(cells.len() * 8);
    for (entry, (count, value)) in &cells {
        let cell = (entry.day, entry.end, entry.lag_days, entry.currency.as_str());
        write_cell(&mut text, cell, *count, *value);
    }
    text
}

fn write_cell(text: &mut String, cell: (i8, End, i64, &str), count: i64, value: i64) {
    let (day, end, lag_days, currency) = cell;
    let end = match end {
        End::Converted => 'c',
        End::Lost => 'l',
        End::Waiting => 'w',
    };
    // Writing to a String cannot fail.
    let _ = write!(text, "{day}{end}{lag_days}:{count}");
    if value != 0 || !currency.is_empty() {
        let _ = write!(text, ":{value}:{currency}");
    }
    text.push(';');
}

/// The cells of a text; what is not readable is left out.
pub(super) fn read(text: &str) -> impl Iterator<Item = (Entry, (i64, i64))> {
    text.split(';').filter_map(|cell| {
        let place = cell.find(['c', 'l', 'w'])?;
        let end = match cell.as_bytes()[place] {
            b'c' => End::Converted,
            b'l' => End::Lost,
            _ => End::Waiting,
        };
        let mut rest = cell[place + 1..].splitn(4, ':');
        let lag_days = rest.next()?.parse().ok()?;
        let count = rest.next()?.parse().ok()?;
        let value = rest.next().map_or(Some(0), |value| value.parse().ok())?;
        let currency = rest.next().unwrap_or_default().to_owned();
        Some((Entry { day: cell[..place].parse().ok()?, end, lag_days, currency }, (count, value)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_month_is_added_to_and_read_back() {
        let entry = |day, end, lag_days, currency: &str| Entry {
            day,
            end,
            lag_days,
            currency: currency.to_owned(),
        };
        let cells = [
            (entry(5, End::Converted, 12, ""), 3, 0),
            (entry(7, End::Converted, 60, "EUR"), 1, 4_200_000),
            (entry(31, End::Waiting, 0, ""), 250, 0),
        ];
        let write = |cells: &[(Entry, i64, i64)]| {
            let mut text = MonthCells::default();
            for (cell, count, value) in cells {
                text.push(cell.day, cell.end, cell.lag_days, &cell.currency, (*count, *value));
            }
            text.text().to_owned()
        };
        let text = write(&cells);
        assert_eq!(text, "5c12:3;7c60:1:4200000:EUR;31w0:250;");
        let read: Vec<_> =
            read(&text).map(|(entry, (count, value))| (entry, count, value)).collect();
        assert_eq!(read, cells);
        assert_eq!(entry(31, End::Lost, 0, "").entered("2026-01"), Some(date(2026, 1, 31)));
        let away =
            [(entry(5, End::Converted, 12, ""), -2, 0), (entry(31, End::Waiting, 0, ""), -250, 0)];
        assert_eq!(sum(&[text, write(&away)]), "5c12:1;7c60:1:4200000:EUR;");
    }
}
