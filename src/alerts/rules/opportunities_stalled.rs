//! To many open opportunities of a team nothing has happened for longer than nearly all of the won ones
//! took in all.

use std::collections::HashMap;

use jiff::Timestamp;

use super::close_dates_slipped::{open_by_team, share_finding};
use super::line;
use crate::alerts::{Context, Finding};
use crate::domain::{Moment, Opportunity, RecordKey};

/// The rule's name.
pub const NAME: &str = "opportunities_stalled";
/// Fewer wins than this say nothing about how long one takes.
const WINS_MIN: usize = 20;
/// The share of wins that took less.
const SHARE_OF_WINS: f64 = 0.9;
const DAY_SECS: i64 = 86_400;

/// One finding for each team, where the company has won enough to know how long that takes.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    let settings = &context.settings.opportunities_stalled;
    if !settings.enabled {
        return Vec::new();
    }
    let Some(longest_secs) = usual_length_secs(context) else { return Vec::new() };
    let last = last_events(context);
    let still = |deal: &&Opportunity| {
        let at = last.get(&deal.key).copied();
        at.is_some_and(|at| context.clock.as_second() - at.as_second() > longest_secs)
    };
    let mut findings = Vec::new();
    for (team, deals) in open_by_team(context) {
        let stalled: Vec<&Opportunity> = deals.iter().copied().filter(still).collect();
        let days = longest_secs / DAY_SECS;
        let what = format!("open opportunities have lain still for more than {days} days");
        let mut finding =
            share_finding(context, NAME, team, settings, &stalled, deals.len(), &what);
        let why = format!("nine of ten wins took less than {days} days in all");
        finding.lines.insert(0, line("Why", why));
        let step = "this week: call each, or close it as lost; a forecast rests on them";
        finding.lines.push(line("Next step", step));
        findings.push(finding);
    }
    findings
}

fn instant(context: &Context<'_>, moment: Moment) -> Timestamp {
    match moment {
        Moment::Instant(at) => at,
        Moment::Day(day) => context.calendar.close_of(day),
    }
}

/// How long nine of ten wins took at most.
fn usual_length_secs(context: &Context<'_>) -> Option<i64> {
    let length = |deal: &Opportunity| {
        let won = instant(context, deal.won_at().filter(|_| deal.deleted_at.is_none())?);
        Some((won.as_second() - instant(context, deal.created_at?).as_second()).max(0))
    };
    let mut lengths: Vec<i64> = context.facts.opportunities.values().filter_map(length).collect();
    lengths.sort_unstable();
    let place = (lengths.len() as f64 * SHARE_OF_WINS) as usize;
    lengths.get(place).copied().filter(|_| lengths.len() >= WINS_MIN)
}

/// When something happened last to each opportunity.
fn last_events(context: &Context<'_>) -> HashMap<RecordKey, Timestamp> {
    let facts = context.facts;
    let mut last: HashMap<RecordKey, Timestamp> = HashMap::new();
    let mut note = |key: RecordKey, moment: Moment| {
        let at = instant(context, moment);
        let known = last.entry(key).or_insert(at);
        *known = at.max(*known);
    };
    for deal in facts.opportunities.values() {
        deal.created_at.into_iter().for_each(|at| note(deal.key.clone(), at));
    }
    for change in facts.stage_changes.iter().chain(&facts.owner_changes) {
        note(change.opportunity.clone(), change.at);
    }
    let by_id: HashMap<&RecordKey, Moment> =
        facts.activities.iter().map(|activity| (&activity.key, activity.at)).collect();
    for activity in &facts.activities {
        if let Some(id) = &activity.opportunity {
            note(RecordKey { source: activity.key.source.clone(), id: id.clone() }, activity.at);
        }
    }
    for link in &facts.activity_links {
        if let (Some(id), Some(at)) = (&link.opportunity, by_id.get(&link.activity)) {
            note(RecordKey { source: link.activity.source.clone(), id: id.clone() }, *at);
        }
    }
    last
}
