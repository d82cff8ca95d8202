//! The same person in several sources: how leads are found by what they are called elsewhere.

use sqlx::{QueryBuilder, Row, Sqlite};

use super::records::{columns, record_at};
use super::{Store, StoreResult, Write, on};
use crate::domain::{Object, Record, RecordKey, person};

/// Values of one look-up.
const VALUES_PER_LOOKUP: usize = 500;
/// Where the key of the hashes is kept, in the `meta` table.
const KEY: &str = "person_key";

/// How leads of one source are counted as those of another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matched {
    /// Leads that are not deleted.
    pub leads: u64,
    /// Of these, those that are counted as leads of the CRM.
    pub matched: u64,
    /// Of these, those that only the address tells.
    pub by_address: u64,
}

impl Write {
    /// Living leads of some sources whose field has one of these values.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn leads_called(
        &mut self,
        sources: &[String],
        field: &'static str,
        values: &[String],
    ) -> StoreResult<Vec<(RecordKey, Record)>> {
        let mut found = Vec::new();
        for some in values.chunks(VALUES_PER_LOOKUP) {
            let select = format!(
                "SELECT source, id, {} FROM lead INDEXED BY lead_{field} WHERE {field} IN (",
                columns(Object::Lead)
            );
            let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(select);
            let mut list = query.separated(", ");
            some.iter().for_each(|value| {
                list.push_bind(value.clone());
            });
            query.push(") AND deleted_ms IS NULL");
            let rows = query
                .build()
                .fetch_all(&mut *self.transaction)
                .await
                .map_err(on("look for the same person"))?;
            let leads = rows.iter().map(|row| {
                let key = RecordKey { source: row.get(0), id: row.get(1) };
                let record = record_at(Object::Lead, key.id.clone(), row, 2);
                (key, record)
            });
            found.extend(leads.filter(|(key, _)| sources.contains(&key.source)));
        }
        Ok(found)
    }

    /// Leads of these that were merged into others: id -> who took them over.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn heirs_of_leads(
        &mut self,
        source: &str,
        ids: &[String],
    ) -> StoreResult<Vec<(String, String)>> {
        let mut heirs = Vec::new();
        for some in ids.chunks(VALUES_PER_LOOKUP) {
            let mut query: QueryBuilder<Sqlite> =
                QueryBuilder::new("SELECT id, merged_into FROM lead WHERE source = ");
            query.push_bind(source.to_owned()).push(" AND merged_into IS NOT NULL AND id IN (");
            let mut list = query.separated(", ");
            some.iter().for_each(|id| {
                list.push_bind(id.clone());
            });
            query.push(")");
            let rows = query
                .build()
                .fetch_all(&mut *self.transaction)
                .await
                .map_err(on("look for merged leads"))?;
            heirs.extend(rows.iter().map(|row| (row.get(0), row.get(1))));
        }
        Ok(heirs)
    }

    /// The key of the hashes of addresses; `made` is kept where there is none yet.
    ///
    /// # Errors
    /// When the database cannot be read or written.
    pub async fn person_key(&mut self, made: &str) -> StoreResult<String> {
        let known: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE key = ?")
            .bind(KEY)
            .fetch_optional(&mut *self.transaction)
            .await
            .map_err(on("read the key of addresses"))?;
        if let Some(known) = known {
            return Ok(known);
        }
        self.set_meta(KEY, made).await?;
        Ok(made.to_owned())
    }
}

impl Store {
    /// The leads of other sources that are the same person.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn same_person(&self, source: &str, id: &str) -> StoreResult<Vec<RecordKey>> {
        let row = sqlx::query("SELECT person, elsewhere FROM lead WHERE source = ? AND id = ?")
            .bind(source)
            .bind(id)
            .fetch_optional(&self.pool)
            .await
            .map_err(on("look for the same person"))?;
        let Some(row) = row else { return Ok(Vec::new()) };
        let mut record = Record::empty(Object::Lead, id);
        record.set(person::ELSEWHERE, row.get(1));
        let counted_as: Option<String> = row.get(0);
        let elsewhere = person::Elsewhere::of(&record);
        let keys = elsewhere.keys().chain(counted_as.as_deref());
        Ok(keys.filter_map(person::parse_key).collect())
    }

    /// How many leads of a source are counted as leads of the CRM.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn matched(&self, source: &str) -> StoreResult<Matched> {
        let row = sqlx::query(
            "SELECT count(*), count(l.person),
                    count(CASE WHEN l.crm_id IS NULL OR NOT EXISTS (
                        SELECT 1 FROM lead c WHERE l.crm_id IN (c.id, c.contact)
                           AND c.source = substr(l.person, 1, instr(l.person, '/') - 1)
                           AND c.id = substr(l.person, instr(l.person, '/') + 1)
                    ) THEN l.person END)
             FROM lead l WHERE l.source = ? AND l.deleted_ms IS NULL",
        )
        .bind(source)
        .fetch_one(&self.pool)
        .await
        .map_err(on("count the same people"))?;
        let count = |at: usize| row.get::<i64, _>(at).unsigned_abs();
        Ok(Matched { leads: count(0), matched: count(1), by_address: count(2) })
    }
}
