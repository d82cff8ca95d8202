//! A vendor's text to a canonical value, or to the fault that it is.

use rust_decimal::Decimal;

use crate::domain::record::{ACTIVITY_KINDS, FieldKind, PRESENT};

/// Why a text has no canonical value: a short kind and the sentence about it.
pub type BadValue = (&'static str, String);

/// The canonical text of a value of this kind; `moment` reads times as the vendor writes them. Blank
/// is nothing.
///
/// # Errors
/// A value that is not what its field holds.
pub fn of_kind(
    cell: &str,
    kind: FieldKind,
    moment: impl Fn(&str) -> Option<String>,
) -> Result<Option<String>, BadValue> {
    if cell.is_empty() {
        return Ok(None);
    }
    let bad = |kind, what: &str| Err((kind, format!("`{}` is {what}", shown(cell))));
    let text = match kind {
        FieldKind::Text => cell.to_owned(),
        FieldKind::Presence => PRESENT.to_owned(),
        FieldKind::Moment => match moment(cell) {
            Some(text) => text,
            None => return bad("malformed_date", "no date that is understood"),
        },
        FieldKind::Amount => match decimal(cell) {
            Ok(amount) if amount.is_sign_negative() && !amount.is_zero() => {
                return bad("negative_amount", "negative; the amount is left out");
            }
            Ok(amount) => amount.normalize().to_string(),
            Err(_) => return bad("malformed_number", "no amount like 12500.00"),
        },
        FieldKind::Number => match decimal(cell) {
            Ok(number) => number.normalize().to_string(),
            Err(_) => return bad("malformed_number", "no number"),
        },
        FieldKind::Count => match decimal(cell) {
            Ok(count) if count.fract().is_zero() && !count.is_sign_negative() => {
                count.trunc().normalize().to_string()
            }
            _ => return bad("malformed_number", "no count like 120"),
        },
        FieldKind::Outcome => {
            return one_of(cell, &["open", "won", "lost"], "unknown_outcome");
        }
        FieldKind::ActivityKind => return one_of(cell, &ACTIVITY_KINDS, "unknown_activity"),
        FieldKind::Flag => match cell.to_lowercase().as_str() {
            "true" | "yes" | "1" => "true".to_owned(),
            "false" | "no" | "0" => "false".to_owned(),
            _ => return bad("malformed_flag", "neither true nor false"),
        },
    };
    Ok(Some(text))
}

/// A decimal, also as `1.25E7`: Salesforce writes large amounts so in bulk results (forcedotcom/cli 3367).
fn decimal(cell: &str) -> Result<Decimal, rust_decimal::Error> {
    cell.parse::<Decimal>().or_else(|_| Decimal::from_scientific(cell))
}

fn one_of(cell: &str, known: &[&str], kind: &'static str) -> Result<Option<String>, BadValue> {
    let lower = cell.to_lowercase();
    if known.contains(&lower.as_str()) {
        return Ok(Some(lower));
    }
    Err((kind, format!("`{}` is none of {}; add it to the map", shown(cell), known.join(", "))))
}

/// A vendor's text in a message: cut, and without control characters that a terminal would obey.
pub fn shown(cell: &str) -> String {
    cell.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_may_have_an_exponent() {
        let amount = |cell| of_kind(cell, FieldKind::Amount, |_| None).unwrap();
        assert_eq!(amount("1.25E7").as_deref(), Some("12500000"));
        assert_eq!(amount("12500.50").as_deref(), Some("12500.5"));
        assert!(of_kind("about 1E", FieldKind::Amount, |_| None).is_err());
    }
}
