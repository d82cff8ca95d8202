//! The chain of a goal: each stage's number from the next one's, in exact decimals.
//!
//! Backward, every stage is `ceil(next / rate)` taken from the rounded number, so that the printed
//! figures can be checked by hand (`interface.md`, "The backward plan"). Forward nothing is rounded.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{
    goal::{Given, Goal, Pair, ValueBasis},
    lag::MeasuredLag,
};
use crate::domain::{
    number::ceil_div,
    stage::{Metric, Stage},
};

/// Lead to opportunity when neither given nor measured: 15 %.
pub const DEFAULT_LEAD_TO_OPPORTUNITY: Decimal = Decimal::from_parts(15, 0, 0, false, 2);
/// Win rate when neither given nor measured: 33 %.
pub const DEFAULT_WIN_RATE: Decimal = Decimal::from_parts(33, 0, 0, false, 2);
/// Months in a booked year.
const YEAR_MONTHS: u32 = 12;

/// Where an assumption's value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Provenance {
    /// The plan file.
    Plan,
    /// Measured, and on how many.
    Measured {
        /// Entrants of the cohort.
        entered: u64,
        /// The horizon of the rate, in days.
        horizon_days: i64,
    },
    /// The usual value, since there was no other.
    Default,
}

impl Provenance {
    /// The name in JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Provenance::Plan => "plan",
            Provenance::Measured { .. } => "measured",
            Provenance::Default => "default",
        }
    }
}

/// A value of the chain and where it comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Assumption {
    /// The value.
    pub value: Decimal,
    /// Where it comes from.
    pub from: Provenance,
}

/// What the store has measured, for `"actual"` and for what the plan leaves open.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// Rates, rounded half-even to four decimals.
    pub rates: BTreeMap<Pair, Assumption>,
    /// Mean value of the won deals.
    pub average_deal_value: Option<Assumption>,
    /// Clients that bought in the last year.
    pub current_clients: Option<Assumption>,
    /// The share of a year's clients that buy again in the next.
    pub retention_rate: Option<Assumption>,
    /// How long steps take.
    pub lags: BTreeMap<Pair, MeasuredLag>,
}

/// The goal's numbers at every stage it uses.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    /// Metric -> number; a stage that the plan does not use is absent.
    pub required: BTreeMap<Metric, Decimal>,
    /// The rates used, in the order of the funnel.
    pub rates: Vec<(Pair, Assumption)>,
    /// The value of a deal, where money is in the plan.
    pub deal_value: Option<Assumption>,
    /// What a win brings to the goal's revenue: the deal value, or a multiple of a monthly one.
    pub revenue_per_win: Option<Decimal>,
    /// Clients needed in all, with current clients.
    pub clients_needed: Option<Decimal>,
    /// Clients that stay, with current clients.
    pub retained: Option<Decimal>,
    /// The arithmetic, a line each, for people.
    pub arithmetic: Vec<String>,
}

/// A plan that cannot be worked out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: goal `{goal}`: {message}\n    mend: {mend}")]
pub struct PlanError {
    /// File and line of the goal.
    pub place: String,
    /// Its name.
    pub goal: String,
    /// What is wrong.
    pub message: String,
    /// What to write.
    pub mend: String,
}

impl Goal {
    pub(super) fn error(&self, message: impl Into<String>, mend: impl Into<String>) -> PlanError {
        PlanError {
            place: self.place.clone(),
            goal: self.name.clone(),
            message: message.into(),
            mend: mend.into(),
        }
    }
}

/// Works the chain of a goal. `months_left` is the mean number of months that a win has left in the
/// goal; it is used for recognised revenue only.
///
/// # Errors
/// A value that is neither given nor measured, or a chain that does not contain the goal's stage.
pub fn work(
    goal: &Goal,
    measured: &Measured,
    months_left: (Decimal, Decimal),
) -> Result<Chain, PlanError> {
    let rates = links(goal, measured)?;
    let mut chain = Chain {
        required: BTreeMap::new(),
        rates,
        deal_value: deal_value(goal, measured)?,
        revenue_per_win: None,
        clients_needed: None,
        retained: None,
        arithmetic: Vec::new(),
    };
    chain.revenue_per_win = chain.deal_value.as_ref().map(|value| match goal.assume.value_basis {
        ValueBasis::Whole => value.value,
        ValueBasis::MonthlyBooked => value.value * Decimal::from(YEAR_MONTHS),
        ValueBasis::MonthlyRecognised => {
            (value.value * months_left.0).checked_div(months_left.1).unwrap_or_default()
        }
    });
    let start = match goal.metric {
        Metric::Revenue => {
            chain.required.insert(Metric::Revenue, goal.target);
            let wins = wins_for_revenue(goal, measured, &mut chain, months_left)?;
            chain.required.insert(Metric::Wins, wins);
            Stage::Won
        }
        metric => {
            chain.required.insert(metric, goal.target);
            metric.stage()
        }
    };
    backward(goal, &mut chain, start)?;
    forward(goal, &mut chain, start);
    Ok(chain)
}

/// The pairs that join the stages which the plan uses.
fn links(goal: &Goal, measured: &Measured) -> Result<Vec<(Pair, Assumption)>, PlanError> {
    let given = |pair: Pair| goal.assume.rates.contains_key(&pair);
    let mut pairs = Vec::new();
    if given(Pair::VisitToLead) || goal.metric == Metric::Visits {
        pairs.push(Pair::VisitToLead);
    }
    let through_mql =
        given(Pair::LeadToMql) || given(Pair::MqlToOpportunity) || goal.metric == Metric::Mqls;
    if given(Pair::LeadToWon) {
        if let Some(other) = [Pair::WinRate, Pair::LeadToOpportunity, Pair::LeadToMql]
            .into_iter()
            .chain([Pair::MqlToOpportunity])
            .find(|pair| given(*pair))
        {
            return Err(goal.error(
                format!("`lead_to_won` and `{}` give two ways from lead to won", other.key()),
                "keep one of them",
            ));
        }
        pairs.push(Pair::LeadToWon);
    } else if through_mql {
        if given(Pair::LeadToOpportunity) {
            return Err(goal.error(
                "`lead_to_opportunity` and the rates over MQL give two ways to the opportunity",
                "keep `lead_to_opportunity`, or `lead_to_mql` with `mql_to_opportunity`",
            ));
        }
        pairs.extend([Pair::LeadToMql, Pair::MqlToOpportunity, Pair::WinRate]);
    } else {
        pairs.extend([Pair::LeadToOpportunity, Pair::WinRate]);
    }
    pairs.into_iter().map(|pair| Ok((pair, rate(goal, measured, pair)?))).collect()
}

fn rate(goal: &Goal, measured: &Measured, pair: Pair) -> Result<Assumption, PlanError> {
    let default = match pair {
        Pair::LeadToOpportunity => Some(DEFAULT_LEAD_TO_OPPORTUNITY),
        Pair::WinRate => Some(DEFAULT_WIN_RATE),
        _ => None,
    };
    let from_measured = measured.rates.get(&pair).cloned();
    let from_default = default.map(|value| Assumption { value, from: Provenance::Default });
    match goal.assume.rates.get(&pair).copied().unwrap_or_default() {
        Given::Value(value) => Ok(Assumption { value, from: Provenance::Plan }),
        Given::Absent => from_measured.or(from_default).ok_or_else(|| {
            goal.error(
                format!("`{}` is neither given nor can it be measured yet", pair.key()),
                format!("add `{} = 0.…` to `[goal.assume]`", pair.key()),
            )
        }),
        Given::Actual => from_measured.ok_or_else(|| {
            goal.error(
                format!("`{}` is to be measured, but no cohort is old enough yet", pair.key()),
                format!("give a number, like `{} = 0.3`, until there is data", pair.key()),
            )
        }),
    }
}

fn deal_value(goal: &Goal, measured: &Measured) -> Result<Option<Assumption>, PlanError> {
    let from_measured = measured.average_deal_value.clone();
    match goal.assume.average_deal_value {
        Given::Value(value) => Ok(Some(Assumption { value, from: Provenance::Plan })),
        Given::Absent if goal.metric != Metric::Revenue => Ok(None),
        Given::Absent if goal.assume.client_lifetime_value.is_some() => Ok(None),
        Given::Absent | Given::Actual => from_measured.map(Some).ok_or_else(|| {
            goal.error(
                "`average_deal_value` is neither given nor can it be measured yet",
                "add `average_deal_value = 50000` to `[goal.assume]`",
            )
        }),
    }
}

/// `max(0, ceil(revenue / value - current_clients · retention_rate))`.
fn wins_for_revenue(
    goal: &Goal,
    measured: &Measured,
    chain: &mut Chain,
    months_left: (Decimal, Decimal),
) -> Result<Decimal, PlanError> {
    let assume = &goal.assume;
    let clients = clients(goal, measured)?;
    let value = match (&clients, assume.client_lifetime_value) {
        (Some(_), Some(lifetime)) => lifetime,
        _ => chain
            .revenue_per_win
            .or(assume.client_lifetime_value)
            .ok_or_else(|| goal.error("no deal value", "add `average_deal_value`"))?,
    };
    let too_large = || goal.error("the numbers are too large", "check revenue and deal value");
    let kept = clients.as_ref().map_or(Decimal::ZERO, |(clients, stay)| clients.value * stay.value);
    // ceil(revenue / value - kept) = ceil((revenue - kept · value) / value), exactly.
    let missing = kept.checked_mul(value).and_then(|have| goal.target.checked_sub(have));
    let missing = missing.ok_or_else(too_large)?;
    let monthly = chain.deal_value.as_ref().map(|deal| deal.value);
    let wins = match (assume.value_basis, monthly) {
        // Worked with the fraction itself.
        (ValueBasis::MonthlyRecognised, Some(monthly)) if clients.is_none() => {
            let brought = monthly.checked_mul(months_left.0);
            missing.checked_mul(months_left.1).zip(brought).and_then(|(m, b)| ceil_div(m, b))
        }
        _ => ceil_div(missing, value),
    };
    let wins = wins.ok_or_else(too_large)?;
    let wins = wins.max(Decimal::ZERO);
    let (goal_text, value_text) = (people(goal.target), people(value));
    if let Some((clients, stay)) = &clients {
        let needed = ceil_div(goal.target, value).ok_or_else(too_large)?;
        chain.clients_needed = Some(needed);
        chain.retained = Some(kept);
        let note = match assume.client_lifetime_value {
            Some(_) => " (lifetime value signed, not revenue of the period)",
            None => "",
        };
        let needed = people(needed);
        chain
            .arithmetic
            .push(format!("clients needed  {goal_text} / {value_text} = {needed}{note}"));
        chain.arithmetic.push(format!(
            "retained        {} x {} = {}{}",
            people(clients.value),
            stay.value.normalize(),
            people(kept),
            clients_text(clients, stay),
        ));
        let wins = people(wins);
        chain.arithmetic.push(format!(
            "wins            {goal_text} / {value_text} - {} = {wins}",
            people(kept)
        ));
    } else {
        let wins = people(wins);
        chain.arithmetic.push(format!("wins            {goal_text} / {value_text} = {wins}"));
    }
    Ok(wins)
}

/// The clients at the start and the share of them that stays; none where the plan does not count on any.
fn clients(
    goal: &Goal,
    measured: &Measured,
) -> Result<Option<(Assumption, Assumption)>, PlanError> {
    let plan = |value: Decimal| Assumption { value, from: Provenance::Plan };
    let of = |given: Given, measured: &Option<Assumption>, key: &str, example: &str| match given {
        Given::Absent => Ok(None),
        Given::Value(value) => Ok(Some(plan(value))),
        Given::Actual => measured.clone().map(Some).ok_or_else(|| {
            goal.error(
                format!("`{key}` is to be measured, but too few clients are known yet"),
                format!("give a number, like `{key} = {example}`, until there is data"),
            )
        }),
    };
    let (assume, now) = (&goal.assume, &measured.current_clients);
    let Some(clients) = of(assume.current_clients, now, "current_clients", "40")? else {
        return Ok(None);
    };
    let stay = of(assume.retention_rate, &measured.retention_rate, "retention_rate", "0.9")?;
    Ok(Some((clients, stay.unwrap_or_else(|| plan(Decimal::ONE)))))
}

fn clients_text(clients: &Assumption, stay: &Assumption) -> String {
    let measured = |one: &Assumption| matches!(one.from, Provenance::Measured { .. });
    match (measured(clients), &stay.from) {
        (true, Provenance::Measured { entered, .. }) => {
            format!("   (clients of the last year; retention measured on {entered})")
        }
        (true, _) => "   (clients of the last year)".into(),
        (false, Provenance::Measured { entered, .. }) => {
            format!("   (retention measured on {entered})")
        }
        (false, _) => String::new(),
    }
}

fn backward(goal: &Goal, chain: &mut Chain, start: Stage) -> Result<(), PlanError> {
    let mut at = start;
    for (pair, assumed) in chain.rates.clone().into_iter().rev() {
        let (from, to) = pair.stages();
        if to != at {
            continue;
        }
        let next = chain.required[&Metric::of_stage(to)];
        let number = ceil_div(next, assumed.value).ok_or_else(|| {
            goal.error(
                format!("`{}` is {}, so no number of {from}s would do", pair.key(), assumed.value),
                "give a rate above 0",
            )
        })?;
        chain.arithmetic.push(format!(
            "{:<15} {} / {} = {}   ({})",
            Metric::of_stage(from).title(),
            people(next),
            assumed.value.normalize(),
            people(number),
            provenance_text(pair, &assumed.from)
        ));
        chain.required.insert(Metric::of_stage(from), number);
        at = from;
    }
    Ok(())
}

fn forward(goal: &Goal, chain: &mut Chain, start: Stage) {
    let mut at = start;
    for (pair, assumed) in chain.rates.clone() {
        let (from, to) = pair.stages();
        if from != at {
            continue;
        }
        let entered = chain.required[&Metric::of_stage(from)];
        let number = (entered * assumed.value).normalize();
        chain.arithmetic.push(format!(
            "{:<15} {} x {} = {}   ({})",
            Metric::of_stage(to).title(),
            people(entered),
            assumed.value.normalize(),
            people(number),
            provenance_text(pair, &assumed.from)
        ));
        chain.required.insert(Metric::of_stage(to), number);
        at = to;
    }
    if goal.metric == Metric::Revenue || at != Stage::Won {
        return;
    }
    let (Some(value), Some(wins)) =
        (chain.deal_value.as_ref().map(|v| v.value), chain.required.get(&Metric::Wins).copied())
    else {
        return;
    };
    // Run forward, a monthly value gives new monthly recurring revenue, whatever backward means.
    let revenue = (wins * value).normalize();
    let unit = match goal.assume.value_basis {
        ValueBasis::Whole => "",
        _ => "   (new monthly recurring revenue)",
    };
    chain.arithmetic.push(format!(
        "{:<15} {} x {} = {}{unit}",
        "revenue",
        people(wins),
        people(value),
        people(revenue)
    ));
    chain.required.insert(Metric::Revenue, revenue);
}

fn provenance_text(pair: Pair, from: &Provenance) -> String {
    match from {
        Provenance::Plan => format!("{}, from the plan", pair.title()),
        Provenance::Measured { entered, horizon_days } => {
            format!("{}, measured on {entered} within {horizon_days} days", pair.title())
        }
        Provenance::Default => {
            format!("{}, the DEFAULT: neither given nor measured", pair.title())
        }
    }
}

fn people(value: Decimal) -> String {
    crate::domain::money::thousands(&value.normalize().to_string())
}
