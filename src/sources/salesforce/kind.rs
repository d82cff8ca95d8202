//! The kinds of record that are read, and the fields that each needs: no name, no address and no text of a
//! message is asked for.

use std::collections::BTreeSet;

use crate::config::{api::FieldNames, source::ATTRIBUTE_PREFIX};
use crate::domain::Object;

/// A kind of record at Salesforce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// People who own records.
    User,
    /// Campaigns.
    Campaign,
    /// Leads.
    Lead,
    /// Who belongs to a campaign.
    CampaignMember,
    /// Opportunities.
    Opportunity,
    /// Who takes part in an opportunity.
    ContactRole,
    /// Calls, e-mails and other tasks.
    Task,
    /// Meetings.
    Event,
}

impl Kind {
    /// All of them, what others refer to first.
    pub const ALL: [Kind; 8] = [
        Kind::User,
        Kind::Campaign,
        Kind::Lead,
        Kind::CampaignMember,
        Kind::Opportunity,
        Kind::ContactRole,
        Kind::Task,
        Kind::Event,
    ];

    /// Its name at Salesforce, in cursors and in messages.
    pub fn name(self) -> &'static str {
        match self {
            Kind::User => "User",
            Kind::Campaign => "Campaign",
            Kind::Lead => "Lead",
            Kind::CampaignMember => "CampaignMember",
            Kind::Opportunity => "Opportunity",
            Kind::ContactRole => "OpportunityContactRole",
            Kind::Task => "Task",
            Kind::Event => "Event",
        }
    }

    /// What it is to us.
    pub fn object(self) -> Object {
        match self {
            Kind::User => Object::Owner,
            Kind::Campaign => Object::Campaign,
            Kind::Lead => Object::Lead,
            Kind::CampaignMember => Object::Touch,
            Kind::Opportunity => Object::Opportunity,
            Kind::ContactRole => Object::ContactRole,
            Kind::Task | Kind::Event => Object::Activity,
        }
    }

    /// Whether its records come with those of another kind: the first load needs no pass of its own.
    pub fn comes_with_parents(self) -> bool {
        matches!(self, Kind::CampaignMember | Kind::ContactRole)
    }
}

/// Fields without which nothing can be read.
pub const NEEDED: [&str; 2] = ["Id", "SystemModstamp"];

/// Says that a lead does not want mail: the reverse of being in.
pub const OPTED_OUT: &str = "HasOptedOutOfEmail";

/// The fields that canonical fields come from, with the configuration's replacements.
#[derive(Clone, Debug)]
pub struct Fields {
    /// For each field of a lead, in the order of [`Object::fields`].
    pub lead: Vec<Option<String>>,
    /// For each field of an opportunity.
    pub opportunity: Vec<Option<String>>,
    /// What only the agreed criteria ask of an opportunity: name, field, and whether its value is kept.
    pub attributes: Vec<(String, String, bool)>,
    /// The field of tasks that says that a program did something.
    pub automated: Option<String>,
    /// Whether campaign memberships are touches.
    pub touches: bool,
}

impl Fields {
    /// The usual names with these replacements.
    pub fn new(replaced: &FieldNames, values_of: &BTreeSet<String>, touches: bool) -> Fields {
        let names = |object: Object| {
            let fields = object.fields().iter();
            let name = |field: &str| {
                let own = replaced.get(&(object, field.to_owned())).cloned();
                own.or_else(|| usual(object, field).map(str::to_owned))
            };
            fields.map(|(field, _)| name(field)).collect()
        };
        let attributes = replaced.iter().filter_map(|((_, field), own)| {
            let name = field.strip_prefix(ATTRIBUTE_PREFIX)?;
            Some((name.to_owned(), own.clone(), values_of.contains(name)))
        });
        Fields {
            lead: names(Object::Lead),
            opportunity: names(Object::Opportunity),
            attributes: attributes.collect(),
            automated: replaced.get(&(Object::Activity, "automated".to_owned())).cloned(),
            touches,
        }
    }

    /// Whether the first campaign that a lead joined is its campaign: not where a field tells it.
    pub fn lead_campaign_is_first_joined(&self) -> bool {
        Object::Lead.field_index("campaign").is_none_or(|index| self.lead[index].is_none())
    }

    /// Whether a canonical field is filled.
    pub fn provides(&self, object: Object, field: &str) -> bool {
        if let Some(attribute) = field.strip_prefix(ATTRIBUTE_PREFIX) {
            return self.attributes.iter().any(|(name, ..)| name == attribute);
        }
        let names = match (object, field) {
            (Object::Activity, "automated" | "logged_at") => return true,
            (Object::Lead, "campaign") => return true,
            (Object::Lead, _) => &self.lead,
            (Object::Opportunity, "lead" | "outcome" | "url") => return true,
            (Object::Opportunity, _) => &self.opportunity,
            _ => return object.field_index(field).is_some(),
        };
        object.field_index(field).is_some_and(|index| names[index].is_some())
    }

    /// Every field that a kind is asked for, where it exists.
    pub fn asked(&self, kind: Kind) -> Vec<String> {
        let own: &[&str] = match kind {
            Kind::User => &["Email", "Name", "IsActive"],
            Kind::Campaign => &["Name", "Type", "ActualCost", "IsDeleted"],
            Kind::Lead => &["IsDeleted", "MasterRecordId", "ConvertedOpportunityId", "CreatedDate"],
            Kind::CampaignMember => {
                &["LeadId", "ContactId", "CampaignId", "CreatedDate", "IsDeleted"]
            }
            Kind::Opportunity => &["IsDeleted", "StageName", "IsWon", "IsClosed", "CloseDate"],
            Kind::ContactRole => &["OpportunityId", "ContactId", "IsDeleted"],
            Kind::Task => &[
                "WhatId",
                "WhoId",
                "OwnerId",
                "TaskSubtype",
                "IsClosed",
                "CompletedDateTime",
                "CreatedDate",
                "IsDeleted",
            ],
            Kind::Event => &[
                "WhatId",
                "WhoId",
                "OwnerId",
                "StartDateTime",
                "ActivityDateTime",
                "CreatedDate",
                "IsChild",
                "IsDeleted",
            ],
        };
        let mut asked: Vec<String> =
            NEEDED.iter().chain(own).map(|name| (*name).to_owned()).collect();
        match kind {
            Kind::Lead => asked.extend(self.lead.iter().flatten().cloned()),
            Kind::Opportunity => {
                asked.extend(self.opportunity.iter().flatten().cloned());
                asked.extend(self.attributes.iter().map(|(_, field, _)| field.clone()));
            }
            Kind::Task | Kind::Event => asked.extend(self.automated.clone()),
            _ => {}
        }
        let mut seen = BTreeSet::new();
        asked.retain(|name| seen.insert(name.clone()));
        asked
    }
}

/// The usual field of a canonical field.
fn usual(object: Object, field: &str) -> Option<&'static str> {
    Some(match (object, field) {
        (Object::Lead | Object::Opportunity, "created_at") => "CreatedDate",
        (Object::Lead | Object::Opportunity, "owner") => "OwnerId",
        (Object::Lead | Object::Opportunity, "channel") => "LeadSource",
        (Object::Lead, "opt_in") => OPTED_OUT,
        (Object::Lead, "contact") => "ConvertedContactId",
        (Object::Opportunity, "stage") => "StageName",
        (Object::Opportunity, "amount") => "Amount",
        // Only where the company has several currencies.
        (Object::Opportunity, "currency") => "CurrencyIsoCode",
        (Object::Opportunity, "closed_at" | "expected_close") => "CloseDate",
        (Object::Opportunity, "campaign") => "CampaignId",
        (Object::Opportunity, "next_step") => "NextStep",
        _ => return None,
    })
}
