//! CSV exports: every CRM can write them.
//!
//! A file is a full snapshot and is streamed twice: once for its ids, since of rows with one id the
//! last counts wherever it stands, and once for its records. The cursor is the row, tied to the
//! file's length and time, so an interrupted sync goes on where it stopped and a new export begins
//! at its top.

mod file;
mod value;

use std::collections::{BTreeMap, HashMap};

use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Sender;

use super::{
    Boxed, Complete, Discovered, Inventory, Page, Part, Probe, ReadRequest, Source, SourceError,
    id_hash, outcome,
};
use crate::config::source::{CompleteTo, Csv, CsvFile};
use crate::domain::{Fault, Object};
use file::Opened;

/// Rows of a page.
const ROWS_PER_PAGE: usize = 500;
/// Faults that are listed of one file; more are counted in the last of them.
const FAULTS_PER_FILE_MAX: usize = 10_000;
/// Different values of a field that `discover` keeps apart.
const DISCOVERED_VALUES_MAX: usize = 1_000;

/// The CSV files of one source.
pub struct CsvSource {
    name: String,
    settings: Csv,
    zone: TimeZone,
}

/// Where an interrupted pass over a file goes on.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    len: u64,
    modified_ns: u64,
    /// The columns' mapping: rows read under another one must be read again.
    mapping: u64,
    pass: i64,
    row: u64,
    done: bool,
}

/// The last row of each id, over all files of an object.
type LastRows = HashMap<u64, (usize, u64)>;

impl CsvSource {
    /// A source of these files; times without a zone are in `zone`.
    pub fn new(name: &str, settings: Csv, zone: TimeZone) -> CsvSource {
        CsvSource { name: name.to_owned(), settings, zone }
    }

    fn read_all(
        &self,
        request: &ReadRequest,
        pages: &Sender<Page>,
    ) -> Result<Complete, SourceError> {
        let mut last_rows: BTreeMap<Object, LastRows> = BTreeMap::new();
        let mut oldest_file: Option<Timestamp> = None;
        for (index, file) in self.settings.files.iter().enumerate() {
            let mut opened = Opened::new(file, &self.zone)?;
            oldest_file = Some(oldest_file.map_or(opened.modified, |at| at.min(opened.modified)));
            let last = last_rows.entry(file.object).or_default();
            while let Some(row) = opened.next_row()? {
                if let Some(id) = opened.id(&row) {
                    last.insert(id_hash(&id), (index, opened.rows_read));
                }
            }
        }
        for (index, file) in self.settings.files.iter().enumerate() {
            self.read_file(index, file, &last_rows[&file.object], request, pages)?;
        }
        let inventories = last_rows
            .into_iter()
            .map(|(object, rows)| Inventory::new(object, rows.into_keys()))
            .collect();
        Ok(Complete { complete_to: self.complete_to(request.started, oldest_file), inventories })
    }

    /// How far the data reaches, never beyond the sync's clock.
    fn complete_to(&self, started: Timestamp, oldest_file: Option<Timestamp>) -> Timestamp {
        let reach = match self.settings.complete_to {
            CompleteTo::Sync => started,
            CompleteTo::Modified => oldest_file.unwrap_or(started),
            CompleteTo::Instant(at) => at,
            // The last millisecond of that day, so that the day is the last one seen.
            CompleteTo::Day(day) => day
                .tomorrow()
                .and_then(|next| next.to_zoned(self.zone.clone()))
                .map_or(started, |next| next.timestamp() - 1.millisecond()),
        };
        reach.min(started)
    }

    fn read_file(
        &self,
        index: usize,
        file: &CsvFile,
        last_rows: &LastRows,
        request: &ReadRequest,
        pages: &Sender<Page>,
    ) -> Result<(), SourceError> {
        let mut opened = Opened::new(file, &self.zone)?;
        let origin = file.path.display().to_string();
        let cursor_key = format!("{index}:{origin}");
        let known = request.cursors.get(&cursor_key);
        let known: Option<Cursor> = known.and_then(|text| serde_json::from_str(text).ok());
        let last_pass = known.as_ref().map_or(0, |cursor| cursor.pass);
        let mapping = id_hash(&format!("{:?}", file.columns));
        let resumed = known.filter(|cursor| {
            let same_file = cursor.len == opened.len && cursor.modified_ns == opened.modified_ns;
            !cursor.done && same_file && cursor.mapping == mapping
        });
        let (skip, pass) = resumed.map_or((0, last_pass + 1), |cursor| (cursor.row, cursor.pass));
        let mut faults_listed = 0;
        let mut more = true;
        while more {
            let mut records = Vec::with_capacity(ROWS_PER_PAGE);
            let mut page = Page { pass, ..Page::default() };
            while records.len() < ROWS_PER_PAGE && page.faults.len() < ROWS_PER_PAGE {
                let Some(row) = opened.next_row()? else {
                    more = false;
                    break;
                };
                if opened.rows_read <= skip {
                    continue;
                }
                let mut found = Vec::new();
                let last = |id: &str| {
                    last_rows.get(&id_hash(id)).is_none_or(|l| *l == (index, opened.rows_read))
                };
                records.extend(opened.record(&row, last, &mut found));
                let room = FAULTS_PER_FILE_MAX.saturating_sub(faults_listed);
                faults_listed += found.len();
                page.faults.extend(found.into_iter().take(room).map(|fault| Fault {
                    source: self.name.clone(),
                    origin: origin.clone(),
                    ..fault
                }));
            }
            page.origin_done = (!more).then(|| origin.clone());
            let cursor = Cursor {
                len: opened.len,
                modified_ns: opened.modified_ns,
                mapping,
                pass,
                row: opened.rows_read,
                done: !more,
            };
            let cursor = serde_json::to_string(&cursor).unwrap_or_default();
            page.cursor = Some((cursor_key.clone(), cursor));
            page.parts = vec![Part::of(file.object, records)];
            pages.blocking_send(page).map_err(|_| SourceError::StoreGone)?;
        }
        Ok(())
    }

    fn discover_all(&self) -> Result<Discovered, SourceError> {
        const FIELDS: [&str; 8] =
            ["channel", "campaign", "owner", "segment", "market", "product", "stage", "kind"];
        let mut found = Discovered::new();
        for file in &self.settings.files {
            let mut opened = Opened::new(file, &self.zone)?;
            while let Some(row) = opened.next_row()? {
                let Some(record) = opened.record(&row, |_| true, &mut Vec::new()) else { continue };
                let fields = FIELDS.into_iter().chain(["outcome"]);
                for field in fields.filter(|field| file.columns.contains_key(*field)) {
                    let values = found.entry((file.object, field)).or_default();
                    let value = record.get(field).unwrap_or_default();
                    if values.len() < DISCOVERED_VALUES_MAX || values.contains_key(value) {
                        *values.entry(value.to_owned()).or_insert(0) += 1;
                    }
                }
            }
        }
        Ok(found)
    }

    fn check_all(&self) -> Result<Probe, SourceError> {
        let mut rows = 0_u64;
        let mut faults = Vec::new();
        for file in &self.settings.files {
            let mut opened = Opened::new(file, &self.zone)?;
            while rows < 100_000 {
                let Some(row) = opened.next_row()? else { break };
                opened.record(&row, |_| true, &mut faults);
                rows += 1;
            }
        }
        let warnings = faults
            .first()
            .map(|first| {
                format!(
                    "{} data faults, the first at line {}: {}",
                    faults.len(),
                    first.line,
                    first.detail
                )
            })
            .into_iter()
            .collect();
        let found = format!("{} files, {rows} rows read", self.settings.files.len());
        Ok(Probe { found, warnings })
    }
}

impl Source for CsvSource {
    fn objects(&self) -> Vec<Object> {
        self.settings.files.iter().map(|file| file.object).collect()
    }

    fn provides(&self, object: Object, field: &str) -> bool {
        let files = self.settings.files.iter().filter(|file| file.object == object);
        files.into_iter().any(|file| file.columns.contains_key(field))
    }

    fn read<'a>(
        &'a self,
        request: ReadRequest,
        pages: Sender<Page>,
    ) -> Boxed<'a, Result<Complete, SourceError>> {
        let own = CsvSource::new(&self.name, self.settings.clone(), self.zone.clone());
        Box::pin(blocking(move || own.read_all(&request, &pages)))
    }

    fn check<'a>(&'a self) -> Boxed<'a, Result<Probe, SourceError>> {
        let own = CsvSource::new(&self.name, self.settings.clone(), self.zone.clone());
        Box::pin(blocking(move || own.check_all()))
    }

    fn discover<'a>(&'a self) -> Boxed<'a, Result<Discovered, SourceError>> {
        let own = CsvSource::new(&self.name, self.settings.clone(), self.zone.clone());
        Box::pin(blocking(move || own.discover_all()))
    }
}

/// Files are read on a thread that may wait.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SourceError> + Send + 'static,
) -> Result<T, SourceError> {
    outcome(tokio::task::spawn_blocking(work).await)
}
