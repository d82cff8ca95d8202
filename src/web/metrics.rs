//! Metrics in Prometheus' text format: base units, and no label whose values grow with the data. The
//! job of a row is called `task`, since Prometheus gives `job` a meaning of its own.

use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use rust_decimal::prelude::ToPrimitive;

use super::Asked;
use crate::alerts::rules::RULES;
use crate::daemon::Ground;
use crate::handoff::ledger::Verdict;
use crate::schedule::Job;
use crate::store::StoreError;

/// The format's own type.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Every metric: its name and what it says.
pub const METRICS: [(&str, &str); 25] = [
    ("paceline_build_info", "The running version; always 1."),
    ("paceline_start_timestamp_seconds", "When the daemon began."),
    ("paceline_tick_timestamp_seconds", "When the schedule was last looked at."),
    ("paceline_store_up", "Whether the database answers."),
    ("paceline_database_bytes", "Size of the database without its log."),
    ("paceline_source_up", "Whether the last sync read everything."),
    ("paceline_source_complete_timestamp_seconds", "How far the source's data is complete."),
    ("paceline_source_usual_lag_seconds", "How far behind it is when all is well."),
    ("paceline_source_last_attempt_timestamp_seconds", "When the source was last asked."),
    ("paceline_source_data_faults", "Records in which something is wrong."),
    ("paceline_job_next_due_timestamp_seconds", "When the job is due next."),
    ("paceline_job_last_success_timestamp_seconds", "When the job last went well."),
    ("paceline_job_last_duration_seconds", "How long the job's last run took."),
    ("paceline_job_consecutive_failures", "Failures since the job last went well."),
    ("paceline_job_runs", "Runs of the job since the database was made."),
    ("paceline_outbox_messages", "Messages by what became of them."),
    ("paceline_outbox_oldest_due_seconds", "How long the oldest message that is due has waited."),
    ("paceline_alerts_open", "Alerts that go on, by rule."),
    ("paceline_figures_timestamp_seconds", "When the figures below were worked out."),
    ("paceline_goal_pace_ratio", "Actual divided by plan to date."),
    ("paceline_goal_actual", "What is there, money in the company's currency."),
    ("paceline_goal_plan_to_date", "What the plan wants by now."),
    ("paceline_handoffs", "Hand-offs in the ledger, by verdict."),
    ("process_resident_memory_bytes", "Memory in use."),
    ("process_cpu_seconds_total", "Processor time used."),
];

/// Everything, at the moment of asking.
pub async fn metrics(State(web): Asked) -> Response {
    let text = text(&web.ground()).await;
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response()
}

/// Samples put together by metric.
#[derive(Default)]
struct Samples(Vec<(&'static str, String, f64)>);

impl Samples {
    fn add(&mut self, name: &'static str, labels: &[(&str, &str)], value: f64) {
        let escape =
            |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        self.0.push((name, labels, value));
    }

    fn at(&mut self, name: &'static str, labels: &[(&str, &str)], at: Option<Timestamp>) {
        if let Some(at) = at {
            self.add(name, labels, at.as_millisecond() as f64 / 1_000.0);
        }
    }

    fn text(&self) -> String {
        let mut out = String::new();
        for (metric, help) in METRICS {
            let mut own = self.0.iter().filter(|(name, ..)| *name == metric).peekable();
            if own.peek().is_none() {
                continue;
            }
            let kind = if metric.ends_with("_total") { "counter" } else { "gauge" };
            // Writing to a String cannot fail.
            let _ = writeln!(out, "# HELP {metric} {help}\n# TYPE {metric} {kind}");
            for (name, labels, value) in own {
                let _ = writeln!(out, "{name}{labels} {value}");
            }
        }
        out
    }
}

async fn text(ground: &Ground) -> String {
    let mut samples = Samples::default();
    let labels = [("version", env!("CARGO_PKG_VERSION")), ("commit", crate::COMMIT)];
    samples.add("paceline_build_info", &labels, 1.0);
    let ticks = ground.pulse.ticks();
    samples.at("paceline_start_timestamp_seconds", &[], ticks.map(|(first, _)| first));
    samples.at("paceline_tick_timestamp_seconds", &[], ticks.map(|(_, last)| last));
    let stored = of_store(ground, &mut samples).await;
    samples.add("paceline_store_up", &[], f64::from(u8::from(stored.is_ok())));
    of_figures(ground, &mut samples);
    of_process(&mut samples);
    samples.text()
}

async fn of_store(ground: &Ground, samples: &mut Samples) -> Result<(), StoreError> {
    let (store, settings, now) = (&ground.store, &ground.settings, ground.clock.now());
    samples.add("paceline_database_bytes", &[], store.size_bytes().await? as f64);
    let states = store.source_states().await?;
    let faults = store.fault_counts().await?;
    for (name, source) in &settings.sources {
        let labels = [("source", name.as_str())];
        let state = states.get(name).cloned().unwrap_or_default();
        let up = state.complete_to.is_some() && state.last_error.is_none();
        samples.add("paceline_source_up", &labels, f64::from(u8::from(up)));
        samples.at("paceline_source_complete_timestamp_seconds", &labels, state.complete_to);
        let lag = source.kind.lag_secs();
        samples.add("paceline_source_usual_lag_seconds", &labels, lag as f64);
        samples.at("paceline_source_last_attempt_timestamp_seconds", &labels, state.last_attempt);
        let count = faults.get(name).copied().unwrap_or(0);
        samples.add("paceline_source_data_faults", &labels, count as f64);
    }
    let rows = store.jobs().await?;
    for job in Job::all(settings) {
        let name = job.name();
        let labels = [("task", name.as_str())];
        let Some(row) = rows.get(&name) else { continue };
        samples.at("paceline_job_next_due_timestamp_seconds", &labels, Some(row.next_due));
        samples.at("paceline_job_last_success_timestamp_seconds", &labels, row.last_success);
        samples.add("paceline_job_consecutive_failures", &labels, row.failures as f64);
        samples.add("paceline_job_runs", &labels, row.run as f64);
        if let Some(secs) = row.last_duration_secs() {
            samples.add("paceline_job_last_duration_seconds", &labels, secs);
        }
    }
    let counts = store.outbox_counts().await?;
    for (state, count) in
        [("waiting", counts.pending), ("given_up", counts.dead), ("unknown", counts.unknown)]
    {
        samples.add("paceline_outbox_messages", &[("state", state)], count as f64);
    }
    let oldest = store.oldest_due(now).await?.unwrap_or(0);
    samples.add("paceline_outbox_oldest_due_seconds", &[], oldest as f64);
    let open = store.open_alert_counts().await?;
    for (rule, _) in RULES {
        let count = open.get(rule).copied().unwrap_or(0);
        samples.add("paceline_alerts_open", &[("rule", rule)], count as f64);
    }
    Ok(())
}

/// Goals and verdicts are few: they come from the plan and from the contract.
fn of_figures(ground: &Ground, samples: &mut Samples) {
    let Some(board) = ground.pulse.board() else { return };
    samples.at("paceline_figures_timestamp_seconds", &[], Some(board.at));
    for row in &board.pace {
        let labels = [("goal", row.goal.as_str()), ("metric", row.metric.name())];
        if let Some(pace) = row.pace {
            samples.add("paceline_goal_pace_ratio", &labels, pace);
        }
        samples.add("paceline_goal_actual", &labels, row.actual.to_f64().unwrap_or(f64::NAN));
        samples.add("paceline_goal_plan_to_date", &labels, row.plan_to_date);
    }
    for verdict in Verdict::ALL {
        let count = board.handoffs.count(verdict) as f64;
        samples.add("paceline_handoffs", &[("verdict", verdict.name())], count);
    }
}

/// What Linux tells about this process, see proc(5).
fn of_process(samples: &mut Samples) {
    const PAGE_BYTES: f64 = 4_096.0;
    const TICKS_PER_SEC: f64 = 100.0;
    let read = |name: &str| std::fs::read_to_string(format!("/proc/self/{name}")).ok();
    let resident = read("statm").and_then(|text| text.split(' ').nth(1)?.parse::<f64>().ok());
    if let Some(pages) = resident {
        samples.add("process_resident_memory_bytes", &[], pages * PAGE_BYTES);
    }
    let used = read("stat").and_then(|text| {
        let mut rest = text.rsplit_once(')')?.1.split_whitespace().skip(11);
        Some(rest.next()?.parse::<f64>().ok()? + rest.next()?.parse::<f64>().ok()?)
    });
    if let Some(ticks) = used {
        samples.add("process_cpu_seconds_total", &[], ticks / TICKS_PER_SEC);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_escaped_and_each_metric_has_its_help_once() {
        let mut samples = Samples::default();
        samples.add("paceline_goal_actual", &[("goal", "a \"b\"\\\nc")], 2.0);
        samples.add("paceline_goal_actual", &[("goal", "d")], 2.5);
        assert_eq!(
            samples.text(),
            "# HELP paceline_goal_actual What is there, money in the company's currency.\n\
             # TYPE paceline_goal_actual gauge\n\
             paceline_goal_actual{goal=\"a \\\"b\\\"\\\\\\nc\"} 2\n\
             paceline_goal_actual{goal=\"d\"} 2.5\n"
        );
    }
}
