//! When something happened, as precisely as the source knows it.
//!
//! Many exports give a date and no time. Pretending that such an event happened at midnight would
//! shift it by a day for half of the world, so the two kinds stay apart up to the calculation.

use std::fmt;

use jiff::{Timestamp, civil::Date, tz::TimeZone};

/// An event's time: a day in company time, or an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Moment {
    /// Only the calendar day is known, in the company's time zone.
    Day(Date),
    /// The instant is known.
    Instant(Timestamp),
}

impl Moment {
    /// Reads the canonical text that [`fmt::Display`] writes: `2018-02-01` or RFC 3339 in UTC.
    pub fn parse(text: &str) -> Option<Moment> {
        if text.len() == 10 {
            return text.parse().ok().map(Moment::Day);
        }
        text.parse().ok().map(Moment::Instant)
    }

    /// The calendar day in the company's time zone.
    pub fn date(&self, zone: &TimeZone) -> Date {
        match self {
            Moment::Day(day) => *day,
            Moment::Instant(at) => zone.to_datetime(*at).date(),
        }
    }

    /// Whether it was not after another one: where one of them is only a day, days are compared.
    pub fn is_by(&self, other: Moment, zone: &TimeZone) -> bool {
        match (self, other) {
            (Moment::Instant(one), Moment::Instant(other)) => *one <= other,
            _ => self.date(zone) <= other.date(zone),
        }
    }

    /// What moments are put into order by: those of which only the day is known come first in it.
    pub fn order(&self, zone: &TimeZone) -> (Date, Option<Timestamp>) {
        let instant = match self {
            Moment::Instant(at) => Some(*at),
            Moment::Day(_) => None,
        };
        (self.date(zone), instant)
    }

    /// Whether it has happened at `clock`. A day counts as soon as it has begun: "the running day
    /// counts as seen".
    pub fn is_seen(&self, clock: Timestamp, zone: &TimeZone) -> bool {
        match self {
            Moment::Day(day) => *day <= zone.to_datetime(clock).date(),
            Moment::Instant(at) => *at <= clock,
        }
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Moment::Day(day) => write!(f, "{day}"),
            Moment::Instant(at) => write!(f, "{at}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_text_is_read_back() {
        for text in ["2018-02-01", "2018-02-26T19:58:54Z"] {
            assert_eq!(Moment::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Moment::parse("yesterday"), None);
    }

    #[test]
    fn a_late_evening_belongs_to_the_companys_day() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let at = Moment::parse("2026-04-01T03:30:00Z").unwrap();
        assert_eq!(at.date(&zone), jiff::civil::date(2026, 3, 31));
    }
}
