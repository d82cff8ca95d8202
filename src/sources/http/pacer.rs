//! How fast a client may ask: it keeps within the vendor's limits by itself, so that it never lives
//! on refusals.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::clock::Timer;
use crate::config::api::RateLimit;

/// The part of a window by which it is taken to be longer: 3 %, so that 97 % of a rate are used.
const MARGIN: i64 = 33;

/// So many requests in so many milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests.
    pub count: usize,
    /// In this time.
    pub window_ms: i64,
}

impl Rate {
    /// What the configuration allows; the usual rate where it says nothing, and none where it asks for none.
    pub fn of(limit: RateLimit, usual: Rate) -> Option<Rate> {
        match limit {
            RateLimit::None => None,
            RateLimit::Vendor => Some(usual),
            RateLimit::AtMost(count, secs) => Some(Rate { count, window_ms: secs * 1_000 }),
        }
    }

    /// A little slower than is allowed: requests may arrive closer together than they were sent.
    fn with_margin(self) -> Rate {
        Rate { window_ms: self.window_ms + self.window_ms / MARGIN + 1, ..self }
    }
}

/// Which of the vendor's limits a request counts against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// The general one.
    General,
    /// Searches have a limit of their own beside it.
    Search,
}

/// What an answer says about the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// The rate that is allowed.
    pub rate: Option<Rate>,
    /// Requests that are left in the running window.
    pub remaining: Option<u64>,
    /// Requests that are left today.
    pub daily_remaining: Option<u64>,
    /// What everybody together may use in a day.
    pub daily: Option<u64>,
}

/// The pacing of one account. Sources of the same account share it.
#[derive(Debug)]
pub struct Pacer {
    timer: Timer,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// None where the configuration says that there is no limit.
    general: Option<Rate>,
    search: Option<Rate>,
    sent: VecDeque<i64>,
    searched: VecDeque<i64>,
    blocked_until_ms: i64,
    day_is_spent: bool,
    requests: u64,
    /// The share of a day's budget that is ours, and what we used of it in the last day.
    share: Option<f64>,
    spent_today: u64,
    spent: u64,
    unnoted: u64,
    daily: Option<u64>,
}

/// The pacers of accounts: limits are the account's, and they do not begin anew with each sync.
#[derive(Clone, Debug, Default)]
pub struct Pacers(Arc<Mutex<HashMap<u64, Arc<Pacer>>>>);

impl Pacers {
    /// Those of the whole process.
    pub fn of_process() -> Pacers {
        static PACERS: OnceLock<Pacers> = OnceLock::new();
        PACERS.get_or_init(Pacers::default).clone()
    }

    /// The pacer of an account.
    pub fn of(
        &self,
        account: u64,
        (general, search): (Option<Rate>, Option<Rate>),
        timer: &Timer,
    ) -> Arc<Pacer> {
        let mut pacers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Arc::new(Pacer::new(general, search, timer.clone()));
        let pacer = Arc::clone(pacers.entry(account).or_insert_with(fresh));
        // A new sync may find that a new day has begun.
        pacer.lock().day_is_spent = false;
        pacer
    }
}

/// Today's quota is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DaySpent;

impl Pacer {
    /// A pacer with these limits.
    pub fn new(general: Option<Rate>, search: Option<Rate>, timer: Timer) -> Pacer {
        let state = State {
            general: general.map(Rate::with_margin),
            search: search.map(Rate::with_margin),
            sent: VecDeque::new(),
            searched: VecDeque::new(),
            blocked_until_ms: 0,
            day_is_spent: false,
            requests: 0,
            share: None,
            spent_today: 0,
            spent: 0,
            unnoted: 0,
            daily: None,
        };
        Pacer { timer, state: Mutex::new(state) }
    }

    /// Waits until a request may be sent, and counts it.
    ///
    /// # Errors
    /// When today's quota is spent.
    pub async fn permit(&self, lane: Lane, cost: u64) -> Result<(), DaySpent> {
        loop {
            let until_ms = {
                let mut state = self.lock();
                if state.day_is_spent || state.share_is_spent() {
                    return Err(DaySpent);
                }
                let now_ms = self.timer.now_ms();
                let until_ms = state.free_at_ms(lane, now_ms);
                if until_ms <= now_ms {
                    state.count(lane, now_ms);
                    state.spend(cost);
                    return Ok(());
                }
                until_ms
            };
            self.timer.wait_until_ms(until_ms).await;
        }
    }

    /// Believes what an answer says: the vendor knows its limits better than the configuration.
    pub fn learn(&self, quota: Quota) {
        let mut state = self.lock();
        // `rate_limit = "none"` is for a test server, whose headers need not mean anything.
        if state.general.is_none() {
            return;
        }
        if let Some(rate) = quota.rate.filter(|rate| rate.count > 0 && rate.window_ms > 0) {
            state.general = Some(rate.with_margin());
        }
        if quota.remaining == Some(0) {
            // Somebody else uses the same account: the window is full though we did not fill it.
            let window_ms = quota.rate.map_or(10_000, |rate| rate.window_ms);
            let until_ms = self.timer.now_ms() + window_ms;
            state.blocked_until_ms = state.blocked_until_ms.max(until_ms);
        }
        state.day_is_spent |= quota.daily_remaining == Some(0);
        // A day that allows nothing is no limit but an answer that says nothing.
        state.daily = quota.daily.filter(|daily| *daily > 0).or(state.daily);
    }

    /// Of what a day allows everybody together, at most this share is ours; so much was used in the last 24
    /// hours, as far as it was noted.
    pub fn share(&self, share: f64, spent_today: u64, daily: Option<u64>) {
        let mut state = self.lock();
        (state.share, state.spent_today) = (Some(share), spent_today + state.unnoted);
        state.daily = state.daily.or(daily.filter(|daily| *daily > 0));
    }

    /// What was used and is not noted yet.
    pub fn unnoted(&self) -> u64 {
        self.lock().unnoted
    }

    /// As [`Pacer::unnoted`], of which the caller takes note.
    pub fn take_unnoted(&self) -> u64 {
        std::mem::take(&mut self.lock().unnoted)
    }

    /// What a day allows everybody together.
    pub fn daily(&self) -> Option<u64> {
        self.lock().daily
    }

    /// Sends nothing for a while: an answer said so.
    pub fn block_ms(&self, wait_ms: i64) {
        let until_ms = self.timer.now_ms() + wait_ms;
        let mut state = self.lock();
        state.blocked_until_ms = state.blocked_until_ms.max(until_ms);
    }

    /// An answer told what its request cost.
    pub fn spend(&self, cost: u64) {
        self.lock().spend(cost);
    }

    /// What was used of the days' budgets so far.
    pub fn spent(&self) -> u64 {
        self.lock().spent
    }

    /// Waits, and lets others go on.
    pub async fn wait_ms(&self, wait_ms: i64) {
        self.timer.wait_until_ms(self.timer.now_ms() + wait_ms).await;
    }

    /// How many requests were permitted so far.
    pub fn requests(&self) -> u64 {
        self.lock().requests
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// When a request of the lane may be sent.
    fn free_at_ms(&mut self, lane: Lane, now_ms: i64) -> i64 {
        let mut at_ms = self.blocked_until_ms;
        if let Some(rate) = self.general {
            at_ms = at_ms.max(window_free_at_ms(&mut self.sent, rate, now_ms));
        }
        if let (Some(rate), Lane::Search) = (self.search, lane) {
            at_ms = at_ms.max(window_free_at_ms(&mut self.searched, rate, now_ms));
        }
        at_ms
    }

    fn spend(&mut self, cost: u64) {
        self.spent += cost;
        self.spent_today += cost;
        self.unnoted += cost;
    }

    fn share_is_spent(&self) -> bool {
        let ours = self.share.zip(self.daily).map(|(share, daily)| share * daily as f64);
        ours.is_some_and(|ours| self.spent_today as f64 >= ours)
    }

    fn count(&mut self, lane: Lane, now_ms: i64) {
        self.requests += 1;
        if self.general.is_some() {
            self.sent.push_back(now_ms);
        }
        if self.search.is_some() && lane == Lane::Search {
            self.searched.push_back(now_ms);
        }
    }
}

/// When the oldest of the last `count` requests leaves the window.
fn window_free_at_ms(sent: &mut VecDeque<i64>, rate: Rate, now_ms: i64) -> i64 {
    while sent.front().is_some_and(|at_ms| at_ms + rate.window_ms <= now_ms) {
        sent.pop_front();
    }
    match sent.len().checked_sub(rate.count) {
        Some(over) => sent.get(over).map_or(now_ms, |at_ms| at_ms + rate.window_ms),
        None => now_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN_SECS: Rate = Rate { count: 100, window_ms: 10_000 };
    const ONE_SEC: Rate = Rate { count: 5, window_ms: 1_000 };

    /// The largest number of requests in any window.
    fn densest(sent: &[i64], window_ms: i64) -> usize {
        let within =
            |from: i64| sent.iter().filter(|at| (from..from + window_ms).contains(*at)).count();
        sent.iter().map(|from| within(*from)).max().unwrap()
    }

    async fn times(pacer: &Pacer, timer: &Timer, lane: Lane, count: usize) -> Vec<i64> {
        let mut times = Vec::new();
        for _ in 0..count {
            pacer.permit(lane, 1).await.unwrap();
            times.push(timer.now_ms());
        }
        times
    }

    #[tokio::test]
    async fn no_window_ever_holds_more_than_is_allowed() {
        let timer = Timer::skipping();
        let pacer = Pacer::new(Some(TEN_SECS), Some(ONE_SEC), timer.clone());
        let sent = times(&pacer, &timer, Lane::General, 450).await;
        assert_eq!(densest(&sent, 10_300), 100, "also where they arrive a little closer together");
        let least_ms = 40_000.0;
        let share = least_ms / timer.now_ms() as f64;
        assert!(share >= 0.95, "and nothing is wasted: {share}");
        let before_ms = timer.now_ms();
        let searched = times(&pacer, &timer, Lane::Search, 41).await;
        assert_eq!(densest(&searched, 1_030), 5);
        let share = 8_000.0 / (timer.now_ms() - before_ms) as f64;
        assert!(share >= 0.95, "small rates too: {share}");
    }

    #[tokio::test]
    async fn the_answers_limit_wins_over_the_configured_one() {
        let timer = Timer::skipping();
        let pacer = Pacer::new(Some(TEN_SECS), None, timer.clone());
        let rate = Some(Rate { count: 20, window_ms: 10_000 });
        pacer.learn(Quota {
            rate,
            remaining: Some(7),
            daily_remaining: Some(9),
            ..Quota::default()
        });
        let sent = times(&pacer, &timer, Lane::General, 60).await;
        assert_eq!(densest(&sent, 10_300), 20);
        pacer.learn(Quota {
            rate,
            remaining: Some(0),
            daily_remaining: Some(9),
            ..Quota::default()
        });
        let before_ms = timer.now_ms();
        pacer.permit(Lane::General, 1).await.unwrap();
        assert!(timer.now_ms() >= before_ms + 10_000, "somebody else filled the window");
        pacer.learn(Quota { daily_remaining: Some(0), ..Quota::default() });
        assert_eq!(pacer.permit(Lane::General, 1).await, Err(DaySpent));
    }

    #[tokio::test]
    async fn of_a_days_requests_only_our_share_is_used() {
        let pacer = Pacer::new(Some(TEN_SECS), None, Timer::skipping());
        pacer.share(0.5, 40, None);
        pacer.learn(Quota { daily: Some(100), ..Quota::default() });
        for _ in 0..10 {
            pacer.permit(Lane::General, 1).await.unwrap();
        }
        assert_eq!(pacer.permit(Lane::General, 1).await, Err(DaySpent));
    }

    #[tokio::test]
    async fn without_a_limit_nothing_waits_but_for_a_refusal() {
        let timer = Timer::skipping();
        let pacer = Pacer::new(None, None, timer.clone());
        times(&pacer, &timer, Lane::Search, 10_000).await;
        assert_eq!(timer.now_ms(), 0);
        pacer.block_ms(3_000);
        pacer.permit(Lane::General, 1).await.unwrap();
        assert_eq!(timer.now_ms(), 3_000);
    }
}
