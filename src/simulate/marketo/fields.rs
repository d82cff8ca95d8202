//! The fields of a lead, as its description tells them.

use serde_json::{Value, json};

/// A field.
#[derive(Debug, Clone)]
pub(super) struct Field {
    pub(super) id: i64,
    /// As the REST API names it.
    pub(super) name: String,
    /// As the application shows it.
    pub(super) label: String,
    pub(super) data_type: &'static str,
    pub(super) read_only: bool,
    /// Whether leads can be searched by it.
    pub(super) searchable: bool,
    pub(super) custom: bool,
    /// The user of the API does not see it.
    pub(super) hidden: bool,
}

/// Places of the fields that every lead has, which are no cells.
pub(super) const ID: usize = 0;
pub(super) const CREATED_AT: usize = 1;
pub(super) const UPDATED_AT: usize = 2;

const LENGTH: u32 = 255;

/// Id, name, label and type, and whether they can be searched by and written.
const STANDARD: [(i64, &str, &str, &str, bool, bool); 20] = [
    (1, "id", "Id", "integer", true, false),
    (5, "createdAt", "Created At", "datetime", false, false),
    (6, "updatedAt", "Updated At", "datetime", false, false),
    (51, "email", "Email Address", "email", true, true),
    (48, "firstName", "First Name", "string", false, true),
    (50, "lastName", "Last Name", "string", false, true),
    (2, "company", "Company Name", "string", false, true),
    (60, "country", "Country", "string", false, true),
    (128, "leadSource", "Lead Source", "string", false, true),
    (129, "leadStatus", "Lead Status", "string", false, true),
    (131, "leadScore", "Lead Score", "integer", false, true),
    (57, "unsubscribed", "Unsubscribed", "boolean", false, true),
    (160, "originalSourceType", "Original Source Type", "string", false, false),
    (168, "acquisitionProgramId", "Acquisition Program Id", "integer", false, true),
    (169, "acquisitionDate", "Acquisition Date", "datetime", false, false),
    (200, "sfdcId", "SFDC Id", "string", false, false),
    (201, "sfdcLeadId", "SFDC Lead Id", "string", true, false),
    (202, "sfdcContactId", "SFDC Contact Id", "string", true, false),
    (203, "sfdcAccountId", "SFDC Account Id", "string", true, false),
    (204, "sfdcType", "SFDC Type", "string", false, false),
];

/// The fields that every instance has.
pub(super) fn standard() -> Vec<Field> {
    let fields = STANDARD.iter().map(|&(id, name, label, data_type, searchable, writable)| Field {
        id,
        name: name.to_owned(),
        label: label.to_owned(),
        data_type,
        read_only: !writable,
        searchable,
        custom: false,
        hidden: false,
    });
    fields.collect()
}

/// The type of a custom field that is made for a value.
pub(super) fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "integer",
        _ => "string",
    }
}

impl Field {
    fn has_length(&self) -> bool {
        matches!(self.data_type, "string" | "email")
    }

    /// Whether the synchronisation with the CRM owns it.
    pub(super) fn of_crm(&self) -> bool {
        self.name.starts_with("sfdc")
    }

    /// As the first description tells it.
    pub(super) fn told(&self) -> Value {
        let mut told = json!({
            "id": self.id,
            "displayName": self.label,
            "dataType": self.data_type,
            "rest": {"name": self.name, "readOnly": self.read_only},
        });
        if self.has_length() {
            told["length"] = json!(LENGTH);
        }
        if !self.custom {
            told["soap"] = json!({"name": self.label.replace(' ', ""), "readOnly": self.read_only});
        }
        told
    }

    /// As the second description tells it.
    pub(super) fn told_again(&self) -> Value {
        let mut told = json!({
            "name": self.name,
            "displayName": self.label,
            "dataType": self.data_type,
            "updateable": !self.read_only,
            "crmManaged": self.of_crm(),
        });
        if self.has_length() {
            told["length"] = json!(LENGTH);
        }
        told
    }
}
