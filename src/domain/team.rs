//! Who belongs to whom, and whose hours count.

use std::collections::{BTreeMap, BTreeSet};

use super::calendar::BusinessCalendar;

/// Owners and teams as the configuration names them, with owners' e-mail addresses resolved.
#[derive(Clone, Debug, Default)]
pub struct Teams {
    /// Team -> owner ids.
    pub members: BTreeMap<String, BTreeSet<String>>,
    /// Team -> its hours, where it has its own.
    pub hours: BTreeMap<String, BusinessCalendar>,
}

impl Teams {
    /// The team of an owner; an owner in no team is a team of one, and has no name.
    pub fn team_of(&self, owner: &str) -> Option<&str> {
        self.members
            .iter()
            .find(|(_, owners)| owners.contains(owner))
            .map(|(team, _)| team.as_str())
    }

    /// Whether two owners work together.
    pub fn same_team(&self, one: &str, other: &str) -> bool {
        one == other || self.team_of(one).is_some_and(|team| self.team_of(other) == Some(team))
    }

    /// The hours of a team, or the company's.
    pub fn hours_of<'a>(
        &'a self,
        team: Option<&str>,
        company: &'a BusinessCalendar,
    ) -> &'a BusinessCalendar {
        team.and_then(|team| self.hours.get(team)).unwrap_or(company)
    }
}
