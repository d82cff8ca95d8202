//! Opportunities have had no owner for too long: nobody can follow up on them.

use super::{draft, line};
use crate::alerts::message::day_time;
use crate::alerts::{Audience, Context, Finding, RECORDS_MAX, Status};
use crate::domain::notice::RecordRef;
use crate::handoff::Unowned;

/// The rule's name.
pub const NAME: &str = "unowned_opportunity";
/// Opportunities that a message names.
const NAMED_MAX: usize = 5;

/// One finding for the company: whoever routes opportunities is no team of sales.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    if !context.settings.unowned_opportunity.enabled {
        return Vec::new();
    }
    let new = |row: &&Unowned| row.since >= context.alerts_since;
    let rows: Vec<&Unowned> = context.ledger.unowned.iter().filter(new).collect();
    let mut finding = draft(NAME, "company".into(), "routing".into(), Audience::Operator);
    if !rows.is_empty() {
        finding.status = Status::Breach(1);
    }
    let count = rows.len();
    let have = if count == 1 { "opportunity has" } else { "opportunities have" };
    finding.value = count as f64;
    finding.threshold = 1.0;
    finding.summary = match count {
        0 => "Every opportunity has an owner".into(),
        _ => format!("{count} {have} no owner"),
    };
    finding.task = format!("{count} {have} no owner");
    finding.owner = "whoever routes opportunities".into();
    for row in rows.iter().take(NAMED_MAX) {
        let since = day_time(row.since, &context.calendar.zone);
        finding.lines.push((row.opportunity.id.clone(), format!("nobody's since {since}")));
    }
    finding.lines.push(line("Costs", "no clock of sales runs: this delay is the system's"));
    finding.lines.push(line("Owner", finding.owner.clone()));
    finding
        .lines
        .push(line("Next step", "today: give each an owner, and mend the rule that did not"));
    let reference = |row: &&Unowned| RecordRef {
        source: row.opportunity.source.clone(),
        object: "opportunity".into(),
        id: row.opportunity.id.clone(),
        url: row.url.clone(),
    };
    finding.records = rows.iter().take(RECORDS_MAX).map(reference).collect();
    finding.records_total = count;
    finding.tells_new_records = true;
    finding.rests_on = rows.iter().map(|row| row.opportunity.source.clone()).collect();
    vec![finding]
}
