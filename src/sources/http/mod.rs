//! What every API source stands on: auth, pacing, retries, limits and redaction, written once.
//!
//! A vendor says what its answers mean ([`Vendor`]); this sends a request until there is an answer
//! that can be used, or a reason why there will be none. A run that could not read everything ends
//! with that reason and never as a success with fewer rows.

mod answer;
mod grant;
mod pacer;
mod spent;

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, RANGE};
use serde::de::DeserializeOwned;

use super::SourceError;
use crate::clock::{Clock, Timer};
use crate::config::secret::Secret;
use crate::net;
pub use answer::{Answer, Meaning, Vendor, retry_after_ms};
use answer::{Trouble, read_body};
use grant::Refusal;
pub use grant::{Grant, Proof};
pub use pacer::{DaySpent, Lane, Pacer, Pacers, Quota, Rate};
pub use spent::{EXPORTED, SPENT, Share, Spent, is_spent};

/// Tries of one request before the run gives up, where the vendor says nothing else.
pub const TRIES_MAX: u32 = 6;
/// How often a token is asked for anew for one request: others may use up a new one meanwhile.
const TOKENS_MAX: u32 = 3;
/// Tries of one request whose connection breaks.
const BROKEN_TRIES_MAX: u32 = 4;
/// Tries of one request that gets no answer in time.
const SLOW_TRIES_MAX: u32 = 3;
/// The first wait after an answer that says nothing about waiting; it doubles each time.
const BACKOFF_MS: i64 = 1_000;
/// The longest such wait.
const BACKOFF_MS_MAX: i64 = 20_000;
const DAY_SPENT: &str = "today's quota of requests, or our share of it, is spent";
const DAY_SECS: i64 = 86_400;
/// A longer wait than this is not sat out: the run ends, and the next one goes on.
pub const WAIT_MS_MAX: i64 = 60_000;

/// What bounds an exchange.
#[derive(Clone, Debug)]
pub struct Environment {
    /// How waiting is done.
    pub timer: Timer,
    /// The time at which something is signed, or used of a day.
    pub clock: Clock,
    /// How long an exchange may take; as long as the vendor is known to where there is none.
    pub request_timeout: Option<Duration>,
    /// How large an answer may be.
    pub body_bytes_max: usize,
    /// Authorities that are trusted beside the machine's.
    pub ca_file: Option<PathBuf>,
    /// The pacing that is shared with the other sources of the same account.
    pub pacers: Pacers,
}

impl Default for Environment {
    fn default() -> Environment {
        Environment {
            timer: Timer::default(),
            clock: Clock::System,
            request_timeout: None,
            body_bytes_max: 32 * 1024 * 1024,
            ca_file: None,
            pacers: Pacers::of_process(),
        }
    }
}

/// How requests are authorised.
pub enum Auth {
    /// `Authorization: Bearer …`, with a secret that is read again when it is refused: whoever runs
    /// the server may renew its file.
    Bearer(Secret),
    /// A secret as it is, in a header of its own.
    Header(&'static str, Secret),
    /// `Authorization: Bearer …`, with a token that is asked for, and again when it is refused.
    Grant(Grant),
    /// A header value that the vendor hands out, see [`Api::set_session`].
    Session,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// What it is for, in words, for messages: "list contacts".
    pub operation: String,
    /// The path below the base address.
    pub path: String,
    /// Query parameters.
    pub query: Vec<(&'static str, String)>,
    /// The body as JSON; a GET where there is none.
    pub body: Option<String>,
    /// The form in which the answer is wanted.
    pub accept: &'static str,
    /// The first and the last byte of the answer that are wanted; all where there is none.
    pub range: Option<(u64, u64)>,
    /// The limit that it counts against.
    pub lane: Lane,
    /// What it costs of a day's budget.
    pub cost: u64,
}

impl Request {
    /// A GET.
    pub fn get(operation: impl Into<String>, path: impl Into<String>) -> Request {
        let (operation, path) = (operation.into(), path.into());
        let accept = "application/json";
        let (query, body, range, lane, cost) = (Vec::new(), None, None, Lane::General, 1);
        Request { operation, path, query, body, accept, range, lane, cost }
    }

    /// A POST of JSON.
    pub fn post(
        operation: impl Into<String>,
        path: impl Into<String>,
        body: &impl serde::Serialize,
    ) -> Request {
        let body = serde_json::to_string(body).unwrap_or_default();
        Request { body: Some(body), ..Request::get(operation, path) }
    }

    /// With a query parameter.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Request {
        self.query.push((name, value.into()));
        self
    }
}

/// A vendor's API.
pub struct Api {
    client: Client,
    base_url: String,
    vendor: Box<dyn Vendor>,
    auth: Auth,
    /// The header value in use.
    credential: Mutex<Option<String>>,
    /// Held while a token is asked for.
    asking: tokio::sync::Mutex<()>,
    pacer: Arc<Pacer>,
    /// By how many seconds the vendor's clock is ahead of ours.
    ahead_secs: AtomicI64,
    environment: Environment,
    /// Where the source stands in the configuration, for messages.
    place: String,
}

impl Api {
    /// An API at a base address, without its trailing slash.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub fn new(
        base_url: &str,
        vendor: Box<dyn Vendor>,
        auth: Auth,
        rates: (Option<Rate>, Option<Rate>),
        environment: &Environment,
        place: &str,
    ) -> Result<Api, SourceError> {
        let ca_file = environment.ca_file.as_deref();
        let timeout = environment.request_timeout.unwrap_or_else(|| vendor.answers_within());
        let client = net::client(base_url, timeout, ca_file).map_err(|message| {
            let mend = "mend `[network] ca_file`".to_owned();
            SourceError::At { place: place.to_owned(), message, mend }
        })?;
        let base_url = base_url.trim_end_matches('/').to_owned();
        let whose = match &auth {
            Auth::Bearer(secret) | Auth::Header(_, secret) => secret.reveal().unwrap_or_default(),
            Auth::Grant(grant) => grant.client_id.reveal().unwrap_or_default(),
            Auth::Session => String::new(),
        };
        let limited = vendor.limited();
        let account = super::id_hash(&format!("{base_url} {whose} {limited} {rates:?}"));
        let pacer = environment.pacers.of(account, rates, &environment.timer);
        Ok(Api {
            client,
            base_url,
            vendor,
            auth,
            credential: Mutex::new(None),
            asking: tokio::sync::Mutex::new(()),
            pacer,
            ahead_secs: AtomicI64::new(0),
            environment: environment.clone(),
            place: place.to_owned(),
        })
    }

    /// How many requests were sent to this account so far.
    pub fn requests(&self) -> u64 {
        self.pacer.requests()
    }

    /// What they cost of the days' budgets.
    pub fn spent(&self) -> u64 {
        self.pacer.spent()
    }

    /// An answer told what it cost, or what a day allows.
    pub fn told(&self, cost: u64, quota: Quota) {
        self.pacer.spend(cost);
        self.pacer.learn(quota);
    }

    /// An instant of ours by the vendor's clock, where that is behind: nothing has happened there after it.
    pub fn not_ahead(&self, at: Timestamp) -> Timestamp {
        let ahead_secs = self.ahead_secs.load(Ordering::Relaxed);
        // By more than a day no clock is off: something on the way tells an odd time.
        let behind_secs = if ahead_secs < -DAY_SECS { 0 } else { ahead_secs.min(0) };
        at.checked_add(SignedDuration::from_secs(behind_secs)).unwrap_or(at)
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        self.environment.clock.now()
    }

    /// What a day allows everybody together, as far as an answer told.
    pub fn daily(&self) -> Option<u64> {
        self.pacer.daily()
    }

    /// Waits before a question that came too early is asked again; others go on.
    pub async fn wait_ms(&self, wait_ms: i64) {
        self.pacer.wait_ms(wait_ms).await;
    }

    /// Uses this header value from now on.
    pub fn set_session(&self, header: String) {
        *self.credential.lock().unwrap_or_else(PoisonError::into_inner) = Some(header);
    }

    /// Sends a request until it is answered, and reads the answer as JSON.
    ///
    /// # Errors
    /// Why there is no usable answer, in words that name the operation and the mend.
    pub async fn json<T: DeserializeOwned>(&self, request: &Request) -> Result<T, SourceError> {
        self.read(request, |body| serde_json::from_slice(body)).await
    }

    /// Sends a request until it is answered, and reads the answer's JSON with `parse`.
    ///
    /// # Errors
    /// As [`Api::json`].
    pub async fn read<T>(
        &self,
        request: &Request,
        parse: impl Fn(&[u8]) -> Result<T, serde_json::Error>,
    ) -> Result<T, SourceError> {
        self.read_answer(request, |answer| parse(&answer.body).map_err(|error| error.to_string()))
            .await
    }

    /// As [`Api::read`], with the headers, and for answers that are no JSON.
    ///
    /// # Errors
    /// As [`Api::json`].
    pub async fn read_answer<T>(
        &self,
        request: &Request,
        parse: impl Fn(&Answer) -> Result<T, String>,
    ) -> Result<T, SourceError> {
        let mut renewals = 0;
        let renewals_max = if matches!(self.auth, Auth::Grant(_)) { TOKENS_MAX } else { 1 };
        let mut tries = 0;
        loop {
            tries += 1;
            self.pacer
                .permit(request.lane, request.cost)
                .await
                .map_err(|DaySpent| self.later(request, DAY_SPENT))?;
            let (wait_ms, why, tries_max) = match self.exchange(request).await {
                Ok((answer, credential)) => match self.vendor.meaning(&answer) {
                    Meaning::Usable => match parse(&answer) {
                        Ok(value) => return Ok(value),
                        Err(error) => {
                            (None, format!("{}: {error}", answer.described()), SLOW_TRIES_MAX)
                        }
                    },
                    Meaning::Again { wait_ms, why } => (wait_ms, why, self.vendor.tries_max()),
                    Meaning::Later { why } => return Err(self.later(request, &why)),
                    Meaning::Unauthorised { why }
                        if renewals < renewals_max && self.renew(credential) =>
                    {
                        renewals += 1;
                        (Some(0), why, TRIES_MAX)
                    }
                    Meaning::Unauthorised { why } => return Err(self.refused(request, why)),
                    Meaning::Refused { why, mend } => {
                        let message = format!("{}: {why}", request.operation);
                        return Err(SourceError::At { place: self.place.clone(), message, mend });
                    }
                    Meaning::Gone => return Err(self.not_there(request)),
                },
                Err(Trouble::NoSecret(why)) => return Err(self.no_secret(request, &why)),
                Err(Trouble::DaySpent) => return Err(self.later(request, DAY_SPENT)),
                Err(Trouble::NoToken(why)) => return Err(self.refused(request, why)),
                Err(trouble) => {
                    (None, trouble.to_string(), trouble.tries_max(BROKEN_TRIES_MAX, SLOW_TRIES_MAX))
                }
            };
            let wait_ms = wait_ms.unwrap_or_else(|| backoff_ms(tries));
            if tries >= tries_max || wait_ms > WAIT_MS_MAX {
                return Err(self.unusable(request, &format!("{why} ({tries} tries)")));
            }
            tracing::debug!(operation = request.operation, tries, wait_ms, why, "asking again");
            self.pacer.block_ms(wait_ms);
        }
    }

    /// Sends a request once; gives the credential that it was sent with too.
    async fn exchange(&self, request: &Request) -> Result<(Answer, Option<String>), Trouble> {
        // Before the exchange is under way: it may have to wait for its turn to ask for a token.
        let credential = self.credential().await?;
        let _under_way = self.environment.timer.under_way();
        let url = format!("{}{}", self.base_url, request.path);
        let mut builder = match &request.body {
            Some(body) => {
                self.client.post(url).header(CONTENT_TYPE, "application/json").body(body.clone())
            }
            None => self.client.get(url),
        };
        if !request.query.is_empty() {
            builder = builder.query(&request.query);
        }
        if let Some(credential) = &credential {
            let name = match &self.auth {
                Auth::Header(name, _) => *name,
                _ => AUTHORIZATION.as_str(),
            };
            builder = builder.header(name, credential);
        }
        if let Some((first, last)) = request.range {
            builder = builder.header(RANGE, format!("bytes={first}-{last}"));
        }
        let builder = builder.header(ACCEPT, request.accept).header(ACCEPT_ENCODING, "identity");
        let response = builder.send().await.map_err(Trouble::of)?;
        let status = response.status().as_u16();
        let headers: HeaderMap = response.headers().clone();
        self.pacer.learn(self.vendor.quota(&headers));
        if let Some(at) = answer::date(&headers) {
            let ahead_secs = at.as_second() - self.now().as_second();
            self.ahead_secs.store(ahead_secs, Ordering::Relaxed);
        }
        let body = read_body(response, self.environment.body_bytes_max).await?;
        Ok((Answer { status, headers, body }, credential))
    }

    async fn credential(&self) -> Result<Option<String>, Trouble> {
        let Auth::Grant(grant) = &self.auth else { return self.known_credential() };
        if let Some(known) = self.known_credential()? {
            return Ok(Some(known));
        }
        // Those who wait here find the token that the first of them was given.
        let _one_asks = self.asking.lock().await;
        if let Some(known) = self.known_credential()? {
            return Ok(Some(known));
        }
        self.pacer.permit(Lane::General, 1).await.map_err(|DaySpent| Trouble::DaySpent)?;
        let _under_way = self.environment.timer.under_way();
        let token = grant.token(&self.client, self.environment.clock.now().as_second()).await;
        let token = token.map_err(|refusal| match refusal {
            Refusal::NoSecret(why) => Trouble::NoSecret(why),
            Refusal::Refused(why) => Trouble::NoToken(format!("no token: {why}")),
            Refusal::Unanswered(why) => Trouble::Broken(format!("ask for a token: {why}")),
        })?;
        let header = format!("Bearer {token}");
        self.set_session(header.clone());
        Ok(Some(header))
    }

    /// The credential in use; a secret is read where there is none.
    fn known_credential(&self) -> Result<Option<String>, Trouble> {
        let mut credential = self.credential.lock().unwrap_or_else(PoisonError::into_inner);
        let (secret, scheme) = match &self.auth {
            Auth::Bearer(secret) => (secret, "Bearer "),
            Auth::Header(_, secret) => (secret, ""),
            Auth::Grant(_) | Auth::Session => return Ok(credential.clone()),
        };
        if credential.is_none() {
            let token = secret.reveal().map_err(|error| Trouble::NoSecret(error.to_string()))?;
            *credential = Some(format!("{scheme}{}", token.trim()));
        }
        Ok(credential.clone())
    }

    /// Forgets the credential that was refused, unless another request did so already. A session is
    /// renewed by its vendor's own code.
    fn renew(&self, refused: Option<String>) -> bool {
        let own = !matches!(self.auth, Auth::Session);
        if own {
            let mut held = self.credential.lock().unwrap_or_else(PoisonError::into_inner);
            if *held == refused {
                *held = None;
            }
        }
        own
    }

    fn refused(&self, request: &Request, why: String) -> SourceError {
        let key = self.secrets_key();
        let signed = |grant: &Grant| matches!(grant.proof, Proof::Assertion { .. });
        let clock = match &self.auth {
            // What is signed holds for minutes.
            Auth::Grant(grant) if signed(grant) => {
                ", and look whether this machine's clock is right"
            }
            _ => "",
        };
        SourceError::Unauthorised {
            place: self.place.clone(),
            message: format!("{}: {why}", request.operation),
            mend: format!("put a valid secret where `{key}` points to{clock}"),
        }
    }

    fn not_there(&self, request: &Request) -> SourceError {
        SourceError::NotThere(format!("{}: {}", self.place, request.operation))
    }

    fn no_secret(&self, request: &Request, why: &str) -> SourceError {
        SourceError::At {
            place: self.place.clone(),
            message: format!("{}: {why}", request.operation),
            mend: format!(
                "make what `{}` points to readable for the daemon's user, and not empty",
                self.secrets_key()
            ),
        }
    }

    /// What the secret is called in the configuration.
    fn secrets_key(&self) -> &'static str {
        match &self.auth {
            Auth::Bearer(_) | Auth::Header(..) => "token",
            Auth::Grant(grant) => grant.secrets_key,
            Auth::Session => "password",
        }
    }

    fn later(&self, request: &Request, why: &str) -> SourceError {
        SourceError::Later {
            place: self.place.clone(),
            message: format!("{}: {why}", request.operation),
        }
    }

    fn unusable(&self, request: &Request, why: &str) -> SourceError {
        self.unanswered(&request.operation, why)
    }

    /// The error for answers that came and say nothing.
    pub fn unanswered(&self, operation: &str, why: &str) -> SourceError {
        let message = format!("{operation}: {why}");
        SourceError::Unanswered { place: self.place.clone(), message }
    }
}

/// Doubles from one second. Requests of one run wait together, so they need no spread.
fn backoff_ms(tries: u32) -> i64 {
    BACKOFF_MS.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(BACKOFF_MS_MAX)
}
