//! ISO weeks.

use std::fmt;
use std::str::FromStr;

use jiff::{Timestamp, ToSpan, civil::Date, civil::ISOWeekDate, civil::Weekday, tz::TimeZone};

/// An ISO week: `2026-W47`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Week {
    monday: Date,
}

impl Week {
    /// The week that contains a day.
    pub fn of(day: Date) -> Week {
        let since_monday = i64::from(day.weekday().to_monday_zero_offset());
        Week { monday: day.saturating_sub(since_monday.days()) }
    }

    /// The last week that is over at an instant.
    pub fn last_complete(at: Timestamp, zone: &TimeZone) -> Week {
        Week::of(zone.to_datetime(at).date()).before()
    }

    /// The week before.
    pub fn before(&self) -> Week {
        Week { monday: self.monday.saturating_sub(7.days()) }
    }

    /// Its Monday.
    pub fn from(&self) -> Date {
        self.monday
    }

    /// The Monday after it.
    pub fn to(&self) -> Date {
        self.monday.saturating_add(7.days())
    }

    /// When its digest is due: the first time at or after its end that the schedule names.
    pub fn due(&self, weekday: i8, minute: i64, zone: &TimeZone) -> Timestamp {
        let day = self.to().saturating_add(i64::from(weekday - 1).days());
        let wall = day.at(0, 0, 0, 0).saturating_add(minute.minutes());
        zone.to_ambiguous_timestamp(wall).compatible().unwrap_or(Timestamp::MAX)
    }
}

impl fmt::Display for Week {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let iso = self.monday.iso_week_date();
        write!(f, "{:04}-W{:02}", iso.year(), iso.week())
    }
}

impl FromStr for Week {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parse = || {
            let (year, week) = text.split_once("-W")?;
            ISOWeekDate::new(year.parse().ok()?, week.parse().ok()?, Weekday::Monday).ok()
        };
        let date = parse().ok_or_else(|| format!("`{text}` is no week; write it like 2026-W47"))?;
        Ok(Week { monday: date.date() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn weeks_are_iso_weeks() {
        let week: Week = "2026-W47".parse().unwrap();
        assert_eq!((week.from(), week.to()), (date(2026, 11, 16), date(2026, 11, 23)));
        assert_eq!(week.to_string(), "2026-W47");
        assert_eq!(Week::of(date(2027, 1, 1)).to_string(), "2026-W53");
        assert!("2026-47".parse::<Week>().is_err() && "2026-W54".parse::<Week>().is_err());
    }

    #[test]
    fn the_digest_is_due_on_monday_morning_after_the_week() {
        let zone = TimeZone::get("America/New_York").unwrap();
        let week: Week = "2026-W47".parse().unwrap();
        assert_eq!(week.due(1, 480, &zone).to_string(), "2026-11-23T13:00:00Z");
    }
}
