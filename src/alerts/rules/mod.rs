//! One file a rule. A rule looks at the context and says how each of its scopes stands.

pub mod followup_overdue;
pub mod pace_behind;
pub mod rate_below_plan;
pub mod source_stale;

use super::{Context, Finding};

/// A rule: its name, and what it finds.
pub type Rule = (&'static str, fn(&Context<'_>) -> Vec<Finding>);

/// Every rule.
pub const RULES: [Rule; 4] = [
    (pace_behind::NAME, pace_behind::find),
    (rate_below_plan::NAME, rate_below_plan::find),
    (followup_overdue::NAME, followup_overdue::find),
    (source_stale::NAME, source_stale::find),
];

/// What all rules find.
pub fn find_all(context: &Context<'_>) -> Vec<Finding> {
    RULES.iter().flat_map(|(_, find)| find(context)).collect()
}

/// The number of thresholds that a value has reached.
fn steps_reached(value: f64, steps: &[f64]) -> usize {
    steps.iter().filter(|step| value >= **step).count()
}
