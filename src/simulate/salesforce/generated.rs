//! An org with plain leads, for benchmarks.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::super::rng::Rng;
use super::cell::Cell;
use super::org::Org;
use super::schema::Slot;
use super::table::Record;

/// 2024-01-01T00:00:00Z.
const FIRST: i64 = 1_704_067_200;
/// Two years.
const SPAN: i64 = 2 * 365 * 86_400;
const SOURCES: [&str; 6] =
    ["Web", "Phone Inquiry", "Partner Referral", "Webinar", "Event", "Other"];
const CAMPAIGNS: usize = 80;
const OWNERS: usize = 12;

/// Leads in the order of their creation over two years from 2024 on: six sources, eighty campaigns in
/// `Campaign__c`, twelve owners, and 35 of 100 became marketing qualified (`Mql_At__c`).
pub fn generated(leads: usize, seed: u64) -> Org {
    let mut org = Org::empty();
    let beginning = Timestamp::from_second(FIRST).unwrap_or_default();
    let owners: Vec<Cell> = (1..=OWNERS)
        .filter_map(|owner| {
            let email = format!("owner{owner}@example.test");
            let name = json!(format!("Owner {owner}"));
            org.create_key("User", &[("LastName", name), ("Email", json!(email))], beginning)
        })
        .map(Cell::Id)
        .collect();
    let shared = |text: String| Cell::Text(Arc::from(text));
    let campaigns: Vec<Cell> = (0..CAMPAIGNS).map(|n| shared(format!("campaign-{n:02}"))).collect();
    let sources: Vec<Cell> = SOURCES.iter().map(|source| shared((*source).to_owned())).collect();
    let segments = ["smb", "mid", "enterprise"].map(|name| shared(name.to_owned()));
    let (company, status) = (shared("Company".to_owned()), shared("Working".to_owned()));
    let by = org.user;
    let mut rng = Rng::of(seed, "leads", 0);
    let mut below = move |limit: usize| ((rng.unit() * limit as f64) as usize).min(limit - 1);
    let Some(table) = org.table_mut("Lead") else { return org };
    let mut slot = |name: &str, kind| {
        let place = table.place_or_new(name, kind);
        table.columns[place].slot
    };
    use super::cell::Kind::{Boolean, Email, Instant, Picklist, Reference, Text};
    let slots: [Slot; 10] = [
        slot("LastName", Text),
        slot("Name", Text),
        slot("Company", Text),
        slot("Email", Email),
        slot("Status", Picklist),
        slot("LeadSource", Picklist),
        slot("OwnerId", Reference),
        slot("IsConverted", Boolean),
        slot("Campaign__c", Text),
        slot("Segment__c", Text),
    ];
    let mql_slot = slot("Mql_At__c", Instant);
    table.records.reserve(leads);
    for at in 0..leads {
        let share = i128::from(SPAN) * at as i128 / leads.max(1) as i128;
        let created = FIRST + i64::try_from(share).unwrap_or(0);
        let mut record = Record::new(table.next_key(), created, by);
        let name = shared(format!("Last{at}"));
        let cells = [
            name.clone(),
            name,
            company.clone(),
            shared(format!("person{at}@example.test")),
            status.clone(),
            sources[below(SOURCES.len())].clone(),
            owners[below(OWNERS)].clone(),
            Cell::Bool(false),
            campaigns[below(CAMPAIGNS)].clone(),
            segments[below(3)].clone(),
        ];
        for (slot, cell) in slots.into_iter().zip(cells) {
            record.set(slot, cell);
        }
        if below(100) < 35 {
            let mql = created + below(14 * 86_400) as i64;
            record.set(mql_slot, Cell::Instant(mql));
            (record.modified, record.stamp) = (mql, mql);
        }
        record.shrink();
        table.records.push(record);
    }
    org
}
