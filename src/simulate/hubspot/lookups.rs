//! Reads of what is no record: associations, owners, pipelines, and the list of properties.

use serde::Deserialize;
use serde_json::{Value, json};

use super::catalog::{Owner, Pipeline, Stage, property_type, standard_properties};
use super::json::{instant, push_id, push_text};
use super::object::Object;
use super::reads::{Input, after, body, check_size, end_batch, limit, spoiled};
use super::server::Ask;
use super::wire::Answer;

#[derive(Deserialize)]
struct LinksBody {
    inputs: Vec<Input>,
}

fn json_answer(value: &Value) -> Answer {
    Answer::json(200, value.to_string().into_bytes())
}

fn not_found(what: &str) -> Answer {
    Answer::error(404, "OBJECT_NOT_FOUND", what)
}

/// Appends one page of links, from an offset on; returns the next offset, if there is more.
fn push_links(
    out: &mut Vec<u8>,
    ask: &Ask,
    (from, to, numeric): (Object, Object, bool),
    ids: &[u64],
    offset: usize,
    page: usize,
) -> Option<usize> {
    for (at, id) in ids.iter().skip(offset).take(page).enumerate() {
        out.extend_from_slice(if at > 0 { b",{\"toObjectId\":" } else { b"{\"toObjectId\":" });
        push_id(out, *id, numeric || ask.spoil.bare_ids);
        let kind = format!(
            ",\"associationTypes\":[{{\"category\":\"HUBSPOT_DEFINED\",\"typeId\":{},\
             \"label\":null}}]}}",
            from.link_type(to)
        );
        out.extend_from_slice(kind.as_bytes());
    }
    Some(offset.saturating_add(page)).filter(|next| *next < ids.len())
}

/// The links of many records, each with a page of its own.
pub(super) fn links_batch(
    ask: &Ask,
    from: Object,
    to: Object,
    numeric: bool,
) -> Result<Answer, Answer> {
    let body: LinksBody = body(ask)?;
    check_size(body.inputs.len(), 1000)?;
    let mut out = b"{\"status\":\"COMPLETE\",\"results\":[".to_vec();
    let (mut errors, mut failed, mut rows) = (Vec::new(), Vec::new(), 0);
    for (at, input) in body.inputs.iter().enumerate() {
        let id = input.id()?;
        if ask.spoil.fails(at) {
            failed.push(id.to_string());
            continue;
        }
        let offset = match &input.after {
            None => 0,
            Some(after) => {
                let after = after.text();
                after.parse().map_err(|_| Answer::invalid(&format!("Invalid after {after}")))?
            }
        };
        let ids = ask.portal.linked((from, id), to);
        if ids.is_empty() {
            errors.push(no_links(from, id, to));
            continue;
        }
        out.extend_from_slice(if rows > 0 {
            b",{\"from\":{\"id\":"
        } else {
            b"{\"from\":{\"id\":"
        });
        rows += 1;
        push_id(&mut out, id, ask.spoil.bare_ids);
        out.extend_from_slice(b"},\"to\":[");
        let next = push_links(&mut out, ask, (from, to, numeric), &ids, offset, ask.links_page);
        out.push(b']');
        if let Some(next) = next {
            let paging = format!(
                ",\"paging\":{{\"next\":{{\"after\":\"{next}\",\"link\":\"?after={next}\"}}}}"
            );
            out.extend_from_slice(paging.as_bytes());
        }
        out.push(b'}');
    }
    errors.extend(spoiled(ask, &failed));
    Ok(end_batch(ask, out, &errors))
}

fn no_links(from: Object, id: u64, to: Object) -> String {
    let error = json!({
        "status": "error",
        "category": "OBJECT_NOT_FOUND",
        "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
        "message": format!("No {} is associated with {} {id}.", to.singular(), from.singular()),
        "context": {
            "fromObjectId": [id.to_string()],
            "fromObjectType": [from.singular()],
            "toObjectType": [to.singular()],
        },
    });
    error.to_string()
}

/// The links of one record.
pub(super) fn links_of(
    ask: &Ask,
    (from, id): (Object, u64),
    to: Object,
    numeric: bool,
    brief: bool,
) -> Result<Answer, Answer> {
    let page = limit(ask, 500, 500)?.min(ask.links_page);
    let offset = usize::try_from(after(ask)?).unwrap_or(usize::MAX);
    if ask.portal.shelf(from).find(id).is_none() {
        return Err(not_found("resource not found"));
    }
    let ids = ask.portal.linked((from, id), to);
    let mut out = b"{\"results\":[".to_vec();
    let next = if brief {
        for (at, id) in ids.iter().skip(offset).take(page).enumerate() {
            out.extend_from_slice(if at > 0 { b",{\"id\":" } else { b"{\"id\":" });
            push_id(&mut out, *id, ask.spoil.bare_ids);
            out.extend_from_slice(b",\"type\":");
            push_text(&mut out, &format!("{}_to_{}", from.singular(), to.singular()));
            out.push(b'}');
        }
        Some(offset.saturating_add(page)).filter(|next| *next < ids.len())
    } else {
        push_links(&mut out, ask, (from, to, numeric), &ids, offset, page)
    };
    out.push(b']');
    if let Some(next) = next {
        out.extend_from_slice(
            format!(",\"paging\":{{\"next\":{{\"after\":\"{next}\"}}}}").as_bytes(),
        );
    }
    out.push(b'}');
    Ok(Answer::json(200, out))
}

fn owner_value(ask: &Ask, owner: &Owner) -> Value {
    let (first, last) = owner.name.split_once(' ').unwrap_or((owner.name.as_str(), ""));
    let made = "2020-01-01T00:00:00.000Z";
    json!({
        "id": if ask.spoil.bare_ids { json!(owner.id) } else { json!(owner.id.to_string()) },
        "email": owner.email,
        "type": "PERSON",
        "firstName": first,
        "lastName": last,
        // A deactivated user keeps the id under the second name alone.
        "userId": if owner.archived { Value::Null } else { json!(owner.user_id()) },
        "userIdIncludingInactive": owner.user_id(),
        "createdAt": made,
        "updatedAt": made,
        "archived": owner.archived,
    })
}

/// One page of owners; deactivated ones are a listing of their own.
pub(super) fn owners(ask: &Ask) -> Result<Answer, Answer> {
    let limit = limit(ask, 100, 500)?;
    let from = after(ask)?;
    let archived = ask.request.flag("archived");
    let email = ask.request.parameter("email");
    let mut rows = ask.portal.owners.range(from..).map(|o| o.1).filter(|owner| {
        owner.archived == archived && email.is_none_or(|e| owner.email.eq_ignore_ascii_case(e))
    });
    let page: Vec<&Owner> = rows.by_ref().take(limit).collect();
    let next = rows.next().and(page.last().map(|last| last.id + 1));
    let results: Vec<Value> = page.iter().map(|owner| owner_value(ask, owner)).collect();
    let mut value = json!({ "results": results });
    if let Some(next) = next {
        value["paging"] = json!({ "next": { "after": next.to_string() } });
    }
    Ok(json_answer(&value))
}

/// One owner, by the owner id or by the user id.
pub(super) fn owner(ask: &Ask, id: u64) -> Result<Answer, Answer> {
    let archived = ask.request.flag("archived");
    let owner = match ask.request.parameter("idProperty") {
        None | Some("id") => ask.portal.owners.get(&id),
        Some("userId") => ask.portal.owners.values().find(|owner| owner.user_id() == id),
        Some(other) => {
            let told = format!("idProperty {other} is none of id, userId");
            return Err(Answer::invalid(&told));
        }
    };
    let owner = owner.filter(|owner| owner.archived == archived);
    let owner = owner.ok_or_else(|| not_found("resource not found"))?;
    Ok(json_answer(&owner_value(ask, owner)))
}

fn stage_value(at: usize, stage: &Stage) -> Value {
    json!({
        "id": stage.id,
        "label": stage.label,
        "displayOrder": at,
        "metadata": {
            "isClosed": stage.is_closed.to_string(),
            "probability": stage.probability,
        },
        "createdAt": instant(0),
        "updatedAt": instant(0),
        "archived": false,
    })
}

fn stage_values(pipeline: &Pipeline) -> Vec<Value> {
    pipeline.stages.iter().enumerate().map(|(at, stage)| stage_value(at, stage)).collect()
}

fn pipeline_value(at: usize, pipeline: &Pipeline) -> Value {
    json!({
        "id": pipeline.id,
        "label": pipeline.label,
        "displayOrder": at,
        "stages": stage_values(pipeline),
        "createdAt": instant(0),
        "updatedAt": instant(0),
        "archived": false,
    })
}

/// Pipelines, one of them, its stages, or one of those; only deals have any here.
pub(super) fn pipelines(ask: &Ask, object: Object, rest: &[String]) -> Result<Answer, Answer> {
    let all: &[Pipeline] = if object == Object::Deal { &ask.portal.pipelines } else { &[] };
    let find = |id: &String| {
        let found = all.iter().enumerate().find(|(_, p)| p.id == *id);
        found.ok_or_else(|| not_found("The pipeline does not exist"))
    };
    let value = match rest {
        [] => {
            let results: Vec<Value> =
                all.iter().enumerate().map(|(at, p)| pipeline_value(at, p)).collect();
            json!({ "results": results })
        }
        [id] => {
            let (at, pipeline) = find(id)?;
            pipeline_value(at, pipeline)
        }
        [id, word] if word == "stages" => json!({ "results": stage_values(find(id)?.1) }),
        [id, word, stage] if word == "stages" => {
            let mut stages = find(id)?.1.stages.iter().enumerate();
            let found = stages.find(|(_, s)| s.id == *stage);
            let (at, stage) = found.ok_or_else(|| not_found("The stage does not exist"))?;
            stage_value(at, stage)
        }
        _ => return Err(not_found("resource not found")),
    };
    Ok(json_answer(&value))
}

fn property_value(object: Object, name: &str) -> Value {
    let (kind, field) = property_type(name);
    let standard = standard_properties(object).contains(&name);
    json!({
        "name": name,
        "label": name.replace('_', " "),
        "type": kind,
        "fieldType": field,
        "description": "",
        "groupName": format!("{}information", object.singular()),
        "options": [],
        "displayOrder": -1,
        "calculated": false,
        "externalOptions": name == "hubspot_owner_id",
        "hasUniqueValue": false,
        "hidden": false,
        "hubspotDefined": standard,
        "formField": false,
        "archived": false,
    })
}

/// The properties of a kind, or one of them.
pub(super) fn properties(ask: &Ask, object: Object, name: Option<&str>) -> Result<Answer, Answer> {
    if let Some(name) = name {
        return match ask.portal.source(object, name) {
            Some(_) => Ok(json_answer(&property_value(object, name))),
            None => Err(not_found(&format!("Property {name} does not exist"))),
        };
    }
    let used = ask.portal.shelf(object).names.iter().map(|number| ask.portal.names.text(*number));
    let mut names: Vec<&str> = used.chain(standard_properties(object).iter().copied()).collect();
    names.sort_unstable();
    names.dedup();
    let results: Vec<Value> = names.into_iter().map(|n| property_value(object, n)).collect();
    Ok(json_answer(&json!({ "results": results })))
}
