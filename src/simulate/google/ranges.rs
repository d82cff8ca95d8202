//! The days that a report is about.

use jiff::civil::{Date, date};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::Value;

use super::message;
use super::refusals::invalid;
use super::wire::Answer;

const MAX_RANGES: usize = 4;
/// Before this day no property had data.
const EARLIEST: Date = date(2015, 8, 14);

/// Some days, the last included.
#[derive(Debug, Clone)]
pub(super) struct Range {
    pub(super) first: Date,
    pub(super) last: Date,
    pub(super) name: String,
}

/// The day that it is in a zone.
pub(super) fn today(zone: &TimeZone, now: Timestamp) -> Date {
    now.to_zoned(zone.clone()).date()
}

fn digits(text: &str) -> Option<i64> {
    let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if plain { text.parse().ok() } else { None }
}

/// A day in the form YYYY-MM-DD and no other.
pub(super) fn iso_day(text: &str) -> Option<Date> {
    let form = text.len() == 10
        && text.bytes().enumerate().all(|(at, byte)| match at {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if form { text.parse().ok() } else { None }
}

fn day(text: &str, today: Date) -> Result<Date, Answer> {
    let ago = |days: i64| today.checked_sub(Span::new().try_days(days).ok()?).ok();
    let found = match text {
        "today" => Some(today),
        "yesterday" => ago(1),
        _ => match text.strip_suffix("daysAgo") {
            Some(days) => digits(days).and_then(ago),
            None => iso_day(text),
        },
    };
    found.ok_or_else(|| {
        invalid(&format!(
            "Invalid date: {text}. Dates must be in the format YYYY-MM-DD, NdaysAgo, yesterday, or today."
        ))
    })
}

/// The ranges of a request, by the property's zone.
pub(super) fn read(request: &Value, today: Date) -> Result<Vec<Range>, Answer> {
    let told = message::items(request, "dateRanges")?;
    if told.is_empty() {
        return Err(invalid("A dateRange is required."));
    }
    if told.len() > MAX_RANGES {
        let count = told.len();
        return Err(invalid(&format!(
            "Requests are limited to {MAX_RANGES} dateRanges. This request is for {count} dateRanges."
        )));
    }
    told.iter().enumerate().map(|(at, range)| one(range, at, today)).collect()
}

fn one(told: &Value, at: usize, today: Date) -> Result<Range, Answer> {
    message::only(told, &format!("date_ranges[{at}]"), &["startDate", "endDate", "name"])?;
    let [first, last] = ["startDate", "endDate"].map(|name| message::text(told, name));
    let (first, last) = (day(first?, today)?, day(last?, today)?);
    if last < first {
        return Err(invalid(&format!(
            "The startDate {first} is after the endDate {last}, which is not allowed."
        )));
    }
    if first < EARLIEST {
        return Err(invalid(&format!(
            "The earliest startDate is {EARLIEST}; this one is {first}."
        )));
    }
    let name = match message::text(told, "name")? {
        "" => format!("date_range_{at}"),
        reserved if reserved.starts_with("date_range_") || reserved.starts_with("RESERVED_") => {
            return Err(invalid(&format!("The dateRange name {reserved} is reserved.")));
        }
        own => own.to_owned(),
    };
    Ok(Range { first, last, name })
}

/// How many days there are, from a first to a last one.
pub(super) fn days(first: Date, last: Date) -> u64 {
    u64::try_from((last - first).get_days()).unwrap_or(0) + 1
}
