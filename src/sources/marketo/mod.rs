//! Marketo: leads, the programs that they belong to, when they qualified, and how many mails were sent.
//!
//! `read` follows what happens, `export` is a first load, `instance` the endpoints, `file` the files of exports,
//! `map` what a record means, `vendor` what an answer means, `cursor` how far everything was read,
//! `shares` what of the day's calls and bytes is ours.

mod check;
mod cursor;
mod export;
mod file;
mod instance;
mod map;
mod read;
mod shares;
mod vendor;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Span, Timestamp, civil::Date, tz::TimeZone};
use tokio::sync::mpsc::Sender;

use super::http::{Api, Auth, Environment, Grant, Proof, Rate};
use super::{
    Boxed, Complete, Discovered, Inventory, Page, Probe, ReadRequest, Source, SourceError,
    in_background,
};
use crate::config::marketo::{Marketo as Settings, Mql};
use crate::domain::Object;
use cursor::{Export, Feed, OVERLAP};
use export::{Ended, What};
use instance::Instance;
use map::Mapper;
use read::{Pass, Stream};
use shares::Shares;

/// "100 calls in 20 seconds", of the whole instance.
const USUAL_RATE: Rate = Rate { count: 100, window_ms: 20_000 };
/// What exports are of, where that never changes.
const MAILS: &str = "mails";
const TOUCHES: &str = "touches";
const CHANGED: &str = "changed";
/// The cursor that says that ids are to be compared.
const COMPARE: &str = "compare ids";
/// How far back leads are read where the configuration does not say.
const LEAD_MONTHS: i64 = 24;
/// How far back mails, memberships and forms are read: of these there are many, and a day's bytes are few.
const ACTIVITY_DAYS: i64 = 92;
/// "Deletions older than 14 days may be pruned": who was away for longer compares all ids.
const DELETIONS_KEPT: SignedDuration = SignedDuration::from_hours(13 * 24);

/// A Marketo instance.
#[derive(Clone)]
pub struct Marketo {
    name: String,
    settings: Settings,
    environment: Environment,
    place: String,
    zone: TimeZone,
}

impl Marketo {
    /// A source of this instance.
    pub fn new(
        name: &str,
        settings: Settings,
        environment: &Environment,
        (place, zone): (&str, &TimeZone),
    ) -> Marketo {
        let (name, place, zone) = (name.to_owned(), place.to_owned(), zone.clone());
        Marketo { name, settings, environment: environment.clone(), place, zone }
    }

    fn instance(&self) -> Result<Instance, SourceError> {
        let settings = &self.settings;
        let grant = Grant {
            url: format!("{}/identity/oauth/token", settings.base_url),
            client_id: settings.client_id.clone(),
            proof: Proof::QuerySecret(settings.client_secret.clone()),
            secrets_key: "client_secret",
        };
        let rate = Rate::of(settings.rate_limit, USUAL_RATE);
        let (vendor, auth) = (Box::new(vendor::MarketoVendor), Auth::Grant(grant));
        let url = &settings.base_url;
        let api = Api::new(url, vendor, auth, (rate, None), &self.environment, &self.place)?;
        Ok(Instance { api: Arc::new(api), place: self.place.clone() })
    }

    fn blank_mapper(&self) -> Mapper {
        Mapper {
            source: self.name.clone(),
            replaced: self.settings.fields.clone(),
            mql: self.settings.mql.clone(),
            zone: self.zone.clone(),
            known: BTreeMap::new(),
            kinds: BTreeMap::new(),
        }
    }

    async fn mapper(&self, instance: &Instance) -> Result<Mapper, SourceError> {
        let known = instance.lead_fields().await?;
        let kinds = instance.activity_types().await?;
        let kinds = kinds.into_iter().map(|(name, id)| (id, name)).collect();
        Ok(Mapper { known, kinds, ..self.blank_mapper() })
    }

    async fn read_all(
        &self,
        request: &ReadRequest,
        pages: Sender<Page>,
    ) -> Result<Complete, SourceError> {
        let instance = self.instance()?;
        let shares = Shares::new(request, self.settings.daily_share, &instance.api);
        let result = self.read_within(&shares, &instance, request, &pages).await;
        let (requests, bytes) = (shares.calls.used(&instance.api), shares.bytes());
        let name = &self.name;
        tracing::info!(
            source = name,
            requests,
            bytes,
            "source {name}: {requests} requests were sent, {bytes} bytes of exports were read"
        );
        // Counted also where the pass failed: what was sent was sent.
        let _ = shares.note(&instance.api, &pages).await;
        result
    }

    async fn read_within(
        &self,
        shares: &Shares,
        instance: &Instance,
        request: &ReadRequest,
        pages: &Sender<Page>,
    ) -> Result<Complete, SourceError> {
        let mapper = self.mapper(instance).await?;
        // Where something happened is asked for by a time: one that is yet to come there would pass it over.
        let started = instance.api.not_ahead(request.started);
        let request = &ReadRequest { started, ..request.clone() };
        let since = self.midnight(self.first_day(request.started));
        // Two years back are earlier each day; what was read stays.
        let from =
            Export::begun(request.cursors.get(What::Leads.name())).unwrap_or(since).min(since);
        let pass = Pass {
            from,
            instance: instance.clone(),
            mapper,
            touches: self.settings.touches,
            request,
            pages: pages.clone(),
            shares,
            seen: Mutex::default(),
        };
        self.pass(&pass).await
    }

    async fn pass(&self, pass: &Pass<'_>) -> Result<Complete, SourceError> {
        let (request, from) = (pass.request, pass.from);
        pass.read_programs().await?;
        // What qualifies a lead is a part of it: where that changes, all of it is read anew.
        let qualifies = (&self.settings.mql, pass.mapper.mql_field());
        let of = format!("{} {qualifies:?}", pass.mapper.asked().join(","));
        let stored = |what: What| request.cursors.get(what.name());
        let leads = Export::parse(stored(What::Leads), &of, from, request.started);
        let is_first = !request.cursors.contains_key(Stream::Changes.name());
        let was_done = leads.is_done();
        if is_first {
            read_leads(pass, What::Leads, leads.clone()).await?;
            self.read_past(pass, &of).await?;
        }
        let away = self.follow_all(pass, leads.until).await?;
        if !is_first && !was_done {
            match read_leads(pass, What::Leads, leads.clone()).await {
                // What happens is followed; the past waits for another day's share.
                Err(SourceError::Later { message, .. }) => tracing::info!("{message}"),
                read => read?,
            }
        }
        if !is_first {
            self.read_past(pass, &of).await?;
        }
        let mut inventories = Vec::new();
        if request.full && was_done {
            inventories.extend(self.read_again(pass, leads, away).await?);
        }
        Ok(Complete { complete_to: request.started, inventories })
    }

    /// Follows what happens. Gives whether deletions may have been missed.
    async fn follow_all(&self, pass: &Pass<'_>, until: Timestamp) -> Result<bool, SourceError> {
        let request = pass.request;
        let overlapped = until.checked_sub(OVERLAP).unwrap_or(until);
        let deleted = Feed::parse(request.cursors.get(Stream::Deleted.name()), overlapped, until);
        let known = request.cursors.contains_key(Stream::Deleted.name());
        let long = request.started.duration_since(deleted.again) > DELETIONS_KEPT;
        let noted = request.cursors.get(COMPARE).is_some_and(|text| !text.is_empty());
        if known && long && !noted {
            let cursor = Some((COMPARE.to_owned(), "deletions may have been missed".to_owned()));
            pass.send(Page { cursor, ..Page::default() }).await?;
        }
        // Mails are counted from the midnight on up to which an export counted them.
        let mails = request.cursors.get(What::Mails.name());
        let (_, last) = self.days_of_mails(request.started);
        let counted_to = Export::parse(mails, MAILS, Timestamp::MAX, last).until;
        pass.follow(Stream::Changes, overlapped, until).await?;
        pass.follow(Stream::Activities, overlapped.min(counted_to), counted_to).await?;
        pass.follow(Stream::Deleted, overlapped, until).await?;
        Ok(noted || (known && long))
    }

    /// The days whose mails an export counts: whole ones, so that no mailing's count is told half by an export and half
    /// by what happens.
    fn days_of_mails(&self, started: Timestamp) -> (Timestamp, Timestamp) {
        let settled = started.checked_sub(OVERLAP).unwrap_or(started);
        let last = self.zone.to_datetime(settled).date();
        let first =
            last.saturating_sub(Span::new().days(ACTIVITY_DAYS)).max(self.first_day(started));
        (self.midnight(first), self.midnight(last))
    }

    /// What happened before it was followed: when leads qualified, mails, memberships and forms.
    async fn read_past(&self, pass: &Pass<'_>, of: &str) -> Result<(), SourceError> {
        let (request, started) = (pass.request, pass.request.started);
        let stored = |what: What| request.cursors.get(what.name());
        let is_unknown = matches!(self.settings.mql, Some(Mql::Attribute { .. }))
            && pass.mapper.mql_field().is_none();
        if pass.mapper.tells_history() && !is_unknown {
            let own = Export::parse(stored(What::Qualified), of, pass.from, started);
            pass.export(What::Qualified, own).await?;
        }
        let (first, last) = self.days_of_mails(started);
        // An export that was done stays done; the days before it do not come again.
        let mails = match stored(What::Mails) {
            Some(text) => Export::parse(Some(text), MAILS, Timestamp::MAX, last),
            None => Export::new(MAILS, first, last),
        };
        pass.export(What::Mails, mails).await?;
        if self.settings.touches {
            let touches = match stored(What::Touches) {
                Some(text) => Export::parse(Some(text), TOUCHES, Timestamp::MAX, started),
                None => Export::new(TOUCHES, first, started),
            };
            pass.export(What::Touches, touches).await?;
        }
        Ok(())
    }

    /// Once a day: what changed without leaving a trace among the activities. Ids are compared where deletions may
    /// have been missed, or where there is no filter for what changed.
    async fn read_again(
        &self,
        pass: &Pass<'_>,
        leads: Export,
        away: bool,
    ) -> Result<Option<Inventory>, SourceError> {
        let started = pass.request.started;
        if !away {
            let stored = pass.request.cursors.get(What::ChangedLeads.name());
            let last = Export::reached_by(stored).unwrap_or(leads.until);
            let from = last.checked_sub(OVERLAP).unwrap_or_default();
            // A file that was made in another run may hold leads that are gone since.
            let changed = Export::new(CHANGED, from, started);
            if let Ended::Read = pass.export(What::ChangedLeads, changed).await? {
                return Ok(None);
            }
        }
        read_leads(pass, What::AllLeads, Export::new("", leads.from, started)).await?;
        let cursor = Some((COMPARE.to_owned(), String::new()));
        pass.send(Page { cursor, ..Page::default() }).await?;
        // Those that came while the export was made were told by the changes.
        let seen = pass.seen.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Some(Inventory::new(Object::Lead, seen.iter().copied())))
    }

    fn first_day(&self, started: Timestamp) -> Date {
        let back = || {
            let today = self.zone.to_datetime(started).date();
            today.saturating_sub(Span::new().months(LEAD_MONTHS))
        };
        self.settings.since.unwrap_or_else(back)
    }

    fn midnight(&self, day: Date) -> Timestamp {
        day.to_zoned(self.zone.clone()).map_or(Timestamp::UNIX_EPOCH, |at| at.timestamp())
    }
}

async fn read_leads(pass: &Pass<'_>, what: What, export: Export) -> Result<(), SourceError> {
    match pass.export(what, export).await? {
        Ended::Read => Ok(()),
        Ended::NotProvided => {
            let why = "leads cannot be exported by when they were created";
            Err(pass.instance.api.unanswered(what.name(), why))
        }
    }
}

impl Source for Marketo {
    fn objects(&self) -> Vec<Object> {
        let mut objects = vec![Object::Campaign, Object::Lead, Object::EmailSend];
        objects.extend(self.settings.touches.then_some(Object::Touch));
        objects
    }

    fn provides(&self, object: Object, field: &str) -> bool {
        if !self.objects().contains(&object) {
            return false;
        }
        let known = object.field_index(field).is_some();
        match (object, field) {
            (Object::Lead, "mql_at") if self.settings.mql.is_some() => true,
            (Object::Lead, _) => known && self.blank_mapper().name(field).is_some(),
            _ => known,
        }
    }

    fn read<'a>(
        &'a self,
        request: ReadRequest,
        pages: Sender<Page>,
    ) -> Boxed<'a, Result<Complete, SourceError>> {
        let own = self.clone();
        Box::pin(in_background(async move { own.read_all(&request, pages).await }))
    }

    fn check<'a>(&'a self) -> Boxed<'a, Result<Probe, SourceError>> {
        Box::pin(self.check_all())
    }

    fn discover<'a>(&'a self) -> Boxed<'a, Result<Discovered, SourceError>> {
        Box::pin(self.discover_all())
    }
}
