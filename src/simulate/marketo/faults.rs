//! The faults file: which requests are answered wrongly, and how; limits, credentials and what the
//! subscription lacks beside them.

use serde::Deserialize;

use super::fault_rows::{self, Told, operation};
use super::limits::Limits;
use super::route::Operation;

/// What goes wrong on purpose.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    pub(super) limits: Limits,
    pub(super) auth: Auth,
    pub(super) subscription: Subscription,
    rows: Vec<Row>,
}

/// The table `[auth]` of a faults file. Credentials that are absent are not checked, and then each client is
/// a service and a user of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Auth {
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<String>,
    /// Whether a token may be in the query.
    pub(super) query_token: bool,
    pub(super) token_secs: i64,
}

impl Default for Auth {
    fn default() -> Self {
        Auth { client_id: None, client_secret: None, query_token: false, token_secs: 3600 }
    }
}

/// The table `[subscription]` of a faults file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Subscription {
    /// Whether bulk extracts can be filtered by what was updated.
    pub(super) updated_filter: bool,
    /// Fields that the user of the API does not see.
    pub(super) hidden_fields: Vec<String>,
    /// By how much the ids of activity types differ from the usual ones.
    pub(super) shift_type_ids: u32,
    /// What is in some values of files: `cr`, `nul`, `line_separator`.
    pub(super) dirt: Vec<Dirt>,
}

impl Default for Subscription {
    fn default() -> Self {
        let (hidden_fields, dirt) = (Vec::new(), Vec::new());
        Subscription { updated_filter: true, hidden_fields, shift_type_ids: 0, dirt }
    }
}

/// What does not belong into a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Dirt {
    Cr,
    Nul,
    LineSeparator,
}

/// Which requests a row concerns: an operation; any where there is none.
type Row = fault_rows::Row<Option<Operation>, Fault>;

/// One fault, as it hits a request.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    pub(super) delay_ms: Option<u64>,
}

/// The kinds of wrong answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultKind {
    Status(u16),
    Code(u16),
    QueueFull,
    Quota,
    AlreadyQueued,
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
    NoResult,
    EmptyPage,
    FailedJob,
    BadChecksum,
}

const STATUSES: [u16; 9] = [400, 401, 404, 413, 414, 429, 500, 503, 504];

const CODES: [u16; 22] = [
    502, 600, 601, 602, 603, 604, 606, 607, 608, 610, 611, 614, 615, 702, 713, 1003, 1004, 1006,
    1013, 1025, 1029, 1035,
];

const KINDS: [(&str, FaultKind); 17] = [
    ("queue_full", FaultKind::QueueFull),
    ("quota", FaultKind::Quota),
    ("already_queued", FaultKind::AlreadyQueued),
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
    ("no_result", FaultKind::NoResult),
    ("empty_page", FaultKind::EmptyPage),
    ("failed_job", FaultKind::FailedJob),
    ("bad_checksum", FaultKind::BadChecksum),
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    limits: Limits,
    #[serde(default)]
    auth: Auth,
    #[serde(default)]
    subscription: Subscription,
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
        let File { limits, auth, subscription, .. } = file;
        Ok(Faults { limits, auth, subscription, rows })
    }

    /// The fault that hits a request, if one does.
    pub(super) fn hit(&mut self, operation: Operation) -> Option<Fault> {
        Row::hit(&mut self.rows, |on| on.is_none_or(|on| on == operation))
    }
}

impl FileRow {
    fn read(self) -> Result<Row, String> {
        let on = operation(&self.on, &Operation::ALL)?;
        let numbers = [&STATUSES[..], &CODES[..]].concat();
        let of_number = |number| match STATUSES.contains(&number) {
            true => FaultKind::Status(number),
            false => FaultKind::Code(number),
        };
        let kind = self.answer.kind(&numbers, of_number, &KINDS)?;
        let wanted: &[Operation] = match kind {
            FaultKind::EmptyPage => {
                &[Operation::Activities, Operation::LeadChanges, Operation::DeletedLeads]
            }
            FaultKind::FailedJob => &[Operation::BulkEnqueue],
            FaultKind::BadChecksum => &[Operation::BulkStatus],
            _ => &[],
        };
        if !wanted.is_empty() && !on.is_some_and(|on| wanted.contains(&on)) {
            return Err(format!("this answer cannot be given on {:?}", self.on));
        }
        let fault = Fault { kind, delay_ms: self.delay_ms };
        Ok(Row::new(on, self.skip, self.times, fault))
    }
}
