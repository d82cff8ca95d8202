//! The company's marketing automation at an instant, as an instance of another simulated vendor: what
//! happened is replayed in the order of time, so that a later instance holds the same records under the
//! same ids. Leads and campaigns are those of the simulated org, under its ids.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use serde_json::json;

use super::company::Company;
use super::marketo::Instance;
use super::org::lead_email;
use super::salesforce::record_id;
use super::{Campaign, HISTORY_FIRST_DAY, HISTORY_LAST_DAY, Rng, ZONE};

/// The program that sends the newsletter.
const NEWSLETTER: &str = "Newsletter: Rack notes";
/// The hour at which the newsletter leaves, on the first Tuesday of each month.
const NEWSLETTER_HOUR: i8 = 10;
/// The newsletter goes to so many minutes' worth of leads, one after the other.
const SENDING_MINUTES: usize = 30;
/// What was sent is committed when it has been delivered, which takes between these.
const COMMITTED_SECS: (f64, f64) = (300.0, 2_400.0);
const NOT_SYNCED_SHARE: f64 = 0.05;
const FORM_SHARE: f64 = 0.85;
const UNSUBSCRIBED_SHARE: f64 = 0.04;
const OPENED_SHARE: f64 = 0.18;
const CLICKED_SHARE: f64 = 0.03;
/// The program of every so many campaigns is not linked with the campaign.
const UNLINKED_EVERY: usize = 4;

/// Something that happened, and to which lead.
#[derive(Clone, Copy)]
enum Happening {
    Lead(usize),
    Qualified(usize),
    Disqualified(usize),
    /// Which contact it became.
    Converted(usize, u64),
    /// A newsletter is made.
    Newsletter(Date),
    Sent(usize, usize),
    Opened(usize, usize),
    Clicked(usize, usize),
    Unsubscribed(usize, usize),
}

struct Replay<'a> {
    company: &'a Company,
    instance: Instance,
    programs: Vec<u64>,
    newsletters: Vec<u64>,
    leads: Vec<u64>,
}

/// The channel of programs that the leads of a source come from, with the statuses that such a lead has at
/// first and once it is qualified.
fn channel(source: &str) -> (&'static str, &'static str, &'static str) {
    match source {
        "PAID_SEARCH" => ("Online Advertising", "Member", "Engaged"),
        "WEBINAR" => ("Webinar", "Registered", "Attended"),
        "EMAIL_MARKETING" => ("Email Send", "Opened", "Clicked"),
        "REFERRALS" => ("Partner", "Member", "Engaged"),
        "TRADE_SHOW" => ("Tradeshow", "Invited", "Visited Booth"),
        "SOCIAL_MEDIA" => ("Social", "Member", "Engaged"),
        _ => ("Content", "Member", "Engaged"),
    }
}

/// Whether the synchronisation with the CRM has missed a lead.
fn is_synced(number: usize) -> bool {
    !Rng::of(0, "not-synced", number).chance(NOT_SYNCED_SHARE)
}

/// The address of a lead. Where the CRM did not bring it, people may have typed it.
fn email(number: usize) -> String {
    let told = lead_email(number);
    match is_synced(number) || number.is_multiple_of(2) {
        true => told,
        false => told.replace("person", "Person").replace("lead.", "Lead."),
    }
}

/// When each newsletter leaves.
fn newsletters() -> Vec<DateTime> {
    let mut all = Vec::new();
    let mut first = HISTORY_FIRST_DAY.first_of_month();
    while first <= HISTORY_LAST_DAY {
        if let Ok(tuesday) = first.nth_weekday_of_month(1, Weekday::Tuesday)
            && (HISTORY_FIRST_DAY..=HISTORY_LAST_DAY).contains(&tuesday)
        {
            all.push(tuesday.at(NEWSLETTER_HOUR, 0, 0, 0));
        }
        first = first.saturating_add(Span::new().months(1));
    }
    all
}

impl Company {
    /// The instance as it stands at an instant. `leadStatus` becomes `MQL` and `Disqualified`.
    pub fn instance_at(&self, now: Timestamp) -> Instance {
        let Ok(now) = now.in_tz(ZONE) else { return Instance::empty() };
        let now = now.datetime();
        let mut happenings = self.lead_happenings();
        self.add_mailings(&mut happenings);
        happenings.retain(|happening| happening.0 <= now);
        happenings.sort_by_key(|happening| happening.0);
        let mut replay = Replay {
            company: self,
            instance: Instance::empty(),
            programs: Vec::new(),
            newsletters: Vec::new(),
            leads: vec![0; self.leads.len()],
        };
        replay.opening();
        for (at, happening) in happenings {
            replay.happens(at, happening);
        }
        replay.instance
    }

    fn lead_happenings(&self) -> Vec<(DateTime, Happening)> {
        let mut all = Vec::new();
        for (number, lead) in self.leads.iter().enumerate() {
            all.push((lead.created, Happening::Lead(number)));
            all.extend(lead.became_mql.map(|at| (at, Happening::Qualified(number))));
            all.extend(lead.disqualified.map(|at| (at, Happening::Disqualified(number))));
        }
        // The org makes a contact of a lead with its first deal, and numbers them as they come.
        let mut converted = vec![false; self.leads.len()];
        let mut contacts = 0;
        for deal in &self.deals {
            if let Some(lead) = deal.lead.filter(|lead| !converted[*lead]) {
                converted[lead] = true;
                contacts += 1;
                all.push((deal.created, Happening::Converted(lead, contacts)));
            }
        }
        all
    }

    fn add_mailings(&self, all: &mut Vec<(DateTime, Happening)>) {
        let newsletters = newsletters();
        for at in &newsletters {
            all.push((
                at.date().at(NEWSLETTER_HOUR - 1, 0, 0, 0),
                Happening::Newsletter(at.date()),
            ));
        }
        for (number, lead) in self.leads.iter().enumerate() {
            let mut rng = Rng::of(0, "newsletter", number);
            let unsubscribes = rng.chance(UNSUBSCRIBED_SHARE).then(|| rng.below(6));
            let due = newsletters.iter().enumerate().filter(|(_, at)| lead.created < **at);
            for (turn, (issue, at)) in due.enumerate() {
                let minutes = (number % SENDING_MINUTES) as i64;
                let at = *at + SignedDuration::from_mins(minutes);
                if lead.disqualified.is_some_and(|judged| judged <= at) {
                    break;
                }
                all.push((at, Happening::Sent(issue, number)));
                let later = at + SignedDuration::from_mins(60 + rng.below(600) as i64);
                let (opens, clicks) = (rng.chance(OPENED_SHARE), rng.chance(CLICKED_SHARE));
                if opens || clicks {
                    all.push((later, Happening::Opened(issue, number)));
                }
                if clicks {
                    all.push((later, Happening::Clicked(issue, number)));
                }
                if unsubscribes == Some(turn) {
                    all.push((later, Happening::Unsubscribed(issue, number)));
                    break;
                }
            }
        }
    }
}

impl Replay<'_> {
    fn opening(&mut self) {
        let at = instant(HISTORY_FIRST_DAY.at(6, 0, 0, 0));
        for (number, campaign) in self.company.campaigns.iter().enumerate() {
            let source = campaign.channel.source;
            let id = self.instance.add_program(&campaign.name, channel(source).0, at);
            self.instance.add_tag(id, "Channel", source);
            self.add_costs(id, campaign);
            if (number + 1) % UNLINKED_EVERY != 0 {
                let theirs = record_id("701", number as u64 + 1);
                self.instance.link_campaign(id, &theirs, &campaign.name);
            }
            self.programs.push(id);
        }
    }

    /// One half is spent in the month of the beginning, the other in that of the end.
    fn add_costs(&mut self, program: u64, campaign: &Campaign) {
        for day in [campaign.first_day, campaign.last_day] {
            let month = day.first_of_month().to_string();
            self.instance.add_cost(program, &month, campaign.cost_usd / 2.0);
        }
    }

    fn happens(&mut self, at: DateTime, happening: Happening) {
        let moment = instant(at);
        match happening {
            Happening::Lead(number) => self.add_lead(number, moment),
            Happening::Qualified(number) => {
                self.instance.change(self.leads[number], "leadStatus", json!("MQL"), moment);
                let lead = &self.company.leads[number];
                if let Some(campaign) = lead.campaign {
                    let (program, status) =
                        (self.programs[campaign], channel(lead.channel.source).2);
                    self.instance.set_member(program, self.leads[number], status, moment);
                }
            }
            Happening::Disqualified(number) => {
                let status = json!("Disqualified");
                self.instance.change(self.leads[number], "leadStatus", status, moment);
            }
            Happening::Converted(number, contact) => self.convert(number, contact, moment),
            Happening::Newsletter(day) => {
                let name = format!("Rack notes {}-{:02}", day.year(), day.month());
                let program = self.instance.program_named(NEWSLETTER);
                self.newsletters.push(self.instance.add_email(&name, program, moment));
            }
            Happening::Sent(issue, number) => {
                let mut rng = Rng::of(issue as u64, "committed", number);
                let secs = rng.between(COMMITTED_SECS.0, COMMITTED_SECS.1) as i64;
                let visible = moment + SignedDuration::from_secs(secs);
                let (lead, email) = (self.leads[number], self.newsletters[issue]);
                self.instance.send_email(lead, email, moment, visible);
            }
            Happening::Opened(issue, number) => self.answer(issue, number, "Open Email", moment),
            Happening::Clicked(issue, number) => self.answer(issue, number, "Click Email", moment),
            Happening::Unsubscribed(issue, number) => {
                self.answer(issue, number, "Unsubscribe Email", moment);
                self.instance.change(self.leads[number], "unsubscribed", json!(true), moment);
            }
        }
    }

    fn answer(&mut self, issue: usize, number: usize, kind: &str, at: Timestamp) {
        self.instance.answer_email(self.leads[number], self.newsletters[issue], kind, at);
    }

    fn add_lead(&mut self, number: usize, at: Timestamp) {
        let lead = &self.company.leads[number];
        let mut fields = vec![
            ("email", json!(email(number))),
            ("lastName", json!(format!("Person {number}"))),
            ("company", json!("[not provided]")),
            ("country", json!("United States")),
            ("leadSource", json!(lead.channel.source)),
            ("leadStatus", json!("New")),
            ("leadScore", json!(10)),
            ("unsubscribed", json!(false)),
            ("originalSourceType", json!("Web form fillout")),
            ("segment", json!(lead.segment.name)),
            ("externalId", json!(super::exports::lead_id(number))),
        ];
        if is_synced(number) {
            let theirs = record_id("00Q", number as u64 + 1);
            fields.push(("sfdcType", json!("Lead")));
            fields.push(("sfdcId", json!(theirs)));
            fields.push(("sfdcLeadId", json!(theirs)));
        }
        if let Some(campaign) = lead.campaign {
            fields.push(("acquisitionProgramId", json!(self.programs[campaign])));
            fields.push(("acquisitionDate", json!(at.to_string())));
        }
        let id = self.instance.create_lead(&fields, at);
        self.leads[number] = id;
        self.fill_out_form(number, at);
        if let Some(campaign) = lead.campaign {
            let status = channel(lead.channel.source).1;
            self.instance.set_member(self.programs[campaign], id, status, at);
        }
    }

    fn fill_out_form(&mut self, number: usize, at: Timestamp) {
        if !Rng::of(0, "form", number).chance(FORM_SHARE) {
            return;
        }
        let (lead, page) = (self.leads[number], json!("/contact"));
        let visited = [("Webpage URL", page), ("Client IP Address", json!("192.0.2.7"))];
        let primary = (Some(71), "www.northwind.example/contact");
        self.instance.add_activity(lead, "Visit Webpage", primary, &visited, at, at);
        let campaign = self.company.leads[number].campaign;
        let form = match campaign {
            Some(campaign) => format!("{}.Sign-up", self.company.campaigns[campaign].name),
            None => "Contact us".to_owned(),
        };
        let id = campaign.map_or(300, |campaign| 301 + campaign as i64);
        let filled = [("Webpage ID", json!(71)), ("Client IP Address", json!("192.0.2.7"))];
        self.instance.add_activity(lead, "Fill Out Form", (Some(id), &form), &filled, at, at);
    }

    /// The lead is a contact of the CRM now, if it knows it at all.
    fn convert(&mut self, number: usize, contact: u64, at: Timestamp) {
        if !is_synced(number) {
            return;
        }
        let (lead, theirs) = (self.leads[number], record_id("003", contact));
        self.instance.set(lead, "sfdcContactId", json!(theirs), at);
        self.instance.set(lead, "sfdcId", json!(theirs), at);
        self.instance.set(lead, "sfdcAccountId", json!(record_id("001", contact)), at);
        self.instance.change(lead, "sfdcType", json!("Contact"), at);
    }
}

fn instant(at: DateTime) -> Timestamp {
    let zone = TimeZone::get(ZONE).unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).map(|at| at.timestamp()).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    fn now() -> Timestamp {
        "2026-11-23T12:00:00Z".parse().unwrap()
    }

    #[test]
    fn leads_and_campaigns_are_those_of_the_simulated_org() {
        let company = Company::generate(42);
        let (instance, org) = (company.instance_at(now()), company.org_at(now()));
        let (mut synced, mut contacts, mut typed) = (0, 0, 0);
        let leads = instance.leads();
        for id in &leads {
            let lead = instance.lead(*id).unwrap();
            let told = lead["email"].as_str().unwrap();
            let Some(theirs) = lead.get("sfdcLeadId") else {
                typed += usize::from(told != told.to_lowercase());
                assert!(!lead.contains_key("sfdcContactId") && !lead.contains_key("sfdcType"));
                continue;
            };
            synced += 1;
            let theirs = org.get("Lead", theirs.as_str().unwrap()).unwrap();
            assert_eq!(theirs["Email"], lead["email"]);
            assert_eq!(theirs["LastName"], lead["lastName"]);
            let contact = lead.get("sfdcContactId").cloned().unwrap_or_default();
            assert_eq!(theirs["ConvertedContactId"], contact);
            contacts += usize::from(!contact.is_null());
            let account = lead.get("sfdcAccountId").cloned().unwrap_or_default();
            assert_eq!(theirs["ConvertedAccountId"], account);
            let is = if contact.is_null() { "Lead" } else { "Contact" };
            assert_eq!(lead["sfdcType"], is);
        }
        assert_eq!(leads.len(), org.count("Lead"));
        let missed = (leads.len() - synced) as f64 / leads.len() as f64;
        assert!((0.04..0.06).contains(&missed) && typed > 100 && contacts > 1000, "{missed}");
    }

    #[test]
    fn programs_are_called_as_the_campaigns_of_the_org_are() {
        let company = Company::generate(42);
        let (instance, org) = (company.instance_at(now()), company.org_at(now()));
        for (number, campaign) in company.campaigns.iter().enumerate() {
            assert!(instance.program_named(&campaign.name).is_some());
            let theirs = org.get("Campaign", &record_id("701", number as u64 + 1)).unwrap();
            assert_eq!(theirs["Name"], campaign.name.as_str());
        }
    }

    #[test]
    fn a_later_instance_holds_the_same_records_under_the_same_ids() {
        let company = Company::generate(7);
        let early = company.instance_at("2026-03-02T12:00:00Z".parse().unwrap());
        let late = company.instance_at("2026-03-06T12:00:00Z".parse().unwrap());
        assert!(early.leads().len() < late.leads().len());
        let (early, late) = (early.activities(), late.activities());
        let late: HashMap<u64, _> = late.into_iter().map(|row| (row.0, row)).collect();
        assert!(early.iter().all(|row| late[&row.0] == *row));
    }

    #[test]
    fn statuses_forms_and_newsletters_are_in_the_log() {
        let company = Company::generate(42);
        let instance = company.instance_at(now());
        let end = now().in_tz(ZONE).unwrap().datetime();
        let past = |at: Option<DateTime>| at.is_some_and(|at| at <= end);
        let mqls = company.leads.iter().filter(|lead| past(lead.became_mql)).count();
        let of = |status: &str| instance.changes_to("leadStatus", status);
        assert_eq!(of("MQL"), mqls);
        let judged = company.leads.iter().filter(|lead| past(lead.disqualified)).count();
        assert_eq!(of("Disqualified"), judged);
        let leads = instance.leads().len();
        assert_eq!(instance.count_activities("New Lead"), leads);
        let forms = instance.count_activities("Fill Out Form") as f64 / leads as f64;
        assert!((0.8..0.9).contains(&forms));
        assert!(instance.count_activities("Send Email") > 3 * leads);
        assert!(instance.count_activities("Unsubscribe Email") > 100);
    }
}
