//! One file a rule. A rule looks at the context and says how each of its scopes stands.

pub mod assumption_doubtful;
pub mod close_dates_slipped;
pub mod data_faults;
pub mod followup_coverage;
pub mod followup_due_soon;
pub mod followup_overdue;
pub mod goal_out_of_reach;
pub mod handoffs_returned;
pub mod last_useful_day;
pub mod month_missed;
pub mod opportunities_stalled;
pub mod pace_behind;
pub mod pipeline_coverage;
pub mod rate_below_plan;
pub mod source_failing;
pub mod source_stale;
pub mod source_unusual;
pub mod target_behind;
pub mod unowned_opportunity;

use super::{Audience, Context, Finding, RECORDS_MAX, Severity, Status};
use crate::domain::{Opportunity, notice::RecordRef};
use crate::pacing::PaceRow;
use crate::plan::GoalPlan;

/// A rule: its name, and what it finds.
pub type Rule = (&'static str, fn(&Context<'_>) -> Vec<Finding>);

/// Every rule.
pub const RULES: [Rule; 19] = [
    (pace_behind::NAME, pace_behind::find),
    (rate_below_plan::NAME, rate_below_plan::find),
    (month_missed::NAME, month_missed::find),
    (goal_out_of_reach::NAME, goal_out_of_reach::find),
    (last_useful_day::NAME, last_useful_day::find),
    (pipeline_coverage::NAME, pipeline_coverage::find),
    (assumption_doubtful::NAME, assumption_doubtful::find),
    (target_behind::NAME, target_behind::find),
    (followup_overdue::NAME, followup_overdue::find),
    (followup_due_soon::NAME, followup_due_soon::find),
    (followup_coverage::NAME, followup_coverage::find),
    (handoffs_returned::NAME, handoffs_returned::find),
    (unowned_opportunity::NAME, unowned_opportunity::find),
    (close_dates_slipped::NAME, close_dates_slipped::find),
    (opportunities_stalled::NAME, opportunities_stalled::find),
    (source_stale::NAME, source_stale::find),
    (source_failing::NAME, source_failing::find),
    (source_unusual::NAME, source_unusual::find),
    (data_faults::NAME, data_faults::find),
];

/// What all rules find.
pub fn find_all(context: &Context<'_>) -> Vec<Finding> {
    RULES.iter().flat_map(|(_, find)| find(context)).collect()
}

/// The number of thresholds that a value has reached.
fn steps_reached(value: f64, steps: &[f64]) -> usize {
    steps.iter().filter(|step| value >= **step).count()
}

/// A finding of which nothing is known yet but what it is about and who hears of it.
fn draft(rule: &'static str, scope: String, group: String, audience: Audience) -> Finding {
    Finding {
        rule: rule.into(),
        scope,
        status: Status::Clear,
        severity: Severity::Warning,
        owner: match &audience {
            Audience::Team(team) => team.clone(),
            Audience::EveryTeam => "every team".into(),
            Audience::Owner(id) => id.clone(),
            Audience::Operator => "the operator".into(),
        },
        audience,
        group,
        value: 0.0,
        threshold: 0.0,
        summary: String::new(),
        task: String::new(),
        act_by: "today".into(),
        worth: String::new(),
        lines: Vec::new(),
        records: Vec::new(),
        records_total: 0,
        tells_new_records: false,
        quiet_end: false,
        rests_on: Default::default(),
    }
}

/// The team of a goal, or every team.
fn audience(team: Option<&String>) -> Audience {
    team.cloned().map_or(Audience::EveryTeam, Audience::Team)
}

/// Each whole goal with the row of what it names.
fn whole_goals<'a>(context: &'a Context<'_>) -> impl Iterator<Item = (&'a GoalPlan, &'a PaceRow)> {
    let plans = context.plans.iter().filter(|plan| plan.goal.part_of.is_none());
    plans.filter_map(|plan| {
        let own = |row: &&PaceRow| row.own && row.goal == plan.goal.name;
        Some((plan, context.pace.iter().find(own)?))
    })
}

/// A line of a message.
fn line(label: &str, text: impl Into<String>) -> (String, String) {
    (label.to_owned(), text.into())
}

/// A record that is a configuration's own: a goal, a source.
fn own_record(object: &str, id: &str) -> RecordRef {
    RecordRef { source: "paceline".into(), object: object.into(), id: id.into(), url: None }
}

fn deal_refs(deals: &[&Opportunity]) -> Vec<RecordRef> {
    let reference = |deal: &&Opportunity| RecordRef {
        source: deal.key.source.clone(),
        object: "opportunity".into(),
        id: deal.key.id.clone(),
        url: deal.url.clone(),
    };
    deals.iter().take(RECORDS_MAX).map(reference).collect()
}
