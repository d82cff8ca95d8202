//! Pipedrive: leads are leads until they become deals, deals are opportunities; activities are what people do.
//!
//! `read` is a pass over the lists, `account` the endpoints, `map` what a record means, `vendor` what a status
//! means, `cursor` how far a list was read.

mod account;
mod check;
mod cursor;
mod map;
mod read;
mod vendor;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::Sender;

use super::http::{Api, Auth, Environment, Rate, Share};
use super::{
    Boxed, Complete, Discovered, Inventory, Page, Part, Probe, ReadRequest, Source, SourceError,
    in_background,
};
use crate::config::api::Pipedrive as Settings;
use crate::config::source::ATTRIBUTE_PREFIX;
use crate::domain::Object;
use account::{Account, List};
use map::Mapper;
use read::Pass;

/// The smallest plan's limit; the answers' headers tell the account's own.
const USUAL_RATE: Rate = Rate { count: 20, window_ms: 2_000 };
/// The address that serves every company; its pages are elsewhere.
const SHARED_HOST: &str = "api.pipedrive.com";

/// A Pipedrive account.
#[derive(Clone)]
pub struct Pipedrive {
    name: String,
    settings: Settings,
    environment: Environment,
    place: String,
}

impl Pipedrive {
    /// A source of this account.
    pub fn new(
        name: &str,
        settings: Settings,
        environment: &Environment,
        place: &str,
    ) -> Pipedrive {
        let (name, place) = (name.to_owned(), place.to_owned());
        Pipedrive { name, settings, environment: environment.clone(), place }
    }

    fn account(&self) -> Result<Account, SourceError> {
        let rate = Rate::of(self.settings.rate_limit, USUAL_RATE);
        let auth = Auth::Header("x-api-token", self.settings.token.clone());
        let vendor = Box::new(vendor::PipedriveVendor);
        let url = &self.settings.base_url;
        let api = Api::new(url, vendor, auth, (rate, None), &self.environment, &self.place)?;
        Ok(Account { api: Arc::new(api) })
    }

    fn mapper(&self, options: BTreeMap<String, BTreeMap<String, String>>) -> Mapper {
        let url = &self.settings.base_url;
        Mapper {
            source: self.name.clone(),
            replaced: self.settings.fields.clone(),
            values_of: self.settings.values_of.clone(),
            options,
            pages_url: (!url.contains(SHARED_HOST)).then(|| url.clone()),
        }
    }

    async fn read_all(
        &self,
        request: &ReadRequest,
        pages: Sender<Page>,
    ) -> Result<Complete, SourceError> {
        let account = self.account()?;
        let share = Share::begin(&account.api, self.settings.daily_share, request, None);
        let requests = account.api.requests();
        let result = self.pass(&account, request, (&pages, &share)).await;
        let (requests, used) = (account.api.requests() - requests, share.used(&account.api));
        let name = &self.name;
        tracing::info!(
            source = name,
            requests,
            tokens = used,
            "source {name}: {requests} requests were sent, for {used} tokens"
        );
        let cursor = Some(share.cursor(&account.api));
        // Counted also where the pass failed: what was sent was sent.
        let _ = pages.send(Page { cursor, ..Page::default() }).await;
        result
    }

    async fn pass(
        &self,
        account: &Account,
        request: &ReadRequest,
        (pages, share): (&Sender<Page>, &Share),
    ) -> Result<Complete, SourceError> {
        let stages = account.stages().await?;
        let pass = Pass {
            mapper: self.mapper(match account.options().await {
                // Without the fields a channel is shown by its number.
                Err(SourceError::NotThere(_)) => BTreeMap::new(),
                options => options?,
            }),
            stages: stages.iter().filter_map(|stage| map::text(stage, "id")).collect(),
            account: account.clone(),
            request,
            share,
            pages: pages.clone(),
            inventory: Mutex::new(BTreeMap::new()),
        };
        pass.read_owners().await?;
        // A lead that becomes a deal meanwhile is told by the deals, if these are read after the leads.
        let leads = pass.read(List::Leads).await.and(pass.read(List::ArchivedLeads).await);
        let (deals, activities) = tokio::join!(
            async { pass.read(List::Deals).await.and(pass.read(List::ArchivedDeals).await) },
            pass.read(List::Activities),
        );
        for result in [leads, deals, activities] {
            result?;
        }
        pass.read_deleted().await?;
        let seen = pass.inventory.into_inner().unwrap_or_else(PoisonError::into_inner);
        let inventories = seen.into_iter().map(|(object, ids)| Inventory::new(object, ids));
        Ok(Complete { complete_to: request.started, inventories: inventories.collect() })
    }
}

impl Pass<'_> {
    /// Everybody who owns or owned records; there are few, so all are read each time.
    async fn read_owners(&self) -> Result<(), SourceError> {
        let owners = self.account.users().await?.iter().filter_map(map::owner).collect();
        let parts = vec![Part::of(Object::Owner, owners)];
        self.send(Page { parts, ..Page::default() }).await
    }
}

impl Source for Pipedrive {
    fn objects(&self) -> Vec<Object> {
        vec![
            Object::Owner,
            Object::Lead,
            Object::Opportunity,
            Object::StageChange,
            Object::OwnerChange,
            Object::ContactRole,
            Object::Activity,
        ]
    }

    fn provides(&self, object: Object, field: &str) -> bool {
        if !self.objects().contains(&object) {
            return false;
        }
        if field.starts_with(ATTRIBUTE_PREFIX) {
            return self.settings.fields.contains_key(&(object, field.to_owned()));
        }
        let known = object.field_index(field).is_some();
        let told = ["lead", "outcome", "closed_at", "url"].contains(&field);
        match object {
            Object::Opportunity if told => true,
            Object::Lead | Object::Opportunity => {
                known && self.mapper(BTreeMap::new()).name(object, field).is_some()
            }
            Object::Activity if field == "automated" => {
                self.settings.fields.contains_key(&(object, field.to_owned()))
            }
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

    fn conversion_hides_leads(&self) -> bool {
        true
    }

    fn check<'a>(&'a self) -> Boxed<'a, Result<Probe, SourceError>> {
        Box::pin(self.check_all())
    }

    fn discover<'a>(&'a self) -> Boxed<'a, Result<Discovered, SourceError>> {
        Box::pin(self.discover_all())
    }
}
