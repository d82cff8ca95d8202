//! Finds the records that a search asks for, by rank in an index wherever the question allows.

use std::cmp::Ordering;

use super::filter::{Filter, Value};
use super::json::parse_iso;
use super::object::Object;
use super::portal::{Portal, Shelf, tie};
use super::record::Record;
use super::render::Source;

/// A search, checked and resolved.
#[derive(Debug, Clone)]
pub(super) struct Query {
    /// Any group of which all filters pass; no groups ask for everything.
    pub(super) groups: Vec<Vec<Filter>>,
    /// The property that orders the results; the vendor's default is the order of creation.
    pub(super) sort: Source,
    /// Whether the largest comes first.
    pub(super) descending: bool,
    /// How many results come before the page.
    pub(super) offset: usize,
    /// The length of the page.
    pub(super) limit: usize,
}

/// One page of ids and how many there are in all.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) ids: Vec<u64>,
    pub(super) total: usize,
}

/// The inclusive ranges that a lone group puts on stamp and id, and whether that is all it does.
struct Bounds {
    stamp: (i64, i64),
    id: (i64, i64),
    exact: bool,
}

const ALL: (i64, i64) = (i64::MIN, i64::MAX);

impl Query {
    fn bounds(&self) -> Bounds {
        let mut bounds = Bounds { stamp: ALL, id: ALL, exact: self.groups.len() <= 1 };
        if !bounds.exact {
            return bounds;
        }
        for filter in self.groups.iter().flatten() {
            let range = match filter.source {
                Source::Modified => &mut bounds.stamp,
                Source::Id => &mut bounds.id,
                Source::Stored(_) => {
                    bounds.exact = false;
                    continue;
                }
            };
            match filter.bounds() {
                Some((low, high)) => *range = (range.0.max(low), range.1.min(high)),
                None => bounds.exact = false,
            }
        }
        bounds
    }

    fn matches(&self, record: &Record) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|g| g.iter().all(|f| f.matches(record)))
    }

    /// The lowest modified stamp that is asked for, if any is.
    pub(super) fn since_ms(&self) -> Option<i64> {
        let low = self.bounds().stamp.0;
        (low > i64::MIN).then_some(low)
    }
}

/// An id bound as the indexes hold ids.
fn as_id(bound: i64) -> u64 {
    u64::try_from(bound).unwrap_or(0)
}

/// The page of a run of ranks, counted from its other end when descending.
fn page<K: Ord + Copy>(
    set: &super::ranked::RankedSet<K>,
    (from, to): (usize, usize),
    query: &Query,
    id: impl Fn(K) -> u64,
) -> Found {
    let total = to.saturating_sub(from);
    let length = query.limit.min(total.saturating_sub(query.offset));
    let first = if query.descending {
        to.saturating_sub(query.offset + length)
    } else {
        from + query.offset
    };
    let mut ids: Vec<u64> = set.skip_to(first).take(length).map(id).collect();
    if query.descending {
        ids.reverse();
    }
    Found { ids, total }
}

impl Portal {
    /// Answers a search as of the given instant.
    pub(super) fn search(&mut self, object: Object, query: &Query, now_ms: i64) -> Found {
        let shelf = self.shelf_mut(object);
        shelf.hidden.retain(|_, until_ms| *until_ms > now_ms);
        let bounds = query.bounds();
        if bounds.stamp.0 > bounds.stamp.1 || bounds.id.0 > bounds.id.1 {
            return Found { ids: Vec::new(), total: 0 };
        }
        if bounds.exact
            && shelf.hidden.is_empty()
            && let Some(found) = by_rank(shelf, query, &bounds)
        {
            return found;
        }
        let question = format!("{:?}{:?}{}", query.groups, query.sort, query.descending);
        let remembered = shelf.remembered.take().filter(|(asked, revision, _)| {
            *asked == question && *revision == shelf.revision && shelf.hidden.is_empty()
        });
        let ids = match remembered {
            Some((_, _, ids)) => ids,
            None => by_scan(shelf, query, &bounds),
        };
        let found = Found {
            ids: ids.iter().skip(query.offset).take(query.limit).copied().collect(),
            total: ids.len(),
        };
        if shelf.hidden.is_empty() {
            shelf.remembered = Some((question, shelf.revision, ids));
        }
        found
    }

    /// A record that was modified before the given stamp, the newest such.
    pub(super) fn before(&self, object: Object, stamp_ms: i64) -> Option<u64> {
        let index = &self.shelf(object).by_stamp;
        let rank = index.rank(&(stamp_ms, 0, 0)).checked_sub(1)?;
        index.skip_to(rank).next().map(|key| key.2)
    }
}

/// Answers from an index alone, where one has the asked order.
fn by_rank(shelf: &Shelf, query: &Query, bounds: &Bounds) -> Option<Found> {
    let (low, high) = bounds.stamp;
    let (first, last) = (as_id(bounds.id.0), as_id(bounds.id.1));
    match query.sort {
        Source::Modified if bounds.id == ALL => {
            let run = (
                shelf.by_stamp.rank(&(low, 0, 0)),
                shelf.by_stamp.rank(&(high, u32::MAX, u64::MAX)),
            );
            Some(page(&shelf.by_stamp, run, query, |key| key.2))
        }
        Source::Id if low == high => {
            let index = &shelf.by_stamp_id;
            let run = (index.rank(&(low, first)), index.rank(&(low, last.saturating_add(1))));
            Some(page(index, run, query, |key| key.1))
        }
        Source::Id if bounds.stamp == ALL => {
            let run = (shelf.by_id.rank(&first), shelf.by_id.rank(&last.saturating_add(1)));
            Some(page(&shelf.by_id, run, query, |id| id))
        }
        _ => None,
    }
}

/// How a record sorts by a property; records without it come first.
#[derive(Debug, PartialEq, PartialOrd)]
enum SortKey {
    Missing,
    Number(f64),
    Text(String),
}

fn sort_key(record: &Record, source: Source) -> SortKey {
    match Value::of(record, source) {
        Value::Missing => SortKey::Missing,
        Value::Whole(whole) => SortKey::Number(whole as f64),
        Value::Text(text) => match text.parse::<f64>().ok() {
            Some(number) => SortKey::Number(number),
            None => match parse_iso(text) {
                Some(at_ms) => SortKey::Number(at_ms as f64),
                None => SortKey::Text(text.to_lowercase()),
            },
        },
    }
}

/// Answers by looking at every record within the bounds.
fn by_scan(shelf: &Shelf, query: &Query, bounds: &Bounds) -> Vec<u64> {
    let candidates: Box<dyn Iterator<Item = u64> + '_> = if bounds.stamp == ALL {
        Box::new(shelf.by_id.skip_to(shelf.by_id.rank(&as_id(bounds.id.0))))
    } else {
        let from = shelf.by_stamp.rank(&(bounds.stamp.0, 0, 0));
        let high = bounds.stamp.1;
        Box::new(shelf.by_stamp.skip_to(from).take_while(move |k| k.0 <= high).map(|key| key.2))
    };
    let mut rows: Vec<(SortKey, u32, u64)> = candidates
        .filter(|id| !shelf.hidden.contains_key(id))
        .filter_map(|id| shelf.records.get(&id))
        .filter(|record| query.matches(record))
        .map(|record| (sort_key(record, query.sort), tie(record.id), record.id))
        .collect();
    rows.sort_by(|one, other| {
        let by_value = one.0.partial_cmp(&other.0).unwrap_or(Ordering::Equal);
        let by_value = if query.sort == Source::Id { one.2.cmp(&other.2) } else { by_value };
        by_value.then_with(|| (one.1, one.2).cmp(&(other.1, other.2)))
    });
    if query.descending {
        rows.reverse();
    }
    rows.into_iter().map(|row| row.2).collect()
}
