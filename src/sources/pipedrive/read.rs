//! A pass over the lists: what changed, what was deleted, and everything for a full sync.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc::Sender;

use super::account::{Account, List, PAGE_ROWS, PAGES_MAX};
use super::cursor::{Cursor, second};
use super::map::{self, Mapper, person, stamp, text};
use crate::domain::person::EMAIL_HASH;
use crate::domain::{Object, Record};
use crate::sources::history::contact_role;
use crate::sources::http::Share;
use crate::sources::{Gone, Page, Part, ReadRequest, SourceError, Told, Whole, id_hash};

/// Deals whose change logs are read between two pages for the store: what is read is kept when a budget ends.
const DEALS_PER_PAGE: usize = 25;

/// A pass over an account.
pub struct Pass<'a> {
    /// The endpoints.
    pub account: Account,
    /// What a record means.
    pub mapper: Mapper,
    /// The stages that there are.
    pub stages: BTreeSet<String>,
    /// What is asked for.
    pub request: &'a ReadRequest,
    /// Our share of the day's tokens.
    pub share: &'a Share,
    /// Where pages go.
    pub pages: Sender<Page>,
    /// Ids that were seen, for a full sync.
    pub inventory: Mutex<BTreeMap<Object, HashSet<u64>>>,
}

impl Pass<'_> {
    /// What changed in a list; everything where nothing was read yet.
    pub async fn read(&self, list: List) -> Result<(), SourceError> {
        let mut cursor = Cursor::parse(self.request.cursors.get(list.name()));
        let since = cursor.start();
        // There is no filter for what changed among archived leads, and archiving changes nothing that is read:
        // they are read at first, and once a day by a full sync.
        if list == List::ArchivedLeads && since.is_some() {
            return if self.request.full { self.list(list, None, None).await } else { Ok(()) };
        }
        if self.request.full && since.is_some() {
            self.list(list, None, None).await?;
        }
        self.list(list, since, Some(&mut cursor)).await
    }

    /// Goes through a list page by page.
    async fn list(
        &self,
        list: List,
        since: Option<Timestamp>,
        mut cursor: Option<&mut Cursor>,
    ) -> Result<(), SourceError> {
        let mut since = since;
        let mut next: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let from = since.map(second);
            let page = self.account.page(list, from.as_deref(), next.as_deref(), PAGE_ROWS).await?;
            let last = page.items.iter().filter_map(changed_at).max();
            let ascending = page.items.is_sorted_by_key(changed_at);
            let more = page.next.is_some() && page.next != next;
            self.emit(list, page.items, cursor.as_deref_mut(), ascending).await?;
            if let Some(cursor) = cursor.as_deref_mut() {
                // Rows in no order say nothing about those that are not seen yet.
                if ascending || !more {
                    cursor.advance(last, self.request.started, more);
                }
                if !more {
                    self.send(Page { cursor: named(list, cursor), ..Page::default() }).await?;
                }
            }
            if !more {
                return Ok(());
            }
            // Offsets lose rows: one that changes between two pages moves to the end. So a page asks anew from
            // the last second seen, and by offset only within a second that fills pages.
            let later = |last: &Timestamp| since.is_none_or(|at| last.as_second() > at.as_second());
            let filtered = list == List::Leads && ascending;
            let moved = last.filter(|last| filtered && later(last));
            match moved {
                Some(last) => (since, next) = (Some(last), None),
                None => next = page.next,
            }
        }
        Ok(())
    }

    /// Deals that were deleted: neither filter nor stamp tells, so all of the last thirty days are read.
    pub async fn read_deleted(&self) -> Result<(), SourceError> {
        let mut next: Option<String> = None;
        for _ in 0..PAGES_MAX {
            let list = List::DeletedDeals;
            let page = self.account.page(list, None, next.as_deref(), PAGE_ROWS).await?;
            // A server that does not know the filter must not make everything vanish.
            let deleted = page.items.iter().filter(|deal| {
                map::is(deal, "is_deleted") || text(deal, "status").as_deref() == Some("deleted")
            });
            let deleted: Vec<&Value> = deleted.collect();
            self.remember_leads_of(deleted.iter().copied());
            let mut part = Part::of(Object::Opportunity, Vec::new());
            part.gone =
                deleted.iter().filter_map(|deal| Some(Gone::now(text(deal, "id")?))).collect();
            self.send(Page { parts: vec![part], ..Page::default() }).await?;
            if page.next.is_none() || page.next == next {
                break;
            }
            next = page.next;
        }
        Ok(())
    }

    /// Sends records, with what belongs to them and the cursor behind them.
    async fn emit(
        &self,
        list: List,
        items: Vec<Value>,
        cursor: Option<&mut Cursor>,
        sure: bool,
    ) -> Result<(), SourceError> {
        let (object, deals) = match list {
            List::Leads | List::ArchivedLeads => (Object::Lead, false),
            List::Activities => (Object::Activity, false),
            _ => (Object::Opportunity, true),
        };
        self.remember(object, &items);
        // Of leads that did not change the address is known: each hundred persons cost as much as a page of leads.
        let asks = object == Object::Lead && cursor.is_some();
        let items = if asks { self.with_addresses(items).await? } else { items };
        if !deals {
            let mut page = self.plain(object, &items);
            let known = self.mapper.name(Object::Lead, EMAIL_HASH).is_some();
            if object == Object::Lead && known && !asks {
                page.parts.iter_mut().for_each(|part| part.told = Told::But(&[EMAIL_HASH]));
            }
            if let (Some(cursor), true) = (cursor, sure) {
                let mut behind = cursor.clone();
                behind.advance(
                    items.iter().filter_map(changed_at).max(),
                    self.request.started,
                    true,
                );
                page.cursor = named(list, &behind);
            }
            return self.send(page).await;
        }
        self.remember_leads_of(items.iter());
        let Some(cursor) = cursor else {
            // Their change logs were read when they changed.
            return self.send(self.deals(&items, None)).await;
        };
        let fresh: Vec<Value> = items.into_iter().filter(|deal| !cursor.knows(deal)).collect();
        for some in fresh.chunks(DEALS_PER_PAGE) {
            let mut logs = Vec::with_capacity(some.len());
            let mut failure = None;
            for deal in some {
                match self.log_of(deal).await {
                    Ok(log) => logs.push(log),
                    // A budget that ends among them leaves what was read, however small it is.
                    Err(error) => {
                        failure = Some(error);
                        break;
                    }
                }
            }
            let some = &some[..logs.len()];
            let mut page = self.deals(some, Some(&logs));
            cursor.learn(some, self.request.started);
            if sure {
                let last = some.iter().filter_map(changed_at).max();
                cursor.advance(last, self.request.started, true);
            }
            page.cursor = named(list, cursor);
            self.send(page).await?;
            if let Some(error) = failure {
                return Err(error);
            }
        }
        Ok(())
    }

    async fn log_of(&self, deal: &Value) -> Result<Vec<Value>, SourceError> {
        let Some(id) = text(deal, "id") else { return Ok(Vec::new()) };
        match self.account.change_log(&id).await {
            // Deleted since the list was read; without its log a deal that is there would never have changed.
            Err(SourceError::NotThere(_)) if self.account.is_gone(&id).await? => Ok(Vec::new()),
            other => other,
        }
    }

    /// Leads with the addresses of their persons, where people are matched by them.
    async fn with_addresses(&self, mut leads: Vec<Value>) -> Result<Vec<Value>, SourceError> {
        let Some(name) = self.mapper.name(Object::Lead, EMAIL_HASH) else { return Ok(leads) };
        let people = leads.iter().filter_map(|lead| text(lead, "person_id")).collect();
        let addresses = self.account.addresses(&people).await?;
        for lead in &mut leads {
            let address = text(lead, "person_id").and_then(|id| addresses.get(&id));
            if let (Some(address), Some(lead)) = (address, lead.as_object_mut()) {
                lead.insert(name.clone(), address.as_str().into());
            }
        }
        Ok(leads)
    }

    /// Leads or activities. One that does not count is gone.
    fn plain(&self, object: Object, items: &[Value]) -> Page {
        let mut part = Part::of(object, Vec::with_capacity(items.len()));
        let mut faults = Vec::new();
        for item in items {
            let record = match object {
                Object::Lead => self.mapper.lead(item, &mut faults),
                _ => self.mapper.activity(item),
            };
            match (record, text(item, "id")) {
                (Some(record), _) => part.records.push(record),
                (None, Some(id)) => part.gone.push(Gone::now(id)),
                (None, None) => {}
            }
        }
        Page { parts: vec![part], faults, rechecked: true, ..Page::default() }
    }

    /// Deals with their people, and their changes where the logs are there.
    fn deals(&self, items: &[Value], logs: Option<&[Vec<Value>]>) -> Page {
        let mut deals = Part::of(Object::Opportunity, Vec::with_capacity(items.len()));
        let mut roles = Part::of(Object::ContactRole, Vec::new());
        let (mut stages, mut owners) =
            (Part::of(Object::StageChange, Vec::new()), Part::of(Object::OwnerChange, Vec::new()));
        let mut faults = Vec::new();
        let mut ids = Vec::new();
        for (index, deal) in items.iter().enumerate() {
            let Some(record) = self.mapper.deal(deal, &mut faults) else { continue };
            self.check_stage(&record, &mut faults);
            ids.push(record.id.clone());
            roles
                .records
                .extend(text(deal, "person_id").map(|id| contact_role(&record.id, &person(&id))));
            let log = logs.and_then(|logs| logs.get(index));
            for change in log.map(|log| map::changes(deal, log)).unwrap_or_default() {
                let part =
                    if change.object == Object::StageChange { &mut stages } else { &mut owners };
                part.records.push(change);
            }
            deals.records.push(record);
        }
        roles.whole = Some(Whole { field: "opportunity", parents: ids });
        let parts = vec![deals, stages, owners, roles];
        Page { parts, faults, rechecked: true, ..Page::default() }
    }

    fn check_stage(&self, record: &Record, faults: &mut Vec<crate::domain::Fault>) {
        let stage = record.get("stage").unwrap_or_default();
        if !stage.is_empty() && !self.stages.is_empty() && !self.stages.contains(stage) {
            let detail = format!("stage `{stage}` is in no pipeline any more");
            faults.push(self.mapper.fault(record, "unknown_stage", detail));
        }
    }

    fn remember(&self, object: Object, items: &[Value]) {
        self.remember_ids(object, items.iter().filter_map(|item| text(item, "id")));
    }

    /// A lead that became a deal is listed no more, and stays a lead.
    fn remember_leads_of<'v>(&self, deals: impl Iterator<Item = &'v Value>) {
        self.remember_ids(Object::Lead, deals.filter_map(|deal| text(deal, "source_lead_id")));
    }

    fn remember_ids(&self, object: Object, ids: impl Iterator<Item = String>) {
        if self.request.full {
            let mut inventory = self.inventory.lock().unwrap_or_else(PoisonError::into_inner);
            inventory.entry(object).or_default().extend(ids.map(|id| id_hash(&id)));
        }
    }

    /// Sends a page.
    pub async fn send(&self, page: Page) -> Result<(), SourceError> {
        self.share.send(&self.account.api, &self.pages, page).await
    }
}

/// When a record changed; one that does not say was there from the beginning.
pub fn changed_at(item: &Value) -> Option<Timestamp> {
    let at = text(item, "update_time").or_else(|| text(item, "add_time"));
    at.and_then(|at| stamp(&at))
}

fn named(list: List, cursor: &Cursor) -> Option<(String, String)> {
    Some((list.name().to_owned(), cursor.text()))
}
