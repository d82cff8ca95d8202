//! Tails of the Poisson distribution, exact to rounding.

/// Terms below this part of the sum change nothing.
const NEGLIGIBLE: f64 = 1e-18;
/// A bound on the terms that are added up.
const TERMS_MAX: u64 = 10_000_000;

/// P(X <= count) for a mean.
pub fn at_most(count: u64, mean: f64) -> f64 {
    if mean <= 0.0 {
        return 1.0;
    }
    if count as f64 > mean {
        return (1.0 - above(count, mean)).clamp(0.0, 1.0);
    }
    // Downward from the largest term.
    let mut term = ln_probability(count, mean).exp();
    let mut sum = 0.0;
    for k in (0..=count).rev() {
        sum += term;
        term *= k as f64 / mean;
        if term < NEGLIGIBLE * sum {
            break;
        }
    }
    sum.min(1.0)
}

/// P(X >= count) for a mean.
pub fn at_least(count: u64, mean: f64) -> f64 {
    if count == 0 {
        return 1.0;
    }
    if (count as f64) > mean { above(count - 1, mean) } else { 1.0 - at_most(count - 1, mean) }
}

/// P(X > count), upward; good where `count` is not below the mean.
fn above(count: u64, mean: f64) -> f64 {
    if mean <= 0.0 {
        return 0.0;
    }
    let mut term = ln_probability(count + 1, mean).exp();
    let mut sum = 0.0;
    for k in count + 1..count + TERMS_MAX {
        sum += term;
        term *= mean / (k + 1) as f64;
        if term < NEGLIGIBLE * sum {
            break;
        }
    }
    sum.min(1.0)
}

fn ln_probability(count: u64, mean: f64) -> f64 {
    count as f64 * mean.ln() - mean - ln_factorial(count)
}

/// ln n!: exact sums for small n, Stirling's series beyond (error below 1e-13).
fn ln_factorial(n: u64) -> f64 {
    if n < 30 {
        return (2..=n).map(|k| (k as f64).ln()).sum();
    }
    let x = n as f64 + 1.0;
    let series = 1.0 / (12.0 * x) - 1.0 / (360.0 * x.powi(3)) + 1.0 / (1260.0 * x.powi(5));
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * std::f64::consts::PI).ln() + series
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sums of the exact terms in 60 decimal digits (Python's `decimal`).
    #[test]
    fn tails_agree_with_exact_sums() {
        let close = |a: f64, b: f64| assert!((a - b).abs() < 1e-11, "{a} {b}");
        close(at_most(22, 31.0), 0.057_722_325_861_245_32);
        close(at_most(3, 10.0), 0.010_336_050_675_925_715);
        close(at_least(15, 8.0), 0.017_256_990_397_966_438);
        close(at_most(900, 1000.0), 0.000_697_767_327_796_306_8);
        close(at_most(0, 2.0), (-2.0_f64).exp());
        close(at_most(10, 5.0) + at_least(11, 5.0), 1.0);
    }
}
