//! Beyond the first touch: whether sales took a hand-off on or gave it back, in time and with a reason.

use jiff::Timestamp;
use serde::Serialize;

use super::episode::{Episode, instant};
use crate::domain::{
    calendar::{Allowance, BusinessCalendar},
    facts::{Opportunity, Outcome},
    moment::Moment,
};

/// What became of the question whether sales takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Taken on, in time where a time was agreed.
    Accepted,
    /// Taken on, too late.
    AcceptedLate,
    /// Given back, in time where a time was agreed.
    Rejected,
    /// Given back, too late.
    RejectedLate,
    /// Not yet, and there is time.
    Waiting,
    /// Neither, and the time is up.
    Overdue,
    /// Closed or gone without a word.
    Closed,
    /// The source does not say.
    NotKnown,
}

impl Decision {
    /// The name in JSON, with spaces.
    pub fn title(self) -> &'static str {
        match self {
            Decision::Accepted => "accepted",
            Decision::AcceptedLate => "accepted late",
            Decision::Rejected => "rejected",
            Decision::RejectedLate => "rejected late",
            Decision::Waiting => "waiting",
            Decision::Overdue => "overdue",
            Decision::Closed => "closed",
            Decision::NotKnown => "not known",
        }
    }

    /// Whether it was given back.
    pub fn is_rejection(self) -> bool {
        matches!(self, Decision::Rejected | Decision::RejectedLate)
    }
}

/// What sales decided about one hand-off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What.
    pub decision: Decision,
    /// When.
    pub at: Option<Timestamp>,
    /// Until when it had to be; none where nothing was agreed.
    pub due_at: Option<Timestamp>,
    /// Why it was given back.
    pub reason: Option<String>,
}

/// What is known when a hand-off's decision is judged.
pub struct DecisionInput<'a> {
    /// The company's hours, for what is known by its day.
    pub hours: &'a BusinessCalendar,
    /// The team's hours.
    pub team_hours: &'a BusinessCalendar,
    /// The agreed time.
    pub within: Option<Allowance>,
    /// Whether the source says what was decided.
    pub is_told: bool,
    /// Now.
    pub clock: Timestamp,
    /// How far opportunities are complete.
    pub complete: Option<Timestamp>,
}

/// Judges a hand-off whose next one, if there is one, came at `next`: what was decided after that belongs to the
/// next one.
pub fn decide(
    input: &DecisionInput<'_>,
    opportunity: &Opportunity,
    episode: &Episode,
    next: Option<Timestamp>,
) -> Decided {
    let from = episode.handed_off_at;
    let due_at = input.within.map(|within| input.team_hours.due(from, within));
    let own = |moment| {
        let at = instant(moment, input.hours);
        // A day is as good as any instant of it.
        let same_day = |day| day == input.hours.zone.to_datetime(from).date();
        let at = match moment {
            Moment::Day(day) if same_day(day) => at.max(from),
            _ => at,
        };
        (at >= from && at <= input.clock && next.is_none_or(|next| at < next)).then_some(at)
    };
    let accepted = opportunity.accepted_at.and_then(own);
    let rejected = opportunity
        .rejected_at
        .and_then(own)
        .or(episode.returned_at.filter(|at| input.is_told && *at <= input.clock));
    let late = |at: Timestamp| due_at.is_some_and(|due| at > due);
    let decided = |decision, at| Decided { decision, at, due_at, reason: None };
    match (accepted, rejected) {
        // Both: what came first is the answer to the hand-off.
        (Some(at), rejected) if rejected.is_none_or(|rejected| at <= rejected) => {
            decided(if late(at) { Decision::AcceptedLate } else { Decision::Accepted }, Some(at))
        }
        (_, Some(at)) => Decided {
            reason: opportunity.rejected_reason.clone(),
            ..decided(if late(at) { Decision::RejectedLate } else { Decision::Rejected }, Some(at))
        },
        _ => decided(open(input, opportunity, due_at), None),
    }
}

/// Where nothing was decided.
fn open(
    input: &DecisionInput<'_>,
    opportunity: &Opportunity,
    due_at: Option<Timestamp>,
) -> Decision {
    let closed = opportunity.outcome != Outcome::Open
        && opportunity.closed_at.is_some_and(|at| at.is_seen(input.clock, &input.hours.zone));
    let gone = opportunity.deleted_at.is_some_and(|at| at <= input.clock);
    let known = |due: Timestamp| input.complete.is_some_and(|complete| complete >= due);
    match due_at {
        _ if !input.is_told => Decision::NotKnown,
        _ if closed || gone => Decision::Closed,
        Some(due) if due < input.clock && known(due) => Decision::Overdue,
        Some(due) if due < input.clock => Decision::NotKnown,
        _ => Decision::Waiting,
    }
}
