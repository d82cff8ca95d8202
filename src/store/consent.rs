//! Who must not be mailed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use sqlx::{QueryBuilder, Row, Sqlite};

use super::{Store, StoreResult, instant, on};
use crate::domain::{Moment, RecordKey};

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
                "SELECT l.source, l.id, l.opted_out_at, coalesce(
                     (SELECT max(c.seen_ms) FROM change c
                      WHERE c.object = 'lead' AND c.source = l.source AND c.id = l.id
                        AND instr(' ' || c.changed || ' ', ' opt_in ') > 0),
                     l.first_seen_ms)
                 FROM lead l WHERE l.deleted_ms IS NULL
                   AND (l.opt_in = 'false' OR (l.opt_in IS NULL AND l.opted_out_at IS NOT NULL))
                   AND (l.source, l.id) IN ",
            );
            query.push_tuples(chunk, |mut row, lead| {
                row.push_bind(lead.source.as_str()).push_bind(lead.id.as_str());
            });
            let rows = query.build().fetch_all(&self.pool).await;
            let rows = rows.map_err(on("look up who opted out"))?;
            found.extend(rows.iter().map(|row| OptedOut {
                lead: RecordKey { source: row.get(0), id: row.get(1) },
                at: row.get::<Option<&str>, _>(2).and_then(Moment::parse),
                seen_at: instant(row.get(3)),
            }));
        }
        Ok(found)
    }
}
