//! A simulated company at Salesforce with a store beside it.

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{Timestamp, ToSpan};
use paceline::simulate::salesforce::{Faults, Org, Simulator};
use serde_json::{Value, json};

#[path = "reading.rs"]
mod reading;
use super::support::{self, instant};
#[allow(unused_imports, reason = "each test file uses its own part of it")]
pub use reading::cut_off_anywhere;
use reading::{Reading, Time};

/// The company, the source that reads it, and where its records go.
pub struct Company {
    reading: Reading,
    pub simulator: Simulator,
    org: Arc<Mutex<Org>>,
}

impl Deref for Company {
    type Target = Reading;

    fn deref(&self) -> &Reading {
        &self.reading
    }
}

impl DerefMut for Company {
    fn deref_mut(&mut self) -> &mut Reading {
        &mut self.reading
    }
}

impl Company {
    /// A company with these faults and limits.
    pub async fn new(faults: &str) -> Company {
        Company::with(faults, Org::empty(), "").await
    }

    /// A company that holds this, with keys added to its source.
    pub async fn with(faults: &str, org: Org, keys: &str) -> Company {
        let time = Time::new();
        let org = Arc::new(Mutex::new(org));
        let faults = Faults::from_toml(faults).unwrap();
        let simulator = Simulator::start(Arc::clone(&org), faults, time.clock(), 0).await.unwrap();
        let toml = format!(
            "[source.crm]\nkind = \"salesforce\"\nbase_url = \"{}\"\nclient_id = \"paceline\"\n\
             client_secret = {{ file = \"secret\" }}\n{keys}",
            simulator.base_url()
        );
        let reading = Reading::new(&toml, time).await;
        std::fs::write(reading.folder.path().join("secret"), "good-secret\n").unwrap();
        Company { reading, simulator, org }
    }

    /// The records, to be changed.
    pub fn org(&self) -> MutexGuard<'_, Org> {
        self.org.lock().unwrap()
    }

    /// Creates a record now.
    pub fn create(&self, object: &str, fields: &[(&str, Value)]) -> String {
        let now = self.now();
        self.org().create(object, fields, now)
    }

    /// Changes a record now.
    pub fn update(&self, object: &str, id: &str, fields: &[(&str, Value)]) {
        let now = self.now();
        self.org().update(object, id, fields, now);
    }
}

/// Adds so many leads, each a second after the one before.
pub fn leads(org: &mut Org, count: usize, from: Timestamp) -> Vec<String> {
    let lead = |number: usize| {
        let at = from + jiff::SignedDuration::from_secs(number as i64);
        let source = ["Web", "Webinar", "Partner"][number % 3];
        org.create("Lead", &[("LeadSource", source.into()), ("LastName", "Invented".into())], at)
    };
    (0..count).map(lead).collect()
}

/// When what is there from the beginning began.
pub const BEGUN: &str = "2026-10-01T09:00:00Z";

/// An opportunity of this company.
pub fn deal(company: &Company, fields: &[(&str, Value)]) -> String {
    let mut own = vec![
        ("Name", json!("Invented")),
        ("StageName", json!("Prospecting")),
        ("CloseDate", json!("2026-12-18")),
        ("Amount", json!(12500.5)),
    ];
    own.retain(|(name, _)| fields.iter().all(|(field, _)| field != name));
    own.extend(fields.iter().cloned());
    company.create("Opportunity", &own)
}

/// Some of everything.
pub fn story() -> Org {
    let mut org = Org::empty();
    let at = |hours: i64| instant(BEGUN) + hours.hours();
    org.track_owner_history(true);
    let people = leads(&mut org, 450, instant(BEGUN));
    let campaign = org.create("Campaign", &[("Name", json!("Racks"))], at(0));
    for (number, lead) in people.iter().enumerate().step_by(3) {
        let hours = 2 + number as i64 / 2;
        let member = [("CampaignId", json!(campaign)), ("LeadId", json!(lead))];
        org.create("CampaignMember", &member, at(hours));
        let fields = [
            ("StageName", json!("Prospecting")),
            ("CloseDate", json!("2026-12-18")),
            ("Amount", json!(100 + number)),
        ];
        let id = org.create("Opportunity", &fields, at(hours));
        org.convert_lead(lead, Some(&id), at(hours));
        let stage = ["Closed Won", "Closed Lost", "Qualification"][number / 3 % 3];
        org.update("Opportunity", &id, &[("StageName", json!(stage))], at(hours + 20));
        let call = [
            ("WhatId", json!(id)),
            ("TaskSubtype", json!("Call")),
            ("Status", json!("Completed")),
            ("IsClosed", json!(true)),
        ];
        org.create("Task", &call, at(hours + 1));
    }
    org
}

/// What happens after a first load: people come, change, convert, are merged and go.
pub fn grow(org: &mut Org) {
    let now = instant("2026-11-02T12:00:00Z");
    let ids = leads(org, 250, now);
    let later = now + 1.hours();
    org.update("Lead", &ids[3], &[("LeadSource", json!("Changed"))], later);
    org.delete("Lead", &ids[4], later);
    org.merge_leads(&ids[5], &ids[6], later);
    let campaign = org.create("Campaign", &[("Name", json!("Fair"))], later);
    for lead in ids.iter().skip(10).step_by(20) {
        let member = [("CampaignId", json!(campaign)), ("LeadId", json!(lead))];
        org.create("CampaignMember", &member, later);
        let fields = [("StageName", json!("Prospecting")), ("CloseDate", json!("2026-12-18"))];
        let id = org.create("Opportunity", &fields, later);
        org.convert_lead(lead, Some(&id), later);
        org.update("Opportunity", &id, &[("StageName", json!("Closed Won"))], later + 1.minutes());
    }
}
