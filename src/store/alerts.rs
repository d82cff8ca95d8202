//! Alerts, their transitions, and the messages that leave with them in one transaction.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::{Row, sqlite::SqliteRow};

use super::{Store, StoreResult, Write, instant, on};

/// An alert as stored. `finding` is JSON that only the evaluation reads.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertRow {
    /// Its number; 0 for one that is to be stored.
    pub id: i64,
    /// The rule.
    pub rule: String,
    /// What it is about.
    pub scope: String,
    /// `pending`, `firing`, `acknowledged`, `recovering`, `stale` or `resolved`.
    pub state: String,
    /// `warning` or `critical`.
    pub severity: String,
    /// The worst step so far.
    pub level: i64,
    /// When it started.
    pub since: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// When it was last looked at.
    pub changed: Timestamp,
    /// Why it is in its state.
    pub reason: String,
    /// The last finding.
    pub finding: String,
    /// The thread of its messages; empty for one that is to be stored and begins its own.
    pub thread: String,
    /// For how many checks in a row it has been pending or recovering.
    pub streak: i64,
    /// Who looks after it, as JSON.
    pub ack: Option<String>,
    /// When an acknowledgement ran out, last.
    pub reminded: Option<Timestamp>,
}

/// A transition as stored.
#[derive(Clone, Debug, PartialEq)]
pub struct TransitionRow {
    /// The alert.
    pub alert: i64,
    /// When.
    pub at: Timestamp,
    /// What.
    pub kind: String,
    /// Why.
    pub reason: String,
    /// Whether a message was put into the outbox.
    pub sent: bool,
    /// The finding that it rests on, as JSON that only the evaluation reads.
    pub finding: String,
}

const COLUMNS: &str = "SELECT id, rule, scope, state, severity, level, since_ms, ended_ms, \
                       changed_ms, reason, finding, thread, streak, ack, reminded_ms FROM alert ";

impl Store {
    /// Alerts that began at `until` at the latest and were not over before `from`, the oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn alerts_between(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> StoreResult<Vec<AlertRow>> {
        let sql = format!(
            "{COLUMNS} WHERE since_ms <= ? AND (ended_ms IS NULL OR ended_ms >= ?) ORDER BY id"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(until.as_millisecond())
            .bind(from.as_millisecond())
            .fetch_all(&self.pool)
            .await
            .map_err(on("read alerts"))?;
        Ok(rows.iter().map(alert).collect())
    }

    /// How many alerts of each rule go on.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn open_alert_counts(&self) -> StoreResult<BTreeMap<String, i64>> {
        let sql = "SELECT rule, count(*) FROM alert WHERE state <> 'resolved' GROUP BY rule";
        let rows = sqlx::query_as(sql).fetch_all(&self.pool).await.map_err(on("count alerts"))?;
        Ok(rows.into_iter().collect())
    }

    /// One alert.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn alert(&self, id: i64) -> StoreResult<Option<AlertRow>> {
        let sql = format!("{COLUMNS} WHERE id = ?");
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(id)
            .fetch_optional(&self.pool)
            .await
            .map_err(on("read an alert"))?;
        Ok(row.as_ref().map(alert))
    }

    /// What happened to one alert, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn transitions_of(&self, alert: i64) -> StoreResult<Vec<TransitionRow>> {
        let rows = sqlx::query(
            "SELECT alert, at_ms, kind, reason, sent, finding FROM alert_transition
             WHERE alert = ? ORDER BY id",
        )
        .bind(alert)
        .fetch_all(&self.pool)
        .await
        .map_err(on("read transitions"))?;
        Ok(rows.iter().map(transition).collect())
    }

    /// What happened to alerts in `[from, until]`, in order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn transitions_between(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> StoreResult<Vec<TransitionRow>> {
        let rows = sqlx::query(
            "SELECT alert, at_ms, kind, reason, sent, finding FROM alert_transition
             WHERE at_ms >= ? AND at_ms <= ? ORDER BY id",
        )
        .bind(from.as_millisecond())
        .bind(until.as_millisecond())
        .fetch_all(&self.pool)
        .await
        .map_err(on("read transitions"))?;
        Ok(rows.iter().map(transition).collect())
    }
}

fn transition(row: &SqliteRow) -> TransitionRow {
    TransitionRow {
        alert: row.get(0),
        at: instant(row.get(1)),
        kind: row.get(2),
        reason: row.get(3),
        sent: row.get(4),
        finding: row.get(5),
    }
}

impl Write {
    /// Alerts that have not ended, the oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn open_alerts(&mut self) -> StoreResult<Vec<AlertRow>> {
        let sql = format!("{COLUMNS} WHERE state <> 'resolved' ORDER BY id");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .fetch_all(&mut *self.transaction)
            .await
            .map_err(on("read open alerts"))?;
        Ok(rows.iter().map(alert).collect())
    }

    /// Alerts that ended, and whose end somebody who heard of them has not been told.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn untold_ends(&mut self) -> StoreResult<Vec<AlertRow>> {
        let sql = format!(
            "{COLUMNS} WHERE state = 'resolved' AND id IN
                 (SELECT alert FROM alert_heard WHERE ended = 0) ORDER BY id"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .fetch_all(&mut *self.transaction)
            .await
            .map_err(on("read alerts that ended"))?;
        Ok(rows.iter().map(alert).collect())
    }

    /// Stores an alert, a new one where its id is 0, and gives its id.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn put_alert(&mut self, row: &AlertRow) -> StoreResult<i64> {
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO alert (id, rule, scope, state, severity, level, since_ms, ended_ms,
                                changed_ms, reason, finding, thread, streak, ack, reminded_ms)
             VALUES (nullif(?, 0), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (id) DO UPDATE SET
                 state = excluded.state, severity = excluded.severity, level = excluded.level,
                 since_ms = excluded.since_ms, ended_ms = excluded.ended_ms,
                 changed_ms = excluded.changed_ms, reason = excluded.reason,
                 finding = excluded.finding, streak = excluded.streak, ack = excluded.ack,
                 reminded_ms = excluded.reminded_ms
             RETURNING id",
        )
        .bind(row.id)
        .bind(&row.rule)
        .bind(&row.scope)
        .bind(&row.state)
        .bind(&row.severity)
        .bind(row.level)
        .bind(row.since.as_millisecond())
        .bind(row.ended.map(|at| at.as_millisecond()))
        .bind(row.changed.as_millisecond())
        .bind(&row.reason)
        .bind(&row.finding)
        .bind(&row.thread)
        .bind(row.streak)
        .bind(&row.ack)
        .bind(row.reminded.map(|at| at.as_millisecond()))
        .fetch_one(&mut *self.transaction)
        .await
        .map_err(on("store an alert"))?;
        if row.thread.is_empty() {
            sqlx::query("UPDATE alert SET thread = 'alert:' || id WHERE id = ?")
                .bind(id)
                .execute(&mut *self.transaction)
                .await
                .map_err(on("store an alert"))?;
        }
        Ok(id)
    }

    /// Notes a transition and gives its number.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn note_transition(&mut self, row: &TransitionRow) -> StoreResult<i64> {
        sqlx::query_scalar(
            "INSERT INTO alert_transition (alert, at_ms, kind, reason, sent, finding)
             VALUES (?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(row.alert)
        .bind(row.at.as_millisecond())
        .bind(&row.kind)
        .bind(&row.reason)
        .bind(row.sent)
        .bind(&row.finding)
        .fetch_one(&mut *self.transaction)
        .await
        .map_err(on("note a transition"))
    }
}

fn alert(row: &SqliteRow) -> AlertRow {
    AlertRow {
        id: row.get(0),
        rule: row.get(1),
        scope: row.get(2),
        state: row.get(3),
        severity: row.get(4),
        level: row.get(5),
        since: instant(row.get(6)),
        ended: row.get::<Option<i64>, _>(7).map(instant),
        changed: instant(row.get(8)),
        reason: row.get(9),
        finding: row.get(10),
        thread: row.get(11),
        streak: row.get(12),
        ack: row.get(13),
        reminded: row.get::<Option<i64>, _>(14).map(instant),
    }
}
