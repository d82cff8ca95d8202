//! What somebody must hear of: rules find it, the life cycle decides what is said. Pure.
//!
//! A new rule is one file in `rules/` and one line in [`rules::RULES`].

pub mod lifecycle;
pub mod message;
pub mod outlook;
pub mod rules;
pub mod settings;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::domain::{
    calendar::BusinessCalendar, channel::ChannelMap, facts::Facts, money::CurrencyRates,
    notice::RecordRef, period::Period, team::Teams,
};
use crate::handoff::Ledger;
use crate::pacing::PaceRow;
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
    pub channels: &'a ChannelMap,
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
    /// The hand-offs.
    pub ledger: &'a Ledger,
    /// Hand-offs before this instant never alert.
    pub alerts_since: Timestamp,
    /// The sources.
    pub sources: &'a BTreeMap<String, SourceView>,
    /// The sources that report each metric's records.
    pub sources_of: &'a dyn Fn(crate::domain::stage::Stage) -> BTreeSet<String>,
    /// The sources that report activities.
    pub activity_sources: &'a BTreeSet<String>,
}
