//! The filters of a search: how a record's value compares with what is asked for.

use std::cmp::Ordering;

use serde::Deserialize;

use super::json::{parse_instant, parse_iso};
use super::record::Record;
use super::render::Source;
use super::tokens::Words;

/// A value in a request body, which callers write as text or bare.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(super) enum Scalar {
    /// Text.
    Text(String),
    /// A whole number.
    Whole(i64),
    /// Any other number.
    Number(f64),
    /// A boolean.
    Truth(bool),
}

impl Scalar {
    /// The text that the vendor would keep.
    pub(super) fn text(&self) -> String {
        match self {
            Scalar::Text(text) => text.clone(),
            Scalar::Whole(number) => number.to_string(),
            Scalar::Number(number) => number.to_string(),
            Scalar::Truth(truth) => truth.to_string(),
        }
    }
}

/// What a filter compares with, read in every way a property may need.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// The text in lower case: the vendor's text filters ignore case.
    text: String,
    /// As an instant in milliseconds, or as a whole number.
    pub(super) whole: Option<i64>,
    number: Option<f64>,
}

impl Wanted {
    /// Reads the value of a filter.
    pub(super) fn new(value: &Scalar) -> Wanted {
        let text = value.text();
        let (whole, number) = (parse_instant(&text), text.trim().parse().ok());
        Wanted { text: text.to_lowercase(), whole, number }
    }

    /// How a record's value stands to this one; none when they cannot be compared.
    fn order(&self, value: &Value<'_>) -> Option<Ordering> {
        match value {
            Value::Missing => None,
            Value::Whole(have) => self.whole.map(|want| have.cmp(&want)),
            Value::Text(have) => {
                let have_whole = have.parse::<i64>().ok().or_else(|| parse_iso(have));
                if let (Some(have), Some(want)) = (have_whole, self.whole) {
                    return Some(have.cmp(&want));
                }
                if let (Ok(have), Some(want)) = (have.parse::<f64>(), self.number) {
                    return have.partial_cmp(&want);
                }
                Some(have.to_lowercase().cmp(&self.text))
            }
        }
    }
}

/// A record's value as a filter or a sort sees it.
pub(super) enum Value<'a> {
    Missing,
    Whole(i64),
    Text(&'a str),
}

impl<'a> Value<'a> {
    /// Takes the value from a record.
    pub(super) fn of(record: &'a Record, source: Source) -> Value<'a> {
        match source {
            Source::Id => Value::Whole(i64::try_from(record.id).unwrap_or(i64::MAX)),
            Source::Modified => Value::Whole(record.modified_ms),
            Source::Stored(name) => record.get(name).map_or(Value::Missing, Value::Text),
        }
    }

    /// The value as text, where it is text.
    fn text(&self) -> Option<&'a str> {
        if let Value::Text(text) = self { Some(text) } else { None }
    }
}

/// A comparison.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Equal(Wanted),
    NotEqual(Wanted),
    Less(Wanted),
    AtMost(Wanted),
    Greater(Wanted),
    AtLeast(Wanted),
    Between(Wanted, Wanted),
    In(Vec<Wanted>),
    NotIn(Vec<Wanted>),
    Contains(Words),
    Lacks(Words),
    Present,
    Absent,
}

/// One filter on one property.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    /// Where the value is found.
    pub(super) source: Source,
    /// What it must pass.
    pub(super) test: Test,
}

impl Filter {
    /// Whether a record passes.
    pub(super) fn matches(&self, record: &Record) -> bool {
        let value = Value::of(record, self.source);
        let order = |want: &Wanted| want.order(&value);
        match &self.test {
            Test::Equal(want) => order(want) == Some(Ordering::Equal),
            Test::NotEqual(want) => order(want).is_some_and(Ordering::is_ne),
            Test::Less(want) => order(want).is_some_and(Ordering::is_lt),
            Test::AtMost(want) => order(want).is_some_and(Ordering::is_le),
            Test::Greater(want) => order(want).is_some_and(Ordering::is_gt),
            Test::AtLeast(want) => order(want).is_some_and(Ordering::is_ge),
            Test::Between(low, high) => {
                order(low).is_some_and(Ordering::is_ge) && order(high).is_some_and(Ordering::is_le)
            }
            Test::In(all) => all.iter().any(|want| order(want) == Some(Ordering::Equal)),
            Test::NotIn(all) => {
                !matches!(value, Value::Missing)
                    && all.iter().all(|want| order(want) != Some(Ordering::Equal))
            }
            Test::Contains(words) => value.text().is_some_and(|text| words.are_in(text)),
            Test::Lacks(words) => value.text().is_some_and(|text| !words.are_in(text)),
            Test::Present => !matches!(value, Value::Missing),
            Test::Absent => matches!(value, Value::Missing),
        }
    }

    /// The inclusive bounds that the test puts on a whole number, where it is such a test.
    pub(super) fn bounds(&self) -> Option<(i64, i64)> {
        match &self.test {
            Test::Equal(want) => want.whole.map(|w| (w, w)),
            Test::Less(want) => want.whole.map(|w| (i64::MIN, w.saturating_sub(1))),
            Test::AtMost(want) => want.whole.map(|w| (i64::MIN, w)),
            Test::Greater(want) => want.whole.map(|w| (w.saturating_add(1), i64::MAX)),
            Test::AtLeast(want) => want.whole.map(|w| (w, i64::MAX)),
            Test::Between(low, high) => low.whole.zip(high.whole),
            _ => None,
        }
    }

    /// The values it compares with.
    pub(super) fn wanted(&self) -> Vec<&Wanted> {
        match &self.test {
            Test::Equal(w) | Test::NotEqual(w) | Test::Less(w) | Test::AtMost(w) => vec![w],
            Test::Greater(w) | Test::AtLeast(w) => vec![w],
            Test::Between(low, high) => vec![low, high],
            Test::In(all) | Test::NotIn(all) => all.iter().collect(),
            Test::Contains(_) | Test::Lacks(_) | Test::Present | Test::Absent => Vec::new(),
        }
    }
}
