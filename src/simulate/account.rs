//! The company's CRM at an instant, as an account of a third simulated vendor: what happened is replayed
//! in the order of time, so that a later account holds the same records under the same ids.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

use super::company::Company;
use super::pipedrive::Account;
use super::{CHANNELS, OWNERS, ZONE};

const FIRST_STAGE: &str = "qualified";
const STAGES: [&str; 4] = [FIRST_STAGE, "discovery", "proposal", "negotiation"];

/// Something that happened, and to which of the leads, deals or activities.
enum Happening {
    Lead(usize),
    Qualified(usize),
    Disqualified(usize),
    Deal(usize),
    HandOff(usize, &'static str),
    Stage(usize, &'static str),
    Forecast(usize),
    Activity(usize),
    Merged(usize),
}

struct Replay<'a> {
    company: &'a Company,
    account: Account,
    now: DateTime,
    /// The keys of the custom fields.
    keys: [String; 3],
    users: Vec<String>,
    leads: Vec<String>,
    persons: Vec<String>,
    /// Which leads are deals now.
    converted: Vec<bool>,
    deals: Vec<String>,
}

impl Company {
    /// The account as it stands at an instant. Disqualified leads are in the archive. Custom fields:
    /// `Segment`, `MQL at`, `Disqualified at`; campaigns are in `channel_id`.
    pub fn account_at(&self, now: Timestamp) -> Account {
        let Ok(now) = now.in_tz(ZONE) else { return Account::empty() };
        let now = now.datetime();
        let mut happenings = self.account_happenings(now);
        happenings.retain(|happening| happening.0 <= now);
        happenings.sort_by_key(|happening| happening.0);
        let mut account = Account::empty();
        let keys = ["Segment", "MQL at", "Disqualified at"];
        let keys = keys.map(|label| account.add_field(label, "varchar", &[]));
        let mut replay = Replay {
            company: self,
            account,
            now,
            keys,
            users: Vec::new(),
            leads: vec![String::new(); self.leads.len()],
            persons: vec![String::new(); self.leads.len()],
            converted: vec![false; self.leads.len()],
            deals: vec![String::new(); self.deals.len()],
        };
        replay.add_people_and_stages();
        for (at, happening) in &happenings {
            replay.happens(*at, happening);
        }
        replay.account.purge(instant(now));
        replay.account
    }

    fn account_happenings(&self, now: DateTime) -> Vec<(DateTime, Happening)> {
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
            all.extend(deal.last_forecast(now).map(|at| (at, Happening::Forecast(number))));
            all.extend(deal.deleted.map(|at| (at, Happening::Merged(number))));
        }
        for (number, activity) in self.activities.iter().enumerate() {
            all.push((activity.at, Happening::Activity(number)));
        }
        all
    }
}

impl Replay<'_> {
    fn add_people_and_stages(&mut self) {
        self.account.set_stages(&STAGES);
        let channels: Vec<&str> = CHANNELS.iter().map(|channel| channel.source).collect();
        self.account.set_channels(&channels);
        let at = instant(super::HISTORY_FIRST_DAY.at(6, 0, 0, 0));
        for owner in &OWNERS {
            let email = format!("{}@example.com", owner.id.trim_start_matches("u-"));
            let fields = [("name", json!(owner.name)), ("email", json!(email))];
            self.users.push(self.account.create("users", &fields, at));
        }
    }

    fn user(&self, owner: &str) -> Value {
        let place = OWNERS.iter().position(|known| known.id == owner);
        let user = place.and_then(|place| self.users[place].parse::<u64>().ok());
        user.map_or(Value::Null, |user| json!(user))
    }

    fn happens(&mut self, at: DateTime, happening: &Happening) {
        let moment = instant(at);
        match *happening {
            Happening::Lead(number) => self.add_lead(number, moment),
            Happening::Qualified(number) => {
                let owner = self.user(self.company.leads[number].owner.id);
                let told = json!(moment.to_string());
                let fields = [(self.keys[1].as_str(), told), ("owner_id", owner)];
                self.account.update("leads", &self.leads[number], &fields, moment);
            }
            Happening::Disqualified(number) => {
                let fields = [(self.keys[2].as_str(), json!(moment.to_string()))];
                self.account.update("leads", &self.leads[number], &fields, moment);
                self.account.archive("leads", &self.leads[number], moment);
            }
            Happening::Deal(number) => self.add_deal(number, at),
            Happening::HandOff(number, owner) => {
                let fields = [("owner_id", self.user(owner))];
                self.account.update("deals", &self.deals[number], &fields, moment);
            }
            Happening::Stage(number, stage) => self.move_deal(number, stage, at),
            Happening::Forecast(number) => {
                let deal = &self.company.deals[number];
                if deal.closes > at {
                    let day = deal.expected_close_at(self.now).to_string();
                    let fields = [("expected_close_date", json!(day))];
                    self.account.update("deals", &self.deals[number], &fields, moment);
                }
            }
            Happening::Activity(number) => self.add_activity(number, at),
            Happening::Merged(number) => self.merge(number, moment),
        }
    }

    fn add_lead(&mut self, number: usize, at: Timestamp) {
        let lead = &self.company.leads[number];
        let name = json!(format!("Person {number}"));
        let person = self.account.create("persons", &[("name", name.clone())], at);
        let campaign = lead.campaign.map(super::exports::campaign_id);
        let fields = [
            ("title", name),
            ("person_id", json!(person.parse::<u64>().ok())),
            ("channel", json!(self.account.channel(lead.channel.source))),
            ("channel_id", json!(campaign)),
            (self.keys[0].as_str(), json!(lead.segment.name)),
        ];
        self.leads[number] = self.account.create("leads", &fields, at);
        self.persons[number] = person;
    }

    fn add_deal(&mut self, number: usize, created: DateTime) {
        let deal = &self.company.deals[number];
        let at = instant(created);
        let (_, created_missing) = self.company.deals_typed_wrong();
        let mut fields = vec![
            ("title", json!(format!("Deal {number}"))),
            ("value", json!(deal.amount)),
            ("currency", json!(deal.currency)),
            ("expected_close_date", json!(deal.expected_close_at(created).to_string())),
        ];
        if created_missing == Some(number) {
            fields.push(("add_time", Value::Null));
        }
        let open = deal.lead.filter(|lead| !self.converted[*lead]);
        let id = match open {
            Some(lead) => {
                self.converted[lead] = true;
                let id = self.account.convert_lead(&self.leads[lead], at);
                self.account.update("deals", &id, &fields, at);
                id
            }
            None => {
                let person = deal.lead.and_then(|lead| self.persons[lead].parse::<u64>().ok());
                fields.push(("person_id", json!(person)));
                if let Some(lead) = deal.lead.map(|lead| &self.company.leads[lead]) {
                    let channel = self.account.channel(lead.channel.source);
                    fields.push(("channel", json!(channel)));
                }
                self.account.create("deals", &fields, at)
            }
        };
        self.deals[number] = id;
    }

    fn move_deal(&mut self, number: usize, stage: &str, at: DateTime) {
        let deal = &self.company.deals[number];
        let (closed_too_early, _) = self.company.deals_typed_wrong();
        let status = match stage {
            "closed_won" => "won",
            "closed_lost" => "lost",
            open => {
                let place = STAGES.iter().position(|known| *known == open).unwrap_or(0);
                let fields = [("stage_id", json!(place + 1))];
                self.account.update("deals", &self.deals[number], &fields, instant(at));
                return;
            }
        };
        let mut fields = vec![("status", json!(status))];
        if let Some(reason) = deal.lost_reason.filter(|_| status == "lost") {
            fields.push(("lost_reason", json!(reason)));
        }
        if let (true, Some(lead)) = (closed_too_early == Some(number), deal.lead) {
            let before = self.company.leads[lead].created.saturating_sub(Span::new().days(1));
            let told = json!(instant(before).to_string());
            fields.push((if status == "won" { "won_time" } else { "lost_time" }, told.clone()));
            fields.push(("close_time", told));
        }
        self.account.update("deals", &self.deals[number], &fields, instant(at));
    }

    fn add_activity(&mut self, number: usize, at: DateTime) {
        let activity = &self.company.activities[number];
        let kind = match activity.kind {
            "CALL" => "call",
            "MEETING" => "meeting",
            "EMAIL_OUT" => "email",
            "TASK" => "task",
            // Mails that came in and notes are kept elsewhere.
            _ => return,
        };
        let deal = self.deals[activity.deal].parse::<u64>().ok();
        let fields = [
            ("subject", json!(kind)),
            ("type", json!(kind)),
            ("owner_id", self.user(activity.owner.id)),
            ("deal_id", json!(deal)),
            ("due_date", json!(at.date().to_string())),
            ("done", json!(true)),
        ];
        self.account.create("activities", &fields, instant(at));
    }

    /// A deal that existed twice lives on in the first of the pair.
    fn merge(&mut self, number: usize, at: Timestamp) {
        let deals = &self.company.deals;
        let twin = &deals[number];
        let first = deals.iter().position(|deal| {
            deal.deleted.is_none() && deal.lead == twin.lead && deal.amount == twin.amount
        });
        if let Some(first) = first {
            self.account.merge_deals(&self.deals[first], &self.deals[number], at);
        }
    }
}

fn instant(at: DateTime) -> Timestamp {
    let zone = TimeZone::get(ZONE).unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).map(|at| at.timestamp()).unwrap_or(Timestamp::UNIX_EPOCH)
}
