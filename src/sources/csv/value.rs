//! A cell of a file to a canonical value, or to the fault that it is.

use jiff::{Timestamp, civil, tz::TimeZone};

use crate::config::source::Column;
use crate::domain::record::FieldKind;
use crate::sources::value::{BadValue, of_kind, shown};

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
    // What it says is not kept, and so not shown either.
    if kind == FieldKind::Presence {
        return of_kind(cell, kind, |_| None);
    }
    if let Some(map) = &column.map {
        match map.get(cell) {
            Some(mapped) => cell = mapped.trim(),
            None if cell.is_empty() => {}
            None => {
                return Err(("unknown_value", format!("`{}` is not in the map", shown(cell))));
            }
        }
    }
    of_kind(cell, kind, |cell| moment(cell, column.format.as_deref(), zone))
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
        let format = format.map(Into::into);
        Column { name: Some("c".into()), constant: None, map: None, format, presence: false }
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
