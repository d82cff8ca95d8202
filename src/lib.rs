//! The code tour, in the order in which data flows.
//!
//! Records come in from the **sources**, are merged by **sync** into the **store**, become
//! **rates**; the **plan** says what was needed by now; **pacing** compares the two, **handoff**
//! judges every handed-off opportunity; **alerts** and the **digest** say so; the **outbox**
//! delivers through the **sinks**.

pub mod config;
pub mod domain;
pub mod plan;
pub mod rates;
pub mod clock;
pub mod simulate;
pub mod sources;
pub mod store;
pub mod sync;
pub mod handoff;
pub mod pacing;
pub mod alerts;
pub mod evaluate;
