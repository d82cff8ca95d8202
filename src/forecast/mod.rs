//! What is still to come in a period: what the open opportunities will bring, what new ones will, and how
//! likely the goal is. Pure; chance comes from a seed.
//!
//! `conversion` is when an opportunity is won, `outlook` what is known at an instant, `draw` the many
//! ways in which a period may end.

pub mod conversion;
pub mod draw;
pub mod luck;
pub mod outlook;

pub use conversion::Conversion;
pub use draw::Forecast;
pub use outlook::{Intake, Open, Outlook, Pipeline};
