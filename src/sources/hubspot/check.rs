//! What `check` and `discover` ask.

use std::collections::BTreeMap;

use super::HubSpot;
use super::kind::Kind;
use super::portal::{self, Portal};
use crate::domain::Object;
use crate::sources::{Discovered, Probe, SourceError, count_values};

/// Records of a kind that `discover` looks at.
const LOOKED_AT_MAX: usize = 2_000;

/// The scope that reading a kind needs, as HubSpot names it.
fn scope(kind: Kind) -> &'static str {
    match kind {
        Kind::Contacts => "crm.objects.contacts.read",
        Kind::Deals => "crm.objects.deals.read",
        Kind::Emails => "sales-email-read and crm.objects.contacts.read",
        _ => "crm.objects.contacts.read",
    }
}

impl HubSpot {
    /// Asks for one record of each kind, and for the properties that the configuration names.
    pub(super) async fn check_all(&self) -> Result<Probe, SourceError> {
        let portal = self.portal()?;
        let pipelines = named(portal.pipelines().await, "crm.objects.deals.read")?;
        let mapper = self.mapper(portal::stages(&pipelines));
        let owners = named(portal.owners().await, "crm.objects.owners.read")?;
        for kind in Kind::ALL {
            named(portal.list(kind, &mapper, false, None, 1).await, scope(kind))?;
        }
        named(portal.newest_change_ms(Kind::Deals, &mapper).await, scope(Kind::Deals))?;
        let mut warnings = Vec::new();
        for kind in [Kind::Contacts, Kind::Deals] {
            warnings.extend(self.unknown_properties(&portal, kind).await);
        }
        let stages: usize = pipelines.iter().map(|pipeline| pipeline.stages.len()).sum();
        let found = format!(
            "the token reads contacts, deals, calls, e-mails, meetings and tasks; {} owners, {} \
             pipelines with {stages} stages",
            owners.len(),
            pipelines.len()
        );
        Ok(Probe { found, warnings })
    }

    /// HubSpot silently leaves out a property that it does not know, so a typing error would read
    /// as "nobody has one".
    async fn unknown_properties(&self, portal: &Portal, kind: Kind) -> Vec<String> {
        let Ok(known) = portal.property_names(kind).await else {
            return vec![format!("the names of the properties of {} cannot be read", kind.name())];
        };
        let replaced = self.settings.fields.iter();
        let own = replaced.filter(|((object, _), _)| *object == kind.object());
        own.filter(|(_, name)| !known.contains(name))
            .map(|((object, field), name)| {
                format!(
                    "{} have no property `{name}`; mend: `{field}` in `[source.{}.fields.{}]`",
                    kind.name(),
                    self.name,
                    object.name()
                )
            })
            .collect()
    }

    /// Counts the values of the first records, and lists stages and owners.
    pub(super) async fn discover_all(&self) -> Result<Discovered, SourceError> {
        let portal = self.portal()?;
        let pipelines = portal.pipelines().await?;
        let mapper = self.mapper(portal::stages(&pipelines));
        let mut found = Discovered::new();
        for kind in [Kind::Contacts, Kind::Deals] {
            let mut after: Option<String> = None;
            let mut looked_at = 0;
            while looked_at < LOOKED_AT_MAX {
                let page =
                    portal.list(kind, &mapper, false, after.as_deref(), kind.list_limit()).await?;
                looked_at += page.records.len();
                for record in page.records.iter().filter_map(|mapped| mapped.record.as_ref()) {
                    count_values(&mut found, record, |field| {
                        self.fields.provides(kind.object(), field)
                    });
                }
                if page.after.is_none() || page.after == after {
                    break;
                }
                after = page.after;
            }
        }
        name_stages(&mut found, &pipelines);
        let people = portal.owners().await?;
        let owners: BTreeMap<String, u64> = people
            .iter()
            .filter(|owner| !owner.archived.unwrap_or(false))
            .filter_map(|owner| owner.email.filled().or(owner.id.filled()))
            .map(|owner| (owner.to_owned(), 1))
            .collect();
        found.insert((Object::Owner, "owner"), owners);
        Ok(found)
    }
}

/// Puts the labels of stage and pipeline beside each stage's id, and adds stages that nothing is in.
fn name_stages(found: &mut Discovered, pipelines: &[super::wire::Pipeline]) {
    let counts = found.remove(&(Object::Opportunity, "stage")).unwrap_or_default();
    let mut named: BTreeMap<String, u64> = BTreeMap::new();
    for pipeline in pipelines {
        for stage in &pipeline.stages {
            let id = stage.id.filled().unwrap_or_default();
            let label = stage.label.filled().unwrap_or_default();
            let pipeline = pipeline.label.filled().unwrap_or_default();
            let shown = format!("{id} ({pipeline}: {label})");
            named.insert(shown, counts.get(id).copied().unwrap_or(0));
        }
    }
    let known = |id: &str| named.keys().any(|shown| shown.split(' ').next() == Some(id));
    let deleted: Vec<(String, u64)> =
        counts.into_iter().filter(|(id, _)| !id.is_empty() && !known(id)).collect();
    named.extend(deleted.into_iter().map(|(id, n)| (format!("{id} (in no pipeline)"), n)));
    found.insert((Object::Opportunity, "stage"), named);
}

/// Names the scope in a refusal.
fn named<T>(result: Result<T, SourceError>, scope: &str) -> Result<T, SourceError> {
    result.map_err(|error| match error {
        SourceError::At { place, message, .. } if message.contains("scope") => SourceError::At {
            place,
            message,
            mend: format!("give the key or the app the scope {scope}, in HubSpot's settings"),
        },
        other => other,
    })
}
