//! What follows from a try: pure.
//!
//! Delivery is at least once. Where it is not known whether a message arrived it is tried once more,
//! marked as a possible repeat, and then left marked as not known.

use jiff::{Timestamp, ToSpan};

use crate::sinks::Delivery;
use crate::store::outbox::{Fate, OutboxRow};

/// Tries before a message is given up: with the waits below, about 20 hours.
pub const ATTEMPTS_MAX: i64 = 12;
/// The first wait; each further one is twice as long.
const FIRST_WAIT_SECS: i64 = 60;
/// The longest wait.
const WAIT_SECS_MAX: i64 = 6 * 3_600;
/// The wait before a message that may have arrived is tried again.
const UNKNOWN_WAIT_SECS: i64 = 300;

/// A message that waited so long for its way is given up.
const REVOKED_SECS_MAX: i64 = 7 * 86_400;

/// What becomes of a message after a try. `attempts` are those before it.
pub fn fate(row: &OutboxRow, delivery: &Delivery, now: Timestamp) -> Fate {
    let (attempts, may_repeat) = (row.attempts, row.may_repeat);
    let after = |secs: i64| now.saturating_add(secs.seconds()).unwrap_or(now);
    match delivery {
        Delivery::Sent => Fate::Sent,
        Delivery::Kept(name) => Fate::Kept(name.clone()),
        Delivery::Limited { after_secs } => Fate::Again { at: after(*after_secs), counts: false },
        Delivery::Unknown(_) if may_repeat => Fate::Unknown { again: None },
        Delivery::Unknown(_) => Fate::Unknown { again: Some(after(UNKNOWN_WAIT_SECS)) },
        Delivery::Refused(_) => Fate::Dead,
        Delivery::Revoked(_) if now.as_second() - row.created.as_second() > REVOKED_SECS_MAX => {
            Fate::Dead
        }
        Delivery::Revoked(_) => Fate::Again { at: after(WAIT_SECS_MAX), counts: false },
        Delivery::Failed(_) | Delivery::Unready(_) if attempts + 1 >= ATTEMPTS_MAX => Fate::Dead,
        Delivery::Failed(_) | Delivery::Unready(_) => {
            Fate::Again { at: after(wait_secs(attempts)), counts: true }
        }
    }
}

/// The wait after so many tries.
fn wait_secs(attempts: i64) -> i64 {
    let doublings = attempts.clamp(0, 20) as u32;
    FIRST_WAIT_SECS.saturating_mul(1 << doublings).min(WAIT_SECS_MAX)
}

/// Until when other messages on the same way must wait: a limit and a closed way are not about one
/// message.
pub fn way_closed_until(delivery: &Delivery, fate: &Fate) -> Option<Timestamp> {
    match (delivery, fate) {
        (
            Delivery::Limited { .. } | Delivery::Unready(_) | Delivery::Revoked(_),
            Fate::Again { at, .. },
        ) => Some(*at),
        _ => None,
    }
}

/// Why a try did not succeed.
pub fn error_text(delivery: &Delivery) -> Option<&str> {
    match delivery {
        Delivery::Sent | Delivery::Kept(_) | Delivery::Limited { .. } => None,
        Delivery::Failed(text)
        | Delivery::Unready(text)
        | Delivery::Unknown(text)
        | Delivery::Refused(text)
        | Delivery::Revoked(text) => Some(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-23T13:00:00Z".parse().unwrap()
    }

    fn row(attempts: i64, may_repeat: bool) -> OutboxRow {
        OutboxRow {
            id: 1,
            thread: String::new(),
            sink: "slack".into(),
            address: "team.sales".into(),
            message: Default::default(),
            attempts,
            may_repeat,
            created: now(),
        }
    }

    fn in_secs(fate: &Fate) -> Option<i64> {
        match fate {
            Fate::Again { at, .. } | Fate::Unknown { again: Some(at) } => {
                Some(at.as_second() - now().as_second())
            }
            _ => None,
        }
    }

    #[test]
    fn waits_double_up_to_six_hours_and_end() {
        let failed = Delivery::Failed("no".into());
        let waits: Vec<_> =
            (0..11).map(|n| in_secs(&fate(&row(n, false), &failed, now()))).collect();
        assert_eq!(waits[..3], [Some(60), Some(120), Some(240)]);
        assert_eq!(waits[10], Some(21_600));
        assert_eq!(fate(&row(11, false), &failed, now()), Fate::Dead);
    }

    #[test]
    fn a_limit_is_a_postponement_and_no_failed_try() {
        let limited = fate(&row(11, false), &Delivery::Limited { after_secs: 7 }, now());
        assert_eq!(in_secs(&limited), Some(7));
        assert!(matches!(limited, Fate::Again { counts: false, .. }));
    }

    #[test]
    fn what_may_have_arrived_is_tried_once_more_and_then_left() {
        let lost = Delivery::Unknown("time-out".into());
        assert_eq!(in_secs(&fate(&row(0, false), &lost, now())), Some(300));
        assert_eq!(fate(&row(1, true), &lost, now()), Fate::Unknown { again: None });
    }

    #[test]
    fn a_way_that_is_gone_is_tried_every_six_hours_for_a_week() {
        let gone = Delivery::Revoked("410".into());
        assert_eq!(in_secs(&fate(&row(30, false), &gone, now())), Some(21_600));
        let late = now() + (8 * 24).hours();
        assert_eq!(fate(&row(0, false), &gone, late), Fate::Dead);
    }
}
