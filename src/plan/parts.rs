//! The parts of a goal: what each channel, campaign, team, owner or segment carries of it.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{goal::Goal, layout::GoalPlan};
use crate::domain::{dimension::Dimension, scope::Part, stage::Metric};

/// A plan for each part. The numbers of one dimension's parts add up to the whole's: in the order of the
/// file the first k parts carry `floor(total * shares + 1/2)` of a whole count, and cents of money.
pub fn parts(plan: &GoalPlan) -> Vec<GoalPlan> {
    let mut sums: BTreeMap<Dimension, Decimal> = BTreeMap::new();
    let mut parts = Vec::new();
    for (scope, share) in &plan.goal.shares {
        let before = sums.get(&scope.by).copied().unwrap_or_default();
        let after = before + share;
        sums.insert(scope.by, after);
        let of = |(metric, total): (&Metric, &Decimal)| {
            let places = places(*metric, *total);
            let up_to = |sum: Decimal| match places {
                Some(places) => round_half_up(*total * sum, places),
                None => *total * sum,
            };
            (*metric, up_to(after) - up_to(before))
        };
        let required: BTreeMap<Metric, Decimal> = plan.chain.required.iter().map(of).collect();
        let team = match (&scope.by, &scope.part) {
            (Dimension::Team, Part::Key(team)) => Some(team.clone()),
            _ => plan.goal.team.clone(),
        };
        let goal = Goal {
            name: format!("{}, {scope}", plan.goal.name),
            target: required.get(&plan.goal.metric).copied().unwrap_or_default(),
            team,
            scope: Some(scope.clone()),
            shares: Vec::new(),
            part_of: Some(plan.goal.name.clone()),
            ..plan.goal.clone()
        };
        let mut part = plan.with_numbers(goal, required);
        let percent = (*share * Decimal::ONE_HUNDRED).normalize();
        part.chain.arithmetic = vec![format!("{percent} % of each number of {}", plan.goal.name)];
        parts.push(part);
    }
    parts
}

/// Decimal places that a part has: none of a whole count, two of money, any of what is not rounded.
fn places(metric: Metric, total: Decimal) -> Option<u32> {
    match metric {
        Metric::Revenue => Some(2),
        _ if total.fract().is_zero() => Some(0),
        _ => None,
    }
}

fn round_half_up(value: Decimal, places: u32) -> Decimal {
    value.round_dp_with_strategy(places, rust_decimal::RoundingStrategy::MidpointAwayFromZero)
}
