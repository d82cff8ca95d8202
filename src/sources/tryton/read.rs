//! Reading what changed: by the time of the last change and the number, which is exact, from a few
//! minutes before the last one seen, since a change is stamped before it is committed.

use std::collections::{BTreeMap, HashMap};

use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;

use super::map::{Revision, Row, records};
use super::rpc::{Fields, Rpc, untagged};
use crate::domain::{Object, Record};
use crate::sources::{Page, Part, ReadRequest, SourceError};

/// Records of a page.
const ROWS_PER_PAGE: u64 = 200;
/// How long a transaction may have been open when it was stamped.
const OVERLAP_MINUTES: i64 = 10;
/// Pages of one pass; more is an answer that never ends.
const PAGES_MAX: usize = 1_000_000;

/// A pass over the database.
pub struct Pass<'a> {
    /// The session.
    pub rpc: Rpc,
    /// The fields that there are.
    pub fields: Fields,
    /// What is asked for.
    pub request: &'a ReadRequest,
    /// Where pages go.
    pub pages: Sender<Page>,
}

/// A place in the order of changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Cursor {
    at: Timestamp,
    id: i64,
    /// Whether the pass before was cut off here.
    within: bool,
}

/// Our id of a note.
pub fn note_id(id: i64) -> String {
    format!("note:{id}")
}

impl Pass<'_> {
    /// Where a pass begins.
    fn start(&self, kind: &str) -> Option<(Timestamp, i64)> {
        let cursor: Cursor = serde_json::from_str(self.request.cursors.get(kind)?).ok()?;
        if self.request.full {
            return None;
        }
        if cursor.within {
            return Some((cursor.at, cursor.id));
        }
        Some((cursor.at.saturating_sub(OVERLAP_MINUTES.minutes()).ok()?, 0))
    }

    async fn send(
        &self,
        kind: &str,
        parts: Vec<Part>,
        place: Option<(Timestamp, i64)>,
        within: bool,
    ) -> Result<(), SourceError> {
        let cursor = place.and_then(|(at, id)| {
            let text = serde_json::to_string(&Cursor { at, id, within }).ok()?;
            Some((kind.to_owned(), text))
        });
        let page = Page { parts, cursor, rechecked: true, ..Page::default() };
        self.pages.send(page).await.map_err(|_| SourceError::StoreGone)
    }

    /// Leads and opportunities.
    pub async fn read_opportunities(&self) -> Result<(), SourceError> {
        let mut place = self.start("opportunities");
        for _ in 0..PAGES_MAX {
            let rows = self.rpc.opportunities(&self.fields, place, ROWS_PER_PAGE).await?;
            let last = rows.last().and_then(|row| Some((row.changed_at?, row.id)));
            let more = rows.len() as u64 == ROWS_PER_PAGE && last != place;
            let parts = self.parts_of(&rows).await?;
            place = last.or(place);
            self.send("opportunities", parts, place, more).await?;
            if !more {
                break;
            }
        }
        Ok(())
    }

    /// The records of some opportunities, with their histories.
    async fn parts_of(&self, rows: &[Row]) -> Result<Vec<Part>, SourceError> {
        let histories = self.histories(rows).await?;
        let mut parts: BTreeMap<Object, Vec<Record>> = BTreeMap::new();
        for row in rows {
            let revisions = histories.get(&row.id).map(Vec::as_slice).unwrap_or_default();
            for record in records(row, revisions) {
                parts.entry(record.object).or_default().push(record);
            }
        }
        Ok(parts.into_iter().map(|(object, records)| Part::of(object, records)).collect())
    }

    /// What each was from when on. One question for each instant at which any of them changed; the
    /// present one is known.
    async fn histories(&self, rows: &[Row]) -> Result<HashMap<i64, Vec<Revision>>, SourceError> {
        if rows.is_empty() {
            return Ok(HashMap::new());
        }
        let now: HashMap<i64, &Row> = rows.iter().map(|row| (row.id, row)).collect();
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let mut instants: BTreeMap<Timestamp, Vec<i64>> = BTreeMap::new();
        for (at, id) in self.rpc.revisions(&ids).await? {
            let known = instants.entry(at).or_default();
            if !known.contains(&id) {
                known.push(id);
            }
        }
        let mut histories: HashMap<i64, Vec<Revision>> = HashMap::new();
        let mut keep = |row: &Row, at: Timestamp| {
            let (state, owner) = (row.state.clone(), row.owner.clone());
            histories.entry(row.id).or_default().push(Revision { at, state, owner });
        };
        for (at, ids) in instants {
            let (present, past): (Vec<i64>, Vec<i64>) = ids
                .into_iter()
                .partition(|id| now.get(id).is_some_and(|row| row.changed_at == Some(at)));
            present.iter().filter_map(|id| now.get(id)).for_each(|row| keep(row, at));
            if !past.is_empty() {
                let then = self.rpc.opportunities_at(&past, at).await?;
                then.iter().for_each(|row| keep(row, at));
            }
        }
        Ok(histories)
    }

    /// Notes, each by the employee of the user who wrote it.
    pub async fn read_notes(&self, users: &HashMap<i64, String>) -> Result<(), SourceError> {
        let mut place = self.start("notes");
        for _ in 0..PAGES_MAX {
            let rows = self.rpc.notes(place, ROWS_PER_PAGE).await?;
            let last = rows
                .last()
                .and_then(|row| Some((untagged(&row["last_modified_at"])?, row["id"].as_i64()?)));
            let more = rows.len() as u64 == ROWS_PER_PAGE && last != place;
            let notes = rows.iter().filter_map(|row| note(row, users)).collect();
            place = last.or(place);
            self.send("notes", vec![Part::of(Object::Activity, notes)], place, more).await?;
            if !more {
                break;
            }
        }
        Ok(())
    }

    /// Employees are owners. Gives the employee of each user.
    pub async fn read_owners(&self) -> Result<HashMap<i64, String>, SourceError> {
        let everybody = json!([["active", "in", [true, false]]]);
        let fields = json!(["active", "party.name", "party.email"]);
        let params = json!([everybody, 0, null, null, fields, {}]);
        let method = "model.company.employee.search_read";
        let found = self.rpc.call("read employees", method, params).await?;
        let owners = found.as_array().into_iter().flatten().filter_map(owner).collect();
        let parts = vec![Part::of(Object::Owner, owners)];
        let cursor = Some(("owners".to_owned(), String::new()));
        let page = Page { parts, cursor, ..Page::default() };
        self.pages.send(page).await.map_err(|_| SourceError::StoreGone)?;
        let params = json!([everybody, 0, null, null, ["employee", "employees"], {}]);
        let found = self.rpc.call("read users", "model.res.user.search_read", params).await?;
        let users = found.as_array().into_iter().flatten().filter_map(|user| {
            // The current employee of a user, else the only one.
            let only = user["employees"].as_array().filter(|all| all.len() == 1);
            let employee = user["employee"].as_i64().or_else(|| only?.first()?.as_i64())?;
            Some((user["id"].as_i64()?, employee.to_string()))
        });
        Ok(users.collect())
    }
}

fn owner(row: &Value) -> Option<Record> {
    let mut record = Record::empty(Object::Owner, row["id"].as_i64()?.to_string());
    let text = |name: &str| {
        let text = row.get("party.")?.get(name)?.as_str()?;
        (!text.is_empty()).then(|| text.to_owned())
    };
    record.set("name", text("name"));
    record.set("email", text("email"));
    // Some versions give flags as numbers.
    let active = row["active"].as_bool().unwrap_or(row["active"].as_i64() != Some(0));
    record.set("active", Some(active.to_string()));
    Some(record)
}

/// What is kept of a note: when, by whom, on what; never its text.
fn note(row: &Value, users: &HashMap<i64, String>) -> Option<Record> {
    let (model, opportunity) = row["resource"].as_str()?.split_once(',')?;
    if model != "sale.opportunity" {
        return None;
    }
    let mut record = Record::empty(Object::Activity, note_id(row["id"].as_i64()?));
    record.set("kind", Some("note".to_owned()));
    record.set("at", Some(untagged(&row["create_date"])?.to_string()));
    record.set("opportunity", Some(opportunity.to_owned()));
    record.set("lead", Some(opportunity.to_owned()));
    record.set("owner", users.get(&row["create_uid"].as_i64()?).cloned());
    Some(record)
}
