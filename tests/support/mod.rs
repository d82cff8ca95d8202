//! What several tests need: a configuration in a folder of its own, and instants.

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::path::Path;

use jiff::Timestamp;
use paceline::clock::Clock;
use paceline::config::{Problems, Settings, document::Document};
use paceline::store::Store;
use tempfile::TempDir;

/// A company of which the opportunities and the plan are known.
pub const DEALS_AND_PLAN: &str = r#"
[company]
name = "C"
time_zone = "UTC"
[source.crm]
kind = "csv"
[[source.crm.file]]
path = "deals.csv"
object = "opportunity"
[source.crm.file.columns]
id = "id"
created_at = "created"
closed_at = "closed"
outcome = "outcome"
amount = "amount"
[plan]
file = "plan.toml"
"#;

/// An instant.
pub fn instant(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A clock that stands still.
pub fn clock(text: &str) -> Clock {
    Clock::Fixed(instant(text))
}

/// Reads a configuration in a folder of its own, which goes when it is dropped.
pub fn settings_of(toml: &str) -> (TempDir, Settings) {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings_in(folder.path(), toml).unwrap();
    (folder, settings)
}

/// Reads a configuration as if it lay in this folder.
pub fn settings_in(folder: &Path, toml: &str) -> Result<Settings, Problems> {
    let file = folder.join("paceline.toml");
    Settings::from_document(&Document::from_text(&file, toml, None)?)
}

/// Writes a file into a folder.
pub fn write(folder: &Path, name: &str, content: &str) {
    std::fs::write(folder.join(name), content).unwrap();
}

/// A company whose files were read by its one source at a clock, in a folder that goes when it is dropped.
pub async fn synced(
    config: &str,
    files: &[(&str, &str)],
    at: Timestamp,
) -> (TempDir, Settings, Store) {
    let (folder, settings) = settings_of(config);
    for (name, content) in files {
        write(folder.path(), name, content);
    }
    let store = Store::open(&settings.database).await.unwrap();
    let clock = Clock::Fixed(at);
    for source in settings.sources.keys() {
        let full = paceline::sync::Full::No;
        let sync = paceline::daemon::sync_source(&settings, &store, &clock, source, full, &|_| {});
        sync.await.unwrap();
    }
    (folder, settings, store)
}

/// Every record and every fault, in a fixed order, whenever they were seen first; faults without the folder of
/// their file.
pub async fn dump(store: &Store) -> Vec<String> {
    let mut lines = Vec::new();
    let mut facts = store.facts().await.unwrap();
    facts.activities.iter_mut().for_each(|activity| activity.entered_after = None);
    // Roles come in the order in which they were stored, which says nothing.
    facts.contact_roles.sort_by_cached_key(|role| format!("{role:?}"));
    lines.push(format!("{facts:?}"));
    for mut fault in store.faults().await.unwrap() {
        fault.origin = fault.origin.rsplit('/').next().unwrap_or_default().to_owned();
        lines.push(format!("{fault:?}"));
    }
    lines
}

/// Every cell of every roll-up, in a fixed order.
pub async fn rollups(store: &Store) -> Vec<String> {
    use paceline::domain::{dimension::Dimension, stage::Stage};
    let mut lines = Vec::new();
    for from in Stage::ALL {
        for to in Stage::ALL {
            for by in std::iter::once(None).chain(Dimension::STORED.map(Some)) {
                let cells = store.cells(from, to, by).await.unwrap();
                lines.extend(cells.iter().map(|cell| format!("{cell:?}")));
            }
        }
    }
    lines.sort();
    lines
}

/// The facts as the change log alone tells them, at the end of time.
pub async fn change_log(store: &Store) -> String {
    let end = Timestamp::from_second(32_503_680_000).unwrap();
    format!("{:?}", store.facts_known_at(end).await.unwrap())
}

/// Two stores are the same; where they are not, shows where.
pub fn assert_same(actual: &[String], expected: &[String], what: &str) {
    assert_eq!(actual.len(), expected.len(), "{what}");
    for (actual, expected) in actual.iter().zip(expected) {
        let differs = actual.bytes().zip(expected.bytes()).position(|(a, b)| a != b);
        let from = differs.unwrap_or(0).saturating_sub(80);
        let shown = |text: &str| text.chars().skip(from).take(240).collect::<String>();
        assert!(actual == expected, "{what}: {}\nand not\n{}", shown(actual), shown(expected));
    }
}
