//! Reading what changed since a time, from an API that sorts by time and pages by offset: pure.
//!
//! Offsets lose rows: a record that changes between two pages moves to the end, and the next page
//! begins one row too far. So each page asks anew from the last time seen, and rows that were seen
//! are left out. It never comes near the cap that search APIs have on offsets (10,000 at HubSpot).
//! An instant that holds more than a page is drained by id.

use std::collections::HashSet;

/// What to ask next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Rows from `from_ms` on, the oldest first, leaving out the first `offset`.
    Since {
        /// The earliest time.
        from_ms: i64,
        /// The latest time, if there is one.
        until_ms: Option<i64>,
        /// Rows to leave out.
        offset: usize,
    },
    /// Rows of one instant with an id greater than this, by id.
    At {
        /// The instant.
        at_ms: i64,
        /// The last id that was read.
        after_id: Option<u64>,
    },
}

/// A row as far as paging needs it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Row {
    /// Its id.
    pub id: String,
    /// When it changed.
    pub at_ms: i64,
}

/// Rows come in no order at all, so nothing can be said about what was not seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disorder;

/// A range of time that is being read.
#[derive(Clone, Debug)]
pub struct Window {
    ask: Ask,
    until_ms: Option<i64>,
    offset_max: usize,
    /// Rows of the border, as they were: one that changes again comes again.
    seen: HashSet<Row>,
    newest_ms: Option<i64>,
    finished: bool,
}

impl Window {
    /// Everything from a time on, up to another where one is given. `offset_max` is the vendor's cap.
    pub fn new(from_ms: i64, until_ms: Option<i64>, offset_max: usize) -> Window {
        Window {
            ask: Ask::Since { from_ms, until_ms, offset: 0 },
            until_ms,
            offset_max,
            seen: HashSet::new(),
            newest_ms: None,
            finished: until_ms.is_some_and(|until_ms| until_ms < from_ms),
        }
    }

    /// What to ask next; nothing when all was read.
    pub fn next(&self) -> Option<Ask> {
        (!self.finished).then(|| self.ask.clone())
    }

    /// Whether it ends at a given time.
    pub fn is_bounded(&self) -> bool {
        self.until_ms.is_some()
    }

    /// Everything before this time was read; what was changed at it may be read again.
    pub fn read_to_ms(&self) -> i64 {
        match self.ask {
            Ask::Since { from_ms, .. } => from_ms,
            Ask::At { at_ms, .. } => at_ms,
        }
    }

    /// The latest time among the rows.
    pub fn newest_ms(&self) -> Option<i64> {
        self.newest_ms
    }

    /// Takes a page, and says which of its rows are new. `more` says that the vendor has further rows
    /// for the same question.
    ///
    /// # Errors
    /// When the rows of a whole range came unsorted, or those of an instant have ids that cannot be gone on from.
    pub fn accept(&mut self, rows: &[Row], more: bool) -> Result<Vec<usize>, Disorder> {
        let from_ms = self.read_to_ms();
        // Search rounds times, so it may give rows from just outside of what was asked for.
        let within = |row: &Row| {
            row.at_ms >= from_ms && self.until_ms.is_none_or(|until_ms| row.at_ms <= until_ms)
        };
        let fresh: Vec<usize> = (0..rows.len())
            .filter(|index| within(&rows[*index]) && !self.seen.contains(&rows[*index]))
            .collect();
        let newest_ms = fresh.iter().map(|index| rows[*index].at_ms).max();
        self.newest_ms = self.newest_ms.max(newest_ms);
        match self.ask {
            Ask::At { at_ms, after_id } => self.drained(at_ms, after_id, rows, more)?,
            Ask::Since { .. } if !more => self.finished = true,
            Ask::Since { offset, .. } => self.advance(from_ms, offset, rows)?,
        }
        Ok(fresh)
    }

    fn drained(
        &mut self,
        at_ms: i64,
        after_id: Option<u64>,
        rows: &[Row],
        more: bool,
    ) -> Result<(), Disorder> {
        let last = rows.iter().filter_map(|row| row.id.parse().ok()).max();
        self.seen.extend(rows.iter().cloned());
        self.ask = match (more, last.filter(|last| Some(*last) > after_id)) {
            (true, Some(last)) => Ask::At { at_ms, after_id: Some(last) },
            (true, None) if !rows.is_empty() => return Err(Disorder),
            _ => {
                self.seen.clear();
                Ask::Since { from_ms: at_ms + 1, until_ms: self.until_ms, offset: 0 }
            }
        };
        self.finished = self.until_ms.is_some_and(|until_ms| until_ms < self.read_to_ms());
        Ok(())
    }

    fn advance(&mut self, from_ms: i64, offset: usize, rows: &[Row]) -> Result<(), Disorder> {
        let descent = rows.windows(2).position(|pair| pair[1].at_ms < pair[0].at_ms);
        let next_ms = match descent {
            None => rows.last().map(|row| row.at_ms),
            // Rows came out of order: all before the earliest late one is sure.
            Some(place) => rows[place + 1..].iter().map(|row| row.at_ms).min(),
        };
        let next_ms = next_ms.unwrap_or(from_ms).max(from_ms);
        if next_ms > from_ms {
            self.seen.clear();
        }
        let again = rows.iter().filter(|row| row.at_ms >= next_ms);
        self.seen.extend(again.cloned());
        let one_instant = rows.iter().all(|row| row.at_ms == from_ms);
        self.ask = if next_ms > from_ms {
            Ask::Since { from_ms: next_ms, until_ms: self.until_ms, offset: 0 }
        } else if one_instant {
            Ask::At { at_ms: from_ms, after_id: None }
        } else if offset + 2 * rows.len() > self.offset_max || rows.is_empty() {
            return Err(Disorder);
        } else {
            Ask::Since { from_ms, until_ms: self.until_ms, offset: offset + rows.len() }
        };
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const PAGE: usize = 5;

    #[test]
    fn ids_that_are_no_numbers_are_refused_where_an_instant_is_drained_by_them() {
        let mut window = Window::new(10, None, 1_000);
        let row = |name: &str| Row { id: format!("lead_{name}"), at_ms: 10 };
        assert_eq!(window.accept(&[row("a"), row("b")], true), Ok(vec![0, 1]));
        assert_eq!(window.next(), Some(Ask::At { at_ms: 10, after_id: None }));
        assert_eq!(window.accept(&[row("a"), row("b")], true), Err(Disorder));
    }

    /// A vendor's search: rows from a time on, sorted, cut into pages.
    fn answer(table: &BTreeMap<u64, i64>, ask: &Ask) -> (Vec<Row>, bool) {
        let mut rows: Vec<(i64, u64)> = table.iter().map(|(id, at)| (*at, *id)).collect();
        let offset = match ask {
            Ask::Since { from_ms, until_ms, offset } => {
                rows.retain(|(at, _)| at >= from_ms && until_ms.is_none_or(|until| *at <= until));
                // Rows of one instant come in an order that is not that of their ids.
                rows.sort_by_key(|(at, id)| (*at, id.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
                *offset
            }
            Ask::At { at_ms, after_id } => {
                rows.retain(|(at, id)| at == at_ms && after_id.is_none_or(|after| *id > after));
                rows.sort_unstable();
                0
            }
        };
        let more = rows.len() > offset + PAGE;
        let page = rows.into_iter().skip(offset).take(PAGE);
        (page.map(|(at_ms, id)| Row { id: id.to_string(), at_ms }).collect(), more)
    }

    proptest! {
        #[test]
        fn every_row_is_read_once_though_records_change_between_pages(
            times in prop::collection::vec(0_i64..12, 0..60),
            changes in prop::collection::vec(0_usize..60, 0..12),
        ) {
            let mut table: BTreeMap<u64, i64> =
                times.iter().enumerate().map(|(id, at)| (id as u64, *at)).collect();
            let mut changes = changes.into_iter();
            let mut window = Window::new(0, None, 10_000);
            let mut read: BTreeMap<u64, i64> = BTreeMap::new();
            let mut clock = 100;
            let mut asked = 0;
            while let Some(ask) = window.next() {
                let (rows, more) = answer(&table, &ask);
                for index in window.accept(&rows, more).unwrap() {
                    let id: u64 = rows[index].id.parse().unwrap();
                    prop_assert_ne!(read.insert(id, rows[index].at_ms), Some(rows[index].at_ms));
                }
                // A record changes meanwhile: it moves behind everything else.
                let id = changes.next().filter(|_| window.next().is_some());
                if let Some(at) = id.and_then(|id| table.get_mut(&(id as u64))) {
                    *at = clock;
                    clock += 1;
                }
                asked += 1;
                prop_assert!(asked < 200, "it ends");
            }
            prop_assert_eq!(read, table);
        }
    }

    fn rows(times: &[i64]) -> Vec<Row> {
        let row = |(id, at_ms): (usize, &i64)| Row { id: id.to_string(), at_ms: *at_ms };
        times.iter().enumerate().map(row).collect()
    }

    #[test]
    fn rows_out_of_order_are_asked_for_again_from_the_last_sure_time() {
        let mut window = Window::new(10, None, 10_000);
        assert_eq!(window.accept(&rows(&[10, 11, 15, 13, 14]), true).unwrap().len(), 5);
        assert_eq!(window.next(), Some(Ask::Since { from_ms: 13, until_ms: None, offset: 0 }));
        assert_eq!(window.newest_ms(), Some(15));
    }

    #[test]
    fn a_range_without_any_order_is_paged_by_offset_and_ends_as_an_error_at_the_cap() {
        let mut window = Window::new(10, None, 20);
        let mut page = rows(&[12, 10, 14, 11, 10]);
        window.accept(&page, true).unwrap();
        assert_eq!(window.next(), Some(Ask::Since { from_ms: 10, until_ms: None, offset: 5 }));
        page.iter_mut().for_each(|row| row.id.push('0'));
        window.accept(&page, true).unwrap();
        page.iter_mut().for_each(|row| row.id.push('1'));
        window.accept(&page, true).unwrap();
        assert_eq!(window.accept(&page, true), Err(Disorder));
    }

    #[test]
    fn rows_from_outside_of_the_range_are_left_out() {
        let mut window = Window::new(10, Some(20), 10_000);
        assert_eq!(window.accept(&rows(&[9, 10, 20, 21]), false).unwrap(), [1, 2]);
        assert_eq!(window.next(), None);
    }
}
