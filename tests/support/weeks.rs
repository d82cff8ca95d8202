//! Weeks of a whole daemon: a simulated CRM, teams that are reached over HTTP and by file, a real
//! SQLite file, a clock of its own, and faults drawn from a seed. An oracle knows the truth.

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use paceline::clock::{Clock, Timer};
use paceline::config::Settings;
use paceline::daemon::{self, Ground};
use paceline::simulate::hubspot::{Faults, Object, Portal, Simulator};
use paceline::simulate::rng::Rng;
use paceline::sources::http::Environment;
use paceline::store::Store;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::support::{self, instant, settings_of, write};

/// A Monday at 00:00 in New York, some weeks before the clocks change in spring.
const START: &str = "2026-02-02T05:00:00Z";
/// A sync every so many hours.
pub const SYNC_HOURS: i64 = 12;
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
every = "12h"

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
to = "2040-01-01"
opportunities = 3000
every = "quarter"
team = "marketing"
[goal.assume]
lead_to_opportunity = 0.4
win_rate = 0.3
average_deal_value = 1000
"#;

/// What a webhook does with a message.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mood {
    Takes,
    Limits,
    Fails,
    /// It takes the message, and the answer is lost.
    TakesSilently,
}

/// What the team's channel got.
#[derive(Debug, Default)]
struct Channel {
    /// Title and blocks of each message, without the mark of a possible repeat.
    bodies: Vec<(String, String)>,
    /// Messages whose answer was lost.
    lost_answers: usize,
}

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
    deals: BTreeMap<u64, Timestamp>,
    /// Week and team of every digest that was sent.
    digests: BTreeSet<(String, String)>,
    /// What was done and found.
    pub tally: Tally,
    seed: u64,
}

impl Weeks {
    /// A world of this seed.
    pub async fn new(seed: u64) -> Weeks {
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
        let (folder, settings) = settings_of(&CONFIG.replace("BASE", &crm.base_url()));
        write(folder.path(), "token", "simulated");
        write(folder.path(), "webhook", &webhook);
        write(folder.path(), "plan.toml", PLAN);
        let store = Store::open(&settings.database).await.unwrap();
        let environment = Environment {
            timer: Timer::skipping(),
            request_timeout: Duration::from_millis(2_000),
            body_bytes_max: 1 << 20,
            ca_file: None,
            shared_pacing: false,
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
            deals: BTreeMap::new(),
            digests: BTreeSet::new(),
            tally: Tally::default(),
            seed,
        }
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
            // Two steps a day, and one on Monday morning after the digest is due.
            for half_day in 0..14 {
                self.business();
                self.trouble().await;
                self.pass(if half_day == 0 { 13 * 60 + 5 } else { 12 * 60 });
                if half_day == 0 {
                    self.now_ms.fetch_sub(65 * 60_000, Ordering::SeqCst);
                }
            }
            self.settle().await;
            self.check().await;
            self.tally.weeks += 1;
        }
    }

    /// What people do in half a day.
    fn business(&mut self) {
        let now = self.now();
        let mut portal = self.portal.lock().unwrap();
        for _ in 0..self.random.below(3) {
            let id = self.next_id;
            self.next_id += 1;
            let source = ["ORGANIC_SEARCH", "PAID_SEARCH", "WEBINAR"][self.random.below(3)];
            let own = vec![("hs_analytics_source".to_owned(), source.to_owned())];
            portal.create_with_id(Object::Contact, id, own, now);
            self.living.insert(id);
            if self.random.chance(0.4) {
                let deal = id + 10_000_000;
                let owner = OWNERS[self.random.below(OWNERS.len())];
                let own = [
                    ("dealstage", "appointmentscheduled"),
                    ("pipeline", "default"),
                    ("amount", "1000"),
                    ("hubspot_owner_id", owner),
                ];
                let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
                portal.create_with_id(Object::Deal, deal, own.to_vec(), now);
                portal.associate((Object::Deal, deal), (Object::Contact, id));
                self.deals.insert(deal, now);
                if self.random.chance(0.8) {
                    let call = id + 20_000_000;
                    let own =
                        [("hs_timestamp", now.to_string()), ("hubspot_owner_id", owner.into())];
                    let own = own.map(|(name, value)| (name.to_owned(), value));
                    portal.create_with_id(Object::Call, call, own.to_vec(), now);
                    portal.associate((Object::Call, call), (Object::Deal, deal));
                }
            }
        }
        let known: Vec<u64> = self.deals.keys().copied().collect();
        if !known.is_empty() && self.random.chance(0.3) {
            let deal = known[self.random.below(known.len())];
            let stage = ["closedwon", "closedlost", "qualifiedtobuy"][self.random.below(3)];
            portal.update(Object::Deal, deal, vec![("dealstage".into(), Some(stage.into()))], now);
        }
        if self.living.len() > 20 && self.random.chance(0.05) {
            let all: Vec<u64> = self.living.iter().copied().collect();
            let gone = all[self.random.below(all.len())];
            portal.archive(Object::Contact, gone, now);
            self.living.remove(&gone);
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
            let step = daemon::step_on(&ground, false).await;
            if std::env::var_os("PACELINE_SEE").is_some() {
                println!("{at}: {step:?}");
            }
            if let Ok(step) = step {
                self.tally.failed_syncs +=
                    step.synced.iter().filter(|(_, result)| result.is_err()).count();
            }
            return;
        };
        // A process that dies takes all its tasks along: they run in a runtime of their own.
        let process = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let (settings, environment) = (self.settings.clone(), self.environment.clone());
        process.spawn(async move {
            if let Ok(store) = Store::open(&settings.database).await {
                let ground = Ground::new(&settings, &store, Clock::Fixed(at), daemon::silent());
                let _ = daemon::step_on(&Ground { environment, ..ground }, false).await;
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
        for _ in 0..3 {
            self.step(None).await;
            self.pass(1);
        }
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
        self.pass(SYNC_HOURS * 60);
        self.step(None).await;
    }

    /// The truth.
    async fn check(&mut self) {
        let seed = self.seed;
        let (week, at) = (self.tally.weeks, self.now());
        let place = format!("seed {seed}, week {week}, {at}");
        let facts = self.store.facts().await.unwrap();
        let leads: BTreeSet<u64> = facts
            .leads
            .values()
            .filter(|lead| lead.deleted_at.is_none())
            .map(|lead| lead.key.id.parse().unwrap())
            .collect();
        let (lost, kept) = (&self.living - &leads, &leads - &self.living);
        assert!(
            lost.is_empty() && kept.is_empty(),
            "{place}: leads lost {lost:?}, kept {kept:?}; {:?}; {:?}",
            facts
                .leads
                .values()
                .filter(|l| kept.contains(&l.key.id.parse().unwrap()))
                .collect::<Vec<_>>(),
            self.store.cursors("crm").await.unwrap()
        );
        let deals: BTreeSet<u64> =
            facts.opportunities.keys().map(|key| key.id.parse().unwrap()).collect();
        assert_eq!(deals, self.deals.keys().copied().collect(), "{place}: opportunities");
        let counts = self.store.outbox_counts().await.unwrap();
        assert_eq!((counts.pending, counts.dead), (0, 0), "{place}: {counts:?}");
        self.check_messages(&place).await;
        if week % 10 == 0 {
            let fed = support::rollups(&self.store).await;
            let zone = &self.settings.company.zone;
            paceline::sync::rollup::rebuild(&self.store, zone).await.unwrap();
            assert_eq!(fed, support::rollups(&self.store).await, "{place}: roll-ups");
        }
    }

    /// Every message that was put into the outbox arrived; more than once only where the answer was
    /// lost or the process died between sending and recording.
    async fn check_messages(&mut self, place: &str) {
        let file = self.folder.path().join("marketing.txt");
        let told = std::fs::read_to_string(file).unwrap_or_default();
        let channel = self.channel.lock().unwrap();
        let all = self.store.messages_since(Timestamp::UNIX_EPOCH);
        let mut repeats = 0;
        let mut digests: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (key, _, message) in futures_now(all).unwrap() {
            let subject = message.subject.clone();
            let arrived = if key.contains(":slack:team.sales") {
                let title = paceline::domain::notice::slack_escape(&subject);
                channel.bodies.iter().filter(|(known, _)| *known == title).count()
            } else if key.contains(":file:team.marketing") {
                told.matches(message.text.trim_end()).count()
            } else {
                continue;
            };
            assert!(arrived > 0, "{place}: `{key}` ({subject}) was never delivered");
            if key.starts_with("digest:") {
                let week = key.split(':').nth(1).unwrap_or_default().to_owned();
                let team = key.rsplit('.').next().unwrap_or_default().to_owned();
                *digests.entry((week, team)).or_default() += 1;
            }
        }
        for ((week, team), count) in digests {
            assert_eq!(count, 1, "{place}: digest of {week} for {team}");
            self.digests.insert((week, team));
        }
        // Messages go after ninety days; what was seen once was there.
        let weeks: BTreeSet<String> = self.digests.iter().map(|(week, _)| week.clone()).collect();
        for (week, team) in weeks.iter().flat_map(|week| TEAMS.map(|team| (week, team))) {
            let key = (week.clone(), team.to_owned());
            assert!(self.digests.contains(&key), "{place}: no digest of {week} for {team}");
        }
        let distinct: BTreeSet<&(String, String)> = channel.bodies.iter().collect();
        repeats += channel.bodies.len() - distinct.len();
        let heads: Vec<&str> =
            told.lines().filter(|line| line.starts_with("---- message ")).collect();
        let numbers: BTreeSet<&str> =
            heads.iter().filter_map(|head| head.split(' ').nth(2)).collect();
        repeats += heads.len() - numbers.len();
        let allowed = channel.lost_answers + self.tally.kills;
        assert!(repeats <= allowed, "{place}: {repeats} repeats, {allowed} at most");
        self.tally.messages = channel.bodies.len() + heads.len();
        self.tally.repeats = repeats;
        self.tally.digests = self.digests.len();
    }
}

/// The store answers without waiting for anything else, so a lock may be held.
fn futures_now<T: Send>(work: impl std::future::Future<Output = T> + Send) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work))
}

/// A Slack webhook in a mood.
async fn listen(channel: Arc<Mutex<Channel>>, mood: Arc<Mutex<Mood>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/services/hook", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let Ok((mut stream, _)) = listener.accept().await else { continue };
            let (channel, mood) = (Arc::clone(&channel), Arc::clone(&mood));
            tokio::spawn(async move {
                let Some(body) = read_request(&mut stream).await else { return };
                let Some(body) = without_mark(&body) else { return };
                let now = *mood.lock().unwrap();
                let answer = {
                    let mut channel = channel.lock().unwrap();
                    match now {
                        Mood::Takes => {
                            channel.bodies.push(body);
                            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"
                        }
                        Mood::Limits => {
                            "HTTP/1.1 429 No\r\nretry-after: 30\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                        }
                        Mood::Fails => {
                            "HTTP/1.1 503 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
                        }
                        Mood::TakesSilently => {
                            channel.bodies.push(body);
                            channel.lost_answers += 1;
                            ""
                        }
                    }
                };
                let _ = stream.write_all(answer.as_bytes()).await;
                let _ = stream.shutdown().await;
            });
        }
    });
    url
}

fn without_mark(body: &str) -> Option<(String, String)> {
    let body: serde_json::Value = serde_json::from_str(body).ok()?;
    let title = body["text"].as_str()?.replace(" (may be a repeat)", "");
    let blocks = body["blocks"].as_array()?.iter().map(ToString::to_string);
    let blocks = blocks.filter(|block| !block.contains("This message may be a repeat."));
    Some((title, blocks.collect()))
}

async fn read_request(stream: &mut tokio::net::TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut chunk = [0; 8192];
    loop {
        let count = stream.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
        bytes.extend_from_slice(&chunk[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            line.to_lowercase().strip_prefix("content-length: ")?.trim().parse::<usize>().ok()
        });
        if body.len() >= length.unwrap_or(0) {
            return Some(body.to_owned());
        }
    }
}
