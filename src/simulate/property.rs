//! The company's website as a GA4 property and a site in Search Console: its visits are sessions, and who
//! came by a search had seen one of its pages among the results.

use jiff::civil::{Date, date};
use jiff::{Span, Timestamp};

use super::company::Company;
use super::google::{Property, Searched};
use super::rng::Rng;
use super::{HISTORY_FIRST_DAY, HISTORY_LAST_DAY, ZONE};

const PROPERTY_ID: &str = "425137890";
const SITE: &str = "https://www.example.com";
const NOT_SET: &str = "(not set)";

/// The vendor's groups. It has none for webinars and trade shows, whose links say so in their own words.
const GROUPS: [(&str, &str, &str); 8] = [
    ("ORGANIC_SEARCH", "Organic Search", "(organic)"),
    ("PAID_SEARCH", "Paid Search", NOT_SET),
    ("WEBINAR", "Unassigned", NOT_SET),
    ("EMAIL_MARKETING", "Email", NOT_SET),
    ("REFERRALS", "Referral", "(referral)"),
    ("TRADE_SHOW", "Unassigned", NOT_SET),
    ("SOCIAL_MEDIA", "Organic Social", NOT_SET),
    ("", "Direct", "(direct)"),
];

/// From here to there the position of one keyword falls.
const DECLINE_FIRST_DAY: Date = date(2026, 9, 14);
const DECLINE_DAYS: f64 = 45.0;

/// A keyword: what share of the clicks from searches it brings, its usual position, how far that swings,
/// and by how much it has fallen at the end.
struct Keyword {
    query: &'static str,
    page: &'static str,
    share: f64,
    position: f64,
    swing: f64,
    fall: f64,
}

const fn keyword(
    query: &'static str,
    page: &'static str,
    share: f64,
    (position, swing, fall): (f64, f64, f64),
) -> Keyword {
    Keyword { query, page, share, position, swing, fall }
}

/// The last one stands for queries that are so rare that the vendor does not tell them.
static KEYWORDS: [Keyword; 19] = [
    keyword("northwind colocation", "/", 0.24, (1.1, 0.1, 0.0)),
    keyword("northwind data center", "/", 0.06, (1.3, 0.2, 0.0)),
    keyword("colocation new jersey", "/colocation/new-jersey", 0.08, (3.4, 0.8, 0.0)),
    keyword("colocation new york", "/colocation/new-york", 0.06, (6.8, 1.2, 0.0)),
    keyword("disaster recovery colocation", "/disaster-recovery", 0.07, (3.1, 0.5, 8.5)),
    keyword("disaster recovery site", "/disaster-recovery", 0.03, (8.2, 1.5, 0.0)),
    keyword("colocation pricing", "/guides/colocation-pricing", 0.06, (4.2, 0.9, 0.0)),
    keyword("colocation cost per rack", "/guides/colocation-pricing", 0.02, (7.5, 1.4, 0.0)),
    keyword("quarter rack colocation", "/racks/quarter", 0.03, (5.1, 1.0, 0.0)),
    keyword("private cage data center", "/racks/private-cage", 0.015, (6.2, 1.1, 0.0)),
    keyword("tier iii vs tier iv", "/guides/tiers", 0.04, (2.8, 0.6, 0.0)),
    keyword("what is a cross connect", "/guides/cross-connects", 0.04, (5.6, 0.9, 0.0)),
    keyword("high density colocation", "/power-density", 0.02, (9.4, 2.0, 0.0)),
    keyword("liquid cooling colocation", "/power-density", 0.01, (12.3, 2.4, 0.0)),
    keyword("gpu hosting new jersey", "/gpu-hosting", 0.015, (8.8, 1.8, 0.0)),
    keyword("move servers out of the cloud", "/guides/cloud-exit", 0.015, (11.0, 2.2, 0.0)),
    keyword("server room to colocation", "/guides/server-room", 0.02, (6.6, 1.0, 0.0)),
    keyword("data center power bill", "/guides/power-bill", 0.015, (7.9, 1.3, 0.0)),
    keyword("", "/blog", 0.16, (14.0, 2.0, 0.0)),
];

/// Devices and countries with their share of the searches.
const PLACES: [(&str, &str, f64); 3] =
    [("DESKTOP", "usa", 0.62), ("MOBILE", "usa", 0.28), ("DESKTOP", "can", 0.10)];

/// As campaigns are written into links: small letters and hyphens.
fn link_name(name: &str) -> String {
    let small = name.to_lowercase();
    let words = small.split(|letter: char| !letter.is_ascii_alphanumeric());
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("-")
}

/// How often a result is clicked at a position.
fn click_rate(position: f64) -> f64 {
    0.34 / (0.5 + position)
}

/// From 0 up to 1 and back again, once in a number of days.
fn wave(days: f64, period_days: f64) -> f64 {
    let place = (days / period_days).fract() * 2.0;
    if place < 1.0 { place } else { 2.0 - place }
}

impl Keyword {
    /// Its mean position on a day.
    fn position_on(&self, day: Date, rng: &mut Rng) -> f64 {
        let days = f64::from((day - HISTORY_FIRST_DAY).get_days());
        let slow = self.swing * (wave(days, 90.0 + 40.0 * self.share) - 0.5);
        let declined = f64::from((day - DECLINE_FIRST_DAY).get_days()) / DECLINE_DAYS;
        let fall = self.fall * declined.clamp(0.0, 1.0);
        (self.position + slow + fall + 0.1 * rng.normal()).max(1.0)
    }
}

impl Company {
    /// The property as it stands on the day of an instant: what it tells of the last days still grows
    /// with the clock of the simulator.
    pub fn property_at(&self, now: Timestamp) -> Property {
        let mut property = Property::empty(PROPERTY_ID, ZONE);
        for (address, level) in [
            ("sc-domain:example.com", "siteFullUser"),
            ("https://www.example.com/", "siteFullUser"),
            ("https://old.example.com/", "siteUnverifiedUser"),
        ] {
            property.set_site(address, level);
        }
        let Ok(now) = now.in_tz(ZONE) else { return property };
        let today = now.date();
        for visits in self.visits.iter().filter(|visits| visits.day <= today) {
            let source = visits.channel.source;
            let group = GROUPS.iter().find(|group| group.0 == source).unwrap_or(&GROUPS[7]);
            let campaign = match visits.campaign {
                Some(number) => link_name(&self.campaigns[number].name),
                // Links to webinars and trade shows say at least what they are for.
                None if group.1 == "Unassigned" => link_name(source),
                None => group.2.to_owned(),
            };
            let told = match source {
                "WEBINAR" => Some(("webinar", "event")),
                "TRADE_SHOW" => Some(("trade-show", "offline")),
                _ => None,
            };
            if let Some((source, medium)) = told {
                property.set_source(group.1, &campaign, source, medium);
            }
            let count = u32::try_from(visits.count).unwrap_or(u32::MAX);
            property.set_sessions(visits.day, group.1, &campaign, count);
        }
        self.add_searches(&mut property, today);
        property
    }

    fn add_searches(&self, property: &mut Property, today: Date) {
        let mut visits = std::collections::BTreeMap::<Date, usize>::new();
        for row in self.visits.iter().filter(|row| row.channel.source == "ORGANIC_SEARCH") {
            *visits.entry(row.day).or_default() += row.count;
        }
        let last = today.min(HISTORY_LAST_DAY);
        let days = HISTORY_FIRST_DAY.series(Span::new().days(1)).take_while(|day| *day <= last);
        for (number, day) in days.enumerate() {
            let visits = visits.get(&day).copied().unwrap_or(0) as f64;
            for keyword in &KEYWORDS {
                let mut rng = Rng::of(visits as u64, keyword.query, number);
                let position = keyword.position_on(day, &mut rng);
                let seen = visits * keyword.share / click_rate(keyword.position);
                for (device, country, share) in PLACES {
                    let impressions = rng.poisson(seen * share);
                    let clicks = rng.poisson(impressions as f64 * click_rate(position));
                    let clicks = clicks.min(impressions);
                    let [clicks, impressions] =
                        [clicks, impressions].map(|count| u32::try_from(count).unwrap_or(0));
                    if impressions == 0 {
                        continue;
                    }
                    let page = format!("{SITE}{}", keyword.page);
                    let mut searched =
                        Searched::new(keyword.query, &page, clicks, impressions, position);
                    (searched.device, searched.country) = (device, country);
                    // Its home page is told together with another page of the site.
                    if keyword.page == "/" && country == "usa" {
                        let page = format!("{SITE}/contact");
                        let position = position + 1.0;
                        let mut also =
                            Searched::new(keyword.query, &page, 0, impressions, position);
                        (also.device, also.beside) = (device, true);
                        property.add_searched(day, also);
                    }
                    property.add_searched(day, searched);
                }
            }
        }
    }
}
