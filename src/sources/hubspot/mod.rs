//! HubSpot: contacts are leads, deals are opportunities; calls, e-mails, meetings and tasks are what
//! people do.
//!
//! `read` is a pass over a kind of record, `links` what belongs to records, `portal` the endpoints,
//! `map` what a record means, `touches` what a contact tells of marketing, `vendor` what a status means,
//! `kind` what is asked for, `cursor` how far it was read.

mod check;
mod cursor;
mod kind;
mod links;
mod map;
mod portal;
mod read;
mod touches;
mod vendor;
mod wire;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::Sender;

use super::http::{Api, Auth, Environment, Rate};
use super::{
    Boxed, Complete, Discovered, Gone, Inventory, Page, Part, Probe, ReadRequest, Source,
    SourceError, in_background,
};
use crate::config::api::HubSpot as Settings;
use crate::domain::{Object, Record};
use kind::{Fields, Kind};
use map::Mapper;
use portal::Portal;
use read::Pass;

/// The smallest tier's limit; the answers' headers tell the account's own.
const GENERAL_RATE: Rate = Rate { count: 100, window_ms: 10_000 };
/// All apps of an account together; no header tells it.
const SEARCH_RATE: Rate = Rate { count: 5, window_ms: 1_000 };

/// A HubSpot account.
#[derive(Clone)]
pub struct HubSpot {
    name: String,
    settings: Settings,
    fields: Fields,
    environment: Environment,
    place: String,
}

impl HubSpot {
    /// A source of this account.
    pub fn new(name: &str, settings: Settings, environment: &Environment, place: &str) -> HubSpot {
        let fields = Fields::new(&settings.fields, &settings.values_of, settings.touches);
        let (name, place) = (name.to_owned(), place.to_owned());
        HubSpot { name, settings, fields, environment: environment.clone(), place }
    }

    fn portal(&self) -> Result<Portal, SourceError> {
        let general = Rate::of(self.settings.rate_limit, GENERAL_RATE);
        // Only where there is no limit at all there is none for searches.
        let rates = (general, general.map(|_| SEARCH_RATE));
        let auth = Auth::Bearer(self.settings.token.clone());
        let vendor = Box::new(vendor::HubSpotVendor);
        let url = &self.settings.base_url;
        let api = Api::new(url, vendor, auth, rates, &self.environment, &self.place)?;
        Ok(Portal { api: Arc::new(api), version: self.settings.api_version.clone() })
    }

    fn mapper(&self, stages: map::Stages) -> Mapper {
        Mapper {
            source: self.name.clone(),
            fields: self.fields.clone(),
            portal_id: self.settings.portal_id.clone(),
            stages,
        }
    }

    async fn read_all(
        &self,
        request: &ReadRequest,
        pages: Sender<Page>,
    ) -> Result<Complete, SourceError> {
        let portal = self.portal()?;
        let before = portal.api.requests();
        let stages = portal::stages(&portal.pipelines().await?);
        let pass = Pass {
            mapper: self.mapper(stages),
            request,
            pages,
            inventory: Mutex::new(BTreeMap::new()),
            created: Mutex::new(HashMap::new()),
            portal,
        };
        // Each kind goes on for itself, so that one that fails holds no other up.
        let results = tokio::join!(
            pass.read_owners(),
            pass.read(Kind::Contacts),
            pass.read(Kind::Deals),
            pass.read(Kind::Calls),
            pass.read(Kind::Emails),
            pass.read(Kind::Meetings),
            pass.read(Kind::Tasks),
            pass.read_waiting(),
        );
        let requests = pass.portal.api.requests() - before;
        let name = &self.name;
        tracing::info!(source = name, requests, "source {name}: {requests} requests were sent");
        let (a, b, c, d, e, f, g, h) = results;
        for result in [a, b, c, d, e, f, g, h] {
            result?;
        }
        let inventory = pass.inventory.into_inner().unwrap_or_else(PoisonError::into_inner);
        let inventories = inventory.into_iter();
        let inventories = inventories.map(|(object, seen)| Inventory::new(object, seen)).collect();
        Ok(Complete { complete_to: request.started, inventories })
    }

    async fn fates(&self, object: Object, ids: Vec<String>) -> Result<Vec<Gone>, SourceError> {
        let portal = self.portal()?;
        let mapper = self.mapper(map::Stages::new());
        let mut fates = Vec::with_capacity(ids.len());
        for id in ids {
            let kind = Kind::ALL.into_iter().find(|kind| {
                let vendor_id = kind.vendor_id(&id);
                kind.object() == object && kind.id(vendor_id) == id
            });
            // Whether an activity was merged or when it went tells nobody anything.
            fates.push(match kind.filter(|kind| !Kind::ACTIVITIES.contains(kind)) {
                Some(kind) => portal.fate(kind, &mapper, &id).await?,
                None => Gone::now(id),
            });
        }
        Ok(fates)
    }
}

impl Pass<'_> {
    /// Everybody who owns or owned records; there are few, so all are read each time.
    async fn read_owners(&self) -> Result<(), SourceError> {
        let owners = self.portal.owners().await?;
        let record = |owner: &wire::Owner| {
            let mut record = Record::empty(Object::Owner, owner.id.filled()?);
            record.set("email", owner.email.filled().map(str::to_owned));
            let names = [owner.first_name.filled(), owner.last_name.filled()];
            let name = names.into_iter().flatten().collect::<Vec<_>>().join(" ");
            record.set("name", Some(name).filter(|name| !name.is_empty()));
            record.set("active", Some((!owner.archived.unwrap_or(false)).to_string()));
            Some(record)
        };
        let records = owners.iter().filter_map(record).collect();
        let cursor = Some(("owners".to_owned(), String::new()));
        let parts = vec![Part::of(Object::Owner, records)];
        self.send(Page { parts, cursor, ..Page::default() }).await
    }
}

impl Source for HubSpot {
    fn objects(&self) -> Vec<Object> {
        let mut objects = vec![
            Object::Owner,
            Object::Lead,
            Object::Opportunity,
            Object::StageChange,
            Object::OwnerChange,
            Object::ContactRole,
            Object::Activity,
            Object::ActivityLink,
        ];
        objects.extend(self.settings.touches.then_some(Object::Touch));
        objects
    }

    fn provides(&self, object: Object, field: &str) -> bool {
        self.objects().contains(&object) && self.fields.provides(object, field)
    }

    fn read<'a>(
        &'a self,
        request: ReadRequest,
        pages: Sender<Page>,
    ) -> Boxed<'a, Result<Complete, SourceError>> {
        let own = self.clone();
        Box::pin(in_background(async move { own.read_all(&request, pages).await }))
    }

    fn fates<'a>(
        &'a self,
        object: Object,
        ids: Vec<String>,
    ) -> Boxed<'a, Result<Vec<Gone>, SourceError>> {
        Box::pin(self.fates(object, ids))
    }

    fn own_count<'a>(&'a self, object: Object, before: jiff::Timestamp) -> Boxed<'a, Option<u64>> {
        Box::pin(async move {
            let kind = [Kind::Contacts, Kind::Deals].into_iter().find(|k| k.object() == object)?;
            self.portal().ok()?.count(kind, before).await.ok().flatten()
        })
    }

    fn check<'a>(&'a self) -> Boxed<'a, Result<Probe, SourceError>> {
        Box::pin(self.check_all())
    }

    fn discover<'a>(&'a self) -> Boxed<'a, Result<Discovered, SourceError>> {
        Box::pin(self.discover_all())
    }
}
