//! The typed nouns from the records that sources deliver.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    facts::{
        Activity, ActivityLink, Campaign, Change, ContactRole, Lead, Opportunity, Outcome, Owner,
        RecordKey, Touch, Visit,
    },
    person,
    record::{ATTRIBUTES, Record},
};

fn text(record: &Record, field: &str) -> Option<String> {
    record.get(field).map(str::to_owned)
}

/// Builds a lead from its record, with what other sources know of it.
pub fn lead(key: RecordKey, record: &Record, deleted_at: Option<Timestamp>) -> Lead {
    let record = &*person::put_together(record);
    let person = record.get(person::PERSON).and_then(person::parse_key);
    Lead {
        key,
        created_at: record.moment("created_at"),
        mql_at: record.moment("mql_at"),
        disqualified_at: record.moment("disqualified_at"),
        channel: text(record, "channel"),
        campaign: text(record, "campaign"),
        owner: text(record, "owner"),
        segment: text(record, "segment"),
        market: text(record, "market"),
        opt_in: match (record.get("opt_in"), record.get("opted_out_at")) {
            (Some(text), _) => Some(text == "true"),
            (None, out) => out.map(|_| false),
        },
        nurture: text(record, "nurture"),
        deleted_at: if person.is_some() { Some(Timestamp::MIN) } else { deleted_at },
        person,
    }
}

/// Builds an opportunity from its record. An unknown outcome counts as open.
pub fn opportunity(key: RecordKey, record: &Record, deleted_at: Option<Timestamp>) -> Opportunity {
    Opportunity {
        key,
        lead: text(record, "lead"),
        created_at: record.moment("created_at"),
        handed_off_at: record.moment("handed_off_at"),
        closed_at: record.moment("closed_at"),
        outcome: match record.get("outcome") {
            Some("won") => Outcome::Won,
            Some("lost") => Outcome::Lost,
            _ => Outcome::Open,
        },
        lost_reason: text(record, "lost_reason"),
        stage: text(record, "stage"),
        owner: text(record, "owner"),
        amount: record.get("amount").and_then(|amount| amount.parse().ok()),
        currency: text(record, "currency"),
        expected_close: record.moment("expected_close"),
        channel: text(record, "channel"),
        campaign: text(record, "campaign"),
        segment: text(record, "segment"),
        url: text(record, "url"),
        market: text(record, "market"),
        product: text(record, "product"),
        client: text(record, "client"),
        accepted_at: record.moment("accepted_at"),
        rejected_at: record.moment("rejected_at"),
        rejected_reason: text(record, "rejected_reason"),
        next_step: record.get("next_step").is_some(),
        attributes: attributes(record),
        deleted_at,
    }
}

/// What only the criteria ask; a text that is none of ours holds nothing.
fn attributes(record: &Record) -> BTreeMap<String, String> {
    record.get(ATTRIBUTES).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

pub(super) fn change(source: &str, record: &Record, field: &str) -> Option<Change> {
    Some(Change {
        opportunity: RecordKey { source: source.to_owned(), id: text(record, "opportunity")? },
        at: record.moment("at")?,
        value: text(record, field),
    })
}

pub(super) fn activity(key: RecordKey, record: &Record) -> Option<Activity> {
    Some(Activity {
        key,
        opportunity: text(record, "opportunity"),
        lead: text(record, "lead"),
        kind: text(record, "kind")?,
        at: record.moment("at")?,
        owner: text(record, "owner"),
        logged_at: record.moment("logged_at"),
        entered_after: None,
        automated: record.get("automated") == Some("true"),
    })
}

pub(super) fn contact_role(source: &str, record: &Record) -> Option<ContactRole> {
    let opportunity = RecordKey { source: source.to_owned(), id: text(record, "opportunity")? };
    Some(ContactRole { opportunity, lead: text(record, "lead")? })
}

pub(super) fn activity_link(source: &str, record: &Record) -> Option<ActivityLink> {
    Some(ActivityLink {
        activity: RecordKey { source: source.to_owned(), id: text(record, "activity")? },
        opportunity: text(record, "opportunity"),
        lead: text(record, "lead"),
    })
}

pub(super) fn visit(record: &Record) -> Option<Visit> {
    Some(Visit {
        at: record.moment("at")?,
        count: record.get("count")?.parse().ok()?,
        channel: text(record, "channel"),
        campaign: text(record, "campaign"),
    })
}

/// Builds a touch from its record; one without a time is none.
pub fn touch(source: &str, record: &Record) -> Option<Touch> {
    Some(Touch {
        source: source.to_owned(),
        lead: text(record, "lead"),
        opportunity: text(record, "opportunity"),
        kind: text(record, "kind"),
        at: record.moment("at")?,
        channel: text(record, "channel"),
        campaign: text(record, "campaign"),
    })
}

pub(super) fn campaign(source: &str, record: &Record) -> Campaign {
    Campaign {
        source: source.to_owned(),
        name: record.get("name").unwrap_or(&record.id).to_owned(),
        channel: text(record, "channel"),
        cost: record.get("cost").and_then(|cost| cost.parse().ok()),
    }
}

pub(super) fn owner(record: &Record) -> Owner {
    Owner { id: record.id.clone(), email: text(record, "email"), name: text(record, "name") }
}
