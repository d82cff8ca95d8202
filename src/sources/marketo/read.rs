//! What happens, as the feeds tell it, and programs.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tokio::sync::mpsc::Sender;

use super::cursor::{Feed, Sent};
use super::instance::{Instance, PAGES_MAX};
use super::map::{self, FORM, FROM_HISTORY, MERGE, Mapper, SEND, STATUS};
use super::shares::Shares;
use super::wire::{Listed, instant, text};
use crate::domain::{Fault, Object, Record};
use crate::sources::{Gone, Page, Part, ReadRequest, SourceError, Told, id_hash};

/// Programs whose costs are asked for in one run: one question each.
const PROGRAM_DETAILS_MAX: usize = 200;
/// Programs that changed so shortly before the last one are read again.
const PROGRAM_OVERLAP: SignedDuration = SignedDuration::from_mins(10);
/// The cursor of programs.
const PROGRAMS: &str = "programs";

/// A pass over an instance.
pub struct Pass<'a> {
    /// The endpoints.
    pub instance: Instance,
    /// What records mean.
    pub mapper: Mapper,
    /// Whether touches are wanted.
    pub touches: bool,
    /// What is asked for.
    pub request: &'a ReadRequest,
    /// Where pages go.
    pub pages: Sender<Page>,
    /// Leads that were created earlier are nobody's concern: their past was not read.
    pub from: Timestamp,
    /// What is used of the day's calls and bytes.
    pub shares: &'a Shares,
    /// Ids of leads that were read, for a comparison of all of them.
    pub seen: Mutex<HashSet<u64>>,
}

/// Activities that happen, as they come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Leads that are new, and fields that change.
    Changes,
    /// Mails, memberships, forms, merges.
    Activities,
    /// Leads that were deleted.
    Deleted,
}

impl Stream {
    /// The name of its cursor.
    pub fn name(self) -> &'static str {
        match self {
            Stream::Changes => "changes",
            Stream::Activities => "activities",
            Stream::Deleted => "deleted",
        }
    }

    fn path(self) -> &'static str {
        match self {
            Stream::Changes => "/rest/v1/activities/leadchanges.json",
            Stream::Activities => "/rest/v1/activities.json",
            Stream::Deleted => "/rest/v1/activities/deletedleads.json",
        }
    }
}

/// The mails of a pass.
#[derive(Default)]
struct Mails {
    /// Each with its number, where it has one.
    sent: Vec<(Sent, Option<u64>)>,
    /// What mailings are called.
    names: BTreeMap<String, String>,
}

impl Pass<'_> {
    /// The kinds of activity that are wanted, of those that there are: id by name.
    pub fn wanted_kinds(&self) -> Vec<String> {
        let mut names = vec![SEND, MERGE];
        names.extend(self.touches.then_some(FORM));
        let by_status = self.mapper.tells_history() && self.mapper.mql_field().is_none();
        names.extend((self.touches || by_status).then_some(STATUS));
        let kinds = self.mapper.kinds.iter();
        kinds.filter(|(_, name)| names.contains(&name.as_str())).map(|(id, _)| id.clone()).collect()
    }

    /// Follows a stream from where it was left; what may have come late is read again once an hour.
    pub async fn follow(
        &self,
        stream: Stream,
        settled: Timestamp,
        begun: Timestamp,
    ) -> Result<(), SourceError> {
        let mut feed = Feed::parse(self.request.cursors.get(stream.name()), settled, begun);
        let mut wanted = Vec::new();
        match stream {
            Stream::Changes => wanted.push(("fields", self.fields_that_change())),
            Stream::Activities => {
                let kinds = self.wanted_kinds();
                if kinds.is_empty() {
                    return Ok(());
                }
                wanted.push(("activityTypeIds", kinds.join(",")));
            }
            Stream::Deleted => {}
        }
        let mut token = match feed.next.clone() {
            Some(next) => next,
            None => self.instance.token(feed.settled).await?,
        };
        let operation = format!("follow {}", stream.name());
        for _ in 0..PAGES_MAX {
            let page = self.instance.feed(&operation, stream.path(), &wanted, &token).await?;
            let Some(page) = page else {
                // A token that is not known any more: everything since the overlap is read again.
                feed.next = None;
                break;
            };
            feed.next.clone_from(&page.next);
            let mut content = self.content(stream, &page).await?;
            let mails = self.mails(&page.items);
            let mut counts = BTreeMap::new();
            for (sent, _) in &mails.sent {
                if let Some(count) = feed.add(sent, &self.mapper.zone) {
                    counts.insert(format!("{}|{}", sent.day, sent.mailing), count);
                }
            }
            content.parts.extend(sends(&counts, &mails.names));
            content.cursor = Some((stream.name().to_owned(), feed.text()));
            self.send(content).await?;
            self.note_shares().await?;
            match page.next {
                Some(next) if page.more => token = next,
                _ => break,
            }
        }
        if feed.is_due(self.request.started) || feed.next.is_none() {
            self.follow_again(stream, &mut feed, &wanted).await?;
        }
        Ok(())
    }

    /// Reads everything since the overlap again.
    async fn follow_again(
        &self,
        stream: Stream,
        feed: &mut Feed,
        wanted: &[(&'static str, String)],
    ) -> Result<(), SourceError> {
        let operation = format!("follow {}", stream.name());
        let mut token = self.instance.token(feed.settled).await?;
        let zone = &self.mapper.zone;
        let mut again = feed.count_again(self.request.started, zone);
        let (mut names, mut seen) = (BTreeMap::new(), HashSet::new());
        for _ in 0..PAGES_MAX {
            let page = self.instance.feed(&operation, stream.path(), wanted, &token).await?;
            let page = page.ok_or_else(|| {
                self.instance.api.unanswered(&operation, "a token that was just given is not known")
            })?;
            self.send(self.content(stream, &page).await?).await?;
            let mails = self.mails(&page.items);
            // A row that two pages tell is one mail.
            let fresh = mails.sent.iter().filter(|(_, id)| id.is_none_or(|id| seen.insert(id)));
            fresh.for_each(|(sent, _)| again.add(sent));
            names.extend(mails.names);
            feed.next.clone_from(&page.next);
            match page.next {
                Some(next) if page.more => token = next,
                _ => break,
            }
        }
        let counts = feed.recount(again, self.request.started, zone);
        let parts = sends(&counts, &names);
        let cursor = Some((stream.name().to_owned(), feed.text()));
        self.send(Page { parts: parts.into_iter().collect(), cursor, ..Page::default() }).await
    }

    /// The fields of which a change makes a lead be read again.
    fn fields_that_change(&self) -> String {
        let mut fields: BTreeSet<String> = self.mapper.asked().into_iter().collect();
        fields.extend(self.mapper.mql_field().map(|(name, ..)| name));
        fields.remove("id");
        fields.into_iter().collect::<Vec<_>>().join(",")
    }

    /// What a page of a stream tells, but for mails.
    async fn content(&self, stream: Stream, page: &Listed) -> Result<Page, SourceError> {
        match stream {
            Stream::Changes => self.changed(&page.items).await,
            Stream::Activities => Ok(self.happened(&page.items)),
            Stream::Deleted => {
                let gone = page.items.iter().filter_map(|item| {
                    let at = text(item, "activityDate").and_then(|at| instant(&at));
                    Some(Gone { id: text(item, "leadId")?, at, into: None })
                });
                let part = Part { gone: gone.collect(), ..Part::of(Object::Lead, Vec::new()) };
                Ok(Page { parts: vec![part], ..Page::default() })
            }
        }
    }

    /// Leads that are new or changed, and when they qualified.
    async fn changed(&self, items: &[Value]) -> Result<Page, SourceError> {
        let ids: BTreeSet<String> = items.iter().filter_map(|item| text(item, "leadId")).collect();
        let ids: Vec<String> = ids.into_iter().collect();
        let leads = if ids.is_empty() {
            Vec::new()
        } else {
            self.instance.leads(&ids, &self.mapper.asked().join(",")).await?
        };
        let mut page = self.leads(&leads, false);
        page.parts.extend(self.qualified(items));
        Ok(page)
    }

    /// Leads as a page. When they qualified stays as it is stored, unless their history is read anew after them.
    pub fn leads(&self, items: &[Value], anew: bool) -> Page {
        let mut faults: Vec<Fault> = Vec::new();
        let mut records: Vec<Record> =
            items.iter().filter_map(|item| self.mapper.lead(item, &mut faults)).collect();
        let zone = &self.mapper.zone;
        let from = zone.to_datetime(self.from).date();
        // What became of those before that day was never read, so a first time of theirs would be a wrong one.
        records.retain(|own| own.moment("created_at").is_none_or(|at| at.date(zone) >= from));
        if self.request.full {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.extend(records.iter().map(|record| id_hash(&record.id)));
        }
        let told = match self.mapper.tells_history() && !anew {
            true => Told::But(FROM_HISTORY),
            false => Told::All,
        };
        let parts = vec![Part { told, ..Part::of(Object::Lead, records) }];
        Page { parts, faults, rechecked: true, ..Page::default() }
    }

    /// When leads qualified.
    pub fn qualified(&self, items: &[Value]) -> Option<Part> {
        if !self.mapper.tells_history() {
            return None;
        }
        let records: Vec<Record> =
            items.iter().filter_map(|item| self.mapper.qualified(item)).collect();
        let told = Told::First(FROM_HISTORY);
        (!records.is_empty()).then(|| Part { told, ..Part::of(Object::Lead, records) })
    }

    /// Merges, memberships and forms.
    pub fn happened(&self, items: &[Value]) -> Page {
        let mut gone = Vec::new();
        for item in items.iter().filter(|item| self.mapper.kind_of(item) == Some(MERGE)) {
            let at = text(item, "activityDate").and_then(|at| instant(&at));
            let into = text(item, "leadId");
            gone.extend(map::merged(item).into_iter().map(|id| Gone {
                id,
                at,
                into: into.clone(),
            }));
        }
        let mut parts = Vec::new();
        if !gone.is_empty() {
            // A loser's history goes on as the winner's.
            let told = match self.mapper.tells_history() {
                true => Told::First(FROM_HISTORY),
                false => Told::All,
            };
            parts.push(Part { gone, told, ..Part::of(Object::Lead, Vec::new()) });
        }
        // A history by attribute is told by the changes.
        if self.mapper.mql_field().is_none() {
            parts.extend(self.qualified(items));
        }
        if self.touches {
            let touches = items.iter().filter_map(|item| self.mapper.touch(item)).collect();
            parts.push(Part::of(Object::Touch, touches));
        }
        Page { parts, ..Page::default() }
    }

    fn mails(&self, items: &[Value]) -> Mails {
        let mut mails = Mails::default();
        for item in items {
            let Some((sent, name)) = self.mapper.sent(item) else { continue };
            if !name.is_empty() {
                mails.names.insert(sent.mailing.clone(), name);
            }
            mails.sent.push((sent, text(item, "marketoGUID").map(|guid| id_hash(&guid))));
        }
        mails
    }

    /// Programs that changed; the first so many with what they cost.
    pub async fn read_programs(&self) -> Result<(), SourceError> {
        let read: Option<Timestamp> =
            self.request.cursors.get(PROGRAMS).and_then(|text| text.parse().ok());
        let known = read.and_then(|at| at.checked_sub(PROGRAM_OVERLAP).ok());
        let mut programs = self.instance.programs(known.filter(|_| !self.request.full)).await?;
        let changed = |program: &Value| instant(&text(program, "updatedAt").unwrap_or_default());
        programs.sort_by_key(changed);
        let (mut reached, mut asked) = (read, 0);
        let (mut whole, mut listed) = (Vec::new(), Vec::new());
        for program in &programs {
            // What programs cost is told one by one; of those that did not change it is known.
            let is_news = known.is_none_or(|known| changed(program) >= Some(known));
            if is_news && asked < PROGRAM_DETAILS_MAX {
                asked += 1;
                reached = reached.max(changed(program));
                let id = text(program, "id").unwrap_or_default();
                let detail = self.instance.program(&id).await?;
                whole.extend(map::campaign(detail.as_ref().unwrap_or(program)));
            } else {
                listed.extend(map::campaign(program));
            }
        }
        let cursor = reached.map(|at| (PROGRAMS.to_owned(), at.to_string()));
        let listed = Part { told: Told::But(&["cost"]), ..Part::of(Object::Campaign, listed) };
        self.send(Page { parts: vec![listed], ..Page::default() }).await?;
        let parts = vec![Part::of(Object::Campaign, whole)];
        self.send(Page { parts, cursor, ..Page::default() }).await
    }

    /// Notes what was used of the day's shares, so that it is not forgotten where a run is cut off.
    pub async fn note_shares(&self) -> Result<(), SourceError> {
        self.shares.note(&self.instance.api, &self.pages).await
    }

    /// Sends a page.
    pub async fn send(&self, page: Page) -> Result<(), SourceError> {
        self.shares.calls.send(&self.instance.api, &self.pages, page).await
    }
}

/// Counts of mails as records.
pub fn sends(counts: &BTreeMap<String, u64>, names: &BTreeMap<String, String>) -> Option<Part> {
    let record = |(key, count): (&String, &u64)| {
        let mailing = key.split_once('|').map(|(_, mailing)| mailing)?;
        map::email_send(key, names.get(mailing), *count)
    };
    let records: Vec<Record> = counts.iter().filter_map(record).collect();
    (!records.is_empty()).then(|| Part::of(Object::EmailSend, records))
}
