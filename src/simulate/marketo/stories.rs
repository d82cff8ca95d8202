//! What happens to several records at once: memberships, mailings, deletions, merges.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::instance::{Instance, text};
use super::kinds::{self, DELETE, DELIVERED, MERGE, SEND, STATUS};
use super::log::{Activity, Attributes};
use super::programs::{self, Email, Member, Program};

const FIRST_PROGRAM: u64 = 1001;
const FIRST_EMAIL: u64 = 2001;
/// The ids of the smart campaigns that send e-mails lie so much higher than those of the e-mails.
const CAMPAIGNS_ABOVE: u64 = 3000;

impl Instance {
    /// Adds a program of a channel, and tells its id. Channels are `Content`, `Online Advertising`, `Webinar`,
    /// `Email Send`, `Partner`, `Tradeshow` and `Social`.
    pub fn add_program(&mut self, name: &str, channel: &str, at: Timestamp) -> u64 {
        let id = FIRST_PROGRAM + self.programs.len() as u64;
        let secs = at.as_second();
        self.programs.push(Program {
            id,
            name: Arc::from(name),
            channel: programs::channel(channel),
            created: secs,
            updated: secs,
            costs: Vec::new(),
            tags: Vec::new(),
            crm_campaign: None,
            members: Vec::new(),
        });
        id
    }

    pub(super) fn program(&self, id: u64) -> Option<&Program> {
        self.programs.iter().find(|program| program.id == id)
    }

    fn program_mut(&mut self, id: u64) -> Option<&mut Program> {
        self.programs.iter_mut().find(|program| program.id == id)
    }

    /// The id of the program of a name.
    pub fn program_named(&self, name: &str) -> Option<u64> {
        self.programs.iter().find(|program| &*program.name == name).map(|program| program.id)
    }

    /// Gives a program another name.
    pub fn rename_program(&mut self, program: u64, name: &str, at: Timestamp) {
        if let Some(program) = self.program_mut(program) {
            program.name = Arc::from(name);
            program.updated = at.as_second();
        }
    }

    /// Adds a cost of a month, told by its first day, to a program.
    pub fn add_cost(&mut self, program: u64, month: &str, cost: f64) {
        if let Some(program) = self.program_mut(program) {
            program.costs.push((month.to_owned(), cost));
        }
    }

    /// Tags a program.
    pub fn add_tag(&mut self, program: u64, tag: &str, value: &str) {
        if let Some(program) = self.program_mut(program) {
            program.tags.push((tag.to_owned(), value.to_owned()));
        }
    }

    /// Links a program with a campaign of the CRM.
    pub fn link_campaign(&mut self, program: u64, id: &str, name: &str) {
        if let Some(program) = self.program_mut(program) {
            program.crm_campaign = Some((id.to_owned(), name.to_owned()));
        }
    }

    /// Gives a lead a status in a program, of which it becomes a member if it is none yet, with the activity
    /// `Change Status in Progression`. A status that the channel lacks changes nothing.
    pub fn set_member(&mut self, program: u64, lead: u64, status: &str, at: Timestamp) {
        self.set_status(program, lead, status, "", at.as_second());
    }

    pub(super) fn set_status(
        &mut self,
        program: u64,
        lead: u64,
        status: &str,
        reason: &str,
        secs: i64,
    ) {
        let Some(found) = self.find(lead) else { return };
        let acquired = self
            .place("acquisitionProgramId")
            .is_some_and(|place| self.value(&self.leads[found], place).as_u64() == Some(program));
        let fresh = self.next_member;
        let Some(program) = self.program_mut(program) else { return };
        let Some(status) = program.channel.status(status) else { return };
        let place = program.find(lead).unwrap_or_else(|place| {
            let member = Member {
                id: fresh,
                lead,
                status: ("Not in Program", 0, false),
                acquired,
                joined: secs,
                updated: secs,
                succeeded: None,
            };
            program.members.insert(place, member);
            place
        });
        let (id, name) = (program.id as i64, Arc::clone(&program.name));
        let member = &mut program.members[place];
        let (before, number) = (member.status, member.id);
        member.status = status;
        member.updated = secs;
        if status.2 {
            member.succeeded.get_or_insert(secs);
        }
        let mut attributes = vec![
            ("Acquired By", json!(member.acquired)),
            ("New Status", json!(status.0)),
            ("New Status ID", json!(status.1)),
            ("Old Status", json!(before.0)),
            ("Old Status ID", json!(before.1)),
            ("Program Member ID", json!(number)),
            ("Success", json!(status.2)),
        ];
        if !reason.is_empty() {
            attributes.push(("Reason", json!(reason)));
        }
        self.next_member += u64::from(number == fresh);
        self.record(lead, STATUS, (Some(id), &name), attributes, secs);
    }

    /// Takes a lead out of a program, which leaves no activity.
    pub fn remove_member(&mut self, program: u64, lead: u64) {
        if let Some(program) = self.program_mut(program)
            && let Ok(place) = program.find(lead)
        {
            program.members.remove(place);
        }
    }

    /// Adds an e-mail, in a program if one is given, and tells its id.
    pub fn add_email(&mut self, name: &str, program: Option<u64>, at: Timestamp) -> u64 {
        let id = FIRST_EMAIL + self.emails.len() as u64;
        self.emails.push(Email { id, name: name.to_owned(), program, created: at.as_second() });
        let program = program.and_then(|program| self.program(program));
        let full = program.map_or_else(String::new, |program| format!("{}.", program.name));
        let attributes: Attributes = Arc::from(vec![
            ("Campaign Run ID", json!(id * 10)),
            ("Choice Number", json!(0)),
            ("Has Predictive", json!(false)),
            ("Step ID", json!(id * 7)),
            ("Test Variant", json!(0)),
        ]);
        self.sends.insert(id, (Arc::from(full + name), attributes));
        id
    }

    /// Sends an e-mail to a lead: the activities `Send Email` and `Email Delivered`, which tell the time `at`
    /// and which nobody sees before `visible`. The id of the first is told; 0 where there is no such e-mail.
    pub fn send_email(&mut self, lead: u64, email: u64, at: Timestamp, visible: Timestamp) -> u64 {
        let sent = self.mailing(lead, email, SEND, at.as_second(), visible.as_second());
        self.mailing(lead, email, DELIVERED, at.as_second(), visible.as_second());
        sent
    }

    /// What a lead did with an e-mail: `Open Email`, `Click Email`, `Unsubscribe Email`.
    pub fn answer_email(&mut self, lead: u64, email: u64, kind: &str, at: Timestamp) -> u64 {
        self.mailing(lead, email, kind, at.as_second(), at.as_second())
    }

    fn mailing(&mut self, lead: u64, email: u64, kind: &str, at: i64, visible: i64) -> u64 {
        let (Some(kind), Some(told)) = (kinds::named(kind), self.sends.get(&email)) else {
            return 0;
        };
        let (primary, mut attributes) = (Arc::clone(&told.0), Arc::clone(&told.1));
        if ![SEND, DELIVERED].contains(&kind.name) {
            attributes = Arc::from(vec![attributes[0].clone()]);
        }
        let (primary_id, campaign) = (Some(email as i64), Some(email + CAMPAIGNS_ABOVE));
        let id = 0;
        let activity =
            Activity { id, lead, kind, at, visible, campaign, primary_id, primary, attributes };
        self.log.add(activity)
    }

    /// Deletes a lead with its memberships and its activities, which leaves the activity `Delete Lead`.
    pub fn delete_lead(&mut self, lead: u64, at: Timestamp) {
        let Some(found) = self.find(lead) else { return };
        let name = ["firstName", "lastName"].map(|field| self.text_of(found, field)).join(" ");
        self.leads.remove(found);
        for program in &mut self.programs {
            program.members.retain(|member| member.lead != lead);
        }
        self.log.retain(|row| row.lead != lead);
        let primary = (Some(lead as i64), name.trim());
        self.record(lead, DELETE, primary, Vec::new(), at.as_second());
    }

    fn text_of(&self, lead: usize, field: &str) -> String {
        self.place(field)
            .map(|place| text(&self.value(&self.leads[lead], place)))
            .unwrap_or_default()
    }

    /// Merges leads into one, which leaves the activity `Merge Leads` of the winner. The losers vanish without
    /// an activity; what belonged to them belongs to the winner, whose empty fields take their values.
    pub fn merge_leads(&mut self, winner: u64, losers: &[u64], at: Timestamp) {
        let secs = at.as_second();
        let known = |lead: &&u64| **lead != winner && self.find(**lead).is_some();
        let losers: Vec<u64> = losers.iter().filter(known).copied().collect();
        if losers.is_empty() || self.find(winner).is_none() {
            return;
        }
        for loser in &losers {
            self.take_over(winner, *loser);
        }
        if let Some(found) = self.find(winner) {
            self.leads[found].updated = secs;
            self.leads[found].changed = secs;
        }
        let ids: Vec<String> = losers.iter().map(u64::to_string).collect();
        let attributes = vec![
            ("Master Updated", json!(true)),
            ("Merge IDs", json!(format!("[{}]", ids.join(", ")))),
            ("Merge Source", json!("Web service API")),
            ("Merged in Sales", json!(false)),
        ];
        self.record(winner, MERGE, (Some(winner as i64), ""), attributes, secs);
    }

    fn take_over(&mut self, winner: u64, loser: u64) {
        let Some(found) = self.find(loser) else { return };
        let gone = self.leads.remove(found);
        let Some(kept) = self.find(winner) else { return };
        let kept = &mut self.leads[kept].cells;
        for (place, value) in gone.cells {
            if !kept.iter().any(|cell| cell.0 == place) {
                kept.push((place, value));
            }
        }
        for program in &mut self.programs {
            let Ok(place) = program.find(loser) else { continue };
            let mut member = program.members.remove(place);
            member.lead = winner;
            if let Err(place) = program.find(winner) {
                program.members.insert(place, member);
            }
        }
        for row in self.log.rows_mut().filter(|row| row.lead == loser) {
            row.lead = winner;
        }
    }

    /// The status of a lead in a program.
    pub fn status_in(&self, program: u64, lead: u64) -> Option<&'static str> {
        let program = self.program(program)?;
        program.find(lead).ok().map(|place| program.members[place].status.0)
    }

    /// The first lead whose field has a value; case does not count.
    pub(super) fn lead_with(&self, place: usize, value: &Value) -> Option<u64> {
        let wanted = text(value).to_lowercase();
        let mut leads = self.leads.iter();
        leads.find(|l| text(&self.value(l, place)).to_lowercase() == wanted).map(|lead| lead.id)
    }
}
