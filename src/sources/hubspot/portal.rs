//! HubSpot's endpoints, one function each, with their limits.
//!
//! Paths of the dated versions and of `v3`: developers.hubspot.com, "Migration guide". Associations
//! of `v3` are `v4`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::{Value, json};

use super::kind::{HISTORY, Kind};
use super::map::{Mapped, Mapper};
use super::wire::{Association, Item, Owner, Pipeline, Property, Results};
use crate::sources::http::{Api, Lane, Request};
use crate::sources::window::Ask;
use crate::sources::{Gone, SourceError};

/// Rows of a search page.
pub const SEARCH_LIMIT: usize = 200;
/// Results of one search, over all pages.
pub const SEARCH_ROWS_MAX: usize = 10_000;
/// Records of one batch, and of one that brings histories.
const BATCHES_AT_ONCE: usize = 4;
const BATCH_MAX: usize = 100;
const BATCH_WITH_HISTORY_MAX: usize = 50;
/// Records of one batch of associations, since February 2025.
const ASSOCIATIONS_MAX: usize = 1_000;
/// Pages of anything that is listed whole: more is an answer that never ends.
const PAGES_MAX: usize = 1_000_000;

/// A page of mapped records.
pub struct Listed {
    /// The records.
    pub records: Vec<Mapped>,
    /// Where the next page begins.
    pub after: Option<String>,
    /// How many there are over all pages, in a search.
    pub total: Option<u64>,
}

/// An account.
#[derive(Clone)]
pub struct Portal {
    /// Its API.
    pub api: Arc<Api>,
    /// The version in paths.
    pub version: String,
}

impl Portal {
    fn path(&self, group: &str, rest: &str) -> String {
        match (self.version.as_str(), group) {
            ("v3", "objects") => format!("/crm/v3/objects/{rest}"),
            ("v3", "associations") => format!("/crm/v4/associations/{rest}"),
            ("v3", group) => format!("/crm/v3/{group}/{rest}").trim_end_matches('/').to_owned(),
            (version, group) => {
                format!("/crm/{group}/{version}/{rest}").trim_end_matches('/').to_owned()
            }
        }
    }

    /// A page of a list.
    pub async fn list(
        &self,
        kind: Kind,
        mapper: &Mapper,
        archived: bool,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listed, SourceError> {
        let what = if archived { "list archived" } else { "list" };
        let mut request =
            Request::get(format!("{what} {}", kind.name()), self.path("objects", kind.name()))
                .with("limit", limit.to_string())
                .with("archived", archived.to_string())
                .with("properties", mapper.fields.properties(kind).join(","));
        if kind == Kind::Deals && !archived {
            request = request.with("propertiesWithHistory", HISTORY.join(","));
        }
        if let Some(after) = after {
            request = request.with("after", after);
        }
        self.listed(&request, kind, mapper).await
    }

    /// A page of what changed.
    pub async fn search(
        &self,
        kind: Kind,
        mapper: &Mapper,
        ask: &Ask,
    ) -> Result<Listed, SourceError> {
        let changed = kind.changed_property();
        let filter = |name: &str, operator: &str, value: String| json!({"propertyName": name, "operator": operator, "value": value});
        let (filters, sort, offset) = match ask {
            Ask::Since { from_ms, until_ms: None, offset } => {
                (vec![filter(changed, "GTE", from_ms.to_string())], changed, *offset)
            }
            Ask::Since { from_ms, until_ms: Some(until_ms), offset } => {
                let mut between = filter(changed, "BETWEEN", from_ms.to_string());
                between["highValue"] = Value::String(until_ms.to_string());
                (vec![between], changed, *offset)
            }
            Ask::At { at_ms, after_id } => {
                let mut filters = vec![filter(changed, "EQ", at_ms.to_string())];
                let greater = |id: &u64| filter("hs_object_id", "GT", id.to_string());
                filters.extend(after_id.as_ref().map(greater));
                (filters, "hs_object_id", 0)
            }
        };
        // Deals are read in full afterwards, since a search gives no history.
        let properties = match kind {
            Kind::Deals => vec![changed],
            kind => mapper.fields.properties(kind),
        };
        let mut body = json!({
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
            "properties": properties,
            "limit": SEARCH_LIMIT,
        });
        if offset > 0 {
            body["after"] = Value::String(offset.to_string());
        }
        let path = self.path("objects", &format!("{}/search", kind.name()));
        let mut request = Request::post(format!("search {}", kind.name()), path, &body);
        request.lane = Lane::Search;
        self.listed(&request, kind, mapper).await
    }

    /// When anything of this kind changed last, in milliseconds since 1970.
    pub async fn newest_change_ms(
        &self,
        kind: Kind,
        mapper: &Mapper,
    ) -> Result<Option<i64>, SourceError> {
        let changed = kind.changed_property();
        // Anything since the beginning; exactly 0 would be answered with status 500.
        let any = json!({"propertyName": changed, "operator": "GTE", "value": "1000"});
        let body = json!({
            "filterGroups": [{"filters": [any]}],
            "sorts": [{"propertyName": changed, "direction": "DESCENDING"}],
            "properties": [changed],
            "limit": 1,
        });
        let path = self.path("objects", &format!("{}/search", kind.name()));
        let mut request = Request::post(format!("search {}", kind.name()), path, &body);
        request.lane = Lane::Search;
        let listed = self.listed(&request, kind, mapper).await?;
        Ok(listed.records.iter().filter_map(|mapped| mapped.changed_ms).max())
    }

    /// How many records the vendor counts that were created before an instant.
    pub async fn count(
        &self,
        kind: Kind,
        before: jiff::Timestamp,
    ) -> Result<Option<u64>, SourceError> {
        let value = before.as_millisecond().to_string();
        let older = json!({"propertyName": "createdate", "operator": "LT", "value": value});
        let body = json!({
            "filterGroups": [{"filters": [older]}],
            "properties": [kind.changed_property()],
            "limit": 1,
        });
        let path = self.path("objects", &format!("{}/search", kind.name()));
        let mut request = Request::post(format!("count {}", kind.name()), path, &body);
        request.lane = Lane::Search;
        let read = |body: &[u8]| {
            let page: Results<Item<'_>> = whole(serde_json::from_slice(body)?)?;
            Ok(page.total)
        };
        self.api.read(&request, read).await
    }

    /// Records by id, in any order. Ids that the vendor does not know are missing, and one that was
    /// merged comes back under the survivor's id.
    pub async fn batch_read(
        &self,
        kind: Kind,
        mapper: &Mapper,
        ids: &[String],
        archived: bool,
    ) -> Result<Vec<Mapped>, SourceError> {
        let with_history = kind == Kind::Deals && !archived;
        let at_once = if with_history { BATCH_WITH_HISTORY_MAX } else { BATCH_MAX };
        let mut read = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(at_once) {
            let inputs: Vec<Value> = chunk.iter().map(|id| json!({"id": id})).collect();
            let history: &[&str] = if with_history { &HISTORY } else { &[] };
            let body = json!({
                "inputs": inputs,
                "properties": mapper.fields.properties(kind),
                "propertiesWithHistory": history,
            });
            let path = self.path("objects", &format!("{}/batch/read", kind.name()));
            let operation = format!("read a batch of {}", kind.name());
            let mut request = Request::post(operation, path, &body);
            if archived {
                request = request.with("archived", "true");
            }
            read.extend(self.listed(&request, kind, mapper).await?.records);
        }
        Ok(read)
    }

    /// As [`Portal::batch_read`] for living records, several batches at a time.
    pub async fn batch_read_all(
        &self,
        kind: Kind,
        mapper: &Mapper,
        ids: &[String],
    ) -> Result<Vec<Mapped>, SourceError> {
        let at_once = ids.len().div_ceil(BATCHES_AT_ONCE).max(1).next_multiple_of(10);
        let mut parts = ids.chunks(at_once);
        let mut next = || self.batch_read(kind, mapper, parts.next().unwrap_or_default(), false);
        let (a, b, c, d) = tokio::join!(next(), next(), next(), next());
        let mut read = a?;
        read.extend(b?);
        read.extend(c?);
        read.extend(d?);
        Ok(read)
    }

    /// What became of a record that is missing: merged, in the recycle bin since when, or unknown.
    pub async fn fate(&self, kind: Kind, mapper: &Mapper, id: &str) -> Result<Gone, SourceError> {
        if let Some(now) = self.get(kind, mapper, id, false).await? {
            let into = (now.id != id).then_some(now.id);
            return Ok(Gone { id: id.to_owned(), at: None, into });
        }
        let binned = self.get(kind, mapper, id, true).await?;
        let at = binned.and_then(|binned| binned.archived_at.flatten());
        Ok(Gone { id: id.to_owned(), at, into: None })
    }

    /// One record, or nothing where there is none.
    async fn get(
        &self,
        kind: Kind,
        mapper: &Mapper,
        id: &str,
        archived: bool,
    ) -> Result<Option<Mapped>, SourceError> {
        let path = self.path("objects", &format!("{}/{id}", kind.name()));
        let mut request = Request::get(format!("read one of {}", kind.name()), path)
            .with("archived", archived.to_string())
            .with("properties", mapper.fields.properties(kind).join(","));
        if kind == Kind::Deals {
            request = request.with("propertiesWithHistory", HISTORY.join(","));
        }
        let read = self
            .api
            .read(&request, |body| Ok(mapper.map(kind, &serde_json::from_slice::<Item<'_>>(body)?)))
            .await;
        match read {
            Ok(mapped) => Ok(Some(mapped)),
            Err(SourceError::NotThere(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn listed(
        &self,
        request: &Request,
        kind: Kind,
        mapper: &Mapper,
    ) -> Result<Listed, SourceError> {
        let read = |body: &[u8]| {
            let page: Results<Item<'_>> = whole(serde_json::from_slice(body)?)?;
            let known = page.results.iter().filter(|item| item.id.filled().is_some());
            let records = known.map(|item| mapper.map(kind, item)).collect();
            Ok(Listed { records, after: page.after(), total: page.total })
        };
        self.api.read(request, read).await
    }

    /// What each of these records is associated with; those with nothing are missing. Long lists come
    /// in pages of their own, which are followed.
    pub async fn associations(
        &self,
        from: Kind,
        to: Kind,
        ids: &[String],
    ) -> Result<HashMap<String, Vec<String>>, SourceError> {
        let mut found: HashMap<String, Vec<String>> = HashMap::new();
        let mut open: Vec<Value> = ids.iter().map(|id| json!({"id": id})).collect();
        let path = self.path("associations", &format!("{}/{}/batch/read", from.name(), to.name()));
        let operation = format!("read associations of {} with {}", from.name(), to.name());
        for _ in 0..PAGES_MAX {
            if open.is_empty() {
                return Ok(found);
            }
            let rest = open.split_off(open.len().min(ASSOCIATIONS_MAX));
            let request =
                Request::post(operation.as_str(), path.as_str(), &json!({"inputs": open}));
            open = rest;
            let page: Results<Association> =
                self.api.read(&request, |body| whole(serde_json::from_slice(body)?)).await?;
            for association in page.results {
                let Some(id) = association.from.id.filled().map(str::to_owned) else { continue };
                let after = association.paging.and_then(|paging| paging.next?.after.0);
                if let Some(after) = after {
                    open.push(json!({"id": id, "after": after}));
                }
                let known = found.entry(id).or_default();
                for target in association.to {
                    let target = target.to_object_id.filled().unwrap_or_default().to_owned();
                    if !target.is_empty() && !known.contains(&target) {
                        known.push(target);
                    }
                }
            }
        }
        Ok(found)
    }

    /// Everybody who owns or owned records.
    pub async fn owners(&self) -> Result<Vec<Owner>, SourceError> {
        let mut owners = Vec::new();
        for archived in [false, true] {
            let mut after: Option<String> = None;
            for _ in 0..PAGES_MAX {
                let mut request = Request::get("list owners", self.path("owners", ""))
                    .with("limit", "100")
                    .with("archived", archived.to_string());
                if let Some(after) = &after {
                    request = request.with("after", after);
                }
                let page: Results<Owner> = self.api.json(&request).await?;
                let next = page.after();
                owners.extend(page.results.into_iter().map(|owner| Owner {
                    archived: Some(archived || owner.archived.unwrap_or(false)),
                    ..owner
                }));
                if next.is_none() || next == after {
                    break;
                }
                after = next;
            }
        }
        Ok(owners)
    }

    /// The pipelines of deals.
    pub async fn pipelines(&self) -> Result<Vec<Pipeline>, SourceError> {
        let request = Request::get("read pipelines", self.path("pipelines", "deals"));
        let page: Results<Pipeline> = self.api.json(&request).await?;
        Ok(page.results)
    }

    /// The names of a kind's properties, with one request.
    pub async fn property_names(&self, kind: Kind) -> Result<Vec<String>, SourceError> {
        let operation = format!("list properties of {}", kind.name());
        let request = Request::get(operation, self.path("properties", kind.name()));
        let page: Results<Property> = self.api.json(&request).await?;
        Ok(page.results.into_iter().map(|property| property.name).collect())
    }
}

/// An answer of which no part failed. Ids that there are no records or no associations for are no
/// failure; anything else a second try may mend.
fn whole<T>(page: Results<T>) -> Result<Results<T>, serde_json::Error> {
    let failed = page.errors.iter().flatten().find_map(|error| {
        let class = [error.category.filled(), error.sub_category.filled()];
        let class = class.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let expected = class.contains("NOT_FOUND") || class.contains("NO_ASSOCIATIONS");
        (!expected).then_some(class)
    });
    match failed {
        Some(class) => {
            Err(serde::de::Error::custom(format!("a part of the batch failed ({class})")))
        }
        None => Ok(page),
    }
}

/// How an opportunity in each stage stands: the flag and the probability are strings, and a stage
/// that is closed with a chance of one is won.
pub fn stages(pipelines: &[Pipeline]) -> super::map::Stages {
    let mut stages = BTreeMap::new();
    for pipeline in pipelines {
        for stage in &pipeline.stages {
            let text = |name: &str| match stage.metadata.get(name) {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => String::new(),
            };
            let sure = text("probability").parse::<f64>().is_ok_and(|chance| chance >= 1.0);
            let outcome = match (text("isClosed") == "true", sure) {
                (true, true) => "won",
                (true, false) => "lost",
                (false, _) => "open",
            };
            let key = |text: &super::wire::Text<'_>| text.filled().unwrap_or_default().to_owned();
            stages.insert((key(&pipeline.id), key(&stage.id)), outcome);
        }
    }
    stages
}
