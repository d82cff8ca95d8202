//! Open opportunities of a team were expected to be closed by now: the pipeline promises what it has
//! not kept.

use std::collections::BTreeMap;

use jiff::civil::Date;
use rust_decimal::Decimal;

use super::{deal_refs, draft, line};
use crate::alerts::message::percent;
use crate::alerts::{Audience, Context, Finding, Status, settings::Share};
use crate::domain::{Opportunity, Outcome, money::for_people};

/// The rule's name.
pub const NAME: &str = "close_dates_slipped";

/// One finding for each team that has open opportunities with an expected close.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    let settings = &context.settings.close_dates_slipped;
    if !settings.enabled {
        return Vec::new();
    }
    let today = context.calendar.zone.to_datetime(context.clock).date();
    let expected =
        |deal: &Opportunity| deal.expected_close.map(|moment| moment.date(&context.calendar.zone));
    let mut findings = Vec::new();
    for (team, deals) in open_by_team(context) {
        let dated: Vec<&Opportunity> =
            deals.into_iter().filter(|deal| expected(deal).is_some()).collect();
        let late = |deal: &&Opportunity| expected(deal).is_some_and(|day: Date| day < today);
        let slipped: Vec<&Opportunity> = dated.iter().copied().filter(late).collect();
        let what = "open opportunities are past the day on which they were to close";
        let mut finding = share_finding(context, NAME, team, settings, &slipped, dated.len(), what);
        let step = "this week: close each, or set a day that somebody believes in";
        finding.lines.push(line("Next step", step));
        findings.push(finding);
    }
    findings
}

/// The open opportunities of each team.
pub fn open_by_team<'a>(context: &Context<'a>) -> BTreeMap<&'a str, Vec<&'a Opportunity>> {
    let mut by_team: BTreeMap<&str, Vec<&Opportunity>> = BTreeMap::new();
    for deal in context.facts.opportunities.values() {
        let team = deal.owner.as_deref().and_then(|owner| context.teams.team_of(owner));
        if let (Outcome::Open, None, Some(team)) = (deal.outcome, deal.deleted_at, team) {
            by_team.entry(team).or_default().push(deal);
        }
    }
    by_team
}

/// A finding about too large a share of a team's open opportunities; its last line is the caller's.
pub fn share_finding(
    context: &Context<'_>,
    rule: &'static str,
    team: &str,
    settings: &Share,
    bad: &[&Opportunity],
    all: usize,
    what: &str,
) -> Finding {
    let share = bad.len() as f64 / all.max(1) as f64;
    let group = format!("pipeline:{team}");
    let mut finding = draft(rule, format!("team:{team}"), group, Audience::Team(team.to_owned()));
    finding.status = match () {
        () if bad.len() >= settings.minimum_count && share > settings.maximum_share => {
            Status::Breach(1)
        }
        // Half of what is put up with, so that one more or less is no news.
        () if share <= settings.maximum_share / 2.0 || bad.len() < settings.minimum_count / 2 => {
            Status::Clear
        }
        () => Status::Holding,
    };
    (finding.value, finding.threshold) = (share, settings.maximum_share);
    let today = context.calendar.zone.to_datetime(context.clock).date();
    let worth: Decimal = bad.iter().filter_map(|deal| deal.worth(context.currency, today)).sum();
    finding.summary = format!("{} of {all} {what} ({team}, {})", bad.len(), percent(share));
    finding.task = format!("{} {what}", bad.len());
    finding.worth = for_people(worth, &context.currency.company);
    finding.lines = vec![
        line("Worth", format!("{} as they stand in the pipeline", finding.worth)),
        line("Put up with", percent(settings.maximum_share)),
        line("Owner", team),
    ];
    finding.records = deal_refs(bad);
    finding.records_total = bad.len();
    finding.rests_on = bad.iter().map(|deal| deal.key.source.clone()).collect();
    finding
}
