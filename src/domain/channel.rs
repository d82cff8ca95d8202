//! Vendor values to the company's own channel names.
//!
//! Mapped when read and never when stored, so that a changed mapping needs no new sync.

use std::collections::BTreeMap;

/// Vendor value -> channel. What is not mapped keeps its own name; nothing stays nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChannelMap(pub BTreeMap<String, String>);

impl ChannelMap {
    /// The channel of a vendor's value.
    pub fn channel<'a>(&'a self, value: &'a str) -> &'a str {
        self.0.get(value).map_or(value, String::as_str)
    }

    /// Whether the configuration names this value.
    pub fn knows(&self, value: &str) -> bool {
        self.0.contains_key(value)
    }
}
