//! What the pages show, in words: pure.

use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;

use super::chart;
use crate::alerts::Finding;
use crate::alerts::message::{amount, day_time, percent, span_text};
use crate::alerts::outlook::{forecast_text, pipeline_text};
use crate::domain::number::to_f64;
use crate::domain::stage::Metric;
use crate::evaluate::Board;
use crate::handoff::ledger::{HandOff, Verdict};
use crate::handoff::summary::{Summary, duration_text};
use crate::pacing::PaceRow;
use crate::pacing::judge::Usual;
use crate::store::alerts::AlertRow;
use crate::store::schedule::JobRow;

/// Characters of a cell in a table.
const CELL_CHARS_MAX: usize = 160;

/// A goal with its rows; the chart is that of its own metric.
#[derive(Debug, Serialize)]
pub struct Goal {
    name: String,
    until: String,
    chart: String,
    rows: Vec<Pace>,
    parts: Vec<GoalPart>,
    whole: bool,
}

/// A part's own figure.
#[derive(Debug, Serialize)]
pub struct GoalPart {
    name: String,
    label: String,
    row: Pace,
}

/// A row of a goal.
#[derive(Debug, Serialize)]
pub struct Pace {
    metric: &'static str,
    so_far: String,
    by_now: String,
    in_all: String,
    pace: String,
    needed: String,
    state: String,
    behind: bool,
    chart: String,
    arithmetic: String,
    forecast: Option<String>,
    rest: Option<String>,
    evidence: String,
}

/// Every goal.
pub fn goals(board: &Board, currency: &str) -> Vec<Goal> {
    let goal = |plan: &crate::plan::GoalPlan| {
        let of_goal = board.pace.iter().filter(|row| row.goal == plan.goal.name);
        let rows: Vec<&PaceRow> = of_goal.collect();
        let own = rows.iter().find(|row| row.metric == plan.goal.metric).or(rows.last());
        let last = plan.goal.period.to.yesterday().unwrap_or(plan.goal.period.to);
        Goal {
            name: plan.goal.name.clone(),
            until: crate::alerts::message::civil_day(last),
            chart: own.map_or(String::new(), |row| picture(board, row, currency)),
            rows: rows.iter().map(|row| pace(board, row, currency)).collect(),
            parts: parts(board, &plan.goal.name, currency),
            whole: plan.goal.part_of.is_none(),
        }
    };
    board.plans.iter().map(goal).collect()
}

fn parts(board: &Board, goal: &str, currency: &str) -> Vec<GoalPart> {
    let of_goal = |row: &&PaceRow| row.part_of.as_deref() == Some(goal) && row.is_telling();
    let part = |row: &PaceRow| GoalPart {
        name: row.goal.clone(),
        label: row.scope.as_ref().map_or_else(String::new, |scope| format!("{scope}: ")),
        row: pace(board, row, currency),
    };
    board.pace.iter().filter(of_goal).map(part).collect()
}

fn pace(board: &Board, row: &PaceRow, currency: &str) -> Pace {
    let amount = |value: f64| amount(row.metric, value, currency);
    let so_far = amount(to_f64(row.actual));
    let arithmetic = match row.pace {
        None => "the plan wants nothing by now".to_owned(),
        Some(pace) => format!(
            "{so_far} ÷ {} = {}; the plan to date is {} times the {:.1} % that it wants by now",
            amount(row.plan_to_date),
            percent(pace),
            amount(to_f64(row.goal_value)),
            100.0 * row.plan_to_date / to_f64(row.goal_value).max(f64::MIN_POSITIVE),
        ),
    };
    Pace {
        metric: row.metric.title(),
        by_now: amount(row.plan_to_date),
        in_all: amount(to_f64(row.goal_value)),
        pace: row.pace.map_or("–".to_owned(), percent),
        needed: row.required_per_business_day.map_or("–".to_owned(), |n| match row.metric {
            Metric::Revenue => amount(n),
            _ => format!("{n:.1}"),
        }),
        state: row.state().title().to_owned(),
        behind: row.state() == crate::pacing::State::Behind,
        chart: picture(board, row, currency),
        so_far,
        arithmetic,
        forecast: forecast_text(row, currency),
        rest: row.pipeline.as_ref().map(|rest| pipeline_text(row, rest, currency)),
        evidence: evidence(row),
    }
}

/// What the state rests on.
fn evidence(row: &PaceRow) -> String {
    let judgement = &row.judgement;
    let usual = match judgement.usual {
        Usual::History { periods, events } => {
            format!("the curve of {periods} periods before it ({events:.0} events)")
        }
        Usual::Shape => "the plan's shape".to_owned(),
        Usual::Linear => "no history: linear and late curves must both be crossed".to_owned(),
    };
    let (taken, all) = judgement.looks;
    let variance = judgement.dispersion;
    format!("{taken} of {all} weekly looks; {usual}; variance {variance:.1} times the mean")
}

fn picture(board: &Board, row: &PaceRow, currency: &str) -> String {
    let points = board.charts.get(&(row.goal.clone(), row.metric));
    let title = format!(
        "{}: {} of {} planned by now",
        row.metric.title(),
        amount(row.metric, to_f64(row.actual), currency),
        amount(row.metric, row.plan_to_date, currency)
    );
    points.map_or(String::new(), |points| chart::svg(points, &title))
}

/// An alert.
#[derive(Debug, Serialize)]
pub struct Alert {
    id: i64,
    summary: String,
    rule: String,
    scope: String,
    state: String,
    since: String,
    reason: String,
    owner: String,
    act_by: String,
    value: String,
    threshold: String,
    lines: Vec<(String, String)>,
    records: Vec<crate::domain::notice::RecordRef>,
    records_total: usize,
}

/// An alert as stored; one of another version shows what it can.
pub fn alert(row: &AlertRow, zone: &TimeZone) -> Alert {
    let finding: Option<Finding> = serde_json::from_str(&row.finding).ok();
    let text = |of: fn(&Finding) -> String| finding.as_ref().map(of).unwrap_or_default();
    Alert {
        id: row.id,
        summary: finding.as_ref().map_or(row.scope.clone(), |f| f.summary.clone()),
        rule: row.rule.clone(),
        scope: row.scope.clone(),
        state: row.state.clone(),
        since: day_time(row.since, zone),
        reason: row.reason.clone(),
        owner: text(|f| f.owner.clone()),
        act_by: text(|f| f.act_by.clone()),
        value: text(|f| short(f.value)),
        threshold: text(|f| short(f.threshold)),
        lines: finding.as_ref().map(|f| f.lines.clone()).unwrap_or_default(),
        records_total: finding.as_ref().map_or(0, |f| f.records_total),
        records: finding.map(|f| f.records).unwrap_or_default(),
    }
}

/// At most four decimals, and none where there are none.
fn short(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Hand-offs of a team.
#[derive(Debug, Serialize)]
pub struct Team {
    name: String,
    handed_off: usize,
    counts: Vec<usize>,
    in_time: String,
    median: String,
}

/// The hand-offs of a group.
pub fn team(name: &str, summary: &Summary) -> Team {
    Team {
        name: name.to_owned(),
        handed_off: summary.handed_off,
        counts: Verdict::ALL.iter().map(|verdict| summary.count(*verdict)).collect(),
        in_time: summary.in_time_share().map_or("–".to_owned(), percent),
        median: summary.median_secs.map_or("–".to_owned(), duration_text),
    }
}

/// A hand-off.
#[derive(Debug, Serialize)]
pub struct Handoff {
    opportunity: String,
    url: Option<String>,
    team: String,
    owner: String,
    handed_off: String,
    due: String,
    touched: String,
    verdict: String,
}

/// A row of the ledger.
pub fn handoff(row: &HandOff, zone: &TimeZone) -> Handoff {
    Handoff {
        opportunity: row.opportunity.id.clone(),
        url: row.url.clone(),
        team: row.team.clone().unwrap_or_default(),
        owner: row.owner.clone().unwrap_or_default(),
        handed_off: day_time(row.handed_off_at, zone),
        due: day_time(row.due_at, zone),
        touched: row.first_touch_at.map_or(String::new(), |at| day_time(at, zone)),
        verdict: row.verdict.name().replace('_', " "),
    }
}

/// A source.
#[derive(Debug, Serialize)]
pub struct Source {
    pub name: String,
    pub complete: String,
    pub age: String,
    pub error: String,
    pub error_short: String,
    pub stale: bool,
}

/// How a source stands at `now`.
pub fn source(
    name: &str,
    state: &crate::store::sources::SourceState,
    after_secs: i64,
    now: Timestamp,
    zone: &TimeZone,
) -> Source {
    let age_secs = state.complete_to.map(|at| (now.as_second() - at.as_second()).max(0));
    Source {
        name: name.to_owned(),
        complete: state.complete_to.map_or("never".to_owned(), |at| day_time(at, zone)),
        age: age_secs.map_or(String::new(), span_text),
        error: state.last_error.clone().unwrap_or_default(),
        error_short: shortened(state.last_error.as_deref().unwrap_or_default()),
        stale: age_secs.is_none_or(|age| age > after_secs),
    }
}

/// The first line, and not all of it where it is long.
fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let mut short: String = line.chars().take(CELL_CHARS_MAX).collect();
    if short.len() < line.len() {
        short.push('…');
    }
    short
}

/// A job.
#[derive(Debug, Serialize)]
pub struct Job {
    name: String,
    last: String,
    took: String,
    outcome: String,
    next: String,
    failing: bool,
}

/// A row of the schedule.
pub fn job(name: &str, row: &JobRow, zone: &TimeZone) -> Job {
    let outcome = row.last_outcome.clone().unwrap_or_else(|| "not run yet".into());
    let running = row.lease.is_some();
    Job {
        name: name.to_owned(),
        last: row.last_started.map_or(String::new(), |at| day_time(at, zone)),
        took: row.last_duration_secs().map_or(String::new(), |secs| format!("{secs:.1} s")),
        outcome: if running { "running".into() } else { shortened(&outcome) },
        next: day_time(row.next_due, zone),
        failing: row.failures > 0,
    }
}
