//! A simulated company at Salesforce with a store beside it.

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use paceline::simulate::salesforce::{Faults, Org, Simulator};
use serde_json::Value;

#[path = "reading.rs"]
mod reading;
use super::support;
#[allow(unused_imports, reason = "each test file uses its own part of it")]
pub use reading::cut_off_anywhere;
use reading::{Reading, Time};

/// The company, the source that reads it, and where its records go.
pub struct Company {
    reading: Reading,
    pub simulator: Simulator,
    org: Arc<Mutex<Org>>,
}

impl Deref for Company {
    type Target = Reading;

    fn deref(&self) -> &Reading {
        &self.reading
    }
}

impl DerefMut for Company {
    fn deref_mut(&mut self) -> &mut Reading {
        &mut self.reading
    }
}

impl Company {
    /// A company with these faults and limits.
    pub async fn new(faults: &str) -> Company {
        Company::with(faults, Org::empty(), "").await
    }

    /// A company that holds this, with keys added to its source.
    pub async fn with(faults: &str, org: Org, keys: &str) -> Company {
        let time = Time::new();
        let org = Arc::new(Mutex::new(org));
        let faults = Faults::from_toml(faults).unwrap();
        let simulator = Simulator::start(Arc::clone(&org), faults, time.clock(), 0).await.unwrap();
        let toml = format!(
            "[source.crm]\nkind = \"salesforce\"\nbase_url = \"{}\"\nclient_id = \"paceline\"\n\
             client_secret = {{ file = \"secret\" }}\n{keys}",
            simulator.base_url()
        );
        let reading = Reading::new(&toml, time).await;
        std::fs::write(reading.folder.path().join("secret"), "good-secret\n").unwrap();
        Company { reading, simulator, org }
    }

    /// The records, to be changed.
    pub fn org(&self) -> MutexGuard<'_, Org> {
        self.org.lock().unwrap()
    }

    /// Creates a record now.
    pub fn create(&self, object: &str, fields: &[(&str, Value)]) -> String {
        let now = self.now();
        self.org().create(object, fields, now)
    }

    /// Changes a record now.
    pub fn update(&self, object: &str, id: &str, fields: &[(&str, Value)]) {
        let now = self.now();
        self.org().update(object, id, fields, now);
    }
}

/// Adds so many leads, each a second after the one before.
pub fn leads(org: &mut Org, count: usize, from: Timestamp) -> Vec<String> {
    let lead = |number: usize| {
        let at = from + jiff::SignedDuration::from_secs(number as i64);
        let source = ["Web", "Webinar", "Partner"][number % 3];
        org.create("Lead", &[("LeadSource", source.into()), ("LastName", "Invented".into())], at)
    };
    (0..count).map(lead).collect()
}
