//! What a query selects, joined to the fields of an object, and how its rows are written.

use super::super::cell::{Cell, Kind};
use super::super::org::Org;
use super::super::table::{Record, Table};
use super::Refusal;
use super::ast::{Function, Item, Query};
use super::bind::Path;

/// The columns of the rows.
#[derive(Debug, Clone)]
pub(in super::super) enum Selection {
    Fields(Vec<Path>),
    /// `COUNT()`.
    Count,
    /// Function, field and the name under which the result is told.
    Aggregates(Vec<(Function, Path, String)>),
}

impl Selection {
    /// Joins what is selected to an object.
    pub(super) fn new(org: &Org, table: &Table, query: &Query) -> Result<Selection, Refusal> {
        if query.items == [Item::Count] {
            return Ok(Selection::Count);
        }
        let mut fields: Vec<Path> = Vec::new();
        let mut aggregates = Vec::new();
        for item in &query.items {
            match item {
                Item::Field(name) => {
                    let path = Path::new(org, table, name)?;
                    if fields.iter().any(|field| field.name == path.name) {
                        let message = format!("duplicate field selected: {}", path.name);
                        return Err(Refusal::malformed(message));
                    }
                    fields.push(path);
                }
                Item::Count => return Err(Refusal::malformed("unexpected token: 'COUNT'")),
                Item::Aggregate(function, name, alias) => {
                    let path = Path::new(org, table, name)?;
                    let usual = format!("expr{}", aggregates.len());
                    aggregates.push((*function, path, alias.clone().unwrap_or(usual)));
                }
            }
        }
        match (fields.first(), aggregates.is_empty()) {
            (_, true) => Ok(Selection::Fields(fields)),
            (None, false) => Ok(Selection::Aggregates(aggregates)),
            (Some(field), false) => Err(Refusal::malformed(format!(
                "Field must be grouped or aggregated: {}",
                field.name
            ))),
        }
    }

    /// The one row of functions over all records.
    pub(in super::super) fn aggregated(
        org: &Org,
        aggregates: &[(Function, Path, String)],
        records: &[&Record],
    ) -> String {
        let mut out = String::from("{\"attributes\":{\"type\":\"AggregateResult\"}");
        for (function, path, name) in aggregates {
            let values = records.iter().map(|record| path.value(org, record));
            let values = values.filter(|value| !value.is_null());
            let better = |wanted: std::cmp::Ordering| {
                move |best: Cell, value: Cell| {
                    if value.order(&best) == Some(wanted) { value } else { best }
                }
            };
            let (result, kind) = match function {
                Function::Count => (Some(Cell::Number(values.count() as f64)), Kind::Int),
                Function::Min => (values.reduce(better(std::cmp::Ordering::Less)), path.kind),
                Function::Max => (values.reduce(better(std::cmp::Ordering::Greater)), path.kind),
            };
            out.push_str(&format!(",\"{name}\":"));
            result.unwrap_or(Cell::Null).write_json(kind, &mut out);
        }
        out.push('}');
        out
    }

    /// Appends a record as REST tells it. `base` is the path of the objects.
    pub(in super::super) fn write_json(
        org: &Org,
        fields: &[Path],
        (table, record): (&Table, &Record),
        base: &str,
        out: &mut String,
    ) {
        attributes(table, record, base, out);
        let mut done: Vec<&str> = Vec::new();
        for path in fields {
            let Some((relation, _)) = path.name.split_once('.') else {
                out.push_str(&format!(",\"{}\":", path.name));
                path.value(org, record).write_json(path.kind, out);
                continue;
            };
            // All fields of one relation stand together, where the first of them was selected.
            if done.contains(&relation) {
                continue;
            }
            done.push(relation);
            out.push_str(&format!(",\"{relation}\":"));
            let Some((other_table, other)) = path.other(org, record) else {
                out.push_str("null");
                continue;
            };
            attributes(other_table, other, base, out);
            for part in fields {
                if let Some((start, field)) = part.name.split_once('.')
                    && start == relation
                {
                    out.push_str(&format!(",\"{field}\":"));
                    part.value(org, record).write_json(part.kind, out);
                }
            }
            out.push('}');
        }
        out.push('}');
    }
}

fn attributes(table: &Table, record: &Record, base: &str, out: &mut String) {
    let (name, id) = (table.name, record.key.text());
    out.push_str(&format!(
        "{{\"attributes\":{{\"type\":\"{name}\",\"url\":\"{base}/sobjects/{name}/{id}\"}}"
    ));
}
