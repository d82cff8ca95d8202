//! `paceline plan --with KEY=VALUE`: the plan as it would be, beside the plan as it is.

use std::collections::BTreeSet;
use std::path::Path;

use super::{CliError, output};
use crate::alerts::message::amount;
use crate::config::{Settings, document::Document, plan_file};
use crate::domain::{notice::wrap, number::to_f64};
use crate::evaluate::measuring::MeasuredBy;
use crate::plan::{self, Goal, GoalPlan, Measured, lay_out};

/// Keys that stand in `[[goal]]` itself; all others stand in `[goal.assume]`.
const OF_GOAL: [&str; 10] =
    ["revenue", "wins", "opportunities", "mqls", "leads", "visits", "from", "to", "every", "shape"];

/// The goals of a plan file with some of its values replaced. What is wrong with a value is said as it
/// would be for the file.
///
/// # Errors
/// When a change is not `KEY=VALUE`, or the plan is not in order with it.
pub fn goals(file: &Path, changes: &[String]) -> Result<Vec<Goal>, CliError> {
    let usage = |text: String| CliError::Usage(text);
    let text = std::fs::read_to_string(file)
        .map_err(|error| usage(format!("{}: {error}", file.display())))?;
    let mut plan: toml::Table =
        text.parse().map_err(|error| usage(format!("{}: {error}", file.display())))?;
    let mut counted = BTreeSet::new();
    let goals = plan.get_mut("goal").and_then(toml::Value::as_array_mut);
    for goal in goals.into_iter().flatten().filter_map(toml::Value::as_table_mut) {
        for change in changes {
            let (key, value) = change.split_once('=').ok_or_else(|| {
                usage(format!("`--with {change}`: write it like --with win_rate=0.35"))
            })?;
            let (key, value) = (key.trim(), value.trim());
            if OF_GOAL.contains(&key) {
                // A goal counts one thing only: what it does not count is not replaced.
                if goal.contains_key(key) {
                    counted.insert(key.to_owned());
                    goal.insert(key.to_owned(), read(value));
                }
                continue;
            }
            let assume = goal.entry("assume").or_insert_with(|| toml::Table::new().into());
            if let Some(assume) = assume.as_table_mut() {
                assume.insert(key.to_owned(), read(value));
            }
        }
    }
    for change in changes {
        let key = change.split('=').next().unwrap_or_default().trim();
        if OF_GOAL.contains(&key) && !counted.contains(key) {
            return Err(usage(format!("`--with {change}`: no goal of the plan has `{key}`")));
        }
    }
    let text = toml::to_string(&plan).map_err(|error| usage(error.to_string()))?;
    let name = format!("{} with {}", file.display(), changes.join(", "));
    let document = Document::from_text(Path::new(&name), &text, None)?;
    Ok(plan_file::from_document(&document)?)
}

/// A number or a table as TOML has it, anything else as a text.
fn read(value: &str) -> toml::Value {
    let parsed = format!("value = {value}").parse::<toml::Table>();
    let parsed = parsed.ok().and_then(|mut table| table.remove("value"));
    parsed.filter(|value| !value.is_datetime()).unwrap_or_else(|| value.to_owned().into())
}

/// The goals worked out.
///
/// # Errors
/// See [`crate::plan::PlanError`].
pub fn lay_out_all(
    settings: &Settings,
    goals: &[Goal],
    measured: &MeasuredBy,
) -> Result<Vec<GoalPlan>, CliError> {
    let company = &settings.company;
    let nothing = Measured::default();
    let of = |goal: &Goal| measured.get(&goal.scope).unwrap_or(&nothing);
    let mut plans = Vec::new();
    for goal in goals {
        let plan = lay_out(goal, of(goal), &company.hours, company.fiscal_start)
            .map_err(|error| CliError::Usage(error.to_string()))?;
        let parts = plan::parts(&plan);
        plans.push(plan);
        plans.extend(parts);
    }
    Ok(plans)
}

/// What each goal needs, as planned and with the changes.
pub fn comparison(
    planned: &[GoalPlan],
    changed: &[GoalPlan],
    changes: &[String],
    currency: &str,
) -> String {
    let mut out = format!("With {}:\n\n", changes.join(", "));
    for with in changed.iter().filter(|plan| plan.goal.part_of.is_none()) {
        let before = planned.iter().find(|plan| plan.goal.name == with.goal.name);
        let rows = with.chain.required.iter().map(|(metric, value)| {
            let old = before.and_then(|plan| plan.chain.required.get(metric));
            let more = old.map(|old| to_f64(*value) - to_f64(*old));
            let more = more.map_or("–".into(), |more| {
                let sign = if more > 0.0 { "+" } else { "" };
                format!("{sign}{}", amount(*metric, more, currency))
            });
            vec![
                metric.title().to_owned(),
                old.map_or("–".into(), |old| amount(*metric, to_f64(*old), currency)),
                amount(*metric, to_f64(*value), currency),
                more,
            ]
        });
        let table = output::Table::new(vec!["", "as planned", "with", "more"], rows.collect());
        out.push_str(&format!("{}\n{}\n", with.goal.name, table.text()));
    }
    let text = "The periods: `--format csv`. Nothing was changed: put it into the plan file to plan \
                with it.";
    wrap(&mut out, "", text, output::COLUMNS);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Metric;
    use crate::plan::{Given, Pair};

    #[test]
    fn a_value_of_every_goal_is_replaced_and_checked_as_in_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plan.toml");
        std::fs::write(&file, include_str!("../../config/plan.toml")).unwrap();
        let with = |changes: &[&str]| {
            goals(&file, &changes.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
        };
        let changed =
            with(&["win_rate=0.35", "opportunities=500", "sales_cycle=3 months"]).unwrap();
        for goal in &changed {
            let rate = goal.assume.rates[&Pair::WinRate];
            assert_eq!(rate, Given::Value("0.35".parse().unwrap()), "{}", goal.name);
        }
        assert_eq!(changed[0].metric, Metric::Revenue, "it counts no opportunities");
        assert_eq!(changed[1].target, 500.into());
        for wrong in ["wins=50", "win_rate=1.5", "win_rat=0.3", "win_rate", "average_deal_value=-1"]
        {
            let error = with(&[wrong]).unwrap_err();
            assert_eq!(error.code(), 2, "{wrong}");
            assert!(error.to_string().contains(wrong.split('=').next().unwrap()), "{error}");
        }
    }
}
