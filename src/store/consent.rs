//! Who must not be mailed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::{Store, StoreResult, instant, on};
use crate::domain::person::{ELSEWHERE, put_together};
use crate::domain::{Moment, Object, Record, RecordKey, facts};

/// People of one look-up.
const IDS_PER_LOOKUP: usize = 500;

/// Somebody who opted out.
#[derive(Clone, Debug, PartialEq)]
pub struct OptedOut {
    /// The person.
    pub lead: RecordKey,
    /// When, as the source says.
    pub at: Option<Moment>,
    /// When a sync saw first that they had.
    pub seen_at: Timestamp,
}

impl Store {
    /// Those of these people who are opted out now.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn opted_out(&self, leads: &BTreeSet<RecordKey>) -> StoreResult<Vec<OptedOut>> {
        let leads: Vec<&RecordKey> = leads.iter().collect();
        let mut found = Vec::new();
        for chunk in leads.chunks(IDS_PER_LOOKUP) {
            // Whoever was opted out when the first load saw them was so at the latest then.
            let mut query: QueryBuilder<Sqlite> = QueryBuilder::new(
                "SELECT l.source, l.id, l.opt_in, l.opted_out_at, l.elsewhere, coalesce(
                     (SELECT max(c.seen_ms) FROM change c
                      WHERE c.object = 'lead' AND c.source = l.source AND c.id = l.id
                        AND (instr(' ' || c.changed || ' ', ' opt_in ') > 0
                             OR l.opt_in IS NULL AND l.opted_out_at IS NULL
                                AND instr(' ' || c.changed || ' ', ' elsewhere ') > 0)),
                     l.first_seen_ms)
                 FROM lead l WHERE l.deleted_ms IS NULL
                   AND (l.opt_in = 'false' OR (l.opt_in IS NULL AND l.opted_out_at IS NOT NULL)
                        OR (l.opt_in IS NULL AND instr(l.elsewhere, '\"opt') > 0))
                   AND (l.source, l.id) IN ",
            );
            query.push_tuples(chunk, |mut row, lead| {
                row.push_bind(lead.source.as_str()).push_bind(lead.id.as_str());
            });
            let rows = query.build().fetch_all(&self.pool).await;
            let rows = rows.map_err(on("look up who opted out"))?;
            found.extend(rows.iter().filter_map(|row| {
                // What another source knows of the person counts, too.
                let key = RecordKey { source: row.get(0), id: row.get(1) };
                let mut record = Record::empty(Object::Lead, key.id.as_str());
                for (column, field) in [(2, "opt_in"), (3, "opted_out_at"), (4, ELSEWHERE)] {
                    record.set(field, row.get(column));
                }
                let at = put_together(&record).moment("opted_out_at");
                let lead = facts::lead(key, &record, None);
                let seen_at = instant(row.get(5));
                (lead.opt_in == Some(false)).then_some(OptedOut { lead: lead.key, at, seen_at })
            }));
        }
        Ok(found)
    }
}
