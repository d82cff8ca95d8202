//! Forgetting a person: what is stored of a lead stays in the counts under a name that says nothing,
//! and the source's own id is neither kept nor taken again.

use std::collections::HashSet;

use jiff::Timestamp;

use super::{Store, StoreResult, Write, on};
use crate::domain::{Object, Record};

/// Names that say nothing begin so.
const PREFIX: &str = "forgotten-";

/// The people of a source who asked to be forgotten.
#[derive(Clone, Debug, Default)]
pub struct Forgotten {
    salt: String,
    hashes: HashSet<String>,
}

impl Forgotten {
    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The name that stands for a person who asked; nothing for everybody else.
    pub fn name_of(&self, id: &str) -> Option<String> {
        let hash = hash(&self.salt, id);
        self.hashes.contains(&hash).then(|| format!("{PREFIX}{hash}"))
    }

    /// Puts the name that says nothing in the place of the person, wherever a record names one.
    pub fn apply(&self, record: &mut Record) {
        let Some(lead) = record.get("lead").map(str::to_owned) else { return };
        let Some(name) = self.name_of(&lead) else { return };
        // A link's id ends with the person.
        if let Some(rest) = record.id.strip_suffix(&lead).filter(|rest| rest.ends_with('|')) {
            record.id = format!("{rest}{name}");
        }
        record.set("lead", Some(name));
    }
}

/// Whether an id is a name that says nothing: no source has it.
pub fn is_pseudonym(id: &str) -> bool {
    id.starts_with(PREFIX)
}

/// A 64-bit FNV-1a hash, salted with the random name of the database. It hides an id from whoever
/// reads along; whoever has the file and all ids of the source can still try them one by one.
fn hash(salt: &str, id: &str) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in salt.bytes().chain([0]).chain(id.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("{hash:016x}")
}

impl Store {
    /// The people of a source who asked to be forgotten.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn forgotten(&self, source: &str) -> StoreResult<Forgotten> {
        let hashes: Vec<String> = sqlx::query_scalar("SELECT hash FROM forgotten WHERE source = ?")
            .bind(source)
            .fetch_all(&self.pool)
            .await
            .map_err(on("read who is forgotten"))?;
        let salt = format!("{}/{source}", self.id().await?);
        Ok(Forgotten { salt, hashes: hashes.into_iter().collect() })
    }

    /// Forgets a person, and says whether anything was stored of them.
    ///
    /// # Errors
    /// When the database cannot be written; nothing is changed then.
    pub async fn forget(&self, source: &str, id: &str, now: Timestamp) -> StoreResult<bool> {
        let hash = hash(&format!("{}/{source}", self.id().await?), id);
        let name = format!("{PREFIX}{hash}");
        let mut write = self.begin().await?;
        sqlx::query(
            "INSERT INTO forgotten (source, hash, at_ms) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        )
        .bind(source)
        .bind(hash)
        .bind(now.as_millisecond())
        .execute(&mut *write.transaction)
        .await
        .map_err(on("forget"))?;
        let renamed = write
            .rename(
                "UPDATE OR REPLACE lead SET id = ?3 WHERE source = ?1 AND id = ?2",
                source,
                id,
                &name,
            )
            .await?;
        for sql in RENAMES {
            write.rename(sql, source, id, &name).await?;
        }
        for object in [Object::ContactRole, Object::ActivityLink, Object::Touch] {
            let table = object.name();
            let renamed = "substr(id, 1, length(id) - length(?2)) || ?3";
            let ends_with = "substr(id, -length(?2) - 1) = '|' || ?2";
            let sql = format!(
                "UPDATE {table} SET id = CASE WHEN {ends_with} THEN {renamed} ELSE id END, lead = ?3
                 WHERE source = ?1 AND lead = ?2"
            );
            write.rename(&sql, source, id, &name).await?;
            let sql = format!(
                "UPDATE change SET id = {renamed}
                 WHERE source = ?1 AND object = '{table}' AND {ends_with}"
            );
            write.rename(&sql, source, id, &name).await?;
        }
        write.rename_in_texts(source, id, &name).await?;
        write.commit().await?;
        Ok(renamed > 0)
    }
}

/// Where an id stands by itself.
const RENAMES: [&str; 9] = [
    "UPDATE lead SET person = ?1 || '/' || ?3 WHERE person = ?1 || '/' || ?2",
    "UPDATE lead SET elsewhere =
         replace(elsewhere, '\"' || ?1 || '/' || ?2 || '\":', '\"' || ?1 || '/' || ?3 || '\":')
         WHERE instr(elsewhere, '\"' || ?1 || '/' || ?2 || '\":') > 0",
    "UPDATE lead SET crm_id = NULL, contact = NULL, email_hash = NULL
         WHERE source = ?1 AND id = ?3 AND ?2 <> ''",
    "UPDATE change SET was = json_remove(was, '$.crm_id', '$.contact', '$.email_hash', '$.person',
         '$.elsewhere') WHERE source = ?1 AND object = 'lead' AND id IN (?2, ?3)",
    "UPDATE lead SET merged_into = ?3 WHERE source = ?1 AND merged_into = ?2",
    "UPDATE opportunity SET lead = ?3 WHERE source = ?1 AND lead = ?2",
    "UPDATE activity SET lead = ?3 WHERE source = ?1 AND lead = ?2",
    "UPDATE change SET id = ?3 WHERE source = ?1 AND object = 'lead' AND id = ?2",
    "DELETE FROM data_fault WHERE source = ?1 AND ?3 <> '' AND (object = 'lead' AND record = ?2
         OR substr(record, -length(?2) - 1) = '|' || ?2)",
];

impl Write {
    async fn rename(&mut self, sql: &str, source: &str, id: &str, name: &str) -> StoreResult<u64> {
        let done = sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()))
            .bind(source)
            .bind(id)
            .bind(name)
            .execute(&mut *self.transaction)
            .await
            .map_err(on("forget"))?;
        Ok(done.rows_affected())
    }

    /// Where an id stands within a text: in values before a change, and in what alerts rest on. The
    /// messages that named it, and have left, go.
    async fn rename_in_texts(&mut self, source: &str, id: &str, name: &str) -> StoreResult<()> {
        let quote = |text: &str| serde_json::Value::from(text).to_string();
        let (before, after) =
            (format!("\"lead\":{}", quote(id)), format!("\"lead\":{}", quote(name)));
        let sql = "UPDATE change SET was = replace(was, ?2, ?3)
                   WHERE source = ?1 AND instr(was, ?2) > 0";
        self.rename(sql, source, &before, &after).await?;
        let record = |id: &str| {
            format!("\"source\":{},\"object\":\"lead\",\"id\":{}", quote(source), quote(id))
        };
        let (before, after) = (record(id), record(name));
        let gone = "DELETE FROM outbox WHERE finished_ms IS NOT NULL AND thread IN
                    (SELECT thread FROM alert WHERE ?1 <> '' AND ?3 <> '' AND id IN
                        (SELECT alert FROM alert_transition WHERE instr(finding, ?2) > 0))";
        self.rename(gone, source, &before, &after).await?;
        // An alert that took over from another one may know records that it never named itself.
        let told = "UPDATE alert_heard SET records = replace(records, ?1, ?2)
                    WHERE ?3 <> '' AND instr(records, ?1) > 0 AND alert IN
                        (SELECT id FROM alert WHERE instr(finding, '\"object\":\"lead\"') > 0)";
        self.rename(told, &quote(id), &quote(name), &before).await?;
        for table in ["alert", "alert_transition"] {
            let sql = format!(
                "UPDATE {table} SET finding = replace(finding, ?2, ?3)
                 WHERE ?1 <> '' AND instr(finding, ?2) > 0"
            );
            self.rename(&sql, source, &before, &after).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_somebody_who_is_forgotten_names_nobody() {
        let salt = "store/crm".to_owned();
        let hashes = HashSet::from([hash(&salt, "5")]);
        let forgotten = Forgotten { salt, hashes };
        let mut link = Record::empty(Object::ContactRole, "15|5");
        link.set("opportunity", Some("15".into()));
        link.set("lead", Some("5".into()));
        forgotten.apply(&mut link);
        let name = forgotten.name_of("5").unwrap();
        assert_eq!((link.id, link.values[1].as_ref()), (format!("15|{name}"), Some(&name)));
        assert!(is_pseudonym(&name) && forgotten.name_of("15").is_none());
    }
}
