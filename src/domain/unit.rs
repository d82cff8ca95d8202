//! The unit that converts: a lead, or an opportunity, with the days on which it entered each stage.
//!
//! A unit contributes once to every pair of stages. What it contributes is a function of the unit
//! alone, so it can be added to a roll-up and taken away again.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use rust_decimal::{Decimal, prelude::ToPrimitive};

use super::{
    dimension::Dimension,
    facts::{Lead, Opportunity, Outcome},
    moment::Moment,
    stage::Stage,
};

/// Ten-thousandths in one unit of money, the precision in which values are added up.
pub const VALUE_SCALE: i64 = 10_000;

/// What converts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UnitKind {
    /// In `lead` and `mql`.
    Lead,
    /// In `opportunity`.
    Opportunity,
}

impl UnitKind {
    /// The name in the store.
    pub fn name(self) -> &'static str {
        match self {
            UnitKind::Lead => "lead",
            UnitKind::Opportunity => "opportunity",
        }
    }
}

/// How the wait of an entrant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum End {
    /// It reached the later stage.
    Converted,
    /// It never will.
    Lost,
    /// It may still.
    Waiting,
}

impl End {
    /// The name in the store.
    pub fn name(self) -> &'static str {
        match self {
            End::Converted => "converted",
            End::Lost => "lost",
            End::Waiting => "waiting",
        }
    }

    /// The end of that name.
    pub fn from_name(name: &str) -> Option<End> {
        [End::Converted, End::Lost, End::Waiting].into_iter().find(|end| end.name() == name)
    }
}

/// A unit with its dimensions and days, in the company's zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// Lead or opportunity.
    pub kind: UnitKind,
    /// Vendor's value of the channel.
    pub channel: Option<String>,
    /// Campaign id.
    pub campaign: Option<String>,
    /// Owner id.
    pub owner: Option<String>,
    /// Segment.
    pub segment: Option<String>,
    /// Market.
    pub market: Option<String>,
    /// Product.
    pub product: Option<String>,
    /// Currency of the value; the company's when absent.
    pub currency: Option<String>,
    /// Value when won, in [`VALUE_SCALE`]ths.
    pub value: i64,
    /// Entered `lead`.
    pub lead_day: Option<Date>,
    /// Entered `mql`.
    pub mql_day: Option<Date>,
    /// Entered `opportunity`.
    pub opportunity_day: Option<Date>,
    /// Entered `won`.
    pub won_day: Option<Date>,
    /// Lost for good.
    pub lost_day: Option<Date>,
}

/// What a unit adds to one pair of stages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Contribution {
    /// The stage it entered.
    pub from: Stage,
    /// The stage it may reach.
    pub to: Stage,
    /// When it entered.
    pub entered: Date,
    /// How the wait ended.
    pub end: End,
    /// After how many days; 0 while it waits.
    pub lag_days: i64,
}

/// A cell of the roll-ups: a dimension's value and what units with it contribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// None for the total.
    pub dimension: Option<Dimension>,
    /// The stored value; empty for "unattributed" and for the total.
    pub key: String,
    /// What is counted.
    pub contribution: Contribution,
    /// Currency of the value; empty for the company's own, and where nothing was won.
    pub currency: String,
}

/// Pairs whose unit is the lead.
const LEAD_PAIRS: [(Stage, Stage); 5] = [
    (Stage::Lead, Stage::Mql),
    (Stage::Lead, Stage::Opportunity),
    (Stage::Lead, Stage::Won),
    (Stage::Mql, Stage::Opportunity),
    (Stage::Mql, Stage::Won),
];

impl Unit {
    /// The lead as seen at `clock` (everything known when absent); none when it is deleted.
    pub fn of_lead<'a>(
        lead: &Lead,
        opportunities: impl Iterator<Item = &'a Opportunity>,
        clock: Option<Timestamp>,
        zone: &TimeZone,
    ) -> Option<Unit> {
        let seen = Seen { clock, zone };
        if seen.deleted(lead.deleted_at) {
            return None;
        }
        let own: Vec<&Opportunity> = opportunities
            .filter(|o| !seen.deleted(o.deleted_at))
            // One without a date may still be a win; one that is yet to come is not there.
            .filter(|o| o.created_at.is_none() || seen.day(o.created_at).is_some())
            .collect();
        let won_day = own.iter().filter_map(|o| seen.day(o.won_at())).min();
        // A lead is lost only when it is disqualified and every opportunity of it is closed.
        let all_lost = own.iter().all(|o| seen.day(o.lost_at()).is_some());
        let last_loss = own.iter().filter_map(|o| seen.day(o.lost_at())).max();
        let lost_day = seen
            .day(lead.disqualified_at)
            .filter(|_| all_lost && won_day.is_none())
            .map(|day| last_loss.map_or(day, |loss| loss.max(day)));
        Some(Unit {
            kind: UnitKind::Lead,
            channel: lead.channel.clone(),
            campaign: lead.campaign.clone(),
            owner: lead.owner.clone(),
            segment: lead.segment.clone(),
            market: lead.market.clone(),
            product: None,
            currency: None,
            value: 0,
            lead_day: seen.day(lead.created_at),
            mql_day: seen.day(lead.mql_at),
            opportunity_day: own.iter().filter_map(|o| seen.day(o.created_at)).min(),
            won_day,
            lost_day,
        })
    }

    /// A lead that has no opportunity, by everything known; none when it is deleted.
    pub fn of_lone_lead(lead: Lead, zone: &TimeZone) -> Option<Unit> {
        if lead.deleted_at.is_some() {
            return None;
        }
        let day = |moment: Option<Moment>| moment.map(|moment| moment.date(zone));
        Some(Unit {
            kind: UnitKind::Lead,
            lead_day: day(lead.created_at),
            mql_day: day(lead.mql_at),
            opportunity_day: None,
            won_day: None,
            lost_day: day(lead.disqualified_at),
            channel: lead.channel,
            campaign: lead.campaign,
            owner: lead.owner,
            segment: lead.segment,
            market: lead.market,
            product: None,
            currency: None,
            value: 0,
        })
    }

    /// The opportunity as seen at `clock`. Channel, campaign and segment are its own where it has
    /// them, else its lead's, whether or not that is deleted.
    pub fn of_opportunity(
        opportunity: &Opportunity,
        lead: Option<&Lead>,
        clock: Option<Timestamp>,
        zone: &TimeZone,
    ) -> Option<Unit> {
        let seen = Seen { clock, zone };
        if seen.deleted(opportunity.deleted_at) {
            return None;
        }
        let (won_day, lost_day) = match opportunity.outcome {
            Outcome::Won => (seen.day(opportunity.closed_at), None),
            Outcome::Lost => (None, seen.day(opportunity.closed_at)),
            Outcome::Open => (None, None),
        };
        let amount = opportunity.amount.filter(|_| won_day.is_some()).unwrap_or_default();
        Some(Unit {
            kind: UnitKind::Opportunity,
            channel: opportunity.channel.clone().or_else(|| lead?.channel.clone()),
            campaign: opportunity.campaign.clone().or_else(|| lead?.campaign.clone()),
            owner: opportunity.owner.clone(),
            segment: opportunity.segment.clone().or_else(|| lead?.segment.clone()),
            market: opportunity.market.clone().or_else(|| lead?.market.clone()),
            product: opportunity.product.clone(),
            currency: won_day.and(opportunity.currency.clone()),
            value: (amount * Decimal::from(VALUE_SCALE)).round().to_i64().unwrap_or(0),
            lead_day: None,
            mql_day: None,
            opportunity_day: seen.day(opportunity.created_at),
            won_day,
            lost_day,
        })
    }

    /// What it adds to each pair of stages it takes part in.
    pub fn contributions(&self) -> Vec<Contribution> {
        let pairs: &[(Stage, Stage)] = match self.kind {
            UnitKind::Lead => &LEAD_PAIRS,
            UnitKind::Opportunity => &[(Stage::Opportunity, Stage::Won)],
        };
        pairs.iter().filter_map(|(from, to)| self.contribution(*from, *to)).collect()
    }

    /// The value of one dimension; teams are owners.
    pub fn key(&self, dimension: Dimension) -> Option<&str> {
        match dimension {
            Dimension::Channel => self.channel.as_deref(),
            Dimension::Campaign => self.campaign.as_deref(),
            Dimension::Owner | Dimension::Team => self.owner.as_deref(),
            Dimension::Segment => self.segment.as_deref(),
            Dimension::Market => self.market.as_deref(),
            Dimension::Product => self.product.as_deref(),
        }
    }

    /// Whether a contribution is a win, which has a value and its currency.
    pub fn is_win(&self, contribution: &Contribution) -> bool {
        self.kind == UnitKind::Opportunity && contribution.end == End::Converted
    }

    fn day_of(&self, stage: Stage) -> Option<Date> {
        match stage {
            Stage::Visit => None,
            Stage::Lead => self.lead_day,
            Stage::Mql => self.mql_day,
            Stage::Opportunity => self.opportunity_day,
            Stage::Won => self.won_day,
        }
    }

    fn contribution(&self, from: Stage, to: Stage) -> Option<Contribution> {
        let entered = self.day_of(from)?;
        let (end, day) = match (self.day_of(to), self.lost_day) {
            (Some(day), _) => (End::Converted, day),
            (None, Some(day)) => (End::Lost, day),
            (None, None) => (End::Waiting, entered),
        };
        Some(Contribution { from, to, entered, end, lag_days: lag_days(entered, day).max(0) })
    }

    /// Stage entries that lie before an earlier stage's, as (from, to, days).
    pub fn negative_lags(&self) -> Vec<(Stage, Stage, i64)> {
        let stages = [Stage::Lead, Stage::Mql, Stage::Opportunity, Stage::Won];
        let known: Vec<(Stage, Date)> =
            stages.into_iter().filter_map(|s| Some((s, self.day_of(s)?))).collect();
        known
            .windows(2)
            .map(|pair| (pair[0].0, pair[1].0, lag_days(pair[0].1, pair[1].1)))
            .filter(|(_, _, lag)| *lag < 0)
            .collect()
    }
}

/// Whole days from one day to another.
pub fn lag_days(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

/// What can be seen at a clock.
struct Seen<'a> {
    clock: Option<Timestamp>,
    zone: &'a TimeZone,
}

impl Seen<'_> {
    fn day(&self, moment: Option<Moment>) -> Option<Date> {
        let moment = moment?;
        let visible = self.clock.is_none_or(|clock| moment.is_seen(clock, self.zone));
        visible.then(|| moment.date(self.zone))
    }

    fn deleted(&self, at: Option<Timestamp>) -> bool {
        at.is_some_and(|at| self.clock.is_none_or(|clock| at <= clock))
    }
}
