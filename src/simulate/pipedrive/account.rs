//! An account and what it holds. Every change is told its time, and stamps the record with it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::catalog::Kind;
use super::fields::Custom;
use super::history::Change;
use super::record::{Record, id_of, number_of};
use super::render;

/// The records of one kind, in the order of their numbers.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) records: Vec<Record>,
    next: u64,
}

impl Table {
    /// A record, as long as it has not been purged.
    pub(super) fn find(&self, number: u64) -> Option<&Record> {
        let place = self.records.binary_search_by_key(&number, |record| record.number);
        place.ok().map(|place| &self.records[place])
    }

    /// The same, to change it.
    pub(super) fn find_mut(&mut self, number: u64) -> Option<&mut Record> {
        let place = self.records.binary_search_by_key(&number, |record| record.number);
        place.ok().map(|place| &mut self.records[place])
    }
}

/// What an account holds.
#[derive(Debug, Default)]
pub struct Account {
    tables: [Table; Kind::COUNT],
    pub(super) logs: HashMap<u64, Vec<Change>>,
    pub(super) changes: u64,
    pub(super) custom: Vec<Custom>,
    /// The user whose token the callers have, and who makes the changes.
    pub(super) admin: u64,
    names: HashSet<Arc<str>>,
    /// What waits for the end of its thirty days.
    pub(super) bin: Vec<(i64, Kind, u64)>,
}

/// The stages of the pipeline that every new account has.
const STAGES: [&str; 5] =
    ["Qualified", "Contact Made", "Demo Scheduled", "Proposal Made", "Negotiations Started"];

/// 2010-06-21T00:00:00Z.
const FOUNDED_MS: i64 = 1_277_078_400_000;

impl Account {
    /// An account with one administrator, a pipeline of five stages, and six marketing channels.
    pub fn empty() -> Account {
        let mut account = Account { admin: 1, ..Account::default() };
        let at = Timestamp::from_millisecond(FOUNDED_MS).unwrap_or_default();
        let text = |text: &str| Value::from(text);
        account.create(
            "users",
            &[("name", text("Ada Admin")), ("email", text("ada@example.com"))],
            at,
        );
        account.create("pipelines", &[("name", text("Pipeline"))], at);
        account.set_stages(&STAGES);
        account.set_channels(&["Web", "Email", "Referral", "Event", "Paid search", "Other"]);
        account
    }

    /// Replaces the stages of the first pipeline; they are numbered from 1.
    pub fn set_stages(&mut self, names: &[&str]) {
        *self.table_mut(Kind::Stage) = Table::default();
        for (place, name) in (1_u64..).zip(names) {
            let probability = place * 90 / names.len().max(1) as u64;
            let fields = [
                ("name", Value::from(*name)),
                ("order_nr", place.into()),
                ("deal_probability", probability.into()),
                ("pipeline_id", 1.into()),
            ];
            self.add(Kind::Stage, &fields, FOUNDED_MS);
        }
    }

    /// The records of a kind.
    pub(super) fn table(&self, kind: Kind) -> &Table {
        &self.tables[kind as usize]
    }

    /// The same, to change them.
    pub(super) fn table_mut(&mut self, kind: Kind) -> &mut Table {
        &mut self.tables[kind as usize]
    }

    /// A field's name, kept once for all records.
    pub(super) fn name(&mut self, name: &str) -> Arc<str> {
        if let Some(known) = self.names.get(name) {
            return Arc::clone(known);
        }
        let name: Arc<str> = Arc::from(name);
        self.names.insert(Arc::clone(&name));
        name
    }

    /// Creates a record: `leads`, `deals`, `persons`, `activities`, `users`, `stages` or `pipelines`. A
    /// number in `id` is kept where it is free. Fields that the kind does not have are custom fields by
    /// their keys. The id is told; it is empty where there is no such kind.
    pub fn create(&mut self, kind: &str, fields: &[(&str, Value)], at: Timestamp) -> String {
        let Some(kind) = Kind::from_name(kind) else { return String::new() };
        id_of(kind, self.add(kind, fields, at.as_millisecond()))
    }

    /// Creates a record, whose number is told.
    pub(super) fn add(&mut self, kind: Kind, fields: &[(&str, Value)], at: i64) -> u64 {
        let wished = fields.iter().find(|field| field.0 == "id").and_then(|field| field.1.as_u64());
        let table = self.table_mut(kind);
        let free = wished.filter(|number| *number > 0 && table.find(*number).is_none());
        let number = free.unwrap_or(table.next + 1);
        table.next = table.next.max(number);
        let place = table.records.partition_point(|record| record.number < number);
        table.records.insert(place, Record::new(number, at));
        match kind {
            Kind::Deal => self.begin_deal(number, fields, at),
            _ => self.fill(kind, number, fields, at),
        }
        if let Some(record) = self.table_mut(kind).find_mut(number) {
            record.shrink();
        }
        number
    }

    /// Changes fields of a record. A deal's changes are written to its log.
    pub fn update(&mut self, kind: &str, id: &str, fields: &[(&str, Value)], at: Timestamp) {
        if let Some((kind, number)) = self.known(kind, id) {
            self.change(kind, number, fields, at.as_millisecond());
        }
    }

    /// Changes fields of a record by its number.
    pub(super) fn change(&mut self, kind: Kind, number: u64, fields: &[(&str, Value)], at: i64) {
        match self.table_mut(kind).find_mut(number) {
            Some(record) => record.updated = at,
            None => return,
        }
        match kind {
            Kind::Deal => self.change_deal(number, fields, at),
            _ => self.fill(kind, number, fields, at),
        }
    }

    /// Fills fields, without a log.
    fn fill(&mut self, kind: Kind, number: u64, fields: &[(&str, Value)], at: i64) {
        for (name, value) in fields {
            self.put(kind, number, name, value.clone(), at);
        }
    }

    /// Fills one field, and what depends on it.
    pub(super) fn put(&mut self, kind: Kind, number: u64, name: &str, value: Value, at: i64) {
        if name == "custom_fields" {
            for (key, value) in value.as_object().cloned().unwrap_or_default() {
                self.put(kind, number, &key, value, at);
            }
            return;
        }
        let key = self.name(name);
        let done = self.name("marked_as_done_time");
        let Some(record) = self.table_mut(kind).find_mut(number) else { return };
        match name {
            "id" => {}
            "add_time" => record.added = render::read(&value),
            "update_time" => record.updated = render::read(&value).unwrap_or(at),
            "is_archived" => record.archived = value.as_bool().unwrap_or(false).then_some(at),
            _ => {
                let was_done = record.get("done").and_then(Value::as_bool).unwrap_or(false);
                let is_done = value.as_bool().unwrap_or(false);
                if kind == Kind::Activity && name == "done" && was_done != is_done {
                    let told = if is_done { render::seconds(at).into() } else { Value::Null };
                    record.set(done, told);
                }
                record.set(key, value);
            }
        }
    }

    /// Deletes a record. A deal stays in the bin for thirty days and its `update_time` does not move; a
    /// user is deactivated; the others vanish from the lists.
    pub fn delete(&mut self, kind: &str, id: &str, at: Timestamp) {
        let Some((kind, number)) = self.known(kind, id) else { return };
        let at = at.as_millisecond();
        let Some(record) = self.table_mut(kind).find_mut(number) else { return };
        if record.deleted.is_some() {
            return;
        }
        let status = record.status().to_owned();
        record.deleted = Some(at);
        if kind != Kind::User {
            self.bin.push((at, kind, number));
        }
        if kind == Kind::Deal {
            self.log(number, "status", Some(status), Some("deleted".to_owned()), at);
        }
    }

    /// Removes for good what has been in the bin for thirty days.
    pub fn purge(&mut self, now: Timestamp) {
        let limit = now.as_millisecond() - THIRTY_DAYS_MS;
        if !self.bin.iter().any(|entry| entry.0 <= limit) {
            return;
        }
        let bin = std::mem::take(&mut self.bin);
        let (gone, kept): (Vec<_>, Vec<_>) = bin.into_iter().partition(|entry| entry.0 <= limit);
        self.bin = kept;
        for (_, kind, number) in gone {
            let records = &mut self.table_mut(kind).records;
            if let Ok(place) = records.binary_search_by_key(&number, |record| record.number) {
                records.remove(place);
            }
            if kind == Kind::Deal {
                self.logs.remove(&number);
            }
        }
    }

    /// Puts a lead or a deal into the archive, out of the ordinary lists.
    pub fn archive(&mut self, kind: &str, id: &str, at: Timestamp) {
        self.update(kind, id, &[("is_archived", true.into())], at);
    }

    /// Takes it out of the archive again.
    pub fn unarchive(&mut self, kind: &str, id: &str, at: Timestamp) {
        self.update(kind, id, &[("is_archived", false.into())], at);
    }

    /// A record as its endpoint tells it, custom fields and those on request included; none when it has
    /// been purged or never was.
    pub fn get(&self, kind: &str, id: &str) -> Option<Value> {
        let (kind, number) = self.known(kind, id)?;
        let record = self.table(kind).find(number)?;
        Some(render::told(self, kind, record, &super::catalog::ON_REQUEST))
    }

    /// The kind and number of a record that there is.
    fn known(&self, kind: &str, id: &str) -> Option<(Kind, u64)> {
        let kind = Kind::from_name(kind)?;
        let number = number_of(kind, id)?;
        self.table(kind).find(number).map(|_| (kind, number))
    }
}

const THIRTY_DAYS_MS: i64 = 30 * 86_400_000;
