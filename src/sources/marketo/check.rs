//! What `check` and `discover` ask.

use serde_json::Value;

use super::Marketo;
use super::map::SEND;
use super::shares::DAILY_CALLS;
use super::wire::text;
use crate::config::marketo::Mql;
use crate::domain::Object;
use crate::sources::http::Request;
use crate::sources::{Discovered, Probe, SourceError, count_values};

/// Others use so much of a day's calls that ours may not be enough.
const CROWDED_SHARE: f64 = 0.5;
/// The first leads that `discover` looks at, by their ids.
const LEADS_SHOWN: u64 = 300;

impl Marketo {
    /// Asks one question of each kind.
    pub(super) async fn check_all(&self) -> Result<Probe, SourceError> {
        let instance = self.instance()?;
        let mapper = self.mapper(&instance).await?;
        let programs = instance.programs(None).await?.len();
        let jobs = Request::get("list exports", "/bulk/v1/leads/export.json");
        instance.list(&jobs).await?;
        let mut warnings = Vec::new();
        for (field, name) in mapper.hidden() {
            warnings.push(format!(
                "the API user sees no field `{name}`: `{field}` stays empty; mend: give its role access to the \
                 field, or name another under [source.{}.fields.lead]",
                self.name
            ));
        }
        match (&self.settings.mql, mapper.mql_field()) {
            (Some(Mql::Attribute { attribute, .. }), None) => warnings.push(format!(
                "there is no field `{attribute}`: nobody becomes an MQL; mend: write its name as Field Management \
                 shows it"
            )),
            (None, _) if mapper.name("mql_at").is_none() => warnings.push(format!(
                "nothing says when a lead qualifies: MQLs are not counted; mend: set \
                 `mql_at = {{ attribute = \"Lead Status\", becomes = \"MQL\" }}` under [source.{}.fields.lead]",
                self.name
            )),
            _ => {}
        }
        if !mapper.kinds.values().any(|name| name == SEND) {
            warnings.push(format!("there are no activities `{SEND}`: mails are not counted"));
        }
        warnings.extend(self.usage(&instance).await);
        let fields = mapper.known.len();
        let found =
            format!("the token reads leads ({fields} fields), activities and {programs} programs");
        Ok(Probe { found, warnings })
    }

    /// How much of the day's calls all integrations together have used; without the permission nothing is said.
    async fn usage(&self, instance: &super::Instance) -> Option<String> {
        let request = Request::get("ask how many calls were used", "/rest/v1/stats/usage.json");
        let days = instance.list(&request).await.ok()?.items;
        let used = days.last()?.get("total").and_then(Value::as_u64)?;
        (used as f64 > DAILY_CALLS as f64 * CROWDED_SHARE).then(|| {
            format!(
                "{used} of the {DAILY_CALLS} calls that a day allows were used by now; mend: look which \
                 integration asks so much, or have the limit raised"
            )
        })
    }

    /// Counts the values of some leads, and lists programs.
    pub(super) async fn discover_all(&self) -> Result<Discovered, SourceError> {
        let instance = self.instance()?;
        let mapper = self.mapper(&instance).await?;
        let mut found = Discovered::new();
        let ids: Vec<String> = (1..=LEADS_SHOWN).map(|id| id.to_string()).collect();
        for item in instance.leads(&ids, &mapper.asked().join(",")).await? {
            if let Some(record) = mapper.lead(&item, &mut Vec::new()) {
                count_values(&mut found, &record, |field| mapper.name(field).is_some());
            }
        }
        let names = instance.programs(None).await?;
        let named = names.iter().filter_map(|own| Some((text(own, "name")?, 1)));
        found.insert((Object::Campaign, "name"), named.collect());
        Ok(found)
    }
}
