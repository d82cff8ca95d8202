//! The lists of leads, which v1 alone has, and its way of paging: by offset.

use serde_json::{Value, json};

use super::catalog::Kind;
use super::query;
use super::record::Record;
use super::refusals::invalid;
use super::render;
use super::server::Ask;
use super::wire::Answer;

/// A page of rows that v1 counts from the beginning.
pub(super) fn paged(
    ask: &Ask,
    rows: impl ExactSizeIterator<Item = Value>,
) -> Result<Answer, Answer> {
    let (start, limit, count) = (query::start(ask), query::loose_limit(ask), rows.len());
    let mut page: Vec<Value> = rows.skip(start).take(limit).collect();
    ask.reorder(&mut page);
    let more = start + page.len() < count;
    let mut pagination =
        json!({ "start": start, "limit": limit, "more_items_in_collection": more });
    if more {
        pagination["next_start"] = json!(start + page.len());
    }
    let mut body = json!({ "success": true, "data": page });
    body["additional_data"] = json!({ "pagination": pagination });
    Ok(Answer::json(200, body.to_string().into_bytes()))
}

/// By which fields, in which direction.
fn order<'a>(ask: &Ask<'a>) -> Result<Vec<(&'a str, bool)>, Answer> {
    let known = ["id", "title", "owner_id", "creator_id", "was_seen", "expected_close_date"];
    let told = ask.request.parameter("sort").unwrap_or("add_time ASC");
    let mut fields = Vec::new();
    for part in told.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (field, direction) = part.split_once(' ').unwrap_or((part, "ASC"));
        if !known.contains(&field) && !["add_time", "update_time"].contains(&field) {
            return Err(invalid("sort", "unknown field"));
        }
        fields.push((field, direction.trim().eq_ignore_ascii_case("desc")));
    }
    Ok(fields)
}

fn compare(one: &Record, other: &Record, fields: &[(&str, bool)]) -> std::cmp::Ordering {
    for (field, descending) in fields {
        let by = match *field {
            "id" => one.number.cmp(&other.number),
            "add_time" => one.added.cmp(&other.added),
            "update_time" => one.updated.cmp(&other.updated),
            field => {
                let text = |record: &Record| record.get(field).map(Value::to_string);
                text(one).cmp(&text(other))
            }
        };
        if by.is_ne() {
            return if *descending { by.reverse() } else { by };
        }
    }
    one.number.cmp(&other.number)
}

/// The leads in the inbox, or those in the archive.
pub(super) fn list(ask: &Ask, archived: bool) -> Result<Answer, Answer> {
    let filtered = ask.request.parameter("filter_id").is_none();
    let since = if filtered { query::time(ask, "updated_since")? } else { None };
    let owner = if filtered { query::number(ask, "owner_id")? } else { None };
    let person = if filtered { query::number(ask, "person_id")? } else { None };
    let fields = order(ask)?;
    let me = ask.account.admin;
    let mut rows: Vec<&Record> = ask
        .account
        .table(Kind::Lead)
        .records
        .iter()
        .filter(|lead| lead.deleted.is_none() && lead.archived.is_some() == archived)
        .filter(|lead| since.is_none_or(|since| lead.updated.div_euclid(1000) >= since))
        .filter(|lead| {
            let theirs = lead.number_of("owner_id").unwrap_or(me);
            owner.is_none_or(|owner| owner == theirs) && (ask.admin || theirs == me)
        })
        .filter(|lead| person.is_none() || lead.number_of("person_id") == person)
        .collect();
    rows.sort_by(|one, other| compare(one, other, &fields));
    let account = &*ask.account;
    paged(ask, rows.into_iter().map(|lead| render::told(account, Kind::Lead, lead, &[])))
}
