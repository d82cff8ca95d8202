//! Tables for people, for spreadsheets and for programs.

use std::io::Write;

use serde_json::Value;

use super::{CliError, CliResult};
use crate::domain::notice::plain;

/// Columns of a terminal.
pub const COLUMNS: usize = 80;
/// A column of text is cut down to this many characters, not further.
const TEXT_CHARS_MIN: usize = 10;

/// A table of cells; columns of text are aligned to the left, the others to the right.
pub struct Table {
    /// The names of the columns.
    pub header: Vec<&'static str>,
    /// The cells.
    pub rows: Vec<Vec<String>>,
    /// Which columns are text; these are cut where the table does not fit into 80 columns.
    pub texts: &'static [usize],
}

impl Table {
    /// A table whose first column alone is text.
    pub fn new(header: Vec<&'static str>, rows: Vec<Vec<String>>) -> Table {
        Table { header, rows, texts: &[0] }
    }

    /// Prints it aligned, within 80 columns as far as its text can be cut.
    pub fn text(&self) -> String {
        let widths = self.widths();
        let mut out = String::new();
        let header: Vec<String> = self.header.iter().map(|name| (*name).to_owned()).collect();
        for row in std::iter::once(&header).chain(&self.rows) {
            let mut line = String::new();
            if self.is_title(row) {
                out.push_str(&format!("{}\n", plain(&row[0])));
                continue;
            }
            for (column, width) in widths.iter().copied().enumerate() {
                if column > 0 {
                    line.push_str("  ");
                }
                let cell = plain(row.get(column).map_or("", String::as_str));
                if self.texts.contains(&column) {
                    line.push_str(&format!("{:<width$}", cut(&cell, width)));
                } else {
                    line.push_str(&format!("{cell:>width$}"));
                }
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    /// A row of one cell stands above others, and is as wide as it likes.
    fn is_title(&self, row: &[String]) -> bool {
        row.len() == 1 && self.header.len() > 1
    }

    /// The widest text gives way first.
    fn widths(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.header.iter().map(|name| name.chars().count()).collect();
        for row in self.rows.iter().filter(|row| !self.is_title(row)) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        let gaps = 2 * widths.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > COLUMNS {
            let widest = self.texts.iter().copied().max_by_key(|column| widths[*column]);
            match widest.filter(|column| widths[*column] > TEXT_CHARS_MIN) {
                Some(column) => widths[column] -= 1,
                None => break,
            }
        }
        widths
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

/// The text within a width, with a mark where it was cut.
fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_fits_into_eighty_columns_and_keeps_short_names_whole() {
        let prose = "word ".repeat(40);
        let rows = vec![vec!["evaluate".to_owned(), "Mon 9 Feb 14:05".to_owned(), prose]];
        let table = Table { header: vec!["job", "at", "outcome"], rows, texts: &[0, 2] };
        let text = table.text();
        assert!(text.lines().all(|line| line.chars().count() <= COLUMNS), "{text}");
        assert!(text.contains("evaluate  Mon 9 Feb 14:05  word word") && text.contains('…'));
    }
}
