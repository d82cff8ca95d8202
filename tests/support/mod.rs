//! What several tests need: a configuration in a folder of its own, and instants.

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::path::Path;

use jiff::Timestamp;
use paceline::clock::Clock;
use paceline::config::{Problems, Settings, document::Document};
use paceline::store::Store;
use tempfile::TempDir;

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

/// Every row of every table that holds records, faults and roll-ups, in a fixed order.
pub async fn dump(store: &Store) -> Vec<String> {
    let mut lines = Vec::new();
    let facts = store.facts().await.unwrap();
    lines.push(format!("{facts:?}"));
    lines.push(format!("{:?}", store.faults().await.unwrap()));
    lines
}
