//! What somebody knows of an alert.

use std::collections::BTreeSet;

use jiff::Timestamp;

/// What somebody has heard of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// When, last.
    pub at: Timestamp,
    /// The worst step that was told.
    pub level: usize,
    /// The records that were named.
    pub records: BTreeSet<String>,
    /// Whether the end was told.
    pub ended: bool,
}
