//! How far each kind of record was read: pure.

use serde::{Deserialize, Serialize};

/// What may become visible late: a search index lags behind by minutes at times, so the last hour is
/// read again. Others who read only once lost rows (airbyte pull request 69203).
const SETTLE_MS: i64 = 3_600_000;
/// An hour with more changes than this is read again once, when it is over, and not at each sync.
pub const SETTLE_ROWS_MAX: u64 = 2_000;
/// What is read again at each sync in any case.
const OVERLAP_MS: i64 = 120_000;
/// A stamp beyond the sync's clock by more than this would hide what comes before it.
const AHEAD_MS_MAX: i64 = 86_400_000;
/// HubSpot answers a search from exactly 0 with status 500.
const BEGINNING_MS: i64 = 1_000;
/// Pages of the recycle bin that are read at each sync; of a larger one, a page a minute.
const BIN_PAGES_FREE: i64 = 5;
const BIN_PAGE_SECS: i64 = 60;

/// Where a kind of record goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The first load, until it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loading: Option<Loading>,
    /// Everything that changed before this was read, in the vendor's milliseconds since 1970.
    #[serde(default)]
    pub since_ms: i64,
    /// Everything before this was read a second time.
    #[serde(default)]
    pub settled_ms: i64,
    /// When the recycle bin was last read, in seconds since 1970, and its pages.
    #[serde(default)]
    pub bin_read_secs: i64,
    /// Pages of the recycle bin then.
    #[serde(default)]
    pub bin_pages: i64,
}

/// A first load by list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loading {
    /// Where the next page begins.
    #[serde(default)]
    pub after: Option<String>,
    /// The newest change when the load began: what changes meanwhile is read after it.
    pub from_ms: i64,
}

impl Cursor {
    /// Reads a stored cursor; one that is not readable begins anew.
    pub fn parse(text: Option<&String>) -> Option<Cursor> {
        serde_json::from_str(text?).ok()
    }

    /// The stored form.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The beginning of a first load.
    pub fn begin(newest_ms: Option<i64>) -> Cursor {
        let from_ms = newest_ms.unwrap_or(BEGINNING_MS).max(BEGINNING_MS);
        Cursor { loading: Some(Loading { after: None, from_ms }), ..Cursor::default() }
    }

    /// The end of a first load.
    pub fn loaded(&mut self) {
        if let Some(loading) = self.loading.take() {
            self.since_ms = loading.from_ms;
            self.settled_ms = (loading.from_ms - SETTLE_MS).max(BEGINNING_MS);
        }
    }

    /// Where reading again begins, when what is not settled yet is small enough.
    pub fn settle_from_ms(&self) -> i64 {
        self.settled_ms.min(self.since_ms).max(BEGINNING_MS)
    }

    /// Where reading begins when it is not.
    pub fn overlap_from_ms(&self) -> i64 {
        (self.since_ms - OVERLAP_MS).max(BEGINNING_MS)
    }

    /// The time up to which nothing is expected to become visible any more.
    pub fn settled_until_ms(&self, started_ms: i64) -> i64 {
        self.since_ms.min(started_ms - SETTLE_MS)
    }

    /// Everything before `to_ms` was read. A stamp far beyond the clock is not believed.
    pub fn advance(&mut self, to_ms: i64, started_ms: i64) {
        let believed_ms = to_ms.min(started_ms.saturating_add(AHEAD_MS_MAX));
        self.since_ms = self.since_ms.max(believed_ms);
    }

    /// Everything an hour and more before this sync was read again.
    pub fn settle(&mut self, started_ms: i64) {
        self.settled_ms = self.settled_ms.max(self.settled_until_ms(started_ms));
    }

    /// Whether the recycle bin is to be read.
    pub fn bin_is_due(&self, now_secs: i64) -> bool {
        let wait_secs = match self.bin_pages {
            pages if pages <= BIN_PAGES_FREE => 0,
            pages => pages * BIN_PAGE_SECS,
        };
        // A clock that was set back must not put it off.
        now_secs < self.bin_read_secs || now_secs >= self.bin_read_secs + wait_secs
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_from_the_far_future_hides_nothing() {
        let mut cursor = Cursor::begin(Some(5_000_000));
        cursor.loaded();
        cursor.advance(4_000_000_000_000, 6_000_000);
        assert_eq!(cursor.since_ms, 6_000_000 + AHEAD_MS_MAX);
        cursor.advance(7_000_000, 6_000_000);
        assert_eq!(cursor.since_ms, 6_000_000 + AHEAD_MS_MAX, "it never goes back");
    }

    #[test]
    fn a_large_recycle_bin_is_read_a_page_a_minute() {
        let read = |pages| Cursor { bin_read_secs: 1_000, bin_pages: pages, ..Cursor::default() };
        assert!(read(0).bin_is_due(1_000));
        assert!(read(5).bin_is_due(1_001));
        assert!(!read(60).bin_is_due(1_000 + 3_599));
        assert!(read(60).bin_is_due(1_000 + 3_600));
    }

    #[test]
    fn a_cursor_is_read_back() {
        let mut cursor = Cursor::begin(None);
        assert_eq!(Cursor::parse(Some(&cursor.text())), Some(cursor.clone()));
        cursor.loaded();
        assert_eq!((cursor.since_ms, cursor.settle_from_ms()), (1_000, 1_000));
        cursor.advance(9_000_000, 9_500_000);
        cursor.settle(9_500_000);
        assert_eq!(cursor.settle_from_ms(), 9_500_000 - SETTLE_MS, "the last hour is read again");
        cursor.settle(99_000_000);
        assert_eq!(cursor.settle_from_ms(), 9_000_000, "and a quiet account is not");
        assert_eq!(Cursor::parse(Some(&"not json".to_owned())), None);
    }
}
