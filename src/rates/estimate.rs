//! The estimator: Kaplan–Meier, and Aalen–Johansen where a loss ends the wait.
//!
//! Sources: Kaplan & Meier 1958; Aalen & Johansen 1978; the variance is that of Gaynor et al. 1993;
//! Peto 1977 for the effective size where the variance is 0; Wilson 1927 for the interval.

use std::collections::BTreeMap;

use jiff::{ToSpan, civil::Date};
use serde::Serialize;

use super::interval::wilson;
use crate::domain::{past::Past, unit::End};

/// Entrants of a cohort by entry day, end and lag.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    counts: BTreeMap<(Date, End, i64), i64>,
    past: Past,
}

/// What a row of a table says about a cohort. Lags and windows are in days.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Row {
    /// Everybody who entered.
    pub entered: u64,
    /// Those who could have been seen for the whole window.
    pub matured: u64,
    /// Of those, the converted.
    pub converted: u64,
    /// The estimate that uses every entrant.
    pub rate: Option<f64>,
    /// Lower end of the 95 % interval.
    pub low: Option<f64>,
    /// Upper end of the 95 % interval.
    pub high: Option<f64>,
    /// Whether anybody has been seen for the whole window.
    pub window_reached: Option<bool>,
    /// The oldest age at which somebody was still to be seen.
    pub reached_days: Option<i64>,
    /// The empirical-Bayes rate.
    pub smoothed: Option<f64>,
    /// The share of the entrants that could be seen for the whole window.
    pub mature_share: Option<f64>,
    /// Why there is no rate, where there could be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unknown: Option<String>,
    /// The size that the interval rests on.
    #[serde(skip)]
    pub size: f64,
    /// How long the converted took.
    pub lag_days: LagDays,
}

/// Quantiles of the time to conversion, in days.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct LagDays {
    /// Median.
    pub p50: Option<i64>,
    /// 90th percentile.
    pub p90: Option<i64>,
}

impl Tally {
    /// Counts `count` entrants (or takes them away when negative). The lag of somebody who waits is
    /// of no account.
    pub fn add(&mut self, entered: Date, end: End, lag_days: i64, count: i64) {
        let lag_days = if end == End::Waiting { 0 } else { lag_days };
        let cell = self.counts.entry((entered, end, lag_days)).or_insert(0);
        *cell += count;
        if *cell == 0 {
            self.counts.remove(&(entered, end, lag_days));
        }
    }

    /// With a past in which not everything was recorded.
    #[must_use]
    pub fn with_past(mut self, past: Past) -> Tally {
        if let Some(first) = past.entries {
            self.counts.retain(|(entered, _, _), _| *entered >= first);
        }
        self.past = past;
        self
    }

    /// Why entrants of this tally have no rate: some of them may have ended before anybody knew.
    fn blind(&self) -> Option<String> {
        let events = self.past.events.filter(|_| !self.past.records_missing)?;
        let (first, _) = self.entry_days()?;
        (first < events).then(|| format!("what happened before {events} was not recorded"))
    }

    /// Adds all of another tally.
    pub fn extend(&mut self, other: &Tally) {
        self.past = self.past.and(other.past);
        for ((entered, end, lag), count) in &other.counts {
            self.add(*entered, *end, *lag, *count);
        }
    }

    /// The part of it that entered in `[from, to)`.
    pub fn between(&self, from: Date, to: Date) -> Tally {
        let counts = self.counts.iter().filter(|((day, _, _), _)| *day >= from && *day < to);
        Tally { counts: counts.map(|(key, count)| (*key, *count)).collect(), past: self.past }
    }

    /// The first and the last entry day.
    pub fn entry_days(&self) -> Option<(Date, Date)> {
        let first = self.counts.keys().next()?.0;
        Some((first, self.counts.keys().next_back()?.0))
    }

    /// Entrants in all.
    pub fn entered(&self) -> u64 {
        self.counts.values().sum::<i64>().max(0) as u64
    }

    /// Those that did not convert, or not yet.
    pub fn not_converted(&self) -> u64 {
        let others = self.counts.iter().filter(|((_, end, _), _)| *end != End::Converted);
        others.map(|(_, count)| count).sum::<i64>().max(0) as u64
    }

    /// The lags of all conversions with their counts.
    pub fn conversion_lags(&self) -> BTreeMap<i64, u64> {
        self.conversion_lags_since(Date::MIN)
    }

    /// The lags of the conversions on that day and later, with their counts.
    pub fn conversion_lags_since(&self, day: Date) -> BTreeMap<i64, u64> {
        let mut lags = BTreeMap::new();
        for ((entered, end, lag), count) in &self.counts {
            if *end == End::Converted && entered.saturating_add(lag.days()) >= day {
                *lags.entry(*lag).or_insert(0) += (*count).max(0) as u64;
            }
        }
        lags
    }

    /// The row of visits, which are counted and not known one by one: converted ÷ visits of the days
    /// that are old enough for the window; none where more converted than came.
    pub fn visit_row(&self, window_days: Option<i64>, seen_to: Date) -> Row {
        let Some(window) = window_days else { return self.plain(None) };
        let until = seen_to.saturating_sub(window.days()).saturating_add(1.day());
        let grown = self.between(Date::MIN, until);
        let mut row = grown.plain(Some(window));
        row.matured = grown.entered();
        row.entered = self.entered();
        row.window_reached = (row.entered > 0).then_some(row.matured > 0);
        row.reached_days = row.window_reached.and_then(|reached| reached.then_some(window));
        row
    }

    /// The row of this cohort as seen on day `seen_to`, at a window or plain.
    pub fn row(&self, window_days: Option<i64>, seen_to: Date) -> Row {
        let mut row = match window_days {
            Some(window) => self.at_window(window.max(0), seen_to),
            None => self.plain(None),
        };
        row.unknown = self.blind();
        if row.unknown.is_some() {
            (row.rate, row.low, row.high, row.size) = (None, None, None, 0.0);
            row.lag_days = LagDays::default();
        }
        row.mature_share = (row.entered > 0).then(|| row.matured as f64 / row.entered as f64);
        row
    }

    /// By age from 0 to a horizon, the shares that have converted and that still wait, with the size
    /// that the last of them rests on; none while nobody has reached the horizon.
    pub fn curve(&self, horizon_days: i64, seen_to: Date) -> Option<(Vec<f64>, Vec<f64>, f64)> {
        let row = self.row(Some(horizon_days), seen_to);
        row.rate.filter(|_| row.window_reached == Some(true))?;
        let (steps, mut at_risk) = self.steps(seen_to);
        let (mut survival, mut incidence) = (1.0_f64, 0.0_f64);
        let (mut converted, mut waiting) = (Vec::new(), Vec::new());
        for age in 0..=horizon_days {
            if let Some([wins, losses, censorings, joins]) = steps.get(&age) {
                at_risk += joins;
                if at_risk > 0 {
                    incidence += survival * *wins as f64 / at_risk as f64;
                    survival *= 1.0 - (wins + losses) as f64 / at_risk as f64;
                }
                at_risk -= wins + losses + censorings;
            }
            converted.push(incidence);
            waiting.push(survival.max(0.0));
        }
        Some((converted, waiting, row.size))
    }

    /// Observed time -> wins, losses, censorings, and those who come late to the risk set; with those
    /// who are in it from the start.
    fn steps(&self, seen_to: Date) -> (BTreeMap<i64, [u64; 4]>, u64) {
        let mut steps: BTreeMap<i64, [u64; 4]> = BTreeMap::new();
        let mut at_risk = 0;
        for ((entered, end, lag), count) in &self.counts {
            let count = (*count).max(0) as u64;
            let age = entered.until(seen_to).map_or(0, |span| i64::from(span.get_days()));
            let (time, kind) = match end {
                End::Converted => (*lag, 0),
                End::Lost => (*lag, 1),
                End::Waiting => (age.max(0), 2),
            };
            let joins_at = self.past.joins_at(*entered);
            if joins_at == 0 {
                at_risk += count;
            } else if joins_at <= time {
                steps.entry(joins_at).or_default()[3] += count;
            }
            if joins_at <= time {
                steps.entry(time).or_default()[kind] += count;
            }
        }
        (steps, at_risk)
    }

    /// Converted ÷ entered.
    fn plain(&self, window_days: Option<i64>) -> Row {
        let entered = self.entered();
        let mut lags = self.conversion_lags();
        lags.retain(|lag, _| window_days.is_none_or(|window| *lag <= window));
        let converted: u64 = lags.values().sum();
        let mut row = Row { entered, matured: entered, converted, ..Row::default() };
        // More conversions than entrants can only come from visits that nobody counted.
        if entered == 0 || converted > entered {
            return row;
        }
        let rate = converted as f64 / entered as f64;
        let (low, high) = wilson(rate, entered as f64);
        (row.rate, row.low, row.high) = (Some(rate), Some(low), Some(high));
        row.size = entered as f64;
        let curve: Vec<(i64, f64)> = cumulative(&lags);
        row.lag_days = quantiles(&curve, converted as f64);
        row
    }

    fn at_window(&self, window: i64, seen_to: Date) -> Row {
        let days = |from: Date| from.until(seen_to).map_or(0, |span| i64::from(span.get_days()));
        let mut row = Row { window_reached: Some(false), ..Row::default() };
        let (steps, at_risk) = self.steps(seen_to);
        for ((entered, end, lag), count) in &self.counts {
            let count = (*count).max(0) as u64;
            row.entered += count;
            if days(*entered) >= window {
                let in_time = *end == End::Converted && *lag <= window;
                row.matured += count;
                row.converted += if in_time { count } else { 0 };
            }
        }
        if row.entered == 0 {
            row.window_reached = None;
            return row;
        }
        estimate(&mut row, &steps, at_risk, window);
        row
    }
}

/// One event time within the window.
struct Step {
    time: i64,
    at_risk: f64,
    wins: f64,
    ends: f64,
    survival_before: f64,
    incidence: f64,
}

fn estimate(row: &mut Row, steps: &BTreeMap<i64, [u64; 4]>, mut at_risk: u64, window: i64) {
    let (mut survival, mut incidence) = (1.0_f64, 0.0_f64);
    let mut events: Vec<Step> = Vec::new();
    let mut censored = at_risk < row.entered;
    let mut exhausted = false;
    let mut at_risk_after = at_risk;
    for (time, [wins, losses, censorings, joins]) in steps.range(..=window) {
        at_risk += joins;
        let ends = wins + losses;
        if ends > 0 {
            let step = Step {
                time: *time,
                at_risk: at_risk as f64,
                wins: *wins as f64,
                ends: ends as f64,
                survival_before: survival,
                incidence: incidence + survival * *wins as f64 / at_risk as f64,
            };
            incidence = step.incidence;
            survival *= 1.0 - step.ends / step.at_risk;
            exhausted |= ends == at_risk;
            events.push(step);
        }
        censored |= *censorings > 0 && *time < window;
        at_risk_after = at_risk - ends - if *time < window { *censorings } else { 0 };
        at_risk -= ends + censorings;
    }
    // Whoever is observed longer than the window, or to its last day, was at risk there.
    let last_observed = steps.keys().next_back().copied().unwrap_or(0);
    let oldest = if exhausted { window } else { last_observed.min(window) };
    let reached = oldest >= window;
    row.window_reached = Some(reached);
    row.reached_days = Some(oldest);
    row.rate = Some(incidence.clamp(0.0, 1.0));
    let still_at_risk = if reached {
        at_risk_after
    } else {
        // The censored of the oldest age are at risk to its end.
        at_risk_after + steps.get(&oldest).map_or(0, |step| step[2])
    };
    let n = effective_size(row.entered, &events, incidence, survival, still_at_risk, censored);
    row.size = n;
    let (low, high) = wilson(incidence.clamp(0.0, 1.0), n);
    row.low = Some(low);
    row.high = Some(if reached { high } else { 1.0 });
    if reached && incidence > 0.0 {
        let curve: Vec<(i64, f64)> =
            events.iter().map(|step| (step.time, step.incidence)).collect();
        row.lag_days = quantiles(&curve, incidence);
    }
}

/// `statistics.md` 1.5: `min(entered, F(1-F)/var)`, and Peto's size where that is not defined.
fn effective_size(
    entered: u64,
    events: &[Step],
    incidence: f64,
    survival: f64,
    still_at_risk: u64,
    censored: bool,
) -> f64 {
    if !censored {
        return entered as f64;
    }
    let variance = variance(events, incidence);
    let spread = incidence * (1.0 - incidence);
    if incidence > 0.0 && incidence < 1.0 && variance > 0.0 && variance.is_finite() {
        return (spread / variance).min(entered as f64);
    }
    if survival > 0.0 {
        return still_at_risk as f64 / survival;
    }
    events.last().map_or(0.0, |last| last.at_risk / last.survival_before)
}

fn variance(events: &[Step], incidence: f64) -> f64 {
    events
        .iter()
        .map(|s| {
            let rest = incidence - s.incidence;
            let first = if s.at_risk == s.ends {
                if rest.abs() < 1e-15 { 0.0 } else { f64::INFINITY }
            } else {
                rest * rest * s.ends / (s.at_risk * (s.at_risk - s.ends))
            };
            let second =
                s.survival_before.powi(2) * (s.at_risk - s.wins) * s.wins / s.at_risk.powi(3);
            let third = 2.0 * rest * s.survival_before * s.wins / s.at_risk.powi(2);
            first + second - third
        })
        .sum()
}

fn cumulative(lags: &BTreeMap<i64, u64>) -> Vec<(i64, f64)> {
    let mut sum = 0;
    lags.iter()
        .map(|(lag, count)| {
            sum += count;
            (*lag, sum as f64)
        })
        .collect()
}

/// The smallest time at which the curve has reached the share of its end (`statistics.md` 1.6).
fn quantiles(curve: &[(i64, f64)], end: f64) -> LagDays {
    let quantile =
        |q: f64| curve.iter().find(|(_, value)| *value >= q * end - 1e-12).map(|(time, _)| *time);
    LagDays { p50: quantile(0.5), p90: quantile(0.9) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn one(end: End, lag: i64) -> Tally {
        let mut tally = Tally::default();
        tally.add(date(2026, 1, 1), end, lag, 1);
        tally
    }

    #[test]
    fn one_entrant_says_little_and_says_so() {
        let seen = date(2026, 4, 1);
        let row = one(End::Waiting, 0).row(Some(30), seen);
        assert_eq!((row.rate, row.window_reached), (Some(0.0), Some(true)));
        assert!((row.high.unwrap() - 0.793).abs() < 1e-3);
        let row = one(End::Converted, 5).row(Some(30), seen);
        assert!((row.low.unwrap() - 0.207).abs() < 1e-3 && row.high == Some(1.0));
        let row = one(End::Waiting, 0).row(Some(180), seen);
        assert_eq!((row.rate, row.low, row.high), (Some(0.0), Some(0.0), Some(1.0)));
        assert_eq!((row.window_reached, row.reached_days), (Some(false), Some(90)));
    }

    #[test]
    fn nobody_gives_nothing() {
        let row = Tally::default().row(Some(30), date(2026, 4, 1));
        assert_eq!((row.entered, row.rate, row.low, row.high), (0, None, None, None));
    }

    /// Two losses and two wins of six, one leaves early: worked by hand.
    #[test]
    fn a_loss_ends_the_wait_and_is_not_a_censoring() {
        let mut tally = Tally::default();
        let seen = date(2026, 1, 31);
        let enter = |day| date(2026, 1, day);
        tally.add(enter(1), End::Converted, 5, 1);
        tally.add(enter(1), End::Lost, 10, 2);
        tally.add(enter(11), End::Waiting, 0, 1);
        tally.add(enter(1), End::Converted, 25, 1);
        tally.add(enter(1), End::Waiting, 0, 1);
        let row = tally.row(Some(30), seen);
        // 1/6, then S = 5/6 · 3/5 = 1/2; the one seen for 20 days leaves; 1/2 · 1/2 at day 25.
        assert!((row.rate.unwrap() - (1.0 / 6.0 + 0.25)).abs() < 1e-12);
        assert_eq!((row.entered, row.matured, row.converted), (6, 5, 2));
        assert_eq!((row.lag_days.p50, row.lag_days.p90), (Some(25), Some(25)));
    }

    /// Two who entered before anybody recorded ends join on day 10: 1/1, then S = 0 would be wrong;
    /// of the three at risk on day 20 one wins, of two on day 30 one.
    #[test]
    fn whoever_is_only_known_from_a_day_on_joins_the_risk_set_then() {
        let mut tally = Tally::default();
        let (early, late) = (date(2026, 1, 1), date(2026, 1, 11));
        tally.add(early, End::Converted, 20, 1);
        tally.add(early, End::Waiting, 0, 1);
        tally.add(late, End::Converted, 30, 1);
        tally.add(late, End::Converted, 5, 1);
        let past = Past { events: Some(late), records_missing: true, entries: None };
        let row = tally.clone().with_past(past).row(Some(30), date(2026, 6, 1));
        // Day 5: one of two; day 20: one of three; day 30: one of two.
        let by_hand = 0.5 + 0.5 / 3.0 + 0.5 * (2.0 / 3.0) / 2.0;
        assert!((row.rate.unwrap() - by_hand).abs() < 1e-12, "{row:?}");
        assert_eq!((row.entered, row.unknown), (4, None));
        let blind = Past { events: Some(late), ..Past::default() };
        let row = tally.clone().with_past(blind).row(Some(30), date(2026, 6, 1));
        assert_eq!((row.rate, row.low), (None, None));
        assert_eq!(row.unknown.unwrap(), "what happened before 2026-01-11 was not recorded");
        let none = Past { entries: Some(late), ..Past::default() };
        assert_eq!(tally.with_past(none).row(Some(30), date(2026, 6, 1)).entered, 2);
    }

    #[test]
    fn without_censoring_the_interval_is_plain_wilson() {
        let mut tally = Tally::default();
        tally.add(date(2026, 1, 1), End::Converted, 3, 3);
        tally.add(date(2026, 1, 1), End::Waiting, 0, 17);
        let row = tally.row(Some(30), date(2026, 6, 1));
        let (low, high) = wilson(0.15, 20.0);
        assert_eq!((row.low, row.high), (Some(low), Some(high)));
    }
}
