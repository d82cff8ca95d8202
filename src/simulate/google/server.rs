//! The running server: it lets requests in, counts them, applies the faults, and answers.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::Value;
use tokio::task::JoinHandle;

use super::Clock;
use super::faults::{Auth, Faults};
use super::limits::{Cost, Limiter, Requests, Telling};
use super::listen::{self, Service, locked};
use super::oauth::Tokens;
use super::property::Property;
use super::refusals::{Api, disabled, invalid, no_property, page};
use super::report::{self, Told};
use super::route::{self, Call, Operation};
use super::search_asked::SearchAsked;
use super::wire::{Answer, MAX_TARGET_BYTES, Request};
use super::{batch, catalog, message, searching, sites, spoil};

/// How many requests the log keeps.
const LOG_LINES: usize = 1000;

struct State {
    faults: Faults,
    limiter: Limiter,
    tokens: Tokens,
    log: VecDeque<String>,
}

struct Shared {
    property: Arc<Mutex<Property>>,
    /// Locked after the property, where both are.
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
        property: Arc<Mutex<Property>>,
        faults: Faults,
        clock: Clock,
        port: u16,
    ) -> io::Result<Simulator> {
        let (listener, port) = listen::bind(port).await?;
        let limiter = Limiter::new(faults.limits.clone());
        let (tokens, log) = (Tokens::default(), VecDeque::new());
        let state = Mutex::new(State { faults, limiter, tokens, log });
        let shared = Arc::new(Shared { property, state, clock, port });
        let task = listen::spawn(listener, Arc::clone(&shared));
        Ok(Simulator { shared, task })
    }

    /// The address that stands for the vendor's, of both APIs and of the token endpoint below `/token`.
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

    /// Puts other faults in place of the present ones; the counters, the quotas' use and the tokens go
    /// on.
    pub fn set_faults(&self, faults: Faults) {
        let mut state = locked(&self.shared.state);
        state.limiter.settings = faults.limits.clone();
        state.faults = faults;
    }

    /// Ends all tokens: they are refused from here on.
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
        self.write_down(request);
        match route::call(request) {
            Ok(call) => self.admitted(request, &call, now).unwrap_or_else(|refused| refused),
            Err(refused) => refused,
        }
    }
}

/// The instant of an answer, and how it is told.
struct Moment {
    now: Timestamp,
    telling: Telling,
    page_rows: usize,
    property_access: bool,
}

impl Shared {
    fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

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

    /// Checks token, API and quotas, in the order in which the vendor does.
    fn admitted(&self, request: &Request, call: &Call, now: Timestamp) -> Result<Answer, Answer> {
        let (operation, api) = (call.operation, call.operation.api());
        let mut state = locked(&self.state);
        let state_now = &mut *state;
        state_now.limiter.count(operation, now.as_millisecond());
        if request.target.len() > MAX_TARGET_BYTES {
            return Err(page(414));
        }
        let mut under_way = None;
        if let Some(api) = api {
            state_now.tokens.admit(request, api, now)?;
            switched_on(&state_now.faults.auth, api)?;
            under_way = match api {
                Api::Analytics => Some(state_now.limiter.admit(now)?),
                Api::Search => {
                    let limiter = &mut state_now.limiter;
                    if let Some(refused) =
                        limiter.search.refusal(&limiter.settings, now.as_second())
                    {
                        limiter.requests.refused += 1;
                        return Err(refused);
                    }
                    None
                }
            };
        }
        let fault = state_now.faults.hit(operation);
        let wrong = fault.as_ref().and_then(|fault| spoil::instead(fault, api, &call.of));
        if let Some(mut answer) = wrong {
            if answer.status >= 500 && api == Some(Api::Analytics) {
                state_now.limiter.count_error();
            }
            answer.under_way = under_way;
            return Ok(answer);
        }
        let moment = Moment {
            now,
            telling: state_now.faults.telling.clone(),
            page_rows: state_now.limiter.settings.page_rows,
            property_access: state_now.faults.auth.property_access,
        };
        drop(state);
        let mut answer = match fault {
            Some(fault) => spoil::after(&fault, self.worked(request, call, &moment)?),
            None => self.worked(request, call, &moment)?,
        };
        answer.under_way = under_way;
        Ok(answer)
    }

    fn worked(&self, request: &Request, call: &Call, at: &Moment) -> Result<Answer, Answer> {
        if call.operation == Operation::Token {
            let mut state = locked(&self.state);
            let auth = state.faults.auth.clone();
            return Ok(state.tokens.token(request, &auth, &self.base_url(), at.now));
        }
        let property = locked(&self.property);
        if call.operation.api() == Some(Api::Analytics) {
            readable(&property, call, at)?;
        }
        match call.operation {
            Operation::Token | Operation::Sites => Ok(sites::list(&property)),
            Operation::Site => sites::one(&property, &call.of),
            Operation::Search => {
                sites::readable(&property, &call.of)?;
                let asked = SearchAsked::read(&message::read(&request.body)?)?;
                locked(&self.state).limiter.search.charge(asked.load());
                Ok(searching::query(&property, &call.of, &asked, (at.now, &at.telling)))
            }
            Operation::Metadata => {
                self.charge();
                Ok(catalog::metadata(&call.of))
            }
            Operation::Compatibility => {
                self.charge();
                catalog::compatibility(&message::read(&request.body)?)
            }
            Operation::Report => {
                let told = self.report(&property, &message::read(&request.body)?, at)?;
                Ok(Answer::json(200, told.json().into_bytes()))
            }
            Operation::Batch => {
                let batch = message::read(&request.body)?;
                let mut reports = Vec::new();
                for request in batch::requests(&batch, &call.of)? {
                    reports.push(self.report(&property, request, at)?.json());
                }
                Ok(batch::answer(&reports))
            }
        }
    }

    /// What is no report costs a token.
    fn charge(&self) {
        locked(&self.state).limiter.charge(Cost { tokens: 1, thresholded: 0 });
    }

    fn report(&self, property: &Property, request: &Value, at: &Moment) -> Result<Told, Answer> {
        let how = (&at.telling, at.page_rows);
        let told = report::report(property, request, at.now, how);
        let limiter = &mut locked(&self.state).limiter;
        limiter.requests.reports += 1;
        let mut told = told?;
        limiter.charge(told.cost);
        if told.quota {
            let quota = limiter.quota(told.cost);
            told.add_quota(&quota);
        }
        Ok(told)
    }
}

fn switched_on(auth: &Auth, api: Api) -> Result<(), Answer> {
    let off = |name: &String| api.service().starts_with(name.as_str());
    if auth.disabled.iter().any(off) { Err(disabled(api)) } else { Ok(()) }
}

/// Refuses a property that is none, or that the account may not read. What all properties have in common
/// is told under the id 0.
fn readable(property: &Property, call: &Call, at: &Moment) -> Result<(), Answer> {
    let id = &call.of;
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid(&format!(
            "Invalid property ID: {id}. A numeric Property ID is required. To learn more about Property \
             ID, see https://developers.google.com/analytics/devguides/reporting/data/v1/property-id."
        )));
    }
    let common = id == "0" && call.operation == Operation::Metadata;
    let own = *id == property.id && at.property_access;
    if common || own { Ok(()) } else { Err(no_property()) }
}
