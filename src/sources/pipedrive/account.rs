//! The endpoints: lists by cursor (v2) and by offset (v1), change logs, and what values are called.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::map::{address, is, text};
use crate::sources::SourceError;
use crate::sources::http::{Api, Request};

/// Records of a page.
pub const PAGE_ROWS: usize = 500;
/// Pages of one list; more is an answer that never ends.
pub const PAGES_MAX: usize = 100_000;
/// What answers cost of a day's budget, in the vendor's tokens ("Rate limiting": v2 costs half of v1).
const LIST_COST: u64 = 10;
const OLD_LIST_COST: u64 = 20;
const SMALL_COST: u64 = 5;

/// "Up to 100" ids in one question.
const IDS_MAX: usize = 100;

/// An account.
#[derive(Clone)]
pub struct Account {
    /// Its API.
    pub api: Arc<Api>,
}

/// A list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Deals that are not archived and not deleted.
    Deals,
    /// Deals that are archived: ordinary lists leave them out since July 2025.
    ArchivedDeals,
    /// Deals that were deleted in the last thirty days.
    DeletedDeals,
    /// Leads that are not archived.
    Leads,
    /// Leads that are.
    ArchivedLeads,
    /// Activities.
    Activities,
}

/// A page of a list.
#[derive(Debug, Default)]
pub struct Listed {
    /// The records.
    pub items: Vec<Value>,
    /// Where the next page begins: a cursor, or an offset.
    pub next: Option<String>,
}

impl List {
    /// The name in cursors and messages.
    pub fn name(self) -> &'static str {
        match self {
            List::Deals => "deals",
            List::ArchivedDeals => "archived deals",
            List::DeletedDeals => "deleted deals",
            List::Leads => "leads",
            List::ArchivedLeads => "archived leads",
            List::Activities => "activities",
        }
    }

    fn path(self) -> &'static str {
        match self {
            List::Deals | List::DeletedDeals => "/api/v2/deals",
            List::ArchivedDeals => "/api/v2/deals/archived",
            List::Leads => "/api/v1/leads",
            List::ArchivedLeads => "/api/v1/leads/archived",
            List::Activities => "/api/v2/activities",
        }
    }

    /// Whether it is paged by offset.
    pub fn is_old(self) -> bool {
        matches!(self, List::Leads | List::ArchivedLeads)
    }
}

impl Account {
    /// A page of a list, the oldest changes first.
    pub async fn page(
        &self,
        list: List,
        since: Option<&str>,
        next: Option<&str>,
        rows: usize,
    ) -> Result<Listed, SourceError> {
        let operation = format!("list {}", list.name());
        let mut request = Request::get(operation, list.path()).with("limit", rows.to_string());
        request.cost =
            if list.is_old() || list == List::ArchivedDeals { OLD_LIST_COST } else { LIST_COST };
        request = match list {
            List::Deals => request.with("status", "open,won,lost"),
            List::DeletedDeals => request.with("status", "deleted"),
            _ => request,
        };
        if list.is_old() {
            request = request.with("sort", "update_time ASC");
        } else {
            request = request.with("sort_by", "update_time").with("sort_direction", "asc");
        }
        if matches!(list, List::Deals | List::ArchivedDeals | List::DeletedDeals) {
            request = request.with("include_fields", "source_lead_id,next_activity_id");
        }
        if let Some(since) = since {
            request = request.with("updated_since", since);
        }
        if let Some(next) = next {
            request = request.with(if list.is_old() { "start" } else { "cursor" }, next);
        }
        self.listed(&request).await
    }

    async fn listed(&self, request: &Request) -> Result<Listed, SourceError> {
        self.api
            .read_answer(request, |answer| {
                let body: Value =
                    serde_json::from_slice(&answer.body).map_err(|error| error.to_string())?;
                let data = body.get("data").ok_or("it has no `data`")?;
                let items = match data {
                    // A list that is empty was seen as null beside `success`; a body that is null is none.
                    Value::Null if body.get("success") == Some(&Value::Bool(true)) => Vec::new(),
                    Value::Array(items) => items.clone(),
                    _ => return Err("`data` is no list".into()),
                };
                // On the last page `additional_data` may be null or missing.
                let more = body.get("additional_data").unwrap_or(&Value::Null);
                let cursor = text(more, "next_cursor");
                let page = more.get("pagination");
                let further = page.is_some_and(|page| {
                    page.get("more_items_in_collection") == Some(&Value::Bool(true))
                });
                let start = page.filter(|_| further).and_then(|page| text(page, "next_start"));
                if further && start.is_none() {
                    return Err("there is more, and it does not say where".into());
                }
                Ok(Listed { items, next: cursor.or(start) })
            })
            .await
    }

    /// What changed in a deal, over its whole life.
    pub async fn change_log(&self, deal: &str) -> Result<Vec<Value>, SourceError> {
        let mut rows = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let path = format!("/api/v1/deals/{deal}/changelog");
            let mut request = Request::get("read the change log of a deal", path)
                .with("limit", PAGE_ROWS.to_string());
            request.cost = OLD_LIST_COST;
            if let Some(next) = &next {
                request = request.with("cursor", next.as_str());
            }
            let page = self.listed(&request).await?;
            rows.extend(page.items);
            if page.next.is_none() || page.next == next {
                break;
            }
            next = page.next;
        }
        Ok(rows)
    }

    /// Whether a deal is not there any more.
    pub async fn is_gone(&self, deal: &str) -> Result<bool, SourceError> {
        let mut request = Request::get("ask for a deal", format!("/api/v2/deals/{deal}"));
        request.cost = 1;
        match self.api.json::<Value>(&request).await {
            Ok(body) => Ok(is(&body["data"], "is_deleted")),
            Err(SourceError::NotThere(_)) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// The addresses of people, by their ids; of those who have one and are there.
    pub async fn addresses(
        &self,
        people: &BTreeSet<String>,
    ) -> Result<BTreeMap<String, String>, SourceError> {
        let people: Vec<&str> = people.iter().map(String::as_str).collect();
        let mut addresses = BTreeMap::new();
        for some in people.chunks(IDS_MAX) {
            let mut request = Request::get("list persons", "/api/v2/persons")
                .with("ids", some.join(","))
                .with("limit", IDS_MAX.to_string());
            request.cost = LIST_COST;
            for person in self.listed(&request).await?.items {
                addresses.extend(text(&person, "id").zip(address(&person)));
            }
        }
        Ok(addresses)
    }

    /// Everybody who owns or owned records.
    pub async fn users(&self) -> Result<Vec<Value>, SourceError> {
        let mut request = Request::get("list users", "/api/v1/users");
        request.cost = OLD_LIST_COST;
        Ok(self.listed(&request).await?.items)
    }

    /// The pipelines' stages: id, name, pipeline.
    pub async fn stages(&self) -> Result<Vec<Value>, SourceError> {
        self.all("list stages", "/api/v2/stages", SMALL_COST).await
    }

    /// The pipelines: id, name.
    pub async fn pipelines(&self) -> Result<Vec<Value>, SourceError> {
        self.all("list pipelines", "/api/v2/pipelines", SMALL_COST).await
    }

    /// What the options of deal fields are called: field -> id -> label.
    pub async fn options(&self) -> Result<BTreeMap<String, BTreeMap<String, String>>, SourceError> {
        let fields = self.all("list deal fields", "/api/v2/dealFields", LIST_COST).await?;
        let option = |option: &Value| Some((text(option, "id")?, text(option, "label")?));
        let field = |field: &Value| {
            let name = text(field, "field_code").or_else(|| text(field, "key"))?;
            let options = field.get("options")?.as_array()?;
            Some((name, options.iter().filter_map(option).collect()))
        };
        Ok(fields.iter().filter_map(field).collect())
    }

    async fn all(&self, operation: &str, path: &str, cost: u64) -> Result<Vec<Value>, SourceError> {
        let mut items = Vec::new();
        let mut next: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let mut request = Request::get(operation, path).with("limit", PAGE_ROWS.to_string());
            request.cost = cost;
            if let Some(next) = &next {
                request = request.with("cursor", next.as_str());
            }
            let page = self.listed(&request).await?;
            items.extend(page.items);
            if page.next.is_none() || page.next == next {
                break;
            }
            next = page.next;
        }
        Ok(items)
    }

    /// Who the token belongs to: company and rights.
    pub async fn me(&self) -> Result<Value, SourceError> {
        let mut request = Request::get("ask who the token belongs to", "/api/v1/users/me");
        request.cost = 2;
        let body: Value = self.api.json(&request).await?;
        Ok(body.get("data").cloned().unwrap_or_default())
    }
}
