//! The faults file: which requests are answered wrongly, and how; limits and credentials beside them.

use serde::Deserialize;

use super::fault_rows::{self, Told, operation};
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

/// Which requests a row concerns: an operation, and the object that a query is from; any where there is none.
type Row = fault_rows::Row<(Option<Operation>, Option<&'static str>), Fault>;

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

const STATUSES: [u16; 12] = [400, 401, 403, 404, 406, 410, 420, 429, 500, 502, 503, 504];

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
        let rows = Row::read_all(file.fault, FileRow::read)?;
        if let Some(pem) = &file.auth.public_key {
            super::jwt::public_key(pem).ok_or("public_key is no RSA public key in PEM")?;
        }
        Ok(Faults { limits: file.limits, auth: file.auth, rows })
    }

    /// The fault that hits a request, if one does.
    pub(super) fn hit(&mut self, operation: Operation, object: Option<&str>) -> Option<Fault> {
        Row::hit(&mut self.rows, |(on, of)| {
            on.is_none_or(|on| on == operation)
                && of.is_none_or(|o| object.is_some_and(|is| is.eq_ignore_ascii_case(o)))
        })
    }
}

impl FileRow {
    fn read(self) -> Result<Row, String> {
        let on = operation(&self.on, &Operation::ALL)?;
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
        let kind = self.answer.kind(&STATUSES, FaultKind::Status, &KINDS)?;
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
        Ok(Row::new((on, object), self.skip, self.times, fault))
    }
}
