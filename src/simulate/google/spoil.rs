//! Turns a fault into a wrong answer: in place of the right one, or out of it.

use super::faults::{Fault, FaultKind};
use super::refusals::{
    Api, disabled, error, exhausted, no_property, no_scope, no_site, oauth_error, page,
    quota_exceeded, rate_limited, reasoned, unauthenticated,
};
use super::wire::{Answer, Manner};

fn of_token(status: u16) -> Answer {
    match status {
        400 => oauth_error(400, "invalid_grant", "Invalid JWT Signature."),
        401 => oauth_error(401, "invalid_client", "The OAuth client was not found."),
        403 => oauth_error(403, "access_denied", "Account restricted."),
        429 => oauth_error(429, "rate_limit_exceeded", "Too many requests."),
        500 | 503 => oauth_error(status, "internal_failure", "Backend Error"),
        // The vendor's edge answers in HTML.
        other => page(other),
    }
}

fn of_analytics(status: u16) -> Answer {
    match status {
        400 => error(400, "Request contains an invalid argument."),
        401 => unauthenticated(Api::Analytics, false),
        403 => error(403, "The caller does not have permission"),
        404 => error(404, "Requested entity was not found."),
        429 => error(429, "Resource has been exhausted (e.g. check quota)."),
        500 => error(500, "Internal error encountered."),
        503 => error(503, "The service is currently unavailable."),
        504 => error(504, "Deadline expired before operation could complete."),
        other => page(other),
    }
}

fn of_search(status: u16) -> Answer {
    match status {
        400 => reasoned(400, "global", "badRequest", "Bad Request"),
        401 => unauthenticated(Api::Search, false),
        403 => reasoned(403, "global", "forbidden", "Forbidden"),
        404 => reasoned(404, "global", "notFound", "Not Found"),
        429 => rate_limited(429),
        500 => reasoned(500, "global", "internalError", "Internal Error"),
        503 => reasoned(503, "global", "backendError", "Backend Error"),
        504 => reasoned(504, "global", "backendError", "Deadline exceeded"),
        other => page(other),
    }
}

/// The answer that a fault gives in place of the right one, if it does so. Without an API it is the
/// token endpoint that answers.
pub(super) fn instead(fault: &Fault, api: Option<Api>, of: &str) -> Option<Answer> {
    let one = api.unwrap_or(Api::Analytics);
    let soon = "These quota tokens will return in under an hour.";
    let mut answer = match fault.kind {
        FaultKind::Status(status) => match api {
            None => of_token(status),
            Some(Api::Analytics) => of_analytics(status),
            Some(Api::Search) => of_search(status),
        },
        FaultKind::Html => page(200),
        FaultKind::HtmlBusy => page(503),
        FaultKind::Empty => Answer::json(200, Vec::new()),
        FaultKind::Null => Answer::json(200, b"null".to_vec()),
        FaultKind::Disabled => disabled(one),
        FaultKind::Scope => no_scope(one),
        FaultKind::Access if one == Api::Search => no_site(of),
        FaultKind::Access => no_property(),
        FaultKind::TokensPerDay => exhausted(
            "Exhausted property tokens per day. These quota tokens will return in under 24 hours.",
        ),
        FaultKind::TokensPerHour => {
            exhausted(&format!("Exhausted property tokens for a project per hour. {soon}"))
        }
        FaultKind::Concurrent => exhausted("Exhausted concurrent requests quota."),
        FaultKind::Thresholded => {
            exhausted(&format!("Exhausted potentially thresholded requests quota. {soon}"))
        }
        FaultKind::Quota => quota_exceeded(),
        FaultKind::Rate => rate_limited(403),
        FaultKind::Redirect => {
            let mut answer = Answer::json(302, Vec::new());
            answer.headers.push(("Location", "https://accounts.google.com/".to_owned()));
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
