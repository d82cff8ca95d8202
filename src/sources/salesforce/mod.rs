//! Salesforce: leads are leads, opportunities are opportunities; tasks and events are what people do.
//!
//! `read` is a pass over a kind of record, `belongs` what comes with a record, `bulk` a first load by a job,
//! `org` the endpoints, `map` what a row means, `soql` how a question is put, `vendor` what a status means,
//! `kind` what is asked for, `cursor` how far it was read.

mod belongs;
mod bulk;
mod check;
mod cursor;
mod kind;
mod map;
mod org;
mod read;
mod shapes;
mod soql;
mod vendor;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::mpsc::Sender;

use super::http::{Api, Auth, Environment, Grant, Proof, Rate, Share};
use super::{
    Boxed, Complete, Discovered, Gone, Inventory, Page, Part, Probe, ReadRequest, Source,
    SourceError, in_background,
};
use crate::config::api::{Login, Salesforce as Settings};
use crate::domain::Object;
use kind::{Fields, Kind};
use map::Mapper;
use org::{Ask, Org};
use read::Pass;
use wire::Names;

/// Salesforce has no limit a second, only one a day; this leaves it time for others.
const USUAL_RATE: Rate = Rate { count: 20, window_ms: 1_000 };

/// A company at Salesforce.
#[derive(Clone)]
pub struct Salesforce {
    name: String,
    settings: Settings,
    fields: Fields,
    environment: Environment,
    place: String,
}

impl Salesforce {
    /// A source of this company.
    pub fn new(
        name: &str,
        settings: Settings,
        environment: &Environment,
        place: &str,
    ) -> Salesforce {
        let fields = Fields::new(&settings.fields, &settings.values_of, settings.touches);
        let (name, place) = (name.to_owned(), place.to_owned());
        Salesforce { name, settings, fields, environment: environment.clone(), place }
    }

    fn org(&self) -> Result<Org, SourceError> {
        let settings = &self.settings;
        let rate = Rate::of(settings.rate_limit, USUAL_RATE);
        let proof = match &settings.login {
            Login::ClientSecret(secret) => Proof::ClientSecret(secret.clone()),
            Login::Key { username, private_key, audience } => Proof::Assertion {
                username: Some(username.clone()),
                scope: None,
                audience: audience.clone().unwrap_or_else(|| settings.base_url.clone()),
                private_key: private_key.clone(),
            },
        };
        let secrets_key = match &proof {
            Proof::Assertion { .. } => "private_key",
            _ => "client_secret",
        };
        let url = format!("{}/services/oauth2/token", settings.base_url);
        let auth =
            Auth::Grant(Grant { url, client_id: settings.client_id.clone(), proof, secrets_key });
        let vendor = Box::new(vendor::SalesforceVendor);
        let url = &settings.base_url;
        let api = Api::new(url, vendor, auth, (rate, None), &self.environment, &self.place)?;
        let (version, place) = (settings.api_version.clone(), self.place.clone());
        Ok(Org { api: Arc::new(api), version, place })
    }

    fn mapper(&self, stages: map::Stages) -> Mapper {
        let base_url = self.settings.base_url.clone();
        Mapper { source: self.name.clone(), fields: self.fields.clone(), base_url, stages }
    }

    async fn read_all(
        &self,
        request: &ReadRequest,
        pages: Sender<Page>,
    ) -> Result<Complete, SourceError> {
        let org = self.org()?;
        let share = Share::begin(&org.api, self.settings.daily_share, request, None);
        let result = self.pass(&org, request, (&pages, &share)).await;
        if result.as_ref().is_err_and(|error| error.to_string().contains("INVALID_FIELD")) {
            // A field was taken away since they were asked for: the next sync asks again.
            let cursor = Some((shapes::KNOWN.to_owned(), String::new()));
            let _ = pages.send(Page { cursor, ..Page::default() }).await;
        }
        let requests = share.used(&org.api);
        let name = &self.name;
        tracing::info!(source = name, requests, "source {name}: {requests} requests were sent");
        let cursor = Some(share.cursor(&org.api));
        // Counted also where the pass failed: what was sent was sent.
        let _ = pages.send(Page { cursor, ..Page::default() }).await;
        result
    }

    async fn pass(
        &self,
        org: &Org,
        request: &ReadRequest,
        (pages, share): (&Sender<Page>, &Share),
    ) -> Result<Complete, SourceError> {
        let shapes = shapes::shapes(org, &self.fields, request, pages).await?;
        let members = Kind::CampaignMember.name();
        let known = request.cursors.contains_key(members);
        let has_members =
            shapes.contains_key(&Kind::CampaignMember) && (known || org.has_any(members).await?);
        let pass = Pass {
            mapper: self.mapper(org.stages().await?.unwrap_or_default()),
            org: org.clone(),
            shapes,
            has_members,
            begun: Mutex::new(BTreeMap::new()),
            request,
            share,
            pages: pages.clone(),
            inventory: Mutex::new(BTreeMap::new()),
        };
        pass.read_queues().await?;
        pass.begin_children().await?;
        // Each goes on for itself, so that one that fails holds no other up.
        let (a, b, c, d, e) = tokio::join!(
            async { pass.read(Kind::User).await.and(pass.read(Kind::Campaign).await) },
            async { pass.read(Kind::Lead).await.and(pass.read(Kind::CampaignMember).await) },
            pass.read_opportunities(),
            pass.read(Kind::Task),
            pass.read(Kind::Event),
        );
        for result in [a, b, c, d, e] {
            result?;
        }
        let seen = pass.inventory.into_inner().unwrap_or_else(PoisonError::into_inner);
        let kept =
            [Object::Lead, Object::Opportunity, Object::Activity, Object::Campaign, Object::Touch];
        let seen = seen.into_iter().filter(|(object, _)| kept.contains(object));
        let inventories = seen.map(|(object, ids)| Inventory::new(object, ids)).collect();
        Ok(Complete { complete_to: request.started, inventories })
    }

    /// What became of records that are listed no more: in the recycle bin, merged, or nobody knows.
    async fn fates(&self, object: Object, ids: Vec<String>) -> Result<Vec<Gone>, SourceError> {
        let mut fates: BTreeMap<String, Gone> =
            ids.iter().map(|id| (id.clone(), Gone::now(id.as_str()))).collect();
        let kind = [Kind::Lead, Kind::Opportunity].into_iter().find(|kind| kind.object() == object);
        let Some(kind) = kind else { return Ok(fates.into_values().collect()) };
        let mut names = vec!["Id", "SystemModstamp", "IsDeleted"];
        names.extend((kind == Kind::Lead).then_some("MasterRecordId"));
        let names: Names = names.into_iter().map(str::to_owned).collect();
        let select = soql::select(&names, kind.name());
        let org = self.org()?;
        let rows = org.rows_of("look for what is gone", &select, ("Id", ""), &ids, &names).await?;
        for row in &rows {
            match map::end(row) {
                Some(gone) => fates.insert(gone.id.clone(), gone),
                // It came while the lists were read.
                None => fates.remove(row.id()),
            };
        }
        Ok(fates.into_values().collect())
    }

    async fn own_count(&self, object: Object, before: Timestamp) -> Option<u64> {
        let kind = [Kind::Lead, Kind::Opportunity].into_iter().find(|k| k.object() == object)?;
        let before = soql::instant(before);
        let question = format!("SELECT COUNT() FROM {} WHERE CreatedDate < {before}", kind.name());
        let operation = format!("count {}", kind.name());
        let count = self.org().ok()?.count(&operation, Ask::Living(question)).await;
        count.ok()?.ok()
    }
}

impl Pass<'_> {
    async fn read_opportunities(&self) -> Result<(), SourceError> {
        self.read(Kind::Opportunity).await?;
        self.read(Kind::ContactRole).await?;
        // A merge of contacts moves roles without a stamp: they are asked for again where a clock runs.
        let waiting = self.request.waiting.iter().map(|one| one.opportunity.clone());
        self.read_ids(Kind::Opportunity, &waiting.collect::<Vec<_>>()).await
    }

    /// Queues own leads and tasks, as people do; there are few, so all are read each time.
    async fn read_queues(&self) -> Result<(), SourceError> {
        let names: Names = ["Id", "Name"].into_iter().map(str::to_owned).collect();
        let question = "SELECT Id,Name FROM Group WHERE Type = 'Queue'".to_owned();
        let found = self.org.rows("read queues", Ask::Living(question), &names).await?;
        // Without them a queue is shown by its id.
        let Ok(rows) = found else { return Ok(()) };
        let parts = vec![Part::of(Object::Owner, rows.iter().map(map::owner).collect())];
        self.send(Page { parts, ..Page::default() }).await
    }
}

impl Source for Salesforce {
    fn objects(&self) -> Vec<Object> {
        let mut objects = vec![
            Object::Owner,
            Object::Campaign,
            Object::Lead,
            Object::Opportunity,
            Object::StageChange,
            Object::OwnerChange,
            Object::ContactRole,
            Object::Activity,
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

    fn own_count<'a>(&'a self, object: Object, before: Timestamp) -> Boxed<'a, Option<u64>> {
        Box::pin(self.own_count(object, before))
    }

    fn check<'a>(&'a self) -> Boxed<'a, Result<Probe, SourceError>> {
        Box::pin(self.check_all())
    }

    fn discover<'a>(&'a self) -> Boxed<'a, Result<Discovered, SourceError>> {
        Box::pin(self.discover_all())
    }
}
