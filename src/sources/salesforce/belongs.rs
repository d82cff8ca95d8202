//! What belongs to records: the stages, owners, people and lead of an opportunity, and the campaigns of a
//! lead. None of it moves the stamp of the record itself for certain, so it is asked for beside each record.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::kind::Kind;
use super::map::{self, end};
use super::read::Pass;
use super::soql::{select, stamp};
use super::wire::{Names, Row};
use crate::domain::{Object, Record};
use crate::sources::history::contact_role;
use crate::sources::{Page, Part, SourceError, Whole};

/// Rows by the id of what they belong to.
type ByParent<'a> = HashMap<&'a str, Vec<&'a Row>>;

/// What belongs to some opportunities.
struct Belonging {
    stages: Vec<Row>,
    owners: Vec<Row>,
    roles: Vec<Row>,
    leads: Vec<Row>,
}

fn names(names: &[&str]) -> Names {
    Arc::from(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())
}

fn by<'a>(rows: &'a [Row], parent: &str) -> ByParent<'a> {
    let mut found: ByParent<'a> = HashMap::new();
    for row in rows.iter().filter(|row| !row.is("IsDeleted")) {
        if let Some(id) = row.get(parent) {
            found.entry(id).or_default().push(row);
        }
    }
    found
}

impl Pass<'_> {
    /// A page of rows, with what belongs to them.
    pub async fn page(&self, kind: Kind, rows: &[Row]) -> Result<Page, SourceError> {
        match kind {
            Kind::Lead => self.leads(rows).await,
            Kind::Opportunity => self.opportunities(rows).await,
            Kind::CampaignMember => Ok(self.left(rows)),
            Kind::ContactRole => Ok(Page::default()),
            _ => Ok(self.plain(kind, rows)),
        }
    }

    /// Memberships that ended: the touch was taken back. Those that are there come with their leads.
    fn left(&self, rows: &[Row]) -> Page {
        let mut part = Part::of(Object::Touch, Vec::new());
        if self.mapper.fields.touches {
            part.gone = rows.iter().filter_map(end).collect();
        }
        Page { parts: vec![part], ..Page::default() }
    }

    /// Rows that nothing belongs to. One that does not count, or not any more, is gone.
    fn plain(&self, kind: Kind, rows: &[Row]) -> Page {
        let mut part = Part::of(kind.object(), Vec::with_capacity(rows.len()));
        for row in rows {
            let record = match kind {
                Kind::User => Some(map::owner(row)),
                Kind::Campaign => Some(map::campaign(row)),
                Kind::Task => self.mapper.task(row),
                Kind::Event => self.mapper.event(row),
                _ => None,
            };
            match (end(row), record) {
                (None, Some(record)) => part.records.push(record),
                (Some(gone), _) => part.gone.push(gone),
                (None, None) => part.gone.push(crate::sources::Gone::now(row.id())),
            }
        }
        Page { parts: vec![part], ..Page::default() }
    }

    /// Leads, each with the first campaign that it joined.
    async fn leads(&self, rows: &[Row]) -> Result<Page, SourceError> {
        let living: Vec<&Row> = rows.iter().filter(|row| end(row).is_none()).collect();
        let ids: Vec<String> = living.iter().map(|row| row.id().to_owned()).collect();
        let members = self.members_of(&ids).await?;
        let members = by(&members, "LeadId");
        let mut part = Part::of(Object::Lead, Vec::with_capacity(living.len()));
        part.gone = rows.iter().filter_map(end).collect();
        let mut touches = Part::of(Object::Touch, Vec::new());
        let mut faults = Vec::new();
        for row in living {
            let own = members.get(row.id()).map(Vec::as_slice).unwrap_or_default();
            let first = own.iter().min_by_key(|member| member.get("CreatedDate").and_then(stamp));
            let campaign = first.and_then(|member| member.get("CampaignId"));
            part.records.push(self.mapper.lead(row, campaign, &mut faults));
            touches.records.extend(own.iter().filter_map(|member| map::touch(member)));
        }
        let mut parts = vec![part];
        if self.mapper.fields.touches {
            self.remember(Object::Touch, touches.records.iter().map(|touch| touch.id.as_str()));
            parts.push(touches);
        }
        Ok(Page { parts, faults, rechecked: true, ..Page::default() })
    }

    async fn members_of(&self, ids: &[String]) -> Result<Vec<Row>, SourceError> {
        let fields = &self.mapper.fields;
        let asked = fields.touches || fields.lead_campaign_is_first_joined();
        let wanted = asked && self.has_members;
        let Some(names) = self.shapes.get(&Kind::CampaignMember).filter(|_| wanted) else {
            return Ok(Vec::new());
        };
        let select = select(names, Kind::CampaignMember.name());
        let order = ("LeadId", " ORDER BY CreatedDate, Id");
        self.org.rows_of("read the campaigns of leads", &select, order, ids, names).await
    }

    /// Opportunities, with their histories, their people and the lead that each came from.
    async fn opportunities(&self, rows: &[Row]) -> Result<Page, SourceError> {
        let living: Vec<&Row> = rows.iter().filter(|row| end(row).is_none()).collect();
        let ids: Vec<String> = living.iter().map(|row| row.id().to_owned()).collect();
        let belonging = self.belonging(&ids).await?;
        let of = "OpportunityId";
        let (stages, owners) = (by(&belonging.stages, of), by(&belonging.owners, of));
        let (roles, leads) =
            (by(&belonging.roles, of), by(&belonging.leads, "ConvertedOpportunityId"));
        let none = Vec::new();
        let mut parts: BTreeMap<Object, Vec<Record>> = BTreeMap::new();
        let mut faults = Vec::new();
        for row in living {
            let leads = leads.get(row.id()).unwrap_or(&none);
            // Of several leads that became one opportunity, it came from the one that was there first.
            let first = leads.iter().min_by_key(|lead| lead.get("CreatedDate").and_then(stamp));
            let lead = first.map(|lead| lead.id());
            let mut record = self.mapper.opportunity(row, lead, &mut faults);
            let changes = map::stage_changes(row.id(), stages.get(row.id()).unwrap_or(&none));
            let now = self.request.started;
            self.mapper.close_in_the_past(&mut record, &changes, now, &mut faults);
            parts.entry(Object::Opportunity).or_default().push(record);
            parts.entry(Object::StageChange).or_default().extend(changes);
            let tracked = owners.get(row.id()).unwrap_or(&none);
            let changes = map::owner_changes(row, tracked);
            parts.entry(Object::OwnerChange).or_default().extend(changes);
            let contacts = roles.get(row.id()).unwrap_or(&none);
            let contacts = contacts.iter().filter_map(|role| role.get("ContactId"));
            let people = contacts.chain(leads.iter().map(|lead| lead.id()));
            let mut people: Vec<&str> = people.collect();
            people.sort_unstable();
            people.dedup();
            let people = people.into_iter().map(|who| contact_role(row.id(), who));
            parts.entry(Object::ContactRole).or_default().extend(people);
        }
        let mut own =
            Part::of(Object::Opportunity, parts.remove(&Object::Opportunity).unwrap_or_default());
        own.gone = rows.iter().filter_map(end).collect();
        let mut page = Page { parts: vec![own], faults, rechecked: true, ..Page::default() };
        // What a history tells once it tells for ever.
        for object in [Object::StageChange, Object::OwnerChange] {
            page.parts.push(Part::of(object, parts.remove(&object).unwrap_or_default()));
        }
        let mut roles =
            Part::of(Object::ContactRole, parts.remove(&Object::ContactRole).unwrap_or_default());
        let sees_roles = self.shapes.contains_key(&Kind::ContactRole);
        roles.whole = sees_roles.then_some(Whole { field: "opportunity", parents: ids });
        page.parts.push(roles);
        Ok(page)
    }

    /// Asks for what belongs to opportunities: beside each other, since none rests on another.
    async fn belonging(&self, ids: &[String]) -> Result<Belonging, SourceError> {
        let stages = names(&["Id", "OpportunityId", "StageName", "CreatedDate"]);
        let owners = names(&["Id", "OpportunityId", "OldValue", "NewValue", "CreatedDate"]);
        let roles = names(&["Id", "OpportunityId", "ContactId", "IsDeleted"]);
        let leads = names(&["Id", "ConvertedOpportunityId", "CreatedDate", "IsDeleted"]);
        let ask = |operation, object, names: &'_ Names, how| {
            let select = select(names, object);
            let (org, names) = (&self.org, Arc::clone(names));
            async move { org.rows_of(operation, &select, how, ids, &names).await }
        };
        let of = "OpportunityId";
        let sees_roles = self.shapes.contains_key(&Kind::ContactRole);
        let sees_conversions = self
            .shapes
            .get(&Kind::Lead)
            .is_some_and(|names| names.iter().any(|name| name == "ConvertedOpportunityId"));
        let (stages, owners, roles, leads) = tokio::join!(
            ask("read stage history", "OpportunityHistory", &stages, (of, IN_TIME)),
            ask("read owner history", "OpportunityFieldHistory", &owners, (of, OF_OWNER)),
            async {
                match sees_roles {
                    true => {
                        ask("read contact roles", Kind::ContactRole.name(), &roles, (of, "")).await
                    }
                    false => Ok(Vec::new()),
                }
            },
            async {
                let how = ("ConvertedOpportunityId", IN_TIME);
                match sees_conversions {
                    true => ask("read converted leads", "Lead", &leads, how).await,
                    false => Ok(Vec::new()),
                }
            },
        );
        Ok(Belonging { stages: stages?, owners: owners?, roles: roles?, leads: leads? })
    }
}

const IN_TIME: &str = " ORDER BY CreatedDate, Id";
const OF_OWNER: &str = " AND Field = 'Owner' ORDER BY CreatedDate, Id";
