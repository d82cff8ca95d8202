//! A stateful simulator of two of Google's APIs behind one token endpoint: the Data API of Google
//! Analytics 4 (v1beta) and Search Console (v3). It has the vendor's quotas, figures that grow after
//! their day, and faults that tests turn on.

mod asked;
mod batch;
mod catalog;
mod faults;
mod fields;
mod filter;
mod folder;
mod generated;
mod key;
mod limits;
mod message;
mod oauth;
mod order;
mod pattern;
mod property;
mod ranges;
mod refusals;
mod report;
mod route;
mod search_asked;
mod search_limits;
mod searching;
mod server;
mod settle;
mod sites;
mod spoil;
mod sums;
mod table;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_faults;
#[cfg(test)]
mod tests_search;

use super::{fault_rows, folder_rows, jwt, listen, wire};

pub use faults::Faults;
pub use generated::generated;
pub use key::service_account;
pub use limits::Requests;
pub use property::{Property, Searched};
pub use server::Simulator;

/// The vendor's time; the simulator never asks the machine.
pub type Clock = std::sync::Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;
