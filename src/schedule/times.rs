//! Times of day and of week, in the company's zone: the digest's and the night's.

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

use crate::config::Settings;
use crate::digest::Week;

/// A digest that was due at most so long before the first start is still written.
const FIRST_DIGEST_SECS: i64 = 86_400;

/// When the digest of a week is due.
pub fn digest_due(settings: &Settings, week: Week) -> Timestamp {
    week.due(settings.digest.weekday, settings.digest.minute, &settings.company.zone)
}

/// The week whose digest a due time stands for.
pub fn week_of_due(settings: &Settings, due: Timestamp) -> Week {
    Week::last_complete(due, &settings.company.zone)
}

/// The last time at or before `now` at which a digest was due.
pub fn last_digest_due(settings: &Settings, now: Timestamp) -> Timestamp {
    let mut week = Week::last_complete(now, &settings.company.zone);
    if digest_due(settings, week) > now {
        week = week.before();
    }
    digest_due(settings, week)
}

/// The digest of a week that was over before the first start was nobody's to write.
pub(super) fn first_digest(settings: &Settings, now: Timestamp) -> Timestamp {
    let last = digest_due(settings, Week::last_complete(now, &settings.company.zone));
    if now.as_second() - last.as_second() <= FIRST_DIGEST_SECS && last <= now {
        last
    } else {
        next_digest(settings, now)
    }
}

/// The next time after `now` at which a digest is due.
pub(super) fn next_digest(settings: &Settings, now: Timestamp) -> Timestamp {
    let mut week = Week::last_complete(now, &settings.company.zone);
    while digest_due(settings, week) <= now {
        week = Week::of(week.to());
    }
    digest_due(settings, week)
}

/// The next time after `now` at which the zone's clocks show this minute of the day. Where they jump
/// over it, it is as long after the jump; where they show it twice, it is the first time.
pub(super) fn next_night(minute: i64, zone: &TimeZone, now: Timestamp) -> Timestamp {
    let at = |day: Date| {
        let wall = day.at(0, 0, 0, 0).saturating_add(minute.minutes());
        zone.to_ambiguous_timestamp(wall).compatible().unwrap_or(Timestamp::MAX)
    };
    let today = zone.to_datetime(now).date();
    let days = [today, today.saturating_add(1.day()), today.saturating_add(2.days())];
    days.into_iter().map(at).find(|due| *due > now).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn night(now: &str) -> String {
        let zone = TimeZone::get("America/New_York").unwrap();
        next_night(2 * 60 + 30, &zone, now.parse().unwrap()).to_string()
    }

    #[test]
    fn a_night_job_is_due_once_on_each_day_also_when_the_clocks_change() {
        assert_eq!(night("2026-03-07T12:00:00Z"), "2026-03-08T07:30:00Z", "02:30 does not exist");
        assert_eq!(night("2026-03-08T07:30:00Z"), "2026-03-09T06:30:00Z");
        assert_eq!(night("2026-10-31T12:00:00Z"), "2026-11-01T07:30:00Z", "after the second 01:59");
        assert_eq!(night("2026-11-01T07:30:00Z"), "2026-11-02T07:30:00Z");
    }
}
