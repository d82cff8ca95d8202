//! Sales gives too many hand-offs back: the criteria are too loose, or are read differently.

use super::{draft, followup_coverage::since, hand_off_ref, line};
use crate::alerts::message::percent;
use crate::alerts::{Audience, Context, Finding, RECORDS_MAX, Status};
use crate::handoff::HandOff;
use crate::rates::interval::wilson;

/// The rule's name.
pub const NAME: &str = "handoffs_returned";

/// One finding for the company: criteria are marketing's and sales's together.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    let settings = &context.settings.handoffs_returned;
    if !settings.enabled {
        return Vec::new();
    }
    let since = since(context, settings.days);
    let new = |row: &&HandOff| row.handed_off_at >= since && !row.deleted;
    let rows: Vec<&HandOff> = context.ledger.rows.iter().filter(new).collect();
    let returned: Vec<&HandOff> =
        rows.iter().copied().filter(|row| row.returned_at.is_some()).collect();
    let (count, all) = (returned.len(), rows.len());
    let share = count as f64 / all.max(1) as f64;
    let (low, _) = wilson(share, all as f64);
    let mut finding = draft(NAME, "company".into(), "criteria".into(), Audience::EveryTeam);
    finding.status = match () {
        () if all < settings.minimum_count => Status::Holding,
        // By more than chance.
        () if low > settings.maximum_share => Status::Breach(1),
        () if share <= settings.maximum_share => Status::Clear,
        () => Status::Holding,
    };
    (finding.value, finding.threshold) = (share, settings.maximum_share);
    finding.summary = format!(
        "{count} of {all} hand-offs of {} days were given back ({})",
        settings.days,
        percent(share)
    );
    finding.task = format!("{count} of {all} hand-offs were given back");
    finding.lines = vec![
        line("Agreed", format!("at most {}", percent(settings.maximum_share))),
        line("Owner", "marketing and sales together"),
        line(
            "Next step",
            "this week: look at the records; tighten the criteria, or agree on how they are read",
        ),
    ];
    finding.records =
        returned.iter().rev().take(RECORDS_MAX).map(|row| hand_off_ref(row)).collect();
    finding.records_total = count;
    finding.rests_on = returned.iter().map(|row| row.opportunity.source.clone()).collect();
    vec![finding]
}
