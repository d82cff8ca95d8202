//! What people have heard of alerts, the messages of a week, and what somebody asked not to hear.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use sqlx::Row;

use super::{Store, StoreResult, Write, instant, on, unreadable};
use crate::domain::{heard::Heard, silence::Silence};

impl Store {
    /// Every silence that holds after an instant.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn silences_after(&self, at: Timestamp) -> StoreResult<Vec<Silence>> {
        let rows = sqlx::query(
            "SELECT id, rule, scope, team, by_whom, why, from_ms, until_ms FROM silence
             WHERE until_ms > ? ORDER BY id",
        )
        .bind(at.as_millisecond())
        .fetch_all(&self.pool)
        .await
        .map_err(on("read silences"))?;
        let silence = |row: &sqlx::sqlite::SqliteRow| Silence {
            id: row.get(0),
            rule: row.get(1),
            scope: row.get(2),
            team: row.get(3),
            by: row.get(4),
            why: row.get(5),
            from: instant(row.get(6)),
            until: instant(row.get(7)),
        };
        Ok(rows.iter().map(silence).collect())
    }

    /// Who has heard what of an alert; `*` is everybody.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn heard_of(&self, alert: i64) -> StoreResult<Vec<(String, Heard)>> {
        let rows = sqlx::query(
            "SELECT alert, recipient, at_ms, level, records, ended FROM alert_heard
             WHERE alert = ? ORDER BY at_ms, recipient",
        )
        .bind(alert)
        .fetch_all(&self.pool)
        .await
        .map_err(on("read who heard of an alert"))?;
        rows.iter().map(|row| Ok((row.get(1), heard(row)?))).collect()
    }

    /// To whom messages about alerts went, and when, in their order.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn alert_message_times(&self) -> StoreResult<Vec<(String, Timestamp)>> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT recipient, at_ms FROM alert_message ORDER BY id")
                .fetch_all(&self.pool)
                .await
                .map_err(on("read messages about alerts"))?;
        Ok(rows.into_iter().map(|(who, ms)| (who, instant(ms))).collect())
    }

    /// How many messages about alerts each recipient got in `[from, until)`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn alert_messages(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> StoreResult<BTreeMap<String, usize>> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT recipient, count(*) FROM alert_message WHERE at_ms >= ? AND at_ms < ?
             GROUP BY recipient",
        )
        .bind(from.as_millisecond())
        .bind(until.as_millisecond())
        .fetch_all(&self.pool)
        .await
        .map_err(on("count messages about alerts"))?;
        Ok(rows.into_iter().map(|(name, n)| (name, usize::try_from(n).unwrap_or(0))).collect())
    }

    /// The alerts of which somebody was to hear in `[from, until)` from the digest alone.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn told_by_digest(
        &self,
        from: Timestamp,
        until: Timestamp,
    ) -> StoreResult<BTreeSet<i64>> {
        let rows: Vec<i64> = sqlx::query_scalar(
            "SELECT DISTINCT alert FROM alert_heard
             WHERE message = 0 AND recipient <> '*' AND at_ms >= ? AND at_ms < ?",
        )
        .bind(from.as_millisecond())
        .bind(until.as_millisecond())
        .fetch_all(&self.pool)
        .await
        .map_err(on("read what the digest tells"))?;
        Ok(rows.into_iter().collect())
    }
}

impl Write {
    /// What everybody has heard of alerts that go on, or whose end is not told yet.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn heard(&mut self) -> StoreResult<BTreeMap<(i64, String), Heard>> {
        let rows = sqlx::query(
            "SELECT alert, recipient, at_ms, level, records, ended FROM alert_heard
             WHERE alert IN (SELECT alert FROM alert_heard WHERE ended = 0)
                OR alert IN (SELECT id FROM alert WHERE state <> 'resolved')",
        )
        .fetch_all(&mut *self.transaction)
        .await
        .map_err(on("read what was told"))?;
        rows.iter().map(|row| Ok(((row.get(0), row.get(1)), heard(row)?))).collect()
    }

    /// Remembers what a recipient has heard; `message` is 0 where the digest tells it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn put_heard(
        &mut self,
        alert: i64,
        recipient: &str,
        heard: &Heard,
        message: i64,
    ) -> StoreResult<()> {
        let records =
            serde_json::to_string(&heard.records).map_err(unreadable("store what was told"))?;
        sqlx::query(
            "INSERT INTO alert_heard (alert, recipient, at_ms, level, records, ended, message)
             VALUES (?, ?, ?, ?, ?, ?, ?)
             ON CONFLICT (alert, recipient) DO UPDATE SET
                 at_ms = excluded.at_ms, level = excluded.level, records = excluded.records,
                 ended = excluded.ended, message = excluded.message",
        )
        .bind(alert)
        .bind(recipient)
        .bind(heard.at.as_millisecond())
        .bind(i64::try_from(heard.level).unwrap_or(i64::MAX))
        .bind(records)
        .bind(heard.ended)
        .bind(message)
        .execute(&mut *self.transaction)
        .await
        .map_err(on("store what was told"))?;
        Ok(())
    }

    /// An alert goes on as another one: whoever heard of the first and not of its end knows of the second,
    /// and hears of no end between them.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn hand_over_heard(&mut self, from: i64, to: i64) -> StoreResult<()> {
        for sql in [
            "INSERT OR REPLACE INTO alert_heard
             SELECT ?2, recipient, at_ms, level, records, ended, message FROM alert_heard
             WHERE alert = ?1",
            "UPDATE alert_heard SET ended = 1 WHERE alert = ?1 AND ?2 <> 0",
        ] {
            sqlx::query(sql)
                .bind(from)
                .bind(to)
                .execute(&mut *self.transaction)
                .await
                .map_err(on("hand over what was told"))?;
        }
        Ok(())
    }

    /// The end of an alert is not news any more.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn let_end_rest(&mut self, alert: i64) -> StoreResult<()> {
        sqlx::query("UPDATE alert_heard SET ended = 1 WHERE alert = ?")
            .bind(alert)
            .execute(&mut *self.transaction)
            .await
            .map_err(on("leave an end untold"))?;
        Ok(())
    }

    /// Notes a message about alerts and gives its number.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn note_alert_message(
        &mut self,
        recipient: &str,
        thread: &str,
        alerts: &[i64],
        now: Timestamp,
    ) -> StoreResult<i64> {
        let alerts = serde_json::to_string(alerts).map_err(unreadable("note a message"))?;
        sqlx::query_scalar(
            "INSERT INTO alert_message (at_ms, recipient, thread, alerts)
             VALUES (?, ?, ?, ?) RETURNING id",
        )
        .bind(now.as_millisecond())
        .bind(recipient)
        .bind(thread)
        .bind(alerts)
        .fetch_one(&mut *self.transaction)
        .await
        .map_err(on("note a message"))
    }

    /// Adds a silence and gives its number.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn add_silence(&mut self, silence: &Silence) -> StoreResult<i64> {
        sqlx::query_scalar(
            "INSERT INTO silence (rule, scope, team, by_whom, why, from_ms, until_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(&silence.rule)
        .bind(&silence.scope)
        .bind(&silence.team)
        .bind(&silence.by)
        .bind(&silence.why)
        .bind(silence.from.as_millisecond())
        .bind(silence.until.as_millisecond())
        .fetch_one(&mut *self.transaction)
        .await
        .map_err(on("add a silence"))
    }

    /// Ends a silence; false where none of that number holds.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn end_silence(&mut self, id: i64, now: Timestamp) -> StoreResult<bool> {
        let sql = "UPDATE silence SET until_ms = ?2 WHERE id = ?1 AND until_ms > ?2";
        let ended = sqlx::query(sql)
            .bind(id)
            .bind(now.as_millisecond())
            .execute(&mut *self.transaction)
            .await
            .map_err(on("end a silence"))?;
        Ok(ended.rows_affected() > 0)
    }
}

/// What somebody has heard, from a row of alert, recipient, instant, level, records and end.
fn heard(row: &sqlx::sqlite::SqliteRow) -> StoreResult<Heard> {
    let (level, records): (i64, &str) = (row.get(3), row.get(4));
    Ok(Heard {
        at: instant(row.get(2)),
        level: usize::try_from(level).unwrap_or(0),
        records: serde_json::from_str(records).map_err(unreadable("read what was told"))?,
        ended: row.get(5),
    })
}
