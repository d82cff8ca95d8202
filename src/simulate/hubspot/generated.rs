//! A portal with plain bulk contacts, for benchmarks.

use jiff::Timestamp;

use super::object::Object;
use super::portal::Portal;

/// 2024-01-01T00:00:00Z.
const FIRST_MS: i64 = 1_704_067_200_000;
/// Two years.
const SPAN_MS: i64 = 2 * 365 * 86_400_000;
const SOURCES: [&str; 9] = [
    "ORGANIC_SEARCH",
    "PAID_SEARCH",
    "EMAIL_MARKETING",
    "ORGANIC_SOCIAL",
    "REFERRALS",
    "OTHER_CAMPAIGNS",
    "DIRECT_TRAFFIC",
    "OFFLINE",
    "PAID_SOCIAL",
];

/// A small generator of pseudo-random numbers, so that a seed always gives the same portal.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }
}

/// Contacts with ids from 1001 up in the order of their creation over two years from 2024 on: nine
/// sources, eighty campaigns, twelve owners, and 35 of 100 became marketing qualified.
pub fn generated(contacts: usize, seed: u64) -> Portal {
    let mut portal = Portal::empty();
    let mut dice = Dice(seed);
    for owner in 1..=12 {
        portal.add_owner(
            owner,
            &format!("owner{owner}@example.test"),
            &format!("Owner {owner}"),
            false,
        );
    }
    for at in 0..contacts {
        let share = i128::from(SPAN_MS) * at as i128 / contacts.max(1) as i128;
        let created_ms = FIRST_MS + i64::try_from(share).unwrap_or(0);
        let source = SOURCES[dice.below(9) as usize];
        let campaign = format!("campaign-{:02}", dice.below(80));
        let owner = dice.below(12) + 1;
        let mut properties = vec![
            ("createdate", super::json::instant(created_ms)),
            ("email", format!("person{at}@example.test")),
            ("firstname", format!("First{}", at % 1000)),
            ("lastname", format!("Last{}", at % 7919)),
            ("hs_analytics_source", source.to_owned()),
            ("hs_analytics_source_data_1", campaign),
            ("hubspot_owner_id", owner.to_string()),
            ("segment", ["smb", "mid", "enterprise"][dice.below(3) as usize].to_owned()),
        ];
        let mut stage = "lead";
        let mut modified_ms = created_ms;
        if dice.below(100) < 35 {
            stage = "marketingqualifiedlead";
            modified_ms += dice.below(14 * 86_400_000) as i64;
            let mql = super::json::instant(modified_ms);
            properties.push(("hs_v2_date_entered_marketingqualifiedlead", mql));
        }
        properties.push(("lifecyclestage", stage.to_owned()));
        let properties = properties.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
        let modified = Timestamp::from_millisecond(modified_ms).unwrap_or_default();
        portal.create_with_id(Object::Contact, 1001 + at as u64, properties, modified);
    }
    portal
}
