//! Empirical-Bayes rates: a row of few is drawn towards its siblings, a row of many stays where it is
//! (`statistics.md` 1.7). The siblings' rates are beta distributed; mean and strength are those under
//! which the table is likeliest (Griffin & Krutchkoff 1971 and others).

/// Fewer siblings say nothing about each other's spread.
const ROWS_MIN: usize = 3;
/// The strength of the prior, as a number of entrants, is between these.
const STRENGTH: (f64, f64) = (1.0, 1e4);
/// Points at which the strength is tried before it is refined.
const POINTS: usize = 48;
/// Steps of a golden-section search: to the last bits that a likelihood can tell apart.
const STEPS: usize = 60;

/// What the rows of a table have in common: mean, and strength as a number of entrants.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prior {
    /// The mean rate.
    pub mean: f64,
    /// How many entrants it is worth.
    pub strength: f64,
}

impl Prior {
    /// Of rows given as converted and entered, which need not be whole numbers.
    pub fn of(rows: &[(f64, f64)]) -> Prior {
        let rows: Vec<(f64, f64)> = rows.iter().copied().filter(|(_, n)| *n > 0.0).collect();
        let (x, n) = rows.iter().fold((0.0, 0.0), |(x, n), row| (x + row.0, n + row.1));
        let none = rows.iter().all(|(x, _)| *x <= 0.0);
        let all = rows.iter().all(|(x, n)| x >= n);
        if rows.len() < ROWS_MIN || none || all {
            return Prior { mean: (x + 0.5) / (n + 1.0), strength: 1.0 };
        }
        let at = |ln_strength: f64| {
            let strength = ln_strength.exp();
            let mean = likeliest_mean(&rows, strength);
            (likelihood(&rows, mean, strength), Prior { mean, strength })
        };
        let (low, high) = (STRENGTH.0.ln(), STRENGTH.1.ln());
        let step = (high - low) / POINTS as f64;
        let likeliest = (0..=POINTS).map(|point| low + step * point as f64).fold(
            (f64::NEG_INFINITY, low),
            |best, point| {
                if at(point).0 > best.0 { (at(point).0, point) } else { best }
            },
        );
        let (from, to) = ((likeliest.1 - step).max(low), (likeliest.1 + step).min(high));
        let refined = at(peak(from, to, |point| at(point).0));
        // A peak at the edge is the edge.
        let edge = at(likeliest.1);
        if edge.0 >= refined.0 { edge.1 } else { refined.1 }
    }

    /// The rate of a row.
    pub fn smoothed(&self, converted: f64, entered: f64) -> f64 {
        (converted + self.strength * self.mean) / (entered + self.strength)
    }
}

/// The beta-binomial log-likelihood without the coefficients that do not depend on the prior.
fn likelihood(rows: &[(f64, f64)], mean: f64, strength: f64) -> f64 {
    let ln_beta = |a: f64, b: f64| libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b);
    let (a, b) = (strength * mean, strength * (1.0 - mean));
    rows.iter().map(|(x, n)| ln_beta(x + a, n - x + b) - ln_beta(a, b)).sum()
}

/// Where the likelihood, which is concave in the mean, has no slope.
fn likeliest_mean(rows: &[(f64, f64)], strength: f64) -> f64 {
    let rises = |mean: f64| {
        let (a, b) = (strength * mean, strength * (1.0 - mean));
        let slope =
            |(x, n): &(f64, f64)| digamma(x + a) - digamma(a) - (digamma(n - x + b) - digamma(b));
        rows.iter().map(slope).sum::<f64>() > 0.0
    };
    let (mut low, mut high) = (1e-9, 1.0 - 1e-9);
    for _ in 0..STEPS {
        let middle = 0.5 * (low + high);
        if rises(middle) { low = middle } else { high = middle }
    }
    0.5 * (low + high)
}

/// The derivative of `ln Γ`: the recurrence up to 10, and the asymptotic series beyond (error below
/// 1e-15; Abramowitz & Stegun 6.3.5 and 6.3.18).
fn digamma(mut x: f64) -> f64 {
    let mut below = 0.0;
    while x < 10.0 {
        below -= 1.0 / x;
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series = inverse
        * (1.0 / 12.0
            - inverse
                * (1.0 / 120.0
                    - inverse * (1.0 / 252.0 - inverse * (1.0 / 240.0 - inverse * (1.0 / 132.0)))));
    below + x.ln() - 0.5 / x - series
}

/// Where a function of one peak has it.
fn peak(mut low: f64, mut high: f64, value: impl Fn(f64) -> f64) -> f64 {
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    for _ in 0..STEPS {
        let (a, b) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
        if value(a) < value(b) { low = a } else { high = b }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// `tests/studies/fixtures.py`, scipy's Nelder-Mead on the same likelihood.
    #[test]
    fn the_likeliest_prior_is_the_one_that_scipy_finds() {
        let rows = [(3.0, 20.0), (30.0, 100.0), (1.5, 4.25), (12.0, 90.0), (0.0, 7.0)];
        let prior = Prior::of(&rows);
        assert!((prior.mean - MEAN).abs() < 1e-5, "{prior:?}");
        assert!((prior.strength / STRENGTH_FOUND - 1.0).abs() < 1e-4, "{prior:?}");
        // The same everywhere: as strong as it may be.
        let same = Prior::of(&[(10.0, 100.0), (10.0, 100.0), (10.0, 100.0)]);
        assert!((same.strength - 1e4).abs() < 1e-3 && (same.mean - 0.1).abs() < 1e-4, "{same:?}");
    }

    const MEAN: f64 = 0.195_722_099_5;
    const STRENGTH_FOUND: f64 = 34.787_190;

    #[test]
    fn two_rows_and_rows_that_all_say_the_same_take_the_weak_prior() {
        let weak = |rows: &[(f64, f64)]| {
            let (x, n) = rows.iter().fold((0.0, 0.0), |(x, n), row| (x + row.0, n + row.1));
            assert_eq!(Prior::of(rows), Prior { mean: (x + 0.5) / (n + 1.0), strength: 1.0 });
        };
        weak(&[(3.0, 20.0), (30.0, 100.0)]);
        weak(&[(0.0, 20.0), (0.0, 9.0), (0.0, 1.0)]);
        weak(&[(20.0, 20.0), (9.0, 9.0), (1.0, 1.0)]);
        weak(&[(0.0, 0.0), (3.0, 9.0), (1.0, 1.0)]);
    }

    proptest! {
        #[test]
        fn with_a_fixed_prior_one_more_win_never_lowers_it_and_it_stays_between(
            mean in 0.01..0.99_f64, strength in 1.0..1e4_f64, n in 1.0..500.0_f64, share in 0.0..1.0_f64,
        ) {
            let prior = Prior { mean, strength };
            let x = share * n;
            let smoothed = prior.smoothed(x, n);
            prop_assert!(prior.smoothed((x + 1.0).min(n), n) >= smoothed - 1e-12);
            let (low, high) = (mean.min(share), mean.max(share));
            prop_assert!((low - 1e-12..=high + 1e-12).contains(&smoothed));
        }
    }
}
