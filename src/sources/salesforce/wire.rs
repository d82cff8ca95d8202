//! What Salesforce answers: rows as JSON or as CSV, each value as the text that it is.

use std::sync::Arc;

use serde_json::Value;

/// The names of the values of rows, in their order.
pub type Names = Arc<[String]>;

/// A row.
#[derive(Clone, Debug)]
pub struct Row {
    names: Names,
    values: Vec<Option<String>>,
}

impl Row {
    /// A row of these values.
    pub fn new(names: &Names, values: Vec<Option<String>>) -> Row {
        Row { names: Arc::clone(names), values }
    }

    /// A value; none where it is null, blank, or was not asked for.
    pub fn get(&self, name: &str) -> Option<&str> {
        let index = self.names.iter().position(|own| own == name)?;
        self.values.get(index)?.as_deref().filter(|text| !text.is_empty())
    }

    /// The id.
    pub fn id(&self) -> &str {
        self.get("Id").unwrap_or_default()
    }

    /// Whether a value is true.
    pub fn is(&self, name: &str) -> bool {
        self.get(name) == Some("true")
    }
}

/// A page of a query.
#[derive(Debug)]
pub struct Rows {
    /// The rows.
    pub rows: Vec<Row>,
    /// How many the whole query has.
    pub total: Option<u64>,
    /// Where the next page is.
    pub next: Option<String>,
}

/// The first error of an answer: its code and its words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The vendor's name of the error.
    pub code: String,
    /// What it says.
    pub words: String,
}

impl Refusal {
    /// The error of an answer, which is a list of errors, or an object where a token was asked for.
    pub fn of(body: &[u8]) -> Option<Refusal> {
        let value: Value = serde_json::from_slice(body).ok()?;
        let first = value.as_array().and_then(|all| all.first()).unwrap_or(&value);
        let plain = |c: char| if c.is_control() { ' ' } else { c };
        let text = |name: &str| {
            let text = first.get(name)?.as_str()?;
            Some(text.chars().take(160).map(plain).collect::<String>())
        };
        Some(Refusal { code: text("errorCode")?, words: text("message").unwrap_or_default() })
    }

    /// Whether what was asked for does not exist for this user.
    pub fn is_hidden(&self) -> bool {
        let hidden =
            ["INVALID_TYPE", "NOT_FOUND", "INSUFFICIENT_ACCESS", "INVALID_TYPE_FOR_OPERATION"];
        hidden.contains(&self.code.as_str())
    }
}

/// Reads a page of a query.
///
/// # Errors
/// A body that is no such page.
pub fn rows(body: &[u8], names: &Names) -> Result<Rows, String> {
    let page: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let records = page.get("records").and_then(Value::as_array).ok_or("it has no `records`")?;
    let done = page.get("done").and_then(Value::as_bool).ok_or("it has no `done`")?;
    let next = page.get("nextRecordsUrl").and_then(Value::as_str).map(str::to_owned);
    if !done && next.is_none() {
        return Err("there is more, and it does not say where".into());
    }
    let row = |record: &Value| Row::new(names, names.iter().map(|n| value_of(record, n)).collect());
    Ok(Rows {
        rows: records.iter().map(row).collect(),
        total: page.get("totalSize").and_then(Value::as_u64),
        next: next.filter(|_| !done),
    })
}

/// A value by its name; `Campaign.Name` stands in an object within the record.
fn value_of(record: &Value, name: &str) -> Option<String> {
    let value = name.split('.').try_fold(record, |value, part| value.get(part))?;
    match value {
        Value::Null | Value::Object(_) | Value::Array(_) => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Reads a page of a bulk job's results: its columns may come in any order, NUL bytes were seen in them, and
/// quoted values may hold line breaks.
///
/// # Errors
/// What is no CSV with these columns.
pub fn csv_rows(body: &[u8], names: &Names) -> Result<Vec<Row>, String> {
    let mut reader = csv::ReaderBuilder::new().from_reader(body);
    let headers = reader.headers().map_err(|error| error.to_string())?.clone();
    let place = |name: &String| headers.iter().position(|header| header == name);
    let places: Vec<usize> = names
        .iter()
        .map(|name| place(name).ok_or_else(|| format!("the column {name} is missing")))
        .collect::<Result<_, _>>()?;
    let mut rows = Vec::new();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| error.to_string())? {
        let cell = |index: &usize| {
            let text = record.get(*index).filter(|text| !text.is_empty())?;
            Some(if text.contains('\0') { text.replace('\0', "") } else { text.to_owned() })
        };
        rows.push(Row::new(names, places.iter().map(cell).collect()));
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Names {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn a_page_has_its_values_as_text_and_those_of_a_parent_too() {
        let body = br#"{"totalSize": 2, "done": true, "records": [
            {"attributes": {"type": "Opportunity"}, "Id": "006A", "Amount": 12500.5, "IsWon": true,
             "Campaign": {"attributes": {}, "Name": "Webinar"}}, {"Id": "006B", "Campaign": null}]}"#;
        let page = rows(body, &names(&["Id", "Amount", "IsWon", "Campaign.Name"])).unwrap();
        assert_eq!((page.total, page.next), (Some(2), None));
        let row = &page.rows[0];
        assert_eq!((row.id(), row.get("Amount")), ("006A", Some("12500.5")));
        assert_eq!((row.is("IsWon"), row.get("Campaign.Name")), (true, Some("Webinar")));
        assert_eq!(page.rows[1].get("Campaign.Name"), None);
    }

    #[test]
    fn a_page_that_says_there_is_more_and_not_where_is_no_page() {
        assert!(rows(br#"{"records": [], "done": false}"#, &names(&["Id"])).is_err());
        assert!(rows(br#"[{"errorCode": "X", "message": "y"}]"#, &names(&["Id"])).is_err());
    }

    #[test]
    fn results_in_csv_survive_line_breaks_nul_bytes_and_the_text_null() {
        let body = b"\"Name\",\"Id\"\n\"a \"\"b\"\",\nc\",\"1\"\n\"N/A\",\"2\"\n\"x\0y\",\"3\"\n\"\",\"4\"\n";
        let rows = csv_rows(body, &names(&["Id", "Name"])).unwrap();
        let told: Vec<_> = rows.iter().map(|row| (row.id(), row.get("Name"))).collect();
        let expected =
            [("1", Some("a \"b\",\nc")), ("2", Some("N/A")), ("3", Some("xy")), ("4", None)];
        assert_eq!(told, expected);
        assert!(csv_rows(b"\"Id\"\n\"1\"\n", &names(&["Id", "Name"])).is_err());
        assert!(csv_rows(b"\"Id\",\"Name\"\n\"1\"\n", &names(&["Id", "Name"])).is_err());
    }
}
