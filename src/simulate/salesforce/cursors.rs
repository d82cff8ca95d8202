//! Queries whose further pages can be asked for.

use std::collections::VecDeque;

use super::ids::Key;
use super::soql::{Found, Selection};

/// The vendor keeps ten for a user, and lets the oldest go for an eleventh.
const MAX_OPEN: usize = 10;
/// After two days they are gone.
const LIFE_SECS: i64 = 2 * 86_400;

/// A query of which pages are left.
#[derive(Debug)]
pub(super) struct Cursor {
    id: Key,
    made: i64,
    pub(super) object: &'static str,
    pub(super) selection: Selection,
    pub(super) keys: Vec<Key>,
    pub(super) page_rows: usize,
}

/// The queries that are open.
#[derive(Debug, Default)]
pub(super) struct Cursors {
    open: VecDeque<Cursor>,
    made: u64,
}

impl Cursors {
    /// Keeps a query open and tells its id.
    pub(super) fn open(&mut self, found: Found, page_rows: usize, now: i64) -> Key {
        self.made += 1;
        let id = Key::new("01g", self.made);
        let Found { object, selection, keys } = found;
        self.open.push_back(Cursor { id, made: now, object, selection, keys, page_rows });
        if self.open.len() > MAX_OPEN {
            self.open.pop_front();
        }
        id
    }

    /// The query and the place of a locator, unless it has expired.
    pub(super) fn find(&mut self, locator: &str, now: i64) -> Option<(&Cursor, usize)> {
        self.open.retain(|cursor| now - cursor.made < LIFE_SECS);
        let (id, start) = locator.rsplit_once('-')?;
        let (id, start) = (Key::parse(id)?, start.parse().ok()?);
        let cursor = self.open.iter().find(|cursor| cursor.id == id)?;
        (start <= cursor.keys.len()).then_some((cursor, start))
    }
}
