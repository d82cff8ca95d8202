//! `paceline jobs`

use serde_json::json;

use super::{CliResult, Format, Global, open, output};
use crate::alerts::message::day_time;
use crate::schedule::Job;

pub async fn run(global: &Global) -> CliResult {
    let settings = global.settings()?;
    let store = open(&settings).await?;
    let rows = store.jobs().await?;
    store.close().await;
    let zone = &settings.company.zone;
    let known = Job::all(&settings).into_iter().map(|job| job.name());
    let known: Vec<_> = known.filter_map(|name| Some((rows.get(&name)?.clone(), name))).collect();
    if global.format == Format::Json {
        let jobs: Vec<_> = known
            .iter()
            .map(|(row, name)| {
                json!({
                    "job": name, "run": row.run, "next_due": row.next_due,
                    "last_started": row.last_started, "last_finished": row.last_finished,
                    "last_success": row.last_success, "last_outcome": row.last_outcome,
                    "consecutive_failures": row.failures, "running": row.lease.is_some(),
                })
            })
            .collect();
        return output::json(&json!({"as_of": global.clock().now(), "jobs": jobs}));
    }
    let table = output::Table {
        header: vec!["job", "last run", "next", "outcome"],
        rows: known
            .into_iter()
            .map(|(row, name)| {
                let outcome = row.last_outcome.unwrap_or_else(|| "not run yet".into());
                let first_line = outcome.lines().next().unwrap_or_default().to_owned();
                let last = row.last_started.map_or("–".to_owned(), |at| day_time(at, zone));
                let outcome = if row.lease.is_some() { "running".into() } else { first_line };
                vec![name, last, day_time(row.next_due, zone), outcome]
            })
            .collect(),
        texts: &[0, 3],
    };
    match global.format {
        Format::Csv => table.csv(),
        _ => output::text(&table.text()),
    }
}
