//! What a plan assumes, beside what the company's own past says of it.

use jiff::{Span, ToSpan, civil::Date};
use serde::Serialize;

use super::{Tally, interval::Z};
use crate::domain::period::{Every, FiscalStart, Period};

/// Quarters that are looked back on.
const QUARTERS: usize = 8;
/// Fewer grown quarters than this do not say what was never reached.
const QUARTERS_MIN: usize = 4;
/// Fewer entrants (or wins) than this say nothing.
const ENTRANTS_MIN: u64 = 20;

/// What the past says of an assumption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The past does not speak against it.
    Holds,
    /// It lies outside of the 95 % interval of what was measured, on the side that is too good.
    Contradicted,
    /// No quarter of the last two years reached it.
    NeverReached,
    /// It is more careful than what was measured, by more than chance.
    Careful,
    /// Too little is known.
    NotDecidable,
}

impl Verdict {
    /// In words.
    pub fn title(self) -> &'static str {
        match self {
            Verdict::Holds => "holds",
            Verdict::Contradicted => "contradicted",
            Verdict::NeverReached => "never reached",
            Verdict::Careful => "careful",
            Verdict::NotDecidable => "not decidable",
        }
    }

    /// Whether the next plan should have what was measured.
    pub fn asks_for_change(self) -> bool {
        self.is_doubtful() || self == Verdict::Careful
    }

    /// Whether it should be known before the period starts.
    pub fn is_doubtful(self) -> bool {
        matches!(self, Verdict::Contradicted | Verdict::NeverReached)
    }
}

/// What was measured of something that a plan assumes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Past {
    /// In the last four quarters that have grown.
    pub value: f64,
    /// Its 95 % interval.
    pub low: f64,
    /// See there.
    pub high: f64,
    /// On how many.
    pub of: u64,
    /// The best quarter of the last eight that are grown and large enough: its first day and its value.
    pub best: Option<(Date, f64)>,
    /// How many quarters those were.
    pub quarters: usize,
}

impl Past {
    /// What it says of a planned value of which more is better.
    pub fn verdict(&self, planned: f64) -> Verdict {
        let best = self.best.filter(|_| self.quarters >= QUARTERS_MIN);
        match () {
            () if planned > self.high => Verdict::Contradicted,
            () if best.is_some_and(|(_, best)| planned > best) => Verdict::NeverReached,
            () if planned < self.low => Verdict::Careful,
            () => Verdict::Holds,
        }
    }
}

/// A rate within its window, of quarters all of whose entrants have been seen for as long.
pub fn rate(tally: &Tally, window_days: i64, seen_to: Date, fiscal: FiscalStart) -> Option<Past> {
    let quarters = quarters(seen_to.checked_sub(window_days.days()).ok()?, fiscal);
    let year = Period { from: quarters.get(3).or(quarters.last())?.from, to: quarters[0].to };
    let row =
        |period: &Period| tally.between(period.from, period.to).row(Some(window_days), seen_to);
    let of_year = row(&year);
    let single = quarters.iter().map(|quarter| (quarter.from, row(quarter)));
    let large = single.filter(|(_, row)| row.entered >= ENTRANTS_MIN);
    let large: Vec<(Date, f64)> = large.filter_map(|(from, row)| Some((from, row.rate?))).collect();
    (of_year.entered >= ENTRANTS_MIN).then_some(())?;
    Some(Past {
        value: of_year.rate?,
        low: of_year.low?,
        high: of_year.high?,
        of: of_year.entered,
        best: best(&large),
        quarters: large.len(),
    })
}

/// The mean of values, with an interval by its standard error.
pub fn mean(values: &[(Date, f64)], seen_to: Date, fiscal: FiscalStart) -> Option<Past> {
    let quarters = quarters(seen_to, fiscal);
    let year = seen_to.saturating_sub(Span::new().years(1));
    let last: Vec<f64> = values.iter().filter(|(day, _)| *day > year).map(|one| one.1).collect();
    let count = last.len() as f64;
    ((last.len() as u64) >= ENTRANTS_MIN).then_some(())?;
    let value = last.iter().sum::<f64>() / count;
    let variance = last.iter().map(|one| (one - value).powi(2)).sum::<f64>() / (count - 1.0);
    let half = Z * (variance / count).sqrt();
    let of_quarter = |quarter: &Period| {
        let own: Vec<f64> =
            values.iter().filter(|(day, _)| quarter.contains(*day)).map(|one| one.1).collect();
        // A quarter of few deals is as good as its largest one.
        let enough = own.len() >= ENTRANTS_MIN as usize / 4;
        enough.then(|| (quarter.from, own.iter().sum::<f64>() / own.len() as f64))
    };
    let large: Vec<(Date, f64)> = quarters.iter().filter_map(of_quarter).collect();
    Some(Past {
        value,
        low: value - half,
        high: value + half,
        of: last.len() as u64,
        best: best(&large),
        quarters: large.len(),
    })
}

fn best(quarters: &[(Date, f64)]) -> Option<(Date, f64)> {
    quarters.iter().copied().max_by(|a, b| a.1.total_cmp(&b.1))
}

/// The quarters that were over by a day, the latest first.
fn quarters(by: Date, fiscal: FiscalStart) -> Vec<Period> {
    let mut next = by.saturating_add(1.day());
    let before = std::iter::from_fn(move || {
        let running = Every::Quarter.cell(next, fiscal);
        let quarter = Every::Quarter.cell(running.from.yesterday().ok()?, fiscal);
        next = quarter.from;
        Some(quarter)
    });
    before.take(QUARTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::unit::End;
    use jiff::civil::date;

    /// A hundred entrants in each quarter of 2024 and 2025, of which so many are won after ten days.
    fn tally(won: [i64; 8]) -> Tally {
        let mut tally = Tally::default();
        for (quarter, won) in won.into_iter().enumerate() {
            let day = date(2024, 1, 10).saturating_add((3 * quarter as i32).months());
            tally.add(day, End::Converted, 10, won);
            tally.add(day, End::Lost, 20, 100 - won);
        }
        tally
    }

    #[test]
    fn a_rate_is_contradicted_never_reached_held_or_careful() {
        let fiscal = FiscalStart::default();
        let of = |won| rate(&tally(won), 30, date(2026, 2, 5), fiscal).unwrap();
        let past = of([24, 26, 25, 33, 25, 24, 26, 25]);
        assert_eq!((past.value, past.of, past.quarters), (0.25, 400, 8));
        assert_eq!(past.best, Some((date(2024, 10, 1), 0.33)));
        assert_eq!(past.verdict(0.30), Verdict::Contradicted);
        assert_eq!(past.verdict(0.27), Verdict::Holds);
        assert_eq!(past.verdict(0.15), Verdict::Careful);
        let steady = of([24, 26, 25, 26, 25, 24, 26, 25]);
        assert_eq!(steady.verdict(0.27), Verdict::NeverReached);
    }

    #[test]
    fn a_quarter_that_has_not_grown_says_nothing() {
        let fiscal = FiscalStart::default();
        // On 20 January the last quarter of 2025 has not been seen for thirty days.
        let past = rate(&tally([25; 8]), 30, date(2026, 1, 20), fiscal).unwrap();
        assert_eq!(past.quarters, 7);
        assert_eq!(rate(&Tally::default(), 30, date(2026, 1, 20), fiscal), None);
    }

    #[test]
    fn a_mean_value_has_the_interval_of_its_standard_error() {
        let values: Vec<(Date, f64)> = (0..24)
            .map(|n| {
                (date(2026, 1, 1).saturating_add((n * 14).days()), 900.0 + 200.0 * f64::from(n % 2))
            })
            .collect();
        let past = mean(&values, date(2026, 12, 15), FiscalStart::default()).unwrap();
        let half = Z * (24.0 * 10_000.0 / 23.0 / 24.0_f64).sqrt();
        assert!((past.value - 1_000.0).abs() < 1e-9 && (past.high - 1_000.0 - half).abs() < 1e-9);
        assert_eq!(past.verdict(1_100.0), Verdict::Contradicted);
        assert_eq!(mean(&values[..5], date(2026, 12, 15), FiscalStart::default()), None);
    }
}
