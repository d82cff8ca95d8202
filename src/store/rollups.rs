//! Roll-ups, and the small values of the `meta` table.

use jiff::tz::TimeZone;
use sqlx::{QueryBuilder, Row, Sqlite, sqlite::SqliteRow};

use super::{Store, StoreResult, Write, on};
use crate::domain::{
    dimension::Dimension,
    stage::Stage,
    unit::{Cell, Contribution, End},
};

/// The zone that the days of the roll-ups are in.
const ZONE: &str = "rollup_zone";
/// Set while a first load has not written its sums.
const UNFINISHED: &str = "rollup_unfinished";
/// Rows of one multi-row statement.
const ROWS_PER_STATEMENT: usize = 100;

/// A cell with its count and its value in ten-thousandths.
pub type CellCount = (Cell, i64, i64);

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
        let rows = sqlx::query(
            "SELECT key, entered, ended, lag_days, currency, count, value FROM rollup
             WHERE from_stage = ? AND to_stage = ? AND dimension = ?",
        )
        .bind(from.name())
        .bind(to.name())
        .bind(dimension_name(dimension))
        .fetch_all(&self.pool)
        .await
        .map_err(on("read roll-ups"))?;
        Ok(rows.iter().filter_map(|row| cell(row, from, to, dimension)).collect())
    }

    /// Whether the roll-ups are those of the records, with days in this zone. They are not while a
    /// first load runs, or after one that was cut off.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn rollups_are_sound(&self, zone: &TimeZone) -> StoreResult<bool> {
        let same_zone = self.meta(ZONE).await?.is_some_and(|known| known == zone_name(zone));
        Ok(same_zone && self.meta(UNFINISHED).await?.is_none())
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

    /// Adds to cells; those that come to nothing go.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn add_to_cells(&mut self, cells: &[CellCount]) -> StoreResult<()> {
        for chunk in cells.chunks(ROWS_PER_STATEMENT) {
            let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
                "INSERT INTO rollup (dimension, key, from_stage, to_stage, entered, ended, \
                 lag_days, currency, count, value) ",
            );
            query.push_values(chunk, |mut row, (cell, count, value)| {
                let part = &cell.contribution;
                row.push_bind(dimension_name(cell.dimension))
                    .push_bind(&cell.key)
                    .push_bind(part.from.name())
                    .push_bind(part.to.name())
                    .push_bind(part.entered.to_string())
                    .push_bind(part.end.name())
                    .push_bind(part.lag_days)
                    .push_bind(&cell.currency)
                    .push_bind(*count)
                    .push_bind(*value);
            });
            query.push(
                " ON CONFLICT DO UPDATE SET count = count + excluded.count, \
                 value = value + excluded.value",
            );
            query.build().execute(&mut *self.transaction).await.map_err(on("add to roll-ups"))?;
        }
        sqlx::query("DELETE FROM rollup WHERE count = 0")
            .execute(&mut *self.transaction)
            .await
            .map_err(on("drop empty roll-ups"))?;
        Ok(())
    }

    /// Marks the roll-ups as lacking the sums of a first load, or as whole again.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn mark_rollups_unfinished(&mut self, unfinished: bool) -> StoreResult<()> {
        if unfinished {
            return self.set_meta(UNFINISHED, "1").await;
        }
        sqlx::query("DELETE FROM meta WHERE key = ?")
            .bind(UNFINISHED)
            .execute(&mut *self.transaction)
            .await
            .map_err(on("write meta"))?;
        Ok(())
    }

    /// Empties the roll-ups, for a rebuild with days in this zone.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn clear_rollups(&mut self, zone: &TimeZone) -> StoreResult<()> {
        self.set_meta(ZONE, &zone_name(zone)).await?;
        sqlx::query("DELETE FROM rollup")
            .execute(&mut *self.transaction)
            .await
            .map_err(on("empty the roll-ups"))?;
        Ok(())
    }
}

fn zone_name(zone: &TimeZone) -> String {
    zone.iana_name().unwrap_or("UTC").to_owned()
}

fn dimension_name(dimension: Option<Dimension>) -> &'static str {
    dimension.map_or("total", Dimension::name)
}

fn cell(
    row: &SqliteRow,
    from: Stage,
    to: Stage,
    dimension: Option<Dimension>,
) -> Option<CellCount> {
    let contribution = Contribution {
        from,
        to,
        entered: row.get::<&str, _>(1).parse().ok()?,
        end: End::from_name(row.get(2))?,
        lag_days: row.get(3),
    };
    let cell = Cell { dimension, key: row.get(0), contribution, currency: row.get(4) };
    Some((cell, row.get(5), row.get(6)))
}
