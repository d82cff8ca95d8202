//! A goal is hardly to be reached any more, whatever its pace looks like.

use super::{audience, draft, line, own_record, whole_goals};
use crate::alerts::message::{amount, civil_day, percent};
use crate::alerts::outlook::{chance_text, forecast_text};
use crate::alerts::{Context, Finding, Status};
use crate::domain::number::to_f64;
use crate::pacing::PaceRow;
use crate::plan::GoalPlan;

/// The rule's name.
pub const NAME: &str = "goal_out_of_reach";
/// The share of a goal's plan that must lie behind it before it is given up.
const ELAPSED_MIN: f64 = 0.25;

/// One finding for each whole goal that runs and can be forecast.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    if !context.settings.goal_out_of_reach.enabled {
        return Vec::new();
    }
    whole_goals(context).filter_map(|(plan, row)| finding(context, plan, row)).collect()
}

fn finding(context: &Context<'_>, plan: &GoalPlan, row: &PaceRow) -> Option<Finding> {
    let threshold = context.settings.goal_out_of_reach.chance;
    let goal = to_f64(row.goal_value);
    let scope = format!("goal:{}", row.goal);
    let mut finding = draft(NAME, scope.clone(), scope, audience(plan.goal.team.as_ref()));
    finding.rests_on = (context.sources_of)(row.metric.stage());
    let Some(forecast) = row.forecast else {
        // Once its days are over, or where nothing can be forecast.
        let over = context.calendar.zone.to_datetime(row.at).date() >= row.period.to;
        finding.status =
            if over { Status::Ended("its period is over".into()) } else { Status::Holding };
        finding.summary = format!("The chance of {} is not known", row.goal);
        return Some(finding);
    };
    let chance = forecast.probability;
    finding.status = match chance {
        _ if row.plan_to_date < ELAPSED_MIN * goal => Status::Holding,
        chance if chance < threshold => Status::Breach(1),
        chance if chance >= 2.0 * threshold => Status::Clear,
        _ => Status::Holding,
    };
    (finding.value, finding.threshold) = (chance, threshold);
    let currency = &context.currency.company;
    let wanted = amount(row.metric, goal, currency);
    let chance = chance_text(chance);
    finding.summary = format!(
        "Chance of {}, {wanted} {}: {chance} (told below {})",
        row.goal,
        row.metric.title(),
        percent(threshold)
    );
    finding.task = format!("chance of {wanted} {}: {chance}", row.metric.title());
    finding.act_by = civil_day(row.period.to.yesterday().unwrap_or(row.period.to));
    finding.lines.extend(forecast_text(row, currency).map(|text| line("Forecast", text)));
    if let Some(rest) = &row.pipeline {
        let text = format!(
            "{} missing at the end, {} of it beyond recovery",
            amount(row.metric, rest.gap_at_end, currency),
            amount(row.metric, rest.beyond_recovery, currency)
        );
        finding.lines.push(line("Gap", text));
    }
    finding.lines.push(line("Owner", finding.owner.clone()));
    let step = "this week: `paceline diagnose` says why; change the plan, or what leads to it";
    finding.lines.push(line("Next step", step));
    finding.records = vec![own_record("goal", &row.goal)];
    finding.records_total = 1;
    Some(finding)
}
