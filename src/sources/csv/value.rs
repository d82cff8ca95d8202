//! A cell of a file to a canonical value, or to the fault that it is.

use jiff::{Timestamp, civil, tz::TimeZone};
use rust_decimal::Decimal;

use crate::config::source::Column;
use crate::domain::record::{ACTIVITY_KINDS, FieldKind};

/// Why a cell has no canonical value: a short kind and the sentence about it.
pub type BadValue = (&'static str, String);

/// The canonical text of a cell. Blank is nothing.
///
/// # Errors
/// A value that its map does not know, or that is not what its field holds.
pub fn canonical(
    cell: &str,
    column: &Column,
    kind: FieldKind,
    zone: &TimeZone,
) -> Result<Option<String>, BadValue> {
    let mut cell = cell.trim();
    if let Some(map) = &column.map {
        match map.get(cell) {
            Some(mapped) => cell = mapped.trim(),
            None if cell.is_empty() => {}
            None => {
                return Err(("unknown_value", format!("`{}` is not in the map", shown(cell))));
            }
        }
    }
    if cell.is_empty() {
        return Ok(None);
    }
    let bad = |kind, what: &str| Err((kind, format!("`{}` is {what}", shown(cell))));
    let text = match kind {
        FieldKind::Text => cell.to_owned(),
        FieldKind::Moment => match moment(cell, column.format.as_deref(), zone) {
            Some(text) => text,
            None => return bad("malformed_date", "no date that is understood"),
        },
        FieldKind::Amount => match cell.parse::<Decimal>() {
            Ok(amount) if amount.is_sign_negative() && !amount.is_zero() => {
                return bad("negative_amount", "negative; the amount is left out");
            }
            Ok(amount) => amount.normalize().to_string(),
            Err(_) => return bad("malformed_number", "no amount like 12500.00"),
        },
        FieldKind::Number => match cell.parse::<Decimal>() {
            Ok(number) => number.normalize().to_string(),
            Err(_) => return bad("malformed_number", "no number"),
        },
        FieldKind::Count => match cell.parse::<Decimal>() {
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

fn one_of(cell: &str, known: &[&str], kind: &'static str) -> Result<Option<String>, BadValue> {
    let lower = cell.to_lowercase();
    if known.contains(&lower.as_str()) {
        return Ok(Some(lower));
    }
    Err((kind, format!("`{}` is none of {}; add it to the map", shown(cell), known.join(", "))))
}

/// A cell in a message: cut, and without control characters that a terminal would obey.
pub fn shown(cell: &str) -> String {
    cell.chars().take(60).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// The built-in forms: RFC 3339, `2018-02-26 19:58:54`, `2018-02-26T19:58`, `2018-02-26`. Others
/// need a `format`, since 03/04/2026 is two different days.
fn moment(cell: &str, format: Option<&str>, zone: &TimeZone) -> Option<String> {
    if let Some(format) = format {
        return with_format(cell, format, zone);
    }
    if cell.len() == 10 {
        return cell.parse::<civil::Date>().ok().map(|day| day.to_string());
    }
    if let Ok(at) = cell.parse::<Timestamp>() {
        return Some(at.to_string());
    }
    let local: civil::DateTime = cell.parse().ok()?;
    in_zone(local, zone)
}

fn with_format(cell: &str, format: &str, zone: &TimeZone) -> Option<String> {
    let parsed = jiff::fmt::strtime::parse(format, cell).ok()?;
    if let Ok(at) = parsed.to_timestamp() {
        return Some(at.to_string());
    }
    if parsed.hour().is_some() {
        return in_zone(parsed.to_datetime().ok()?, zone);
    }
    parsed.to_date().ok().map(|day| day.to_string())
}

fn in_zone(local: civil::DateTime, zone: &TimeZone) -> Option<String> {
    zone.to_ambiguous_timestamp(local).compatible().ok().map(|at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(format: Option<&str>) -> Column {
        Column { name: Some("c".into()), constant: None, map: None, format: format.map(Into::into) }
    }

    fn date(cell: &str, format: Option<&str>) -> Option<String> {
        let zone = TimeZone::get("America/New_York").unwrap();
        canonical(cell, &column(format), FieldKind::Moment, &zone).ok().flatten()
    }

    #[test]
    fn dates_are_read_in_several_forms() {
        assert_eq!(date("2018-02-01", None).as_deref(), Some("2018-02-01"));
        let at = Some("2018-02-27T00:58:54Z");
        assert_eq!(date("2018-02-26 19:58:54", None).as_deref(), at);
        assert_eq!(date("2018-02-26T19:58:54", None).as_deref(), at);
        assert_eq!(date("2018-02-26 19:58", None).as_deref(), Some("2018-02-27T00:58:00Z"));
        assert_eq!(date("2018-02-26T19:58:54-05:00", None).as_deref(), at);
        assert_eq!(date("26.02.2018", Some("%d.%m.%Y")).as_deref(), Some("2018-02-26"));
        assert_eq!(
            date("02/26/2018 19:58", Some("%m/%d/%Y %H:%M")).as_deref(),
            Some("2018-02-27T00:58:00Z")
        );
        assert_eq!(date("1519693134", Some("%s")).as_deref(), at);
        assert_eq!(date("02/26/2018", None), None);
        assert_eq!(date("2018-02-30", None), None);
    }

    #[test]
    fn what_a_field_cannot_hold_is_a_fault_with_a_name() {
        let kind_of =
            |cell: &str, kind| canonical(cell, &column(None), kind, &TimeZone::UTC).unwrap_err().0;
        assert_eq!(kind_of("-5", FieldKind::Amount), "negative_amount");
        assert_eq!(kind_of("1,5", FieldKind::Amount), "malformed_number");
        assert_eq!(kind_of("maybe", FieldKind::Outcome), "unknown_outcome");
        assert_eq!(kind_of("12.5", FieldKind::Count), "malformed_number");
    }
}
