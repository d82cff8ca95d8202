//! The running server: it lets requests in, counts them, applies the faults, and answers.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use tokio::task::JoinHandle;

use super::faults::Faults;
use super::limits::{Limiter, Requests};
use super::listen::{self, Service, locked};
use super::portal::Portal;
use super::route::{self, Call, Operation};
use super::spoil::{self, Spoil};
use super::wire::{Answer, MAX_TARGET_BYTES, Request};
use super::{Clock, lookups, reads, searching, writes};

/// How many requests the log keeps.
const LOG_LINES: usize = 1000;

/// What an operation works on.
pub(super) struct Ask<'a> {
    pub(super) portal: &'a mut Portal,
    pub(super) request: &'a Request,
    pub(super) now: Timestamp,
    pub(super) spoil: &'a Spoil,
    /// Links per record in one answer.
    pub(super) links_page: usize,
}

struct State {
    faults: Faults,
    limiter: Limiter,
    log: VecDeque<String>,
}

struct Shared {
    portal: Arc<Mutex<Portal>>,
    state: Mutex<State>,
    clock: Clock,
}

/// The running server; it ends when this is dropped.
pub struct Simulator {
    shared: Arc<Shared>,
    port: u16,
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
        portal: Arc<Mutex<Portal>>,
        faults: Faults,
        clock: Clock,
        port: u16,
    ) -> io::Result<Simulator> {
        let (listener, port) = listen::bind(port).await?;
        let limiter = Limiter::new(faults.limits.clone());
        let state = Mutex::new(State { faults, limiter, log: VecDeque::new() });
        let shared = Arc::new(Shared { portal, state, clock });
        let task = listen::spawn(listener, Arc::clone(&shared));
        Ok(Simulator { shared, port, task })
    }

    /// The address that stands for the vendor's `https://api.hubapi.com`.
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What has been asked for so far.
    pub fn requests(&self) -> Requests {
        locked(&self.shared.state).limiter.requests
    }

    /// The last 1000 requests, each as `METHOD path?query`, for POST followed by the body.
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
        let mut line = format!("{} {}", request.method, request.target);
        if request.method == "POST" {
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
        let operation = call.as_ref().ok().map(Call::operation);
        let mut answer = match call {
            Ok(call) => self.admitted(request, &call, now).unwrap_or_else(|refused| refused),
            Err(refused) => refused,
        };
        answer.headers.extend(locked(&self.state).limiter.headers(operation));
        let date = jiff::fmt::strtime::format("%a, %d %b %Y %H:%M:%S GMT", now);
        answer.headers.push(("Date", date.unwrap_or_default()));
        answer
    }
}

impl Shared {
    /// Checks token, limits and scopes, in the order in which the vendor's gateway does.
    fn admitted(&self, request: &Request, call: &Call, now: Timestamp) -> Result<Answer, Answer> {
        let operation = call.operation();
        let (fault, links_page) = {
            let mut state = locked(&self.state);
            if let Some(refused) = state.limiter.admit(operation, now.as_millisecond()) {
                return Err(refused);
            }
            if request.target.len() > MAX_TARGET_BYTES {
                return Err(Answer::error(414, "VALIDATION_ERROR", "URI Too Long"));
            }
            let token = request.authorization.as_deref().and_then(|a| a.strip_prefix("Bearer "));
            let token = token.map(str::trim).filter(|t| !t.is_empty());
            if token.is_none_or(|t| state.faults.token.as_ref().is_some_and(|want| want != t)) {
                return Err(unauthorized());
            }
            let missing: Vec<&str> = scopes(call)
                .into_iter()
                .filter(|scope| state.faults.missing_scopes.contains(*scope))
                .collect();
            if !missing.is_empty() {
                return Err(forbidden(&missing));
            }
            let fault = state.faults.hit(operation, &call.objects());
            (fault, state.limiter.settings.associations_page.max(1))
        };
        let Some(fault) = fault else {
            return self.worked(request, call, now, &Spoil::default(), links_page);
        };
        if let Some(answer) = spoil::instead(&fault) {
            return Ok(answer);
        }
        let answer = self.worked(request, call, now, &Spoil::from(&fault), links_page)?;
        Ok(spoil::after(&fault, answer))
    }

    fn worked(
        &self,
        request: &Request,
        call: &Call,
        now: Timestamp,
        spoil: &Spoil,
        links_page: usize,
    ) -> Result<Answer, Answer> {
        let mut portal = locked(&self.portal);
        let mut ask = Ask { portal: &mut portal, request, now, spoil, links_page };
        match call {
            Call::List(object) => reads::list(&ask, *object),
            Call::Get(object, id) => reads::get(&ask, *object, *id),
            Call::BatchRead(object) => reads::batch_read(&ask, *object),
            Call::Search(object) => searching::search(&mut ask, *object),
            Call::LinksBatch { from, to, numeric } => {
                lookups::links_batch(&ask, *from, *to, *numeric)
            }
            Call::LinksOf { from, id, to, numeric, brief } => {
                lookups::links_of(&ask, (*from, *id), *to, *numeric, *brief)
            }
            Call::Owners => lookups::owners(&ask),
            Call::Owner(id) => lookups::owner(&ask, *id),
            Call::Pipelines(object, rest) => lookups::pipelines(&ask, *object, rest),
            Call::Properties(object, name) => lookups::properties(&ask, *object, name.as_deref()),
            write => writes::write(&mut ask, write),
        }
    }
}

/// The scopes that an operation needs.
fn scopes(call: &Call) -> Vec<&'static str> {
    match call.operation() {
        Operation::Owners => vec!["crm.objects.owners.read"],
        Operation::Pipelines => vec!["crm.objects.deals.read", "crm.schemas.deals.read"],
        Operation::Write => vec!["crm.objects.contacts.write", "crm.objects.deals.write"],
        _ => call.objects().into_iter().flat_map(|o| o.read_scopes()).copied().collect(),
    }
}

/// The vendor's 401.
pub(super) fn unauthorized() -> Answer {
    Answer::error(
        401,
        "INVALID_AUTHENTICATION",
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you \
         can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview",
    )
}

/// The vendor's 403 for scopes that the token lacks.
pub(super) fn forbidden(scopes: &[&str]) -> Answer {
    let body = serde_json::json!({
        "status": "error",
        "message": "This app hasn't been granted all required scopes to make this call. Read more \
                    about required scopes here: https://developers.hubspot.com/scopes.",
        "correlationId": "0d6a9a0f-93f2-4f61-a1f0-52f4a0f5b3c2",
        "errors": [{
            "message": "One or more of the following scopes are required.",
            "context": { "requiredGranularScopes": scopes },
        }],
        "links": { "scopes": "https://developers.hubspot.com/scopes" },
        "category": "MISSING_SCOPES",
    });
    Answer::json(403, body.to_string().into_bytes())
}
