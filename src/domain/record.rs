//! A record as a source delivers it: canonical fields, vendor-native values, all as text.
//!
//! Every source speaks this one language, so merging and storing are written once.

use std::collections::BTreeMap;

use super::moment::Moment;
use super::person;

/// The kinds of record. The names are tables in the store and `object` in the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// A person or company that may become a client.
    Lead,
    /// A qualified chance of a deal.
    Opportunity,
    /// An opportunity moved between stages.
    StageChange,
    /// An opportunity changed hands.
    OwnerChange,
    /// A contact takes part in an opportunity.
    ContactRole,
    /// A call, a meeting, a mail, a task, a note.
    Activity,
    /// An activity belongs to an opportunity or to a contact, where a vendor links it to several.
    ActivityLink,
    /// A marketing campaign.
    Campaign,
    /// Visits of a day.
    Visit,
    /// A person in sales or marketing.
    Owner,
    /// A mailing.
    EmailSend,
    /// A position in search results.
    Ranking,
    /// Something of marketing that reached a lead: a campaign joined, a form filled in, a mail answered.
    Touch,
}

/// What a field's text must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldKind {
    /// Any text.
    Text,
    /// A [`Moment`].
    Moment,
    /// An exact, non-negative decimal.
    Amount,
    /// A non-negative whole number.
    Count,
    /// `open`, `won` or `lost`.
    Outcome,
    /// One of [`ACTIVITY_KINDS`].
    ActivityKind,
    /// `true` or `false`.
    Flag,
    /// A decimal of any sign.
    Number,
    /// Whether there is anything: what it says is nobody's concern here and is not kept.
    Presence,
}

/// What an activity can be.
pub const ACTIVITY_KINDS: [&str; 6] =
    ["call", "meeting", "email_out", "email_in", "task_done", "note"];

use FieldKind::{ActivityKind, Amount, Count, Flag, Number, Outcome, Presence, Text};

const AT: FieldKind = FieldKind::Moment;

/// What [`FieldKind::Presence`] holds where there is something.
pub const PRESENT: &str = "set";
/// The field that holds what only the agreed criteria ask of an opportunity, as a JSON object of texts.
pub const ATTRIBUTES: &str = "attributes";

/// What is kept of a lead.
const LEAD_FIELDS: &[(&str, FieldKind)] = &[
    ("created_at", AT),
    ("mql_at", AT),
    ("disqualified_at", AT),
    ("channel", Text),
    ("campaign", Text),
    ("owner", Text),
    ("segment", Text),
    ("market", Text),
    ("opt_in", Flag),
    ("opted_out_at", AT),
    ("nurture", Text),
    (person::CRM_ID, Text),
    (person::CONTACT, Text),
    (person::EMAIL_HASH, Text),
    (person::PERSON, Text),
    (person::ELSEWHERE, Text),
];
/// What is kept of an opportunity.
const OPPORTUNITY_FIELDS: &[(&str, FieldKind)] = &[
    ("lead", Text),
    ("created_at", AT),
    ("handed_off_at", AT),
    ("closed_at", AT),
    ("outcome", Outcome),
    ("lost_reason", Text),
    ("stage", Text),
    ("owner", Text),
    ("amount", Amount),
    ("currency", Text),
    ("expected_close", AT),
    ("channel", Text),
    ("campaign", Text),
    ("segment", Text),
    ("url", Text),
    ("market", Text),
    ("product", Text),
    ("client", Text),
    ("accepted_at", AT),
    ("rejected_at", AT),
    ("rejected_reason", Text),
    ("next_step", Presence),
    (ATTRIBUTES, Text),
];

impl Object {
    /// All of them; leads before what refers to them.
    pub const ALL: [Object; 13] = [
        Object::Owner,
        Object::Campaign,
        Object::Lead,
        Object::Opportunity,
        Object::StageChange,
        Object::OwnerChange,
        Object::ContactRole,
        Object::Activity,
        Object::ActivityLink,
        Object::Visit,
        Object::EmailSend,
        Object::Ranking,
        Object::Touch,
    ];

    /// The name in the configuration and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Object::Lead => "lead",
            Object::Opportunity => "opportunity",
            Object::StageChange => "stage_change",
            Object::OwnerChange => "owner_change",
            Object::ContactRole => "contact_role",
            Object::Activity => "activity",
            Object::ActivityLink => "activity_link",
            Object::Campaign => "campaign",
            Object::Visit => "visit",
            Object::Owner => "owner",
            Object::EmailSend => "email_send",
            Object::Ranking => "ranking",
            Object::Touch => "touch",
        }
    }

    /// The object of that name.
    pub fn from_name(name: &str) -> Option<Object> {
        Object::ALL.into_iter().find(|object| object.name() == name)
    }

    /// Its fields beside the id, in the order in which a [`Record`] holds them.
    pub fn fields(self) -> &'static [(&'static str, FieldKind)] {
        match self {
            Object::Lead => LEAD_FIELDS,
            Object::Opportunity => OPPORTUNITY_FIELDS,
            Object::StageChange => {
                &[("opportunity", Text), ("at", AT), ("from", Text), ("to", Text)]
            }
            Object::OwnerChange => &[("opportunity", Text), ("at", AT), ("owner", Text)],
            Object::Activity => &[
                ("opportunity", Text),
                ("lead", Text),
                ("kind", ActivityKind),
                ("at", AT),
                ("owner", Text),
                ("logged_at", AT),
                ("automated", Flag),
            ],
            Object::ContactRole => &[("opportunity", Text), ("lead", Text)],
            Object::ActivityLink => &[("activity", Text), ("opportunity", Text), ("lead", Text)],
            Object::Campaign => &[("name", Text), ("channel", Text), ("cost", Amount)],
            Object::Visit => &[("at", AT), ("count", Count), ("channel", Text), ("campaign", Text)],
            Object::Owner => &[("email", Text), ("name", Text), ("active", Flag)],
            Object::EmailSend => &[("campaign", Text), ("at", AT), ("count", Count)],
            Object::Ranking => &[
                ("keyword", Text),
                ("at", AT),
                ("position", Number),
                ("clicks", Count),
                ("impressions", Count),
            ],
            Object::Touch => &[
                ("lead", Text),
                ("opportunity", Text),
                ("kind", Text),
                ("at", AT),
                ("channel", Text),
                ("campaign", Text),
            ],
        }
    }

    /// How many of its fields there were in the first version: those after them came later.
    fn first_fields(self) -> usize {
        match self {
            Object::Lead => 7,
            Object::Opportunity => 15,
            Object::Activity => 5,
            Object::Ranking => 3,
            _ => self.fields().len(),
        }
    }

    /// The fields that a source may fill.
    pub fn told_fields(self) -> impl Iterator<Item = &'static str> {
        let fields = self.fields().iter().map(|(name, _)| *name);
        fields.filter(|name| !person::OURS.contains(name))
    }

    /// Where a field stands in a [`Record`].
    pub fn field_index(self, field: &str) -> Option<usize> {
        self.fields().iter().position(|(name, _)| *name == field)
    }

    /// The fields whose values together are the id, for objects that have none of their own.
    pub fn natural_key(self) -> Option<&'static [&'static str]> {
        match self {
            Object::StageChange => Some(&["opportunity", "at", "to"]),
            Object::OwnerChange => Some(&["opportunity", "at", "owner"]),
            Object::ContactRole => Some(&["opportunity", "lead"]),
            Object::ActivityLink => Some(&["activity", "opportunity", "lead"]),
            Object::Visit => Some(&["at", "channel", "campaign"]),
            Object::Ranking => Some(&["keyword", "at"]),
            Object::Touch => Some(&["at", "kind", "campaign", "opportunity", "lead"]),
            _ => None,
        }
    }

    /// Fields without which a record of this kind says nothing.
    pub fn required(self) -> &'static [&'static str] {
        match self {
            Object::Lead | Object::Opportunity => &["created_at"],
            Object::StageChange => &["opportunity", "at", "to"],
            Object::OwnerChange => &["opportunity", "at"],
            Object::ContactRole => &["opportunity", "lead"],
            Object::Activity => &["kind", "at"],
            Object::ActivityLink => &["activity"],
            Object::Visit | Object::EmailSend => &["at", "count"],
            Object::Ranking => &["keyword", "at", "position"],
            Object::Touch => &["at"],
            Object::Campaign | Object::Owner => &[],
        }
    }
}

/// One record of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it is.
    pub object: Object,
    /// The vendor's id, unique within source and object.
    pub id: String,
    /// One value per field of [`Object::fields`]; none where the vendor has none.
    pub values: Vec<Option<String>>,
}

impl Record {
    /// A record with no value yet.
    pub fn empty(object: Object, id: impl Into<String>) -> Record {
        Record { object, id: id.into(), values: vec![None; object.fields().len()] }
    }

    /// The value of a field.
    pub fn get(&self, field: &str) -> Option<&str> {
        self.values.get(self.object.field_index(field)?)?.as_deref()
    }

    /// Sets a field; a name that the object does not have is left alone.
    pub fn set(&mut self, field: &str, value: Option<String>) {
        if let Some(index) = self.object.field_index(field) {
            self.values[index] = value;
        }
    }

    /// Sets what only the agreed criteria ask; nothing where there is nothing.
    pub fn set_attributes(&mut self, attributes: &BTreeMap<&str, String>) {
        let text = || serde_json::to_string(attributes).ok();
        let text = (!attributes.is_empty()).then(text).flatten();
        self.set(ATTRIBUTES, text);
    }

    /// A field that holds a time.
    pub fn moment(&self, field: &str) -> Option<Moment> {
        self.get(field).and_then(Moment::parse)
    }

    /// A 64-bit FNV-1a hash of the values: the same on every machine and in every version.
    pub fn fingerprint(&self) -> i64 {
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let mut feed = |byte: u8| {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        };
        let first = self.object.first_fields();
        for (index, value) in self.values.iter().enumerate() {
            // A field that came with a later version, and is empty, changes nothing.
            if index >= first && value.is_none() {
                continue;
            }
            match value {
                Some(text) => text.bytes().for_each(&mut feed),
                // A byte that UTF-8 never has, so that nothing and "" differ.
                None => feed(0xff),
            }
            feed(0xfe);
        }
        i64::from_ne_bytes(hash.to_ne_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn required_and_key_fields_exist() {
        for object in Object::ALL {
            for field in object.required().iter().chain(object.natural_key().unwrap_or(&[])) {
                assert!(object.field_index(field).is_some(), "{field} of {}", object.name());
            }
            assert_eq!(Object::from_name(object.name()), Some(object));
        }
    }

    #[test]
    fn a_value_that_moves_to_the_next_field_changes_the_fingerprint() {
        let mut one = Record::empty(Object::Lead, "1");
        one.set("channel", Some("a".into()));
        let mut other = Record::empty(Object::Lead, "1");
        other.set("campaign", Some("a".into()));
        assert_ne!(one.fingerprint(), other.fingerprint());
    }
}
