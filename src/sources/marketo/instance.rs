//! The endpoints: feeds by token, leads by id, programs by offset, exports by job.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::file::{Piece, piece};
use super::vendor::Failure;
use super::wire::{self, Listed, listed, text};
use crate::sources::SourceError;
use crate::sources::http::{Answer, Api, Request};

/// Leads of one question, and rows of one page of a feed.
pub const BATCH_ROWS: usize = 300;
/// Programs of one page.
const PROGRAM_ROWS: usize = 200;
/// Pages of one feed or list; more is an answer that never ends.
pub const PAGES_MAX: usize = 200_000;
/// Bytes of a file that are asked for at once: the rows of one piece are in memory together.
const PIECE_BYTES: u64 = 1 << 18;
/// "The status is updated at most every sixty seconds", and looks at it in one run: three hours.
const LOOK_MS: i64 = 60_000;
const LOOKS_MAX: usize = 180;
/// A file may not be there at once when its job is complete (tap-marketo 62).
const FILE_LOOKS_MAX: usize = 5;

/// An instance.
#[derive(Clone)]
pub struct Instance {
    /// Its API.
    pub api: Arc<Api>,
    /// Where the source stands in the configuration, for messages.
    pub place: String,
}

/// What an export is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bulk {
    /// Leads.
    Leads,
    /// Activities.
    Activities,
}

/// What a job made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made {
    /// Bytes of its file.
    pub bytes: u64,
    /// Rows of it, where that is told.
    pub rows: Option<u64>,
    /// `sha256:` and the hash of the file, where that is told.
    pub checksum: Option<String>,
}

/// How a job stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its file is there.
    Ready(Made),
    /// It is gone or failed; why.
    Lost(String),
}

impl Bulk {
    fn name(self) -> &'static str {
        match self {
            Bulk::Leads => "leads",
            Bulk::Activities => "activities",
        }
    }

    fn path(self, rest: &str) -> String {
        format!("/bulk/v1/{}/export{rest}", self.name())
    }

    fn operation(self, what: &str) -> String {
        format!("{what} an export of {}", self.name())
    }
}

impl Instance {
    async fn ask(&self, request: &Request) -> Result<Result<Listed, Failure>, SourceError> {
        self.api.read_answer(request, |answer| listed(&answer.body)).await
    }

    /// An answer; an error that nobody here deals with is the operation's.
    pub async fn list(&self, request: &Request) -> Result<Listed, SourceError> {
        let answer = self.ask(request).await?;
        answer.map_err(|failure| self.refused(&request.operation, &failure))
    }

    fn refused(&self, operation: &str, failure: &Failure) -> SourceError {
        SourceError::At {
            place: self.place.clone(),
            message: format!("{operation}: error {}: {}", failure.code, failure.message),
            mend: "look at the message; `paceline check` asks one question of each kind".into(),
        }
    }

    /// Where a feed begins that goes on from a time. Whether what carries that very second is told is in no document,
    /// so the one before it is asked for.
    pub async fn token(&self, since: Timestamp) -> Result<String, SourceError> {
        let since = since.checked_sub(jiff::SignedDuration::from_secs(1)).unwrap_or(since);
        let request =
            Request::get("ask where activities begin", "/rest/v1/activities/pagingtoken.json")
                .with("sinceDatetime", wire::second(since));
        let token = self.list(&request).await?.next;
        token.ok_or_else(|| self.api.unanswered(&request.operation, "there is no token"))
    }

    /// A page of a feed; none where its token is not known any more.
    pub async fn feed(
        &self,
        operation: &str,
        path: &str,
        wanted: &[(&'static str, String)],
        token: &str,
    ) -> Result<Option<Listed>, SourceError> {
        let mut request = Request::get(operation, path)
            .with("nextPageToken", token)
            .with("batchSize", BATCH_ROWS.to_string());
        request.query.extend(wanted.iter().cloned());
        match self.ask(&request).await? {
            Ok(page) => Ok(Some(page)),
            Err(failure) if failure.message.to_lowercase().contains("token") => Ok(None),
            Err(failure) => Err(self.refused(operation, &failure)),
        }
    }

    /// Leads by their ids; those that are gone are not among them.
    pub async fn leads(&self, ids: &[String], fields: &str) -> Result<Vec<Value>, SourceError> {
        let mut leads = Vec::with_capacity(ids.len());
        for some in ids.chunks(BATCH_ROWS) {
            let request = Request::get("read leads", "/rest/v1/leads.json")
                .with("filterType", "id")
                .with("filterValues", some.join(","))
                .with("fields", fields)
                .with("batchSize", BATCH_ROWS.to_string());
            leads.extend(self.list(&request).await?.items);
        }
        Ok(leads)
    }

    /// Names of the fields that the API user may see: name in the API -> name that people see.
    pub async fn lead_fields(&self) -> Result<BTreeMap<String, String>, SourceError> {
        let request = Request::get("ask for the fields of leads", "/rest/v1/leads/describe.json");
        let fields = self.list(&request).await?.items;
        let field = |field: &Value| {
            let name = text(field.get("rest")?, "name")?;
            Some((name, text(field, "displayName").unwrap_or_default()))
        };
        Ok(fields.iter().filter_map(field).collect())
    }

    /// Kinds of activity: name -> id. The ids may differ between instances.
    pub async fn activity_types(&self) -> Result<BTreeMap<String, String>, SourceError> {
        let path = "/rest/v1/activities/types.json";
        let request = Request::get("ask for the kinds of activity", path);
        let types = self.list(&request).await?.items;
        Ok(types.iter().filter_map(|own| Some((text(own, "name")?, text(own, "id")?))).collect())
    }

    /// Programs that changed since a time.
    pub async fn programs(&self, since: Option<Timestamp>) -> Result<Vec<Value>, SourceError> {
        let mut programs = Vec::new();
        for _ in 0..PAGES_MAX {
            let mut request = Request::get("list programs", "/rest/asset/v1/programs.json")
                .with("maxReturn", PROGRAM_ROWS.to_string())
                .with("offset", programs.len().to_string());
            if let Some(since) = since {
                request = request.with("earliestUpdatedAt", wire::second(since));
            }
            let page = match self.ask(&request).await? {
                Ok(page) => page.items,
                // "No assets found" is told as an error, too.
                Err(failure) if failure.code == "702" => Vec::new(),
                Err(failure) => return Err(self.refused(&request.operation, &failure)),
            };
            let count = page.len();
            programs.extend(page);
            if count < PROGRAM_ROWS {
                break;
            }
        }
        Ok(programs)
    }

    /// A program with its costs; none where it is gone.
    pub async fn program(&self, id: &str) -> Result<Option<Value>, SourceError> {
        let path = format!("/rest/asset/v1/program/{id}.json");
        match self.ask(&Request::get("read a program", path)).await {
            Ok(Ok(found)) => Ok(found.items.into_iter().next()),
            Ok(Err(_)) | Err(SourceError::NotThere(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes a job and puts it into the queue; the reason where this filter is not provided.
    pub async fn begin_job(
        &self,
        bulk: Bulk,
        body: &Value,
    ) -> Result<Result<String, Failure>, SourceError> {
        let operation = bulk.operation("create");
        let request = Request::post(&operation, bulk.path("/create.json"), body);
        let made = match self.queued(&request).await? {
            Ok(made) => made,
            Err(failure) => return Ok(Err(failure)),
        };
        let id = made.items.first().and_then(|job| text(job, "exportId"));
        let plain = |id: &String| id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        let id = id.filter(plain);
        // Seen by others: an answer without `result` (airbyte 73309).
        let id = id.ok_or_else(|| self.api.unanswered(&operation, "the job has no id"))?;
        self.enqueue(bulk, &id).await?;
        Ok(Ok(id))
    }

    async fn enqueue(&self, bulk: Bulk, id: &str) -> Result<(), SourceError> {
        let path = bulk.path(&format!("/{id}/enqueue.json"));
        let request = Request::post(bulk.operation("begin"), path, &json!({}));
        let queued = self.queued(&request).await?;
        queued.map(|_| ()).map_err(|failure| self.refused(&request.operation, &failure))
    }

    /// Asks until there is a place in the queue of jobs, which all integrations share. A day's quota of bytes that is
    /// spent has the same number, and is not waited for.
    async fn queued(&self, request: &Request) -> Result<Result<Listed, Failure>, SourceError> {
        for _ in 0..LOOKS_MAX {
            match self.ask(request).await? {
                Err(failure) if failure.code == "1029" => {
                    let words = failure.message.to_lowercase();
                    if words.contains("quota")
                        || words.contains("limit") && !words.contains("queue")
                    {
                        return Err(
                            self.later(&request.operation, "the day's quota of exports is spent")
                        );
                    }
                    if words.contains("already") {
                        return Ok(Ok(Listed::default()));
                    }
                }
                answer => return Ok(answer),
            }
            self.api.wait_ms(LOOK_MS).await;
        }
        Err(self.later(&request.operation, "the queue of exports is full"))
    }

    /// What must wait for another run.
    pub fn later(&self, operation: &str, why: &str) -> SourceError {
        let message = format!("{operation}: {why}");
        SourceError::Later { place: self.place.clone(), message }
    }

    /// Waits until a job is ready.
    pub async fn await_job(&self, bulk: Bulk, id: &str) -> Result<Standing, SourceError> {
        let path = bulk.path(&format!("/{id}/status.json"));
        let request = Request::get(bulk.operation("wait for"), path);
        for _ in 0..LOOKS_MAX {
            let status = match self.ask(&request).await {
                Err(SourceError::NotThere(_)) => return Ok(Standing::Lost("it is gone".into())),
                // A job of another API user, or one that is too old, is not known; the documents name no code for
                // it. A permission that is missing (603) is missing for a new job, too, and told by that.
                Err(SourceError::At { message, .. }) => return Ok(Standing::Lost(message)),
                status => status?,
            };
            let status = match status {
                Ok(found) => found.items.into_iter().next().unwrap_or_default(),
                Err(failure) => return Ok(Standing::Lost(failure.message)),
            };
            match text(&status, "status").unwrap_or_default().to_lowercase().as_str() {
                "completed" => {
                    let number = |name: &str| status.get(name).and_then(Value::as_u64);
                    let bytes = number("fileSize").unwrap_or(0);
                    let rows = number("numberOfRecords");
                    let checksum = text(&status, "fileChecksum");
                    return Ok(Standing::Ready(Made { bytes, rows, checksum }));
                }
                // It was made and never began: the run before was cut off between the two.
                "created" => {
                    self.enqueue(bulk, id).await?;
                    self.api.wait_ms(LOOK_MS).await;
                }
                // Both spellings are in use.
                "failed" | "canceled" | "cancelled" => {
                    let why = text(&status, "errorMsg").unwrap_or_else(|| "it failed".into());
                    return Ok(Standing::Lost(why));
                }
                _ => self.api.wait_ms(LOOK_MS).await,
            }
        }
        Err(self.api.unanswered(&request.operation, "the job is not ready after three hours"))
    }

    /// The next piece of a job's file; none where the file is not there.
    pub async fn piece(
        &self,
        bulk: Bulk,
        id: &str,
        (offset, bytes): (u64, u64),
        header: &[String],
    ) -> Result<Option<Piece>, SourceError> {
        let path = bulk.path(&format!("/{id}/file.json"));
        let mut request = Request::get(bulk.operation("read"), path);
        request.accept = "text/csv";
        let last = (offset + PIECE_BYTES).min(bytes).saturating_sub(1);
        request.range = Some((offset, last));
        for _ in 0..FILE_LOOKS_MAX {
            let read = self
                .api
                .read_answer(&request, |answer| part(answer, (offset, last), bytes, header));
            match read.await {
                Err(SourceError::NotThere(_)) => self.api.wait_ms(LOOK_MS).await,
                other => return other.map(Some),
            }
        }
        Ok(None)
    }
}

/// The rows of an answer that holds the bytes between, or the whole file.
fn part(
    answer: &Answer,
    (offset, last): (u64, u64),
    bytes: u64,
    header: &[String],
) -> Result<Piece, String> {
    let whole = answer.status != 206;
    let (from, length) = (usize::try_from(offset), usize::try_from(last + 1 - offset));
    let (Ok(from), Ok(length)) = (from, length) else { return Err("it is too large".into()) };
    let body = if whole { answer.body.get(from..) } else { Some(answer.body.as_slice()) };
    let body = body.and_then(|body| body.get(..length));
    let body =
        body.ok_or_else(|| format!("{} bytes where {length} were asked for", answer.body.len()))?;
    let mut found = piece(body, header, last + 1 >= bytes)?;
    found.text = body[..found.used].to_vec();
    Ok(found)
}
