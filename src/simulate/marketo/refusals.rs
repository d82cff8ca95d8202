//! The bodies in which the vendor tells results and errors, both of them with the status 200.

use serde_json::{Value, json};

use super::wire::Answer;

/// The warning with which the lists of assets end.
const NO_ASSETS: &str = "No assets found for the given search criteria.";

/// An answer with the given body. Who asked, and when, is filled in where all answers pass.
pub(super) fn body(body: &Value) -> Answer {
    Answer::json(200, body.to_string().into_bytes())
}

/// The rows of an answer.
pub(super) fn result(rows: Vec<Value>) -> Answer {
    body(&json!({"requestId": "", "success": true, "result": rows}))
}

/// The rows of an answer of the asset API, which ends its lists with a warning.
pub(super) fn assets(rows: Vec<Value>) -> Answer {
    let warnings: &[&str] = if rows.is_empty() { &[NO_ASSETS] } else { &[] };
    let mut told = json!({"requestId": "", "success": true, "errors": [], "warnings": warnings});
    if !rows.is_empty() {
        told["result"] = Value::Array(rows);
    }
    body(&told)
}

/// An error.
pub(super) fn refusal(code: u16, message: &str) -> Answer {
    let errors = json!([{"code": code.to_string(), "message": message}]);
    body(&json!({"requestId": "", "success": false, "errors": errors}))
}

/// A parameter is of another type.
pub(super) fn invalid(value: &str, wanted: &str) -> Answer {
    refusal(1001, &format!("Invalid value '{value}'. Required of type '{wanted}'"))
}

/// A parameter is not there.
pub(super) fn missing(name: &str) -> Answer {
    refusal(1002, &format!("Missing value for the required parameter '{name}'"))
}

/// A field that there is not.
pub(super) fn no_field(name: &str) -> Answer {
    refusal(1006, &format!("Field '{name}' not found"))
}

/// There is nothing at this address.
pub(super) fn no_resource() -> Answer {
    refusal(610, "Requested resource not found")
}

/// An error of the identity service, which does have statuses.
pub(super) fn identity(status: u16, error: &str, description: &str) -> Answer {
    let told = json!({"error": error, "error_description": description});
    Answer::json(status, told.to_string().into_bytes())
}

/// A page of the vendor's edge in place of JSON.
pub(super) fn page(status: u16, title: &str) -> Answer {
    let html = format!(
        "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1></center>\r\n\
         <hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
    );
    Answer { content_type: "text/html", ..Answer::json(status, html.into_bytes()) }
}

/// The refusal of a file, in plain text.
pub(super) fn plain(status: u16, text: &str) -> Answer {
    Answer { content_type: "text/plain", ..Answer::json(status, text.as_bytes().to_vec()) }
}
