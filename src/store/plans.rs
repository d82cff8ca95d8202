//! Plans that somebody approved. A version is only ever added.

use jiff::Timestamp;
use sqlx::Row;

use super::{Store, StoreResult, Write, instant, on};

/// A version of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanVersion {
    /// Counted from 1.
    pub number: i64,
    /// When it was approved.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The text of the plan file.
    pub plan: String,
    /// What was measured for it then, as JSON.
    pub measured: String,
}

impl Store {
    /// Every version that was approved by an instant, the first one first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn plan_versions(&self, until: Timestamp) -> StoreResult<Vec<PlanVersion>> {
        let rows = sqlx::query(
            "SELECT number, at_ms, by_whom, reason, plan, measured FROM plan_version
             WHERE at_ms <= ? ORDER BY number",
        )
        .bind(until.as_millisecond())
        .fetch_all(&self.pool)
        .await
        .map_err(on("read the plan's versions"))?;
        let version = |row: &sqlx::sqlite::SqliteRow| PlanVersion {
            number: row.get(0),
            at: instant(row.get(1)),
            by: row.get(2),
            reason: row.get(3),
            plan: row.get(4),
            measured: row.get(5),
        };
        Ok(rows.iter().map(version).collect())
    }
}

impl Write {
    /// Adds a version, and says its number.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn add_plan_version(&mut self, version: &PlanVersion) -> StoreResult<i64> {
        sqlx::query_scalar(
            "INSERT INTO plan_version (at_ms, by_whom, reason, plan, measured)
             VALUES (?, ?, ?, ?, ?) RETURNING number",
        )
        .bind(version.at.as_millisecond())
        .bind(&version.by)
        .bind(&version.reason)
        .bind(&version.plan)
        .bind(&version.measured)
        .fetch_one(&mut *self.transaction)
        .await
        .map_err(on("approve a plan"))
    }
}
