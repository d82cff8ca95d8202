//! An account with plain leads, for benchmarks.

use serde_json::{Value, json};

use super::super::rng::Rng;
use super::account::Account;
use super::catalog::Kind;

/// 2024-01-01T00:00:00Z.
const FIRST_MS: i64 = 1_704_067_200_000;
/// Two years.
const SPAN_MS: i64 = 2 * 365 * 86_400_000;
const CHANNELS: u64 = 6;
const CAMPAIGNS: usize = 80;
const OWNERS: usize = 12;

/// Leads in the order of their creation over two years from 2024 on: six channels, eighty campaigns in
/// `channel_id`, twelve owners, and 35 of 100 became marketing qualified (the custom field `MQL at`).
pub fn generated(leads: usize, seed: u64) -> Account {
    let mut account = Account::empty();
    let owners: Vec<u64> = (1..=OWNERS)
        .map(|owner| {
            let name = json!(format!("Owner {owner}"));
            let email = json!(format!("owner{owner}@example.test"));
            account.add(Kind::User, &[("name", name), ("email", email)], FIRST_MS)
        })
        .collect();
    let mql_key = account.add_field("MQL at", "varchar", &[]);
    let mut rng = Rng::of(seed, "leads", 0);
    let mut below = move |limit: usize| ((rng.unit() * limit as f64) as usize).min(limit - 1);
    account.table_mut(Kind::Lead).records.reserve(leads);
    for at in 0..leads {
        let share = i128::from(SPAN_MS) * at as i128 / leads.max(1) as i128;
        let created = FIRST_MS + i64::try_from(share).unwrap_or(0);
        let mut fields: Vec<(&str, Value)> = vec![
            ("title", json!(format!("Lead {at}"))),
            ("owner_id", json!(owners[below(OWNERS)])),
            ("channel", json!(1 + below(CHANNELS as usize))),
            ("channel_id", json!(format!("campaign-{:02}", below(CAMPAIGNS)))),
            ("person_id", json!(at + 1)),
        ];
        if below(100) < 35 {
            let mql = created + below(14 * 86_400) as i64 * 1000;
            fields.push((&mql_key, json!(super::render::seconds(mql))));
            fields.push(("update_time", json!(super::render::milliseconds(mql))));
        }
        account.add(Kind::Lead, &fields, created);
    }
    account
}
