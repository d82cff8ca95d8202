//! One file a rule. A rule looks at the context and says how each of its scopes stands.

pub mod acceptance_overdue;
pub mod assumption_doubtful;
pub mod close_dates_slipped;
pub mod criteria_too_tight;
pub mod criteria_unmet;
pub mod data_faults;
pub mod followup_coverage;
pub mod followup_due_soon;
pub mod followup_overdue;
pub mod goal_out_of_reach;
pub mod handoffs_returned;
pub mod last_useful_day;
pub mod mailed_after_opt_out;
pub mod month_missed;
pub mod next_step_missing;
pub mod opportunities_stalled;
pub mod pace_behind;
pub mod pipeline_coverage;
pub mod rate_below_plan;
pub mod source_failing;
pub mod source_stale;
pub mod source_unusual;
pub mod target_behind;
pub mod unowned_opportunity;

use std::collections::BTreeMap;

use super::{Audience, Context, Finding, RECORDS_MAX, Severity, Status};
use crate::domain::{Opportunity, notice::RecordRef};
use crate::handoff::HandOff;
use crate::pacing::PaceRow;
use crate::plan::GoalPlan;

/// A rule: its name, and what it finds.
pub type Rule = (&'static str, fn(&Context<'_>) -> Vec<Finding>);

/// Hand-offs that a message names.
const NAMED_MAX: usize = 5;

/// Every rule.
pub const RULES: [Rule; 24] = [
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
    (acceptance_overdue::NAME, acceptance_overdue::find),
    (next_step_missing::NAME, next_step_missing::find),
    (criteria_unmet::NAME, criteria_unmet::find),
    (criteria_too_tight::NAME, criteria_too_tight::find),
    (mailed_after_opt_out::NAME, mailed_after_opt_out::find),
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

/// Hand-offs by the owner at the hand-off, of those that may alert.
fn owners_hand_offs<'a>(context: &Context<'a>) -> BTreeMap<Option<&'a str>, Vec<&'a HandOff>> {
    let mut by_owner: BTreeMap<Option<&str>, Vec<&HandOff>> = BTreeMap::new();
    for row in &context.ledger.rows {
        if row.handed_off_at >= context.alerts_since && !row.deleted {
            by_owner.entry(row.owner.as_deref()).or_default().push(row);
        }
    }
    by_owner
}

/// What an owner's hand-offs wait for: `found` of them, said with `named`. `(waits_for, next_step)` ends
/// "3 hand-offs to Ada are still to be …".
fn of_owner(
    context: &Context<'_>,
    rule: &'static str,
    owner: Option<&str>,
    (rows, found): (&[&HandOff], &[&HandOff]),
    (waits_for, next_step): (&str, &str),
    named: impl Fn(&HandOff) -> String,
) -> Finding {
    let name = owner.map_or("nobody", |owner| context.facts.owner_name(owner));
    let team = found.first().or(rows.first()).and_then(|row| row.team.clone());
    // An owner in no team has no lead to tell; the operator knows whom to ask.
    let audience = team.clone().map_or(Audience::Operator, Audience::Team);
    let team = team.unwrap_or_default();
    let scope = format!("owner:{}", owner.unwrap_or_default());
    let mut finding = draft(rule, scope, format!("followup:{team}"), audience);
    let count = found.len();
    finding.status = if count > 0 { Status::Breach(1) } else { Status::Clear };
    (finding.value, finding.threshold) = (count as f64, 1.0);
    let are = if count == 1 { "hand-off is" } else { "hand-offs are" };
    finding.summary = match count {
        0 => format!("Every hand-off to {name} was {waits_for}"),
        _ => format!("{count} {are} still to be {waits_for} by {name}"),
    };
    let ids: Vec<&str> =
        found.iter().take(NAMED_MAX).map(|row| row.opportunity.id.as_str()).collect();
    let more = if count > NAMED_MAX { ", …" } else { "" };
    finding.task = format!("{count} {are} still to be {waits_for}: {}{more}", ids.join(", "));
    finding.lines =
        found.iter().take(NAMED_MAX).map(|row| line(&row.opportunity.id, named(row))).collect();
    if count > NAMED_MAX {
        finding.lines.push(line("", format!("and {} more", count - NAMED_MAX)));
    }
    finding.owner = if team.is_empty() { name.to_owned() } else { format!("{name} ({team})") };
    finding.lines.push(line("Owner", finding.owner.clone()));
    finding.lines.push(line("Next step", next_step));
    finding.records = found.iter().take(RECORDS_MAX).map(|row| hand_off_ref(row)).collect();
    finding.records_total = count;
    finding.tells_new_records = true;
    finding.rests_on = found.iter().map(|row| row.opportunity.source.clone()).collect();
    finding
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

/// A hand-off as a record: its opportunity, with the number of a later hand-off of it.
fn hand_off_ref(row: &HandOff) -> RecordRef {
    let id = match row.sequence {
        1 => row.opportunity.id.clone(),
        n => format!("{}#{n}", row.opportunity.id),
    };
    RecordRef {
        source: row.opportunity.source.clone(),
        object: "opportunity".into(),
        id,
        url: row.url.clone(),
    }
}
