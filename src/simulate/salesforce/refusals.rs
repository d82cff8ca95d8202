//! The bodies in which the vendor tells errors: a list with one entry, and for tokens an object.

use serde_json::json;

use super::soql::Refusal;
use super::wire::Answer;

/// The error of a data API.
pub(super) fn error(status: u16, code: &str, message: &str) -> Answer {
    let body = json!([{ "message": message, "errorCode": code }]);
    Answer::json(status, body.to_string().into_bytes())
}

/// The error of a data API that names fields.
pub(super) fn field_error(code: &str, message: &str, fields: &[&str]) -> Answer {
    let body = json!([{ "message": message, "errorCode": code, "fields": fields }]);
    Answer::json(400, body.to_string().into_bytes())
}

/// A query that is refused.
pub(super) fn refused(refusal: &Refusal) -> Answer {
    error(400, refusal.code, &refusal.message)
}

/// The error of the token endpoint.
pub(super) fn oauth_error(status: u16, error: &str, description: &str) -> Answer {
    let body = json!({ "error": error, "error_description": description });
    Answer::json(status, body.to_string().into_bytes())
}

/// There is nothing at this address.
pub(super) fn not_found() -> Answer {
    error(404, "NOT_FOUND", "The requested resource does not exist")
}

/// The session has ended, or never was.
pub(super) fn no_session() -> Answer {
    error(401, "INVALID_SESSION_ID", "Session expired or invalid")
}

/// The org's requests of the day are used up.
pub(super) fn over_limit() -> Answer {
    error(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
}

/// The place of the next page is not known any more.
pub(super) fn no_locator() -> Answer {
    error(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
}
