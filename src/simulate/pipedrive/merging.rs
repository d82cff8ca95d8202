//! What happens to several records at once: conversions of leads, merges of deals.

use jiff::Timestamp;
use serde_json::Value;

use super::account::Account;
use super::catalog::Kind;
use super::record::{id_of, number_of};

/// What a deal takes over from the lead that it was.
const COPIED: [(&str, &str); 8] = [
    ("title", "title"),
    ("owner_id", "owner_id"),
    ("person_id", "person_id"),
    ("organization_id", "org_id"),
    ("expected_close_date", "expected_close_date"),
    ("origin", "origin"),
    ("channel", "channel"),
    ("channel_id", "channel_id"),
];

impl Account {
    /// Makes a deal of a lead, whose id is told; it is empty where there is no such lead. The lead is
    /// deleted, the deal names it in `source_lead_id`, and its activities become the deal's, with the
    /// stamps that they had.
    pub fn convert_lead(&mut self, lead: &str, at: Timestamp) -> String {
        let number = number_of(Kind::Lead, lead).unwrap_or(0);
        self.convert(number, &[], at.as_millisecond())
            .map_or_else(String::new, |deal| id_of(Kind::Deal, deal))
    }

    /// The same by numbers, with more fields for the deal.
    pub(super) fn convert(&mut self, lead: u64, more: &[(&str, Value)], at: i64) -> Option<u64> {
        let record = self.table(Kind::Lead).find(lead).filter(|lead| lead.deleted.is_none())?;
        let id = id_of(Kind::Lead, lead);
        let mut fields: Vec<(String, Value)> = COPIED
            .iter()
            .filter_map(|(from, to)| Some(((*to).to_owned(), record.get(from)?.clone())))
            .collect();
        if let Some(value) = record.get("value").filter(|value| value.is_object()) {
            fields.push(("value".to_owned(), value["amount"].clone()));
            fields.push(("currency".to_owned(), value["currency"].clone()));
        }
        let own = record.filled().filter(|field| !Kind::Lead.has(field.0));
        fields.extend(own.map(|(key, value)| (key.to_string(), value.clone())));
        fields.retain(|field| !more.iter().any(|other| other.0 == field.0));
        fields.push(("source_lead_id".to_owned(), id.clone().into()));
        fields.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let fields: Vec<(&str, Value)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        let deal = self.add(Kind::Deal, &fields, at);
        self.hand_over("lead_id", &id.clone().into(), deal);
        if let Some(record) = self.table_mut(Kind::Lead).find_mut(lead) {
            record.deleted = Some(at);
            self.bin.push((at, Kind::Lead, lead));
        }
        Some(deal)
    }

    /// Merges two deals: the loser is deleted, and its activities become the winner's.
    pub fn merge_deals(&mut self, winner: &str, loser: &str, at: Timestamp) {
        let (Some(kept), Some(gone)) = (self.live_deal(winner), self.live_deal(loser)) else {
            return;
        };
        if kept == gone {
            return;
        }
        self.hand_over("deal_id", &gone.into(), kept);
        self.delete("deals", loser, at);
        if let Some(deal) = self.table_mut(Kind::Deal).find_mut(kept) {
            deal.updated = at.as_millisecond();
        }
    }

    /// Gives the activities of one record to a deal, which moves no stamp of theirs.
    fn hand_over(&mut self, field: &str, from: &Value, deal: u64) {
        let (lead_id, deal_id) = (self.name("lead_id"), self.name("deal_id"));
        for activity in &mut self.table_mut(Kind::Activity).records {
            if activity.get(field) == Some(from) {
                activity.set(std::sync::Arc::clone(&lead_id), Value::Null);
                activity.set(std::sync::Arc::clone(&deal_id), deal.into());
            }
        }
    }
}
