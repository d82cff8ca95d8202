//! Every check of every scope, also those that led to nothing.

use jiff::{Timestamp, civil::Date};
use sqlx::Row;

use super::{Store, StoreResult, Write, instant, on};

/// Checks of one scope on one day with one verdict.
#[derive(Clone, Debug, PartialEq)]
pub struct CheckRow {
    /// The rule.
    pub rule: String,
    /// The scope.
    pub scope: String,
    /// The company's day.
    pub day: Date,
    /// The first of them.
    pub first: Timestamp,
    /// The last.
    pub last: Timestamp,
    /// How many there were.
    pub checks: i64,
    /// What was found.
    pub status: String,
    /// What followed, or why nothing did.
    pub outcome: String,
    /// The last value.
    pub value: f64,
    /// The lowest value.
    pub lowest: f64,
    /// The highest value.
    pub highest: f64,
    /// What it is held against.
    pub threshold: f64,
    /// What was found, in a line.
    pub summary: String,
}

const COLUMNS: &str = "SELECT rule, scope, day, first_ms, last_ms, checks, status, outcome, value, \
                       lowest, highest, threshold, summary FROM alert_check ";

impl Store {
    /// The latest checks of a rule's scopes, the newest first. A scope is one, or all where none is
    /// named.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn checks_of(
        &self,
        rule: &str,
        scope: Option<&str>,
        until: Timestamp,
        limit: i64,
    ) -> StoreResult<Vec<CheckRow>> {
        let sql = format!(
            "{COLUMNS} WHERE rule = ?1 AND (?2 IS NULL OR scope = ?2) AND first_ms <= ?3
             ORDER BY id DESC LIMIT ?4"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(rule)
            .bind(scope)
            .bind(until.as_millisecond())
            .bind(limit)
            .fetch_all(&self.pool)
            .await
            .map_err(on("read checks"))?;
        Ok(rows.iter().map(check).collect())
    }

    /// The scopes that a rule was ever checked for.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn checked_scopes(&self, rule: &str) -> StoreResult<Vec<String>> {
        sqlx::query_scalar("SELECT DISTINCT scope FROM alert_check WHERE rule = ? ORDER BY scope")
            .bind(rule)
            .fetch_all(&self.pool)
            .await
            .map_err(on("read checks"))
    }

    /// How many checks there were on the days of `[from, to)`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn checks_between(&self, from: Date, to: Date) -> StoreResult<i64> {
        sqlx::query_scalar(
            "SELECT coalesce(sum(checks), 0) FROM alert_check WHERE day >= ? AND day < ?",
        )
        .bind(from.to_string())
        .bind(to.to_string())
        .fetch_one(&self.pool)
        .await
        .map_err(on("count checks"))
    }
}

impl Write {
    /// Notes a check: it joins the last one of its scope where day and verdict are the same.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn note_check(&mut self, row: &CheckRow) -> StoreResult<()> {
        let joined = sqlx::query(
            "UPDATE alert_check SET last_ms = ?1, checks = checks + 1, value = ?2,
                    lowest = min(lowest, ?2), highest = max(highest, ?2), threshold = ?3, summary = ?4
             WHERE id = (SELECT max(id) FROM alert_check WHERE rule = ?5 AND scope = ?6)
               AND day = ?7 AND status = ?8 AND outcome = ?9",
        )
        .bind(row.last.as_millisecond())
        .bind(row.value)
        .bind(row.threshold)
        .bind(&row.summary)
        .bind(&row.rule)
        .bind(&row.scope)
        .bind(row.day.to_string())
        .bind(&row.status)
        .bind(&row.outcome)
        .execute(&mut *self.transaction)
        .await
        .map_err(on("note a check"))?;
        if joined.rows_affected() > 0 {
            return Ok(());
        }
        sqlx::query(
            "INSERT INTO alert_check (rule, scope, day, first_ms, last_ms, checks, status, outcome,
                                      value, lowest, highest, threshold, summary)
             VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8, ?8, ?8, ?9, ?10)",
        )
        .bind(&row.rule)
        .bind(&row.scope)
        .bind(row.day.to_string())
        .bind(row.first.as_millisecond())
        .bind(row.last.as_millisecond())
        .bind(&row.status)
        .bind(&row.outcome)
        .bind(row.value)
        .bind(row.threshold)
        .bind(&row.summary)
        .execute(&mut *self.transaction)
        .await
        .map_err(on("note a check"))?;
        Ok(())
    }
}

fn check(row: &sqlx::sqlite::SqliteRow) -> CheckRow {
    let day: &str = row.get(2);
    CheckRow {
        rule: row.get(0),
        scope: row.get(1),
        day: day.parse().unwrap_or_default(),
        first: instant(row.get(3)),
        last: instant(row.get(4)),
        checks: row.get(5),
        status: row.get(6),
        outcome: row.get(7),
        value: row.get(8),
        lowest: row.get(9),
        highest: row.get(10),
        threshold: row.get(11),
        summary: row.get(12),
    }
}
