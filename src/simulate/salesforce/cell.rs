//! Values of fields: what they are, how they are read, and how the two APIs write them.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::Value;

use super::ids::Key;

/// The value of a field.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Null,
    Bool(bool),
    Number(f64),
    Text(Arc<str>),
    Id(Key),
    Date(Date),
    /// In seconds: the vendor keeps no smaller part.
    Instant(i64),
}

/// The type of a field, as far as values and filters differ by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Id,
    Reference,
    Text,
    LongText,
    Picklist,
    Email,
    Boolean,
    Int,
    Double,
    Currency,
    Percent,
    Date,
    Instant,
}

impl Kind {
    /// The vendor's name of the type in a describe.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Id => "id",
            Kind::Reference => "reference",
            Kind::Text => "string",
            Kind::LongText => "textarea",
            Kind::Picklist => "picklist",
            Kind::Email => "email",
            Kind::Boolean => "boolean",
            Kind::Int => "int",
            Kind::Double => "double",
            Kind::Currency => "currency",
            Kind::Percent => "percent",
            Kind::Date => "date",
            Kind::Instant => "datetime",
        }
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self, Kind::Int | Kind::Double | Kind::Currency | Kind::Percent)
    }

    pub(super) fn is_id(self) -> bool {
        matches!(self, Kind::Id | Kind::Reference)
    }

    /// The type that a custom field takes from its first value.
    pub(super) fn of(value: &Value) -> Kind {
        match value {
            Value::Bool(_) => Kind::Boolean,
            Value::Number(_) => Kind::Double,
            Value::String(text) if text.len() > 10 && instant(text).is_some() => Kind::Instant,
            Value::String(text) if text.len() == 10 && text.parse::<Date>().is_ok() => Kind::Date,
            _ => Kind::Text,
        }
    }

    /// The value as a field of this type holds it; none where it does not fit.
    pub(super) fn cell(self, value: &Value) -> Option<Cell> {
        Some(match value {
            Value::Null => Cell::Null,
            Value::String(text) if text.is_empty() => Cell::Null,
            Value::Bool(told) if self == Kind::Boolean => Cell::Bool(*told),
            Value::Number(told) if self.is_number() => Cell::Number(told.as_f64()?),
            Value::String(text) => match self {
                Kind::Id | Kind::Reference => Cell::Id(Key::parse(text)?),
                Kind::Text | Kind::LongText | Kind::Picklist | Kind::Email => {
                    Cell::Text(Arc::from(text.as_str()))
                }
                Kind::Date => Cell::Date(text.get(..10)?.parse().ok()?),
                Kind::Instant => Cell::Instant(instant(text)?.as_second()),
                Kind::Boolean => Cell::Bool(text.parse().ok()?),
                _ => Cell::Number(text.parse().ok()?),
            },
            _ => return None,
        })
    }
}

/// Reads a date with a time, whose offset may lack the colon.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    let (start, minutes) = text.split_at_checked(text.len().checked_sub(2)?)?;
    format!("{start}:{minutes}").parse().ok()
}

fn civil(secs: i64) -> jiff::civil::DateTime {
    let at = Timestamp::from_second(secs).unwrap_or(Timestamp::UNIX_EPOCH);
    TimeZone::UTC.to_datetime(at)
}

/// An instant as REST tells it.
pub(super) fn told(secs: i64) -> String {
    format!("{}.000+0000", civil(secs).strftime("%Y-%m-%dT%H:%M:%S"))
}

impl Cell {
    pub(super) fn is_null(&self) -> bool {
        matches!(self, Cell::Null)
    }

    pub(super) fn text(text: &str) -> Cell {
        if text.is_empty() { Cell::Null } else { Cell::Text(Arc::from(text)) }
    }

    pub(super) fn number(&self) -> Option<f64> {
        if let Cell::Number(number) = self { Some(*number) } else { None }
    }

    pub(super) fn key(&self) -> Option<Key> {
        if let Cell::Id(key) = self { Some(*key) } else { None }
    }

    pub(super) fn as_text(&self) -> &str {
        if let Cell::Text(text) = self { text } else { "" }
    }

    /// How two values of one type are ordered; text without regard to case, and nothing first.
    pub(super) fn order(&self, other: &Cell) -> Option<Ordering> {
        match (self, other) {
            (Cell::Null, Cell::Null) => Some(Ordering::Equal),
            (Cell::Null, _) => Some(Ordering::Less),
            (_, Cell::Null) => Some(Ordering::Greater),
            (Cell::Bool(a), Cell::Bool(b)) => Some(a.cmp(b)),
            (Cell::Number(a), Cell::Number(b)) => a.partial_cmp(b),
            (Cell::Id(a), Cell::Id(b)) => Some(a.cmp(b)),
            (Cell::Date(a), Cell::Date(b)) => Some(a.cmp(b)),
            (Cell::Instant(a), Cell::Instant(b)) => Some(a.cmp(b)),
            (Cell::Text(a), Cell::Text(b)) if a == b => Some(Ordering::Equal),
            (Cell::Text(a), Cell::Text(b)) => Some(a.to_lowercase().cmp(&b.to_lowercase())),
            _ => None,
        }
    }

    /// Appends the value as JSON.
    pub(super) fn write_json(&self, kind: Kind, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = match self {
            Cell::Null => out.write_str("null"),
            Cell::Bool(told) => write!(out, "{told}"),
            Cell::Number(told) if kind == Kind::Int => write!(out, "{told:.0}"),
            Cell::Number(told) => write!(out, "{told:?}"),
            Cell::Text(text) => out.write_str(&Value::from(&**text).to_string()),
            Cell::Id(key) => write!(out, "\"{}\"", key.text()),
            Cell::Date(date) => write!(out, "\"{date}\""),
            Cell::Instant(secs) => write!(out, "\"{}\"", told(*secs)),
        };
    }

    /// The value as JSON.
    pub(super) fn json(&self, kind: Kind) -> Value {
        match self {
            Cell::Null => Value::Null,
            Cell::Bool(told) => Value::from(*told),
            Cell::Number(told) if kind == Kind::Int => Value::from(*told as i64),
            Cell::Number(told) => Value::from(*told),
            Cell::Text(text) => Value::from(&**text),
            Cell::Id(key) => Value::from(key.text()),
            Cell::Date(date) => Value::from(date.to_string()),
            Cell::Instant(secs) => Value::from(told(*secs)),
        }
    }

    /// Appends the value as a cell of the Bulk API's CSV, in quotes as all of them are.
    pub(super) fn write_csv(&self, kind: Kind, out: &mut String) {
        out.push('"');
        let _ = match self {
            Cell::Null => Ok(()),
            Cell::Number(told) if kind == Kind::Int => write!(out, "{told:.0}"),
            Cell::Number(told) => write!(out, "{told:?}"),
            Cell::Bool(told) => write!(out, "{told}"),
            Cell::Text(text) => out.write_str(&text.replace('"', "\"\"")),
            Cell::Id(key) => out.write_str(&key.text()),
            Cell::Date(date) => write!(out, "{date}"),
            Cell::Instant(secs) => {
                write!(out, "{}.000Z", civil(*secs).strftime("%Y-%m-%dT%H:%M:%S"))
            }
        };
        out.push('"');
    }
}
