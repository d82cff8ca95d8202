//! What a plan wants beside the chain: mails that are to be sent, and positions in search results.

use crate::domain::period::Period;

/// Something to be reached that no rate leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// Its name.
    pub name: String,
    /// What.
    pub wanted: Wanted,
    /// The days it runs over.
    pub period: Period,
    /// File and line, for messages.
    pub place: String,
}

/// What is wanted.
#[derive(Clone, Debug, PartialEq)]
pub enum Wanted {
    /// So many mails sent, of one campaign or of all.
    Emails {
        /// The campaign's id.
        campaign: Option<String>,
        /// How many.
        count: u64,
    },
    /// This position for a keyword, or a better one.
    Position {
        /// The keyword.
        keyword: String,
        /// 1 is the first.
        position: f64,
    },
}
