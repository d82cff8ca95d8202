//! The open pipeline is too small for what is left of a goal, by this company's own conversion.

use super::{audience, deal_refs, draft, line, steps_reached, whole_goals};
use crate::alerts::message::{amount, civil_day, percent};
use crate::alerts::{Context, Finding, Status};
use crate::domain::{Opportunity, Outcome};
use crate::pacing::PaceRow;
use crate::plan::GoalPlan;

/// The rule's name.
pub const NAME: &str = "pipeline_coverage";

/// One finding for each goal of wins or revenue of which something is missing.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    if !context.settings.pipeline_coverage.enabled {
        return Vec::new();
    }
    whole_goals(context).filter_map(|(plan, row)| finding(context, plan, row)).collect()
}

fn finding(context: &Context<'_>, plan: &GoalPlan, row: &PaceRow) -> Option<Finding> {
    let scope = format!("goal:{}", row.goal);
    let mut finding = draft(NAME, scope.clone(), scope, audience(plan.goal.team.as_ref()));
    finding.rests_on = (context.sources_of)(row.metric.stage());
    let today = context.calendar.zone.to_datetime(row.at).date();
    let steps = &context.settings.pipeline_coverage.steps;
    let Some(rest) = row.pipeline.as_ref() else {
        // Once its days are over, or where nothing can be forecast.
        let over = today >= row.period.to;
        finding.status =
            if over { Status::Ended("its period is over".into()) } else { Status::Holding };
        finding.summary = format!("The pipeline of {} is not known", row.goal);
        return Some(finding);
    };
    let (coverage, needed) = (rest.coverage.unwrap_or(0.0), rest.coverage_needed.unwrap_or(0.0));
    let short = if needed > 0.0 { 1.0 - coverage / needed } else { 1.0 };
    finding.status = match steps_reached(short, steps) {
        // Nothing is missing any more.
        _ if rest.coverage.is_none() => Status::Clear,
        // Nothing is open, so nothing covers what is missing.
        _ if rest.open_count == 0 => Status::Breach(steps.len()),
        _ if rest.coverage_needed.is_none() => Status::Holding,
        0 if short <= 0.0 => Status::Clear,
        0 => Status::Holding,
        level => Status::Breach(level),
    };
    (finding.value, finding.threshold) = (coverage, needed);
    let currency = &context.currency.company;
    let open = amount(row.metric, rest.open, currency);
    finding.summary = format!(
        "Open pipeline covers {coverage:.1} times what is missing of {}; {needed:.1} times is needed",
        row.goal
    );
    finding.task = format!("pipeline {} short of what is missing", percent(short.max(0.0)));
    finding.act_by = rest.last_useful_day.map_or("today".into(), civil_day);
    finding.lines = vec![
        line(
            "Open",
            format!(
                "{open} in {} opportunities, {} of them older than any that was won",
                rest.open_count, rest.zombies
            ),
        ),
        line(
            "Expected",
            format!(
                "{} of it within the goal's days, and {} from new ones",
                amount(row.metric, rest.expected_open, currency),
                amount(row.metric, rest.expected_new, currency)
            ),
        ),
        line("Owner", finding.owner.clone()),
        line("Next step", "this week: agree where more pipeline comes from, or change the plan"),
    ];
    let open = |deal: &&Opportunity| deal.outcome == Outcome::Open && deal.deleted_at.is_none();
    let deals: Vec<&Opportunity> = context.facts.opportunities.values().filter(open).collect();
    finding.records = deal_refs(&deals);
    finding.records_total = deals.len();
    Some(finding)
}
