//! The SQLite file: all SQL of the program is in this room.
//!
//! Every write transaction is `BEGIN IMMEDIATE` (a deferred one that reads first fails with "database
//! is locked" as soon as two writers meet), and none spans a network call.

pub mod alerts;
pub mod care;
pub mod changes;
pub mod checks;
pub mod consent;
pub mod digests;
pub mod excuses;
pub mod facts;
pub mod forecasts;
pub mod forget;
mod month_cells;
pub mod open;
pub mod outbox;
pub mod people;
pub mod plans;
pub mod records;
pub mod rollups;
pub mod schedule;
pub mod sources;
pub mod telling;
pub mod trouble;
pub mod waiting;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::sync::{Mutex, OwnedMutexGuard};
pub use trouble::Trouble;

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database says no.
    #[error("database: {operation}: {cause}")]
    Database {
        /// What was being done.
        operation: &'static str,
        /// Why not.
        cause: sqlx::Error,
    },
    /// The file cannot be used.
    #[error("database {path}: {message}")]
    File {
        /// The file.
        path: String,
        /// What is wrong, and the mend.
        message: String,
        /// What that means for the file.
        trouble: Option<Trouble>,
    },
    /// A page is broken.
    #[error(
        "database: the file is damaged: {0}\n    mend: stop the daemon, and put the newest sound \
         backup in its place"
    )]
    Damaged(String),
    /// What is asked for lies before what is kept.
    #[error(
        "the change log is kept from {from} on (`[retention] change_log`), so what was known at \
         {asked} cannot be rebuilt"
    )]
    Forgotten {
        /// What is asked for.
        asked: Timestamp,
        /// Since when it is kept.
        from: Timestamp,
    },
    /// Something stored cannot be read back.
    #[error("database: {operation}: stored value is not readable: {cause}")]
    Stored {
        /// What was being done.
        operation: &'static str,
        /// Why not.
        cause: serde_json::Error,
    },
}

/// The result of a store operation.
pub type StoreResult<T> = Result<T, StoreError>;

/// The open database.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
    /// Writers of this process take turns: SQLite's own waiting is not fair, and one that writes all the
    /// time would starve the others until they give up.
    turns: Arc<Mutex<()>>,
    /// Sources whose first load runs in this process.
    loading: Arc<std::sync::Mutex<BTreeSet<String>>>,
}

/// A write transaction.
pub struct Write {
    transaction: Transaction<'static, Sqlite>,
    _turn: OwnedMutexGuard<()>,
}

impl Store {
    /// Begins a write transaction.
    ///
    /// # Errors
    /// When another writer does not give way in time.
    pub async fn begin(&self) -> StoreResult<Write> {
        let turn = self.turn().await;
        let transaction =
            self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(on("begin a write"))?;
        Ok(Write { transaction, _turn: turn })
    }

    /// Waits for this writer's turn, before it takes a connection.
    async fn turn(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.turns).lock_owned().await
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Limits the size of the file, in pages of 4 KiB; beyond it the disk counts as full.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn limit_pages(&self, pages: u32) -> StoreResult<()> {
        // The limit belongs to a connection, so every one of the pool is asked.
        let mut connections = Vec::new();
        for _ in 0..self.pool.options().get_max_connections() {
            connections.push(self.pool.acquire().await.map_err(on("connect"))?);
        }
        for connection in &mut connections {
            let sql = format!("PRAGMA max_page_count = {pages}");
            sqlx::query(sqlx::AssertSqlSafe(sql))
                .execute(&mut **connection)
                .await
                .map_err(on("limit the file"))?;
        }
        Ok(())
    }

    /// The random name of this database, for stable message ids.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn id(&self) -> StoreResult<String> {
        sqlx::query_scalar("SELECT value FROM meta WHERE key = 'store_id'")
            .fetch_one(&self.pool)
            .await
            .map_err(on("read the store's id"))
    }
}

impl Write {
    /// Makes it last.
    ///
    /// # Errors
    /// When the disk is full, say; nothing of the transaction is stored then.
    pub async fn commit(self) -> StoreResult<()> {
        self.transaction.commit().await.map_err(on("commit"))
    }
}

/// Names the operation of a database error.
fn on(operation: &'static str) -> impl Fn(sqlx::Error) -> StoreError {
    move |cause| StoreError::Database { operation, cause }
}

/// Names the operation of a value that is not readable.
fn unreadable(operation: &'static str) -> impl Fn(serde_json::Error) -> StoreError {
    move |cause| StoreError::Stored { operation, cause }
}

/// Milliseconds since 1970 back to an instant.
fn instant(millisecond: i64) -> Timestamp {
    Timestamp::from_millisecond(millisecond).unwrap_or(Timestamp::UNIX_EPOCH)
}
