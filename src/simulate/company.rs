//! The history of the company as it really was: visits become leads, leads become deals, and
//! people follow them up or do not.
//!
//! Everything is generated to the end at once. What the CRM knew at some instant is a cut through
//! it, made in `exports`, and so two exports can never contradict each other.

use std::collections::VecDeque;

use jiff::civil::{Date, DateTime, date};
use jiff::{SignedDuration, Span};

use super::rng::{Rng, after_business_minutes, after_days, at_hour};
use super::{
    CHANNELS, Campaign, Channel, HISTORY_FIRST_DAY, HISTORY_LAST_DAY, INSIDE_SALES_COUNT,
    LOST_REASON_WEIGHTS, LOST_REASONS, OWNERS, Owner, SEGMENTS, Segment, rounded,
};

const PROMPT_TOUCH_BUSINESS_MINUTES: f64 = 240.0;
const PROMPT_TOUCH_ODDS_FACTOR: f64 = 1.4;
const OFF_HOURS_SHARE: f64 = 0.08;
const SALES_SOURCED_PER_DAY: f64 = 0.11;
const SALES_SOURCED_LATE_WIN_RATE: f64 = 0.25;
const UNASSIGNED_COUNT: usize = 2;
const ROUTED_AT_ONCE_SHARE: f64 = 0.3;
const REASSIGNED_SHARE: f64 = 0.04;
const EURO_SHARE: f64 = 0.06;
const LARGE_DEAL_SHARE: f64 = 0.015;
/// Median and sigma of a log-normal distribution.
const WON_CYCLE_DAYS: (f64, f64) = (55.0, 0.55);
const LOST_CYCLE_DAYS: (f64, f64) = (66.0, 0.8);
const CYCLE_LEAST_DAYS: f64 = 6.0;
/// So many of the strongest campaigns of each source have their visits counted separately.
const TRACKED_CAMPAIGN_COUNT: usize = 2;

/// Who ignores the first deal that comes after which moment.
const GHOSTED: [(DateTime, &Owner); 4] = [
    (date(2026, 11, 13).at(10, 0, 0, 0), &OWNERS[1]),
    (date(2026, 11, 16).at(14, 0, 0, 0), &OWNERS[1]),
    (date(2026, 11, 17).at(11, 0, 0, 0), &OWNERS[2]),
    (date(2026, 11, 18).at(13, 0, 0, 0), &OWNERS[1]),
];
const GHOSTED_CYCLE_LEAST_DAYS: f64 = 40.0;
/// The first deals after these moments exist twice, until somebody merges them.
const DUPLICATED: [DateTime; 3] = [
    date(2026, 11, 9).at(13, 0, 0, 0),
    date(2026, 11, 11).at(10, 0, 0, 0),
    date(2026, 11, 12).at(11, 0, 0, 0),
];
const DUPLICATES_MERGED: DateTime = date(2026, 11, 18).at(15, 20, 0, 0);

const TOUCH_KINDS: [&str; 4] = ["CALL", "EMAIL_OUT", "MEETING", "TASK"];
const FIRST_TOUCH_WEIGHTS: [f64; 4] = [5.0, 4.0, 0.5, 1.0];
const LATER_TOUCH_WEIGHTS: [f64; 4] = [3.0, 4.0, 2.0, 2.0];

/// One company's history.
pub struct Company {
    pub(super) campaigns: Vec<Campaign>,
    pub(super) visits: Vec<Visits>,
    pub(super) leads: Vec<Lead>,
    pub(super) deals: Vec<Deal>,
    pub(super) activities: Vec<Activity>,
}

pub(super) struct Visits {
    pub day: Date,
    pub channel: &'static Channel,
    pub campaign: Option<usize>,
    pub count: usize,
}

pub(super) struct Lead {
    pub created: DateTime,
    pub became_mql: Option<DateTime>,
    pub disqualified: Option<DateTime>,
    pub channel: &'static Channel,
    pub campaign: Option<usize>,
    pub owner: &'static Owner,
    pub segment: &'static Segment,
    became_opportunity: Option<DateTime>,
}

#[derive(Clone)]
pub(super) struct Deal {
    pub lead: Option<usize>,
    pub created: DateTime,
    pub deleted: Option<DateTime>,
    pub closes: DateTime,
    pub lost_reason: Option<&'static str>,
    pub hand_offs: Vec<HandOff>,
    pub amount: f64,
    pub currency: &'static str,
    pub forecast_days: f64,
    /// Whether the owner moves the expected close once it has passed.
    pub forecast_is_kept: bool,
    segment: &'static Segment,
    late_win_rate: f64,
    routed_at_once: bool,
    ghosted_by: Option<&'static Owner>,
}

#[derive(Clone)]
pub(super) struct HandOff {
    pub at: DateTime,
    pub owner: &'static Owner,
    pub first_touch: Option<DateTime>,
}

pub(super) struct Activity {
    pub deal: usize,
    pub kind: &'static str,
    pub at: DateTime,
    pub owner: &'static Owner,
}

impl Company {
    /// The whole history is a function of the seed.
    pub fn generate(seed: u64) -> Company {
        let campaigns = Campaign::launch_all(seed);
        let (visits, leads) = create_demand(seed, &campaigns);
        let mut deals = open_deals(seed, &leads);
        let mut activities = Vec::new();
        let assigned = assign(seed, &deals);
        for (number, (deal, assigned)) in deals.iter_mut().zip(assigned).enumerate() {
            let mut rng = Rng::of(seed, "deal", number);
            // The last ones of the history wait for an owner who comes after its end.
            if let Some(assigned) = assigned {
                deal.work(&mut rng, assigned);
                deal.record_activities(&mut rng, number, &mut activities);
            }
        }
        activities.sort_by_key(|activity| (activity.at, activity.deal));
        Company { campaigns, visits, leads, deals, activities }
    }
}

/// The visits and leads of every day; both follow the same demand and the mood of the day.
fn create_demand(seed: u64, campaigns: &[Campaign]) -> (Vec<Visits>, Vec<Lead>) {
    let mut visits = Vec::new();
    let mut leads = Vec::new();
    let all_days = HISTORY_FIRST_DAY.series(Span::new().days(1));
    let days = all_days.take_while(|day| *day <= HISTORY_LAST_DAY);
    for (number, day) in days.enumerate() {
        for channel in &CHANNELS {
            let mut rng = Rng::of(seed, channel.source, number);
            let demand = channel.demand_on(day) * rng.log_normal(1.0, 0.12);
            let weights: Vec<f64> =
                campaigns.iter().map(|campaign| campaign.weight_on(day, channel)).collect();
            for _ in 0..rng.poisson(demand) {
                let from_campaign = rng.chance(channel.campaign_share);
                let campaign = from_campaign.then(|| rng.weighted(&weights));
                leads.push(Lead::arrive(&mut rng, day, channel, campaign));
            }
            let mut count = |campaign, mean| {
                let count = rng.poisson(mean);
                visits.push(Visits { day, channel, campaign, count });
            };
            let mut untracked = demand * channel.visits_per_lead;
            let campaign_visits = untracked * channel.campaign_share / weights.iter().sum::<f64>();
            for (index, weight) in weights.iter().enumerate() {
                if *weight > 0.0 && campaigns[index].rank < TRACKED_CAMPAIGN_COUNT {
                    count(Some(index), campaign_visits * weight);
                    untracked -= campaign_visits * weight;
                }
            }
            count(None, untracked);
        }
    }
    visits.retain(|row| row.count > 0);
    leads.sort_by_key(|lead| lead.created);
    (visits, leads)
}

impl Lead {
    fn arrive(
        rng: &mut Rng,
        day: Date,
        channel: &'static Channel,
        campaign: Option<usize>,
    ) -> Lead {
        let hour = (13.5 + 3.3 * rng.normal()).clamp(6.0, 23.9);
        let created = after_days(at_hour(day, 0), hour / 24.0);
        let became_mql =
            rng.chance(channel.mql_rate).then(|| after_days(created, rng.log_normal(1.5, 1.0)));
        let became_opportunity = became_mql
            .filter(|_| rng.chance(channel.opportunity_rate))
            .map(|at| after_days(at, rng.log_normal(4.0, 0.8)));
        let judged = after_days(became_mql.unwrap_or(created), rng.log_normal(14.0, 0.7));
        let disqualified = became_opportunity.is_none() && rng.chance(0.6);
        Lead {
            created,
            became_mql,
            disqualified: disqualified.then_some(judged),
            channel,
            campaign,
            owner: &OWNERS[rng.below(INSIDE_SALES_COUNT)],
            segment: &SEGMENTS[rng.weighted(&SEGMENTS.each_ref().map(|segment| segment.share))],
            // Most are opened by people at work, a few by the web form at other times.
            became_opportunity: became_opportunity
                .map(|at| if rng.chance(OFF_HOURS_SHARE) { at } else { rng.working_moment(at) }),
        }
    }
}

/// All deals in the order of their creation, the duplicates among them.
fn open_deals(seed: u64, leads: &[Lead]) -> Vec<Deal> {
    let mut deals = Vec::new();
    for (number, lead) in leads.iter().enumerate() {
        if let Some(created) = lead.became_opportunity {
            let mut rng = Rng::of(seed, "opening", number);
            deals.push(Deal::open(&mut rng, Some((number, lead)), created));
        }
    }
    let mut rng = Rng::of(seed, "sales-sourced", 0);
    let days = (HISTORY_LAST_DAY - HISTORY_FIRST_DAY).get_days();
    for day in 0..days {
        if rng.chance(SALES_SOURCED_PER_DAY) {
            let day = HISTORY_FIRST_DAY + Span::new().days(day);
            let created = rng.working_moment(at_hour(day, 0));
            deals.push(Deal::open(&mut rng, None, created));
        }
    }
    deals.retain(|deal| deal.created.date() <= HISTORY_LAST_DAY);
    deals.sort_by_key(|deal| deal.created);
    stage(&mut rng, &mut deals);
    deals
}

/// Prepares what the demonstration has to show, whatever the seed. The history goes on beyond these
/// moments, and so there always is a next deal.
fn stage(rng: &mut Rng, deals: &mut Vec<Deal>) {
    let first_after = |deals: &[Deal], moment| deals.partition_point(|deal| deal.created < moment);
    for (moment, owner) in GHOSTED {
        let position = first_after(deals, moment);
        deals[position].ghosted_by = Some(owner);
        deals[position].routed_at_once = true;
    }
    for moment in DUPLICATED {
        let mut twin = deals[first_after(deals, moment)].clone();
        twin.created = after_business_minutes(twin.created, rng.between(10.0, 90.0));
        twin.deleted = Some(DUPLICATES_MERGED);
        twin.routed_at_once = true;
        let position = first_after(deals, twin.created);
        deals.insert(position, twin);
    }
}

/// When each deal gets its first owner. A part is routed by rule; the others wait in a queue whose
/// last two are always left, since sales operations compares each deal with the next ones.
fn assign(seed: u64, deals: &[Deal]) -> Vec<Option<DateTime>> {
    let mut rng = Rng::of(seed, "assign", 0);
    let mut assigned = vec![None; deals.len()];
    let mut queue = VecDeque::new();
    for (number, deal) in deals.iter().enumerate() {
        let soon = deal.created + SignedDuration::from_secs(rng.between(20.0, 300.0) as i64);
        if deal.routed_at_once {
            assigned[number] = Some(soon);
            continue;
        }
        queue.push_back(number);
        if queue.len() > UNASSIGNED_COUNT
            && let Some(first) = queue.pop_front()
        {
            assigned[first] = Some(soon);
        }
    }
    assigned
}

impl Deal {
    /// A deal without a lead was found by sales.
    fn open(rng: &mut Rng, lead: Option<(usize, &Lead)>, created: DateTime) -> Deal {
        let (segment, late_win_rate) = match lead {
            Some((_, lead)) => (lead.segment, lead.channel.late_win_rate),
            None => (&SEGMENTS[rng.below(SEGMENTS.len())], SALES_SOURCED_LATE_WIN_RATE),
        };
        let large = rng.chance(LARGE_DEAL_SHARE);
        let size = rng.between(2.5, 4.5);
        let amount =
            rng.log_normal(segment.amount_median_usd, 0.47) * if large { size } else { 1.0 };
        Deal {
            lead: lead.map(|(number, _)| number),
            created,
            deleted: None,
            closes: DateTime::MAX,
            lost_reason: None,
            hand_offs: Vec::new(),
            amount: rounded(amount, 50.0),
            currency: if rng.chance(EURO_SHARE) { "EUR" } else { "USD" },
            forecast_days: rng.log_normal(60.0, 0.3),
            forecast_is_kept: rng.chance(0.75),
            segment,
            late_win_rate,
            routed_at_once: rng.chance(ROUTED_AT_ONCE_SHARE),
            ghosted_by: None,
        }
    }

    /// Gives the deal its owners and its end. A prompt first touch improves its chances.
    fn work(&mut self, rng: &mut Rng, assigned: DateTime) {
        let drawn = self.draw_owner(rng);
        let touch = drawn.first_touch(rng, assigned);
        let (owner, first_touch) = self.ghosted_by.map_or((drawn, touch), |ghost| (ghost, None));
        self.hand_offs.push(HandOff { at: assigned, owner, first_touch });

        let prompt = after_business_minutes(assigned, PROMPT_TOUCH_BUSINESS_MINUTES);
        let mut odds = self.late_win_rate / (1.0 - self.late_win_rate);
        if first_touch.is_some_and(|touch| touch <= prompt) {
            odds *= PROMPT_TOUCH_ODDS_FACTOR;
        }

        let won = rng.chance(odds / (1.0 + odds));
        let reason = LOST_REASONS[rng.weighted(&LOST_REASON_WEIGHTS)];
        self.lost_reason = (!won).then_some(reason);
        let (median, sigma) = if won { WON_CYCLE_DAYS } else { LOST_CYCLE_DAYS };
        let ghosted = self.ghosted_by.is_some();
        let least_days = if ghosted { GHOSTED_CYCLE_LEAST_DAYS } else { CYCLE_LEAST_DAYS };
        let cycle_days = rng.log_normal(median, sigma).max(least_days);
        self.closes = rng.working_moment(after_days(assigned, cycle_days));

        let middle = after_days(assigned, cycle_days * rng.between(0.15, 0.6));
        let (at, owner) = (rng.working_moment(middle), self.draw_owner(rng));
        if rng.chance(REASSIGNED_SHARE) && !ghosted && owner.id != drawn.id && at < self.closes {
            let first_touch = owner.first_touch(rng, at);
            self.hand_offs.push(HandOff { at, owner, first_touch });
        }
    }

    fn draw_owner(&self, rng: &mut Rng) -> &'static Owner {
        &OWNERS[rng.weighted(&self.segment.owner_weights)]
    }

    /// An owner who never touches the deal still receives its mails.
    fn record_activities(&self, rng: &mut Rng, number: usize, activities: &mut Vec<Activity>) {
        for (turn, hand_off) in self.hand_offs.iter().enumerate() {
            let next = self.hand_offs.get(turn + 1);
            let end = next.map_or(self.closes, |next| next.at);
            let mut record = |at: DateTime, kind| {
                if at < end && at.date() <= HISTORY_LAST_DAY {
                    activities.push(Activity { deal: number, kind, at, owner: hand_off.owner });
                }
            };
            if let Some(touch) = hand_off.first_touch {
                record(touch, TOUCH_KINDS[rng.weighted(&FIRST_TOUCH_WEIGHTS)]);
                for _ in 0..2 + rng.below(4) {
                    let kind = TOUCH_KINDS[rng.weighted(&LATER_TOUCH_WEIGHTS)];
                    let at = rng.moment_between(touch, end);
                    record(rng.working_moment(at), kind);
                }
            }
            for _ in 0..rng.below(4) {
                let kind = if rng.chance(0.6) { "EMAIL_IN" } else { "NOTE" };
                record(rng.moment_between(hand_off.at, end), kind);
            }
        }
    }
}
