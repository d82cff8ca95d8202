//! The invented company with the shipped configuration, on two Mondays.

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::sync::{Arc, Mutex};

use paceline::clock::Clock;
use paceline::config::{Settings, document::Document};
use paceline::daemon::{self, Step};
use paceline::simulate::Company;
use paceline::simulate::hubspot::{Faults, Portal, Simulator};
use paceline::store::Store;
use tempfile::TempDir;

use super::instant;

/// 08:00 in New York, one week apart.
pub const FIRST_MONDAY: &str = "2026-11-16T13:00:00Z";
/// The Monday whose digest the README shows.
pub const SECOND_MONDAY: &str = "2026-11-23T13:00:00Z";

/// The company's folder, its configuration and its store.
pub struct World {
    pub folder: TempDir,
    pub settings: Settings,
    pub store: Store,
    pub company: Company,
    /// The simulated CRM, where the company is read over HTTP.
    pub crm: Option<(Simulator, Arc<Mutex<Portal>>)>,
}

impl World {
    /// A company that exports files, with something added to its configuration or replaced.
    pub async fn new(change: impl Fn(String) -> String) -> World {
        let toml = change(include_str!("../../config/examples/exports.toml").to_owned());
        World::with(&toml).await
    }

    /// The shipped configuration, with the simulated CRM in the place of the vendor.
    pub async fn over_http() -> World {
        let portal = Arc::new(Mutex::new(Portal::empty()));
        let faults = Faults::from_toml("[limits]\nenforce = false").unwrap();
        let clock = Arc::new(|| instant(FIRST_MONDAY));
        let crm = Simulator::start(Arc::clone(&portal), faults, clock, 0).await.unwrap();
        let toml = paceline::cli::hubspot_configuration(&crm.base_url());
        let mut world = World::with(&toml).await;
        std::fs::write(world.folder.path().join("token"), "simulated").unwrap();
        world.crm = Some((crm, portal));
        world
    }

    async fn with(toml: &str) -> World {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("paceline.toml");
        std::fs::write(&file, toml).unwrap();
        std::fs::write(folder.path().join("plan.toml"), include_str!("../../config/plan.toml"))
            .unwrap();
        let document = Document::load(&file, None).unwrap();
        let settings = Settings::from_document(&document).unwrap();
        let store = Store::open(&settings.database).await.unwrap();
        World { folder, settings, store, company: Company::generate(42), crm: None }
    }

    /// The CRM writes its exports.
    pub fn export(&self, at: &str) {
        let exports = self.folder.path().join("exports");
        std::fs::create_dir_all(&exports).unwrap();
        self.company.export(&exports, instant(at)).unwrap();
        if let Some((_, portal)) = &self.crm {
            *portal.lock().unwrap() = self.company.portal_at(instant(at));
        }
    }

    /// One step of everything that is due.
    pub async fn step(&self, at: &str) -> Step {
        let clock = Clock::Fixed(instant(at));
        daemon::step(&self.settings, &self.store, &clock, true, &paceline::daemon::silent())
            .await
            .unwrap()
    }

    /// What a team was told, from its file.
    pub fn told(&self, team: &str) -> String {
        let path = self.folder.path().join("outbox").join(format!("{team}.txt"));
        std::fs::read_to_string(path).unwrap_or_default()
    }
}
