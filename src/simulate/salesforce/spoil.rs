//! Turns a fault into a wrong answer: in place of the right one, or out of it.

use super::faults::{Fault, FaultKind};
use super::refusals::{error, no_locator, no_session, not_found, oauth_error, over_limit};
use super::wire::{Answer, Manner};

const PAGE: &[u8] = b"<!DOCTYPE html>\n<html><head><title>Salesforce</title></head><body>\
    <h1>We are setting things up</h1><p>Your org will be back shortly.</p></body></html>\n";

fn html(status: u16) -> Answer {
    Answer { content_type: "text/html;charset=UTF-8", ..Answer::json(status, PAGE.to_vec()) }
}

fn of_status(status: u16, oauth: bool) -> Answer {
    match status {
        400 if oauth => oauth_error(400, "invalid_grant", "authentication failure"),
        401 | 403 if oauth => oauth_error(status, "invalid_client", "invalid client credentials"),
        500.. if oauth => oauth_error(status, "server_error", "server error"),
        400 => error(400, "UNKNOWN_EXCEPTION", "There was a problem with the request."),
        401 => no_session(),
        403 => {
            let message = "The REST API is not enabled for this Organization.";
            error(403, "API_DISABLED_FOR_ORG", message)
        }
        404 => not_found(),
        410 => error(410, "UNSUPPORTED_API_VERSION", "This version is not supported any more."),
        429 => error(429, "REQUEST_LIMIT_EXCEEDED", "Too many requests."),
        500 => error(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred."),
        503 => error(503, "SERVER_UNAVAILABLE", "The server is too busy. Please try again later."),
        // The vendor's edge answers in HTML.
        other => html(other),
    }
}

/// The answer that a fault gives in place of the right one, if it does so.
pub(super) fn instead(fault: &Fault, oauth: bool) -> Option<Answer> {
    let mut answer = match fault.kind {
        FaultKind::Status(status) => of_status(status, oauth),
        FaultKind::Html => html(200),
        FaultKind::HtmlBusy => html(503),
        FaultKind::Empty => Answer::json(200, Vec::new()),
        FaultKind::Null => Answer::json(200, b"null".to_vec()),
        FaultKind::Limit => over_limit(),
        FaultKind::Locator => no_locator(),
        FaultKind::Timeout => {
            error(400, "QUERY_TIMEOUT", "Your query request was running for too long.")
        }
        FaultKind::Redirect => {
            let mut answer = Answer::json(302, Vec::new());
            answer.headers.push(("Location", "https://login.salesforce.com/".to_owned()));
            answer
        }
        FaultKind::Endless => {
            let pause_ms = fault.delay_ms.unwrap_or(20).max(1);
            let manner = Manner::Endless { pause_ms };
            return Some(Answer { manner, ..Answer::json(200, Vec::new()) });
        }
        _ => return None,
    };
    if let Some(secs) = fault.retry_after_secs {
        answer.headers.push(("Retry-After", secs.to_string()));
    }
    answer.delay_ms = fault.delay_ms.unwrap_or(0);
    Some(answer)
}

/// Breaks a right answer after it has been made.
pub(super) fn after(fault: &Fault, mut answer: Answer) -> Answer {
    match fault.kind {
        FaultKind::Cut => answer.manner = Manner::Cut,
        FaultKind::TruncatedJson => answer.body.truncate(answer.body.len() / 2),
        FaultKind::WrongType => answer.content_type = "text/plain",
        _ => {}
    }
    let usual_ms = if fault.kind == FaultKind::Slow { 3000 } else { 0 };
    answer.delay_ms = fault.delay_ms.unwrap_or(usual_ms);
    answer
}
