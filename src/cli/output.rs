//! Tables for people, for spreadsheets and for programs.

use std::io::Write;

use serde_json::Value;

use super::{CliError, CliResult};
use crate::domain::notice::plain;

/// Columns of a terminal.
const COLUMNS: usize = 80;
/// A first column is cut before the others go.
const NAME_CHARS_MIN: usize = 10;

/// A table of texts; the first column is a name, the others are aligned to the right.
pub struct Table {
    /// The names of the columns.
    pub header: Vec<&'static str>,
    /// The cells.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Prints it aligned; a name that does not fit into 80 columns is cut.
    pub fn text(&self) -> String {
        let mut widths: Vec<usize> = self.header.iter().map(|name| name.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let others: usize = widths.iter().skip(1).map(|width| width + 2).sum();
        widths[0] = widths[0].min(COLUMNS.saturating_sub(others).max(NAME_CHARS_MIN));
        let mut out = String::new();
        let header: Vec<String> = self.header.iter().map(|name| (*name).to_owned()).collect();
        for row in std::iter::once(&header).chain(&self.rows) {
            let mut line = String::new();
            for (column, width) in widths.iter().copied().enumerate() {
                let cell = plain(row.get(column).map_or("", String::as_str));
                if column == 0 {
                    let cut: String = cell.chars().take(width).collect();
                    line.push_str(&format!("{cut:<width$}"));
                } else {
                    line.push_str(&format!("  {cell:>width$}"));
                }
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    /// Prints it as CSV.
    ///
    /// # Errors
    /// When stdout is closed.
    pub fn csv(&self) -> CliResult {
        let fail = |error: csv::Error| CliError::Failed(error.to_string());
        let mut writer = csv::Writer::from_writer(std::io::stdout());
        writer.write_record(&self.header).map_err(fail)?;
        for row in &self.rows {
            writer.write_record(row).map_err(fail)?;
        }
        writer.flush()?;
        Ok(())
    }
}

/// Writes text to stdout.
///
/// # Errors
/// When stdout is closed.
pub fn text(text: &str) -> CliResult {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()) {
        // Whoever reads has seen enough: `paceline followups | head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => Ok(result?),
    }
}

/// Writes JSON to stdout.
///
/// # Errors
/// When stdout is closed.
pub fn json(value: &Value) -> CliResult {
    text(&format!("{value:#}\n"))
}
