//! The parts of a goal, judged together: so that many of them do not cry wolf where one would not.
//!
//! A false discovery rate of 10 % over the parts of which enough is expected (Benjamini & Hochberg 1995),
//! on sequential p-values and at every look; what was raised stays raised (`statistics.md` 2d). Those
//! below the plan and those above it are a family each.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::{PaceRow, State, evidence::EXPECTED_MIN};
use crate::domain::{number::to_f64, stage::Metric};
use crate::plan::GoalPlan;

/// The false discovery rate.
pub const RATE: f64 = 0.1;

/// The alphas that decide in a family: with m members, `rate * i / m` for i from 1 to m. Empty for a goal
/// that is no part, and for a part of which too little is expected.
pub fn alphas(plan: &GoalPlan, siblings: &[&GoalPlan], metric: Metric) -> Vec<f64> {
    let enough = |plan: &GoalPlan| {
        plan.chain.required.get(&metric).is_some_and(|value| to_f64(*value) >= EXPECTED_MIN)
    };
    if plan.goal.part_of.is_none() || !enough(plan) || metric == Metric::Revenue {
        return Vec::new();
    }
    let many = siblings.iter().filter(|sibling| enough(sibling)).count();
    (1..=many).map(|i| RATE * i as f64 / many as f64).collect()
}

/// Sets the state of the parts that their families raise. The rows are those of one goal's parts.
pub fn raise(rows: &mut [&mut PaceRow]) {
    for metric in Metric::ALL {
        for below in [true, false] {
            let member = |row: &&mut &mut PaceRow| {
                let judged = !row.judgement.crossings.is_empty();
                row.metric == metric && row.judgement.below == below && judged
            };
            let mut members: Vec<&mut &mut PaceRow> = rows.iter_mut().filter(member).collect();
            let crossings: Vec<&[Option<Timestamp>]> =
                members.iter().map(|row| row.judgement.crossings.as_slice()).collect();
            let raised = raised(&crossings);
            for (row, at) in members.iter_mut().zip(raised) {
                let Some(at) = at else { continue };
                let above = row.gap < 0.0;
                if below || above {
                    row.judgement.state = if below { State::Behind } else { State::Ahead };
                    row.judgement.crossed_at = Some(at);
                }
            }
        }
    }
}

/// When each member was raised: at each instant the largest i counts for which at least i members have
/// crossed at the i-th alpha.
fn raised(crossings: &[&[Option<Timestamp>]]) -> Vec<Option<Timestamp>> {
    let times: BTreeSet<Timestamp> =
        crossings.iter().flat_map(|alphas| alphas.iter().flatten().copied()).collect();
    let mut raised = vec![None; crossings.len()];
    let alphas = crossings.iter().map(|alphas| alphas.len()).max().unwrap_or(0);
    for at in times {
        let crossed = |member: &&[Option<Timestamp>], i: usize| {
            member.get(i).copied().flatten().is_some_and(|when| when <= at)
        };
        let holds = |i: &usize| crossings.iter().filter(|m| crossed(m, *i)).count() > *i;
        let Some(largest) = (0..alphas).rev().find(holds) else { continue };
        for (member, raised) in crossings.iter().zip(&mut raised) {
            if crossed(member, largest) {
                raised.get_or_insert(at);
            }
        }
    }
    raised
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pacing::evidence::discoveries;
    use proptest::prelude::*;

    proptest! {
        /// Whatever the p-values are at each look, as long as they only fall.
        #[test]
        fn a_family_raises_what_benjamini_and_hochberg_reject_at_some_look(
            first in prop::collection::vec(0.0005..0.3_f64, 2..9),
            falls in prop::collection::vec(prop::collection::vec(0.3..1.0_f64, 8), 1..6),
        ) {
            let mut p = first.clone();
            let mut looks = vec![p.clone()];
            for fall in &falls {
                p = p.iter().zip(fall).map(|(p, fall)| p * fall).collect();
                looks.push(p.clone());
            }
            let time = |look: usize| Timestamp::from_second(look as i64).unwrap();
            let many = first.len();
            let crossings: Vec<Vec<Option<Timestamp>>> = (0..many)
                .map(|member| {
                    let at = |i: usize| {
                        let alpha = RATE * (i + 1) as f64 / many as f64;
                        looks.iter().position(|p| p[member] <= alpha).map(time)
                    };
                    (0..many).map(at).collect()
                })
                .collect();
            let mut expected: Vec<Option<Timestamp>> = vec![None; many];
            for (look, p) in looks.iter().enumerate() {
                let some: Vec<Option<f64>> = p.iter().copied().map(Some).collect();
                for (member, found) in discoveries(&some, RATE).into_iter().enumerate() {
                    if found { expected[member].get_or_insert(time(look)); }
                }
            }
            let crossings: Vec<&[Option<Timestamp>]> = crossings.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(raised(&crossings), expected);
        }
    }
}
