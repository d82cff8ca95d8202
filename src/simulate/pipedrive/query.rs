//! The parameters of lists, with the strictness of v2.

use jiff::Timestamp;

use super::refusals::invalid;
use super::server::Ask;
use super::wire::Answer;

/// Rows on a page where nothing is asked for, and at most.
const ROWS: usize = 100;
const ROWS_MAX: usize = 500;
const IDS_MAX: usize = 100;

/// How many rows a page may have.
pub(super) fn limit(ask: &Ask) -> Result<usize, Answer> {
    let asked = match ask.request.parameter("limit") {
        None => ROWS,
        Some(text) => {
            let number = text.parse().ok().filter(|rows| (1..=ROWS_MAX).contains(rows));
            number.ok_or_else(|| invalid("limit", "must be a number between 1 and 500"))?
        }
    };
    Ok(asked.min(ask.page_rows).max(1))
}

/// The same of v1, which corrects what is too much.
pub(super) fn loose_limit(ask: &Ask) -> usize {
    let asked = ask.request.parameter("limit").and_then(|text| text.parse().ok()).unwrap_or(ROWS);
    asked.clamp(1, ROWS_MAX).min(ask.page_rows).max(1)
}

/// Where a page of v1 begins.
pub(super) fn start(ask: &Ask) -> usize {
    ask.request.parameter("start").and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// A time in seconds. The vendor refuses fractions of seconds.
pub(super) fn time(ask: &Ask, name: &str) -> Result<Option<i64>, Answer> {
    let Some(text) = ask.request.parameter(name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let told = text.parse::<Timestamp>().ok().filter(|_| text.contains('T') && !text.contains('.'));
    let told = told.map(|at| at.as_second());
    told.map(Some).ok_or_else(|| invalid(name, "not a valid datetime"))
}

/// A number that rows must have.
pub(super) fn number(ask: &Ask, name: &str) -> Result<Option<u64>, Answer> {
    let Some(text) = ask.request.parameter(name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|_| invalid(name, "must be a number"))
}

/// The ids that are asked for.
pub(super) fn ids(ask: &Ask) -> Result<Option<Vec<u64>>, Answer> {
    let told = ask.request.list("ids");
    if told.is_empty() {
        return Ok(None);
    }
    if told.len() > IDS_MAX {
        return Err(invalid("ids", "must not have more than 100 items"));
    }
    let ids: Result<Vec<u64>, _> = told.iter().map(|id| id.parse()).collect();
    ids.map(Some).map_err(|_| invalid("ids", "must be numbers"))
}

/// One of the allowed words.
pub(super) fn word<'a>(
    ask: &Ask,
    name: &str,
    allowed: &[&'a str],
) -> Result<Option<&'a str>, Answer> {
    let Some(text) = ask.request.parameter(name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let known = allowed.iter().find(|word| **word == text).copied();
    known.map(Some).ok_or_else(|| invalid(name, &format!("must be one of {}", allowed.join(", "))))
}
