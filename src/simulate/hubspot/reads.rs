//! Reads of records by list, by id and in batches.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::filter::Scalar;
use super::json::{push_instant, push_number, push_text};
use super::object::Object;
use super::portal::{Portal, tie};
use super::record::Record;
use super::render::Shape;
use super::server::Ask;
use super::unique;
use super::wire::Answer;

/// Reads a JSON body, or refuses as the vendor does.
pub(super) fn body<T: DeserializeOwned>(ask: &Ask) -> Result<T, Answer> {
    serde_json::from_slice(&ask.request.body)
        .map_err(|error| Answer::invalid(&format!("Invalid input JSON: {error}")))
}

/// Reads a page's length from the query.
pub(super) fn limit(ask: &Ask, usual: usize, most: usize) -> Result<usize, Answer> {
    let Some(text) = ask.request.parameter("limit") else { return Ok(usual.min(most)) };
    match text.parse::<usize>() {
        Ok(limit) if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(Answer::invalid(&format!(
            "Invalid limit {text}: it must be a number between 1 and {most}"
        ))),
    }
}

/// Reads a page's token from the query, which here is a number.
pub(super) fn after(ask: &Ask) -> Result<u64, Answer> {
    let Some(text) = ask.request.parameter("after") else { return Ok(0) };
    text.parse().map_err(|_| Answer::invalid(&format!("Invalid paging token {text}")))
}

fn archived(ask: &Ask) -> bool {
    ask.request.flag("archived")
}

/// The shape of the rows, spoiled where a fault says so.
pub(super) fn shape(ask: &Ask, object: Object, properties: &[String], history: &[String]) -> Shape {
    let mut shape = Shape::new(ask.portal, object, properties, history);
    shape.bare_values = ask.spoil.bare_values;
    shape.bare_ids = ask.spoil.bare_ids;
    shape.links_page = ask.links_page;
    shape
}

fn shape_of_query(ask: &Ask, object: Object) -> Result<Shape, Answer> {
    let request = ask.request;
    let (properties, history) = (request.list("properties"), request.list("propertiesWithHistory"));
    let mut shape = shape(ask, object, &properties, &history);
    for name in request.list("associations") {
        let to = Object::from_path(&name)
            .ok_or_else(|| Answer::invalid(&format!("Unable to infer object type from: {name}")))?;
        shape.links.push(to);
    }
    Ok(shape)
}

/// Appends rows with commas between them.
pub(super) fn push_rows<'a>(
    out: &mut Vec<u8>,
    portal: &Portal,
    shape: &Shape,
    rows: impl Iterator<Item = &'a Record>,
) {
    for (at, record) in rows.enumerate() {
        if at > 0 {
            out.push(b',');
        }
        shape.push_row(out, portal, record);
    }
}

/// Appends where the next page begins.
pub(super) fn push_next(out: &mut Vec<u8>, after: u64, link: Option<String>) {
    out.extend_from_slice(b",\"paging\":{\"next\":{\"after\":\"");
    push_number(out, after);
    out.push(b'"');
    if let Some(link) = link {
        out.extend_from_slice(b",\"link\":");
        push_text(out, &link);
    }
    out.extend_from_slice(b"}}");
}

/// One page of the list of a kind, in the order of the ids.
pub(super) fn list(ask: &Ask, object: Object) -> Result<Answer, Answer> {
    let with_history = !ask.request.list("propertiesWithHistory").is_empty();
    let limit = limit(ask, 10, if with_history { 50 } else { 100 })?;
    let (from, archived) = (after(ask)?, archived(ask));
    let shape = shape_of_query(ask, object)?;
    let shelf = ask.portal.shelf(object);
    let listed = |record: &&Record| record.archived_ms.is_some() == archived;
    let mut rows = shelf.records.range(from..).map(|r| r.1).filter(listed);
    let mut ids: Vec<u64> = rows.by_ref().take(limit).map(|r| r.id).collect();
    let next = rows.next().and(ids.last().map(|last| last + 1));
    ask.spoil.reorder(&mut ids);
    let mut out = Vec::with_capacity(ids.len() * 512 + 128);
    out.extend_from_slice(b"{\"results\":[");
    push_rows(&mut out, ask.portal, &shape, ids.iter().filter_map(|id| shelf.records.get(id)));
    out.push(b']');
    if let Some(next) = next {
        let path = ask.request.target.split('?').next().unwrap_or_default();
        push_next(&mut out, next, Some(format!("https://api.hubapi.com{path}?after={next}")));
    }
    out.push(b'}');
    Ok(Answer::json(200, out))
}

/// One record; a merged id gives the survivor.
pub(super) fn get(ask: &Ask, object: Object, id: u64) -> Result<Answer, Answer> {
    let shape = shape_of_query(ask, object)?;
    let found = ask.portal.shelf(object).find(id);
    let Some(record) = found.filter(|r| r.archived_ms.is_some() == archived(ask)) else {
        return Err(Answer::error(404, "OBJECT_NOT_FOUND", "resource not found"));
    };
    let mut out = Vec::with_capacity(1024);
    shape.push_row(&mut out, ask.portal, record);
    Ok(Answer::json(200, out))
}

/// An input of a batch.
#[derive(Deserialize)]
pub(super) struct Input {
    id: Scalar,
    /// The page of the input's links, where the batch is one of links.
    pub(super) after: Option<Scalar>,
}

impl Input {
    /// What names the record: its id, or the value of another property.
    fn text(&self) -> String {
        self.id.text()
    }

    /// The id, which must be a number.
    pub(super) fn id(&self) -> Result<u64, Answer> {
        let text = self.text();
        text.parse().map_err(|_| Answer::invalid(&format!("Invalid id: {text}")))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BatchBody {
    inputs: Vec<Input>,
    #[serde(default)]
    properties: Vec<String>,
    #[serde(default)]
    properties_with_history: Vec<String>,
    id_property: Option<String>,
}

/// Refuses a batch of the wrong size.
pub(super) fn check_size(count: usize, most: usize) -> Result<(), Answer> {
    match count {
        0 => Err(Answer::invalid("inputs must not be empty")),
        count if count > most => Err(Answer::invalid(&format!(
            "The number of inputs ({count}) exceeds the maximum of {most}"
        ))),
        _ => Ok(()),
    }
}

/// Ends the answer of a batch: its times, and the errors, each a JSON object.
pub(super) fn end_batch(ask: &Ask, mut out: Vec<u8>, errors: &[String]) -> Answer {
    out.extend_from_slice(b"],\"startedAt\":\"");
    push_instant(&mut out, ask.now.as_millisecond());
    out.extend_from_slice(b"\",\"completedAt\":\"");
    push_instant(&mut out, ask.now.as_millisecond());
    out.push(b'"');
    if errors.is_empty() {
        out.push(b'}');
        return Answer::json(200, out);
    }
    let told = format!(",\"numErrors\":{},\"errors\":[{}]}}", errors.len(), errors.join(","));
    out.extend_from_slice(told.as_bytes());
    Answer::json(207, out)
}

/// The error of inputs that a fault makes fail.
pub(super) fn spoiled(ask: &Ask, ids: &[String]) -> Option<String> {
    let (_, category) = ask.spoil.partial.as_ref().filter(|_| !ids.is_empty())?;
    let error = serde_json::json!({
        "status": "error",
        "category": category,
        "message": "There was a problem with the request for some of the inputs.",
        "context": { "ids": ids },
    });
    Some(error.to_string())
}

/// The record that each input names, if there is one, in the order of the inputs.
fn named(ask: &Ask, object: Object, body: &BatchBody) -> Result<Vec<Option<u64>>, Answer> {
    let archived = archived(ask);
    let shelf = ask.portal.shelf(object);
    let name = match body.id_property.as_deref() {
        None | Some("hs_object_id") => {
            let live = |id| shelf.find(id).filter(|r| r.archived_ms.is_some() == archived);
            let found = |input: &Input| Ok(live(input.id()?).map(|record| record.id));
            return body.inputs.iter().map(found).collect();
        }
        Some(name) => name,
    };
    if ask.portal.source(object, name).is_none() {
        return Err(Answer::invalid(&format!("Property \"{name}\" does not exist")));
    }
    if !unique::may_name(object, name) {
        return Err(Answer::invalid(&format!("Property \"{name}\" is not a unique identifier")));
    }
    let texts: Vec<String> = body.inputs.iter().map(Input::text).collect();
    let found = ask.portal.by_value(object, name, texts.iter().map(String::as_str), archived);
    Ok(texts.iter().map(|text| found.get(&unique::folded(name, text)).copied()).collect())
}

/// Many records by id or a unique property, in an order that is not the inputs'.
pub(super) fn batch_read(ask: &Ask, object: Object) -> Result<Answer, Answer> {
    let body: BatchBody = body(ask)?;
    let most = if body.properties_with_history.is_empty() { 100 } else { 50 };
    check_size(body.inputs.len(), most)?;
    let named = named(ask, object, &body)?;
    let shape = shape(ask, object, &body.properties, &body.properties_with_history);
    let shelf = ask.portal.shelf(object);
    let (mut found, mut missing, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (at, (input, id)) in body.inputs.iter().zip(named).enumerate() {
        match id {
            _ if ask.spoil.fails(at) => failed.push(input.text()),
            Some(id) => found.push((tie(id), id)),
            None => missing.push(input.text()),
        }
    }
    found.sort_unstable();
    found.dedup();
    let mut out = Vec::with_capacity(found.len() * 512 + 128);
    out.extend_from_slice(b"{\"status\":\"COMPLETE\",\"results\":[");
    let rows = found.iter().filter_map(|key| shelf.records.get(&key.1));
    push_rows(&mut out, ask.portal, &shape, rows);
    let mut errors: Vec<String> = spoiled(ask, &failed).into_iter().collect();
    if !missing.is_empty() {
        let kind = object.singular().to_uppercase();
        let error = serde_json::json!({
            "status": "error",
            "category": "OBJECT_NOT_FOUND",
            "message": format!(
                "Could not get some {kind} objects, they may be deleted or not exist. \
                 Check that ids are valid."
            ),
            "context": { "ids": missing },
        });
        errors.push(error.to_string());
    }
    Ok(end_batch(ask, out, &errors))
}
