//! A configuration file under its environment: one tree of values that knows where each came from.
//!
//! The `config` crate layers; it has no line numbers, so the file is read once more by `toml`,
//! whose parser gives the span of every key and goes on after an error.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat, Map, Value};
use toml::de::{DeTable, DeValue};

use super::problem::{Problem, Problems};

/// The prefix of the environment's layer.
pub const PREFIX: &str = "PACELINE";

/// A layered document.
#[derive(Debug)]
pub struct Document {
    /// The file.
    pub file: PathBuf,
    /// The merged values.
    pub root: Map<String, Value>,
    /// Dotted path -> line.
    lines: BTreeMap<String, usize>,
}

impl Document {
    /// Reads a file and, where `environment` is given, lays its variables over it.
    ///
    /// # Errors
    /// A file that cannot be read, and every place at which it is not TOML.
    pub fn load(
        file: &Path,
        environment: Option<BTreeMap<String, String>>,
    ) -> Result<Document, Problems> {
        let text = std::fs::read_to_string(file).map_err(|error| {
            Problems(vec![Problem {
                place: file.display().to_string(),
                key: String::new(),
                message: format!("cannot be read: {error}"),
                // Only the configuration has layers above it; the other file is the plan.
                mend: if environment.is_some() {
                    "name an existing file with `--config`, or begin with a copy of \
                     config/paceline.toml"
                } else {
                    "name an existing file as `[plan] file`, or begin with a copy of config/plan.toml"
                }
                .into(),
            }])
        })?;
        Document::from_text(file, &text, environment)
    }

    /// As [`Document::load`], of a text that is at hand.
    ///
    /// # Errors
    /// Every place at which the text is not TOML.
    pub fn from_text(
        file: &Path,
        text: &str,
        environment: Option<BTreeMap<String, String>>,
    ) -> Result<Document, Problems> {
        let (table, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            return Err(Problems(errors.iter().map(|e| syntax_problem(file, text, e)).collect()));
        }
        let mut lines = BTreeMap::new();
        note_table(text, "", table.get_ref(), &mut lines);
        let layered = layer(text, environment).map_err(|error| {
            Problems(vec![Problem {
                place: file.display().to_string(),
                key: String::new(),
                message: error.to_string(),
                mend: "compare with config/paceline.toml".into(),
            }])
        })?;
        Ok(Document { file: file.to_owned(), root: layered, lines })
    }

    /// The directory that paths in the file are relative to.
    pub fn directory(&self) -> &Path {
        self.file.parent().unwrap_or(Path::new(""))
    }

    /// Where a key was set: `file:line`, or the variable that set it.
    pub fn place(&self, path: &str, from_environment: bool) -> String {
        if from_environment {
            return format!("environment {}", variable(path));
        }
        let mut known = path;
        loop {
            if let Some(line) = self.lines.get(known) {
                return format!("{}:{line}", self.file.display());
            }
            match known.rfind(['.', '[']) {
                Some(cut) => known = &known[..cut],
                None => return self.file.display().to_string(),
            }
        }
    }
}

/// The environment variable that sets a key.
pub fn variable(path: &str) -> String {
    format!("{PREFIX}__{}", path.replace('.', "__").to_uppercase())
}

/// Whether a value came from the environment.
pub fn is_from_environment(value: &Value) -> bool {
    value.origin() == Some("the environment")
}

fn layer(
    text: &str,
    environment: Option<BTreeMap<String, String>>,
) -> Result<Map<String, Value>, config::ConfigError> {
    let mut builder = Config::builder().add_source(File::from_str(text, FileFormat::Toml));
    if let Some(variables) = environment {
        let variables: std::collections::HashMap<_, _> = variables.into_iter().collect();
        builder = builder.add_source(
            Environment::with_prefix(PREFIX)
                .prefix_separator("__")
                .separator("__")
                .source(Some(variables)),
        );
    }
    builder.build()?.cache.into_table()
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

fn syntax_problem(file: &Path, text: &str, error: &toml::de::Error) -> Problem {
    let line = error.span().map_or(1, |span| line_of(text, span.start));
    Problem {
        place: format!("{}:{line}", file.display()),
        key: String::new(),
        message: format!("not TOML: {}", error.message().replace('\n', ", ")),
        mend: "write `key = \"value\"`, text in quotes, one key a line".into(),
    }
}

fn note_table(text: &str, prefix: &str, table: &DeTable<'_>, lines: &mut BTreeMap<String, usize>) {
    for (key, value) in table {
        let name = key.get_ref();
        let path = if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
        lines.insert(path.clone(), line_of(text, key.span().start));
        note_value(text, &path, value.get_ref(), lines);
    }
}

fn note_value(text: &str, path: &str, value: &DeValue<'_>, lines: &mut BTreeMap<String, usize>) {
    match value {
        DeValue::Table(table) => note_table(text, path, table, lines),
        DeValue::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let path = format!("{path}[{index}]");
                lines.insert(path.clone(), line_of(text, item.span().start));
                note_value(text, &path, item.get_ref(), lines);
            }
        }
        _ => {}
    }
}
