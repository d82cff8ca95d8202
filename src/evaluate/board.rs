//! The figures of the last check, kept for whoever looks: the status page and the metrics.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{EvaluateError, Snapshot};
use crate::domain::stage::Metric;
use crate::handoff::ledger::{HandOff, Verdict};
use crate::handoff::summary::{Summary, summarise};
use crate::pacing::{PaceRow, chart::ChartPoint};
use crate::plan::GoalPlan;

/// Points of a chart: enough for a year by weeks.
const CHART_POINTS: i32 = 60;
/// Hand-offs that are kept.
const HANDOFFS_MAX: usize = 300;
/// What is not settled.
const OPEN: [Verdict; 3] = [Verdict::Waiting, Verdict::Overdue, Verdict::Unknown];

/// The figures.
#[derive(Debug)]
pub struct Board {
    /// When they were worked out.
    pub at: Timestamp,
    /// How far all data is complete.
    pub data_as_of: Option<Timestamp>,
    /// Where every goal stands.
    pub pace: Vec<PaceRow>,
    /// The goals.
    pub plans: Vec<GoalPlan>,
    /// What is wrong with the others.
    pub plan_errors: Vec<String>,
    /// Goal and metric -> its chart.
    pub charts: BTreeMap<(String, Metric), Vec<ChartPoint>>,
    /// All hand-offs.
    pub handoffs: Summary,
    /// Those that wait, are overdue or not known, the newest first, cut at [`HANDOFFS_MAX`].
    pub open_handoffs: Vec<HandOff>,
    /// Team -> its hand-offs.
    pub handoffs_by_team: BTreeMap<String, Summary>,
}

impl Board {
    /// The figures of a snapshot.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn of(snapshot: &Snapshot<'_>) -> Result<Board, EvaluateError> {
        let ledger = snapshot.ledger().await?;
        let mut teams: BTreeMap<String, Vec<_>> = BTreeMap::new();
        for row in &ledger.rows {
            let team = row.team.clone().unwrap_or_else(|| "no team".into());
            teams.entry(team).or_default().push(row);
        }
        let pace = snapshot.pace_known();
        let charts = pace.iter().map(|row| {
            let key = (row.goal.clone(), row.metric);
            (key, snapshot.chart(row, CHART_POINTS))
        });
        Ok(Board {
            at: snapshot.clock,
            data_as_of: snapshot.data_as_of_all(),
            charts: charts.collect(),
            pace,
            plans: snapshot.plans.clone(),
            plan_errors: snapshot.plan_errors.clone(),
            handoffs: summarise(ledger.rows.iter()),
            open_handoffs: ledger
                .rows
                .iter()
                .rev()
                .filter(|row| OPEN.contains(&row.verdict))
                .take(HANDOFFS_MAX)
                .cloned()
                .collect(),
            handoffs_by_team: teams
                .into_iter()
                .map(|(team, rows)| (team, summarise(rows.into_iter())))
                .collect(),
        })
    }
}
