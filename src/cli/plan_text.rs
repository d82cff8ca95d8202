//! The backward plan for people and for programs.

use serde_json::{Value, json};

use super::output;
use crate::alerts::message::amount;
use crate::domain::{
    money::{decimal_text, thousands},
    number::to_f64,
    scope::Scope,
    stage::Metric,
};
use crate::evaluate::versions::Standing;
use crate::plan::{GoalPlan, Lag, Pair};

/// Money as decimal text, counts as numbers.
pub fn number(metric: Metric, value: rust_decimal::Decimal) -> Value {
    if metric == Metric::Revenue {
        return decimal_text(value.round_dp(2)).into();
    }
    if value.fract().is_zero() {
        return json!(to_f64(value) as i64);
    }
    json!(to_f64(value))
}

/// The goals, with their parts within.
pub fn goals_json(plans: &[GoalPlan], standing: &Standing, currency: &str) -> Vec<Value> {
    let wholes = plans.iter().filter(|plan| plan.goal.part_of.is_none());
    let with_parts = wholes.map(|plan| {
        let mut json = goal_json(plan, standing, currency);
        let parts = parts_of(plan, plans).map(|part| goal_json(part, standing, currency));
        json["parts"] = parts.collect();
        json
    });
    with_parts.collect()
}

fn parts_of<'a>(plan: &'a GoalPlan, plans: &'a [GoalPlan]) -> impl Iterator<Item = &'a GoalPlan> {
    plans.iter().filter(|part| part.goal.part_of.as_ref() == Some(&plan.goal.name))
}

/// What each part carries.
pub fn parts_text(plan: &GoalPlan, plans: &[GoalPlan], currency: &str) -> String {
    let row = |part: &GoalPlan| {
        let scope = part.goal.scope.as_ref().map(ToString::to_string).unwrap_or_default();
        let numbers = part.chain.required.iter();
        let numbers = numbers.map(|(metric, value)| amount(*metric, to_f64(*value), currency));
        std::iter::once(scope).chain(numbers).collect()
    };
    let rows: Vec<Vec<String>> = parts_of(plan, plans).map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    let titles = plan.chain.required.keys().map(|metric| metric.title());
    let table = output::Table::new(std::iter::once("part").chain(titles).collect(), rows);
    format!("{}\n", table.text())
}

fn goal_json(plan: &GoalPlan, standing: &Standing, currency: &str) -> Value {
    let numbers = |of: &std::collections::BTreeMap<Metric, rust_decimal::Decimal>| {
        let mut object = serde_json::Map::new();
        for metric in Metric::ALL {
            let value = of.get(&metric).map_or(Value::Null, |value| number(metric, *value));
            object.insert(metric.name().to_owned(), value);
        }
        object.insert("currency".into(), currency.into());
        object
    };
    let mut required = numbers(&plan.chain.required);
    if let Some(clients) = plan.chain.clients_needed {
        required.insert("clients_needed".into(), number(Metric::Wins, clients));
    }
    if let Some(retained) = plan.chain.retained {
        required.insert("retained".into(), number(Metric::Wins, retained));
    }
    let periods: Vec<Value> = plan
        .periods
        .iter()
        .map(|period| {
            let mut object = numbers(&period.numbers);
            object.insert("from".into(), json!(period.period.from));
            object.insert("to".into(), json!(period.period.to));
            Value::Object(object)
        })
        .collect();
    let rates: Vec<Value> = plan
        .chain
        .rates
        .iter()
        .map(|(pair, assumed)| {
            json!({
                "rate": pair.key(),
                "value": assumed.value.normalize().to_string(),
                "from": assumed.from.name(),
            })
        })
        .collect();
    let lag = |(pair, lag): &(Pair, Lag)| {
        let share = plan.in_goal_share_of(Metric::of_stage(pair.stages().0));
        let measured = plan.goal.assume.lag(*pair) == Lag::Actual;
        json!({
            "rate": pair.key(),
            "lag": lag.title(),
            "from": if measured { "measured" } else { "plan" },
            "in_goal_share": share,
        })
    };
    let lags: Vec<Value> = plan.lags.iter().map(lag).collect();
    json!({
        "name": plan.goal.of(),
        "scope": plan.goal.scope.as_ref().map(Scope::name),
        "version": standing.number.max(1),
        "approved": standing.approved.as_ref().map(|(by, why)| json!({"by": by, "why": why})),
        "from": plan.goal.period.from,
        "to": plan.goal.period.to,
        "required": required,
        "in_goal_share": plan.in_goal_share(),
        "lags": lags,
        "assumptions": rates,
        "periods": periods,
        "arithmetic": plan.chain.arithmetic,
    })
}

pub fn goal_text(plan: &GoalPlan, currency: &str) -> String {
    let goal = &plan.goal;
    let last = goal.period.to.yesterday().unwrap_or(goal.period.to);
    let target = thousands(&goal.target.normalize().to_string());
    let of = goal.scope.as_ref().map_or_else(String::new, |scope| format!(" of {scope}"));
    let unit = if goal.metric == Metric::Revenue { currency } else { "" };
    let mut out = format!(
        "{}: {target} {unit} {}{of}, {} to {last}\n\n",
        goal.name,
        goal.metric.title(),
        goal.period.from
    )
    .replace("  ", " ");
    for line in &plan.chain.arithmetic {
        out.push_str(&format!("  {line}\n"));
    }
    let mut table = periods_table(std::slice::from_ref(plan));
    // The goal's name stands above, and what the plan does not use needs no column.
    for column in (0..table.header.len()).rev() {
        if column == 0 || table.rows.iter().all(|row| row[column].is_empty()) {
            table.header.remove(column);
            table.rows.iter_mut().for_each(|row| drop(row.remove(column)));
        }
    }
    let shown = |cell: &mut String| {
        if let Ok(number) = cell.parse::<rust_decimal::Decimal>() {
            let places = if number.abs() < rust_decimal::Decimal::ONE_THOUSAND { 1 } else { 0 };
            *cell = thousands(&number.round_dp(places).normalize().to_string());
        }
    };
    table.rows.iter_mut().flatten().for_each(shown);
    out.push('\n');
    out.push_str(&table.text());
    out.push_str("What stands in a period is what must be created in it.\n\n");
    out
}

pub fn periods_table(plans: &[GoalPlan]) -> output::Table {
    let mut rows = Vec::new();
    for plan in plans {
        for period in &plan.periods {
            let mut row = vec![plan.goal.name.clone(), period.period.from.to_string()];
            row.push(period.period.to.to_string());
            for metric in Metric::ALL {
                let value = period.numbers.get(&metric);
                row.push(
                    value.map_or(String::new(), |value| value.round_dp(2).normalize().to_string()),
                );
            }
            rows.push(row);
        }
    }
    let header = vec!["goal", "from", "to", "visits", "leads", "mqls", "opps", "wins", "revenue"];
    output::Table::new(header, rows)
}
