//! The bodies in which the vendor tells errors.

use super::wire::Answer;

impl Answer {
    /// The vendor's error body.
    pub(super) fn error(status: u16, category: &str, message: &str) -> Answer {
        Answer::json(status, error(category, message).to_string().into_bytes())
    }

    /// The 400 of a request that breaks rules of the vendor, each with a detail of its own.
    pub(super) fn invalid_for(message: &str, details: &[serde_json::Value]) -> Answer {
        let mut body = error("VALIDATION_ERROR", message);
        body["errors"] = serde_json::json!(details);
        Answer::json(400, body.to_string().into_bytes())
    }

    /// The 400 of a request that breaks a rule of the vendor.
    pub(super) fn invalid(message: &str) -> Answer {
        Answer::error(400, "VALIDATION_ERROR", message)
    }
}

fn error(category: &str, message: &str) -> serde_json::Value {
    serde_json::json!({
        "status": "error",
        "message": message,
        "correlationId": "5c2f0f1c-7d0e-4d3a-9a53-0f6b6a1c9e77",
        "category": category,
    })
}
