//! `paceline faults`

use serde_json::json;

use super::{CliResult, Format, Global, open, output};
use crate::evaluate::Snapshot;

pub async fn run(global: &Global) -> CliResult {
    let settings = global.settings()?;
    let store = open(&settings).await?;
    let clock = global.clock().now();
    let snapshot = Snapshot::load(&settings, &store, clock, None).await?;
    let mut faults = store.faults().await?;
    faults.extend(snapshot.derived_faults());
    if global.format == Format::Json {
        return output::json(&json!({
            "as_of": clock, "data_as_of": snapshot.data_as_of_all(), "faults": faults,
        }));
    }
    let rows = faults
        .iter()
        .map(|fault| {
            let place = if fault.line > 0 { format!("line {}", fault.line) } else { String::new() };
            vec![
                format!("{} {}", fault.object, fault.record),
                fault.kind.replace('_', " "),
                place,
                fault.detail.clone(),
            ]
        })
        .collect();
    let table = output::Table::new(vec!["record", "fault", "where", "what"], rows);
    if global.format == Format::Csv {
        return table.csv();
    }
    for row in &table.rows {
        output::text(&format!(
            "{}: {}{}\n    {}\n",
            row[0],
            row[1],
            if row[2].is_empty() { String::new() } else { format!(", {}", row[2]) },
            row[3]
        ))?;
    }
    output::text(&format!(
        "{} data faults. The records are kept; the rest goes on.\n",
        faults.len()
    ))
}
