//! What clients bought.

use std::collections::BTreeMap;

use jiff::{Timestamp, civil::Date};
use rust_decimal::Decimal;

use super::Snapshot;
use crate::domain::{dimension::Dimension, number::to_f64, scope::Scope};
use crate::rates::clients::Purchase;

/// What was won, and what it is known of.
#[derive(Debug, Default)]
pub struct Won {
    /// The deals.
    pub purchases: Vec<Purchase>,
    /// Deals whose client is told by the source; of the others the lead stands for the client.
    pub with_client: usize,
    /// Deals without a known value: they count, and their sums are not known.
    pub unvalued: usize,
    /// Campaign -> clients whose first purchase came of it.
    pub new_by_campaign: BTreeMap<String, usize>,
}

/// Campaigns by their keys: what each is called and cost. What one source tells is added up; what two sources know of one
/// campaign is the same money, so the larger sum counts.
pub fn campaigns<'a>(snapshot: &'a Snapshot<'_>) -> BTreeMap<&'a str, (&'a str, Option<Decimal>)> {
    let mut of_sources: BTreeMap<(&str, &str), Option<Decimal>> = BTreeMap::new();
    let mut campaigns: BTreeMap<&str, (&str, Option<Decimal>)> = BTreeMap::new();
    for (id, campaign) in &snapshot.facts.campaigns {
        let key = snapshot.words.campaign(id);
        let known = campaigns.entry(key).or_insert((campaign.name.as_str(), None));
        let of_source = of_sources.entry((key, campaign.source.as_str())).or_default();
        if let Some(cost) = campaign.cost {
            *of_source = Some(of_source.unwrap_or_default() + cost);
        }
        known.1 = known.1.max(*of_source);
    }
    campaigns
}

/// What was won by an instant, in a part or in all.
pub fn won(snapshot: &Snapshot<'_>, scope: Option<&Scope>, at: Timestamp) -> Won {
    let zone = &snapshot.settings.company.zone;
    let mut won = Won::default();
    let mut first: BTreeMap<String, (Date, Option<String>)> = BTreeMap::new();
    for deal in snapshot.actuals(scope).opportunities(at) {
        let Some(day) = deal.won_at().filter(|day| day.is_seen(at, zone)) else { continue };
        let day = day.date(zone);
        won.with_client += usize::from(deal.client.is_some());
        let whose = deal.client.as_deref().map(|id| format!("client {id}"));
        let whose = whose.or_else(|| deal.lead.as_deref().map(|id| format!("lead {id}")));
        let whose = whose.unwrap_or_else(|| format!("deal {}", deal.key.id));
        let client = format!("{} {whose}", deal.key.source);
        let campaign = snapshot.names().of_opportunity(Dimension::Campaign, deal, &snapshot.facts);
        let earliest = first.entry(client.clone()).or_insert((day, None));
        if day <= earliest.0 {
            *earliest = (day, campaign.map(str::to_owned));
        }
        let value = deal.worth(&snapshot.settings.currency, day).map(to_f64);
        won.unvalued += usize::from(value.is_none());
        won.purchases.push(Purchase { client, day, value });
    }
    for (_, campaign) in first.into_values() {
        if let Some(campaign) = campaign {
            *won.new_by_campaign.entry(campaign).or_insert(0) += 1;
        }
    }
    won
}
