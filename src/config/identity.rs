//! `[identity]`: one person in several sources.

use super::reader::Reader;

/// How people are told who are in several sources.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// The source whose leads count; the one that reports opportunities when absent.
    pub crm: Option<String>,
    /// Whether people are matched by a keyed hash of their address, too.
    pub by_address: bool,
}

/// Reads `[identity]`; `sources` are the names that there are.
pub fn read(root: &Reader<'_>, sources: &[String]) -> Identity {
    let Some(table) = root.table("identity") else { return Identity::default() };
    let by_address = table.flag("email").unwrap_or(false);
    let crm = table.text("crm");
    if let Some(name) = crm.as_ref().filter(|name| !sources.contains(name)) {
        let mend = format!("name one of: {}", sources.join(", "));
        table.problem("crm", format!("there is no source `{name}`"), mend);
    }
    table.finish();
    Identity { crm, by_address }
}
