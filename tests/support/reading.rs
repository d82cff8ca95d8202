//! A source behind an API with a store beside it. Its time is the client's timer, so waiting takes none, and
//! client and simulator see the same windows.

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use paceline::clock::{Clock, Timer};
use paceline::config::Settings;
use paceline::domain::Facts;
use paceline::sources::{self, Source, http::Environment};
use paceline::store::Store;
use paceline::sync::{self, Full, SyncReport};
use tempfile::TempDir;

use super::support::{instant, settings_of};

/// When every account begins.
pub const START: &str = "2026-11-02T09:00:00Z";

/// The time of a client and of the simulator that it asks.
#[derive(Clone)]
pub struct Time {
    timer: Timer,
    later: Arc<Mutex<SignedDuration>>,
}

impl Time {
    /// Waits take no time.
    pub fn new() -> Time {
        Time { timer: Timer::skipping(), later: Arc::new(Mutex::new(SignedDuration::ZERO)) }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        let ran = SignedDuration::from_millis(self.timer.now_ms());
        instant(START) + ran + *self.later.lock().unwrap()
    }

    /// The simulator's clock.
    pub fn clock(&self) -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
        let own = self.clone();
        Arc::new(move || own.now())
    }
}

/// The source that is read, and where its records go.
pub struct Reading {
    pub folder: TempDir,
    pub settings: Settings,
    pub store: Store,
    pub environment: Environment,
    time: Time,
}

impl Reading {
    /// A source `crm` of this configuration.
    pub async fn new(toml: &str, time: Time) -> Reading {
        let (folder, settings) = settings_of(toml);
        let store = Store::open(&settings.database).await.unwrap();
        let environment = Environment {
            timer: time.timer.clone(),
            clock: Clock::Fixed(instant(START)),
            request_timeout: std::time::Duration::from_millis(1_500),
            body_bytes_max: 4 << 20,
            ca_file: None,
            shared_pacing: false,
        };
        Reading { folder, settings, store, environment, time }
    }

    /// The account's time.
    pub fn now(&self) -> Timestamp {
        self.time.now()
    }

    /// Time passes.
    pub fn pass(&self, minutes: i64) {
        *self.time.later.lock().unwrap() += SignedDuration::from_mins(minutes);
    }

    /// The source.
    pub fn source(&self) -> Box<dyn Source> {
        let zone = &self.settings.company.zone;
        let clock = Clock::Fixed(self.now());
        let environment = Environment { clock, ..self.environment.clone() };
        sources::open_in("crm", &self.settings.sources["crm"], zone, &environment)
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
            people: None,
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
