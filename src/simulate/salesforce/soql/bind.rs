//! Joins a condition to the fields of an object: what can be wrong with a query is found here, before
//! any record is looked at.

use std::collections::HashSet;

use jiff::civil::Date;

use super::super::cell::{Cell, Kind, instant};
use super::super::ids::Key;
use super::super::org::Org;
use super::super::schema::Slot;
use super::super::table::{Record, Table};
use super::Refusal;
use super::ast::{Expr, Literal, Operator, Query};
use super::matching::Pattern;
use super::run::{Scope, selected_ids};

/// A field of a record, or of the one that it refers to.
#[derive(Debug, Clone)]
pub(in super::super) struct Path {
    /// As the vendor writes it, with the relation before the dot.
    pub(in super::super) name: String,
    pub(in super::super) kind: Kind,
    pub(super) slot: Slot,
    /// The field of the other record, by name, for it may be of several objects.
    pub(super) beyond: Option<String>,
}

/// What the records of several objects have in common when a reference may name any of them.
const COMMON_TO_NAMED: [&str; 4] = ["Id", "Name", "Email", "IsActive"];

impl Path {
    /// Finds a field.
    pub(super) fn new(org: &Org, table: &Table, told: &str) -> Result<Path, Refusal> {
        // The object's own name may stand before a field.
        let own = told.split_once('.').filter(|(start, _)| start.eq_ignore_ascii_case(table.name));
        let told = own.map_or(told, |(_, rest)| rest);
        let Some((relation, rest)) = told.split_once('.') else {
            let column = table.column(told).filter(|column| org.sees(column));
            let column = column.ok_or_else(|| Refusal::no_column(told, table.name))?;
            let name = column.name.clone();
            return Ok(Path { name, kind: column.kind, slot: column.slot, beyond: None });
        };
        let reference = table.columns.iter().find(|column| {
            org.sees(column) && column.relation().is_some_and(|r| r.eq_ignore_ascii_case(relation))
        });
        let reference = reference.ok_or_else(|| {
            Refusal::field(format!(
                "Didn't understand relationship '{relation}' in field path. If you are attempting \
                 to use a custom relationship, be sure to append the '__r' after the custom \
                 relationship name. Please reference your WSDL or the describe call for the \
                 appropriate names."
            ))
        })?;
        let several = reference.refers.len() > 1;
        let targets = reference.refers.iter().filter_map(|name| org.table(name));
        let mut columns = targets.filter(|t| !t.hidden).filter_map(|t| t.column(rest));
        let column = columns
            .find(|column| org.sees(column))
            .filter(|column| !several || COMMON_TO_NAMED.contains(&column.name.as_str()));
        let (field, kind) = match column {
            Some(column) => (column.name.clone(), column.kind),
            None if several && rest.eq_ignore_ascii_case("Type") => ("Type".to_owned(), Kind::Text),
            None => {
                let entity = if several { "Name" } else { reference.refers[0].as_str() };
                return Err(Refusal::no_column(rest, entity));
            }
        };
        let relation = reference.relation().unwrap_or_default();
        let name = format!("{relation}.{field}");
        Ok(Path { name, kind, slot: reference.slot, beyond: Some(field) })
    }

    /// The value for a record.
    pub(in super::super) fn value(&self, org: &Org, record: &Record) -> Cell {
        let value = record.value(self.slot);
        let Some(field) = &self.beyond else { return value };
        match value.key().and_then(|key| org.any(key)) {
            // Only the name of an object is told under this name; no object that is referred to
            // among several has a field of it.
            Some((table, _)) if field == "Type" && table.column("Type").is_none() => {
                Cell::text(table.name)
            }
            Some((table, other)) => table.value(other, field),
            None => Cell::Null,
        }
    }

    /// The record that the relation leads to, where the path has one.
    pub(in super::super) fn other<'o>(
        &self,
        org: &'o Org,
        record: &Record,
    ) -> Option<(&'o Table, &'o Record)> {
        self.beyond.as_ref()?;
        org.any(record.value(self.slot).key()?)
    }
}

/// A condition, joined to fields.
#[derive(Debug)]
pub(super) enum Test {
    And(Vec<Test>),
    Or(Vec<Test>),
    Not(Box<Test>),
    Compare(Path, Operator, Cell),
    Like(Path, Pattern),
    In(Path, Among),
}

/// The values of a list.
#[derive(Debug, Default)]
pub(super) struct Among {
    ids: HashSet<Key>,
    /// In lower case.
    texts: HashSet<String>,
    others: Vec<Cell>,
}

impl Among {
    fn add(&mut self, cell: Cell) {
        match cell {
            Cell::Id(key) => drop(self.ids.insert(key)),
            Cell::Text(text) => drop(self.texts.insert(text.to_lowercase())),
            other => self.others.push(other),
        }
    }

    fn has(&self, cell: &Cell) -> bool {
        match cell {
            Cell::Id(key) => self.ids.contains(key),
            Cell::Text(text) => self.texts.contains(&text.to_lowercase()),
            other => self.others.contains(other),
        }
    }
}

impl Test {
    /// Joins a condition to an object.
    pub(super) fn new(
        org: &Org,
        table: &Table,
        expr: &Expr,
        scope: Scope,
    ) -> Result<Test, Refusal> {
        let all = |parts: &[Expr]| -> Result<Vec<Test>, Refusal> {
            parts.iter().map(|part| Test::new(org, table, part, scope)).collect()
        };
        let negate = |test: Test, negated: bool| match negated {
            true => Test::Not(Box::new(test)),
            false => test,
        };
        Ok(match expr {
            Expr::And(parts) => Test::And(all(parts)?),
            Expr::Or(parts) => Test::Or(all(parts)?),
            Expr::Not(part) => Test::Not(Box::new(Test::new(org, table, part, scope)?)),
            Expr::Compare(field, operator, literal) => {
                let path = filterable(org, table, field)?;
                match operator {
                    Operator::Like => Test::Like(path.clone(), like(&path, literal)?),
                    other => {
                        let cell = cell(&path, literal)?;
                        Test::Compare(path, *other, cell)
                    }
                }
            }
            Expr::In(field, negated, literals) => {
                let path = filterable(org, table, field)?;
                let mut among = Among::default();
                for literal in literals {
                    among.add(cell(&path, literal)?);
                }
                negate(Test::In(path, among), *negated)
            }
            Expr::InQuery(field, negated, query) => {
                let path = filterable(org, table, field)?;
                let among = joined(org, &path, query, scope)?;
                negate(Test::In(path, among), *negated)
            }
        })
    }

    /// Whether the condition holds for a record. A comparison with nothing is false, except that nothing
    /// differs from everything else.
    pub(super) fn holds(&self, org: &Org, record: &Record) -> bool {
        match self {
            Test::And(parts) => parts.iter().all(|part| part.holds(org, record)),
            Test::Or(parts) => parts.iter().any(|part| part.holds(org, record)),
            Test::Not(part) => !part.holds(org, record),
            Test::Like(path, pattern) => match path.value(org, record) {
                Cell::Text(text) => pattern.matches(&text),
                _ => false,
            },
            Test::In(path, among) => among.has(&path.value(org, record)),
            Test::Compare(path, operator, wanted) => {
                let value = path.value(org, record);
                let order = value.order(wanted);
                let known = !value.is_null() && !wanted.is_null();
                match operator {
                    Operator::Is => order.is_some_and(|o| o.is_eq()),
                    Operator::IsNot => !order.is_some_and(|o| o.is_eq()),
                    Operator::Less => known && order.is_some_and(|o| o.is_lt()),
                    Operator::AtMost => known && order.is_some_and(|o| o.is_le()),
                    Operator::More => known && order.is_some_and(|o| o.is_gt()),
                    Operator::AtLeast => known && order.is_some_and(|o| o.is_ge()),
                    Operator::Like => false,
                }
            }
        }
    }
}

fn filterable(org: &Org, table: &Table, field: &str) -> Result<Path, Refusal> {
    let path = Path::new(org, table, field)?;
    let any = table.name == "OpportunityFieldHistory"
        && (path.name == "OldValue" || path.name == "NewValue");
    if path.kind == Kind::LongText || any {
        return Err(Refusal::field(format!(
            "field '{}' can not be filtered in a query call",
            path.name
        )));
    }
    Ok(path)
}

fn like(path: &Path, literal: &Literal) -> Result<Pattern, Refusal> {
    let text = matches!(path.kind, Kind::Text | Kind::Picklist | Kind::Email);
    match literal {
        Literal::Text(told) if text => Ok(Pattern::new(told)),
        _ => Err(Refusal::new(
            "INVALID_QUERY_FILTER_OPERATOR",
            format!("invalid operator on {} field", path.kind.name()),
        )),
    }
}

/// The value of a literal for a field, whose type it must have.
fn cell(path: &Path, literal: &Literal) -> Result<Cell, Refusal> {
    let wrong = || {
        let quoted = match path.kind {
            Kind::Text | Kind::Picklist | Kind::Email | Kind::Id | Kind::Reference => {
                "should be enclosed in quotes"
            }
            _ => "should not be enclosed in quotes",
        };
        let kind = if path.kind == Kind::Instant { "dateTime" } else { path.kind.name() };
        Refusal::field(format!(
            "value of filter criterion for field '{}' must be of type {kind} and {quoted}",
            path.name
        ))
    };
    Ok(match literal {
        Literal::Null => Cell::Null,
        Literal::Bool(told) if path.kind == Kind::Boolean => Cell::Bool(*told),
        Literal::Text(text) if text.is_empty() && !path.kind.is_number() => Cell::Null,
        Literal::Text(text) => match path.kind {
            kind if kind.is_id() => Cell::Id(Key::parse(text).ok_or_else(|| {
                let message = format!("invalid ID field: {text}");
                Refusal::new("INVALID_QUERY_FILTER_OPERATOR", message)
            })?),
            Kind::Text | Kind::Picklist | Kind::Email => Cell::text(text),
            _ => return Err(wrong()),
        },
        Literal::Bare(text) => match path.kind {
            Kind::Instant if text.contains('T') => {
                Cell::Instant(instant(text).ok_or_else(wrong)?.as_second())
            }
            Kind::Date if text.len() == 10 => {
                Cell::Date(text.parse::<Date>().map_err(|_| wrong())?)
            }
            kind if kind.is_number() => Cell::Number(text.parse().map_err(|_| wrong())?),
            _ => return Err(wrong()),
        },
        Literal::Bool(_) => return Err(wrong()),
    })
}

/// The ids that an inner query selects.
fn joined(org: &Org, path: &Path, query: &Query, scope: Scope) -> Result<Among, Refusal> {
    if !path.kind.is_id() {
        return Err(Refusal::malformed(format!(
            "The left operand field in the where expression for outer query should be a reference \
             field, cannot use '{}'",
            path.name
        )));
    }
    let mut among = Among::default();
    for cell in selected_ids(org, query, scope)? {
        among.add(cell);
    }
    Ok(among)
}
