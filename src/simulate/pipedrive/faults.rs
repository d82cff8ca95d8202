//! The faults file: which requests are answered wrongly, and how; limits and the token beside them.

use serde::Deserialize;

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
        Ok(Faults { limits: file.limits, auth: file.auth, rows: rows? })
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
        let single = [Operation::Get, Operation::Write];
        if kind == FaultKind::Shuffle && on.is_some_and(|on| single.contains(&on)) {
            return Err(format!("this answer cannot be given on {:?}", self.on));
        }
        let (delay_ms, retry_after_secs) = (self.delay_ms, self.retry_after_secs);
        let fault = Fault { kind, delay_ms, retry_after_secs };
        Ok(Row { on, skip: self.skip, times: self.times.unwrap_or(1), seen: 0, fault })
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
