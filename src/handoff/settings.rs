//! `[handoff]`: what makes a hand-off, and what counts as following up.

use jiff::civil::Date;

use super::criteria::Criterion;
use crate::domain::calendar::Allowance;

/// When an opportunity is handed to sales, and what counts as following up.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Older hand-offs get verdicts and never alerts; the first sync's day when absent.
    pub since: Option<Date>,
    /// Opportunities without an owner for longer are reported beside the ledger.
    pub unowned_after: Allowance,
    /// What makes the hand-off.
    pub when: When,
    /// How much business time the first touch may take.
    pub first_touch_within: Allowance,
    /// The kinds of activity that are a touch.
    pub counts_as_touch: Vec<String>,
    /// A touch so long before the hand-off counts as one at it; none when absent.
    pub count_touch_before: Option<Allowance>,
    /// How much business time sales may take to accept it or to give it back; not judged when absent.
    pub decide_within: Option<Allowance>,
    /// What marketing and sales agreed that an opportunity must be.
    pub criteria: Vec<Criterion>,
}

/// What makes the hand-off.
#[derive(Clone, Debug, PartialEq)]
pub enum When {
    /// The first moment at which the opportunity exists and has an owner.
    Owned,
    /// Its creation.
    Created,
    /// Its entry into this stage.
    Stage(String),
}
