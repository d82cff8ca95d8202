//! `batchRunReports`: up to five reports at once, each of which counts as one.

use serde_json::Value;

use super::message::{items, only};
use super::refusals::invalid;
use super::wire::Answer;

const MAX_REPORTS: usize = 5;

/// The requests of a batch, all of which must be about its property.
pub(super) fn requests<'m>(batch: &'m Value, id: &str) -> Result<&'m [Value], Answer> {
    only(batch, "", &["property", "requests"])?;
    let requests = items(batch, "requests")?;
    if requests.is_empty() || requests.len() > MAX_REPORTS {
        let count = requests.len();
        return Err(invalid(&format!(
            "Batch requests are limited to {MAX_REPORTS} requests and need one. This request has {count}."
        )));
    }
    let own = format!("properties/{id}");
    let other = |request: &&Value| {
        request["property"].as_str().is_some_and(|told| !told.is_empty() && told != own)
    };
    match requests.iter().find(other) {
        Some(request) => Err(invalid(&format!(
            "The property {} of a request is not the property {own} of the batch.",
            request["property"]
        ))),
        None => Ok(requests),
    }
}

/// The answer to a batch, from the reports as JSON.
pub(super) fn answer(reports: &[String]) -> Answer {
    let reports = reports.join(",\n");
    let body =
        format!("{{\"reports\": [{reports}],\n\"kind\": \"analyticsData#batchRunReports\"}}\n");
    Answer::json(200, body.into_bytes())
}
