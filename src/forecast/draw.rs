//! The many ways in which a period may end (`statistics.md` 5.5).

use rand_distr::{Beta, Distribution, Gamma, Poisson};
use rand_pcg::Pcg64Mcg;
use rand_pcg::rand_core::{Rng, SeedableRng};
use serde::Serialize;

use super::Outlook;

/// Draws: the standard error of a probability is at most half a point.
pub const DRAWS: usize = 10_000;
/// Open opportunities times draws in one forecast: with very many of them fewer draws say as much.
const WORK_MAX: usize = 20_000_000;
/// Draws in any case.
const DRAWS_MIN: usize = 2_000;
/// The least variance of what a whole period has in common, its mean being 1.
pub const PERIOD_VARIANCE_MIN: f64 = 0.01;

/// How a period may end.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Forecast {
    /// One in ten ends is not above it.
    pub p10: f64,
    /// Half of them.
    pub p50: f64,
    /// Nine in ten.
    pub p90: f64,
    /// The share of ends that reach the goal.
    #[serde(skip)]
    pub probability: f64,
}

impl Forecast {
    /// From drawn ends.
    pub fn of(mut ends: Vec<f64>, goal: f64) -> Forecast {
        ends.sort_unstable_by(f64::total_cmp);
        let many = ends.len();
        // The smallest draw with F of at least q.
        let quantile = |q: f64| {
            let rank = (q * many as f64 - 1e-9).ceil().max(1.0) as usize;
            ends.get(rank - 1).copied().unwrap_or(0.0)
        };
        let reached = ends.iter().filter(|end| **end >= goal - 1e-9).count();
        Forecast {
            p10: quantile(0.1),
            p50: quantile(0.5),
            p90: quantile(0.9),
            probability: reached as f64 / many.max(1) as f64,
        }
    }
}

/// A source of chance.
pub struct Chance(Pcg64Mcg);

impl Chance {
    /// The same seed gives the same draws, on every machine.
    pub fn new(seed: u64) -> Chance {
        Chance(Pcg64Mcg::seed_from_u64(seed))
    }

    /// Uniform in [0, 1).
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// A rate that was measured on so many: Jeffreys' posterior.
    pub fn rate(&mut self, rate: f64, size: f64) -> f64 {
        let (a, b) = (rate * size + 0.5, (1.0 - rate) * size + 0.5);
        Beta::new(a, b).map_or(rate, |law| law.sample(&mut self.0))
    }

    /// A factor of mean 1.
    pub fn factor(&mut self, variance: f64) -> f64 {
        if variance <= 0.0 {
            return 1.0;
        }
        Gamma::new(1.0 / variance, variance).map_or(1.0, |law| law.sample(&mut self.0))
    }

    /// A count of this mean and dispersion: Poisson, or negative binomial by way of a gamma.
    pub fn count(&mut self, mean: f64, dispersion: f64) -> f64 {
        let mut mean = mean;
        if mean > 0.0 && dispersion > 1.0 + 1e-9 {
            let law = Gamma::new(mean / (dispersion - 1.0), dispersion - 1.0);
            mean = law.map_or(mean, |law| law.sample(&mut self.0));
        }
        if mean <= 0.0 {
            return 0.0;
        }
        Poisson::new(mean).map_or(mean.round(), |law| law.sample(&mut self.0))
    }

    /// One of these.
    pub fn one_of(&mut self, values: &[f64]) -> f64 {
        let at = (self.unit() * values.len() as f64) as usize;
        values.get(at).copied().unwrap_or(0.0)
    }
}

impl Outlook {
    /// Ends of the period. Each has its own true rate, its own luck as a whole, open ones that are won
    /// or not, and new ones.
    pub fn ends(&self, draws: usize, seed: u64) -> Vec<f64> {
        let mut chance = Chance::new(seed);
        let rate = self.conversion.rate();
        let open: Vec<(f64, f64)> = self
            .open
            .iter()
            .map(|open| (self.chance(open), self.value_of(open)))
            .filter(|(odds, _)| *odds > 0.0)
            .collect();
        let new: f64 = self.intake.iter().map(|day| day.count * self.in_time(day.day)).sum();
        // A part of the new ones counts, and a part of a negative binomial count varies less.
        let all: f64 = self.intake.iter().map(|day| day.count).sum();
        let part = if all > 0.0 { rate * new / all } else { 0.0 };
        let dispersion = 1.0 + (self.dispersion - 1.0) * part;
        (0..draws)
            .map(|_| {
                let drawn = chance.rate(rate, self.conversion.size);
                let luck = chance.factor(self.period_variance);
                let scale = if rate > 0.0 { drawn / rate * luck } else { 0.0 };
                let won_open: f64 = open
                    .iter()
                    .filter(|(odds, _)| chance.unit() < odds * scale)
                    .map(|(_, value)| value)
                    .sum();
                let won_new = chance.count(new * drawn * luck, dispersion);
                self.actual + won_open + self.worth(&mut chance, won_new)
            })
            .collect()
    }

    /// What so many wins bring.
    fn worth(&self, chance: &mut Chance, wins: f64) -> f64 {
        match &self.values {
            None => wins,
            Some(values) => (0..wins as usize).map(|_| chance.one_of(values)).sum(),
        }
    }

    /// How the period may end.
    pub fn forecast(&self, seed: u64) -> Forecast {
        let draws = (WORK_MAX / self.open.len().max(1)).clamp(DRAWS_MIN, DRAWS);
        Forecast::of(self.ends(draws, seed), self.goal)
    }
}

/// How many of something that needs nobody's conversion will be there at the end: `mean` more, known
/// from `seen` events of the past.
pub fn count_forecast(
    actual: f64,
    goal: f64,
    mean: f64,
    seen: f64,
    dispersion: f64,
    seed: u64,
) -> Forecast {
    let mut chance = Chance::new(seed);
    // The mean itself is known as well as so many events tell it.
    let unsure = dispersion / seen.max(1.0) + PERIOD_VARIANCE_MIN;
    let ends = (0..DRAWS).map(|_| {
        let factor = chance.factor(unsure);
        actual + chance.count(mean * factor, dispersion)
    });
    Forecast::of(ends.collect(), goal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: &[f64]) -> (f64, f64) {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64)
    }

    #[test]
    fn draws_have_the_moments_of_their_laws() {
        let mut chance = Chance::new(7);
        let counts: Vec<f64> = (0..40_000).map(|_| chance.count(12.0, 2.0)).collect();
        let (mean, variance) = moments(&counts);
        assert!((mean - 12.0).abs() < 0.1 && (variance - 24.0).abs() < 0.8, "{mean} {variance}");
        let factors: Vec<f64> = (0..40_000).map(|_| chance.factor(0.04)).collect();
        let (mean, variance) = moments(&factors);
        assert!((mean - 1.0).abs() < 0.005 && (variance - 0.04).abs() < 0.002);
        let rates: Vec<f64> = (0..40_000).map(|_| chance.rate(0.25, 100.0)).collect();
        assert!((moments(&rates).0 - 0.2525).abs() < 0.001);
        assert!(chance.count(0.0, 2.0).abs() < 1e-12);
    }

    #[test]
    fn quantiles_are_draws_and_the_probability_is_their_share() {
        let forecast = Forecast::of((1..=10).map(f64::from).collect(), 9.0);
        assert_eq!((forecast.p10, forecast.p50, forecast.p90), (1.0, 5.0, 9.0));
        assert!((forecast.probability - 0.2).abs() < 1e-12);
    }

    #[test]
    fn the_same_seed_gives_the_same_forecast() {
        let forecast = |seed| count_forecast(3.0, 10.0, 5.0, 100.0, 1.5, seed);
        assert_eq!(forecast(1), forecast(1));
        assert!((forecast(1).probability - forecast(2).probability).abs() < 0.03);
    }
}
