//! The faults file: which requests are answered wrongly, and how; limits and credentials beside them.

use serde::Deserialize;

use super::limits::Limits;
use super::route::Operation;
use super::schema::OBJECTS;

/// What goes wrong on purpose.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    pub(super) limits: Limits,
    pub(super) auth: Auth,
    rows: Vec<Row>,
}

/// The table `[auth]` of a faults file. What is absent is not checked.
#[derive(Debug, Clone, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Auth {
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<String>,
    /// A token is refused after so many requests.
    pub(super) token_requests: Option<u64>,
    /// The public key, as PEM, that signatures of assertions are checked against.
    pub(super) public_key: Option<String>,
}

#[derive(Debug, Clone)]
struct Row {
    on: Option<Operation>,
    object: Option<&'static str>,
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
    Limit,
    Locator,
    Timeout,
    Short,
    FailedJob,
}

const STATUSES: [u16; 11] = [400, 401, 403, 404, 406, 420, 429, 500, 502, 503, 504];

const KINDS: [(&str, FaultKind); 15] = [
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
    ("limit", FaultKind::Limit),
    ("locator", FaultKind::Locator),
    ("timeout", FaultKind::Timeout),
    ("short", FaultKind::Short),
    ("failed_job", FaultKind::FailedJob),
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
    object: Option<String>,
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
        if let Some(pem) = &file.auth.public_key {
            super::jwt::public_key(pem).ok_or("public_key is no RSA public key in PEM")?;
        }
        Ok(Faults { limits: file.limits, auth: file.auth, rows: rows? })
    }

    /// The fault that hits a request, if one does. The first row that is due hits, and the rows
    /// after it do not count that request.
    pub(super) fn hit(&mut self, operation: Operation, object: Option<&str>) -> Option<Fault> {
        let due = self.rows.iter_mut().filter(|row| {
            row.on.is_none_or(|on| on == operation)
                && row.object.is_none_or(|o| object.is_some_and(|is| is.eq_ignore_ascii_case(o)))
        });
        for row in due {
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
        let object = match &self.object {
            None => None,
            Some(name) => {
                let known = OBJECTS.iter().map(|o| o.0).find(|o| o.eq_ignore_ascii_case(name));
                Some(known.ok_or_else(|| {
                    let allowed: Vec<&str> = OBJECTS.iter().map(|o| o.0).collect();
                    format!("object = {name:?} is none of {}", allowed.join(", "))
                })?)
            }
        };
        let kind = kind(&self.answer)?;
        let fits = |operations: &[Operation]| on.is_none_or(|o| operations.contains(&o));
        use Operation::{BulkCreate, BulkResults, BulkStatus, Query, QueryAll, QueryMore};
        let fitting = match kind {
            FaultKind::Short => fits(&[Query, QueryAll, QueryMore, BulkResults]),
            FaultKind::FailedJob => fits(&[BulkCreate, BulkStatus]),
            _ => true,
        };
        if !fitting {
            return Err(format!("this answer cannot be given on {:?}", self.on));
        }
        let (delay_ms, retry_after_secs) = (self.delay_ms, self.retry_after_secs);
        let fault = Fault { kind, delay_ms, retry_after_secs };
        let times = self.times.unwrap_or(1);
        Ok(Row { on, object, skip: self.skip, times, seen: 0, fault })
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
