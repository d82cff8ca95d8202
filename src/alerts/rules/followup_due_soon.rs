//! Hand-offs of one owner will be overdue soon; only the owner hears of it.

use std::collections::BTreeMap;

use super::{draft, hand_off_ref, line};
use crate::alerts::message::day_time;
use crate::alerts::{Audience, Context, Finding, RECORDS_MAX, Status};
use crate::handoff::{HandOff, Verdict};

/// The rule's name.
pub const NAME: &str = "followup_due_soon";
/// Hand-offs that a message names.
const NAMED_MAX: usize = 5;

/// One finding for each owner who has hand-offs that wait.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    // Nobody else is to hear of it, so where owners are not told there is nothing to find.
    if !(context.settings.followup_due_soon.enabled && context.settings.escalation.owners) {
        return Vec::new();
    }
    let mut by_owner: BTreeMap<&str, Vec<&HandOff>> = BTreeMap::new();
    for row in &context.ledger.rows {
        let Some(owner) = row.owner.as_deref() else { continue };
        if row.handed_off_at >= context.alerts_since && !row.deleted {
            by_owner.entry(owner).or_default().push(row);
        }
    }
    by_owner.into_iter().map(|(owner, rows)| finding(context, owner, &rows)).collect()
}

fn is_due_soon(context: &Context<'_>, row: &HandOff) -> bool {
    let hours = context.teams.hours_of(row.team.as_deref(), context.calendar);
    let soon = hours.due(context.clock, context.settings.followup_due_soon.before);
    row.verdict == Verdict::Waiting && row.due_at <= soon
}

fn finding(context: &Context<'_>, owner: &str, rows: &[&HandOff]) -> Finding {
    let soon: Vec<&HandOff> =
        rows.iter().copied().filter(|row| is_due_soon(context, row)).collect();
    let scope = format!("owner:{owner}");
    let mut finding = draft(NAME, scope.clone(), scope, Audience::Owner(owner.to_owned()));
    if !soon.is_empty() {
        finding.status = Status::Breach(1);
    }
    let name = context.facts.owner_name(owner);
    let hand_offs = if soon.len() == 1 { "hand-off is" } else { "hand-offs are" };
    finding.value = soon.len() as f64;
    finding.threshold = 1.0;
    finding.summary = format!("{} {hand_offs} due soon, {name}", soon.len());
    finding.task = format!("{} {hand_offs} due soon", soon.len());
    finding.owner = name.to_owned();
    for row in soon.iter().take(NAMED_MAX) {
        let zone = &context.calendar.zone;
        let (handed, due) = (day_time(row.handed_off_at, zone), day_time(row.due_at, zone));
        let text = format!("handed off {handed}, due {due}");
        finding.lines.push((row.opportunity.id.clone(), text));
    }
    finding.lines.push(line("Owner", name));
    finding
        .lines
        .push(line("Next step", "call or mail each before then; your team hears of it after"));
    finding.records = soon.iter().take(RECORDS_MAX).map(|row| hand_off_ref(row)).collect();
    finding.records_total = soon.len();
    finding.tells_new_records = true;
    finding.quiet_end = true;
    finding.rests_on = context.activity_sources.clone();
    finding
}
