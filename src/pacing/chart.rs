//! A goal over time: what the plan wants and what there was, for a picture.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, civil::Date};
use rust_decimal::Decimal;

use super::{PaceRow, actual::Actuals, share};
use crate::domain::{
    facts::Opportunity, moment::Moment, number::to_f64, period::Period, stage::Metric,
};
use crate::plan::GoalPlan;

/// The plan and what there was, at one instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChartPoint {
    /// The instant.
    pub at: Timestamp,
    /// What the plan wants by then.
    pub plan: f64,
    /// What was there by then; none for the time that is to come.
    pub actual: Option<f64>,
}

/// The points of a row's chart, evenly spread over its period; the last that is known is the row's own.
pub fn chart(
    plan: &GoalPlan,
    row: &PaceRow,
    actuals: &Actuals<'_>,
    points: i32,
) -> Vec<ChartPoint> {
    let Some(curve) = plan.curves.get(&row.metric) else { return Vec::new() };
    let calendar = actuals.calendar;
    let midnight = |day: jiff::civil::Date| day.to_zoned(calendar.zone.clone()).ok();
    let (Some(from), Some(to)) = (midnight(row.period.from), midnight(row.period.to)) else {
        return Vec::new();
    };
    let (from, to) = (from.timestamp(), to.timestamp());
    let step = (to.duration_since(from)) / points.max(1);
    let mut events = actuals.events(row.metric, row.period, row.at, plan);
    events.sort_unstable_by_key(|(at, _)| *at);
    let point = |at: Timestamp| {
        let seen = events.partition_point(|(event, _)| *event < at);
        let sum: Decimal = events[..seen].iter().map(|(_, value)| *value).sum();
        ChartPoint {
            at,
            plan: to_f64(row.goal_value) * share(curve, row.period, at, calendar),
            actual: (at <= row.at).then(|| to_f64(sum)),
        }
    };
    let spread = (0..=points).filter_map(|n| from.checked_add(step * n).ok());
    let mut chart: Vec<ChartPoint> = spread.map(point).collect();
    if row.at > from && row.at < to {
        chart.push(ChartPoint {
            at: row.at,
            plan: row.plan_to_date,
            actual: Some(to_f64(row.actual)),
        });
        chart.sort_by_key(|point| point.at);
    }
    chart
}

impl Actuals<'_> {
    /// What happened in a period before `at`, day by day.
    pub fn by_day(
        &self,
        metric: Metric,
        period: Period,
        at: Timestamp,
        plan: &GoalPlan,
    ) -> BTreeMap<Date, f64> {
        let mut days = BTreeMap::new();
        for (event, count) in self.events(metric, period, at, plan) {
            let day = self.calendar.zone.to_datetime(event).date();
            *days.entry(day).or_insert(0.0) += to_f64(count);
        }
        days
    }

    /// The instants from which on what happened in a period before `at` counts, with what it counts.
    pub(super) fn events(
        &self,
        metric: Metric,
        period: Period,
        at: Timestamp,
        plan: &GoalPlan,
    ) -> Vec<(Timestamp, Decimal)> {
        let instant = |moment: Moment| match moment {
            // What happens at an instant counts from just after it.
            Moment::Instant(event) => event,
            Moment::Day(day) => {
                let close = self.calendar.close_of(day);
                close.checked_sub(SignedDuration::from_millis(1)).unwrap_or(close)
            }
        };
        let one = |moment: Option<Moment>| Some((instant(moment?), Decimal::ONE));
        let in_period = |moment: &Moment| period.contains(moment.date(&self.calendar.zone));
        let leads = self.leads(at);
        match metric {
            Metric::Visits => {
                let visits = self.visits().filter(|visit| in_period(&visit.at));
                visits.map(|visit| (instant(visit.at), Decimal::from(visit.count))).collect()
            }
            Metric::Leads => {
                let held = leads.filter_map(|lead| one(lead.created_at.filter(in_period)));
                held.chain(self.counted_events(metric, period)).collect()
            }
            Metric::Mqls => {
                let held = leads.filter_map(|lead| one(lead.mql_at.filter(in_period)));
                held.chain(self.counted_events(metric, period)).collect()
            }
            Metric::Opportunities => {
                let records = self.records(metric, period, at).into_iter();
                records.filter_map(|deal| one(deal.created_at)).collect()
            }
            Metric::Wins => {
                let records = self.records(metric, period, at).into_iter();
                records.filter_map(|deal| one(deal.won_at())).collect()
            }
            Metric::Revenue => {
                let records = self.records(metric, period, at).into_iter();
                let worth =
                    |deal: &Opportunity| Some((instant(deal.won_at()?), self.value(deal, plan)?));
                records.filter_map(worth).collect()
            }
        }
    }

    /// Leads that are not held one by one count from the end of their day.
    fn counted_events(&self, metric: Metric, period: Period) -> Vec<(Timestamp, Decimal)> {
        let end = |day: Date| {
            let next = day.tomorrow().ok()?.to_zoned(self.calendar.zone.clone()).ok()?;
            next.timestamp().checked_sub(SignedDuration::from_millis(1)).ok()
        };
        let days = self.counted(metric, period).into_iter();
        days.filter_map(|(day, count)| Some((end(day)?, Decimal::from(count)))).collect()
    }
}
