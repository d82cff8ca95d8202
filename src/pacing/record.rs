//! How good forecasts were: each against how its period ended.

use jiff::Timestamp;

use crate::domain::{period::Period, stage::Metric};
use crate::forecast::Forecast;

/// A forecast that was made.
#[derive(Clone, Debug, PartialEq)]
pub struct Made {
    /// The goal.
    pub goal: String,
    /// What is counted.
    pub metric: Metric,
    /// Over which days.
    pub period: Period,
    /// When it was made.
    pub at: Timestamp,
    /// What was wanted.
    pub goal_value: f64,
    /// What was there.
    pub so_far: f64,
    /// The share of the plan that should have been there, 0 before the period.
    pub elapsed: f64,
    /// What was said.
    pub forecast: Forecast,
    /// What it came to; none before its end.
    pub ended: Option<f64>,
}

/// How good forecasts were.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    /// Forecasts whose period is over.
    pub of: usize,
    /// Of these, ended from p10 to p90; eight in ten are to.
    pub within: usize,
    /// Ended below p10.
    pub below: usize,
    /// Ended above p90.
    pub above: usize,
    /// The mean distance of p50 to the end, as a share of the mean end.
    pub p50_off: Option<f64>,
    /// The same of a straight line: what was there divided by the share that was over, of those that had
    /// begun.
    pub line_off: Option<f64>,
    /// The same of p50, of those that had begun.
    pub p50_off_begun: Option<f64>,
    /// The mean squared distance of the chance to what came of the goal (Brier): 0 is perfect, always saying
    /// one half gives 0.25.
    pub brier: Option<f64>,
}

/// Scores forecasts; those whose period is not over are left out.
pub fn score<'a>(made: impl Iterator<Item = &'a Made>) -> Score {
    let over: Vec<(&Made, f64)> = made.filter_map(|one| Some((one, one.ended?))).collect();
    let count = |test: &dyn Fn(&Made, f64) -> bool| {
        over.iter().filter(|(one, ended)| test(one, *ended)).count()
    };
    let below = count(&|one, ended| ended < one.forecast.p10);
    let above = count(&|one, ended| ended > one.forecast.p90);
    let begun: Vec<(&Made, f64)> =
        over.iter().filter(|(one, _)| one.elapsed > 0.0).copied().collect();
    let reached = |one: &Made, ended: f64| f64::from(u8::from(ended >= one.goal_value - 1e-9));
    let squares: f64 =
        over.iter().map(|(one, end)| (one.forecast.probability - reached(one, *end)).powi(2)).sum();
    Score {
        of: over.len(),
        within: over.len() - below - above,
        below,
        above,
        p50_off: off(&over, |one| one.forecast.p50),
        line_off: off(&begun, |one| one.so_far / one.elapsed),
        p50_off_begun: off(&begun, |one| one.forecast.p50),
        brier: (!over.is_empty()).then(|| squares / over.len() as f64),
    }
}

fn off(over: &[(&Made, f64)], said: impl Fn(&Made) -> f64) -> Option<f64> {
    let ends: f64 = over.iter().map(|(_, ended)| ended.abs()).sum();
    let distances: f64 = over.iter().map(|(one, ended)| (said(one) - ended).abs()).sum();
    (ends > 0.0).then(|| distances / ends)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn made(so_far: f64, elapsed: f64, ended: Option<f64>) -> Made {
        Made {
            goal: "g".into(),
            metric: Metric::Wins,
            period: Period { from: date(2026, 1, 1), to: date(2026, 4, 1) },
            at: Timestamp::UNIX_EPOCH,
            goal_value: 20.0,
            so_far,
            elapsed,
            forecast: Forecast { p10: 10.0, p50: 16.0, p90: 22.0, probability: 0.3 },
            ended,
        }
    }

    /// By hand: ends 8, 20, 24 against p50 of 16; lines 20 and 10 of the two that had begun.
    #[test]
    fn what_ended_is_held_against_what_was_said() {
        let all = [
            made(0.0, 0.0, Some(8.0)),
            made(5.0, 0.25, Some(20.0)),
            made(5.0, 0.5, Some(24.0)),
            made(9.0, 0.9, None),
        ];
        let score = score(all.iter());
        assert_eq!((score.of, score.within, score.below, score.above), (3, 1, 1, 1));
        let near = |value: Option<f64>, wanted: f64| (value.unwrap() - wanted).abs() < 1e-12;
        assert!(near(score.p50_off, 20.0 / 52.0));
        assert!(near(score.line_off, 14.0 / 44.0) && near(score.p50_off_begun, 12.0 / 44.0));
        assert!(near(score.brier, (0.09 + 0.49 + 0.49) / 3.0));
        assert_eq!(super::score([made(1.0, 0.5, None)].iter()), Score::default());
    }
}
