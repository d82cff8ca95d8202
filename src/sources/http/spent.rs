//! What a source has used of a day's budget, over all its runs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The cursor that holds it.
pub const SPENT: &str = "requests";
const HOUR_SECS: i64 = 3_600;
const DAY_HOURS: i64 = 24;

/// What was used in the last day, by the hour since 1970.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Spent {
    /// What a day allows everybody together, as far as it is known.
    #[serde(default)]
    pub daily: Option<u64>,
    by_hour: BTreeMap<i64, u64>,
    #[serde(skip)]
    hour: i64,
}

impl Spent {
    /// Reads what was stored; hours that are over for a day, or that are yet to come, do not count.
    pub fn parse(text: Option<&String>, now: Timestamp) -> Spent {
        let hour = now.as_second().div_euclid(HOUR_SECS);
        let mut stored: Spent =
            text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        stored.by_hour.retain(|at, _| *at > hour - DAY_HOURS && *at <= hour);
        Spent { hour, ..stored }
    }

    /// All of them.
    pub fn of_day(&self) -> u64 {
        self.by_hour.values().sum()
    }

    /// The stored form, with what this run used and learned.
    pub fn with(mut self, used: u64, daily: Option<u64>) -> String {
        *self.by_hour.entry(self.hour).or_insert(0) += used;
        self.daily = daily.or(self.daily);
        serde_json::to_string(&self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requests_of_a_day_are_those_of_its_last_24_hours() {
        let at = |hours: i64| Timestamp::from_second(1_700_000_000 + hours * HOUR_SECS).unwrap();
        let stored = Spent::parse(None, at(0)).with(10, Some(500));
        let stored = Spent::parse(Some(&stored), at(5)).with(7, None);
        let spent = Spent::parse(Some(&stored), at(6));
        assert_eq!((spent.of_day(), spent.daily), (17, Some(500)));
        assert_eq!(Spent::parse(Some(&stored), at(24)).of_day(), 7);
        assert_eq!(Spent::parse(Some(&stored), at(30)).of_day(), 0);
        assert_eq!(Spent::parse(Some(&stored), at(-3)).of_day(), 0, "a clock that was ahead");
    }
}
