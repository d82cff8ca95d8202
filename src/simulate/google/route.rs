//! Which operation a request asks for.

use super::refusals::{Api, page};
use super::wire::{Answer, Request};

/// The kinds of operation, as faults and counters tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Token,
    Report,
    Batch,
    Metadata,
    Compatibility,
    Sites,
    Site,
    Search,
}

impl Operation {
    /// All of them by their names in a faults file.
    pub(super) const ALL: [(Operation, &'static str); 8] = [
        (Operation::Token, "token"),
        (Operation::Report, "report"),
        (Operation::Batch, "batch"),
        (Operation::Metadata, "metadata"),
        (Operation::Compatibility, "compatibility"),
        (Operation::Sites, "sites"),
        (Operation::Site, "site"),
        (Operation::Search, "search"),
    ];

    /// The API that it belongs to; none for tokens.
    pub(super) fn api(self) -> Option<Api> {
        match self {
            Operation::Token => None,
            Operation::Report
            | Operation::Batch
            | Operation::Metadata
            | Operation::Compatibility => Some(Api::Analytics),
            Operation::Sites | Operation::Site | Operation::Search => Some(Api::Search),
        }
    }
}

/// What is asked for, and of which property or site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) operation: Operation,
    /// The id of the property or the address of the site; else empty.
    pub(super) of: String,
}

/// Reads what a request asks for; the answer that refuses it when it is nothing.
pub(super) fn call(request: &Request) -> Result<Call, Answer> {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let (operation, of) = match (request.method.as_str(), segments.as_slice()) {
        ("POST", ["token"]) => (Operation::Token, ""),
        ("GET", ["v1beta", "properties", id, "metadata"]) => (Operation::Metadata, *id),
        ("POST", ["v1beta", "properties", told]) => match told.split_once(':') {
            Some((id, "runReport")) => (Operation::Report, id),
            Some((id, "batchRunReports")) => (Operation::Batch, id),
            Some((id, "checkCompatibility")) => (Operation::Compatibility, id),
            _ => return Err(page(404)),
        },
        ("GET", ["webmasters", "v3", "sites"]) => (Operation::Sites, ""),
        ("GET", ["webmasters", "v3", "sites", address]) => (Operation::Site, *address),
        ("POST", ["webmasters", "v3", "sites", address, "searchAnalytics", "query"]) => {
            (Operation::Search, *address)
        }
        _ => return Err(page(404)),
    };
    Ok(Call { operation, of: of.to_owned() })
}
