//! What somebody must hear of: rules find it, the life cycle decides what is said. Pure.
//!
//! A new rule is one file in `rules/` and one line in [`rules::RULES`].

pub mod lifecycle;
pub mod message;
pub mod outlook;
pub mod rules;
pub mod settings;
pub mod telling;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{
    calendar::BusinessCalendar,
    facts::{Facts, RecordKey},
    money::CurrencyRates,
    notice::RecordRef,
    period::Period,
    team::Teams,
    vocabulary::Vocabulary,
};
use crate::handoff::Ledger;
use crate::pacing::{PaceRow, targets::TargetRow};
use crate::plan::{GoalPlan, Pair};
use crate::rates::Row;
use settings::AlertSettings;

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Somebody should act this week.
    Warning,
    /// Somebody should act today.
    Critical,
}

impl Severity {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Severity::Warning => "warning",
            Severity::Critical => "critical",
        }
    }
}

/// Who hears of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Audience {
    /// One team.
    Team(String),
    /// Every team.
    EveryTeam,
    /// The owner of opportunities, by the vendor's id.
    Owner(String),
    /// Whoever runs the daemon.
    Operator,
}

/// What a rule says about one scope at one check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The threshold is crossed, by this step (1 is the first).
    Breach(usize),
    /// Neither bad enough to start nor good enough to end.
    Holding,
    /// It is well.
    Clear,
    /// There is nothing to say any more, and why.
    Ended(String),
}

/// A rule's finding about one scope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule.
    pub rule: String,
    /// What it is about, unique within the rule.
    pub scope: String,
    /// How it stands.
    pub status: Status,
    /// How much it matters.
    pub severity: Severity,
    /// Who hears of it.
    pub audience: Audience,
    /// Findings of one group (a goal, a team's hand-offs) are told in one message.
    #[serde(default)]
    pub group: String,
    /// The measured value.
    pub value: f64,
    /// What it is held against.
    pub threshold: f64,
    /// One line: what is wrong and how much.
    pub summary: String,
    /// The same in the few words of a list of things to do, beside its owner.
    pub task: String,
    /// Whose it is.
    pub owner: String,
    /// By when it can be mended, in words.
    pub act_by: String,
    /// What it is worth, in words; empty where that is not money.
    pub worth: String,
    /// The lines of the message: a label and a sentence.
    pub lines: Vec<(String, String)>,
    /// The records behind it, cut at [`RECORDS_MAX`].
    pub records: Vec<RecordRef>,
    /// How many there are in all.
    pub records_total: usize,
    /// Whether a record that was not told yet is worth a message.
    pub tells_new_records: bool,
    /// Whether its end is no news.
    #[serde(default)]
    pub quiet_end: bool,
    /// The sources that it rests on.
    pub rests_on: BTreeSet<String>,
}

/// Records that an alert keeps.
pub const RECORDS_MAX: usize = 200;

/// How a source stands.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceView {
    /// How far its data is complete.
    pub complete_to: Option<Timestamp>,
    /// Whether a sync of it has ended: the first one may take hours, and is no trouble.
    pub tried: bool,
    /// Why the last sync did not read everything.
    pub last_error: Option<String>,
    /// Where it stands in the configuration.
    pub place: String,
    /// How far behind the clock it is when all is well, in seconds.
    pub lag_secs: i64,
}

/// A planned rate and the measured one of its latest mature cohort.
#[derive(Clone, Debug, PartialEq)]
pub struct RateCheck {
    /// The goal.
    pub goal: String,
    /// Its team.
    pub team: Option<String>,
    /// The rate.
    pub pair: Pair,
    /// What the plan says.
    pub planned: f64,
    /// At this horizon, in days.
    pub window_days: i64,
    /// Who entered when.
    pub cohort: Period,
    /// What was measured.
    pub row: Row,
    /// The entrants that did not convert.
    pub records: Vec<RecordRef>,
    /// How many there are in all.
    pub records_total: usize,
}

/// What a plan assumes, and what the past says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Doubt {
    /// The goal.
    pub goal: String,
    /// Its team.
    pub team: Option<String>,
    /// The key of the assumption in the plan file.
    pub key: String,
    /// The assumption and the past, in a sentence.
    pub sentence: String,
    /// As planned.
    pub planned: f64,
    /// As measured, where that can be done.
    pub measured: Option<f64>,
    /// What follows.
    pub verdict: crate::rates::assumed::Verdict,
    /// The goal's first day.
    pub starts: jiff::civil::Date,
    /// The day after its last.
    pub ends: jiff::civil::Date,
}

/// A mail of sales to a person who had opted out.
#[derive(Clone, Debug, PartialEq)]
pub struct MailedOptedOut {
    /// The person.
    pub lead: RecordKey,
    /// The mail's id at the source.
    pub mail: String,
    /// When it was sent.
    pub at: Timestamp,
    /// Who sent it.
    pub owner: Option<String>,
    /// Since when the person was out, as far as is known.
    pub opted_out_at: Timestamp,
}

/// Whether the criteria of an opportunity let too few pass.
#[derive(Clone, Debug, PartialEq)]
pub struct CriteriaView {
    /// Whether they do; none where that cannot be decided.
    pub is_too_tight: Option<bool>,
    /// The share that passed before.
    pub passed_before: f64,
    /// The share that passed lately.
    pub passed_lately: f64,
    /// What it rests on, in sentences.
    pub says: Vec<String>,
}

/// Everything that rules look at.
pub struct Context<'a> {
    /// `[alerts]`
    pub settings: &'a AlertSettings,
    /// Now.
    pub clock: Timestamp,
    /// The company's hours and zone.
    pub calendar: &'a BusinessCalendar,
    /// The company's currency and its rates.
    pub currency: &'a CurrencyRates,
    /// Vendor values to channels.
    pub words: &'a Vocabulary,
    /// Owners to teams.
    pub teams: &'a Teams,
    /// The facts.
    pub facts: &'a Facts,
    /// The goals.
    pub plans: &'a [GoalPlan],
    /// Where they stand.
    pub pace: &'a [PaceRow],
    /// The planned rates beside the measured ones.
    pub rates: &'a [RateCheck],
    /// What the plans assume.
    pub doubts: &'a [Doubt],
    /// Mails and positions against what the plan wants of them.
    pub targets: &'a [TargetRow],
    /// Data faults by source.
    pub faults: &'a BTreeMap<String, usize>,
    /// The hand-offs.
    pub ledger: &'a Ledger,
    /// Mails to people who had opted out; none where no source says who did.
    pub mailed_opted_out: Option<&'a [MailedOptedOut]>,
    /// Whether the criteria are too tight; none where nobody asks.
    pub criteria: Option<&'a CriteriaView>,
    /// Hand-offs before this instant never alert.
    pub alerts_since: Timestamp,
    /// The sources.
    pub sources: &'a BTreeMap<String, SourceView>,
    /// The sources that report each metric's records.
    pub sources_of: &'a dyn Fn(crate::domain::stage::Stage) -> BTreeSet<String>,
    /// The sources that report activities.
    pub activity_sources: &'a BTreeSet<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A finding of the rule `r` about the scope `s`, with these records.
    pub fn finding(status: Status, ids: &[&str]) -> Finding {
        let record = |id: &&str| RecordRef {
            source: "crm".into(),
            object: "opportunity".into(),
            id: (*id).into(),
            url: None,
        };
        Finding {
            rule: "r".into(),
            scope: "s".into(),
            status,
            severity: Severity::Warning,
            audience: Audience::EveryTeam,
            group: "g".into(),
            value: 0.0,
            threshold: 0.0,
            summary: String::new(),
            task: String::new(),
            owner: "somebody".into(),
            act_by: "today".into(),
            worth: String::new(),
            lines: Vec::new(),
            records: ids.iter().map(record).collect(),
            records_total: ids.len(),
            tells_new_records: true,
            quiet_end: false,
            rests_on: BTreeSet::from(["crm".to_owned()]),
        }
    }
}
