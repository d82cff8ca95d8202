//! Keeping the store: copies while it is used, what is deleted, whether the file is sound.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use jiff::Timestamp;

use super::open::{FILE_MODE, file_error};
use super::{Store, StoreError, StoreResult, on};

/// The horizon of the change log in the `meta` table, in milliseconds since 1970.
pub(super) const CHANGE_LOG_FROM: &str = "change_log_from";
/// Ends the name of a copy that is being made.
pub const PARTIAL: &str = ".partial";
/// Rows that one statement deletes, so that no writer waits long.
const ROWS_PER_DELETE: i64 = 5_000;
/// Statements of one clean-up; what is left goes at the next.
const DELETES_MAX: usize = 2_000;
/// Findings of SQLite's check that are told.
const FINDINGS_MAX: usize = 5;

impl Store {
    /// A consistent copy of the database while it is used. It is whole before it has its name, and
    /// only its owner may read it.
    ///
    /// # Errors
    /// When there is no room or no permission, or the copy is not sound; nothing is left then.
    pub async fn copy_to(&self, path: &Path) -> StoreResult<()> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(PARTIAL);
        let partial = Path::new(&partial);
        // What is wrong with a copy is not wrong with the database.
        let copied = self.copy_and_check(partial).await.map_err(|error| match error {
            StoreError::File { .. } => error,
            other => file_error(path, format!("cannot be made: {other}")),
        });
        let named = copied.and_then(|()| {
            fs::rename(partial, path)
                .map_err(|cause| file_error(path, format!("cannot be named: {cause}")))
        });
        if named.is_err() {
            // What is left of a failed copy is no copy; that it cannot be removed changes nothing.
            let _ = fs::remove_file(partial);
        }
        named
    }

    async fn copy_and_check(&self, path: &Path) -> StoreResult<()> {
        let on_file = |cause: std::io::Error| file_error(path, format!("cannot be made: {cause}"));
        match fs::remove_file(path) {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                return Err(on_file(cause));
            }
            _ => {}
        }
        // SQLite takes an empty file as its target; so it has its mode before it has its content.
        let made = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path);
        drop(made.map_err(on_file)?);
        sqlx::query("VACUUM INTO ?")
            .bind(path.display().to_string())
            .execute(&self.pool)
            .await
            .map_err(on("copy the database"))?;
        File::open(path).and_then(|file| file.sync_all()).map_err(on_file)?;
        super::open::check_copy(path).await
    }

    /// Looks at every page.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] with what SQLite finds.
    pub async fn check_integrity(&self) -> StoreResult<()> {
        let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check(5)")
            .fetch_all(&self.pool)
            .await
            .map_err(on("check the database"))?;
        sound(found)
    }

    /// Whether the database answers at all.
    ///
    /// # Errors
    /// When it does not.
    pub async fn answers(&self) -> StoreResult<()> {
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM meta")
            .fetch_one(&self.pool)
            .await
            .map(|_| ())
            .map_err(on("ask the database"))
    }

    /// The size of the database, in bytes, without its log.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn size_bytes(&self) -> StoreResult<i64> {
        sqlx::query_scalar("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
            .fetch_one(&self.pool)
            .await
            .map_err(on("measure the database"))
    }

    /// Deletes messages that were delivered or given up before an instant. The newest row stays, here and
    /// below: SQLite would give its number again, and numbers name messages and alerts for ever.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn delete_messages(&self, before: Timestamp) -> StoreResult<u64> {
        self.delete_some(
            "DELETE FROM outbox WHERE id IN
             (SELECT id FROM outbox WHERE finished_ms < ?1
              AND id < (SELECT max(id) FROM outbox) LIMIT ?2)",
            before,
        )
        .await
    }

    /// Deletes alerts that ended before an instant, with all that is known of them, and the checks,
    /// messages and silences of that time.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn delete_alerts(&self, before: Timestamp) -> StoreResult<u64> {
        for sql in [
            "DELETE FROM alert_transition WHERE id IN
             (SELECT t.id FROM alert_transition t JOIN alert a ON a.id = t.alert
              WHERE a.ended_ms < ?1 AND t.id < (SELECT max(id) FROM alert_transition)
                AND a.id < (SELECT max(id) FROM alert) LIMIT ?2)",
            "DELETE FROM alert_heard WHERE (alert, recipient) IN
             (SELECT alert, recipient FROM alert_heard h JOIN alert a ON a.id = h.alert
              WHERE a.ended_ms < ?1 AND a.id < (SELECT max(id) FROM alert) LIMIT ?2)",
            "DELETE FROM alert_check WHERE id IN
             (SELECT id FROM alert_check WHERE last_ms < ?1
              AND id < (SELECT max(id) FROM alert_check) LIMIT ?2)",
            "DELETE FROM alert_message WHERE id IN
             (SELECT id FROM alert_message WHERE at_ms < ?1
              AND id < (SELECT max(id) FROM alert_message) LIMIT ?2)",
            "DELETE FROM silence WHERE id IN
             (SELECT id FROM silence WHERE until_ms < ?1
              AND id < (SELECT max(id) FROM silence) LIMIT ?2)",
        ] {
            self.delete_some(sql, before).await?;
        }
        self.delete_some(
            "DELETE FROM alert WHERE id IN
             (SELECT id FROM alert a WHERE ended_ms < ?1 AND id < (SELECT max(id) FROM alert)
              AND NOT EXISTS (SELECT 1 FROM alert_transition t WHERE t.alert = a.id) LIMIT ?2)",
            before,
        )
        .await
    }

    /// Deletes what is in the change log before an instant, and remembers that nothing before it can
    /// be rebuilt.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn delete_changes(&self, before: Timestamp) -> StoreResult<u64> {
        let mut write = self.begin().await?;
        // The horizon only moves on, also where the clock was set back or the setting was widened.
        sqlx::query(
            "INSERT INTO meta (key, value) VALUES (?1, ?2)
             ON CONFLICT (key) DO UPDATE SET value =
                 CAST(max(CAST(value AS INTEGER), CAST(excluded.value AS INTEGER)) AS TEXT)",
        )
        .bind(CHANGE_LOG_FROM)
        .bind(before.as_millisecond().to_string())
        .execute(&mut *write.transaction)
        .await
        .map_err(on("move the horizon"))?;
        write.commit().await?;
        self.delete_some(
            "DELETE FROM change WHERE seq IN
             (SELECT seq FROM change WHERE seen_ms < ?1 LIMIT ?2)",
            before,
        )
        .await
    }

    async fn delete_some(&self, sql: &'static str, before: Timestamp) -> StoreResult<u64> {
        let mut deleted = 0;
        for _ in 0..DELETES_MAX {
            let _turn = self.turn().await;
            let done = sqlx::query(sql)
                .bind(before.as_millisecond())
                .bind(ROWS_PER_DELETE)
                .execute(&self.pool)
                .await
                .map_err(on("delete what is kept no longer"))?;
            deleted += done.rows_affected();
            if done.rows_affected() == 0 {
                break;
            }
        }
        Ok(deleted)
    }

    /// Refuses what would have to be rebuilt from before the change log's horizon.
    pub(super) async fn check_horizon(&self, known: Timestamp) -> StoreResult<()> {
        let from = self.meta(CHANGE_LOG_FROM).await?.and_then(|text| text.parse().ok());
        match from.and_then(|ms| Timestamp::from_millisecond(ms).ok()) {
            Some(from) if known < from => Err(StoreError::Forgotten { asked: known, from }),
            _ => Ok(()),
        }
    }
}

/// SQLite says "ok", or what is wrong.
pub(super) fn sound(found: Vec<String>) -> StoreResult<()> {
    if found.iter().all(|line| line == "ok") {
        return Ok(());
    }
    let told: Vec<String> = found.into_iter().take(FINDINGS_MAX).collect();
    Err(StoreError::Damaged(told.join("; ")))
}
