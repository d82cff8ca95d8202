//! The records of one object, in the order of their ids.

use std::collections::HashMap;

use super::cell::{Cell, Kind};
use super::ids::Key;
use super::schema::{self, Column, Slot};

/// A record. What every object has stands in fields of its own, the rest only where it is set.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) key: Key,
    pub(super) created: i64,
    pub(super) modified: i64,
    pub(super) stamp: i64,
    pub(super) deleted: bool,
    pub(super) archived: bool,
    pub(super) by: Key,
    cells: Vec<(u16, Cell)>,
}

impl Record {
    /// A record that has nothing but its id and the time of its creation.
    pub(super) fn new(key: Key, at: i64, by: Key) -> Record {
        let (deleted, archived) = (false, false);
        Record { key, created: at, modified: at, stamp: at, deleted, archived, by, cells: vec![] }
    }

    /// The value of a field.
    pub(super) fn value(&self, slot: Slot) -> Cell {
        match slot {
            Slot::Id => Cell::Id(self.key),
            Slot::Deleted => Cell::Bool(self.deleted),
            Slot::Archived => Cell::Bool(self.archived),
            Slot::Created => Cell::Instant(self.created),
            Slot::Modified => Cell::Instant(self.modified),
            Slot::Stamp => Cell::Instant(self.stamp),
            Slot::CreatedBy | Slot::ModifiedBy => Cell::Id(self.by),
            Slot::Cell(place) => {
                let at = self.cells.iter().find(|cell| cell.0 == place);
                at.map_or(Cell::Null, |cell| cell.1.clone())
            }
        }
    }

    /// Gives back the memory that was reserved for further fields.
    pub(super) fn shrink(&mut self) {
        self.cells.shrink_to_fit();
    }

    /// Sets a field.
    pub(super) fn set(&mut self, slot: Slot, value: Cell) {
        match (slot, value) {
            (Slot::Cell(place), value) => {
                self.cells.retain(|cell| cell.0 != place);
                if !value.is_null() {
                    self.cells.push((place, value));
                }
            }
            (Slot::Created, Cell::Instant(at)) => self.created = at,
            (Slot::Modified, Cell::Instant(at)) => self.modified = at,
            (Slot::Stamp, Cell::Instant(at)) => self.stamp = at,
            (Slot::Archived, Cell::Bool(told)) => self.archived = told,
            (Slot::Deleted, Cell::Bool(told)) => self.deleted = told,
            (Slot::CreatedBy, Cell::Id(key)) => self.by = key,
            _ => {}
        }
    }
}

/// An object: its fields and its records.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) prefix: &'static str,
    pub(super) columns: Vec<Column>,
    /// The place of a field by its name in lower case.
    places: HashMap<String, usize>,
    pub(super) records: Vec<Record>,
    next: u64,
    pub(super) hidden: bool,
}

impl Table {
    /// An object of the schema, without a record.
    pub(super) fn all() -> Vec<Table> {
        let table = |told: &(&'static str, &'static str, &'static str, &'static str)| {
            let columns = schema::columns(told);
            let places = columns.iter().enumerate().map(|(at, c)| (c.name.to_lowercase(), at));
            Table {
                name: told.0,
                prefix: told.1,
                places: places.collect(),
                columns,
                records: Vec::new(),
                next: 1,
                hidden: false,
            }
        };
        schema::OBJECTS.iter().map(table).collect()
    }

    /// A field by its name, whose case does not count.
    pub(super) fn column(&self, name: &str) -> Option<&Column> {
        self.places.get(&name.to_lowercase()).map(|at| &self.columns[*at])
    }

    /// The place of a field by its name, made where there is none of that name.
    pub(super) fn place_or_new(&mut self, name: &str, kind: Kind) -> usize {
        let lower = name.to_lowercase();
        if let Some(at) = self.places.get(&lower) {
            return *at;
        }
        let slots = self.columns.iter().filter_map(|column| match column.slot {
            Slot::Cell(place) => Some(place),
            _ => None,
        });
        let slot = Slot::Cell(slots.max().map_or(0, |last| last + 1));
        self.columns.push(Column::plain(name, kind, slot));
        self.places.insert(lower, self.columns.len() - 1);
        self.columns.len() - 1
    }

    /// The next id.
    pub(super) fn next_key(&mut self) -> Key {
        let key = Key::new(self.prefix, self.next);
        self.next += 1;
        key
    }

    /// The place of a record.
    pub(super) fn find(&self, key: Key) -> Option<usize> {
        self.records.binary_search_by_key(&key, |record| record.key).ok()
    }

    /// A record by its id.
    pub(super) fn record(&self, key: Key) -> Option<&Record> {
        self.find(key).map(|at| &self.records[at])
    }

    /// The value of a field of a record; nothing where there is no such field.
    pub(super) fn value(&self, record: &Record, name: &str) -> Cell {
        self.column(name).map_or(Cell::Null, |column| record.value(column.slot))
    }

    /// Sets a field of the record at a place; a name that the object lacks is left alone.
    pub(super) fn set(&mut self, at: usize, name: &str, value: Cell) {
        let slot = self.column(name).map(|column| column.slot);
        if let (Some(slot), Some(record)) = (slot, self.records.get_mut(at)) {
            record.set(slot, value);
        }
    }
}
