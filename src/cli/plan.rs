//! `paceline plan`

use std::path::PathBuf;

use serde_json::{Value, json};

use super::{
    CliResult, Format, Global, feasible, output,
    plan_text::{goal_text, goals_json, parts_text, periods_table},
    plan_versions, what_if,
};
use crate::config::Settings;
use crate::evaluate::{
    Snapshot,
    feasibility::{Feasibility, feasibility},
    measuring::{MeasuredBy, measured_by},
    snapshot::load_goals,
    versions::Standing,
};
use crate::plan::{GoalPlan, Measured, lay_out};
use crate::store::Store;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Another plan file than the configuration's.
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// A next version from what was measured, with the evidence for each change.
    #[arg(long, conflicts_with = "with")]
    propose: bool,
    /// What if: another assumption or goal, like win_rate=0.35; can be given again.
    #[arg(long, value_name = "KEY=VALUE")]
    with: Vec<String>,
    #[command(subcommand)]
    command: Option<Action>,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Keep the plan file as it is as a version that nobody can change.
    Approve {
        /// Who approves it.
        #[arg(long)]
        by: String,
        /// Why.
        #[arg(long, alias = "reason")]
        why: String,
    },
    /// Who approved which version, when and why.
    Versions,
}

pub async fn run(global: &Global, args: &Args) -> CliResult {
    let mut settings = global.settings()?;
    if let Some(file) = &args.file {
        settings.plan = Some(file.clone());
    }
    match &args.command {
        Some(Action::Approve { by, why }) => {
            plan_versions::approve(global, &settings, by, why).await
        }
        Some(Action::Versions) => plan_versions::list(global, &settings).await,
        None if args.with.is_empty() => show(global, &settings, args.propose).await,
        None => with(global, &settings, &args.with).await,
    }
}

/// The plan as it would be.
async fn with(global: &Global, settings: &Settings, changes: &[String]) -> CliResult {
    let file = settings.plan.as_deref().ok_or_else(|| no_plan(settings))?;
    let goals = what_if::goals(file, changes)?;
    let now = global.clock().now();
    let (plans, measured, data_as_of) = if settings.database.exists() {
        let store = Store::open(&settings.database).await?;
        let snapshot = Snapshot::load(settings, &store, now, None).await?;
        let (measured, data_as_of) =
            (measured_by(&snapshot, &goals).await?, snapshot.data_as_of_all());
        (snapshot.plans, measured, data_as_of)
    } else {
        (without_data(settings)?.0, MeasuredBy::new(), None)
    };
    let changed = what_if::lay_out_all(settings, &goals, &measured)?;
    let currency = &settings.company.currency;
    match global.format {
        Format::Json => {
            let goals = goals_json(&changed, &Standing::default(), currency);
            output::json(&json!({
                "as_of": now, "data_as_of": data_as_of, "with": changes, "goals": goals,
            }))
        }
        Format::Csv => periods_table(&changed).csv(),
        Format::Text => output::text(&what_if::comparison(&plans, &changed, changes, currency)),
    }
}

/// The plan as it is, and whether it can be reached; or what to change in it.
async fn show(global: &Global, settings: &Settings, propose: bool) -> CliResult {
    let now = global.clock().now();
    let currency = &settings.company.currency;
    // A plan is of use before there is any data.
    if !settings.database.exists() {
        let (plans, errors) = without_data(settings)?;
        let known = Known { plans: &plans, standing: Standing::default(), feasible: Vec::new() };
        known.print(global, settings, None)?;
        return super::plan_in_order(&errors);
    }
    let store = Store::open(&settings.database).await?;
    let snapshot = Snapshot::load(settings, &store, now, None).await?;
    let feasible = feasibility(&snapshot).await?;
    if propose {
        plan_versions::propose(global, &snapshot, &feasible, currency)?;
        return super::plan_in_order(&snapshot.plan_errors);
    }
    let standing = snapshot.standing.clone();
    let known = Known { plans: &snapshot.plans, standing, feasible };
    known.print(global, settings, snapshot.data_as_of_all())?;
    super::plan_in_order(&snapshot.plan_errors)
}

/// The plan and what is known of it.
struct Known<'a> {
    plans: &'a [GoalPlan],
    standing: Standing,
    feasible: Vec<Feasibility>,
}

impl Known<'_> {
    fn print(
        &self,
        global: &Global,
        settings: &Settings,
        data_as_of: Option<jiff::Timestamp>,
    ) -> CliResult {
        let currency = &settings.company.currency;
        let of = |name: &str| self.feasible.iter().find(|found| found.goal == name);
        match global.format {
            Format::Json => {
                let mut goals = goals_json(self.plans, &self.standing, currency);
                for goal in &mut goals {
                    let found = goal["name"].as_str().and_then(of);
                    goal["feasibility"] = found.map_or(Value::Null, feasible::json);
                    goal["still_needed"] = goal["feasibility"]["remainder"]["still_needed"].clone();
                }
                let now = global.clock().now();
                output::json(&json!({"as_of": now, "data_as_of": data_as_of, "goals": goals}))
            }
            Format::Csv => periods_table(self.plans).csv(),
            Format::Text => {
                if settings.plan.is_none() {
                    return output::text(&format!("{}\n", no_plan(settings)));
                }
                for plan in self.plans.iter().filter(|plan| plan.goal.part_of.is_none()) {
                    output::text(&goal_text(plan, currency))?;
                    output::text(&parts_text(plan, self.plans, currency))?;
                    if let Some(found) = of(&plan.goal.name) {
                        output::text(&feasible::text(found, currency))?;
                    }
                }
                output::text(&plan_versions::line(&self.standing))
            }
        }
    }
}

pub(super) fn no_plan(settings: &Settings) -> super::CliError {
    let file = settings.file.display();
    super::CliError::Usage(format!(
        "There is no plan: add `[plan]` with `file = \"plan.toml\"` to {file}"
    ))
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
