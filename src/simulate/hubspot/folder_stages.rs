//! The stages that the rows of a folder tell of a deal.

use jiff::Timestamp;

use super::folder_rows::Row;

/// The stage of deals that name none.
pub(super) const FIRST_STAGE: &str = "appointmentscheduled";

/// What a property was from which instant on.
pub(super) type History = Vec<(Option<String>, Timestamp)>;

/// The id of a stage: its name, but for the two that close a deal.
pub(super) fn stage_id(told: &str) -> &str {
    let plain: String = told.chars().filter(|c| c.is_alphanumeric()).collect();
    match plain.to_lowercase().as_str() {
        "won" | "closedwon" => "closedwon",
        "lost" | "closedlost" => "closedlost",
        _ => told,
    }
}

/// The stages of a deal, oldest first: its first at creation, the changes, and the close.
pub(super) fn stage_history(
    row: &Row<'_>,
    stage: &str,
    created: Option<Timestamp>,
    closed: Option<Timestamp>,
    modified: Timestamp,
    changes: &[(Timestamp, Row<'_>)],
) -> History {
    let mut history = History::new();
    let told_first = changes.first().map_or(row.cell("stage"), |change| change.1.cell("from"));
    let first = match stage_id(told_first) {
        "" | "closedwon" | "closedlost" => FIRST_STAGE,
        other => other,
    };
    if let Some(at) = created {
        history.push((Some(first.to_owned()), at));
    }
    for (at, change) in changes {
        let to = stage_id(change.cell("to"));
        history.push((Some(to.to_owned()).filter(|t| !t.is_empty()), *at));
    }
    let is_last = history.last().is_some_and(|(value, _)| value.as_deref() == Some(stage));
    if !is_last {
        history.push((Some(stage.to_owned()), closed.unwrap_or(modified)));
    }
    history
}
