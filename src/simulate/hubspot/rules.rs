//! What the vendor refuses to write. Only the write endpoints ask: a portal's own methods take
//! whatever a test wants.

use std::collections::HashSet;

use serde_json::{Value, json};

use super::object::Object;
use super::portal::Portal;
use super::unique::folded;
use super::wire::Answer;
use super::writes::{Told, told_text};

/// What is wrong with one property.
struct Wrong {
    name: String,
    code: &'static str,
    message: String,
}

/// Refuses properties that the portal does not know, and stages that no pipeline has.
pub(super) fn check_properties(portal: &Portal, object: Object, told: &Told) -> Result<(), Answer> {
    let unknown = told.keys().filter(|name| portal.source(object, name).is_none());
    let mut wrong: Vec<Wrong> = unknown
        .map(|name| Wrong {
            name: name.clone(),
            code: "PROPERTY_DOESNT_EXIST",
            message: format!("Property \"{name}\" does not exist"),
        })
        .collect();
    if object == Object::Deal {
        wrong.extend(wrong_stage(portal, told));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let results: Vec<Value> = wrong
        .iter()
        .map(|w| {
            json!({ "isValid": false, "message": w.message, "error": w.code, "name": w.name,
                    "localizedErrorMessage": w.message })
        })
        .collect();
    let details: Vec<Value> = wrong
        .iter()
        .map(|w| {
            json!({ "message": w.message, "code": w.code,
                    "context": { "propertyName": [w.name] } })
        })
        .collect();
    let message = format!("Property values were not valid: {}", json!(results));
    Err(Answer::invalid_for(&message, &details))
}

/// A pipeline that is not there, or a stage that is in none, or not in the pipeline told with it.
fn wrong_stage(portal: &Portal, told: &Told) -> Option<Wrong> {
    let value = |name: &str| told.get(name).map(told_text).filter(|text| !text.is_empty());
    let pipeline = value("pipeline");
    let possible: Vec<_> = portal
        .pipelines
        .iter()
        .filter(|p| pipeline.as_ref().is_none_or(|told| p.id == *told))
        .collect();
    let (name, told, options): (&str, String, Vec<&str>) = match (pipeline, value("dealstage")) {
        (Some(told), _) if possible.is_empty() => {
            ("pipeline", told, portal.pipelines.iter().map(|p| p.id.as_str()).collect())
        }
        (_, Some(told)) => {
            let stages = possible.iter().flat_map(|p| &p.stages);
            ("dealstage", told, stages.map(|s| s.id.as_str()).collect())
        }
        _ => return None,
    };
    let message = format!("{told} was not one of the allowed options: [{}]", options.join(", "));
    let wrong = Wrong { name: name.to_owned(), code: "INVALID_OPTION", message };
    (!options.contains(&told.as_str())).then_some(wrong)
}

/// Refuses to create contacts with an e-mail address that a live contact or another of them has.
pub(super) fn check_emails<'a>(
    portal: &Portal,
    object: Object,
    all: impl Iterator<Item = &'a Told>,
) -> Result<(), Answer> {
    if object != Object::Contact {
        return Ok(());
    }
    let emails: Vec<String> = all
        .filter_map(|told| told.get("email").map(told_text))
        .filter(|email| !email.trim().is_empty())
        .collect();
    let taken = portal.by_value(object, "email", emails.iter().map(String::as_str), false);
    let mut seen = HashSet::new();
    for email in &emails {
        let email = folded("email", email);
        if let Some(id) = taken.get(&email) {
            let message = format!("Contact already exists. Existing ID: {id}");
            return Err(Answer::error(409, "CONFLICT", &message));
        }
        if seen.contains(&email) {
            return Err(Answer::invalid(&format!("The inputs have the email {email} twice")));
        }
        seen.insert(email);
    }
    Ok(())
}
