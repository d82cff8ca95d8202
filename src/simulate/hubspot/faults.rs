//! The faults file: which requests are answered wrongly, and how; limits and tokens beside them.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::fault_rows::{self, Told};
use super::limits::Limits;
use super::object::Object;
use super::route::Operation;

/// What goes wrong on purpose.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    pub(super) limits: Limits,
    /// The only token that is let in; without one any will do.
    pub(super) token: Option<String>,
    /// Scopes that the token lacks.
    pub(super) missing_scopes: BTreeSet<String>,
    rows: Vec<Row>,
}

/// Which requests a row concerns: an operation and an object; any where there is none.
type Row = fault_rows::Row<(Option<Operation>, Option<Object>), Fault>;

/// One fault, as it hits a request.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) kind: Kind,
    pub(super) delay_ms: Option<u64>,
    pub(super) retry_after_secs: Option<u64>,
    pub(super) policy: String,
    /// The share of a batch's inputs that fail.
    pub(super) share: f64,
    /// The category of the errors in a partial answer.
    pub(super) category: String,
}

/// The kinds of wrong answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
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
    Partial,
    Shuffle,
    StaleRow,
    Numbers,
    IdsAsNumbers,
}

const STATUSES: [u16; 17] =
    [400, 401, 403, 404, 405, 423, 429, 477, 500, 502, 503, 504, 520, 521, 522, 524, 530];

const KINDS: [(&str, Kind); 15] = [
    ("html", Kind::Html),
    ("html_503", Kind::HtmlBusy),
    ("slow", Kind::Slow),
    ("cut", Kind::Cut),
    ("endless", Kind::Endless),
    ("truncated_json", Kind::TruncatedJson),
    ("empty", Kind::Empty),
    ("null", Kind::Null),
    ("wrong_type", Kind::WrongType),
    ("redirect", Kind::Redirect),
    ("partial", Kind::Partial),
    ("shuffle", Kind::Shuffle),
    ("stale_row", Kind::StaleRow),
    ("numbers", Kind::Numbers),
    ("ids_as_numbers", Kind::IdsAsNumbers),
];

const OPERATIONS: [(&str, Option<Operation>); 10] = [
    ("any", None),
    ("list", Some(Operation::List)),
    ("get", Some(Operation::Get)),
    ("batch_read", Some(Operation::BatchRead)),
    ("search", Some(Operation::Search)),
    ("associations", Some(Operation::Associations)),
    ("owners", Some(Operation::Owners)),
    ("pipelines", Some(Operation::Pipelines)),
    ("properties", Some(Operation::Properties)),
    ("write", Some(Operation::Write)),
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

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Auth {
    token: Option<String>,
    missing_scopes: BTreeSet<String>,
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
    policy: Option<String>,
    share: Option<f64>,
    category: Option<String>,
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
        Ok(Faults {
            limits: file.limits,
            token: file.auth.token,
            missing_scopes: file.auth.missing_scopes,
            rows,
        })
    }

    /// The fault that hits a request, if one does.
    pub(super) fn hit(&mut self, operation: Operation, objects: &[Object]) -> Option<Fault> {
        Row::hit(&mut self.rows, |(on, object)| {
            on.is_none_or(|on| on == operation) && object.is_none_or(|o| objects.contains(&o))
        })
    }
}

impl FileRow {
    fn read(self) -> Result<Row, String> {
        let on = OPERATIONS.iter().find(|o| o.0 == self.on).ok_or_else(|| {
            let allowed: Vec<&str> = OPERATIONS.iter().map(|o| o.0).collect();
            format!("on = {:?} is none of {}", self.on, allowed.join(", "))
        })?;
        let object = match &self.object {
            None => None,
            Some(name) => Some(Object::from_path(name).ok_or_else(|| {
                let allowed: Vec<&str> = Object::ALL.iter().map(|o| o.plural()).collect();
                format!("object = {name:?} is none of {}", allowed.join(", "))
            })?),
        };
        let kind = self.answer.kind(&STATUSES, Kind::Status, &KINDS)?;
        let fits = |operations: &[Operation]| on.1.is_none_or(|o| operations.contains(&o));
        let fitting = match kind {
            Kind::Partial => fits(&[Operation::BatchRead, Operation::Associations]),
            Kind::Shuffle => fits(&[Operation::List, Operation::Search]),
            Kind::StaleRow => fits(&[Operation::Search]),
            _ => true,
        };
        if !fitting {
            return Err(format!("this answer cannot be given on {:?}", self.on));
        }
        let share = self.share.unwrap_or(0.3);
        if !(share > 0.0 && share <= 1.0) {
            return Err(format!("share = {share} is not above 0 and at most 1"));
        }
        let fault = Fault {
            kind,
            delay_ms: self.delay_ms,
            retry_after_secs: self.retry_after_secs,
            policy: self.policy.unwrap_or_else(|| default_policy(on.1).to_owned()),
            share,
            category: self.category.unwrap_or_else(|| "INTERNAL_ERROR".to_owned()),
        };
        Ok(Row::new((on.1, object), self.skip, self.times, fault))
    }
}

fn default_policy(on: Option<Operation>) -> &'static str {
    if on == Some(Operation::Search) { "SECONDLY" } else { "TEN_SECONDLY_ROLLING" }
}
