//! Fills a portal from a folder of canonical CSV files: leads become contacts, opportunities
//! deals, and activities calls, e-mails, meetings, tasks and notes.

use std::collections::HashSet;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::catalog::Stage;
use super::folder_rows::{Folder, Ids, Row, Table, latest};
use super::folder_stages::{FIRST_STAGE, stage_history, stage_id};
use super::json;
use super::object::Object;
use super::portal::Portal;

struct AllIds {
    contacts: Ids,
    deals: Ids,
    activities: Ids,
    owners: Ids,
}

impl Portal {
    /// Reads a folder of canonical CSV files. Files that are absent have no rows, files with
    /// other names are ignored, and local times are in `zone`. Errors name file and line.
    pub fn from_csv(dir: &Path, zone: &TimeZone) -> Result<Portal, String> {
        let folder = Folder::read(dir, zone)?;
        let ids = folder.ids();
        let mut portal = Portal::empty();
        folder.add_owners(&mut portal, &ids);
        folder.add_pipeline(&mut portal);
        folder.add_contacts(&mut portal, &ids)?;
        folder.add_deals(&mut portal, &ids)?;
        folder.add_activities(&mut portal, &ids)?;
        Ok(portal)
    }
}

fn told(at: Option<Timestamp>) -> String {
    at.map(|at| json::instant(at.as_millisecond())).unwrap_or_default()
}

fn named(pairs: Vec<(&str, String)>) -> Vec<(String, String)> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Folder<'_> {
    fn ids(&self) -> AllIds {
        let of = |table: &Table, first| Ids::new(table.rows().map(|row| row.cell("id")), first);
        let owned = [&self.leads, &self.opportunities, &self.owner_changes, &self.activities];
        let owners = self.owners.rows().map(|row| row.cell("id"));
        let named = owned.into_iter().flat_map(|t| t.rows().map(|row| row.cell("owner")));
        AllIds {
            contacts: of(&self.leads, 1001),
            deals: of(&self.opportunities, 5_000_000_001),
            activities: of(&self.activities, 9_000_000_001),
            owners: Ids::new(owners.chain(named), 7_000_001),
        }
    }

    fn add_owners(&self, portal: &mut Portal, ids: &AllIds) {
        for (text, number) in ids.owners.iter() {
            let slug: String = text.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
            let email = if text.contains('@') {
                text.to_owned()
            } else {
                format!("owner.{}@example.test", slug.to_lowercase())
            };
            portal.add_owner(number, &email, text, false);
        }
        for row in self.owners.rows() {
            let Some(number) = ids.owners.get(row.cell("id")) else { continue };
            let active = row.cell("active").to_lowercase();
            let archived = ["false", "0", "no"].contains(&active.as_str());
            portal.add_owner(number, row.cell("email"), row.cell("name"), archived);
        }
    }

    fn add_pipeline(&self, portal: &mut Portal) {
        let changes = self.stage_changes.rows().flat_map(|row| [row.cell("from"), row.cell("to")]);
        let present = self.opportunities.rows().map(|row| row.cell("stage"));
        let mut names: Vec<&str> = vec![FIRST_STAGE];
        let mut seen: HashSet<&str> = HashSet::from(["", "closedwon", "closedlost", FIRST_STAGE]);
        for name in changes.chain(present).map(stage_id) {
            if seen.insert(name) {
                names.push(name);
            }
        }
        let probability = |at: usize| format!("0.{}", (at * 8 / names.len().max(1)) + 1);
        let mut stages: Vec<Stage> = names
            .iter()
            .enumerate()
            .map(|(at, name)| Stage::new(name, name, false, &probability(at)))
            .collect();
        stages.push(Stage::new("closedwon", "Closed Won", true, "1.0"));
        stages.push(Stage::new("closedlost", "Closed Lost", true, "0.0"));
        portal.add_pipeline("default", "Sales Pipeline", stages);
    }

    fn owner(&self, ids: &AllIds, text: &str) -> String {
        ids.owners.get(text).map(|n| n.to_string()).unwrap_or_default()
    }

    fn add_contacts(&self, portal: &mut Portal, ids: &AllIds) -> Result<(), String> {
        for row in self.leads.rows() {
            let Some(id) = ids.contacts.get(row.cell("id")) else { continue };
            let created = row.time("created_at", self.zone)?;
            let mql = row.time("mql_at", self.zone)?;
            let disqualified = row.time("disqualified_at", self.zone)?;
            let modified = latest(&[created, mql, disqualified]);
            let stage = if mql.is_some() { "marketingqualifiedlead" } else { "lead" };
            let properties = named(vec![
                ("createdate", told(created)),
                ("email", format!("contact{id}@example.test")),
                ("external_id", row.cell("id").to_owned()),
                ("lifecyclestage", stage.to_owned()),
                ("hs_v2_date_entered_marketingqualifiedlead", told(mql)),
                ("hs_lifecyclestage_marketingqualifiedlead_date", told(mql)),
                ("hs_analytics_source", row.cell("channel").to_owned()),
                ("hs_analytics_source_data_1", row.cell("campaign").to_owned()),
                ("hubspot_owner_id", self.owner(ids, row.cell("owner"))),
                ("disqualified_at", told(disqualified)),
                ("segment", row.cell("segment").to_owned()),
            ]);
            let born = created.unwrap_or(modified);
            portal.create_with_id(Object::Contact, id, properties, born);
            portal.stamp(Object::Contact, id, modified);
        }
        Ok(())
    }

    fn add_deals(&self, portal: &mut Portal, ids: &AllIds) -> Result<(), String> {
        let stage_changes = self.changes(&self.stage_changes)?;
        let owner_changes = self.changes(&self.owner_changes)?;
        for row in self.opportunities.rows() {
            let Some(id) = ids.deals.get(row.cell("id")) else { continue };
            let key = row.cell("id");
            let stages = stage_changes.get(key).map_or(&[][..], Vec::as_slice);
            let owners = owner_changes.get(key).map_or(&[][..], Vec::as_slice);
            self.add_deal(portal, ids, id, row, stages, owners)?;
            if let Some(contact) = ids.contacts.get(row.cell("lead")) {
                portal.associate((Object::Deal, id), (Object::Contact, contact));
            }
        }
        Ok(())
    }

    fn add_deal(
        &self,
        portal: &mut Portal,
        ids: &AllIds,
        id: u64,
        row: Row<'_>,
        stage_changes: &[(Timestamp, Row<'_>)],
        owner_changes: &[(Timestamp, Row<'_>)],
    ) -> Result<(), String> {
        let created = row.time("created_at", self.zone)?;
        let handed_off = row.time("handed_off_at", self.zone)?;
        let closed = row.time("closed_at", self.zone)?;
        let expected = row.time("expected_close", self.zone)?;
        let outcome = row.cell("outcome").to_lowercase();
        let last = stage_changes.last().map_or("", |change| stage_id(change.1.cell("to")));
        let stage = match outcome.as_str() {
            "won" => "closedwon",
            "lost" => "closedlost",
            "" | "open" => [stage_id(row.cell("stage")), last, FIRST_STAGE]
                .into_iter()
                .find(|s| !s.is_empty())
                .unwrap_or(FIRST_STAGE),
            _ => return Err(row.wrong(&format!("outcome {outcome:?} is none of open, won, lost"))),
        };
        let open = !stage.starts_with("closed");
        let modified = latest(&[
            created,
            handed_off,
            closed,
            stage_changes.last().map(|c| c.0),
            owner_changes.last().map(|c| c.0),
        ]);
        let owner = owner_changes.last().map_or(row.cell("owner"), |c| c.1.cell("owner"));
        let text = |name: &str| row.cell(name).to_owned();
        let properties = named(vec![
            ("createdate", told(created)),
            ("dealname", format!("Deal {}", row.cell("id"))),
            ("external_id", text("id")),
            ("pipeline", "default".to_owned()),
            ("dealstage", stage.to_owned()),
            ("amount", text("amount")),
            ("deal_currency_code", text("currency")),
            ("closedate", told(if open { expected.or(closed) } else { closed })),
            ("closed_lost_reason", text("lost_reason")),
            ("hubspot_owner_id", self.owner(ids, owner)),
            ("channel", text("channel")),
            ("campaign", text("campaign")),
            ("segment", text("segment")),
            ("handed_off_at", told(handed_off)),
        ]);
        let born = created.unwrap_or(modified);
        portal.create_with_id(Object::Deal, id, properties, born);
        portal.stamp(Object::Deal, id, modified);
        let history = stage_history(&row, stage, created, closed, modified, stage_changes);
        portal.set_history(Object::Deal, id, "dealstage", Some(history));
        if !owner_changes.is_empty() {
            let entries = owner_changes.iter().map(|(at, change)| {
                (Some(self.owner(ids, change.cell("owner"))).filter(|o| !o.is_empty()), *at)
            });
            portal.set_history(Object::Deal, id, "hubspot_owner_id", Some(entries.collect()));
        }
        Ok(())
    }

    fn add_activities(&self, portal: &mut Portal, ids: &AllIds) -> Result<(), String> {
        for row in self.activities.rows() {
            let Some(id) = ids.activities.get(row.cell("id")) else { continue };
            let at = row.needed_time("at", self.zone)?;
            let when = json::instant(at.as_millisecond());
            let (object, extra): (Object, &[(&str, &str)]) = match row.cell("kind") {
                "call" => (
                    Object::Call,
                    &[("hs_call_direction", "OUTBOUND"), ("hs_call_status", "COMPLETED")],
                ),
                "meeting" => (
                    Object::Meeting,
                    &[("hs_meeting_start_time", "@"), ("hs_meeting_outcome", "COMPLETED")],
                ),
                "email_out" => {
                    (Object::Email, &[("hs_email_direction", "EMAIL"), ("hs_email_status", "SENT")])
                }
                "email_in" => (Object::Email, &[("hs_email_direction", "INCOMING_EMAIL")]),
                "task_done" => (
                    Object::Task,
                    &[("hs_task_status", "COMPLETED"), ("hs_task_completion_date", "@")],
                ),
                "note" => (Object::Note, &[]),
                other => {
                    return Err(row.wrong(&format!(
                        "kind {other:?} is none of call, meeting, email_out, email_in, \
                         task_done, note"
                    )));
                }
            };
            let mut properties = vec![
                ("hs_createdate", when.clone()),
                ("hs_timestamp", when.clone()),
                ("hubspot_owner_id", self.owner(ids, row.cell("owner"))),
            ];
            // An at sign stands for the activity's own time.
            let value = |told: &str| if told == "@" { when.clone() } else { told.to_owned() };
            properties.extend(extra.iter().map(|(name, told)| (*name, value(told))));
            portal.create_with_id(object, id, named(properties), at);
            if let Some(deal) = ids.deals.get(row.cell("opportunity")) {
                portal.associate((object, id), (Object::Deal, deal));
            }
            if let Some(contact) = ids.contacts.get(row.cell("lead")) {
                portal.associate((object, id), (Object::Contact, contact));
            }
        }
        Ok(())
    }
}
