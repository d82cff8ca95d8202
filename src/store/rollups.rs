//! Units and roll-ups, and the place in the change log up to which they were fed.

use std::collections::BTreeMap;

use jiff::civil::Date;
use sqlx::{QueryBuilder, Row, Sqlite, sqlite::SqliteRow};

use super::{Store, StoreResult, Write, on};
use crate::domain::{
    Object, RecordKey,
    dimension::Dimension,
    stage::Stage,
    unit::{Cell, Contribution, End, Unit, UnitKind},
};

/// Rows of one multi-row statement.
const ROWS_PER_STATEMENT: usize = 100;
/// Ids of one look-up.
const IDS_PER_LOOKUP: usize = 500;

/// A unit as it was fed to the roll-ups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredUnit {
    /// Its address.
    pub key: RecordKey,
    /// Its days and dimensions; it contributes nothing when deleted.
    pub unit: Unit,
    /// Whether its record is a tombstone.
    pub deleted: bool,
    /// The latest day on which anything happened to it, its deletion included.
    pub last_day: Option<Date>,
}

/// A cell with its count and its value in ten-thousandths.
pub type CellCount = (Cell, i64, i64);

/// Records of the change log that roll-ups have not seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Unseen {
    /// The last line.
    pub last_seq: i64,
    /// The records, by source.
    pub records: BTreeMap<(String, Object), Vec<String>>,
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

    /// Units to which something happened on that day or later.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn units_since(&self, day: Date) -> StoreResult<Vec<StoredUnit>> {
        let rows = sqlx::query(
            "SELECT kind, source, id, channel, campaign, owner, segment, currency, value, lead_day,
                    mql_day, opportunity_day, won_day, lost_day, deleted, last_day
             FROM unit WHERE last_day >= ?",
        )
        .bind(day.to_string())
        .fetch_all(&self.pool)
        .await
        .map_err(on("read units"))?;
        Ok(rows.iter().map(stored_unit).collect())
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

    /// The next lines of the change log after `seq`.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn changes_after(&mut self, seq: i64, limit: i64) -> StoreResult<Option<Unseen>> {
        let rows = sqlx::query(
            "SELECT seq, source, object, id FROM change WHERE seq > ? ORDER BY seq LIMIT ?",
        )
        .bind(seq)
        .bind(limit)
        .fetch_all(&mut *self.transaction)
        .await
        .map_err(on("read the change log"))?;
        let Some(last) = rows.last() else { return Ok(None) };
        let mut unseen = Unseen { last_seq: last.get(0), ..Unseen::default() };
        for row in &rows {
            if let Some(object) = Object::from_name(row.get(2)) {
                unseen.records.entry((row.get(1), object)).or_default().push(row.get(3));
            }
        }
        Ok(Some(unseen))
    }

    /// Every lead that these opportunities ever came from.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn leads_ever(&mut self, source: &str, ids: &[&str]) -> StoreResult<Vec<String>> {
        let select = "SELECT DISTINCT json_extract(fields, '$.lead') FROM change
             WHERE object = 'opportunity' AND kind = 'put' AND source = ";
        self.ids_where(select, source, "id", ids).await
    }

    /// The opportunities that came from these leads.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn opportunities_of(
        &mut self,
        source: &str,
        leads: &[&str],
    ) -> StoreResult<Vec<String>> {
        self.ids_where("SELECT id FROM opportunity WHERE source = ", source, "lead", leads).await
    }

    async fn ids_where(
        &mut self,
        select: &str,
        source: &str,
        column: &str,
        values: &[&str],
    ) -> StoreResult<Vec<String>> {
        let mut found = Vec::new();
        for chunk in values.chunks(IDS_PER_LOOKUP) {
            let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(select);
            query.push_bind(source.to_owned()).push(format!(" AND {column} IN ("));
            let mut list = query.separated(", ");
            for value in chunk {
                list.push_bind((*value).to_owned());
            }
            query.push(")");
            let rows = query
                .build_query_scalar::<Option<String>>()
                .fetch_all(&mut *self.transaction)
                .await
                .map_err(on("look up related records"))?;
            found.extend(rows.into_iter().flatten());
        }
        Ok(found)
    }

    /// The units of these records as they were last fed.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn units(
        &mut self,
        kind: UnitKind,
        source: &str,
        ids: &[&str],
    ) -> StoreResult<BTreeMap<String, StoredUnit>> {
        let mut units = BTreeMap::new();
        for chunk in ids.chunks(IDS_PER_LOOKUP) {
            let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
                "SELECT kind, source, id, channel, campaign, owner, segment, currency, value, \
                 lead_day, mql_day, opportunity_day, won_day, lost_day, deleted, last_day \
                 FROM unit WHERE kind = ",
            );
            query.push_bind(kind.name()).push(" AND source = ").push_bind(source.to_owned());
            query.push(" AND id IN (");
            let mut list = query.separated(", ");
            for id in chunk {
                list.push_bind((*id).to_owned());
            }
            query.push(")");
            let rows =
                query.build().fetch_all(&mut *self.transaction).await.map_err(on("read units"))?;
            units.extend(rows.iter().map(stored_unit).map(|unit| (unit.key.id.clone(), unit)));
        }
        Ok(units)
    }

    /// Stores units in place of what was stored of them.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn put_units(&mut self, units: &[StoredUnit]) -> StoreResult<()> {
        let day = |day: Option<Date>| day.map(|day| day.to_string());
        for chunk in units.chunks(ROWS_PER_STATEMENT) {
            let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
                "INSERT OR REPLACE INTO unit (kind, source, id, channel, campaign, owner, segment, \
                 currency, value, lead_day, mql_day, opportunity_day, won_day, lost_day, deleted, \
                 last_day) ",
            );
            query.push_values(chunk, |mut row, stored| {
                let unit = &stored.unit;
                row.push_bind(unit.kind.name())
                    .push_bind(&stored.key.source)
                    .push_bind(&stored.key.id)
                    .push_bind(&unit.channel)
                    .push_bind(&unit.campaign)
                    .push_bind(&unit.owner)
                    .push_bind(&unit.segment)
                    .push_bind(&unit.currency)
                    .push_bind(unit.value)
                    .push_bind(day(unit.lead_day))
                    .push_bind(day(unit.mql_day))
                    .push_bind(day(unit.opportunity_day))
                    .push_bind(day(unit.won_day))
                    .push_bind(day(unit.lost_day))
                    .push_bind(stored.deleted)
                    .push_bind(day(stored.last_day));
            });
            query.build().execute(&mut *self.transaction).await.map_err(on("store units"))?;
        }
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

    /// Empties units and roll-ups, for a rebuild from nothing.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn clear_rollups(&mut self) -> StoreResult<()> {
        for table in ["DELETE FROM rollup", "DELETE FROM unit"] {
            sqlx::query(table)
                .execute(&mut *self.transaction)
                .await
                .map_err(on("empty the roll-ups"))?;
        }
        Ok(())
    }
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

fn stored_unit(row: &SqliteRow) -> StoredUnit {
    let day = |column: usize| row.get::<Option<&str>, _>(column).and_then(|day| day.parse().ok());
    let lead = row.get::<&str, _>(0) == UnitKind::Lead.name();
    StoredUnit {
        key: RecordKey { source: row.get(1), id: row.get(2) },
        unit: Unit {
            kind: if lead { UnitKind::Lead } else { UnitKind::Opportunity },
            channel: row.get(3),
            campaign: row.get(4),
            owner: row.get(5),
            segment: row.get(6),
            currency: row.get(7),
            value: row.get(8),
            lead_day: day(9),
            mql_day: day(10),
            opportunity_day: day(11),
            won_day: day(12),
            lost_day: day(13),
        },
        deleted: row.get(14),
        last_day: day(15),
    }
}
