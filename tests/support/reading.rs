//! A source behind an API with a store beside it. Its time is the client's timer, so waiting takes none, and
//! client and simulator see the same windows.

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::ops::Deref;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use paceline::clock::{Clock, Timer};
use paceline::config::Settings;
use paceline::domain::{Facts, Object};
use paceline::sources::{
    self, Boxed, Complete, Discovered, Page, Probe, ReadRequest, Source, SourceError,
    http::{Environment, Pacers, SPENT, Spent},
};
use paceline::store::Store;
use paceline::sync::{self, Full, SyncReport};
use tempfile::TempDir;
use tokio::sync::mpsc::{Sender, channel};

use super::support::{self, instant, settings_of};

/// What is written to the log by this thread, from now on.
struct Log {
    written: Arc<Mutex<Vec<u8>>>,
    _guard: tracing::subscriber::DefaultGuard,
}

#[derive(Clone)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    /// Begins.
    fn begin() -> Log {
        let written = Arc::new(Mutex::new(Vec::new()));
        let to = Written(Arc::clone(&written));
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || to.clone());
        Log { written, _guard: tracing::subscriber::set_default(log.finish()) }
    }

    /// What was written since this was asked last.
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.written.lock().unwrap())).unwrap()
    }
}

/// When every account begins.
pub const START: &str = "2026-11-02T09:00:00Z";

/// The time of a client and of the simulator that it asks.
#[derive(Clone)]
pub struct Time {
    timer: Timer,
    later: Arc<Mutex<SignedDuration>>,
    /// By how much the vendor's clock is ahead.
    ahead: Arc<Mutex<SignedDuration>>,
}

impl Time {
    /// Waits take no time.
    pub fn new() -> Time {
        Time { timer: Timer::skipping(), later: Arc::default(), ahead: Arc::default() }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        let ran = SignedDuration::from_millis(self.timer.now_ms());
        instant(START) + ran + *self.later.lock().unwrap()
    }

    /// The simulator's clock.
    pub fn clock(&self) -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
        let own = self.clone();
        Arc::new(move || own.now() + *own.ahead.lock().unwrap())
    }
}

/// The source that is read, and where its records go.
pub struct Reading {
    pub folder: TempDir,
    pub settings: Settings,
    pub store: Store,
    pub environment: Environment,
    time: Time,
    address: String,
}

impl Reading {
    /// A source `crm` of this configuration.
    pub async fn new(toml: &str, time: Time) -> Reading {
        let (folder, settings) = settings_of(toml);
        let store = Store::open(&settings.database).await.unwrap();
        let environment = Environment {
            timer: time.timer.clone(),
            clock: Clock::Fixed(instant(START)),
            request_timeout: Some(std::time::Duration::from_millis(1_500)),
            body_bytes_max: 4 << 20,
            ca_file: None,
            pacers: Pacers::default(),
        };
        let address = toml.split('"').find(|text| text.starts_with("http://")).unwrap().to_owned();
        Reading { folder, settings, store, environment, time, address }
    }

    /// The account's time.
    pub fn now(&self) -> Timestamp {
        self.time.now()
    }

    /// Time passes.
    pub fn pass(&self, minutes: i64) {
        *self.time.later.lock().unwrap() += SignedDuration::from_mins(minutes);
    }

    /// The vendor's clock is askew from now on.
    pub fn set_vendor_ahead(&self, minutes: i64) {
        *self.time.ahead.lock().unwrap() = SignedDuration::from_mins(minutes);
    }

    /// The vendor's time.
    pub fn vendors_now(&self) -> Timestamp {
        self.now() + *self.time.ahead.lock().unwrap()
    }

    /// Milliseconds that were waited.
    pub fn elapsed_ms(&self) -> i64 {
        self.time.timer.now_ms()
    }

    /// What of a rate was used since then: the least time in which so many requests can be sent, of the time that
    /// it took.
    pub fn share_of_rate(&self, since_ms: i64, requests: u64, rate: (u64, i64)) -> f64 {
        let least_ms = (requests.div_ceil(rate.0) - 1) as f64 * rate.1 as f64;
        least_ms / (self.elapsed_ms() - since_ms) as f64
    }

    /// What a cursor of spent requests holds.
    pub async fn noted(&self) -> u64 {
        let cursors = self.store.cursors("crm").await.unwrap();
        let spent = cursors.get(SPENT);
        Spent::parse(spent, self.now()).of_day()
    }

    /// The process ends and another one begins.
    pub fn restart(&mut self) {
        self.environment.pacers = Pacers::default();
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
        self.run(self.source().as_ref(), full).await
    }

    async fn run(&self, source: &dyn Source, full: Full) -> Result<SyncReport, String> {
        let clock = Clock::Fixed(self.now());
        let sync = self.planned(source, full, &clock);
        sync::run(&sync, &|_| {}).await.map_err(|error| error.to_string())
    }

    fn planned<'a>(
        &'a self,
        source: &'a dyn Source,
        full: Full,
        clock: &'a Clock,
    ) -> sync::Sync<'a> {
        let (store, zone) = (&self.store, &self.settings.company.zone);
        let (name, warns, people) = ("crm", false, None);
        sync::Sync { store, name, source, full, warns, people, clock, zone }
    }

    /// A sync, and what it warns of.
    pub async fn warned(&self, full: Full) -> String {
        let (source, log) = (self.source(), Log::begin());
        let clock = Clock::Fixed(self.now());
        let sync = sync::Sync { warns: true, ..self.planned(source.as_ref(), full, &clock) };
        sync::run(&sync, &|_| {}).await.unwrap();
        let written = log.take();
        let warnings: Vec<&str> = written.lines().filter(|line| line.contains(" WARN ")).collect();
        warnings.join("\n")
    }

    /// A sync that is cut off when its source has sent so many pages, which reach the store all at once. Gives how
    /// many there were.
    pub async fn cut_off(&self, pages: usize) -> usize {
        let sent = Arc::new(AtomicUsize::new(0));
        let cut = Cut { source: self.source(), pages, sent: Arc::clone(&sent) };
        let ended = self.run(&cut, Full::No).await;
        assert_eq!(ended.is_ok(), sent.load(SeqCst) < pages, "{ended:?}");
        sent.load(SeqCst)
    }

    /// Everything that is stored, and what is worked out of it; addresses of simulators are one.
    pub async fn state(&self) -> Vec<String> {
        let mut state = support::dump(&self.store).await;
        state.extend(support::rollups(&self.store).await);
        state.iter().map(|line| line.replace(&self.address, "BASE")).collect()
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

/// Cuts first loads off at as many as twenty places, one load each, and lets each go on: every store ends as that of
/// a load that was left alone.
pub async fn cut_off_anywhere<O: Deref<Target = Reading>>(open: impl AsyncFn() -> O) {
    const PLACES: usize = 20;
    let left_alone = open().await;
    left_alone.sync().await;
    let expected = left_alone.state().await;
    let at_once = open().await;
    let pages = at_once.cut_off(usize::MAX).await;
    support::assert_same(&at_once.state().await, &expected, "all in one batch");
    assert!(pages > 1, "nothing to be cut off");
    let step = pages.div_ceil(PLACES);
    for place in (1..=pages).step_by(step) {
        let own = open().await;
        own.cut_off(place).await;
        own.sync().await;
        let what = format!("cut off after page {place} of {pages}");
        support::assert_same(&own.state().await, &expected, &what);
    }
}

/// A source that dies after some pages. It holds them back until then, so that they reach the store together.
struct Cut {
    source: Box<dyn Source>,
    pages: usize,
    sent: Arc<AtomicUsize>,
}

impl Source for Cut {
    fn objects(&self) -> Vec<Object> {
        self.source.objects()
    }

    fn provides(&self, object: Object, field: &str) -> bool {
        self.source.provides(object, field)
    }

    fn read<'a>(
        &'a self,
        request: ReadRequest,
        pages: Sender<Page>,
    ) -> Boxed<'a, Result<Complete, SourceError>> {
        Box::pin(async move {
            let (sender, mut receiver) = channel(1);
            let gather = async move {
                let mut held = Vec::new();
                while held.len() < self.pages {
                    let Some(page) = receiver.recv().await else { break };
                    held.push(page);
                }
                held
            };
            let (ended, held) = tokio::join!(self.source.read(request, sender), gather);
            self.sent.store(held.len(), SeqCst);
            let is_whole = held.len() < self.pages;
            for page in held {
                pages.send(page).await.map_err(|_| SourceError::StoreGone)?;
            }
            if is_whole { ended } else { Err(SourceError::StoreGone) }
        })
    }

    fn conversion_hides_leads(&self) -> bool {
        self.source.conversion_hides_leads()
    }

    fn check<'a>(&'a self) -> Boxed<'a, Result<Probe, SourceError>> {
        self.source.check()
    }

    fn discover<'a>(&'a self) -> Boxed<'a, Result<Discovered, SourceError>> {
        self.source.discover()
    }
}
