//! Exact decimal arithmetic that the plan needs and nothing else does.

use rust_decimal::Decimal;

/// The smallest whole number that is not below `a / b`, worked in integers.
///
/// A rounded quotient would turn 10 / (1/3) into 31 (`statistics.md` 1.10). None when `b` is not
/// positive or the numbers are too large.
pub fn ceil_div(a: Decimal, b: Decimal) -> Option<Decimal> {
    if b <= Decimal::ZERO {
        return None;
    }
    let scale = a.scale().max(b.scale());
    let a = a.mantissa().checked_mul(10_i128.checked_pow(scale - a.scale())?)?;
    let b = b.mantissa().checked_mul(10_i128.checked_pow(scale - b.scale())?)?;
    let quotient = a.div_euclid(b) + i128::from(a.rem_euclid(b) != 0);
    Decimal::try_from_i128_with_scale(quotient, 0).ok()
}

/// The nearest `f64`; for display and for estimates, never for the plan's chain.
pub fn to_f64(value: Decimal) -> f64 {
    value.normalize().to_string().parse().unwrap_or(f64::NAN)
}

/// The shortest decimal that reads as this `f64`, so that `0.30` in a file is exactly 3/10.
pub fn from_f64(value: f64) -> Option<Decimal> {
    let text = format!("{value}");
    text.parse().ok().or_else(|| Decimal::from_scientific(&text).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn d(text: &str) -> Decimal {
        text.parse().unwrap()
    }

    #[test]
    fn division_rounds_up_exactly() {
        assert_eq!(ceil_div(d("10"), d("0.30")), Some(d("34")));
        assert_eq!(ceil_div(d("21"), d("0.35")), Some(d("60")));
        assert_eq!(ceil_div(d("10"), d("0.3333")), Some(d("31")));
        assert_eq!(ceil_div(d("12"), d("0.33")), Some(d("37")));
        assert_eq!(ceil_div(d("-1"), d("0.5")), Some(d("-2")));
        assert_eq!(ceil_div(d("1"), d("0")), None);
    }
}
