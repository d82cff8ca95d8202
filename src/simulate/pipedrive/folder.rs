//! Fills an account from a folder of canonical CSV files: leads stay leads until an opportunity names
//! them, which is then the deal that they were converted into.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::account::Account;
use super::catalog::Kind;
use super::folder_rows::{Changes, Folder, Ids, Row, latest};
use super::record::uuid;
use super::render::seconds;

const FIRST_STAGE: &str = "Qualified";

type Numbers<'a> = HashMap<&'a str, u64>;
type Fields = Vec<(String, Value)>;

impl Account {
    /// Reads a folder of canonical CSV files. Files that are absent have no rows, files with other names
    /// are ignored, and local times are in `zone`. Errors name file and line. What Pipedrive has no field
    /// for is in custom fields: `External ID`, `Segment`, `MQL at`, `Disqualified at`, `Handed off at`.
    pub fn from_csv(dir: &Path, zone: &TimeZone) -> Result<Account, String> {
        let folder = Folder::read(dir, zone)?;
        let mut account = Account::empty();
        let mut key = |label: &str| account.add_field(label, "varchar", &[]);
        let keys = Keys {
            external: key("External ID"),
            segment: key("Segment"),
            mql: key("MQL at"),
            disqualified: key("Disqualified at"),
            handed_off: key("Handed off at"),
        };
        let campaigns = folder.campaigns.rows();
        let campaigns = campaigns.map(|row| (row.cell("id"), row.cell("channel"))).collect();
        let mut filler = Filler {
            folder: &folder,
            account,
            keys,
            campaigns,
            stages: Numbers::new(),
            users: Numbers::new(),
            leads: Numbers::new(),
            deals: Numbers::new(),
            converted: HashMap::new(),
        };
        filler.add_stages_and_channels();
        filler.add_users();
        filler.add_leads()?;
        filler.add_deals()?;
        filler.add_activities()?;
        Ok(filler.account)
    }
}

/// The keys of the custom fields.
struct Keys {
    external: String,
    segment: String,
    mql: String,
    disqualified: String,
    handed_off: String,
}

struct Filler<'a> {
    folder: &'a Folder<'a>,
    account: Account,
    keys: Keys,
    /// The channel of a campaign.
    campaigns: HashMap<&'a str, &'a str>,
    stages: Numbers<'a>,
    users: Numbers<'a>,
    leads: Numbers<'a>,
    deals: Numbers<'a>,
    /// The deal that a lead became.
    converted: HashMap<u64, u64>,
}

/// The name of a stage; empty for the two that close a deal, which are no stages here.
fn stage(told: &str) -> &str {
    let plain: String = told.chars().filter(|c| c.is_alphanumeric()).collect();
    match plain.to_lowercase().as_str() {
        "won" | "closedwon" | "lost" | "closedlost" => "",
        _ => told,
    }
}

fn named(fields: &Fields) -> Vec<(&str, Value)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.clone())).collect()
}

fn number(known: Option<&u64>) -> Value {
    known.map_or(Value::Null, |number| json!(number))
}

fn text(told: &str) -> Value {
    if told.is_empty() { Value::Null } else { told.into() }
}

fn time(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, |at| seconds(at.as_millisecond()).into())
}

impl<'a> Filler<'a> {
    fn add_stages_and_channels(&mut self) {
        let changes = self.folder.stage_changes.rows();
        let changes = changes.flat_map(|row| [row.cell("from"), row.cell("to")]);
        let present = self.folder.opportunities.rows().map(|row| row.cell("stage"));
        let mut seen: HashSet<&str> = HashSet::from([""]);
        let named = changes.chain(present).map(stage);
        let mut names: Vec<&'a str> = named.filter(|name| seen.insert(name)).collect();
        if seen.insert(FIRST_STAGE) {
            names.insert(0, FIRST_STAGE);
        }
        self.account.set_stages(&names);
        self.stages = names.into_iter().zip(1..).collect();
        let tables = [&self.folder.leads, &self.folder.opportunities];
        let told = tables.into_iter().flat_map(|table| table.rows().map(|row| self.channel(row)));
        let channels: BTreeSet<&str> = told.filter(|channel| !channel.is_empty()).collect();
        self.account.set_channels(&channels.into_iter().collect::<Vec<_>>());
    }

    /// The channel of a row, which its campaign may tell.
    fn channel(&self, row: Row<'a>) -> &'a str {
        match row.cell("channel") {
            "" => self.campaigns.get(row.cell("campaign")).copied().unwrap_or(""),
            told => told,
        }
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
        let all = self.folder.owners.rows().map(|row| row.cell("id"));
        let ids = Ids::new(all.chain(named.iter().copied()), 7_000_001);
        let at = latest(&[]);
        let wished = |id: &str| json!(ids.get(id));
        for row in self.folder.owners.rows() {
            let id = row.cell("id");
            named.remove(id);
            let fields = [
                ("id", wished(id)),
                ("name", json!(row.cell("name"))),
                ("email", json!(row.cell("email"))),
            ];
            let user = self.account.add(Kind::User, &fields, at.as_millisecond());
            self.users.insert(id, user);
            let active = row.cell("active").to_lowercase();
            if ["false", "0", "no"].contains(&active.as_str()) {
                self.account.delete("users", &user.to_string(), at);
            }
        }
        for name in named {
            let slug: String = name.chars().filter(|c| c.is_ascii_alphanumeric()).collect();
            let email = match name.contains('@') {
                true => name.to_owned(),
                false => format!("owner.{}@example.test", slug.to_lowercase()),
            };
            let fields = [("id", wished(name)), ("name", json!(name)), ("email", json!(email))];
            let user = self.account.add(Kind::User, &fields, at.as_millisecond());
            self.users.insert(name, user);
        }
    }

    /// What leads and deals tell in the same way.
    fn shared(&self, row: Row<'a>) -> Fields {
        let told = [
            ("channel", json!(self.account.channel(self.channel(row)))),
            ("channel_id", text(row.cell("campaign"))),
            (&self.keys.external, json!(row.cell("id"))),
            (&self.keys.segment, text(row.cell("segment"))),
        ];
        told.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// A user; what nobody owns belongs to the administrator.
    fn user(&self, name: &str) -> Value {
        json!(self.users.get(name).copied().unwrap_or(self.account.admin))
    }

    fn add_leads(&mut self) -> Result<(), String> {
        let zone = self.folder.zone;
        let ids = Ids::new(self.folder.leads.rows().map(|row| row.cell("id")), 1);
        for row in self.folder.leads.rows() {
            let created = row.time("created_at", zone)?;
            let mql = row.time("mql_at", zone)?;
            let disqualified = row.time("disqualified_at", zone)?;
            let modified = latest(&[created, mql, disqualified]);
            let born = created.unwrap_or(modified).as_millisecond();
            let name = format!("Lead {}", row.cell("id"));
            let person = self.account.add(Kind::Person, &[("name", json!(name))], born);
            let mut fields = self.shared(row);
            let mut tell = |name: &str, value: Value| fields.push((name.to_owned(), value));
            tell("id", json!(ids.get(row.cell("id"))));
            tell("title", json!(name));
            tell("owner_id", self.user(row.cell("owner")));
            tell("person_id", json!(person));
            tell(&self.keys.mql, time(mql));
            tell(&self.keys.disqualified, time(disqualified));
            tell("update_time", time(Some(modified)));
            if created.is_none() {
                tell("add_time", Value::Null);
            }
            let fields = named(&fields);
            let lead = self.account.add(Kind::Lead, &fields, born);
            self.leads.insert(row.cell("id"), lead);
        }
        Ok(())
    }

    fn add_deals(&mut self) -> Result<(), String> {
        let stage_changes = self.folder.changes(&self.folder.stage_changes)?;
        let owner_changes = self.folder.changes(&self.folder.owner_changes)?;
        let ids = Ids::new(self.folder.opportunities.rows().map(|row| row.cell("id")), 1);
        for row in self.folder.opportunities.rows() {
            let Some(id) = ids.get(row.cell("id")) else { continue };
            self.add_deal(id, row, &stage_changes, &owner_changes)?;
        }
        Ok(())
    }

    /// Creates a deal as it began, and then lets happen to it what is told.
    fn add_deal(
        &mut self,
        id: u64,
        row: Row<'a>,
        stage_changes: &Changes<'a>,
        owner_changes: &Changes<'a>,
    ) -> Result<(), String> {
        let zone = self.folder.zone;
        let key = row.cell("id");
        let none = Vec::new();
        let stages = stage_changes.get(key).unwrap_or(&none);
        let owners = owner_changes.get(key).unwrap_or(&none);
        let created = row.time("created_at", zone)?;
        let closed = row.time("closed_at", zone)?;
        let expected = row.time("expected_close", zone)?;
        let outcome = row.cell("outcome").to_lowercase();
        if !["", "open", "won", "lost"].contains(&outcome.as_str()) {
            return Err(row.wrong(&format!("outcome {outcome:?} is none of open, won, lost")));
        }
        let last = stage(row.cell("stage"));
        let first_change = stages.first().map(|change| change.0);
        let born = created.or(first_change).unwrap_or_else(|| latest(&[closed]));
        let first = stages.first().map_or(last, |change| stage(change.1.cell("from")));
        let first = if first.is_empty() { FIRST_STAGE } else { first };
        let early = owners.iter().rfind(|change| change.0 <= born);
        let late = if owners.is_empty() { row.cell("owner") } else { "" };
        let owner = early.map_or(late, |change| change.1.cell("owner"));
        let amount = row.cell("amount");
        let amount = if amount.is_empty() { None } else { Some(amount.parse::<f64>()) };
        let amount = amount.transpose().map_err(|_| row.wrong("amount is no number"))?;
        let mut fields = self.shared(row);
        // What the deal leaves open it has from its lead.
        fields.retain(|field| !field.1.is_null());
        let mut tell = |name: &str, value: Value| fields.push((name.to_owned(), value));
        tell("id", json!(id));
        tell("title", json!(format!("Deal {key}")));
        tell("stage_id", number(self.stages.get(first)));
        tell("value", json!(amount.unwrap_or(0.0)));
        tell("expected_close_date", day(expected, zone));
        tell(&self.keys.handed_off, time(row.time("handed_off_at", zone)?));
        tell("owner_id", self.user(owner));
        if !row.cell("currency").is_empty() {
            tell("currency", json!(row.cell("currency")));
        }
        if created.is_none() {
            tell("add_time", Value::Null);
        }
        let deal = self.born(row, fields, born);
        self.deals.insert(key, deal);
        let mut moves: Vec<(Timestamp, Vec<(&str, Value)>)> = Vec::new();
        for (at, change) in stages {
            let to = self.stages.get(stage(change.cell("to")));
            moves.extend(to.map(|to| (*at, vec![("stage_id", json!(to))])));
        }
        for (at, change) in owners.iter().filter(|change| change.0 > born) {
            moves.push((*at, vec![("owner_id", self.user(change.cell("owner")))]));
        }
        if ["won", "lost"].contains(&outcome.as_str()) {
            let last = stages.last().map(|change| change.0);
            let at = closed.unwrap_or_else(|| latest(&[Some(born), last]));
            let reason =
                if outcome == "lost" { text(row.cell("lost_reason")) } else { Value::Null };
            moves.push((at, vec![("status", json!(outcome)), ("lost_reason", reason)]));
        }
        moves.sort_by_key(|change| change.0);
        for (at, fields) in moves {
            self.account.change(Kind::Deal, deal, &fields, at.as_millisecond());
        }
        Ok(())
    }

    /// The deal: what its lead was converted into, or a new one.
    fn born(&mut self, row: Row<'a>, mut fields: Fields, at: Timestamp) -> u64 {
        let lead = self.leads.get(row.cell("lead")).copied();
        let at = at.as_millisecond();
        let open = lead.filter(|lead| !self.converted.contains_key(lead));
        if open.is_none()
            && let Some(lead) = lead
        {
            // A lead that became several deals was converted once; the others have its person.
            let person = self.account.table(Kind::Lead).find(lead);
            let person = person.and_then(|lead| lead.number_of("person_id"));
            fields.push(("person_id".to_owned(), json!(person)));
        }
        let fields = named(&fields);
        match open.and_then(|lead| Some((lead, self.account.convert(lead, &fields, at)?))) {
            Some((lead, deal)) => {
                self.converted.insert(lead, deal);
                deal
            }
            None => self.account.add(Kind::Deal, &fields, at),
        }
    }

    fn add_activities(&mut self) -> Result<(), String> {
        for row in self.folder.activities.rows() {
            let at = row.needed_time("at", self.folder.zone)?;
            let born = row.time("logged_at", self.folder.zone)?.unwrap_or(at);
            let kind = match row.cell("kind") {
                "call" => "call",
                "email_out" => "email",
                "task_done" => "task",
                "meeting" => "meeting",
                // Mails that came in and notes are no activities here.
                "email_in" | "note" => continue,
                other => {
                    return Err(row.wrong(&format!(
                        "kind {other:?} is none of call, meeting, email_out, email_in, \
                         task_done, note"
                    )));
                }
            };
            let lead = self.leads.get(row.cell("lead"));
            let converted = lead.and_then(|lead| self.converted.get(lead));
            let deal = self.deals.get(row.cell("opportunity")).or(converted);
            let lead = lead.filter(|_| deal.is_none());
            let owner = self.user(row.cell("owner"));
            let told = seconds(at.as_millisecond());
            let fields = [
                ("subject", json!(row.cell("id"))),
                ("type", json!(kind)),
                ("owner_id", owner),
                ("deal_id", number(deal)),
                ("lead_id", json!(lead.map(|lead| uuid(*lead)))),
                ("due_date", json!(told[..10])),
                ("done", json!(true)),
                ("marked_as_done_time", json!(told)),
            ];
            self.account.add(Kind::Activity, &fields, born.as_millisecond());
        }
        Ok(())
    }
}

fn day(at: Option<Timestamp>, zone: &TimeZone) -> Value {
    at.map_or(Value::Null, |at| json!(at.to_zoned(zone.clone()).date().to_string()))
}
