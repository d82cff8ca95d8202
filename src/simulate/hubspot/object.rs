//! The kinds of record a portal holds: their names, type ids, stamps, scopes and link types.

/// A kind of CRM record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Object {
    /// A person; the canonical lead.
    Contact,
    /// A deal; the canonical opportunity.
    Deal,
    /// A logged call.
    Call,
    /// A logged or synced e-mail.
    Email,
    /// A meeting.
    Meeting,
    /// A task.
    Task,
    /// A note.
    Note,
}

impl Object {
    /// Every kind, in the order of their discriminants.
    pub const ALL: [Object; 7] = [
        Object::Contact,
        Object::Deal,
        Object::Call,
        Object::Email,
        Object::Meeting,
        Object::Task,
        Object::Note,
    ];

    /// The name in a path: `contacts`, `deals` and so on.
    pub fn plural(self) -> &'static str {
        match self {
            Object::Contact => "contacts",
            Object::Deal => "deals",
            Object::Call => "calls",
            Object::Email => "emails",
            Object::Meeting => "meetings",
            Object::Task => "tasks",
            Object::Note => "notes",
        }
    }

    /// The name of one, as link types spell it: `deal_to_contact`.
    pub fn singular(self) -> &'static str {
        self.plural().trim_end_matches('s')
    }

    /// The vendor's type id, which every path takes in place of the name.
    pub fn type_id(self) -> &'static str {
        match self {
            Object::Contact => "0-1",
            Object::Deal => "0-3",
            Object::Call => "0-48",
            Object::Email => "0-49",
            Object::Meeting => "0-47",
            Object::Task => "0-27",
            Object::Note => "0-46",
        }
    }

    /// The kind that a path segment names: the plural, the singular or the type id.
    pub fn from_path(text: &str) -> Option<Object> {
        Object::ALL
            .into_iter()
            .find(|o| text == o.plural() || text == o.type_id() || text == o.singular())
    }

    /// The property that carries the time of the last modification.
    pub fn modified_property(self) -> &'static str {
        if self == Object::Contact { "lastmodifieddate" } else { "hs_lastmodifieddate" }
    }

    /// The property that carries the time of creation.
    pub fn created_property(self) -> &'static str {
        match self {
            Object::Contact | Object::Deal => "createdate",
            _ => "hs_createdate",
        }
    }

    /// What the vendor returns when a reader names no properties, in alphabetical order.
    pub(super) fn default_properties(self) -> &'static [&'static str] {
        match self {
            Object::Contact => &[
                "createdate",
                "email",
                "firstname",
                "hs_object_id",
                "lastmodifieddate",
                "lastname",
            ],
            Object::Deal => &[
                "amount",
                "closedate",
                "createdate",
                "dealname",
                "dealstage",
                "hs_lastmodifieddate",
                "hs_object_id",
                "pipeline",
            ],
            _ => &["hs_createdate", "hs_lastmodifieddate", "hs_object_id"],
        }
    }

    /// The scopes that reading it needs; e-mails need their own besides the contacts'.
    pub(super) fn read_scopes(self) -> &'static [&'static str] {
        match self {
            Object::Deal => &["crm.objects.deals.read"],
            Object::Email => &["sales-email-read", "crm.objects.contacts.read"],
            _ => &["crm.objects.contacts.read"],
        }
    }

    /// The position in arrays that hold one thing per kind.
    pub(super) fn slot(self) -> usize {
        self as usize
    }

    /// The vendor's number for the unlabelled link from this kind to another.
    pub(super) fn link_type(self, to: Object) -> u32 {
        use Object::*;
        match (self, to) {
            (Deal, Contact) => 3,
            (Contact, Deal) => 4,
            (Contact, Contact) => 449,
            (Deal, Deal) => 451,
            (Contact, activity) => activity.activity_base() - 1,
            (activity, Contact) => activity.activity_base(),
            (Deal, activity) => activity.activity_base_of_deals() - 1,
            (activity, Deal) => activity.activity_base_of_deals(),
            // The vendor links activities to no other activities by default.
            _ => 0,
        }
    }

    fn activity_base(self) -> u32 {
        match self {
            Object::Call => 194,
            Object::Email => 198,
            Object::Meeting => 200,
            Object::Note => 202,
            _ => 204,
        }
    }

    fn activity_base_of_deals(self) -> u32 {
        match self {
            Object::Call => 206,
            Object::Email => 210,
            Object::Meeting => 212,
            Object::Note => 214,
            _ => 216,
        }
    }
}
