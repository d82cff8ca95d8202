//! A stateful simulator of Salesforce's REST API and Bulk API 2.0: an org's records, the query
//! language, the endpoints that read and write them, the vendor's limits, and faults that tests turn on.

mod bulk;
mod cell;
mod cursors;
mod describe;
mod faults;
mod folder;
mod generated;
mod ids;
mod jobs;
mod limits;
mod oauth;
mod org;
mod queries;
mod records;
mod refusals;
mod replication;
mod route;
mod rules;
mod schema;
mod server;
mod soql;
mod spoil;
mod stages;
mod stories;
mod table;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_http;

use super::{fault_rows, folder_rows, jwt, listen, wire};

pub use faults::Faults;
pub use generated::generated;
pub use limits::Requests;
pub use org::Org;
pub use server::Simulator;
pub use stages::StageTold;

/// The org's time; the simulator never asks the machine.
pub type Clock = std::sync::Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;

/// The id of a record by its number, which counts the records of its object in the order of their creation.
pub(super) fn record_id(prefix: &str, number: u64) -> String {
    ids::Key::new(prefix, number).text()
}
