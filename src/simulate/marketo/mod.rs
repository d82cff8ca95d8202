//! A stateful simulator of Marketo Engage's REST API: an instance's leads, programs and log of activities,
//! the endpoints that read and write them, bulk extracts, the vendor's limits, and faults that tests turn
//! on.

mod activities;
mod asked;
mod assets;
mod auth;
mod bulk;
mod export;
mod faults;
mod fields;
mod folder;
mod generated;
mod instance;
mod jobs;
mod kinds;
mod leads;
mod limits;
mod log;
mod members;
mod programs;
mod refusals;
mod route;
mod server;
mod spoil;
mod stories;
mod token;
mod writes;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_bulk;
#[cfg(test)]
mod tests_faults;
#[cfg(test)]
mod tests_http;

use super::{fault_rows, folder_rows, listen, wire};

pub use faults::Faults;
pub use generated::generated;
pub use instance::Instance;
pub use limits::Requests;
pub use server::Simulator;

/// The instance's time; the simulator never asks the machine.
pub type Clock = std::sync::Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;
