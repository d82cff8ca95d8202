//! Loading everything that the pure core works on: as it stands, or as it was known at an instant.

use jiff::Timestamp;
use sqlx::Row;

use super::{
    Store, StoreResult, on,
    records::{columns, deleted_at, record_from_json},
};
use crate::domain::{Facts, Object, Record};

/// The objects that facts are made of; mailings and rankings have no calculation yet.
const LOADED: [Object; 8] = [
    Object::Owner,
    Object::Campaign,
    Object::Lead,
    Object::Opportunity,
    Object::StageChange,
    Object::OwnerChange,
    Object::Activity,
    Object::Visit,
];

impl Store {
    /// Everything as it stands.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn facts(&self) -> StoreResult<Facts> {
        let mut facts = Facts::default();
        for object in LOADED {
            let sql = format!(
                "SELECT source, id, deleted_ms, {} FROM {}",
                columns(object),
                object.name()
            );
            let rows = sqlx::query(sqlx::AssertSqlSafe(sql))
                .fetch_all(&self.pool)
                .await
                .map_err(on("read facts"))?;
            for row in rows {
                let values = (3..3 + object.fields().len()).map(|column| row.get(column)).collect();
                let record = Record { object, id: row.get(1), values };
                facts.add(row.get::<&str, _>(0), &record, deleted_at(row.get(2)));
            }
        }
        Ok(facts)
    }

    /// Everything as it was known at an instant: the last line of the change log of each record that
    /// had been seen by then.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn facts_known_at(&self, known: Timestamp) -> StoreResult<Facts> {
        let mut facts = Facts::default();
        for object in LOADED {
            let rows = sqlx::query(
                "SELECT c.source, c.id, c.kind, c.event_at, c.seen_ms, p.fields FROM change c
                 JOIN (SELECT max(seq) AS last,
                              max(CASE kind WHEN 'put' THEN seq END) AS last_put
                       FROM change WHERE object = ?1 AND seen_ms <= ?2 GROUP BY source, id) l
                   ON c.seq = l.last
                 JOIN change p ON p.seq = l.last_put",
            )
            .bind(object.name())
            .bind(known.as_millisecond())
            .fetch_all(&self.pool)
            .await
            .map_err(on("read the change log"))?;
            for row in rows {
                let deleted = row.get::<&str, _>(2) == "delete";
                let record = record_from_json(object, row.get(1), row.get::<&str, _>(5))?;
                let told = row.get::<Option<&str>, _>(3).and_then(|at| at.parse().ok());
                let at = deleted.then(|| told.or_else(|| deleted_at(row.get(4)))).flatten();
                facts.add(row.get::<&str, _>(0), &record, at);
            }
        }
        Ok(facts)
    }
}
