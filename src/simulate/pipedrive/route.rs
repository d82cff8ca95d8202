//! What a request asks for, by its method and path, and what that costs.

use super::catalog::Kind;
use super::refusals::{error, gone, not_found};
use super::wire::{Answer, Request};

/// The kinds of operation, as faults and counters tell them apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    Deals,
    ArchivedDeals,
    Leads,
    ArchivedLeads,
    Activities,
    Persons,
    Changelog,
    Flow,
    Users,
    Stages,
    Fields,
    Types,
    Get,
    Write,
}

impl Operation {
    /// All of them by their names in a faults file.
    pub(super) const ALL: [(Operation, &'static str); 14] = [
        (Operation::Deals, "deals"),
        (Operation::ArchivedDeals, "archived_deals"),
        (Operation::Leads, "leads"),
        (Operation::ArchivedLeads, "archived_leads"),
        (Operation::Activities, "activities"),
        (Operation::Persons, "persons"),
        (Operation::Changelog, "changelog"),
        (Operation::Flow, "flow"),
        (Operation::Users, "users"),
        (Operation::Stages, "stages"),
        (Operation::Fields, "fields"),
        (Operation::Types, "types"),
        (Operation::Get, "get"),
        (Operation::Write, "write"),
    ];
}

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    List { kind: Kind, archived: bool },
    Leads { archived: bool },
    Fields,
    Field(String),
    Users,
    Me,
    User(String),
    ActivityTypes,
    Currencies,
    Changelog(String),
    Flow(String),
    Get(Kind, String),
    Create(Kind),
    Update(Kind, String),
    Delete(Kind, String),
    Merge(String),
    Convert(String),
    Converted(String, String),
}

impl Call {
    /// The kind of operation.
    pub(super) fn operation(&self) -> Operation {
        match self {
            Call::List { kind: Kind::Deal, archived: true } => Operation::ArchivedDeals,
            Call::List { kind: Kind::Deal, .. } => Operation::Deals,
            Call::List { kind: Kind::Activity, .. } => Operation::Activities,
            Call::List { kind: Kind::Person, .. } => Operation::Persons,
            Call::List { .. } => Operation::Stages,
            Call::Leads { archived: false } => Operation::Leads,
            Call::Leads { archived: true } => Operation::ArchivedLeads,
            Call::Fields | Call::Field(_) => Operation::Fields,
            Call::Users | Call::Me | Call::User(_) => Operation::Users,
            Call::ActivityTypes | Call::Currencies => Operation::Types,
            Call::Changelog(_) => Operation::Changelog,
            Call::Flow(_) => Operation::Flow,
            Call::Get(..) | Call::Converted(..) => Operation::Get,
            Call::Create(_)
            | Call::Update(..)
            | Call::Delete(..)
            | Call::Merge(_)
            | Call::Convert(_) => Operation::Write,
        }
    }

    /// The tokens that it costs, as the vendor's reference tells them. What v1 alone has costs twice
    /// as much.
    pub(super) fn cost(&self) -> u64 {
        match self {
            Call::List { kind: Kind::Deal, archived: true } => 20,
            Call::List { kind: Kind::Stage | Kind::Pipeline, .. } => 5,
            Call::List { .. } | Call::Fields => 10,
            Call::Leads { .. } | Call::Users | Call::ActivityTypes | Call::Currencies => 20,
            Call::Changelog(_) => 20,
            Call::Flow(_) | Call::Merge(_) => 40,
            Call::Field(_) | Call::Converted(..) => 1,
            Call::Get(Kind::Lead, _) | Call::Me | Call::User(_) => 2,
            Call::Get(..) => 1,
            Call::Create(Kind::Lead) | Call::Update(Kind::Lead, _) => 10,
            Call::Delete(Kind::Lead, _) => 6,
            Call::Delete(..) => 3,
            Call::Create(_) | Call::Update(..) | Call::Convert(_) => 5,
        }
    }
}

/// Reads what a request asks for; the answer that refuses it when it is nothing.
pub(super) fn call(request: &Request) -> Result<Call, Answer> {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["api", "v2", rest @ ..] => second(&request.method, rest),
        ["api", "v1", rest @ ..] | ["v1", rest @ ..] => first(&request.method, rest),
        _ => Err(not_found("Not found")),
    }
}

fn own(text: &str) -> String {
    text.to_owned()
}

fn second(method: &str, rest: &[&str]) -> Result<Call, Answer> {
    let call = match (method, rest) {
        ("GET", ["deals", "archived"]) => Call::List { kind: Kind::Deal, archived: true },
        ("GET", ["dealFields"]) => Call::Fields,
        ("GET", ["dealFields", code]) => Call::Field(own(code)),
        ("POST", ["leads", id, "convert", "deal"]) => Call::Convert(own(id)),
        ("GET", ["leads", id, "convert", "status", conversion]) => {
            Call::Converted(own(id), own(conversion))
        }
        (method, [name]) => match (method, listed(name)?) {
            ("GET", kind) => Call::List { kind, archived: false },
            ("POST", kind) => Call::Create(kind),
            _ => return Err(error(405, "Method not allowed")),
        },
        (method, [name, id]) => match (method, listed(name)?) {
            ("GET", kind) => Call::Get(kind, own(id)),
            ("PATCH", kind) => Call::Update(kind, own(id)),
            ("DELETE", kind) => Call::Delete(kind, own(id)),
            _ => return Err(error(405, "Method not allowed")),
        },
        _ => return Err(not_found("Not found")),
    };
    Ok(call)
}

/// The kinds that v2 has.
fn listed(name: &str) -> Result<Kind, Answer> {
    let kind = Kind::from_name(name).filter(|kind| !matches!(kind, Kind::Lead | Kind::User));
    kind.ok_or_else(|| not_found("Not found"))
}

/// What v1 had and v2 has in its place.
const REMOVED: [&str; 8] = [
    "deals",
    "persons",
    "organizations",
    "activities",
    "products",
    "pipelines",
    "stages",
    "itemSearch",
];

fn first(method: &str, rest: &[&str]) -> Result<Call, Answer> {
    let call = match (method, rest) {
        ("GET", ["leads"]) => Call::Leads { archived: false },
        ("GET", ["leads", "archived"]) => Call::Leads { archived: true },
        ("GET", ["leads", id]) => Call::Get(Kind::Lead, own(id)),
        ("POST", ["leads"]) => Call::Create(Kind::Lead),
        ("PATCH", ["leads", id]) => Call::Update(Kind::Lead, own(id)),
        ("DELETE", ["leads", id]) => Call::Delete(Kind::Lead, own(id)),
        ("GET", ["users"]) => Call::Users,
        ("GET", ["users", "me"]) => Call::Me,
        ("GET", ["users", id]) => Call::User(own(id)),
        ("GET", ["activityTypes"]) => Call::ActivityTypes,
        ("GET", ["currencies"]) => Call::Currencies,
        ("GET", ["deals", id, "changelog"]) => Call::Changelog(own(id)),
        ("GET", ["deals", id, "flow"]) => Call::Flow(own(id)),
        ("PUT", ["deals", id, "merge"]) => Call::Merge(own(id)),
        (_, [name] | [name, _]) if REMOVED.contains(name) => return Err(gone()),
        _ => return Err(not_found("Unknown method .")),
    };
    Ok(call)
}
