//! What Marketo answers, and how it writes times: pure.

use jiff::{Timestamp, fmt::temporal::DateTimeParser};
use serde_json::Value;

use super::vendor::Failure;

/// A page of an answer.
#[derive(Debug, Default)]
pub struct Listed {
    /// The records.
    pub items: Vec<Value>,
    /// Where to go on; given also at the end of a feed.
    pub next: Option<String>,
    /// Whether there is more now. A page of a feed may be empty and not the last.
    pub more: bool,
}

/// Reads an answer, or the error that the one who asked deals with.
///
/// # Errors
/// What is no answer of Marketo's.
pub fn listed(body: &[u8]) -> Result<Result<Listed, Failure>, String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    if let Some(failure) = Failure::of(&value) {
        return Ok(Err(failure));
    }
    if value.get("success").and_then(Value::as_bool) != Some(true) {
        return Err("it does not say that it is a success".into());
    }
    let items = match value.get("result") {
        // Nothing is found: the reason is among the warnings.
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(items)) => items.clone(),
        Some(_) => return Err("`result` is no list".into()),
    };
    let next = text(&value, "nextPageToken");
    let more = value.get("moreResult").and_then(Value::as_bool).unwrap_or(false);
    if more && next.is_none() {
        return Err("there is more, and it does not say where".into());
    }
    Ok(Ok(Listed { items, next, more }))
}

/// A value as text; nothing where it is null or blank.
pub fn text(value: &Value, name: &str) -> Option<String> {
    match value.get(name)? {
        Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// An attribute of an activity: a list of names and values in answers, an object in files.
pub fn attribute(activity: &Value, name: &str) -> Option<String> {
    match activity.get("attributes")? {
        Value::Array(all) => {
            let named = |one: &&Value| {
                [text(one, "name"), text(one, "apiName")].iter().flatten().any(|own| own == name)
            };
            all.iter().find(named).and_then(|one| text(one, "value"))
        }
        object => text(object, name),
    }
}

/// A time in any of Marketo's forms: `2026-11-20T09:30:00Z`, `…+0000`, and, of assets, `…Z+0000`.
pub fn instant(text: &str) -> Option<Timestamp> {
    static PARSER: DateTimeParser = DateTimeParser::new();
    let text = text.trim();
    let text = text.strip_suffix("Z+0000").map_or_else(|| text.to_owned(), |at| format!("{at}Z"));
    if let Ok(at) = PARSER.parse_timestamp(&text) {
        return Some(at);
    }
    let zoned = jiff::fmt::strtime::parse("%Y-%m-%dT%H:%M:%S%.f%z", &text).ok()?;
    zoned.to_timestamp().ok()
}

/// A time as filters take it: whole seconds.
pub fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_come_in_three_forms() {
        let at = |text: &str| instant(text).map(|at| at.to_string());
        let told = Some("2015-05-21T22:45:13Z".to_owned());
        assert_eq!(at("2015-05-21T22:45:13Z"), told);
        assert_eq!(at("2015-05-21T22:45:13Z+0000"), told);
        assert_eq!(at("2015-05-21T17:45:13-0500"), told);
        assert_eq!(at("2015-05-21T22:45:13.000+0000"), told);
        assert_eq!(at("yesterday"), None);
    }

    #[test]
    fn an_empty_page_may_not_be_the_last() {
        let page = br#"{"success":true,"nextPageToken":"abc====","moreResult":true}"#;
        let page = listed(page).unwrap().unwrap();
        assert_eq!((page.items.len(), page.more, page.next.as_deref()), (0, true, Some("abc====")));
        assert!(listed(br#"{"success":true,"moreResult":true}"#).is_err());
        assert!(listed(br#"{"result":[]}"#).is_err());
        let refused = br#"{"success":false,"errors":[{"code":"1035","message":"m"}]}"#;
        assert_eq!(listed(refused).unwrap().unwrap_err().code, "1035");
    }

    #[test]
    fn attributes_come_as_a_list_and_as_an_object() {
        let list = json!({"attributes": [{"name": "New Value", "value": "MQL"}]});
        let object = json!({"attributes": {"New Value": "MQL"}});
        assert_eq!(attribute(&list, "New Value").as_deref(), Some("MQL"));
        assert_eq!(attribute(&object, "New Value").as_deref(), Some("MQL"));
        assert_eq!(attribute(&object, "Old Value"), None);
    }
}
