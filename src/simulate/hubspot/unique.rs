//! Finds records by the value of a property that no two of them share.

use std::collections::{HashMap, HashSet};

use super::catalog::standard_properties;
use super::object::Object;
use super::portal::Portal;
use super::render::Source;

/// Whether values of a property may name records. Of the vendor's own only a contact's e-mail
/// address may; for others the portal holds no mark of it, so they are taken to.
pub(super) fn may_name(object: Object, name: &str) -> bool {
    (object == Object::Contact && name == "email") || !standard_properties(object).contains(&name)
}

/// A value as it is compared: the case of an e-mail address does not count.
pub(super) fn folded(name: &str, value: &str) -> String {
    if name == "email" { value.trim().to_lowercase() } else { value.to_owned() }
}

impl Portal {
    /// The records, live or archived, that have one of the values, by their folded value. Where
    /// several have the same, it is the one with the lowest id.
    pub(super) fn by_value<'a>(
        &self,
        object: Object,
        name: &str,
        values: impl Iterator<Item = &'a str>,
        archived: bool,
    ) -> HashMap<String, u64> {
        let wanted: HashSet<String> = values.map(|value| folded(name, value)).collect();
        let mut found = HashMap::new();
        let Some(Source::Stored(number)) = self.source(object, name) else { return found };
        if wanted.is_empty() {
            return found;
        }
        let rows = self.shelf(object).records.values();
        for record in rows.filter(|record| record.archived_ms.is_some() == archived) {
            let Some(value) = record.get(number) else { continue };
            let value = folded(name, value);
            if wanted.contains(&value) {
                found.entry(value).or_insert(record.id);
            }
        }
        found
    }
}
