//! The ledger of hand-offs: one verdict for every opportunity that marketing gave to sales. Pure.
//!
//! The verdicts add up to the number of hand-offs at every instant (`statistics.md` 1.13).

pub mod beyond;
pub mod criteria;
pub mod decision;
pub mod episode;
pub mod ledger;
pub mod nurture;
pub mod settings;
pub mod summary;
mod touches;

pub use criteria::{Audit, Criterion};
pub use decision::Decision;
pub use episode::Episode;
pub use ledger::{Excuse, HandOff, Ledger, LedgerInput, Reassigned, Unowned, Verdict, ledger};
pub use nurture::Pool;
pub use summary::{Summary, summarise};
