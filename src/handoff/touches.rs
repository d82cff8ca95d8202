//! What counts as following up: who did what, for which opportunity, and when that was entered.

use std::collections::{HashMap, HashSet};

use jiff::Timestamp;

use super::{
    episode::{History, instant},
    ledger::LedgerInput,
};
use crate::domain::{
    calendar::{Allowance, BusinessCalendar},
    facts::{Activity, Opportunity, RecordKey},
    moment::Moment,
};

/// A touch before the hand-off is listed when it is no older than this.
const LISTED_BEFORE: Allowance = Allowance::Days(1);
/// A vendor may show late what was entered in time.
const SHOWN_WITHIN_SECS: i64 = 3_600;

/// One touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touch {
    /// When it happened, as its source says.
    pub at: Timestamp,
    /// When it was entered there, or seen first; none where neither is known.
    pub recorded_at: Option<Timestamp>,
}

/// The touches of one hand-off.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// At or after the hand-off, in their order.
    pub after: Vec<Touch>,
    /// The last one before it.
    pub before: Option<Timestamp>,
}

impl Touched {
    /// The last touch before the hand-off, where that was within a business day.
    pub fn listed_before(&self, sought: &Sought<'_>) -> Option<Timestamp> {
        self.before.filter(|at| sought.hours.due(*at, LISTED_BEFORE) >= sought.handed_off_at)
    }

    /// The first touch; one before the hand-off counts as one at it, if it is no older than agreed.
    pub fn first(&self, sought: &Sought<'_>, before: Option<Allowance>) -> Option<Touch> {
        let at = sought.handed_off_at;
        let agreed = before.is_some_and(|allowance| {
            self.before.is_some_and(|before| sought.hours.due(before, allowance) >= at)
        });
        if agreed { Some(Touch { at, recorded_at: None }) } else { self.after.first().copied() }
    }
}

/// The hand-off that touches are looked for.
pub struct Sought<'a> {
    /// The opportunity.
    pub opportunity: &'a Opportunity,
    /// Its changes.
    pub history: &'a History<'a>,
    /// The hand-off.
    pub handed_off_at: Timestamp,
    /// Who owned it then.
    pub owner: Option<&'a str>,
    /// The hours of the owner's team.
    pub hours: &'a BusinessCalendar,
}

/// The activities that can be touches, by what they are linked to.
pub struct Touches<'a> {
    by_opportunity: HashMap<(&'a str, &'a str), Vec<&'a Activity>>,
    by_lead: HashMap<(&'a str, &'a str), Vec<&'a Activity>>,
    contacts: HashMap<&'a RecordKey, Vec<&'a str>>,
}

impl<'a> Touches<'a> {
    /// Everything that somebody did and that counts.
    pub fn new(input: &LedgerInput<'a>) -> Touches<'a> {
        let mut touches = Touches {
            by_opportunity: HashMap::new(),
            by_lead: HashMap::new(),
            contacts: HashMap::new(),
        };
        let counts = |activity: &&Activity| {
            !activity.automated && input.settings.counts_as_touch.contains(&activity.kind)
        };
        let activities: HashMap<&RecordKey, &Activity> =
            input.facts.activities.iter().filter(counts).map(|a| (&a.key, a)).collect();
        for activity in activities.values() {
            let links = (activity.opportunity.as_deref(), activity.lead.as_deref());
            touches.link(activity, links);
        }
        for link in &input.facts.activity_links {
            if let Some(activity) = activities.get(&link.activity) {
                touches.link(activity, (link.opportunity.as_deref(), link.lead.as_deref()));
            }
        }
        for role in &input.facts.contact_roles {
            touches.contacts.entry(&role.opportunity).or_default().push(&role.lead);
        }
        touches
    }

    fn link(
        &mut self,
        activity: &'a Activity,
        (opportunity, lead): (Option<&'a str>, Option<&'a str>),
    ) {
        let source = activity.key.source.as_str();
        if let Some(id) = opportunity {
            self.by_opportunity.entry((source, id)).or_default().push(activity);
        }
        if let Some(id) = lead {
            self.by_lead.entry((source, id)).or_default().push(activity);
        }
    }

    /// The touches by somebody of the team at the hand-off or at the time of the touch.
    pub fn of(&self, input: &LedgerInput<'_>, sought: &Sought<'_>) -> Touched {
        let Sought { opportunity, history, handed_off_at, owner, .. } = *sought;
        let source = opportunity.key.source.as_str();
        let own = self.by_opportunity.get(&(source, opportunity.key.id.as_str()));
        let others = self.contacts.get(&opportunity.key).into_iter().flatten().copied();
        let contacts = opportunity.lead.as_deref().into_iter().chain(others);
        let of_contacts = contacts.filter_map(|lead| self.by_lead.get(&(source, lead)));
        // An activity may be linked to the opportunity and to its contact.
        let mut seen = HashSet::new();
        let mut touched = Touched::default();
        let activities = own.into_iter().chain(of_contacts).flatten();
        for activity in activities.filter(|activity| seen.insert(&activity.key)) {
            let at = instant(activity.at, input.hours);
            let Some(by) = activity.owner.as_deref().filter(|_| at <= input.clock) else {
                continue;
            };
            let then = history.owner_at(opportunity, at, input.hours);
            if ![owner, then].into_iter().flatten().any(|owner| input.teams.same_team(owner, by)) {
                continue;
            }
            if at >= handed_off_at {
                touched.after.push(Touch { at, recorded_at: recorded(input, activity, at) });
            } else {
                touched.before = touched.before.max(Some(at));
            }
        }
        touched.after.sort_unstable_by_key(|touch| touch.at);
        touched
    }
}

/// When an activity was entered at its source; of what is known by its day, that day. Where the source does not say,
/// it was after the last time that the source was read whole and did not have it.
fn recorded(input: &LedgerInput<'_>, activity: &Activity, at: Timestamp) -> Option<Timestamp> {
    match activity.logged_at {
        Some(Moment::Instant(logged)) => Some(logged.max(at)),
        Some(Moment::Day(day)) => {
            let midnight = day.to_zoned(input.hours.zone.clone()).ok()?.timestamp();
            Some(midnight.max(at))
        }
        None if !input.watched.contains(&activity.key.source) => None,
        None => {
            let read_to = activity.entered_after?.as_second() - SHOWN_WITHIN_SECS;
            Timestamp::from_second(read_to).ok().map(|after| after.max(at))
        }
    }
}
