//! `paceline plan`

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{CliResult, Format, Global, output, what_if};
use crate::alerts::message::amount;
use crate::config::Settings;
use crate::domain::{money::decimal_text, number::to_f64, scope::Scope, stage::Metric};
use crate::evaluate::{
    Snapshot,
    measuring::{MeasuredBy, measured_by},
    snapshot::load_goals,
};
use crate::plan::{GoalPlan, Measured, lay_out};
use crate::store::Store;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Another plan file than the configuration's.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// What if: another assumption or goal, like win_rate=0.35; can be given again.
    #[arg(long, value_name = "KEY=VALUE")]
    with: Vec<String>,
}

pub async fn run(global: &Global, args: &Args) -> CliResult {
    let mut settings = global.settings()?;
    if let Some(file) = &args.file {
        settings.plan = Some(file.clone());
    }
    let now = global.clock().now();
    // A plan is of use before there is any data.
    let changed = match (&settings.plan, args.with.is_empty()) {
        (Some(file), false) => what_if::goals(file, &args.with)?,
        _ => Vec::new(),
    };
    let (plans, errors, data_as_of, measured) = if settings.database.exists() {
        let store = Store::open(&settings.database).await?;
        let snapshot = Snapshot::load(&settings, &store, now, None).await?;
        let data_as_of = snapshot.data_as_of_all();
        let measured = measured_by(&snapshot, &changed).await?;
        (snapshot.plans, snapshot.plan_errors, data_as_of, measured)
    } else {
        let (plans, errors) = without_data(&settings)?;
        (plans, errors, None, MeasuredBy::new())
    };
    let currency = &settings.company.currency;
    if !changed.is_empty() {
        let changed = what_if::lay_out_all(&settings, &changed, &measured)?;
        return match global.format {
            Format::Json => {
                let goals = goals_json(&changed, currency);
                output::json(&json!({
                    "as_of": now, "data_as_of": data_as_of, "with": args.with, "goals": goals,
                }))
            }
            Format::Csv => periods_table(&changed).csv(),
            Format::Text => {
                let text = what_if::comparison(&plans, &changed, &args.with, currency);
                output::text(&text)
            }
        };
    }
    match global.format {
        Format::Json => {
            let goals = goals_json(&plans, currency);
            output::json(&json!({"as_of": now, "data_as_of": data_as_of, "goals": goals}))?;
        }
        Format::Csv => periods_table(&plans).csv()?,
        Format::Text => {
            if settings.plan.is_none() {
                let file = settings.file.display();
                return output::text(&format!(
                    "There is no plan: add `[plan]` with `file = \"plan.toml\"` to {file}\n"
                ));
            }
            for plan in plans.iter().filter(|plan| plan.goal.part_of.is_none()) {
                output::text(&goal_text(plan, currency))?;
                output::text(&parts_text(plan, &plans, currency))?;
            }
        }
    }
    super::plan_in_order(&errors)
}

/// The goals that can be worked out without any data, and what is wrong with the others.
fn without_data(settings: &Settings) -> Result<(Vec<GoalPlan>, Vec<String>), super::CliError> {
    let company = &settings.company;
    let (mut plans, mut errors) = (Vec::new(), Vec::new());
    for goal in load_goals(settings)? {
        match lay_out(&goal, &Measured::default(), &company.hours, company.fiscal_start) {
            Ok(plan) => {
                let parts = crate::plan::parts(&plan);
                plans.push(plan);
                plans.extend(parts);
            }
            Err(error) => errors.push(error.to_string()),
        }
    }
    Ok((plans, errors))
}

fn number(metric: Metric, value: rust_decimal::Decimal) -> Value {
    if metric == Metric::Revenue {
        return decimal_text(value.round_dp(2)).into();
    }
    if value.fract().is_zero() {
        return json!(to_f64(value) as i64);
    }
    json!(to_f64(value))
}

/// The goals, with their parts within.
fn goals_json(plans: &[GoalPlan], currency: &str) -> Vec<Value> {
    let wholes = plans.iter().filter(|plan| plan.goal.part_of.is_none());
    let with_parts = wholes.map(|plan| {
        let mut json = goal_json(plan, currency);
        let parts = parts_of(plan, plans).map(|part| goal_json(part, currency));
        json["parts"] = parts.collect();
        json
    });
    with_parts.collect()
}

fn parts_of<'a>(plan: &'a GoalPlan, plans: &'a [GoalPlan]) -> impl Iterator<Item = &'a GoalPlan> {
    plans.iter().filter(|part| part.goal.part_of.as_ref() == Some(&plan.goal.name))
}

/// What each part carries.
fn parts_text(plan: &GoalPlan, plans: &[GoalPlan], currency: &str) -> String {
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

fn goal_json(plan: &GoalPlan, currency: &str) -> Value {
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
    json!({
        "name": plan.goal.of(),
        "scope": plan.goal.scope.as_ref().map(Scope::name),
        "version": 1,
        "from": plan.goal.period.from,
        "to": plan.goal.period.to,
        "required": required,
        "in_goal_share": plan.in_goal_share,
        "assumptions": rates,
        "periods": periods,
        "arithmetic": plan.chain.arithmetic,
    })
}

fn goal_text(plan: &GoalPlan, currency: &str) -> String {
    let goal = &plan.goal;
    let last = goal.period.to.yesterday().unwrap_or(goal.period.to);
    let target = crate::domain::money::thousands(&goal.target.normalize().to_string());
    let unit = if goal.metric == Metric::Revenue { currency } else { "" };
    let mut out = format!(
        "{}: {target} {unit} {}, {} to {last}\n\n",
        goal.name,
        goal.metric.title(),
        goal.period.from
    )
    .replace("  ", " ");
    for line in &plan.chain.arithmetic {
        out.push_str(&format!("  {line}\n"));
    }
    let mut table = periods_table(std::slice::from_ref(plan));
    // The goal's name stands above.
    table.header.remove(0);
    table.rows.iter_mut().for_each(|row| drop(row.remove(0)));
    out.push('\n');
    out.push_str(&table.text());
    out.push_str("What stands in a period is what must be created in it.\n\n");
    out
}

fn periods_table(plans: &[GoalPlan]) -> output::Table {
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
