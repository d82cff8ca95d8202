//! Turns a fault into a wrong answer: in place of the right one, or out of it.

use super::faults::{Fault, Kind};
use super::limits::refusal;
use super::wire::{Answer, Manner};

/// What a fault changes while an answer is being made.
#[derive(Debug, Clone, Default)]
pub(super) struct Spoil {
    /// Rows come in another order.
    pub(super) shuffle: bool,
    /// A row from before the asked time is among the rows.
    pub(super) stale_row: bool,
    /// Values are bare numbers and booleans.
    pub(super) bare_values: bool,
    /// Ids are numbers.
    pub(super) bare_ids: bool,
    /// This share of the inputs fails, with this category.
    pub(super) partial: Option<(f64, String)>,
}

impl Spoil {
    /// What the fault changes in the making.
    pub(super) fn from(fault: &Fault) -> Spoil {
        Spoil {
            shuffle: fault.kind == Kind::Shuffle,
            stale_row: fault.kind == Kind::StaleRow,
            bare_values: fault.kind == Kind::Numbers,
            bare_ids: fault.kind == Kind::IdsAsNumbers,
            partial: (fault.kind == Kind::Partial).then(|| (fault.share, fault.category.clone())),
        }
    }

    /// Whether the input at a place fails; the first always does, where any shall.
    pub(super) fn fails(&self, at: usize) -> bool {
        self.partial.as_ref().is_some_and(|(share, _)| {
            let failed = |inputs: usize| (inputs as f64 * share).ceil();
            failed(at + 1) > failed(at)
        })
    }

    /// Reorders rows so that neither the first nor the last stays in its place.
    pub(super) fn reorder(&self, ids: &mut [u64]) {
        if self.shuffle {
            ids.reverse();
            let half = ids.len() / 3;
            ids.rotate_left(half);
        }
    }
}

const PAGE: &[u8] = b"<!DOCTYPE html>\n<html><head><title>HubSpot</title></head><body>\
    <h1>We'll be right back</h1><p>Our engineers are on it.</p></body></html>\n";

fn html(status: u16) -> Answer {
    Answer { content_type: "text/html; charset=utf-8", ..Answer::json(status, PAGE.to_vec()) }
}

fn of_status(status: u16, fault: &Fault) -> Answer {
    match status {
        400 => Answer::invalid("There was a problem with the request."),
        401 => super::server::unauthorized(),
        403 => super::server::forbidden(&["crm.objects.contacts.read"]),
        404 => Answer::error(404, "OBJECT_NOT_FOUND", "resource not found"),
        405 => Answer::error(405, "METHOD_NOT_ALLOWED", "HTTP 405 Method Not Allowed"),
        423 => Answer::error(423, "LOCKED", "Too many changes at once; please wait"),
        429 => refusal(&fault.policy),
        477 => Answer::error(477, "MIGRATION_IN_PROGRESS", "Migration in progress"),
        520..=530 => Answer {
            content_type: "text/plain; charset=UTF-8",
            ..Answer::json(status, format!("error code: {status}").into_bytes())
        },
        other => Answer::error(other, "INTERNAL_ERROR", "internal error"),
    }
}

/// The answer that a fault gives in place of the right one, if it does so.
pub(super) fn instead(fault: &Fault) -> Option<Answer> {
    let mut answer = match fault.kind {
        Kind::Status(status) => of_status(status, fault),
        Kind::Html => html(200),
        Kind::HtmlBusy => html(503),
        Kind::Empty => Answer::json(200, Vec::new()),
        Kind::Null => Answer::json(200, b"null".to_vec()),
        Kind::Redirect => {
            let mut answer = Answer::json(302, Vec::new());
            answer.headers.push(("Location", "https://app.hubspot.com/login".to_owned()));
            answer
        }
        Kind::Endless => {
            let pause_ms = fault.delay_ms.unwrap_or(20).max(1);
            return Some(Answer { manner: Manner::Endless { pause_ms }, ..blank() });
        }
        _ => return None,
    };
    if let Some(secs) = fault.retry_after_secs {
        answer.headers.push(("Retry-After", secs.to_string()));
    }
    answer.delay_ms = fault.delay_ms.unwrap_or(0);
    Some(answer)
}

fn blank() -> Answer {
    Answer::json(200, Vec::new())
}

/// Breaks a right answer after it has been made.
pub(super) fn after(fault: &Fault, mut answer: Answer) -> Answer {
    match fault.kind {
        Kind::Cut => answer.manner = Manner::Cut,
        Kind::TruncatedJson => answer.body.truncate(answer.body.len() / 2),
        Kind::WrongType => answer.content_type = "text/plain",
        _ => {}
    }
    let usual_ms = if fault.kind == Kind::Slow { 3000 } else { 0 };
    answer.delay_ms = fault.delay_ms.unwrap_or(usual_ms);
    answer
}
