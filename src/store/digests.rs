//! Digests as they were first written.

use jiff::Timestamp;

use super::{Store, StoreResult, Write, on};

impl Store {
    /// The digest of a week, as JSON that only the digest reads.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn digest(&self, week: &str) -> StoreResult<Option<String>> {
        sqlx::query_scalar("SELECT document FROM digest WHERE week = ?")
            .bind(week)
            .fetch_optional(&self.pool)
            .await
            .map_err(on("read a digest"))
    }

    /// The weeks whose digests are kept, the newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn digest_weeks(&self, limit: i64) -> StoreResult<Vec<String>> {
        sqlx::query_scalar("SELECT week FROM digest ORDER BY week DESC LIMIT ?")
            .bind(limit)
            .fetch_all(&self.pool)
            .await
            .map_err(on("list digests"))
    }
}

impl Write {
    /// Keeps the digest of a week; the first one stays.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn keep_digest(
        &mut self,
        week: &str,
        document: &str,
        built: Timestamp,
    ) -> StoreResult<()> {
        sqlx::query(
            "INSERT INTO digest (week, built_ms, document) VALUES (?, ?, ?)
                     ON CONFLICT (week) DO NOTHING",
        )
        .bind(week)
        .bind(built.as_millisecond())
        .bind(document)
        .execute(&mut *self.transaction)
        .await
        .map_err(on("keep a digest"))?;
        Ok(())
    }
}
