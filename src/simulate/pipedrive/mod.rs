//! A stateful simulator of Pipedrive's API: an account's records and change logs, the endpoints of v2
//! and what is left of v1, the vendor's limits, and faults that tests turn on.

mod account;
mod catalog;
mod cursor;
mod deals;
mod faults;
mod fields;
mod folder;
mod generated;
mod history;
mod leads;
mod limits;
mod lists;
mod merging;
mod people;
mod query;
mod record;
mod refusals;
mod render;
mod route;
mod server;
mod spoil;
mod writes;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_faults;
#[cfg(test)]
mod tests_http;

use super::{fault_rows, folder_rows, listen, wire};

pub use account::Account;
pub use faults::Faults;
pub use generated::generated;
pub use limits::Requests;
pub use server::Simulator;

/// The account's time; the simulator never asks the machine.
pub type Clock = std::sync::Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;
