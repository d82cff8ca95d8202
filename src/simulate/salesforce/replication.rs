//! Which records were updated, and which were deleted, between two instants.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::cell::{instant, told};
use super::describe::table;
use super::refusals::error;
use super::server::Ask;
use super::soql::Scope;
use super::table::Record;
use super::wire::Answer;

/// How far back the two may be asked for.
const UPDATED_SECS: i64 = 30 * 86_400;
const DELETED_SECS: i64 = 15 * 86_400;
const MAX_IDS: usize = 600_000;

/// The span that is asked for. The vendor ignores the seconds of both ends.
fn span(ask: &Ask, back_secs: i64) -> Result<(i64, i64), Answer> {
    let end_of = |name: &str| -> Result<i64, Answer> {
        let text = ask.request.parameter(name).unwrap_or_default();
        let at: Timestamp = instant(text).ok_or_else(|| {
            error(400, "INVALID_REPLICATION_DATE", &format!("{name} is no date: {text}"))
        })?;
        Ok(at.as_second() - at.as_second().rem_euclid(60))
    };
    let (start, end) = (end_of("start")?, end_of("end")?);
    if end <= start {
        let message = "endDate must be at least one minute greater than startDate";
        return Err(error(400, "INVALID_REPLICATION_DATE", message));
    }
    if start < ask.now.as_second() - back_secs {
        let message = format!("startDate cannot be more than {} days ago", back_secs / 86_400);
        return Err(error(400, "INVALID_REPLICATION_DATE", &message));
    }
    Ok((start, end))
}

/// How far the answer reaches for sure: not into a transaction that is still running.
fn covered(ask: &Ask, end: i64) -> String {
    told(ask.org.open_since.unwrap_or(i64::MAX).min(end).min(ask.now.as_second()))
}

fn within(
    ask: &Ask,
    name: &str,
    (start, end): (i64, i64),
    deleted: bool,
) -> Result<Vec<Record>, Answer> {
    let scope = Scope { all: true, now: ask.now.as_second() };
    let table = table(ask.org, name)?;
    if table.column("SystemModstamp").is_none() {
        let message = format!("entity type {} does not support replicate", table.name);
        return Err(error(400, "INVALID_TYPE", &message));
    }
    let fits = |record: &&Record| {
        record.deleted == deleted
            && start <= record.stamp
            && record.stamp < end
            && scope.has(record)
    };
    let found: Vec<Record> = table.records.iter().filter(fits).take(MAX_IDS + 1).cloned().collect();
    if found.len() > MAX_IDS {
        return Err(error(400, "EXCEEDED_ID_LIMIT", "Too many records match the dates"));
    }
    Ok(found)
}

/// The ids of what was created or changed.
pub(super) fn updated(ask: &Ask, name: &str) -> Result<Answer, Answer> {
    let span = span(ask, UPDATED_SECS)?;
    let found = within(ask, name, span, false)?;
    let ids: Vec<String> = found.iter().map(|record| record.key.text()).collect();
    let body = json!({ "ids": ids, "latestDateCovered": covered(ask, span.1) });
    Ok(Answer::json(200, body.to_string().into_bytes()))
}

/// The ids of what was deleted, each with its time.
pub(super) fn deleted(ask: &Ask, name: &str) -> Result<Answer, Answer> {
    let span = span(ask, DELETED_SECS)?;
    let found = within(ask, name, span, true)?;
    let rows: Vec<Value> = found
        .iter()
        .map(|record| json!({ "id": record.key.text(), "deletedDate": told(record.stamp) }))
        .collect();
    let body = json!({
        "deletedRecords": rows,
        "earliestDateAvailable": told(ask.now.as_second() - DELETED_SECS),
        "latestDateCovered": covered(ask, span.1),
    });
    Ok(Answer::json(200, body.to_string().into_bytes()))
}
