//! Cursors of v2: opaque to the caller, they tell the first row of the next page by its place in the
//! order, so that rows which come or go in between move no other.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde_json::{Value, json};

use super::refusals::invalid;
use super::server::Ask;
use super::wire::Answer;

/// Where a page begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) field: String,
    pub(super) value: i64,
    pub(super) descending: bool,
    pub(super) id: u64,
}

impl Cursor {
    /// As callers hand it back.
    pub(super) fn text(&self) -> String {
        let direction = if self.descending { "desc" } else { "asc" };
        encoded(&format!(
            "{{\"field\":\"{}\",\"fieldValue\":{},\"sortDirection\":\"{direction}\",\"id\":{}}}",
            self.field, self.value, self.id
        ))
    }

    fn read(text: &str) -> Option<Cursor> {
        let bytes = STANDARD_NO_PAD.decode(text.trim_end_matches('=')).ok()?;
        let told: Value = serde_json::from_slice(&bytes).ok()?;
        Some(Cursor {
            field: told["field"].as_str()?.to_owned(),
            value: told["fieldValue"].as_i64()?,
            descending: told["sortDirection"] == json!("desc"),
            id: told["id"].as_u64()?,
        })
    }
}

fn encoded(text: &str) -> String {
    STANDARD_NO_PAD.encode(text)
}

/// The cursor of a request; none on the first page.
pub(super) fn of(ask: &Ask) -> Result<Option<Cursor>, Answer> {
    let Some(text) = ask.request.parameter("cursor") else { return Ok(None) };
    Cursor::read(text).map(Some).ok_or_else(|| invalid("cursor", "Invalid cursor"))
}

/// A cursor that holds nothing but a number.
pub(super) fn of_place(name: &str, place: usize) -> String {
    encoded(&format!("{name}:{place}"))
}

/// The number in such a cursor; 0 on the first page.
pub(super) fn place(ask: &Ask) -> Result<usize, Answer> {
    let Some(text) = ask.request.parameter("cursor") else { return Ok(0) };
    let bytes = STANDARD_NO_PAD.decode(text.trim_end_matches('=')).unwrap_or_default();
    let told = String::from_utf8_lossy(&bytes).into_owned();
    let number = told.split_once(':').and_then(|(_, number)| number.parse().ok());
    number.ok_or_else(|| invalid("cursor", "Invalid cursor"))
}
