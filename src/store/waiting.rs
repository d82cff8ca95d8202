//! Hand-offs that may still wait for their first touch.

use jiff::Timestamp;

use super::{Store, StoreResult, on};

/// Hand-offs that are asked for again at every sync.
const WAITING_MAX: i64 = 10_000;
/// A closed opportunity waits no longer than a month.
const RECENT_SECS: i64 = 30 * 86_400;

impl Store {
    /// Opportunities whose last hand-off may still wait for its first touch: open ones, and others
    /// of the last month, that their owner is not known to have touched since. More than wait may be
    /// among them, never less; the newest come first, each with its lead.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn waiting_hand_offs(
        &self,
        source: &str,
        now: Timestamp,
    ) -> StoreResult<Vec<(String, Option<String>)>> {
        let recent = Timestamp::from_second(now.as_second() - RECENT_SECS).unwrap_or(now);
        let touched =
            "a.owner = o.owner AND a.kind NOT IN ('note', 'email_in') AND a.\"at\" >= o.since";
        // Without statistics SQLite takes the primary key, whose first column is the source: it would
        // look at every record of it.
        let linked = |field: &str| {
            format!(
                "SELECT 1 FROM activity_link l INDEXED BY activity_link_{field}
                 JOIN activity a ON a.source = l.source AND a.id = l.activity
                 WHERE l.source = o.source AND a.deleted_ms IS NULL AND {touched}"
            )
        };
        let (by_deal, by_lead) = (linked("opportunity"), linked("lead"));
        let sql = format!(
            "SELECT o.id, o.lead FROM (
                 SELECT source, id, lead, owner, created_at, outcome,
                        max(coalesce(created_at, ''), coalesce(
                            (SELECT max(c.\"at\") FROM owner_change c
                             INDEXED BY owner_change_opportunity
                             WHERE c.source = d.source AND c.opportunity = d.id), '')) AS since
                 FROM opportunity d WHERE source = ?1 AND deleted_ms IS NULL) o
             WHERE (coalesce(o.outcome, 'open') = 'open' OR o.since >= ?2)
               AND NOT EXISTS (SELECT 1 FROM activity a INDEXED BY activity_opportunity
                               WHERE a.source = o.source AND a.opportunity = o.id AND {touched})
               AND NOT EXISTS ({by_deal} AND l.opportunity = o.id)
               AND NOT EXISTS ({by_lead} AND l.lead = o.lead)
             ORDER BY o.created_at DESC LIMIT ?3"
        );
        sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(source)
            .bind(recent.to_string())
            .bind(WAITING_MAX)
            .fetch_all(&self.pool)
            .await
            .map_err(on("look for waiting hand-offs"))
    }
}
