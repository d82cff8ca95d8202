//! The faults file: which requests are answered wrongly, and how; limits and the token beside them.

use serde::Deserialize;

use super::fault_rows::{self, Told, operation};
use super::limits::Limits;
use super::route::Operation;

/// What goes wrong on purpose.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    pub(super) limits: Limits,
    pub(super) auth: Auth,
    rows: Vec<Row>,
}

/// The table `[auth]` of a faults file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Auth {
    /// The only good token; any is good where it is absent.
    pub(super) token: Option<String>,
    /// Whether it is an administrator's, who sees what belongs to others.
    pub(super) admin: bool,
}

impl Default for Auth {
    fn default() -> Self {
        Auth { token: None, admin: true }
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
    Daily,
    Html,
    HtmlBlocked,
    HtmlBusy,
    Slow,
    Cut,
    Endless,
    TruncatedJson,
    Empty,
    Null,
    NullData,
    WrongType,
    Redirect,
    Shuffle,
}

const STATUSES: [u16; 11] = [400, 401, 402, 403, 404, 410, 429, 500, 502, 503, 504];

const KINDS: [(&str, FaultKind); 14] = [
    ("daily", FaultKind::Daily),
    ("html", FaultKind::Html),
    ("html_403", FaultKind::HtmlBlocked),
    ("html_503", FaultKind::HtmlBusy),
    ("slow", FaultKind::Slow),
    ("cut", FaultKind::Cut),
    ("endless", FaultKind::Endless),
    ("truncated_json", FaultKind::TruncatedJson),
    ("empty", FaultKind::Empty),
    ("null", FaultKind::Null),
    ("null_data", FaultKind::NullData),
    ("wrong_type", FaultKind::WrongType),
    ("redirect", FaultKind::Redirect),
    ("shuffle", FaultKind::Shuffle),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    auth: Auth,
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
    /// Everything goes right; the vendor's limits hold all the same.
    pub fn none() -> Faults {
        Faults::default()
    }

    /// Reads a faults file; the error names what is allowed.
    pub fn from_toml(text: &str) -> Result<Faults, String> {
        let file: File = toml::from_str(text).map_err(|e| e.to_string())?;
        let rows = Row::read_all(file.fault, FileRow::read)?;
        Ok(Faults { limits: file.limits, auth: file.auth, rows })
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
        let single = [Operation::Get, Operation::Write];
        if kind == FaultKind::Shuffle && on.is_some_and(|on| single.contains(&on)) {
            return Err(format!("this answer cannot be given on {:?}", self.on));
        }
        let (delay_ms, retry_after_secs) = (self.delay_ms, self.retry_after_secs);
        let fault = Fault { kind, delay_ms, retry_after_secs };
        Ok(Row::new(on, self.skip, self.times, fault))
    }
}
