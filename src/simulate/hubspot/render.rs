//! Renders records as the vendor tells them.

use super::json::{is_bare, push_id, push_instant, push_number, push_text};
use super::object::Object;
use super::portal::Portal;
use super::record::Record;

/// Where the value of a property comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The record's id.
    Id,
    /// The modified stamp.
    Modified,
    /// The record's packed properties.
    Stored(u16),
}

impl Portal {
    /// Where a property of a kind is found; none when the portal does not know it.
    pub(super) fn source(&self, object: Object, name: &str) -> Option<Source> {
        if name == "hs_object_id" {
            return Some(Source::Id);
        }
        if name == object.modified_property() {
            return Some(Source::Modified);
        }
        let number = self.names.find(name)?;
        let known = self.shelf(object).names.contains(&number)
            || super::catalog::standard_properties(object).contains(&name);
        known.then_some(Source::Stored(number))
    }
}

/// A property that was asked for, with its JSON key ready.
struct Field {
    key: Vec<u8>,
    source: Source,
}

/// How the rows of one answer look.
pub(super) struct Shape {
    object: Object,
    fields: Vec<Field>,
    history: Vec<Field>,
    /// Kinds whose links each row carries.
    pub(super) links: Vec<Object>,
    /// How many links of a kind a row carries at most.
    pub(super) links_page: usize,
    /// Tells numbers and booleans without quotes, against the vendor's habit.
    pub(super) bare_values: bool,
    /// Tells ids as numbers, against the vendor's habit.
    pub(super) bare_ids: bool,
}

impl Shape {
    /// The shape of rows with the given properties; names the portal does not know are ignored.
    pub(super) fn new(
        portal: &Portal,
        object: Object,
        properties: &[String],
        history: &[String],
    ) -> Shape {
        let always = [object.created_property(), "hs_object_id", object.modified_property()];
        let mut wanted: Vec<&str> = properties.iter().map(String::as_str).collect();
        wanted.extend(history.iter().map(String::as_str));
        let named: &[&str] = if wanted.is_empty() { object.default_properties() } else { &always };
        wanted.extend(named);
        Shape {
            object,
            fields: fields(portal, object, wanted),
            history: fields(portal, object, history.iter().map(String::as_str).collect()),
            links: Vec::new(),
            links_page: usize::MAX,
            bare_values: false,
            bare_ids: false,
        }
    }

    /// Appends one row.
    pub(super) fn push_row(&self, out: &mut Vec<u8>, portal: &Portal, record: &Record) {
        out.extend_from_slice(b"{\"id\":");
        push_id(out, record.id, self.bare_ids);
        out.extend_from_slice(b",\"properties\":{");
        for (at, field) in self.fields.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&field.key);
            self.push_value(out, record, field.source);
        }
        out.push(b'}');
        if !self.history.is_empty() {
            self.push_history(out, record);
        }
        out.extend_from_slice(b",\"createdAt\":");
        push_quoted_instant(out, record.created_ms);
        out.extend_from_slice(b",\"updatedAt\":");
        push_quoted_instant(out, record.modified_ms);
        match record.archived_ms {
            None => out.extend_from_slice(b",\"archived\":false"),
            Some(at_ms) => {
                out.extend_from_slice(b",\"archived\":true,\"archivedAt\":");
                push_quoted_instant(out, at_ms);
            }
        }
        self.push_links(out, portal, record);
        out.push(b'}');
    }

    fn push_value(&self, out: &mut Vec<u8>, record: &Record, source: Source) {
        match source {
            Source::Id => push_id(out, record.id, self.bare_values),
            Source::Modified => push_quoted_instant(out, record.modified_ms),
            Source::Stored(name) => match record.get(name) {
                None => out.extend_from_slice(b"null"),
                Some(value) if self.bare_values && is_bare(value) => {
                    out.extend_from_slice(value.as_bytes());
                }
                Some(value) => push_text(out, value),
            },
        }
    }

    fn push_history(&self, out: &mut Vec<u8>, record: &Record) {
        out.extend_from_slice(b",\"propertiesWithHistory\":{");
        for (at, field) in self.history.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            out.extend_from_slice(&field.key);
            let Source::Stored(name) = field.source else {
                out.extend_from_slice(b"[{\"value\":");
                self.push_value(out, record, field.source);
                out.extend_from_slice(b",\"timestamp\":");
                push_quoted_instant(out, record.modified_ms);
                out.extend_from_slice(b",\"sourceType\":\"CALCULATED\"}]");
                continue;
            };
            let Some(mut versions) = record.versions(name) else {
                out.extend_from_slice(b"null");
                continue;
            };
            // Newest first; of two at one instant the later written comes first.
            versions.reverse();
            versions.sort_by_key(|v| std::cmp::Reverse(v.at_ms));
            out.push(b'[');
            for (at, version) in versions.iter().enumerate() {
                out.extend_from_slice(if at > 0 { b",{\"value\":" } else { b"{\"value\":" });
                match version.value.as_deref() {
                    Some(value) if self.bare_values && is_bare(value) => {
                        out.extend_from_slice(value.as_bytes());
                    }
                    value => push_text(out, value.unwrap_or_default()),
                }
                out.extend_from_slice(b",\"timestamp\":");
                push_quoted_instant(out, version.at_ms);
                out.extend_from_slice(
                    b",\"sourceType\":\"CRM_UI\",\"sourceId\":\"userId:50000001\",\
                      \"updatedByUserId\":50000001}",
                );
            }
            out.push(b']');
        }
        out.push(b'}');
    }

    fn push_links(&self, out: &mut Vec<u8>, portal: &Portal, record: &Record) {
        let mut first = true;
        for &to in &self.links {
            let ids = portal.linked((self.object, record.id), to);
            if ids.is_empty() {
                continue;
            }
            out.extend_from_slice(if first { b",\"associations\":{" } else { b"," });
            first = false;
            push_text(out, to.plural());
            out.extend_from_slice(b":{\"results\":[");
            for (at, id) in ids.iter().take(self.links_page).enumerate() {
                out.extend_from_slice(if at > 0 { b",{\"id\":" } else { b"{\"id\":" });
                push_id(out, *id, self.bare_ids);
                let kind = format!("{}_to_{}", self.object.singular(), to.singular());
                out.extend_from_slice(b",\"type\":");
                push_text(out, &kind);
                out.push(b'}');
            }
            out.push(b']');
            if ids.len() > self.links_page {
                out.extend_from_slice(b",\"paging\":{\"next\":{\"after\":\"");
                push_number(out, self.links_page as u64);
                out.extend_from_slice(b"\"}}");
            }
            out.push(b'}');
        }
        if !first {
            out.push(b'}');
        }
    }
}

fn push_quoted_instant(out: &mut Vec<u8>, at_ms: i64) {
    out.push(b'"');
    push_instant(out, at_ms);
    out.push(b'"');
}

/// The known ones among names, in alphabetical order, each once.
fn fields(portal: &Portal, object: Object, mut names: Vec<&str>) -> Vec<Field> {
    names.sort_unstable();
    names.dedup();
    let field = |name: &str| {
        let source = portal.source(object, name)?;
        let mut key = Vec::with_capacity(name.len() + 3);
        push_text(&mut key, name);
        key.push(b':');
        Some(Field { key, source })
    };
    names.into_iter().filter_map(field).collect()
}
