//! What is wrong with a single record. It is listed and named; the rest goes on.

use serde::Serialize;

use super::Record;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The source's key.
    pub source: String,
    /// The file or the query it came from.
    pub origin: String,
    /// The object.
    pub object: String,
    /// The vendor's id, or empty where the record has none.
    pub record: String,
    /// A short name of the kind of fault.
    pub kind: String,
    /// What is wrong and what it means.
    pub detail: String,
    /// The line in the file, or 0.
    pub line: i64,
}

impl Fault {
    /// A fault of a record that `origin`, a vendor or a query, tells of.
    pub fn of(source: &str, origin: &str, record: &Record, kind: &str, detail: String) -> Fault {
        Fault {
            source: source.into(),
            origin: origin.into(),
            object: record.object.name().into(),
            record: record.id.clone(),
            kind: kind.into(),
            detail,
            line: 0,
        }
    }
}
