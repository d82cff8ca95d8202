//! The endpoints that read the members of programs, as leads and as what they are.

use serde_json::{Map, Value, json};

use super::asked;
use super::instance::time;
use super::leads::{paged, places, told};
use super::programs::{Member, Program};
use super::refusals::{missing, no_field, refusal, result};
use super::server::Ask;
use super::wire::Answer;

/// The fields of a member: the name, what files call it, and the type.
pub(super) const FIELDS: [(&str, &str, &str); 11] = [
    ("acquiredBy", "Acquired By", "boolean"),
    ("createdAt", "Created At", "datetime"),
    ("isExhausted", "Nurture Exhausted", "boolean"),
    ("leadId", "Lead Id", "integer"),
    ("membershipDate", "Member Date", "datetime"),
    ("program", "Program", "string"),
    ("programId", "Program Id", "integer"),
    ("reachedSuccess", "Success", "boolean"),
    ("reachedSuccessDate", "Success Date", "datetime"),
    ("statusName", "Status", "string"),
    ("updatedAt", "Updated At", "datetime"),
];
/// What is told where no fields are asked for.
const USUAL: [&str; 5] = ["acquiredBy", "leadId", "membershipDate", "programId", "reachedSuccess"];
const SEARCHABLE: [&str; 3] = ["leadId", "reachedSuccess", "statusName"];
const VALUES_MAX: usize = 300;
const RANGE_DAYS: i64 = 7;

/// The value of a field of a member.
pub(super) fn value(program: &Program, member: &Member, field: &str) -> Value {
    match field {
        "acquiredBy" => json!(member.acquired),
        "createdAt" | "membershipDate" => json!(time(member.joined)),
        "isExhausted" => json!(false),
        "leadId" => json!(member.lead),
        "program" => json!(program.name),
        "programId" => json!(program.id),
        "reachedSuccess" => json!(member.succeeded.is_some()),
        "reachedSuccessDate" => member.succeeded.map_or(Value::Null, |at| json!(time(at))),
        "statusName" => json!(member.status.0),
        "updatedAt" => json!(time(member.updated)),
        _ => Value::Null,
    }
}

/// `GET /rest/v1/programs/members/describe.json`
pub(super) fn describe() -> Answer {
    let fields: Vec<Value> = FIELDS
        .iter()
        .map(|(name, _, data_type)| {
            json!({
                "name": name,
                "displayName": name,
                "dataType": data_type,
                "updateable": false,
                "crmManaged": false,
            })
        })
        .collect();
    let searchable: Vec<Value> = SEARCHABLE.iter().map(|name| json!([name])).collect();
    result(vec![json!({
        "name": "API Program Membership",
        "description": "Map for API program membership fields",
        "dedupeFields": ["leadId", "programId"],
        "searchableFields": searchable,
        "fields": fields,
    })])
}

fn program<'a>(ask: &'a Ask, id: u64) -> Result<&'a Program, Answer> {
    let found = ask.instance.program(id);
    found.ok_or_else(|| refusal(1013, &format!("Program with id '{id}' not found")))
}

fn membership(program: &Program, member: &Member) -> Map<String, Value> {
    let mut told = Map::new();
    told.insert("id".to_owned(), json!(program.id));
    told.insert("progressionStatus".to_owned(), json!(member.status.0));
    told.insert("progressionStatusType".to_owned(), json!(member.status.0));
    for field in ["isExhausted", "acquiredBy", "reachedSuccess", "membershipDate", "updatedAt"] {
        told.insert(field.to_owned(), value(program, member, field));
    }
    if member.succeeded.is_some() {
        let at = value(program, member, "reachedSuccessDate");
        told.insert("reachedSuccessDate".to_owned(), at);
    }
    told
}

/// `GET /rest/v1/leads/programs/{id}.json`
pub(super) fn leads(ask: &Ask, id: u64) -> Result<Answer, Answer> {
    let (program, places) = (program(ask, id)?, places(ask)?);
    let rows = program.members.iter().map(|member| (member.lead, member)).collect();
    paged(ask, rows, false, |member| {
        let lead = ask.instance.find(member.lead).map(|place| &ask.instance.leads[place]);
        let mut row = lead.map(|lead| told(ask, lead, &places)).unwrap_or_default();
        row.insert("membership".to_owned(), Value::Object(membership(program, member)));
        Value::Object(row)
    })
}

/// `GET /rest/v1/programs/{id}/members.json`
pub(super) fn list(ask: &Ask, id: u64) -> Result<Answer, Answer> {
    let program = program(ask, id)?;
    let filter = ask.asked.needed("filterType")?;
    let mut names = ask.asked.list("fields");
    if names.is_empty() {
        names = USUAL.to_vec();
    }
    if let Some(name) = names.iter().find(|name| !FIELDS.iter().any(|field| field.0 == **name)) {
        return Err(no_field(name));
    }
    let found: Vec<&Member> = if filter == "updatedAt" {
        let (start, end) = (ask.asked.parameter("startAt"), ask.asked.parameter("endAt"));
        let (start, end) = asked::range(start, end, RANGE_DAYS)?;
        program.members.iter().filter(|m| (start..=end).contains(&m.updated)).collect()
    } else if SEARCHABLE.contains(&filter) {
        let wanted = ask.asked.list("filterValues");
        if wanted.is_empty() {
            return Err(missing("filterValues"));
        }
        if wanted.len() > VALUES_MAX {
            return Err(refusal(1003, "Too many values in filterValues, the maximum is 300"));
        }
        let told = |member: &Member| super::instance::text(&value(program, member, filter));
        program.members.iter().filter(|m| wanted.contains(&told(m).as_str())).collect()
    } else {
        return Err(refusal(1003, &format!("Invalid filterType '{filter}'")));
    };
    // They are numbered within their page, which only a request can tell.
    let rows = found.into_iter().map(|member| (member.lead, member)).collect();
    let seq = std::cell::Cell::new(0);
    paged(ask, rows, true, |member| {
        let mut row = Map::new();
        row.insert("seq".to_owned(), json!(seq.replace(seq.get() + 1)));
        for name in &names {
            row.insert((*name).to_owned(), value(program, member, name));
        }
        Value::Object(row)
    })
}

/// `GET /rest/v1/leads/{id}/programMembership.json`
pub(super) fn programs_of(ask: &Ask, lead: u64) -> Result<Answer, Answer> {
    if ask.instance.find(lead).is_none() {
        return Err(refusal(1004, &format!("Lead '{lead}' not found")));
    }
    let joined = ask.instance.programs.iter();
    let joined = joined.filter_map(|p| p.find(lead).ok().map(|place| (p, &p.members[place])));
    let rows = joined.map(|(program, member)| (program.id, (program, member))).collect();
    paged(ask, rows, true, |(program, member)| Value::Object(membership(program, member)))
}
