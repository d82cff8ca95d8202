//! Weeks of a whole daemon: a simulated CRM, teams that are reached over HTTP and by file, a real
//! SQLite file, a clock of its own, and faults drawn from a seed. An oracle knows the truth.

#![allow(dead_code, reason = "each test file uses its own part of it")]

mod business;
mod channel;
mod oracle;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use paceline::clock::{Clock, Timer};
use paceline::config::Settings;
use paceline::daemon::{self, Ground};
use paceline::simulate::hubspot::{Faults, Portal, Simulator};
use paceline::simulate::rng::Rng;
use paceline::sources::http::{Environment, Pacers};
use paceline::store::Store;
use tempfile::TempDir;

use super::support::{self, instant, settings_of, write};
use channel::{Channel, Mood, listen};

/// A Monday at 00:00 in New York, some weeks before the clocks change in spring.
const START: &str = "2026-02-02T05:00:00Z";
/// The team that is reached over HTTP, and the one by file.
const TEAMS: [&str; 2] = ["sales", "marketing"];
const OWNERS: [&str; 3] = ["501", "502", "503"];

const CONFIG: &str = r#"
[company]
name = "Simulated"
time_zone = "America/New_York"

[source.crm]
kind = "hubspot"
base_url = "BASE"
token = { file = "token" }
rate_limit = "none"
every = "MINUTESm"

[source.fair]
kind = "csv"
every = "MINUTESm"
[[source.fair.file]]
path = "fair.csv"
object = "lead"
[source.fair.file.columns]
id = "id"
created_at = "at"
channel = { const = "fair" }

[handoff]
since = "2026-02-01"
first_touch_within = "8 business hours"

[team.sales]
owners = ["501", "502"]
slack = { webhook = { file = "webhook" } }

[team.marketing]
file = "marketing.txt"

[operator]
file = "operator.txt"

[backup]
keep_daily = 2
keep_weekly = 0

[plan]
file = "plan.toml"
"#;

const PLAN: &str = r#"
[[goal]]
name = "opportunities"
from = "2026-01-01"
to = "2028-01-01"
opportunities = 430
every = "quarter"
team = "marketing"
[goal.assume]
lead_to_opportunity = 0.4
win_rate = 0.3
average_deal_value = 1000
"#;

/// What was counted.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    pub weeks: usize,
    pub steps: usize,
    pub kills: usize,
    pub failed_syncs: usize,
    pub full_disks: usize,
    pub clock_steps: usize,
    pub messages: usize,
    pub repeats: usize,
    pub digests: usize,
}

impl Tally {
    /// Adds another one's counts.
    pub fn add(&mut self, other: &Tally) {
        self.weeks += other.weeks;
        self.steps += other.steps;
        self.kills += other.kills;
        self.failed_syncs += other.failed_syncs;
        self.full_disks += other.full_disks;
        self.clock_steps += other.clock_steps;
        self.messages += other.messages;
        self.repeats += other.repeats;
        self.digests += other.digests;
    }
}

/// The world.
pub struct Weeks {
    folder: TempDir,
    settings: Settings,
    store: Store,
    crm: Simulator,
    portal: Arc<Mutex<Portal>>,
    now_ms: Arc<AtomicI64>,
    environment: Environment,
    channel: Arc<Mutex<Channel>>,
    mood: Arc<Mutex<Mood>>,
    random: Rng,
    next_id: u64,
    living: BTreeSet<u64>,
    /// The file of the fair, and who is in it.
    fair: String,
    visitors: BTreeSet<u64>,
    deals: BTreeMap<u64, Timestamp>,
    /// Week and team of every digest that was sent.
    digests: BTreeSet<(String, String)>,
    /// What was done and found.
    pub tally: Tally,
    seed: u64,
    /// From one sync, and from one step, to the next.
    step_hours: i64,
}

impl Weeks {
    /// A world of this seed, with a step and a sync every so many hours.
    pub async fn new(seed: u64, step_hours: i64) -> Weeks {
        let now_ms = Arc::new(AtomicI64::new(instant(START).as_millisecond()));
        let portal = Arc::new(Mutex::new(Portal::empty()));
        let time = {
            let now_ms = Arc::clone(&now_ms);
            Arc::new(move || Timestamp::from_millisecond(now_ms.load(Ordering::SeqCst)).unwrap())
        };
        let faults = Faults::from_toml("[limits]\nenforce = false").unwrap();
        let crm = Simulator::start(Arc::clone(&portal), faults, time, 0).await.unwrap();
        let (channel, mood) = (Arc::<Mutex<Channel>>::default(), Arc::new(Mutex::new(Mood::Takes)));
        let webhook = listen(Arc::clone(&channel), Arc::clone(&mood)).await;
        // A little sooner than the next step, so that each step finds it due.
        let every_minutes = (step_hours * 60 - 30).to_string();
        let (folder, settings) = settings_of(
            &CONFIG.replace("BASE", &crm.base_url()).replace("MINUTES", &every_minutes),
        );
        write(folder.path(), "token", "simulated");
        write(folder.path(), "webhook", &webhook);
        write(folder.path(), "plan.toml", PLAN);
        write(folder.path(), "fair.csv", "id,at\n");
        let store = Store::open(&settings.database).await.unwrap();
        let environment = Environment {
            timer: Timer::skipping(),
            clock: Clock::default(),
            request_timeout: Some(Duration::from_millis(2_000)),
            body_bytes_max: 1 << 20,
            ca_file: None,
            pacers: Pacers::default(),
        };
        Weeks {
            folder,
            settings,
            store,
            crm,
            portal,
            now_ms,
            environment,
            channel,
            mood,
            random: Rng::of(seed, "weeks", 0),
            next_id: 1_000,
            living: BTreeSet::new(),
            fair: "id,at\n".into(),
            visitors: BTreeSet::new(),
            deals: BTreeMap::new(),
            digests: BTreeSet::new(),
            tally: Tally::default(),
            seed,
            step_hours,
        }
    }

    /// Whether the jobs run in their lanes, as in the daemon, or one after the other, as `run --once`
    /// has it: every other world of each.
    fn side_by_side(&self) -> bool {
        self.seed.is_multiple_of(2)
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.now_ms.load(Ordering::SeqCst)).unwrap()
    }

    fn pass(&self, minutes: i64) {
        self.now_ms.fetch_add(minutes * 60_000, Ordering::SeqCst);
    }

    /// Lives through weeks, with the truth checked at the end of each.
    pub async fn live(&mut self, weeks: usize) {
        for _ in 0..weeks {
            for _ in 0..7 * 24 / self.step_hours {
                self.business();
                self.trouble().await;
                self.pass(self.step_hours * 60);
            }
            self.settle().await;
            self.check().await;
            self.tally.weeks += 1;
        }
    }

    /// A step, with something that goes wrong or not.
    async fn trouble(&mut self) {
        match self.random.below(14) {
            0 => {
                let answer = ["500", "html", "cut", "truncated_json", "429"][self.random.below(5)];
                let skip = self.random.below(12);
                let faults = format!(
                    "[limits]\nenforce = false\n[[fault]]\non = \"any\"\nskip = {skip}\ntimes = 0\n\
                     answer = \"{answer}\"\n"
                );
                self.crm.set_faults(Faults::from_toml(&faults).unwrap());
                self.step(None).await;
                self.crm.set_faults(Faults::from_toml("[limits]\nenforce = false").unwrap());
            }
            1 | 2 => {
                let after = Duration::from_micros(self.random.below(30_000) as u64);
                self.step(Some(after)).await;
            }
            3 => {
                self.tally.full_disks += 1;
                let pages = self.store.size_bytes().await.unwrap() / 4096;
                self.store.limit_pages(u32::try_from(pages).unwrap() + 1).await.unwrap();
                self.step(None).await;
                self.store.limit_pages(4_000_000).await.unwrap();
            }
            4 => {
                // The server's clock is askew for one step, by up to a month either way.
                self.tally.clock_steps += 1;
                let days = self.random.below(60) as i64 - 30;
                let at = self.now().saturating_add((days * 24).hours()).unwrap();
                self.step_at(at, None).await;
            }
            5 | 6 => {
                let moods = [Mood::Limits, Mood::Fails, Mood::TakesSilently];
                *self.mood.lock().unwrap() = moods[self.random.below(3)];
                self.step(None).await;
                *self.mood.lock().unwrap() = Mood::Takes;
            }
            _ => self.step(None).await,
        }
    }

    async fn step(&mut self, killed_after: Option<Duration>) {
        self.step_at(self.now(), killed_after).await;
    }

    async fn step_at(&mut self, at: Timestamp, killed_after: Option<Duration>) {
        self.tally.steps += 1;
        let ground = Ground::new(&self.settings, &self.store, Clock::Fixed(at), daemon::silent());
        let ground = Ground { environment: self.environment.clone(), ..ground };
        let Some(after) = killed_after else {
            work(ground, self.side_by_side()).await;
            let jobs = self.store.jobs().await.unwrap();
            let failing = |job: &str| jobs.get(job).is_some_and(|row| row.failures > 0);
            // Once a day it is the comparison of ids that reads the source.
            let failed = failing("sync:crm") || failing("reconcile:crm");
            self.tally.failed_syncs += usize::from(failed);
            return;
        };
        // A process that dies takes all its tasks along: they run in a runtime of their own.
        let process = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (settings, environment) = (self.settings.clone(), self.environment.clone());
        let side_by_side = self.side_by_side();
        process.spawn(async move {
            if let Ok(store) = Store::open(&settings.database).await {
                let ground = Ground::new(&settings, &store, Clock::Fixed(at), daemon::silent());
                work(Ground { environment, ..ground }, side_by_side).await;
            }
        });
        tokio::time::sleep(after).await;
        process.shutdown_background();
        self.tally.kills += 1;
        // The next process opens the file anew.
        self.store.close().await;
        self.store = Store::open(&self.settings.database).await.unwrap();
    }

    /// Nothing goes wrong until all that waits has left: waits of messages are up to six hours.
    async fn settle(&mut self) {
        self.step(None).await;
        for _ in 0..20 {
            let counts = self.store.outbox_counts().await.unwrap();
            if counts.pending == 0 && self.store.oldest_due(Timestamp::MAX).await.unwrap().is_none()
            {
                break;
            }
            self.pass(100);
            self.step(None).await;
        }
        // Everything that has happened is read.
        self.pass(self.step_hours * 60);
        self.step(None).await;
    }
}

/// Whatever is due at this moment.
async fn work(ground: Ground, side_by_side: bool) {
    if side_by_side {
        daemon::Daemon::new(ground).rest().await;
    } else {
        let _ = daemon::step_on(&ground, false).await;
    }
}
