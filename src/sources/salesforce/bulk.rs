//! A first load of many rows by Bulk API 2.0: one job, whose results come as CSV, page by page.

use serde_json::{Value, json};

use super::cursor::Job;
use super::org::Org;
use super::wire::{Names, Refusal, Row, csv_rows};
use crate::sources::SourceError;
use crate::sources::http::Request;

/// Rows of one page of results: a few megabytes.
const RESULT_ROWS: u64 = 10_000;
/// Waits between two looks at a job, the first and the longest.
const LOOK_MS: i64 = 1_000;
const LOOK_MS_MAX: i64 = 20_000;
/// Looks at a job in one run, about an hour; the next run goes on looking.
const LOOKS_MAX: usize = 180;

/// How a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its results can be read: so many rows.
    Ready(u64),
    /// It is gone or failed: rows are to be had another way.
    Lost,
}

/// A page of results.
#[derive(Debug)]
pub struct Results {
    /// The rows.
    pub rows: Vec<Row>,
    /// Where the next page begins; none at the end.
    pub locator: Option<String>,
}

impl Org {
    /// Begins a job; none where the vendor does not take it: jobs are switched off, not known for this kind of
    /// record, or the day's are used up.
    pub async fn begin_job(
        &self,
        operation: &str,
        question: &str,
    ) -> Result<Option<Job>, SourceError> {
        let body = json!({"operation": "queryAll", "query": question});
        let request = Request::post(operation, self.path("jobs/query"), &body);
        let begun = self.api.read_answer(&request, |answer| {
            if let Some(refusal) = Refusal::of(&answer.body) {
                return Ok(Err(refusal));
            }
            let job: Value =
                serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
            let id = job.get("id").and_then(Value::as_str).ok_or("the job has no id")?;
            let plain = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric());
            if !plain {
                return Err("the job's id is none".into());
            }
            Ok(Ok(Job { id: id.to_owned(), ..Job::default() }))
        });
        match begun.await {
            Ok(Ok(job)) => Ok(Some(job)),
            // Whatever the reason is, the rows can be read without it.
            Ok(Err(refusal)) => {
                tracing::info!(
                    code = refusal.code,
                    "{operation}: no bulk job, rows are read by REST"
                );
                Ok(None)
            }
            Err(SourceError::At { .. } | SourceError::NotThere(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Waits until a job is ready.
    pub async fn await_job(&self, operation: &str, job: &Job) -> Result<Standing, SourceError> {
        let request = Request::get(operation, self.path(&format!("jobs/query/{}", job.id)));
        let mut wait_ms = LOOK_MS;
        for _ in 0..LOOKS_MAX {
            let looked = self.api.read_answer(&request, |answer| {
                if Refusal::of(&answer.body).is_some() {
                    return Ok(Value::Null);
                }
                serde_json::from_slice(&answer.body).map_err(|error| error.to_string())
            });
            let status = match looked.await {
                Err(SourceError::NotThere(_)) => return Ok(Standing::Lost),
                status => status?,
            };
            match status["state"].as_str() {
                Some("JobComplete") => {
                    let rows = status["numberRecordsProcessed"].as_u64();
                    let rows = rows.ok_or_else(|| {
                        self.api.unanswered(operation, "the job does not say how many rows it has")
                    })?;
                    return Ok(Standing::Ready(rows));
                }
                Some("Failed" | "Aborted") | None => return Ok(Standing::Lost),
                _ => {}
            }
            self.api.wait_ms(wait_ms).await;
            wait_ms = (wait_ms * 2).min(LOOK_MS_MAX);
        }
        Err(self.api.unanswered(operation, "the job is not ready after an hour"))
    }

    /// A page of a job's results; none where they are gone. A page that holds fewer rows than it says is asked
    /// for again.
    pub async fn results(
        &self,
        operation: &str,
        job: &Job,
        names: &Names,
    ) -> Result<Option<Results>, SourceError> {
        let path = self.path(&format!("jobs/query/{}/results", job.id));
        let mut request = Request::get(operation, path).with("maxRecords", RESULT_ROWS.to_string());
        if let Some(locator) = &job.locator {
            request = request.with("locator", locator.as_str());
        }
        request.accept = "text/csv";
        let read = self.api.read_answer(&request, |answer| {
            if Refusal::of(&answer.body).is_some() {
                return Ok(None);
            }
            let header = |name: &str| answer.headers.get(name)?.to_str().ok();
            let rows = csv_rows(&answer.body, names)?;
            let told = header("sforce-numberofrecords").and_then(|text| text.parse::<usize>().ok());
            if told.is_some_and(|told| told != rows.len()) {
                return Err(format!("{} rows where {told:?} were told", rows.len()));
            }
            // The end is the word `null`, and not a header that is missing: that may be a proxy's doing.
            let locator = header("sforce-locator").ok_or("it does not say where to go on")?;
            let locator = Some(locator.to_owned()).filter(|locator| locator != "null");
            Ok(Some(Results { rows, locator }))
        });
        match read.await {
            Err(SourceError::NotThere(_)) => Ok(None),
            // A place in the results that the vendor does not know any more.
            Err(SourceError::At { .. }) if job.locator.is_some() => Ok(None),
            other => other,
        }
    }
}
