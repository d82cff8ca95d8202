//! How far each source has been read: cursors, completeness, faults.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::{Store, StoreResult, Write, instant, on};
use crate::domain::{Fault, Object};

/// Rows of one multi-row statement.
const ROWS_PER_STATEMENT: usize = 100;
/// Ids of one statement.
const IDS_PER_STATEMENT: usize = 500;

/// What was entered late is known for so many days.
const DAYS_WATCHED: i64 = 400;

/// How a source stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceState {
    /// How far its data is complete.
    pub complete_to: Option<Timestamp>,
    /// The start of the first sync that read everything.
    pub first_complete: Option<Timestamp>,
    /// When it was last tried.
    pub last_attempt: Option<Timestamp>,
    /// Why the last try did not read everything.
    pub last_error: Option<String>,
}

/// How many opportunities a source said that it had, beside how many were here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CountCheck {
    /// The source.
    pub source: String,
    /// When.
    pub at: Timestamp,
    /// There.
    pub there: u64,
    /// Here.
    pub here: u64,
}

impl Store {
    /// The last comparison of counts of each source.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn count_checks(&self) -> StoreResult<Vec<CountCheck>> {
        let rows = sqlx::query("SELECT source, at_ms, there, here FROM count_check")
            .fetch_all(&self.pool)
            .await
            .map_err(on("read counts"))?;
        let of = |row: sqlx::sqlite::SqliteRow| CountCheck {
            source: row.get(0),
            at: instant(row.get(1)),
            there: row.get::<i64, _>(2) as u64,
            here: row.get::<i64, _>(3) as u64,
        };
        Ok(rows.into_iter().map(of).collect())
    }

    /// The states of all sources that were ever tried.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn source_states(&self) -> StoreResult<BTreeMap<String, SourceState>> {
        let rows = sqlx::query(
            "SELECT source, complete_ms, first_complete_ms, last_attempt_ms, last_error
             FROM source_state",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(on("read the sources' states"))?;
        let at = |ms: Option<i64>| ms.map(instant);
        Ok(rows
            .into_iter()
            .map(|row| {
                let state = SourceState {
                    complete_to: at(row.get(1)),
                    first_complete: at(row.get(2)),
                    last_attempt: at(row.get(3)),
                    last_error: row.get(4),
                };
                (row.get(0), state)
            })
            .collect())
    }

    /// How far each source was complete by what was known at an instant.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn complete_known_at(
        &self,
        known: Timestamp,
    ) -> StoreResult<BTreeMap<String, Timestamp>> {
        let rows = sqlx::query(
            "SELECT source, complete_ms, max(started_ms) FROM complete_sync
             WHERE started_ms <= ? GROUP BY source",
        )
        .bind(known.as_millisecond())
        .fetch_all(&self.pool)
        .await
        .map_err(on("read complete syncs"))?;
        Ok(rows.into_iter().map(|row| (row.get(0), instant(row.get(1)))).collect())
    }

    /// The syncs of the last 400 days that read everything, by source in their order: when the last one of each
    /// hour began, and how far the source told, in milliseconds since 1970. One that runs every ten minutes has
    /// fifty thousand a year, and nobody asks to the minute.
    pub(super) async fn complete_syncs(&self) -> StoreResult<BTreeMap<String, Vec<(i64, i64)>>> {
        let mut syncs = BTreeMap::new();
        for source in self.source_states().await?.into_keys() {
            let rows: Vec<(i64, i64)> = sqlx::query_as(
                "SELECT max(started_ms), max(complete_ms) FROM complete_sync
                 WHERE source = ?1 AND started_ms >
                     (SELECT max(started_ms) FROM complete_sync WHERE source = ?1) - ?2
                 GROUP BY started_ms / 3600000 ORDER BY 1",
            )
            .bind(&source)
            .bind(DAYS_WATCHED * 86_400_000)
            .fetch_all(&self.pool)
            .await
            .map_err(on("read complete syncs"))?;
            syncs.insert(source, rows);
        }
        Ok(syncs)
    }

    /// Where a source goes on.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn cursors(&self, source: &str) -> StoreResult<BTreeMap<String, String>> {
        let rows = sqlx::query("SELECT key, value FROM cursor WHERE source = ?")
            .bind(source)
            .fetch_all(&self.pool)
            .await
            .map_err(on("read cursors"))?;
        Ok(rows.into_iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    /// Whether any fault of a source is noted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn has_faults(&self, source: &str) -> StoreResult<bool> {
        let found: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM data_fault WHERE source = ? LIMIT 1")
                .bind(source)
                .fetch_optional(&self.pool)
                .await
                .map_err(on("look for data faults"))?;
        Ok(found.is_some())
    }

    /// How many faults each source has.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn fault_counts(&self) -> StoreResult<BTreeMap<String, i64>> {
        let rows = sqlx::query_as("SELECT source, count(*) FROM data_fault GROUP BY source")
            .fetch_all(&self.pool)
            .await
            .map_err(on("count data faults"))?;
        Ok(rows.into_iter().collect())
    }

    /// The kinds of data faults of a source, how often each is there, and one's detail.
    pub async fn fault_kinds(&self, source: &str) -> StoreResult<Vec<(String, u64, String)>> {
        let rows = sqlx::query(
            "SELECT kind, count(*), min(detail) FROM data_fault WHERE source = ? GROUP BY kind
             ORDER BY count(*) DESC, kind",
        )
        .bind(source)
        .fetch_all(&self.pool)
        .await
        .map_err(on("count data faults"))?;
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        Ok(rows.into_iter().map(|row| (row.get(0), count(row.get(1)), row.get(2))).collect())
    }

    /// Every fault of every source.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn faults(&self) -> StoreResult<Vec<Fault>> {
        let rows = sqlx::query(
            "SELECT source, origin, object, record, kind, detail, line FROM data_fault
             ORDER BY source, origin, line, kind",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(on("read data faults"))?;
        Ok(rows
            .into_iter()
            .map(|row| Fault {
                source: row.get(0),
                origin: row.get(1),
                object: row.get(2),
                record: row.get(3),
                kind: row.get(4),
                detail: row.get(5),
                line: row.get(6),
            })
            .collect())
    }
}

impl Write {
    /// Notes how many opportunities a source has, there and here.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn note_count(
        &mut self,
        source: &str,
        at: Timestamp,
        there: u64,
        here: u64,
    ) -> StoreResult<()> {
        sqlx::query("INSERT OR REPLACE INTO count_check VALUES (?, ?, ?, ?)")
            .bind(source)
            .bind(at.as_millisecond())
            .bind(i64::try_from(there).unwrap_or(i64::MAX))
            .bind(i64::try_from(here).unwrap_or(i64::MAX))
            .execute(&mut *self.transaction)
            .await
            .map_err(on("note a count"))?;
        Ok(())
    }

    /// Moves a cursor.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn set_cursor(&mut self, source: &str, key: &str, value: &str) -> StoreResult<()> {
        sqlx::query(
            "INSERT INTO cursor (source, key, value) VALUES (?, ?, ?)
             ON CONFLICT (source, key) DO UPDATE SET value = excluded.value",
        )
        .bind(source)
        .bind(key)
        .bind(value)
        .execute(&mut *self.transaction)
        .await
        .map_err(on("move a cursor"))?;
        Ok(())
    }

    /// Notes faults that a pass over an origin found.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn note_faults(
        &mut self,
        faults: &[Fault],
        pass: i64,
        seen: Timestamp,
    ) -> StoreResult<()> {
        for chunk in faults.chunks(ROWS_PER_STATEMENT) {
            let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
                "INSERT INTO data_fault (source, origin, object, record, kind, detail, line, \
                 pass, first_seen_ms) ",
            );
            query.push_values(chunk, |mut row, fault| {
                row.push_bind(&fault.source)
                    .push_bind(&fault.origin)
                    .push_bind(&fault.object)
                    .push_bind(&fault.record)
                    .push_bind(&fault.kind)
                    .push_bind(&fault.detail)
                    .push_bind(fault.line)
                    .push_bind(pass)
                    .push_bind(seen.as_millisecond());
            });
            query.push(" ON CONFLICT DO UPDATE SET detail = excluded.detail, pass = excluded.pass");
            query.build().execute(&mut *self.transaction).await.map_err(on("note data faults"))?;
        }
        Ok(())
    }

    /// Forgets the faults of an origin that the pass did not find again.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn forget_faults(
        &mut self,
        source: &str,
        origin: &str,
        pass: i64,
    ) -> StoreResult<()> {
        sqlx::query("DELETE FROM data_fault WHERE source = ? AND origin = ? AND pass <> ?")
            .bind(source)
            .bind(origin)
            .bind(pass)
            .execute(&mut *self.transaction)
            .await
            .map_err(on("forget mended data faults"))?;
        Ok(())
    }

    /// Forgets the faults of records that were read again.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn forget_faults_of(
        &mut self,
        source: &str,
        object: Object,
        ids: &[&str],
    ) -> StoreResult<()> {
        for chunk in ids.chunks(IDS_PER_STATEMENT) {
            let mut query: QueryBuilder<Sqlite> =
                QueryBuilder::new("DELETE FROM data_fault WHERE source = ");
            query.push_bind(source.to_owned()).push(" AND object = ").push_bind(object.name());
            query.push(" AND record IN (");
            let mut list = query.separated(", ");
            for id in chunk {
                list.push_bind((*id).to_owned());
            }
            query.push(")");
            query
                .build()
                .execute(&mut *self.transaction)
                .await
                .map_err(on("forget mended data faults"))?;
        }
        Ok(())
    }

    /// Notes how a sync ended. Completeness only moves when everything was read.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn finish_sync(
        &mut self,
        source: &str,
        started: Timestamp,
        outcome: Result<Timestamp, &str>,
    ) -> StoreResult<()> {
        let complete_ms = outcome.ok().map(|at| at.as_millisecond());
        sqlx::query(
            "INSERT INTO source_state
                 (source, complete_ms, first_complete_ms, last_attempt_ms, last_error)
             VALUES (?1, ?2, CASE WHEN ?2 IS NULL THEN NULL ELSE ?3 END, ?3, ?4)
             ON CONFLICT (source) DO UPDATE SET
                 complete_ms = coalesce(excluded.complete_ms, complete_ms),
                 first_complete_ms = coalesce(first_complete_ms, excluded.first_complete_ms),
                 last_attempt_ms = excluded.last_attempt_ms,
                 last_error = excluded.last_error",
        )
        .bind(source)
        .bind(complete_ms)
        .bind(started.as_millisecond())
        .bind(outcome.err())
        .execute(&mut *self.transaction)
        .await
        .map_err(on("note the sync's end"))?;
        if let Some(complete_ms) = complete_ms {
            sqlx::query("INSERT OR REPLACE INTO complete_sync VALUES (?, ?, ?)")
                .bind(source)
                .bind(started.as_millisecond())
                .bind(complete_ms)
                .execute(&mut *self.transaction)
                .await
                .map_err(on("note a complete sync"))?;
        }
        Ok(())
    }
}
