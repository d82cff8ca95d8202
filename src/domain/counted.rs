//! Leads that are only counted: by day, in all and for each value of some dimensions.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::{
    dimension::Dimension,
    period::Period,
    scope::{Names, Scope},
    stage::Metric,
    unit::Unit,
};

/// Day -> how many.
type Days = BTreeMap<Date, i64>;

/// Counts of leads and MQLs by day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CountedLeads {
    /// What was counted, by which dimension (none for the total) and its stored value -> days.
    days: BTreeMap<(Metric, Option<Dimension>, Option<String>), Days>,
}

impl CountedLeads {
    /// Adds to the leads that entered on a day, or takes them away.
    pub fn add(
        &mut self,
        metric: Metric,
        by: Option<Dimension>,
        key: Option<&str>,
        day: Date,
        count: i64,
    ) {
        let key = key.filter(|key| !key.is_empty()).map(str::to_owned);
        let days = self.days.entry((metric, by, key)).or_default();
        let sum = days.entry(day).or_insert(0);
        *sum += count;
        if *sum == 0 {
            days.remove(&day);
        }
    }

    /// Takes a lead away that is held by itself.
    pub fn take_away(&mut self, unit: &Unit, dimensions: &[Option<Dimension>]) {
        for (metric, day) in [(Metric::Leads, unit.lead_day), (Metric::Mqls, unit.mql_day)] {
            for by in dimensions {
                let key = by.and_then(|by| unit.key(by));
                day.into_iter().for_each(|day| self.add(metric, *by, key, day, -1));
            }
        }
    }

    /// Those of a part in a period, by day.
    pub fn in_period(
        &self,
        metric: Metric,
        period: Period,
        scope: Option<&Scope>,
        names: &Names<'_>,
    ) -> Days {
        let by = scope.map(|scope| scope.by.stored());
        let mut sums = Days::new();
        for ((_, _, key), days) in self.of(metric, by) {
            let holds = scope.is_none_or(|s| s.holds(names.named(s.by, key.as_deref())));
            if holds {
                for (day, count) in days.range(period.from..period.to) {
                    *sums.entry(*day).or_insert(0) += count;
                }
            }
        }
        sums
    }

    /// Whether any has a value of a dimension.
    pub fn knows(&self, by: Dimension) -> bool {
        let mut all = self.of(Metric::Leads, Some(by.stored()));
        all.any(|((_, _, key), days)| key.is_some() && !days.is_empty())
    }

    fn of(
        &self,
        metric: Metric,
        by: Option<Dimension>,
    ) -> impl Iterator<Item = (&(Metric, Option<Dimension>, Option<String>), &Days)> {
        self.days.iter().filter(move |((own, dimension, _), _)| *own == metric && *dimension == by)
    }
}
