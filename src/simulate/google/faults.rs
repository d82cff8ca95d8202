//! The faults file: which requests are answered wrongly, and how; quotas, credentials, and how the data
//! are told beside them.

use serde::Deserialize;

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

#[derive(Debug, Clone)]
struct Row {
    on: Option<Operation>,
    skip: u64,
    times: u64,
    seen: u64,
    fault: Fault,
}

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
#[serde(untagged)]
enum Told {
    Text(String),
    Number(u16),
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
        let rows: Result<Vec<Row>, String> = file
            .fault
            .into_iter()
            .enumerate()
            .map(|(at, row)| row.read().map_err(|e| format!("fault {}: {e}", at + 1)))
            .collect();
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
        Ok(Faults { limits, auth, telling, rows: rows? })
    }

    /// The fault that hits a request, if one does. The first row that is due hits, and the rows
    /// after it do not count that request.
    pub(super) fn hit(&mut self, operation: Operation) -> Option<Fault> {
        for row in self.rows.iter_mut().filter(|row| row.on.is_none_or(|on| on == operation)) {
            row.seen += 1;
            if row.seen > row.skip && (row.times == 0 || row.seen <= row.skip + row.times) {
                return Some(row.fault.clone());
            }
        }
        None
    }
}

impl FileRow {
    fn read(self) -> Result<Row, String> {
        let on = match self.on.as_str() {
            "any" => None,
            name => Some(Operation::from_name(name).ok_or_else(|| {
                let allowed: Vec<&str> = Operation::ALL.iter().map(|o| o.1).collect();
                format!("on = {name:?} is none of any, {}", allowed.join(", "))
            })?),
        };
        let kind = kind(&self.answer)?;
        let (delay_ms, retry_after_secs) = (self.delay_ms, self.retry_after_secs);
        let fault = Fault { kind, delay_ms, retry_after_secs };
        let times = self.times.unwrap_or(1);
        Ok(Row { on, skip: self.skip, times, seen: 0, fault })
    }
}

fn kind(told: &Told) -> Result<FaultKind, String> {
    let (status, name) = match told {
        Told::Number(status) => (Some(*status), status.to_string()),
        Told::Text(text) => (text.parse().ok(), text.clone()),
    };
    if let Some(status) = status.filter(|s| STATUSES.contains(s)) {
        return Ok(FaultKind::Status(status));
    }
    KINDS.iter().find(|k| k.0 == name).map(|k| k.1).ok_or_else(|| {
        let statuses: Vec<String> = STATUSES.iter().map(u16::to_string).collect();
        let names: Vec<&str> = KINDS.iter().map(|k| k.0).collect();
        format!("answer = {name:?} is none of {}, {}", statuses.join(", "), names.join(", "))
    })
}
