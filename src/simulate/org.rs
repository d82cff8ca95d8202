//! The company's CRM at an instant, as an org of the other simulated vendor: what happened is
//! replayed in the order of time, so that a later org holds the same records under the same ids.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

use super::company::{Company, Deal};
use super::salesforce::Org;
use super::{OWNERS, ZONE};

/// Every so many activities are logged on the contact only, as many are in practice.
const ON_CONTACT_ONLY: usize = 4;
/// Closed tasks and past events that are older are archived.
const ARCHIVED_AFTER_DAYS: i64 = 365;
const FIRST_STAGE: &str = "qualified";
const WON: &str = "Closed Won";
const LOST: &str = "Closed Lost";

/// Something that happened, and to which of the leads, deals or activities.
enum Happening {
    Lead(usize),
    Qualified(usize),
    Disqualified(usize),
    Deal(usize),
    HandOff(usize, &'static str),
    Stage(usize, &'static str),
    Forecast(usize, Date),
    Activity(usize),
    Merged(usize),
}

struct Replay<'a> {
    company: &'a Company,
    org: Org,
    now: DateTime,
    users: Vec<String>,
    campaigns: Vec<String>,
    leads: Vec<String>,
    /// The contact that a lead became.
    contacts: Vec<String>,
    deals: Vec<String>,
}

impl Company {
    /// The org as it stands at an instant.
    pub fn org_at(&self, now: Timestamp) -> Org {
        let Ok(now) = now.in_tz(ZONE) else { return Org::empty() };
        let now = now.datetime();
        let mut happenings = self.happenings(now);
        happenings.retain(|happening| happening.0 <= now);
        happenings.sort_by_key(|happening| happening.0);
        let mut replay = Replay {
            company: self,
            org: Org::empty(),
            now,
            users: Vec::new(),
            campaigns: Vec::new(),
            leads: vec![String::new(); self.leads.len()],
            contacts: vec![String::new(); self.leads.len()],
            deals: vec![String::new(); self.deals.len()],
        };
        replay.opening();
        for (at, happening) in &happenings {
            replay.happens(*at, happening);
        }
        replay.org
    }

    fn happenings(&self, now: DateTime) -> Vec<(DateTime, Happening)> {
        let mut all = Vec::new();
        for (number, lead) in self.leads.iter().enumerate() {
            all.push((lead.created, Happening::Lead(number)));
            all.extend(lead.became_mql.map(|at| (at, Happening::Qualified(number))));
            all.extend(lead.disqualified.map(|at| (at, Happening::Disqualified(number))));
        }
        for (number, deal) in self.deals.iter().enumerate() {
            all.push((deal.created, Happening::Deal(number)));
            for change in &deal.hand_offs {
                all.push((change.at, Happening::HandOff(number, change.owner.id)));
            }
            for (at, stage) in deal.stages_until(now).into_iter().skip(1) {
                all.push((at, Happening::Stage(number, stage)));
            }
            all.extend(deal.forecasts(now).map(|(at, day)| (at, Happening::Forecast(number, day))));
            all.extend(deal.deleted.map(|at| (at, Happening::Merged(number))));
        }
        for (number, activity) in self.activities.iter().enumerate() {
            all.push((activity.at, Happening::Activity(number)));
        }
        all
    }
}

impl Deal {
    /// Each time when its owner moved the expected close, and to which day.
    fn forecasts(&self, now: DateTime) -> impl Iterator<Item = (DateTime, Date)> {
        let last = self.closes.min(now);
        let mut expected = self.expected_close_at(self.created);
        let first = self.created.date().saturating_add(Span::new().days(1));
        let mornings = first.series(Span::new().days(1)).map(|day| day.at(9, 0, 0, 0));
        mornings.take_while(move |at| *at < last).filter_map(move |at| {
            let told = self.expected_close_at(at);
            let moved = told != expected;
            expected = told;
            moved.then_some((at, told))
        })
    }
}

impl Replay<'_> {
    fn opening(&mut self) {
        let open = [FIRST_STAGE, "discovery", "proposal", "negotiation"];
        let mut stages: Vec<_> = open.iter().map(|name| (*name, 40.0, false, false)).collect();
        stages.extend([(WON, 100.0, true, true), (LOST, 0.0, true, false)]);
        self.org.set_stages(&stages);
        self.org.set_multicurrency(true);
        self.org.track_owner_history(true);
        let at = instant(super::HISTORY_FIRST_DAY.at(6, 0, 0, 0));
        for owner in &OWNERS {
            let email = format!("{}@example.com", owner.id.trim_start_matches("u-"));
            let (first, last) = owner.name.split_once(' ').unwrap_or(("", owner.name));
            let fields = [
                ("FirstName", json!(first)),
                ("LastName", json!(last)),
                ("Email", json!(email)),
                ("Username", json!(email)),
            ];
            self.users.push(self.org.create("User", &fields, at));
        }
        for campaign in &self.company.campaigns {
            let fields = [
                ("Name", json!(campaign.name)),
                ("Type", json!(campaign.channel.source)),
                ("ActualCost", json!(campaign.cost_usd)),
                ("StartDate", json!(campaign.first_day.to_string())),
                ("EndDate", json!(campaign.last_day.to_string())),
                ("CurrencyIsoCode", json!("USD")),
            ];
            self.campaigns.push(self.org.create("Campaign", &fields, at));
        }
    }

    fn user(&self, owner: &str) -> Value {
        let place = OWNERS.iter().position(|known| known.id == owner);
        place.map_or(Value::Null, |place| json!(self.users[place]))
    }

    fn happens(&mut self, at: DateTime, happening: &Happening) {
        let moment = instant(at);
        match *happening {
            Happening::Lead(number) => self.add_lead(number, moment),
            Happening::Qualified(number) => {
                let owner = self.user(self.company.leads[number].owner.id);
                let told = json!(moment.to_string());
                let fields =
                    [("Status", json!("Qualified")), ("Mql_At__c", told), ("OwnerId", owner)];
                self.org.update("Lead", &self.leads[number], &fields, moment);
            }
            Happening::Disqualified(number) => {
                let told = json!(moment.to_string());
                let fields = [("Status", json!("Unqualified")), ("Disqualified_At__c", told)];
                self.org.update("Lead", &self.leads[number], &fields, moment);
            }
            Happening::Deal(number) => self.add_deal(number, at),
            Happening::HandOff(number, owner) => {
                let fields = [("OwnerId", self.user(owner))];
                self.org.update("Opportunity", &self.deals[number], &fields, moment);
            }
            Happening::Stage(number, stage) => self.move_deal(number, stage, at),
            Happening::Forecast(number, day) => {
                let fields = [("CloseDate", json!(day.to_string()))];
                self.org.update("Opportunity", &self.deals[number], &fields, moment);
            }
            Happening::Activity(number) => self.add_activity(number, at),
            Happening::Merged(number) => {
                self.org.delete("Opportunity", &self.deals[number], moment);
            }
        }
    }

    fn add_lead(&mut self, number: usize, at: Timestamp) {
        let lead = &self.company.leads[number];
        let fields = [
            ("LastName", json!(format!("Person {number}"))),
            ("Company", json!("[not provided]")),
            ("Email", json!(lead_email(number))),
            ("LeadSource", json!(lead.channel.source)),
            ("Segment__c", json!(lead.segment.name)),
        ];
        self.leads[number] = self.org.create("Lead", &fields, at);
        if let Some(campaign) = lead.campaign {
            let fields = [
                ("CampaignId", json!(self.campaigns[campaign])),
                ("LeadId", json!(self.leads[number])),
                ("Status", json!("Responded")),
            ];
            self.org.create("CampaignMember", &fields, at);
        }
    }

    fn add_deal(&mut self, number: usize, created: DateTime) {
        let deal = &self.company.deals[number];
        let at = instant(created);
        let lead = deal.lead.map(|lead| &self.company.leads[lead]);
        let campaign = lead.and_then(|lead| lead.campaign);
        let fields = [
            ("Name", json!(format!("Deal {number}"))),
            ("StageName", json!(FIRST_STAGE)),
            ("Amount", json!(deal.amount)),
            ("CurrencyIsoCode", json!(deal.currency)),
            ("CloseDate", json!(deal.expected_close_at(created).to_string())),
            ("LeadSource", json!(lead.map_or("", |lead| lead.channel.source))),
            ("CampaignId", campaign.map_or(Value::Null, |place| json!(self.campaigns[place]))),
        ];
        self.deals[number] = self.org.create("Opportunity", &fields, at);
        if let Some(lead) = deal.lead {
            if self.contacts[lead].is_empty() {
                let deal = Some(self.deals[number].as_str());
                self.contacts[lead] = self.org.convert_lead(&self.leads[lead], deal, at);
            } else {
                let fields = [
                    ("OpportunityId", json!(self.deals[number])),
                    ("ContactId", json!(self.contacts[lead])),
                ];
                self.org.create("OpportunityContactRole", &fields, at);
            }
        }
    }

    fn move_deal(&mut self, number: usize, stage: &str, at: DateTime) {
        let deal = &self.company.deals[number];
        let (closed_too_early, _) = self.company.deals_typed_wrong();
        let mut fields = match stage {
            "closed_won" => vec![("StageName", json!(WON))],
            "closed_lost" => vec![
                ("StageName", json!(LOST)),
                ("Lost_Reason__c", json!(deal.lost_reason.unwrap_or_default())),
            ],
            open => vec![("StageName", json!(open))],
        };
        if deal.closes == at {
            let mut close = at.date();
            if let (true, Some(lead)) = (closed_too_early == Some(number), deal.lead) {
                let created = self.company.leads[lead].created;
                close = created.date().saturating_sub(Span::new().days(1));
            }
            fields.push(("CloseDate", json!(close.to_string())));
        }
        self.org.update("Opportunity", &self.deals[number], &fields, instant(at));
    }

    fn add_activity(&mut self, number: usize, at: DateTime) {
        let activity = &self.company.activities[number];
        let moment = instant(at);
        let told = json!(moment.to_string());
        let subtype = match activity.kind {
            "CALL" => "Call",
            "MEETING" => "Event",
            "EMAIL_OUT" => "Email",
            "TASK" => "Task",
            // Mails that came in and notes are kept elsewhere.
            _ => return,
        };
        let mut fields = vec![
            ("Subject", json!(subtype)),
            ("OwnerId", self.user(activity.owner.id)),
            ("ActivityDate", json!(at.date().to_string())),
        ];
        let lead = self.company.deals[activity.deal].lead;
        match lead.filter(|_| number.is_multiple_of(ON_CONTACT_ONLY)) {
            Some(lead) => fields.push(("WhoId", json!(self.contacts[lead]))),
            None => fields.push(("WhatId", json!(self.deals[activity.deal]))),
        }
        let object = if subtype == "Event" {
            fields.push(("StartDateTime", told));
            fields.push(("DurationInMinutes", json!(30)));
            "Event"
        } else {
            fields.push(("TaskSubtype", json!(subtype)));
            fields.push(("Status", json!("Completed")));
            "Task"
        };
        let id = self.org.create(object, &fields, moment);
        if at < self.now.saturating_sub(Span::new().days(ARCHIVED_AFTER_DAYS)) {
            self.org.archive(&id);
        }
    }
}

/// The address of a lead, by which other systems know it too.
pub(super) fn lead_email(number: usize) -> String {
    format!("person{number}@lead.example.com")
}

fn instant(at: DateTime) -> Timestamp {
    let zone = TimeZone::get(ZONE).unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).map(|at| at.timestamp()).unwrap_or(Timestamp::UNIX_EPOCH)
}
