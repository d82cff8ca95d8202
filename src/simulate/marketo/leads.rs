//! The endpoints that describe and read leads.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::fields::ID;
use super::instance::{Lead, text};
use super::refusals::{body, missing, no_field, refusal, result};
use super::server::Ask;
use super::token;
use super::wire::Answer;

/// What is told where no fields are asked for.
const USUAL: [&str; 6] = ["id", "email", "updatedAt", "createdAt", "lastName", "firstName"];
const VALUES_MAX: usize = 300;
const MATCHES_MAX: usize = 1000;

/// `GET /rest/v1/leads/describe.json`
pub(super) fn describe(ask: &Ask) -> Answer {
    let seen = ask.instance.fields.iter().filter(|field| ask.sees(field));
    result(seen.map(|field| field.told()).collect())
}

/// `GET /rest/v1/leads/describe2.json`
pub(super) fn describe_again(ask: &Ask) -> Answer {
    let seen = || ask.instance.fields.iter().filter(|field| ask.sees(field));
    let searchable: Vec<Value> =
        seen().filter(|field| field.searchable).map(|field| json!([field.name])).collect();
    let fields: Vec<Value> = seen().map(|field| field.told_again()).collect();
    result(vec![json!({"name": "API Lead", "searchableFields": searchable, "fields": fields})])
}

/// The places of the fields that are asked for.
pub(super) fn places(ask: &Ask) -> Result<Vec<usize>, Answer> {
    let mut names = ask.asked.list("fields");
    if names.is_empty() {
        names = USUAL.to_vec();
    } else if !names.contains(&"id") {
        names.push("id");
    }
    let place = |name: &str| ask.instance.place(name).ok_or_else(|| no_field(name));
    names.into_iter().map(place).collect()
}

/// A lead as it is told. Fields that are empty come as null or not at all.
pub(super) fn told(ask: &Ask, lead: &Lead, places: &[usize]) -> Map<String, Value> {
    let mut told = Map::new();
    for place in places {
        let (field, value) = (&ask.instance.fields[*place], ask.instance.value(lead, *place));
        if ask.sees(field) && (!value.is_null() || ask.turn.is_multiple_of(2)) {
            told.insert(field.name.clone(), value);
        }
    }
    told
}

/// A page of records in the order of their leads, of which each comes with its lead's id.
pub(super) fn paged<T>(
    ask: &Ask,
    rows: Vec<(u64, T)>,
    always_told: bool,
    tell: impl Fn(T) -> Value,
) -> Result<Answer, Answer> {
    let last = match ask.asked.parameter("nextPageToken") {
        None => 0,
        Some(told) => token::list(told).ok_or_else(|| refusal(1003, "Invalid paging token"))?,
    };
    let page_rows = ask.asked.batch_rows(ask.limits.page_rows)?;
    let mut rest: Vec<(u64, T)> = rows.into_iter().filter(|row| row.0 > last).collect();
    let more = rest.len() > page_rows;
    rest.truncate(page_rows);
    let end = rest.last().map_or(last, |row| row.0);
    let rows: Vec<Value> = rest.into_iter().map(|row| tell(row.1)).collect();
    let mut answer = json!({"requestId": "", "success": true, "result": rows});
    if more {
        answer["nextPageToken"] = json!(token::of_list(end));
    }
    if more || always_told {
        answer["moreResult"] = json!(more);
    }
    Ok(body(&answer))
}

/// `GET /rest/v1/lead/{id}.json`
pub(super) fn one(ask: &Ask, id: u64) -> Result<Answer, Answer> {
    let places = places(ask)?;
    let found = ask.instance.find(id);
    let place = found.ok_or_else(|| refusal(1004, &format!("Lead '{id}' not found")))?;
    Ok(result(vec![Value::Object(told(ask, &ask.instance.leads[place], &places))]))
}

/// `GET /rest/v1/leads.json`
pub(super) fn list(ask: &Ask) -> Result<Answer, Answer> {
    let name = ask.asked.needed("filterType")?;
    let wanted = ask.asked.list("filterValues");
    if wanted.is_empty() {
        return Err(missing("filterValues"));
    }
    if wanted.len() > VALUES_MAX {
        return Err(refusal(1003, "Too many values in filterValues, the maximum is 300"));
    }
    let filter = ask.instance.place(name).ok_or_else(|| no_field(name))?;
    let field = &ask.instance.fields[filter];
    if !field.searchable {
        return Err(refusal(1011, &format!("Field '{name}' not supported")));
    }
    let places = places(ask)?;
    let found: Vec<&Lead> = if !ask.sees(field) {
        Vec::new()
    } else if filter == ID {
        let mut ids = ask.asked.numbers("filterValues")?;
        ids.sort_unstable();
        ids.dedup();
        let found = ids.into_iter().filter_map(|id| ask.instance.find(id));
        found.map(|place| &ask.instance.leads[place]).collect()
    } else {
        let wanted: HashSet<String> = wanted.into_iter().map(str::to_lowercase).collect();
        let value = |lead: &Lead| text(&ask.instance.value(lead, filter)).to_lowercase();
        ask.instance.leads.iter().filter(|lead| wanted.contains(&value(lead))).collect()
    };
    if found.len() > MATCHES_MAX {
        return Err(refusal(1003, "Too many results match the filter"));
    }
    let rows = found.into_iter().map(|lead| (lead.id, lead)).collect();
    paged(ask, rows, false, |lead| Value::Object(told(ask, lead, &places)))
}
