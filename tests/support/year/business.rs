//! What people do, and how the two systems tell it.

use std::fmt::Write as _;

use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};
use paceline::simulate::hubspot::Object;
use rand_distr::{Distribution, Poisson, Uniform};

use super::oracle::{due, is_business_day};
use super::{DOWN, Deal, FLOOD, LEADS_A_DAY, SLOT_SECS, Year, write};

/// Owner, team, and how many of a hundred hand-offs are touched in time, late, and never.
const OWNERS: [(&str, &str, [usize; 3]); 10] = [
    ("n1", "north", [97, 2, 1]),
    ("n2", "north", [90, 8, 2]),
    ("s1", "south", [80, 15, 5]),
    ("s2", "south", [95, 4, 1]),
    ("g1", "night", [85, 10, 5]),
    ("b1", "berlin", [92, 6, 2]),
    ("b2", "berlin", [70, 25, 5]),
    ("l1", "lazy", [30, 40, 30]),
    ("71", "hub", [80, 15, 5]),
    ("72", "hub", [90, 8, 2]),
];

/// What happens in the HubSpot account.
pub enum Event {
    Created { deal: u64, owner: &'static str },
    Reassigned { deal: u64, to: &'static str },
    Called { deal: u64, by: &'static str },
    Merged { deal: u64, double: u64 },
}

impl Year {
    fn below(&mut self, end: usize) -> usize {
        Uniform::new(0, end).unwrap().sample(&mut self.random)
    }

    /// Leads come as it happens, at the rate that the goals ask for.
    pub fn leads_of(&mut self, day: Date) {
        let midnight = day.to_zoned(TimeZone::UTC).unwrap().timestamp();
        let usual = Poisson::new(LEADS_A_DAY).unwrap().sample(&mut self.random) as usize;
        let leads = match day.to_string().as_str() {
            FLOOD => 400,
            _ if is_business_day(day) => usual,
            _ => 0,
        };
        for _ in 0..leads {
            // Between nine and five in New York, in summer and in winter.
            let at = midnight + ((14 * 4 + self.below(7 * 4)) as i64 * SLOT_SECS).seconds();
            self.leads.push((format!("L{}", self.leads.len()), at));
        }
    }

    /// Leads come, deals are handed off, and touched as their owners do.
    pub fn business(&mut self, day: Date) {
        self.leads_of(day);
        let midnight = day.to_zoned(TimeZone::UTC).unwrap().timestamp();
        for _ in 0..self.below(5) {
            let (owner, team, [in_time, late, _]) = OWNERS[self.below(OWNERS.len())];
            let created = midnight + ((48 + self.below(40)) as i64 * SLOT_SECS).seconds();
            let due = due(team, created);
            let luck = self.below(100);
            let span = (due.as_second() - created.as_second()) / SLOT_SECS;
            let slots = match luck {
                luck if luck < in_time => Some(self.below(span as usize + 1) as i64),
                luck if luck < in_time + late => Some(span + 1 + self.below(200) as i64),
                _ => None,
            };
            let touched = slots.map(|slots| created + (slots * SLOT_SECS).seconds());
            let source = if team == "hub" { "hub" } else { "crm" };
            let deal = Deal { source, owner, team, created, due, touched, merged: None };
            match source {
                "hub" => self.in_hubspot(deal),
                _ => {
                    self.deals.insert(format!("D{}", self.deals.len()), deal);
                }
            }
        }
    }

    /// A deal in HubSpot: some change hands before they are touched, of some there are two until they are merged.
    fn in_hubspot(&mut self, deal: Deal) {
        let id = 1_000 + self.deals.len() as u64;
        let later = |slots: usize| deal.created + (slots as i64 * SLOT_SECS).seconds();
        self.note(deal.created, Event::Created { deal: id, owner: deal.owner });
        let mut by = deal.owner;
        let moved = later(1 + self.below(24));
        if self.below(5) == 0 && deal.touched.is_none_or(|touched| touched > moved) {
            // To somebody of the same team, or of another one.
            by = ["72", "71", "73"].into_iter().find(|to| *to != deal.owner).unwrap();
            by = if self.below(2) == 0 { "73" } else { by };
            self.note(moved, Event::Reassigned { deal: id, to: by });
            self.tally.reassigned += 1;
        }
        if let Some(touched) = deal.touched {
            self.note(touched, Event::Called { deal: id, by });
        }
        if self.below(6) == 0 {
            let double = id + 500_000;
            let merged = later(2 + self.below(90));
            self.note(deal.created, Event::Created { deal: double, owner: deal.owner });
            self.note(merged, Event::Merged { deal: id, double });
            self.tally.merged += 1;
            let copy = Deal { touched: None, merged: Some(merged), ..deal };
            self.deals.insert(double.to_string(), copy);
        }
        self.deals.insert(id.to_string(), deal);
    }

    fn note(&mut self, at: Timestamp, event: Event) {
        self.noted += 1;
        self.events.insert((at, self.noted), event);
    }

    /// Both systems tell what there is by now; whether the CRM does.
    pub fn export(&mut self, now: Timestamp) -> bool {
        self.tell_hubspot(now);
        let path = self.folder.path().to_owned();
        let day = TimeZone::UTC.to_datetime(now).date().to_string();
        if DOWN.contains(&day.as_str()) {
            let _ = std::fs::remove_file(path.join("deals.csv"));
            return false;
        }
        let (mut deals, mut calls) =
            ("id,created,owner\n".to_owned(), "id,deal,at,owner\n".to_owned());
        let known = |deal: &Deal| deal.source == "crm" && deal.created <= now;
        for (id, deal) in self.deals.iter().filter(|(_, deal)| known(deal)) {
            writeln!(deals, "{id},{},{}", deal.created, deal.owner).unwrap();
            if let Some(at) = deal.touched.filter(|at| *at <= now) {
                writeln!(calls, "c{id},{id},{at},{}", deal.owner).unwrap();
            }
        }
        let mut leads = "id,created\n".to_owned();
        for (id, at) in self.leads.iter().filter(|(_, at)| *at <= now) {
            writeln!(leads, "{id},{at}").unwrap();
        }
        write(&path, "deals.csv", &deals);
        write(&path, "calls.csv", &calls);
        write(&path, "leads.csv", &leads);
        true
    }

    fn tell_hubspot(&mut self, now: Timestamp) {
        let later = self.events.split_off(&(now + 1.millisecond(), 0));
        let mut portal = self.portal.lock().unwrap();
        for ((at, _), event) in std::mem::replace(&mut self.events, later) {
            let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
                pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect()
            };
            match event {
                Event::Created { deal, owner } => {
                    let stage = ("dealstage", "appointmentscheduled");
                    let own = own(&[("hubspot_owner_id", owner), stage, ("pipeline", "default")]);
                    portal.create_with_id(Object::Deal, deal, own, at);
                }
                Event::Reassigned { deal, to } => {
                    let change = vec![("hubspot_owner_id".to_owned(), Some(to.to_owned()))];
                    portal.update(Object::Deal, deal, change, at);
                }
                Event::Called { deal, by } => {
                    let own = own(&[("hs_timestamp", &at.to_string()), ("hubspot_owner_id", by)]);
                    let call = 9_000_000 + deal;
                    portal.create_with_id(Object::Call, call, own, at);
                    portal.associate((Object::Call, call), (Object::Deal, deal));
                }
                Event::Merged { deal, double } => {
                    portal.merge(Object::Deal, deal, double, false, at);
                }
            }
        }
    }
}
