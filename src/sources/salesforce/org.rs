//! The endpoints: queries page by page, what a kind of record has, and counts.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::soql::{self, IDS_MAX};
use super::wire::{self, Names, Refusal, Row, Rows};
use crate::sources::SourceError;
use crate::sources::http::{Api, Request};

/// Pages of one question; more is an answer that never ends.
const PAGES_MAX: usize = 100_000;

/// How often a question whose next page is lost is asked from its beginning.
const AGAIN_MAX: usize = 3;

/// A company at Salesforce.
#[derive(Clone)]
pub struct Org {
    /// Its API.
    pub api: Arc<Api>,
    /// The number of the API's version.
    pub version: String,
    /// Where the source stands in the configuration, for messages.
    pub place: String,
}

/// What a question asks.
#[derive(Clone, Debug)]
pub enum Ask {
    /// A question of its own, deleted and archived records included.
    All(String),
    /// A question of its own, about what lives.
    Living(String),
    /// The next page of one, at the path that the last page told.
    More(String),
}

/// What a field of a kind is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Whether it is worked out by a formula: its changes move no stamp.
    pub calculated: bool,
}

impl Org {
    /// The path of an endpoint of this version.
    pub fn path(&self, below: &str) -> String {
        format!("/services/data/v{}/{below}", self.version)
    }

    /// A page, or why the vendor refuses it.
    pub async fn page(
        &self,
        operation: &str,
        ask: &Ask,
        names: &Names,
    ) -> Result<Result<Rows, Refusal>, SourceError> {
        let request = match ask {
            Ask::All(question) => {
                Request::get(operation, self.path("queryAll")).with("q", question.as_str())
            }
            Ask::Living(question) => {
                Request::get(operation, self.path("query")).with("q", question.as_str())
            }
            Ask::More(path) => Request::get(operation, path.as_str()),
        };
        self.api
            .read_answer(&request, |answer| match Refusal::of(&answer.body) {
                Some(refusal) => Ok(Err(refusal)),
                None => wire::rows(&answer.body, names).map(Ok),
            })
            .await
    }

    /// All rows of a question, or why the vendor refuses it.
    pub async fn rows(
        &self,
        operation: &str,
        ask: Ask,
        names: &Names,
    ) -> Result<Result<Vec<Row>, Refusal>, SourceError> {
        let first = ask.clone();
        let (mut ask, mut rows, mut again) = (ask, Vec::new(), 0);
        for _ in 0..PAGES_MAX {
            let page = match self.page(operation, &ask, names).await? {
                Ok(page) => page,
                // The vendor forgot where it was: the whole question once more.
                Err(refusal) if refusal.code == "INVALID_QUERY_LOCATOR" && again < AGAIN_MAX => {
                    again += 1;
                    rows.clear();
                    ask = first.clone();
                    continue;
                }
                Err(refusal) => return Ok(Err(refusal)),
            };
            rows.extend(page.rows);
            let Some(next) = page.next else {
                self.counted(operation, rows.len() as u64, page.total)?;
                break;
            };
            ask = Ask::More(self.checked(operation, next)?);
        }
        Ok(Ok(rows))
    }

    /// Rows whose field is one of these ids, asked for in groups that fit into an address. Histories may be
    /// hidden, and are empty then; other kinds were there when they were described, and are an error.
    pub async fn rows_of(
        &self,
        operation: &str,
        select: &str,
        (field, more): (&str, &str),
        ids: &[String],
        names: &Names,
    ) -> Result<Vec<Row>, SourceError> {
        let mut rows = Vec::new();
        let mut groups: Vec<&[String]> = ids.chunks(IDS_MAX).rev().collect();
        while let Some(ids) = groups.pop() {
            let question = format!("{select} WHERE {}{more}", soql::within(field, ids));
            match self.rows(operation, Ask::All(question), names).await? {
                Ok(found) => rows.extend(found),
                // Fewer ids take less time.
                Err(refusal) if refusal.code == "QUERY_TIMEOUT" && ids.len() > 1 => {
                    let (one, other) = ids.split_at(ids.len() / 2);
                    groups.extend([other, one]);
                }
                Err(refusal) if refusal.is_hidden() && may_be_hidden(select) => {
                    return Ok(Vec::new());
                }
                Err(refusal) => return Err(self.refused(operation, &refusal)),
            }
        }
        Ok(rows)
    }

    /// Whether there is any record of a kind; where that is refused there may be.
    pub async fn has_any(&self, object: &str) -> Result<bool, SourceError> {
        let names: Names = Arc::from(vec!["Id".to_owned()]);
        let operation = format!("look for any {object}");
        let ask = Ask::All(format!("SELECT Id FROM {object} LIMIT 1"));
        Ok(self.rows(&operation, ask, &names).await?.map_or(true, |rows| !rows.is_empty()))
    }

    /// How many rows a question has.
    pub async fn count(
        &self,
        operation: &str,
        ask: Ask,
    ) -> Result<Result<u64, Refusal>, SourceError> {
        let names: Names = Arc::from(Vec::new());
        let page = self.page(operation, &ask, &names).await?;
        Ok(page.map(|page| page.total.unwrap_or(0)))
    }

    /// The fields of a kind of record that this user may see; none where it is hidden, or where the version of the
    /// API is not known, which looks the same.
    pub async fn describe(
        &self,
        object: &str,
    ) -> Result<Option<BTreeMap<String, Field>>, SourceError> {
        let operation = format!("describe {object}");
        let path = self.path(&format!("sobjects/{object}/describe"));
        let request = Request::get(operation, path);
        let described = self.api.read_answer(&request, |answer| {
            if let Some(refusal) = Refusal::of(&answer.body) {
                return Ok(Err(refusal));
            }
            let value: Value =
                serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
            let fields =
                value.get("fields").and_then(Value::as_array).ok_or("it has no `fields`")?;
            let field = |field: &Value| {
                let calculated = field.get("calculated").and_then(Value::as_bool).unwrap_or(false);
                Some((field.get("name")?.as_str()?.to_owned(), Field { calculated }))
            };
            Ok(Ok(fields.iter().filter_map(field).collect()))
        });
        match described.await {
            Ok(Ok(fields)) => Ok(Some(fields)),
            Ok(Err(refusal)) if refusal.is_hidden() => Ok(None),
            Ok(Err(refusal)) => Err(self.refused(&request.operation, &refusal)),
            Err(SourceError::NotThere(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The numbers of the versions that the company's server speaks.
    pub async fn versions(&self) -> Result<Vec<String>, SourceError> {
        let request = Request::get("list the API's versions", "/services/data/");
        let versions: Vec<Value> = self.api.json(&request).await?;
        let number = |version: &Value| Some(version.get("version")?.as_str()?.to_owned());
        Ok(versions.iter().filter_map(number).collect())
    }

    /// A path of the vendor's that is one: it leads nowhere else.
    pub fn checked(&self, operation: &str, path: String) -> Result<String, SourceError> {
        if path.starts_with("/services/data/") && !path.contains("..") {
            return Ok(path);
        }
        Err(self.api.unanswered(operation, "the next page is at no path of the API"))
    }

    /// Fewer rows than the answer itself says there are is no answer.
    pub fn counted(
        &self,
        operation: &str,
        rows: u64,
        total: Option<u64>,
    ) -> Result<(), SourceError> {
        match total {
            Some(total) if total != rows => {
                let why = format!("the pages hold {rows} rows and say that there are {total}");
                Err(self.api.unanswered(operation, &why))
            }
            _ => Ok(()),
        }
    }

    /// A refusal as an error that names what was asked.
    pub fn refused(&self, operation: &str, refusal: &Refusal) -> SourceError {
        let mend = match refusal.code.as_str() {
            "INVALID_FIELD" => {
                "look whether the fields that the configuration names exist and the integration user may \
                 see them: `paceline check` lists those that it may not"
            }
            "API_DISABLED_FOR_ORG" => {
                "give the integration user \"API Enabled\", and look whether the company's edition has the API"
            }
            "QUERY_TIMEOUT" => "the company's server takes too long; the next sync tries again",
            _ => "look whether the integration user may read these records: `paceline check` tells",
        };
        SourceError::At {
            place: self.place.clone(),
            message: format!("{operation}: {}: {}", refusal.code, refusal.words),
            mend: mend.to_owned(),
        }
    }
}

/// Whether a question is about a history.
fn may_be_hidden(select: &str) -> bool {
    select.ends_with("History")
}
