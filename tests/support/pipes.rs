//! A simulated account at Pipedrive with a store beside it.

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard};

use paceline::simulate::pipedrive::{Account, Faults, Simulator};
use serde_json::Value;

#[path = "reading.rs"]
mod reading;
use super::support;
#[allow(unused_imports, reason = "each test file uses its own part of it")]
pub use reading::cut_off_anywhere;
use reading::{Reading, Time};

/// The account, the source that reads it, and where its records go.
pub struct Pipes {
    reading: Reading,
    pub simulator: Simulator,
    account: Arc<Mutex<Account>>,
}

impl Deref for Pipes {
    type Target = Reading;

    fn deref(&self) -> &Reading {
        &self.reading
    }
}

impl DerefMut for Pipes {
    fn deref_mut(&mut self) -> &mut Reading {
        &mut self.reading
    }
}

impl Pipes {
    /// An account with these faults and limits.
    pub async fn new(faults: &str) -> Pipes {
        Pipes::with(faults, Account::empty(), "").await
    }

    /// An account that holds this, with keys added to its source.
    pub async fn with(faults: &str, account: Account, keys: &str) -> Pipes {
        let time = Time::new();
        let account = Arc::new(Mutex::new(account));
        let faults = Faults::from_toml(faults).unwrap();
        let simulator =
            Simulator::start(Arc::clone(&account), faults, time.clock(), 0).await.unwrap();
        let toml = format!(
            "[source.crm]\nkind = \"pipedrive\"\nbase_url = \"{}\"\ntoken = {{ file = \"token\" }}\n{keys}",
            simulator.base_url()
        );
        let reading = Reading::new(&toml, time).await;
        std::fs::write(reading.folder.path().join("token"), "good-token\n").unwrap();
        Pipes { reading, simulator, account }
    }

    /// The records, to be changed.
    pub fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap()
    }

    /// Creates a record now.
    pub fn create(&self, kind: &str, fields: &[(&str, Value)]) -> String {
        let now = self.now();
        self.account().create(kind, fields, now)
    }

    /// Changes a record now.
    pub fn update(&self, kind: &str, id: &str, fields: &[(&str, Value)]) {
        let now = self.now();
        self.account().update(kind, id, fields, now);
    }
}
