//! The endpoints that write leads and memberships.

use serde_json::{Map, Value, json};

use super::instance::API_REASON;
use super::refusals::{body, missing, no_field, refusal, result};
use super::server::Ask;
use super::wire::Answer;

const ROWS_MAX: usize = 300;

fn rows(told: &Value) -> Result<&Vec<Value>, Answer> {
    let rows = told["input"].as_array().ok_or_else(|| missing("input"))?;
    if rows.len() > ROWS_MAX {
        return Err(refusal(1003, "Too many records in input, the maximum is 300"));
    }
    Ok(rows)
}

fn skipped(code: u16, message: &str) -> Value {
    json!({"status": "skipped", "reasons": [{"code": code.to_string(), "message": message}]})
}

/// `POST /rest/v1/leads.json`
pub(super) fn sync(ask: &mut Ask) -> Result<Answer, Answer> {
    let told = ask.asked.json()?;
    let action = told["action"].as_str().unwrap_or("createOrUpdate");
    if !["createOrUpdate", "createOnly", "updateOnly", "createDuplicate"].contains(&action) {
        return Err(refusal(1003, &format!("Invalid action '{action}'")));
    }
    let lookup = told["lookupField"].as_str().unwrap_or("email");
    let place = ask.instance.place(lookup).ok_or_else(|| no_field(lookup))?;
    let mut done = Vec::new();
    for row in rows(&told)? {
        let Some(row) = row.as_object() else {
            done.push(skipped(1003, "Value for required field is missing"));
            continue;
        };
        done.push(synced(ask, row, action, place));
    }
    Ok(result(done))
}

fn synced(ask: &mut Ask, row: &Map<String, Value>, action: &str, lookup: usize) -> Value {
    let name = ask.instance.fields[lookup].name.clone();
    if let Some(unknown) = row.keys().find(|name| ask.instance.place(name).is_none()) {
        return skipped(1006, &format!("Field '{unknown}' not found"));
    }
    let Some(key) = row.get(&name).filter(|key| !key.is_null()) else {
        return skipped(1003, &format!("Value for required field '{name}' is missing"));
    };
    let found = match action {
        "createDuplicate" => None,
        _ => ask.instance.lead_with(lookup, key),
    };
    let secs = ask.secs();
    match (found, action) {
        (Some(_), "createOnly") => skipped(1005, "Lead already exists"),
        (None, "updateOnly") => skipped(1004, "Lead not found"),
        (Some(id), _) => {
            let written = row.iter().filter(|field| *field.0 != name && field.0 != "id");
            for (field, value) in written {
                ask.instance.change_because(id, field, value.clone(), API_REASON, secs);
            }
            json!({"id": id, "status": "updated"})
        }
        (None, _) if name == "id" => skipped(1004, "Lead not found"),
        (None, _) => {
            let fields: Vec<(&str, Value)> =
                row.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
            let id = ask.instance.create(&fields, API_REASON, secs);
            json!({"id": id, "status": "created"})
        }
    }
}

/// `DELETE /rest/v1/leads.json` and `POST /rest/v1/leads/delete.json`
pub(super) fn delete(ask: &mut Ask) -> Result<Answer, Answer> {
    let mut ids: Vec<Option<u64>> = ask.asked.numbers("id")?.into_iter().map(Some).collect();
    if ids.is_empty() {
        let told = ask.asked.json()?;
        ids = rows(&told)?.iter().map(|row| number(&row["id"])).collect();
    }
    let mut done = Vec::new();
    for id in ids {
        match id.filter(|id| ask.instance.find(*id).is_some()) {
            Some(id) => {
                ask.instance.delete_lead(id, ask.now);
                done.push(json!({"id": id, "status": "deleted"}));
            }
            None => done.push(skipped(1004, "Lead not found")),
        }
    }
    Ok(result(done))
}

/// A number, which callers may write as a text.
fn number(told: &Value) -> Option<u64> {
    told.as_u64().or_else(|| told.as_str()?.parse().ok())
}

/// `POST /rest/v1/leads/{id}/merge.json`
pub(super) fn merge(ask: &mut Ask, winner: u64) -> Result<Answer, Answer> {
    let mut losers = ask.asked.numbers("leadIds")?;
    losers.extend(ask.asked.numbers("leadId")?);
    if losers.is_empty() {
        return Err(missing("leadId"));
    }
    for id in losers.iter().chain([&winner]) {
        if ask.instance.find(*id).is_none() {
            return Err(refusal(1004, &format!("Lead '{id}' not found")));
        }
    }
    ask.instance.merge_leads(winner, &losers, ask.now);
    Ok(body(&json!({"requestId": "", "success": true})))
}

/// `POST /rest/v1/programs/{id}/members/status.json` and `POST /rest/v1/leads/programs/{id}/status.json`
pub(super) fn status(ask: &mut Ask, program: u64, newer: bool) -> Result<Answer, Answer> {
    let told = ask.asked.json()?;
    let (status_name, id_name) = if newer { ("statusName", "leadId") } else { ("status", "id") };
    let status = told[status_name].as_str().ok_or_else(|| missing(status_name))?.to_owned();
    let found = ask.instance.program(program);
    let found = found.ok_or_else(|| refusal(1013, "Program not found"))?;
    let Some(step) = found.channel.status(&status).map(|status| status.1) else {
        return Err(refusal(1025, "Program status not found"));
    };
    let secs = ask.secs();
    let mut done = Vec::new();
    for (seq, row) in rows(&told)?.iter().enumerate() {
        let lead = number(&row[id_name]).filter(|id| ask.instance.find(*id).is_some());
        let now_in = lead.and_then(|lead| {
            let program = ask.instance.program(program)?;
            program.find(lead).ok().map(|place| program.members[place].status.1)
        });
        let mut answer = match (lead, now_in) {
            (None, _) => skipped(1004, "Lead not found"),
            (Some(_), Some(now_in)) if now_in >= step => {
                skipped(1037, "Lead skipped because it is already in or past this status")
            }
            (Some(lead), now_in) => {
                ask.instance.set_status(program, lead, &status, API_REASON, secs);
                let outcome = if newer && now_in.is_none() { "created" } else { "updated" };
                json!({"status": outcome, id_name: lead})
            }
        };
        if newer {
            answer["seq"] = json!(seq);
        }
        done.push(answer);
    }
    Ok(result(done))
}

/// `POST /rest/v1/programs/{id}/members/delete.json`
pub(super) fn remove_members(ask: &mut Ask, program: u64) -> Result<Answer, Answer> {
    let told = ask.asked.json()?;
    let mut done = Vec::new();
    for (seq, row) in rows(&told)?.iter().enumerate() {
        let lead = number(&row["leadId"]).unwrap_or(0);
        let mut answer = match ask.instance.status_in(program, lead) {
            Some(_) => {
                ask.instance.remove_member(program, lead);
                json!({"status": "deleted", "leadId": lead})
            }
            None => skipped(1037, "Lead not in program"),
        };
        answer["seq"] = json!(seq);
        done.push(answer);
    }
    Ok(result(done))
}
