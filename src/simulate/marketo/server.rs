//! The running server: it lets requests in, counts them, applies the faults, and answers.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::asked::Asked;
use super::auth::{Tokens, User};
use super::faults::{Fault, FaultKind, Faults, Subscription};
use super::fields::Field;
use super::instance::Instance;
use super::jobs::Jobs;
use super::limits::{Limiter, Limits, Requests};
use super::listen::{self, Service, locked};
use super::refusals::page;
use super::route::{self, Call, Operation};
use super::wire::{Answer, Request};
use super::{Clock, activities, assets, bulk, leads, members, spoil, writes};

/// How many requests the log keeps.
const LOG_LINES: usize = 1000;
/// Longer addresses are answered with 414.
const TARGET_BYTES: usize = 8 * 1024;
/// Longer bodies are answered with 413.
const BODY_BYTES: usize = 1024 * 1024;

/// What an operation works on.
pub(super) struct Ask<'a> {
    pub(super) instance: &'a mut Instance,
    pub(super) asked: &'a Asked<'a>,
    pub(super) now: Timestamp,
    pub(super) limits: Limits,
    pub(super) subscription: Subscription,
    pub(super) user: User,
    /// How many requests there have been, by which what the vendor does in several ways takes turns.
    pub(super) turn: u64,
    pub(super) fault: Option<FaultKind>,
}

impl Ask<'_> {
    /// Now, in seconds.
    pub(super) fn secs(&self) -> i64 {
        self.now.as_second()
    }

    /// By how much the ids of activity types differ from the usual ones.
    pub(super) fn type_shift(&self) -> u32 {
        self.instance.type_shift + self.subscription.shift_type_ids
    }

    /// Whether the user sees a field.
    pub(super) fn sees(&self, field: &Field) -> bool {
        !field.hidden && !self.subscription.hidden_fields.contains(&field.name)
    }
}

struct State {
    faults: Faults,
    limiter: Limiter,
    tokens: Tokens,
    log: VecDeque<String>,
    answers: u64,
}

struct Shared {
    instance: Arc<Mutex<Instance>>,
    state: Mutex<State>,
    /// Locked after the instance only, so that nobody waits in a circle.
    jobs: Mutex<Jobs>,
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
        instance: Arc<Mutex<Instance>>,
        faults: Faults,
        clock: Clock,
        port: u16,
    ) -> io::Result<Simulator> {
        let (listener, port) = listen::bind(port).await?;
        let limiter = Limiter::new(faults.limits.clone());
        let (tokens, log, answers) = (Tokens::default(), VecDeque::new(), 0);
        let state = Mutex::new(State { faults, limiter, tokens, log, answers });
        let jobs = Mutex::new(Jobs::default());
        let shared = Arc::new(Shared { instance, state, jobs, clock, port });
        let task = listen::spawn(listener, Arc::clone(&shared));
        Ok(Simulator { shared, task })
    }

    /// The address that stands for the instance's `https://….mktorest.com`, for identity, REST and bulk.
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

    /// Puts other faults in place of the present ones; the counters, the tokens and the jobs go on.
    pub fn set_faults(&self, faults: Faults) {
        let mut state = locked(&self.shared.state);
        state.limiter.settings = faults.limits.clone();
        state.faults = faults;
    }

    /// Ends all tokens: they have expired from here on.
    pub fn expire_tokens(&self) {
        locked(&self.shared.state).tokens.end_all();
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
        let number = self.write_down(request);
        let asked = Asked::new(request);
        let (held, latency_ms) = {
            let limiter = &locked(&self.state).limiter;
            (limiter.busy(), limiter.settings.latency_ms)
        };
        let mut answer = match route::call(&asked) {
            Ok(call) => self.admitted(&asked, &call, now).unwrap_or_else(|refused| refused),
            Err(refused) => refused,
        };
        name(&mut answer.body, &format!("{number:x}#{:x}", now.as_millisecond()));
        answer.under_way = Some(held);
        answer.delay_ms = answer.delay_ms.max(latency_ms);
        answer
    }
}

/// Fills in which request it was.
fn name(body: &mut Vec<u8>, id: &str) {
    const OPEN: &[u8] = b"\"requestId\":\"";
    let found =
        body.windows(OPEN.len() + 1).position(|w| w.starts_with(OPEN) && w.ends_with(b"\""));
    if let Some(place) = found {
        let place = place + OPEN.len();
        body.splice(place..place, id.bytes());
    }
}

impl Shared {
    fn write_down(&self, request: &Request) -> u64 {
        let mut line = format!("{} {}", request.method, request.target);
        if !request.body.is_empty() {
            line.push(' ');
            line.push_str(&String::from_utf8_lossy(&request.body));
        }
        let mut state = locked(&self.state);
        if state.log.len() == LOG_LINES {
            state.log.pop_front();
        }
        state.log.push_back(line);
        state.answers += 1;
        state.answers
    }

    /// Checks address, token and limits, in the order in which the vendor does.
    fn admitted(&self, asked: &Asked, call: &Call, now: Timestamp) -> Result<Answer, Answer> {
        let operation = call.operation();
        let mut state = locked(&self.state);
        if asked.request.target.len() > TARGET_BYTES {
            return Err(page(414, "414 Request-URI Too Large"));
        }
        if asked.request.body.len() > BODY_BYTES {
            return Err(page(413, "413 Request Entity Too Large"));
        }
        let user = if operation == Operation::Token {
            state.limiter.requests.token += 1;
            None
        } else {
            let user = state.tokens.user(asked, &state.faults.auth, now)?;
            if let Some(refused) = state.limiter.admit(operation, &user.name(), now) {
                return Err(refused);
            }
            Some(user)
        };
        let fault = state.faults.hit(operation);
        if let Some(answer) = fault.as_ref().and_then(|fault| spoil::instead(fault, operation)) {
            return Ok(answer);
        }
        let answer = match (user, call) {
            (Some(_), Call::Usage { days }) => {
                super::refusals::result(state.limiter.usage(*days, now))
            }
            (Some(user), call) => {
                let (limits, subscription) =
                    (state.limiter.settings.clone(), state.faults.subscription.clone());
                let turn = state.limiter.requests.total;
                drop(state);
                self.worked(asked, call, now, (limits, subscription, user, turn), fault.as_ref())?
            }
            (None, _) => {
                let auth = state.faults.auth.clone();
                state.tokens.token(asked, &auth, now)
            }
        };
        Ok(match fault {
            Some(fault) => spoil::after(&fault, answer),
            None => answer,
        })
    }

    fn worked(
        &self,
        asked: &Asked,
        call: &Call,
        now: Timestamp,
        (limits, subscription, user, turn): (Limits, Subscription, User, u64),
        fault: Option<&Fault>,
    ) -> Result<Answer, Answer> {
        let mut instance = locked(&self.instance);
        let mut jobs = locked(&self.jobs);
        instance.log.settle();
        let instance = &mut *instance;
        jobs.advance(instance, now, &limits);
        let fault = fault.map(|fault| fault.kind);
        let mut ask = Ask { instance, asked, now, limits, subscription, user, turn, fault };
        match call {
            Call::Token | Call::Usage { .. } => Ok(super::refusals::no_resource()),
            Call::PagingToken => activities::paging_token(&ask),
            Call::Activities => activities::list(&ask),
            Call::LeadChanges => activities::lead_changes(&ask),
            Call::DeletedLeads => activities::deleted_leads(&ask),
            Call::Types => Ok(activities::types(&ask)),
            Call::Describe => Ok(leads::describe(&ask)),
            Call::DescribeAgain => Ok(leads::describe_again(&ask)),
            Call::DescribeMembers => Ok(members::describe()),
            Call::Leads => leads::list(&ask),
            Call::Lead(id) => leads::one(&ask, *id),
            Call::ProgramLeads(program) => members::leads(&ask, *program),
            Call::Members(program) => members::list(&ask, *program),
            Call::ProgramsOf(lead) => members::programs_of(&ask, *lead),
            Call::Programs => assets::programs(&ask),
            Call::Program(id) => Ok(assets::program(&ask, *id)),
            Call::ProgramByName => assets::program_by_name(&ask),
            Call::Channels => assets::channels(&ask),
            Call::Emails => assets::emails(&ask),
            Call::Email(id) => Ok(assets::email(&ask, *id)),
            Call::SyncLeads => writes::sync(&mut ask),
            Call::DeleteLeads => writes::delete(&mut ask),
            Call::Merge(winner) => writes::merge(&mut ask, *winner),
            Call::Status(program, newer) => writes::status(&mut ask, *program, *newer),
            Call::RemoveMembers(program) => writes::remove_members(&mut ask, *program),
            Call::BulkCreate(extract) => bulk::create(&ask, &mut jobs, *extract),
            Call::BulkList(extract) => bulk::list(&ask, &jobs, *extract),
            Call::BulkEnqueue(extract, id) => bulk::enqueue(&ask, &mut jobs, *extract, id),
            Call::BulkStatus(extract, id) => bulk::status(&mut ask, &mut jobs, *extract, id),
            Call::BulkFile(extract, id) => bulk::file(&ask, &jobs, *extract, id),
            Call::BulkCancel(extract, id) => bulk::cancel(&ask, &mut jobs, *extract, id),
        }
    }
}
