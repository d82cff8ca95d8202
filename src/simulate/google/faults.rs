//! The faults file: which requests are answered wrongly, and how; quotas, credentials, and how the data
//! are told beside them.

use serde::Deserialize;

use super::fault_rows::{self, Told, operation};
use super::limits::{Limits, Telling};
use super::route::Operation;

/// What goes wrong on purpose.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    pub(super) limits: Limits,
    pub(super) auth: Auth,
    pub(super) telling: Telling,
    rows: Vec<Row>,
}

/// The table `[auth]` of a faults file. What is absent is not checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Auth {
    /// The only account there is.
    pub(super) client_email: Option<String>,
    /// The public key, as PEM, that signatures of assertions are checked against.
    pub(super) public_key: Option<String>,
    /// Whether the times of assertions are checked.
    pub(super) check_times: bool,
    /// How long a token is good.
    pub(super) token_secs: i64,
    /// A token is refused after so many requests.
    pub(super) token_requests: Option<u64>,
    /// Whether the account may read the property.
    pub(super) property_access: bool,
    /// APIs that are switched off: `analyticsdata`, `searchconsole`.
    pub(super) disabled: Vec<String>,
}

impl Default for Auth {
    fn default() -> Self {
        Auth {
            client_email: None,
            public_key: None,
            check_times: true,
            token_secs: 3600,
            token_requests: None,
            property_access: true,
            disabled: Vec::new(),
        }
    }
}

/// Which requests a row concerns: an operation; any where there is none.
type Row = fault_rows::Row<Option<Operation>, Fault>;

/// One fault, as it hits a request.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    pub(super) delay_ms: Option<u64>,
    pub(super) retry_after_secs: Option<u64>,
}

/// The kinds of wrong answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultKind {
    Status(u16),
    Html,
    HtmlBusy,
    Slow,
    Cut,
    Endless,
    TruncatedJson,
    Empty,
    Null,
    WrongType,
    Redirect,
    Disabled,
    Scope,
    Access,
    TokensPerDay,
    TokensPerHour,
    Concurrent,
    Thresholded,
    Quota,
    Rate,
}

const STATUSES: [u16; 9] = [400, 401, 403, 404, 429, 500, 502, 503, 504];

const KINDS: [(&str, FaultKind); 19] = [
    ("html", FaultKind::Html),
    ("html_503", FaultKind::HtmlBusy),
    ("slow", FaultKind::Slow),
    ("cut", FaultKind::Cut),
    ("endless", FaultKind::Endless),
    ("truncated_json", FaultKind::TruncatedJson),
    ("empty", FaultKind::Empty),
    ("null", FaultKind::Null),
    ("wrong_type", FaultKind::WrongType),
    ("redirect", FaultKind::Redirect),
    ("disabled", FaultKind::Disabled),
    ("scope", FaultKind::Scope),
    ("access", FaultKind::Access),
    ("tokens_per_day", FaultKind::TokensPerDay),
    ("tokens_per_hour", FaultKind::TokensPerHour),
    ("concurrent", FaultKind::Concurrent),
    ("thresholded", FaultKind::Thresholded),
    ("quota", FaultKind::Quota),
    ("rate", FaultKind::Rate),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    auth: Auth,
    #[serde(default)]
    data: Telling,
    #[serde(default)]
    fault: Vec<FileRow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRow {
    on: String,
    #[serde(default)]
    skip: u64,
    times: Option<u64>,
    answer: Told,
    delay_ms: Option<u64>,
    retry_after_secs: Option<u64>,
}

impl Faults {
    /// Everything goes right; the vendor's quotas hold all the same.
    pub fn none() -> Faults {
        Faults::default()
    }

    /// Reads a faults file; the error names what is allowed.
    pub fn from_toml(text: &str) -> Result<Faults, String> {
        let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
        let rows = Row::read_all(file.fault, FileRow::read)?;
        if let Some(pem) = &file.auth.public_key {
            super::jwt::public_key(pem).ok_or("public_key is no RSA public key in PEM")?;
        }
        let apis = ["analyticsdata", "searchconsole"];
        if let Some(other) = file.auth.disabled.iter().find(|api| !apis.contains(&api.as_str())) {
            return Err(format!("disabled = {other:?} is none of {}", apis.join(", ")));
        }
        if file.data.settle_hours < 0 || file.data.final_days < 0 {
            return Err("settle_hours and final_days cannot be negative".to_owned());
        }
        let (limits, auth, telling) = (file.limits, file.auth, file.data);
        Ok(Faults { limits, auth, telling, rows })
    }

    /// The fault that hits a request, if one does.
    pub(super) fn hit(&mut self, operation: Operation) -> Option<Fault> {
        Row::hit(&mut self.rows, |on| on.is_none_or(|on| on == operation))
    }
}

impl FileRow {
    fn read(self) -> Result<Row, String> {
        let on = operation(&self.on, &Operation::ALL)?;
        let kind = self.answer.kind(&STATUSES, FaultKind::Status, &KINDS)?;
        let (delay_ms, retry_after_secs) = (self.delay_ms, self.retry_after_secs);
        let fault = Fault { kind, delay_ms, retry_after_secs };
        Ok(Row::new(on, self.skip, self.times, fault))
    }
}
