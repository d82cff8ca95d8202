//! The nouns of the field. Nothing here knows of files, networks, databases or the time of day.

pub mod calendar;
pub mod counted;
pub mod dimension;
pub mod facts;
pub mod fault;
mod from_record;
pub mod heard;
pub mod moment;
pub mod money;
pub mod normal;
pub mod notice;
pub mod number;
pub mod past;
pub mod period;
pub mod person;
pub mod record;
pub mod scope;
pub mod silence;
pub mod stage;
pub mod team;
pub mod unit;
pub mod vocabulary;

pub use calendar::{Allowance, BusinessCalendar};
pub use facts::{Activity, Facts, Lead, Opportunity, Outcome, RecordKey};
pub use fault::Fault;
pub use moment::Moment;
pub use money::{CurrencyRates, Money};
pub use period::{Every, Period};
pub use record::{Object, Record};
pub use stage::{Metric, Stage};
