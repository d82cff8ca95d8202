//! The order of a report's rows.

use std::cmp::Ordering;

use serde_json::Value;

use super::asked::Asked;
use super::message::{choice, flag, items, only, text};
use super::refusals::invalid;
use super::table::Row;
use super::wire::Answer;

/// By which column rows are ordered.
#[derive(Debug, Clone, Copy)]
enum By {
    Dimension(usize, usize),
    Metric(usize),
}

/// One level of an order.
#[derive(Debug, Clone, Copy)]
pub(super) struct Order {
    by: By,
    descending: bool,
}

const TYPES: [&str; 4] =
    ["ORDER_TYPE_UNSPECIFIED", "ALPHANUMERIC", "CASE_INSENSITIVE_ALPHANUMERIC", "NUMERIC"];

/// The levels of a request. Without any the greatest come first, by the first metric.
pub(super) fn read(
    request: &Value,
    dimensions: &[&str],
    metrics: &[&str],
) -> Result<Vec<Order>, Answer> {
    let told = items(request, "orderBys")?;
    if told.is_empty() && !metrics.is_empty() {
        return Ok(vec![Order { by: By::Metric(0), descending: true }]);
    }
    told.iter().map(|told| one(told, dimensions, metrics)).collect()
}

fn one(told: &Value, dimensions: &[&str], metrics: &[&str]) -> Result<Order, Answer> {
    only(told, "order_bys", &["dimension", "metric", "pivot", "desc"])?;
    let descending = flag(told, "desc")?;
    let place = |names: &[&str], name: &str, kind: &str| {
        names.iter().position(|known| *known == name).ok_or_else(|| {
            invalid(&format!("Field {name} in orderBys is not among the {kind} of the request."))
        })
    };
    if !told["metric"].is_null() {
        only(&told["metric"], "metric", &["metricName"])?;
        let place = place(metrics, text(&told["metric"], "metricName")?, "metrics")?;
        return Ok(Order { by: By::Metric(place), descending });
    }
    if told["dimension"].is_null() {
        return Err(invalid("An orderBy requires a dimension or a metric."));
    }
    only(&told["dimension"], "dimension", &["dimensionName", "orderType"])?;
    let place = place(dimensions, text(&told["dimension"], "dimensionName")?, "dimensions")?;
    let kind = choice(&told["dimension"]["orderType"], "order_type", &TYPES)?;
    Ok(Order { by: By::Dimension(place, kind), descending })
}

/// Sorts rows. Those that no level tells apart are in the order of their dimensions.
pub(super) fn sort(rows: &mut [Row], asked: &Asked) {
    let number = |text: &str| text.parse::<f64>().unwrap_or(f64::MAX);
    rows.sort_by(|a, b| {
        for order in &asked.orders {
            let compared = match order.by {
                By::Metric(at) => a.figures[at].number().total_cmp(&b.figures[at].number()),
                By::Dimension(at, 3) => number(&a.values[at]).total_cmp(&number(&b.values[at])),
                By::Dimension(at, 2) => {
                    a.values[at].to_lowercase().cmp(&b.values[at].to_lowercase())
                }
                By::Dimension(at, _) => a.values[at].cmp(&b.values[at]),
            };
            let compared = if order.descending { compared.reverse() } else { compared };
            if compared != Ordering::Equal {
                return compared;
            }
        }
        a.values.cmp(&b.values)
    });
}
