//! Runs a query over the records of an org.

use std::cmp::Ordering;

use super::super::cell::Cell;
use super::super::ids::Key;
use super::super::org::Org;
use super::super::table::{Record, Table};
use super::Refusal;
use super::ast::{Item, Order, Query};
use super::bind::{Path, Test};
use super::select::Selection;

/// What was deleted longer ago is in no recycle bin any more.
const RECYCLE_BIN_SECS: i64 = 15 * 86_400;

/// Which records a query may tell.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Scope {
    /// Whether the deleted and the archived are among them.
    pub(in super::super) all: bool,
    /// The org's time, in seconds.
    pub(in super::super) now: i64,
}

impl Scope {
    /// Whether a record is among those that are told.
    pub(in super::super) fn has(&self, record: &Record) -> bool {
        match (self.all, record.deleted) {
            (false, deleted) => !deleted && !record.archived,
            (true, true) => record.stamp + RECYCLE_BIN_SECS > self.now,
            (true, false) => true,
        }
    }
}

/// What a query found.
#[derive(Debug)]
pub(in super::super) struct Found {
    pub(in super::super) object: &'static str,
    pub(in super::super) selection: Selection,
    pub(in super::super) keys: Vec<Key>,
}

/// The object of a query, which the caller may know.
pub(super) fn table<'o>(org: &'o Org, name: &str) -> Result<&'o Table, Refusal> {
    let table = org.table(name).filter(|table| !table.hidden);
    table.ok_or_else(|| Refusal::no_object(name))
}

/// Runs a query.
pub(in super::super) fn run(org: &Org, query: &Query, scope: Scope) -> Result<Found, Refusal> {
    let table = table(org, &query.object)?;
    let selection = Selection::new(org, table, query)?;
    let records = found(org, table, query, scope)?;
    let keys = records.into_iter().map(|record| record.key).collect();
    Ok(Found { object: table.name, selection, keys })
}

fn found<'o>(
    org: &'o Org,
    table: &'o Table,
    query: &Query,
    scope: Scope,
) -> Result<Vec<&'o Record>, Refusal> {
    let test = match &query.filter {
        Some(expr) => Some(Test::new(org, table, expr, scope)?),
        None => None,
    };
    let keys: Result<Vec<(Path, &Order)>, Refusal> = query
        .order
        .iter()
        .map(|order| Path::new(org, table, &order.field).map(|path| (path, order)))
        .collect();
    let keys = keys?;
    let fits = |record: &&Record| {
        scope.has(record) && test.as_ref().is_none_or(|test| test.holds(org, record))
    };
    let mut records: Vec<&Record> = table.records.iter().filter(fits).collect();
    let wanted = query.limit.map(|limit| limit.saturating_add(query.offset.unwrap_or(0)));
    if !keys.is_empty() {
        let compare = |a: &&Record, b: &&Record| compared(org, &keys, a, b);
        // Most queries want a page out of many rows: only that page is sorted.
        if let Some(wanted) = wanted.filter(|wanted| *wanted > 0 && *wanted < records.len()) {
            records.select_nth_unstable_by(wanted - 1, compare);
            records.truncate(wanted);
        }
        records.sort_by(compare);
    }
    records.truncate(wanted.unwrap_or(usize::MAX));
    records.drain(..query.offset.unwrap_or(0).min(records.len()));
    Ok(records)
}

fn compared(org: &Org, keys: &[(Path, &Order)], a: &Record, b: &Record) -> Ordering {
    for (path, order) in keys {
        let (left, right) = (path.value(org, a), path.value(org, b));
        let by_null = match (left.is_null(), right.is_null()) {
            (true, false) if order.nulls_last => Ordering::Greater,
            (true, false) => Ordering::Less,
            (false, true) if order.nulls_last => Ordering::Less,
            (false, true) => Ordering::Greater,
            _ => Ordering::Equal,
        };
        let by_value = left.order(&right).unwrap_or(Ordering::Equal);
        let by_value = if order.descending { by_value.reverse() } else { by_value };
        let result = if by_null.is_eq() { by_value } else { by_null };
        if !result.is_eq() {
            return result;
        }
    }
    // The vendor promises no order beyond the keys; that of the ids keeps tests steady.
    a.key.cmp(&b.key)
}

/// The ids in the one field that an inner query selects.
pub(super) fn selected_ids(org: &Org, query: &Query, scope: Scope) -> Result<Vec<Cell>, Refusal> {
    let table = table(org, &query.object)?;
    let [Item::Field(name)] = query.items.as_slice() else {
        return Err(Refusal::malformed("A semi join sub-select must select exactly one field"));
    };
    let path = Path::new(org, table, name)?;
    if !path.kind.is_id() {
        let text = "The inner select field must be an ID or a reference field, cannot use";
        return Err(Refusal::malformed(format!("{text} '{}'", path.name)));
    }
    let records = found(org, table, query, scope)?;
    let values = records.into_iter().map(|record| path.value(org, record));
    Ok(values.filter(|value| !value.is_null()).collect())
}
