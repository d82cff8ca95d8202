//! The dimensions and metrics as the vendor lists them, and which of them go together: here all do.

use serde_json::{Value, json};

use super::fields::{DIMENSIONS, Dimension, METRICS, Metric, unknown_field};
use super::filter::Filter;
use super::message::{choice, items, only, text};
use super::refusals::invalid;
use super::wire::Answer;

const COMPATIBILITIES: [&str; 3] = ["COMPATIBILITY_UNSPECIFIED", "COMPATIBLE", "INCOMPATIBLE"];

fn dimension(told: &Dimension) -> Value {
    json!({
        "apiName": told.name,
        "uiName": told.title,
        "description": format!("{} of what was counted.", told.title),
        "category": told.category,
    })
}

fn metric(told: &Metric) -> Value {
    json!({
        "apiName": told.name,
        "uiName": told.title,
        "description": format!("{} that were counted.", told.title),
        "type": told.kind,
        "category": told.category,
    })
}

/// What there is for a property.
pub(super) fn metadata(id: &str) -> Answer {
    let body = json!({
        "dimensions": DIMENSIONS.iter().map(dimension).collect::<Vec<_>>(),
        "metrics": METRICS.iter().map(metric).collect::<Vec<_>>(),
        "name": format!("properties/{id}/metadata"),
    });
    Answer::json(200, format!("{body:#}\n").into_bytes())
}

/// Whether fields go together, and with which others.
pub(super) fn compatibility(request: &Value) -> Result<Answer, Answer> {
    let fields =
        ["dimensions", "metrics", "dimensionFilter", "metricFilter", "compatibilityFilter"];
    only(request, "", &fields)?;
    for (list, is_metric) in [("dimensions", false), ("metrics", true)] {
        for item in items(request, list)? {
            let name = text(item, "name")?;
            let known = match is_metric {
                true => Metric::named(name).is_some(),
                false => Dimension::named(name).is_some(),
            };
            if !known {
                return Err(invalid(&unknown_field(name, is_metric)));
            }
        }
    }
    Filter::read(&request["dimensionFilter"], false)?;
    Filter::read(&request["metricFilter"], true)?;
    let wanted = &request["compatibilityFilter"];
    if choice(wanted, "compatibility_filter", &COMPATIBILITIES)? == 2 {
        return Ok(Answer::json(200, b"{}\n".to_vec()));
    }
    let told = |name: &str, told: Value| json!({ name: told, "compatibility": "COMPATIBLE" });
    let dimensions = DIMENSIONS.iter().map(|d| told("dimensionMetadata", dimension(d)));
    let metrics = METRICS.iter().map(|m| told("metricMetadata", metric(m)));
    let body = json!({
        "dimensionCompatibilities": Value::from_iter(dimensions),
        "metricCompatibilities": Value::from_iter(metrics),
    });
    Ok(Answer::json(200, format!("{body:#}\n").into_bytes()))
}
