//! What Marketo's records mean: pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::Value;

use super::cursor::Sent;
use super::wire::{attribute, instant, text};
use crate::config::api::FieldNames;
use crate::config::marketo::Mql;
use crate::domain::{Fault, Object, Record, person::CRM_ID};
use crate::sources::value;

/// The usual fields of a lead.
const LEAD_FIELDS: [(&str, &str); 3] =
    [("created_at", "createdAt"), ("channel", "leadSource"), ("campaign", "acquisitionProgramId")];
/// What the CRM calls a person: its lead, or the contact that it became. An instance without a CRM has neither.
const CRM_IDS: [&str; 2] = ["sfdcLeadId", "sfdcContactId"];
/// The time that a history tells, where no field does.
pub const FROM_HISTORY: &[&str] = &["mql_at"];
/// Kinds of activity, by their names in every instance.
pub const SEND: &str = "Send Email";
/// A lead moved to another status of a program.
pub const STATUS: &str = "Change Status in Progression";
/// A form was filled in.
pub const FORM: &str = "Fill Out Form";
/// Leads were merged.
pub const MERGE: &str = "Merge Leads";
/// A field got another value.
pub const CHANGE: &str = "Change Data Value";

/// What records mean.
#[derive(Clone)]
pub struct Mapper {
    /// The source's key.
    pub source: String,
    /// Names that replace the usual ones.
    pub replaced: FieldNames,
    /// What makes a lead a qualified one.
    pub mql: Option<Mql>,
    /// The company's zone.
    pub zone: TimeZone,
    /// Fields that there are: name in the API -> name that people see.
    pub known: BTreeMap<String, String>,
    /// Kinds of activity: id -> name.
    pub kinds: BTreeMap<String, String>,
}

impl Mapper {
    /// The vendor's name of a lead's field.
    pub fn name(&self, field: &str) -> Option<&str> {
        let replaced = self.replaced.get(&(Object::Lead, field.to_owned())).map(String::as_str);
        let usual = || LEAD_FIELDS.iter().find(|(own, _)| *own == field).map(|(_, name)| *name);
        replaced.or_else(usual)
    }

    /// The fields of leads that are asked for, of those that there are.
    pub fn asked(&self) -> Vec<String> {
        let names = Object::Lead.fields().iter().filter_map(|(field, _)| self.name(field));
        let mut asked: BTreeSet<String> = names.map(str::to_owned).collect();
        asked.insert("id".into());
        asked.extend(CRM_IDS.map(str::to_owned));
        asked.retain(|name| name == "id" || self.known.contains_key(name));
        asked.into_iter().collect()
    }

    /// The fields that are mapped and not to be seen.
    pub fn hidden(&self) -> Vec<(&'static str, String)> {
        let names = Object::Lead.fields().iter();
        let named = names.filter_map(|(field, _)| Some((*field, self.name(field)?.to_owned())));
        named.filter(|(_, name)| !self.known.contains_key(name)).collect()
    }

    /// Whether the date of qualification comes from a history.
    pub fn tells_history(&self) -> bool {
        self.mql.is_some() && !self.replaced.contains_key(&(Object::Lead, "mql_at".to_owned()))
    }

    /// The field whose value makes a lead a qualified one: its name in the API, the one that people see, and the
    /// value.
    pub fn mql_field(&self) -> Option<(String, String, String)> {
        let Some(Mql::Attribute { attribute, becomes }) = &self.mql else { return None };
        let same = |own: &str| own.eq_ignore_ascii_case(attribute);
        let found = self.known.iter().find(|(name, shown)| same(name) || same(shown))?;
        Some((found.0.clone(), found.1.clone(), becomes.clone()))
    }

    /// A lead as a record.
    pub fn lead(&self, item: &Value, faults: &mut Vec<Fault>) -> Option<Record> {
        let id = text(item, "id")?;
        let mut record = Record::empty(Object::Lead, id);
        for (field, kind) in Object::Lead.fields() {
            let Some(name) = self.name(field) else { continue };
            let told = text(item, name).unwrap_or_default();
            match value::of_kind(&told, *kind, moment) {
                Ok(value) => record.set(field, value),
                Err((kind, detail)) => {
                    let detail = format!("{name}: {detail}");
                    faults.push(Fault::of(&self.source, "leads", &record, kind, detail));
                }
            }
        }
        if self.name(CRM_ID).is_none() {
            record.set(CRM_ID, CRM_IDS.iter().find_map(|name| text(item, name)));
        }
        Some(record)
    }

    /// What kind of activity it is.
    pub fn kind_of(&self, activity: &Value) -> Option<&str> {
        self.kinds.get(&text(activity, "activityTypeId")?).map(String::as_str)
    }

    /// When an activity made its lead a qualified one.
    pub fn qualified(&self, activity: &Value) -> Option<Record> {
        let at = instant(&text(activity, "activityDate")?)?;
        let qualifies = match &self.mql {
            Some(Mql::ProgramStatus(status)) => {
                self.kind_of(activity) == Some(STATUS)
                    && attribute(activity, "New Status").as_deref() == Some(status)
            }
            Some(Mql::Attribute { .. }) => self.changed_to_mql(activity),
            None => false,
        };
        let lead = text(activity, "leadId").filter(|_| qualifies)?;
        let mut record = Record::empty(Object::Lead, lead);
        record.set("mql_at", Some(at.to_string()));
        Some(record)
    }

    /// A change of the field: as an answer tells it (`fields`), or as a file does (its attributes).
    fn changed_to_mql(&self, activity: &Value) -> bool {
        let Some((name, shown, becomes)) = self.mql_field() else { return false };
        let is_field = |own: Option<String>| own.is_some_and(|own| own == name || own == shown);
        let is_value = |value: Option<String>| value.as_deref() == Some(becomes.as_str());
        if let Some(fields) = activity.get("fields").and_then(Value::as_array) {
            return fields
                .iter()
                .any(|one| is_field(text(one, "name")) && is_value(text(one, "newValue")));
        }
        self.kind_of(activity) == Some(CHANGE)
            && (is_field(text(activity, "primaryAttributeValue"))
                || is_field(attribute(activity, "Attribute Name")))
            && is_value(attribute(activity, "New Value"))
    }

    /// A mail that was sent.
    pub fn sent(&self, activity: &Value) -> Option<(Sent, String)> {
        if self.kind_of(activity) != Some(SEND) {
            return None;
        }
        let at = instant(&text(activity, "activityDate")?)?;
        let name = text(activity, "primaryAttributeValue").unwrap_or_default();
        let id = text(activity, "primaryAttributeValueId").unwrap_or_else(|| name.clone());
        Some((Sent { day: self.zone.to_datetime(at).date(), mailing: id, at }, name))
    }

    /// Something of marketing that reached a lead. Of a membership only its beginning counts.
    pub fn touch(&self, activity: &Value) -> Option<Record> {
        let kind = self.kind_of(activity)?;
        let began = || {
            let old = attribute(activity, "Old Status");
            old.is_none_or(|old| old == "Not in Program")
        };
        let (kind, campaign) = match kind {
            FORM => ("form", None),
            STATUS if began() => ("campaign", text(activity, "primaryAttributeValueId")),
            _ => return None,
        };
        let lead = text(activity, "leadId")?;
        let at = instant(&text(activity, "activityDate")?)?;
        let guid = text(activity, "marketoGUID").or_else(|| text(activity, "id"));
        let id = guid.unwrap_or_else(|| format!("{at}|{kind}|{lead}"));
        let mut record = Record::empty(Object::Touch, id);
        record.set("lead", Some(lead));
        record.set("kind", Some(kind.into()));
        record.set("at", Some(at.to_string()));
        record.set("campaign", campaign);
        Some(record)
    }
}

/// So many mails of a mailing on a day. Its campaign is the program that the mailing belongs to, by name.
pub fn email_send(key: &str, name: Option<&String>, count: u64) -> Option<Record> {
    let (day, mailing) = key.split_once('|')?;
    let mut record = Record::empty(Object::EmailSend, format!("{mailing}|{day}"));
    // A mailing within a program is called "Program.Mailing".
    let campaign = name.map(|name| name.split_once('.').map_or(name.as_str(), |(own, _)| own));
    record.set("campaign", campaign.map(str::to_owned));
    record.set("at", Some(day.to_owned()));
    record.set("count", Some(count.to_string()));
    Some(record)
}

/// The leads that were merged into the activity's.
pub fn merged(activity: &Value) -> Vec<String> {
    let winner = text(activity, "leadId").unwrap_or_default();
    let told = attribute(activity, "Merge IDs").unwrap_or_default();
    let ids = told.split(|c: char| !c.is_ascii_digit()).filter(|id| !id.is_empty());
    ids.filter(|id| *id != winner).map(str::to_owned).collect()
}

/// A program as a campaign.
pub fn campaign(program: &Value) -> Option<Record> {
    let mut record = Record::empty(Object::Campaign, text(program, "id")?);
    record.set("name", text(program, "name"));
    record.set("channel", text(program, "channel"));
    let costs = program.get("costs").and_then(Value::as_array);
    let costs: Option<Decimal> = costs.map(|costs| {
        costs.iter().filter_map(|cost| text(cost, "cost")?.parse::<Decimal>().ok()).sum()
    });
    let cost = costs.filter(|cost| cost.is_sign_positive() && !cost.is_zero());
    record.set("cost", cost.map(|cost| cost.normalize().to_string()));
    Some(record)
}

/// A time as records hold it; of a field that holds a day only, the day.
fn moment(text: &str) -> Option<String> {
    if text.len() == 10 {
        return text.parse::<jiff::civil::Date>().ok().map(|day| day.to_string());
    }
    instant(text).map(|at| at.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mapper(mql: Mql) -> Mapper {
        let known =
            [("leadStatus", "Lead Status"), ("createdAt", "Created At"), ("leadSource", "x")];
        let kinds = [("6", SEND), ("13", CHANGE), ("104", STATUS), ("2", FORM)];
        let owned = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
        Mapper {
            source: "marketing".into(),
            replaced: FieldNames::new(),
            mql: Some(mql),
            zone: TimeZone::UTC,
            known: known.map(owned).into(),
            kinds: kinds.map(owned).into(),
        }
    }

    fn by_status() -> Mapper {
        mapper(Mql::Attribute { attribute: "Lead Status".into(), becomes: "MQL".into() })
    }

    #[test]
    fn a_lead_has_its_source_and_program_and_hidden_fields_are_not_asked_for() {
        let mapper = by_status();
        assert_eq!(mapper.asked(), ["createdAt", "id", "leadSource"]);
        assert_eq!(mapper.hidden(), [("campaign", "acquisitionProgramId".to_owned())]);
        let mut faults = Vec::new();
        let item = json!({"id": 7, "createdAt": "2026-11-20T09:30:00Z", "leadSource": "Webinar"});
        let lead = mapper.lead(&item, &mut faults).unwrap();
        assert_eq!((lead.id.as_str(), lead.get("channel")), ("7", Some("Webinar")));
        assert!(faults.is_empty());
        mapper.lead(&json!({"id": 8, "createdAt": "soon"}), &mut faults);
        assert_eq!(faults[0].kind, "malformed_date");
    }

    #[test]
    fn a_lead_qualifies_when_the_field_gets_the_value_in_an_answer_or_in_a_file() {
        let mapper = by_status();
        let answer = |value: &str| {
            json!({"leadId": 7, "activityDate": "2026-11-20T09:30:00Z", "activityTypeId": 13,
                   "fields": [{"name": "leadStatus", "newValue": value, "oldValue": "New"}]})
        };
        let found = mapper.qualified(&answer("MQL")).unwrap();
        assert_eq!(found.get("mql_at"), Some("2026-11-20T09:30:00Z"));
        assert_eq!(mapper.qualified(&answer("Recycled")), None);
        let file = json!({"leadId": "7", "activityDate": "2026-11-20T09:30:00Z", "activityTypeId": "13",
            "primaryAttributeValue": "Lead Status", "attributes": {"New Value": "MQL"}});
        assert!(mapper.qualified(&file).is_some());
    }

    #[test]
    fn a_program_may_move_a_lead_to_the_status_and_only_the_beginning_is_a_touch() {
        let mapper = mapper(Mql::ProgramStatus("Attended".into()));
        let moved = |old: Option<&str>| {
            json!({"leadId": 7, "activityDate": "2026-11-20T09:30:00Z", "activityTypeId": 104,
                   "marketoGUID": "g1", "primaryAttributeValueId": 1001,
                   "attributes": [{"name": "New Status", "value": "Attended"},
                                  {"name": "Old Status", "value": old}]})
        };
        assert!(mapper.qualified(&moved(Some("Registered"))).is_some());
        assert_eq!(mapper.touch(&moved(Some("Registered"))), None);
        let touch = mapper.touch(&moved(None)).unwrap();
        assert_eq!((touch.id.as_str(), touch.get("campaign")), ("g1", Some("1001")));
    }

    #[test]
    fn a_mailing_belongs_to_the_program_in_its_name() {
        let name = "Rack notes.November".to_owned();
        let record = email_send("2026-11-20|77", Some(&name), 250).unwrap();
        assert_eq!(
            (record.id.as_str(), record.get("campaign")),
            ("77|2026-11-20", Some("Rack notes"))
        );
        assert_eq!(record.get("count"), Some("250"));
    }

    #[test]
    fn merged_leads_and_costs_are_read_from_what_people_would_write() {
        let merge =
            json!({"leadId": 7, "attributes": [{"name": "Merge IDs", "value": "[8, 9, 7]"}]});
        assert_eq!(merged(&merge), ["8", "9"]);
        let program = json!({"id": 3, "name": "Fair", "channel": "Event",
            "costs": [{"startDate": "2026-01-01", "cost": 1200}, {"startDate": "2026-02-01", "cost": 300.5}]});
        assert_eq!(campaign(&program).unwrap().get("cost"), Some("1500.5"));
    }
}
