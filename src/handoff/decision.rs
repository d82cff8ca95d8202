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
    /// The first answer.
    pub decision: Decision,
    /// When that came.
    pub at: Option<Timestamp>,
    /// Until when it had to come; none where nothing was agreed.
    pub due_at: Option<Timestamp>,
    /// When it was given back, also after it had been accepted.
    pub given_back_at: Option<Timestamp>,
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
/// next one. Of what is known by its day only, the day counts: a decision of the due day is in time.
pub fn decide(
    input: &DecisionInput<'_>,
    opportunity: &Opportunity,
    episode: &Episode,
    next: Option<Timestamp>,
) -> Decided {
    let from = episode.handed_off_at;
    let due_at = input.within.map(|within| input.team_hours.due(from, within));
    let own = |moment: Option<Moment>| own(input, moment?, from, next);
    let accepted = opportunity.accepted_at;
    let (accepted_at, rejected_at) = (own(accepted), own(opportunity.rejected_at));
    let returned_at = episode.returned_at.filter(|at| *at <= input.clock);
    // A return is told by the owner's going, the rejection by its own time.
    let given_back_at = rejected_at.or(returned_at);
    let late = |moment: Option<Moment>, at: Timestamp| match (moment, due_at) {
        (_, None) => false,
        (Some(Moment::Day(day)), Some(due)) => day > input.hours.zone.to_datetime(due).date(),
        (_, Some(due)) => at > due,
    };
    let reason = opportunity.rejected_reason.clone().filter(|_| rejected_at.is_some());
    let decided =
        |decision, at| Decided { decision, at, due_at, given_back_at, reason: reason.clone() };
    let answered_back = given_back_at.filter(|_| input.is_told);
    match (accepted_at, answered_back) {
        // Both: what came first is the answer to the hand-off.
        (Some(at), back) if back.is_none_or(|back| at <= back) => {
            let is_late = late(accepted, at);
            decided(if is_late { Decision::AcceptedLate } else { Decision::Accepted }, Some(at))
        }
        (_, Some(at)) => {
            let is_late = late(opportunity.rejected_at.filter(|_| rejected_at.is_some()), at);
            decided(if is_late { Decision::RejectedLate } else { Decision::Rejected }, Some(at))
        }
        _ => decided(open(input, opportunity, due_at), None),
    }
}

/// When it was decided, if that belongs to the hand-off from `from` on. A day that has begun has happened, and a
/// hand-off that is known by its day only is at the close of it.
fn own(
    input: &DecisionInput<'_>,
    moment: Moment,
    from: Timestamp,
    next: Option<Timestamp>,
) -> Option<Timestamp> {
    let date = |at: Timestamp| input.hours.zone.to_datetime(at).date();
    let by_day = input.hours.close_of(date(from)) == from;
    let same_day = moment.date(&input.hours.zone) == date(from);
    let at = match moment {
        Moment::Day(day) if day > date(input.clock) => return None,
        Moment::Day(_) if same_day => from,
        Moment::Day(_) => instant(moment, input.hours).min(input.clock),
        Moment::Instant(at) if by_day && same_day => at.max(from),
        Moment::Instant(at) => at,
    };
    (at >= from && at <= input.clock && next.is_none_or(|next| at < next)).then_some(at)
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
