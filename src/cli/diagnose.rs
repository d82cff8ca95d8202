//! `paceline diagnose`

use serde_json::{Value, json};

use super::{CliResult, Format, Global, open, output};
use crate::alerts::message::{amount, civil_day, count_text, percent};
use crate::diagnose::{Factor, Part};
use crate::domain::{
    notice::wrap,
    number::{from_f64, to_f64},
    stage::Metric,
};
use crate::evaluate::{
    Snapshot,
    diagnosing::{Diagnosis, diagnose},
    questioning::questions,
};
use crate::forecast::Pipeline;

/// Reasons that are shown.
const REASONS_MAX: usize = 6;

pub async fn run(global: &Global) -> CliResult {
    let settings = global.settings()?;
    let store = open(&settings).await?;
    let clock = global.clock().now();
    let snapshot = Snapshot::load(&settings, &store, clock, None).await?;
    let found = diagnose(&snapshot).await?;
    let asked = questions(&snapshot, &found).await?;
    let currency = &settings.company.currency;
    if global.format == Format::Json {
        let goals: Vec<Value> = found.iter().map(|one| one_json(one, currency)).collect();
        output::json(&json!({
            "as_of": clock,
            "data_as_of": snapshot.data_as_of_all(),
            "goals": goals,
            "questions": asked,
        }))?;
        return super::plan_in_order(&snapshot.plan_errors);
    }
    if found.is_empty() {
        output::text("No goal that counts wins or revenue has begun.\n")?;
    }
    for one in &found {
        output::text(&one_text(one, currency))?;
    }
    let mut out = String::new();
    for one in &asked {
        wrap(&mut out, "", &format!("{} {}.", one.asks, one.answer.title()), output::COLUMNS);
        for line in &one.says {
            wrap(&mut out, "  ", line, output::COLUMNS);
        }
    }
    output::text(&out)?;
    super::plan_in_order(&snapshot.plan_errors)
}

/// As planned and as it is, for a factor that has figures of its own.
fn sides(one: &Diagnosis, factor: Factor, currency: &str) -> (String, String) {
    match factor {
        Factor::Volume => (count_text(one.entrants.0.round()), count_text(one.entrants.1)),
        Factor::Rate(n) => one.links.get(n).map_or_else(Default::default, |link| {
            let measured = if link.separable { link.row.rate.map(percent) } else { None };
            (percent(link.planned), measured.unwrap_or_else(|| "not yet".into()))
        }),
        Factor::Value => {
            let money = |value: f64| amount(Metric::Revenue, value, currency);
            (money(one.value.0), one.value.1.map_or("–".into(), money))
        }
        _ => (String::new(), String::new()),
    }
}

fn one_text(one: &Diagnosis, currency: &str) -> String {
    let row = &one.row;
    let show = |value: f64| amount(row.metric, value, currency);
    let (actual, planned) = (to_f64(row.actual), row.plan_to_date);
    let mut out = String::new();
    let head = format!(
        "{}: {} {} of {} by now, {} {} ({}). It was served by what came from {} to {}.",
        row.goal,
        show(actual),
        row.metric.title(),
        show(planned),
        show((actual - planned).abs()),
        if actual < planned { "short" } else { "more" },
        row.state().title(),
        civil_day(one.served_by.from),
        civil_day(one.served_by.to.yesterday().unwrap_or(one.served_by.to)),
    );
    wrap(&mut out, "", &head, output::COLUMNS);
    out.push('\n');
    let rows = one.parts.iter().filter(|part| !is_nothing(part, row.metric)).map(|part| {
        let (planned, actual) = sides(one, part.factor, currency);
        let sure = if part.is_decided() { "" } else { "?" };
        let interval = format!("{} to {}", show(part.low), show(part.high));
        vec![one.title(part.factor).0, planned, actual, show(part.effect), interval, sure.into()]
    });
    let header = vec!["what", "planned", "here", "makes", "90 %", ""];
    out.push_str(&output::Table::new(header, rows.collect()).text());
    if one.parts.iter().any(|part| !part.is_decided() && !is_nothing(part, row.metric)) {
        out.push_str("? not decidable: it may as well be chance.\n");
    }
    out.push('\n');
    if let Some(worst) = worst(one) {
        let (what, owner) = one.title(worst.factor);
        let text = format!("The largest loss that is more than chance: {what} ({owner}).");
        wrap(&mut out, "", &text, output::COLUMNS);
    } else {
        out.push_str("No single factor costs more than chance would explain.\n");
    }
    if !one.lost.is_empty() {
        let all: usize = one.lost.iter().map(|(_, count)| count).sum();
        let most = one.lost.iter().take(REASONS_MAX);
        let most: Vec<String> = most.map(|(reason, count)| format!("{reason} {count}")).collect();
        let text = format!("Lost since {}: {all}; {}.", row.period.from, most.join(", "));
        wrap(&mut out, "", &text, output::COLUMNS);
    }
    if one.unvalued.0 > 0 {
        let (missing, all) = one.unvalued;
        let text = format!(
            "{missing} of {all} wins have no amount that can be brought to {currency}, and count as \
             nothing: `paceline faults`."
        );
        wrap(&mut out, "", &text, output::COLUMNS);
    }
    if let Some(rest) = row.pipeline.as_ref().filter(|rest| rest.gap_at_end > 0.0) {
        wrap(&mut out, "", &closing(rest), output::COLUMNS);
    }
    out.push('\n');
    out
}

/// What would close the gap, while anything does.
fn closing(rest: &Pipeline) -> String {
    let Some(many) = rest.needed_now else {
        return "No new opportunity can be won in time any more; what is open decides.".into();
    };
    let ahead = rest.last_useful_day.filter(|day| rest.today.is_some_and(|today| *day >= today));
    let last = ahead.map_or("; the last useful day is over".to_owned(), |day| {
        format!("; half of the usual chance to count is left until {}", civil_day(day))
    });
    format!("What would close the gap: {} more opportunities today{last}.", count_text(many.ceil()))
}

fn is_nothing(part: &Part, metric: Metric) -> bool {
    let least = if metric == Metric::Revenue { 0.5 } else { 0.005 };
    part.effect.abs() < least && part.low.abs() < least && part.high.abs() < least
}

fn worst(one: &Diagnosis) -> Option<&Part> {
    let costs = one.parts.iter().filter(|part| part.effect < 0.0 && part.is_decided());
    costs.min_by(|a, b| a.effect.total_cmp(&b.effect))
}

fn one_json(one: &Diagnosis, currency: &str) -> Value {
    let row = &one.row;
    let real = |value: f64| match row.metric {
        Metric::Revenue => crate::domain::money::decimal_text(
            from_f64((value * 100.0).round() / 100.0).unwrap_or_default(),
        )
        .into(),
        _ => json!(value),
    };
    let parts: Vec<Value> = one
        .parts
        .iter()
        .map(|part| {
            let (title, owner) = one.title(part.factor);
            json!({
                "factor": title, "owner": owner, "effect": real(part.effect),
                "low": real(part.low), "high": real(part.high), "decided": part.is_decided(),
            })
        })
        .collect();
    let links: Vec<Value> = one
        .links
        .iter()
        .map(|link| {
            json!({
                "rate": link.pair.key(), "planned": link.planned, "measured": link.row.rate,
                "low": link.row.low, "high": link.row.high, "entered": link.row.entered,
                "matured": link.row.matured, "window_days": link.window_days,
                "separable": link.separable,
            })
        })
        .collect();
    json!({
        "goal": row.goal,
        "metric": row.metric.name(),
        "currency": currency,
        "plan_to_date": real(row.plan_to_date),
        "actual": real(to_f64(row.actual)),
        "difference": real(to_f64(row.actual) - row.plan_to_date),
        "state": row.state(),
        "served_by": {"from": one.served_by.from, "to": one.served_by.to},
        "parts": parts,
        "rates": links,
        "lost": one.lost.iter().map(|(reason, count)| json!({"reason": reason, "count": count}))
            .collect::<Vec<_>>(),
    })
}
