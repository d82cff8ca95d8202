//! How far exports and feeds were read: pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Span, Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// "The date range of an export is at most 31 days"; a day is left for changes of the clock.
const WINDOW_DAYS: i64 = 30;
/// Activities become visible late: of a large mailing hours after the time that they carry (Marketo's "Paging
/// tokens use case"), so so much is read again.
pub const OVERLAP: SignedDuration = SignedDuration::from_hours(4);
/// How often that is done.
const AGAIN_AFTER: SignedDuration = SignedDuration::from_hours(1);
/// Counts of so many days before the overlap are kept, for what comes later still.
const COUNTED_DAYS: i64 = 7;

/// An export that is under way: one job after the other, each of some days.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Export {
    /// What is asked for: where that changes, everything is asked for anew.
    #[serde(default)]
    pub of: String,
    /// Where it began.
    pub from: Timestamp,
    /// Everything before this was read.
    pub reached: Timestamp,
    /// It ends here.
    pub until: Timestamp,
    /// The job of the days that are being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<Job>,
}

/// A job, and how far its file was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: String,
    /// The end of its days.
    pub to: Timestamp,
    /// The first byte that was not read yet.
    pub offset: u64,
    /// Rows that were read.
    pub rows: u64,
    /// The names of its columns.
    pub header: Vec<String>,
}

impl Export {
    /// Reads a stored export of the same, that goes as far back; a new one where there is none.
    pub fn parse(text: Option<&String>, of: &str, from: Timestamp, until: Timestamp) -> Export {
        let stored: Option<Export> = text.and_then(|text| serde_json::from_str(text).ok());
        let same = stored.filter(|stored| stored.of == of && stored.from <= from);
        same.unwrap_or_else(|| Export::new(of, from, until))
    }

    /// Where a stored export began.
    pub fn begun(text: Option<&String>) -> Option<Timestamp> {
        let stored: Export = serde_json::from_str(text?).ok()?;
        Some(stored.from)
    }

    /// How far a stored export came.
    pub fn reached_by(text: Option<&String>) -> Option<Timestamp> {
        let stored: Export = serde_json::from_str(text?).ok()?;
        Some(stored.reached)
    }

    /// An export of the days between.
    pub fn new(of: &str, from: Timestamp, until: Timestamp) -> Export {
        Export { of: of.to_owned(), from, reached: from, until, job: None }
    }

    /// Whether everything was read.
    pub fn is_done(&self) -> bool {
        self.reached >= self.until
    }

    /// The stored form.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The next days, which end at a midnight of the company; none when all were read.
    pub fn window(&self, zone: &TimeZone) -> Option<(Timestamp, Timestamp)> {
        if self.is_done() {
            return None;
        }
        let day = zone.to_datetime(self.reached).date();
        let end = day.saturating_add(Span::new().days(WINDOW_DAYS));
        let end = end.to_zoned(zone.clone()).map_or(self.until, |midnight| midnight.timestamp());
        Some((self.reached, end.min(self.until)))
    }
}

/// How far a feed was followed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feed {
    /// Where it goes on.
    #[serde(default)]
    pub next: Option<String>,
    /// Where it was begun.
    #[serde(default)]
    pub begun: Timestamp,
    /// What carries an earlier time is complete.
    pub settled: Timestamp,
    /// When the overlap was read again.
    #[serde(default)]
    pub again: Timestamp,
    /// Mails that were sent, by day and mailing.
    #[serde(default)]
    pub sends: Sends,
}

impl Feed {
    /// Reads a stored feed; where there is none, one that is read from `settled` on and counts mails from `begun` on.
    pub fn parse(text: Option<&String>, settled: Timestamp, begun: Timestamp) -> Feed {
        let stored = text.and_then(|text| serde_json::from_str(text).ok());
        stored.unwrap_or_else(|| Feed { begun, settled, ..Feed::default() })
    }

    /// The first day whose mails are counted here: what was before it is told by an export, or too long ago.
    pub fn first_day(&self, zone: &TimeZone) -> Date {
        let day = |at: Timestamp| zone.to_datetime(at).date();
        day(self.settled).saturating_sub(Span::new().days(COUNTED_DAYS)).max(day(self.begun))
    }

    /// A mail that was not told before. Gives how many there are of its mailing and day, where that is counted.
    pub fn add(&mut self, sent: &Sent, zone: &TimeZone) -> Option<u64> {
        (sent.day >= self.first_day(zone)).then(|| self.sends.add(sent, self.settled))
    }

    /// Begins to count mails anew that are told again by a pass that begins at `now`.
    pub fn count_again(&self, now: Timestamp, zone: &TimeZone) -> Again {
        let (from, settled) = (self.settled, self.settled.max(before(now)));
        Again { from, settled, first_day: self.first_day(zone), ..Again::default() }
    }

    /// All mails from `settled` on were told again, by a pass that began at `now`. Gives every count that may have
    /// changed, by day and mailing.
    pub fn recount(
        &mut self,
        again: Again,
        now: Timestamp,
        zone: &TimeZone,
    ) -> BTreeMap<String, u64> {
        self.again = now;
        self.settled = again.settled;
        self.sends.recount(again, self.first_day(zone))
    }

    /// The stored form.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether what may have come late is to be read again.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let age = now.duration_since(self.again);
        age >= AGAIN_AFTER || age < SignedDuration::ZERO
    }
}

/// How many mails of each mailing were sent on each day. Those after `settled` are counted anew whenever they are
/// read again, so one that is told twice counts once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sends {
    /// Before `settled`.
    #[serde(default)]
    base: BTreeMap<String, u64>,
    /// From there on.
    #[serde(default)]
    tail: BTreeMap<String, u64>,
}

/// What is read again, as far as one that begins now may rest on it.
fn before(now: Timestamp) -> Timestamp {
    now.checked_sub(OVERLAP).unwrap_or(now)
}

/// Mails that are told again, added up as they come.
#[derive(Debug, Default)]
pub struct Again {
    from: Timestamp,
    settled: Timestamp,
    first_day: Date,
    before: BTreeMap<String, u64>,
    after: BTreeMap<String, u64>,
}

impl Again {
    /// Counts one.
    pub fn add(&mut self, sent: &Sent) {
        if sent.at < self.from || sent.day < self.first_day {
            return;
        }
        let place = if sent.at < self.settled { &mut self.before } else { &mut self.after };
        *place.entry(sent.key()).or_insert(0) += 1;
    }
}

/// One mail: its day, its mailing, when it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The company's day.
    pub day: Date,
    /// The mailing's id.
    pub mailing: String,
    /// When.
    pub at: Timestamp,
}

impl Sent {
    fn key(&self) -> String {
        format!("{}|{}", self.day, self.mailing)
    }
}

impl Sends {
    fn add(&mut self, sent: &Sent, settled: Timestamp) -> u64 {
        let place = if sent.at < settled { &mut self.base } else { &mut self.tail };
        *place.entry(sent.key()).or_insert(0) += 1;
        self.count(&sent.key())
    }

    fn recount(&mut self, again: Again, first_day: Date) -> BTreeMap<String, u64> {
        let mut touched = std::mem::replace(&mut self.tail, again.after);
        for (key, count) in again.before {
            *self.base.entry(key.clone()).or_insert(0) += count;
            touched.insert(key, 0);
        }
        touched.extend(self.tail.keys().map(|key| (key.clone(), 0)));
        for (key, count) in &mut touched {
            *count = self.count(key);
        }
        let first = first_day.to_string();
        self.base.retain(|key, _| key.as_str() >= first.as_str());
        touched
    }

    fn count(&self, key: &str) -> u64 {
        let of = |counts: &BTreeMap<String, u64>| counts.get(key).copied().unwrap_or(0);
        of(&self.base) + of(&self.tail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn sent(mailing: &str, time: &str) -> Sent {
        let at = at(time);
        Sent { day: TimeZone::UTC.to_datetime(at).date(), mailing: mailing.into(), at }
    }

    #[test]
    fn an_export_goes_on_in_windows_of_whole_days() {
        let (from, until) = (at("2026-01-01T00:00:00Z"), at("2026-03-10T11:30:00Z"));
        let mut export = Export::parse(None, "a", from, until);
        let mut ends = Vec::new();
        while let Some((_, end)) = export.window(&TimeZone::UTC) {
            export.reached = end;
            export = Export::parse(Some(&export.text()), "a", from, from);
            ends.push(end.to_string());
        }
        assert_eq!(ends, ["2026-01-31T00:00:00Z", "2026-03-02T00:00:00Z", "2026-03-10T11:30:00Z"]);
        assert!(export.is_done());
        assert!(!Export::parse(Some(&export.text()), "b", from, until).is_done());
        let earlier = at("2025-06-01T00:00:00Z");
        assert!(!Export::parse(Some(&export.text()), "a", earlier, until).is_done());
    }

    #[test]
    fn mails_that_are_told_again_count_once_and_late_ones_are_found() {
        let zone = TimeZone::UTC;
        let begun = at("2026-11-20T08:00:00Z");
        let mut feed = Feed::parse(None, begun, begun);
        let add = |feed: &mut Feed, sent: &Sent| feed.add(sent, &zone);
        let (one, two) = (sent("7", "2026-11-20T09:00:00Z"), sent("7", "2026-11-20T10:30:00Z"));
        assert_eq!(add(&mut feed, &one), Some(1));
        assert_eq!(add(&mut feed, &two), Some(2));
        // The overlap is read again, and a mail has come whose time lies before the others'.
        let late = sent("7", "2026-11-20T08:30:00Z");
        let recount = |feed: &mut Feed, all: &[Sent], now: &str| {
            let mut again = feed.count_again(at(now), &zone);
            all.iter().for_each(|sent| again.add(sent));
            feed.recount(again, at(now), &zone)
        };
        let counts = recount(&mut feed, &[late, one, two.clone()], "2026-11-20T13:00:00Z");
        assert_eq!(counts, BTreeMap::from([("2026-11-20|7".to_owned(), 3)]));
        let mut feed =
            Feed::parse(Some(&feed.text()), Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH);
        assert_eq!(feed.settled, at("2026-11-20T09:00:00Z"));
        // From nine on there are the one of half past ten and the one of nine.
        let again = [sent("7", "2026-11-20T09:00:00Z"), two];
        assert_eq!(recount(&mut feed, &again, "2026-11-20T14:10:00Z")["2026-11-20|7"], 3);
        let before = sent("7", "2026-11-19T09:00:00Z");
        assert_eq!(add(&mut feed, &before), None, "that day is counted by the export");
    }
}
