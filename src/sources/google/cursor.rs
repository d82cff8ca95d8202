//! How far days were read, and which are read again: pure.

use jiff::{Span, civil::Date};
use serde::{Deserialize, Serialize};

/// Days of which figures are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The first day that was read.
    pub from: Option<Date>,
    /// The last day that was read.
    pub to: Option<Date>,
    /// The first day that has visits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Date>,
}

impl Cursor {
    /// Reads a stored cursor; one that is not readable begins anew.
    pub fn parse(text: Option<&String>) -> Cursor {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// The stored form.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The days that are to be read up to `last`: those never read, and the last `again` of the others, since
    /// they may be restated; with `full` all of them. `first` is where the first pass begins.
    pub fn days(&self, first: Date, last: Date, again: i64, full: bool) -> Option<(Date, Date)> {
        // Who wants to see further back than what was read gets it.
        let begun = self.from.filter(|from| *from <= first).is_some();
        let from = match self.to.filter(|_| begun && !full) {
            Some(to) => to.min(last).saturating_sub(Span::new().days(again - 1)).max(first),
            None => first,
        };
        (from <= last).then_some((from, last))
    }

    /// There were visits on this day.
    pub fn see(&mut self, day: Option<Date>) {
        self.seen = self.seen.into_iter().chain(day).min();
    }

    /// These days were read, in their order. Who goes further back begins anew: a run that ends among them has not
    /// read what lies between them and the days before.
    pub fn advance(&mut self, first: Date, to: Date) {
        if self.from.is_none_or(|from| first < from) {
            *self = Cursor { from: Some(first), to: None, ..self.clone() };
        }
        self.to = Some(self.to.map_or(to, |own| own.max(to)));
    }
}

/// The days from one to another in pieces of at most so many.
pub fn pieces(from: Date, to: Date, days_max: i64) -> Vec<(Date, Date)> {
    let mut pieces = Vec::new();
    let mut begin = from;
    while begin <= to {
        let end = begin.saturating_add(Span::new().days(days_max - 1)).min(to);
        pieces.push((begin, end));
        let Ok(next) = end.tomorrow() else { break };
        begin = next;
    }
    pieces
}

/// Each day from one to another.
pub fn each_day(from: Date, to: Date) -> Vec<Date> {
    from.series(Span::new().days(1)).take_while(|day| *day <= to).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn the_first_pass_reads_all_and_the_next_the_new_days_and_some_again() {
        let (first, last) = (date(2026, 1, 1), date(2026, 3, 10));
        let mut cursor = Cursor::parse(None);
        assert_eq!(cursor.days(first, last, 4, false), Some((first, last)));
        cursor.advance(first, last);
        let cursor = Cursor::parse(Some(&cursor.text()));
        let next = date(2026, 3, 12);
        assert_eq!(cursor.days(first, next, 4, false), Some((date(2026, 3, 7), next)));
        assert_eq!(cursor.days(first, next, 4, true), Some((first, next)));
        let earlier = date(2025, 6, 1);
        assert_eq!(cursor.days(earlier, next, 4, false), Some((earlier, next)));
        assert_eq!(Cursor::default().days(next, last, 4, false), None, "it begins in the future");
    }

    #[test]
    fn who_goes_further_back_and_is_cut_off_reads_what_is_missing() {
        let (first, last) = (date(2026, 1, 1), date(2026, 3, 10));
        let mut cursor = Cursor::default();
        cursor.advance(first, last);
        let earlier = date(2025, 6, 1);
        cursor.advance(earlier, date(2025, 6, 30));
        let rest = cursor.days(earlier, last, 4, false);
        assert_eq!(rest, Some((date(2025, 6, 27), last)), "the days between are not read yet");
        cursor.advance(date(2025, 6, 27), last);
        assert_eq!(cursor.days(earlier, last, 4, false), Some((date(2026, 3, 7), last)));
    }

    #[test]
    fn pieces_cover_each_day_once() {
        let pieces = pieces(date(2026, 1, 1), date(2026, 3, 5), 31);
        assert_eq!(pieces.len(), 3);
        let days: usize = pieces.iter().map(|(from, to)| each_day(*from, *to).len()).sum();
        assert_eq!(days, 31 + 28 + 5);
        assert_eq!(pieces[2], (date(2026, 3, 4), date(2026, 3, 5)));
    }
}
