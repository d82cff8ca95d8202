//! The daemon's vital signs, shared with the watchdog and the status page.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{Timestamp, ToSpan};

use crate::clock::Timer;
use crate::evaluate::Board;
use crate::schedule::Job;

/// Without a tick for so long something is wrong. Ticks come every few seconds.
const TICK_LATE_MS: i64 = 60_000;
/// A job that does not end so long after its deadline cannot be cut off: only a restart ends it.
const STUCK_MS: i64 = 120_000;

/// What is known about the running daemon. Spans are by the machine's monotonic clock: a clock that is
/// set makes nobody ill.
#[derive(Debug, Default)]
pub struct Pulse {
    timer: Timer,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    started: Option<Timestamp>,
    ticked: Option<(Timestamp, i64)>,
    /// Job -> when it must have ended.
    running: BTreeMap<String, i64>,
    board: Option<Arc<Board>>,
    told: BTreeMap<String, Timestamp>,
}

impl Pulse {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A tick came.
    pub fn tick(&self, now: Timestamp) {
        let ticked = (now, self.timer.now_ms());
        let mut inner = self.inner();
        inner.started.get_or_insert(now);
        inner.ticked = Some(ticked);
    }

    /// When the first and the last tick came.
    pub fn ticks(&self) -> Option<(Timestamp, Timestamp)> {
        let inner = self.inner();
        inner.started.zip(inner.ticked.map(|(at, _)| at))
    }

    /// A job begins.
    pub fn begin(&self, job: &Job) {
        let until_ms = self.timer.now_ms() + job.deadline_secs() * 1_000;
        self.inner().running.insert(job.name(), until_ms);
    }

    /// A job ended.
    pub fn end(&self, job: &Job) {
        self.inner().running.remove(&job.name());
    }

    /// Why the daemon is not well; nothing when it is.
    pub fn ailment(&self) -> Option<String> {
        let now_ms = self.timer.now_ms();
        let inner = self.inner();
        match inner.ticked {
            None => return Some("the daemon has not ticked yet".into()),
            Some((at, ticked_ms)) if now_ms - ticked_ms > TICK_LATE_MS => {
                return Some(format!("the last tick was at {at}"));
            }
            Some(_) => {}
        }
        let stuck = inner.running.iter().find(|(_, until_ms)| now_ms - **until_ms > STUCK_MS);
        stuck.map(|(job, _)| format!("job {job} neither ends nor can be cut off"))
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

impl Pulse {
    /// What was told just now counts as told so many seconds earlier.
    pub fn told_earlier(&self, what: &str, now: Timestamp, secs: i64) {
        let earlier = now.saturating_sub(secs.seconds()).unwrap_or(now);
        self.inner().told.insert(what.to_owned(), earlier);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_late_tick_and_a_job_that_cannot_be_cut_off_are_ailments() {
        let timer = Timer::skipping();
        let pulse = Pulse { timer: timer.clone(), ..Pulse::default() };
        let now = "2026-11-02T09:00:00Z".parse().unwrap();
        assert!(pulse.ailment().is_some());
        pulse.tick(now);
        timer.wait_until_ms(60_000).await;
        assert_eq!(pulse.ailment(), None);
        timer.wait_until_ms(60_001).await;
        assert!(pulse.ailment().unwrap().contains("tick"));
        pulse.begin(&Job::Evaluate);
        let deadline_ms = 60_001 + Job::Evaluate.deadline_secs() * 1_000;
        timer.wait_until_ms(deadline_ms + 120_000).await;
        pulse.tick(now);
        assert_eq!(pulse.ailment(), None, "it is being cut off");
        timer.wait_until_ms(deadline_ms + 120_001).await;
        assert!(pulse.ailment().unwrap().contains("job evaluate"));
        pulse.end(&Job::Evaluate);
        assert_eq!(pulse.ailment(), None);
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
