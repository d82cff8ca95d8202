//! A record of HubSpot as canonical records: pure.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::kind::{Fields, Kind, OPTED_OUT};
use super::touches;
use super::wire::{Item, Version};
use crate::domain::record::{FieldKind, PRESENT};
use crate::domain::{Fault, Object, Record};
use crate::sources::history;
use crate::sources::value::{of_kind, shown};

/// A record, and what belongs to it.
#[derive(Clone, Debug)]
pub struct Mapped {
    /// The vendor's id.
    pub id: String,
    /// When it changed, in milliseconds since 1970.
    pub changed_ms: Option<i64>,
    /// The record; none where it does not count, like a mail that bounced.
    pub record: Option<Record>,
    /// Changes of an opportunity's stage and owner; touches of a lead.
    pub changes: Vec<Record>,
    /// Records that were merged into this one.
    pub merged: Vec<String>,
    /// Set for one that is in the recycle bin, with the time since when, if that is known.
    pub archived_at: Option<Option<Timestamp>>,
    /// The record that it was merged into.
    pub merged_into: Option<String>,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
}

/// The stages of all pipelines: (pipeline, stage) -> how an opportunity in it stands.
pub type Stages = BTreeMap<(String, String), &'static str>;

/// What mapping needs to know beside the record.
#[derive(Clone, Debug)]
pub struct Mapper {
    /// The source's key in the configuration.
    pub source: String,
    /// Where canonical fields come from.
    pub fields: Fields,
    /// The account's number, for links.
    pub portal_id: Option<String>,
    /// The stages that there are.
    pub stages: Stages,
}

impl Mapper {
    /// Maps a record of this kind.
    pub fn map(&self, kind: Kind, item: &Item<'_>) -> Mapped {
        let id = item.id.filled().unwrap_or_default().to_owned();
        let changed = item.properties.get(kind.changed_property());
        let changed = changed.or_else(|| item.updated_at.filled());
        let mut mapped = Mapped {
            changed_ms: changed.and_then(instant).map(Timestamp::as_millisecond),
            record: None,
            changes: Vec::new(),
            merged: merged_ids(item, &id),
            archived_at: item
                .archived
                .unwrap_or(false)
                .then(|| item.archived_at.filled().and_then(instant)),
            merged_into: None,
            faults: Vec::new(),
            id,
        };
        match kind {
            Kind::Contacts => self.lead(item, &mut mapped),
            Kind::Deals => self.opportunity(item, &mut mapped),
            _ => mapped.record = activity(kind, item, &mapped.id, self.fields.automated.as_deref()),
        }
        mapped
    }

    fn lead(&self, item: &Item<'_>, mapped: &mut Mapped) {
        let mut record = Record::empty(Object::Lead, mapped.id.as_str());
        self.fill(&mut record, &self.fields.lead, item, &mut mapped.faults);
        self.check_entry(&record, &mut mapped.faults);
        if self.fields.touches {
            mapped.changes = touches::touches(item, &mapped.id);
        }
        mapped.record = Some(record);
    }

    fn opportunity(&self, item: &Item<'_>, mapped: &mut Mapped) {
        let mut record = Record::empty(Object::Opportunity, mapped.id.as_str());
        self.fill(&mut record, &self.fields.opportunity, item, &mut mapped.faults);
        mapped.changes = changes(item, &mapped.id);
        let outcome = self.outcome(item, &record, &mut mapped.faults);
        if outcome == "open" {
            record.set("closed_at", None);
        } else if record.get("closed_at").is_none() {
            // Closed without a date: it was when it came into its last stage.
            let stages = mapped.changes.iter().filter(|c| c.object == Object::StageChange);
            let last = stages.filter_map(|change| change.get("at")).max();
            record.set("closed_at", last.map(str::to_owned));
        }
        record.set("outcome", Some(outcome.to_owned()));
        record.set("lead", None);
        let url = self.portal_id.as_ref().map(|portal| {
            format!("https://app.hubspot.com/contacts/{portal}/record/0-3/{}", mapped.id)
        });
        record.set("url", url);
        let attributes = self.fields.attributes.iter().filter_map(|(name, property, keep)| {
            let value = item.properties.get(property).map(str::trim).filter(|v| !v.is_empty())?;
            Some((name.as_str(), if *keep { value } else { PRESENT }.to_owned()))
        });
        record.set_attributes(&attributes.collect());
        self.check_entry(&record, &mut mapped.faults);
        mapped.record = Some(record);
    }

    /// How a deal stands: by its own properties, else by its stage. Stages are told apart by their
    /// pipeline, since their ids are unique within one only.
    fn outcome(&self, item: &Item<'_>, record: &Record, faults: &mut Vec<Fault>) -> &'static str {
        let is = |name: &str| item.properties.get(name).map(|text| text == "true");
        let pipeline = item.properties.get("pipeline").unwrap_or_default();
        let stage = item.properties.get("dealstage").unwrap_or_default();
        let key = (pipeline.to_owned(), stage.to_owned());
        let known = self.stages.get(&key).copied();
        if known.is_none() && !stage.is_empty() && !self.stages.is_empty() {
            let detail = format!(
                "stage `{}` is in no pipeline any more; the deal keeps its outcome",
                shown(stage)
            );
            faults.push(self.fault(record, "unknown_stage", detail));
        }
        match (is("hs_is_closed_won"), is("hs_is_closed_lost"), is("hs_is_closed")) {
            (Some(true), _, _) => "won",
            (_, Some(true), _) => "lost",
            (Some(false), _, Some(true)) => "lost",
            (Some(false), Some(false), _) | (_, _, Some(false)) => "open",
            _ => known.unwrap_or("open"),
        }
    }

    /// Fills the fields that come from properties.
    fn fill(
        &self,
        record: &mut Record,
        names: &[Vec<String>],
        item: &Item<'_>,
        faults: &mut Vec<Fault>,
    ) {
        for (index, (field, kind)) in record.object.fields().iter().enumerate() {
            let mut found =
                names[index].iter().filter_map(|name| Some((name, item.properties.get(name)?)));
            let Some((name, value)) = found.next() else { continue };
            let value = match value.trim() {
                "true" if name == OPTED_OUT => "false",
                "false" if name == OPTED_OUT => "true",
                _ => value,
            };
            let canonical = match kind {
                FieldKind::Text => Ok(Some(value.to_owned())),
                kind => of_kind(value.trim(), *kind, moment),
            };
            match canonical {
                Ok(canonical) => record.values[index] = canonical,
                Err((kind, detail)) => {
                    faults.push(self.fault(record, kind, format!("{field}: {detail}")));
                }
            }
        }
    }

    fn check_entry(&self, record: &Record, faults: &mut Vec<Fault>) {
        if record.get("created_at").is_none() {
            let detail = "created_at is unknown: it enters no cohort".to_owned();
            faults.push(self.fault(record, "no_entry_date", detail));
        }
    }

    fn fault(&self, record: &Record, kind: &str, detail: String) -> Fault {
        Fault::of(&self.source, "hubspot", record, kind, detail)
    }
}

/// What somebody did, if it counts as done.
fn activity(kind: Kind, item: &Item<'_>, id: &str, automated: Option<&str>) -> Option<Record> {
    let get = |name: &str| item.properties.get(name);
    let (what, at) = match kind {
        Kind::Calls => ("call", get("hs_timestamp")),
        Kind::Emails => {
            let status = get("hs_email_status").unwrap_or_default().to_uppercase();
            if ["BOUNCED", "FAILED", "SCHEDULED", "SENDING"].contains(&status.as_str()) {
                return None;
            }
            let direction = get("hs_email_direction").unwrap_or_default().to_uppercase();
            let what = match direction.as_str() {
                "EMAIL" => "email_out",
                "INCOMING_EMAIL" => "email_in",
                // A forwarded mail tells that there was one, not that somebody wrote to the client.
                _ => "note",
            };
            (what, get("hs_timestamp"))
        }
        Kind::Meetings => {
            let outcome = get("hs_meeting_outcome").unwrap_or_default().to_uppercase();
            if outcome.starts_with("CANCEL") {
                return None;
            }
            ("meeting", get("hs_createdate"))
        }
        Kind::Tasks => {
            // Before it is completed, the completion date of a task holds its due date.
            if !get("hs_task_status").unwrap_or_default().eq_ignore_ascii_case("COMPLETED") {
                return None;
            }
            ("task_done", get("hs_task_completion_date"))
        }
        Kind::Contacts | Kind::Deals => return None,
    };
    let mut record = Record::empty(Object::Activity, kind.id(id));
    record.set("kind", Some(what.to_owned()));
    record.set("at", Some(moment(at?)?));
    record.set("owner", get("hubspot_owner_id").map(str::to_owned));
    // `hs_timestamp` is what somebody typed; this is when they did.
    if matches!(kind, Kind::Calls | Kind::Emails) {
        record.set("logged_at", get("hs_createdate").and_then(moment));
    }
    let automated = automated.and_then(get);
    let automated = automated.and_then(|text| of_kind(text.trim(), FieldKind::Flag, moment).ok());
    record.set("automated", automated.flatten());
    Some(record)
}

/// The changes of stage and owner that a deal's history tells, whatever their order there.
fn changes(item: &Item<'_>, deal: &str) -> Vec<Record> {
    let none = Vec::new();
    let told = item.properties_with_history.as_ref();
    let versions = |name: &str| told.and_then(|all| all.get(name)?.as_ref()).unwrap_or(&none);
    let stages = in_order(versions("dealstage")).into_iter();
    let mut records =
        history::stage_changes(deal, stages.filter_map(|(at, stage)| Some((at, stage?))));
    records.extend(history::owner_changes(deal, in_order(versions("hubspot_owner_id"))));
    records
}

/// The versions of a property from the oldest on, as (time, value); those without a time say nothing.
fn in_order(versions: &[Version<'_>]) -> Vec<(String, Option<String>)> {
    let known = versions.iter().filter_map(|version| {
        let at = instant(version.timestamp.filled()?)?;
        Some((at, version.value.filled().map(str::to_owned)))
    });
    let mut known: Vec<_> = known.collect();
    // The vendor gives the newest first; the stable sort keeps that order turned round.
    known.reverse();
    known.sort_by_key(|(at, _)| *at);
    known.into_iter().map(|(at, value)| (at.to_string(), value)).collect()
}

/// Ids that were merged into a record, over the whole chain. The property holds them separated by
/// semicolons, and was seen as a number where there is one.
fn merged_ids(item: &Item<'_>, own: &str) -> Vec<String> {
    let Some(text) = item.properties.get("hs_merged_object_ids") else { return Vec::new() };
    let ids = text.split([';', ',']).map(str::trim);
    ids.filter(|id| !id.is_empty() && *id != own).map(str::to_owned).collect()
}

/// A time as HubSpot writes it: RFC 3339, milliseconds since 1970 (also with decimals), or a day.
pub(super) fn moment(text: &str) -> Option<String> {
    if text.len() == 10 && text.as_bytes()[4] == b'-' {
        return text.parse::<jiff::civil::Date>().ok().map(|day| day.to_string());
    }
    instant(text).map(|at| at.to_string())
}

/// As [`moment`], where only an instant will do.
pub(super) fn instant(text: &str) -> Option<Timestamp> {
    if text.as_bytes().get(4) == Some(&b'-') {
        return text.parse().ok();
    }
    let whole = text.split('.').next()?;
    Timestamp::from_millisecond(whole.parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::api::FieldNames;

    fn mapper() -> Mapper {
        let stages = [("default", "won", "won"), ("default", "lost", "lost"), ("b", "won", "open")];
        let key = |(pipeline, stage, outcome): (&str, &str, &'static str)| {
            ((pipeline.to_owned(), stage.to_owned()), outcome)
        };
        Mapper {
            source: "crm".into(),
            fields: Fields::new(&FieldNames::new(), &Default::default(), false),
            portal_id: Some("77".into()),
            stages: stages.into_iter().map(key).collect(),
        }
    }

    fn map(kind: Kind, json: &str) -> Mapped {
        let item: Item<'_> = serde_json::from_str(json).unwrap();
        mapper().map(kind, &item)
    }

    #[test]
    fn numbers_nulls_and_every_form_of_a_time_are_read() {
        let mapped = map(
            Kind::Contacts,
            r#"{"id": 51, "properties": {"createdate": "1519675134000.0", "hs_analytics_source": null,
                "hs_lifecyclestage_marketingqualifiedlead_date": 1519675134123,
                "lastmodifieddate": "2018-02-26T19:58:54.500Z", "hubspot_owner_id": 7,
                "hs_merged_object_ids": 49}}"#,
        );
        let lead = mapped.record.unwrap();
        assert_eq!((lead.id.as_str(), lead.get("owner")), ("51", Some("7")));
        assert_eq!(lead.get("created_at"), Some("2018-02-26T19:58:54Z"));
        assert_eq!(lead.get("mql_at"), Some("2018-02-26T19:58:54.123Z"));
        assert_eq!(lead.get("channel"), None);
        assert_eq!(mapped.changed_ms, Some(1_519_675_134_500));
        assert_eq!(mapped.merged, ["49"]);
    }

    #[test]
    fn text_where_a_number_belongs_is_a_fault_and_costs_only_that_field() {
        let mapped = map(
            Kind::Deals,
            r#"{"id": "9", "properties": {"amount": "about 500", "createdate": "2023-02-24T03:01:01.147Z",
                "pipeline": "default", "dealstage": "old", "hs_is_closed_won": "false",
                "hs_is_closed_lost": "false", "closedate": "2023-05-01T00:00:00Z"}}"#,
        );
        let kinds: Vec<&str> = mapped.faults.iter().map(|fault| fault.kind.as_str()).collect();
        assert_eq!(kinds, ["malformed_number", "unknown_stage"]);
        let deal = mapped.record.unwrap();
        assert_eq!((deal.get("amount"), deal.get("outcome")), (None, Some("open")));
        assert_eq!((deal.get("stage"), deal.get("closed_at")), (Some("old"), None));
        assert_eq!(deal.get("expected_close"), Some("2023-05-01T00:00:00Z"));
        assert_eq!(deal.get("url"), Some("https://app.hubspot.com/contacts/77/record/0-3/9"));
    }

    #[test]
    fn a_stage_of_one_id_in_two_pipelines_is_two_stages() {
        let deal = |pipeline: &str| {
            let json = format!(
                r#"{{"id": "9", "properties": {{"pipeline": "{pipeline}", "dealstage": "won"}}}}"#
            );
            map(Kind::Deals, &json).record.unwrap().get("outcome").map(str::to_owned)
        };
        assert_eq!((deal("default").as_deref(), deal("b").as_deref()), (Some("won"), Some("open")));
    }

    #[test]
    fn history_in_any_order_gives_changes_from_the_oldest_on() {
        let mapped = map(
            Kind::Deals,
            r#"{"id": "9", "properties": {"pipeline": "default", "dealstage": "won"},
                "propertiesWithHistory": {"dealstage": [
                    {"value": "won", "timestamp": "2023-03-03T00:00:00Z"},
                    {"value": "new", "timestamp": "2023-03-01T00:00:00Z"},
                    {"value": "talk", "timestamp": "2023-03-02T00:00:00Z"}],
                 "hubspot_owner_id": [
                    {"value": "8", "timestamp": "2023-03-04T00:00:00Z"},
                    {"value": "", "timestamp": "2023-03-02T00:00:00Z"},
                    {"value": "7", "timestamp": "2023-03-01T00:00:00Z"}]}}"#,
        );
        let told: Vec<(Option<&str>, Option<&str>)> =
            mapped.changes[..3].iter().map(|c| (c.get("from"), c.get("to"))).collect();
        let expected =
            [(None, Some("new")), (Some("new"), Some("talk")), (Some("talk"), Some("won"))];
        assert_eq!(told, expected);
        let owners: Vec<Option<&str>> =
            mapped.changes[3..].iter().map(|c| c.get("owner")).collect();
        assert_eq!(owners, [Some("7"), None, Some("8")]);
        assert_eq!(mapped.record.unwrap().get("closed_at"), Some("2023-03-03T00:00:00Z"));
    }

    #[test]
    fn what_was_not_done_is_no_activity() {
        let done = |kind: Kind, json: &str| {
            let json = format!(r#"{{"id": "1", "properties": {{{json}}}}}"#);
            map(kind, &json).record.map(|record| {
                format!("{} {}", record.get("kind").unwrap(), record.get("at").unwrap())
            })
        };
        let at = r#""hs_timestamp": "2026-01-02T00:00:00Z""#;
        let mail = |direction: &str, status: &str| {
            done(
                Kind::Emails,
                &format!(
                    r#"{at}, "hs_email_direction": "{direction}", "hs_email_status": "{status}""#
                ),
            )
        };
        assert_eq!(mail("EMAIL", "SENT").as_deref(), Some("email_out 2026-01-02T00:00:00Z"));
        assert_eq!(mail("INCOMING_EMAIL", "").as_deref(), Some("email_in 2026-01-02T00:00:00Z"));
        for status in ["BOUNCED", "FAILED", "SCHEDULED"] {
            assert_eq!(mail("EMAIL", status), None, "{status}");
        }
        let meeting = r#""hs_createdate": "2026-01-01T00:00:00Z", "hs_meeting_start_time": "2026-02-01T00:00:00Z""#;
        assert_eq!(done(Kind::Meetings, meeting).as_deref(), Some("meeting 2026-01-01T00:00:00Z"));
        let cancelled = format!(r#"{meeting}, "hs_meeting_outcome": "CANCELED""#);
        assert_eq!(done(Kind::Meetings, &cancelled), None);
        let task = r#""hs_timestamp": "2026-09-09T00:00:00Z", "hs_task_completion_date": "2026-01-03T00:00:00Z""#;
        assert_eq!(done(Kind::Tasks, &format!(r#"{task}, "hs_task_status": "WAITING""#)), None);
        let completed = done(Kind::Tasks, &format!(r#"{task}, "hs_task_status": "COMPLETED""#));
        assert_eq!(completed.as_deref(), Some("task_done 2026-01-03T00:00:00Z"));
    }
}
