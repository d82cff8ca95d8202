//! A stateful simulator of HubSpot's CRM HTTP API: a portal's data, the endpoints that read and
//! write it, the vendor's limits, and faults that tests turn on.

mod catalog;
mod consequences;
mod faults;
mod filter;
mod folder;
mod folder_stages;
mod generated;
mod json;
mod limits;
mod linking;
mod links;
mod lookups;
mod object;
mod portal;
mod ranked;
mod reads;
mod record;
mod refusals;
mod render;
mod route;
mod rules;
mod search;
mod searching;
mod server;
mod spoil;
mod tokens;
mod unique;
mod writes;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_faults;
#[cfg(test)]
mod tests_folder;
#[cfg(test)]
mod tests_writes;

use super::{fault_rows, folder_rows, listen, wire};

pub use catalog::{Owner, Pipeline, Stage};
pub use faults::Faults;
pub use generated::generated;
pub use limits::Requests;
pub use object::Object;
pub use portal::Portal;
pub use server::Simulator;

/// The portal's time; the simulator never asks the machine.
pub type Clock = std::sync::Arc<dyn Fn() -> jiff::Timestamp + Send + Sync>;
