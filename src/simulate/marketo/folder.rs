//! Fills an instance from the canonical CSV files.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;

use super::folder_rows::{Folder, Row, latest};
use super::instance::Instance;
use super::programs::CHANNELS;

impl Instance {
    /// Reads a folder of canonical CSV files: `lead.csv`, `campaign.csv`, `email_send.csv` and `touch.csv`. Files
    /// that are absent have no rows, files with other names are ignored, and local times are in `zone`. Errors
    /// name file and line.
    pub fn from_csv(dir: &Path, zone: &TimeZone) -> Result<Instance, String> {
        let folder = Folder::read(dir, zone)?;
        let mut filler = Filler {
            folder: &folder,
            instance: Instance::empty(),
            programs: HashMap::new(),
            leads: HashMap::new(),
            emails: HashMap::new(),
        };
        filler.add_programs();
        filler.add_leads()?;
        filler.add_touches()?;
        filler.add_sends()?;
        filler.instance.log.settle();
        Ok(filler.instance)
    }
}

struct Filler<'a> {
    folder: &'a Folder<'a>,
    instance: Instance,
    programs: HashMap<&'a str, u64>,
    leads: HashMap<&'a str, u64>,
    emails: HashMap<(&'a str, Option<u64>), u64>,
}

/// The first of the cells that is not empty.
fn first<'a>(row: Row<'a>, names: &[&str]) -> &'a str {
    names.iter().map(|name| row.cell(name)).find(|cell| !cell.is_empty()).unwrap_or("")
}

impl<'a> Filler<'a> {
    /// A program is called as its campaign is, and its channel is the vendor's where that has one of that name.
    fn add_programs(&mut self) {
        let (folder, at) = (self.folder, latest(&[]));
        for row in folder.campaigns.rows() {
            let channel = row.cell("channel");
            let own = CHANNELS.iter().find(|known| known.name.eq_ignore_ascii_case(channel));
            let own = own.map_or(CHANNELS[0].name, |known| known.name);
            let id = self.instance.add_program(first(row, &["name", "id"]), own, at);
            self.instance.add_tag(id, "Channel", channel);
            self.instance.add_tag(id, "External ID", row.cell("id"));
            if let Ok(cost) = row.cell("cost").parse() {
                self.instance.add_cost(id, "2010-01-01", cost);
            }
            self.programs.insert(row.cell("id"), id);
        }
        let named = [&folder.leads, &folder.touches, &folder.email_sends];
        let named = named.into_iter().flat_map(|t| t.rows().map(|row| row.cell("campaign")));
        for name in named.filter(|name| !name.is_empty()).collect::<BTreeSet<&str>>() {
            if !self.programs.contains_key(name) {
                let id = self.instance.add_program(name, CHANNELS[0].name, at);
                self.programs.insert(name, id);
            }
        }
    }

    fn add_leads(&mut self) -> Result<(), String> {
        for row in self.folder.leads.rows() {
            let time = |name: &str| row.time(name, self.folder.zone);
            let (mql, disqualified) = (time("mql_at")?, time("disqualified_at")?);
            let earliest = [mql, disqualified].into_iter().flatten().min();
            let born = time("created_at")?.or(earliest).unwrap_or_else(|| latest(&[]));
            let (id, program) = (row.cell("id"), self.programs.get(row.cell("campaign")).copied());
            let email = match row.cell("email") {
                "" => format!("{}@example.test", id.to_lowercase()),
                told => told.to_owned(),
            };
            let mut fields = vec![
                ("email", json!(email)),
                ("lastName", json!(format!("Lead {id}"))),
                ("leadSource", json!(row.cell("channel"))),
                ("leadStatus", json!("New")),
                ("segment", json!(row.cell("segment"))),
                ("externalId", json!(id)),
            ];
            if let Some(program) = program {
                fields.push(("acquisitionProgramId", json!(program)));
                fields.push(("acquisitionDate", json!(born.to_string())));
            }
            let lead = self.instance.create_lead(&fields, born);
            if let Some(program) = program {
                let status = self.instance.program(program).map(|p| p.channel.statuses[0].0);
                self.instance.set_member(program, lead, status.unwrap_or_default(), born);
            }
            for (at, status) in [(mql, "MQL"), (disqualified, "Disqualified")] {
                if let Some(at) = at {
                    self.instance.change(lead, "leadStatus", json!(status), at);
                }
            }
            self.leads.insert(id, lead);
        }
        Ok(())
    }

    fn lead(&self, row: Row<'a>) -> Result<u64, String> {
        let told = first(row, &["lead", "lead_id"]);
        let found = self.leads.get(told).copied();
        found.ok_or_else(|| row.wrong(&format!("there is no lead {told:?}")))
    }

    fn at(&self, row: Row<'a>) -> Result<Timestamp, String> {
        let told = row.time("sent_at", self.folder.zone)?;
        told.map_or_else(|| row.needed_time("at", self.folder.zone), Ok)
    }

    /// What touched a lead makes it a success in the program.
    fn add_touches(&mut self) -> Result<(), String> {
        for row in self.folder.touches.rows() {
            let (lead, at) = (self.lead(row)?, self.at(row)?);
            let Some(program) = self.programs.get(row.cell("campaign")).copied() else { continue };
            let statuses = self.instance.program(program).map(|program| program.channel.statuses);
            let last = statuses.and_then(|statuses| statuses.last()).map_or("", |status| status.0);
            self.instance.set_member(program, lead, last, at);
        }
        Ok(())
    }

    fn add_sends(&mut self) -> Result<(), String> {
        for row in self.folder.email_sends.rows() {
            let (lead, at) = (self.lead(row)?, self.at(row)?);
            let name = match first(row, &["email", "name"]) {
                "" => "E-mail",
                told => told,
            };
            let program = self.programs.get(row.cell("campaign")).copied();
            let email = match self.emails.get(&(name, program)) {
                Some(email) => *email,
                None => {
                    let email = self.instance.add_email(name, program, at);
                    self.emails.insert((name, program), email);
                    email
                }
            };
            self.instance.send_email(lead, email, at, at);
        }
        Ok(())
    }
}
