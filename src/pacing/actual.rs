//! What happened in a period, up to an instant.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;

use crate::domain::{
    calendar::BusinessCalendar,
    dimension::Dimension,
    facts::{Facts, Lead, Opportunity, Visit},
    fault::Fault,
    moment::Moment,
    money::CurrencyRates,
    number::to_f64,
    period::Period,
    scope::{Names, Scope},
    stage::Metric,
};
use crate::plan::{GoalPlan, ValueBasis};

/// Counts events of the facts.
#[derive(Clone, Copy)]
pub struct Actuals<'a> {
    /// The facts.
    pub facts: &'a Facts,
    /// The company's hours: an event known by its day only counts from the close of business.
    pub calendar: &'a BusinessCalendar,
    /// The dated currency rates.
    pub currency: &'a CurrencyRates,
    /// What the company calls the values of a record.
    pub names: Names<'a>,
    /// The part that is counted; everything when absent.
    pub scope: Option<&'a Scope>,
}

impl Actuals<'_> {
    /// What happened in the period before `at`. Money is in the company's currency.
    pub fn count(&self, metric: Metric, period: Period, at: Timestamp, plan: &GoalPlan) -> Decimal {
        let happened = |moment: Option<Moment>| self.happened(moment, period, at);
        let leads = || self.leads(at);
        let count = match metric {
            Metric::Visits => {
                let visits = self.visits().filter(|visit| happened(Some(visit.at)));
                visits.map(|visit| visit.count as usize).sum()
            }
            Metric::Leads => {
                leads().filter(|lead| happened(lead.created_at)).count()
                    + self.counted_by(metric, period, at)
            }
            Metric::Mqls => {
                leads().filter(|lead| happened(lead.mql_at)).count()
                    + self.counted_by(metric, period, at)
            }
            Metric::Opportunities | Metric::Wins => self.records(metric, period, at).len(),
            Metric::Revenue => {
                let won = self.records(metric, period, at).into_iter();
                return won.filter_map(|o| self.value(o, plan)).sum();
            }
        };
        Decimal::from(count)
    }

    /// The opportunities behind a count of opportunities, wins or revenue.
    pub fn records(&self, metric: Metric, period: Period, at: Timestamp) -> Vec<&Opportunity> {
        let entered = |o: &Opportunity| {
            if metric == Metric::Opportunities { o.created_at } else { o.won_at() }
        };
        self.opportunities(at).filter(|o| self.happened(entered(o), period, at)).collect()
    }

    /// The living opportunities of the part.
    pub fn opportunities(&self, at: Timestamp) -> impl Iterator<Item = &Opportunity> {
        let living = move |o: &&Opportunity| o.deleted_at.is_none_or(|deleted| deleted > at);
        let living = self.facts.opportunities.values().filter(living);
        living.filter(|o| self.within(|by| self.names.of_opportunity(by, o, self.facts)))
    }

    /// The living leads of the part.
    pub fn leads(&self, at: Timestamp) -> impl Iterator<Item = &Lead> {
        let living = move |lead: &&Lead| lead.deleted_at.is_none_or(|deleted| deleted > at);
        let leads = self.facts.leads.values().filter(living);
        leads.filter(|lead| self.within(|by| self.names.of_lead(by, lead)))
    }

    /// Leads of the part that are not held one by one, by day.
    pub(super) fn counted(&self, metric: Metric, period: Period) -> BTreeMap<Date, i64> {
        self.facts.counted.in_period(metric, period, self.scope, &self.names)
    }

    /// Those of the days that are over at an instant.
    fn counted_by(&self, metric: Metric, period: Period, at: Timestamp) -> usize {
        let today = self.calendar.zone.to_datetime(at).date();
        let closed = self.calendar.close_of(today) <= at;
        let end = if closed { today.tomorrow().unwrap_or(today) } else { today };
        let over = Period { from: period.from, to: period.to.min(end).max(period.from) };
        let sum: i64 = self.counted(metric, over).values().sum();
        usize::try_from(sum).unwrap_or(0)
    }

    /// The visits of the part.
    pub(super) fn visits(&self) -> impl Iterator<Item = &Visit> {
        let visits = self.facts.visits.iter();
        visits.filter(|visit| self.within(|by| self.names.of_visit(by, visit)))
    }

    fn within<'b>(&self, value: impl Fn(Dimension) -> Option<&'b str>) -> bool {
        self.scope.is_none_or(|scope| scope.holds(value(scope.by)))
    }

    /// What was won by `at`: when, and what it is worth in the company's currency, where that is known.
    pub fn won_values(&self, at: Timestamp) -> impl Iterator<Item = (Date, f64)> {
        let zone = &self.calendar.zone;
        self.opportunities(at).filter_map(move |o| {
            let day = o.won_at().filter(|won| won.is_seen(at, zone))?.date(zone);
            Some((day, to_f64(o.worth(self.currency, day)?)))
        })
    }

    /// What a won opportunity brings to the goal's revenue; none without an amount or a rate.
    pub fn value(&self, opportunity: &Opportunity, plan: &GoalPlan) -> Option<Decimal> {
        let day = opportunity.won_at()?.date(&self.calendar.zone);
        let value = opportunity.worth(self.currency, day)?;
        let months = match plan.goal.assume.value_basis {
            ValueBasis::Whole => 1,
            // Run forward, a monthly value counts as new monthly recurring revenue.
            _ if plan.goal.metric != Metric::Revenue => 1,
            ValueBasis::MonthlyBooked => 12,
            ValueBasis::MonthlyRecognised => {
                let last = plan.goal.period.to.yesterday().ok()?;
                let of = |d: Date| i64::from(d.year()) * 12 + i64::from(d.month());
                of(last) - of(day) + 1
            }
        };
        value.checked_mul(Decimal::from(months))
    }

    fn happened(&self, moment: Option<Moment>, period: Period, at: Timestamp) -> bool {
        let Some(moment) = moment else { return false };
        if !period.contains(moment.date(&self.calendar.zone)) {
            return false;
        }
        match moment {
            Moment::Instant(event) => event < at,
            Moment::Day(day) => self.calendar.close_of(day) <= at,
        }
    }
}

/// Won opportunities whose amount cannot be brought to the company's currency, as data faults.
pub fn currency_faults(
    facts: &Facts,
    currency: &CurrencyRates,
    calendar: &BusinessCalendar,
) -> Vec<Fault> {
    let won = facts.opportunities.values().filter(|o| o.deleted_at.is_none());
    won.filter_map(|o| {
        let day = o.won_at()?.date(&calendar.zone);
        let foreign = o.currency.as_deref()?;
        if o.amount.is_none() || o.worth(currency, day).is_some() {
            return None;
        }
        Some(Fault {
            source: o.key.source.clone(),
            origin: String::new(),
            object: "opportunity".into(),
            record: o.key.id.clone(),
            kind: "no_currency_rate".into(),
            detail: format!(
                "no rate from {foreign} to {} on {day}; its value is left out. \
                 Add it to [currency.rates.{foreign}]",
                currency.company
            ),
            line: 0,
        })
    })
    .collect()
}
