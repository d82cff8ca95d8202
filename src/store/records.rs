//! Records and the change log behind them.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::{StoreResult, Write, instant, on, unreadable};
use crate::domain::{Moment, Object, Record};

/// Rows of one multi-row statement; 50 to 100 were measured to be fastest.
const ROWS_PER_STATEMENT: usize = 100;
/// Ids of one look-up.
const IDS_PER_LOOKUP: usize = 500;

/// What is stored of a record already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The fingerprint of its values.
    pub fingerprint: i64,
    /// Whether it is a tombstone.
    pub deleted: bool,
}

/// A line of the change log.
#[derive(Clone, Debug, PartialEq)]
pub struct LogLine {
    /// The record after the change; its values are empty for a tombstone.
    pub record: Record,
    /// Whether it is a tombstone.
    pub deleted: bool,
    /// When it happened, as far as the record tells.
    pub event_at: Option<Moment>,
    /// The fields that differ.
    pub changed: Vec<&'static str>,
}

impl Write {
    /// What is stored of these ids.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn stored(
        &mut self,
        source: &str,
        object: Object,
        ids: &[&str],
    ) -> StoreResult<HashMap<String, Stored>> {
        let mut stored = HashMap::with_capacity(ids.len());
        for chunk in ids.chunks(IDS_PER_LOOKUP) {
            let mut query = select_ids(
                format!("SELECT id, fingerprint, deleted_ms FROM {}", object.name()),
                source,
                chunk,
            );
            let rows = query
                .build()
                .fetch_all(&mut *self.transaction)
                .await
                .map_err(on("look up records"))?;
            for row in rows {
                let deleted: Option<i64> = row.get(2);
                let entry = Stored { fingerprint: row.get(1), deleted: deleted.is_some() };
                stored.insert(row.get(0), entry);
            }
        }
        Ok(stored)
    }

    /// The stored values of these ids, and when they were found deleted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn values(
        &mut self,
        source: &str,
        object: Object,
        ids: &[&str],
    ) -> StoreResult<HashMap<String, (Record, Option<Timestamp>)>> {
        let mut records = HashMap::with_capacity(ids.len());
        for chunk in ids.chunks(IDS_PER_LOOKUP) {
            let select =
                format!("SELECT id, deleted_ms, {} FROM {}", columns(object), object.name());
            let mut query = select_ids(select, source, chunk);
            let rows = query
                .build()
                .fetch_all(&mut *self.transaction)
                .await
                .map_err(on("read records"))?;
            for row in rows {
                let id: String = row.get(0);
                let values = (2..2 + object.fields().len()).map(|column| row.get(column)).collect();
                let record = Record { object, id: id.clone(), values };
                records.insert(id, (record, deleted_at(row.get(1))));
            }
        }
        Ok(records)
    }

    /// Stores new and changed records, and takes back their tombstones.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn put(
        &mut self,
        source: &str,
        object: Object,
        records: &[&Record],
        seen: Timestamp,
    ) -> StoreResult<()> {
        let names = columns(object);
        let updates: Vec<String> = object
            .fields()
            .iter()
            .map(|(name, _)| format!("\"{name}\" = excluded.\"{name}\""))
            .collect();
        for chunk in records.chunks(ROWS_PER_STATEMENT) {
            let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(format!(
                "INSERT INTO {} (source, id, {names}, fingerprint, first_seen_ms, deleted_ms) ",
                object.name()
            ));
            query.push_values(chunk, |mut row, record| {
                row.push_bind(source).push_bind(record.id.as_str());
                for value in &record.values {
                    row.push_bind(value.as_deref());
                }
                row.push_bind(record.fingerprint()).push_bind(seen.as_millisecond()).push("NULL");
            });
            query.push(format!(
                " ON CONFLICT (source, id) DO UPDATE SET {}, fingerprint = excluded.fingerprint, \
                 deleted_ms = NULL",
                updates.join(", ")
            ));
            query.build().execute(&mut *self.transaction).await.map_err(on("store records"))?;
        }
        Ok(())
    }

    /// Turns records into tombstones.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn tombstone(
        &mut self,
        source: &str,
        object: Object,
        ids: &[String],
        seen: Timestamp,
    ) -> StoreResult<()> {
        for chunk in ids.chunks(IDS_PER_LOOKUP) {
            let mut query: QueryBuilder<Sqlite> =
                QueryBuilder::new(format!("UPDATE {} SET deleted_ms = ", object.name()));
            query.push_bind(seen.as_millisecond()).push(" WHERE source = ").push_bind(source);
            query.push(" AND deleted_ms IS NULL AND id IN (");
            let mut list = query.separated(", ");
            for id in chunk {
                list.push_bind(id);
            }
            query.push(")");
            query.build().execute(&mut *self.transaction).await.map_err(on("mark deleted"))?;
        }
        Ok(())
    }

    /// The ids of a source's living records, for reconciliation.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn living_ids(&mut self, source: &str, object: Object) -> StoreResult<Vec<String>> {
        let sql =
            format!("SELECT id FROM {} WHERE source = ? AND deleted_ms IS NULL", object.name());
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(source)
            .fetch_all(&mut *self.transaction)
            .await
            .map_err(on("list ids"))
    }

    /// Adds lines to the change log.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn log(
        &mut self,
        source: &str,
        lines: &[LogLine],
        seen: Timestamp,
    ) -> StoreResult<()> {
        for chunk in lines.chunks(ROWS_PER_STATEMENT) {
            let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
                "INSERT INTO change (source, object, id, kind, event_at, seen_ms, changed, fields) ",
            );
            query.push_values(chunk, |mut row, line| {
                row.push_bind(source)
                    .push_bind(line.record.object.name())
                    .push_bind(line.record.id.as_str())
                    .push_bind(if line.deleted { "delete" } else { "put" })
                    .push_bind(line.event_at.map(|at| at.to_string()))
                    .push_bind(seen.as_millisecond())
                    .push_bind((!line.deleted).then(|| line.changed.join(" ")))
                    .push_bind((!line.deleted).then(|| fields_json(&line.record)));
            });
            query.build().execute(&mut *self.transaction).await.map_err(on("write the log"))?;
        }
        Ok(())
    }
}

/// The quoted names of an object's columns.
pub(super) fn columns(object: Object) -> String {
    let names: Vec<String> =
        object.fields().iter().map(|(name, _)| format!("\"{name}\"")).collect();
    names.join(", ")
}

fn select_ids<'a>(select: String, source: &'a str, ids: &'a [&'a str]) -> QueryBuilder<Sqlite> {
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(select);
    query.push(" WHERE source = ").push_bind(source.to_owned()).push(" AND id IN (");
    let mut list = query.separated(", ");
    for id in ids {
        list.push_bind((*id).to_owned());
    }
    query.push(")");
    query
}

/// A record's values as a JSON object without nulls.
fn fields_json(record: &Record) -> String {
    let fields: serde_json::Map<String, serde_json::Value> = record
        .object
        .fields()
        .iter()
        .zip(&record.values)
        .filter_map(|((name, _), value)| Some(((*name).to_owned(), value.clone()?.into())))
        .collect();
    serde_json::Value::Object(fields).to_string()
}

/// A record from a line of the change log.
pub(super) fn record_from_json(object: Object, id: String, json: &str) -> StoreResult<Record> {
    let fields: HashMap<String, String> =
        serde_json::from_str(json).map_err(unreadable("read the change log"))?;
    let mut record = Record::empty(object, id);
    for (name, value) in fields {
        record.set(&name, Some(value));
    }
    Ok(record)
}

/// A tombstone's time.
pub(super) fn deleted_at(millisecond: Option<i64>) -> Option<Timestamp> {
    millisecond.map(instant)
}
