//! The queue of messages: put in with what caused them, claimed, sent, recorded.

use jiff::{Timestamp, ToSpan};
use sqlx::Row;

use super::{Store, StoreResult, Write, instant, on, unreadable};
use crate::domain::notice::Document;

/// How long a claim holds. Longer than any send may take.
const CLAIM_SECS: i64 = 180;
/// No message is put off for longer: the longest wait is six hours.
const WAIT_MS_MAX: i64 = 7 * 3_600_000;
/// Messages of one round.
const CLAIMS_MAX: i64 = 100;

/// A message on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct OutboxRow {
    /// Its number.
    pub id: i64,
    /// Messages of one thread reach an address in their order.
    pub thread: String,
    /// `slack`, `email` or `file`.
    pub sink: String,
    /// A key of the configuration, or a mailbox.
    pub address: String,
    /// The message.
    pub message: Document,
    /// How often it was tried.
    pub attempts: i64,
    /// Whether an earlier try may have reached somebody.
    pub may_repeat: bool,
    /// When it was put in.
    pub created: Timestamp,
}

/// What became of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It arrived.
    Sent,
    /// It arrived, and is called so at the other side.
    Kept(String),
    /// Try again then. A limited one does not count as tried.
    Again {
        /// When.
        at: Timestamp,
        /// Whether the try counts.
        counts: bool,
    },
    /// It may have arrived. Try again then, or leave it so.
    Unknown {
        /// When to try again.
        again: Option<Timestamp>,
    },
    /// It never will.
    Dead,
}

/// A way that the other side refused for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedWay {
    /// The sink.
    pub sink: String,
    /// A key of the configuration, or a mailbox.
    pub address: String,
    /// Nothing is tried on it until then.
    pub until: Timestamp,
    /// A hash of what the configuration said of it.
    pub fingerprint: i64,
}

/// How many messages are in each state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// On their way.
    pub pending: i64,
    /// Delivered.
    pub sent: i64,
    /// Perhaps delivered.
    pub unknown: i64,
    /// Given up.
    pub dead: i64,
}

impl Store {
    /// Claims what is due, so that no other worker sends it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn claim_due(&self, now: Timestamp) -> StoreResult<Vec<OutboxRow>> {
        let until = now.saturating_add(CLAIM_SECS.seconds()).unwrap_or(now);
        let mut write = self.begin().await?;
        // A claim that ran out belonged to a worker that died; whether it had sent is not known. One that
        // ends later than any claim can was made by a clock that was ahead.
        sqlx::query(
            "UPDATE outbox SET state = 'unknown', attempts = attempts + 1, may_repeat = 1,
                    claimed_until_ms = NULL,
                    not_before_ms = ?1, last_error = 'the program stopped while it was sending'
             WHERE state = 'claimed' AND (claimed_until_ms < ?1 OR claimed_until_ms > ?2)",
        )
        .bind(now.as_millisecond())
        .bind(until.as_millisecond())
        .execute(&mut *write.transaction)
        .await
        .map_err(on("free claims"))?;
        let rows = sqlx::query(
            "UPDATE outbox SET claimed_until_ms = ?2, state = 'claimed'
             WHERE id IN (
                 SELECT id FROM outbox o
                 WHERE state IN ('pending', 'unknown') AND finished_ms IS NULL
                   AND (not_before_ms <= ?1 OR not_before_ms > ?4)
                   AND NOT EXISTS (SELECT 1 FROM outbox e
                                   WHERE e.thread = o.thread AND e.sink = o.sink
                                     AND e.address = o.address AND e.id < o.id
                                     AND e.finished_ms IS NULL)
                 ORDER BY id LIMIT ?3)
             RETURNING id, thread, sink, address, message, attempts, may_repeat, created_ms",
        )
        .bind(now.as_millisecond())
        .bind(until.as_millisecond())
        .bind(CLAIMS_MAX)
        // Nothing waits that long, unless the clock was ahead when it was put off.
        .bind(now.as_millisecond() + WAIT_MS_MAX)
        .fetch_all(&mut *write.transaction)
        .await
        .map_err(on("claim messages"))?;
        write.commit().await?;
        let mut claimed = Vec::new();
        for row in rows {
            let message: &str = row.get(4);
            claimed.push(OutboxRow {
                id: row.get(0),
                thread: row.get(1),
                sink: row.get(2),
                address: row.get(3),
                message: serde_json::from_str(message).map_err(unreadable("read a message"))?,
                attempts: row.get(5),
                may_repeat: row.get::<i64, _>(6) != 0,
                created: instant(row.get(7)),
            });
        }
        claimed.sort_by_key(|row| row.id);
        Ok(claimed)
    }

    /// Records what became of a try.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn finish(
        &self,
        id: i64,
        fate: &Fate,
        error: Option<&str>,
        now: Timestamp,
    ) -> StoreResult<()> {
        let (state, attempt, again) = match fate {
            Fate::Sent | Fate::Kept(_) => ("sent", 1, None),
            Fate::Again { at, counts } => ("pending", i64::from(*counts), Some(*at)),
            Fate::Unknown { again } => ("unknown", 1, *again),
            Fate::Dead => ("dead", 1, None),
        };
        let error = match fate {
            Fate::Unknown { .. } => error.map(|error| format!("{UNKNOWN_PREFIX}{error}")),
            _ => error.map(str::to_owned),
        };
        let finished = again.is_none().then(|| now.as_millisecond());
        let _turn = self.turn().await;
        sqlx::query(
            "UPDATE outbox SET state = ?, attempts = attempts + ?, claimed_until_ms = NULL,
                    not_before_ms = coalesce(?, not_before_ms), finished_ms = ?, last_error = ?,
                    reference = ?, may_repeat = max(may_repeat, ?)
             WHERE id = ?",
        )
        .bind(state)
        .bind(attempt)
        .bind(again.map(|at| at.as_millisecond()))
        .bind(finished)
        .bind(error)
        .bind(if let Fate::Kept(name) = fate { Some(name) } else { None })
        .bind(i64::from(matches!(fate, Fate::Unknown { .. })))
        .bind(id)
        .execute(&self.pool)
        .await
        .map_err(on("record a delivery"))?;
        Ok(())
    }

    /// The ways on which nothing is tried yet, and until when.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn closed_ways(&self, now: Timestamp) -> StoreResult<Vec<ClosedWay>> {
        let sql = "SELECT sink, address, until_ms, fingerprint FROM closed_way WHERE until_ms > ?";
        let rows = sqlx::query(sql)
            .bind(now.as_millisecond())
            .fetch_all(&self.pool)
            .await
            .map_err(on("read closed ways"))?;
        let way = |row: &sqlx::sqlite::SqliteRow| ClosedWay {
            sink: row.get(0),
            address: row.get(1),
            until: instant(row.get(2)),
            fingerprint: row.get(3),
        };
        Ok(rows.iter().map(way).collect())
    }

    /// Nothing is tried on a message's way until then.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn close_way(
        &self,
        way: &ClosedWay,
        reason: &str,
        now: Timestamp,
    ) -> StoreResult<()> {
        let _turn = self.turn().await;
        sqlx::query(
            "INSERT INTO closed_way (sink, address, since_ms, until_ms, fingerprint, reason)
             VALUES (?, ?, ?, ?, ?, ?)
             ON CONFLICT (sink, address) DO UPDATE SET until_ms = excluded.until_ms,
                 fingerprint = excluded.fingerprint, reason = excluded.reason",
        )
        .bind(&way.sink)
        .bind(&way.address)
        .bind(now.as_millisecond())
        .bind(way.until.as_millisecond())
        .bind(way.fingerprint)
        .bind(reason)
        .execute(&self.pool)
        .await
        .map_err(on("close a way"))?;
        Ok(())
    }

    /// A message's way answers again.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn open_way(&self, row: &OutboxRow) -> StoreResult<()> {
        let _turn = self.turn().await;
        sqlx::query("DELETE FROM closed_way WHERE sink = ? AND address = ?")
            .bind(&row.sink)
            .bind(&row.address)
            .execute(&self.pool)
            .await
            .map_err(on("open a way"))?;
        Ok(())
    }

    /// Whatever waits for these ways is tried at once: somebody mended them, or may have.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn open_ways(&self, ways: &[ClosedWay], now: Timestamp) -> StoreResult<()> {
        let mut write = self.begin().await?;
        for way in ways {
            sqlx::query(
                "UPDATE outbox SET not_before_ms = ?
                 WHERE state = 'pending' AND sink = ? AND address = ?",
            )
            .bind(now.as_millisecond())
            .bind(&way.sink)
            .bind(&way.address)
            .execute(&mut *write.transaction)
            .await
            .map_err(on("open ways"))?;
            sqlx::query("DELETE FROM closed_way WHERE sink = ? AND address = ?")
                .bind(&way.sink)
                .bind(&way.address)
                .execute(&mut *write.transaction)
                .await
                .map_err(on("open ways"))?;
        }
        write.commit().await
    }

    /// What the first message of a message's thread is called at the other side, if it has a name.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn root_of(&self, row: &OutboxRow) -> StoreResult<Option<String>> {
        sqlx::query_scalar(
            "SELECT reference FROM outbox
             WHERE thread = ? AND sink = ? AND address = ? AND id < ? AND reference IS NOT NULL
             ORDER BY id LIMIT 1",
        )
        .bind(&row.thread)
        .bind(&row.sink)
        .bind(&row.address)
        .bind(row.id)
        .fetch_optional(&self.pool)
        .await
        .map_err(on("look for the first message of a thread"))
    }

    /// How many messages are in each state.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn outbox_counts(&self) -> StoreResult<OutboxCounts> {
        let rows = sqlx::query("SELECT state, count(*) FROM outbox GROUP BY state")
            .fetch_all(&self.pool)
            .await
            .map_err(on("count messages"))?;
        let mut counts = OutboxCounts::default();
        for row in rows {
            let count: i64 = row.get(1);
            match row.get(0) {
                "sent" => counts.sent += count,
                "unknown" => counts.unknown += count,
                "dead" => counts.dead += count,
                _ => counts.pending += count,
            }
        }
        Ok(counts)
    }

    /// For how many seconds the oldest message has been due; nothing where none is.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn oldest_due(&self, now: Timestamp) -> StoreResult<Option<i64>> {
        let oldest: Option<i64> = sqlx::query_scalar(
            "SELECT min(not_before_ms) FROM outbox
             WHERE state IN ('pending', 'unknown') AND finished_ms IS NULL",
        )
        .fetch_one(&self.pool)
        .await
        .map_err(on("look for late messages"))?;
        Ok(oldest.map(|ms| (now.as_millisecond() - ms) / 1_000).filter(|secs| *secs >= 0))
    }

    /// Every message that was put in at `from` or later, for the demo and for tests.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn messages_since(
        &self,
        from: Timestamp,
    ) -> StoreResult<Vec<(String, String, Document)>> {
        let rows = sqlx::query(
            "SELECT dedupe_key, state, message FROM outbox WHERE created_ms >= ? ORDER BY id",
        )
        .bind(from.as_millisecond())
        .fetch_all(&self.pool)
        .await
        .map_err(on("read messages"))?;
        rows.iter()
            .map(|row| {
                let message =
                    serde_json::from_str(row.get(2)).map_err(unreadable("read a message"))?;
                Ok((row.get(0), row.get(1), message))
            })
            .collect()
    }
}

/// Marks a try whose end is not known, so that the next one can say that it may be a repeat.
const UNKNOWN_PREFIX: &str = "not known: ";

impl Write {
    /// Puts a message in, unless this very message is there already.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn enqueue(
        &mut self,
        thread: &str,
        dedupe_key: &str,
        sink: &str,
        address: &str,
        message: &Document,
        now: Timestamp,
    ) -> StoreResult<()> {
        let message = serde_json::to_string(message).map_err(unreadable("store a message"))?;
        sqlx::query(
            "INSERT INTO outbox (dedupe_key, sink, address, message, state, created_ms,
                                 not_before_ms, thread)
             VALUES (?1, ?2, ?3, ?4, 'pending', ?5, ?5, ?6) ON CONFLICT (dedupe_key) DO NOTHING",
        )
        .bind(dedupe_key)
        .bind(sink)
        .bind(address)
        .bind(message)
        .bind(now.as_millisecond())
        .bind(thread)
        .execute(&mut *self.transaction)
        .await
        .map_err(on("put a message into the outbox"))?;
        Ok(())
    }
}
