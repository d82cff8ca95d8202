//! One pass over one kind of record: the first load by list, what changed since by search, what is
//! in the recycle bin.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Mutex;

use jiff::Timestamp;
use tokio::sync::mpsc::Sender;

use super::cursor::{Cursor, Loading, SETTLE_ROWS_MAX};
use super::kind::Kind;
use super::map::{Mapped, Mapper};
use super::portal::{Listed, Portal, SEARCH_ROWS_MAX};
use crate::domain::Object;
use crate::sources::window::{Disorder, Row, Window};
use crate::sources::{Gone, Page, ReadRequest, SourceError, id_hash};

/// Records of a page of the recycle bin.
const BIN_LIMIT: usize = 100;
/// Pages of one pass; more is an answer that never ends.
const PAGES_MAX: usize = 1_000_000;

/// A pass over the whole account.
pub struct Pass<'a> {
    /// The account.
    pub portal: Portal,
    /// How records are mapped.
    pub mapper: Mapper,
    /// What is asked for.
    pub request: &'a ReadRequest,
    /// Where pages go.
    pub pages: Sender<Page>,
    /// Ids that were seen, for a comparison with what is stored.
    pub inventory: Mutex<BTreeMap<Object, HashSet<u64>>>,
    /// When contacts were created, of those that were asked for.
    pub created: Mutex<HashMap<String, String>>,
}

impl Pass<'_> {
    /// Reads a kind of record.
    pub async fn read(&self, kind: Kind) -> Result<(), SourceError> {
        let stored = Cursor::parse(self.request.cursors.get(kind.name()));
        let mut cursor = match stored {
            Some(cursor) => cursor,
            None => Cursor::begin(self.portal.newest_change_ms(kind, &self.mapper).await?),
        };
        if cursor.loading.is_some() {
            self.load(kind, &mut cursor).await?;
        } else if self.request.full {
            self.list_all(kind).await?;
        }
        self.read_changes(kind, &mut cursor).await?;
        if self.request.full || cursor.bin_is_due(self.request.started.as_second()) {
            self.read_bin(kind, &mut cursor).await?;
        }
        self.send(Page { cursor: Some((kind.name().into(), cursor.text())), ..Page::default() })
            .await
    }

    /// The first load, from where it was left.
    async fn load(&self, kind: Kind, cursor: &mut Cursor) -> Result<(), SourceError> {
        // A load that goes on has not seen all ids, so it starts again where those are compared.
        if let (true, Some(loading)) = (self.request.full, &mut cursor.loading) {
            loading.after = None;
        }
        for _ in 0..PAGES_MAX {
            let Some(Loading { after, from_ms }) = cursor.loading.clone() else { return Ok(()) };
            let (records, next) = self.list_some(kind, after.clone()).await?;
            if next.is_some() && next != after {
                cursor.loading = Some(Loading { after: next, from_ms });
            } else {
                cursor.loaded();
            }
            self.emit(kind, records, Some(cursor.text())).await?;
        }
        Ok(())
    }

    /// Everything, without moving the cursor: ids are compared, and what changed without a stamp is
    /// seen.
    async fn list_all(&self, kind: Kind) -> Result<(), SourceError> {
        let mut after = None;
        for _ in 0..PAGES_MAX {
            let (records, next) = self.list_some(kind, after.clone()).await?;
            self.emit(kind, records, None).await?;
            if next.is_none() || next == after {
                break;
            }
            after = next;
        }
        Ok(())
    }

    /// A few pages of the list, so that their associations can be asked for together.
    async fn list_some(
        &self,
        kind: Kind,
        mut after: Option<String>,
    ) -> Result<(Vec<Mapped>, Option<String>), SourceError> {
        let mut records = Vec::new();
        for _ in 0..kind.pages_per_read() {
            let page = self
                .portal
                .list(kind, &self.mapper, false, after.as_deref(), kind.list_limit())
                .await;
            let page = match page {
                Ok(page) => page,
                // What was read before the failure is kept; the next try begins behind it.
                Err(_) if !records.is_empty() => break,
                Err(error) => return Err(error),
            };
            records.extend(page.records);
            let ended = page.after.is_none() || page.after == after;
            after = page.after;
            if ended {
                break;
            }
        }
        Ok((records, after))
    }

    /// What changed since the cursor, and the hour before it once more.
    async fn read_changes(&self, kind: Kind, cursor: &mut Cursor) -> Result<(), SourceError> {
        let started_ms = self.request.started.as_millisecond();
        let again = Window::new(cursor.settle_from_ms(), None, SEARCH_ROWS_MAX);
        if self.search(kind, again, cursor, Some(SETTLE_ROWS_MAX)).await? {
            cursor.settle(started_ms);
            return Ok(());
        }
        // The hour before is large: it is read again in a range that is over.
        let new = Window::new(cursor.overlap_from_ms(), None, SEARCH_ROWS_MAX);
        self.search(kind, new, cursor, None).await?;
        let until_ms = cursor.settled_until_ms(started_ms);
        let over = Window::new(cursor.settled_ms, Some(until_ms), SEARCH_ROWS_MAX);
        self.search(kind, over, cursor, None).await?;
        cursor.settle(started_ms);
        Ok(())
    }

    /// Reads a window. Where there are more rows than `rows_max`, nothing is read, and the answer is
    /// no.
    async fn search(
        &self,
        kind: Kind,
        mut window: Window,
        cursor: &mut Cursor,
        rows_max: Option<u64>,
    ) -> Result<bool, SourceError> {
        let trailing = window.is_bounded();
        for page in 0..PAGES_MAX {
            let Some(ask) = window.next() else { break };
            let Listed { records, after, total } =
                self.portal.search(kind, &self.mapper, &ask).await?;
            if page == 0 && rows_max.is_some_and(|max| total.unwrap_or(0) > max) {
                return Ok(false);
            }
            let row = |mapped: &Mapped| Row {
                id: mapped.id.clone(),
                at_ms: mapped.changed_ms.unwrap_or_else(|| window.read_to_ms()),
            };
            let rows: Vec<Row> = records.iter().map(row).collect();
            let fresh = window.accept(&rows, after.is_some()).map_err(|Disorder| {
                self.portal.api.unanswered(
                    &format!("search {}", kind.name()),
                    "the rows come in no order at all, so nothing can be said about those not seen",
                )
            })?;
            let fresh: HashSet<usize> = fresh.into_iter().collect();
            let new = records.into_iter().enumerate().filter(|(index, _)| fresh.contains(index));
            let new: Vec<Mapped> = new.map(|(_, mapped)| mapped).collect();
            let started_ms = self.request.started.as_millisecond();
            // While it runs, only what is behind the page is sure; at its end, all that was seen.
            let sure_ms = if window.next().is_some() {
                Some(window.read_to_ms())
            } else {
                window.newest_ms()
            };
            if let (Some(sure_ms), false) = (sure_ms, trailing) {
                cursor.advance(sure_ms, started_ms);
            }
            let new = self.in_full(kind, new).await?;
            self.emit(kind, new, Some(cursor.text())).await?;
        }
        Ok(true)
    }

    /// Deals come from a search with their ids only.
    async fn in_full(&self, kind: Kind, found: Vec<Mapped>) -> Result<Vec<Mapped>, SourceError> {
        if kind != Kind::Deals || found.is_empty() {
            return Ok(found);
        }
        let ids: Vec<String> = found.into_iter().map(|mapped| mapped.id).collect();
        self.read_ids(kind, &ids).await
    }

    /// Records by id. One that was merged comes under its survivor's id, and one that is gone does
    /// not come at all; both are found out.
    pub async fn read_ids(&self, kind: Kind, ids: &[String]) -> Result<Vec<Mapped>, SourceError> {
        let mut read = self.portal.batch_read_all(kind, &self.mapper, ids).await?;
        let told: HashSet<String> = read
            .iter()
            .flat_map(|mapped| mapped.merged.iter().chain([&mapped.id]))
            .cloned()
            .collect();
        for id in ids.iter().filter(|id| !told.contains(*id)) {
            let gone = self.portal.fate(kind, &self.mapper, id).await?;
            if gone.into.is_some() || gone.at.is_some() {
                read.push(Mapped::gone(gone));
            }
        }
        Ok(read)
    }

    /// The recycle bin: a search never shows what is in it.
    async fn read_bin(&self, kind: Kind, cursor: &mut Cursor) -> Result<(), SourceError> {
        let mut after: Option<String> = None;
        let mut pages = 0;
        for _ in 0..PAGES_MAX {
            let page =
                self.portal.list(kind, &self.mapper, true, after.as_deref(), BIN_LIMIT).await?;
            pages += 1;
            // A server that ignores the parameter must not make everything vanish.
            let archived = |mapped: &Mapped| mapped.archived_at.is_some();
            let gone = page.records.into_iter().filter(archived).collect();
            self.emit(kind, gone, None).await?;
            if page.after.is_none() || page.after == after {
                break;
            }
            after = page.after;
        }
        cursor.bin_pages = pages;
        cursor.bin_read_secs = self.request.started.as_second();
        Ok(())
    }

    /// Sends records, with what belongs to them and the cursor behind them.
    async fn emit(
        &self,
        kind: Kind,
        records: Vec<Mapped>,
        cursor: Option<String>,
    ) -> Result<(), SourceError> {
        if self.request.full {
            let mut inventory =
                self.inventory.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let seen = inventory.entry(kind.object()).or_default();
            let living = records.iter().filter(|m| m.archived_at.is_none() && m.record.is_some());
            seen.extend(living.map(|mapped| id_hash(&kind.id(&mapped.id))));
        }
        let mut page = self.page(kind, records).await?;
        page.cursor = cursor.map(|text| (kind.name().to_owned(), text));
        self.send(page).await
    }

    /// Sends a page.
    pub async fn send(&self, page: Page) -> Result<(), SourceError> {
        self.pages.send(page).await.map_err(|_| SourceError::StoreGone)
    }
}

impl Mapped {
    /// A record of which only its end is known.
    fn gone(gone: Gone) -> Mapped {
        Mapped {
            changed_ms: None,
            record: None,
            changes: Vec::new(),
            merged: Vec::new(),
            archived_at: Some(gone.at),
            faults: Vec::new(),
            merged_into: gone.into,
            id: gone.id,
        }
    }
}

/// The end of a record that is in the recycle bin, or that does not count any more.
pub fn gone(kind: Kind, mapped: &Mapped, started: Timestamp) -> Gone {
    let at = mapped.archived_at.flatten().map(|at| at.min(started));
    Gone { id: kind.id(&mapped.id), at, into: mapped.merged_into.clone() }
}
