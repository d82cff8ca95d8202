//! What the forecasts rest on: the company's own conversion, what is open, what comes in, what wins are
//! worth.

use std::collections::BTreeMap;

use jiff::{ToSpan, civil::Date};

use super::{Snapshot, completeness::objects_of, snapshot::EvaluateError, tallies};
use crate::domain::{
    Opportunity, Outcome,
    calendar::BusinessCalendar,
    moment::Moment,
    number::to_f64,
    period::Period,
    scope::Scope,
    stage::{Metric, Stage},
};
use crate::forecast::luck::{Course, period_variance};
use crate::forecast::outlook::{LastDays, last_days};
use crate::forecast::{Conversion, Intake, Open, Outlook, draw::count_forecast};
use crate::pacing::{PaceRow, State, judge::DISPERSION_UNKNOWN};
use crate::plan::GoalPlan;
use crate::rates::{
    Tally,
    assumed::Past,
    interval::Z,
    measured::{HORIZONS_DAYS, horizon_days},
};

/// Business days that the present intake is measured over: a quarter.
const INTAKE_DAYS: usize = 63;
/// Months of which the busiest is the most that can come in.
const BUSIEST_OF_MONTHS: i32 = 24;
/// Fewer wins of the last year than this, and those before it count too.
const VALUES_MIN: usize = 10;
/// Every forecast's seed: the same data gives the same figures.
const SEED: u64 = 0x005e_ed0f_9ace;

/// What was measured for forecasts.
#[derive(Clone, Debug, Default)]
pub struct Prospects {
    /// When an opportunity is won.
    conversion: Option<Conversion>,
    /// When a lead and an MQL are, as far as they are.
    before: Vec<(Stage, Conversion)>,
    /// What is open: when it was created, and its amount in the company's currency.
    open: Vec<(Date, Option<f64>)>,
    /// What became of every one, for how much whole periods vary.
    courses: Vec<Course>,
    /// What won ones were worth.
    values: Vec<f64>,
    /// Metric -> what comes in.
    flows: BTreeMap<Metric, Flow>,
}

/// How much of something comes in.
#[derive(Clone, Copy, Debug, Default)]
struct Flow {
    /// On a business day of the last quarter.
    per_day: f64,
    /// On a business day of the busiest month.
    per_day_max: f64,
    /// Events that `per_day` rests on.
    seen: f64,
}

/// Measures what forecasts need.
///
/// # Errors
/// When the store cannot be read.
pub async fn prospects(
    snapshot: &Snapshot<'_>,
    scope: Option<&Scope>,
) -> Result<Prospects, EvaluateError> {
    let Ok(cut) = tallies::cut_of(snapshot, Stage::Opportunity, Stage::Won) else {
        return Ok(Prospects::default());
    };
    let zone = &snapshot.settings.company.zone;
    let today = zone.to_datetime(cut).date();
    let (from, to) = (Stage::Opportunity, Stage::Won);
    let own = tallies::total_of(snapshot, from, to, cut, scope).await?;
    // A part that won little is taken to convert and to be worth what the whole does.
    let won: u64 = own.conversion_lags().values().sum();
    let scope_of_wins = scope.filter(|_| won >= VALUES_MIN as u64);
    let tally = match scope_of_wins {
        None if scope.is_some() => tallies::total(snapshot, from, to, cut).await?,
        _ => own,
    };
    let conversion = conversion(&tally, today);
    let before = before(snapshot, scope).await?;
    let (all, of_wins) = (snapshot.actuals(scope), snapshot.actuals(scope_of_wins));
    let seen = |at: Option<Moment>| at.is_some_and(|at| at.is_seen(cut, zone));
    // What ended on a day that nobody noted is not open.
    let is_open = |o: &&Opportunity| {
        let ended_later = o.closed_at.is_some() && !seen(o.closed_at);
        seen(o.created_at) && (o.outcome == Outcome::Open || ended_later)
    };
    let worth = |o: &Opportunity| o.worth(&snapshot.settings.currency, today).map(to_f64);
    let open = all.opportunities(cut).filter(is_open);
    let open = open.filter_map(|o| Some((o.created_at?.date(zone), worth(o)))).collect();
    let course = |o: &Opportunity| {
        let closed = o.closed_at.filter(|_| seen(o.closed_at) && o.outcome != Outcome::Open);
        Some(Course {
            created: o.created_at.filter(|_| seen(o.created_at))?.date(zone),
            closed: closed.map(|at| at.date(zone)),
            won: o.outcome == Outcome::Won,
        })
    };
    let courses = of_wins.opportunities(cut).filter_map(course).collect();
    let mut won: Vec<(Date, f64)> = of_wins.won_values(cut).collect();
    let last_year = |(day, _): &(Date, f64)| *day > today.saturating_sub(12.months());
    if won.iter().filter(|one| last_year(one)).count() >= VALUES_MIN {
        won.retain(last_year);
    }
    let values = won.into_iter().map(|(_, value)| value).collect();
    Ok(Prospects { conversion, before, open, courses, values, flows: flows(snapshot, scope) })
}

/// The curves from the stages before to the win; stages that no source reports have none.
async fn before(
    snapshot: &Snapshot<'_>,
    scope: Option<&Scope>,
) -> Result<Vec<(Stage, Conversion)>, EvaluateError> {
    let mut curves = Vec::new();
    for stage in [Stage::Lead, Stage::Mql] {
        let Ok(cut) = tallies::cut_of(snapshot, stage, Stage::Won) else { continue };
        let today = snapshot.settings.company.zone.to_datetime(cut).date();
        let tally = tallies::total_of(snapshot, stage, Stage::Won, cut, scope).await?;
        curves.extend(conversion(&tally, today).map(|curve| (stage, curve)));
    }
    Ok(curves)
}

/// When an opportunity is won: of the last four quarters' entrants, of eight where none of those has
/// been seen for the whole horizon, then at shorter horizons. None where no win is known.
fn conversion(tally: &Tally, today: Date) -> Option<Conversion> {
    let horizon = horizon_days(tally, today);
    let tomorrow = today.tomorrow().unwrap_or(today);
    let of = |months: i32, horizon: i64| {
        let cohort = tally.between(today.saturating_sub(months.months()), tomorrow);
        let (won, waiting, size) = cohort.curve(horizon, today)?;
        Conversion::new(won, waiting, size).filter(|curve| curve.rate() > 0.0)
    };
    let shorter = HORIZONS_DAYS.into_iter().rev().filter(|days| *days < horizon);
    let at_shorter = || shorter.into_iter().find_map(|days| of(24, days));
    of(12, horizon).or_else(|| of(24, horizon)).or_else(at_shorter)
}

/// What comes in of everything that is counted one by one.
fn flows(snapshot: &Snapshot<'_>, scope: Option<&Scope>) -> BTreeMap<Metric, Flow> {
    let mut flows = BTreeMap::new();
    let calendar = &snapshot.settings.company.hours;
    let actuals = snapshot.actuals(scope);
    let Some(plan) = snapshot.plans.first() else { return flows };
    for metric in [Metric::Visits, Metric::Leads, Metric::Mqls, Metric::Opportunities] {
        let Some(at) = snapshot.data_as_of(objects_of(metric.stage())) else { continue };
        let today = calendar.zone.to_datetime(at).date();
        let first = today.saturating_sub(BUSIEST_OF_MONTHS.months());
        let by_day = actuals.by_day(metric, Period { from: first, to: today }, at, plan);
        flows.insert(metric, flow(&by_day, first, today, calendar));
    }
    flows
}

fn flow(
    by_day: &BTreeMap<Date, f64>,
    first: Date,
    today: Date,
    calendar: &BusinessCalendar,
) -> Flow {
    let count = |from: Date, to: Date| by_day.range(from..to).map(|(_, n)| n).sum::<f64>();
    let days = |from: Date, to: Date| calendar.business_days(from, to).count().max(1) as f64;
    // No further back than the records reach.
    let begun = by_day.keys().next().copied().unwrap_or(first).max(first);
    let business: Vec<Date> = calendar.business_days(begun, today).collect();
    let from = business.iter().rev().nth(INTAKE_DAYS - 1).or(business.first());
    let from = from.copied().unwrap_or(today);
    let seen = count(from, today);
    let per_day = seen / days(from, today);
    let mut per_day_max = per_day;
    let mut month = begun.first_of_month();
    while month < today.first_of_month() {
        let next = month.saturating_add(1.month());
        per_day_max = per_day_max.max(count(month, next) / days(month, next));
        month = next;
    }
    Flow { per_day, per_day_max, seen }
}

impl Prospects {
    /// Adds to a row how its period may end, also before it has begun, and what that means for its state.
    pub fn extend(
        &self,
        row: &mut PaceRow,
        plan: &GoalPlan,
        dispersion: f64,
        calendar: &BusinessCalendar,
    ) {
        let today = calendar.zone.to_datetime(row.at).date();
        if today >= row.period.to || row.goal_value.is_zero() {
            return;
        }
        let goal = to_f64(row.goal_value);
        if row.metric >= Metric::Wins {
            let Some(outlook) = self.outlook(row, plan, dispersion, today, calendar) else {
                return;
            };
            let mut pipeline = outlook.pipeline();
            for day in [&mut pipeline.last_useful_day, &mut pipeline.last_possible_day] {
                *day = day.map(|day| calendar.back_to_business_day(day));
            }
            let back = |day: Date| calendar.back_to_business_day(day);
            let days = self.before.iter().filter_map(|(stage, curve)| {
                let name = Metric::of_stage(*stage).title();
                let days = last_days(name, curve, row.period.to)?;
                let (useful, possible) = (back(days.useful), back(days.possible));
                Some(LastDays { useful, possible, ..days })
            });
            pipeline.last_days_before = days.collect();
            row.forecast = Some(outlook.forecast(SEED));
            row.pipeline = Some(pipeline);
        } else if let Some(flow) = self.flows.get(&row.metric).filter(|flow| flow.seen > 0.0) {
            let running = 1.0 - calendar.share_over(today, row.at);
            let begun = today >= row.period.from && calendar.is_business_day(today);
            let running = if begun { running } else { 0.0 };
            let next = today.tomorrow().unwrap_or(today).max(row.period.from);
            let days = calendar.business_days(next, row.period.to).count() as f64 + running;
            let mean = flow.per_day * days;
            let actual = to_f64(row.actual);
            row.forecast =
                Some(count_forecast(actual, goal, mean, flow.seen, row.judgement.dispersion, SEED));
        }
        let unlikely = row.forecast.is_some_and(|forecast| forecast.probability < 0.5);
        // Revenue stands as its wins do.
        if unlikely && row.metric != Metric::Revenue && row.judgement.state == State::OnTrack {
            row.judgement.state = State::AtRisk;
        }
    }

    fn outlook(
        &self,
        row: &PaceRow,
        plan: &GoalPlan,
        dispersion: f64,
        today: Date,
        calendar: &BusinessCalendar,
    ) -> Option<Outlook> {
        let flow = self.flows.get(&Metric::Opportunities).copied().unwrap_or_default();
        let age = |created: Date| created.until(today).map_or(0, |span| i64::from(span.get_days()));
        // What a win brings to this goal's revenue, beside its own amount.
        let times = plan.months_counted(today.max(row.period.from));
        let open = self.open.iter().map(|(created, value)| Open {
            age_days: age(*created).max(0),
            value: value.map(|value| value * times),
        });
        let tomorrow = today.tomorrow().ok()?;
        let intake = calendar.business_days(tomorrow, row.period.to).map(|day| Intake {
            day,
            count: flow.per_day,
            count_max: flow.per_day_max,
        });
        let money = row.metric == Metric::Revenue;
        if money && self.values.is_empty() {
            return None;
        }
        let conversion = self.conversion.clone()?;
        let days = i64::from(today.until(row.period.to).ok()?.get_days()) - 1;
        let period_variance = period_variance(&self.courses, &conversion, today, days, dispersion);
        Some(Outlook {
            today,
            from: row.period.from,
            to: row.period.to,
            actual: to_f64(row.actual),
            goal: to_f64(row.goal_value),
            conversion,
            open: open.collect(),
            intake: intake.collect(),
            dispersion,
            period_variance,
            values: money.then(|| self.values.iter().map(|value| value * times).collect()),
        })
    }

    /// The chance of a goal that is not over, at the plan's volumes and at the present ones; both at the
    /// measured rates and values. Only for goals that count wins or money.
    pub fn chances(
        &self,
        row: &PaceRow,
        plan: &GoalPlan,
        calendar: &BusinessCalendar,
    ) -> Option<(f64, f64)> {
        let today = calendar.zone.to_datetime(row.at).date();
        if today >= row.period.to || row.goal_value.is_zero() || row.metric < Metric::Wins {
            return None;
        }
        let measured = self.outlook(row, plan, DISPERSION_UNKNOWN, today, calendar)?;
        let total = to_f64(*plan.chain.required.get(&Metric::Opportunities)?);
        let days = plan.curves.get(&Metric::Opportunities)?.days();
        let coming = days.filter(|(day, _)| *day > today).map(|(day, share)| Intake {
            day,
            count: total * share,
            count_max: total * share,
        });
        let planned = Outlook { intake: coming.collect(), ..measured.clone() };
        Some((planned.forecast(SEED).probability, measured.forecast(SEED).probability))
    }

    /// The age by which half of the wins have come, with a 95 % interval, on the size of the curve.
    pub fn median_cycle(&self) -> Option<Past> {
        let curve = self.conversion.as_ref()?;
        let won = curve.size * curve.rate();
        (won >= VALUES_MIN as f64).then_some(())?;
        let half = 0.5 * Z / won.sqrt();
        let days = |share: f64| curve.days_for(share).map(|days| days as f64);
        Some(Past {
            value: days(0.5)?,
            low: days((0.5 - half).max(0.0))?,
            high: days((0.5 + half).min(1.0))?,
            of: won.round() as u64,
            best: None,
            quarters: 0,
        })
    }

    /// What comes in on a business day: now, and in the busiest month of two years.
    pub fn per_day(&self, metric: Metric) -> Option<(f64, f64)> {
        let flow = self.flows.get(&metric).filter(|flow| flow.seen > 0.0)?;
        Some((flow.per_day, flow.per_day_max))
    }
}
