//! `paceline forecasts`

use jiff::ToSpan;
use serde_json::{Value, json};

use super::{CliResult, Format, Global, open, output};
use crate::alerts::message::{amount, day, percent};
use crate::domain::{notice::wrap, stage::Metric};
use crate::evaluate::{
    Snapshot,
    recording::{kept, replayed},
};
use crate::pacing::record::{Made, Score, score};

pub async fn run(global: &Global) -> CliResult {
    let settings = global.settings()?;
    let store = open(&settings).await?;
    let clock = global.clock().now();
    let mut snapshot = Snapshot::load(&settings, &store, clock, None).await?;
    let kept = kept(&store, clock).await?;
    let replayed = replayed(&mut snapshot).await?;
    let currency = &settings.company.currency;
    match global.format {
        Format::Json => output::json(&json!({
            "as_of": clock,
            "kept": { "score": score_json(&score(kept.iter())), "rows": rows_json(&kept) },
            "replayed": {
                "score": score_json(&score(replayed.iter())), "rows": rows_json(&replayed),
            },
        }))?,
        Format::Csv => {
            let rows = |made: &[Made], how: &str| -> Vec<Vec<String>> {
                made.iter().map(|one| cells(one, how, currency, &settings.company.zone)).collect()
            };
            let all = [rows(&kept, "kept"), rows(&replayed, "replayed")].concat();
            table(all).csv()?;
        }
        Format::Text => {
            let mut out = String::new();
            let zone = &settings.company.zone;
            part(&mut out, "Forecasts that were made, once a week:", &kept, currency, zone);
            let title = "Earlier periods, forecast from what had happened by then:";
            part(&mut out, title, &replayed, currency, zone);
            output::text(&out)?;
        }
    }
    super::plan_in_order(&snapshot.plan_errors)
}

const HEADER: [&str; 9] = ["how", "goal", "metric", "of", "seen to", "p10", "p50", "p90", "ended"];

fn table(rows: Vec<Vec<String>>) -> output::Table {
    output::Table::new(HEADER.to_vec(), rows)
}

fn cells(one: &Made, how: &str, currency: &str, zone: &jiff::tz::TimeZone) -> Vec<String> {
    let amount = |value: f64| amount(one.metric, value, currency);
    let said = one.forecast;
    vec![
        how.to_owned(),
        one.goal.clone(),
        one.metric.title().to_owned(),
        one.period.from.to_string(),
        day(one.at.saturating_sub(1.second()).unwrap_or(one.at), zone),
        amount(said.p10),
        amount(said.p50),
        amount(said.p90),
        one.ended.map_or_else(|| "runs".into(), amount),
    ]
}

fn part(out: &mut String, title: &str, made: &[Made], currency: &str, zone: &jiff::tz::TimeZone) {
    out.push_str(title);
    out.push_str("\n\n");
    // What runs is in `pace`.
    let over: Vec<&Made> = made.iter().filter(|one| one.ended.is_some()).collect();
    if over.is_empty() {
        wrap(out, "  ", "None of their periods is over yet.", output::COLUMNS);
        out.push('\n');
        return;
    }
    let mut goals: Vec<(&str, Metric)> = Vec::new();
    for one in &over {
        if !goals.contains(&(one.goal.as_str(), one.metric)) {
            goals.push((&one.goal, one.metric));
        }
    }
    for (goal, metric) in goals {
        let own = || over.iter().filter(|one| one.goal == goal && one.metric == metric).copied();
        let rows = own().map(|one| cells(one, "", currency, zone).split_off(3)).collect();
        let table = output::Table::new(HEADER[3..].to_vec(), rows);
        out.push_str(&format!("{goal}, {}\n{}", metric.title(), table.text()));
        wrap(out, "  ", &sentence(&score(own())), output::COLUMNS);
        out.push('\n');
    }
}

/// A score in words.
pub fn sentence(score: &Score) -> String {
    let mut text = format!(
        "{} of {} ended between p10 and p90 ({}; 80 % is what it should be), {} below, {} above.",
        score.within,
        score.of,
        percent(score.within as f64 / score.of.max(1) as f64),
        score.below,
        score.above,
    );
    if let (Some(own), Some(line)) = (score.p50_off_begun, score.line_off) {
        text.push_str(&format!(
            " p50 was off by {}, a straight line by {}.",
            percent(own),
            percent(line)
        ));
    }
    text
}

fn score_json(score: &Score) -> Value {
    json!({
        "of": score.of, "within": score.within, "below": score.below, "above": score.above,
        "p50_off": score.p50_off, "p50_off_begun": score.p50_off_begun,
        "line_off": score.line_off, "brier": score.brier,
    })
}

fn rows_json(made: &[Made]) -> Vec<Value> {
    let row = |one: &Made| {
        json!({
            "goal": one.goal, "metric": one.metric.name(),
            "from": one.period.from, "to": one.period.to, "at": one.at,
            "goal_value": one.goal_value, "so_far": one.so_far, "elapsed": one.elapsed,
            "p10": one.forecast.p10, "p50": one.forecast.p50, "p90": one.forecast.p90,
            "probability": one.forecast.probability, "ended": one.ended,
        })
    };
    made.iter().map(row).collect()
}
