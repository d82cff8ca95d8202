//! The change log: what a record was before each change. It is only ever added to.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::{Store, StoreResult, Write, instant, on, unreadable};
use crate::domain::{Moment, Object, Record};

/// Rows of one multi-row statement.
const ROWS_PER_STATEMENT: usize = 100;

/// A line of the change log.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// What changed.
    pub object: Object,
    /// The record.
    pub id: String,
    /// When it happened, as far as the record tells.
    pub event_at: Option<Moment>,
    /// The fields that differ, with their values before.
    pub was: Vec<(&'static str, Option<String>)>,
    /// The tombstone that the change took back.
    pub was_deleted_at: Option<Timestamp>,
}

/// What was different about a record, one change back.
pub(super) struct Undo {
    pub key: (String, String),
    changed: String,
    was: HashMap<String, String>,
    was_deleted_at: Option<Timestamp>,
}

impl Undo {
    /// Takes the change back.
    pub fn apply(&self, record: &mut Record, deleted_at: &mut Option<Timestamp>) {
        for field in self.changed.split(' ').filter(|field| !field.is_empty()) {
            record.set(field, self.was.get(field).cloned());
        }
        *deleted_at = self.was_deleted_at;
    }
}

impl Write {
    /// Adds lines to the change log.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn log(
        &mut self,
        source: &str,
        changes: &[Change],
        seen: Timestamp,
    ) -> StoreResult<()> {
        for chunk in changes.chunks(ROWS_PER_STATEMENT) {
            let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
                "INSERT INTO change (source, object, id, event_at, seen_ms, changed, was, \
                 was_deleted_ms) ",
            );
            query.push_values(chunk, |mut row, change| {
                let names: Vec<&str> = change.was.iter().map(|(name, _)| *name).collect();
                row.push_bind(source)
                    .push_bind(change.object.name())
                    .push_bind(change.id.as_str())
                    .push_bind(change.event_at.map(|at| at.to_string()))
                    .push_bind(seen.as_millisecond())
                    .push_bind(names.join(" "))
                    .push_bind(was_json(change))
                    .push_bind(change.was_deleted_at.map(Timestamp::as_millisecond));
            });
            query.build().execute(&mut *self.transaction).await.map_err(on("write the log"))?;
        }
        Ok(())
    }
}

impl Store {
    /// What changed of an object after an instant, the latest change first.
    pub(super) async fn changes_since(
        &self,
        object: Object,
        known: Timestamp,
    ) -> StoreResult<Vec<Undo>> {
        let rows = sqlx::query(
            "SELECT source, id, changed, was, was_deleted_ms FROM change
             WHERE object = ? AND seen_ms > ? ORDER BY seq DESC",
        )
        .bind(object.name())
        .bind(known.as_millisecond())
        .fetch_all(&self.pool)
        .await
        .map_err(on("read the change log"))?;
        rows.into_iter()
            .map(|row| {
                let was = serde_json::from_str(row.get::<&str, _>(3))
                    .map_err(unreadable("read the change log"))?;
                let was_deleted_at = row.get::<Option<i64>, _>(4).map(instant);
                Ok(Undo { key: (row.get(0), row.get(1)), changed: row.get(2), was, was_deleted_at })
            })
            .collect()
    }
}

/// The values before a change as a JSON object without nulls.
fn was_json(change: &Change) -> String {
    let fields: serde_json::Map<String, serde_json::Value> = change
        .was
        .iter()
        .filter_map(|(name, value)| Some(((*name).to_owned(), value.clone()?.into())))
        .collect();
    serde_json::Value::Object(fields).to_string()
}
