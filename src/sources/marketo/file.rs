//! The files of exports, as they come piece by piece: pure.
//!
//! Seen by others: NUL bytes, bare carriage returns and U+2028 within values (tap-marketo 70 and 73, airbyte
//! 74088). An empty value is the word `null`.

use serde_json::{Map, Value};

/// What a piece of a file holds.
#[derive(Debug, Default, PartialEq)]
pub struct Piece {
    /// The names of the columns.
    pub header: Vec<String>,
    /// The rows that are whole.
    pub rows: Vec<Value>,
    /// How many bytes of the piece they take.
    pub used: usize,
    /// These bytes.
    pub text: Vec<u8>,
}

/// Reads a piece. The first one begins with the names of the columns; those of later ones are given. The last
/// row of a piece may go on in the next one, unless it is the file's last piece.
///
/// # Errors
/// A row that has another number of values than there are columns.
pub fn piece(bytes: &[u8], header: &[String], is_last: bool) -> Result<Piece, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        // A carriage return alone ends no row.
        .terminator(csv::Terminator::Any(b'\n'))
        .from_reader(bytes);
    let mut found = Piece { header: header.to_vec(), ..Piece::default() };
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record).map_err(|error| error.to_string())? {
        let end = usize::try_from(reader.position().byte()).unwrap_or(usize::MAX);
        if end >= bytes.len() && !is_last {
            break;
        }
        found.used = end.min(bytes.len());
        // The carriage return before the end of a row.
        if record.len() == 1 && matches!(record.get(0), Some(b"" | b"\r")) {
            continue;
        }
        if found.header.is_empty() {
            found.header = record.iter().map(cell).collect();
            continue;
        }
        if record.len() != found.header.len() {
            let columns = found.header.len();
            return Err(format!("a row has {} values for {columns} columns", record.len()));
        }
        found.rows.push(row(&found.header, &record));
    }
    Ok(found)
}

fn row(header: &[String], record: &csv::ByteRecord) -> Value {
    let mut values = Map::with_capacity(header.len());
    for (name, value) in header.iter().zip(record) {
        let text = cell(value);
        if text.is_empty() || text == "null" {
            continue;
        }
        let value = match name.as_str() {
            "attributes" => serde_json::from_str(&text).unwrap_or(Value::String(text)),
            _ => Value::String(text),
        };
        values.insert(name.clone(), value);
    }
    Value::Object(values)
}

fn cell(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value.strip_suffix(b"\r").unwrap_or(value));
    if text.contains('\0') { text.replace('\0', "") } else { text.into_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const FILE: &[u8] =
        b"id,company,leadStatus\r\n1,\"Invented, \"\"Ltd\"\"\",null\n2,a\rb\0c,MQL\n\
        3,\"two\nlines\",\"x\xe2\x80\xa8y\"\n4,,";

    #[test]
    fn odd_values_stay_in_their_columns_and_the_word_null_is_nothing() {
        let all = piece(FILE, &[], true).unwrap();
        assert_eq!(all.used, FILE.len());
        assert_eq!(
            all.rows,
            [
                json!({"id": "1", "company": "Invented, \"Ltd\""}),
                json!({"id": "2", "company": "a\rbc", "leadStatus": "MQL"}),
                json!({"id": "3", "company": "two\nlines", "leadStatus": "x\u{2028}y"}),
                json!({"id": "4"}),
            ]
        );
    }

    #[test]
    fn wherever_a_file_is_cut_its_rows_are_the_same() {
        let all = piece(FILE, &[], true).unwrap().rows;
        for cut in 1..FILE.len() {
            let first = piece(&FILE[..cut], &[], false).unwrap();
            let rest = piece(&FILE[first.used..], &first.header, true).unwrap();
            let rows: Vec<Value> = first.rows.into_iter().chain(rest.rows).collect();
            assert_eq!(rows, all, "cut at {cut}");
        }
    }

    #[test]
    fn a_row_with_too_few_values_is_an_error() {
        assert!(piece(b"a,b\n1\n", &[], true).is_err());
    }
}
