//! A goal as the plan file states it.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::lag::Lag;
use crate::domain::{
    period::{Every, Period},
    scope::Scope,
    stage::{Metric, Stage},
};

/// A goal and what is assumed about the way there.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// Its name.
    pub name: String,
    /// The days it runs over.
    pub period: Period,
    /// What is counted.
    pub metric: Metric,
    /// How much of it is wanted.
    pub target: Decimal,
    /// The periods that the plan is laid out in.
    pub every: Every,
    /// Shares of the goal for each of its periods; by business days when absent.
    pub shape: Option<Vec<Decimal>>,
    /// Who is told; every team when absent.
    pub team: Option<String>,
    /// What it is a goal of: one channel, campaign, owner, team or segment; everything when absent.
    pub scope: Option<Scope>,
    /// The parts that carry it, with the share of each; those of one dimension add up to 1.
    pub shares: Vec<(Scope, Decimal)>,
    /// The goal that it is a part of.
    pub part_of: Option<String>,
    /// `[goal.assume]`
    pub assume: Assume,
    /// File and line, for messages.
    pub place: String,
}

/// A value that the plan gives, or asks to be measured, or leaves open.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Given {
    /// The plan says so.
    Value(Decimal),
    /// `"actual"`.
    Actual,
    /// Not in the file: measured where that can be done, else the default.
    #[default]
    Absent,
}

/// Two neighbouring stages of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pair {
    /// `visit_to_lead`
    VisitToLead,
    /// `lead_to_mql`
    LeadToMql,
    /// `mql_to_opportunity`
    MqlToOpportunity,
    /// `lead_to_opportunity`
    LeadToOpportunity,
    /// `win_rate`
    WinRate,
    /// `lead_to_won`
    LeadToWon,
}

impl Pair {
    /// All of them.
    pub const ALL: [Pair; 6] = [
        Pair::VisitToLead,
        Pair::LeadToMql,
        Pair::MqlToOpportunity,
        Pair::LeadToOpportunity,
        Pair::WinRate,
        Pair::LeadToWon,
    ];

    /// Its key in the plan file.
    pub fn key(self) -> &'static str {
        match self {
            Pair::VisitToLead => "visit_to_lead",
            Pair::LeadToMql => "lead_to_mql",
            Pair::MqlToOpportunity => "mql_to_opportunity",
            Pair::LeadToOpportunity => "lead_to_opportunity",
            Pair::WinRate => "win_rate",
            Pair::LeadToWon => "lead_to_won",
        }
    }

    /// From which stage to which.
    pub fn stages(self) -> (Stage, Stage) {
        match self {
            Pair::VisitToLead => (Stage::Visit, Stage::Lead),
            Pair::LeadToMql => (Stage::Lead, Stage::Mql),
            Pair::MqlToOpportunity => (Stage::Mql, Stage::Opportunity),
            Pair::LeadToOpportunity => (Stage::Lead, Stage::Opportunity),
            Pair::WinRate => (Stage::Opportunity, Stage::Won),
            Pair::LeadToWon => (Stage::Lead, Stage::Won),
        }
    }

    /// For people: `win rate`, `lead to opportunity`.
    pub fn title(self) -> String {
        self.key().replace('_', " ")
    }
}

/// `[goal.assume]`
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Assume {
    /// Conversion rates that the file names.
    pub rates: BTreeMap<Pair, Given>,
    /// Mean value of a won deal.
    pub average_deal_value: Given,
    /// How long the steps take; the sales cycle is that of the win rate.
    pub lags: BTreeMap<Pair, Lag>,
    /// The windows, in days, in which the planned rates are meant to come true.
    pub within_days: BTreeMap<Pair, i64>,
    /// Clients at the start.
    pub current_clients: Given,
    /// The share of them that stays.
    pub retention_rate: Given,
    /// What a client is worth over its lifetime.
    pub client_lifetime_value: Option<Decimal>,
    /// Share of revenue left after the cost of delivery; kept for the numbers to come.
    pub gross_margin: Option<Decimal>,
    /// What a deal's value and the goal's revenue mean.
    pub value_basis: ValueBasis,
}

/// What a deal's value and the goal's revenue mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ValueBasis {
    /// A deal's value is its whole value.
    #[default]
    Whole,
    /// A deal's value is a month's; revenue is what was booked: twelve months of it.
    MonthlyBooked,
    /// A deal's value is a month's; revenue is what falls into the goal's months.
    MonthlyRecognised,
}

impl Assume {
    /// How long a step takes. From lead to won it is the sales cycle where nothing else is given.
    pub fn lag(&self, pair: Pair) -> Lag {
        let given = |pair: Pair| self.lags.get(&pair).copied();
        let whole = given(Pair::WinRate).filter(|_| pair == Pair::LeadToWon);
        given(pair).or(whole).unwrap_or_default()
    }
}

impl Goal {
    /// The goal's name in JSON, which a part shares with the whole.
    pub fn of(&self) -> &str {
        self.part_of.as_deref().unwrap_or(&self.name)
    }

    /// Whether the chain is worked backward from wins, so that upstream stages come earlier.
    pub fn counts_wins(&self) -> bool {
        matches!(self.metric, Metric::Revenue | Metric::Wins)
    }
}
