//! When an opportunity was handed to sales, and who owned it when.

use jiff::Timestamp;

use super::settings::When;
use crate::domain::{
    calendar::BusinessCalendar,
    facts::{Change, Opportunity},
    moment::Moment,
};

/// The changes of one opportunity, in order of time.
#[derive(Clone, Debug, Default)]
pub struct History<'a> {
    /// Who owned it from when on; none where it was given back.
    pub owners: Vec<&'a Change>,
    /// Which stage it entered when.
    pub stages: Vec<&'a Change>,
}

/// One hand-off: from when, and until when if it was returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episode {
    /// The hand-off.
    pub handed_off_at: Timestamp,
    /// Given back to marketing.
    pub returned_at: Option<Timestamp>,
}

/// An instant for a moment: a day counts from its close of business.
pub fn instant(moment: Moment, hours: &BusinessCalendar) -> Timestamp {
    match moment {
        Moment::Instant(at) => at,
        Moment::Day(day) => hours.close_of(day),
    }
}

/// The later of two moments; on one day the one that is known to the instant.
fn later(one: Moment, other: Moment, hours: &BusinessCalendar) -> Timestamp {
    if one.date(&hours.zone) == other.date(&hours.zone) {
        match (one, other) {
            (Moment::Instant(at), Moment::Day(_)) | (Moment::Day(_), Moment::Instant(at)) => {
                return at;
            }
            _ => {}
        }
    }
    instant(one, hours).max(instant(other, hours))
}

impl<'a> History<'a> {
    /// Puts the changes in order.
    pub fn sort(&mut self, hours: &BusinessCalendar) {
        self.owners.sort_by_key(|change| instant(change.at, hours));
        self.stages.sort_by_key(|change| instant(change.at, hours));
    }

    /// Who owned the opportunity at an instant; nobody before the first known change.
    pub fn owner_at(
        &self,
        opportunity: &'a Opportunity,
        at: Timestamp,
        hours: &BusinessCalendar,
    ) -> Option<&'a str> {
        let before = self.owners.iter().rfind(|change| instant(change.at, hours) <= at);
        match before {
            Some(change) => change.value.as_deref(),
            None if self.owners.is_empty() => opportunity.owner.as_deref(),
            None => None,
        }
    }

    /// Who owned it at a hand-off; where nobody did yet, the first who did.
    pub fn owner_at_hand_off(
        &self,
        opportunity: &'a Opportunity,
        at: Timestamp,
        hours: &BusinessCalendar,
    ) -> Option<&'a str> {
        let first = || self.owners.iter().find_map(|change| change.value.as_deref());
        // A day counts from its close, so a change of that day may stand after the hand-off it made.
        self.owner_at(opportunity, at, hours).or_else(first)
    }

    /// Every hand-off of the opportunity. `mapped` says that the source fills `handed_off_at`, which
    /// then wins: without it the opportunity was not handed off.
    pub fn episodes(
        &self,
        opportunity: &Opportunity,
        when: &When,
        mapped: bool,
        hours: &BusinessCalendar,
    ) -> Vec<Episode> {
        let single = |at: Option<Moment>| {
            at.map(|at| Episode { handed_off_at: instant(at, hours), returned_at: None })
                .into_iter()
                .collect()
        };
        if mapped {
            return single(opportunity.handed_off_at);
        }
        match when {
            When::Created => single(opportunity.created_at),
            When::Owned => self.owned(opportunity, hours),
            When::Stage(stage) => self.in_stage(opportunity, stage, hours),
        }
    }

    /// Each time that it gets an owner after having had none.
    fn owned(&self, opportunity: &Opportunity, hours: &BusinessCalendar) -> Vec<Episode> {
        if self.owners.is_empty() {
            let owned = opportunity.created_at.filter(|_| opportunity.owner.is_some());
            return owned
                .map(|at| Episode { handed_off_at: instant(at, hours), returned_at: None })
                .into_iter()
                .collect();
        }
        let mut episodes: Vec<Episode> = Vec::new();
        let mut owned = false;
        for change in &self.owners {
            let at = instant(change.at, hours);
            match (owned, change.value.is_some()) {
                (false, true) => {
                    let handed_off_at = match opportunity.created_at {
                        Some(created) => later(created, change.at, hours),
                        None => at,
                    };
                    episodes.push(Episode { handed_off_at, returned_at: None });
                }
                (true, false) => {
                    if let Some(last) = episodes.last_mut() {
                        last.returned_at = Some(at);
                    }
                }
                _ => {}
            }
            owned = change.value.is_some();
        }
        // Given and taken back before it existed is no hand-off.
        episodes.retain(|episode| episode.returned_at.is_none_or(|at| at > episode.handed_off_at));
        episodes
    }

    /// Each time that it enters the stage.
    fn in_stage(
        &self,
        opportunity: &Opportunity,
        stage: &str,
        hours: &BusinessCalendar,
    ) -> Vec<Episode> {
        if self.stages.is_empty() {
            let there =
                opportunity.created_at.filter(|_| opportunity.stage.as_deref() == Some(stage));
            return there
                .map(|at| Episode { handed_off_at: instant(at, hours), returned_at: None })
                .into_iter()
                .collect();
        }
        let is_stage = |change: &Change| change.value.as_deref() == Some(stage);
        let entries = self.stages.iter().enumerate().filter(|(index, change)| {
            // Staying where it is is no second entry.
            is_stage(change) && !index.checked_sub(1).is_some_and(|i| is_stage(self.stages[i]))
        });
        entries
            .map(|(_, change)| change)
            .map(|change| Episode { handed_off_at: instant(change.at, hours), returned_at: None })
            .collect()
    }
}
