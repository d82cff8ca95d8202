//! Business time: which days and hours count, and how long a span is on a business clock.
//!
//! Opening hours are wall-clock times; their length is measured between instants, so a day on which
//! the clocks change is as long as it really was.

use std::collections::BTreeSet;

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, DateTime, Weekday},
    tz::TimeZone,
};

/// The longest run of days that a search for an opening may cross: ten years.
const SEARCH_LIMIT_DAYS: usize = 3_660;

/// How much business time someone has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Allowance {
    /// Business minutes.
    Minutes(u32),
    /// Business days; a day is that day's opening hours.
    Days(u32),
}

impl Allowance {
    /// Reads `4 business hours`, `30 business minutes` or `1 business day`.
    pub fn parse(text: &str) -> Option<Allowance> {
        let mut words = text.split_whitespace();
        let count: u32 = words.next()?.parse().ok().filter(|n| *n > 0)?;
        let mut unit = words.next()?;
        if unit == "business" {
            unit = words.next()?;
        }
        if words.next().is_some() {
            return None;
        }
        match unit.trim_end_matches('s') {
            "minute" => Some(Allowance::Minutes(count)),
            "hour" => count.checked_mul(60).map(Allowance::Minutes),
            "day" => Some(Allowance::Days(count)),
            _ => None,
        }
    }
}

/// The opening hours of a team or a company.
#[derive(Clone, Debug, PartialEq)]
pub struct BusinessCalendar {
    /// The zone that the wall-clock hours are in.
    pub zone: TimeZone,
    /// Which weekdays are worked.
    pub days: BTreeSet<WeekdayNumber>,
    /// Opening, in minutes after midnight.
    pub open_minute: i64,
    /// Closing, in minutes after midnight; 1440 is midnight at the end of the day.
    pub close_minute: i64,
    /// Days on which nobody works.
    pub holidays: BTreeSet<Date>,
}

/// A weekday as its ISO number, Monday being 1, so that it can be kept in a set.
pub type WeekdayNumber = i8;

impl BusinessCalendar {
    /// Monday to Friday, 09:00 to 17:00, no holidays.
    pub fn standard(zone: TimeZone) -> BusinessCalendar {
        BusinessCalendar {
            zone,
            days: (1..=5).collect(),
            open_minute: 9 * 60,
            close_minute: 17 * 60,
            holidays: BTreeSet::new(),
        }
    }

    /// Whether anybody works on that day.
    pub fn is_business_day(&self, day: Date) -> bool {
        self.days.contains(&weekday_number(day.weekday())) && !self.holidays.contains(&day)
    }

    /// The instants between which that day is open, or none on a day off.
    pub fn opening(&self, day: Date) -> Option<(Timestamp, Timestamp)> {
        if !self.is_business_day(day) {
            return None;
        }
        Some((self.instant(day, self.open_minute), self.instant(day, self.close_minute)))
    }

    /// The instant at which that day's business is over; noon on a day off.
    ///
    /// An event known by its date only counts from here (`statistics.md` 1.12).
    pub fn close_of(&self, day: Date) -> Timestamp {
        let minute = if self.is_business_day(day) { self.close_minute } else { 12 * 60 };
        self.instant(day, minute)
    }

    /// How much of a business day is over at `at`: 0 before it opens, 1 once it has closed.
    pub fn share_over(&self, day: Date, at: Timestamp) -> f64 {
        let Some((open, close)) = self.opening(day) else {
            return 0.0;
        };
        let length_secs = seconds_between(open, close);
        if length_secs <= 0 {
            return f64::from(u8::from(at >= close));
        }
        (seconds_between(open, at) as f64 / length_secs as f64).clamp(0.0, 1.0)
    }

    /// The business days of `[from, to)`.
    pub fn business_days(&self, from: Date, to: Date) -> impl Iterator<Item = Date> + '_ {
        from.series(1.day())
            .take_while(move |day| *day < to)
            .filter(|day| self.is_business_day(*day))
    }

    /// That day, or the nearest business day before it.
    pub fn back_to_business_day(&self, day: Date) -> Date {
        let mut candidate = day;
        for _ in 0..SEARCH_LIMIT_DAYS {
            if self.is_business_day(candidate) {
                return candidate;
            }
            candidate = candidate.yesterday().unwrap_or(candidate);
        }
        day
    }

    /// The earliest instant at which the business clock, started at `from`, shows `allowance`.
    pub fn due(&self, from: Timestamp, allowance: Allowance) -> Timestamp {
        let mut day = self.zone.to_datetime(from).date();
        // What is still to be waited for, in seconds or in parts of a day.
        let mut left = match allowance {
            Allowance::Minutes(minutes) => f64::from(minutes) * 60.0,
            Allowance::Days(days) => f64::from(days),
        };
        for _ in 0..SEARCH_LIMIT_DAYS {
            if let Some((open, close)) = self.opening(day) {
                let start = open.max(from);
                let length_secs = seconds_between(open, close) as f64;
                let unit_secs = match allowance {
                    Allowance::Minutes(_) => 1.0,
                    Allowance::Days(_) => length_secs,
                };
                let available_secs = seconds_between(start, close) as f64;
                if available_secs > 0.0 && left * unit_secs <= available_secs + 1e-6 {
                    let wait_secs = (left * unit_secs).round() as i64;
                    return start.saturating_add(wait_secs.seconds()).unwrap_or(close);
                }
                left -= available_secs.max(0.0) / unit_secs;
            }
            day = day.tomorrow().unwrap_or(day);
        }
        from
    }

    /// Business seconds in `[from, to)`.
    pub fn seconds_open(&self, from: Timestamp, to: Timestamp) -> i64 {
        let day_of = |at: Timestamp| self.zone.to_datetime(at).date();
        let (first, last) = (day_of(from), day_of(to));
        first
            .series(1.day())
            .take(SEARCH_LIMIT_DAYS)
            .take_while(|day| *day <= last)
            .filter_map(|day| self.opening(day))
            .map(|(open, close)| seconds_between(open.max(from), close.min(to)).max(0))
            .sum()
    }

    fn instant(&self, day: Date, minute: i64) -> Timestamp {
        let midnight = DateTime::from_parts(day, jiff::civil::Time::midnight());
        let wall = midnight.saturating_add(minute.minutes());
        // A wall-clock time that daylight saving skips or repeats: the later reading of a gap, the
        // earlier of a fold, as RFC 5545 has it.
        self.zone.to_ambiguous_timestamp(wall).compatible().unwrap_or(Timestamp::MAX)
    }
}

/// Monday is 1.
pub fn weekday_number(day: Weekday) -> WeekdayNumber {
    day.to_monday_one_offset()
}

/// Whole seconds from `from` to `to`, negative when `to` is earlier.
pub fn seconds_between(from: Timestamp, to: Timestamp) -> i64 {
    to.as_second() - from.as_second()
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn new_york() -> BusinessCalendar {
        let mut calendar =
            BusinessCalendar::standard(TimeZone::get("America/New_York").expect("bundled zone"));
        calendar.holidays.insert(date(2026, 11, 26));
        calendar
    }

    fn at(text: &str) -> Timestamp {
        text.parse().expect("an RFC 3339 instant")
    }

    #[test]
    fn four_hours_from_one_o_clock_end_at_closing_time_and_not_next_morning() {
        let due = new_york().due(at("2026-11-23T13:00:00-05:00"), Allowance::Minutes(240));
        assert_eq!(due, at("2026-11-23T17:00:00-05:00"));
    }

    #[test]
    fn the_clock_stands_still_over_night_weekend_and_holiday() {
        let calendar = new_york();
        let four_hours = Allowance::Minutes(240);
        assert_eq!(
            calendar.due(at("2026-11-25T16:00:00-05:00"), four_hours),
            at("2026-11-27T12:00:00-05:00")
        );
        assert_eq!(
            calendar.due(at("2026-11-28T10:00:00-05:00"), four_hours),
            at("2026-11-30T13:00:00-05:00")
        );
    }

    #[test]
    fn a_business_day_is_that_days_opening_hours() {
        let due = new_york().due(at("2026-11-23T10:00:00-05:00"), Allowance::Days(1));
        assert_eq!(due, at("2026-11-24T10:00:00-05:00"));
    }

    #[test]
    fn a_round_the_clock_desk_loses_an_hour_when_the_clocks_go_forward() {
        let mut calendar = new_york();
        calendar.days = (1..=7).collect();
        (calendar.open_minute, calendar.close_minute) = (0, 1440);
        let due = calendar.due(at("2026-03-07T20:00:00-05:00"), Allowance::Minutes(8 * 60));
        assert_eq!(due, at("2026-03-08T05:00:00-04:00"));
    }

    #[test]
    fn open_seconds_and_due_agree() {
        let calendar = new_york();
        let from = at("2026-11-24T15:30:00-05:00");
        let due = calendar.due(from, Allowance::Minutes(600));
        assert_eq!(calendar.seconds_open(from, due), 600 * 60);
    }

    #[test]
    fn allowances_are_read_in_words() {
        assert_eq!(Allowance::parse("4 business hours"), Some(Allowance::Minutes(240)));
        assert_eq!(Allowance::parse("1 business day"), Some(Allowance::Days(1)));
        assert_eq!(Allowance::parse("0 business days"), None);
        assert_eq!(Allowance::parse("soon"), None);
    }
}
