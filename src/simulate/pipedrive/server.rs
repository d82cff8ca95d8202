//! The running server: it lets requests in, counts them, applies the faults, and answers.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::account::Account;
use super::faults::{Auth, FaultKind, Faults};
use super::limits::{Limiter, Requests};
use super::listen::{self, Service, locked};
use super::refusals::{error, unauthorized};
use super::route::{self, Call};
use super::wire::{Answer, MAX_TARGET_BYTES, Request};
use super::{Clock, fields, history, leads, lists, people, spoil, writes};

/// How many requests the log keeps.
const LOG_LINES: usize = 1000;

/// What an operation works on.
pub(super) struct Ask<'a> {
    pub(super) account: &'a mut Account,
    pub(super) request: &'a Request,
    pub(super) now: Timestamp,
    /// Whether the token is an administrator's.
    pub(super) admin: bool,
    /// Rows on a page, at most.
    pub(super) page_rows: usize,
    /// How many requests there have been, by which what the vendor does in several ways takes turns.
    pub(super) turn: u64,
    /// Rows come in another order.
    shuffle: bool,
}

impl Ask<'_> {
    /// Reorders rows, where a fault wants it, so that neither the first nor the last stays in its place.
    pub(super) fn reorder(&self, rows: &mut [Value]) {
        if self.shuffle {
            rows.reverse();
            let third = rows.len() / 3;
            rows.rotate_left(third);
        }
    }
}

struct State {
    faults: Faults,
    limiter: Limiter,
    log: VecDeque<String>,
}

struct Shared {
    account: Arc<Mutex<Account>>,
    state: Mutex<State>,
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
        account: Arc<Mutex<Account>>,
        faults: Faults,
        clock: Clock,
        port: u16,
    ) -> io::Result<Simulator> {
        let (listener, port) = listen::bind(port).await?;
        let limiter = Limiter::new(faults.limits.clone());
        let state = Mutex::new(State { faults, limiter, log: VecDeque::new() });
        let shared = Arc::new(Shared { account, state, clock, port });
        let task = listen::spawn(listener, Arc::clone(&shared));
        Ok(Simulator { shared, task })
    }

    /// The address that stands for the company's `https://….pipedrive.com`.
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.shared.port)
    }

    /// What has been asked for so far.
    pub fn requests(&self) -> Requests {
        locked(&self.shared.state).limiter.requests
    }

    /// The last 1000 requests, each as `METHOD path?query`, followed by the body where there is one.
    pub fn log(&self) -> Vec<String> {
        locked(&self.shared.state).log.iter().cloned().collect()
    }

    /// Puts other faults in place of the present ones; the counters go on.
    pub fn set_faults(&self, faults: Faults) {
        let mut state = locked(&self.shared.state);
        state.limiter.settings = faults.limits.clone();
        state.faults = faults;
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
        self.write_down(request);
        let mut answer = match route::call(request) {
            Ok(call) => self.admitted(request, &call, now).unwrap_or_else(|refused| refused),
            Err(refused) => refused,
        };
        // What the edge answers has never reached the API.
        if !answer.content_type.starts_with("text/html") {
            for (name, value) in locked(&self.state).limiter.headers(now.as_millisecond()) {
                if !answer.headers.iter().any(|told| told.0 == name) {
                    answer.headers.push((name, value));
                }
            }
        }
        let date = jiff::fmt::strtime::format("%a, %d %b %Y %H:%M:%S GMT", now);
        answer.headers.push(("Date", date.unwrap_or_default()));
        answer
    }
}

/// The token of a request, which may come in three ways.
fn token(request: &Request) -> &str {
    let bearer = request.authorization.as_deref().and_then(|text| text.strip_prefix("Bearer "));
    let told = request.header("x-api-token").or(request.parameter("api_token")).or(bearer);
    told.unwrap_or("").trim()
}

fn lets_in(auth: &Auth, request: &Request) -> bool {
    let told = token(request);
    auth.token.as_ref().map_or(!told.is_empty(), |token| token == told)
}

impl Shared {
    fn write_down(&self, request: &Request) {
        let mut line = format!("{} {}", request.method, request.target);
        if !request.body.is_empty() {
            line.push(' ');
            line.push_str(&String::from_utf8_lossy(&request.body));
        }
        let log = &mut locked(&self.state).log;
        if log.len() == LOG_LINES {
            log.pop_front();
        }
        log.push_back(line);
    }

    /// Checks address, token and limits, in the order in which the vendor does.
    fn admitted(&self, request: &Request, call: &Call, now: Timestamp) -> Result<Answer, Answer> {
        let operation = call.operation();
        let mut state = locked(&self.state);
        if request.head_bytes > MAX_TARGET_BYTES {
            return Err(error(414, "Request-URI Too Large"));
        }
        if !lets_in(&state.faults.auth, request) {
            return Err(unauthorized());
        }
        if let Some(refused) = state.limiter.admit(operation, call.cost(), now.as_millisecond()) {
            return Err(refused);
        }
        let fault = state.faults.hit(operation);
        if let Some(answer) = fault.as_ref().and_then(spoil::instead) {
            return Ok(answer);
        }
        let (admin, page_rows) = (state.faults.auth.admin, state.limiter.settings.page_rows);
        let turn = state.limiter.requests.total;
        drop(state);
        let shuffle = fault.as_ref().is_some_and(|fault| fault.kind == FaultKind::Shuffle);
        let mut account = locked(&self.account);
        account.purge(now);
        let account = &mut *account;
        let ask = Ask { account, request, now, admin, page_rows, turn, shuffle };
        let answer = worked(ask, call)?;
        Ok(match fault {
            Some(fault) => spoil::after(&fault, answer),
            None => answer,
        })
    }
}

fn worked(mut ask: Ask, call: &Call) -> Result<Answer, Answer> {
    match call {
        Call::List { kind, archived } => lists::list(&ask, *kind, *archived),
        Call::Leads { archived } => leads::list(&ask, *archived),
        Call::Fields => fields::list(&ask),
        Call::Field(code) => fields::one(&ask, code),
        Call::Users => Ok(people::users(&ask)),
        Call::Me => people::me(&ask),
        Call::User(id) => people::user(&ask, id),
        Call::ActivityTypes => Ok(people::activity_types(&ask)),
        Call::Currencies => Ok(people::currencies(&ask)),
        Call::Changelog(id) => history::changelog(&ask, id),
        Call::Flow(id) => history::flow(&ask, id),
        Call::Get(kind, id) => lists::one(&ask, *kind, id),
        Call::Create(kind) => writes::create(&mut ask, *kind),
        Call::Update(kind, id) => writes::update(&mut ask, *kind, id),
        Call::Delete(kind, id) => writes::delete(&mut ask, *kind, id),
        Call::Merge(id) => writes::merge(&mut ask, id),
        Call::Convert(id) => writes::convert(&mut ask, id),
        Call::Converted(lead, conversion) => writes::converted(&ask, lead, conversion),
    }
}
