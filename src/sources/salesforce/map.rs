//! A row of Salesforce as canonical records: pure.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::kind::{Fields, OPTED_OUT};
use super::soql::{moment, stamp};
use super::wire::Row;
use crate::domain::record::{FieldKind, PRESENT};
use crate::domain::{Fault, Moment, Object, Record};
use crate::sources::value::{of_kind, shown};
use crate::sources::{Gone, history};

/// Prefixes of ids: what a task or an event is about.
const OPPORTUNITY_PREFIX: &str = "006";
const LEAD_PREFIX: &str = "00Q";
const CONTACT_PREFIX: &str = "003";
/// And who owned an opportunity.
const OWNER_PREFIXES: [&str; 2] = ["005", "00G"];

/// The stages of the company: name -> how an opportunity in it stands.
pub type Stages = BTreeMap<String, &'static str>;

/// What mapping needs to know beside the row.
#[derive(Clone, Debug)]
pub struct Mapper {
    /// The source's key in the configuration.
    pub source: String,
    /// Where canonical fields come from.
    pub fields: Fields,
    /// The address of records, for links.
    pub base_url: String,
    /// The stages that there are.
    pub stages: Stages,
}

/// The end of a record, if it has come: deleted, or merged into another one.
pub fn end(row: &Row) -> Option<Gone> {
    row.is("IsDeleted").then(|| Gone {
        id: row.id().to_owned(),
        at: row.get("SystemModstamp").and_then(stamp),
        into: row.get("MasterRecordId").map(str::to_owned),
    })
}

impl Mapper {
    /// A lead, and what is wrong with it. Its campaign is the first that it joined, where no field tells it.
    pub fn lead(&self, row: &Row, campaign: Option<&str>, faults: &mut Vec<Fault>) -> Record {
        let mut record = Record::empty(Object::Lead, row.id());
        self.fill(&mut record, &self.fields.lead, row, faults);
        if self.fields.lead_campaign_is_first_joined() {
            record.set("campaign", campaign.map(str::to_owned));
        }
        self.check_entry(&record, faults);
        record
    }

    /// An opportunity, and what is wrong with it.
    pub fn opportunity(&self, row: &Row, lead: Option<&str>, faults: &mut Vec<Fault>) -> Record {
        let mut record = Record::empty(Object::Opportunity, row.id());
        self.fill(&mut record, &self.fields.opportunity, row, faults);
        let outcome = self.outcome(row, &record, faults);
        if outcome == "open" {
            record.set("closed_at", None);
        }
        record.set("outcome", Some(outcome.to_owned()));
        record.set("lead", lead.map(str::to_owned));
        record.set("url", Some(format!("{}/{}", self.base_url, row.id())));
        let attributes = self.fields.attributes.iter().filter_map(|(name, field, keep)| {
            let value = row.get(field).map(str::trim).filter(|value| !value.is_empty())?;
            Some((name.as_str(), if *keep { value } else { PRESENT }.to_owned()))
        });
        record.set_attributes(&attributes.collect());
        self.check_entry(&record, faults);
        record
    }

    /// A deal that is closed was not closed in the future, whatever close date somebody left standing: it was when
    /// it came into its last stage.
    pub fn close_in_the_past(
        &self,
        record: &mut Record,
        stages: &[Record],
        now: Timestamp,
        faults: &mut Vec<Fault>,
    ) {
        let is_ahead = record.moment("closed_at").is_some_and(|moment| match moment {
            // No zone is further ahead than fourteen hours.
            Moment::Day(day) => {
                let begins = day.to_zoned(TimeZone::UTC).map(|begins| begins.timestamp());
                begins
                    .is_ok_and(|begins| begins.duration_since(now) > SignedDuration::from_hours(14))
            }
            Moment::Instant(at) => at > now,
        });
        if !is_ahead {
            return;
        }
        let last = stages.iter().filter_map(|change| change.get("at")).max();
        let detail = "closed with a close date in the future: the time of its last stage is taken";
        faults.push(self.fault(record, "close_date_ahead", detail.to_owned()));
        record.set("closed_at", last.map(str::to_owned).or_else(|| Some(now.to_string())));
    }

    /// How an opportunity stands: by its own fields, else by its stage.
    fn outcome(&self, row: &Row, record: &Record, faults: &mut Vec<Fault>) -> &'static str {
        let stage = row.get("StageName").unwrap_or_default();
        let known = self.stages.get(stage).copied();
        if known.is_none() && !stage.is_empty() && !self.stages.is_empty() {
            let detail = format!(
                "stage `{}` is none of the company's any more; the opportunity keeps its outcome",
                shown(stage)
            );
            faults.push(self.fault(record, "unknown_stage", detail));
        }
        match (row.get("IsWon"), row.get("IsClosed")) {
            (Some("true"), _) => "won",
            (_, Some("true")) => "lost",
            (_, Some(_)) => "open",
            _ => known.unwrap_or("open"),
        }
    }

    /// Fills the fields that come from the vendor's.
    fn fill(
        &self,
        record: &mut Record,
        names: &[Option<String>],
        row: &Row,
        faults: &mut Vec<Fault>,
    ) {
        for (index, (field, kind)) in record.object.fields().iter().enumerate() {
            let Some(name) = &names[index] else { continue };
            let Some(value) = row.get(name) else { continue };
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
        Fault::of(&self.source, "salesforce", record, kind, detail)
    }

    /// What somebody did by a task, if it is done and about somebody we know. `ListEmail` is a mailing.
    pub fn task(&self, row: &Row) -> Option<Record> {
        if !row.is("IsClosed") {
            return None;
        }
        let subtype = row.get("TaskSubtype").unwrap_or_default();
        let what = match subtype {
            "Call" => "call",
            "Email" | "ListEmail" => "email_out",
            _ => "task_done",
        };
        // `ActivityDate` is a day that somebody typed: no clock of hours can rest on it.
        let at = row.get("CompletedDateTime").or_else(|| row.get("CreatedDate"))?;
        let mut record = self.activity(row, what, at)?;
        if subtype == "ListEmail" {
            record.set("automated", Some("true".to_owned()));
        }
        Some(record)
    }

    /// A meeting. The copies that invited colleagues have of it are not further ones.
    pub fn event(&self, row: &Row) -> Option<Record> {
        if row.is("IsChild") {
            return None;
        }
        let at = row.get("StartDateTime").or_else(|| row.get("ActivityDateTime"))?;
        self.activity(row, "meeting", at)
    }

    fn activity(&self, row: &Row, what: &str, at: &str) -> Option<Record> {
        let about = |field: &str, prefixes: &[&str]| {
            let id = row.get(field)?;
            prefixes.iter().any(|prefix| id.starts_with(prefix)).then(|| id.to_owned())
        };
        let opportunity = about("WhatId", &[OPPORTUNITY_PREFIX]);
        let lead = about("WhoId", &[LEAD_PREFIX, CONTACT_PREFIX]);
        if opportunity.is_none() && lead.is_none() {
            return None;
        }
        let mut record = Record::empty(Object::Activity, row.id());
        record.set("kind", Some(what.to_owned()));
        record.set("at", Some(moment(at)?));
        record.set("opportunity", opportunity);
        record.set("lead", lead);
        record.set("owner", row.get("OwnerId").map(str::to_owned));
        record.set("logged_at", row.get("CreatedDate").and_then(moment));
        let automated = self.fields.automated.as_deref().and_then(|field| row.get(field));
        let automated =
            automated.and_then(|text| of_kind(text.trim(), FieldKind::Flag, moment).ok());
        record.set("automated", automated.flatten());
        Some(record)
    }
}

/// A campaign.
pub fn campaign(row: &Row) -> Record {
    let mut record = Record::empty(Object::Campaign, row.id());
    record.set("name", row.get("Name").map(str::to_owned));
    record.set("channel", row.get("Type").map(str::to_owned));
    let cost = row.get("ActualCost").and_then(|cost| of_kind(cost, FieldKind::Amount, moment).ok());
    record.set("cost", cost.flatten());
    record
}

/// Somebody, or a queue, that owns records.
pub fn owner(row: &Row) -> Record {
    let mut record = Record::empty(Object::Owner, row.id());
    record.set("email", row.get("Email").map(str::to_owned));
    record.set("name", row.get("Name").map(str::to_owned));
    record.set("active", Some((row.get("IsActive") != Some("false")).to_string()));
    record
}

/// A campaign that a lead joined, as a touch.
pub fn touch(row: &Row) -> Option<Record> {
    let lead = row.get("LeadId")?;
    let mut record = Record::empty(Object::Touch, row.id());
    record.set("lead", Some(lead.to_owned()));
    record.set("kind", Some("campaign".to_owned()));
    record.set("at", Some(moment(row.get("CreatedDate")?)?));
    record.set("campaign", row.get("CampaignId").map(str::to_owned));
    Some(record)
}

/// The stages of one opportunity, from its history in the order of time. There is a row for each change of
/// amount, close date and the like too: those leave the stage as it was.
pub fn stage_changes(opportunity: &str, rows: &[&Row]) -> Vec<Record> {
    let stages = in_order(rows).into_iter().filter_map(|row| {
        Some((row.get("CreatedDate").and_then(moment)?, row.get("StageName")?.to_owned()))
    });
    history::stage_changes(opportunity, stages)
}

/// The owners of one opportunity, from the changes that were tracked. A change has two rows, one with ids and
/// one with names; only the first is read. Without any, its owner is its owner from the creation on.
pub fn owner_changes(opportunity: &Row, rows: &[&Row]) -> Vec<Record> {
    let id = |text: Option<&str>| {
        let text = text?;
        let known = OWNER_PREFIXES.iter().any(|prefix| text.starts_with(prefix));
        (known && [15, 18].contains(&text.len()) && !text.contains(' ')).then(|| text.to_owned())
    };
    let changes: Vec<(String, Option<String>, String)> = in_order(rows)
        .into_iter()
        .filter_map(|row| {
            let at = row.get("CreatedDate").and_then(moment)?;
            Some((at, id(row.get("OldValue")), id(row.get("NewValue"))?))
        })
        .collect();
    let created = opportunity.get("CreatedDate").and_then(moment);
    let first = changes.first().and_then(|(_, old, _)| old.clone());
    let first = first.zip(created).map(|(owner, at)| (at, owner));
    let later = changes.into_iter().map(|(at, _, new)| (at, new));
    let owners = first.into_iter().chain(later).map(|(at, owner)| (at, Some(owner)));
    history::owner_changes(opportunity.id(), owners)
}

/// Rows by their time; within a second as the server ordered them.
fn in_order<'a>(rows: &[&'a Row]) -> Vec<&'a Row> {
    let mut rows = rows.to_vec();
    rows.sort_by_key(|row| row.get("CreatedDate").and_then(stamp));
    rows
}

#[cfg(test)]
mod tests {
    use super::super::wire::Names;
    use super::*;
    use crate::config::api::FieldNames;

    fn mapper() -> Mapper {
        let stages = [("Prospecting", "open"), ("Closed Won", "won")];
        Mapper {
            source: "crm".into(),
            fields: Fields::new(&FieldNames::new(), &Default::default(), false),
            base_url: "https://c.my.salesforce.com".into(),
            stages: stages.into_iter().map(|(name, how)| (name.to_owned(), how)).collect(),
        }
    }

    fn row(values: &[(&str, &str)]) -> Row {
        let names: Names = values.iter().map(|(name, _)| (*name).to_owned()).collect();
        Row::new(&names, values.iter().map(|(_, value)| Some((*value).to_owned())).collect())
    }

    fn told(records: &[Record], field: &str) -> Vec<String> {
        let told = |record: &Record| {
            format!("{} {}", record.get("at").unwrap(), record.get(field).unwrap())
        };
        records.iter().map(told).collect()
    }

    #[test]
    fn of_the_two_rows_of_an_owner_change_the_one_with_names_is_left_out() {
        let deal = row(&[("Id", "006A"), ("CreatedDate", "2026-01-01T09:00:00.000+0000")]);
        let (ada, ben) = ("005000000000001AAA", "005000000000002AAA");
        let change = |old: &str, new: &str| {
            row(&[
                ("CreatedDate", "2026-01-02T09:00:00.000+0000"),
                ("OldValue", old),
                ("NewValue", new),
            ])
        };
        let rows = [change("Ada Example", "Ben Example"), change(ada, ben)];
        let changes = owner_changes(&deal, &rows.iter().collect::<Vec<_>>());
        let expected =
            [format!("2026-01-01T09:00:00Z {ada}"), format!("2026-01-02T09:00:00Z {ben}")];
        assert_eq!(told(&changes, "owner"), expected);
        assert!(
            owner_changes(&deal, &[]).is_empty(),
            "its owner is its owner from the creation on"
        );
    }

    #[test]
    fn a_history_row_that_leaves_the_stage_is_no_change_of_it() {
        let at = |day: &str, stage: &str| {
            row(&[("CreatedDate", &format!("2026-01-0{day}T09:00:00Z")), ("StageName", stage)])
        };
        let rows = [at("3", "Closed Won"), at("1", "Prospecting"), at("2", "Prospecting")];
        let changes = stage_changes("006A", &rows.iter().collect::<Vec<_>>());
        let expected = ["2026-01-01T09:00:00Z Prospecting", "2026-01-03T09:00:00Z Closed Won"];
        assert_eq!(told(&changes, "to"), expected);
    }

    #[test]
    fn a_deal_is_won_by_its_flag_and_by_its_stage_where_the_flag_is_hidden() {
        let mut faults = Vec::new();
        let deal = |values: &[(&str, &str)], faults: &mut Vec<Fault>| {
            let created = ("CreatedDate", "2026-01-01T09:00:00.000+0000");
            mapper().opportunity(&row(&[values, &[("Id", "006A"), created]].concat()), None, faults)
        };
        let flagged = [("IsWon", "true"), ("IsClosed", "true"), ("CloseDate", "2026-02-01")];
        let record = deal(&flagged, &mut faults);
        assert_eq!(
            (record.get("outcome"), record.get("closed_at")),
            (Some("won"), Some("2026-02-01"))
        );
        let hidden = deal(&[("StageName", "Closed Won")], &mut faults);
        assert_eq!(hidden.get("outcome"), Some("won"));
        let open = deal(
            &[("IsWon", "false"), ("IsClosed", "false"), ("CloseDate", "2026-02-01")],
            &mut faults,
        );
        assert_eq!((open.get("closed_at"), open.get("expected_close")), (None, Some("2026-02-01")));
        assert!(faults.is_empty(), "{faults:?}");
        deal(&[("StageName", "Gone")], &mut faults);
        assert_eq!(faults[0].kind, "unknown_stage");
    }

    #[test]
    fn an_invited_colleagues_copy_of_a_meeting_is_no_second_one() {
        let event = |child: &str| {
            row(&[
                ("Id", "00U1"),
                ("WhatId", "006A"),
                ("IsChild", child),
                ("StartDateTime", "2026-01-05T10:00:00.000+0000"),
            ])
        };
        assert!(mapper().event(&event("true")).is_none());
        assert_eq!(mapper().event(&event("false")).unwrap().get("kind"), Some("meeting"));
    }
}
