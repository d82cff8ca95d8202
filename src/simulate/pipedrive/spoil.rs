//! Turns a fault into a wrong answer: in place of the right one, or out of it.

use super::faults::{Fault, FaultKind};
use super::refusals::{error, gone, invalid, not_found, page, too_many, unauthorized};
use super::wire::{Answer, Manner};

fn of_status(status: u16) -> Answer {
    match status {
        400 => invalid("request", "Bad request"),
        401 => unauthorized(),
        402 => error(402, "Company account is not open (possible reason: trial expired)"),
        403 => error(403, "Scope and URL mismatch"),
        404 => not_found("Not found"),
        410 => gone(),
        429 => {
            let mut answer = too_many();
            answer.headers.push(("x-ratelimit-remaining", "0".to_owned()));
            answer
        }
        500 => error(500, "Internal server error"),
        // The vendor's edge answers in HTML.
        other => page(other),
    }
}

/// The answer that a fault gives in place of the right one, if it does so.
pub(super) fn instead(fault: &Fault) -> Option<Answer> {
    let mut answer = match fault.kind {
        FaultKind::Status(status) => of_status(status),
        FaultKind::Daily => {
            let mut answer = too_many();
            answer.headers.push(("x-daily-ratelimit-token-remaining", "0".to_owned()));
            answer
        }
        FaultKind::Html => page(200),
        FaultKind::HtmlBlocked => page(403),
        FaultKind::HtmlBusy => page(503),
        FaultKind::Empty => Answer::json(200, Vec::new()),
        FaultKind::Null => Answer::json(200, b"null".to_vec()),
        FaultKind::NullData => {
            let body = b"{\"success\":true,\"data\":null,\"additional_data\":null}";
            Answer::json(200, body.to_vec())
        }
        FaultKind::Redirect => {
            let mut answer = Answer::json(302, Vec::new());
            answer.headers.push(("Location", "https://app.pipedrive.com/auth/login".to_owned()));
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
        FaultKind::Slow => answer.delay_ms = fault.delay_ms.unwrap_or(3000),
        _ => {}
    }
    answer
}
