//! Opening the file: its mode, its migrations, and the copy that is kept before one.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection, SqlitePool};

use super::{Store, StoreError, StoreResult, on};

static MIGRATIONS: Migrator = sqlx::migrate!();

/// How long a writer waits for another one.
const BUSY_TIMEOUT: Duration = Duration::from_secs(15);
/// Pages of 4 KiB in the log before they are copied into the file: a first load writes each page several
/// times, and copying them less often spares a tenth of its time.
const WAL_PAGES: &str = "4000";
/// Rows that a connection's own thread may be ahead of whoever reads them.
const ROWS_AHEAD: usize = 1_000;
/// Readers beside the one writer.
const CONNECTIONS_MAX: u32 = 4;
/// Only its owner may read the file.
pub(super) const FILE_MODE: u32 = 0o600;

impl Store {
    /// Opens the database, making it where there is none, and brings it to this version's shape.
    ///
    /// # Errors
    /// A path that cannot be written, a file that is no database, or one that a newer version made.
    pub async fn open(path: &Path) -> StoreResult<Store> {
        Store::open_as(path, false).await
    }

    /// As [`Store::open`], for the daemon, which has made sure that it is alone.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_alone(path: &Path) -> StoreResult<Store> {
        Store::open_as(path, true).await
    }

    async fn open_as(path: &Path, alone: bool) -> StoreResult<Store> {
        prepare_file(path)?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .pragma("wal_autocheckpoint", WAL_PAGES)
            // The journal of a statement of many rows stays small, and costs more as a file than the rows.
            .pragma("temp_store", "memory")
            // A thousand rows cross the thread of a connection at once, and not fifty.
            .row_buffer_size(ROWS_AHEAD)
            .busy_timeout(BUSY_TIMEOUT);
        let pool = SqlitePoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .after_release(|connection, _| Box::pin(may_be_used_again(connection)))
            .connect_with(options)
            .await;
        let pool = match pool {
            Ok(pool) => pool,
            Err(_) if cannot_be_written(path) => open_to_read(path).await?,
            Err(cause) => return Err(refused(path, "cannot be opened", &cause)),
        };
        let store = Store { pool, turns: Arc::default(), loading: Arc::default() };
        store.migrate(path, alone).await?;
        Ok(store)
    }

    /// Opens the database only where there is one already, for commands that just read.
    ///
    /// # Errors
    /// As [`Store::open`], and when there is no file.
    pub async fn open_existing(path: &Path) -> StoreResult<Store> {
        if !path.exists() {
            let message = "does not exist yet; run `paceline sync` first".to_owned();
            return Err(file_error(path, message));
        }
        Store::open(path).await
    }

    async fn migrate(&self, path: &Path, alone: bool) -> StoreResult<()> {
        let applied = self.applied_version().await?;
        let newest = MIGRATIONS.iter().map(|migration| migration.version).max().unwrap_or(0);
        if applied > newest {
            let message = format!(
                "was made by a newer version of paceline (its shape is {applied}, this program \
                 knows {newest}); install that version, or restore a copy from before the upgrade"
            );
            return Err(file_error(path, message));
        }
        if applied == newest {
            return Ok(());
        }
        if applied > 0 {
            // A daemon of the older version must not find the shape changed beneath it.
            let lock = if alone { None } else { take_lock(path)? };
            if lock.is_none() && !alone {
                let message = "is used by a daemon of an older version: restart the daemon first";
                return Err(file_error(path, message.to_owned()));
            }
            self.keep_copy(path, applied).await?;
            return self.run_migrations(path).await;
        }
        self.run_migrations(path).await
    }

    async fn run_migrations(&self, path: &Path) -> StoreResult<()> {
        MIGRATIONS
            .run(&self.pool)
            .await
            .map_err(|cause| file_error(path, format!("cannot be migrated: {cause}")))
    }

    /// The number of the last migration; 0 for a new file.
    async fn applied_version(&self) -> StoreResult<i64> {
        let known: Option<String> = sqlx::query_scalar(
            "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = '_sqlx_migrations'",
        )
        .fetch_optional(&self.pool)
        .await
        .map_err(on("read the schema"))?;
        if known.is_none() {
            return Ok(0);
        }
        sqlx::query_scalar("SELECT coalesce(max(version), 0) FROM _sqlx_migrations")
            .fetch_one(&self.pool)
            .await
            .map_err(on("read the schema's version"))
    }

    async fn keep_copy(&self, path: &Path, version: i64) -> StoreResult<()> {
        self.copy_to(&path.with_extension(format!("before-{version}.bak"))).await
    }
}

/// Whether the file lies on a file system that cannot be written.
fn cannot_be_written(path: &Path) -> bool {
    let opened = OpenOptions::new().write(true).open(path);
    opened.is_err_and(|cause| cause.kind() == std::io::ErrorKind::ReadOnlyFilesystem)
}

/// SQLite's log needs files beside the database, which cannot be made there. Where the log is empty the file alone
/// says everything, and commands that read go on.
async fn open_to_read(path: &Path) -> StoreResult<SqlitePool> {
    let log = path
        .with_file_name(format!("{}-wal", path.file_name().unwrap_or_default().to_string_lossy()));
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        let message = format!(
            "lies on a file system that cannot be written, and {} holds what is not in it yet; make it writable, \
             or copy both files to a place that is",
            log.display()
        );
        return Err(file_error(path, message));
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .read_only(true)
        .immutable(true)
        .row_buffer_size(ROWS_AHEAD);
    SqlitePoolOptions::new()
        .max_connections(CONNECTIONS_MAX)
        .connect_with(options)
        .await
        .map_err(|cause| refused(path, "cannot be opened", &cause))
}

/// Whether a connection has left its transaction. On a full disk SQLite rolls back by itself, so that
/// sqlx's own rollback fails and it counts the transaction as open for ever: every later write on that
/// connection would be refused ("non-zero transaction depth").
async fn may_be_used_again(connection: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    if connection.is_in_transaction() {
        // A rollback that is under way is over when the connection answers.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

/// Takes the lock that the daemon holds on a database, for as long as the file is kept open: it dies
/// with its process. Nothing where somebody else has it.
///
/// # Errors
/// When the lock's file cannot be made.
pub fn take_lock(database: &Path) -> StoreResult<Option<fs::File>> {
    // Two names of one file must not give two locks.
    let database = database.canonicalize().unwrap_or_else(|_| database.to_owned());
    let path = database.with_extension("lock");
    let failed = |cause: std::io::Error| file_error(&path, format!("cannot be made: {cause}"));
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(FILE_MODE)
        .open(&path)
        .map_err(failed)?;
    Ok(file.try_lock().is_ok().then_some(file))
}

/// The file is refused by SQLite itself.
fn refused(path: &Path, what: &str, cause: &sqlx::Error) -> StoreError {
    let (path, message) = (path.display().to_string(), format!("{what}: {cause}"));
    StoreError::File { path, message, trouble: super::trouble::of(cause) }
}

/// Looks whether a copy can be read and is sound.
pub(super) async fn check_copy(path: &Path) -> StoreResult<()> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true).immutable(true);
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await
        .map_err(|cause| file_error(path, format!("cannot be opened: {cause}")))?;
    let found = sqlx::query_scalar("PRAGMA quick_check(5)").fetch_all(&pool).await;
    pool.close().await;
    super::care::sound(found.map_err(on("check the copy"))?)
}

/// Makes the file with its mode before SQLite does, since SQLite would ask the umask.
fn prepare_file(path: &Path) -> StoreResult<()> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        fs::create_dir_all(parent)
            .map_err(|cause| file_error(path, format!("its folder cannot be made: {cause}")))?;
    }
    if !path.exists() {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(FILE_MODE)
            .open(path)
            .map_err(|cause| file_error(path, format!("cannot be made: {cause}")))?;
    }
    restrict(path)
}

fn restrict(path: &Path) -> StoreResult<()> {
    let has = fs::metadata(path).map(|file| file.permissions().mode() & 0o777);
    // On a file system that cannot be written, reading goes on.
    if has.is_ok_and(|mode| mode == FILE_MODE) {
        return Ok(());
    }
    fs::set_permissions(path, fs::Permissions::from_mode(FILE_MODE))
        .map_err(|cause| file_error(path, format!("its mode cannot be set: {cause}")))
}

pub(super) fn file_error(path: &Path, message: String) -> StoreError {
    StoreError::File { path: path.display().to_string(), message, trouble: None }
}
