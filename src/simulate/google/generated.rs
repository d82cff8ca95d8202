//! A property with plain sessions, for benchmarks.

use jiff::{Span, Timestamp};

use super::super::rng::Rng;
use super::limits::pacific;
use super::property::{Property, Searched};
use super::ranges::today;

const CHANNELS: [&str; 6] =
    ["Organic Search", "Paid Search", "Email", "Referral", "Organic Social", "Direct"];
const MIN_CAMPAIGNS: usize = 80;
/// Two years.
const MAX_DAYS: usize = 730;
const QUERIES: usize = 100;
/// As long as Search Console keeps its data, about.
const MAX_SEARCH_DAYS: usize = 480;
const MAX_SESSIONS: usize = 400;

/// So many rows of sessions: every day up to yesterday has each of eighty campaigns, or of more where
/// two years do not suffice. A hundred queries were searched for on as many days.
pub fn generated(rows: usize, seed: u64, now: Timestamp) -> Property {
    let mut property = Property::empty("123456789", "America/New_York");
    let campaigns = MIN_CAMPAIGNS.max(rows.div_ceil(MAX_DAYS));
    let days = rows.div_ceil(campaigns);
    let mut rng = Rng::of(seed, "sessions", 0);
    let origins: Vec<u32> = (0..campaigns)
        .map(|at| {
            let channel = CHANNELS[at % CHANNELS.len()];
            property.origin(channel, &format!("campaign-{at:05}"))
        })
        .collect();
    let yesterday = today(&property.zone, now).saturating_sub(Span::new().days(1));
    let day =
        |ago: usize| yesterday.saturating_sub(Span::new().days(i64::try_from(ago).unwrap_or(0)));
    for at in 0..rows {
        let count = u32::try_from(1 + rng.below(MAX_SESSIONS)).unwrap_or(1);
        let (ago, origin) = (days - 1 - at / campaigns, origins[at % campaigns]);
        let row = super::property::Sessions { origin, count };
        property.days.entry(day(ago)).or_default().push(row);
    }
    property.set_site("sc-domain:example.com", "siteFullUser");
    let last = today(&pacific(), now);
    for ago in 0..days.min(MAX_SEARCH_DAYS) {
        let day = last.saturating_sub(Span::new().days(i64::try_from(ago).unwrap_or(0)));
        for query in 0..QUERIES {
            let impressions = u32::try_from(10 + rng.below(MAX_SESSIONS)).unwrap_or(10);
            let position = rng.between(1.0, 30.0);
            let page = format!("https://www.example.com/page-{:02}", query % 20);
            let query = format!("query {query:03}");
            let clicks = impressions / 12;
            let searched = Searched::new(&query, &page, clicks, impressions, position);
            property.add_searched(day, searched);
        }
    }
    property
}
