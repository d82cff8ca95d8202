//! What `check` and `discover` ask.

use std::collections::BTreeMap;

use super::Pipedrive;
use super::account::List;
use super::map::{is, text};
use crate::domain::Object;
use crate::sources::{Discovered, Probe, Source as _, SourceError, count_values};

/// Records of a list that are looked at.
const LOOKED_AT: usize = 500;

impl Pipedrive {
    /// Asks for one record of each list, and who the token belongs to.
    pub(super) async fn check_all(&self) -> Result<Probe, SourceError> {
        let account = self.account()?;
        let me = account.me().await?;
        for list in
            [List::Leads, List::ArchivedLeads, List::Deals, List::ArchivedDeals, List::Activities]
        {
            account.page(list, None, None, 1).await?;
        }
        let (users, stages) = (account.users().await?, account.stages().await?);
        let mut warnings = Vec::new();
        if me.get("is_admin").is_some() && !is(&me, "is_admin") {
            warnings.push(
                "the token's user is no administrator: others' records may be hidden without a word; mend: \
                 use an administrator's token"
                    .to_owned(),
            );
        }
        match account.options().await {
            Err(SourceError::NotThere(_)) => warnings.push(
                "the deal fields cannot be read: channels and other options are shown by their numbers"
                    .to_owned(),
            ),
            options => drop(options?),
        }
        let deals = account.page(List::Deals, None, None, LOOKED_AT).await?.items;
        if let Some(id) = deals.first().and_then(|deal| text(deal, "id")) {
            account.change_log(&id).await?;
        }
        if deals.iter().any(|deal| text(deal, "source_lead_id").is_some()) {
            warnings.push(
                "Pipedrive deletes a lead when it becomes a deal: those that did so before the first sync are \
                 not to be had any more, and lead -> opportunity is measured from the first sync on; mend: set \
                 `complete_from = { entries = \"the day of the first sync\" }`"
                    .to_owned(),
            );
        }
        let found = format!(
            "the token reads leads, deals and activities; {} users, {} stages",
            users.len(),
            stages.len()
        );
        Ok(Probe { found, warnings })
    }

    /// Counts the values of the first records, and lists stages and owners.
    pub(super) async fn discover_all(&self) -> Result<Discovered, SourceError> {
        let account = self.account()?;
        let mapper = self.mapper(account.options().await.unwrap_or_default());
        let mut found = Discovered::new();
        for list in [List::Leads, List::Deals, List::ArchivedDeals] {
            for item in account.page(list, None, None, LOOKED_AT).await?.items {
                let mut faults = Vec::new();
                let record = match list {
                    List::Leads => mapper.lead(&item, &mut faults),
                    _ => mapper.deal(&item, &mut faults),
                };
                if let Some(record) = &record {
                    count_values(&mut found, record, |field| self.provides(record.object, field));
                }
            }
        }
        let pipelines: BTreeMap<String, String> = account
            .pipelines()
            .await?
            .iter()
            .filter_map(|pipeline| Some((text(pipeline, "id")?, text(pipeline, "name")?)))
            .collect();
        let counts = found.remove(&(Object::Opportunity, "stage")).unwrap_or_default();
        let mut stages = BTreeMap::new();
        for stage in account.stages().await? {
            let (id, name) = (text(&stage, "id").unwrap_or_default(), text(&stage, "name"));
            let pipeline = text(&stage, "pipeline_id").and_then(|id| pipelines.get(&id).cloned());
            let shown =
                format!("{id} ({}: {})", pipeline.unwrap_or_default(), name.unwrap_or_default());
            stages.insert(shown, counts.get(&id).copied().unwrap_or(0));
        }
        found.insert((Object::Opportunity, "stage"), stages);
        let owners = account.users().await?;
        let owners = owners.iter().filter_map(|user| text(user, "email").or(text(user, "id")));
        found.insert((Object::Owner, "owner"), owners.map(|owner| (owner, 1)).collect());
        Ok(found)
    }
}
