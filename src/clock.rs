//! The only caller of "now", and the only one who waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

/// The system's clock, or a fixed instant (`--as-of`, tests, the demo).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clock {
    /// The machine's time.
    #[default]
    System,
    /// Time stands still.
    Fixed(Timestamp),
}

impl Clock {
    /// The time, in whole milliseconds, which is as fine as the store keeps it.
    #[expect(clippy::disallowed_methods, reason = "this is the one place")]
    pub fn now(&self) -> Timestamp {
        let now = match self {
            Clock::System => Timestamp::now(),
            Clock::Fixed(at) => *at,
        };
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }
}

/// How a client waits between its requests. Tests skip the waiting: it only moves the timer on.
#[derive(Clone, Debug)]
pub enum Timer {
    /// By the machine's monotonic clock.
    Real(Instant),
    /// Waiting takes no time.
    Skipping(Arc<Skipped>),
}

/// A time that only waiting moves on, and not while anything is under way.
#[derive(Debug, Default)]
pub struct Skipped {
    now_ms: AtomicI64,
    under_way: AtomicI64,
}

/// Something is under way until this is dropped.
#[derive(Debug)]
pub struct UnderWay(Option<Arc<Skipped>>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        if let Some(skipped) = &self.0 {
            skipped.under_way.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Default for Timer {
    fn default() -> Timer {
        Timer::Real(Instant::now())
    }
}

impl Timer {
    /// A timer whose waits take no time.
    pub fn skipping() -> Timer {
        Timer::Skipping(Arc::default())
    }

    /// Says that something begins that takes time by itself.
    pub fn under_way(&self) -> UnderWay {
        UnderWay(match self {
            Timer::Real(_) => None,
            Timer::Skipping(skipped) => {
                skipped.under_way.fetch_add(1, Ordering::SeqCst);
                Some(Arc::clone(skipped))
            }
        })
    }

    /// Milliseconds since the timer began.
    pub fn now_ms(&self) -> i64 {
        match self {
            Timer::Real(begun) => i64::try_from(begun.elapsed().as_millis()).unwrap_or(i64::MAX),
            Timer::Skipping(skipped) => skipped.now_ms.load(Ordering::SeqCst),
        }
    }

    /// Waits until so many milliseconds have passed since the timer began.
    pub async fn wait_until_ms(&self, until_ms: i64) {
        match self {
            Timer::Real(_) => {
                let left_ms = u64::try_from(until_ms - self.now_ms()).unwrap_or(0);
                tokio::time::sleep(Duration::from_millis(left_ms)).await;
            }
            Timer::Skipping(skipped) => {
                while skipped.under_way.load(Ordering::SeqCst) > 0 {
                    tokio::time::sleep(Duration::from_micros(200)).await;
                }
                skipped.now_ms.fetch_max(until_ms, Ordering::SeqCst);
                tokio::task::yield_now().await;
            }
        }
    }
}
