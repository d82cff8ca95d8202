//! From figures to the digest's words.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, tz::TimeZone};

use super::{Action, AlertLine, Digest, FollowupLine, Followups, GoalLine, RateLine, Week};
use crate::alerts::message::{amount, civil_day, count_text, day_time_zone, percent};
use crate::alerts::outlook::forecast_text;
use crate::alerts::{Finding, RateCheck, Status, rules::unowned_opportunity};
use crate::domain::{Facts, Fault, number::to_f64, period::Period, stage::Metric};
use crate::handoff::{HandOff, Ledger, Verdict, beyond, summarise, summary::duration_text};
use crate::pacing::PaceRow;
use crate::rates::RateTable;

/// Actions on the first screen.
const ACTIONS_MAX: usize = 7;
/// Channels below a rate.
const CHANNELS_MAX: usize = 12;

/// What was known at one instant.
pub struct Known<'a> {
    /// The clock.
    pub clock: Timestamp,
    /// Facts.
    pub facts: &'a Facts,
    /// Pace.
    pub pace: &'a [PaceRow],
    /// Planned rates beside measured ones.
    pub rates: &'a [RateCheck],
    /// Hand-offs.
    pub ledger: &'a Ledger,
}

/// Everything that a digest is made of.
pub struct Parts<'a> {
    /// The company's name.
    pub company: &'a str,
    /// Its currency.
    pub currency: &'a str,
    /// Its zone.
    pub zone: &'a TimeZone,
    /// The week.
    pub week: Week,
    /// What is known.
    pub now: Known<'a>,
    /// What was known a week before, where the daemon ran then.
    pub before: Option<Known<'a>>,
    /// What the rules find.
    pub findings: &'a [Finding],
    /// A table by channel for each of the rates.
    pub tables: &'a [RateTable],
    /// Alerts with what happened to them in the week.
    pub alerts: Vec<AlertLine>,
    /// How much was checked and told in the week, in a sentence.
    pub watched: String,
    /// How mails and positions stand, in sentences.
    pub targets: Vec<String>,
    /// How far the data is complete.
    pub data_as_of: Option<Timestamp>,
    /// Source -> how far.
    pub sources: &'a BTreeMap<String, Option<Timestamp>>,
    /// Data faults.
    pub faults: &'a [Fault],
    /// What has to be known first.
    pub notes: Vec<String>,
}

/// Builds the digest.
pub fn build(parts: Parts<'_>) -> Digest {
    let complete =
        parts.data_as_of.map_or("not known".to_owned(), |at| day_time_zone(at, parts.zone));
    let source = |(name, at): (&String, &Option<Timestamp>)| match at {
        Some(at) => format!("{name}: complete to {}", day_time_zone(*at, parts.zone)),
        None => format!("{name}: never read completely"),
    };
    let mut faults: BTreeMap<String, usize> = BTreeMap::new();
    for fault in parts.faults {
        *faults.entry(fault.kind.clone()).or_insert(0) += 1;
    }
    Digest {
        company: parts.company.to_owned(),
        week: parts.week.to_string(),
        from: parts.week.from(),
        to: parts.week.to(),
        as_of: parts.now.clock,
        data_as_of: parts.data_as_of,
        data_as_of_text: complete,
        actions: actions(&parts),
        goals: telling(&parts.now).map(|row| goal_line(row, parts.currency)).collect(),
        outlooks: outlooks(parts.now.pace, parts.currency)
            .into_iter()
            .chain(parts.targets.iter().cloned())
            .collect(),
        rates: rate_lines(&parts),
        followups: followups(&parts),
        changed: changed(&parts),
        restated: restated(&parts),
        sources: parts.sources.iter().map(source).collect(),
        notes: parts.notes,
        alerts: parts.alerts,
        watched: parts.watched,
        faults,
    }
}

/// Follow-up first, since it is due today; then by how the rules order them.
fn actions(parts: &Parts<'_>) -> Vec<Action> {
    let breached = |finding: &&Finding| matches!(finding.status, Status::Breach(_));
    let today = |finding: &Finding| finding.act_by == "today";
    let mut found: Vec<&Finding> = parts.findings.iter().filter(breached).collect();
    found.sort_by_key(|finding| !today(finding));
    let mut actions: Vec<Action> = found
        .into_iter()
        .map(|finding| Action {
            who: finding.owner.clone(),
            what: finding.task.clone(),
            by: match finding.act_by.as_str() {
                "today" => "today".to_owned(),
                day => format!("until {day}"),
            },
            worth: finding.worth.clone(),
        })
        .collect();
    let unowned = parts.now.ledger.unowned.len();
    let is_told = parts.findings.iter().any(|finding| {
        finding.rule == unowned_opportunity::NAME && matches!(finding.status, Status::Breach(_))
    });
    if unowned > 0 && !is_told {
        let what = match unowned {
            1 => "1 opportunity has no owner".to_owned(),
            n => format!("{n} opportunities have no owner"),
        };
        let who = "sales".to_owned();
        actions.push(Action { who, what, by: "today".into(), worth: String::new() });
    }
    let more = actions.len().saturating_sub(ACTIONS_MAX);
    actions.truncate(ACTIONS_MAX);
    if more > 0 {
        let alerts = if more == 1 { "alert" } else { "alerts" };
        let what = format!("{more} more {alerts}: paceline alerts list");
        let who = "everybody".to_owned();
        actions.push(Action { who, what, by: "this week".into(), worth: String::new() });
    }
    actions
}

fn telling<'a>(known: &Known<'a>) -> impl Iterator<Item = &'a PaceRow> {
    known.pace.iter().filter(|row| row.is_telling())
}

fn goal_line(row: &PaceRow, currency: &str) -> GoalLine {
    let last = row.period.to.yesterday().unwrap_or(row.period.to);
    GoalLine {
        goal: row.goal.clone(),
        metric: row.metric.title().to_owned(),
        actual: amount(row.metric, to_f64(row.actual), currency),
        planned: amount(row.metric, row.plan_to_date, currency),
        goal_value: amount(row.metric, to_f64(row.goal_value), currency),
        pace: row.pace,
        pace_text: row.pace.map_or("–".to_owned(), percent),
        required: row.required_per_business_day.map_or("–".to_owned(), |n| match row.metric {
            Metric::Revenue => amount(row.metric, n, currency),
            _ if n < 10.0 => format!("{n:.1}"),
            _ => count_text(n),
        }),
        until: civil_day(last),
        state: row.state().title().to_owned(),
    }
}

/// How each goal's own figure may end.
fn outlooks(rows: &[PaceRow], currency: &str) -> Vec<String> {
    let own = rows.iter().filter(|row| row.own);
    let text = |row: &PaceRow| Some(format!("{}: {}", row.goal, forecast_text(row, currency)?));
    own.filter_map(text).collect()
}

fn interval(low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (Some(low), Some(high)) => format!("{} to {}", percent(low), percent(high)),
        _ => "–".to_owned(),
    }
}

fn rate_lines(parts: &Parts<'_>) -> Vec<RateLine> {
    let checks = parts.now.rates.iter().zip(parts.tables);
    checks
        .map(|(check, table)| {
            let mut rows: Vec<_> = table.rows.iter().filter(|row| row.row.entered > 0).collect();
            rows.sort_by_key(|row| std::cmp::Reverse(row.row.entered));
            let last = check.cohort.to.yesterday().unwrap_or(check.cohort.to);
            RateLine {
                title: format!("{}, {}", check.pair.title(), check.goal),
                planned: percent(check.planned),
                measured: format!(
                    "{} (95 %: {}) of {} within {} days, entered {} to {}",
                    check.row.rate.map_or("–".to_owned(), percent),
                    interval(check.row.low, check.row.high),
                    count_text(check.row.entered as f64),
                    check.window_days,
                    civil_day(check.cohort.from),
                    civil_day(last)
                ),
                channels: rows
                    .into_iter()
                    .take(CHANNELS_MAX)
                    .map(|row| {
                        [
                            row.key.clone().unwrap_or_else(|| "unattributed".into()),
                            row.row.rate.map_or("–".to_owned(), percent),
                            interval(row.row.low, row.row.high),
                            count_text(row.row.entered as f64),
                        ]
                    })
                    .collect(),
            }
        })
        .collect()
}

/// The hand-offs that fell into the week.
fn of_week<'a>(ledger: &'a Ledger, week: Week, zone: &TimeZone) -> Vec<&'a HandOff> {
    let period = Period { from: week.from(), to: week.to() };
    let rows = ledger.rows.iter();
    rows.filter(|row| period.contains(zone.to_datetime(row.handed_off_at).date())).collect()
}

fn followups(parts: &Parts<'_>) -> Followups {
    let rows = of_week(parts.now.ledger, parts.week, parts.zone);
    let all = summarise(rows.iter().copied());
    let named = Verdict::ALL.into_iter().filter(|verdict| all.count(*verdict) > 0);
    let counts: Vec<String> = named
        .map(|verdict| format!("{} {}", all.count(verdict), verdict.name().replace('_', " ")))
        .collect();
    let median = all.median_secs.map(|secs| format!(" Median {}.", duration_text(secs)));
    let sentence = match all.handed_off {
        0 => "No hand-offs in this week.".to_owned(),
        n => format!(
            "{n} in this week: {}. 100 % accounted for.{}",
            counts.join(", "),
            median.unwrap_or_default()
        ),
    };
    let beyond = beyond::sentences(&rows);
    let pool = beyond::pool_sentence(&parts.now.ledger.pool, parts.now.clock);
    let sentences = std::iter::once(sentence).chain(beyond).chain(pool);
    let sentence = sentences.collect::<Vec<_>>().join(" ");
    let teams: BTreeSet<&str> = rows.iter().filter_map(|row| row.team.as_deref()).collect();
    let mut lines = Vec::new();
    for team in teams {
        let own = || rows.iter().copied().filter(|row| row.team.as_deref() == Some(team));
        lines.push(followup_line(team.to_owned(), true, own()));
        lines.extend(owner_lines(parts, &own().collect::<Vec<_>>()));
    }
    let alone: Vec<&HandOff> = rows.iter().copied().filter(|row| row.team.is_none()).collect();
    if !alone.is_empty() {
        lines.push(followup_line("in no team".to_owned(), true, alone.iter().copied()));
    }
    lines.extend(owner_lines(parts, &alone));
    Followups { sentence, rows: lines, unowned: parts.now.ledger.unowned.len() }
}

fn owner_lines(parts: &Parts<'_>, rows: &[&HandOff]) -> Vec<FollowupLine> {
    let owners: BTreeSet<Option<&str>> = rows.iter().map(|row| row.owner.as_deref()).collect();
    owners
        .into_iter()
        .map(|owner| {
            let name = owner.map_or("nobody", |owner| parts.now.facts.owner_name(owner));
            let own = rows.iter().copied().filter(|row| row.owner.as_deref() == owner);
            followup_line(name.to_owned(), false, own)
        })
        .collect()
}

fn followup_line<'a>(
    who: String,
    is_team: bool,
    rows: impl Iterator<Item = &'a HandOff>,
) -> FollowupLine {
    let summary = summarise(rows);
    FollowupLine {
        who,
        is_team,
        handed_off: summary.handed_off,
        in_time: summary.count(Verdict::InTime),
        late: summary.count(Verdict::Late),
        waiting: summary.count(Verdict::Waiting),
        overdue: summary.count(Verdict::Overdue),
        other: summary.count(Verdict::Unknown) + summary.count(Verdict::Excused),
        median: summary.median_secs.map_or("–".to_owned(), duration_text),
    }
}

/// What the figures were a week ago and are now.
fn changed(parts: &Parts<'_>) -> Vec<String> {
    let Some(before) = &parts.before else {
        return vec!["No digest before this one to compare with.".into()];
    };
    let mut lines = Vec::new();
    for row in telling(&parts.now) {
        let old = before.pace.iter().find(|old| (&old.goal, old.metric) == (&row.goal, row.metric));
        let Some(old) = old else { continue };
        if old.state() != row.state() {
            lines.push(format!(
                "{}, {}: {} → {} (pace {} → {})",
                row.metric.title(),
                row.goal,
                old.state().title(),
                row.state().title(),
                old.pace.map_or("–".to_owned(), percent),
                row.pace.map_or("–".to_owned(), percent)
            ));
        }
    }
    for check in parts.now.rates {
        let same = |old: &&RateCheck| (&old.goal, old.pair) == (&check.goal, check.pair);
        let Some(old) = before.rates.iter().find(same) else { continue };
        let (was, is) = (old.row.rate.unwrap_or(0.0), check.row.rate.unwrap_or(0.0));
        if percent(was) != percent(is) {
            lines.push(format!(
                "{}, {}: {} → {} (n = {})",
                check.pair.title(),
                check.goal,
                percent(was),
                percent(is),
                check.row.entered
            ));
        }
    }
    let (was, is) = (before.ledger.unowned.len(), parts.now.ledger.unowned.len());
    if was != is {
        lines.push(format!("opportunities without an owner: {was} → {is}"));
    }
    if lines.is_empty() {
        lines.push("No goal changed its state and no rate moved.".into());
    }
    lines
}

/// Counts of the week before, as they were known then and as they are known now.
fn restated(parts: &Parts<'_>) -> Vec<String> {
    let Some(before) = &parts.before else { return Vec::new() };
    let week = parts.week.before();
    let period = Period { from: week.from(), to: week.to() };
    let mut lines = Vec::new();
    for metric in [Metric::Leads, Metric::Mqls, Metric::Opportunities, Metric::Wins] {
        let was = entries(before.facts, metric, period, parts.zone);
        let is = entries(parts.now.facts, metric, period, parts.zone);
        if was == is {
            continue;
        }
        let (gone, come) = (was.difference(&is).count(), is.difference(&was).count());
        let mut why = Vec::new();
        if gone > 0 {
            why.push(format!("{gone} deleted, merged or dated anew"));
        }
        if come > 0 {
            why.push(format!("{come} added later"));
        }
        lines.push(format!(
            "{} of {week}: {} is now {} ({})",
            metric.title(),
            was.len(),
            is.len(),
            why.join(", ")
        ));
    }
    lines
}

fn entries<'a>(
    facts: &'a Facts,
    metric: Metric,
    period: Period,
    zone: &TimeZone,
) -> BTreeSet<&'a crate::domain::RecordKey> {
    let inside =
        |at: Option<crate::domain::Moment>| at.is_some_and(|at| period.contains(at.date(zone)));
    let leads = facts.leads.values().filter(|lead| lead.deleted_at.is_none());
    let opportunities = facts.opportunities.values().filter(|o| o.deleted_at.is_none());
    match metric {
        Metric::Leads => leads.filter(|l| inside(l.created_at)).map(|l| &l.key).collect(),
        Metric::Mqls => leads.filter(|l| inside(l.mql_at)).map(|l| &l.key).collect(),
        Metric::Opportunities => {
            opportunities.filter(|o| inside(o.created_at)).map(|o| &o.key).collect()
        }
        _ => opportunities.filter(|o| inside(o.won_at())).map(|o| &o.key).collect(),
    }
}
