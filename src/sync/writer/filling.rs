//! What a batch does not say of itself and the store knows: whom it follows, what stays, and who is whom.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Changes, Writer, changed, store_all};
use crate::domain::{Object, Record, person::OURS};
use crate::sources::Whole;
use crate::store::{StoreResult, Write, forget::is_pseudonym};
use crate::sync::deltas::Deltas;
use crate::sync::merge::{self, Batch, Merged};
use crate::sync::people::{self, Echo};
use crate::sync::units::{self, Before, Changed};

/// What follows a record when it is merged into another: object, and the field that names it.
const FOLLOWERS: [(Object, Object, &str); 8] = [
    (Object::Lead, Object::Opportunity, "lead"),
    (Object::Lead, Object::ContactRole, "lead"),
    (Object::Lead, Object::Activity, "lead"),
    (Object::Lead, Object::ActivityLink, "lead"),
    (Object::Lead, Object::Touch, "lead"),
    (Object::Opportunity, Object::Activity, "opportunity"),
    (Object::Opportunity, Object::ActivityLink, "opportunity"),
    (Object::Opportunity, Object::Touch, "opportunity"),
];

impl Writer<'_> {
    /// What belonged to a record that was merged now belongs to the survivor.
    pub(super) async fn take_followers(
        &self,
        write: &mut Write,
        batch: &mut Batch,
    ) -> StoreResult<()> {
        let mut survivors: BTreeMap<Object, HashMap<String, String>> = BTreeMap::new();
        for part in &batch.parts {
            let merged =
                part.gone.iter().filter_map(|gone| Some((gone.id.clone(), gone.into.clone()?)));
            survivors.entry(part.object).or_default().extend(merged);
        }
        for (object, follower, field) in FOLLOWERS {
            let Some(survivors) = survivors.get(&object).filter(|found| !found.is_empty()) else {
                continue;
            };
            let ids: Vec<&str> = survivors.keys().map(String::as_str).collect();
            let found = write.values_where(self.source, follower, field, &ids).await?;
            let place = batch.parts.iter().position(|part| part.object == follower);
            let place = place.unwrap_or_else(|| {
                batch.parts.push(Merged::empty(follower));
                batch.parts.len() - 1
            });
            let part = &mut batch.parts[place];
            // What was told before the merge names the one that is gone.
            for record in &mut part.records {
                if let Some(survivor) = record.get(field).and_then(|id| survivors.get(id)) {
                    record.set(field, Some(survivor.clone()));
                }
            }
            let told: HashSet<String> = part.ids().map(str::to_owned).collect();
            let of_whole = |record: &Record| {
                let is_in = |whole: &Whole| {
                    let parent = record.get(whole.field);
                    parent.is_some_and(|id| whole.parents.iter().any(|own| own == id))
                };
                part.whole.iter().any(is_in)
            };
            // What is not told of a parent of which all is told is gone, and follows nobody.
            let stays = |record: &Record| !told.contains(&record.id) && !of_whole(record);
            let living = found.into_values().filter(|(_, deleted_at)| deleted_at.is_none());
            let mut following: Vec<Record> =
                living.map(|(record, _)| record).filter(|record| stays(record)).collect();
            for record in &mut following {
                let survivor = record.get(field).and_then(|id| survivors.get(id)).cloned();
                record.set(field, survivor);
            }
            part.records.append(&mut following);
        }
        Ok(())
    }

    /// A vendor that has deleted a person tells no lead any more; who was forgotten stays the lead.
    pub(super) async fn keep_pseudonyms(
        &self,
        write: &mut Write,
        batch: &mut Batch,
    ) -> StoreResult<()> {
        if self.forgotten.is_empty() {
            return Ok(());
        }
        let deals = batch.parts.iter_mut().filter(|part| part.object == Object::Opportunity);
        for part in deals {
            let lost = |record: &&mut Record| record.get("lead").is_none();
            let ids: Vec<String> =
                part.records.iter_mut().filter(lost).map(|record| record.id.clone()).collect();
            let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
            let stored = write.values(self.source, Object::Opportunity, &ids).await?;
            for record in part.records.iter_mut().filter(lost) {
                let old = stored.get(&record.id).and_then(|(old, _)| old.get("lead"));
                if let Some(old) = old.filter(|old| is_pseudonym(old)) {
                    record.set("lead", Some(old.to_owned()));
                }
            }
        }
        Ok(())
    }

    /// Who is whom among the leads; gives the leads of other sources that change with it.
    pub(super) async fn settle_people(
        &self,
        write: &mut Write,
        batch: &mut Batch,
    ) -> StoreResult<Echo> {
        let mut leads = batch.parts.iter_mut().filter(|part| part.object == Object::Lead);
        let Some(part) = leads.next() else { return Ok(Echo::new()) };
        let Some(people) = self.people else { return Ok(Echo::new()) };
        let ids: Vec<&str> = part.ids().filter(|id| self.may_be_stored(Object::Lead, id)).collect();
        let stored = write.values(self.source, Object::Lead, &ids).await?;
        people::settle(write, people, self.source, part, &stored).await
    }

    /// Stores leads of another source that changed with this one's, and feeds the roll-ups with them. A first load
    /// of that source may run beside this: its sums and these are added up, whichever comes first.
    pub(super) async fn echo(
        &self,
        write: &mut Write,
        source: &str,
        put: Vec<Record>,
    ) -> StoreResult<()> {
        let ids: Vec<&str> = put.iter().map(|record| record.id.as_str()).collect();
        let old = write.values(source, Object::Lead, &ids).await?;
        let object = Object::Lead;
        let (differs, gone) = (vec![true; object.fields().len()], Vec::new());
        let line = |record: &Record| {
            let (old, deleted_at) = old.get(&record.id)?;
            Some(merge::change(record, old, *deleted_at, self.seen, self.zone))
        };
        let lines = put.iter().filter_map(line).collect();
        let change = Changes { object, put, differs, gone, old, lines };
        let leads = changed(Some(&change));
        let ids: Vec<&str> = leads.keys().copied().collect();
        let opportunities = write.values_where(source, Object::Opportunity, "lead", &ids).await?;
        let before = Before { leads: change.old.clone(), opportunities };
        let mut deltas = Deltas::default();
        units::feed(source, &before, &leads, &Changed::new(), self.zone, &mut deltas);
        store_all(write, source, std::slice::from_ref(&change), self.seen).await?;
        write.add_to_cells(&deltas.take()).await
    }

    /// Fills in what records do not say of themselves.
    pub(super) async fn complete(&self, write: &mut Write, batch: &mut Batch) -> StoreResult<()> {
        for part in batch.parts.iter_mut().filter(|part| part.object == Object::Lead) {
            people::hide_addresses(write, self.people, part).await?;
            if self.people.is_some() {
                part.kept.extend(OURS);
            }
        }
        let asks = |part: &&mut Merged| !(part.kept.is_empty() && part.partial.is_empty());
        for part in batch.parts.iter_mut().filter(asks) {
            let ids = part.asked().filter(|id| self.may_be_stored(part.object, id));
            let ids: Vec<&str> = ids.collect();
            let stored = write.values(self.source, part.object, &ids).await?;
            part.complete(&stored);
        }
        Ok(())
    }
}
