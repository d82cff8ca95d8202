//! The faults file: which requests are answered wrongly, and how; limits, credentials and what the
//! subscription lacks beside them.

use serde::Deserialize;

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
}

impl Faults {
    /// Everything goes right; the vendor's limits hold all the same.
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
        let File { limits, auth, subscription, .. } = file;
        Ok(Faults { limits, auth, subscription, rows: rows? })
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
        Ok(Row { on, skip: self.skip, times: self.times.unwrap_or(1), seen: 0, fault })
    }
}

fn kind(told: &Told) -> Result<FaultKind, String> {
    let (number, name) = match told {
        Told::Number(number) => (Some(*number), number.to_string()),
        Told::Text(text) => (text.parse().ok(), text.clone()),
    };
    if let Some(number) = number {
        if STATUSES.contains(&number) {
            return Ok(FaultKind::Status(number));
        }
        if CODES.contains(&number) {
            return Ok(FaultKind::Code(number));
        }
    }
    KINDS.iter().find(|k| k.0 == name).map(|k| k.1).ok_or_else(|| {
        let numbers: Vec<String> = STATUSES.iter().chain(&CODES).map(u16::to_string).collect();
        let names: Vec<&str> = KINDS.iter().map(|k| k.0).collect();
        format!("answer = {name:?} is none of {}, {}", numbers.join(", "), names.join(", "))
    })
}
