//! `[alerts]`: every rule has a switch and its thresholds. `[escalation]`: who else hears of it.

use std::collections::BTreeMap;

use super::lifecycle::Patience;
use crate::domain::calendar::Allowance;

/// How alerts are made and told.
#[derive(Clone, Debug, PartialEq)]
pub struct AlertSettings {
    /// `shadow` evaluates and records, and sends nothing.
    pub shadow: bool,
    /// Whose hours a message waits for.
    pub delivery: Delivery,
    /// Critical alerts wait for nobody's hours.
    pub critical_passes: bool,
    /// Messages for one team in one week; what is over it goes into the digest.
    pub messages_per_week: usize,
    /// For how many checks in a row something must hold, by rule.
    pub patience: BTreeMap<String, Patience>,
    /// `[escalation]`
    pub escalation: Escalation,
    /// `[alerts.pace_behind]`
    pub pace_behind: PaceBehind,
    /// `[alerts.rate_below_plan]`
    pub rate_below_plan: RateBelowPlan,
    /// `[alerts.assumption_doubtful]`
    pub assumption_doubtful: Switch,
    /// `[alerts.target_behind]`
    pub target_behind: Switch,
    /// `[alerts.month_missed]`
    pub month_missed: Switch,
    /// `[alerts.goal_out_of_reach]`
    pub goal_out_of_reach: GoalOutOfReach,
    /// `[alerts.last_useful_day]`
    pub last_useful_day: LastUsefulDay,
    /// `[alerts.pipeline_coverage]`
    pub pipeline_coverage: Steps,
    /// `[alerts.close_dates_slipped]`
    pub close_dates_slipped: Share,
    /// `[alerts.opportunities_stalled]`
    pub opportunities_stalled: Share,
    /// `[alerts.followup_overdue]`
    pub followup_overdue: FollowupOverdue,
    /// `[alerts.followup_due_soon]`
    pub followup_due_soon: FollowupDueSoon,
    /// `[alerts.followup_coverage]`
    pub followup_coverage: FollowupCoverage,
    /// `[alerts.handoffs_returned]`
    pub handoffs_returned: HandoffsReturned,
    /// `[alerts.acceptance_overdue]`
    pub acceptance_overdue: Switch,
    /// `[alerts.next_step_missing]`
    pub next_step_missing: NextStepMissing,
    /// `[alerts.criteria_unmet]`
    pub criteria_unmet: Switch,
    /// `[alerts.criteria_too_tight]`
    pub criteria_too_tight: Switch,
    /// `[alerts.mailed_after_opt_out]`
    pub mailed_after_opt_out: Switch,
    /// `[alerts.unowned_opportunity]`
    pub unowned_opportunity: Switch,
    /// `[alerts.source_stale]`
    pub source_stale: SourceStale,
    /// `[alerts.source_failing]`
    pub source_failing: Switch,
    /// `[alerts.source_unusual]`
    pub source_unusual: SourceUnusual,
    /// `[alerts.data_faults]`
    pub data_faults: Steps,
}

/// What holds where the file says nothing. Rules that may be loud in one company and right in another are
/// off until somebody has tried them on the past (`paceline backtest`).
impl Default for AlertSettings {
    fn default() -> AlertSettings {
        let steps = || vec![0.10, 0.20, 0.40];
        // One sync that fails is no news.
        let failing = Patience { enter: 3, leave: 1 };
        AlertSettings {
            shadow: false,
            delivery: Delivery::DaemonWaits,
            critical_passes: true,
            messages_per_week: 15,
            patience: BTreeMap::from([("source_failing".to_owned(), failing)]),
            escalation: Escalation {
                owners: false,
                after: Allowance::Days(1),
                rules: vec!["followup_overdue".into()],
            },
            pace_behind: PaceBehind { enabled: true, steps: steps() },
            rate_below_plan: RateBelowPlan {
                enabled: true,
                minimum_entrants: 20,
                minimum_mature_share: 0.5,
                steps: steps(),
            },
            assumption_doubtful: Switch { enabled: true },
            target_behind: Switch { enabled: true },
            month_missed: Switch { enabled: false },
            goal_out_of_reach: GoalOutOfReach { enabled: false, chance: 0.05 },
            last_useful_day: LastUsefulDay { enabled: false, days: 14 },
            pipeline_coverage: Steps { enabled: false, steps: vec![0.20, 0.40] },
            close_dates_slipped: Share { enabled: false, minimum_count: 5, maximum_share: 0.2 },
            opportunities_stalled: Share { enabled: false, minimum_count: 5, maximum_share: 0.2 },
            followup_overdue: FollowupOverdue { enabled: true, minimum_count: 1 },
            followup_due_soon: FollowupDueSoon { enabled: true, before: Allowance::Minutes(60) },
            followup_coverage: FollowupCoverage {
                enabled: false,
                minimum_share: 0.9,
                minimum_count: 20,
                days: 30,
            },
            handoffs_returned: HandoffsReturned {
                enabled: false,
                maximum_share: 0.2,
                minimum_count: 20,
                days: 30,
            },
            // Nothing is said before `[handoff] decide_within` and `[handoff.criteria]` are.
            acceptance_overdue: Switch { enabled: true },
            next_step_missing: NextStepMissing { enabled: false, after: Allowance::Days(2) },
            criteria_unmet: Switch { enabled: true },
            criteria_too_tight: Switch { enabled: false },
            mailed_after_opt_out: Switch { enabled: true },
            unowned_opportunity: Switch { enabled: true },
            source_stale: SourceStale {
                enabled: true,
                after_secs: 86_400,
                steps: vec![1.0, 3.0, 7.0],
            },
            // The daemon tells of failing jobs by itself; this makes an alert of it.
            source_failing: Switch { enabled: false },
            source_unusual: SourceUnusual {
                enabled: true,
                flood_count: 300,
                flood_times: 5,
                empty_days: 2,
            },
            data_faults: Steps { enabled: false, steps: vec![10.0, 100.0, 1_000.0] },
        }
    }
}

impl AlertSettings {
    /// Switches a rule on or off; false where there is none of that name.
    pub fn switch(&mut self, rule: &str, on: bool) -> bool {
        let switch = match rule {
            "pace_behind" => &mut self.pace_behind.enabled,
            "rate_below_plan" => &mut self.rate_below_plan.enabled,
            "assumption_doubtful" => &mut self.assumption_doubtful.enabled,
            "target_behind" => &mut self.target_behind.enabled,
            "month_missed" => &mut self.month_missed.enabled,
            "goal_out_of_reach" => &mut self.goal_out_of_reach.enabled,
            "last_useful_day" => &mut self.last_useful_day.enabled,
            "pipeline_coverage" => &mut self.pipeline_coverage.enabled,
            "close_dates_slipped" => &mut self.close_dates_slipped.enabled,
            "opportunities_stalled" => &mut self.opportunities_stalled.enabled,
            "followup_overdue" => &mut self.followup_overdue.enabled,
            "followup_due_soon" => &mut self.followup_due_soon.enabled,
            "followup_coverage" => &mut self.followup_coverage.enabled,
            "handoffs_returned" => &mut self.handoffs_returned.enabled,
            "acceptance_overdue" => &mut self.acceptance_overdue.enabled,
            "next_step_missing" => &mut self.next_step_missing.enabled,
            "criteria_unmet" => &mut self.criteria_unmet.enabled,
            "criteria_too_tight" => &mut self.criteria_too_tight.enabled,
            "mailed_after_opt_out" => &mut self.mailed_after_opt_out.enabled,
            "unowned_opportunity" => &mut self.unowned_opportunity.enabled,
            "source_stale" => &mut self.source_stale.enabled,
            "source_failing" => &mut self.source_failing.enabled,
            "source_unusual" => &mut self.source_unusual.enabled,
            "data_faults" => &mut self.data_faults.enabled,
            _ => return false,
        };
        *switch = on;
        true
    }
}

/// A rule that has nothing but its switch.
#[derive(Clone, Debug, PartialEq)]
pub struct Switch {
    /// The switch.
    pub enabled: bool,
}

/// A rule with steps.
#[derive(Clone, Debug, PartialEq)]
pub struct Steps {
    /// The switch.
    pub enabled: bool,
    /// Where a message is sent again.
    pub steps: Vec<f64>,
}

/// Too large a share of what is open.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// The switch.
    pub enabled: bool,
    /// Fewer than this are nobody's concern.
    pub minimum_count: usize,
    /// The share that is put up with.
    pub maximum_share: f64,
}

/// A goal is hardly to be reached any more.
#[derive(Clone, Debug, PartialEq)]
pub struct GoalOutOfReach {
    /// The switch.
    pub enabled: bool,
    /// Below this chance.
    pub chance: f64,
}

/// The last day on which new opportunities help a goal that needs them is near.
#[derive(Clone, Debug, PartialEq)]
pub struct LastUsefulDay {
    /// The switch.
    pub enabled: bool,
    /// So many days before it.
    pub days: usize,
}

/// Hand-offs will soon be overdue.
#[derive(Clone, Debug, PartialEq)]
pub struct FollowupDueSoon {
    /// The switch.
    pub enabled: bool,
    /// So long before the time is up.
    pub before: Allowance,
}

/// Too few hand-offs were touched in time.
#[derive(Clone, Debug, PartialEq)]
pub struct FollowupCoverage {
    /// The switch.
    pub enabled: bool,
    /// The agreed share.
    pub minimum_share: f64,
    /// Fewer hand-offs say nothing.
    pub minimum_count: usize,
    /// Hand-offs of so many days.
    pub days: usize,
}

/// Open hand-offs have no next step on record.
#[derive(Clone, Debug, PartialEq)]
pub struct NextStepMissing {
    /// The switch.
    pub enabled: bool,
    /// So long after the hand-off.
    pub after: Allowance,
}

/// Sales gives too many hand-offs back.
#[derive(Clone, Debug, PartialEq)]
pub struct HandoffsReturned {
    /// The switch.
    pub enabled: bool,
    /// The share that is put up with.
    pub maximum_share: f64,
    /// Fewer hand-offs say nothing.
    pub minimum_count: usize,
    /// Hand-offs of so many days.
    pub days: usize,
}

/// A source brings far more or far less than usual.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceUnusual {
    /// The switch.
    pub enabled: bool,
    /// So many new records in an hour are a flood, if they are more than usual.
    pub flood_count: usize,
    /// So many times a usual day.
    pub flood_times: usize,
    /// So many business days without anything, where there is something each day.
    pub empty_days: usize,
}

/// When messages leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The daemon waits for the team's working hours; whoever runs a check by hand gets them at once.
    DaemonWaits,
    /// In the team's working hours.
    WorkingHours,
    /// At once.
    Always,
}

/// The steps beyond the team.
#[derive(Clone, Debug, PartialEq)]
pub struct Escalation {
    /// Owners hear of what is due soon, by mail, before their team hears that it is late.
    pub owners: bool,
    /// What goes on for so long without anybody looking after it is told to the ways of `[escalation]`.
    pub after: Allowance,
    /// The rules that escalate.
    pub rules: Vec<String>,
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
