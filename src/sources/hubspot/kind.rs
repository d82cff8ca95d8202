//! The kinds of record that are read, and the properties that each needs: no name, no address and no
//! text of a message is asked for.

use std::collections::BTreeSet;

use super::touches;
use crate::config::{api::FieldNames, source::ATTRIBUTE_PREFIX};
use crate::domain::Object;

/// A kind of record at HubSpot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Leads.
    Contacts,
    /// Opportunities.
    Deals,
    /// Calls.
    Calls,
    /// E-mails.
    Emails,
    /// Meetings.
    Meetings,
    /// Tasks.
    Tasks,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] =
        [Kind::Contacts, Kind::Deals, Kind::Calls, Kind::Emails, Kind::Meetings, Kind::Tasks];

    /// What people do.
    pub const ACTIVITIES: [Kind; 4] = [Kind::Calls, Kind::Emails, Kind::Meetings, Kind::Tasks];

    /// The name in paths, cursors and messages.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Contacts => "contacts",
            Kind::Deals => "deals",
            Kind::Calls => "calls",
            Kind::Emails => "emails",
            Kind::Meetings => "meetings",
            Kind::Tasks => "tasks",
        }
    }

    /// What it is to us.
    pub fn object(self) -> Object {
        match self {
            Kind::Contacts => Object::Lead,
            Kind::Deals => Object::Opportunity,
            _ => Object::Activity,
        }
    }

    /// The property that tells when it changed. Contacts are the exception.
    pub fn changed_property(self) -> &'static str {
        if self == Kind::Contacts { "lastmodifieddate" } else { "hs_lastmodifieddate" }
    }

    /// Our id of a record: the four kinds of activity do not share their numbers.
    pub fn id(self, vendor_id: &str) -> String {
        match self {
            Kind::Contacts | Kind::Deals => vendor_id.to_owned(),
            _ => format!("{}:{vendor_id}", self.name().trim_end_matches('s')),
        }
    }

    /// The vendor's id in one of ours.
    pub fn vendor_id(self, id: &str) -> &str {
        id.rsplit_once(':').map_or(id, |(_, id)| id)
    }

    /// Records of a list page: fewer where each brings its history.
    pub fn list_limit(self) -> usize {
        if self == Kind::Deals { 50 } else { 100 }
    }

    /// List pages that are read before their associations are, which are asked for together.
    pub fn pages_per_read(self) -> usize {
        match self {
            Kind::Contacts => 1,
            Kind::Deals => 4,
            _ => 5,
        }
    }
}

/// Says that a contact unsubscribed from all mail: the reverse of being in.
pub const OPTED_OUT: &str = "hs_email_optout";

/// Properties of which every earlier value is needed.
pub const HISTORY: [&str; 2] = ["dealstage", "hubspot_owner_id"];

/// The properties that canonical fields come from, with the configuration's replacements.
#[derive(Clone, Debug)]
pub struct Fields {
    /// For each field of a lead, in the order of [`Object::fields`]: names, the first filled counts.
    pub lead: Vec<Vec<String>>,
    /// For each field of an opportunity.
    pub opportunity: Vec<Vec<String>>,
    /// What only the agreed criteria ask of an opportunity: name, property, and whether its value is kept.
    pub attributes: Vec<(String, String, bool)>,
    /// The property that says that a program did something.
    pub automated: Option<String>,
    /// Whether a contact's touches are read too.
    pub touches: bool,
}

impl Fields {
    /// The usual names with these replacements.
    pub fn new(replaced: &FieldNames, values_of: &BTreeSet<String>, touches: bool) -> Fields {
        let names = |object: Object| {
            let of_field = |(field, _): &(&'static str, _)| match replaced
                .get(&(object, (*field).to_owned()))
            {
                Some(name) => vec![name.clone()],
                None => usual(object, field).iter().map(|name| (*name).to_owned()).collect(),
            };
            object.fields().iter().map(of_field).collect()
        };
        let attributes = replaced.iter().filter_map(|((_, field), property)| {
            let name = field.strip_prefix(ATTRIBUTE_PREFIX)?;
            Some((name.to_owned(), property.clone(), values_of.contains(name)))
        });
        Fields {
            lead: names(Object::Lead),
            opportunity: names(Object::Opportunity),
            attributes: attributes.collect(),
            automated: replaced.get(&(Object::Activity, "automated".to_owned())).cloned(),
            touches,
        }
    }

    /// Whether a field is filled.
    pub fn provides(&self, object: Object, field: &str) -> bool {
        if let Some(attribute) = field.strip_prefix(ATTRIBUTE_PREFIX) {
            return self.attributes.iter().any(|(name, ..)| name == attribute);
        }
        let names = match object {
            Object::Activity if field == "automated" => return self.automated.is_some(),
            Object::Lead => &self.lead,
            Object::Opportunity if ["lead", "outcome", "url"].contains(&field) => return true,
            Object::Opportunity => &self.opportunity,
            _ => return object.field_index(field).is_some(),
        };
        object.field_index(field).is_some_and(|index| !names[index].is_empty())
    }

    /// Every property that a kind of record is asked for.
    pub fn properties(&self, kind: Kind) -> Vec<&str> {
        let own = |names: &'static [&'static str]| names.to_vec();
        let mut asked: Vec<&str> = match kind {
            Kind::Contacts => self.lead.iter().flatten().map(String::as_str).collect(),
            Kind::Deals => {
                let mapped = self.opportunity.iter().flatten().map(String::as_str);
                mapped
                    .chain(self.attributes.iter().map(|(_, property, _)| property.as_str()))
                    .chain(["pipeline", "dealstage", "closedate"])
                    .chain(["hs_is_closed", "hs_is_closed_won", "hs_is_closed_lost"])
                    .collect()
            }
            Kind::Calls => own(&["hs_timestamp", "hs_createdate", "hubspot_owner_id"]),
            Kind::Emails => own(&[
                "hs_timestamp",
                "hs_createdate",
                "hubspot_owner_id",
                "hs_email_direction",
                "hs_email_status",
            ]),
            Kind::Meetings => own(&["hs_createdate", "hubspot_owner_id", "hs_meeting_outcome"]),
            Kind::Tasks => own(&["hs_task_completion_date", "hubspot_owner_id", "hs_task_status"]),
        };
        if kind.object() == Object::Activity {
            asked.extend(self.automated.as_deref());
        }
        if kind == Kind::Contacts && self.touches {
            touches::properties().for_each(|name| asked.push(name));
        }
        if matches!(kind, Kind::Contacts | Kind::Deals) {
            asked.push("hs_merged_object_ids");
        }
        asked.push(kind.changed_property());
        asked.sort_unstable();
        asked.dedup();
        asked
    }
}

/// The usual properties of a canonical field.
fn usual(object: Object, field: &str) -> &'static [&'static str] {
    match (object, field) {
        (_, "created_at") => &["createdate"],
        (_, "owner") => &["hubspot_owner_id"],
        (Object::Lead, "mql_at") => &[
            "hs_v2_date_entered_marketingqualifiedlead",
            "hs_lifecyclestage_marketingqualifiedlead_date",
        ],
        (Object::Lead, "channel") => &["hs_analytics_source"],
        (Object::Lead, "opt_in") => &[OPTED_OUT],
        (Object::Lead, "campaign") => &["hs_analytics_source_data_1"],
        (Object::Opportunity, "stage") => &["dealstage"],
        (Object::Opportunity, "amount") => &["amount"],
        (Object::Opportunity, "currency") => &["deal_currency_code"],
        (Object::Opportunity, "closed_at" | "expected_close") => &["closedate"],
        (Object::Opportunity, "lost_reason") => &["closed_lost_reason"],
        (Object::Opportunity, "next_step") => &["notes_next_activity_date"],
        _ => &[],
    }
}
