//! Takes values out of a document one by one and notes every problem instead of stopping at it.
//!
//! A reader remembers which keys were asked for; the others are unknown, and unknown keys are errors.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::PathBuf;

use config::{Map, Value, ValueKind};

use super::document::{Document, is_from_environment};
use super::problem::Problem;
use super::secret::Secret;

/// Reads one table of a document.
pub struct Reader<'a> {
    document: &'a Document,
    problems: &'a RefCell<Vec<Problem>>,
    table: Map<String, Value>,
    path: String,
    asked: RefCell<BTreeSet<&'static str>>,
}

impl<'a> Reader<'a> {
    /// Reads the whole document.
    pub fn root(document: &'a Document, problems: &'a RefCell<Vec<Problem>>) -> Reader<'a> {
        Reader::new(document, problems, document.root.clone(), String::new())
    }

    fn new(
        document: &'a Document,
        problems: &'a RefCell<Vec<Problem>>,
        table: Map<String, Value>,
        path: String,
    ) -> Reader<'a> {
        Reader { document, problems, table, path, asked: RefCell::default() }
    }

    /// The dotted path of a key of this table.
    pub fn path(&self, key: &str) -> String {
        match (self.path.is_empty(), key.is_empty()) {
            (true, _) => key.to_owned(),
            (_, true) => self.path.clone(),
            _ => format!("{}.{key}", self.path),
        }
    }

    /// Where a key stands, for a message.
    pub fn place(&self, key: &str) -> String {
        let from_environment = self.table.get(key).is_some_and(is_from_environment);
        self.document.place(&self.path(key), from_environment)
    }

    /// Notes a problem at a key.
    pub fn problem(&self, key: &str, message: impl Into<String>, mend: impl Into<String>) {
        self.problems.borrow_mut().push(Problem {
            place: self.place(key),
            key: self.path(key),
            message: message.into(),
            mend: mend.into(),
        });
    }

    fn value(&self, key: &'static str) -> Option<&Value> {
        self.asked.borrow_mut().insert(key);
        self.table.get(key)
    }

    /// Whether the key is set.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A scalar as text: numbers as they would be written, dates as they stand.
    pub fn text(&self, key: &'static str) -> Option<String> {
        let value = self.value(key)?;
        let text = scalar(value);
        if text.is_none() {
            self.problem(key, "must be a single value", format!("write `{key} = \"…\"`"));
        }
        text
    }

    /// A scalar that `parse` understands; `expected` says what that is, by example.
    pub fn parsed<T>(
        &self,
        key: &'static str,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(key)?;
        let parsed = parse(text.trim());
        if parsed.is_none() {
            self.problem(key, format!("`{text}` is not understood"), format!("write {expected}"));
        }
        parsed
    }

    /// A value that must be there.
    pub fn required<T>(&self, key: &'static str, example: &str, value: Option<T>) -> Option<T> {
        if value.is_none() && !self.has(key) {
            self.problem(key, "is missing", format!("add `{example}`"));
        }
        value
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &'static str) -> Option<bool> {
        self.parsed(key, "true or false", |text| text.parse().ok())
    }

    /// A list of texts; from the environment, separated by commas.
    pub fn list(&self, key: &'static str) -> Option<Vec<String>> {
        let value = self.value(key)?;
        let items: Option<Vec<String>> = match &value.kind {
            ValueKind::Array(items) => items.iter().map(scalar).collect(),
            ValueKind::String(text) if is_from_environment(value) => {
                Some(text.split(',').map(|item| item.trim().to_owned()).collect())
            }
            _ => None,
        };
        if items.is_none() {
            self.problem(key, "must be a list", format!("write `{key} = [\"…\", \"…\"]`"));
        }
        items
    }

    /// A path, relative to the file or, from the environment, to the working directory.
    pub fn file_path(&self, key: &'static str) -> Option<PathBuf> {
        let text = self.text(key)?;
        let from_environment = self.table.get(key).is_some_and(is_from_environment);
        Some(if from_environment { text.into() } else { self.document.directory().join(text) })
    }

    /// A secret: `{ file = "…" }`, `{ env = "…" }` or `{ credential = "…" }`.
    pub fn secret(&self, key: &'static str) -> Option<Secret> {
        let table = self.table(key)?;
        let origins = ["file", "env", "credential"];
        let is_set = |name: &&str| table.table.contains_key(*name);
        let is_later = |name: &&str| table.table.get(*name).is_some_and(is_from_environment);
        let set: Vec<&str> = origins.into_iter().filter(|name| is_set(name)).collect();
        let later: Vec<&str> = origins.into_iter().filter(|name| is_later(name)).collect();
        // A secret that a later layer sets replaces the earlier one whole.
        let set = if later.is_empty() { set } else { later };
        let place = table.place(set.first().copied().unwrap_or_default());
        let path = table.file_path("file");
        let (env, credential) = (table.text("env"), table.text("credential"));
        table.finish();
        match set[..] {
            ["file"] => path.map(|path| Secret::file(path, place)),
            ["env"] => env.map(|name| Secret::env(name, place)),
            ["credential"] => credential.map(|name| Secret::credential(name, place)),
            _ => {
                let mend = format!(
                    "write `{key} = {{ file = \"…\" }}`, `{{ env = \"…\" }}` or `{{ credential = \"…\" }}`"
                );
                self.problem(key, "a secret needs one of `file`, `env` and `credential`", mend);
                None
            }
        }
    }

    /// A text that is no secret in itself, or where it is to be had.
    pub fn text_or_secret(&self, key: &'static str) -> Option<Secret> {
        if self.is_table(key) {
            return self.secret(key);
        }
        let place = self.place(key);
        self.text(key).map(|text| Secret::given(text, place))
    }

    /// A table below this one.
    pub fn table(&self, key: &'static str) -> Option<Reader<'a>> {
        let value = self.value(key)?;
        let ValueKind::Table(table) = &value.kind else {
            self.problem(key, "must be a table", format!("write `[{}]`", self.path(key)));
            return None;
        };
        Some(Reader::new(self.document, self.problems, table.clone(), self.path(key)))
    }

    /// Whether the key holds a table and not a single value.
    pub fn is_table(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|value| matches!(value.kind, ValueKind::Table(_)))
    }

    /// The tables of a table whose keys are names: `[source.crm]`, `[source.export]`.
    pub fn named_tables(&self, key: &'static str) -> Vec<(String, Reader<'a>)> {
        let Some(parent) = self.table(key) else { return Vec::new() };
        let mut named = Vec::new();
        for (name, value) in sorted(&parent.table) {
            let path = parent.path(name);
            match &value.kind {
                ValueKind::Table(table) => named.push((
                    name.clone(),
                    Reader::new(self.document, self.problems, table.clone(), path),
                )),
                _ => parent.problem(name, "must be a table", format!("write `[{path}]`")),
            }
        }
        named
    }

    /// The tables of an array: `[[goal]]`.
    pub fn array(&self, key: &'static str) -> Vec<Reader<'a>> {
        let Some(value) = self.value(key) else { return Vec::new() };
        let ValueKind::Array(items) = &value.kind else {
            self.problem(
                key,
                "must be a list of tables",
                format!("write `[[{}]]`", self.path(key)),
            );
            return Vec::new();
        };
        let mut tables = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let path = format!("{}[{index}]", self.path(key));
            match &item.kind {
                ValueKind::Table(table) => {
                    tables.push(Reader::new(self.document, self.problems, table.clone(), path));
                }
                _ => self.problem(key, "must hold tables only", "write `[[…]]`"),
            }
        }
        tables
    }

    /// All entries of a table with free keys whose values are single values.
    pub fn entries(&self) -> Vec<(String, String)> {
        let mut entries = Vec::new();
        for (key, value) in sorted(&self.table) {
            match scalar(value) {
                Some(text) => entries.push((key.clone(), text)),
                None => self.problem(key, "must be a single value", "write `name = \"value\"`"),
            }
        }
        entries
    }

    /// The keys of a table with free keys, and a reader for those that hold tables.
    pub fn free_entries(&self) -> Vec<(String, Entry<'a>)> {
        sorted(&self.table)
            .into_iter()
            .map(|(key, value)| {
                let entry = match &value.kind {
                    ValueKind::Table(table) => Entry::Table(Reader::new(
                        self.document,
                        self.problems,
                        table.clone(),
                        self.path(key),
                    )),
                    _ => scalar(value).map_or(Entry::Other, Entry::Scalar),
                };
                (key.clone(), entry)
            })
            .collect()
    }

    /// Notes every key that nobody asked for.
    pub fn finish(&self) {
        let asked = self.asked.borrow();
        for (key, _) in sorted(&self.table) {
            if asked.contains(key.as_str()) {
                continue;
            }
            let near = asked.iter().min_by_key(|known| distance(key, known));
            let mend = match near.filter(|known| distance(key, known) <= 3) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!(
                    "remove it, or use one of: {}",
                    asked.iter().copied().collect::<Vec<_>>().join(", ")
                ),
            };
            self.problem(key, "is not a known key", mend);
        }
    }
}

/// What stands behind a free key.
pub enum Entry<'a> {
    /// A single value.
    Scalar(String),
    /// A table.
    Table(Reader<'a>),
    /// A list or nothing.
    Other,
}

fn sorted(table: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| key.as_str());
    entries
}

fn scalar(value: &Value) -> Option<String> {
    match &value.kind {
        ValueKind::String(text) => Some(text.clone()),
        ValueKind::Boolean(flag) => Some(flag.to_string()),
        ValueKind::I64(number) => Some(number.to_string()),
        ValueKind::Float(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The number of edits between two words (Levenshtein), for "did you mean".
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in other.iter().enumerate() {
            let next = (diagonal + usize::from(a != *b)).min(row[j] + 1).min(row[j + 1] + 1);
            diagonal = row[j + 1];
            row[j + 1] = next;
        }
    }
    row[other.len()]
}
