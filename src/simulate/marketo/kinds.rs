//! The types of activities, with the attributes that the vendor documents for each.

use serde_json::{Value, json};

/// A type of activity.
#[derive(Debug)]
pub(super) struct Kind {
    /// Its usual id; an instance may have others.
    id: u32,
    pub(super) name: &'static str,
    description: &'static str,
    primary: Option<(&'static str, &'static str)>,
    attributes: &'static [(&'static str, &'static str)],
}

pub(super) const NEW_LEAD: &str = "New Lead";
pub(super) const CHANGE: &str = "Change Data Value";
pub(super) const MERGE: &str = "Merge Leads";
pub(super) const DELETE: &str = "Delete Lead";
pub(super) const STATUS: &str = "Change Status in Progression";
pub(super) const SEND: &str = "Send Email";
pub(super) const DELIVERED: &str = "Email Delivered";

const MAILING: Option<(&str, &str)> = Some(("Mailing ID", "integer"));
const LEAD: Option<(&str, &str)> = Some(("Lead ID", "integer"));
const SENT: &[(&str, &str)] = &[
    ("Campaign Run ID", "integer"),
    ("Choice Number", "integer"),
    ("Has Predictive", "boolean"),
    ("Step ID", "integer"),
    ("Test Variant", "integer"),
];
const VISITED: &[(&str, &str)] = &[
    ("Client IP Address", "string"),
    ("Query Parameters", "string"),
    ("Referrer URL", "string"),
    ("User Agent", "string"),
    ("Webpage URL", "string"),
];
const FORM: &[(&str, &str)] = &[
    ("Client IP Address", "string"),
    ("Form Fields", "text"),
    ("Query Parameters", "string"),
    ("Referrer URL", "string"),
    ("User Agent", "string"),
    ("Webpage ID", "integer"),
];

const fn kind(
    id: u32,
    name: &'static str,
    description: &'static str,
    primary: Option<(&'static str, &'static str)>,
    attributes: &'static [(&'static str, &'static str)],
) -> Kind {
    Kind { id, name, description, primary, attributes }
}

static KINDS: [Kind; 14] = [
    kind(1, "Visit Webpage", "User visits a web page", Some(("Webpage ID", "integer")), VISITED),
    kind(
        2,
        "Fill Out Form",
        "User fills out and submits form on web page",
        Some(("Webform ID", "integer")),
        FORM,
    ),
    kind(6, SEND, "Send Marketo Email to a person", MAILING, SENT),
    kind(7, DELIVERED, "Marketo Email is delivered to a person", MAILING, SENT),
    kind(
        8,
        "Email Bounced",
        "Marketo Email is bounced for a person",
        MAILING,
        &[("Campaign Run ID", "integer"), ("Category", "string"), ("Details", "string")],
    ),
    kind(
        9,
        "Unsubscribe Email",
        "Person unsubscribes from Marketo Emails",
        MAILING,
        &[("Campaign Run ID", "integer"), ("Form Fields", "text"), ("Webform ID", "integer")],
    ),
    kind(
        10,
        "Open Email",
        "User opens Marketo Email",
        MAILING,
        &[
            ("Campaign Run ID", "integer"),
            ("Device", "string"),
            ("Is Bot Activity", "boolean"),
            ("Is Mobile Device", "boolean"),
            ("Platform", "string"),
        ],
    ),
    kind(
        11,
        "Click Email",
        "User clicks on a link in a Marketo Email",
        MAILING,
        &[
            ("Campaign Run ID", "integer"),
            ("Device", "string"),
            ("Is Bot Activity", "boolean"),
            ("Link", "string"),
            ("Link ID", "string"),
        ],
    ),
    kind(
        12,
        NEW_LEAD,
        "New person/record is added to the lead database",
        None,
        &[
            ("Created Date", "date"),
            ("Form Name", "string"),
            ("Lead Source", "string"),
            ("List Name", "string"),
            ("SFDC Type", "string"),
            ("Source Type", "string"),
        ],
    ),
    kind(
        13,
        CHANGE,
        "Changed attribute value for a person/record",
        Some(("Attribute Name", "string")),
        &[
            ("New Value", "string"),
            ("Old Value", "string"),
            ("Reason", "string"),
            ("Source", "string"),
        ],
    ),
    kind(
        32,
        MERGE,
        "Merge two or more leads into a single record",
        LEAD,
        &[
            ("Master Updated", "boolean"),
            ("Merge IDs", "string"),
            ("Merge Source", "string"),
            ("Merged in Sales", "boolean"),
        ],
    ),
    kind(37, DELETE, "Delete lead from lead database", LEAD, &[("Campaign", "string")]),
    kind(
        46,
        "Interesting Moment",
        "Interesting moment is recorded for a person",
        Some(("Milestone", "string")),
        &[("Date", "datetime"), ("Description", "string"), ("Source", "string")],
    ),
    kind(
        104,
        STATUS,
        "Program member's status in a progression is changed",
        Some(("Program ID", "integer")),
        &[
            ("Acquired By", "boolean"),
            ("New Status", "string"),
            ("New Status ID", "integer"),
            ("Old Status", "string"),
            ("Old Status ID", "integer"),
            ("Program Member ID", "integer"),
            ("Reason", "string"),
            ("Success", "boolean"),
        ],
    ),
];

/// The type of a name.
pub(super) fn named(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

impl Kind {
    /// Its id where ids are shifted.
    pub(super) fn id(&self, shift: u32) -> u32 {
        self.id + shift
    }
}

/// All types as the API tells them.
pub(super) fn told(shift: u32) -> Vec<Value> {
    let attribute =
        |&(name, data_type): &(&str, &str)| json!({"name": name, "dataType": data_type});
    let told = KINDS.iter().map(|kind| {
        let attributes: Vec<Value> = kind.attributes.iter().map(attribute).collect();
        let mut told = json!({
            "id": kind.id(shift),
            "name": kind.name,
            "description": kind.description,
            "attributes": attributes,
        });
        if let Some(primary) = &kind.primary {
            told["primaryAttribute"] = attribute(primary);
        }
        told
    });
    told.collect()
}
