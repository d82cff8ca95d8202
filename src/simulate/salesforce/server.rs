//! The running server: it lets requests in, counts them, applies the faults, and answers.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::Clock;
use super::cursors::Cursors;
use super::faults::{Fault, FaultKind, Faults};
use super::jobs::Jobs;
use super::limits::{Limiter, Limits, Requests};
use super::listen::{self, Service, locked};
use super::oauth::Sessions;
use super::org::Org;
use super::refusals::{no_session, over_limit};
use super::route::{self, Call, Operation};
use super::spoil;
use super::wire::{Answer, MAX_TARGET_BYTES, Request};
use super::{bulk, describe, queries, records, replication, soql};

/// How many requests the log keeps.
const LOG_LINES: usize = 1000;

/// What an operation works on.
pub(super) struct Ask<'a> {
    pub(super) org: &'a mut Org,
    pub(super) request: &'a Request,
    pub(super) now: Timestamp,
    pub(super) limits: Limits,
    /// What is used up of the daily limit.
    pub(super) used: u64,
    /// As in the path: `v67.0`.
    pub(super) version: &'a str,
    /// Fewer rows are told than there are.
    pub(super) short: bool,
    /// A job fails.
    pub(super) failed_job: bool,
}

struct State {
    faults: Faults,
    limiter: Limiter,
    sessions: Sessions,
    log: VecDeque<String>,
}

/// What callers have open.
#[derive(Default)]
struct Open {
    cursors: Cursors,
    jobs: Jobs,
}

struct Shared {
    org: Arc<Mutex<Org>>,
    state: Mutex<State>,
    /// Locked after the org only, so that nobody waits in a circle.
    open: Mutex<Open>,
    clock: Clock,
    port: u16,
}

/// The running server; it ends when this is dropped.
pub struct Simulator {
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Simulator {
    /// Starts serving. Port 0 takes any free one. Loopback only.
    pub async fn start(
        org: Arc<Mutex<Org>>,
        faults: Faults,
        clock: Clock,
        port: u16,
    ) -> io::Result<Simulator> {
        let (listener, port) = listen::bind(port).await?;
        let limiter = Limiter::new(faults.limits.clone());
        let (sessions, log) = (Sessions::default(), VecDeque::new());
        let state = Mutex::new(State { faults, limiter, sessions, log });
        let open = Mutex::new(Open::default());
        let shared = Arc::new(Shared { org, state, open, clock, port });
        let task = listen::spawn(listener, Arc::clone(&shared));
        Ok(Simulator { shared, task })
    }

    /// The address that stands for the org's `https://….my.salesforce.com`.
    pub fn base_url(&self) -> String {
        self.shared.base_url()
    }

    /// What has been asked for so far.
    pub fn requests(&self) -> Requests {
        locked(&self.shared.state).limiter.requests
    }

    /// The last 1000 requests, each as `METHOD path?query`, followed by the body where there is one.
    pub fn log(&self) -> Vec<String> {
        locked(&self.shared.state).log.iter().cloned().collect()
    }

    /// Puts other faults in place of the present ones; the counters and the sessions go on.
    pub fn set_faults(&self, faults: Faults) {
        let mut state = locked(&self.shared.state);
        state.limiter.settings = faults.limits.clone();
        state.faults = faults;
    }

    /// Ends all sessions: their tokens are refused from here on.
    pub fn expire_tokens(&self) {
        locked(&self.shared.state).sessions.end_all();
    }

    /// Serves until this future is dropped or the task aborted.
    pub async fn stopped(mut self) {
        // A listener that fails ends the task; there is nothing to do about it here.
        let _ = (&mut self.task).await;
    }
}

impl Service for Shared {
    fn now(&self) -> Timestamp {
        (self.clock)()
    }

    fn answer(&self, request: &Request) -> Answer {
        let now = (self.clock)();
        let mut line = format!("{} {}", request.method, request.target);
        if !request.body.is_empty() {
            line.push(' ');
            line.push_str(&String::from_utf8_lossy(&request.body));
        }
        {
            let log = &mut locked(&self.state).log;
            if log.len() == LOG_LINES {
                log.pop_front();
            }
            log.push_back(line);
        }
        let call = route::call(request);
        let told = matches!(call, Ok(ref call) if *call != Call::Token);
        let mut answer = match call {
            Ok(call) => self.admitted(request, &call, now).unwrap_or_else(|refused| refused),
            Err(refused) => refused,
        };
        if told {
            answer.headers.push(locked(&self.state).limiter.header());
        }
        let date = jiff::fmt::strtime::format("%a, %d %b %Y %H:%M:%S GMT", now);
        answer.headers.push(("Date", date.unwrap_or_default()));
        answer
    }
}

impl Shared {
    fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Checks address, session and limits, in the order in which the vendor does.
    fn admitted(&self, request: &Request, call: &Call, now: Timestamp) -> Result<Answer, Answer> {
        let operation = call.operation();
        let object = self.object(request, call, now);
        let mut state = locked(&self.state);
        state.limiter.count(operation, now.as_millisecond());
        if request.head_bytes > MAX_TARGET_BYTES {
            let long_target = request.target.len() > MAX_TARGET_BYTES;
            let status = if long_target { 414 } else { 431 };
            let answer = Answer::json(status, b"<h1>Bad Message</h1>".to_vec());
            return Err(Answer { content_type: "text/html;charset=iso-8859-1", ..answer });
        }
        let open_to_all = matches!(call, Call::Token | Call::Versions);
        if !open_to_all {
            if !state.sessions.admit(request, now) {
                return Err(no_session());
            }
            if !state.limiter.admit(now.as_millisecond()) {
                return Err(over_limit());
            }
        }
        let fault = state.faults.hit(operation, object.as_deref());
        let oauth = operation == Operation::Token;
        if let Some(answer) = fault.as_ref().and_then(|fault| spoil::instead(fault, oauth)) {
            return Ok(answer);
        }
        let (limits, used) = (state.limiter.settings.clone(), state.limiter.used());
        drop(state);
        let answer = match call {
            Call::Token => self.token(request, now),
            call => self.worked(request, call, now, (limits, used), fault.as_ref())?,
        };
        Ok(match fault {
            Some(fault) => spoil::after(&fault, answer),
            None => answer,
        })
    }

    fn token(&self, request: &Request, now: Timestamp) -> Answer {
        let user = locked(&self.org).user.text();
        let mut state = locked(&self.state);
        let auth = state.faults.auth.clone();
        state.sessions.token(request, &auth, (&self.base_url(), &user), now)
    }

    /// The object that a request is about, by which faults choose.
    fn object(&self, request: &Request, call: &Call, now: Timestamp) -> Option<String> {
        let now = now.as_second();
        let of_query = |text: &str| soql::parse(text).ok().map(|query| query.object);
        match call {
            Call::Query { .. } => of_query(request.parameter("q")?),
            Call::QueryMore(locator) => {
                let mut open = locked(&self.open);
                open.cursors.find(locator, now).map(|found| found.0.object.to_owned())
            }
            Call::BulkCreate => {
                let body: serde_json::Value = serde_json::from_slice(&request.body).ok()?;
                of_query(body["query"].as_str()?)
            }
            Call::BulkStatus(id)
            | Call::BulkAbort(id)
            | Call::BulkDelete(id)
            | Call::BulkResults(id) => {
                let mut open = locked(&self.open);
                open.jobs.find(id, now).map(|job| job.object.to_owned())
            }
            other => other.object().map(str::to_owned),
        }
    }

    fn worked(
        &self,
        request: &Request,
        call: &Call,
        now: Timestamp,
        (limits, used): (Limits, u64),
        fault: Option<&Fault>,
    ) -> Result<Answer, Answer> {
        let mut org = locked(&self.org);
        let mut open = locked(&self.open);
        let has = |kind: FaultKind| fault.is_some_and(|fault| fault.kind == kind);
        let version = request.segments.get(2).map_or("", String::as_str);
        let (short, failed_job) = (has(FaultKind::Short), has(FaultKind::FailedJob));
        let org = &mut *org;
        let mut ask = Ask { org, request, now, limits, used, version, short, failed_job };
        let Open { cursors, jobs } = &mut *open;
        match call {
            Call::Token | Call::Versions => Ok(describe::versions()),
            Call::Resources => Ok(describe::resources(&ask)),
            Call::Query { all } => queries::query(&ask, cursors, *all),
            Call::QueryMore(locator) => queries::more(&ask, cursors, locator),
            Call::Limits => Ok(describe::limits(&ask, jobs.today(now.as_second()))),
            Call::Objects => Ok(describe::objects(&ask)),
            Call::Object(name) => describe::object(&ask, name),
            Call::Describe(name) => describe::describe(&ask, name),
            Call::Get(name, id) => records::get(&ask, name, id),
            Call::Create(name) => records::create(&mut ask, name),
            Call::Update(name, id) => records::update(&mut ask, name, id),
            Call::Delete(name, id) => records::delete(&mut ask, name, id),
            Call::Updated(name) => replication::updated(&ask, name),
            Call::Deleted(name) => replication::deleted(&ask, name),
            Call::BulkCreate => bulk::create(&ask, jobs),
            Call::BulkList => Ok(bulk::list(jobs)),
            Call::BulkStatus(id) => bulk::status(&ask, jobs, id),
            Call::BulkAbort(id) => bulk::abort(&ask, jobs, id),
            Call::BulkDelete(id) => bulk::delete(&ask, jobs, id),
            Call::BulkResults(id) => bulk::results(&ask, jobs, id),
        }
    }
}
