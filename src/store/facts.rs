//! Loading everything that the pure core works on: as it stands, or as it was known at an instant.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{Timestamp, civil::Date};
use sqlx::{Row, sqlite::SqliteRow};

use super::{
    Store, StoreResult, instant, on,
    records::{columns, deleted_at, knows_merges},
};
use crate::domain::{
    Facts, Lead, Moment, Object, Period, Record, RecordKey,
    facts::{self, Touch, touch},
    unit::UnitKind,
};

/// The objects that facts are made of; mailings and rankings have no calculation yet.
const LOADED: [Object; 10] = [
    Object::Owner,
    Object::Campaign,
    Object::Lead,
    Object::Opportunity,
    Object::StageChange,
    Object::OwnerChange,
    Object::ContactRole,
    Object::Activity,
    Object::ActivityLink,
    Object::Visit,
];

/// The latest moment of a lead, as it is indexed.
const LEADS: &str = "max(coalesce(created_at, ''), coalesce(mql_at, ''), coalesce(disqualified_at, ''), \
     substr(coalesce(elsewhere, ''), 1, 20))";

/// Stored instants are in UTC, so a day of any zone begins at most a day earlier.
fn since(day: Date) -> (Date, i64) {
    let from = day.yesterday().unwrap_or(day);
    let midnight = from.to_zoned(jiff::tz::TimeZone::UTC).map(|at| at.timestamp());
    (from, midnight.map_or(i64::MIN, Timestamp::as_millisecond))
}

/// A record whose id is the second column and whose values begin with the fifth.
fn record_of(object: Object, row: &SqliteRow) -> Record {
    let values = (4..4 + object.fields().len()).map(|column| row.get(column)).collect();
    Record { object, id: row.get(1), values }
}

impl Store {
    /// Everything as it stands.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn facts(&self) -> StoreResult<Facts> {
        self.load(None).await
    }

    /// Everything as it was known at an instant: the records that had been seen by then, with what
    /// changed later taken back.
    ///
    /// # Errors
    /// When the database cannot be read, or the change log is not kept for so long.
    pub async fn facts_known_at(&self, known: Timestamp) -> StoreResult<Facts> {
        self.check_horizon(known).await?;
        self.load(Some(known)).await
    }

    /// Everything as it stands, but of the leads only those that an opportunity came from, to which something
    /// happened on that day or later (or the day before), and the newest.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn facts_with_leads_since(&self, day: Date, newest: usize) -> StoreResult<Facts> {
        let (from, midnight_ms) = since(day);
        let columns = columns(Object::Lead);
        let sql = format!(
            "SELECT l.source, l.id, l.deleted_ms, NULL, {columns} FROM (
                 SELECT source, lead AS id FROM opportunity WHERE lead IS NOT NULL
                 UNION SELECT source, id FROM lead WHERE {LEADS} >= ?1
                 UNION SELECT source, id FROM lead WHERE deleted_ms >= ?2
                 UNION SELECT source, id FROM
                     (SELECT source, id FROM lead ORDER BY {LEADS} DESC LIMIT ?3)) k
             CROSS JOIN lead l ON l.source = k.source AND l.id = k.id"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(from.to_string())
            .bind(midnight_ms)
            .bind(i64::try_from(newest).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await
            .map_err(on("read facts"))?;
        let mut facts = Facts::default();
        for row in &rows {
            let (record, deleted) = (record_of(Object::Lead, row), deleted_at(row.get(2)));
            facts.add(row.get(0), &record, deleted);
        }
        for object in LOADED.into_iter().filter(|object| *object != Object::Lead) {
            self.load_object(&mut facts, object, None).await?;
        }
        Ok(facts)
    }

    /// Leads that entered `lead` (or `mql`) on these days, and perhaps on the days beside them: so many, of
    /// which the least happened since.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn leads_entered(
        &self,
        field: &'static str,
        period: Period,
        most: usize,
    ) -> StoreResult<Vec<Lead>> {
        let columns = columns(Object::Lead);
        // Stored instants are in UTC, so a day of any zone begins and ends at most a day beside its own.
        let sql = format!(
            "SELECT source, id, deleted_ms, NULL, {columns} FROM lead
             WHERE {LEADS} >= ?1 AND deleted_ms IS NULL AND person IS NULL
               AND ({field} >= ?1 AND {field} < ?2 OR elsewhere IS NOT NULL)
             ORDER BY {LEADS} LIMIT ?3"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(period.from.yesterday().unwrap_or(period.from).to_string())
            .bind(period.to.saturating_add(jiff::Span::new().days(2)).to_string())
            .bind(i64::try_from(most).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await
            .map_err(on("read leads"))?;
        let lead = |row: &SqliteRow| {
            let record = record_of(Object::Lead, row);
            let key = RecordKey { source: row.get(0), id: record.id.clone() };
            facts::lead(key, &record, None)
        };
        Ok(rows.iter().map(lead).collect())
    }

    async fn load(&self, known: Option<Timestamp>) -> StoreResult<Facts> {
        let mut facts = Facts::default();
        for object in LOADED {
            self.load_object(&mut facts, object, known).await?;
        }
        Ok(facts)
    }

    async fn load_object(
        &self,
        facts: &mut Facts,
        object: Object,
        known: Option<Timestamp>,
    ) -> StoreResult<()> {
        let mut undone: HashMap<(String, String), Vec<super::changes::Undo>> = HashMap::new();
        if let Some(known) = known {
            for undo in self.changes_since(object, known).await? {
                undone.entry(undo.key.clone()).or_default().push(undo);
            }
        }
        let fourth = match object {
            Object::Activity => "first_seen_ms",
            _ if knows_merges(object) => "merged_into",
            _ => "NULL",
        };
        let sql = format!(
            "SELECT source, id, deleted_ms, {fourth}, {} FROM {} WHERE first_seen_ms <= ?",
            columns(object),
            object.name()
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(known.map_or(i64::MAX, Timestamp::as_millisecond))
            .fetch_all(&self.pool)
            .await
            .map_err(on("read facts"))?;
        let reads = match object {
            Object::Activity => self.complete_syncs().await?,
            _ => BTreeMap::new(),
        };
        for row in rows {
            let mut record = record_of(object, &row);
            let mut deleted = deleted_at(row.get(2));
            let key = (row.get::<String, _>(0), record.id.clone());
            for undo in undone.get(&key).into_iter().flatten() {
                undo.apply(&mut record, &mut deleted);
            }
            let (source, id) = key;
            let known = facts.activities.len();
            facts.add(&source, &record, deleted);
            match object {
                Object::Activity => {
                    let seen: i64 = row.get(3);
                    let reads = reads.get(&source).map(Vec::as_slice).unwrap_or_default();
                    let before = reads.partition_point(|(started, _)| *started < seen);
                    let read_to = before.checked_sub(1).map(|last| instant(reads[last].1));
                    let new = facts.activities[known..].iter_mut();
                    new.for_each(|activity| activity.entered_after = read_to);
                }
                Object::Opportunity
                    if deleted.is_some() && row.get::<Option<&str>, _>(3).is_some() =>
                {
                    facts.merged.insert(RecordKey { source, id });
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What reached leads: much, and of no use but for attribution.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn touches(&self) -> StoreResult<Vec<Touch>> {
        let object = Object::Touch;
        let columns = columns(object);
        let sql = format!("SELECT source, id, {columns} FROM touch WHERE deleted_ms IS NULL");
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .fetch_all(&self.pool)
            .await
            .map_err(on("read touches"))?;
        let touch = |row: &SqliteRow| {
            let values = (2..2 + object.fields().len()).map(|column| row.get(column)).collect();
            touch(row.get(0), &Record { object, id: row.get(1), values })
        };
        Ok(rows.iter().filter_map(touch).collect())
    }

    /// Mailings: of which campaign, when, and how many mails.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn email_sends(&self) -> StoreResult<Vec<(Option<String>, Moment, u64)>> {
        let rows =
            sqlx::query("SELECT at, count, campaign FROM email_send WHERE deleted_ms IS NULL")
                .fetch_all(&self.pool)
                .await
                .map_err(on("read mailings"))?;
        let send = |row: &SqliteRow| {
            Some((row.get(2), Moment::parse(row.get(0))?, row.get::<&str, _>(1).parse().ok()?))
        };
        Ok(rows.iter().filter_map(send).collect())
    }

    /// The positions of a keyword, and how often each was seen where that was counted.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn positions(&self, keyword: &str) -> StoreResult<Vec<(Moment, f64, Option<u64>)>> {
        let sql = "SELECT at, position, impressions FROM ranking WHERE deleted_ms IS NULL AND keyword = ?";
        let rows = sqlx::query(sql)
            .bind(keyword)
            .fetch_all(&self.pool)
            .await
            .map_err(on("read positions"))?;
        let position = |row: &SqliteRow| {
            let times = row.get::<Option<&str>, _>(2).and_then(|times| times.parse().ok());
            Some((Moment::parse(row.get(0))?, row.get::<&str, _>(1).parse().ok()?, times))
        };
        Ok(rows.iter().filter_map(position).collect())
    }

    /// The units to which something happened on that day or later, by the present records; a unit
    /// of the day before may be among them.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn units_since(&self, kind: UnitKind, day: Date) -> StoreResult<BTreeSet<RecordKey>> {
        let (from, midnight_ms) = since(day);
        const DEALS: &str = "max(coalesce(created_at, ''), coalesce(closed_at, '')) >= ?1";
        let sql = match kind {
            UnitKind::Opportunity => format!(
                "SELECT source, id FROM opportunity WHERE {DEALS}
                 UNION SELECT source, id FROM opportunity WHERE deleted_ms >= ?2"
            ),
            UnitKind::Lead => format!(
                "SELECT source, id FROM lead
                 WHERE {LEADS} >= ?1
                 UNION SELECT source, id FROM lead WHERE deleted_ms >= ?2
                 UNION SELECT source, lead FROM opportunity WHERE {DEALS} AND lead IS NOT NULL
                 UNION SELECT source, lead FROM opportunity
                       WHERE deleted_ms >= ?2 AND lead IS NOT NULL"
            ),
        };
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(from.to_string())
            .bind(midnight_ms)
            .fetch_all(&self.pool)
            .await
            .map_err(on("read recent records"))?;
        Ok(rows.into_iter().map(|row| RecordKey { source: row.get(0), id: row.get(1) }).collect())
    }
}
