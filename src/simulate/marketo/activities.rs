//! The endpoints that read the log. A page covers a slice of the log, whatever matches in it, and so it may
//! be short or empty although there is more.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::faults::FaultKind;
use super::instance::text;
use super::kinds::{self, CHANGE, DELETE, NEW_LEAD};
use super::log::{Activity, Position};
use super::refusals::{body, missing, no_field, refusal, result};
use super::server::Ask;
use super::token;
use super::wire::Answer;

const TYPES_MAX: usize = 10;
const LEADS_MAX: usize = 30;

/// `GET /rest/v1/activities/types.json`
pub(super) fn types(ask: &Ask) -> Answer {
    result(kinds::told(ask.type_shift()))
}

/// `GET /rest/v1/activities/pagingtoken.json`
pub(super) fn paging_token(ask: &Ask) -> Result<Answer, Answer> {
    let at = ask.asked.needed_time("sinceDatetime")?;
    // Activities are told that happened after this second.
    let token = token::of_log(Position { at, id: u64::MAX });
    Ok(body(&json!({"requestId": "", "success": true, "nextPageToken": token})))
}

/// A time in the other of the two forms that the vendor has.
fn plain_time(secs: i64) -> String {
    let at = Timestamp::from_second(secs).unwrap_or_default();
    jiff::fmt::strtime::format("%Y-%m-%dT%H:%M:%S+0000", at).unwrap_or_default()
}

/// What is common to all activities.
fn told(ask: &Ask, row: &Activity, at: String) -> Value {
    let mut told = json!({
        "id": row.id,
        "marketoGUID": row.id.to_string(),
        "leadId": row.lead,
        "activityDate": at,
        "activityTypeId": row.kind.id(ask.type_shift()),
    });
    if let Some(campaign) = row.campaign {
        told["campaignId"] = json!(campaign);
    }
    told
}

fn attributes<'a>(row: &'a Activity) -> impl Iterator<Item = Value> + use<'a> {
    row.attributes.iter().map(|(name, value)| json!({"name": name, "value": value}))
}

fn with_primary(mut told: Value, row: &Activity) -> Value {
    if let Some(id) = row.primary_id {
        told["primaryAttributeValueId"] = json!(id);
    }
    if !row.primary.is_empty() {
        told["primaryAttributeValue"] = json!(row.primary);
    }
    told["attributes"] = attributes(row).collect();
    told
}

/// Whether an activity can be seen now.
pub(super) fn seen(row: &Activity, secs: i64) -> bool {
    row.visible <= secs
}

/// Reads a slice of the log from the place of the token on.
fn page(ask: &Ask, tell: impl Fn(&Activity) -> Option<Value>) -> Result<Answer, Answer> {
    let text = ask.asked.needed("nextPageToken")?;
    let from = token::log(text).ok_or_else(|| refusal(1003, "Invalid paging token"))?;
    let rows = ask.asked.batch_rows(ask.limits.page_rows)?;
    let slice_rows = match ask.fault {
        Some(FaultKind::EmptyPage) => 0,
        _ => ask.limits.slice_rows.max(1),
    };
    let (mut found, mut next, mut looked, mut more) = (Vec::new(), from, 0, false);
    let secs = ask.secs();
    for row in ask.instance.log.after(from).iter().filter(|row| seen(row, secs)) {
        if looked == slice_rows || found.len() == rows {
            more = true;
            break;
        }
        looked += 1;
        next = row.position();
        found.extend(tell(row));
    }
    let more = more || slice_rows == 0;
    let mut told = json!({
        "requestId": "",
        "success": true,
        "nextPageToken": token::of_log(next),
        "moreResult": more,
    });
    // An empty page comes with an empty list or without one.
    if !found.is_empty() || ask.turn.is_multiple_of(2) {
        told["result"] = Value::Array(found);
    }
    Ok(body(&told))
}

/// The leads that are asked for, and none where all are.
fn leads(ask: &Ask) -> Result<Vec<u64>, Answer> {
    if ask.asked.parameter("listId").is_some() {
        return Err(refusal(1013, "List not found"));
    }
    let leads = ask.asked.numbers("leadIds")?;
    if leads.len() > LEADS_MAX {
        return Err(refusal(1003, "Too many leadIds, the maximum is 30"));
    }
    Ok(leads)
}

/// `GET /rest/v1/activities.json`
pub(super) fn list(ask: &Ask) -> Result<Answer, Answer> {
    let types = ask.asked.numbers("activityTypeIds")?;
    if types.is_empty() {
        return Err(missing("activityTypeIds"));
    }
    if types.len() > TYPES_MAX {
        return Err(refusal(1003, "Too many activityTypeIds, the maximum is 10"));
    }
    let (leads, assets) = (leads(ask)?, ask.asked.numbers("assetIds")?);
    let shift = ask.type_shift();
    page(ask, |row| {
        let wanted = types.contains(&u64::from(row.kind.id(shift)))
            && (leads.is_empty() || leads.contains(&row.lead))
            && (assets.is_empty()
                || row.primary_id.is_some_and(|id| assets.contains(&(id as u64))));
        let at = super::instance::time(row.at);
        wanted.then(|| with_primary(told(ask, row, at), row))
    })
}

/// `GET /rest/v1/activities/deletedleads.json`
pub(super) fn deleted_leads(ask: &Ask) -> Result<Answer, Answer> {
    page(ask, |row| {
        let deleted = row.kind.name == DELETE;
        deleted.then(|| with_primary(told(ask, row, plain_time(row.at)), row))
    })
}

/// `GET /rest/v1/activities/leadchanges.json`
pub(super) fn lead_changes(ask: &Ask) -> Result<Answer, Answer> {
    let names = ask.asked.list("fields");
    if names.is_empty() {
        return Err(missing("fields"));
    }
    let mut fields = Vec::new();
    for name in names {
        let place = ask.instance.place(name).ok_or_else(|| no_field(name))?;
        let field = &ask.instance.fields[place];
        if ask.sees(field) {
            fields.push(field);
        }
    }
    let leads = leads(ask)?;
    page(ask, |row| {
        if !leads.is_empty() && !leads.contains(&row.lead) {
            return None;
        }
        let told = told(ask, row, plain_time(row.at));
        match row.kind.name {
            NEW_LEAD => Some(new_lead(told, row)),
            CHANGE => {
                let field = fields.iter().find(|field| Some(field.id) == row.primary_id)?;
                Some(change(told, row, &field.name))
            }
            _ => None,
        }
    })
}

fn new_lead(mut told: Value, row: &Activity) -> Value {
    told["fields"] = json!([]);
    told["attributes"] = attributes(row).collect();
    told
}

fn change(mut told: Value, row: &Activity, name: &str) -> Value {
    let value = |wanted: &str| {
        let found = row.attributes.iter().find(|told| told.0 == wanted);
        found.map(|told| text(&told.1)).filter(|text| !text.is_empty())
    };
    let (new, old) = (value("New Value"), value("Old Value"));
    told["fields"] =
        json!([{"id": row.primary_id, "name": name, "newValue": new, "oldValue": old}]);
    let reasons = row.attributes.iter().filter(|told| ["Reason", "Source"].contains(&told.0));
    let mut attributes: Vec<Value> =
        reasons.map(|(name, value)| json!({"name": name, "value": value})).collect();
    attributes.push(json!({"name": "Lead ID", "value": row.lead}));
    told["attributes"] = Value::Array(attributes);
    told
}
