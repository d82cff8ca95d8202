//! What `check` and `discover` ask.

use std::collections::BTreeMap;

use super::Salesforce;
use super::kind::Kind;
use super::org::{Ask, Field, Org};
use super::soql::select;
use super::wire::{Names, Row};
use crate::domain::Object;
use crate::sources::{Discovered, Probe, SourceError, count_values};

/// Records of a kind that `discover` looks at.
const LOOKED_AT_MAX: usize = 2_000;
/// What it means that a kind of record is hidden.
const HIDDEN: [(Kind, &str); 7] = [
    (Kind::User, "owners are shown by their ids, and teams must name ids"),
    (Kind::Campaign, "campaigns are shown by their ids"),
    (Kind::Lead, "there are no leads, and opportunities come from none"),
    (Kind::CampaignMember, "leads have no campaign"),
    (Kind::ContactRole, "what is logged on a contact only counts for no opportunity"),
    (Kind::Task, "calls, e-mails and tasks count as no touch"),
    (Kind::Event, "meetings count as no touch"),
];
/// What it means that a field is hidden or not there.
const MISSING: [(Kind, &str, &str); 9] = [
    (Kind::Lead, "ConvertedOpportunityId", "it cannot be told which lead became which opportunity"),
    (Kind::Lead, "LeadSource", "leads have no channel"),
    (Kind::Lead, "HasOptedOutOfEmail", "it is not known who opted out"),
    (Kind::Opportunity, "Amount", "opportunities have no value"),
    (Kind::Opportunity, "CloseDate", "wins and losses have no day"),
    (Kind::Opportunity, "IsWon", "wins are told by the stage alone"),
    (Kind::Opportunity, "CampaignId", "opportunities have their lead's campaign only"),
    (Kind::Task, "CompletedDateTime", "a task counts when it was created, not when it was done"),
    (Kind::Task, "TaskSubtype", "calls and e-mails count as tasks"),
];

impl Salesforce {
    /// Asks what there is of each kind, and for the fields that the configuration names.
    pub(super) async fn check_all(&self) -> Result<Probe, SourceError> {
        let org = self.org()?;
        let mut warnings = Vec::new();
        org.check_version().await?;
        let mut seen = 0;
        for kind in Kind::ALL {
            let Some(fields) = org.describe(kind.name()).await? else {
                let meaning = HIDDEN.iter().find(|(own, _)| *own == kind);
                let Some((_, meaning)) = meaning else { return Err(org.blind().await) };
                warnings.push(format!(
                    "the integration user may not see {}: {meaning}; mend: give it read access",
                    kind.name()
                ));
                continue;
            };
            seen += 1;
            warnings.extend(self.check_fields(kind, &fields));
        }
        let stages = match org.stages().await? {
            Some(stages) => stages.len(),
            None => {
                let warning = "the integration user may not see OpportunityStage: a stage that was deleted \
                               or renamed is not noticed; mend: give it \"View Setup and Configuration\"";
                warnings.push(warning.to_owned());
                0
            }
        };
        warnings.extend(org.check_histories().await?);
        let found = format!(
            "the app reads {seen} of {} kinds of record; {stages} names of stages. Salesforce hides \
             records that the integration user may not see: it needs \"View All Data\"",
            Kind::ALL.len()
        );
        Ok(Probe { found, warnings })
    }

    /// Fields that are hidden, and fields that a formula works out.
    fn check_fields(&self, kind: Kind, fields: &BTreeMap<String, Field>) -> Vec<String> {
        let mut warnings = Vec::new();
        let meanings =
            MISSING.iter().filter(|(own, field, _)| *own == kind && !fields.contains_key(*field));
        for (_, field, meaning) in meanings {
            warnings.push(format!(
                "the integration user may not see {}.{field}: {meaning}; mend: field-level security",
                kind.name()
            ));
        }
        let own = self.settings.fields.iter();
        for ((object, field), name) in own.filter(|((object, _), _)| *object == kind.object()) {
            let place = format!("`{field}` in `[source.{}.fields.{}]`", self.name, object.name());
            match fields.get(name) {
                None if !name.contains('.') => warnings.push(format!(
                    "{} has no field `{name}` that the integration user may see; mend: {place}, or \
                     field-level security",
                    kind.name()
                )),
                Some(Field { calculated: true }) => warnings.push(format!(
                    "{}.{name} is a formula: its changes are seen when the record itself changes, or by \
                     `sync --full`; mend: name a field that is not worked out, in {place}",
                    kind.name()
                )),
                _ => {}
            }
        }
        warnings
    }

    /// Counts the values of the first records, and lists stages and owners.
    pub(super) async fn discover_all(&self) -> Result<Discovered, SourceError> {
        let org = self.org()?;
        let stages = org.stages().await?.unwrap_or_default();
        let mapper = self.mapper(stages.clone());
        let mut found = Discovered::new();
        for kind in [Kind::Lead, Kind::Opportunity, Kind::CampaignMember] {
            for row in org.first(kind, &self.fields.asked(kind)).await? {
                let mut faults = Vec::new();
                // A lead's campaign is told by its memberships.
                let filled = |field: &str| {
                    let own = self.fields.provides(kind.object(), field);
                    let joined = self.fields.lead_campaign_is_first_joined();
                    own && !(kind == Kind::Lead && field == "campaign" && joined)
                };
                match kind {
                    Kind::Lead => {
                        count_values(&mut found, &mapper.lead(&row, None, &mut faults), filled);
                    }
                    Kind::Opportunity => {
                        let record = mapper.opportunity(&row, None, &mut faults);
                        count_values(&mut found, &record, filled);
                    }
                    _ => {
                        let campaign = row.get("CampaignId").unwrap_or_default().to_owned();
                        let values = found.entry((Object::Lead, "campaign")).or_default();
                        *values.entry(campaign).or_insert(0) += 1;
                    }
                }
            }
        }
        let counted = found.entry((Object::Opportunity, "stage")).or_default();
        for stage in stages.keys() {
            counted.entry(stage.clone()).or_insert(0);
        }
        let people = org.first(Kind::User, &self.fields.asked(Kind::User)).await?;
        let owners = people.iter().filter(|row| row.get("IsActive") != Some("false"));
        let owners = owners.map(|row| (row.get("Email").unwrap_or(row.id()).to_owned(), 1));
        found.insert((Object::Owner, "owner"), owners.collect());
        Ok(found)
    }
}

impl Org {
    /// Why there are no opportunities: the version of the API is not spoken, or they are hidden.
    pub async fn blind(&self) -> SourceError {
        if let Err(error) = self.check_version().await {
            return error;
        }
        SourceError::At {
            place: self.place.clone(),
            message: "the integration user may not see Opportunity".into(),
            mend: "give it read access, by its profile or by a permission set".into(),
        }
    }

    async fn check_version(&self) -> Result<(), SourceError> {
        let versions = self.versions().await?;
        let own = &self.version;
        if versions.is_empty() || versions.contains(own) {
            return Ok(());
        }
        let newest = versions.last().map(String::as_str).unwrap_or_default();
        Err(SourceError::At {
            place: self.place.clone(),
            message: format!("the company's server does not speak version {own} of the API"),
            mend: format!("set `api_version = \"{newest}\"`"),
        })
    }

    /// The first records of a kind, with those of the wanted fields that there are; none where it is hidden.
    async fn first(&self, kind: Kind, asked: &[String]) -> Result<Vec<Row>, SourceError> {
        let Some(there) = self.describe(kind.name()).await? else { return Ok(Vec::new()) };
        let names: Vec<String> =
            asked.iter().filter(|name| there.contains_key(*name)).cloned().collect();
        let names: Names = names.into();
        let question = format!("{} LIMIT {LOOKED_AT_MAX}", select(&names, kind.name()));
        let operation = format!("look at {}", kind.name());
        let rows = self.rows(&operation, Ask::Living(question), &names).await?;
        rows.map_err(|refusal| self.refused(&operation, &refusal))
    }

    /// Whether histories are kept, and what it means where they are not.
    async fn check_histories(&self) -> Result<Vec<String>, SourceError> {
        let mut warnings = Vec::new();
        let names: Names = ["Id".to_owned()].into_iter().collect();
        let question = "SELECT Id FROM OpportunityFieldHistory WHERE Field = 'Owner' LIMIT 1";
        let found = self.rows("read owner history", Ask::All(question.into()), &names).await?;
        if found.map_or(true, |rows| rows.is_empty()) {
            warnings.push(
                "owner history is not tracked: hand-off is taken from creation; mend: switch on field \
                 history tracking of the opportunity's owner, in Salesforce's setup"
                    .to_owned(),
            );
        }
        let question = "SELECT Id FROM OpportunityHistory LIMIT 1";
        let found = self.rows("read stage history", Ask::All(question.into()), &names).await?;
        if found.is_err() {
            warnings.push(
                "the integration user may not see OpportunityHistory: stages have no dates, and stalled \
                 opportunities are not found"
                    .to_owned(),
            );
        }
        Ok(warnings)
    }
}
