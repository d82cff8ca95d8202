//! A team touches too few of its hand-offs in time, over some weeks.

use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan};

use super::{draft, hand_off_ref, line};
use crate::alerts::message::percent;
use crate::alerts::{Audience, Context, Finding, RECORDS_MAX, Status};
use crate::handoff::{HandOff, Verdict, summarise, summary::duration_text};

/// The rule's name.
pub const NAME: &str = "followup_coverage";

/// One finding for each team.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    let settings = &context.settings.followup_coverage;
    if !settings.enabled {
        return Vec::new();
    }
    let since = since(context, settings.days);
    let mut by_team: BTreeMap<&str, Vec<&HandOff>> = BTreeMap::new();
    for row in &context.ledger.rows {
        let Some(team) = row.team.as_deref() else { continue };
        if row.due_at >= since && row.handed_off_at >= context.alerts_since {
            by_team.entry(team).or_default().push(row);
        }
    }
    by_team.into_iter().map(|(team, rows)| finding(context, team, &rows)).collect()
}

/// So many days ago.
pub fn since(context: &Context<'_>, days: usize) -> Timestamp {
    let hours = i64::try_from(days).unwrap_or(0).min(3_660) * 24;
    context.clock.checked_sub(hours.hours()).unwrap_or(context.clock)
}

fn finding(context: &Context<'_>, team: &str, rows: &[&HandOff]) -> Finding {
    let settings = &context.settings.followup_coverage;
    let summary = summarise(rows.iter().copied());
    let late = summary.count(Verdict::Late) + summary.count(Verdict::Overdue);
    let judged = summary.count(Verdict::InTime) + late;
    let share = summary.in_time_share().unwrap_or(1.0);
    let scope = format!("team:{team}");
    let group = format!("followup:{team}");
    let mut finding = draft(NAME, scope, group, Audience::Team(team.to_owned()));
    finding.status = match () {
        () if judged < settings.minimum_count => Status::Holding,
        () if share < settings.minimum_share => Status::Breach(1),
        () => Status::Clear,
    };
    (finding.value, finding.threshold) = (share, settings.minimum_share);
    finding.summary = format!(
        "{} of {judged} hand-offs to {team} touched in time in {} days ({}; agreed {})",
        judged - late,
        settings.days,
        percent(share),
        percent(settings.minimum_share)
    );
    finding.task = format!("{late} of {judged} hand-offs were late in {} days", settings.days);
    finding.act_by = "today".into();
    let median = summary.median_secs.map_or("not known".to_owned(), duration_text);
    finding.lines = vec![
        line("Median", format!("{median} of business time to the first touch")),
        line("Owner", team),
        line("Next step", "this week: see `paceline followups` by owner, and who needs a hand"),
    ];
    let missed = |row: &&&HandOff| matches!(row.verdict, Verdict::Late | Verdict::Overdue);
    let missed: Vec<&&HandOff> = rows.iter().filter(missed).collect();
    finding.records = missed.iter().rev().take(RECORDS_MAX).map(|row| hand_off_ref(row)).collect();
    finding.records_total = missed.len();
    finding.rests_on = context.activity_sources.clone();
    finding
}
