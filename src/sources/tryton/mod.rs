//! Tryton, a CRM that people host themselves: a sale opportunity is a lead until it leaves the state
//! `lead`, and an opportunity from then on; notes are what people do.
//!
//! `rpc` speaks its JSON-RPC, `read` pages through what changed, `map` makes a record of an
//! opportunity's revisions. Seen on trytond 8.0.12.

mod map;
mod read;
mod rpc;

use std::collections::BTreeMap;

use serde_json::json;
use tokio::sync::mpsc::Sender;

use super::http::Environment;
use super::{
    Boxed, Complete, Discovered, Gone, Inventory, Page, Probe, ReadRequest, Source, SourceError,
    id_hash,
};
use crate::config::api::Tryton as Settings;
use crate::domain::Object;
use read::Pass;
use rpc::Rpc;

/// Records that `discover` looks at.
const LOOKED_AT_MAX: u64 = 2_000;

/// A Tryton database.
pub struct Tryton {
    settings: Settings,
    environment: Environment,
    place: String,
}

impl Tryton {
    /// A source of this database.
    pub fn new(settings: Settings, environment: &Environment, place: &str) -> Tryton {
        Tryton { settings, environment: environment.clone(), place: place.to_owned() }
    }

    async fn rpc(&self) -> Result<Rpc, SourceError> {
        let rpc = Rpc::new(&self.settings, &self.environment, &self.place)?;
        rpc.log_in().await?;
        Ok(rpc)
    }

    async fn read_all(
        &self,
        request: &ReadRequest,
        pages: Sender<Page>,
    ) -> Result<Complete, SourceError> {
        let rpc = self.rpc().await?;
        let fields = rpc.known_fields().await?;
        let pass = Pass { rpc, fields, request, pages };
        let users = pass.read_owners().await?;
        // Notes refer to opportunities, so these are read first.
        pass.read_opportunities().await?;
        pass.read_notes(&users).await?;
        let mut inventories = Vec::new();
        if request.full {
            let leads = pass.rpc.ids("sale.opportunity").await?;
            let hashes = leads.iter().map(|id| id_hash(&id.to_string()));
            inventories.push(Inventory::new(Object::Lead, hashes.clone()));
            inventories.push(Inventory::new(Object::Opportunity, hashes));
            let notes = pass.rpc.ids("ir.note").await?;
            let notes = notes.iter().map(|id| id_hash(&read::note_id(*id)));
            inventories.push(Inventory::new(Object::Activity, notes));
        }
        Ok(Complete { complete_to: request.started, inventories })
    }

    /// The newest revision of a record that is gone is its deletion.
    async fn fates(&self, object: Object, ids: Vec<String>) -> Result<Vec<Gone>, SourceError> {
        let numbers: Vec<i64> = ids.iter().filter_map(|id| id.parse().ok()).collect();
        let mut fates: BTreeMap<String, Gone> =
            ids.into_iter().map(|id| (id.clone(), Gone::now(id))).collect();
        if matches!(object, Object::Lead | Object::Opportunity) && !numbers.is_empty() {
            let rpc = self.rpc().await?;
            for (at, id) in rpc.revisions(&numbers).await? {
                if let Some(fate) = fates.get_mut(&id.to_string()) {
                    fate.at = fate.at.max(Some(at));
                }
            }
        }
        Ok(fates.into_values().collect())
    }

    async fn check_all(&self) -> Result<Probe, SourceError> {
        let rpc = self.rpc().await?;
        let preferences = rpc
            .call("read preferences", "model.res.user.get_preferences", json!([true, {}]))
            .await?;
        let fields = rpc.known_fields().await?;
        let count =
            rpc.call("count opportunities", "model.sale.opportunity.search_count", json!([[], {}]));
        let count = count.await?.as_u64().unwrap_or(0);
        rpc.ids_of("ir.note", 1).await?;
        let mut warnings = Vec::new();
        if preferences.get("company").is_none_or(|company| !company.is_number()) {
            warnings.push(
                "the user has no current company, so Tryton shows nothing and says nothing; mend: \
                 set it in the user's preferences"
                    .to_owned(),
            );
        }
        if !fields.marketing {
            warnings.push(
                "the module marketing_campaign is not activated: leads have no channel, campaign \
                 and segment"
                    .to_owned(),
            );
        }
        Ok(Probe { found: format!("logged in; {count} leads and opportunities"), warnings })
    }

    async fn discover_all(&self) -> Result<Discovered, SourceError> {
        let rpc = self.rpc().await?;
        let fields = rpc.known_fields().await?;
        let mut found = Discovered::new();
        for row in rpc.opportunities(&fields, None, LOOKED_AT_MAX).await? {
            let state = row.state.clone();
            let values = [
                (Object::Lead, "channel", row.channel),
                (Object::Lead, "campaign", row.campaign),
                (Object::Lead, "segment", row.segment),
                (Object::Opportunity, "stage", Some(state)),
            ];
            for (object, field, value) in values {
                let values = found.entry((object, field)).or_default();
                *values.entry(value.unwrap_or_default()).or_insert(0) += 1;
            }
        }
        Ok(found)
    }
}

impl Source for Tryton {
    fn objects(&self) -> Vec<Object> {
        vec![
            Object::Owner,
            Object::Lead,
            Object::Opportunity,
            Object::StageChange,
            Object::OwnerChange,
            Object::Activity,
        ]
    }

    fn provides(&self, object: Object, field: &str) -> bool {
        let absent = [
            "handed_off_at",
            "expected_close",
            "url",
            "channel",
            "campaign",
            "segment",
            "accepted_at",
            "rejected_at",
            "rejected_reason",
            "next_step",
        ];
        let filled = object != Object::Opportunity || !absent.contains(&field);
        filled && self.objects().contains(&object) && object.field_index(field).is_some()
    }

    fn read<'a>(
        &'a self,
        request: ReadRequest,
        pages: Sender<Page>,
    ) -> Boxed<'a, Result<Complete, SourceError>> {
        Box::pin(async move { self.read_all(&request, pages).await })
    }

    fn fates<'a>(
        &'a self,
        object: Object,
        ids: Vec<String>,
    ) -> Boxed<'a, Result<Vec<Gone>, SourceError>> {
        Box::pin(self.fates(object, ids))
    }

    fn check<'a>(&'a self) -> Boxed<'a, Result<Probe, SourceError>> {
        Box::pin(self.check_all())
    }

    fn discover<'a>(&'a self) -> Boxed<'a, Result<Discovered, SourceError>> {
        Box::pin(self.discover_all())
    }
}
