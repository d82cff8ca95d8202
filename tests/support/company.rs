//! The invented company with the shipped configuration, on two Mondays.

use paceline::clock::Clock;
use paceline::config::{Settings, document::Document};
use paceline::daemon::{self, Step};
use paceline::simulate::Company;
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
}

impl World {
    /// Lays out the shipped configuration with something added or replaced.
    pub async fn new(change: impl Fn(String) -> String) -> World {
        let folder = tempfile::tempdir().unwrap();
        let toml = change(include_str!("../../config/paceline.toml").to_owned());
        let file = folder.path().join("paceline.toml");
        std::fs::write(&file, &toml).unwrap();
        std::fs::write(folder.path().join("plan.toml"), include_str!("../../config/plan.toml"))
            .unwrap();
        let document = Document::load(&file, None).unwrap();
        let settings = Settings::from_document(&document).unwrap();
        let store = Store::open(&settings.database).await.unwrap();
        World { folder, settings, store, company: Company::generate(42) }
    }

    /// The CRM writes its exports.
    pub fn export(&self, at: &str) {
        let exports = self.folder.path().join("exports");
        std::fs::create_dir_all(&exports).unwrap();
        self.company.export(&exports, instant(at)).unwrap();
    }

    /// One step of everything that is due.
    pub async fn step(&self, at: &str) -> Step {
        let clock = Clock::Fixed(instant(at));
        daemon::step(&self.settings, &self.store, &clock, true, &|_, _| {}).await.unwrap()
    }

    /// What a team was told, from its file.
    pub fn told(&self, team: &str) -> String {
        let path = self.folder.path().join("outbox").join(format!("{team}.txt"));
        std::fs::read_to_string(path).unwrap_or_default()
    }
}
