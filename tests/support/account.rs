//! A simulated HubSpot account with a store beside it. Its time is the client's timer, so waiting
//! takes none, and both see the same windows.

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};
use paceline::clock::{Clock, Timer};
use paceline::config::Settings;
use paceline::domain::Facts;
use paceline::simulate::hubspot::{Faults, Object, Portal, Simulator};
use paceline::sources::{self, Source, http::Environment};
use paceline::store::Store;
use paceline::sync::{self, Full, SyncReport};
use tempfile::TempDir;

use super::support::{instant, settings_of};

/// When every account begins.
pub const START: &str = "2026-11-02T09:00:00Z";

/// The account, the source that reads it, and where its records go.
pub struct Account {
    pub folder: TempDir,
    pub settings: Settings,
    pub store: Store,
    pub simulator: Simulator,
    pub environment: Environment,
    portal: Arc<Mutex<Portal>>,
    later: Arc<Mutex<SignedDuration>>,
}

impl Account {
    /// An account with these faults and limits.
    pub async fn new(faults: &str) -> Account {
        Account::with(faults, Portal::empty(), "rate_limit = \"190/10s\"\n").await
    }

    /// An account that holds this, with keys added to its source.
    pub async fn with(faults: &str, portal: Portal, keys: &str) -> Account {
        let timer = Timer::skipping();
        let later = Arc::new(Mutex::new(SignedDuration::ZERO));
        let portal = Arc::new(Mutex::new(portal));
        let clock = {
            let (timer, later) = (timer.clone(), Arc::clone(&later));
            let ran = move || SignedDuration::from_millis(timer.now_ms()) + *later.lock().unwrap();
            Arc::new(move || instant(START) + ran())
        };
        let faults = Faults::from_toml(faults).unwrap();
        let simulator = Simulator::start(Arc::clone(&portal), faults, clock, 0).await.unwrap();
        let toml = format!(
            "[source.crm]\nkind = \"hubspot\"\nbase_url = \"{}\"\ntoken = {{ file = \"token\" }}\n{keys}",
            simulator.base_url()
        );
        let (folder, settings) = settings_of(&toml);
        std::fs::write(folder.path().join("token"), "good-token\n").unwrap();
        let store = Store::open(&settings.database).await.unwrap();
        let environment = Environment {
            timer,
            request_timeout: std::time::Duration::from_millis(1_500),
            body_bytes_max: 1 << 20,
            ca_file: None,
            shared_pacing: false,
        };
        Account { folder, settings, store, simulator, environment, portal, later }
    }

    /// The records, to be changed.
    pub fn portal(&self) -> MutexGuard<'_, Portal> {
        self.portal.lock().unwrap()
    }

    /// The account's time.
    pub fn now(&self) -> Timestamp {
        let ran = SignedDuration::from_millis(self.environment.timer.now_ms());
        instant(START) + ran + *self.later.lock().unwrap()
    }

    /// Time passes.
    pub fn pass(&self, minutes: i64) {
        *self.later.lock().unwrap() += SignedDuration::from_mins(minutes);
    }

    /// The source.
    pub fn source(&self) -> Box<dyn Source> {
        let zone = &self.settings.company.zone;
        sources::open_in("crm", &self.settings.sources["crm"], zone, &self.environment)
    }

    /// A sync.
    pub async fn try_sync(&self, full: Full) -> Result<SyncReport, String> {
        let source = self.source();
        let clock = Clock::Fixed(self.now());
        let sync = sync::Sync {
            store: &self.store,
            name: "crm",
            source: source.as_ref(),
            full,
            clock: &clock,
            zone: &self.settings.company.zone,
        };
        sync::run(&sync, &|_| {}).await.map_err(|error| error.to_string())
    }

    /// A sync that reads everything.
    pub async fn sync(&self) -> SyncReport {
        self.try_sync(Full::No).await.unwrap()
    }

    /// What is stored.
    pub async fn facts(&self) -> Facts {
        self.store.facts().await.unwrap()
    }

    /// How far the data is complete.
    pub async fn complete_to(&self) -> Option<Timestamp> {
        self.store.source_states().await.unwrap().get("crm").and_then(|state| state.complete_to)
    }

    /// The living leads and opportunities, as "id".
    pub async fn living(&self) -> (Vec<String>, Vec<String>) {
        let facts = self.facts().await;
        let leads = facts.leads.values().filter(|lead| lead.deleted_at.is_none());
        let deals = facts.opportunities.values().filter(|deal| deal.deleted_at.is_none());
        (leads.map(|l| l.key.id.clone()).collect(), deals.map(|d| d.key.id.clone()).collect())
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
