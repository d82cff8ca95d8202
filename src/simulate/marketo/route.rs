//! What a request asks for, by its method and path.

use super::asked::Asked;
use super::refusals::{no_resource, refusal};
use super::wire::Answer;

/// The kinds of operation, as faults and counters tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Token,
    PagingToken,
    Activities,
    LeadChanges,
    DeletedLeads,
    Types,
    Describe,
    Leads,
    Members,
    Programs,
    Emails,
    BulkCreate,
    BulkEnqueue,
    BulkStatus,
    BulkFile,
    BulkCancel,
    BulkList,
    Usage,
    Write,
}

impl Operation {
    /// All of them by their names in a faults file.
    pub(super) const ALL: [(Operation, &'static str); 19] = [
        (Operation::Token, "token"),
        (Operation::PagingToken, "paging_token"),
        (Operation::Activities, "activities"),
        (Operation::LeadChanges, "lead_changes"),
        (Operation::DeletedLeads, "deleted_leads"),
        (Operation::Types, "types"),
        (Operation::Describe, "describe"),
        (Operation::Leads, "leads"),
        (Operation::Members, "members"),
        (Operation::Programs, "programs"),
        (Operation::Emails, "emails"),
        (Operation::BulkCreate, "bulk_create"),
        (Operation::BulkEnqueue, "bulk_enqueue"),
        (Operation::BulkStatus, "bulk_status"),
        (Operation::BulkFile, "bulk_file"),
        (Operation::BulkCancel, "bulk_cancel"),
        (Operation::BulkList, "bulk_list"),
        (Operation::Usage, "usage"),
        (Operation::Write, "write"),
    ];
}

/// What bulk extracts are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extract {
    Leads,
    Activities,
    Members,
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    Token,
    PagingToken,
    Activities,
    LeadChanges,
    DeletedLeads,
    Types,
    Describe,
    DescribeAgain,
    DescribeMembers,
    Leads,
    Lead(u64),
    ProgramLeads(u64),
    Members(u64),
    ProgramsOf(u64),
    Programs,
    Program(u64),
    ProgramByName,
    Channels,
    Emails,
    Email(u64),
    SyncLeads,
    DeleteLeads,
    Merge(u64),
    /// Whether the answer is that of the newer endpoint.
    Status(u64, bool),
    RemoveMembers(u64),
    BulkCreate(Extract),
    BulkList(Extract),
    BulkEnqueue(Extract, String),
    BulkStatus(Extract, String),
    BulkFile(Extract, String),
    BulkCancel(Extract, String),
    Usage {
        days: usize,
    },
}

impl Call {
    /// The kind of operation.
    pub(super) fn operation(&self) -> Operation {
        match self {
            Call::Token => Operation::Token,
            Call::PagingToken => Operation::PagingToken,
            Call::Activities => Operation::Activities,
            Call::LeadChanges => Operation::LeadChanges,
            Call::DeletedLeads => Operation::DeletedLeads,
            Call::Types => Operation::Types,
            Call::Describe | Call::DescribeAgain | Call::DescribeMembers => Operation::Describe,
            Call::Leads | Call::Lead(_) => Operation::Leads,
            Call::ProgramLeads(_) | Call::Members(_) | Call::ProgramsOf(_) => Operation::Members,
            Call::Programs | Call::Program(_) | Call::ProgramByName | Call::Channels => {
                Operation::Programs
            }
            Call::Emails | Call::Email(_) => Operation::Emails,
            Call::SyncLeads
            | Call::DeleteLeads
            | Call::Merge(_)
            | Call::Status(..)
            | Call::RemoveMembers(_) => Operation::Write,
            Call::BulkCreate(_) => Operation::BulkCreate,
            Call::BulkList(_) => Operation::BulkList,
            Call::BulkEnqueue(..) => Operation::BulkEnqueue,
            Call::BulkStatus(..) => Operation::BulkStatus,
            Call::BulkFile(..) => Operation::BulkFile,
            Call::BulkCancel(..) => Operation::BulkCancel,
            Call::Usage { .. } => Operation::Usage,
        }
    }
}

/// Reads what a request asks for; the answer that refuses it when it is nothing.
pub(super) fn call(asked: &Asked) -> Result<Call, Answer> {
    let last = asked.request.segments.last().map_or("", String::as_str);
    let found = match asked.segments.as_slice() {
        ["identity", "oauth", "token"] => return Ok(Call::Token),
        _ if !last.ends_with(".json") => None,
        ["rest", "v1", rest @ ..] => records(asked.method, rest),
        ["rest", "asset", "v1", rest @ ..] => assets(asked.method, rest),
        ["bulk", "v1", "leads", rest @ ..] => bulk(asked.method, Extract::Leads, rest),
        ["bulk", "v1", "activities", rest @ ..] => bulk(asked.method, Extract::Activities, rest),
        ["bulk", "v1", "program", "members", rest @ ..] => {
            bulk(asked.method, Extract::Members, rest)
        }
        _ => None,
    };
    found.ok_or_else(|| match asked.segments.as_slice() {
        ["rest", "v1", "leads"] => refusal(605, "HTTP Method not supported"),
        _ => no_resource(),
    })
}

fn records(method: &str, rest: &[&str]) -> Option<Call> {
    let number = |text: &str| text.parse().ok();
    Some(match (method, rest) {
        ("GET", ["activities"]) => Call::Activities,
        ("GET", ["activities", "pagingtoken"]) => Call::PagingToken,
        ("GET", ["activities", "leadchanges"]) => Call::LeadChanges,
        ("GET", ["activities", "deletedleads"]) => Call::DeletedLeads,
        ("GET", ["activities", "types"]) => Call::Types,
        ("GET", ["leads", "describe"]) => Call::Describe,
        ("GET", ["leads", "describe2"]) => Call::DescribeAgain,
        ("GET", ["programs", "members", "describe"]) => Call::DescribeMembers,
        ("GET", ["leads"]) => Call::Leads,
        ("POST", ["leads"]) => Call::SyncLeads,
        ("DELETE", ["leads"]) | ("POST", ["leads", "delete"]) => Call::DeleteLeads,
        ("GET", ["lead", id]) => Call::Lead(number(id)?),
        ("GET", ["leads", "programs", id]) => Call::ProgramLeads(number(id)?),
        ("POST", ["leads", "programs", id, "status"]) => Call::Status(number(id)?, false),
        ("GET", ["programs", id, "members"]) => Call::Members(number(id)?),
        ("POST", ["programs", id, "members", "status"]) => Call::Status(number(id)?, true),
        ("POST", ["programs", id, "members", "delete"]) => Call::RemoveMembers(number(id)?),
        ("GET", ["leads", id, "programMembership"]) => Call::ProgramsOf(number(id)?),
        ("POST", ["leads", id, "merge"]) => Call::Merge(number(id)?),
        ("GET", ["stats", "usage"]) => Call::Usage { days: 1 },
        ("GET", ["stats", "usage", "last7days"]) => Call::Usage { days: 7 },
        _ => return None,
    })
}

fn assets(method: &str, rest: &[&str]) -> Option<Call> {
    Some(match (method, rest) {
        ("GET", ["programs"]) => Call::Programs,
        ("GET", ["program", "byName"]) => Call::ProgramByName,
        ("GET", ["program", id]) => Call::Program(id.parse().ok()?),
        ("GET", ["channels"]) => Call::Channels,
        ("GET", ["emails"]) => Call::Emails,
        ("GET", ["email", id]) => Call::Email(id.parse().ok()?),
        _ => return None,
    })
}

fn bulk(method: &str, extract: Extract, rest: &[&str]) -> Option<Call> {
    let own = |id: &str| id.to_owned();
    Some(match (method, rest) {
        ("GET", ["export"]) => Call::BulkList(extract),
        ("POST", ["export", "create"]) => Call::BulkCreate(extract),
        ("POST", ["export", id, "enqueue"]) => Call::BulkEnqueue(extract, own(id)),
        ("GET", ["export", id, "status"]) => Call::BulkStatus(extract, own(id)),
        ("GET", ["export", id, "file"]) => Call::BulkFile(extract, own(id)),
        ("POST", ["export", id, "cancel"]) => Call::BulkCancel(extract, own(id)),
        _ => return None,
    })
}
