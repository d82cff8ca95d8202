//! The nurture pool: hand-offs that do not meet the agreed criteria, or that sales gave back. They are not lost,
//! and whoever looks after them wants to know how many there are, since when, and how many come back.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, tz::TimeZone};

use super::ledger::HandOff;
use crate::domain::facts::{Facts, Outcome, RecordKey};

/// One opportunity in the pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The opportunity.
    pub opportunity: RecordKey,
    /// A link to it.
    pub url: Option<String>,
    /// Since when.
    pub since: Timestamp,
    /// Why: the criteria that it does not meet, or that it was given back, with the reason.
    pub why: String,
    /// Whether the person may be mailed.
    pub opt_in: Option<bool>,
    /// The nurture programme that the person is in.
    pub programme: Option<String>,
}

/// The pool, and what left it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// Who is in it, the oldest first.
    pub members: Vec<Member>,
    /// How many ever were.
    pub entered: usize,
    /// How many of these were handed off again, or through another opportunity of the same lead.
    pub came_back: usize,
    /// How many of these were won in the end.
    pub won: usize,
}

impl Pool {
    /// Half of the members are younger than this, in days.
    pub fn median_age_days(&self, clock: Timestamp) -> Option<i64> {
        // The oldest come first, so the ages fall.
        let since = self.members.get(self.members.len() / 2)?.since;
        Some((clock.as_second() - since.as_second()) / 86_400)
    }
}

/// The pool that these hand-offs make, by the data of today: what was filled in meanwhile never was in it.
pub fn pool(rows: &[HandOff], facts: &Facts, clock: Timestamp, zone: &TimeZone) -> Pool {
    let mut by_opportunity: BTreeMap<&RecordKey, Vec<&HandOff>> = BTreeMap::new();
    // When a lead's opportunities were handed off as they should be.
    let mut sound: BTreeMap<(&str, &str), Vec<(Timestamp, &RecordKey)>> = BTreeMap::new();
    for row in rows {
        by_opportunity.entry(&row.opportunity).or_default().push(row);
        let lead = facts.opportunities.get(&row.opportunity).and_then(|deal| deal.lead.as_deref());
        if let Some(lead) = lead.filter(|_| entry(row).is_none()) {
            let key = (row.opportunity.source.as_str(), lead);
            sound.entry(key).or_default().push((row.handed_off_at, &row.opportunity));
        }
    }
    let mut pool = Pool::default();
    let mut back: BTreeSet<&RecordKey> = BTreeSet::new();
    for (key, rows) in by_opportunity {
        let Some(deal) = facts.opportunities.get(key) else { continue };
        // The rows of one opportunity are in their order: it is in the pool since it came last.
        let Some((since, why)) = rows.iter().rev().find_map(|row| entry(row)) else { continue };
        pool.entered += 1;
        let again = rows.iter().any(|row| row.handed_off_at > since && entry(row).is_none());
        let of_lead = deal.lead.as_deref().and_then(|lead| sound.get(&(key.source.as_str(), lead)));
        let other = of_lead.into_iter().flatten().any(|(at, other)| *at > since && *other != key);
        if again || other {
            back.insert(key);
        }
        let seen = deal.closed_at.is_some_and(|at| at.is_seen(clock, zone));
        pool.won += usize::from(deal.outcome == Outcome::Won && seen);
        let gone = deal.deleted_at.is_some_and(|at| at <= clock);
        if back.contains(key) || gone || (deal.outcome != Outcome::Open && seen) {
            continue;
        }
        let lead = facts.lead_of(deal);
        pool.members.push(Member {
            opportunity: key.clone(),
            url: deal.url.clone(),
            since,
            why,
            opt_in: lead.and_then(|lead| lead.opt_in),
            programme: lead.and_then(|lead| lead.nurture.clone()),
        });
    }
    pool.came_back = back.len();
    pool.members.sort_by(|a, b| (a.since, &a.opportunity).cmp(&(b.since, &b.opportunity)));
    pool
}

/// Since when a hand-off belongs into the pool, and why.
fn entry(row: &HandOff) -> Option<(Timestamp, String)> {
    let unmet = row.audit.as_ref().filter(|audit| audit.met() == Some(false));
    if let Some(audit) = unmet {
        return Some((row.handed_off_at, audit.failed.join("; ")));
    }
    let at = row.decided.given_back_at.or(row.returned_at)?;
    let reason = row.decided.reason.as_deref().unwrap_or("no reason given");
    Some((at, format!("given back: {reason}")))
}
