//! Filters of reports, by dimensions and by metrics.

use serde_json::Value;

use super::fields::{Dimension, Metric, unknown_field};
use super::message::{choice, flag, items, only, text};
use super::pattern::Pattern;
use super::property::NOT_SET;
use super::refusals::invalid;
use super::wire::Answer;

/// A filter, once it has been read.
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    /// By a field's name.
    Field(&'static str, Test),
}

/// What a value must be.
pub(super) enum Test {
    Text { how: usize, wanted: String, exact_case: bool, pattern: Option<Pattern> },
    OneOf { wanted: Vec<String>, exact_case: bool },
    Number { how: usize, wanted: f64 },
    Between(f64, f64),
    Empty,
}

const MATCHES: [&str; 7] = [
    "MATCH_TYPE_UNSPECIFIED",
    "EXACT",
    "BEGINS_WITH",
    "ENDS_WITH",
    "CONTAINS",
    "FULL_REGEXP",
    "PARTIAL_REGEXP",
];
const OPERATIONS: [&str; 6] = [
    "OPERATION_UNSPECIFIED",
    "EQUAL",
    "LESS_THAN",
    "LESS_THAN_OR_EQUAL",
    "GREATER_THAN",
    "GREATER_THAN_OR_EQUAL",
];
const KINDS: [&str; 6] =
    ["fieldName", "stringFilter", "inListFilter", "numericFilter", "betweenFilter", "emptyFilter"];
/// Filters that are nested deeper are refused.
const MAX_DEPTH: usize = 20;

impl Filter {
    /// Reads a filter by dimensions, or by metrics; none where there is none.
    pub(super) fn read(told: &Value, is_metric: bool) -> Result<Option<Filter>, Answer> {
        if told.is_null() { Ok(None) } else { expression(told, is_metric, 0).map(Some) }
    }

    /// Whether values pass, which `of` gives by the name of a field.
    pub(super) fn passes<'v>(
        &self,
        of: &dyn Fn(&'static str) -> std::borrow::Cow<'v, str>,
    ) -> bool {
        match self {
            Filter::All(all) => all.iter().all(|filter| filter.passes(of)),
            Filter::Any(any) => any.iter().any(|filter| filter.passes(of)),
            Filter::Not(filter) => !filter.passes(of),
            Filter::Field(name, test) => test.passes(&of(name)),
        }
    }

    /// The fields that are named in it.
    pub(super) fn names(&self, into: &mut Vec<&'static str>) {
        match self {
            Filter::All(all) | Filter::Any(all) => all.iter().for_each(|f| f.names(into)),
            Filter::Not(filter) => filter.names(into),
            Filter::Field(name, _) => into.push(name),
        }
    }
}

fn expression(told: &Value, is_metric: bool, depth: usize) -> Result<Filter, Answer> {
    if depth > MAX_DEPTH {
        return Err(invalid("The filter expression is nested too deeply."));
    }
    only(told, "filter_expression", &["andGroup", "orGroup", "notExpression", "filter"])?;
    let group = |name: &str| -> Result<Vec<Filter>, Answer> {
        only(&told[name], name, &["expressions"])?;
        let inner = items(&told[name], "expressions")?;
        inner.iter().map(|inner| expression(inner, is_metric, depth + 1)).collect()
    };
    if !told["andGroup"].is_null() {
        return group("andGroup").map(Filter::All);
    }
    if !told["orGroup"].is_null() {
        return group("orGroup").map(Filter::Any);
    }
    if !told["notExpression"].is_null() {
        let inner = expression(&told["notExpression"], is_metric, depth + 1)?;
        return Ok(Filter::Not(Box::new(inner)));
    }
    let filter = &told["filter"];
    only(filter, "filter", &KINDS)?;
    let name = text(filter, "fieldName")?;
    let known = match is_metric {
        true => Metric::named(name).map(|metric| metric.name),
        false => Dimension::named(name).map(|dimension| dimension.name),
    };
    let name = known.ok_or_else(|| invalid(&unknown_field(name, is_metric)))?;
    Ok(Filter::Field(name, Test::read(filter)?))
}

fn number(told: &Value, place: &str) -> Result<f64, Answer> {
    only(told, place, &["int64Value", "doubleValue"])?;
    let text = |value: &Value| value.as_str().and_then(|text| text.parse().ok());
    let of = |value: &Value| value.as_f64().or_else(|| text(value));
    of(&told["int64Value"])
        .or_else(|| of(&told["doubleValue"]))
        .ok_or_else(|| invalid("A numeric filter requires a value."))
}

impl Test {
    fn read(filter: &Value) -> Result<Test, Answer> {
        let present = KINDS[1..].iter().find(|kind| !filter[**kind].is_null());
        let Some(kind) = present else {
            return Err(invalid("A filter must have one of its filter types."));
        };
        let told = &filter[*kind];
        match *kind {
            "stringFilter" => {
                only(told, kind, &["matchType", "value", "caseSensitive"])?;
                let how = choice(&told["matchType"], "match_type", &MATCHES)?;
                let exact_case = flag(told, "caseSensitive")?;
                let wanted = text(told, "value")?;
                let wanted = if exact_case { wanted.to_owned() } else { wanted.to_lowercase() };
                let pattern = (how >= 5).then(|| Pattern::read(&wanted));
                if pattern.as_ref().is_some_and(Option::is_none) {
                    return Err(invalid(&format!("Invalid regular expression: {wanted}.")));
                }
                Ok(Test::Text { how, wanted, exact_case, pattern: pattern.flatten() })
            }
            "inListFilter" => {
                only(told, kind, &["values", "caseSensitive"])?;
                let exact_case = flag(told, "caseSensitive")?;
                let wanted: Vec<String> = items(told, "values")?
                    .iter()
                    .filter_map(Value::as_str)
                    .map(|text| if exact_case { text.to_owned() } else { text.to_lowercase() })
                    .collect();
                if wanted.is_empty() {
                    return Err(invalid("An inListFilter requires at least one value."));
                }
                Ok(Test::OneOf { wanted, exact_case })
            }
            "numericFilter" => {
                only(told, kind, &["operation", "value"])?;
                let how = choice(&told["operation"], "operation", &OPERATIONS)?;
                Ok(Test::Number { how, wanted: number(&told["value"], "value")? })
            }
            "betweenFilter" => {
                only(told, kind, &["fromValue", "toValue"])?;
                let from = number(&told["fromValue"], "from_value")?;
                Ok(Test::Between(from, number(&told["toValue"], "to_value")?))
            }
            _ => Ok(Test::Empty),
        }
    }

    fn passes(&self, value: &str) -> bool {
        let cased = |exact_case: bool| match exact_case {
            true => value.to_owned(),
            false => value.to_lowercase(),
        };
        let number = || value.parse::<f64>().unwrap_or(f64::NAN);
        match self {
            Test::Text { how, wanted, exact_case, pattern } => {
                let value = cased(*exact_case);
                match (how, pattern) {
                    (_, Some(pattern)) => pattern.matches(&value, *how == 5),
                    (2, _) => value.starts_with(wanted),
                    (3, _) => value.ends_with(wanted),
                    (4, _) => value.contains(wanted),
                    _ => value == *wanted,
                }
            }
            Test::OneOf { wanted, exact_case } => wanted.contains(&cased(*exact_case)),
            Test::Number { how: 2, wanted } => number() < *wanted,
            Test::Number { how: 3, wanted } => number() <= *wanted,
            Test::Number { how: 4, wanted } => number() > *wanted,
            Test::Number { how: 5, wanted } => number() >= *wanted,
            Test::Number { wanted, .. } => number() == *wanted,
            Test::Between(from, to) => (*from..=*to).contains(&number()),
            Test::Empty => value.is_empty() || value == NOT_SET,
        }
    }
}
