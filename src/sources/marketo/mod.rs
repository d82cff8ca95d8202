//! Marketo: leads, the programs that they belong to, when they qualified, and how many mails were sent.
//!
//! `read` follows what happens, `export` is a first load, `instance` the endpoints, `file` the files of exports,
//! `map` what a record means, `vendor` what an answer means, `cursor` how far everything was read.

mod check;
mod cursor;
mod export;
mod file;
mod instance;
mod map;
mod read;
mod vendor;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Span, Timestamp, civil::Date, tz::TimeZone};
use tokio::sync::mpsc::Sender;

use super::http::{Api, Auth, Environment, Grant, Proof, Rate, SPENT, Spent};
use super::{
    Boxed, Complete, Discovered, Inventory, Page, Probe, ReadRequest, Source, SourceError,
    in_background,
};
use crate::config::marketo::Marketo as Settings;
use crate::domain::Object;
use cursor::{Export, Feed, OVERLAP};
use export::{Ended, What};
use instance::Instance;
use map::Mapper;
use read::{Pass, Stream};

/// "100 calls in 20 seconds", of the whole instance.
const USUAL_RATE: Rate = Rate { count: 100, window_ms: 20_000 };
/// "50,000 calls a day" and "500 MB a day", of the whole instance.
const DAILY_CALLS: u64 = 50_000;
const DAILY_EXPORT_BYTES: u64 = 500_000_000;
/// The cursor that holds how many bytes of exports were read in the last day.
const EXPORTED: &str = "exported bytes";
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
        let mut spent = Spent::parse(request.cursors.get(SPENT), request.started);
        spent.daily = Some(DAILY_CALLS);
        let exported = Spent::parse(request.cursors.get(EXPORTED), request.started);
        instance.api.share(self.settings.daily_share, &spent);
        let share = (DAILY_EXPORT_BYTES as f64 * self.settings.daily_share) as u64;
        let export_bytes = (share.saturating_sub(exported.of_day()), Mutex::new(0));
        let before = instance.api.spent();
        let mut bytes = 0;
        let result = match self.mapper(&instance).await {
            Ok(mapper) => {
                let (instance, pages) = (instance.clone(), pages.clone());
                let touches = self.settings.touches;
                let pass = Pass { instance, mapper, touches, request, pages, export_bytes };
                let result = self.pass(&pass).await;
                bytes = pass.export_bytes.1.into_inner().unwrap_or(0);
                result
            }
            Err(error) => Err(error),
        };
        let requests = instance.api.spent() - before;
        let name = &self.name;
        tracing::info!(
            source = name,
            requests,
            bytes,
            "source {name}: {requests} requests were sent, {bytes} bytes of exports were read"
        );
        // Counted also where the pass failed: what was sent was sent.
        let cursors = [
            (SPENT.to_owned(), spent.with(requests, Some(DAILY_CALLS))),
            (EXPORTED.to_owned(), exported.with(bytes, None)),
        ];
        for cursor in cursors {
            let _ = pages.send(Page { cursor: Some(cursor), ..Page::default() }).await;
        }
        result
    }

    async fn pass(&self, pass: &Pass<'_>) -> Result<Complete, SourceError> {
        let request = pass.request;
        pass.read_programs().await?;
        let since = self.first_day(request.started);
        let from = self.midnight(since);
        let leads_of = pass.mapper.asked().join(",");
        let stored = |what: What| request.cursors.get(what.name());
        let leads = Export::parse(stored(What::Leads), &leads_of, from, request.started);
        let (until, was_done) = (leads.until, leads.is_done());
        let mut inventories = Vec::new();
        if !was_done {
            inventories.extend(read_leads(pass, leads.clone()).await?);
        }
        if pass.mapper.tells_history() {
            let of = format!("{:?}", self.settings.mql);
            let own = Export::parse(stored(What::Qualified), &of, from, until);
            pass.export(What::Qualified, own).await?;
        }
        // Whole days, so that no mailing's count is told half by an export and half by what happens.
        let settled = request.started.checked_sub(OVERLAP).unwrap_or(request.started);
        let last = self.zone.to_datetime(settled).date();
        let first = last.saturating_sub(Span::new().days(ACTIVITY_DAYS)).max(since);
        let of = format!("touches: {}", self.settings.touches);
        let (first, last) = (self.midnight(first), self.midnight(last));
        let activities = Export::parse(stored(What::Activities), &of, first, last);
        let counted_to = activities.until;
        pass.export(What::Activities, activities).await?;
        let overlapped = until.checked_sub(OVERLAP).unwrap_or(until);
        let deleted = Feed::parse(request.cursors.get(Stream::Deleted.name()), overlapped);
        pass.follow(Stream::Changes, overlapped).await?;
        pass.follow(Stream::Activities, counted_to).await?;
        pass.follow(Stream::Deleted, overlapped).await?;
        if request.full && was_done {
            let away = request.started.duration_since(deleted.again) > DELETIONS_KEPT;
            inventories.extend(self.read_again(pass, leads, away).await?);
        }
        Ok(Complete { complete_to: request.started, inventories })
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
        let all = Export::new(&leads.of, leads.from, started);
        if away {
            return read_leads(pass, all).await;
        }
        let stored = pass.request.cursors.get(What::ChangedLeads.name());
        let last = Export::parse(stored, "", leads.until, leads.until);
        let changed = match last.is_done() {
            true => Export::new("", last.until.checked_sub(OVERLAP).unwrap_or_default(), started),
            false => last,
        };
        match pass.export(What::ChangedLeads, changed).await? {
            Ended::Read(_) => Ok(None),
            Ended::NotProvided => read_leads(pass, all).await,
        }
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

async fn read_leads(pass: &Pass<'_>, export: Export) -> Result<Option<Inventory>, SourceError> {
    match pass.export(What::Leads, export).await? {
        Ended::Read(inventory) => Ok(inventory),
        Ended::NotProvided => {
            let why = "leads cannot be exported by when they were created";
            Err(pass.instance.api.unanswered(What::Leads.name(), why))
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
