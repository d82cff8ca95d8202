//! When each job is due next, who runs it, and how it ended.

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
    /// When it last ended.
    pub last_finished: Option<Timestamp>,
    /// When it last went well.
    pub last_success: Option<Timestamp>,
    /// How it last ended: `done`, or why not.
    pub last_outcome: Option<String>,
    /// How often it failed since it last went well.
    pub failures: i64,
    /// The number of its last run.
    pub run: i64,
    /// Who runs it, and until when at the longest.
    pub lease: Option<(String, Timestamp)>,
}

impl JobRow {
    /// How long its last run took, in seconds.
    pub fn last_duration_secs(&self) -> Option<f64> {
        let ms = self.last_finished?.as_millisecond() - self.last_started?.as_millisecond();
        (ms >= 0).then_some(ms as f64 / 1_000.0)
    }
}

/// How a run ended.
#[derive(Clone, Copy, Debug)]
pub struct Ran<'a> {
    /// The job.
    pub job: &'a str,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// Why it did not go well.
    pub error: Option<&'a str>,
    /// When it is due next.
    pub next_due: Timestamp,
}

impl Store {
    /// Every job that was ever scheduled.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn jobs(&self) -> StoreResult<BTreeMap<String, JobRow>> {
        let rows = sqlx::query(
            "SELECT job, next_due_ms, last_started_ms, last_finished_ms, last_success_ms,
                    last_outcome, failures, run, holder, lease_until_ms FROM schedule",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(on("read the schedule"))?;
        Ok(rows
            .into_iter()
            .map(|row| {
                let at = |column: usize| row.get::<Option<i64>, _>(column).map(instant);
                let holder: Option<String> = row.get(8);
                let job = JobRow {
                    next_due: instant(row.get(1)),
                    last_started: at(2),
                    last_finished: at(3),
                    last_success: at(4),
                    last_outcome: row.get(5),
                    failures: row.get(6),
                    run: row.get(7),
                    lease: holder.zip(at(9)),
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
        let _turn = self.turn().await;
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

    /// Makes a job due then, where it would be due later. One that runs meanwhile runs once more.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn bring_forward(&self, job: &str, to: Timestamp) -> StoreResult<()> {
        let _turn = self.turn().await;
        sqlx::query(
            "UPDATE schedule SET next_due_ms = min(next_due_ms, ?2), wanted_ms = ?2 WHERE job = ?1",
        )
        .bind(job)
        .bind(to.as_millisecond())
        .execute(&self.pool)
        .await
        .map_err(on("bring a job forward"))?;
        Ok(())
    }

    /// Makes a job due then, where it would be due sooner.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn postpone(&self, job: &str, to: Timestamp) -> StoreResult<()> {
        let _turn = self.turn().await;
        sqlx::query("UPDATE schedule SET next_due_ms = max(next_due_ms, ?2) WHERE job = ?1")
            .bind(job)
            .bind(to.as_millisecond())
            .execute(&self.pool)
            .await
            .map_err(on("postpone a job"))?;
        Ok(())
    }

    /// Takes the lease of a job and gives the number of the run; nothing where another holder has it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn claim_job(
        &self,
        job: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> StoreResult<Option<i64>> {
        let _turn = self.turn().await;
        sqlx::query_scalar(
            "INSERT INTO schedule (job, next_due_ms, run, holder, lease_until_ms, last_started_ms)
             VALUES (?1, ?3, 1, ?2, ?4, ?3)
             ON CONFLICT (job) DO UPDATE SET
                 run = run + 1, holder = excluded.holder, last_started_ms = excluded.last_started_ms,
                 lease_until_ms = excluded.lease_until_ms, wanted_ms = NULL
             WHERE holder IS NULL OR holder = ?2 OR lease_until_ms <= ?3
             RETURNING run",
        )
        .bind(job)
        .bind(holder)
        .bind(now.as_millisecond())
        .bind(until.as_millisecond())
        .fetch_optional(&self.pool)
        .await
        .map_err(on("claim a job"))
    }

    /// Ends the lease of a holder that is no more.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn free_job(&self, job: &str, holder: &str) -> StoreResult<()> {
        let _turn = self.turn().await;
        sqlx::query(
            "UPDATE schedule SET holder = NULL, lease_until_ms = NULL
             WHERE job = ?1 AND holder = ?2",
        )
        .bind(job)
        .bind(holder)
        .execute(&self.pool)
        .await
        .map_err(on("free a job"))?;
        Ok(())
    }

    /// Notes how a job ended and when it is due next, and ends its lease.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn job_ran(&self, ran: &Ran<'_>) -> StoreResult<()> {
        let _turn = self.turn().await;
        sqlx::query(
            "INSERT INTO schedule (job, next_due_ms, last_started_ms, last_finished_ms,
                                   last_outcome, failures, last_success_ms)
             VALUES (?1, ?2, ?3, ?4, coalesce(?5, 'done'), ?5 IS NOT NULL,
                     CASE WHEN ?5 IS NULL THEN ?4 END)
             ON CONFLICT (job) DO UPDATE SET
                 next_due_ms = min(excluded.next_due_ms, coalesce(wanted_ms, excluded.next_due_ms)),
                 wanted_ms = NULL, last_started_ms = excluded.last_started_ms,
                 last_finished_ms = excluded.last_finished_ms,
                 last_outcome = excluded.last_outcome,
                 last_success_ms = coalesce(excluded.last_success_ms, last_success_ms),
                 failures = CASE WHEN ?5 IS NULL THEN 0 ELSE failures + 1 END,
                 holder = NULL, lease_until_ms = NULL",
        )
        .bind(ran.job)
        .bind(ran.next_due.as_millisecond())
        .bind(ran.started.as_millisecond())
        .bind(ran.finished.as_millisecond())
        .bind(ran.error)
        .execute(&self.pool)
        .await
        .map_err(on("note a job's run"))?;
        Ok(())
    }
}
