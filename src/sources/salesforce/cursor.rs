//! How far each kind of record was read: pure.
//!
//! Commits do not come in the order of their stamps: a transaction that runs long shows up late, with the
//! stamp of its beginning (airbyte issues 27146, 42490). So the last minutes are read again each time, and
//! the last hour once an hour.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::soql::Place;

/// What is read again at each sync.
const OVERLAP: SignedDuration = SignedDuration::from_mins(15);
/// What is read again once, when it is over.
const SETTLE: SignedDuration = SignedDuration::from_hours(1);
/// A stamp beyond the sync's clock by more than this would hide what comes before it.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(24);

/// Where a kind of record goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The first load, until it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loading: Option<Loading>,
    /// The newest stamp that was read.
    #[serde(default)]
    pub since: Timestamp,
    /// Where a pass over the changes was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Place>,
    /// What is older was read a second time.
    #[serde(default)]
    pub settled: Timestamp,
    /// When that was.
    #[serde(default)]
    pub settled_at: Timestamp,
}

/// A first load.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loading {
    /// The newest stamp when it began: what changes meanwhile is read after it.
    pub from: Timestamp,
    /// The last id that was read, where it goes by id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// The bulk job, where it goes by one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Job>,
    /// Whether bulk jobs were found not to work here.
    #[serde(default)]
    pub plain: bool,
}

/// A bulk job whose results are being read; Salesforce keeps them for a week.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// Where the next results begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locator: Option<String>,
    /// Rows that were read so far.
    pub rows: u64,
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
    pub fn begin(newest: Option<Timestamp>) -> Cursor {
        let from = newest.unwrap_or(Timestamp::UNIX_EPOCH);
        Cursor { loading: Some(Loading { from, ..Loading::default() }), ..Cursor::default() }
    }

    /// The end of a first load.
    pub fn loaded(&mut self, started: Timestamp) {
        if let Some(loading) = self.loading.take() {
            self.since = loading.from;
            self.settled = before(self.since, SETTLE);
            self.settled_at = started;
        }
    }

    /// Where the next pass begins.
    pub fn start(&self, started: Timestamp) -> Place {
        if let Some(place) = &self.within {
            return place.clone();
        }
        let from = before(self.since, OVERLAP);
        Place::from(if self.settle_is_due(started) { from.min(self.settled) } else { from })
    }

    /// Whether the last hour is to be read again; a clock that was set back must not put it off.
    fn settle_is_due(&self, started: Timestamp) -> bool {
        started < self.settled_at || started.duration_since(self.settled_at) >= SETTLE
    }

    /// Everything up to a place was read. A stamp far beyond the clock is not believed.
    pub fn advance(&mut self, to: &Place, started: Timestamp) {
        self.since = self.since.max(to.at.min(after(started, AHEAD_MAX)));
        self.within = Some(to.clone());
    }

    /// The pass is over.
    pub fn end(&mut self, began: &Place, started: Timestamp) {
        self.within = None;
        if began.id.is_none() && began.at <= self.settled {
            self.settled = before(self.since.min(started), SETTLE).max(self.settled);
            self.settled_at = started;
        }
    }
}

fn before(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.checked_sub(span).unwrap_or(Timestamp::UNIX_EPOCH).max(Timestamp::UNIX_EPOCH)
}

fn after(at: Timestamp, span: SignedDuration) -> Timestamp {
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000 + minute * 60).unwrap()
    }

    fn place(minute: i64, id: &str) -> Place {
        Place { at: at(minute), id: Some(id.into()) }
    }

    #[test]
    fn the_last_minutes_are_read_again_and_the_last_hour_once_an_hour() {
        let mut cursor = Cursor::begin(Some(at(0)));
        cursor.loaded(at(10));
        assert_eq!(cursor.start(at(20)), Place::from(at(-15)));
        cursor.advance(&place(18, "b"), at(20));
        cursor.end(&Place::from(at(-15)), at(20));
        assert_eq!(cursor.start(at(30)), Place::from(at(3)));
        let whole = cursor.start(at(70));
        assert_eq!(whole, Place::from(at(-60)), "an hour after the load all of it is read again");
        cursor.end(&whole, at(70));
        assert_eq!(cursor.start(at(80)), Place::from(at(3)));
        assert_eq!(cursor.start(at(130)), Place::from(at(-42)));
    }

    #[test]
    fn a_pass_that_is_cut_off_goes_on_behind_the_last_row() {
        let mut cursor = Cursor::begin(Some(at(0)));
        cursor.loaded(at(0));
        cursor.advance(&place(5, "b"), at(10));
        let stored = Cursor::parse(Some(&cursor.text())).unwrap();
        assert_eq!(stored.start(at(500)), place(5, "b"));
        assert_eq!(Cursor::parse(Some(&"not json".to_owned())), None);
    }

    #[test]
    fn a_stamp_from_the_far_future_hides_nothing() {
        let mut cursor = Cursor::begin(Some(at(0)));
        cursor.loaded(at(0));
        cursor.advance(&place(1_000_000, "b"), at(10));
        cursor.end(&Place::from(at(-15)), at(10));
        assert_eq!(cursor.since, at(10) + SignedDuration::from_hours(24));
    }
}
