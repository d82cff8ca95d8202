//! Why a goal is missed or passed: what each factor of the chain contributed, in the goal's own unit. Pure.
//!
//! `split` is the arithmetic, `parts` its intervals and its rounding; `criteria` and `late` answer two of the
//! questions of the evaluation.

pub mod criteria;
pub mod late;
pub mod parts;
pub mod split;

pub use parts::{Evidence, Part, parts};
pub use split::{Factor, Factors, Segment, split};
