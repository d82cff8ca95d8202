//! An assumption of a plan and what the past says of it, in words.

use super::feasibility::{About, Assumed, Feasibility};
use crate::alerts::Doubt;
use crate::alerts::message::{exact_money, percent};
use crate::plan::Goal;
use crate::rates::assumed::Past;

/// The key of an assumption in the plan file; volumes have none.
pub fn key(about: About) -> String {
    match about {
        About::Rate(pair) => pair.key().to_owned(),
        About::DealValue => "average_deal_value".into(),
        About::SalesCycle => "sales_cycle".into(),
        About::Retention => "retention_rate".into(),
        About::Volume(metric) => format!("{}_per_business_day", metric.name()),
    }
}

fn number(about: About, value: f64, currency: &str) -> String {
    match about {
        About::Rate(_) | About::Retention => percent(value),
        About::DealValue => exact_money(value, currency),
        About::SalesCycle => format!("{value:.0} days"),
        About::Volume(metric) => format!("{value:.1} {} a business day", metric.title()),
    }
}

/// What the past says of an assumption, in a sentence.
pub fn sentence(assumed: &Assumed, currency: &str) -> String {
    let of = |value: f64| number(assumed.about, value, currency);
    let title = match assumed.about {
        About::Rate(pair) => format!("{} ", pair.title()),
        About::DealValue => "deal value ".into(),
        About::SalesCycle => "sales cycle ".into(),
        About::Retention => "retention of clients ".into(),
        About::Volume(_) => String::new(),
    };
    let mut text = format!("{title}{}: {}", of(assumed.planned), assumed.verdict.title());
    let Some(past) = assumed.past else {
        text.push_str(", too few are known");
        return text;
    };
    text.push_str("; ");
    text.push_str(&match assumed.about {
        About::Volume(_) => {
            format!("{} now, {} in the busiest month", of(past.value), of(past.high))
        }
        About::SalesCycle => {
            format!("half of the wins take {}", interval(assumed, &past, currency))
        }
        _ => format!("measured {}", interval(assumed, &past, currency)),
    });
    if let Some((from, best)) = past.best.filter(|_| past.quarters > 1) {
        text.push_str(&format!("; the best quarter, from {}, had {}", from, of(best)));
    }
    text
}

fn interval(assumed: &Assumed, past: &Past, currency: &str) -> String {
    let of = |value: f64| number(assumed.about, value, currency);
    let within = assumed.window_days.map_or(String::new(), |days| format!(" within {days} days"));
    let (low, high, many) = (of(past.low), of(past.high), past.of);
    format!("{} ({low} to {high}) of {many}{within}", of(past.value))
}

/// The assumptions of a goal as the rules see them. Volumes are what a plan asks for, and no assumption.
pub fn doubts(goal: &Goal, feasibility: &Feasibility, currency: &str) -> Vec<Doubt> {
    let assumed = feasibility.assumptions.iter();
    let assumed = assumed.filter(|assumed| !matches!(assumed.about, About::Volume(_)));
    assumed
        .map(|assumed| Doubt {
            goal: goal.name.clone(),
            team: goal.team.clone(),
            key: key(assumed.about),
            sentence: sentence(assumed, currency),
            planned: assumed.planned,
            measured: assumed.past.map(|past| past.value),
            verdict: assumed.verdict,
            starts: goal.period.from,
            ends: goal.period.to,
        })
        .collect()
}
