//! An instance: its leads, its programs, its log, and what can be done to them.

use std::collections::HashMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::fields::{self, CREATED_AT, Field, ID, UPDATED_AT};
use super::kinds::{self, CHANGE, NEW_LEAD};
use super::log::{Activity, Attributes, Log};
use super::programs::{Email, Program};

/// A lead. Fields that are empty are not among its cells.
#[derive(Debug, Clone)]
pub(super) struct Lead {
    pub(super) id: u64,
    pub(super) created: i64,
    /// What is told: the last change of a standard field.
    pub(super) updated: i64,
    /// The last change of any field, by which bulk extracts choose.
    pub(super) changed: i64,
    pub(super) cells: Vec<(u16, Value)>,
}

/// An instance. Where a lead or a program is named that it does not have, nothing happens; fields are made
/// as they are set.
#[derive(Debug, Clone)]
pub struct Instance {
    pub(super) fields: Vec<Field>,
    pub(super) leads: Vec<Lead>,
    pub(super) programs: Vec<Program>,
    pub(super) emails: Vec<Email>,
    pub(super) log: Log,
    /// By how much the ids of the types of activities differ from the usual ones.
    pub(super) type_shift: u32,
    pub(super) next_lead: u64,
    pub(super) next_member: u64,
    /// What e-mails tell in their activities, by their ids.
    pub(super) sends: HashMap<u64, (Arc<str>, Attributes)>,
}

/// The reason that changes give which the API did not make.
const REASON: &str = "Changed by Smart Campaign Lifecycle.Statuses action Change Data Value";
/// The reason that changes give which the API made.
pub(super) const API_REASON: &str = "Web service API";

/// The value as activities tell it, who know but texts.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A time as leads and activities tell it.
pub(super) fn time(secs: i64) -> String {
    Timestamp::from_second(secs).unwrap_or_default().to_string()
}

impl Instance {
    /// An instance that has the standard fields, and `externalId` and `segment`.
    pub fn empty() -> Instance {
        let mut instance = Instance {
            fields: fields::standard(),
            leads: Vec::new(),
            programs: Vec::new(),
            emails: Vec::new(),
            log: Log::default(),
            type_shift: 0,
            next_lead: 1000,
            next_member: 1,
            sends: HashMap::new(),
        };
        instance.add_field("externalId", "External ID", "string");
        instance.add_field("segment", "Segment", "string");
        instance
    }

    /// Adds a custom field by which leads can be searched, and tells its id. One that is there stays as it
    /// is.
    pub fn add_field(&mut self, name: &str, label: &str, data_type: &'static str) -> i64 {
        if let Some(place) = self.place(name) {
            return self.fields[place].id;
        }
        let id = 1000 + self.fields.len() as i64;
        self.fields.push(Field {
            id,
            name: name.to_owned(),
            label: label.to_owned(),
            data_type,
            read_only: false,
            searchable: true,
            custom: true,
            hidden: false,
        });
        id
    }

    /// The user of the API does not see a field from here on.
    pub fn hide_field(&mut self, name: &str) {
        if let Some(place) = self.place(name) {
            self.fields[place].hidden = true;
        }
    }

    /// The ids of all types of activities are so much higher than the usual ones.
    pub fn shift_type_ids(&mut self, by: u32) {
        self.type_shift = by;
    }

    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.fields.iter().position(|field| field.name == name)
    }

    fn place_or_new(&mut self, name: &str, value: &Value) -> usize {
        self.place(name).unwrap_or_else(|| {
            self.add_field(name, name, fields::type_of(value));
            self.fields.len() - 1
        })
    }

    pub(super) fn find(&self, lead: u64) -> Option<usize> {
        self.leads.binary_search_by_key(&lead, |lead| lead.id).ok()
    }

    /// The value of a field of a lead.
    pub(super) fn value(&self, lead: &Lead, place: usize) -> Value {
        match place {
            ID => json!(lead.id),
            CREATED_AT => json!(time(lead.created)),
            UPDATED_AT => json!(time(lead.updated)),
            _ => {
                let cell = lead.cells.iter().find(|cell| usize::from(cell.0) == place);
                cell.map_or(Value::Null, |cell| cell.1.clone())
            }
        }
    }

    /// Creates a lead with its activity `New Lead`, and tells its id.
    pub fn create_lead(&mut self, told: &[(&str, Value)], at: Timestamp) -> u64 {
        self.create(told, "Web form fillout", at.as_second())
    }

    pub(super) fn create(&mut self, told: &[(&str, Value)], source_type: &str, secs: i64) -> u64 {
        let id = self.next_lead;
        self.next_lead += 1;
        let cells = Vec::with_capacity(told.len());
        let lead = Lead { id, created: secs, updated: secs, changed: secs, cells };
        self.leads.push(lead);
        for (name, value) in told {
            let place = self.place_or_new(name, value);
            self.put(self.leads.len() - 1, place, value.clone());
        }
        let field = |name: &str| told.iter().find(|field| field.0 == name).map(|field| &field.1);
        let mut attributes = vec![("Created Date", json!(time(secs)[..10]))];
        for (attribute, name) in [("Lead Source", "leadSource"), ("SFDC Type", "sfdcType")] {
            attributes.extend(field(name).map(|value| (attribute, value.clone())));
        }
        attributes.push(("Source Type", json!(source_type)));
        self.record(id, NEW_LEAD, (None, ""), attributes, secs);
        id
    }

    /// Puts a value in a field, and moves no stamp.
    fn put(&mut self, lead: usize, place: usize, value: Value) {
        if place <= UPDATED_AT {
            return;
        }
        let cells = &mut self.leads[lead].cells;
        cells.retain(|cell| usize::from(cell.0) != place);
        if !value.is_null() && value.as_str() != Some("") {
            cells.push((place as u16, value));
        }
    }

    /// Sets a field, which moves the stamps of the lead but leaves no activity.
    pub fn set(&mut self, lead: u64, field: &str, value: Value, at: Timestamp) {
        self.set_at(lead, field, value, at.as_second());
    }

    /// Sets a field and tells its place and its value before, if that was another.
    fn set_at(
        &mut self,
        lead: u64,
        field: &str,
        value: Value,
        secs: i64,
    ) -> Option<(usize, Value)> {
        let found = self.find(lead)?;
        let place = self.place_or_new(field, &value);
        let before = self.value(&self.leads[found], place);
        if text(&before) == text(&value) {
            return None;
        }
        self.put(found, place, value);
        let custom = self.fields[place].custom;
        let lead = &mut self.leads[found];
        lead.changed = lead.changed.max(secs);
        if !custom {
            lead.updated = lead.updated.max(secs);
        }
        Some((place, before))
    }

    /// Changes a field at a time, with its activity `Change Data Value`. Where the value is the same already
    /// nothing happens.
    pub fn change(&mut self, lead: u64, field: &str, value: Value, at: Timestamp) {
        self.change_because(lead, field, value, REASON, at.as_second());
    }

    pub(super) fn change_because(
        &mut self,
        lead: u64,
        field: &str,
        value: Value,
        reason: &str,
        secs: i64,
    ) {
        let new = text(&value);
        let Some((place, before)) = self.set_at(lead, field, value, secs) else { return };
        let source = if reason == API_REASON { API_REASON } else { "Marketo Flow Action" };
        let attributes = vec![
            ("New Value", json!(new)),
            ("Old Value", json!(text(&before))),
            ("Reason", json!(reason)),
            ("Source", json!(source)),
        ];
        let (id, label) = (self.fields[place].id, self.fields[place].label.clone());
        self.record(lead, CHANGE, (Some(id), &label), attributes, secs);
    }

    /// Adds an activity of a type by its name, and tells its id; 0 where there is no such type. It tells the
    /// time `at`, and nobody sees it before `visible`. `primary` is its primary attribute: the id, and the
    /// value.
    pub fn add_activity(
        &mut self,
        lead: u64,
        kind: &str,
        primary: (Option<i64>, &str),
        attributes: &[(&'static str, Value)],
        at: Timestamp,
        visible: Timestamp,
    ) -> u64 {
        let id = self.record(lead, kind, primary, attributes.to_vec(), at.as_second());
        self.hold_back(id, visible);
        id
    }

    pub(super) fn record(
        &mut self,
        lead: u64,
        kind: &str,
        (primary_id, primary): (Option<i64>, &str),
        attributes: Vec<(&'static str, Value)>,
        secs: i64,
    ) -> u64 {
        let Some(kind) = kinds::named(kind) else { return 0 };
        let (primary, attributes) = (Arc::from(primary), Arc::from(attributes));
        let (id, campaign) = (0, None);
        let (at, visible) = (secs, secs);
        let activity =
            Activity { id, lead, kind, at, visible, campaign, primary_id, primary, attributes };
        self.log.add(activity)
    }

    /// An activity is committed at this time only.
    pub fn hold_back(&mut self, activity: u64, visible: Timestamp) {
        let secs = visible.as_second();
        if let Some(row) = self.log.rows_mut().rfind(|row| row.id == activity) {
            row.visible = secs.max(row.at);
        }
    }

    /// The activities that happened before a time are purged.
    pub fn purge_activities(&mut self, before: Timestamp) {
        let secs = before.as_second();
        self.log.retain(|row| row.at >= secs);
    }

    /// All fields of a lead that are not empty.
    pub fn lead(&self, lead: u64) -> Option<Map<String, Value>> {
        let lead = &self.leads[self.find(lead)?];
        let told = self.fields.iter().enumerate();
        let told = told.map(|(place, field)| (field.name.clone(), self.value(lead, place)));
        Some(told.filter(|(_, value)| !value.is_null()).collect())
    }

    /// The ids of all leads, in order.
    pub fn leads(&self) -> Vec<u64> {
        self.leads.iter().map(|lead| lead.id).collect()
    }

    /// How many activities of a type there are, seen or not.
    pub fn count_activities(&self, kind: &str) -> usize {
        self.log.rows().iter().filter(|row| row.kind.name == kind).count()
    }

    /// Every activity: its id, its lead, its type, and when it happened and was committed.
    pub fn activities(&self) -> Vec<(u64, u64, &'static str, i64, i64)> {
        let told = self.log.rows().iter();
        told.map(|row| (row.id, row.lead, row.kind.name, row.at, row.visible)).collect()
    }

    /// How often a field was changed to a value.
    pub fn changes_to(&self, field: &str, value: &str) -> usize {
        let id = self.place(field).map(|place| self.fields[place].id);
        let new = |row: &&Activity| {
            row.attributes.iter().any(|told| told.0 == "New Value" && told.1 == value)
        };
        let changes = self.log.rows().iter().filter(|row| row.kind.name == CHANGE);
        changes.filter(|row| row.primary_id == id).filter(new).count()
    }
}
