//! The law of a count: Poisson, or negative binomial where counts vary more than that.

use crate::domain::normal::normal_cdf;

/// Probability that is left out at the far end of a law.
const TAIL: f64 = 1e-13;
/// Where a law is wider than this it is laid out in larger units.
const WIDTH_MAX: f64 = 60.0;
/// A bound on the points of one law.
const POINTS_MAX: usize = 100_000;

/// Probabilities of whole numbers from `first` on.
#[derive(Clone, Debug, PartialEq)]
pub struct Law {
    /// The number that the first probability belongs to.
    pub first: i64,
    /// The probabilities.
    pub mass: Vec<f64>,
}

impl Law {
    /// The law of something that is sure.
    pub fn sure(value: i64) -> Law {
        Law { first: value, mass: vec![1.0] }
    }

    /// A count with a mean and `dispersion = variance / mean`, at least 1: Poisson at 1, above it
    /// negative binomial of size `mean / (dispersion - 1)`, so that parts of a period add up to its
    /// law. In units of `unit` events; beyond one event the law is normal.
    pub fn of_count(mean: f64, dispersion: f64, unit: f64) -> Law {
        if mean <= 0.0 {
            return Law::sure(0);
        }
        if unit > 1.0 {
            return Law::normal(mean / unit, (mean * dispersion).sqrt() / unit);
        }
        let size = (dispersion > 1.0 + 1e-9).then(|| mean / (dispersion - 1.0));
        let ln_probability = |k: f64| match size {
            None => k * mean.ln() - mean - libm::lgamma(k + 1.0),
            Some(size) => {
                libm::lgamma(k + size)
                    - libm::lgamma(size)
                    - libm::lgamma(k + 1.0)
                    - size * dispersion.ln()
                    + k * ((dispersion - 1.0) / dispersion).ln()
            }
        };
        let spread = 9.0 * (mean * dispersion).sqrt() + 9.0;
        let first = (mean - spread).floor().max(0.0);
        let mut mass = Vec::new();
        for point in 0..POINTS_MAX {
            let k = first + point as f64;
            let probability = ln_probability(k).exp();
            mass.push(probability);
            if k > mean && probability < TAIL {
                break;
            }
        }
        Law { first: first as i64, mass }
    }

    fn normal(mean: f64, deviation: f64) -> Law {
        let (low, high) = ((mean - 8.0 * deviation).floor(), (mean + 8.0 * deviation).ceil());
        let at = |k: f64| normal_cdf((k - mean) / deviation);
        let points = (high - low) as usize + 1;
        let mass = (0..points.min(POINTS_MAX))
            .map(|point| at(low + point as f64 + 0.5) - at(low + point as f64 - 0.5));
        Law { first: low as i64, mass: mass.collect() }
    }

    /// The unit in which a law of this mean has a bearable width.
    pub fn unit(mean: f64, dispersion: f64) -> f64 {
        let width = (mean * dispersion).sqrt();
        if width > WIDTH_MAX { width / WIDTH_MAX } else { 1.0 }
    }

    /// The law of the sum of two independent counts.
    pub fn plus(&self, other: &Law) -> Law {
        let mut mass = vec![0.0; (self.mass.len() + other.mass.len()).saturating_sub(1)];
        for (i, one) in self.mass.iter().enumerate().filter(|(_, one)| **one > 0.0) {
            for (sum, another) in mass[i..].iter_mut().zip(&other.mass) {
                *sum += one * another;
            }
        }
        Law { first: self.first + other.first, mass }.trimmed()
    }

    /// Without the ends that carry nothing.
    fn trimmed(mut self) -> Law {
        let kept = |mass: &f64| *mass > TAIL * 1e-3;
        let from = self.mass.iter().position(kept).unwrap_or(0);
        let to = self.mass.iter().rposition(kept).map_or(self.mass.len(), |at| at + 1);
        self.mass.truncate(to);
        self.mass.drain(..from);
        self.first += from as i64;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(law: &Law) -> (f64, f64, f64) {
        let at = |i: usize| (law.first + i as i64) as f64;
        let sum: f64 = law.mass.iter().sum();
        let mean: f64 = law.mass.iter().enumerate().map(|(i, p)| p * at(i)).sum();
        let square: f64 =
            law.mass.iter().enumerate().map(|(i, p)| p * (at(i) - mean).powi(2)).sum();
        (sum, mean, square)
    }

    #[test]
    fn a_law_has_its_mean_and_its_variance() {
        for (mean, dispersion) in [(0.3, 1.0), (3.0, 1.0), (3.0, 2.0), (200.0, 1.5), (5_000.0, 2.0)]
        {
            let (sum, found, variance) = moments(&Law::of_count(mean, dispersion, 1.0));
            assert!((sum - 1.0).abs() < 1e-9, "{mean} {dispersion}: {sum}");
            assert!((found / mean - 1.0).abs() < 1e-9, "{mean} {dispersion}: {found}");
            assert!((variance / (mean * dispersion) - 1.0).abs() < 1e-7, "{mean}: {variance}");
        }
    }

    #[test]
    fn parts_of_a_period_add_up_to_its_law() {
        let sum = Law::of_count(2.0, 2.0, 1.0).plus(&Law::of_count(3.5, 2.0, 1.0));
        let whole = Law::of_count(5.5, 2.0, 1.0);
        for (at, probability) in whole.mass.iter().enumerate().take(60) {
            assert!((sum.mass[at] - probability).abs() < 1e-12);
        }
    }
}
