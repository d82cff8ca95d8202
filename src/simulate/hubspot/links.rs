//! Associations between records, and merges, which move them.

use jiff::Timestamp;

use super::object::Object;
use super::portal::Portal;

/// One record among all kinds.
type Key = (Object, u64);

impl Portal {
    /// Links two records in both directions; neither counts as modified.
    pub fn associate(&mut self, from: Key, to: Key) {
        for (one, other) in [(from, to), (to, from)] {
            let links = self.links.entry(one).or_default();
            if !links.contains(&other) {
                links.push(other);
            }
        }
    }

    /// Removes the link between two records; neither counts as modified.
    pub fn dissociate(&mut self, from: Key, to: Key) {
        for (one, other) in [(from, to), (to, from)] {
            if let Some(links) = self.links.get_mut(&one) {
                links.retain(|l| *l != other);
            }
        }
    }

    /// The live records of a kind that a live record is linked with; a merged id has none.
    pub(super) fn linked(&self, from: Key, to: Object) -> Vec<u64> {
        let live = |key: Key| {
            self.shelf(key.0).records.get(&key.1).is_some_and(|r| r.archived_ms.is_none())
        };
        if !live(from) {
            return Vec::new();
        }
        let links = self.links.get(&from).into_iter().flatten();
        links.filter(|l| l.0 == to && live(**l)).map(|l| l.1).collect()
    }

    /// Removes every link of a record.
    pub(super) fn unlink_all(&mut self, key: Key) {
        for other in self.links.remove(&key).unwrap_or_default() {
            if let Some(links) = self.links.get_mut(&other) {
                links.retain(|l| *l != key);
            }
        }
    }

    fn move_links(&mut self, from: Key, to: Key) {
        let moved = self.links.get(&from).cloned().unwrap_or_default();
        self.unlink_all(from);
        for other in moved.into_iter().filter(|o| *o != to) {
            self.associate(to, other);
        }
    }

    /// Merges one record into another and returns the survivor's id, which is a new one when
    /// `into_new_id` is set: then both ids lead to the new record. Ids that an earlier merge took
    /// away stand for their survivor. When either record is missing nothing happens.
    pub fn merge(
        &mut self,
        object: Object,
        primary: u64,
        loser: u64,
        into_new_id: bool,
        at: Timestamp,
    ) -> u64 {
        let shelf = self.shelf(object);
        let current = |id: u64| shelf.aliases.get(&id).copied().unwrap_or(id);
        let (primary, loser) = (current(primary), current(loser));
        let both = shelf.records.contains_key(&primary) && shelf.records.contains_key(&loser);
        if primary == loser || !both {
            return primary;
        }
        let at_ms = at.as_millisecond();
        let merged_name = self.names.intern("hs_merged_object_ids");
        let survivor_id = if into_new_id { self.fresh_id() } else { primary };
        let shelf = self.shelf_mut(object);
        let (Some(mut survivor), Some(lost)) = (shelf.take(primary), shelf.take(loser)) else {
            return primary;
        };
        let mut ids: Vec<String> = [&survivor, &lost]
            .iter()
            .filter_map(|r| r.get(merged_name))
            .flat_map(|text| text.split(';'))
            .map(str::to_owned)
            .collect();
        if into_new_id {
            ids.push(primary.to_string());
        }
        ids.push(loser.to_string());
        // The primary's values win; what it lacks comes from the loser.
        let mut changes: Vec<(u16, Option<String>)> = lost
            .iter()
            .filter(|(name, _)| *name != merged_name && survivor.get(*name).is_none())
            .map(|(name, value)| (name, Some(value.to_owned())))
            .collect();
        changes.push((merged_name, Some(ids.join(";"))));
        survivor.change(changes, at_ms);
        survivor.id = survivor_id;
        survivor.modified_ms = at_ms;
        survivor.archived_ms = None;
        shelf.names.insert(merged_name);
        for target in shelf.aliases.values_mut().filter(|t| **t == primary || **t == loser) {
            *target = survivor_id;
        }
        shelf.aliases.insert(loser, survivor_id);
        if into_new_id {
            shelf.aliases.insert(primary, survivor_id);
        }
        shelf.put(survivor);
        self.move_links((object, loser), (object, survivor_id));
        if into_new_id {
            self.move_links((object, primary), (object, survivor_id));
        }
        survivor_id
    }
}
