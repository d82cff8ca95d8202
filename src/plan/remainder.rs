//! What is still to be created when a part of the goal is there, or will come of what is open.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::GoalPlan;
use crate::domain::{
    number::{ceil_div, from_f64},
    stage::{Metric, Stage},
};

impl GoalPlan {
    /// The chain for the part of a goal that is left, in the goal's own metric: by the plan's rates and deal
    /// value, with what must be added since a part lands outside the goal. None of a goal that counts
    /// neither wins nor money, where clients that stay carry a part of it (whether their renewals are among
    /// the deals is not known), and where a number is too large.
    pub fn still_needed(&self, left: Decimal) -> Option<BTreeMap<Metric, Decimal>> {
        if !self.goal.counts_wins() || self.chain.retained.is_some() {
            return None;
        }
        let mut needed = BTreeMap::new();
        let left = left.max(Decimal::ZERO);
        let mut number = left;
        if self.goal.metric == Metric::Revenue {
            needed.insert(Metric::Revenue, left);
            let value = self.chain.revenue_per_win.or(self.goal.assume.client_lifetime_value)?;
            number = ceil_div(left, value)?;
        } else {
            number = number.ceil();
        }
        needed.insert(Metric::Wins, number);
        let mut at = Stage::Won;
        for (pair, assumed) in self.chain.rates.iter().rev() {
            let (from, to) = pair.stages();
            if to != at {
                continue;
            }
            at = from;
            number = ceil_div(number, assumed.value)?;
            let metric = Metric::of_stage(from);
            let share = from_f64((self.in_goal_share_of(metric) * 1e6).round() / 1e6)?;
            needed.insert(metric, ceil_div(number, share)?);
        }
        Some(needed)
    }
}
