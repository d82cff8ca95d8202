//! Roll-ups, and the small values of the `meta` table.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{civil::Date, tz::TimeZone};
use sqlx::{QueryBuilder, Row, Sqlite};

use super::month_cells;
pub use super::month_cells::MonthCells;
use super::{Store, StoreResult, Write, on};
use crate::domain::{
    dimension::Dimension,
    stage::Stage,
    unit::{Cell, Contribution},
};

/// The zone that the days of the roll-ups are in.
const ZONE: &str = "rollup_zone";
/// Begins the key of a mark: set while a first load of a source has not written its sums.
const UNFINISHED: &str = "rollup_unfinished";
/// Counts how often they were built anew: sums that were begun before are in them already.
const EPOCH: &str = "rollup_epoch";
/// Counts the rows that were ever added, and where that count stood when they were put together.
const PARTS: &str = "rollup_parts";
const COMPACTED: &str = "rollup_compacted";
/// Rows that are added before those of a place are put together.
const PARTS_MAX: i64 = 50_000;
/// Rows of one multi-row statement.
const ROWS_PER_STATEMENT: usize = 100;

/// A cell with its count and its value in ten-thousandths.
pub type CellCount = (Cell, i64, i64);

/// What is added to the cells of a month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MonthChange {
    /// The stage that was entered.
    pub from: Stage,
    /// The stage that may be reached.
    pub to: Stage,
    /// None for the total.
    pub dimension: Option<Dimension>,
    /// The stored value; empty for "unattributed" and for the total.
    pub key: String,
    /// The first day of the month of entry.
    pub month: Date,
    /// What is added to each cell.
    pub cells: MonthCells,
}

impl Store {
    /// All cells of a pair of stages and a dimension (the total when none).
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn cells(
        &self,
        from: Stage,
        to: Stage,
        dimension: Option<Dimension>,
    ) -> StoreResult<Vec<CellCount>> {
        let prefix = prefix(from, to, dimension);
        let rows = sqlx::query(
            "SELECT place, cells FROM rollup WHERE place >= ? AND place < ? ORDER BY place",
        )
        .bind(prefix.as_str())
        // The character after the slash: everything that begins with the prefix lies before it.
        .bind(format!("{}0", prefix.trim_end_matches('/')))
        .fetch_all(&self.pool)
        .await
        .map_err(on("read roll-ups"))?;
        let mut found = Vec::new();
        // The rows of a place are its parts, which are added up.
        for parts in rows.chunk_by(|a, b| a.get::<&str, _>(0) == b.get::<&str, _>(0)) {
            let place: &str = parts[0].get(0);
            let Some((month, key)) = place[prefix.len()..].split_once('/') else { continue };
            let texts = parts.iter().map(|row| row.get::<&str, _>(1));
            for (entry, (count, value)) in month_cells::together(texts) {
                let Some(entered) = entry.entered(month) else { continue };
                let (end, lag_days) = (entry.end, entry.lag_days);
                let contribution = Contribution { from, to, entered, end, lag_days };
                let key = key.to_owned();
                let cell = Cell { dimension, key, contribution, currency: entry.currency };
                found.push((cell, count, value));
            }
        }
        Ok(found)
    }

    /// Whether the roll-ups are those of the records, with days in this zone. They are not while a
    /// first load runs, or after one that was cut off.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn rollups_are_sound(&self, zone: &TimeZone) -> StoreResult<bool> {
        Ok(self.rollups_have_zone(zone).await? && self.unfinished_marks().await?.is_empty())
    }

    /// Whether they must be built anew: the days are in another zone, or a first load was cut off. One
    /// that runs in this process writes its sums itself.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn rollups_want_a_rebuild(&self, zone: &TimeZone) -> StoreResult<bool> {
        let marks = self.unfinished_marks().await?;
        let loading = self.loading.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let runs = |mark: &String| loading.iter().any(|source| *mark == mark_of(source));
        Ok(!self.rollups_have_zone(zone).await? || !marks.iter().all(runs))
    }

    async fn rollups_have_zone(&self, zone: &TimeZone) -> StoreResult<bool> {
        Ok(self.meta(ZONE).await?.is_some_and(|known| known == zone_name(zone)))
    }

    async fn unfinished_marks(&self) -> StoreResult<Vec<String>> {
        sqlx::query_scalar("SELECT key FROM meta WHERE substr(key, 1, length(?1)) = ?1")
            .bind(UNFINISHED)
            .fetch_all(&self.pool)
            .await
            .map_err(on("read meta"))
    }

    /// How often the roll-ups were built anew.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn rollup_epoch(&self) -> StoreResult<Option<String>> {
        self.meta(EPOCH).await
    }

    /// A first load of a source runs until this is dropped.
    pub fn begin_loading(&self, source: &str) -> Loading {
        let loading = Arc::clone(&self.loading);
        loading.lock().unwrap_or_else(PoisonError::into_inner).insert(source.to_owned());
        Loading { loading, source: source.to_owned() }
    }

    /// A value of the `meta` table.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn meta(&self, key: &str) -> StoreResult<Option<String>> {
        sqlx::query_scalar("SELECT value FROM meta WHERE key = ?")
            .bind(key)
            .fetch_optional(&self.pool)
            .await
            .map_err(on("read meta"))
    }
}

impl Write {
    /// Sets a value of the `meta` table.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn set_meta(&mut self, key: &str, value: &str) -> StoreResult<()> {
        sqlx::query(
            "INSERT INTO meta (key, value) VALUES (?, ?)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        )
        .bind(key)
        .bind(value)
        .execute(&mut *self.transaction)
        .await
        .map_err(on("write meta"))?;
        Ok(())
    }

    /// Adds to cells.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn add_to_cells(&mut self, months: &[MonthChange]) -> StoreResult<()> {
        if months.is_empty() {
            return Ok(());
        }
        let added: i64 = self.meta(PARTS).await?.and_then(|text| text.parse().ok()).unwrap_or(0);
        let part = added + 1;
        let statement = |chunk: Option<&[MonthChange]>| {
            let mut query: QueryBuilder<Sqlite> =
                QueryBuilder::new("INSERT INTO rollup (place, part, cells) ");
            query.push_values(chunk?, |mut row, month| {
                row.push_bind(place(month)).push_bind(part);
                row.push_bind(month.cells.text());
            });
            Some(query)
        };
        let mut chunks = months.chunks(ROWS_PER_STATEMENT);
        let mut next = statement(chunks.next());
        while let Some(mut query) = next {
            // While SQLite works on one statement, in its own thread, the next one is built.
            let adding = query.build().execute(&mut *self.transaction);
            let (added, following) = tokio::join!(adding, async { statement(chunks.next()) });
            added.map_err(on("add to roll-ups"))?;
            next = following;
        }
        // The number of the next part is past the rows so far, so it tells how many there are.
        let rows = part + months.len() as i64;
        self.set_meta(PARTS, &rows.to_string()).await?;
        if rows > self.compacted_at().await? + PARTS_MAX {
            self.compact_rollups().await
        } else {
            Ok(())
        }
    }

    async fn compacted_at(&mut self) -> StoreResult<i64> {
        Ok(self.meta(COMPACTED).await?.and_then(|text| text.parse().ok()).unwrap_or(0))
    }

    /// Puts the rows of each place together.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn compact_rollups(&mut self) -> StoreResult<()> {
        let places: Vec<String> =
            sqlx::query_scalar("SELECT place FROM rollup GROUP BY place HAVING count(*) > 1")
                .fetch_all(&mut *self.transaction)
                .await
                .map_err(on("read roll-ups"))?;
        for place in &places {
            let parts: Vec<String> = sqlx::query_scalar("SELECT cells FROM rollup WHERE place = ?")
                .bind(place)
                .fetch_all(&mut *self.transaction)
                .await
                .map_err(on("read roll-ups"))?;
            let whole = month_cells::sum(&parts);
            sqlx::query("DELETE FROM rollup WHERE place = ?")
                .bind(place)
                .execute(&mut *self.transaction)
                .await
                .map_err(on("put roll-ups together"))?;
            sqlx::query("INSERT INTO rollup (place, part, cells) SELECT ?1, 0, ?2 WHERE ?2 <> ''")
                .bind(place)
                .bind(whole)
                .execute(&mut *self.transaction)
                .await
                .map_err(on("put roll-ups together"))?;
        }
        let rows = self.meta(PARTS).await?.unwrap_or_default();
        self.set_meta(COMPACTED, &rows).await
    }

    async fn meta(&mut self, key: &str) -> StoreResult<Option<String>> {
        sqlx::query_scalar("SELECT value FROM meta WHERE key = ?")
            .bind(key)
            .fetch_optional(&mut *self.transaction)
            .await
            .map_err(on("read meta"))
    }

    /// Marks the roll-ups as lacking the sums of a source's first load.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn mark_rollups_unfinished(&mut self, source: &str) -> StoreResult<()> {
        self.set_meta(&mark_of(source), "1").await
    }

    /// Takes the mark of a source away, or all marks.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn mark_rollups_finished(&mut self, source: Option<&str>) -> StoreResult<()> {
        let sql = match source {
            Some(_) => "DELETE FROM meta WHERE key = ?1",
            None => "DELETE FROM meta WHERE substr(key, 1, length(?1)) = ?1",
        };
        sqlx::query(sql)
            .bind(source.map_or_else(|| UNFINISHED.to_owned(), mark_of))
            .execute(&mut *self.transaction)
            .await
            .map_err(on("write meta"))?;
        Ok(())
    }

    /// How often the roll-ups were built anew.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn rollup_epoch(&mut self) -> StoreResult<Option<String>> {
        self.meta(EPOCH).await
    }

    /// Empties the roll-ups, for a rebuild with days in this zone.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn clear_rollups(&mut self, zone: &TimeZone) -> StoreResult<()> {
        self.set_meta(ZONE, &zone_name(zone)).await?;
        let epoch = self.meta(EPOCH).await?.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
        self.set_meta(EPOCH, &(epoch + 1).to_string()).await?;
        sqlx::query("DELETE FROM rollup")
            .execute(&mut *self.transaction)
            .await
            .map_err(on("empty the roll-ups"))?;
        Ok(())
    }
}

/// A first load that runs.
#[derive(Debug)]
pub struct Loading {
    loading: Arc<Mutex<BTreeSet<String>>>,
    source: String,
}

impl Drop for Loading {
    fn drop(&mut self) {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.source);
    }
}

fn mark_of(source: &str) -> String {
    format!("{UNFINISHED}:{source}")
}

fn zone_name(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}

fn dimension_name(dimension: Option<Dimension>) -> &'static str {
    dimension.map_or("total", Dimension::name)
}

/// Where the cells of a pair and a dimension are.
fn prefix(from: Stage, to: Stage, dimension: Option<Dimension>) -> String {
    format!("{}>{}/{}/", from.name(), to.name(), dimension_name(dimension))
}

/// Where a month is. The key comes last, since it may hold anything.
fn place(change: &MonthChange) -> String {
    let prefix = prefix(change.from, change.to, change.dimension);
    let (year, month) = (change.month.year(), change.month.month());
    format!("{prefix}{year:04}-{month:02}/{}", change.key)
}
