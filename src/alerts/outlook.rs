//! How a goal may end, in words.

use super::message::{civil_day, count_text, percent};
use crate::domain::{money::for_people, number::from_f64, stage::Metric};
use crate::forecast::Pipeline;
use crate::pacing::PaceRow;

/// Where the period may end, and how likely the goal is; none where nothing is forecast.
pub fn forecast_text(row: &PaceRow, currency: &str) -> Option<String> {
    let forecast = row.forecast?;
    Some(format!(
        "ends at {} to {} {} in 8 of 10 cases; chance of the goal {}",
        amount(row, forecast.p10, currency),
        amount(row, forecast.p90, currency),
        row.metric.title(),
        chance_text(forecast.probability)
    ))
}

/// What is still to come of wins and revenue, a sentence each.
pub fn pipeline_text(row: &PaceRow, rest: &Pipeline, currency: &str) -> String {
    let show = |value: f64| amount(row, value, currency);
    let mut text = format!(
        "The {} that are open will bring about {}, new ones {}.",
        rest.open_count,
        show(rest.expected_open),
        show(rest.expected_new)
    );
    if let (Some(coverage), Some(needed)) = (rest.coverage, rest.coverage_needed) {
        text.push_str(&format!(
            " Open pipeline covers {coverage:.1} times what is missing; by this company's own \
             conversion {needed:.1} times is needed."
        ));
    }
    if rest.gap_at_end > 0.0 {
        text.push_str(&format!(
            " Then {} are missing, {} of it beyond recovery.",
            show(rest.gap_at_end),
            show(rest.beyond_recovery)
        ));
    }
    if let (Some(useful), Some(possible)) = (rest.last_useful_day, rest.last_possible_day) {
        text.push_str(&format!(
            " A new opportunity has half of its usual chance to count until {}, a tenth until {}.",
            civil_day(useful),
            civil_day(possible)
        ));
    }
    text
}

fn amount(row: &PaceRow, value: f64, currency: &str) -> String {
    match row.metric {
        Metric::Revenue => for_people(from_f64(value.round()).unwrap_or_default(), currency),
        _ => count_text(value.round()),
    }
}

fn chance_text(probability: f64) -> String {
    match probability {
        p if p < 0.01 => "below 1 %".into(),
        p if p > 0.99 => "above 99 %".into(),
        p => percent(p),
    }
}
