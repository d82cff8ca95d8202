//! The bodies in which the vendor tells errors.

use serde_json::json;

use super::wire::Answer;

/// The vendor's error body.
pub(super) fn error(status: u16, message: &str) -> Answer {
    let body = json!({
        "success": false,
        "error": message,
        "errorCode": status,
        "error_info": "Please check developers.pipedrive.com",
    });
    Answer::json(status, body.to_string().into_bytes())
}

/// The 400 of a parameter or a field that is not allowed.
pub(super) fn invalid(name: &str, what: &str) -> Answer {
    let body = json!({
        "success": false,
        "error": format!("Validation failed: {name}: {what}"),
        "code": "ERR_SCHEMA_VALIDATION_FAILED",
        "errorCode": 400,
        "error_info": "Please check developers.pipedrive.com",
    });
    Answer::json(400, body.to_string().into_bytes())
}

/// There is nothing at this address.
pub(super) fn not_found(message: &str) -> Answer {
    error(404, message)
}

/// The token is none, or none any more.
pub(super) fn unauthorized() -> Answer {
    error(401, "unauthorized access")
}

/// An endpoint of v1 that has been removed.
pub(super) fn gone() -> Answer {
    error(410, "This endpoint is out of support. Please use API v2.")
}

/// Too many requests, in two seconds or in a day.
pub(super) fn too_many() -> Answer {
    error(429, "request over limit")
}

const BLOCKED: &[u8] = b"<!DOCTYPE html>\n<html lang=\"en-US\"><head><title>Attention Required! | Cloudflare\
    </title></head><body><h1>Sorry, you have been blocked</h1><p>You are unable to access pipedrive.com\
    </p></body></html>\n";

/// A page of the vendor's edge in place of JSON.
pub(super) fn page(status: u16) -> Answer {
    Answer { content_type: "text/html; charset=UTF-8", ..Answer::json(status, BLOCKED.to_vec()) }
}
