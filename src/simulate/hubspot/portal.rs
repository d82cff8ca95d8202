//! A portal's records and everything that is written to them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;

use super::catalog::{Owner, Pipeline, standard_pipeline, standard_properties};
use super::json;
use super::object::Object;
use super::ranked::RankedSet;
use super::record::{Record, Version};

/// The names of properties, each held once.
#[derive(Debug, Clone, Default)]
pub(super) struct Names {
    texts: Vec<Box<str>>,
    numbers: HashMap<Box<str>, u16>,
}

impl Names {
    /// The number of a name that is in use.
    pub(super) fn find(&self, name: &str) -> Option<u16> {
        self.numbers.get(name).copied()
    }

    /// The number of a name, which is given one when it is new.
    pub(super) fn intern(&mut self, name: &str) -> u16 {
        if let Some(number) = self.find(name) {
            return number;
        }
        // Beyond 65,536 names the last number is shared; no portal has so many properties.
        let number = u16::try_from(self.texts.len()).unwrap_or(u16::MAX);
        self.texts.push(name.into());
        self.numbers.insert(name.into(), number);
        number
    }

    /// The name that a number stands for.
    pub(super) fn text(&self, number: u16) -> &str {
        self.texts.get(usize::from(number)).map_or("", |t| t)
    }
}

/// All records of one kind, with the orders that searches ask for.
#[derive(Debug, Clone)]
pub(super) struct Shelf {
    /// Archived ones too.
    pub(super) records: BTreeMap<u64, Record>,
    /// Ids that merges took away, each with the survivor's.
    pub(super) aliases: HashMap<u64, u64>,
    /// Names that any record has had.
    pub(super) names: BTreeSet<u16>,
    /// Live records by stamp; ties in an order that is stable but not the ids'.
    pub(super) by_stamp: RankedSet<(i64, u32, u64)>,
    /// Live records by stamp and id.
    pub(super) by_stamp_id: RankedSet<(i64, u64)>,
    /// Live records by id.
    pub(super) by_id: RankedSet<u64>,
    /// Records that search does not see yet, and until when (in milliseconds).
    pub(super) hidden: BTreeMap<u64, i64>,
    /// Counts the writes; what searches remember holds for one revision.
    pub(super) revision: u64,
    /// The last search that had to scan: its question, the revision, and the ids found.
    pub(super) remembered: Option<(String, u64, Vec<u64>)>,
}

impl Shelf {
    fn new() -> Shelf {
        Shelf {
            records: BTreeMap::new(),
            aliases: HashMap::new(),
            names: BTreeSet::new(),
            by_stamp: RankedSet::new(),
            by_stamp_id: RankedSet::new(),
            by_id: RankedSet::new(),
            hidden: BTreeMap::new(),
            revision: 0,
            remembered: None,
        }
    }

    /// Takes a record out of the shelf and its orders.
    pub(super) fn take(&mut self, id: u64) -> Option<Record> {
        self.revision += 1;
        let record = self.records.remove(&id)?;
        self.by_stamp.remove(&(record.modified_ms, tie(id), id));
        self.by_stamp_id.remove(&(record.modified_ms, id));
        self.by_id.remove(&id);
        Some(record)
    }

    /// Puts a record in; one with the same id must have been taken out.
    pub(super) fn put(&mut self, record: Record) {
        self.revision += 1;
        let id = record.id;
        if record.archived_ms.is_none() {
            self.by_stamp.insert((record.modified_ms, tie(id), id));
            self.by_stamp_id.insert((record.modified_ms, id));
            self.by_id.insert(id);
        }
        self.records.insert(id, record);
    }

    /// The record behind an id, which may be a merged one.
    pub(super) fn find(&self, id: u64) -> Option<&Record> {
        self.records.get(self.aliases.get(&id).unwrap_or(&id))
    }
}

/// The place of an id among equals: stable, and not in the order of the ids.
pub(super) fn tie(id: u64) -> u32 {
    let mixed = (id ^ (id >> 29)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed >> 32) as u32
}

/// All of a portal's data, behind a mutex shared with tests.
#[derive(Debug, Clone)]
pub struct Portal {
    pub(super) names: Names,
    pub(super) shelves: Vec<Shelf>,
    pub(super) owners: BTreeMap<u64, Owner>,
    pub(super) pipelines: Vec<Pipeline>,
    /// Both directions of every association, in the order in which they were made.
    pub(super) links: HashMap<(Object, u64), Vec<(Object, u64)>>,
    next_id: u64,
}

impl Portal {
    /// A portal with the standard pipeline and nothing else.
    pub fn empty() -> Portal {
        let mut portal = Portal {
            names: Names::default(),
            shelves: vec![Shelf::new(); Object::ALL.len()],
            owners: BTreeMap::new(),
            pipelines: vec![standard_pipeline()],
            links: HashMap::new(),
            next_id: 1001,
        };
        for object in Object::ALL {
            for name in standard_properties(object) {
                portal.names.intern(name);
            }
        }
        portal
    }

    pub(super) fn shelf(&self, object: Object) -> &Shelf {
        &self.shelves[object.slot()]
    }

    pub(super) fn shelf_mut(&mut self, object: Object) -> &mut Shelf {
        &mut self.shelves[object.slot()]
    }

    /// An id that nothing has yet.
    pub(super) fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id - 1
    }

    /// Creates a record and returns its id. A `createdate` (or `hs_createdate`) among the
    /// properties dates the record's creation; an empty one leaves the property null.
    pub fn create(
        &mut self,
        object: Object,
        properties: Vec<(String, String)>,
        at: Timestamp,
    ) -> u64 {
        let id = self.fresh_id();
        self.create_with_id(object, id, properties, at);
        id
    }

    /// The same with an id of the caller's choice; a record that had it is replaced.
    pub fn create_with_id(
        &mut self,
        object: Object,
        id: u64,
        properties: Vec<(String, String)>,
        at: Timestamp,
    ) {
        let at_ms = at.as_millisecond();
        let mut record = Record::new(id, at_ms);
        let stated = properties.iter().find(|p| p.0 == object.created_property()).cloned();
        let mut properties = self.with_consequences(object, None, properties, at);
        match stated {
            Some((_, text)) => record.created_ms = json::parse_instant(&text).unwrap_or(at_ms),
            None => properties.push((object.created_property().to_owned(), json::instant(at_ms))),
        }
        let pairs = self.numbered(object, properties);
        record.pack(pairs);
        self.next_id = self.next_id.max(id + 1);
        let shelf = self.shelf_mut(object);
        shelf.take(id);
        shelf.aliases.remove(&id);
        shelf.put(record);
    }

    /// Changes properties of a record; `None` clears one. An id that is not there is left alone.
    pub fn update(
        &mut self,
        object: Object,
        id: u64,
        properties: Vec<(String, Option<String>)>,
        at: Timestamp,
    ) {
        let flat: Vec<(String, String)> =
            properties.into_iter().map(|(n, v)| (n, v.unwrap_or_default())).collect();
        let flat = self.with_consequences(object, Some(id), flat, at);
        let numbered = self.numbered(object, flat);
        self.rewrite(object, id, |record| {
            let at_ms = at.as_millisecond();
            let changes = numbered.into_iter().map(|(n, v)| (n, Some(v))).collect();
            record.change(changes, at_ms);
            record.modified_ms = at_ms;
        });
    }

    /// Archives a record: it leaves search and the normal list.
    pub fn archive(&mut self, object: Object, id: u64, at: Timestamp) {
        self.rewrite(object, id, |record| {
            record.archived_ms = Some(at.as_millisecond());
            record.modified_ms = at.as_millisecond();
        });
    }

    /// Brings an archived record back.
    pub fn restore(&mut self, object: Object, id: u64, at: Timestamp) {
        self.rewrite(object, id, |record| {
            record.archived_ms = None;
            record.modified_ms = at.as_millisecond();
        });
    }

    /// Deletes a record for good, with its links.
    pub fn purge(&mut self, object: Object, id: u64) {
        let shelf = self.shelf_mut(object);
        let id = shelf.aliases.get(&id).copied().unwrap_or(id);
        shelf.take(id);
        shelf.aliases.retain(|_, survivor| *survivor != id);
        self.unlink_all((object, id));
    }

    /// Sets the modified stamp alone, as the vendor's bulk jobs do.
    pub fn stamp(&mut self, object: Object, id: u64, at: Timestamp) {
        self.rewrite(object, id, |record| record.modified_ms = at.as_millisecond());
    }

    /// Replaces the history of a property, given oldest first; `None` makes it JSON null.
    pub fn set_history(
        &mut self,
        object: Object,
        id: u64,
        property: &str,
        history: Option<Vec<(Option<String>, Timestamp)>>,
    ) {
        let name = self.names.intern(property);
        self.shelf_mut(object).names.insert(name);
        let versions = history.map(|entries| {
            let version = |(value, at): (Option<String>, Timestamp)| Version {
                value: value.map(String::into_boxed_str),
                at_ms: at.as_millisecond(),
            };
            entries.into_iter().map(version).collect()
        });
        self.rewrite(object, id, |record| record.set_versions(name, versions));
    }

    /// Keeps a record out of searches before the given instant: the index lags behind.
    pub fn hide_from_search(&mut self, object: Object, id: u64, until: Timestamp) {
        self.shelf_mut(object).hidden.insert(id, until.as_millisecond());
    }

    /// The value of a property, for assertions.
    pub fn property(&self, object: Object, id: u64, name: &str) -> Option<String> {
        let record = self.shelf(object).find(id)?;
        if name == object.modified_property() {
            return Some(json::instant(record.modified_ms));
        }
        record.get(self.names.find(name)?).map(str::to_owned)
    }

    /// How many records are live.
    pub fn count(&self, object: Object) -> usize {
        self.shelf(object).by_id.rank(&u64::MAX)
    }

    /// Takes a record out, changes it and puts it back, so that the orders stay true.
    pub(super) fn rewrite(&mut self, object: Object, id: u64, change: impl FnOnce(&mut Record)) {
        let shelf = self.shelf_mut(object);
        let id = shelf.aliases.get(&id).copied().unwrap_or(id);
        if let Some(mut record) = shelf.take(id) {
            change(&mut record);
            shelf.put(record);
        }
    }

    /// Numbers the names of properties; those that the vendor computes itself are dropped.
    pub(super) fn numbered(
        &mut self,
        object: Object,
        properties: Vec<(String, String)>,
    ) -> Vec<(u16, String)> {
        let computed = ["hs_object_id", object.modified_property()];
        let kept = properties.into_iter().filter(|p| !computed.contains(&p.0.as_str()));
        let pairs: Vec<(u16, String)> =
            kept.map(|(name, value)| (self.names.intern(&name), value)).collect();
        self.shelf_mut(object).names.extend(pairs.iter().map(|p| p.0));
        pairs
    }
}
