//! `paceline pace`

use serde_json::json;

use super::forecasts::sentence;
use super::{CliError, CliResult, Format, Global, open, output};
use crate::alerts::{
    message::{amount, percent},
    outlook::{forecast_text, pipeline_text},
};
use crate::domain::{notice::wrap, number::to_f64, scope::Scope, stage::Metric};
use crate::evaluate::{Snapshot, recording::kept, targeting};
use crate::pacing::{PaceRow, State, record::score, row_json};

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
    let snapshot = Snapshot::load_present(&settings, &store, clock).await?;
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
            output::text(&grouped(&rows, currency).text())?;
            output::text(&outlook_lines(&rows, currency))?;
            let mut out = String::new();
            for row in &targets {
                wrap(&mut out, "", &targeting::sentence(row), output::COLUMNS);
            }
            let kept = score(kept(&store, clock).await?.iter());
            if kept.of > 0 {
                let text = format!("Forecasts of periods that are over: {}", sentence(&kept));
                wrap(&mut out, "", &text, output::COLUMNS);
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

fn cells(row: &PaceRow, currency: &str) -> Vec<String> {
    let amount = |value: f64| amount(row.metric, value, currency);
    vec![
        amount(to_f64(row.actual)),
        amount(row.plan_to_date),
        amount(to_f64(row.goal_value)),
        row.pace.map_or("–".to_owned(), percent),
        row.required_per_business_day.map_or("–".to_owned(), |n| match row.metric {
            Metric::Revenue => amount(n),
            _ => format!("{n:.1}"),
        }),
        row.state().title().to_owned(),
    ]
}

const FIGURES: [&str; 6] = ["so far", "by now", "in all", "pace", "needed/day", "state"];

/// The goal that a row belongs to, itself or as a part.
fn whole(row: &PaceRow) -> &str {
    row.part_of.as_deref().unwrap_or(&row.goal)
}

fn table(rows: &[PaceRow], currency: &str) -> output::Table {
    let line = |row: &PaceRow| {
        let scope = row.scope.as_ref().map(Scope::name).unwrap_or_default();
        let mut line = vec![whole(row).to_owned(), row.metric.title().to_owned()];
        line.extend(cells(row, currency));
        line.push(scope);
        line
    };
    let header = ["goal", "metric"].into_iter().chain(FIGURES).chain(["scope"]);
    output::Table::new(header.collect(), rows.iter().map(line).collect())
}

/// For people each goal stands once, above its stages and its parts; what is behind comes first.
fn grouped(rows: &[PaceRow], currency: &str) -> output::Table {
    let telling = || rows.iter().filter(|row| row.is_telling());
    let mut goals: Vec<&str> = Vec::new();
    for row in telling() {
        if !goals.contains(&whole(row)) {
            goals.push(whole(row));
        }
    }
    let is_behind =
        |goal: &&str| telling().any(|row| whole(row) == *goal && row.state() == State::Behind);
    goals.sort_by_key(|goal| (!is_behind(goal), *goal));
    let mut lines = Vec::new();
    for goal in goals {
        lines.push(vec![goal.to_owned()]);
        let mut of_goal: Vec<&PaceRow> = telling().filter(|row| whole(row) == goal).collect();
        of_goal.sort_by_key(|row| (row.part_of.is_some(), row.goal.clone(), row.metric));
        let mut part = None;
        for row in of_goal {
            let scope = row.scope.as_ref().filter(|_| row.part_of.is_some());
            if scope != part {
                part = scope;
                lines.extend(scope.map(|scope| vec![format!("  {scope}")]));
            }
            let indent = if scope.is_some() { "    " } else { "  " };
            let mut line = vec![format!("{indent}{}", row.metric.title())];
            line.extend(cells(row, currency));
            lines.push(line);
        }
    }
    output::Table::new(std::iter::once("goal").chain(FIGURES).collect(), lines)
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
