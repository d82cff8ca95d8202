//! A pass over a kind of record: the first load, what changed, and everything for a full sync.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::mpsc::Sender;

use super::bulk::Standing;
use super::cursor::{Cursor, Loading};
use super::kind::Kind;
use super::map::{Mapper, end};
use super::org::{Ask, Org};
use super::soql::{self, Place, select, stamp};
use super::wire::{Names, Row, Rows};
use crate::domain::Object;
use crate::sources::http::Share;
use crate::sources::{Page, ReadRequest, SourceError, id_hash};

/// Pages of one pass; more is an answer that never ends.
const PAGES_MAX: usize = 1_000_000;
/// Rows of one page for the store: sixty-four of them may wait there. As many as the ids of one question.
const ROWS_PER_PAGE: usize = soql::IDS_MAX;
/// How often a range that takes the vendor too long is halved.
const HALVINGS_MAX: u32 = 40;
/// Where a whole list takes the vendor too long, so many rows are asked for at once, fewer where that takes too long as
/// well, and more where it does not.
const LIMIT_ROWS_MAX: u64 = 10_000;
const LIMIT_ROWS_MIN: u64 = 50;
/// A first load of more rows than this goes by a bulk job.
const BULK_ROWS_MIN: u64 = 20_000;

/// A pass over the company.
pub struct Pass<'a> {
    /// The endpoints.
    pub org: Org,
    /// What a row means.
    pub mapper: Mapper,
    /// The fields that each kind has, of those that are wanted; kinds that are hidden are absent.
    pub shapes: BTreeMap<Kind, Names>,
    /// Whether anybody belongs to a campaign.
    pub has_members: bool,
    /// Where kinds that come with their parents begin: before these are loaded.
    pub begun: Mutex<BTreeMap<Kind, Cursor>>,
    /// What is asked for.
    pub request: &'a ReadRequest,
    /// Our share of the day's requests.
    pub share: &'a Share,
    /// Where pages go.
    pub pages: Sender<Page>,
    /// Ids that were seen, for a full sync.
    pub inventory: Mutex<BTreeMap<Object, HashSet<u64>>>,
}

/// A question that is gone through page by page.
struct Walk {
    ask: Ask,
    rows: u64,
}

/// What a page came to.
enum Step {
    Page(Rows),
    /// The vendor forgot where it was: locators live for two days.
    Lost,
    /// The question takes the vendor too long.
    Slow,
    /// The pages of the whole question held fewer rows than there are.
    Short(SourceError),
}

impl Pass<'_> {
    /// Reads a kind: its first load or what changed; everything, for a full sync.
    pub async fn read(&self, kind: Kind) -> Result<(), SourceError> {
        let stored = Cursor::parse(self.request.cursors.get(kind.name()));
        let stored = stored.or_else(|| self.begun().get(&kind).cloned());
        let Some(names) = self.shapes.get(&kind) else {
            return match stored {
                Some(_) => Err(self.vanished(kind)),
                None => Ok(()),
            };
        };
        let mut cursor = match stored {
            Some(cursor) => cursor,
            None => Cursor::begin(self.newest(kind).await?),
        };
        let first = cursor.loading.is_some();
        // A load that goes on has not seen the ids of what came before.
        let resumed = first && self.request.cursors.contains_key(kind.name());
        if first {
            self.load(kind, names, &mut cursor).await?;
            cursor.loaded(self.request.started);
            self.send(Page { cursor: Some(named(kind, &cursor)), ..Page::default() }).await?;
        }
        if self.request.full && (resumed || !first) && !kind.comes_with_parents() {
            self.list(kind, names, &mut None).await?;
        }
        self.changes(kind, names, &mut cursor).await
    }

    fn begun(&self) -> std::sync::MutexGuard<'_, BTreeMap<Kind, Cursor>> {
        self.begun.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What changes of memberships and roles while their parents are loaded, be it over days, is read after
    /// them: so their cursors are set before.
    pub async fn begin_children(&self) -> Result<(), SourceError> {
        for kind in Kind::ALL.into_iter().filter(|kind| kind.comes_with_parents()) {
            let known = self.request.cursors.contains_key(kind.name());
            if known || !self.shapes.contains_key(&kind) {
                continue;
            }
            let mut cursor = Cursor::begin(self.newest(kind).await?);
            cursor.loaded(self.request.started);
            self.send(Page { cursor: Some(named(kind, &cursor)), ..Page::default() }).await?;
            self.begun().insert(kind, cursor);
        }
        Ok(())
    }

    /// A kind that was read before and is hidden now: its records are not gone.
    fn vanished(&self, kind: Kind) -> SourceError {
        SourceError::At {
            place: self.org.place.clone(),
            message: format!("{} cannot be read any more", kind.name()),
            mend: "give the integration user read access to it again".into(),
        }
    }

    /// The newest stamp: what changes after it is not part of the first load.
    async fn newest(&self, kind: Kind) -> Result<Option<Timestamp>, SourceError> {
        let names: Names = Arc::from(vec!["SystemModstamp".to_owned()]);
        let question = format!(
            "SELECT SystemModstamp FROM {} ORDER BY SystemModstamp DESC LIMIT 1",
            kind.name()
        );
        let operation = format!("look for the newest {}", kind.name());
        let found = self.org.rows(&operation, Ask::All(question), &names).await?;
        let found = found.map_err(|refusal| self.org.refused(&operation, &refusal))?;
        Ok(found.first().and_then(|row| row.get("SystemModstamp")).and_then(stamp))
    }

    /// The first load: by a bulk job where there is much, else by id; either goes on where it was cut off.
    async fn load(
        &self,
        kind: Kind,
        names: &Names,
        cursor: &mut Cursor,
    ) -> Result<(), SourceError> {
        let loading = cursor.loading.clone().unwrap_or_default();
        if !loading.plain && loading.after.is_none() {
            let by_job = loading.job.is_some() || self.is_large(kind).await?;
            if by_job && self.load_by_job(kind, names, cursor).await? {
                return Ok(());
            }
        }
        self.list(kind, names, &mut Some(cursor)).await
    }

    async fn is_large(&self, kind: Kind) -> Result<bool, SourceError> {
        let operation = format!("count {}", kind.name());
        let question = format!("SELECT COUNT() FROM {}", kind.name());
        Ok(match self.org.count(&operation, Ask::All(question)).await? {
            Ok(count) => count > BULK_ROWS_MIN,
            // What takes long to be counted is much.
            Err(refusal) => refusal.code == "QUERY_TIMEOUT",
        })
    }

    /// Loads by a bulk job; no where there is none to be had.
    async fn load_by_job(
        &self,
        kind: Kind,
        names: &Names,
        cursor: &mut Cursor,
    ) -> Result<bool, SourceError> {
        let operation = format!("load {} by a bulk job", kind.name());
        let question = select(names, kind.name());
        let from = cursor.loading.as_ref().map(|loading| loading.from).unwrap_or_default();
        let plain = |plain| Some(Loading { from, plain, ..Loading::default() });
        let known = cursor.loading.as_ref().and_then(|loading| loading.job.clone());
        let job = match known {
            Some(job) => Some(job),
            None => self.org.begin_job(&operation, &question).await?,
        };
        let Some(mut job) = job else {
            cursor.loading = plain(true);
            return Ok(false);
        };
        let keep = |job: &super::cursor::Job| {
            Some(Loading { from, job: Some(job.clone()), ..Loading::default() })
        };
        cursor.loading = keep(&job);
        self.send(Page { cursor: Some(named(kind, cursor)), ..Page::default() }).await?;
        let Standing::Ready(total) = self.org.await_job(&operation, &job).await? else {
            cursor.loading = plain(true);
            return Ok(false);
        };
        if total == 0 {
            return Ok(true);
        }
        for _ in 0..PAGES_MAX {
            let Some(results) = self.org.results(&operation, &job, names).await? else {
                cursor.loading = plain(true);
                return Ok(false);
            };
            job.rows += results.rows.len() as u64;
            let more = results.locator.is_some() && results.locator != job.locator;
            job.locator = results.locator;
            // At the end the rows are counted before the cursor moves behind the last page.
            if !more && job.rows != total {
                cursor.loading = plain(false);
                self.send(Page { cursor: Some(named(kind, cursor)), ..Page::default() }).await?;
                return self.org.counted(&operation, job.rows, Some(total)).map(|()| true);
            }
            cursor.loading = keep(&job);
            self.emit(kind, results.rows, more.then(|| cursor.text()), true).await?;
            if !more {
                break;
            }
        }
        Ok(true)
    }

    /// Everything in the order of ids; with a cursor it goes on where it was cut off.
    async fn list(
        &self,
        kind: Kind,
        names: &Names,
        cursor: &mut Option<&mut Cursor>,
    ) -> Result<(), SourceError> {
        let select = select(names, kind.name());
        let loading = |cursor: &Option<&mut Cursor>| {
            cursor.as_ref().and_then(|cursor| cursor.loading.clone()).unwrap_or_default()
        };
        let mut after = loading(cursor).after;
        let mut before = cursor.as_deref().cloned();
        let mut limit: Option<u64> = None;
        let mut walk = Walk::of(soql::listed(&select, after.as_deref(), limit));
        for _ in 0..PAGES_MAX {
            match self.step(kind, &mut walk, names).await? {
                Step::Page(page) => {
                    after = page.rows.last().map(|row| row.id().to_owned()).or(after);
                    let more = page.next.is_some();
                    let text = cursor.as_mut().map(|cursor| {
                        let next = Loading { after: after.clone(), plain: true, ..loading(&None) };
                        let from = cursor.loading.as_ref().map(|own| own.from).unwrap_or_default();
                        cursor.loading = Some(Loading { from, ..next });
                        cursor.text()
                    });
                    self.emit(kind, page.rows, text, true).await?;
                    if more {
                        continue;
                    }
                    if limit.is_none_or(|limit| walk.rows < limit) {
                        return Ok(());
                    }
                    limit = limit.map(|limit| (limit * 2).min(LIMIT_ROWS_MAX));
                }
                Step::Lost => {}
                Step::Slow => {
                    let fewer = limit.map_or(LIMIT_ROWS_MAX, |limit| limit / 2);
                    limit = Some(fewer).filter(|fewer| *fewer >= LIMIT_ROWS_MIN);
                    if limit.is_none() {
                        return Err(self.too_slow(kind));
                    }
                }
                Step::Short(error) => return self.back_to(kind, before, error).await,
            }
            before = cursor.as_deref().cloned();
            walk = Walk::of(soql::listed(&select, after.as_deref(), limit));
        }
        Ok(())
    }

    /// What changed since the cursor, and what may have become visible late.
    async fn changes(
        &self,
        kind: Kind,
        names: &Names,
        cursor: &mut Cursor,
    ) -> Result<(), SourceError> {
        let started = self.request.started;
        let select = select(names, kind.name());
        let began = cursor.start(started);
        let mut from = began.clone();
        let mut until = None;
        let mut halvings = 0;
        let mut before = cursor.clone();
        let mut walk = Walk::of(soql::changed(&select, &from, until));
        for _ in 0..PAGES_MAX {
            match self.step(kind, &mut walk, names).await? {
                Step::Page(page) => {
                    from = page.rows.last().and_then(place_of).unwrap_or(from);
                    let more = page.next.is_some();
                    if !page.rows.is_empty() {
                        cursor.advance(&from, started);
                    }
                    if !more && until.is_none() {
                        cursor.end(&began, started);
                    }
                    self.emit(kind, page.rows, Some(cursor.text()), false).await?;
                    if more {
                        continue;
                    }
                    // The second half of a range that was halved.
                    let Some(behind) = until.take() else { return Ok(()) };
                    from = Place::from(behind);
                    before = cursor.clone();
                    walk = Walk::of(soql::changed(&select, &from, until));
                }
                Step::Lost => {
                    before = cursor.clone();
                    walk = Walk::of(soql::changed(&select, &from, until));
                }
                Step::Short(error) => return self.back_to(kind, Some(before), error).await,
                Step::Slow if halvings < HALVINGS_MAX => {
                    halvings += 1;
                    until = soql::half(from.at, until.unwrap_or(started));
                    if until.is_none() {
                        return Err(self.too_slow(kind));
                    }
                    before = cursor.clone();
                    walk = Walk::of(soql::changed(&select, &from, until));
                }
                Step::Slow => return Err(self.too_slow(kind)),
            }
        }
        Ok(())
    }

    /// Which rows were left out is not known: the next sync reads the whole question again.
    async fn back_to(
        &self,
        kind: Kind,
        before: Option<Cursor>,
        error: SourceError,
    ) -> Result<(), SourceError> {
        let cursor = before.map(|before| named(kind, &before));
        self.send(Page { cursor, ..Page::default() }).await?;
        Err(error)
    }

    fn too_slow(&self, kind: Kind) -> SourceError {
        let operation = format!("read {}", kind.name());
        self.org
            .api
            .unanswered(&operation, "QUERY_TIMEOUT, and a smaller range takes too long as well")
    }

    /// The next page of a question.
    async fn step(&self, kind: Kind, walk: &mut Walk, names: &Names) -> Result<Step, SourceError> {
        let operation = format!("read {}", kind.name());
        let page = match self.org.page(&operation, &walk.ask, names).await? {
            Ok(page) => page,
            Err(refusal) => {
                return match refusal.code.as_str() {
                    "INVALID_QUERY_LOCATOR" if walk.is_under_way() => Ok(Step::Lost),
                    "QUERY_TIMEOUT" => Ok(Step::Slow),
                    _ => Err(self.org.refused(&operation, &refusal)),
                };
            }
        };
        walk.rows += page.rows.len() as u64;
        match &page.next {
            Some(next) => walk.ask = Ask::More(self.org.checked(&operation, next.clone())?),
            None => {
                if let Err(error) = self.org.counted(&operation, walk.rows, page.total) {
                    return Ok(Step::Short(error));
                }
            }
        }
        Ok(Step::Page(page))
    }

    /// Sends the records that these rows change, and then the rows with what belongs to them and the cursor behind
    /// them.
    async fn emit(
        &self,
        kind: Kind,
        rows: Vec<Row>,
        cursor: Option<String>,
        loading: bool,
    ) -> Result<(), SourceError> {
        let living = rows.iter().filter(|row| end(row).is_none());
        self.remember(kind.object(), living.map(Row::id));
        // What others must be read for comes before the cursor moves behind these rows.
        self.read_concerned(kind, &rows, loading).await?;
        let mut parts = rows.chunks(ROWS_PER_PAGE).peekable();
        while let Some(part) = parts.next() {
            let mut page = self.page(kind, part).await?;
            if parts.peek().is_none() {
                page.cursor = cursor.as_ref().map(|text| (kind.name().to_owned(), text.clone()));
            }
            self.send(page).await?;
        }
        if rows.is_empty() {
            let cursor = cursor.map(|text| (kind.name().to_owned(), text));
            self.send(Page { cursor, ..Page::default() }).await?;
        }
        Ok(())
    }

    /// The leads whose campaigns these rows change, and the opportunities whose people or lead.
    async fn read_concerned(
        &self,
        kind: Kind,
        rows: &[Row],
        loading: bool,
    ) -> Result<(), SourceError> {
        let (parents, field) = match kind {
            Kind::CampaignMember => (Kind::Lead, "LeadId"),
            Kind::ContactRole => (Kind::Opportunity, "OpportunityId"),
            Kind::Lead => (Kind::Opportunity, "ConvertedOpportunityId"),
            _ => return Ok(()),
        };
        // Where all opportunities are read beside all leads, they ask for the lead themselves.
        let all = self.request.full || !self.request.cursors.contains_key(parents.name());
        if loading && all {
            return Ok(());
        }
        let ids: BTreeSet<&str> = rows.iter().filter_map(|row| row.get(field)).collect();
        let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
        self.read_ids(parents, &ids).await
    }

    /// Records by id, with what belongs to them.
    pub async fn read_ids(&self, kind: Kind, ids: &[String]) -> Result<(), SourceError> {
        let Some(names) = self.shapes.get(&kind).filter(|_| !ids.is_empty()) else { return Ok(()) };
        let operation = format!("read {} by id", kind.name());
        let select = select(names, kind.name());
        let rows = self.org.rows_of(&operation, &select, ("Id", ""), ids, names).await?;
        let living = rows.iter().filter(|row| end(row).is_none());
        self.remember(kind.object(), living.map(Row::id));
        let page = self.page(kind, &rows).await?;
        self.send(page).await
    }

    /// Remembers ids that there are, for a full sync.
    pub fn remember<'i>(&self, object: Object, ids: impl Iterator<Item = &'i str>) {
        if self.request.full {
            let mut inventory = self.inventory.lock().unwrap_or_else(PoisonError::into_inner);
            inventory.entry(object).or_default().extend(ids.map(id_hash));
        }
    }

    /// Sends a page.
    pub async fn send(&self, page: Page) -> Result<(), SourceError> {
        self.share.send(&self.org.api, &self.pages, page).await
    }
}

impl Walk {
    fn of(question: String) -> Walk {
        Walk { ask: Ask::All(question), rows: 0 }
    }

    fn is_under_way(&self) -> bool {
        matches!(self.ask, Ask::More(_))
    }
}

/// The cursor of a kind, under its name.
fn named(kind: Kind, cursor: &Cursor) -> (String, String) {
    (kind.name().to_owned(), cursor.text())
}

fn place_of(row: &Row) -> Option<Place> {
    Some(Place { at: row.get("SystemModstamp").and_then(stamp)?, id: Some(row.id().to_owned()) })
}
