//! Reads requests as Google's parser does: names in either spelling, whole numbers as numbers or as
//! texts, values of enumerations by name or by number, and nothing that is not in the schema.

use serde_json::{Map, Value};

use super::refusals::{bad_field, bad_json};
use super::wire::Answer;

/// A body with the names in their usual spelling. An empty one is an empty message.
pub(super) fn read(body: &[u8]) -> Result<Value, Answer> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_slice(body) {
        Ok(value @ Value::Object(_)) => Ok(renamed(value)),
        Ok(_) => Err(bad_json("Root element must be a message.")),
        Err(_) => Err(bad_json("Unexpected token.")),
    }
}

fn renamed(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields.into_iter().map(|(name, value)| (usual(&name), renamed(value))).collect(),
        ),
        Value::Array(items) => Value::Array(items.into_iter().map(renamed).collect()),
        other => other,
    }
}

fn usual(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut raise = false;
    for character in name.chars() {
        match character {
            '_' => raise = true,
            _ if raise => {
                out.push(character.to_ascii_uppercase());
                raise = false;
            }
            _ => out.push(character),
        }
    }
    out
}

/// Refuses what has fields that are not in the schema, or is no message.
pub(super) fn only(message: &Value, place: &str, names: &[&str]) -> Result<(), Answer> {
    let Value::Object(fields) = message else {
        return Err(bad_field(place, "Proto field is not repeating or is no message"));
    };
    let at = if place.is_empty() { String::new() } else { format!(" at '{place}'") };
    match fields.keys().find(|name| !names.contains(&name.as_str())) {
        Some(name) => Err(bad_json(&format!("Unknown name \"{name}\"{at}: Cannot find field."))),
        None => Ok(()),
    }
}

/// The items of a field that repeats.
pub(super) fn items<'m>(message: &'m Value, name: &str) -> Result<&'m [Value], Answer> {
    match &message[name] {
        Value::Null => Ok(&[]),
        Value::Array(items) => Ok(items),
        _ => Err(bad_field(name, "Proto field is not repeating, cannot start list.")),
    }
}

/// A text; empty where it is absent.
pub(super) fn text<'m>(message: &'m Value, name: &str) -> Result<&'m str, Answer> {
    match &message[name] {
        Value::Null => Ok(""),
        Value::String(text) => Ok(text),
        other => Err(bad_field(name, &format!("Invalid value (TYPE_STRING), {other}"))),
    }
}

/// A whole number; 0 where it is absent.
pub(super) fn whole(message: &Value, name: &str) -> Result<i64, Answer> {
    let number = match &message[name] {
        Value::Null => Some(0),
        Value::String(text) => text.parse().ok(),
        Value::Number(number) => number.as_i64(),
        _ => None,
    };
    number.ok_or_else(|| bad_field(name, &format!("Invalid value (TYPE_INT64), {}", message[name])))
}

/// True or false; false where it is absent.
pub(super) fn flag(message: &Value, name: &str) -> Result<bool, Answer> {
    match &message[name] {
        Value::Null => Ok(false),
        Value::Bool(flag) => Ok(*flag),
        other => Err(bad_field(name, &format!("Invalid value (TYPE_BOOL), {other}"))),
    }
}

/// Letters without underscores, as names of enumerations are compared where either spelling is good.
pub(super) fn plain(name: &str) -> String {
    name.chars().filter(|c| *c != '_').flat_map(char::to_lowercase).collect()
}

/// The place of a value in an enumeration, by its name or its number; the first where it is absent.
pub(super) fn choice(value: &Value, place: &str, names: &[&str]) -> Result<usize, Answer> {
    let found = match value {
        Value::Null => Some(0),
        Value::String(told) => names.iter().position(|name| plain(name) == plain(told)),
        Value::Number(number) => {
            number.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n < names.len())
        }
        _ => None,
    };
    found.ok_or_else(|| bad_field(place, &format!("Invalid value (TYPE_ENUM), {value}")))
}
