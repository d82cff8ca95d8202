//! The week's digest: what to do, where each goal stands, and how it came about. Pure.

pub mod build;
pub mod html;
pub mod slack;
pub mod text;
pub mod week;

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

pub use build::{Known, build};
pub use week::Week;

/// The digest of a week. All its figures are words already, so every form shows the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    /// The company's name.
    pub company: String,
    /// `2026-W47`.
    pub week: String,
    /// Its Monday.
    pub from: Date,
    /// The Monday after it.
    pub to: Date,
    /// The clock.
    pub as_of: Timestamp,
    /// How far the data is complete.
    pub data_as_of: Option<Timestamp>,
    /// The same in words, in the company's time.
    pub data_as_of_text: String,
    /// What has to be known before anything is believed.
    pub notes: Vec<String>,
    /// What to do this week.
    pub actions: Vec<Action>,
    /// Where each goal stands.
    pub goals: Vec<GoalLine>,
    /// How each may end, a sentence each; digests of older versions have none.
    #[serde(default)]
    pub outlooks: Vec<String>,
    /// Planned rates beside measured ones.
    pub rates: Vec<RateLine>,
    /// Hand-offs of the week, by team and owner.
    pub followups: Followups,
    /// Alerts that began, ended, or go on.
    pub alerts: Vec<AlertLine>,
    /// How much was checked and told in the week; digests of older versions do not say.
    #[serde(default)]
    pub watched: String,
    /// What changed since last week.
    pub changed: Vec<String>,
    /// What was said before and is otherwise now.
    pub restated: Vec<String>,
    /// How far each source is complete.
    pub sources: Vec<String>,
    /// Data faults, by kind.
    pub faults: BTreeMap<String, usize>,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Action {
    /// Who.
    pub who: String,
    /// What.
    pub what: String,
    /// By when.
    pub by: String,
    /// What it is worth; may be empty.
    pub worth: String,
}

/// A goal's stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GoalLine {
    /// The goal.
    pub goal: String,
    /// What is counted.
    pub metric: String,
    /// So far.
    pub actual: String,
    /// Plan by now.
    pub planned: String,
    /// In all.
    pub goal_value: String,
    /// Pace as a share.
    pub pace: Option<f64>,
    /// Pace in words.
    pub pace_text: String,
    /// Needed a business day from now on.
    pub required: String,
    /// Until when it counts.
    pub until: String,
    /// How it stands.
    pub state: String,
}

/// A rate, planned and measured, with the channels behind it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RateLine {
    /// The goal and the rate.
    pub title: String,
    /// What the plan says.
    pub planned: String,
    /// What was measured, with its interval and its size.
    pub measured: String,
    /// Channel, rate, interval, size.
    pub channels: Vec<[String; 4]>,
}

/// Hand-offs of the week.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Followups {
    /// One sentence that adds up.
    pub sentence: String,
    /// Team or owner, and their counts.
    pub rows: Vec<FollowupLine>,
    /// Opportunities that nobody owns.
    pub unowned: usize,
}

/// The hand-offs of a team or an owner.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FollowupLine {
    /// Who.
    pub who: String,
    /// Whether it is a team.
    pub is_team: bool,
    /// Hand-offs.
    pub handed_off: usize,
    /// In time.
    pub in_time: usize,
    /// Late.
    pub late: usize,
    /// Waiting.
    pub waiting: usize,
    /// Overdue.
    pub overdue: usize,
    /// Not known, or excused.
    pub other: usize,
    /// Median business time to the first touch.
    pub median: String,
}

/// An alert's week.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlertLine {
    /// Its number.
    pub id: i64,
    /// `opened`, `closed` or `open`.
    pub what: String,
    /// Its summary.
    pub summary: String,
    /// Since when, or why it ended.
    pub detail: String,
}
