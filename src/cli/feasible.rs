//! The part of `paceline plan` that says whether goals can be reached, and `plan --propose`.

use serde_json::{Value, json};

use super::output;
use super::plan_text::number as number_json;
use crate::alerts::message::amount;
use crate::alerts::outlook::chance_text;
use crate::domain::{notice::wrap, number::to_f64, stage::Metric};
use crate::evaluate::assumption::{key, sentence};
use crate::evaluate::feasibility::{About, Assumed, Feasibility, Remainder};

/// The goal's chance and what the plan assumes.
pub fn text(feasibility: &Feasibility, currency: &str) -> String {
    let mut out = String::from("Can it be reached?\n");
    let line = match (feasibility.at_planned_volumes, feasibility.at_present_volumes) {
        (Some(planned), Some(present)) => format!(
            "At the measured rates and values: with the planned volumes in {} of all cases, with \
             the present ones in {}.",
            chance_text(planned),
            chance_text(present)
        ),
        (_, Some(present)) => {
            format!("With the present volumes in {} of all cases.", chance_text(present))
        }
        _ => "Too little is known for a chance.".into(),
    };
    wrap(&mut out, "  ", &line, output::COLUMNS);
    if let Some(rest) = &feasibility.remainder {
        wrap(&mut out, "  ", &remainder(rest, currency), output::COLUMNS);
    }
    for assumed in &feasibility.assumptions {
        wrap(&mut out, "  ", &format!("{}.", sentence(assumed, currency)), output::COLUMNS);
    }
    out.push('\n');
    out
}

fn remainder(rest: &Remainder, currency: &str) -> String {
    let of = |metric: Metric, value: f64| match metric {
        Metric::Revenue => amount(metric, value, currency),
        _ => format!("{} {}", amount(metric, value, currency), metric.title()),
    };
    let needed = rest.still_needed.iter().rev();
    let needed: Vec<String> = needed.map(|(metric, n)| of(*metric, to_f64(*n))).collect();
    format!(
        "There is {}; what is open will bring about {}. Still needed at the plan's rates: {}.",
        of(rest.metric, rest.there),
        of(rest.metric, rest.from_open),
        needed.join(", ")
    )
}

/// The same for programs.
pub fn json(feasibility: &Feasibility) -> Value {
    let assumption = |assumed: &Assumed| {
        let past = assumed.past.map(|past| {
            json!({
                "value": past.value, "low": past.low, "high": past.high, "of": past.of,
                "best": past.best.map(|(from, value)| json!({"from": from, "value": value})),
                "quarters": past.quarters,
            })
        });
        json!({
            "assumption": key(assumed.about),
            "planned": assumed.planned,
            "measured": past,
            "window_days": assumed.window_days,
            "verdict": assumed.verdict,
        })
    };
    let rest = feasibility.remainder.as_ref().map(|rest| {
        let needed = rest.still_needed.iter();
        let needed: serde_json::Map<String, Value> = needed
            .map(|(metric, n)| (metric.name().to_owned(), number_json(*metric, *n)))
            .collect();
        json!({
            "metric": rest.metric.name(), "there": rest.there, "from_open": rest.from_open,
            "still_needed": needed,
        })
    });
    json!({
        "remainder": rest,
        "at_planned_volumes": feasibility.at_planned_volumes,
        "at_present_volumes": feasibility.at_present_volumes,
        "assumptions": feasibility.assumptions.iter().map(assumption).collect::<Vec<_>>(),
    })
}

/// The lines to put into the plan file, each with its evidence.
pub fn changes(feasibility: &Feasibility, currency: &str) -> String {
    let mut out = String::new();
    for assumed in &feasibility.assumptions {
        let Some(past) = assumed.past.filter(|_| assumed.verdict.asks_for_change()) else {
            continue;
        };
        let value = match assumed.about {
            About::Rate(_) | About::Retention => format!("{:.4}", past.value),
            About::DealValue => format!("{:.2}", past.value),
            About::SalesCycle => format!("\"{:.0}d\"", past.value),
            About::Volume(_) => continue,
        };
        let mut comment = String::new();
        wrap(&mut comment, "# ", &sentence(assumed, currency), output::COLUMNS);
        out.push_str(&comment.replace("\n  ", "\n# "));
        out.push_str(&format!("{} = {value}\n", key(assumed.about)));
    }
    out
}
