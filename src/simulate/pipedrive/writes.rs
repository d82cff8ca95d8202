//! The writes that the vendor's own client makes: creations, changes, deletions, merges, conversions.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::catalog::Kind;
use super::lists::single;
use super::record::{number_of, uuid};
use super::refusals::{error, invalid, not_found};
use super::render;
use super::server::Ask;
use super::wire::Answer;

const DEAL: &[&str] = &[
    "title",
    "owner_id",
    "person_id",
    "org_id",
    "pipeline_id",
    "stage_id",
    "value",
    "currency",
    "add_time",
    "update_time",
    "stage_change_time",
    "is_deleted",
    "is_archived",
    "archive_time",
    "status",
    "probability",
    "lost_reason",
    "visible_to",
    "close_time",
    "won_time",
    "lost_time",
    "expected_close_date",
    "label_ids",
    "origin_id",
    "channel",
    "channel_id",
    "custom_fields",
];
const LEAD: &[&str] = &[
    "title",
    "owner_id",
    "label_ids",
    "person_id",
    "organization_id",
    "is_archived",
    "value",
    "expected_close_date",
    "visible_to",
    "was_seen",
    "origin_id",
    "channel",
    "channel_id",
];
const ACTIVITY: &[&str] = &[
    "subject",
    "type",
    "owner_id",
    "deal_id",
    "lead_id",
    "person_id",
    "org_id",
    "project_id",
    "due_date",
    "due_time",
    "duration",
    "busy",
    "done",
    "location",
    "participants",
    "attendees",
    "public_description",
    "priority",
    "outcome",
    "note",
];
const NUMBERS: [&str; 9] = [
    "owner_id",
    "person_id",
    "org_id",
    "organization_id",
    "pipeline_id",
    "stage_id",
    "deal_id",
    "probability",
    "channel",
];

/// The body, when it holds nothing that the kind does not have.
fn body(ask: &Ask, kind: Kind) -> Result<Map<String, Value>, Answer> {
    let body: Value = serde_json::from_slice(&ask.request.body)
        .map_err(|_| error(400, "Request body is not valid JSON"))?;
    let Value::Object(body) = body else { return Err(error(400, "Bad request")) };
    let known = |name: &str| match kind {
        Kind::Deal => DEAL.contains(&name),
        // Leads have the custom fields of deals beside their own.
        Kind::Lead => LEAD.contains(&name) || name.len() == 40,
        Kind::Activity => ACTIVITY.contains(&name),
        kind => kind.has(name) || name == "custom_fields",
    };
    for (name, value) in &body {
        if !known(name) {
            return Err(invalid(name, "unknown field"));
        }
        if NUMBERS.contains(&name.as_str()) && !value.is_number() && !value.is_null() {
            return Err(invalid(name, "must be a number"));
        }
    }
    let account = &ask.account;
    let missing = |name: &str, kind: Kind| {
        let number = body.get(name).and_then(Value::as_u64);
        number.is_some_and(|number| account.table(kind).find(number).is_none())
    };
    for (name, kind) in [("stage_id", Kind::Stage), ("owner_id", Kind::User)] {
        if missing(name, kind) {
            return Err(invalid(name, "not found"));
        }
    }
    let status = body.get("status").and_then(Value::as_str).unwrap_or("open");
    if kind == Kind::Deal && !["open", "won", "lost", "deleted"].contains(&status) {
        return Err(invalid("status", "must be one of open, won, lost, deleted"));
    }
    Ok(body)
}

/// The fields of a body, but for those that delete.
fn fields(body: &Map<String, Value>) -> Vec<(&str, Value)> {
    let rest = body.iter().filter(|(name, value)| !deletes(name, value));
    rest.map(|(name, value)| (name.as_str(), value.clone())).collect()
}

fn deletes(name: &str, value: &Value) -> bool {
    name == "is_deleted" || (name == "status" && *value == "deleted")
}

fn answered(ask: &Ask, status: u16, kind: Kind, number: u64) -> Result<Answer, Answer> {
    let record = ask.account.table(kind).find(number).ok_or_else(|| not_found("Not found"))?;
    let mut answer = single(&render::told(ask.account, kind, record, &[]));
    answer.status = status;
    Ok(answer)
}

/// Creates a record.
pub(super) fn create(ask: &mut Ask, kind: Kind) -> Result<Answer, Answer> {
    let body = body(ask, kind)?;
    let needed = match kind {
        Kind::Deal | Kind::Lead => "title",
        Kind::Activity => "subject",
        _ => "name",
    };
    // An activity without a subject is called after its type.
    if kind != Kind::Activity && body.get(needed).and_then(Value::as_str).is_none_or(str::is_empty)
    {
        return Err(invalid(needed, "Required"));
    }
    let links = ["person_id", "organization_id"];
    if kind == Kind::Lead && !links.iter().any(|name| body.get(*name).is_some_and(Value::is_u64)) {
        return Err(error(400, "A lead must be linked to a person or an organization."));
    }
    let mut fields = fields(&body);
    match kind {
        Kind::Lead => {
            fields.push(("origin", json!("API")));
            fields.push(("source_name", json!("API")));
        }
        Kind::Deal => fields.push(("origin", json!("API"))),
        _ => {}
    }
    let number = ask.account.add(kind, &fields, ask.now.as_millisecond());
    answered(ask, if kind == Kind::Lead { 201 } else { 200 }, kind, number)
}

/// The number of a record that callers may change.
fn present(ask: &Ask, kind: Kind, id: &str) -> Result<u64, Answer> {
    let number = number_of(kind, id);
    let live = number.filter(|number| {
        let record = ask.account.table(kind).find(*number);
        record.is_some_and(|record| record.deleted.is_none())
    });
    live.ok_or_else(|| not_found("Not found"))
}

/// Changes a record.
pub(super) fn update(ask: &mut Ask, kind: Kind, id: &str) -> Result<Answer, Answer> {
    let body = body(ask, kind)?;
    if let Some((name, _)) = body.iter().find(|(name, value)| deletes(name, value)) {
        return Err(invalid(name, "use DELETE to delete"));
    }
    let number = present(ask, kind, id)?;
    ask.account.change(kind, number, &fields(&body), ask.now.as_millisecond());
    answered(ask, 200, kind, number)
}

/// Deletes a record.
pub(super) fn delete(ask: &mut Ask, kind: Kind, id: &str) -> Result<Answer, Answer> {
    let number = present(ask, kind, id)?;
    let now: Timestamp = ask.now;
    let name = match kind {
        Kind::Lead => "leads",
        Kind::Deal => "deals",
        Kind::Person => "persons",
        Kind::Activity => "activities",
        Kind::User => "users",
        Kind::Stage => "stages",
        Kind::Pipeline => "pipelines",
    };
    ask.account.delete(name, id, now);
    let id = if kind == Kind::Lead { json!(id) } else { json!(number) };
    Ok(single(&json!({ "id": id })))
}

/// Merges a deal into the one that the body names.
pub(super) fn merge(ask: &mut Ask, id: &str) -> Result<Answer, Answer> {
    let body: Value = serde_json::from_slice(&ask.request.body).unwrap_or(Value::Null);
    // v1 takes forms as well as JSON.
    let form = ask.request.form();
    let form = form.iter().find(|pair| pair.0 == "merge_with_id");
    let winner = body["merge_with_id"].as_u64().or_else(|| form?.1.parse().ok());
    let winner = winner.ok_or_else(|| invalid("merge_with_id", "Required"))?;
    present(ask, Kind::Deal, id)?;
    present(ask, Kind::Deal, &winner.to_string())?;
    ask.account.merge_deals(&winner.to_string(), id, ask.now);
    answered(ask, 200, Kind::Deal, winner)
}

/// Begins a conversion, which here is done at once; its id is made of the deal's.
pub(super) fn convert(ask: &mut Ask, id: &str) -> Result<Answer, Answer> {
    let lead = present(ask, Kind::Lead, id)?;
    let told: Value = serde_json::from_slice(&ask.request.body).unwrap_or(Value::Null);
    let more: Vec<(&str, Value)> = ["stage_id", "pipeline_id"]
        .into_iter()
        .filter(|name| told[*name].is_u64())
        .map(|name| (name, told[name].clone()))
        .collect();
    let deal = ask.account.convert(lead, &more, ask.now.as_millisecond());
    let deal = deal.ok_or_else(|| not_found("Lead not found"))?;
    Ok(single(&json!({ "conversion_id": uuid(deal) })))
}

/// How a conversion went.
pub(super) fn converted(ask: &Ask, lead: &str, conversion: &str) -> Result<Answer, Answer> {
    let deal = number_of(Kind::Lead, conversion);
    let deal = deal.and_then(|deal| ask.account.table(Kind::Deal).find(deal));
    let deal = deal.filter(|deal| deal.text_of("source_lead_id") == lead);
    let Some(deal) = deal else { return Err(not_found("Conversion not found")) };
    let told =
        json!({ "conversion_id": conversion, "status": "completed", "deal_id": deal.number });
    Ok(single(&told))
}
