//! The log of activities, in the order of the times that they tell, not of their commitment.

use std::sync::Arc;

use serde_json::Value;

use super::kinds::Kind;

/// What an activity tells beside its primary attribute.
pub(super) type Attributes = Arc<[(&'static str, Value)]>;

/// An activity.
#[derive(Debug, Clone)]
pub(super) struct Activity {
    pub(super) id: u64,
    pub(super) lead: u64,
    pub(super) kind: &'static Kind,
    /// When it happened, which is what it tells.
    pub(super) at: i64,
    /// When it was committed: before that nobody sees it.
    pub(super) visible: i64,
    pub(super) campaign: Option<u64>,
    pub(super) primary_id: Option<i64>,
    pub(super) primary: Arc<str>,
    pub(super) attributes: Attributes,
}

/// A place in the log: that of the last activity which lies before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) at: i64,
    pub(super) id: u64,
}

impl Activity {
    /// Its place.
    pub(super) fn position(&self) -> Position {
        Position { at: self.at, id: self.id }
    }
}

/// All activities.
#[derive(Debug, Clone, Default)]
pub(super) struct Log {
    rows: Vec<Activity>,
    ids: u64,
    disordered: bool,
}

impl Log {
    /// Adds an activity, which gets the next id.
    pub(super) fn add(&mut self, mut activity: Activity) -> u64 {
        self.ids += 1;
        activity.id = self.ids;
        activity.visible = activity.visible.max(activity.at);
        self.disordered |= self.rows.last().is_some_and(|last| last.at > activity.at);
        self.rows.push(activity);
        self.ids
    }

    /// Puts what was added late where it belongs.
    pub(super) fn settle(&mut self) {
        if self.disordered {
            self.rows.sort_by_key(Activity::position);
            self.disordered = false;
        }
    }

    /// The activities behind a place, once the log is settled.
    pub(super) fn after(&self, position: Position) -> &[Activity] {
        let start = self.rows.partition_point(|row| row.position() <= position);
        &self.rows[start..]
    }

    pub(super) fn rows(&self) -> &[Activity] {
        &self.rows
    }

    pub(super) fn rows_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Activity> {
        self.rows.iter_mut()
    }

    /// Forgets what is not worth keeping.
    pub(super) fn retain(&mut self, keep: impl Fn(&Activity) -> bool) {
        self.rows.retain(keep);
    }
}
