//! Which operation a request asks for.

use super::refusals::{error, not_found};
use super::wire::{Answer, Request};

/// The kinds of operation, as faults and counters tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Token,
    Query,
    QueryAll,
    QueryMore,
    Describe,
    Limits,
    BulkCreate,
    BulkStatus,
    BulkResults,
    Get,
    Replication,
    Write,
}

impl Operation {
    /// All of them by their names in a faults file.
    pub(super) const ALL: [(Operation, &'static str); 12] = [
        (Operation::Token, "token"),
        (Operation::Query, "query"),
        (Operation::QueryAll, "query_all"),
        (Operation::QueryMore, "query_more"),
        (Operation::Describe, "describe"),
        (Operation::Limits, "limits"),
        (Operation::BulkCreate, "bulk_create"),
        (Operation::BulkStatus, "bulk_status"),
        (Operation::BulkResults, "bulk_results"),
        (Operation::Get, "get"),
        (Operation::Replication, "replication"),
        (Operation::Write, "write"),
    ];
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    Token,
    /// The versions that there are, for which nobody need log in.
    Versions,
    /// What there is below a version.
    Resources,
    Query {
        all: bool,
    },
    QueryMore(String),
    Limits,
    Objects,
    Object(String),
    Describe(String),
    Get(String, String),
    Create(String),
    Update(String, String),
    Delete(String, String),
    Updated(String),
    Deleted(String),
    BulkCreate,
    BulkList,
    BulkStatus(String),
    BulkAbort(String),
    BulkDelete(String),
    BulkResults(String),
}

impl Call {
    /// The kind of operation.
    pub(super) fn operation(&self) -> Operation {
        match self {
            Call::Token => Operation::Token,
            Call::Query { all: false } => Operation::Query,
            Call::Query { all: true } => Operation::QueryAll,
            Call::QueryMore(_) => Operation::QueryMore,
            Call::Limits => Operation::Limits,
            Call::Versions | Call::Resources | Call::Get(..) => Operation::Get,
            Call::Objects | Call::Object(_) | Call::Describe(_) => Operation::Describe,
            Call::Create(_) | Call::Update(..) | Call::Delete(..) => Operation::Write,
            Call::Updated(_) | Call::Deleted(_) => Operation::Replication,
            Call::BulkCreate => Operation::BulkCreate,
            Call::BulkResults(_) => Operation::BulkResults,
            Call::BulkList | Call::BulkStatus(_) | Call::BulkAbort(_) | Call::BulkDelete(_) => {
                Operation::BulkStatus
            }
        }
    }

    /// The object in the path.
    pub(super) fn object(&self) -> Option<&str> {
        match self {
            Call::Object(name)
            | Call::Describe(name)
            | Call::Get(name, _)
            | Call::Create(name)
            | Call::Update(name, _)
            | Call::Delete(name, _)
            | Call::Updated(name)
            | Call::Deleted(name) => Some(name),
            _ => None,
        }
    }
}

/// The first and the last version that is served.
pub(super) const VERSIONS: std::ops::RangeInclusive<u32> = 31..=67;

fn is_version(text: &str) -> bool {
    let number = text.strip_prefix('v').and_then(|text| text.strip_suffix(".0"));
    number.and_then(|n| n.parse().ok()).is_some_and(|n| VERSIONS.contains(&n))
}

/// Reads what a request asks for; the answer that refuses it when it is nothing.
pub(super) fn call(request: &Request) -> Result<Call, Answer> {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let method = match request.header("x-http-method-override").or(request.parameter("_HttpMethod"))
    {
        Some(told) if request.method == "POST" => told,
        _ => request.method.as_str(),
    };
    match segments.as_slice() {
        ["services", "oauth2", "token"] if method == "POST" => Ok(Call::Token),
        ["services", "data"] if method == "GET" => Ok(Call::Versions),
        ["services", "data", version, rest @ ..] if is_version(version) => below(method, rest),
        _ => Err(not_found()),
    }
}

fn below(method: &str, rest: &[&str]) -> Result<Call, Answer> {
    let own = |text: &&str| (*text).to_owned();
    let call = match (method, rest) {
        ("GET", []) => Call::Resources,
        ("GET", ["query"]) => Call::Query { all: false },
        ("GET", ["queryAll"]) => Call::Query { all: true },
        ("GET", ["query" | "queryAll", locator]) => Call::QueryMore(own(locator)),
        ("GET", ["limits"]) => Call::Limits,
        ("GET", ["sobjects"]) => Call::Objects,
        ("GET", ["sobjects", object]) => Call::Object(own(object)),
        ("POST", ["sobjects", object]) => Call::Create(own(object)),
        ("GET", ["sobjects", object, "describe"]) => Call::Describe(own(object)),
        ("GET", ["sobjects", object, "updated"]) => Call::Updated(own(object)),
        ("GET", ["sobjects", object, "deleted"]) => Call::Deleted(own(object)),
        ("GET", ["sobjects", object, id]) => Call::Get(own(object), own(id)),
        ("PATCH", ["sobjects", object, id]) => Call::Update(own(object), own(id)),
        ("DELETE", ["sobjects", object, id]) => Call::Delete(own(object), own(id)),
        ("POST", ["jobs", "query"]) => Call::BulkCreate,
        ("GET", ["jobs", "query"]) => Call::BulkList,
        ("GET", ["jobs", "query", id]) => Call::BulkStatus(own(id)),
        ("PATCH", ["jobs", "query", id]) => Call::BulkAbort(own(id)),
        ("DELETE", ["jobs", "query", id]) => Call::BulkDelete(own(id)),
        ("GET", ["jobs", "query", id, "results"]) => Call::BulkResults(own(id)),
        (_, ["query" | "queryAll" | "limits" | "sobjects" | "jobs", ..]) => {
            let message = format!("HTTP Method '{method}' not allowed.");
            return Err(error(405, "METHOD_NOT_ALLOWED", &message));
        }
        _ => return Err(not_found()),
    };
    Ok(call)
}
