//! Sales neither took hand-offs on nor gave them back in the agreed time.

use super::{of_owner, owners_hand_offs};
use crate::alerts::message::day_time;
use crate::alerts::{Context, Finding};
use crate::handoff::{Decision, HandOff};

/// The rule's name.
pub const NAME: &str = "acceptance_overdue";

/// One finding for each owner that has hand-offs; none where no time was agreed.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    let told = |row: &HandOff| row.decided.decision != Decision::NotKnown;
    let agreed = context.ledger.rows.iter().any(|row| row.decided.due_at.is_some() && told(row));
    if !context.settings.acceptance_overdue.enabled || !agreed {
        return Vec::new();
    }
    let zone = &context.calendar.zone;
    let owners = owners_hand_offs(context).into_iter();
    owners
        .map(|(owner, rows)| {
            let is_over = |row: &&HandOff| row.decided.decision == Decision::Overdue;
            let over: Vec<&HandOff> = rows.iter().copied().filter(is_over).collect();
            let named = |row: &HandOff| {
                let due = row.decided.due_at.map_or_else(String::new, |at| day_time(at, zone));
                format!("handed off {}, to be decided by {due}", day_time(row.handed_off_at, zone))
            };
            of_owner(
                context,
                NAME,
                owner,
                (&rows, &over),
                ("accepted or given back", "today: accept each, or give it back with a reason"),
                named,
            )
        })
        .collect()
}
