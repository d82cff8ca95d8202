//! The backward plan: what a revenue goal needs at every stage, and when. Pure.

pub mod chain;
pub mod curve;
pub mod goal;
pub mod lag;
pub mod layout;
pub mod parts;
mod remainder;
pub mod target;

pub use chain::{Assumption, Chain, Measured, PlanError, Provenance};
pub use curve::Curve;
pub use goal::{Assume, Given, Goal, Pair, ValueBasis};
pub use lag::{Lag, MeasuredLag};
pub use layout::{GoalPlan, PlanPeriod, lay_out};
pub use parts::parts;
