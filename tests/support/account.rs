//! A simulated HubSpot account with a store beside it.

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use paceline::simulate::hubspot::{Faults, Object, Portal, Simulator};

#[path = "reading.rs"]
mod reading;
use super::support;
use reading::{Reading, Time};
#[allow(unused_imports, reason = "each test file uses its own part of it")]
pub use reading::{START, cut_off_anywhere};

/// The account, the source that reads it, and where its records go.
pub struct Account {
    reading: Reading,
    pub simulator: Simulator,
    portal: Arc<Mutex<Portal>>,
}

impl Deref for Account {
    type Target = Reading;

    fn deref(&self) -> &Reading {
        &self.reading
    }
}

impl Account {
    /// An account with these faults and limits.
    pub async fn new(faults: &str) -> Account {
        Account::with(faults, Portal::empty(), "rate_limit = \"190/10s\"\n").await
    }

    /// An account that holds this, with keys added to its source.
    pub async fn with(faults: &str, portal: Portal, keys: &str) -> Account {
        let time = Time::new();
        let portal = Arc::new(Mutex::new(portal));
        let faults = Faults::from_toml(faults).unwrap();
        let simulator =
            Simulator::start(Arc::clone(&portal), faults, time.clock(), 0).await.unwrap();
        let toml = format!(
            "[source.crm]\nkind = \"hubspot\"\nbase_url = \"{}\"\ntoken = {{ file = \"token\" }}\n{keys}",
            simulator.base_url()
        );
        let reading = Reading::new(&toml, time).await;
        std::fs::write(reading.folder.path().join("token"), "good-token\n").unwrap();
        Account { reading, simulator, portal }
    }

    /// The records, to be changed.
    pub fn portal(&self) -> MutexGuard<'_, Portal> {
        self.portal.lock().unwrap()
    }
}

/// Properties from pairs.
pub fn properties(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// Adds a contact.
pub fn contact(portal: &mut Portal, id: u64, at: Timestamp) {
    portal.create_with_id(Object::Contact, id, properties(&[("hs_analytics_source", "WEB")]), at);
}

/// Adds a deal.
pub fn deal(portal: &mut Portal, id: u64, at: Timestamp, more: &[(&str, &str)]) {
    let mut own = properties(&[
        ("dealstage", "appointmentscheduled"),
        ("pipeline", "default"),
        ("amount", "1000"),
    ]);
    own.extend(properties(more));
    portal.create_with_id(Object::Deal, id, own, at);
}
