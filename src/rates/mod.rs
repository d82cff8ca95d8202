//! Conversion and win rates: cohorts, censoring, competing losses, intervals. Pure.
//!
//! The definitions are those of `docs/STATISTICS.md`; each function names its source.

pub mod assumed;
pub mod clients;
pub mod closed;
pub mod estimate;
pub mod interval;
pub mod measured;
pub mod smooth;
pub mod table;

pub use estimate::{Row, Tally};
pub use table::{RateTable, RatesQuery};
