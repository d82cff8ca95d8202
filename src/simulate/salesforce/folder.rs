//! Fills an org from a folder of canonical CSV files: leads stay leads, the opportunities that name
//! one are what it was converted into, and activities become tasks and events.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::cell::Cell;
use super::folder_rows::{Changes, Folder, Row, latest};
use super::ids::Key;
use super::org::Org;

const WON: &str = "Closed Won";
const LOST: &str = "Closed Lost";
const FIRST_STAGE: &str = "Qualification";

type Keys<'a> = HashMap<&'a str, Key>;

impl Org {
    /// Reads a folder of canonical CSV files. Files that are absent have no rows, files with
    /// other names are ignored, and local times are in `zone`. Errors name file and line.
    pub fn from_csv(dir: &Path, zone: &TimeZone) -> Result<Org, String> {
        let folder = Folder::read(dir, zone)?;
        let mut filler = Filler {
            folder: &folder,
            org: Org::empty(),
            users: Keys::new(),
            campaigns: Keys::new(),
            leads: Keys::new(),
            contacts: HashMap::new(),
            deals: Keys::new(),
        };
        filler.add_stages();
        filler.add_users();
        filler.add_campaigns();
        filler.add_leads()?;
        filler.add_deals()?;
        filler.add_members()?;
        filler.add_activities()?;
        Ok(filler.org)
    }
}

struct Filler<'a> {
    folder: &'a Folder<'a>,
    org: Org,
    users: Keys<'a>,
    campaigns: Keys<'a>,
    leads: Keys<'a>,
    /// The contact that a lead became.
    contacts: HashMap<Key, Key>,
    deals: Keys<'a>,
}

/// The name of a stage, but for the two that close an opportunity.
fn stage(told: &str) -> &str {
    let plain: String = told.chars().filter(|c| c.is_alphanumeric()).collect();
    match plain.to_lowercase().as_str() {
        "won" | "closedwon" => WON,
        "lost" | "closedlost" => LOST,
        _ => told,
    }
}

/// The stage that an opportunity has come to; empty where none is told.
fn last_stage<'a>(row: Row<'a>) -> Result<&'a str, String> {
    match row.cell("outcome").to_lowercase().as_str() {
        "won" => Ok(WON),
        "lost" => Ok(LOST),
        "" | "open" => Ok(stage(row.cell("stage"))),
        other => Err(row.wrong(&format!("outcome {other:?} is none of open, won, lost"))),
    }
}

fn id(key: Option<&Key>) -> Value {
    key.map_or(Value::Null, |key| Value::from(key.text()))
}

fn time(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| Value::from(at.to_string()))
}

impl<'a> Filler<'a> {
    fn add_stages(&mut self) {
        let changes = self.folder.stage_changes.rows();
        let changes = changes.flat_map(|row| [row.cell("from"), row.cell("to")]);
        let present = self.folder.opportunities.rows().map(|row| row.cell("stage"));
        let mut seen: HashSet<&str> = HashSet::from(["", WON, LOST]);
        let named = changes.chain(present).map(stage);
        let mut names: Vec<&str> = named.filter(|name| seen.insert(name)).collect();
        if names.is_empty() {
            return;
        }
        if seen.insert(FIRST_STAGE) {
            names.insert(0, FIRST_STAGE);
        }
        let share = |at: usize| (at * 80 / names.len() + 10) as f64;
        let open = names.iter().enumerate().map(|(at, name)| (*name, share(at), false, false));
        let closed = [(WON, 100.0, true, true), (LOST, 0.0, true, false)];
        self.org.set_stages(&open.chain(closed).collect::<Vec<_>>());
    }

    fn add_users(&mut self) {
        let owned = [
            &self.folder.leads,
            &self.folder.opportunities,
            &self.folder.owner_changes,
            &self.folder.activities,
        ];
        let named = owned.into_iter().flat_map(|t| t.rows().map(|row| row.cell("owner")));
        let mut named: BTreeSet<&str> = named.filter(|name| !name.is_empty()).collect();
        let at = latest(&[]);
        for row in self.folder.owners.rows() {
            named.remove(row.cell("id"));
            let active = row.cell("active").to_lowercase();
            let fields = [
                ("LastName", json!(row.cell("name"))),
                ("Email", json!(row.cell("email"))),
                ("Username", json!(row.cell("email"))),
                ("External_Id__c", json!(row.cell("id"))),
                ("IsActive", json!(!["false", "0", "no"].contains(&active.as_str()))),
            ];
            if let Some(key) = self.org.create_key("User", &fields, at) {
                self.users.insert(row.cell("id"), key);
            }
        }
        for name in named {
            let slug: String = name.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
            let email = match name.contains('@') {
                true => name.to_owned(),
                false => format!("owner.{}@example.test", slug.to_lowercase()),
            };
            let fields = [
                ("LastName", json!(name)),
                ("Email", json!(email)),
                ("Username", json!(email)),
                ("External_Id__c", json!(name)),
            ];
            if let Some(key) = self.org.create_key("User", &fields, at) {
                self.users.insert(name, key);
            }
        }
    }

    fn add_campaigns(&mut self) {
        let at = latest(&[]);
        for row in self.folder.campaigns.rows() {
            let name = if row.cell("name").is_empty() { row.cell("id") } else { row.cell("name") };
            let fields = [
                ("Name", json!(name)),
                ("Type", json!(row.cell("channel"))),
                ("ActualCost", json!(row.cell("cost"))),
                ("External_Id__c", json!(row.cell("id"))),
                ("IsActive", json!(true)),
            ];
            if let Some(key) = self.org.create_key("Campaign", &fields, at) {
                self.campaigns.insert(row.cell("id"), key);
            }
        }
        for table in [&self.folder.leads, &self.folder.opportunities] {
            for name in table.rows().map(|row| row.cell("campaign")).filter(|n| !n.is_empty()) {
                if !self.campaigns.contains_key(name) {
                    let fields = [("Name", json!(name)), ("External_Id__c", json!(name))];
                    if let Some(key) = self.org.create_key("Campaign", &fields, at) {
                        self.campaigns.insert(name, key);
                    }
                }
            }
        }
    }

    fn add_leads(&mut self) -> Result<(), String> {
        let zone = self.folder.zone;
        for row in self.folder.leads.rows() {
            let created = row.time("created_at", zone)?;
            let mql = row.time("mql_at", zone)?;
            let disqualified = row.time("disqualified_at", zone)?;
            let modified = latest(&[created, mql, disqualified]);
            let status = match (mql, disqualified) {
                (_, Some(_)) => "Unqualified",
                (Some(_), None) => "Qualified",
                (None, None) => "Open - Not Contacted",
            };
            let fields = [
                ("LastName", json!(format!("Lead {}", row.cell("id")))),
                ("Company", json!("[not provided]")),
                ("Status", json!(status)),
                ("LeadSource", json!(row.cell("channel"))),
                ("OwnerId", id(self.users.get(row.cell("owner")))),
                ("External_Id__c", json!(row.cell("id"))),
                ("Segment__c", json!(row.cell("segment"))),
                ("Mql_At__c", time(mql)),
                ("Disqualified_At__c", time(disqualified)),
            ];
            let born = created.unwrap_or(modified);
            if let Some(key) = self.org.create_key("Lead", &fields, born) {
                self.org.touch("Lead", key, modified.as_second());
                self.leads.insert(row.cell("id"), key);
            }
        }
        Ok(())
    }

    /// The campaigns of leads. Converted leads are members as contacts too.
    fn add_members(&mut self) -> Result<(), String> {
        for row in self.folder.leads.rows() {
            let (Some(campaign), Some(lead)) =
                (self.campaigns.get(row.cell("campaign")), self.leads.get(row.cell("id")))
            else {
                continue;
            };
            let fields = [
                ("CampaignId", json!(campaign.text())),
                ("LeadId", json!(lead.text())),
                ("ContactId", id(self.contacts.get(lead))),
                ("Status", json!("Responded")),
            ];
            let born = latest(&[row.time("created_at", self.folder.zone)?]);
            self.org.create_key("CampaignMember", &fields, born);
        }
        Ok(())
    }

    fn add_deals(&mut self) -> Result<(), String> {
        let stage_changes = self.folder.changes(&self.folder.stage_changes)?;
        let owner_changes = self.folder.changes(&self.folder.owner_changes)?;
        self.org.track_owner_history(!owner_changes.is_empty());
        for row in self.folder.opportunities.rows() {
            if !row.cell("currency").is_empty() {
                self.org.set_multicurrency(true);
            }
            let (deal, born) = self.add_deal(row, &stage_changes, &owner_changes)?;
            self.deals.insert(row.cell("id"), deal);
            let Some(lead) = self.leads.get(row.cell("lead")).copied() else { continue };
            match self.contacts.get(&lead).copied() {
                Some(contact) => self.org.take_part(deal, contact, born.as_second()),
                None => {
                    let stamp = self.org.value("Lead", lead, "SystemModstamp");
                    if let Some(contact) = self.org.convert(lead, Some(deal), born.as_second()) {
                        self.contacts.insert(lead, contact);
                    }
                    // What happened to the lead later is its last change still.
                    if let Cell::Instant(at) = stamp {
                        self.org.touch("Lead", lead, at.max(born.as_second()));
                    }
                }
            }
        }
        Ok(())
    }

    /// Creates an opportunity as it began, and then lets happen to it what is told.
    fn add_deal(
        &mut self,
        row: Row<'a>,
        stage_changes: &Changes<'a>,
        owner_changes: &Changes<'a>,
    ) -> Result<(Key, Timestamp), String> {
        let zone = self.folder.zone;
        let key = row.cell("id");
        let none = Vec::new();
        let stages = stage_changes.get(key).unwrap_or(&none);
        let owners = owner_changes.get(key).unwrap_or(&none);
        let created = row.time("created_at", zone)?;
        let closed = row.time("closed_at", zone)?;
        let expected = row.time("expected_close", zone)?;
        let last = last_stage(row)?;
        let first_change = stages.first().map(|change| change.0);
        let born = created.or(first_change).unwrap_or_else(|| latest(&[closed]));
        let told_first = stages.first().map_or(last, |change| stage(change.1.cell("from")));
        let first = if ["", WON, LOST].contains(&told_first) { FIRST_STAGE } else { told_first };
        let day = |at: Timestamp| at.to_zoned(zone.clone()).date();
        let close: Date = day(expected.or(closed).unwrap_or(born));
        let early = owners.iter().rfind(|change| change.0 <= born);
        let late = if owners.is_empty() { row.cell("owner") } else { "" };
        let owner = early.map_or(late, |change| change.1.cell("owner"));
        let fields = [
            ("Name", json!(format!("Deal {key}"))),
            ("External_Id__c", json!(key)),
            ("StageName", json!(first)),
            ("CloseDate", json!(close.to_string())),
            ("Amount", json!(row.cell("amount"))),
            ("CurrencyIsoCode", json!(row.cell("currency"))),
            ("LeadSource", json!(row.cell("channel"))),
            ("CampaignId", id(self.campaigns.get(row.cell("campaign")))),
            ("OwnerId", id(self.users.get(owner))),
            ("Segment__c", json!(row.cell("segment"))),
            ("Lost_Reason__c", json!(row.cell("lost_reason"))),
            ("Handed_Off_At__c", time(row.time("handed_off_at", zone)?)),
        ];
        let deal = self.org.create_key("Opportunity", &fields, born);
        let deal = deal.unwrap_or(self.org.user);
        let mut moves: Vec<(Timestamp, Vec<(&str, Value)>)> = Vec::new();
        for (at, change) in stages {
            moves.push((*at, vec![("StageName", json!(stage(change.cell("to"))))]));
        }
        for (at, change) in owners.iter().filter(|change| change.0 > born) {
            moves.push((*at, vec![("OwnerId", id(self.users.get(change.cell("owner"))))]));
        }
        let ends = stages.last().map_or(first, |change| stage(change.1.cell("to")));
        if !last.is_empty() && last != ends {
            let at = latest(&[closed, Some(born), stages.last().map(|change| change.0)]);
            moves.push((at, vec![("StageName", json!(last))]));
        }
        if let Some(at) = closed.filter(|_| [WON, LOST].contains(&last)) {
            // Who closes an opportunity sets both at once, which is one row of its history.
            let close = ("CloseDate", json!(day(at).to_string()));
            match moves.iter_mut().rfind(|change| change.0 == at) {
                Some(change) => change.1.push(close),
                None => moves.push((at, vec![close])),
            }
        }
        moves.sort_by_key(|change| change.0);
        for (at, fields) in moves {
            self.org.update("Opportunity", &deal.text(), &fields, at);
        }
        Ok((deal, born))
    }

    fn add_activities(&mut self) -> Result<(), String> {
        for row in self.folder.activities.rows() {
            let at = row.needed_time("at", self.folder.zone)?;
            let born = row.time("logged_at", self.folder.zone)?.unwrap_or(at);
            let subtype = match row.cell("kind") {
                "call" => "Call",
                "email_out" => "Email",
                "task_done" => "Task",
                "meeting" => "Event",
                // Mails that came in are not among tasks, and notes are an object of their own.
                "email_in" | "note" => continue,
                other => {
                    return Err(row.wrong(&format!(
                        "kind {other:?} is none of call, meeting, email_out, email_in, \
                         task_done, note"
                    )));
                }
            };
            let lead = self.leads.get(row.cell("lead"));
            let who = lead.map(|lead| self.contacts.get(lead).unwrap_or(lead));
            let mut fields = vec![
                ("Subject", json!(subtype)),
                ("WhoId", id(who)),
                ("WhatId", id(self.deals.get(row.cell("opportunity")))),
                ("OwnerId", id(self.users.get(row.cell("owner")))),
                ("External_Id__c", json!(row.cell("id"))),
                ("ActivityDate", json!(at.to_zoned(TimeZone::UTC).date().to_string())),
            ];
            let object = if subtype == "Event" {
                fields.push(("StartDateTime", time(Some(at))));
                fields.push(("DurationInMinutes", json!(30)));
                "Event"
            } else {
                fields.push(("TaskSubtype", json!(subtype)));
                fields.push(("Status", json!("Completed")));
                fields.push(("CompletedDateTime", time(Some(at))));
                "Task"
            };
            self.org.create_key(object, &fields, born);
        }
        Ok(())
    }
}
