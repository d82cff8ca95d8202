//! What belongs to records: the contacts of a deal, and the deals and contacts of an activity.
//!
//! A search cannot tell associations, and they change without the record's stamp (airbyte issues
//! 14390, 27199, 44554). So they are asked for beside each record, and again for every deal whose
//! hand-off still waits for its first touch.

use std::collections::{HashMap, HashSet};
use std::sync::PoisonError;

use super::kind::Kind;
use super::map::Mapped;
use super::read::{Pass, gone};
use crate::domain::{Fault, Object, Record};
use crate::sources::history::contact_role;
use crate::sources::{Gone, Page, Part, SourceError, Waiting, Whole};

type Links = HashMap<String, Vec<String>>;

impl Pass<'_> {
    /// A page of records with their links.
    pub async fn page(&self, kind: Kind, records: Vec<Mapped>) -> Result<Page, SourceError> {
        let started = self.request.started;
        let mut own = Part::of(kind.object(), Vec::with_capacity(records.len()));
        let mut changes: HashMap<Object, Vec<Record>> = HashMap::new();
        let mut faults: Vec<Fault> = Vec::new();
        for mut mapped in records {
            for loser in std::mem::take(&mut mapped.merged) {
                let into = Some(mapped.id.clone());
                let at =
                    mapped.changed_ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
                own.gone.push(Gone { id: loser, at: at.map(|at| at.min(started)), into });
            }
            match mapped.record.take() {
                Some(record) if mapped.archived_at.is_none() => {
                    own.records.push(record);
                    faults.append(&mut mapped.faults);
                    for change in mapped.changes {
                        changes.entry(change.object).or_default().push(change);
                    }
                }
                _ => own.gone.push(gone(kind, &mapped, started)),
            }
        }
        let mut parts = match kind {
            Kind::Contacts => Vec::new(),
            Kind::Deals => vec![self.contacts_of(&mut own).await?],
            _ => vec![self.links_of(kind, &own.records).await?],
        };
        parts.extend(changes.into_iter().map(|(object, records)| Part::of(object, records)));
        parts.insert(0, own);
        parts.retain(|part| {
            !part.records.is_empty() || !part.gone.is_empty() || part.whole.is_some()
        });
        Ok(Page { parts, faults, rechecked: true, ..Page::default() })
    }

    /// The contacts of deals. The lead of a deal is the contact that was created first.
    async fn contacts_of(&self, deals: &mut Part) -> Result<Part, SourceError> {
        let ids: Vec<String> = deals.records.iter().map(|record| record.id.clone()).collect();
        let links = self.portal.associations(Kind::Deals, Kind::Contacts, &ids).await?;
        self.learn_creations(links.values().filter(|contacts| contacts.len() > 1)).await?;
        let created = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        let mut roles = Part::of(Object::ContactRole, Vec::new());
        for deal in &mut deals.records {
            let contacts = links.get(&deal.id).map(Vec::as_slice).unwrap_or_default();
            // One whose creation is not known is no first one; of equals, the smaller number.
            let age =
                |id: &String| (!created.contains_key(id), created.get(id), id.len(), id.clone());
            let first = contacts.iter().min_by_key(|id| age(id));
            deal.set("lead", first.cloned());
            for contact in contacts {
                roles.records.push(contact_role(&deal.id, contact));
            }
        }
        roles.whole = Some(Whole { field: "opportunity", parents: ids });
        Ok(roles)
    }

    /// Asks when contacts were created, where it matters and is not known.
    async fn learn_creations(
        &self,
        groups: impl Iterator<Item = &Vec<String>>,
    ) -> Result<(), SourceError> {
        let mut unknown: HashSet<String> = groups.flatten().cloned().collect();
        {
            let known = self.created.lock().unwrap_or_else(PoisonError::into_inner);
            unknown.retain(|id| !known.contains_key(id));
        }
        let unknown: Vec<String> = unknown.into_iter().collect();
        let read = self.portal.batch_read_all(Kind::Contacts, &self.mapper, &unknown).await?;
        let mut known = self.created.lock().unwrap_or_else(PoisonError::into_inner);
        for mapped in read {
            let at = mapped.record.as_ref().and_then(|record| record.get("created_at"));
            known.extend(at.map(|at| (mapped.id.clone(), at.to_owned())));
        }
        Ok(())
    }

    /// The deals and contacts of activities.
    async fn links_of(&self, kind: Kind, activities: &[Record]) -> Result<Part, SourceError> {
        let ids: Vec<String> =
            activities.iter().map(|record| kind.vendor_id(&record.id).to_owned()).collect();
        let (deals, contacts) = tokio::join!(
            self.portal.associations(kind, Kind::Deals, &ids),
            self.portal.associations(kind, Kind::Contacts, &ids),
        );
        let mut links = Part::of(Object::ActivityLink, Vec::new());
        for (to, found) in [(Kind::Deals, deals?), (Kind::Contacts, contacts?)] {
            for (activity, targets) in found {
                let targets = targets.iter();
                links.records.extend(targets.map(|target| link(kind, &activity, to, target)));
            }
        }
        let parents = activities.iter().map(|record| record.id.clone()).collect();
        links.whole = Some(Whole { field: "activity", parents });
        Ok(links)
    }

    /// Reads the links of the hand-offs that wait, and the deals whose lead they change.
    pub async fn read_waiting(&self) -> Result<(), SourceError> {
        let waiting = &self.request.waiting;
        if waiting.is_empty() {
            return Ok(());
        }
        let ids: Vec<String> = waiting.iter().map(|one| one.opportunity.clone()).collect();
        let contacts = self.portal.associations(Kind::Deals, Kind::Contacts, &ids).await?;
        let moved = |one: &&Waiting| {
            let now = contacts.get(&one.opportunity).map(Vec::as_slice).unwrap_or_default();
            match &one.lead {
                Some(lead) => !now.contains(lead),
                None => !now.is_empty(),
            }
        };
        let moved: Vec<String> =
            waiting.iter().filter(moved).map(|one| one.opportunity.clone()).collect();
        let deals = self.read_ids(Kind::Deals, &moved).await?;
        let page = self.page(Kind::Deals, deals).await?;
        self.send(page).await?;
        self.read_links(&ids, &contacts).await
    }

    /// The activities of deals and of their contacts. Activities themselves come by their own stamps.
    async fn read_links(&self, deals: &[String], contacts: &Links) -> Result<(), SourceError> {
        let people: HashSet<String> = contacts.values().flatten().cloned().collect();
        let people: Vec<String> = people.into_iter().collect();
        let mut links = Part::of(Object::ActivityLink, Vec::new());
        let mut roles = Part::of(Object::ContactRole, Vec::new());
        for (deal, contacts) in contacts {
            for contact in contacts {
                roles.records.push(contact_role(deal, contact));
            }
        }
        roles.whole = Some(Whole { field: "opportunity", parents: deals.to_vec() });
        for kind in Kind::ACTIVITIES {
            let (own, theirs) = tokio::join!(
                self.portal.associations(Kind::Deals, kind, deals),
                self.portal.associations(Kind::Contacts, kind, &people),
            );
            for (from, found) in [(Kind::Deals, own?), (Kind::Contacts, theirs?)] {
                for (record, activities) in found {
                    let activities = activities.iter();
                    links
                        .records
                        .extend(activities.map(|activity| link(kind, activity, from, &record)));
                }
            }
        }
        self.send(Page { parts: vec![roles, links], ..Page::default() }).await
    }
}

/// An activity belongs to a deal or to a contact.
fn link(kind: Kind, activity: &str, to: Kind, target: &str) -> Record {
    let activity = kind.id(activity);
    let deal = to == Kind::Deals;
    let (opportunity, lead) = if deal { (target, "") } else { ("", target) };
    let id = format!("{activity}|{opportunity}|{lead}");
    let mut record = Record::empty(Object::ActivityLink, id);
    record.set("activity", Some(activity));
    record.set(if deal { "opportunity" } else { "lead" }, Some(target.to_owned()));
    record
}
