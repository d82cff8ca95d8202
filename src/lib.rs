//! The code tour, in the order in which data flows.
//!
//! Records come in from the **sources**, are merged by **sync** into the **store**, become
//! **rates**; the **plan** says what was needed by now; **pacing** compares the two, **handoff**
//! judges every handed-off opportunity; **alerts** and the **digest** say so; the **outbox**
//! delivers through the **sinks**.

pub mod alerts;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
pub mod digest;
pub mod domain;
pub mod evaluate;
pub mod handoff;
pub mod outbox;
pub mod pacing;
pub mod plan;
pub mod rates;
pub mod schedule;
pub mod simulate;
pub mod sinks;
pub mod sources;
pub mod store;
pub mod sync;
