//! A world of hand-offs in which one thing at a time is changed.

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use paceline::domain::vocabulary::Vocabulary;
use paceline::domain::{
    Allowance, BusinessCalendar, CurrencyRates, Facts, Object, Record, RecordKey, team::Teams,
};
use paceline::handoff::settings::{Settings, When};
use paceline::handoff::{Excuse, Ledger, LedgerInput, Verdict, ledger};

use super::support::instant;

/// A small world in which one thing at a time is changed.
pub struct World {
    pub facts: Facts,
    pub teams: Teams,
    pub settings: Settings,
    pub excuses: BTreeMap<(RecordKey, i64), Excuse>,
    /// What the source fills.
    pub filled: BTreeSet<String>,
    pub watched: bool,
    pub activities_from: Option<Date>,
    pub clock: Timestamp,
    pub activities_complete: Option<Timestamp>,
}

pub fn world() -> World {
    let members = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let mut teams = Teams::default();
    teams.members.insert("inside".into(), members(&["ada", "ben"]));
    teams.members.insert("field".into(), members(&["eva"]));
    World {
        facts: Facts::default(),
        teams,
        settings: Settings {
            since: None,
            unowned_after: Allowance::Days(1),
            when: When::Owned,
            first_touch_within: Allowance::Minutes(240),
            counts_as_touch: ["call", "email_out"].map(String::from).to_vec(),
            count_touch_before: None,
            decide_within: None,
            criteria: Vec::new(),
        },
        excuses: BTreeMap::new(),
        filled: BTreeSet::new(),
        watched: true,
        activities_from: None,
        clock: instant("2026-11-25T18:00:00-05:00"),
        activities_complete: Some(instant("2026-11-25T18:00:00-05:00")),
    }
}

pub fn record(object: Object, id: &str, fields: &[(&str, &str)]) -> Record {
    let mut record = Record::empty(object, id);
    for (field, value) in fields {
        record.set(field, Some((*value).to_owned()));
    }
    record
}

impl World {
    pub fn deal(&mut self, id: &str, fields: &[(&str, &str)]) {
        self.facts.add("crm", &record(Object::Opportunity, id, fields), None);
    }

    pub fn touch(&mut self, deal: &str, at: &str, owner: &str) {
        let id = format!("t{}", self.facts.activities.len());
        let fields = [("opportunity", deal), ("kind", "call"), ("at", at), ("owner", owner)];
        self.facts.add("crm", &record(Object::Activity, &id, &fields), None);
    }

    pub fn owner_change(&mut self, deal: &str, at: &str, owner: &str) {
        let id = format!("o{}", self.facts.owner_changes.len());
        let mut change = record(Object::OwnerChange, &id, &[("opportunity", deal), ("at", at)]);
        change.set("owner", Some(owner.to_owned()).filter(|owner| !owner.is_empty()));
        self.facts.add("crm", &change, None);
    }

    pub fn ledger(&self) -> Ledger {
        let mut hours = BusinessCalendar::standard(TimeZone::get("America/New_York").unwrap());
        hours.holidays.insert(jiff::civil::date(2026, 11, 26));
        ledger(&LedgerInput {
            facts: &self.facts,
            teams: &self.teams,
            hours: &hours,
            settings: &self.settings,
            filled: &BTreeMap::from([("crm".to_owned(), self.filled.clone())]),
            watched: &self.watched.then(|| "crm".to_owned()).into_iter().collect(),
            words: &Vocabulary::new(
                BTreeMap::from([("ADS".to_owned(), "paid search".to_owned())]),
                BTreeMap::new(),
            ),
            currency: &CurrencyRates { company: "USD".into(), rates: BTreeMap::new() },
            activities_from: self.activities_from,
            opportunities_complete: Some(self.clock),
            excuses: &self.excuses,
            clock: self.clock,
            activities_complete: self.activities_complete,
        })
    }

    pub fn verdict(&self) -> Verdict {
        let ledger = self.ledger();
        assert_eq!(ledger.rows.len(), 1);
        ledger.rows[0].verdict
    }
}

/// Handed off on Monday 23 November at 10:00 in New York, due at 14:00.
pub fn one_deal() -> World {
    let mut world = world();
    world.deal("d", &[("created_at", "2026-11-23T15:00:00Z"), ("owner", "ada")]);
    world
}
