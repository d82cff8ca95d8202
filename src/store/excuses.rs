//! Hand-offs that somebody took out of the count.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::Row;

use super::{Store, StoreResult, Write, on};
use crate::domain::RecordKey;

/// Who excused a hand-off, why and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExcuseRow {
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
}

impl Store {
    /// All excuses that were given by an instant.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn excuses(
        &self,
        until: Timestamp,
    ) -> StoreResult<BTreeMap<(RecordKey, i64), ExcuseRow>> {
        let rows = sqlx::query(
            "SELECT source, opportunity, sequence, by_whom, reason, at_ms FROM excuse
             WHERE at_ms <= ?",
        )
        .bind(until.as_millisecond())
        .fetch_all(&self.pool)
        .await
        .map_err(on("read excuses"))?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let key = RecordKey { source: row.get(0), id: row.get(1) };
                let excuse = ExcuseRow { by: row.get(3), reason: row.get(4), at_ms: row.get(5) };
                ((key, row.get(2)), excuse)
            })
            .collect())
    }
}

impl Write {
    /// Stores an excuse; the last one counts.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn excuse(
        &mut self,
        key: &RecordKey,
        sequence: i64,
        by: &str,
        reason: &str,
        at: Timestamp,
    ) -> StoreResult<()> {
        sqlx::query("INSERT OR REPLACE INTO excuse VALUES (?, ?, ?, ?, ?, ?)")
            .bind(&key.source)
            .bind(&key.id)
            .bind(sequence)
            .bind(by)
            .bind(reason)
            .bind(at.as_millisecond())
            .execute(&mut *self.transaction)
            .await
            .map_err(on("store an excuse"))?;
        Ok(())
    }
}
