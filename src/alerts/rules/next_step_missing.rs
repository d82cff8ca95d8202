//! Open hand-offs have no next step on record.

use super::{of_owner, owners_hand_offs};
use crate::alerts::message::day_time;
use crate::alerts::{Context, Finding};
use crate::domain::Outcome;
use crate::handoff::HandOff;

/// The rule's name.
pub const NAME: &str = "next_step_missing";

/// One finding for each owner that has hand-offs; none where no source says anything of next steps.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    let settings = &context.settings.next_step_missing;
    let told = context.ledger.rows.iter().any(|row| row.next_step.is_some());
    if !settings.enabled || !told {
        return Vec::new();
    }
    let zone = &context.calendar.zone;
    let open = |row: &HandOff| {
        let deal = context.facts.opportunities.get(&row.opportunity);
        deal.is_some_and(|deal| deal.outcome == Outcome::Open)
    };
    let owners = owners_hand_offs(context).into_iter();
    owners
        .map(|(owner, rows)| {
            let is_missing = |row: &&HandOff| {
                let hours = context.teams.hours_of(row.team.as_deref(), context.calendar);
                row.next_step == Some(false)
                    && !row.is_given_back()
                    && open(row)
                    && hours.due(row.handed_off_at, settings.after) < context.clock
            };
            let missing: Vec<&HandOff> = rows.iter().copied().filter(is_missing).collect();
            of_owner(
                context,
                NAME,
                owner,
                (&rows, &missing),
                ("given a next step", "this week: put a date and a next step on each, or close it"),
                |row| format!("handed off {}", day_time(row.handed_off_at, zone)),
            )
        })
        .collect()
}
