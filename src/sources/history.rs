//! What an opportunity's history tells, as records; the same for every vendor: pure.

use crate::domain::{Object, Record};

/// The stages that it was in, from times and stages in their order. What leaves the stage as it was is no change.
pub fn stage_changes(
    opportunity: &str,
    series: impl IntoIterator<Item = (String, String)>,
) -> Vec<Record> {
    let mut from: Option<String> = None;
    let mut records = Vec::new();
    for (at, stage) in series {
        if from.as_ref() == Some(&stage) {
            continue;
        }
        let mut record = Record::empty(Object::StageChange, format!("{opportunity}|{at}|{stage}"));
        record.set("opportunity", Some(opportunity.to_owned()));
        record.set("at", Some(at));
        record.set("from", from.replace(stage.clone()));
        record.set("to", Some(stage));
        records.push(record);
    }
    records
}

/// Who owned it, from times and owners in their order. Nobody at first is how many begin, and no change.
pub fn owner_changes(
    opportunity: &str,
    series: impl IntoIterator<Item = (String, Option<String>)>,
) -> Vec<Record> {
    let mut last: Option<String> = None;
    let mut records = Vec::new();
    for (at, owner) in series {
        if owner == last {
            continue;
        }
        let key = format!("{opportunity}|{at}|{}", owner.as_deref().unwrap_or_default());
        let mut record = Record::empty(Object::OwnerChange, key);
        record.set("opportunity", Some(opportunity.to_owned()));
        record.set("at", Some(at));
        record.set("owner", owner.clone());
        last = owner;
        records.push(record);
    }
    records
}

/// Somebody takes part in it.
pub fn contact_role(opportunity: &str, who: &str) -> Record {
    let mut role = Record::empty(Object::ContactRole, format!("{opportunity}|{who}"));
    role.set("opportunity", Some(opportunity.to_owned()));
    role.set("lead", Some(who.to_owned()));
    role
}
