//! The code tour, in the order in which data flows.
//!
//! Records come in from the **sources**, are merged by **sync** into the **store**, become
//! **rates**; the **plan** says what was needed by now; **pacing** compares the two, **handoff**
//! judges every handed-off opportunity; **alerts** and the **digest** say so; the **outbox**
//! delivers through the **sinks**.

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

/// The commit that this was built from.
pub const COMMIT: &str = env!("PACELINE_COMMIT");
/// Version and commit.
pub const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("PACELINE_COMMIT"), ")");

// The nouns, the configuration, the only clock and the only HTTP client.
pub mod clock;
pub mod config;
pub mod domain;
pub mod net;

// Records come in.
pub mod sources;
pub mod store;
pub mod sync;

// The pure core.
pub mod alerts;
pub mod attribution;
pub mod diagnose;
pub mod digest;
pub mod forecast;
pub mod handoff;
pub mod pacing;
pub mod plan;
pub mod rates;
pub mod schedule;

// What is found goes out.
pub mod evaluate;
pub mod outbox;
pub mod sinks;

// The wiring, and who looks at it.
pub mod cli;
pub mod daemon;
pub mod web;

// The invented company of the demo and the tests; nothing else needs it.
pub mod simulate;
