//! A request as the vendor understands it: a POST that says `_method=GET` is a GET whose query is in the
//! body.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::refusals::{invalid, missing, refusal};
use super::wire::{Answer, Request};

/// A request.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    /// The path, without the `.json` at its end.
    pub(super) segments: Vec<&'a str>,
    query: Vec<(String, String)>,
    pub(super) request: &'a Request,
}

/// A range of times in seconds, both ends included.
pub(super) type Range = (i64, i64);

const ROWS_MAX: usize = 300;

/// A time of a parameter. Without a zone it is one of UTC.
pub(super) fn time(text: &str) -> Option<i64> {
    let told = text.parse::<Timestamp>().ok().map(|at| at.as_second());
    told.or_else(|| {
        let day = text.parse::<Date>().ok().filter(|_| text.len() == 10)?;
        day.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp().as_second())
    })
}

/// A range of at most so many days, in whose times the vendor allows no fractions of seconds.
pub(super) fn range(start: Option<&str>, end: Option<&str>, days: i64) -> Result<Range, Answer> {
    let read = |name: &str, told: Option<&str>| {
        let text = told.ok_or_else(|| missing(name))?;
        let at = time(text).filter(|_| !text.contains('.'));
        at.ok_or_else(|| invalid(text, "dateTime"))
    };
    let (start, end) = (read("startAt", start)?, read("endAt", end)?);
    if end < start {
        return Err(refusal(1003, "endAt must not be before startAt"));
    }
    if end - start > SignedDuration::from_hours(24 * days).as_secs() {
        return Err(refusal(1003, &format!("Date range exceeds the maximum of {days} days")));
    }
    Ok((start, end))
}

impl<'a> Asked<'a> {
    /// Reads a request.
    pub(super) fn new(request: &'a Request) -> Asked<'a> {
        let mut query = request.query.clone();
        let mut method = request.method.as_str();
        let is_get = |pair: &(String, String)| pair.0 == "_method" && pair.1 == "GET";
        if method == "POST" {
            let form = request.form();
            if query.iter().chain(&form).any(is_get) {
                method = "GET";
                query.extend(form);
            }
        }
        let mut segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
        if let Some(last) = segments.last_mut() {
            *last = last.strip_suffix(".json").unwrap_or(last);
        }
        Asked { method, segments, query, request }
    }

    /// The first value of a parameter that is not empty.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let mut named = self.query.iter().filter(|pair| pair.0 == name && !pair.1.is_empty());
        named.next().map(|pair| pair.1.as_str())
    }

    /// A parameter that must be there.
    pub(super) fn needed(&self, name: &str) -> Result<&str, Answer> {
        self.parameter(name).ok_or_else(|| missing(name))
    }

    /// A list that callers separate by commas, repeat, or both.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let values = self.query.iter().filter(|pair| pair.0 == name);
        let values = values.flat_map(|pair| pair.1.split(','));
        values.map(str::trim).filter(|value| !value.is_empty()).collect()
    }

    /// A list of numbers.
    pub(super) fn numbers(&self, name: &str) -> Result<Vec<u64>, Answer> {
        let read = |text: &str| text.parse().map_err(|_| invalid(text, "Integer"));
        self.list(name).into_iter().map(read).collect()
    }

    /// A whole number.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>, Answer> {
        let Some(text) = self.parameter(name) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| invalid(text, "Integer"))
    }

    /// How many rows a page may have.
    pub(super) fn batch_rows(&self, most: usize) -> Result<usize, Answer> {
        let asked = self.number("batchSize")?.map_or(ROWS_MAX, |rows| rows as usize);
        Ok(asked.min(ROWS_MAX).min(most).max(1))
    }

    /// A time that must be there.
    pub(super) fn needed_time(&self, name: &str) -> Result<i64, Answer> {
        let text = self.needed(name)?;
        time(text).ok_or_else(|| invalid(text, "dateTime"))
    }

    /// The JSON of the body.
    pub(super) fn json(&self) -> Result<Value, Answer> {
        serde_json::from_slice(&self.request.body).map_err(|_| refusal(609, "Invalid JSON"))
    }
}
