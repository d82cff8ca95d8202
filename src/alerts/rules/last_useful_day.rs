//! Soon new opportunities come too late for a goal that still needs them.

use jiff::ToSpan;

use super::{audience, draft, line, own_record, whole_goals};
use crate::alerts::message::{amount, civil_day, count_text};
use crate::alerts::{Context, Finding, Status};
use crate::pacing::PaceRow;
use crate::plan::GoalPlan;

/// The rule's name.
pub const NAME: &str = "last_useful_day";

/// One finding for each goal of wins or revenue that will miss something.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    if !context.settings.last_useful_day.enabled {
        return Vec::new();
    }
    whole_goals(context).filter_map(|(plan, row)| finding(context, plan, row)).collect()
}

fn finding(context: &Context<'_>, plan: &GoalPlan, row: &PaceRow) -> Option<Finding> {
    let rest = row.pipeline.as_ref()?;
    let (useful, possible) = (rest.last_useful_day?, rest.last_possible_day?);
    let today = context.calendar.zone.to_datetime(context.clock).date();
    let days = i64::try_from(context.settings.last_useful_day.days).unwrap_or(i64::MAX);
    let scope = format!("goal:{}", row.goal);
    let mut finding = draft(NAME, scope.clone(), scope, audience(plan.goal.team.as_ref()));
    let near = today.saturating_add(days.min(3_660).days()) >= useful;
    finding.status = match () {
        () if rest.gap_at_end <= 0.0 => Status::Clear,
        () if today > useful => Status::Ended("the day has passed".into()),
        () if near => Status::Breach(1),
        () => Status::Holding,
    };
    finding.value = f64::from(useful.since(today).map_or(0, |span| span.get_days()));
    finding.threshold = days as f64;
    let currency = &context.currency.company;
    let missing = amount(row.metric, rest.gap_at_end, currency);
    let needed = rest.needed_now.map_or("more".to_owned(), |count| count_text(count.ceil()));
    finding.summary = format!(
        "Until {} a new opportunity still helps {}: {needed} would close the gap of {missing}",
        civil_day(useful),
        row.goal
    );
    finding.task = format!("{needed} new opportunities close the gap of {missing}");
    finding.act_by = civil_day(useful);
    finding.worth = missing;
    finding.lines = vec![
        line(
            "In time",
            format!(
                "after {} less than half of a new opportunity's usual chance counts, after {} a tenth",
                civil_day(useful),
                civil_day(possible)
            ),
        ),
        line("Owner", finding.owner.clone()),
        line("Next step", "this week: bring them, or raise the win rate of what is open"),
    ];
    finding.records = vec![own_record("goal", &row.goal)];
    finding.records_total = 1;
    finding.quiet_end = true;
    finding.rests_on = (context.sources_of)(row.metric.stage());
    Some(finding)
}
