//! An org: its records, and what can be done to them.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::cell::{Cell, Kind};
use super::ids::Key;
use super::schema::Column;
use super::table::{Record, Table};

/// An org. Where an object, an id or a field is named that it does not have, nothing happens: fields are
/// made as they are set.
#[derive(Debug, Clone)]
pub struct Org {
    pub(super) tables: Vec<Table>,
    pub(super) multicurrency: bool,
    pub(super) owner_history: bool,
    /// The user as whom callers and these functions act.
    pub(super) user: Key,
    /// Since when a transaction has been running that is not committed yet.
    pub(super) open_since: Option<i64>,
}

/// The user as whom integrations act is created at 2010-01-01T00:00:00Z, and the stages too.
const BEGINNING: i64 = 1_262_304_000;

impl Org {
    /// An org that has the vendor's own stages and one user, as whom integrations act.
    pub fn empty() -> Org {
        let mut tables = Table::all();
        let user = tables
            .iter_mut()
            .find(|table| table.name == "User")
            .map_or_else(|| Key::new("005", 1), Table::next_key);
        let (multicurrency, owner_history) = (false, false);
        let mut org = Org { tables, multicurrency, owner_history, user, open_since: None };
        if let Some(users) = org.table_mut("User") {
            users.records.push(Record::new(user, BEGINNING, user));
            for (name, value) in [
                ("Username", Cell::text("integration@example.test")),
                ("LastName", Cell::text("Integration User")),
                ("Name", Cell::text("Integration User")),
                ("Email", Cell::text("integration@example.test")),
                ("UserType", Cell::text("Standard")),
                ("IsActive", Cell::Bool(true)),
            ] {
                users.set(0, name, value);
            }
        }
        org.set_stages(&super::stages::USUAL);
        org
    }

    /// The object of a name, whose case does not count.
    pub(super) fn table(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name.eq_ignore_ascii_case(name))
    }

    pub(super) fn table_mut(&mut self, name: &str) -> Option<&mut Table> {
        self.tables.iter_mut().find(|table| table.name.eq_ignore_ascii_case(name))
    }

    /// The object to which an id belongs, with the record.
    pub(super) fn any(&self, key: Key) -> Option<(&Table, &Record)> {
        let table = self.tables.iter().find(|table| table.prefix == key.prefix())?;
        Some((table, table.record(key)?))
    }

    /// Whether callers see a field.
    pub(super) fn sees(&self, column: &Column) -> bool {
        let currency = column.name.eq_ignore_ascii_case("CurrencyIsoCode");
        !column.hidden && (self.multicurrency || !currency)
    }

    /// The value of a field of a record.
    pub(super) fn value(&self, object: &str, id: Key, field: &str) -> Cell {
        let Some(table) = self.table(object) else { return Cell::Null };
        table.record(id).map_or(Cell::Null, |record| table.value(record, field))
    }

    /// Puts a value in a field, and moves no stamp.
    pub(super) fn put(&mut self, object: &str, id: Key, field: &str, value: Cell) {
        if let Some(table) = self.table_mut(object)
            && let Some(at) = table.find(id)
        {
            table.set(at, field, value);
        }
    }

    /// Creates a record and tells its id, in the form of eighteen characters. `CreatedDate` may be among
    /// the fields. An object that the org lacks gives an empty id.
    pub fn create(&mut self, object: &str, fields: &[(&str, Value)], at: Timestamp) -> String {
        self.create_key(object, fields, at).map(|key| key.text()).unwrap_or_default()
    }

    pub(super) fn create_key(
        &mut self,
        object: &str,
        fields: &[(&str, Value)],
        at: Timestamp,
    ) -> Option<Key> {
        let at = at.as_second();
        let by = self.user;
        let table = self.table_mut(object)?;
        let object = table.name;
        let key = table.next_key();
        table.records.push(Record::new(key, at, by));
        self.write(object, key, fields);
        self.after_create(object, key, at);
        if let Some(record) = self.table_mut(object).and_then(|table| table.records.last_mut()) {
            record.shrink();
        }
        Some(key)
    }

    /// Sets fields of a record, which moves its stamps.
    pub fn update(&mut self, object: &str, id: &str, fields: &[(&str, Value)], at: Timestamp) {
        let Some(key) = Key::parse(id) else { return };
        let Some(before) = self.table(object).and_then(|t| t.record(key)).cloned() else { return };
        self.write(object, key, fields);
        self.touch(object, key, at.as_second());
        self.after_update(object, &before, at.as_second());
    }

    /// Moves both stamps of a record.
    pub(super) fn touch(&mut self, object: &str, key: Key, at: i64) {
        if let Some(table) = self.table_mut(object)
            && let Some(place) = table.find(key)
        {
            table.records[place].modified = at;
            table.records[place].stamp = at;
        }
    }

    fn write(&mut self, object: &str, key: Key, fields: &[(&str, Value)]) {
        let Some(table) = self.table_mut(object) else { return };
        let Some(at) = table.find(key) else { return };
        for (name, value) in fields {
            let place = table.place_or_new(name, Kind::of(value));
            let column = &table.columns[place];
            let told = value.as_str().unwrap_or_default();
            // What does not fit the type is kept as it was told, so that tests can tell nonsense.
            let cell = column.kind.cell(value).unwrap_or_else(|| Cell::text(told));
            let slot = column.slot;
            table.records[at].set(slot, cell);
        }
    }

    /// Sets `SystemModstamp` alone: a record that was committed later than its stamp says.
    pub fn stamp(&mut self, object: &str, id: &str, system_modstamp: Timestamp) {
        let at = Cell::Instant(system_modstamp.as_second());
        if let Some(key) = Key::parse(id) {
            self.put(object, key, "SystemModstamp", at);
        }
    }

    /// A formula field has another value for a record now, which moves no stamp.
    pub fn set_formula(&mut self, object: &str, id: &str, field: &str, value: Value) {
        let Some(key) = Key::parse(id) else { return };
        if let Some(table) = self.table_mut(object) {
            let place = table.place_or_new(field, Kind::of(&value));
            table.columns[place].calculated = true;
            table.columns[place].writable = false;
        }
        self.write(object, key, &[(field, value)]);
    }

    /// A task or an event is archived: only queries for all rows tell it from here on.
    pub fn archive(&mut self, id: &str) {
        let Some(key) = Key::parse(id) else { return };
        for object in ["Task", "Event"] {
            self.put(object, key, "IsArchived", Cell::Bool(true));
        }
    }

    /// Field-level security hides a field from callers.
    pub fn hide(&mut self, object: &str, field: &str) {
        if let Some(table) = self.table_mut(object) {
            let place = table.place_or_new(field, Kind::Text);
            table.columns[place].hidden = true;
        }
    }

    /// Callers may not know that an object exists.
    pub fn hide_object(&mut self, object: &str) {
        if let Some(table) = self.table_mut(object) {
            table.hidden = true;
        }
    }

    /// Whether amounts have a currency of their own; without that there is no `CurrencyIsoCode`.
    pub fn set_multicurrency(&mut self, on: bool) {
        self.multicurrency = on;
    }

    /// Whether changes of an opportunity's owner are kept in its field history.
    pub fn track_owner_history(&mut self, on: bool) {
        self.owner_history = on;
    }

    /// Since when a long transaction has been running, which `updated` and `deleted` tell as the latest
    /// date that they cover.
    pub fn open_transaction(&mut self, since: Option<Timestamp>) {
        self.open_since = since.map(Timestamp::as_second);
    }

    /// All fields of a record that callers see, deleted or not.
    pub fn get(&self, object: &str, id: &str) -> Option<Map<String, Value>> {
        let table = self.table(object)?;
        let record = table.record(Key::parse(id)?)?;
        let seen = table.columns.iter().filter(|column| self.sees(column));
        let told = seen.map(|c| (c.name.clone(), record.value(c.slot).json(c.kind)));
        Some(told.collect())
    }

    /// How many records an object has, the deleted among them.
    pub fn count(&self, object: &str) -> usize {
        self.table(object).map_or(0, |table| table.records.len())
    }
}
