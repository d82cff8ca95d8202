//! `runReport`: the rows that are told, and what is said about them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::asked::{Asked, Column};
use super::limits::{Cost, Telling};
use super::order;
use super::property::Property;
use super::ranges::today;
use super::sums::{Figure, Sums};
use super::table::{self, Row};
use super::wire::Answer;

/// Of a sample so many per cent are read.
const SAMPLE_PERCENT: u64 = 60;

/// A report as JSON, and what it cost.
pub(super) struct Told {
    fields: Vec<(&'static str, String)>,
    pub(super) cost: Cost,
    /// The caller wants to know what is left of the quota.
    pub(super) quota: bool,
}

impl Told {
    /// Tells what is left of the quota.
    pub(super) fn add_quota(&mut self, quota: &Value) {
        self.fields.push(("propertyQuota", quota.to_string()));
    }

    /// The report as JSON. Reports can be long, so that they are not built as values first.
    pub(super) fn json(self) -> String {
        let told: Vec<String> =
            self.fields.into_iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
        format!("{{{}}}", told.join(",\n"))
    }
}

fn write_values(out: &mut String, name: &str, values: impl Iterator<Item = String>) {
    out.push_str(name);
    for (at, value) in values.enumerate() {
        if at > 0 {
            out.push(',');
        }
        out.push_str("{\"value\":");
        out.push_str(&Value::from(value).to_string());
        out.push('}');
    }
}

fn write_row(out: &mut String, values: &[String], figures: &[Figure]) {
    out.push('{');
    if !values.is_empty() {
        write_values(out, "\"dimensionValues\":[", values.iter().cloned());
        out.push(']');
    }
    if !figures.is_empty() {
        let name = if values.is_empty() { "\"metricValues\":[" } else { ",\"metricValues\":[" };
        write_values(out, name, figures.iter().map(|figure| figure.text()));
        out.push(']');
    }
    out.push('}');
}

fn written<'r>(rows: impl Iterator<Item = (&'r [String], &'r [Figure])>) -> String {
    let mut out = String::from("[");
    for (at, (values, figures)) in rows.enumerate() {
        if at > 0 {
            out.push_str(",\n");
        }
        write_row(&mut out, values, figures);
    }
    out.push(']');
    out
}

/// Rows with a figure for all rows of each range.
fn aggregated(asked: &Asked, reserved: &str, of: &dyn Fn(usize, usize) -> Figure) -> String {
    let rows: Vec<(Vec<String>, Vec<Figure>)> = (0..asked.ranges.len())
        .map(|range| {
            let values = asked.columns.iter().map(|column| match column {
                Column::Of(_) => reserved.to_owned(),
                Column::Range => asked.ranges[range].name.clone(),
            });
            (values.collect(), (0..asked.metrics.len()).map(|at| of(range, at)).collect())
        })
        .collect();
    written(rows.iter().map(|row| (row.0.as_slice(), row.1.as_slice())))
}

/// The least or the greatest figure of a range's rows.
fn extreme(asked: &Asked, rows: &[Row], (range, at): (usize, usize), greatest: bool) -> Figure {
    let column = asked.columns.iter().position(|column| matches!(column, Column::Range));
    let own = |row: &&Row| column.is_none_or(|c| row.values[c] == asked.ranges[range].name);
    let figures = rows.iter().filter(own).map(|row| row.figures[at]);
    let compare = |a: &Figure, b: &Figure| a.number().total_cmp(&b.number());
    let found = if greatest { figures.max_by(compare) } else { figures.min_by(compare) };
    found.unwrap_or(Figure::Whole(0))
}

/// What is said about the report: only what holds is there.
fn metadata(property: &Property, asked: &Asked, telling: &Telling, table: &table::Table) -> Value {
    let mut told = json!({"currencyCode": asked.currency, "timeZone": property.zone_name});
    if table.other {
        told["dataLossFromOtherRow"] = json!(true);
    }
    if telling.threshold_users > 0 {
        told["subjectToThresholding"] = json!(true);
    }
    if telling.sampled {
        let events = |sums: &Sums| sums.figure("eventCount").map_or(0.0, Figure::number) as u64;
        let of_range = |sums: &Sums| {
            let space = events(sums);
            json!({
                "samplesReadCount": (space * SAMPLE_PERCENT / 100).to_string(),
                "samplingSpaceSize": space.to_string(),
            })
        };
        told["samplingMetadatas"] = table.totals.iter().map(of_range).collect();
    }
    if let Some(reason) = telling.empty_reason.as_ref().filter(|_| table.rows.is_empty()) {
        told["emptyReason"] = json!(reason);
    }
    told
}

/// Tells a report as it stands at an instant; `page_rows` is the most that is told at once.
pub(super) fn report(
    property: &Property,
    request: &Value,
    now: Timestamp,
    (telling, page_rows): (&Telling, usize),
) -> Result<Told, Answer> {
    let asked = Asked::read(request, today(&property.zone, now), &property.currency)?;
    let mut table = table::build(property, &asked, now, telling);
    table.rows.retain(|row| row.users >= telling.threshold_users);
    order::sort(&mut table.rows, &asked);
    let mut fields = Vec::new();
    let names = asked.columns.iter().map(|column| json!({"name": column.name()}));
    if !asked.columns.is_empty() {
        fields.push(("dimensionHeaders", Value::from_iter(names).to_string()));
    }
    if !asked.metrics.is_empty() {
        let named = asked.metrics.iter().map(|m| json!({"name": m.name, "type": m.kind}));
        fields.push(("metricHeaders", Value::from_iter(named).to_string()));
    }
    let page = table.rows.iter().skip(asked.offset).take(asked.limit.min(page_rows));
    let mut page = page.peekable();
    if page.peek().is_some() {
        let rows = page.map(|row| (row.values.as_slice(), row.figures.as_slice()));
        fields.push(("rows", written(rows)));
    }
    if asked.totals {
        let of = |range: usize, at: usize| {
            let figure = table.totals[range].figure(asked.metrics[at].name);
            figure.unwrap_or(Figure::Whole(0))
        };
        fields.push(("totals", aggregated(&asked, "RESERVED_TOTAL", &of)));
    }
    for (wanted, name, reserved, greatest) in [
        (asked.maximums, "maximums", "RESERVED_MAX", true),
        (asked.minimums, "minimums", "RESERVED_MIN", false),
    ] {
        if wanted && !table.rows.is_empty() {
            let of = |range: usize, at: usize| extreme(&asked, &table.rows, (range, at), greatest);
            fields.push((name, aggregated(&asked, reserved, &of)));
        }
    }
    if !table.rows.is_empty() {
        fields.push(("rowCount", table.rows.len().to_string()));
    }
    fields.push(("metadata", metadata(property, &asked, telling, &table).to_string()));
    fields.push(("kind", "\"analyticsData#runReport\"".to_owned()));
    let thresholded = u64::from(asked.is_about_people());
    let cost = Cost { tokens: asked.cost(), thresholded };
    Ok(Told { fields, cost, quota: asked.quota })
}
