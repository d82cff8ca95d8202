//! Queries and their pages.

use super::cursors::Cursors;
use super::ids::Key;
use super::org::Org;
use super::refusals::{no_locator, refused};
use super::server::Ask;
use super::soql::{self, Refusal, Scope, Selection};
use super::wire::Answer;

/// The vendor's bounds of the size that a caller may wish for.
const WISHED_ROWS: std::ops::RangeInclusive<usize> = 200..=2000;

/// The page size that the caller wishes for, as in `batchSize=500`.
fn wished_rows(ask: &Ask) -> usize {
    let told = ask.request.header("sforce-query-options").unwrap_or_default();
    let parts = told.split([',', ';']).filter_map(|part| part.split_once('='));
    let size = parts
        .filter(|(name, _)| name.trim().eq_ignore_ascii_case("batchSize"))
        .find_map(|(_, size)| size.trim().parse::<usize>().ok());
    size.map_or(*WISHED_ROWS.end(), |size| size.clamp(*WISHED_ROWS.start(), *WISHED_ROWS.end()))
}

/// The first page of a query.
pub(super) fn query(ask: &Ask, cursors: &mut Cursors, all: bool) -> Result<Answer, Answer> {
    let text = ask.request.parameter("q").unwrap_or_default();
    let wrong = |refusal: Refusal| refused(&refusal);
    let query = soql::parse(text).map_err(wrong)?;
    let scope = Scope { all, now: ask.now.as_second() };
    let found = soql::run(ask.org, &query, scope).map_err(wrong)?;
    let rows = match &found.selection {
        Selection::Count => {
            let total = found.keys.len();
            let body = format!("{{\"totalSize\":{total},\"done\":true,\"records\":[]}}");
            return Ok(Answer::json(200, body.into_bytes()));
        }
        Selection::Aggregates(aggregates) => {
            let table = ask.org.table(found.object);
            let records =
                found.keys.iter().filter_map(|key| table?.record(*key)).collect::<Vec<_>>();
            let row = Selection::aggregated(ask.org, aggregates, &records);
            let body = format!("{{\"totalSize\":1,\"done\":true,\"records\":[{row}]}}");
            return Ok(Answer::json(200, body.into_bytes()));
        }
        Selection::Fields(_) => wished_rows(ask).min(ask.limits.page_rows.max(1)),
    };
    let total = found.keys.len();
    let shown: Vec<Key> = found.keys.iter().take(rows).copied().collect();
    let (object, selection) = (found.object, found.selection.clone());
    let next = (total > rows).then(|| {
        let id = cursors.open(found, rows, scope.now);
        format!("{}-{rows}", id.text())
    });
    Ok(told(ask, object, &selection, &shown, total, next))
}

/// A further page of a query.
pub(super) fn more(ask: &Ask, cursors: &mut Cursors, locator: &str) -> Result<Answer, Answer> {
    let found = cursors.find(locator, ask.now.as_second());
    let (cursor, start) = found.ok_or_else(no_locator)?;
    let total = cursor.keys.len();
    let end = start.saturating_add(cursor.page_rows).min(total);
    let id = locator.rsplit_once('-').map_or(locator, |parts| parts.0);
    let next = (end < total).then(|| format!("{id}-{end}"));
    Ok(told(ask, cursor.object, &cursor.selection, &cursor.keys[start..end], total, next))
}

/// Writes a page.
fn told(
    ask: &Ask,
    object: &str,
    selection: &Selection,
    keys: &[Key],
    total: usize,
    next: Option<String>,
) -> Answer {
    let base = format!("/services/data/{}", ask.version);
    let done = next.is_none();
    let mut out = format!("{{\"totalSize\":{total},\"done\":{done}");
    if let Some(locator) = next {
        out.push_str(&format!(",\"nextRecordsUrl\":\"{base}/query/{locator}\""));
    }
    out.push_str(",\"records\":[");
    let keys = if ask.short { &keys[..keys.len() - keys.len().div_ceil(3)] } else { keys };
    write_rows(ask.org, object, selection, keys, &base, &mut out);
    out.push_str("]}");
    Answer::json(200, out.into_bytes())
}

/// Writes records; those that were purged in the meantime are left out.
fn write_rows(
    org: &Org,
    object: &str,
    selection: &Selection,
    keys: &[Key],
    base: &str,
    out: &mut String,
) {
    let (Some(table), Selection::Fields(fields)) = (org.table(object), selection) else { return };
    let mut first = true;
    for record in keys.iter().filter_map(|key| table.record(*key)) {
        if !first {
            out.push(',');
        }
        first = false;
        Selection::write_json(org, fields, (table, record), base, out);
    }
}
