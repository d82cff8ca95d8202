//! The evaluation step: facts from the store, through the pure core, into alerts and outbox rows.
//!
//! Reading is one thing and writing another: what changes is written in one transaction.

pub mod acting;
pub mod alerting;
pub mod assumption;
pub mod attributing;
pub mod board;
pub mod completeness;
mod consent;
pub mod diagnosing;
pub mod digesting;
pub mod feasibility;
pub mod finding;
pub mod forecasting;
pub mod measuring;
mod present;
pub mod purchasing;
pub mod questioning;
pub mod questioning_late;
pub mod rate_checks;
pub mod recording;
pub mod replay;
pub mod snapshot;
pub mod tallies;
pub mod targeting;
mod telling;
pub mod trial;
pub mod versions;

pub use board::Board;
pub use completeness::Completeness;
pub use snapshot::{EvaluateError, Snapshot};
