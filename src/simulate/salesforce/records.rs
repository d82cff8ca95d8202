//! Single records: reading, creating, changing and deleting them.

use serde_json::{Map, Value, json};

use super::describe::table;
use super::ids::Key;
use super::org::Org;
use super::refusals::{error, field_error, not_found};
use super::server::Ask;
use super::table::Table;
use super::wire::Answer;

/// The id in a path, whose record must be there.
fn present(ask: &Ask, name: &str, id: &str) -> Result<Key, Answer> {
    let table = table(ask.org, name)?;
    let key = Key::parse(id).filter(|key| key.prefix() == table.prefix);
    let key = key.ok_or_else(|| {
        error(404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible")
    })?;
    match table.record(key) {
        None => Err(not_found()),
        Some(record) if record.deleted => Err(error(404, "ENTITY_IS_DELETED", "entity is deleted")),
        Some(_) => Ok(key),
    }
}

/// A record, with the fields that are asked for or all.
pub(super) fn get(ask: &Ask, name: &str, id: &str) -> Result<Answer, Answer> {
    let key = present(ask, name, id)?;
    let table = table(ask.org, name)?;
    let wanted = ask.request.list("fields");
    for field in &wanted {
        column(ask.org, table, field)?;
    }
    let record = ask.org.get(name, &key.text()).ok_or_else(not_found)?;
    let mut told = Map::new();
    let url = format!("/services/data/{}/sobjects/{}/{}", ask.version, table.name, key.text());
    told.insert("attributes".to_owned(), json!({ "type": table.name, "url": url }));
    for (field, value) in record {
        let asked = wanted.is_empty()
            || field == "Id"
            || wanted.iter().any(|wanted| wanted.eq_ignore_ascii_case(&field));
        if asked {
            told.insert(field, value);
        }
    }
    Ok(Answer::json(200, Value::from(told).to_string().into_bytes()))
}

fn column<'t>(
    org: &Org,
    table: &'t Table,
    field: &str,
) -> Result<&'t super::schema::Column, Answer> {
    table.column(field).filter(|column| org.sees(column)).ok_or_else(|| {
        let message = format!("No such column '{field}' on sobject of type {}", table.name);
        error(400, "INVALID_FIELD", &message)
    })
}

/// The fields in a body, each of which the object must have and callers may set.
fn fields(ask: &Ask, table: &Table) -> Result<Vec<(String, Value)>, Answer> {
    let body: Result<Map<String, Value>, _> = serde_json::from_slice(&ask.request.body);
    let body = body.map_err(|told| {
        error(400, "JSON_PARSER_ERROR", &format!("The HTTP entity body is not JSON: {told}"))
    })?;
    let mut fields = Vec::new();
    for (name, value) in body {
        if name == "attributes" {
            continue;
        }
        let column = column(ask.org, table, &name)?;
        if !column.writable || column.calculated {
            let message = format!(
                "Unable to create/update fields: {}. Please check the security settings of this \
                 field and verify that it is read/write for your profile or permission set.",
                column.name
            );
            return Err(field_error("INVALID_FIELD_FOR_INSERT_UPDATE", &message, &[&column.name]));
        }
        if column.kind.cell(&value).is_none() {
            let kind = column.kind.name();
            let message = format!("Cannot deserialize instance of {kind} from value {value}");
            return Err(error(400, "JSON_PARSER_ERROR", &message));
        }
        fields.push((name, value));
    }
    Ok(fields)
}

fn borrowed(fields: &[(String, Value)]) -> Vec<(&str, Value)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.clone())).collect()
}

/// Creates a record.
pub(super) fn create(ask: &mut Ask, name: &str) -> Result<Answer, Answer> {
    let table = table(ask.org, name)?;
    let object = table.name;
    let fields = fields(ask, table)?;
    let set = |column: &str| {
        fields.iter().any(|(n, value)| n.eq_ignore_ascii_case(column) && !value.is_null())
    };
    let needed = table.columns.iter().filter(|column| column.required && !set(&column.name));
    let missing: Vec<&str> = needed.map(|column| column.name.as_str()).collect();
    if !missing.is_empty() {
        let message = format!("Required fields are missing: [{}]", missing.join(", "));
        return Err(field_error("REQUIRED_FIELD_MISSING", &message, &missing));
    }
    let id = ask.org.create(object, &borrowed(&fields), ask.now);
    let body = json!({ "id": id, "success": true, "errors": [] });
    Ok(Answer::json(201, body.to_string().into_bytes()))
}

/// Changes a record.
pub(super) fn update(ask: &mut Ask, name: &str, id: &str) -> Result<Answer, Answer> {
    let key = present(ask, name, id)?;
    let table = table(ask.org, name)?;
    let object = table.name;
    let fields = fields(ask, table)?;
    ask.org.update(object, &key.text(), &borrowed(&fields), ask.now);
    Ok(Answer::json(204, Vec::new()))
}

/// Puts a record in the recycle bin.
pub(super) fn delete(ask: &mut Ask, name: &str, id: &str) -> Result<Answer, Answer> {
    let key = present(ask, name, id)?;
    let object = table(ask.org, name)?.name;
    ask.org.delete(object, &key.text(), ask.now);
    Ok(Answer::json(204, Vec::new()))
}
