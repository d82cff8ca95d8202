//! The ledger by owner and team: how many, how many in time, how long it took.

use std::collections::BTreeMap;

use super::ledger::{HandOff, Verdict};

/// Hand-offs of one group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// All of them.
    pub handed_off: usize,
    /// How many have each verdict.
    pub verdicts: BTreeMap<Verdict, usize>,
    /// Median business time to the first touch, of those that were touched, in seconds.
    pub median_secs: Option<i64>,
    /// The time within which nine of ten of them were.
    pub p90_secs: Option<i64>,
    /// How many are over and were never touched.
    pub never_touched: usize,
    /// Median number of touches in the ten days after the hand-off, of those that are older.
    pub median_attempts: Option<usize>,
}

impl Summary {
    /// How many have this verdict.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.verdicts.get(&verdict).copied().unwrap_or(0)
    }

    /// In time ÷ (in time + late + overdue): what waits, is excused or not known says nothing.
    pub fn in_time_share(&self) -> Option<f64> {
        let in_time = self.count(Verdict::InTime);
        let judged = in_time + self.count(Verdict::Late) + self.count(Verdict::Overdue);
        (judged > 0).then(|| in_time as f64 / judged as f64)
    }
}

/// Adds hand-offs up.
pub fn summarise<'a>(rows: impl Iterator<Item = &'a HandOff>) -> Summary {
    let mut summary = Summary::default();
    let (mut touched_secs, mut attempts) = (Vec::new(), Vec::new());
    for row in rows {
        summary.handed_off += 1;
        *summary.verdicts.entry(row.verdict).or_insert(0) += 1;
        touched_secs.extend(row.touched_secs);
        attempts.extend(row.attempts_final.then_some(row.attempts));
        summary.never_touched += usize::from(row.verdict == Verdict::Overdue);
    }
    touched_secs.sort_unstable();
    // The lower median: a time that somebody really took.
    summary.median_secs = touched_secs.get(touched_secs.len().saturating_sub(1) / 2).copied();
    // The smallest time within which at least nine of ten lie.
    let place = (touched_secs.len() * 9).div_ceil(10).saturating_sub(1);
    summary.p90_secs = touched_secs.get(place).copied();
    attempts.sort_unstable();
    summary.median_attempts = attempts.get(attempts.len().saturating_sub(1) / 2).copied();
    summary
}

/// `1 h 50 min`, `42 min`, `3 business days` would hide too much: hours and minutes.
pub fn duration_text(secs: i64) -> String {
    let minutes = (secs + 30) / 60;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
