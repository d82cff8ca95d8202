//! The daemon's vital signs, shared with the watchdog and the status page.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{Timestamp, ToSpan};

use crate::evaluate::Board;
use crate::schedule::Job;

/// Without a tick for so long something is wrong. Ticks come every few seconds.
pub const TICK_LATE_SECS: i64 = 60;
/// A job that does not end so long after its deadline cannot be cut off: only a restart ends it.
pub const STUCK_SECS: i64 = 120;

/// What is known about the running daemon.
#[derive(Debug, Default)]
pub struct Pulse {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    started: Option<Timestamp>,
    ticked: Option<Timestamp>,
    running: BTreeMap<String, Timestamp>,
    board: Option<Arc<Board>>,
    told: BTreeMap<String, Timestamp>,
}

impl Pulse {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tick came.
    pub fn tick(&self, now: Timestamp) {
        let mut inner = self.inner();
        inner.started.get_or_insert(now);
        inner.ticked = Some(now);
    }

    /// When the first and the last tick came.
    pub fn ticks(&self) -> Option<(Timestamp, Timestamp)> {
        let inner = self.inner();
        inner.started.zip(inner.ticked)
    }

    /// A job begins that must have ended by `deadline`.
    pub fn begin(&self, job: &Job, deadline: Timestamp) {
        self.inner().running.insert(job.name(), deadline);
    }

    /// A job ended.
    pub fn end(&self, job: &Job) {
        self.inner().running.remove(&job.name());
    }

    /// Why the daemon is not well; nothing when it is.
    pub fn ailment(&self, now: Timestamp) -> Option<String> {
        let inner = self.inner();
        let late = |at: Timestamp, secs: i64| {
            at.saturating_add(secs.seconds()).is_ok_and(|limit| limit < now)
        };
        match inner.ticked {
            None => return Some("the daemon has not ticked yet".into()),
            Some(at) if late(at, TICK_LATE_SECS) => {
                return Some(format!("the last tick was at {at}"));
            }
            Some(_) => {}
        }
        let stuck = inner.running.iter().find(|(_, deadline)| late(**deadline, STUCK_SECS));
        stuck.map(|(job, deadline)| format!("job {job} should have ended by {deadline}"))
    }

    /// The last figures.
    pub fn board(&self) -> Option<Arc<Board>> {
        self.inner().board.clone()
    }

    /// Keeps the last figures.
    pub fn set_board(&self, board: Board) {
        self.inner().board = Some(Arc::new(board));
    }

    /// Whether something is to be told now that was told less than `secs` ago.
    pub fn may_tell(&self, what: &str, now: Timestamp, secs: i64) -> bool {
        let mut inner = self.inner();
        let recent = inner.told.get(what).is_some_and(|at| {
            let ago_secs = now.as_second() - at.as_second();
            (0..secs).contains(&ago_secs)
        });
        if !recent {
            inner.told.insert(what.to_owned(), now);
        }
        !recent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_tick_and_a_job_that_cannot_be_cut_off_are_ailments() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let pulse = Pulse::default();
        assert!(pulse.ailment(at("2026-11-02T09:00:00Z")).is_some());
        pulse.tick(at("2026-11-02T09:00:00Z"));
        assert_eq!(pulse.ailment(at("2026-11-02T09:00:59Z")), None);
        assert!(pulse.ailment(at("2026-11-02T09:01:01Z")).unwrap().contains("tick"));
        pulse.begin(&Job::Evaluate, at("2026-11-02T09:30:00Z"));
        pulse.tick(at("2026-11-02T09:31:00Z"));
        assert_eq!(pulse.ailment(at("2026-11-02T09:31:59Z")), None, "it is being cut off");
        pulse.tick(at("2026-11-02T09:33:00Z"));
        assert!(pulse.ailment(at("2026-11-02T09:33:00Z")).unwrap().contains("job evaluate"));
        pulse.end(&Job::Evaluate);
        assert_eq!(pulse.ailment(at("2026-11-02T09:33:00Z")), None);
    }

    #[test]
    fn the_same_trouble_is_told_once_in_a_while() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let pulse = Pulse::default();
        assert!(pulse.may_tell("disk", at("2026-11-02T09:00:00Z"), 3_600));
        assert!(!pulse.may_tell("disk", at("2026-11-02T09:59:00Z"), 3_600));
        assert!(pulse.may_tell("disk", at("2026-11-02T10:00:00Z"), 3_600));
        assert!(
            pulse.may_tell("disk", at("2026-11-01T10:00:00Z"), 3_600),
            "the clock was set back"
        );
    }
}
