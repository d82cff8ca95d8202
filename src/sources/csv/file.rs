//! One CSV file that is being read: its header, its rows, and the record of a row.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use csv::{ByteRecord, ReaderBuilder};
use jiff::{Timestamp, tz::TimeZone};

use super::value::canonical;
use crate::config::source::{ATTRIBUTE_PREFIX, CsvFile};
use crate::domain::{Fault, Record, record::FieldKind};
use crate::sources::SourceError;
use crate::sources::value::{BadValue, shown};

/// The longest row; a quote that is never closed would swallow the rest of the file.
const ROW_BYTES_MAX: u64 = 1 << 20;

/// A file that is being read.
pub(super) struct Opened<'a> {
    file: &'a CsvFile,
    zone: &'a TimeZone,
    reader: csv::Reader<Bounded>,
    taken: Arc<AtomicU64>,
    /// The last byte of the file so far that is no line end.
    last_byte: Arc<AtomicU64>,
    columns_in_header: usize,
    /// Canonical field (`id` first) -> index of the column.
    columns: Vec<(&'a str, Option<usize>)>,
    /// Rows so far.
    pub(super) rows_read: u64,
    line: u64,
    /// The file's length in bytes.
    pub(super) len: u64,
    /// When it was last written.
    pub(super) modified: Timestamp,
    /// The same in nanoseconds since 1970.
    pub(super) modified_ns: u64,
}

impl<'a> Opened<'a> {
    pub(super) fn new(file: &'a CsvFile, zone: &'a TimeZone) -> Result<Opened<'a>, SourceError> {
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

    pub(super) fn next_row(&mut self) -> Result<Option<ByteRecord>, SourceError> {
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
    pub(super) fn id(&self, row: &ByteRecord) -> Option<String> {
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

    fn value(&self, row: &ByteRecord, field: &str) -> Result<Option<String>, BadValue> {
        let Some(cell) = self.cell(row, field) else { return Ok(None) };
        let (object, column) = (self.file.object, &self.file.columns[field]);
        let kind = match object.field_index(field) {
            Some(index) => object.fields()[index].1,
            None if !field.starts_with(ATTRIBUTE_PREFIX) => return Ok(None),
            None if column.presence => FieldKind::Presence,
            None => FieldKind::Text,
        };
        canonical(&cell, column, kind, self.zone)
    }

    /// The record of a row, unless a later row has its id. What is wrong with it is noted.
    pub(super) fn record(
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
        let mut attributes = BTreeMap::new();
        for (field, _) in self.columns.iter().filter(|(field, _)| *field != "id") {
            match self.value(row, field) {
                Ok(value) => match field.strip_prefix(ATTRIBUTE_PREFIX) {
                    Some(name) => attributes.extend(value.map(|value| (name, value))),
                    None => record.set(field, value),
                },
                Err((kind, detail)) => note(kind, format!("{field}: {detail}")),
            }
        }
        record.set_attributes(&attributes);
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
