//! When each job is due next.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sqlx::Row;

use super::{Store, StoreResult, instant, on};

/// A job's row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobRow {
    /// When it is due next.
    pub next_due: Timestamp,
    /// When it last began.
    pub last_started: Option<Timestamp>,
    /// How it last ended.
    pub last_outcome: Option<String>,
    /// How often it failed since it last went well.
    pub failures: i64,
}

impl Store {
    /// Every job that was ever scheduled.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn jobs(&self) -> StoreResult<BTreeMap<String, JobRow>> {
        let rows = sqlx::query(
            "SELECT job, next_due_ms, last_started_ms, last_outcome, failures FROM schedule",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(on("read the schedule"))?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let job = JobRow {
                    next_due: instant(row.get(1)),
                    last_started: row.get::<Option<i64>, _>(2).map(instant),
                    last_outcome: row.get(3),
                    failures: row.get(4),
                };
                (row.get(0), job)
            })
            .collect())
    }

    /// Says when a job is due, where it is not scheduled yet.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn schedule(&self, job: &str, next_due: Timestamp) -> StoreResult<()> {
        sqlx::query(
            "INSERT INTO schedule (job, next_due_ms) VALUES (?, ?)
                     ON CONFLICT (job) DO NOTHING",
        )
        .bind(job)
        .bind(next_due.as_millisecond())
        .execute(&self.pool)
        .await
        .map_err(on("schedule a job"))?;
        Ok(())
    }

    /// Notes that a job ran, and when it is due next.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn job_ran(
        &self,
        job: &str,
        started: Timestamp,
        finished: Timestamp,
        error: Option<&str>,
        next_due: Timestamp,
    ) -> StoreResult<()> {
        sqlx::query(
            "INSERT INTO schedule (job, next_due_ms, last_started_ms, last_finished_ms,
                                   last_outcome, failures)
             VALUES (?1, ?2, ?3, ?4, coalesce(?5, 'done'), ?5 IS NOT NULL)
             ON CONFLICT (job) DO UPDATE SET
                 next_due_ms = excluded.next_due_ms, last_started_ms = excluded.last_started_ms,
                 last_finished_ms = excluded.last_finished_ms,
                 last_outcome = excluded.last_outcome,
                 failures = CASE WHEN ?5 IS NULL THEN 0 ELSE failures + 1 END",
        )
        .bind(job)
        .bind(next_due.as_millisecond())
        .bind(started.as_millisecond())
        .bind(finished.as_millisecond())
        .bind(error)
        .execute(&self.pool)
        .await
        .map_err(on("note a job's run"))?;
        Ok(())
    }
}
