//! `paceline pace`

use serde_json::json;

use super::{CliError, CliResult, Format, Global, open, output};
use crate::alerts::{
    message::{amount, percent},
    outlook::{forecast_text, pipeline_text},
};
use crate::domain::{notice::wrap, number::to_f64, stage::Metric};
use crate::evaluate::{Snapshot, targeting};
use crate::pacing::{PaceRow, State, row_json};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Exit with 3 when a goal is behind.
    #[arg(long)]
    fail_when_behind: bool,
}

pub async fn run(global: &Global, args: &Args) -> CliResult {
    let settings = global.settings()?;
    let store = open(&settings).await?;
    let clock = global.clock().now();
    let snapshot = Snapshot::load(&settings, &store, clock, None).await?;
    let rows = snapshot.pace()?;
    let currency = &settings.company.currency;
    let data_as_of = rows.iter().map(|row| row.data_as_of).min();
    let unmeasured = unmeasured(&snapshot, &rows);
    let targets = targeting::targets(&snapshot).await?;
    match global.format {
        Format::Json => {
            let rows: Vec<_> = rows.iter().map(|row| row_json(row, currency)).collect();
            output::json(&json!({
                "as_of": clock, "data_as_of": data_as_of, "rows": rows,
                "targets": targets.iter().map(targeting::json).collect::<Vec<_>>(),
                "unmeasured": unmeasured,
            }))?;
        }
        Format::Csv => table(&rows, currency).csv()?,
        Format::Text => {
            let telling: Vec<PaceRow> =
                rows.iter().filter(|row| row.is_telling()).cloned().collect();
            output::text(&grouped(table(&telling, currency)).text())?;
            output::text(&outlook_lines(&rows, currency))?;
            let mut out = String::new();
            for row in &targets {
                wrap(&mut out, "", &targeting::sentence(row), output::COLUMNS);
            }
            output::text(&out)?;
            output::text(&closing_line(&rows, &unmeasured))?;
        }
    }
    super::plan_in_order(&snapshot.plan_errors)?;
    let behind = rows.iter().filter(|row| row.state() == State::Behind).count();
    if args.fail_when_behind && behind > 0 {
        return Err(CliError::Behind(format!("{behind} rows are behind")));
    }
    Ok(())
}

/// Metrics of the plan that no source reports.
fn unmeasured(snapshot: &Snapshot<'_>, rows: &[PaceRow]) -> Vec<&'static str> {
    let planned = |metric: &Metric| {
        snapshot.plans.iter().any(|plan| plan.chain.required.contains_key(metric))
    };
    let measured = |metric: &Metric| rows.iter().any(|row| row.metric == *metric);
    let missing = Metric::ALL.into_iter().filter(|metric| planned(metric) && !measured(metric));
    missing.map(Metric::name).collect()
}

fn table(rows: &[PaceRow], currency: &str) -> output::Table {
    let amount = |row: &PaceRow, value: f64| amount(row.metric, value, currency);
    let mut sorted: Vec<&PaceRow> = rows.iter().collect();
    sorted.sort_by(|a, b| {
        let key = |row: &PaceRow| (row.state() != State::Behind, row.goal.clone());
        key(a).cmp(&key(b)).then(a.metric.cmp(&b.metric))
    });
    let rows = sorted
        .into_iter()
        .map(|row| {
            vec![
                row.goal.clone(),
                row.metric.title().to_owned(),
                amount(row, to_f64(row.actual)),
                amount(row, row.plan_to_date),
                amount(row, to_f64(row.goal_value)),
                row.pace.map_or("–".to_owned(), percent),
                row.required_per_business_day.map_or("–".to_owned(), |n| match row.metric {
                    Metric::Revenue => amount(row, n),
                    _ => format!("{n:.1}"),
                }),
                row.state().title().to_owned(),
            ]
        })
        .collect();
    let header =
        vec!["goal", "metric", "so far", "by now", "in all", "pace", "needed/day", "state"];
    output::Table::new(header, rows)
}

/// For people the goal stands once, above its stages.
fn grouped(table: output::Table) -> output::Table {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut goal = String::new();
    for row in table.rows {
        if row[0] != goal {
            goal.clone_from(&row[0]);
            rows.push(vec![goal.clone()]);
        }
        rows.push(
            std::iter::once(format!("  {}", row[1])).chain(row.into_iter().skip(2)).collect(),
        );
    }
    let header = std::iter::once("goal").chain(table.header.into_iter().skip(2)).collect();
    output::Table::new(header, rows)
}

/// How each goal's own figure may end, and what is still to come.
fn outlook_lines(rows: &[PaceRow], currency: &str) -> String {
    let mut out = String::new();
    for row in rows.iter().filter(|row| row.own) {
        let Some(forecast) = forecast_text(row, currency) else { continue };
        let mut text = format!("{}: {forecast}.", row.goal);
        if let Some(rest) = &row.pipeline {
            text.push_str(&format!(" {}", pipeline_text(row, rest, currency)));
        }
        wrap(&mut out, "", &text, output::COLUMNS);
    }
    for row in rows.iter().filter(|row| row.own && row.part_of.is_none()) {
        let Some(base) = row.baseline else { continue };
        let of = |value: f64| amount(row.metric, value, currency);
        let text = format!(
            "{}: by the plan approved as version {}, {} of {} by now (in all {}).",
            row.goal,
            base.version,
            of(to_f64(row.actual)),
            of(base.plan_to_date),
            of(to_f64(base.goal_value)),
        );
        wrap(&mut out, "", &text, output::COLUMNS);
    }
    out
}

fn closing_line(rows: &[PaceRow], unmeasured: &[&str]) -> String {
    let behind = rows.iter().filter(|row| row.state() == State::Behind).count();
    let mut line = match (rows.len(), behind) {
        (0, _) => "There is no goal to stand against: add `[[goal]]` to the plan.\n".to_owned(),
        (_, 0) => "Nothing is behind by more than chance would explain.\n".to_owned(),
        (all, n) => {
            format!(
                "{n} of {all} rows are behind by more than chance, or ended short of the goal.\n"
            )
        }
    };
    if !unmeasured.is_empty() {
        line.push_str(&format!("No source reports: {}.\n", unmeasured.join(", ")));
    }
    line
}
