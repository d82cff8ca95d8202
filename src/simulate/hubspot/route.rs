//! Which operation a method and a path ask for, in the dated and in the numbered paths alike.

use super::object::Object;
use super::wire::{Answer, Request};

/// The operations that faults and counters tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operation {
    List,
    Get,
    BatchRead,
    Search,
    Associations,
    Owners,
    Pipelines,
    Properties,
    Write,
}

/// What a request asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Call {
    List(Object),
    Get(Object, u64),
    BatchRead(Object),
    Search(Object),
    /// The links of many records; the numbered paths tell the targets as numbers.
    LinksBatch {
        from: Object,
        to: Object,
        numeric: bool,
    },
    /// The links of one record; `brief` is the oldest form, with id and type alone.
    LinksOf {
        from: Object,
        id: u64,
        to: Object,
        numeric: bool,
        brief: bool,
    },
    Owners,
    Owner(u64),
    /// The pipelines of a kind and what of them is asked: an id, then `stages`, then a stage.
    Pipelines(Object, Vec<String>),
    Properties(Object, Option<String>),
    Create(Object),
    Update(Object, u64),
    Archive(Object, u64),
    BatchCreate(Object),
    BatchUpdate(Object),
    BatchArchive(Object),
    Merge(Object),
    GdprDelete(Object),
    /// The unlabelled link.
    Link((Object, u64), (Object, u64)),
    /// The links of the types in the body.
    LinkTyped((Object, u64), (Object, u64)),
    Unlink((Object, u64), (Object, u64)),
    LinkMany(Object, Object),
    LinkManyTyped(Object, Object),
    UnlinkMany(Object, Object),
}

impl Call {
    /// The operation it counts as.
    pub(super) fn operation(&self) -> Operation {
        match self {
            Call::List(_) => Operation::List,
            Call::Get(..) => Operation::Get,
            Call::BatchRead(_) => Operation::BatchRead,
            Call::Search(_) => Operation::Search,
            Call::LinksBatch { .. } | Call::LinksOf { .. } => Operation::Associations,
            Call::Owners | Call::Owner(_) => Operation::Owners,
            Call::Pipelines(..) => Operation::Pipelines,
            Call::Properties(..) => Operation::Properties,
            _ => Operation::Write,
        }
    }

    /// The kinds of record that are touched.
    pub(super) fn objects(&self) -> Vec<Object> {
        match self {
            Call::Owners | Call::Owner(_) => Vec::new(),
            Call::LinksBatch { from, to, .. } | Call::LinksOf { from, to, .. } => vec![*from, *to],
            Call::Link(from, to) | Call::LinkTyped(from, to) | Call::Unlink(from, to) => {
                vec![from.0, to.0]
            }
            Call::LinkMany(from, to)
            | Call::LinkManyTyped(from, to)
            | Call::UnlinkMany(from, to) => vec![*from, *to],
            Call::List(o) | Call::Get(o, _) | Call::BatchRead(o) | Call::Search(o) => vec![*o],
            Call::Pipelines(o, _) | Call::Properties(o, _) => vec![*o],
            Call::Create(o) | Call::Update(o, _) | Call::Archive(o, _) => vec![*o],
            Call::BatchCreate(o) | Call::BatchUpdate(o) | Call::BatchArchive(o) => vec![*o],
            Call::Merge(o) | Call::GdprDelete(o) => vec![*o],
        }
    }
}

fn is_dated(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 7
        && bytes
            .iter()
            .enumerate()
            .all(|(at, b)| if at == 4 { *b == b'-' } else { b.is_ascii_digit() })
}

fn not_found() -> Answer {
    Answer::error(404, "OBJECT_NOT_FOUND", "resource not found")
}

fn object(text: &str) -> Result<Object, Answer> {
    let unknown = || Answer::invalid(&format!("Unable to infer object type from: {text}"));
    Object::from_path(text).ok_or_else(unknown)
}

/// Finds the operation, or the answer that refuses the request.
pub(super) fn call(request: &Request) -> Result<Call, Answer> {
    let segments: Vec<&str> = request.segments.iter().map(String::as_str).collect();
    let method = request.method.as_str();
    let (version, family, rest) = match segments.as_slice() {
        ["crm", version @ ("v3" | "v4"), family, rest @ ..] => (*version, *family, rest),
        ["crm", family, version, rest @ ..] if is_dated(version) => (*version, *family, rest),
        _ => return Err(not_found()),
    };
    let numeric = version == "v4";
    match (family, version) {
        // The fourth version has the objects' links alone.
        ("objects", "v4") if rest.get(2) != Some(&"associations") => Err(not_found()),
        ("objects", _) => in_objects(method, rest, numeric, version == "v3"),
        ("associations", "v3") => Err(not_found()),
        ("associations", _) => in_associations(method, rest, numeric),
        ("owners", "v3") | ("pipelines", "v3") | ("properties", "v3") => {
            in_catalog(method, family, rest)
        }
        ("owners" | "pipelines" | "properties", v) if v != "v4" => in_catalog(method, family, rest),
        _ => Err(not_found()),
    }
}

fn id(text: &str) -> Result<u64, Answer> {
    text.parse().map_err(|_| not_found())
}

fn in_objects(method: &str, rest: &[&str], numeric: bool, brief: bool) -> Result<Call, Answer> {
    let [kind, rest @ ..] = rest else { return Err(not_found()) };
    let kind = object(kind)?;
    match (method, rest) {
        ("GET", []) => Ok(Call::List(kind)),
        ("POST", []) => Ok(Call::Create(kind)),
        ("POST", ["search"]) => Ok(Call::Search(kind)),
        ("POST", ["batch", "read"]) => Ok(Call::BatchRead(kind)),
        ("POST", ["batch", "create"]) => Ok(Call::BatchCreate(kind)),
        ("POST", ["batch", "update"]) => Ok(Call::BatchUpdate(kind)),
        ("POST", ["batch", "archive"]) => Ok(Call::BatchArchive(kind)),
        ("POST", ["merge"]) => Ok(Call::Merge(kind)),
        ("POST", ["gdpr-delete"]) => Ok(Call::GdprDelete(kind)),
        ("GET", [record]) => Ok(Call::Get(kind, id(record)?)),
        ("PATCH", [record]) => Ok(Call::Update(kind, id(record)?)),
        ("DELETE", [record]) => Ok(Call::Archive(kind, id(record)?)),
        ("GET", [record, "associations", to]) => {
            Ok(Call::LinksOf { from: kind, id: id(record)?, to: object(to)?, numeric, brief })
        }
        ("PUT", [record, "associations", "default", to, other]) => {
            Ok(Call::Link((kind, id(record)?), (object(to)?, id(other)?)))
        }
        ("PUT", [record, "associations", to, other]) => {
            Ok(Call::LinkTyped((kind, id(record)?), (object(to)?, id(other)?)))
        }
        ("DELETE", [record, "associations", to, other]) => {
            Ok(Call::Unlink((kind, id(record)?), (object(to)?, id(other)?)))
        }
        (_, [] | [_] | ["batch", _]) => Err(no_such_method()),
        _ => Err(not_found()),
    }
}

fn in_associations(method: &str, rest: &[&str], numeric: bool) -> Result<Call, Answer> {
    let [from, to, "batch", action @ ..] = rest else { return Err(not_found()) };
    let (from, to) = (object(from)?, object(to)?);
    match (method, action) {
        ("POST", ["read"]) => Ok(Call::LinksBatch { from, to, numeric }),
        ("POST", ["create"]) => Ok(Call::LinkManyTyped(from, to)),
        ("POST", ["associate", "default"]) => Ok(Call::LinkMany(from, to)),
        ("POST", ["archive"]) => Ok(Call::UnlinkMany(from, to)),
        ("POST", _) => Err(not_found()),
        _ => Err(no_such_method()),
    }
}

fn in_catalog(method: &str, family: &str, rest: &[&str]) -> Result<Call, Answer> {
    if method != "GET" {
        return Err(no_such_method());
    }
    match (family, rest) {
        ("owners", []) => Ok(Call::Owners),
        ("owners", [owner]) => Ok(Call::Owner(id(owner)?)),
        ("pipelines", [kind, rest @ ..]) => {
            Ok(Call::Pipelines(object(kind)?, rest.iter().map(|s| (*s).to_owned()).collect()))
        }
        ("properties", [kind]) => Ok(Call::Properties(object(kind)?, None)),
        ("properties", [kind, name]) => {
            Ok(Call::Properties(object(kind)?, Some((*name).to_owned())))
        }
        _ => Err(not_found()),
    }
}

fn no_such_method() -> Answer {
    Answer::error(405, "METHOD_NOT_ALLOWED", "HTTP 405 Method Not Allowed")
}
