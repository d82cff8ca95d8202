//! The bodies in which Google tells errors. The Data API names a status, Search Console a list of reasons
//! as well, and the token endpoint answers as OAuth says.

use serde_json::{Value, json};

use super::wire::Answer;

const HELP: &str = "https://developers.google.com/analytics/devguides/reporting/data/v1";
const PROJECT: &str = "123456789012";

/// The API that answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    Analytics,
    Search,
}

impl Api {
    /// As it is named in errors and in the faults file.
    pub(super) fn service(self) -> &'static str {
        match self {
            Api::Analytics => "analyticsdata.googleapis.com",
            Api::Search => "searchconsole.googleapis.com",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Api::Analytics => "Google Analytics Data API",
            Api::Search => "Google Search Console API",
        }
    }
}

fn answer(status: u16, body: &Value) -> Answer {
    Answer::json(status, format!("{body:#}\n").into_bytes())
}

/// The name of a status.
fn named(status: u16) -> &'static str {
    match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        429 => "RESOURCE_EXHAUSTED",
        500 => "INTERNAL",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "UNKNOWN",
    }
}

/// An error as the Data API tells it.
pub(super) fn error(status: u16, message: &str) -> Answer {
    let named = named(status);
    answer(status, &json!({"error": {"code": status, "message": message, "status": named}}))
}

fn detailed(status: u16, message: &str, details: &Value) -> Answer {
    let named = named(status);
    let error = json!({"code": status, "message": message, "status": named, "details": details});
    answer(status, &json!({ "error": error }))
}

/// An error as Search Console tells it.
pub(super) fn reasoned(status: u16, domain: &str, reason: &str, message: &str) -> Answer {
    let errors = json!([{"message": message, "domain": domain, "reason": reason}]);
    answer(status, &json!({"error": {"code": status, "message": message, "errors": errors}}))
}

/// An error of the token endpoint.
pub(super) fn oauth_error(status: u16, error: &str, description: &str) -> Answer {
    answer(status, &json!({"error": error, "error_description": description}))
}

/// A wrong argument of the Data API.
pub(super) fn invalid(message: &str) -> Answer {
    error(400, message)
}

/// A wrong argument of Search Console.
pub(super) fn wrong(message: &str) -> Answer {
    reasoned(400, "global", "invalidParameter", message)
}

fn violation(field: &str, description: &str) -> Answer {
    let mut told = json!({ "description": description });
    if !field.is_empty() {
        told["field"] = json!(field);
    }
    let kind = "type.googleapis.com/google.rpc.BadRequest";
    detailed(400, description, &json!([{"@type": kind, "fieldViolations": [told]}]))
}

/// A body that is no JSON, or not that of the message.
pub(super) fn bad_json(what: &str) -> Answer {
    violation("", &format!("Invalid JSON payload received. {what}"))
}

/// A field of the body whose value is not of its type.
pub(super) fn bad_field(field: &str, what: &str) -> Answer {
    violation(field, &format!("Invalid value at '{field}': {what}"))
}

fn info(reason: &str, api: Api) -> Value {
    json!({
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": reason,
        "domain": "googleapis.com",
        "metadata": {"service": api.service(), "consumer": format!("projects/{PROJECT}")},
    })
}

fn refused(status: u16, api: Api, message: &str, (old, new): (&str, &str)) -> Answer {
    let mut error = json!({
        "code": status,
        "message": message,
        "status": named(status),
        "details": [info(new, api)],
    });
    if api == Api::Search {
        error["errors"] = json!([{"message": message, "domain": "global", "reason": old}]);
    }
    answer(status, &json!({ "error": error }))
}

/// There is no token, or one that is not good (any more).
pub(super) fn unauthenticated(api: Api, missing: bool) -> Answer {
    let (begins, reason) = match missing {
        true => ("Request is missing required authentication credential.", "CREDENTIALS_MISSING"),
        false => ("Request had invalid authentication credentials.", "ACCESS_TOKEN_EXPIRED"),
    };
    let message = format!(
        "{begins} Expected OAuth 2 access token, login cookie or other valid authentication \
         credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
    );
    let mut answer = refused(401, api, &message, ("authError", reason));
    let realm = "Bearer realm=\"https://accounts.google.com/\"";
    answer.headers.push(("WWW-Authenticate", realm.to_owned()));
    answer
}

/// The token is not for this API.
pub(super) fn no_scope(api: Api) -> Answer {
    let reasons = ("insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    refused(403, api, "Request had insufficient authentication scopes.", reasons)
}

/// The API is not switched on for the project.
pub(super) fn disabled(api: Api) -> Answer {
    let (title, service) = (api.title(), api.service());
    let message = format!(
        "{title} has not been used in project {PROJECT} before or it is disabled. Enable it by \
         visiting https://console.developers.google.com/apis/api/{service}/overview?project={PROJECT} \
         then retry. If you enabled this API recently, wait a few minutes for the action to propagate \
         to our systems and retry."
    );
    refused(403, api, &message, ("accessNotConfigured", "SERVICE_DISABLED"))
}

/// The account may not read the property, or there is none.
pub(super) fn no_property() -> Answer {
    let message = format!(
        "User does not have sufficient permissions for this property. To learn more about Property \
         ID, see {HELP}/property-id."
    );
    error(403, &message)
}

/// The account may not read the site, or there is none.
pub(super) fn no_site(address: &str) -> Answer {
    let message = format!(
        "User does not have sufficient permission for site '{address}'. See also: \
         https://support.google.com/webmasters/answer/2451999."
    );
    reasoned(403, "global", "forbidden", &message)
}

/// A quota of the Data API is used up.
pub(super) fn exhausted(what: &str) -> Answer {
    error(429, &format!("{what} To learn more, see {HELP}/quotas"))
}

/// A quota of Search Console is used up.
pub(super) fn quota_exceeded() -> Answer {
    reasoned(403, "usageLimits", "quotaExceeded", "Quota Exceeded")
}

/// Too many requests of Search Console in a minute.
pub(super) fn rate_limited(status: u16) -> Answer {
    reasoned(status, "usageLimits", "rateLimitExceeded", "Rate Limit Exceeded")
}

/// The page of Google's edge.
pub(super) fn page(status: u16) -> Answer {
    let body = format!(
        "<!DOCTYPE html>\n<html lang=en><title>Error {status}</title><p><b>{status}.</b> <ins>That\u{2019}s an \
         error.</ins><p>The server could not do this. <ins>That\u{2019}s all we know.</ins>\n"
    );
    Answer { content_type: "text/html; charset=UTF-8", ..Answer::json(status, body.into_bytes()) }
}
