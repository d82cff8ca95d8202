//! Records, and what is read of them to merge a page.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Row, Sqlite, sqlite::SqliteRow};

use super::{Store, StoreResult, Write, instant, on};
use crate::domain::{Object, Record};

/// Rows of one multi-row statement. Larger ones spare the change of threads that each one costs.
const ROWS_PER_PUT: usize = 300;
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

/// A record that the source no longer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The record.
    pub id: String,
    /// When it went.
    pub at: Timestamp,
    /// The record that it was merged into.
    pub merged_into: Option<String>,
}

/// Stored records by id, with the time of their tombstone.
pub type Loaded = HashMap<String, (Record, Option<Timestamp>)>;

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
            let mut query = select_where(
                format!("SELECT id, fingerprint, deleted_ms FROM {}", object.name()),
                source,
                "id",
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
    ) -> StoreResult<Loaded> {
        self.values_where(source, object, "id", ids).await
    }

    /// The stored records whose field has one of these values.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn values_where(
        &mut self,
        source: &str,
        object: Object,
        field: &str,
        values: &[&str],
    ) -> StoreResult<Loaded> {
        let mut records = HashMap::with_capacity(values.len());
        for chunk in values.chunks(IDS_PER_LOOKUP) {
            let name = object.name();
            // Without statistics SQLite takes the primary key, whose first column is the source: it
            // would look at every record of it.
            let index =
                if field == "id" { String::new() } else { format!(" INDEXED BY {name}_{field}") };
            let select = format!("SELECT id, deleted_ms, {} FROM {name}{index}", columns(object));
            let mut query = select_where(select, source, field, chunk);
            let rows = query
                .build()
                .fetch_all(&mut *self.transaction)
                .await
                .map_err(on("read records"))?;
            records.extend(rows.iter().map(|row| loaded(object, row)));
        }
        Ok(records)
    }

    /// The next records of a source after an id, in the order of the ids.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn records_after(
        &mut self,
        source: &str,
        object: Object,
        id: &str,
        limit: i64,
    ) -> StoreResult<Loaded> {
        let sql = format!(
            "SELECT id, deleted_ms, {} FROM {} WHERE source = ? AND id > ? ORDER BY id LIMIT ?",
            columns(object),
            object.name()
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(source)
            .bind(id)
            .bind(limit)
            .fetch_all(&mut *self.transaction)
            .await
            .map_err(on("read records"))?;
        Ok(rows.iter().map(|row| loaded(object, row)).collect())
    }

    /// The sources that anything is stored of.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn sources_of(&mut self, object: Object) -> StoreResult<Vec<String>> {
        let sql = format!("SELECT DISTINCT source FROM {}", object.name());
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .fetch_all(&mut *self.transaction)
            .await
            .map_err(on("list sources"))
    }

    /// Stores new and changed records, and takes back their tombstones. `differs` says for each field
    /// whether it differs in any record that is stored: an index over the others is left alone.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn put(
        &mut self,
        source: &str,
        object: Object,
        records: &[Record],
        differs: &[bool],
        seen: Timestamp,
    ) -> StoreResult<()> {
        let names = columns(object);
        let updates: String = object
            .fields()
            .iter()
            .zip(differs)
            .filter(|(_, differs)| **differs)
            .map(|((name, _), _)| format!("\"{name}\" = excluded.\"{name}\", "))
            .collect();
        let merged = if knows_merges(object) { ", merged_into = NULL" } else { "" };
        let insert = format!(
            "INSERT INTO {} (source, id, {names}, fingerprint, first_seen_ms, deleted_ms) ",
            object.name()
        );
        let update = format!(
            " ON CONFLICT (source, id) DO UPDATE SET {updates}fingerprint = excluded.fingerprint, \
             deleted_ms = NULL{merged}"
        );
        let row = format!("({}?, ?, ?, ?, NULL)", "?, ".repeat(object.fields().len()));
        let sql_of = |rows: usize| {
            format!("{insert} VALUES {}{update}", vec![row.as_str(); rows].join(", "))
        };
        let full = sql_of(ROWS_PER_PUT.min(records.len()));
        let statement = |chunk: Option<&[Record]>| {
            let chunk = chunk?;
            let sql = if chunk.len() == ROWS_PER_PUT { full.clone() } else { sql_of(chunk.len()) };
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
            for record in chunk {
                query = query.bind(source).bind(record.id.as_str());
                for value in &record.values {
                    query = query.bind(value.as_deref());
                }
                query = query.bind(record.fingerprint()).bind(seen.as_millisecond());
            }
            Some(query)
        };
        let mut chunks = records.chunks(ROWS_PER_PUT);
        let mut next = statement(chunks.next());
        while let Some(query) = next {
            // While SQLite works on one statement, in its own thread, the next one is built.
            let storing = query.execute(&mut *self.transaction);
            let (stored, following) = tokio::join!(storing, async { statement(chunks.next()) });
            stored.map_err(on("store records"))?;
            next = following;
        }
        Ok(())
    }

    /// Turns living records into tombstones.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn bury(
        &mut self,
        source: &str,
        object: Object,
        gone: &[Tombstone],
    ) -> StoreResult<()> {
        let mut alike: HashMap<(i64, Option<&str>), Vec<&str>> = HashMap::new();
        for stone in gone {
            let key = (stone.at.as_millisecond(), stone.merged_into.as_deref());
            alike.entry(key).or_default().push(&stone.id);
        }
        for ((at, into), ids) in alike {
            for chunk in ids.chunks(IDS_PER_LOOKUP) {
                let mut query: QueryBuilder<Sqlite> =
                    QueryBuilder::new(format!("UPDATE {} SET deleted_ms = ", object.name()));
                query.push_bind(at);
                if knows_merges(object) {
                    query.push(", merged_into = ").push_bind(into.map(str::to_owned));
                }
                query.push(" WHERE source = ").push_bind(source.to_owned());
                query.push(" AND deleted_ms IS NULL AND id IN (");
                let mut list = query.separated(", ");
                for id in chunk {
                    list.push_bind((*id).to_owned());
                }
                query.push(")");
                query.build().execute(&mut *self.transaction).await.map_err(on("mark deleted"))?;
            }
        }
        Ok(())
    }
}

impl Store {
    /// How many records of a source are not deleted; with `before`, of those that were created before it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn count_living(
        &self,
        source: &str,
        object: Object,
        before: Option<Timestamp>,
    ) -> StoreResult<u64> {
        let sql = format!(
            "SELECT count(*) FROM {} WHERE source = ?1 AND deleted_ms IS NULL
             AND (?2 IS NULL OR created_at < ?2)",
            object.name()
        );
        let count: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(source)
            .bind(before.map(|at| at.to_string()))
            .fetch_one(&self.pool)
            .await
            .map_err(on("count records"))?;
        Ok(count as u64)
    }

    /// The ids of a source's living records, for reconciliation.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn living_ids(&self, source: &str, object: Object) -> StoreResult<Vec<String>> {
        let sql =
            format!("SELECT id FROM {} WHERE source = ? AND deleted_ms IS NULL", object.name());
        sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(source)
            .fetch_all(&self.pool)
            .await
            .map_err(on("list ids"))
    }

    /// The leads that a source's opportunities name, gone ones included.
    pub async fn named_leads(&self, source: &str) -> StoreResult<Vec<String>> {
        sqlx::query_scalar(
            "SELECT DISTINCT lead FROM opportunity WHERE source = ? AND lead IS NOT NULL",
        )
        .bind(source)
        .fetch_all(&self.pool)
        .await
        .map_err(on("list the leads of opportunities"))
    }
}

/// A record from a row of `id`, `deleted_ms` and its fields.
fn loaded(object: Object, row: &SqliteRow) -> (String, (Record, Option<Timestamp>)) {
    let id: String = row.get(0);
    (id.clone(), (record_at(object, id, row, 2), deleted_at(row.get(1))))
}

/// A record whose fields begin at a column.
pub(super) fn record_at(object: Object, id: String, row: &SqliteRow, first: usize) -> Record {
    let values = (first..first + object.fields().len()).map(|column| row.get(column)).collect();
    Record { object, id, values }
}

/// Whether an object's tombstones can name a survivor.
pub(super) fn knows_merges(object: Object) -> bool {
    matches!(object, Object::Lead | Object::Opportunity)
}

/// The quoted names of an object's columns.
pub(super) fn columns(object: Object) -> String {
    let names: Vec<String> =
        object.fields().iter().map(|(name, _)| format!("\"{name}\"")).collect();
    names.join(", ")
}

fn select_where<'a>(
    select: String,
    source: &'a str,
    column: &str,
    values: &'a [&'a str],
) -> QueryBuilder<Sqlite> {
    let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(select);
    query.push(" WHERE source = ").push_bind(source.to_owned());
    query.push(format!(" AND \"{column}\" IN ("));
    let mut list = query.separated(", ");
    for value in values {
        list.push_bind((*value).to_owned());
    }
    query.push(")");
    query
}

/// A tombstone's time.
pub(super) fn deleted_at(millisecond: Option<i64>) -> Option<Timestamp> {
    millisecond.map(instant)
}
