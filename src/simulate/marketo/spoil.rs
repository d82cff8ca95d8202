//! Turns a fault into a wrong answer: in place of the right one, or out of it.

use super::faults::{Fault, FaultKind};
use super::refusals::{identity, page, plain, refusal};
use super::route::Operation;
use super::wire::{Answer, Manner};

/// The codes of errors with the vendor's messages.
const MESSAGES: [(u16, &str); 22] = [
    (502, "Bad Gateway"),
    (600, "Access token not specified"),
    (601, "Access token invalid"),
    (602, "Access token expired"),
    (603, "Access denied"),
    (604, "Request timed out"),
    (606, "Max rate limit '100' exceeded with in '20' secs"),
    (607, "Daily API quota reached"),
    (608, "API Temporarily Unavailable"),
    (610, "Requested resource not found"),
    (611, "System error"),
    (614, "Invalid subscription"),
    (615, "Concurrent access limit reached"),
    (702, "No data found for given search scenario"),
    (713, "Transient Error"),
    (1003, "Invalid data"),
    (1004, "Lead not found"),
    (1006, "Field 'field' not found"),
    (1013, "Object not found"),
    (1025, "Program status not found"),
    (1029, "Too many jobs in queue"),
    (1035, "Unsupported filter type for target subscription: updatedAt"),
];

fn of_code(code: u16) -> Answer {
    let message = MESSAGES.iter().find(|known| known.0 == code).map_or("", |known| known.1);
    refusal(code, message)
}

fn of_status(status: u16, operation: Operation) -> Answer {
    match (status, operation) {
        (401, Operation::Token) => identity(401, "invalid_client", "Bad client credentials"),
        (404, Operation::BulkFile) => plain(404, "File not found"),
        (400, _) => page(400, "400 Bad Request"),
        (401, _) => page(401, "401 Authorization Required"),
        (404, _) => page(404, "404 Not Found"),
        (413, _) => page(413, "413 Request Entity Too Large"),
        (414, _) => page(414, "414 Request-URI Too Large"),
        (429, _) => page(429, "429 Too Many Requests"),
        (500, _) => page(500, "500 Internal Server Error"),
        (504, _) => page(504, "504 Gateway Time-out"),
        _ => page(503, "503 Service Temporarily Unavailable"),
    }
}

/// The answer that a fault gives in place of the right one, if it does so.
pub(super) fn instead(fault: &Fault, operation: Operation) -> Option<Answer> {
    let mut answer = match fault.kind {
        FaultKind::Status(status) => of_status(status, operation),
        FaultKind::Code(code) => of_code(code),
        FaultKind::QueueFull => refusal(1029, "Too many jobs in queue"),
        FaultKind::Quota => refusal(1029, "Export daily quota 500MB exceeded."),
        FaultKind::AlreadyQueued => refusal(1029, "Job already queued"),
        FaultKind::Html => page(200, "Welcome"),
        FaultKind::HtmlBusy => of_status(503, operation),
        FaultKind::Empty => Answer::json(200, Vec::new()),
        FaultKind::Null => Answer::json(200, b"null".to_vec()),
        FaultKind::Redirect => {
            let mut answer = Answer::json(302, Vec::new());
            answer.headers.push(("Location", "https://login.marketo.com/".to_owned()));
            answer
        }
        FaultKind::Endless => {
            let pause_ms = fault.delay_ms.unwrap_or(20).max(1);
            let manner = Manner::Endless { pause_ms };
            return Some(Answer { manner, ..Answer::json(200, Vec::new()) });
        }
        _ => return None,
    };
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
        FaultKind::NoResult => {
            let told = serde_json::from_slice::<serde_json::Value>(&answer.body);
            if let Ok(serde_json::Value::Object(mut told)) = told {
                told.remove("result");
                answer.body = serde_json::Value::Object(told).to_string().into_bytes();
            }
        }
        _ => {}
    }
    answer
}
