//! Hand-offs of one owner wait for a first touch beyond their time.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::{NAMED_MAX, hand_off_ref, owners_hand_offs};
use crate::alerts::message::day_time;
use crate::alerts::{Audience, Context, Finding, RECORDS_MAX, Severity, Status};
use crate::domain::money::for_people;
use crate::handoff::{HandOff, Verdict, summary::duration_text};

/// The rule's name.
pub const NAME: &str = "followup_overdue";

/// One finding for each owner that has hand-offs.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    if !context.settings.followup_overdue.enabled {
        return Vec::new();
    }
    let owners = owners_hand_offs(context).into_iter();
    owners.map(|(owner, rows)| finding(context, owner, &rows)).collect()
}

fn finding(context: &Context<'_>, owner: Option<&str>, rows: &[&HandOff]) -> Finding {
    let overdue: Vec<&HandOff> = rows
        .iter()
        .copied()
        // What marketing has back stays overdue in the ledger, and nobody can mend it.
        .filter(|row| row.verdict == Verdict::Overdue && !row.is_given_back())
        .collect();
    let status = match overdue.len() {
        0 => Status::Clear,
        n if n >= context.settings.followup_overdue.minimum_count => Status::Breach(1),
        _ => Status::Holding,
    };
    let name = owner.map_or("nobody", |owner| context.facts.owner_name(owner));
    let team = overdue.first().or(rows.first()).and_then(|row| row.team.clone());
    let count = overdue.len();
    let wait = if count == 1 { "hand-off waits" } else { "hand-offs wait" };
    let mut lines: Vec<(String, String)> =
        overdue.iter().take(NAMED_MAX).map(|row| named(context, row)).collect();
    if count > NAMED_MAX {
        lines.push((String::new(), format!("and {} more", count - NAMED_MAX)));
    }
    let worth = value(context, &overdue);
    if !worth.is_empty() {
        lines.push(("Worth".into(), worth.clone()));
    }
    let team_text = team.as_deref().map_or(String::new(), |team| format!(" ({team})"));
    let whose = format!("{name}{team_text}");
    lines.push(("Owner".into(), whose.clone()));
    lines.push((
        "Next step".into(),
        "today: call or mail each; or `paceline followups excuse ID --by … --reason …`".into(),
    ));
    Finding {
        rule: NAME.into(),
        scope: format!("owner:{}", owner.unwrap_or_default()),
        status,
        severity: Severity::Warning,
        // An owner in no team has no lead to tell; the operator knows whom to ask.
        group: format!("followup:{}", team.as_deref().unwrap_or_default()),
        audience: team.map_or(Audience::Operator, Audience::Team),
        value: count as f64,
        threshold: context.settings.followup_overdue.minimum_count as f64,
        summary: match count {
            0 => format!("Every hand-off to {name} is followed up"),
            _ => format!("{count} {wait} for a first touch by {name}"),
        },
        task: task(&overdue),
        owner: whose,
        act_by: "today".into(),
        worth,
        lines,
        records: overdue.iter().take(RECORDS_MAX).map(|row| hand_off_ref(row)).collect(),
        records_total: count,
        tells_new_records: true,
        quiet_end: false,
        rests_on: overdue
            .iter()
            .map(|row| row.opportunity.source.clone())
            .chain(context.activity_sources.iter().cloned())
            .collect::<BTreeSet<_>>(),
    }
}

/// `3 hand-offs without a first touch: D-1, D-2, D-3`.
fn task(overdue: &[&HandOff]) -> String {
    let ids: Vec<&str> =
        overdue.iter().take(NAMED_MAX).map(|row| row.opportunity.id.as_str()).collect();
    let hand_offs = if overdue.len() == 1 { "hand-off" } else { "hand-offs" };
    let more = if overdue.len() > NAMED_MAX { ", …" } else { "" };
    format!("{} {hand_offs} without a first touch: {}{more}", overdue.len(), ids.join(", "))
}

fn named(context: &Context<'_>, row: &HandOff) -> (String, String) {
    let zone = &context.calendar.zone;
    let channel = row.channel.as_deref().map(|value| context.words.channel(value));
    let channel = channel.unwrap_or("unattributed");
    (
        row.opportunity.id.clone(),
        format!(
            "handed off {}, due {}, late by {} of business time, {channel}",
            day_time(row.handed_off_at, zone),
            day_time(row.due_at, zone),
            duration_text(row.late_secs)
        ),
    )
}

fn value(context: &Context<'_>, overdue: &[&HandOff]) -> String {
    let day = context.calendar.zone.to_datetime(context.clock).date();
    let amounts = overdue.iter().filter_map(|row| {
        context.facts.opportunities.get(&row.opportunity)?.worth(context.currency, day)
    });
    let sum: Decimal = amounts.sum();
    if sum.is_zero() {
        return String::new();
    }
    format!("{} if all were won", for_people(sum, &context.currency.company))
}
