//! What a source has used of a day's budget, over all its runs, and the share of it that is ours.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::Sender;

use super::Api;
use crate::sources::{Page, ReadRequest, SourceError};

/// The cursor that holds it.
pub const SPENT: &str = "requests";
/// The cursor that holds how many bytes of exports were read in the last day.
pub const EXPORTED: &str = "exported bytes";
const HOUR_SECS: i64 = 3_600;
const DAY_HOURS: i64 = 24;
/// What may be used before it is noted: a run that is killed forgets little more.
const UNNOTED_MAX: u64 = 20;

/// Whether a cursor holds what was used, and not how far anything was read.
pub fn is_spent(cursor: &str) -> bool {
    [SPENT, EXPORTED].contains(&cursor)
}

/// What was used in the last day, by the hour since 1970.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Spent {
    /// What a day allows everybody together, as far as it is known.
    #[serde(default)]
    pub daily: Option<u64>,
    by_hour: BTreeMap<i64, u64>,
}

impl Spent {
    /// Reads what was stored; hours that are over for a day, or that are yet to come, do not count.
    pub fn parse(text: Option<&String>, now: Timestamp) -> Spent {
        let mut stored: Spent =
            text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
        stored.forget(hour(now));
        stored
    }

    /// All of them.
    pub fn of_day(&self) -> u64 {
        self.by_hour.values().sum()
    }

    /// So much was used, up to now.
    pub fn add(&mut self, used: u64, now: Timestamp) {
        let hour = hour(now);
        *self.by_hour.entry(hour).or_insert(0) += used;
        self.forget(hour);
    }

    /// The stored form.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    fn forget(&mut self, hour: i64) {
        self.by_hour.retain(|at, _| *at > hour - DAY_HOURS && *at <= hour);
    }
}

/// A run's part of a day's budget.
pub struct Share {
    spent: Mutex<Spent>,
    /// What the account had used when the run began.
    before: u64,
}

impl Share {
    /// A run begins: of what a day allows everybody, at most this share is ours, with what other runs used in the
    /// last 24 hours.
    pub fn begin(api: &Api, share: f64, request: &ReadRequest, daily: Option<u64>) -> Share {
        let mut spent = Spent::parse(request.cursors.get(SPENT), api.now());
        spent.daily = daily.or(spent.daily);
        api.pacer.share(share, spent.of_day(), spent.daily);
        Share { spent: Mutex::new(spent), before: api.spent() }
    }

    /// What this run has used.
    pub fn used(&self, api: &Api) -> u64 {
        api.spent() - self.before
    }

    /// What is to be remembered, as a cursor.
    pub fn cursor(&self, api: &Api) -> (String, String) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        spent.add(api.pacer.take_unnoted(), api.now());
        spent.daily = api.daily().or(spent.daily);
        (SPENT.to_owned(), spent.text())
    }

    /// Sends a page, and behind it what was used, where that is enough to be noted.
    ///
    /// # Errors
    /// When nobody takes pages any more.
    pub async fn send(
        &self,
        api: &Api,
        pages: &Sender<Page>,
        page: Page,
    ) -> Result<(), SourceError> {
        pages.send(page).await.map_err(|_| SourceError::StoreGone)?;
        if api.pacer.unnoted() < UNNOTED_MAX {
            return Ok(());
        }
        let page = Page { cursor: Some(self.cursor(api)), ..Page::default() };
        pages.send(page).await.map_err(|_| SourceError::StoreGone)
    }
}

fn hour(at: Timestamp) -> i64 {
    at.as_second().div_euclid(HOUR_SECS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_requests_of_a_day_are_those_of_its_last_24_hours() {
        let at = |hours: i64| Timestamp::from_second(1_700_000_000 + hours * HOUR_SECS).unwrap();
        let mut spent = Spent { daily: Some(500), ..Spent::default() };
        spent.add(10, at(0));
        spent.add(7, at(5));
        let stored = spent.text();
        let spent = Spent::parse(Some(&stored), at(6));
        assert_eq!((spent.of_day(), spent.daily), (17, Some(500)));
        assert_eq!(Spent::parse(Some(&stored), at(24)).of_day(), 7);
        assert_eq!(Spent::parse(Some(&stored), at(30)).of_day(), 0);
        assert_eq!(Spent::parse(Some(&stored), at(-3)).of_day(), 0, "a clock that was ahead");
    }
}
