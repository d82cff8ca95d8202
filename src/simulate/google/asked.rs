//! What a report is asked for: the request, once it has been read and found good.

use jiff::civil::Date;
use serde_json::Value;

use super::fields::{Dimension, Metric, RANGE, unknown_field};
use super::filter::Filter;
use super::message::{choice, flag, items, only, text, whole};
use super::order::{self, Order};
use super::ranges::{self, Range};
use super::refusals::invalid;
use super::wire::Answer;

const MAX_DIMENSIONS: usize = 9;
const MAX_METRICS: usize = 10;
const USUAL_LIMIT: i64 = 10_000;
/// More are never told at once, whatever is asked for.
const MAX_LIMIT: i64 = 250_000;
const AGGREGATIONS: [&str; 5] =
    ["METRIC_AGGREGATION_UNSPECIFIED", "TOTAL", "MINIMUM", "MAXIMUM", "COUNT"];
const FIELDS: [&str; 15] = [
    "property",
    "dimensions",
    "metrics",
    "dateRanges",
    "dimensionFilter",
    "metricFilter",
    "offset",
    "limit",
    "metricAggregations",
    "orderBys",
    "currencyCode",
    "cohortSpec",
    "keepEmptyRows",
    "returnPropertyQuota",
    "comparisons",
];

/// A column of dimensions.
pub(super) enum Column {
    Of(&'static Dimension),
    /// The range that the row belongs to.
    Range,
}

impl Column {
    /// The name in the header.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Column::Of(dimension) => dimension.name,
            Column::Range => RANGE,
        }
    }
}

/// A request for a report.
pub(super) struct Asked {
    pub(super) ranges: Vec<Range>,
    pub(super) columns: Vec<Column>,
    pub(super) metrics: Vec<&'static Metric>,
    pub(super) filter: Option<Filter>,
    pub(super) metric_filter: Option<Filter>,
    pub(super) orders: Vec<Order>,
    pub(super) offset: usize,
    pub(super) limit: usize,
    pub(super) totals: bool,
    pub(super) minimums: bool,
    pub(super) maximums: bool,
    pub(super) currency: String,
    pub(super) keep_empty: bool,
    pub(super) quota: bool,
}

fn named<'m>(told: &'m Value, list: &str, most: usize) -> Result<Vec<&'m str>, Answer> {
    let told = items(told, list)?;
    if told.len() > most {
        let count = told.len();
        return Err(invalid(&format!(
            "Requests are limited to {most} {list} within a nested request. This request is for {count} {list}."
        )));
    }
    told.iter().map(|item| text(item, "name")).collect()
}

fn columns(request: &Value, ranges: &[Range]) -> Result<Vec<Column>, Answer> {
    for item in items(request, "dimensions")? {
        only(item, "dimensions", &["name", "dimensionExpression"])?;
        if !item["dimensionExpression"].is_null() {
            return Err(invalid("Dimension expressions are not simulated."));
        }
    }
    let mut columns = Vec::new();
    for name in named(request, "dimensions", MAX_DIMENSIONS)? {
        columns.push(match Dimension::named(name) {
            Some(dimension) => Column::Of(dimension),
            None if name == RANGE => Column::Range,
            None => return Err(invalid(&unknown_field(name, false))),
        });
    }
    let has_range = columns.iter().any(|column| matches!(column, Column::Range));
    if ranges.len() > 1 && !has_range {
        columns.push(Column::Range);
    }
    Ok(columns)
}

fn metrics(request: &Value) -> Result<Vec<&'static Metric>, Answer> {
    for item in items(request, "metrics")? {
        only(item, "metrics", &["name", "expression", "invisible"])?;
        if !item["expression"].is_null() || flag(item, "invisible")? {
            return Err(invalid("Expressions and invisible metrics are not simulated."));
        }
    }
    let names = named(request, "metrics", MAX_METRICS)?;
    let known =
        |name: &&str| Metric::named(name).ok_or_else(|| invalid(&unknown_field(name, true)));
    names.iter().map(known).collect()
}

impl Asked {
    /// Reads a request; `today` is the property's.
    pub(super) fn read(request: &Value, today: Date, currency: &str) -> Result<Asked, Answer> {
        only(request, "", &FIELDS)?;
        for unknown in ["cohortSpec", "comparisons"] {
            if !request[unknown].is_null() {
                return Err(invalid(&format!("{unknown} is not simulated.")));
            }
        }
        let ranges = ranges::read(request, today)?;
        let (columns, metrics) = (columns(request, &ranges)?, metrics(request)?);
        if columns.is_empty() && metrics.is_empty() {
            return Err(invalid("Requests require dimensions and/or metrics."));
        }
        let names: Vec<&str> = columns.iter().map(Column::name).collect();
        let metric_names: Vec<&str> = metrics.iter().map(|metric| metric.name).collect();
        let metric_filter = Filter::read(&request["metricFilter"], true)?;
        let mut filtered = Vec::new();
        metric_filter.iter().for_each(|filter| filter.names(&mut filtered));
        if let Some(name) = filtered.iter().find(|name| !metric_names.contains(name)) {
            return Err(invalid(&format!("Metric {name} in metricFilter must be requested.")));
        }
        let (limit, offset) = (whole(request, "limit")?, whole(request, "offset")?);
        if limit < 0 || offset < 0 {
            return Err(invalid("The limit must be positive and the offset not negative."));
        }
        let limit = if limit == 0 { USUAL_LIMIT } else { limit.min(MAX_LIMIT) };
        let mut wanted = [false; AGGREGATIONS.len()];
        for told in items(request, "metricAggregations")? {
            wanted[choice(told, "metric_aggregations", &AGGREGATIONS)?] = true;
        }
        let own_currency = text(request, "currencyCode")?;
        Ok(Asked {
            orders: order::read(request, &names, &metric_names)?,
            filter: Filter::read(&request["dimensionFilter"], false)?,
            ranges,
            columns,
            metrics,
            metric_filter,
            offset: usize::try_from(offset).unwrap_or(usize::MAX),
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            totals: wanted[1],
            minimums: wanted[2],
            maximums: wanted[3],
            currency: if own_currency.is_empty() { currency } else { own_currency }.to_owned(),
            keep_empty: flag(request, "keepEmptyRows")?,
            quota: flag(request, "returnPropertyQuota")?,
        })
    }

    /// How many days it is about.
    pub(super) fn days(&self) -> u64 {
        self.ranges.iter().map(|range| ranges::days(range.first, range.last)).sum()
    }

    /// The tokens that it costs: few for most, more for many days and columns.
    pub(super) fn cost(&self) -> u64 {
        1 + self.days() / 31 + self.columns.len() as u64
    }

    fn dimensions(&self) -> Vec<&'static Dimension> {
        let mut names = Vec::new();
        self.filter.iter().for_each(|filter| filter.names(&mut names));
        let columns = self.columns.iter().filter_map(|column| match column {
            Column::Of(dimension) => Some(*dimension),
            Column::Range => None,
        });
        columns.chain(names.into_iter().filter_map(Dimension::named)).collect()
    }

    /// Whether it asks for what may have to be withheld.
    pub(super) fn is_about_people(&self) -> bool {
        self.dimensions().iter().any(|dimension| dimension.is_about_people())
    }

    /// Whether it asks for a dimension that can have very many values.
    pub(super) fn has_many_values(&self) -> bool {
        self.dimensions().iter().any(|dimension| dimension.has_many_values())
    }
}
