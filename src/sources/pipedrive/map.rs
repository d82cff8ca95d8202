//! A record of Pipedrive as canonical records: pure.
//!
//! Won and lost is a status and no stage; a lead is a record of its own until it becomes a deal.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::config::api::FieldNames;
use crate::config::source::ATTRIBUTE_PREFIX;
use crate::domain::record::{FieldKind, PRESENT};
use crate::domain::{Fault, Object, Record};
use crate::sources::history;
use crate::sources::value::of_kind;

/// What mapping needs to know beside the record.
#[derive(Clone, Debug)]
pub struct Mapper {
    /// The source's key in the configuration.
    pub source: String,
    /// Names that replace the usual ones: labels of options are told apart by their field.
    pub replaced: FieldNames,
    /// The attributes whose values are kept.
    pub values_of: std::collections::BTreeSet<String>,
    /// Field -> option's id -> its label.
    pub options: BTreeMap<String, BTreeMap<String, String>>,
    /// The address of the company's own pages, for links.
    pub pages_url: Option<String>,
}

/// A value as text; those of custom fields stand in an object of their own.
pub fn text(item: &Value, name: &str) -> Option<String> {
    let value = item.get(name).filter(|value| !value.is_null());
    let value = value.or_else(|| item.get("custom_fields")?.get(name))?;
    let value = match value {
        // Persons, owners and money of older endpoints.
        Value::Object(own) => own.get("value").or_else(|| own.get("id"))?,
        value => value,
    };
    match value {
        Value::Null | Value::Object(_) | Value::Array(_) => None,
        Value::String(text) if text.trim().is_empty() => None,
        Value::String(text) => Some(text.trim().to_owned()),
        other => Some(other.to_string()),
    }
}

/// Whether a value is true: older endpoints say so by 1.
pub fn is(item: &Value, name: &str) -> bool {
    ["true", "1"].contains(&text(item, name).unwrap_or_default().as_str())
}

/// An instant: RFC 3339, or `2021-01-01 00:00:00` in UTC.
pub fn stamp(text: &str) -> Option<Timestamp> {
    text.parse().ok().or_else(|| {
        let civil: DateTime = text.replace(' ', "T").parse().ok()?;
        Some(civil.to_zoned(TimeZone::UTC).ok()?.timestamp())
    })
}

/// A time as canonical text; a day stays one.
pub fn moment(text: &str) -> Option<String> {
    if text.len() == 10 {
        return text.parse::<jiff::civil::Date>().ok().map(|day| day.to_string());
    }
    stamp(text).map(|at| at.to_string())
}

/// The usual name of a canonical field.
fn usual(object: Object, field: &str) -> Option<&'static str> {
    Some(match (object, field) {
        (_, "created_at") => "add_time",
        (_, "owner") => "owner_id",
        (_, "channel") => "channel",
        (_, "campaign") => "channel_id",
        (Object::Opportunity, "stage") => "stage_id",
        (Object::Opportunity, "amount") => "value",
        (Object::Opportunity, "currency") => "currency",
        (Object::Opportunity, "expected_close") => "expected_close_date",
        (Object::Opportunity, "lost_reason") => "lost_reason",
        (Object::Opportunity, "next_step") => "next_activity_id",
        _ => return None,
    })
}

/// The primary address of a person, else the first.
pub fn address(person: &Value) -> Option<String> {
    let all = person.get("emails").or_else(|| person.get("email"))?.as_array()?;
    let primary = all.iter().find(|own| is(own, "primary"));
    primary.or(all.first()).and_then(|own| text(own, "value"))
}

/// Our id of a person, who is no lead.
pub fn person(id: &str) -> String {
    format!("person:{id}")
}

impl Mapper {
    /// The vendor's name of a canonical field.
    pub fn name(&self, object: Object, field: &str) -> Option<String> {
        let own = self.replaced.get(&(object, field.to_owned())).cloned();
        own.or_else(|| usual(object, field).map(str::to_owned))
    }

    /// A lead, and what is wrong with it.
    pub fn lead(&self, item: &Value, faults: &mut Vec<Fault>) -> Option<Record> {
        let mut record = Record::empty(Object::Lead, text(item, "id")?);
        self.fill(&mut record, item, faults);
        self.check_entry(&record, faults);
        Some(record)
    }

    /// An opportunity, and what is wrong with it.
    pub fn deal(&self, item: &Value, faults: &mut Vec<Fault>) -> Option<Record> {
        let id = text(item, "id")?;
        let mut record = Record::empty(Object::Opportunity, id.as_str());
        self.fill(&mut record, item, faults);
        let (outcome, at) = match text(item, "status").as_deref() {
            Some("won") => ("won", "won_time"),
            Some("lost") => ("lost", "lost_time"),
            _ => ("open", ""),
        };
        record.set("outcome", Some(outcome.to_owned()));
        let closed = text(item, at).or_else(|| text(item, "close_time"));
        let closed = closed.filter(|_| outcome != "open").and_then(|at| moment(&at));
        if !self.replaced.contains_key(&(Object::Opportunity, "closed_at".to_owned())) {
            record.set("closed_at", closed);
        } else if outcome == "open" {
            record.set("closed_at", None);
        }
        record.set("lead", text(item, "source_lead_id"));
        record.set("url", self.pages_url.as_ref().map(|url| format!("{url}/deal/{id}")));
        let attributes = self.replaced.iter().filter_map(|((object, field), name)| {
            let own = field.strip_prefix(ATTRIBUTE_PREFIX)?;
            let value = text(item, name).filter(|_| *object == Object::Opportunity)?;
            let value =
                if self.values_of.contains(own) { self.label(name, value) } else { PRESENT.into() };
            Some((own, value))
        });
        record.set_attributes(&attributes.collect());
        self.check_entry(&record, faults);
        Some(record)
    }

    /// Fills the fields that come from the vendor's.
    fn fill(&self, record: &mut Record, item: &Value, faults: &mut Vec<Fault>) {
        for (index, (field, kind)) in record.object.fields().iter().enumerate() {
            let Some(name) = self.name(record.object, field) else { continue };
            let Some(value) = text(item, &name) else { continue };
            let canonical = match kind {
                FieldKind::Text => Ok(Some(self.label(&name, value))),
                kind => of_kind(&value, *kind, moment),
            };
            match canonical {
                Ok(canonical) => record.values[index] = canonical,
                Err((kind, detail)) => {
                    faults.push(self.fault(record, kind, format!("{field}: {detail}")));
                }
            }
        }
    }

    /// The label of an option, where the value is one's id.
    fn label(&self, field: &str, value: String) -> String {
        let label = self.options.get(field).and_then(|options| options.get(&value));
        label.cloned().unwrap_or(value)
    }

    fn check_entry(&self, record: &Record, faults: &mut Vec<Fault>) {
        if record.get("created_at").is_none() {
            let detail = "created_at is unknown: it enters no cohort".to_owned();
            faults.push(self.fault(record, "no_entry_date", detail));
        }
    }

    /// Something that is wrong with a record.
    pub fn fault(&self, record: &Record, kind: &str, detail: String) -> Fault {
        Fault::of(&self.source, "pipedrive", record, kind, detail)
    }

    /// What somebody did, if it is done and about somebody we know.
    pub fn activity(&self, item: &Value) -> Option<Record> {
        if !is(item, "done") || is(item, "is_deleted") {
            return None;
        }
        let what = match text(item, "type").unwrap_or_default().as_str() {
            "call" => "call",
            "meeting" => "meeting",
            "email" => "email_out",
            _ => "task_done",
        };
        let at = text(item, "marked_as_done_time").or_else(|| text(item, "add_time"))?;
        let lead = text(item, "lead_id").or_else(|| text(item, "person_id").map(|id| person(&id)));
        let deal = text(item, "deal_id");
        if lead.is_none() && deal.is_none() {
            return None;
        }
        let mut record = Record::empty(Object::Activity, text(item, "id")?);
        record.set("kind", Some(what.to_owned()));
        record.set("at", Some(moment(&at)?));
        record.set("opportunity", deal);
        record.set("lead", lead);
        record.set("owner", text(item, "owner_id").or_else(|| text(item, "user_id")));
        record.set("logged_at", text(item, "add_time").and_then(|at| moment(&at)));
        let automated = self.replaced.get(&(Object::Activity, "automated".to_owned()));
        let automated = automated.and_then(|name| text(item, name));
        let automated = automated.and_then(|text| of_kind(&text, FieldKind::Flag, moment).ok());
        record.set("automated", automated.flatten());
        Some(record)
    }
}

/// The changes of stage and owner that a deal's change log tells, whatever their order there. What it was
/// before the first change it was from its creation on.
pub fn changes(deal: &Value, log: &[Value]) -> Vec<Record> {
    let Some(id) = text(deal, "id") else { return Vec::new() };
    let created = text(deal, "add_time").and_then(|at| stamp(&at));
    let series = |fields: &[&str], now: &str| {
        let mut rows: Vec<(Timestamp, Option<String>, Option<String>)> = log
            .iter()
            .filter(|row| text(row, "field_key").is_some_and(|key| fields.contains(&key.as_str())))
            .filter_map(|row| {
                let at = text(row, "time").or_else(|| text(row, "log_time"));
                let at = at.and_then(|at| stamp(&at))?;
                Some((at, text(row, "old_value"), text(row, "new_value")))
            })
            .collect();
        // The log comes newest first; turned round, a stable sort keeps the order within a second.
        if rows.first().map(|(at, ..)| *at) >= rows.last().map(|(at, ..)| *at) {
            rows.reverse();
        }
        rows.sort_by_key(|(at, ..)| *at);
        let first = match rows.first() {
            Some((_, old, _)) => old.clone(),
            None => text(deal, now),
        };
        let first = created.zip(first);
        let later = rows.into_iter().filter_map(|(at, _, new)| Some((at, new?)));
        first.into_iter().chain(later).collect::<Vec<_>>()
    };
    let told = |(at, value): (Timestamp, String)| (at.to_string(), value);
    let stages = series(&["stage_id"], "stage_id").into_iter().map(told);
    let owners = series(&["owner_id", "user_id"], "owner_id").into_iter().map(told);
    let mut records = history::stage_changes(&id, stages);
    records.extend(history::owner_changes(&id, owners.map(|(at, owner)| (at, Some(owner)))));
    records
}

/// Somebody who owns records.
pub fn owner(item: &Value) -> Option<Record> {
    let mut record = Record::empty(Object::Owner, text(item, "id")?);
    record.set("email", text(item, "email"));
    record.set("name", text(item, "name"));
    record.set("active", Some((!item.get("active_flag").is_some_and(|f| f == false)).to_string()));
    Some(record)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn mapper() -> Mapper {
        let channels = BTreeMap::from([("52".to_owned(), "Webinar".to_owned())]);
        Mapper {
            source: "crm".into(),
            replaced: FieldNames::new(),
            values_of: Default::default(),
            options: BTreeMap::from([("channel".to_owned(), channels)]),
            pages_url: Some("https://c.pipedrive.com".into()),
        }
    }

    #[test]
    fn a_persons_address_is_the_primary_one() {
        let told = serde_json::json!({"emails": [
            {"value": "b@example.com", "primary": false}, {"value": "a@example.com", "primary": true},
        ]});
        assert_eq!(address(&told).as_deref(), Some("a@example.com"));
        assert_eq!(address(&serde_json::json!({"emails": []})), None);
        assert_eq!(address(&serde_json::json!({"emails": [{"value": ""}]})), None);
    }

    #[test]
    fn a_deal_is_won_by_its_status_and_keeps_its_stage() {
        let deal = json!({"id": 1, "owner_id": 7, "value": 200.5, "currency": "USD", "stage_id": 3,
            "status": "won", "add_time": "2026-01-01T00:00:00.000000Z", "won_time": "2026-02-01T10:00:00Z",
            "close_time": "2026-02-01T10:00:00Z", "channel": 52, "channel_id": "June boards",
            "source_lead_id": "adf21080-0e10-11eb-879b-05d71fb426ec", "custom_fields": {}});
        let mut faults = Vec::new();
        let record = mapper().deal(&deal, &mut faults).unwrap();
        let told: Vec<_> =
            ["outcome", "closed_at", "stage", "amount", "channel", "campaign", "lead"]
                .iter()
                .map(|field| record.get(field).unwrap_or_default())
                .collect();
        let expected = [
            "won",
            "2026-02-01T10:00:00Z",
            "3",
            "200.5",
            "Webinar",
            "June boards",
            "adf21080-0e10-11eb-879b-05d71fb426ec",
        ];
        assert_eq!(told, expected);
        assert_eq!(record.get("url"), Some("https://c.pipedrive.com/deal/1"));
        let reopened = json!({"id": 1, "status": "open", "won_time": "2026-02-01T10:00:00Z", "add_time": null});
        let record = mapper().deal(&reopened, &mut faults).unwrap();
        assert_eq!((record.get("outcome"), record.get("closed_at")), (Some("open"), None));
        assert_eq!(
            faults[0].kind, "no_entry_date",
            "a creation that is null is a fault and no crash"
        );
    }

    #[test]
    fn the_change_log_tells_what_it_was_before_too_and_repeats_nothing() {
        let deal =
            json!({"id": 9, "add_time": "2026-01-01 00:00:00", "stage_id": 2, "owner_id": 8});
        let row = |key: &str, old: Value, new: Value, time: &str| json!({"field_key": key, "old_value": old, "new_value": new, "time": time});
        let log = [
            row("user_id", json!("7"), json!("8"), "2026-01-03 09:00:00"),
            row("stage_id", json!(4), json!("2"), "2026-01-05 09:00:00"),
            row("stage_id", json!("1"), json!("4"), "2026-01-02 09:00:00"),
            row("value", json!("1"), json!("2"), "2026-01-02 09:00:00"),
        ];
        let told: Vec<String> = changes(&deal, &log)
            .iter()
            .map(|record| {
                format!(
                    "{} {}",
                    record.get("at").unwrap(),
                    record.get("to").or(record.get("owner")).unwrap()
                )
            })
            .collect();
        let expected = [
            "2026-01-01T00:00:00Z 1",
            "2026-01-02T09:00:00Z 4",
            "2026-01-05T09:00:00Z 2",
            "2026-01-01T00:00:00Z 7",
            "2026-01-03T09:00:00Z 8",
        ];
        assert_eq!(told, expected);
        let told: Vec<_> = changes(&deal, &[]).iter().map(|record| record.object).collect();
        assert_eq!(
            told,
            [Object::StageChange, Object::OwnerChange],
            "nothing changed since its creation"
        );
    }

    #[test]
    fn what_is_done_counts_when_it_was_marked_as_done() {
        let call = json!({"id": 5, "type": "call", "done": 1, "marked_as_done_time": "2026-03-01 10:00:00",
            "add_time": "2026-02-28 10:00:00", "deal_id": null, "lead_id": "", "person_id": 31, "owner_id": 7});
        let record = mapper().activity(&call).unwrap();
        assert_eq!(
            (record.get("kind"), record.get("at")),
            (Some("call"), Some("2026-03-01T10:00:00Z"))
        );
        assert_eq!((record.get("opportunity"), record.get("lead")), (None, Some("person:31")));
        assert!(
            mapper()
                .activity(&json!({"id": 6, "type": "call", "done": false, "deal_id": 1}))
                .is_none()
        );
    }
}
