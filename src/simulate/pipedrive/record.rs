//! One record: what was filled in, when it came and last changed, and whether it is still there.

use std::sync::Arc;

use serde_json::Value;

use super::catalog::Kind;

/// A record. Times are in milliseconds.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) number: u64,
    /// Some old records have none.
    pub(super) added: Option<i64>,
    pub(super) updated: i64,
    pub(super) archived: Option<i64>,
    pub(super) deleted: Option<i64>,
    fields: Vec<(Arc<str>, Value)>,
}

impl Record {
    /// A record that holds nothing yet.
    pub(super) fn new(number: u64, at: i64) -> Record {
        Record {
            number,
            added: Some(at),
            updated: at,
            archived: None,
            deleted: None,
            fields: Vec::new(),
        }
    }

    /// What a field was filled with.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.fields.iter().find(|field| &*field.0 == name).map(|field| &field.1)
    }

    /// A number in a field.
    pub(super) fn number_of(&self, name: &str) -> Option<u64> {
        self.get(name).and_then(Value::as_u64)
    }

    /// A text in a field; empty where there is none.
    pub(super) fn text_of(&self, name: &str) -> &str {
        self.get(name).and_then(Value::as_str).unwrap_or("")
    }

    /// Fills a field.
    pub(super) fn set(&mut self, name: Arc<str>, value: Value) {
        match self.fields.iter_mut().find(|field| field.0 == name) {
            Some(field) => field.1 = value,
            None => self.fields.push((name, value)),
        }
    }

    /// Everything that was filled in.
    pub(super) fn filled(&self) -> impl Iterator<Item = (&Arc<str>, &Value)> {
        self.fields.iter().map(|field| (&field.0, &field.1))
    }

    /// Gives back the memory that it will not need.
    pub(super) fn shrink(&mut self) {
        self.fields.shrink_to_fit();
    }

    /// The state of a deal, which a deletion replaces.
    pub(super) fn status(&self) -> &str {
        match (self.deleted, self.text_of("status")) {
            (Some(_), _) => "deleted",
            (None, "") => "open",
            (None, status) => status,
        }
    }
}

/// The id by which callers know a record: leads have UUIDs, which are made of their number here.
pub(super) fn id_of(kind: Kind, number: u64) -> String {
    if kind == Kind::Lead { uuid(number) } else { number.to_string() }
}

/// The number of a record, of its id.
pub(super) fn number_of(kind: Kind, id: &str) -> Option<u64> {
    if kind != Kind::Lead {
        return id.parse().ok();
    }
    let number = u64::from_str_radix(id.get(24..)?, 16).ok()?;
    (id.eq_ignore_ascii_case(&uuid(number))).then_some(number)
}

/// A UUID that looks drawn, and ends with the number.
pub(super) fn uuid(number: u64) -> String {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let (first, second, third) = (mixed >> 32, mixed >> 16 & 0xffff, mixed & 0xfff);
    let fourth = mixed >> 40 & 0xfff;
    format!(
        "{first:08x}-{second:04x}-4{third:03x}-8{fourth:03x}-{:012x}",
        number & 0xffff_ffff_ffff
    )
}
