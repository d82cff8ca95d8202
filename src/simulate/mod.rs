//! An invented company, "Northwind Colocation", for demonstrations and tests: a daemon that
//! watches a funnel needs a funnel whose story is known beforehand.
//!
//! This file holds what is given: the calendar, the people, the market. `company` is what chance
//! makes of it, `exports` is how the CRM tells it. All times are civil times in New York; nothing
//! happens there between one and six at night, so that no clock change makes one ambiguous.

use jiff::Span;
use jiff::civil::{Date, DateTime, date};

mod account;
mod company;
mod exports;
mod fault_rows;
mod folder_rows;
pub mod google;
pub mod hubspot;
mod instance;
mod jwt;
mod listen;
pub mod marketo;
mod org;
pub mod pipedrive;
mod portal;
mod property;
pub mod rng;
pub mod salesforce;
mod wire;

pub use company::Company;
pub use rng::Rng;
use rng::after_business_minutes;

const ZONE: &str = "America/New_York";
const HISTORY_FIRST_DAY: Date = date(2025, 9, 15);
const HISTORY_LAST_DAY: Date = date(2026, 11, 30);
const FIRST_AWAKE_HOUR: i8 = 6;
const OPENING_HOUR: i8 = 9;
const CLOSING_HOUR: i8 = 17;
/// Independence Day of 2026 is a Saturday and therefore observed on the Friday before.
const HOLIDAYS: [Date; 4] =
    [date(2025, 11, 27), date(2025, 12, 25), date(2026, 7, 3), date(2026, 11, 26)];

/// From here on the webinars lose their audience: the story that the daemon has to find.
const WEBINAR_SLUMP_FIRST_DAY: Date = date(2026, 9, 1);
const WEBINAR_SLUMP_FACTOR: f64 = 0.35;
const TRADE_SHOW_MONDAYS: [Date; 3] = [date(2025, 10, 13), date(2026, 3, 16), date(2026, 10, 12)];
const TRADE_SHOW_FACTOR: f64 = 8.0;
const WEEKDAY_FACTORS: [f64; 7] = [1.2, 1.3, 1.3, 1.2, 1.0, 0.45, 0.45];
const HOLIDAY_FACTOR: f64 = 0.4;
const AUGUST_FACTOR: f64 = 0.75;
const YEAR_END_FACTOR: f64 = 0.5;
const GROWTH_PER_YEAR: f64 = 0.04;

/// Where leads come from, and what becomes of them.
struct Channel {
    source: &'static str,
    leads_per_day: f64,
    visits_per_lead: f64,
    mql_rate: f64,
    opportunity_rate: f64,
    /// Of the deals whose first touch was late; a prompt one improves the odds.
    late_win_rate: f64,
    /// The share of leads that carry a campaign, and what such a lead costs.
    campaign_share: f64,
    campaign_lead_cost_usd: f64,
}

static CHANNELS: [Channel; 8] = [
    channel("ORGANIC_SEARCH", 7.8, 55.0, 0.39, 0.36, 0.24, (0.2, 20.0)),
    channel("PAID_SEARCH", 4.6, 32.0, 0.34, 0.33, 0.21, (0.95, 95.0)),
    channel("WEBINAR", 7.0, 7.0, 0.49, 0.40, 0.23, (1.0, 60.0)),
    channel("EMAIL_MARKETING", 2.6, 14.0, 0.38, 0.34, 0.21, (0.9, 25.0)),
    channel("REFERRALS", 1.3, 9.0, 0.55, 0.46, 0.29, (0.3, 40.0)),
    channel("TRADE_SHOW", 1.3, 6.0, 0.43, 0.36, 0.24, (0.95, 210.0)),
    channel("SOCIAL_MEDIA", 2.0, 85.0, 0.27, 0.28, 0.18, (0.7, 70.0)),
    channel("", 0.4, 90.0, 0.34, 0.33, 0.22, (0.0, 0.0)),
];

const fn channel(
    source: &'static str,
    leads_per_day: f64,
    visits_per_lead: f64,
    mql_rate: f64,
    opportunity_rate: f64,
    late_win_rate: f64,
    (campaign_share, campaign_lead_cost_usd): (f64, f64),
) -> Channel {
    Channel {
        source,
        leads_per_day,
        visits_per_lead,
        mql_rate,
        opportunity_rate,
        late_win_rate,
        campaign_share,
        campaign_lead_cost_usd,
    }
}

impl Channel {
    /// How many leads a day brings on average.
    fn demand_on(&self, day: Date) -> f64 {
        let years = (day - HISTORY_FIRST_DAY).get_days() as f64 / 365.0;
        let weekday = day.weekday().to_monday_zero_offset() as usize;
        let mut demand = self.leads_per_day * (1.0 + GROWTH_PER_YEAR * years);
        demand *= WEEKDAY_FACTORS[weekday];
        demand *= match (day.month(), day.day()) {
            _ if HOLIDAYS.contains(&day) => HOLIDAY_FACTOR,
            (8, _) => AUGUST_FACTOR,
            (12, 16..) => YEAR_END_FACTOR,
            _ => 1.0,
        };
        let monday = day.saturating_sub(Span::new().days(weekday as i64));
        if self.source == "TRADE_SHOW" && weekday < 5 && TRADE_SHOW_MONDAYS.contains(&monday) {
            demand *= TRADE_SHOW_FACTOR;
        }
        if self.source == "WEBINAR" && day >= WEBINAR_SLUMP_FIRST_DAY {
            demand *= WEBINAR_SLUMP_FACTOR;
        }
        demand
    }
}

/// In the order of `CHANNELS`: what its campaigns are called, from the strongest to the weakest.
const CAMPAIGN_SUBJECTS: [(&str, &str); 7] = [
    (
        "Guide",
        "Colocation pricing explained; Tier III or Tier IV; Leaving the server room; \
         Cross-connects for beginners; Reading a power bill",
    ),
    (
        "Search ads",
        "Brand; Colocation New Jersey; Colocation New York; Private cage; Cloud exit; \
         Disaster recovery site; GPU hosting; Quarter rack; Competitor names",
    ),
    (
        "Webinar",
        "Disaster recovery in practice; Power density for AI racks; Moving out of the cloud; \
         A migration weekend, hour by hour; Audits without tears; What an outage costs; \
         Liquid cooling in plain words; Network design for two sites; Backup meets ransomware; \
         Ask a data center engineer",
    ),
    (
        "Newsletter",
        "Rack notes; New hall opening; Spare capacity offer; Welcome series; Win-back series; \
         Power price update; Year-end budget; Summer migration offer",
    ),
    ("Partners", "Customer referral bonus; Managed service providers; Network carriers"),
    (
        "Trade show",
        "Edge & Interconnect Expo New York; Data Hall World Boston; Fintech Infrastructure Day; \
         Hospital IT Forum",
    ),
    (
        "Social",
        "Tour of the north hall; Engineers at work; Green power pledge; Customer stories; \
         Rack-and-stack challenge; Hiring days",
    ),
];

/// About what the weights of the campaigns that a channel runs at a time add up to.
const CAMPAIGN_WEIGHTS_SUM: f64 = 2.0;

struct Campaign {
    channel: &'static Channel,
    name: String,
    /// 0 for the strongest of its channel; the others follow by a power law.
    rank: usize,
    first_day: Date,
    last_day: Date,
    cost_usd: f64,
}

impl Campaign {
    /// Every campaign of the history, in the order of their start.
    fn launch_all(seed: u64) -> Vec<Campaign> {
        let mut campaigns = Vec::new();
        let history_days = f64::from((HISTORY_LAST_DAY - HISTORY_FIRST_DAY).get_days());
        for (channel, (prefix, subjects)) in CHANNELS.iter().zip(CAMPAIGN_SUBJECTS) {
            for (rank, subject) in subjects.split("; ").enumerate() {
                let mut rng = Rng::of(seed, subject, rank);
                // The strongest one always runs, so that no lead of the channel lacks a campaign.
                let (start, length) = match rank {
                    0 => (0.0, history_days),
                    _ => (rng.unit() * (history_days - 60.0), rng.between(60.0, 300.0)),
                };
                let first_day = HISTORY_FIRST_DAY + Span::new().days(start as i64);
                let last_day = first_day + Span::new().days(length as i64);
                let share = channel.campaign_share * power_law(rank) / CAMPAIGN_WEIGHTS_SUM;
                let leads = channel.leads_per_day * share * length;
                let cost = leads * channel.campaign_lead_cost_usd * rng.log_normal(1.0, 0.3);
                campaigns.push(Campaign {
                    channel,
                    name: format!("{prefix}: {subject}"),
                    rank,
                    first_day,
                    last_day,
                    cost_usd: rounded(cost, 10.0),
                });
            }
        }
        campaigns.sort_by_key(|campaign| campaign.first_day);
        campaigns
    }

    fn weight_on(&self, day: Date, channel: &Channel) -> f64 {
        let runs = self.first_day <= day && day <= self.last_day;
        if runs && self.channel.source == channel.source { power_law(self.rank) } else { 0.0 }
    }
}

fn power_law(rank: usize) -> f64 {
    1.0 / (rank + 1) as f64
}

/// A price as people set it, and never nothing.
fn rounded(amount: f64, step: f64) -> f64 {
    (amount / step).round().max(1.0) * step
}

/// The size of a customer decides about the amount and about who sells to it.
struct Segment {
    name: &'static str,
    share: f64,
    amount_median_usd: f64,
    /// In the order of `OWNERS`.
    owner_weights: [f64; 8],
}

static SEGMENTS: [Segment; 3] = [
    Segment {
        name: "smb",
        share: 0.56,
        amount_median_usd: 8_500.0,
        owner_weights: [3.0, 3.0, 3.0, 3.0, 0.2, 0.2, 0.2, 0.3],
    },
    Segment {
        name: "mid-market",
        share: 0.33,
        amount_median_usd: 14_000.0,
        owner_weights: [0.5, 0.5, 0.5, 0.5, 3.0, 3.0, 3.0, 0.2],
    },
    Segment {
        name: "enterprise",
        share: 0.11,
        amount_median_usd: 27_000.0,
        owner_weights: [0.0, 0.0, 0.0, 0.0, 3.0, 3.0, 3.0, 0.1],
    },
];

const LOST_REASONS: [&str; 4] = ["price", "no decision", "competitor", "bad timing"];
const LOST_REASON_WEIGHTS: [f64; 4] = [3.0, 2.8, 2.2, 1.4];

/// A seller, and how often the first touch comes late or never.
struct Owner {
    id: &'static str,
    name: &'static str,
    late_share: f64,
    never_share: f64,
    /// Multiplies both shares from `OWNER_SLUMP_FIRST_DAY` on.
    slump_factor: f64,
}

const OWNER_SLUMP_FIRST_DAY: Date = date(2026, 10, 1);
/// Inside sales, who also follow up marketing's leads, are the first of the owners.
const INSIDE_SALES_COUNT: usize = 4;

/// What is handed over in these two weeks is touched before they end, even if late, except for the
/// deals that `stage` chooses: four known names demonstrate better than a random number of them.
const SHOWCASE_START: DateTime = date(2026, 11, 9).at(0, 0, 0, 0);
const SHOWCASE_END: DateTime = date(2026, 11, 20).at(17, 0, 0, 0);

/// Four of inside sales, three of field sales, and Hugo, who belongs to no team.
static OWNERS: [Owner; 8] = [
    owner("u-ada", "Ada Okafor", 0.04, 0.0, 1.0),
    owner("u-ben", "Ben Lindqvist", 0.27, 0.05, 2.0),
    owner("u-chloe", "Chloe Marchetti", 0.17, 0.015, 1.0),
    owner("u-dmitri", "Dmitri Halvorsen", 0.22, 0.02, 1.0),
    owner("u-eva", "Eva Sandoval", 0.05, 0.0, 1.0),
    owner("u-farid", "Farid Rahimi", 0.22, 0.02, 1.0),
    owner("u-grace", "Grace Whitfield", 0.14, 0.01, 1.0),
    owner("u-hugo", "Hugo Brandt", 0.25, 0.03, 1.0),
];

const fn owner(
    id: &'static str,
    name: &'static str,
    late_share: f64,
    never_share: f64,
    slump_factor: f64,
) -> Owner {
    Owner { id, name, late_share, never_share, slump_factor }
}

impl Owner {
    /// When the owner first does something about a deal that was handed over.
    fn first_touch(&self, rng: &mut Rng, handed_over: DateTime) -> Option<DateTime> {
        let prompt = rng.log_normal(70.0, 0.7).clamp(4.0, 225.0);
        let prompt = after_business_minutes(handed_over, prompt);
        let late = after_business_minutes(handed_over, rng.between(280.0, 1_600.0));
        let slumps = handed_over.date() >= OWNER_SLUMP_FIRST_DAY;
        let fate = rng.unit() / if slumps { self.slump_factor } else { 1.0 };
        let touch = match fate {
            _ if fate < self.never_share => None,
            _ if fate < self.never_share + self.late_share => Some(late),
            _ => Some(prompt),
        };
        let shown = SHOWCASE_START <= handed_over && handed_over <= SHOWCASE_END;
        let unseen = touch.is_none_or(|touch| touch > SHOWCASE_END);
        if shown && unseen { Some(prompt) } else { touch }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn webinars_are_the_second_largest_channel_until_they_slump() {
        let before = WEBINAR_SLUMP_FIRST_DAY.saturating_sub(Span::new().days(35));
        let share = |day: Date| {
            let total: f64 = CHANNELS.iter().map(|channel| channel.demand_on(day)).sum();
            CHANNELS[2].demand_on(day) / total
        };
        assert!((0.23..0.28).contains(&share(before)));
        assert!((0.08..0.13).contains(&share(WEBINAR_SLUMP_FIRST_DAY)));
    }

    #[test]
    fn the_demonstration_has_its_story_whatever_the_seed() {
        let now = date(2026, 11, 23).at(6, 30, 0, 0);
        for seed in [1, 7, 42, 2026] {
            let company = Company::generate(seed);
            let mut overdue = Vec::new();
            let mut waiting = 0;
            for deal in company.deals.iter().filter(|deal| deal.created <= now) {
                if deal.deleted.is_some() || deal.closes <= now {
                    continue;
                }
                let Some(last) = deal.hand_offs.iter().rfind(|change| change.at <= now) else {
                    waiting += 1;
                    continue;
                };
                let recent = last.at >= now.saturating_sub(Span::new().days(10));
                let untouched = last.first_touch.is_none_or(|touch| touch > now);
                if recent && untouched && after_business_minutes(last.at, 240.0) < now {
                    overdue.push(last.owner.id);
                }
            }
            overdue.sort_unstable();
            assert_eq!(overdue, ["u-ben", "u-ben", "u-ben", "u-chloe"], "seed {seed}");
            assert!((2..=3).contains(&waiting), "seed {seed}: {waiting} without owner");
        }
    }

    /// Run with `--nocapture` to see the totals that a plan can be made from.
    #[test]
    fn totals_are_those_of_a_plausible_company() {
        let company = Company::generate(42);
        let mut quarters = std::collections::BTreeMap::<String, [f64; 5]>::new();
        let mut add = |at: DateTime, column: usize, amount: f64| {
            let quarter = format!("{} Q{}", at.year(), (at.month() + 2) / 3);
            quarters.entry(quarter).or_default()[column] += amount;
        };
        for lead in &company.leads {
            add(lead.created, 0, 1.0);
            lead.became_mql.into_iter().for_each(|at| add(at, 1, 1.0));
        }
        for deal in company.deals.iter().filter(|deal| deal.deleted.is_none()) {
            add(deal.created, 2, 1.0);
            if deal.lost_reason.is_none() && deal.closes.date() <= HISTORY_LAST_DAY {
                add(deal.closes, 3, 1.0);
                add(deal.closes, 4, deal.amount);
            }
        }
        println!("quarter   leads   mqls  opps  wins  won value, currencies as they are");
        for (quarter, [leads, mqls, opportunities, wins, value]) in &quarters {
            println!("{quarter} {leads:7} {mqls:6} {opportunities:5} {wins:5} {value:12}");
        }
        let total = |column: usize| quarters.values().map(|row| row[column]).sum::<f64>();
        assert!((10_000.0..12_500.0).contains(&total(0)));
        assert!((0.37..0.43).contains(&(total(1) / total(0))));
        assert!((0.135..0.155).contains(&(total(2) / total(0))));
        assert!((360.0..460.0).contains(&total(3)));
        assert!((3.5e6..6.5e6).contains(&total(4)));
    }
}
