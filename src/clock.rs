//! The only caller of "now".

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
