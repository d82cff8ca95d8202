//! How much of a day is known at an instant: a part while the day lasts, nearly all when it has ended,
//! and all of it some days later.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

/// Before so many hours nothing of what happens is told.
const DELAY_HOURS: i64 = 4;
const WHOLE: i64 = 1000;

/// What is known of a day, in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    share: i64,
    unassigned: i64,
}

fn start_secs(day: Date, zone: &TimeZone) -> i64 {
    day.to_zoned(zone.clone()).map_or(i64::MAX, |start| start.timestamp().as_second())
}

/// What is known of a day that is complete so many hours after it has ended; nothing before it began.
/// `at_end` is the share when all of the day has come in at first.
pub(super) fn known(
    day: Date,
    zone: &TimeZone,
    now: Timestamp,
    (hours, at_end): (i64, i64),
) -> Option<Known> {
    let (start, now) = (start_secs(day, zone), now.as_second());
    let end = start_secs(day.saturating_add(Span::new().days(1)), zone);
    let (delay, settled) = (hours.min(DELAY_HOURS) * 3600, hours * 3600);
    let passed = now.saturating_sub(start) - delay;
    if passed <= 0 {
        return None;
    }
    let at_end = if hours == 0 { WHOLE } else { at_end };
    let age = (now - end).min(settled);
    let share = if passed < end - start {
        at_end * passed / (end - start)
    } else if age >= settled {
        WHOLE
    } else {
        at_end + (WHOLE - at_end) * (age - delay) / (settled - delay)
    };
    let left = settled - age.max(0);
    let unassigned = if settled == 0 { 0 } else { (WHOLE - at_end) * left / settled };
    Some(Known { share, unassigned })
}

impl Known {
    /// The part of a figure that is known.
    pub(super) fn of(self, figure: u32) -> u64 {
        u64::from(figure) * self.share.unsigned_abs() / WHOLE.unsigned_abs()
    }

    /// The part of known sessions whose origin is not known yet.
    pub(super) fn without_origin(self, known: u64) -> u64 {
        known * self.unassigned.unsigned_abs() / WHOLE.unsigned_abs()
    }
}
