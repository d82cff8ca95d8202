//! What is wrong with the file itself, as opposed to a statement: the operator must be told, and not
//! over the outbox, which lies in that file.

use super::StoreError;

/// A trouble with the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// There is no room left.
    DiskFull,
    /// It cannot be written.
    ReadOnly,
    /// A page is broken, or it is no database.
    Damaged,
    /// The disk does not answer as it should.
    Unreadable,
}

impl Trouble {
    /// A short name.
    pub fn name(self) -> &'static str {
        match self {
            Trouble::DiskFull => "disk_full",
            Trouble::ReadOnly => "read_only",
            Trouble::Damaged => "damaged",
            Trouble::Unreadable => "unreadable",
        }
    }

    /// What is wrong, as a title.
    pub fn title(self) -> &'static str {
        match self {
            Trouble::DiskFull => "the disk of the database is full",
            Trouble::ReadOnly => "the database cannot be written",
            Trouble::Damaged => "the database is damaged",
            Trouble::Unreadable => "the disk of the database fails",
        }
    }

    /// What it means and what mends it.
    pub fn meaning(self) -> &'static str {
        match self {
            Trouble::DiskFull => {
                "nothing new is read, checked or sent until there is room; nothing stored is lost"
            }
            Trouble::ReadOnly => {
                "nothing new is read, checked or sent until the file and its folder can be written"
            }
            Trouble::Damaged => {
                "figures may be wrong: stop the daemon and put the newest sound backup in its place; \
                 the next sync reads what came since"
            }
            Trouble::Unreadable => "look at the disk and the system's log before anything else",
        }
    }
}

impl StoreError {
    /// What is wrong with the file, where that is the cause: SQLite's primary result codes, see
    /// sqlite.org/rescode.html.
    pub fn trouble(&self) -> Option<Trouble> {
        match self {
            StoreError::Damaged(_) => Some(Trouble::Damaged),
            StoreError::Database { cause, .. } => of(cause),
            StoreError::File { trouble, .. } => *trouble,
            _ => None,
        }
    }
}

/// What a database error says about the file.
pub(super) fn of(cause: &sqlx::Error) -> Option<Trouble> {
    let code = cause.as_database_error()?.code()?.parse::<u32>().ok()?;
    match code & 0xff {
        8 => Some(Trouble::ReadOnly),
        10 => Some(Trouble::Unreadable),
        11 | 26 => Some(Trouble::Damaged),
        13 => Some(Trouble::DiskFull),
        _ => None,
    }
}
