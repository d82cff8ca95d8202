//! The Wilson score interval.

/// The 97.5 % point of the normal distribution.
pub const Z: f64 = 1.959_963_984_540_054;

/// The 95 % interval of a share seen on `n`, clipped to [0, 1]; everything when `n` is 0.
///
/// Source: Wilson 1927. `n` may be an effective size and need not be whole.
pub fn wilson(share: f64, n: f64) -> (f64, f64) {
    if n <= 0.0 {
        return (0.0, 1.0);
    }
    let z2 = Z * Z;
    let centre = share + z2 / (2.0 * n);
    let half = Z * (share * (1.0 - share) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z2 / n;
    // At the ends the formula gives 0 and 1 but for rounding.
    let low = if share <= 0.0 { 0.0 } else { ((centre - half) / scale).clamp(0.0, 1.0) };
    let high = if share >= 1.0 { 1.0 } else { ((centre + half) / scale).clamp(0.0, 1.0) };
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_one_and_none_of_one_are_nearly_everything() {
        let (low, high) = wilson(0.0, 1.0);
        assert!(low == 0.0 && (high - 0.793_450_685_622_763).abs() < 1e-12);
        let (low, high) = wilson(1.0, 1.0);
        assert!((low - 0.206_549_314_377_237).abs() < 1e-12 && high == 1.0);
    }

    #[test]
    fn three_of_twenty_is_five_to_thirty_six_per_cent() {
        let (low, high) = wilson(0.15, 20.0);
        assert!((low - 0.0524).abs() < 1e-4 && (high - 0.3604).abs() < 1e-4);
    }
}
