//! The endpoints of bulk query jobs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::jobs::{Job, Jobs, State};
use super::org::Org;
use super::refusals::{error, refused};
use super::server::Ask;
use super::soql::{self, Item, Scope, Selection};
use super::wire::Answer;

/// Rows of one answer when the caller names no number.
const USUAL_ROWS: usize = 50_000;
const DELIMITERS: [(&str, char); 6] = [
    ("COMMA", ','),
    ("TAB", '\t'),
    ("SEMICOLON", ';'),
    ("PIPE", '|'),
    ("CARET", '^'),
    ("BACKQUOTE", '`'),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Wanted {
    operation: String,
    query: Option<String>,
    line_ending: Option<String>,
    column_delimiter: Option<String>,
    content_type: Option<String>,
}

fn answer(status: u16, body: &Value) -> Answer {
    Answer::json(status, body.to_string().into_bytes())
}

fn wrong(message: &str) -> Answer {
    error(400, "INVALIDJOB", message)
}

/// Makes a job, which runs at once but tells so only later.
pub(super) fn create(ask: &Ask, jobs: &mut Jobs) -> Result<Answer, Answer> {
    let wanted: Wanted = serde_json::from_slice(&ask.request.body)
        .map_err(|told| error(400, "JSON_PARSER_ERROR", &told.to_string()))?;
    let all = match wanted.operation.as_str() {
        "query" => false,
        "queryAll" => true,
        other => return Err(wrong(&format!("Unsupported operation: {other}"))),
    };
    if wanted.content_type.is_some_and(|told| told != "CSV") {
        return Err(wrong("contentType must be CSV"));
    }
    let line_ending = wanted.line_ending.unwrap_or_else(|| "LF".to_owned());
    let delimiter = wanted.column_delimiter.unwrap_or_else(|| "COMMA".to_owned());
    let known = DELIMITERS.iter().any(|known| known.0 == delimiter);
    if !known || !["LF", "CRLF"].contains(&line_ending.as_str()) {
        return Err(wrong("lineEnding or columnDelimiter is unknown"));
    }
    let query = soql::parse(wanted.query.as_deref().unwrap_or_default());
    let query = query.map_err(|refusal| refused(&refusal))?;
    if query.items.iter().any(|item| !matches!(item, Item::Field(_))) {
        return Err(error(400, "API_ERROR", "Aggregate Relationships not supported in Bulk Query"));
    }
    if query.offset.is_some() {
        return Err(error(400, "API_ERROR", "OFFSET clause not supported in Bulk Query"));
    }
    let now = ask.now.as_second();
    if jobs.today(now) >= ask.limits.bulk_jobs {
        let message = format!(
            "Max bulk v2 query jobs ({}) per 24 hrs has been reached",
            ask.limits.bulk_jobs
        );
        return Err(error(400, "LIMIT_EXCEEDED", &message));
    }
    let found = soql::run(ask.org, &query, Scope { all, now });
    let found = found.map_err(|refusal| refused(&refusal))?;
    let job = jobs.add(found, now, ask.org.user);
    job.operation = if all { "queryAll" } else { "query" };
    job.polls_left = ask.limits.bulk_polls;
    job.version = ask.version.to_owned();
    job.format = (line_ending, delimiter);
    if ask.failed_job {
        job.state = State::Failed;
    }
    Ok(answer(200, &job.told(false)))
}

fn found<'j>(ask: &Ask, jobs: &'j mut Jobs, id: &str) -> Result<&'j mut Job, Answer> {
    let job = jobs.find(id, ask.now.as_second());
    job.ok_or_else(|| error(404, "NOT_FOUND", "The requested resource does not exist"))
}

/// The state of a job.
pub(super) fn status(ask: &Ask, jobs: &mut Jobs, id: &str) -> Result<Answer, Answer> {
    let job = found(ask, jobs, id)?;
    job.poll();
    if ask.failed_job {
        job.state = State::Failed;
    }
    Ok(answer(200, &job.told(true)))
}

/// All jobs.
pub(super) fn list(jobs: &Jobs) -> Answer {
    let told: Vec<Value> = jobs.kept.iter().map(|job| job.told(false)).collect();
    answer(200, &json!({ "done": true, "records": told, "nextRecordsUrl": null }))
}

/// Stops a job.
pub(super) fn abort(ask: &Ask, jobs: &mut Jobs, id: &str) -> Result<Answer, Answer> {
    let body: Value = serde_json::from_slice(&ask.request.body).unwrap_or(Value::Null);
    let job = found(ask, jobs, id)?;
    if body["state"] != "Aborted" {
        return Err(error(400, "INVALIDJOBSTATE", "state must be Aborted"));
    }
    if !job.runs() {
        return Err(error(400, "INVALIDJOBSTATE", "Aborting already Completed Job not allowed"));
    }
    job.state = State::Aborted;
    Ok(answer(200, &job.told(false)))
}

/// Removes a job that has ended.
pub(super) fn delete(ask: &Ask, jobs: &mut Jobs, id: &str) -> Result<Answer, Answer> {
    let job = found(ask, jobs, id)?;
    if job.runs() {
        let message = "Deleting Job not allowed while it is being processed";
        return Err(error(400, "INVALIDJOBSTATE", message));
    }
    let key = job.id;
    jobs.kept.retain(|job| job.id != key);
    Ok(Answer::json(204, Vec::new()))
}

/// The place that a locator stands for.
fn place(locator: &str) -> Option<usize> {
    let bytes = STANDARD_NO_PAD.decode(locator).ok()?;
    String::from_utf8(bytes).ok()?.parse().ok()
}

/// Some of a job's rows.
pub(super) fn results(ask: &Ask, jobs: &mut Jobs, id: &str) -> Result<Answer, Answer> {
    let job = found(ask, jobs, id)?;
    if job.version != ask.version {
        return Err(error(409, "API_ERROR", "The job was created with another version"));
    }
    if job.state != State::JobComplete {
        let message = "can only download query results of successfully completed bulk job with \
                       status: JOB_COMPLETE";
        return Err(error(400, "JOB_NOT_COMPLETE", message));
    }
    let start = match ask.request.parameter("locator") {
        None => 0,
        Some(locator) => place(locator)
            .filter(|at| *at < job.keys.len())
            .ok_or_else(|| error(400, "INVALID_LOCATOR", "Invalid locator"))?,
    };
    let rows = match ask.request.parameter("maxRecords") {
        None => USUAL_ROWS,
        Some(told) => told
            .parse()
            .ok()
            .filter(|rows| *rows > 0)
            .ok_or_else(|| error(400, "API_ERROR", "maxRecords must be a positive number"))?,
    };
    let end = start.saturating_add(rows).min(job.keys.len());
    let locator = match end < job.keys.len() {
        true => STANDARD_NO_PAD.encode(end.to_string()),
        false => "null".to_owned(),
    };
    let stated = end - start;
    let told = if ask.short { end - stated.div_ceil(3) } else { end };
    let body = csv(ask.org, job, start, told);
    let mut answer = Answer::json(200, body.into_bytes());
    answer.content_type = "text/csv";
    answer.headers.push(("Sforce-NumberOfRecords", stated.to_string()));
    answer.headers.push(("Sforce-Locator", locator));
    Ok(answer)
}

/// The rows between two places, below the names of the columns.
fn csv(org: &Org, job: &Job, start: usize, end: usize) -> String {
    let mut out = String::new();
    let (Some(table), Selection::Fields(fields)) = (org.table(job.object), &job.selection) else {
        return out;
    };
    let delimiter = DELIMITERS.iter().find(|known| known.0 == job.format.1);
    let delimiter = delimiter.map_or(',', |known| known.1);
    let ending = if job.format.0 == "CRLF" { "\r\n" } else { "\n" };
    for (at, path) in fields.iter().enumerate() {
        if at > 0 {
            out.push(delimiter);
        }
        out.push_str(&format!("\"{}\"", path.name));
    }
    out.push_str(ending);
    for record in job.keys[start..end].iter().filter_map(|key| table.record(*key)) {
        for (at, path) in fields.iter().enumerate() {
            if at > 0 {
                out.push(delimiter);
            }
            path.value(org, record).write_csv(path.kind, &mut out);
        }
        out.push_str(ending);
    }
    out
}
