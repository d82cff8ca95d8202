//! How a goal may end, in words.

use jiff::civil::Date;

use super::message::{amount, civil_day, percent};
use crate::forecast::Pipeline;
use crate::pacing::PaceRow;

/// Where the period may end, and how likely the goal is; none where nothing is forecast.
pub fn forecast_text(row: &PaceRow, currency: &str) -> Option<String> {
    let forecast = row.forecast?;
    let (low, high) =
        (amount(row.metric, forecast.p10, currency), amount(row.metric, forecast.p90, currency));
    let span = if low == high { low } else { format!("{low} to {high}") };
    Some(format!(
        "ends at {span} {} in 8 of 10 cases; chance of the goal {}",
        row.metric.title(),
        chance_text(forecast.probability)
    ))
}

/// What is still to come of wins and revenue, a sentence each.
pub fn pipeline_text(row: &PaceRow, rest: &Pipeline, currency: &str) -> String {
    let show = |value: f64| amount(row.metric, value, currency);
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
        text.push_str(&last_days(useful, possible, rest.today));
    }
    let past = |day: Date| rest.today.is_some_and(|today| day < today);
    for days in &rest.last_days_before {
        let (half, tenth) = (civil_day(days.useful), civil_day(days.possible));
        text.push_str(&match (past(days.useful), past(days.possible)) {
            (_, true) => format!(" New {} came too late since {tenth}.", days.stage),
            (true, false) => format!(
                " New {} have less than half of their usual chance since {half}, a tenth until {tenth}.",
                days.stage
            ),
            (false, false) => format!(
                " New {} have half of their usual chance until {half}, a tenth until {tenth}.",
                days.stage
            ),
        });
    }
    text
}

/// Until when a new opportunity counts; what is past is said to be.
fn last_days(useful: Date, possible: Date, today: Option<Date>) -> String {
    let past = |day: Date| today.is_some_and(|today| day < today);
    let (half, tenth) = (civil_day(useful), civil_day(possible));
    match (past(useful), past(possible)) {
        (_, true) => format!(" Since {tenth} a new opportunity hardly counts any more."),
        (true, false) => format!(
            " Since {half} a new opportunity has less than half of its usual chance to count; a tenth \
             until {tenth}."
        ),
        (false, false) => format!(
            " A new opportunity has half of its usual chance to count until {half}, a tenth until \
             {tenth}."
        ),
    }
}

pub fn chance_text(probability: f64) -> String {
    match probability {
        p if p < 0.01 => "below 1 %".into(),
        p if p > 0.99 => "above 99 %".into(),
        p => percent(p),
    }
}
