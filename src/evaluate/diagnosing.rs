//! Why a goal is missed or passed, from what is stored.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::{Snapshot, completeness::objects_of, snapshot::EvaluateError, tallies};
use crate::diagnose::{Evidence, Factor, Factors, Part, Segment, parts};
use crate::domain::{
    number::to_f64,
    period::Period,
    stage::{Metric, Stage, plural},
};
use crate::pacing::{PaceRow, actual::Actuals, judge::DISPERSION_UNKNOWN};
use crate::plan::{Given, GoalPlan, Pair};
use crate::rates::{Row, measured::horizon_days};

/// Why one goal stands where it does.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// Where it stands.
    pub row: PaceRow,
    /// The chain's links, in the order of the funnel.
    pub links: Vec<Link>,
    /// The days on which those came that could be won by now.
    pub served_by: Period,
    /// Entrants of the chain: planned, and there.
    pub entrants: (f64, f64),
    /// What a win is worth: planned, and here.
    pub value: (f64, Option<f64>),
    /// What each factor contributed; they add up to actual less plan to date.
    pub parts: Vec<Part>,
    /// Wins without an amount that could be brought to the company's currency, and all wins.
    pub unvalued: (usize, usize),
    /// Why opportunities were lost in the goal's days so far, the most frequent reason first.
    pub lost: Vec<(String, usize)>,
}

/// A rate of the chain, as planned and as measured on those that served the goal.
#[derive(Clone, Debug)]
pub struct Link {
    /// Which.
    pub pair: Pair,
    /// As planned.
    pub planned: f64,
    /// As measured.
    pub row: Row,
    /// Days within which it was measured.
    pub window_days: i64,
    /// Whether it could be told from the timing: somebody has been seen for the whole window.
    pub separable: bool,
}

/// A diagnosis of every goal that counts wins or money and has begun; what cannot be worked out, since
/// nothing of its chain is reported, is left out.
///
/// # Errors
/// When the store cannot be read.
pub async fn diagnose(snapshot: &Snapshot<'_>) -> Result<Vec<Diagnosis>, EvaluateError> {
    let rows = snapshot.pace_known();
    let mut found = Vec::new();
    let whole = |plan: &&GoalPlan| plan.goal.counts_wins() && plan.goal.part_of.is_none();
    for plan in snapshot.plans.iter().filter(whole) {
        let own =
            rows.iter().find(|row| row.goal == plan.goal.name && row.metric == plan.goal.metric);
        let Some(row) = own.filter(|row| row.plan_to_date > 0.0) else { continue };
        let of_goal: Vec<&PaceRow> = rows.iter().filter(|r| r.goal == plan.goal.name).collect();
        found.extend(of_plan(snapshot, plan, row, &of_goal).await?);
    }
    Ok(found)
}

async fn of_plan(
    snapshot: &Snapshot<'_>,
    plan: &GoalPlan,
    row: &PaceRow,
    rows: &[&PaceRow],
) -> Result<Option<Diagnosis>, EvaluateError> {
    let zone = &snapshot.settings.company.zone;
    let today = zone.to_datetime(row.at).date();
    let last = today.tomorrow().unwrap_or(today).min(row.period.to);
    let served_by = |stage: Stage| served_by(plan, Metric::of_stage(stage), last);
    let actuals = snapshot.actuals(plan.goal.scope.as_ref());
    let count = |stage: Stage| {
        let metric = Metric::of_stage(stage);
        let period = if stage == Stage::Won { row.period } else { served_by(stage) };
        to_f64(actuals.count(metric, period, row.at, plan))
    };
    let mut links = Vec::new();
    for (pair, assumed) in &plan.chain.rates {
        let (from, to) = pair.stages();
        // Visits are no records of their own, and what no source reports has no rate.
        let reported = !snapshot.completeness.sources_of(objects_of(from)).is_empty();
        let Ok(cut) = tallies::cut_of(snapshot, from, to) else { continue };
        if from == Stage::Visit || !reported {
            continue;
        }
        let seen_to = zone.to_datetime(cut).date();
        let scope = plan.goal.scope.as_ref();
        let tally = tallies::total_of(snapshot, from, to, cut, scope).await?;
        let given = plan.goal.assume.within_days.get(pair).copied();
        let window_days = given.unwrap_or_else(|| horizon_days(&tally, seen_to));
        let served_by = served_by(from);
        let cohort = tally.between(served_by.from, served_by.to);
        let measured = cohort.row(Some(window_days), seen_to);
        let separable =
            measured.window_reached == Some(true) && measured.rate.is_some_and(|r| r > 0.0);
        let planned = to_f64(assumed.value);
        links.push(Link { pair: *pair, planned, row: measured, window_days, separable });
    }
    let Some(first) = links.first() else { return Ok(None) };
    let mut counts: Vec<f64> = std::iter::once(count(first.pair.stages().0))
        .chain(links.iter().map(|link| count(link.pair.stages().1)))
        .collect();
    // Wins that came of nothing that is known begin the chain where something is.
    if counts.last().is_some_and(|wins| *wins > 0.0) {
        let known = counts.iter().rposition(|count| *count <= 0.0).map_or(0, |at| at + 1);
        counts.drain(..known);
        links.drain(..known);
    }
    let per_win = plan.chain.revenue_per_win.filter(|_| row.metric == Metric::Revenue);
    let planned_value = per_win.map_or(1.0, |value| planned_value(plan, to_f64(value)));
    let created = rows.iter().find(|row| row.metric == Metric::Opportunities);
    let dispersion = created.map_or(DISPERSION_UNKNOWN, |created| created.judgement.dispersion);
    let planned = planned_side(plan, row, &links, planned_value);
    let (actual, mut evidence) = actual_side(plan, row, &links, &counts, &actuals);
    evidence.dispersion = dispersion;
    let segment = Segment { plan: planned, actual };
    Ok(Some(Diagnosis {
        row: row.clone(),
        served_by: served_by(links.first().map_or(Stage::Won, |link| link.pair.stages().0)),
        entrants: (segment.plan.volume, segment.actual.volume),
        value: (planned_value, segment.actual.value),
        parts: parts(&[segment], &[evidence]),
        unvalued: unvalued(plan, row, &actuals),
        lost: lost(row, &actuals),
        links,
    }))
}

/// The days on which those came that the plan wants won by now: the goal's days up to today, moved back by
/// the steps that were still before them.
fn served_by(plan: &GoalPlan, metric: Metric, last: Date) -> Period {
    let from = plan.counted_over(metric).from;
    Period { from, to: plan.before(metric, last).max(from) }
}

fn unvalued(plan: &GoalPlan, row: &PaceRow, actuals: &Actuals<'_>) -> (usize, usize) {
    if row.metric != Metric::Revenue {
        return (0, 0);
    }
    let won = actuals.records(Metric::Wins, row.period, row.at);
    (won.iter().filter(|deal| actuals.value(deal, plan).is_none()).count(), won.len())
}

/// Losses by reason; one without a reason counts as such.
fn lost(row: &PaceRow, actuals: &Actuals<'_>) -> Vec<(String, usize)> {
    let zone = &actuals.calendar.zone;
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for deal in actuals.opportunities(row.at) {
        let seen = deal.lost_at().filter(|at| at.is_seen(row.at, zone));
        if seen.is_some_and(|at| row.period.contains(at.date(zone))) {
            let reason = deal.lost_reason.clone().filter(|reason| !reason.trim().is_empty());
            *reasons.entry(reason.unwrap_or_else(|| "no reason given".into())).or_insert(0) += 1;
        }
    }
    let mut reasons: Vec<(String, usize)> = reasons.into_iter().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    reasons
}

/// What the plan reckons a win with: with clients that stay, or with what a client is worth over its
/// lifetime, the goal divided by the wins that the chain asks for.
fn planned_value(plan: &GoalPlan, per_win: f64) -> f64 {
    let assume = &plan.goal.assume;
    let by_chain =
        assume.current_clients != Given::Absent || assume.client_lifetime_value.is_some();
    let required = |metric: Metric| plan.chain.required.get(&metric).map(|value| to_f64(*value));
    match (by_chain, required(Metric::Revenue), required(Metric::Wins)) {
        (true, Some(revenue), Some(wins)) if wins > 0.0 => revenue / wins,
        _ => per_win,
    }
}

/// The plan by now, as entrants times rates times timing times value. With a distribution of lags a part
/// of the wins is planned to land outside the goal.
fn planned_side(plan: &GoalPlan, row: &PaceRow, links: &[Link], planned_value: f64) -> Factors {
    let in_goal = |link: &Link| {
        let (from, to) = link.pair.stages();
        let share = |stage: Stage| plan.in_goal_share_of(Metric::of_stage(stage));
        share(from) / share(to)
    };
    let of_all: f64 = links.iter().map(|link| link.planned * in_goal(link)).product();
    // Where rate and timing cannot be told apart here, they are one on the plan's side too.
    let rate = |link: &Link| link.planned * if link.separable { 1.0 } else { in_goal(link) };
    let timing = |link: &Link| if link.separable { in_goal(link) } else { 1.0 };
    Factors {
        volume: row.plan_to_date / (of_all * planned_value),
        rates: links.iter().map(|link| Some(rate(link))).collect(),
        timing: links.iter().map(|link| Some(timing(link))).collect(),
        value: Some(planned_value),
    }
}

/// What is there, as entrants times rates times timing times value, with what that rests on. A rate that
/// cannot be told from its timing yet is what came of those that entered.
fn actual_side(
    plan: &GoalPlan,
    row: &PaceRow,
    links: &[Link],
    counts: &[f64],
    actuals: &Actuals<'_>,
) -> (Factors, Evidence) {
    let (mut rates, mut timing, mut sizes) = (Vec::new(), Vec::new(), Vec::new());
    for (link, pair) in links.iter().zip(counts.windows(2)) {
        let plain = (pair[0] > 0.0).then(|| pair[1] / pair[0]);
        let rate = if link.separable { link.row.rate } else { plain };
        let apart = rate.filter(|rate| link.separable && *rate > 0.0);
        timing.push(apart.and_then(|rate| Some(plain? / rate)));
        sizes.push(if link.separable { link.row.size } else { pair[0] });
        rates.push(rate);
    }
    let money = row.metric == Metric::Revenue;
    let wins = counts.last().copied().unwrap_or(0.0);
    let mean = (wins > 0.0).then(|| to_f64(row.actual) / wins);
    let value = if money { mean } else { Some(1.0) };
    let volume = counts.first().copied().unwrap_or(0.0);
    let won = actuals.records(Metric::Wins, row.period, row.at);
    // One whose value is not known brings nothing that is known.
    let values = won.into_iter().map(|deal| actuals.value(deal, plan).map_or(0.0, to_f64));
    let values = if money { values.collect() } else { Vec::new() };
    let counts = counts.to_vec();
    let evidence = Evidence { sizes, counts, dispersion: DISPERSION_UNKNOWN, values };
    (Factors { volume, rates, timing, value }, evidence)
}

impl Diagnosis {
    /// A factor in words, and whose it is.
    pub fn title(&self, factor: Factor) -> (String, &'static str) {
        match factor {
            Factor::Volume => {
                let first = self.links.first().map_or("win", |link| link.pair.stages().0.name());
                (format!("number of {}", plural(first)), "marketing")
            }
            Factor::Mix => ("mix".into(), "marketing"),
            Factor::Rate(n) => match self.links.get(n) {
                Some(link) => {
                    let sales = link.pair.stages().0 == Stage::Opportunity;
                    let timing = if link.separable { "" } else { " and its timing" };
                    let owner = if sales { "sales" } else { "marketing" };
                    (format!("{}{timing}", link.pair.title()), owner)
                }
                None => ("rate".into(), "marketing"),
            },
            Factor::Timing(_) => ("timing".into(), "nobody: early, late, or from before"),
            Factor::Value => ("value of a win".into(), "sales"),
        }
    }
}
