//! Vendor values to the company's own channel names.
//!
//! Mapped when read and never when stored, so that a changed mapping needs no new sync.

use std::collections::BTreeMap;

/// Vendor value -> channel. What is not mapped keeps its own name; nothing stays nothing.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChannelMap(pub BTreeMap<String, String>);

impl ChannelMap {
    /// The channel of a vendor's value.
    pub fn channel(&self, value: &str) -> String {
        self.0.get(value).cloned().unwrap_or_else(|| value.to_owned())
    }

    /// Whether the configuration names this value.
    pub fn knows(&self, value: &str) -> bool {
        self.0.contains_key(value)
    }
}
