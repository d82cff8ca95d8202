//! How far each list was read: pure. Filters know whole seconds only, so the second of a cursor is read again.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::map::text;
use super::read::changed_at;

/// What is read again at each sync: when a change becomes visible is in no document.
const OVERLAP: SignedDuration = SignedDuration::from_mins(5);
/// A stamp so young may be given once more.
const RUNNING: SignedDuration = SignedDuration::from_secs(5);
/// A stamp beyond the sync's clock by more than this would hide what comes before it.
const AHEAD_MAX: SignedDuration = SignedDuration::from_hours(24);

/// Where a list goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The newest stamp that was read.
    #[serde(default)]
    pub since: Timestamp,
    /// Where a pass was cut off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Timestamp>,
    /// The deals of the last minutes and their stamps: their change logs were read, which is dear.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub known: BTreeMap<String, Timestamp>,
}

impl Cursor {
    /// Reads a stored cursor; one that is not readable begins anew.
    pub fn parse(text: Option<&String>) -> Cursor {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// The stored form.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Where the next pass begins; everything where there was none.
    pub fn start(&self) -> Option<Timestamp> {
        if self.since == Timestamp::UNIX_EPOCH {
            return None;
        }
        self.within.or_else(|| self.since.checked_sub(OVERLAP).ok())
    }

    /// Everything up to a stamp was read. One far beyond the clock is not believed.
    pub fn advance(&mut self, to: Option<Timestamp>, started: Timestamp, more: bool) {
        let ahead = started.checked_add(AHEAD_MAX).unwrap_or(Timestamp::MAX);
        self.since = self.since.max(to.unwrap_or_default().min(ahead));
        self.within = if more { to.or(self.within) } else { None };
        let from = self.since.checked_sub(OVERLAP).unwrap_or_default();
        self.known.retain(|_, at| *at >= from);
    }

    /// Whether a deal was read as it is.
    pub fn knows(&self, deal: &Value) -> bool {
        let known = text(deal, "id").and_then(|id| self.known.get(&id).copied());
        known.is_some() && known == changed_at(deal)
    }

    /// Remembers deals that were read. One of the running second may change again in it, with the same stamp.
    pub fn learn(&mut self, deals: &[Value], started: Timestamp) {
        let sure = started.checked_sub(RUNNING).unwrap_or_default();
        let known = deals.iter().filter_map(|deal| Some((text(deal, "id")?, changed_at(deal)?)));
        self.known.extend(known.filter(|(_, at)| *at < sure));
    }
}

/// A second as filters take it: milliseconds were seen to give 400.
pub fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pass_begins_some_minutes_before_the_last_stamp_and_one_that_was_cut_off_at_it() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let started = at("2026-11-02T09:00:00Z");
        let mut cursor = Cursor::parse(None);
        assert_eq!(cursor.start(), None);
        cursor.advance(Some(at("2026-11-01T08:00:00Z")), started, true);
        assert_eq!(Cursor::parse(Some(&cursor.text())).start(), Some(at("2026-11-01T08:00:00Z")));
        cursor.advance(Some(at("2026-12-24T08:00:00Z")), started, false);
        assert_eq!(cursor.start(), Some(at("2026-11-03T08:55:00Z")), "not beyond a day ahead");
        assert_eq!(second(at("2026-11-03T08:55:00.250Z")), "2026-11-03T08:55:00Z");
    }
}
