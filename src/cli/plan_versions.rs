//! `paceline plan approve`, `plan versions` and `plan --propose`.

use jiff::Timestamp;
use serde_json::json;

use super::{CliError, CliResult, Format, Global, feasible, open, output, what_if};
use crate::alerts::message::day_time;
use crate::config::Settings;
use crate::domain::notice::{plain, wrap};
use crate::evaluate::{
    Snapshot,
    feasibility::{Feasibility, proposal},
    snapshot::load_goals,
    versions::{self, Standing},
};
use crate::plan::{Goal, GoalPlan};
use crate::store::plans::PlanVersion;

/// Keeps the plan file as a version.
pub async fn approve(global: &Global, settings: &Settings, by: &str, why: &str) -> CliResult {
    for (flag, text, example) in [("by", by, "Ada"), ("why", why, "the board agreed")] {
        if text.trim().is_empty() {
            let text = format!("`--{flag}` is empty: write it like --{flag} \"{example}\"");
            return Err(CliError::Usage(text));
        }
    }
    let file = settings.plan.as_deref().ok_or_else(|| super::plan::no_plan(settings))?;
    let store = open(settings).await?;
    let now = global.clock().now();
    let snapshot = Snapshot::load(settings, &store, now, None).await?;
    // What is approved must be in order.
    super::plan_in_order(&snapshot.plan_errors)?;
    let plan = std::fs::read_to_string(file)
        .map_err(|error| CliError::Failed(format!("{}: {error}", file.display())))?;
    if let Some((before, _)) = &snapshot.standing.approved {
        let number = snapshot.standing.number;
        return output::text(&format!("This is version {number} already, approved by {before}.\n"));
    }
    let versions = store.plan_versions(Timestamp::MAX).await?;
    if let Some(later) = versions.last().filter(|last| last.at > now) {
        let day = day_time(later.at, &settings.company.zone);
        return Err(CliError::Usage(format!(
            "version {} was approved later, on {day}: a version cannot come before it; leave out --as-of",
            later.number
        )));
    }
    let version = PlanVersion {
        number: 0,
        at: now,
        by: plain(by.trim()),
        reason: plain(why.trim()),
        plan,
        measured: versions::write(&snapshot.measured),
    };
    let mut write = store.begin().await?;
    let number = write.add_plan_version(&version).await?;
    write.commit().await?;
    let mut out = String::new();
    let text = format!("Version {number} is approved by {}: {}", version.by, version.reason);
    wrap(&mut out, "", &text, output::COLUMNS);
    output::text(&out)
}

/// Prints every version.
pub async fn list(global: &Global, settings: &Settings) -> CliResult {
    let store = open(settings).await?;
    let versions = store.plan_versions(global.clock().now()).await?;
    let zone = &settings.company.zone;
    if global.format == Format::Json {
        let version = |one: &PlanVersion| {
            json!({
                "version": one.number, "at": one.at, "by": one.by, "why": one.reason,
                "plan": one.plan,
            })
        };
        let versions: Vec<_> = versions.iter().map(version).collect();
        return output::json(&json!({ "versions": versions }));
    }
    let row = |one: &PlanVersion| {
        vec![one.number.to_string(), day_time(one.at, zone), one.by.clone(), one.reason.clone()]
    };
    let table = output::Table {
        header: vec!["version", "approved", "by", "why"],
        rows: versions.iter().map(row).collect(),
        texts: &[1, 2, 3],
    };
    match global.format {
        Format::Csv => table.csv(),
        _ if versions.is_empty() => output::text(
            "No version was approved yet: paceline plan approve --by \"…\" --why \"…\"\n",
        ),
        _ => output::text(&table.text()),
    }
}

/// How the file stands to what was approved.
pub fn line(standing: &Standing) -> String {
    let mut out = String::new();
    let text = match &standing.approved {
        Some((by, why)) => format!("This is version {}, approved by {by}: {why}", standing.number),
        None if standing.any => format!(
            "This is a draft of version {}: paceline plan approve --by \"…\" --why \"…\"",
            standing.number
        ),
        None => return out,
    };
    wrap(&mut out, "", &text, output::COLUMNS);
    out
}

/// What to change in the plan, with the evidence, and what it would then ask for.
pub fn propose(
    global: &Global,
    snapshot: &Snapshot<'_>,
    feasible: &[Feasibility],
    currency: &str,
) -> CliResult {
    let goals = load_goals(snapshot.settings)?;
    let of = |goal: &Goal| feasible.iter().find(|found| found.goal == goal.name);
    let proposals: Vec<(Goal, &Feasibility)> = goals
        .iter()
        .filter_map(|goal| of(goal).and_then(|found| Some((proposal(goal, found)?, found))))
        .collect();
    let changed: Vec<Goal> = proposals.iter().map(|(goal, _)| goal.clone()).collect();
    let plans: Vec<GoalPlan> =
        what_if::lay_out_all(snapshot.settings, &changed, &snapshot.measured)?;
    if global.format == Format::Json {
        let goals = proposals.iter().map(|(goal, found)| {
            let plan = plans.iter().find(|plan| plan.goal.name == goal.name);
            let required = plan.into_iter().flat_map(|plan| &plan.chain.required);
            let required = required.map(|(metric, value)| (metric.name(), value.to_string()));
            json!({
                "name": goal.name,
                "feasibility": feasible::json(found),
                "changes": feasible::changes(found, currency).lines()
                    .filter(|line| !line.starts_with('#')).collect::<Vec<_>>(),
                "required": required.collect::<std::collections::BTreeMap<_, _>>(),
            })
        });
        let goals: Vec<_> = goals.collect();
        return output::json(&json!({ "as_of": snapshot.clock, "proposals": goals }));
    }
    if snapshot.settings.plan.is_none() {
        return Err(super::plan::no_plan(snapshot.settings));
    }
    if proposals.is_empty() {
        let known = |found: &Feasibility| found.assumptions.iter().any(|one| one.past.is_some());
        return output::text(if feasible.iter().any(known) {
            "What was measured gives no reason to change an assumption.\n"
        } else {
            "Too little was measured to propose anything.\n"
        });
    }
    for (goal, found) in &proposals {
        output::text(&format!(
            "# {}\n[goal.assume]\n{}\n",
            goal.name,
            feasible::changes(found, currency)
        ))?;
    }
    let text = what_if::comparison(&snapshot.plans, &plans, &["these".into()], currency);
    output::text(&text)
}
