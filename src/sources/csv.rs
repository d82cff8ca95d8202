//! CSV exports: every CRM can write them.
//!
//! A file is a full snapshot and is streamed twice: once for its ids, since of rows with one id the
//! last counts wherever it stands, and once for its records. The cursor is the row, tied to the
//! file's length and time, so an interrupted sync goes on where it stopped and a new export begins
//! at its top.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use csv::{ByteRecord, ReaderBuilder};
use jiff::{Timestamp, ToSpan, tz::TimeZone};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Sender;

use super::{
    Boxed, Complete, Discovered, Inventory, Page, Probe, ReadRequest, Source, SourceError,
    csv_value::{canonical, shown},
    id_hash,
};
use crate::config::source::{CompleteTo, Csv, CsvFile};
use crate::domain::{Fault, Object, Record};

/// Rows of a page.
const ROWS_PER_PAGE: usize = 2_000;
/// The longest row; a quote that is never closed would swallow the rest of the file.
const ROW_BYTES_MAX: u64 = 1 << 20;
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
            let mut page = Page {
                object: file.object,
                records: Vec::with_capacity(ROWS_PER_PAGE),
                faults: Vec::new(),
                cursor_key: cursor_key.clone(),
                cursor: String::new(),
                pass,
                origin_done: None,
            };
            while page.records.len() < ROWS_PER_PAGE && page.faults.len() < ROWS_PER_PAGE {
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
                page.records.extend(opened.record(&row, last, &mut found));
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
            page.cursor = serde_json::to_string(&cursor).unwrap_or_default();
            pages.blocking_send(page).map_err(|_| SourceError::StoreGone)?;
        }
        Ok(())
    }

    fn discover_all(&self) -> Result<Discovered, SourceError> {
        const FIELDS: [&str; 6] = ["channel", "campaign", "owner", "segment", "stage", "kind"];
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
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}

/// A file that is being read.
struct Opened<'a> {
    file: &'a CsvFile,
    zone: &'a TimeZone,
    reader: csv::Reader<Bounded>,
    taken: Arc<AtomicU64>,
    /// The last byte of the file so far that is no line end.
    last_byte: Arc<AtomicU64>,
    columns_in_header: usize,
    /// Canonical field (`id` first) -> index of the column.
    columns: Vec<(&'a str, Option<usize>)>,
    rows_read: u64,
    line: u64,
    len: u64,
    modified: Timestamp,
    modified_ns: u64,
}

impl<'a> Opened<'a> {
    fn new(file: &'a CsvFile, zone: &'a TimeZone) -> Result<Opened<'a>, SourceError> {
        let path = &file.path;
        let fail = |message: String, mend: &str| SourceError::At {
            place: path.display().to_string(),
            message,
            mend: mend.into(),
        };
        let mend = "put the export there, or mend `path` in the configuration";
        let opened = File::open(path).map_err(|e| fail(format!("cannot be opened: {e}"), mend))?;
        let meta = opened.metadata().map_err(|e| fail(format!("cannot be read: {e}"), mend))?;
        let age = meta.modified().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
        let modified_ns = age.map_or(0, |age| age.as_nanos() as u64);
        let taken = Arc::new(AtomicU64::new(0));
        let last_byte = Arc::new(AtomicU64::new(0));
        let bounded =
            Bounded { file: opened, taken: Arc::clone(&taken), last_byte: Arc::clone(&last_byte) };
        let mut reader = ReaderBuilder::new()
            .delimiter(file.delimiter)
            .flexible(true)
            .has_headers(true)
            .from_reader(bounded);
        let headers = reader
            .byte_headers()
            .map_err(|e| fail(format!("its header cannot be read: {e}"), "export it again"))?;
        let headers: Vec<String> = headers
            .iter()
            .map(|name| {
                String::from_utf8_lossy(name).trim_start_matches('\u{feff}').trim().to_owned()
            })
            .collect();
        if headers.is_empty() {
            return Err(fail("is empty: there is no header line".into(), "export it again"));
        }
        let mut columns = Vec::new();
        for (field, column) in &file.columns {
            let Some(name) = &column.name else {
                columns.push((field.as_str(), None));
                continue;
            };
            let Some(index) = headers.iter().position(|header| header == name) else {
                return Err(SourceError::At {
                    place: file.places.get(field).cloned().unwrap_or_default(),
                    message: format!("{} has no column `{name}`", path.display()),
                    mend: format!("name one of its columns: {}", headers.join(", ")),
                });
            };
            columns.push((field.as_str(), Some(index)));
        }
        Ok(Opened {
            file,
            zone,
            reader,
            taken,
            last_byte,
            columns_in_header: headers.len(),
            columns,
            rows_read: 0,
            line: 1,
            len: meta.len(),
            modified: i64::try_from(modified_ns / 1_000_000)
                .ok()
                .and_then(|ms| Timestamp::from_millisecond(ms).ok())
                .unwrap_or(Timestamp::UNIX_EPOCH),
            modified_ns,
        })
    }

    fn next_row(&mut self) -> Result<Option<ByteRecord>, SourceError> {
        let mut row = ByteRecord::new();
        self.taken.store(0, Ordering::Relaxed);
        self.line = self.reader.position().line();
        match self.reader.read_byte_record(&mut row) {
            Ok(true) => {
                self.rows_read += 1;
                // The reader stands on the line end of the row before, if that was quoted.
                self.line = row.position().map_or(self.line, csv::Position::line);
                self.check_quotes(&row)?;
                Ok(Some(row))
            }
            Ok(false) => Ok(None),
            Err(error) => Err(SourceError::At {
                place: format!("{}:{}", self.file.path.display(), self.line),
                message: error.to_string(),
                mend: "look for a quote that is not closed, and export the file again".into(),
            }),
        }
    }

    /// A quote that is never closed swallows the rows after it. The parser takes the file's end for
    /// the quote's, so a last row of several lines is looked at: closed, it has all its columns and
    /// its last one ends where the file does.
    fn check_quotes(&self, row: &ByteRecord) -> Result<(), SourceError> {
        let (begins, ends) = (self.line, self.reader.position().line());
        let is_last = self.reader.position().byte() >= self.len;
        if !is_last || ends <= begins + 1 {
            return Ok(());
        }
        let short = row.len() < self.columns_in_header;
        let swallowed = row.iter().next_back().is_some_and(|cell| cell.contains(&b'\n'))
            && self.last_byte.load(Ordering::Relaxed) != u64::from(b'"');
        if !short && !swallowed {
            return Ok(());
        }
        Err(SourceError::At {
            place: format!("{}:{begins}", self.file.path.display()),
            message: format!("a quote that opens here is not closed up to the end, line {ends}"),
            mend: "close the quote, or export the file again".into(),
        })
    }

    fn cell<'r>(&self, row: &'r ByteRecord, field: &str) -> Option<std::borrow::Cow<'r, str>> {
        let (_, index) = self.columns.iter().find(|(name, _)| *name == field)?;
        match index {
            Some(index) => row.get(*index).map(String::from_utf8_lossy),
            None => self.file.columns[field].constant.clone().map(Into::into),
        }
    }

    /// The record's id: its own, or its natural key.
    fn id(&self, row: &ByteRecord) -> Option<String> {
        if let Some(id) = self.cell(row, "id") {
            let id = id.trim();
            return (!id.is_empty()).then(|| id.to_owned());
        }
        let parts: Vec<String> = self
            .file
            .object
            .natural_key()?
            .iter()
            .map(|field| self.value(row, field).ok().flatten().unwrap_or_default())
            .collect();
        Some(parts.join("|"))
    }

    fn value(
        &self,
        row: &ByteRecord,
        field: &str,
    ) -> Result<Option<String>, super::csv_value::BadValue> {
        let Some(cell) = self.cell(row, field) else { return Ok(None) };
        let object = self.file.object;
        let Some(index) = object.field_index(field) else { return Ok(None) };
        canonical(&cell, &self.file.columns[field], object.fields()[index].1, self.zone)
    }

    /// The record of a row, unless a later row has its id. What is wrong with it is noted.
    fn record(
        &self,
        row: &ByteRecord,
        is_last: impl Fn(&str) -> bool,
        faults: &mut Vec<Fault>,
    ) -> Option<Record> {
        let object = self.file.object;
        let id = self.id(row);
        let mut note = |kind: &str, detail: String| {
            faults.push(Fault {
                source: String::new(),
                origin: String::new(),
                object: object.name().to_owned(),
                record: id.as_deref().map(shown).unwrap_or_default(),
                kind: kind.to_owned(),
                detail,
                line: self.line as i64,
            });
        };
        let Some(id) = id.as_deref() else {
            note("no_id", "the row has no id and is left out".into());
            return None;
        };
        let widest = self.columns.iter().filter_map(|(_, index)| *index).max().unwrap_or(0);
        if row.len() <= widest {
            note("short_row", format!("the row has {} columns only and is left out", row.len()));
            return None;
        }
        if !is_last(id) {
            note("duplicate_id", "a later row has the same id and counts instead".into());
            return None;
        }
        let mut record = Record::empty(object, id);
        for (field, _) in self.columns.iter().filter(|(field, _)| *field != "id") {
            match self.value(row, field) {
                Ok(value) => record.set(field, value),
                Err((kind, detail)) => note(kind, format!("{field}: {detail}")),
            }
        }
        for field in object.required().iter().filter(|field| record.get(field).is_none()) {
            if *field == "created_at" && self.file.columns.contains_key(*field) {
                note("no_entry_date", format!("{field} is unknown: it enters no cohort"));
            }
        }
        Some(record)
    }
}

/// Reads a file and stops when one row takes too much of it.
struct Bounded {
    file: File,
    taken: Arc<AtomicU64>,
    last_byte: Arc<AtomicU64>,
}

impl Read for Bounded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.taken.load(Ordering::Relaxed) > ROW_BYTES_MAX {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a row is longer than {ROW_BYTES_MAX} bytes"),
            ));
        }
        let count = self.file.read(buffer)?;
        self.taken.fetch_add(count as u64, Ordering::Relaxed);
        if let Some(last) = buffer[..count].iter().rfind(|byte| !b"\r\n".contains(byte)) {
            self.last_byte.store(u64::from(*last), Ordering::Relaxed);
        }
        Ok(count)
    }
}
