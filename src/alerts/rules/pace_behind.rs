//! A goal's stage is behind its plan by more than chance would explain.

use jiff::Timestamp;
use rust_decimal::Decimal;

use super::steps_reached;
use crate::alerts::message::{civil_day, count_text, day, percent};
use crate::alerts::outlook::forecast_text;
use crate::alerts::{Audience, Context, Finding, RECORDS_MAX, Severity, Status};
use crate::domain::{
    Opportunity, Outcome,
    money::for_people,
    notice::RecordRef,
    number::{from_f64, to_f64},
    scope::Names,
    stage::Metric,
};
use crate::pacing::{PaceRow, State, actual::Actuals};
use crate::plan::GoalPlan;

/// The rule's name.
pub const NAME: &str = "pace_behind";
/// Parts that a message names.
const PARTS_MAX: usize = 5;
/// Days that "behind since" looks back.
const SINCE_DAYS_MAX: usize = 92;

/// One finding for each counted stage of each goal. Revenue follows its wins and has none.
pub fn find(context: &Context<'_>) -> Vec<Finding> {
    if !context.settings.pace_behind.enabled {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for plan in context.plans {
        let own = context.pace.iter().filter(|row| row.goal == plan.goal.name);
        findings.extend(
            own.filter(|row| row.metric != Metric::Revenue).map(|row| finding(context, plan, row)),
        );
    }
    findings
}

fn status(context: &Context<'_>, row: &PaceRow) -> Status {
    let today = context.calendar.zone.to_datetime(context.clock).date();
    let shortfall = 1.0 - row.pace.unwrap_or(1.0);
    if today >= row.period.to {
        let (actual, goal) = (count_text(to_f64(row.actual)), count_text(to_f64(row.goal_value)));
        return Status::Ended(format!("its period is over with {actual} of {goal}"));
    }
    // A whole that is behind tells of its parts itself.
    let whole = context
        .pace
        .iter()
        .find(|whole| Some(&whole.goal) == row.part_of.as_ref() && whole.metric == row.metric);
    match row.state() {
        State::Behind if whole.is_some_and(|whole| whole.state() == State::Behind) => {
            Status::Holding
        }
        State::Behind => match steps_reached(shortfall, &context.settings.pace_behind.steps) {
            0 => Status::Holding,
            level => Status::Breach(level),
        },
        _ if row.gap <= 0.0 => Status::Clear,
        _ => Status::Holding,
    }
}

fn finding(context: &Context<'_>, plan: &GoalPlan, row: &PaceRow) -> Finding {
    let status = status(context, row);
    let breach = matches!(status, Status::Breach(_));
    let level = if let Status::Breach(level) = status { level } else { 0 };
    let (actual, planned) = (to_f64(row.actual), row.plan_to_date);
    let title = row.metric.title();
    let mut finding = Finding {
        rule: NAME.into(),
        scope: format!("goal:{}/{}", row.goal, row.metric.name()),
        status,
        severity: if level >= 3 { Severity::Critical } else { Severity::Warning },
        audience: plan.goal.team.clone().map_or(Audience::EveryTeam, Audience::Team),
        group: format!("goal:{}", row.part_of.as_ref().unwrap_or(&row.goal)),
        value: row.pace.unwrap_or(1.0),
        threshold: 1.0 - context.settings.pace_behind.steps[0],
        summary: if row.gap > 0.0 {
            format!(
                "Behind plan: {title}, {}: {} of the {} needed by {} ({})",
                row.goal,
                count_text(actual),
                count_text(planned.ceil()),
                day(row.at, &context.calendar.zone),
                percent(row.pace.unwrap_or(1.0))
            )
        } else {
            format!(
                "Back on plan: {title}, {}: {} of {} ({})",
                row.goal,
                count_text(actual),
                count_text(planned.ceil()),
                percent(row.pace.unwrap_or(1.0))
            )
        },
        task: format!(
            "{} {title} short ({}: {} of {} by now, {})",
            count_text(row.gap.max(0.0).ceil()),
            row.goal,
            count_text(actual),
            count_text(planned.ceil()),
            percent(row.pace.unwrap_or(1.0))
        ),
        owner: plan.goal.team.clone().unwrap_or_else(|| "every team".into()),
        act_by: civil_day(row.period.to.yesterday().unwrap_or(row.period.to)),
        worth: cost(context, plan, row).unwrap_or_default(),
        lines: Vec::new(),
        records: Vec::new(),
        records_total: 0,
        tells_new_records: false,
        quiet_end: false,
        rests_on: (context.sources_of)(row.metric.stage()),
    };
    if breach {
        finding.lines = lines(context, plan, row);
    }
    (finding.records, finding.records_total) = records(context, row);
    finding
}

fn lines(context: &Context<'_>, plan: &GoalPlan, row: &PaceRow) -> Vec<(String, String)> {
    let zone = &context.calendar.zone;
    let title = row.metric.title();
    let last = row.period.to.yesterday().unwrap_or(row.period.to);
    let missing = count_text(row.gap.ceil());
    let mut lines = Vec::new();
    if let Some(since) = behind_since(context, plan, row) {
        let one_in = match row.judgement.p_value {
            Some(p) if p > 1e-6 => count_text((1.0 / p).round()),
            _ => "more than a million".to_owned(),
        };
        let since = day(since, zone);
        lines.push((
            "Since".into(),
            format!("{since}; of periods that run to plan, 1 in {one_in} ever looks so far behind"),
        ));
    }
    if let Some(cost) = cost(context, plan, row) {
        lines.push(("Costs".into(), cost));
    }
    lines.extend(parts(context, row).map(|text| ("Where".into(), text)));
    if let Some(per_day) = row.required_per_business_day {
        lines.push((
            "In time".into(),
            format!(
                "until {}: {missing} more close the gap; {per_day:.1} {title} a business day from now on reach the goal of {}",
                civil_day(last),
                count_text(to_f64(row.goal_value))
            ),
        ));
    }
    lines.extend(
        forecast_text(row, &context.currency.company).map(|text| ("Forecast".into(), text)),
    );
    let owner = plan.goal.team.clone().unwrap_or_else(|| "every team".into());
    lines.push(("Owner".into(), owner));
    lines.push((
        "Next step".into(),
        format!("this week: agree who brings the {missing} {title}, or change the plan"),
    ));
    lines
}

/// The parts that are short, the shortest first, and which of them are short by more than chance.
fn parts(context: &Context<'_>, row: &PaceRow) -> Option<String> {
    let part = |part: &&PaceRow| {
        part.part_of.as_ref() == Some(&row.goal) && part.metric == row.metric && part.gap > 0.0
    };
    let mut short: Vec<&PaceRow> = context.pace.iter().filter(part).collect();
    short.sort_by(|a, b| b.gap.total_cmp(&a.gap));
    let text = |part: &&PaceRow| {
        let name = part.scope.as_ref().map(ToString::to_string).unwrap_or_default();
        let alone = if part.state() == State::Behind { "" } else { ", which may be chance" };
        let (actual, planned) = (to_f64(part.actual), part.plan_to_date.ceil());
        let (actual, planned) = (count_text(actual), count_text(planned));
        format!("{name} {actual} of {planned}{alone}")
    };
    let texts: Vec<String> = short.iter().take(PARTS_MAX).map(text).collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}

/// The gap at the planned rates and deal value.
fn cost(context: &Context<'_>, plan: &GoalPlan, row: &PaceRow) -> Option<String> {
    let mut value = from_f64(row.gap)?;
    let mut stage = row.metric.stage();
    for (pair, assumed) in &plan.chain.rates {
        if pair.stages().0 == stage {
            value = value.checked_mul(assumed.value)?;
            stage = pair.stages().1;
        }
    }
    let per_win: Decimal = plan.chain.revenue_per_win?;
    let money = for_people(value.checked_mul(per_win)?, &context.currency.company);
    Some(format!("about {money} of revenue at the plan's rates"))
}

fn actuals<'a>(context: &'a Context<'_>, row: &'a PaceRow) -> Actuals<'a> {
    Actuals {
        facts: context.facts,
        calendar: context.calendar,
        currency: context.currency,
        names: Names { words: context.words, teams: context.teams },
        scope: row.scope.as_ref(),
    }
}

/// The close of the last business day on which the plan was still met.
fn behind_since(context: &Context<'_>, plan: &GoalPlan, row: &PaceRow) -> Option<Timestamp> {
    let curve = plan.curves.get(&row.metric)?;
    let actuals = actuals(context, row);
    let mut day = context.calendar.zone.to_datetime(row.at).date().yesterday().ok()?;
    let mut since = row.at;
    for _ in 0..SINCE_DAYS_MAX {
        if day < row.period.from {
            break;
        }
        if context.calendar.is_business_day(day) {
            let at = context.calendar.close_of(day);
            let planned = to_f64(row.goal_value) * curve.share_at(at, context.calendar);
            if to_f64(actuals.count(row.metric, row.period, at, plan)) >= planned {
                break;
            }
            since = at;
        }
        day = day.yesterday().ok()?;
    }
    Some(since)
}

fn records(context: &Context<'_>, row: &PaceRow) -> (Vec<RecordRef>, usize) {
    let actuals = actuals(context, row);
    if matches!(row.metric, Metric::Opportunities | Metric::Wins) {
        let mut found = actuals.records(row.metric, row.period, row.at);
        if found.is_empty() {
            // Nothing happened yet: what may still happen is what there is to look at.
            let open = |o: &&Opportunity| o.outcome == Outcome::Open && o.deleted_at.is_none();
            found = context.facts.opportunities.values().filter(open).collect();
        }
        let refs = found.iter().rev().take(RECORDS_MAX).map(|o| RecordRef {
            source: o.key.source.clone(),
            object: "opportunity".into(),
            id: o.key.id.clone(),
            url: o.url.clone(),
        });
        return (refs.collect(), found.len());
    }
    let total = to_f64(row.actual) as usize;
    if row.metric == Metric::Visits {
        // Visits are no records of their own; whoever counts them is.
        let counted_by = (context.sources_of)(row.metric.stage()).into_iter().map(|source| {
            RecordRef { id: source.clone(), source, object: "source".into(), url: None }
        });
        return (counted_by.collect(), total);
    }
    let entered = |lead: &crate::domain::Lead| {
        let at = if row.metric == Metric::Mqls { lead.mql_at } else { lead.created_at };
        at.is_some_and(|at| row.period.contains(at.date(&context.calendar.zone)))
    };
    let leads: Vec<_> = actuals.leads(row.at).filter(|lead| entered(lead)).collect();
    let refs = leads.into_iter().rev().take(RECORDS_MAX).map(|lead| RecordRef {
        source: lead.key.source.clone(),
        object: "lead".into(),
        id: lead.key.id.clone(),
        url: None,
    });
    (refs.collect(), total)
}
