//! The company's CRM at an instant, as a portal of the simulated vendor: another view of the same
//! history that `exports` writes to files.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};

use super::company::{Company, Deal};
use super::exports::{FORECAST_STEP_DAYS, STAGES};
use super::hubspot::{Object, Portal, Stage};
use super::{OWNERS, ZONE};

const CONTACTS_FROM: u64 = 1_001;
const DEALS_FROM: u64 = 5_000_000_001;
const ACTIVITIES_FROM: u64 = 9_000_000_001;
const OWNERS_FROM: u64 = 7_000_001;
/// Every so many activities are logged on the contact only, as many are in practice.
const ON_CONTACT_ONLY: usize = 4;

type Properties = Vec<(String, String)>;

impl Company {
    /// The portal as it stands at an instant. A later one holds the same records under the same
    /// numbers, and what changed in between has a stamp of its time.
    pub fn portal_at(&self, now: Timestamp) -> Portal {
        let mut portal = Portal::empty();
        let Ok(now) = now.in_tz(ZONE) else { return portal };
        let now = now.datetime();
        add_people_and_stages(&mut portal);
        self.add_contacts(&mut portal, now);
        for (number, deal) in self.deals.iter().enumerate().filter(|(_, deal)| deal.created <= now)
        {
            self.add_deal(&mut portal, number, deal, now);
        }
        self.add_activities(&mut portal, now);
        self.merge_twins(&mut portal, now);
        portal
    }

    fn add_contacts(&self, portal: &mut Portal, now: DateTime) {
        for (number, lead) in self.leads.iter().enumerate() {
            if lead.created > now {
                break;
            }
            let past = |at: Option<DateTime>| at.filter(|at| *at <= now);
            let (mql, disqualified) = (past(lead.became_mql), past(lead.disqualified));
            let owner = if mql.is_some() { owner_id(lead.owner.id) } else { String::new() };
            let campaign = lead.campaign.map_or_else(String::new, super::exports::campaign_id);
            let properties = named([
                ("createdate", told(Some(lead.created))),
                ("hs_v2_date_entered_marketingqualifiedlead", told(mql)),
                ("disqualified_at", told(disqualified)),
                ("hs_analytics_source", lead.channel.source.to_owned()),
                ("hs_analytics_source_data_1", campaign),
                ("hubspot_owner_id", owner),
                ("segment", lead.segment.name.to_owned()),
            ]);
            let id = CONTACTS_FROM + number as u64;
            portal.create_with_id(Object::Contact, id, properties, instant(lead.created));
            let last = [mql, disqualified].into_iter().flatten().fold(lead.created, DateTime::max);
            portal.stamp(Object::Contact, id, instant(last));
        }
    }

    fn add_deal(&self, portal: &mut Portal, number: usize, deal: &Deal, now: DateTime) {
        let (closed_too_early, created_missing) = self.deals_typed_wrong();
        let closed = (deal.closes <= now).then_some(deal.closes);
        let stages = deal.stages_until(now);
        let mut close = closed.unwrap_or_else(|| deal.expected_close_at(now).at(12, 0, 0, 0));
        if let (true, Some(_), Some(lead)) = (closed_too_early == Some(number), closed, deal.lead) {
            close = self.leads[lead].created - Span::new().days(1);
        }
        let created = (created_missing != Some(number)).then_some(deal.created);
        let reason = closed.and(deal.lost_reason).unwrap_or_default();
        let stage = stages.last().map_or(FIRST_STAGE, |(_, stage)| *stage);
        let owner = deal.owner_at(now);
        let properties = named([
            ("createdate", told(created)),
            ("pipeline", "default".to_owned()),
            ("dealstage", stage.to_owned()),
            ("amount", format!("{:.2}", deal.amount)),
            ("deal_currency_code", deal.currency.to_owned()),
            ("closedate", told(Some(close))),
            ("closed_lost_reason", reason.to_owned()),
            ("hubspot_owner_id", if owner.is_empty() { String::new() } else { owner_id(owner) }),
        ]);
        let id = DEALS_FROM + number as u64;
        portal.create_with_id(Object::Deal, id, properties, instant(deal.created));
        if created.is_none() {
            let nothing = vec![("createdate".to_owned(), None)];
            portal.update(Object::Deal, id, nothing, instant(deal.created));
        }
        let history = stages.iter().map(|(at, stage)| (Some((*stage).to_owned()), instant(*at)));
        portal.set_history(Object::Deal, id, "dealstage", Some(history.collect()));
        let owners = deal.hand_offs.iter().filter(|change| change.at <= now);
        let owners: Vec<_> =
            owners.map(|change| (Some(owner_id(change.owner.id)), instant(change.at))).collect();
        let last_owner = owners.last().map(|(_, at)| *at);
        portal.set_history(Object::Deal, id, "hubspot_owner_id", Some(owners));
        let moves = [Some(deal.created), stages.last().map(|(at, _)| *at), deal.last_forecast(now)];
        let last = moves.into_iter().flatten().map(instant).chain(last_owner).max();
        portal.stamp(Object::Deal, id, last.unwrap_or_else(|| instant(deal.created)));
        if let Some(lead) = deal.lead {
            portal.associate((Object::Deal, id), (Object::Contact, CONTACTS_FROM + lead as u64));
        }
    }

    fn add_activities(&self, portal: &mut Portal, now: DateTime) {
        for (number, activity) in self.activities.iter().enumerate() {
            if activity.at > now {
                break;
            }
            let at = told(Some(activity.at));
            let (object, extra): (Object, &[(&str, &str)]) = match activity.kind {
                "CALL" => (Object::Call, &[("hs_call_status", "COMPLETED")]),
                "MEETING" => (Object::Meeting, &[("hs_meeting_outcome", "COMPLETED")]),
                "EMAIL_OUT" => {
                    (Object::Email, &[("hs_email_direction", "EMAIL"), ("hs_email_status", "SENT")])
                }
                "EMAIL_IN" => (Object::Email, &[("hs_email_direction", "INCOMING_EMAIL")]),
                "TASK" => (Object::Task, &[("hs_task_status", "COMPLETED")]),
                _ => (Object::Note, &[]),
            };
            let mut properties = named([
                ("hs_createdate", at.clone()),
                ("hs_timestamp", at.clone()),
                ("hubspot_owner_id", owner_id(activity.owner.id)),
            ]);
            properties.extend(extra.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
            if object == Object::Task {
                properties.push(("hs_task_completion_date".into(), at));
            }
            let id = ACTIVITIES_FROM + number as u64;
            portal.create_with_id(object, id, properties, instant(activity.at));
            let lead = self.deals[activity.deal].lead.filter(|_| number % ON_CONTACT_ONLY == 0);
            let target = match lead {
                Some(lead) => (Object::Contact, CONTACTS_FROM + lead as u64),
                None => (Object::Deal, DEALS_FROM + activity.deal as u64),
            };
            portal.associate((object, id), target);
        }
    }

    /// A deal that existed twice lives on in the first of the pair.
    fn merge_twins(&self, portal: &mut Portal, now: DateTime) {
        for (number, twin) in self.deals.iter().enumerate() {
            let Some(at) = twin.deleted.filter(|at| *at <= now) else { continue };
            let first = self.deals.iter().position(|deal| {
                deal.deleted.is_none() && deal.lead == twin.lead && deal.amount == twin.amount
            });
            if let Some(first) = first {
                let (kept, gone) = (DEALS_FROM + first as u64, DEALS_FROM + number as u64);
                portal.merge(Object::Deal, kept, gone, false, instant(at));
            }
        }
    }
}

const FIRST_STAGE: &str = "qualified";

fn add_people_and_stages(portal: &mut Portal) {
    for (number, owner) in (OWNERS_FROM..).zip(&OWNERS) {
        let email = format!("{}@example.com", owner.id.trim_start_matches("u-"));
        portal.add_owner(number, &email, owner.name, false);
    }
    let open = [FIRST_STAGE, "discovery", "proposal", "negotiation"];
    let mut stages: Vec<Stage> =
        open.into_iter().map(|id| Stage::new(id, id, false, "0.4")).collect();
    stages.push(Stage::new("closed_won", "Closed won", true, "1.0"));
    stages.push(Stage::new("closed_lost", "Closed lost", true, "0.0"));
    portal.add_pipeline("default", "Sales pipeline", stages);
}

impl Deal {
    /// The stages that it came through, each with its time.
    pub(super) fn stages_until(&self, now: DateTime) -> Vec<(DateTime, &'static str)> {
        let mut stages = vec![(self.created, FIRST_STAGE)];
        let touch = self.hand_offs.iter().find_map(|hand_off| hand_off.first_touch);
        if let Some(touch) = touch {
            let secs = self.closes.duration_since(touch).as_secs() as f64;
            for (stage, share) in STAGES.iter().rev() {
                let after = jiff::SignedDuration::from_secs((secs * share).ceil() as i64);
                stages.push((touch.saturating_add(after), stage));
            }
        }
        let last = if self.lost_reason.is_none() { "closed_won" } else { "closed_lost" };
        stages.retain(|(at, _)| *at < self.closes);
        stages.push((self.closes, last));
        stages.retain(|(at, _)| *at <= now);
        stages
    }

    /// When its owner last moved the expected close.
    pub(super) fn last_forecast(&self, now: DateTime) -> Option<DateTime> {
        let first = self.created.date() + Span::new().days(self.forecast_days as i64);
        let expected: Date = self.expected_close_at(now);
        let moved = expected > first;
        moved.then(|| (expected - Span::new().days(FORECAST_STEP_DAYS - 1)).at(9, 0, 0, 0).min(now))
    }
}

fn named<const N: usize>(pairs: [(&str, String); N]) -> Properties {
    let filled = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    filled.map(|(name, value)| (name.to_owned(), value)).collect()
}

fn owner_id(owner: &str) -> String {
    let place = OWNERS.iter().position(|known| known.id == owner).unwrap_or(0);
    (OWNERS_FROM + place as u64).to_string()
}

fn instant(at: DateTime) -> Timestamp {
    let zone = TimeZone::get(ZONE).unwrap_or(TimeZone::UTC);
    at.to_zoned(zone).map(|at| at.timestamp()).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn told(at: Option<DateTime>) -> String {
    at.map(|at| instant(at).to_string()).unwrap_or_default()
}
