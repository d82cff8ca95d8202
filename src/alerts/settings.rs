//! `[alerts]`: every rule has a switch and its thresholds.

/// How alerts are made.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertSettings {
    /// `shadow` evaluates and records, and sends nothing.
    pub shadow: bool,
    /// `[alerts.pace_behind]`
    pub pace_behind: PaceBehind,
    /// `[alerts.rate_below_plan]`
    pub rate_below_plan: RateBelowPlan,
    /// `[alerts.followup_overdue]`
    pub followup_overdue: FollowupOverdue,
    /// `[alerts.source_stale]`
    pub source_stale: SourceStale,
}

/// A goal's stage is behind its plan by more than chance would explain.
#[derive(Clone, Debug, PartialEq)]
pub struct PaceBehind {
    /// The switch.
    pub enabled: bool,
    /// Shortfalls at which a message is sent again, as shares of the plan to date.
    pub steps: Vec<f64>,
}

/// A measured rate is below the planned one.
#[derive(Clone, Debug, PartialEq)]
pub struct RateBelowPlan {
    /// The switch.
    pub enabled: bool,
    /// Cohorts with fewer entrants are not judged.
    pub minimum_entrants: u64,
    /// Cohorts with a smaller mature share are not judged.
    pub minimum_mature_share: f64,
    /// Shortfalls at which a message is sent again, as shares of the planned rate.
    pub steps: Vec<f64>,
}

/// Hand-offs wait for a first touch beyond their time.
#[derive(Clone, Debug, PartialEq)]
pub struct FollowupOverdue {
    /// The switch.
    pub enabled: bool,
    /// From so many overdue hand-offs of one owner on.
    pub minimum_count: usize,
}

/// A source has not been read completely for too long.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceStale {
    /// The switch.
    pub enabled: bool,
    /// How old its data may be, in seconds.
    pub after_secs: i64,
    /// Ages at which a message is sent again, as multiples of `after`.
    pub steps: Vec<f64>,
}
