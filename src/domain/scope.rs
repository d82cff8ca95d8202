//! A part of everything: what belongs to one channel, campaign, owner, team or segment, or to none of
//! those that are named.

use std::fmt;

use super::{
    dimension::Dimension,
    facts::{Facts, Lead, Opportunity, Visit},
    team::Teams,
    vocabulary::Vocabulary,
};

/// A part, by one dimension.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    /// What it is a part by.
    pub by: Dimension,
    /// Which part.
    pub part: Part,
}

/// Which part.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// What has this value.
    Key(String),
    /// What has none of these values, or no value at all.
    Rest(Vec<String>),
}

/// The rest's name in the plan file and in JSON.
pub const REST: &str = "*";

impl Scope {
    /// Its name in JSON: `channel=paid search`.
    pub fn name(&self) -> String {
        let key = match &self.part {
            Part::Key(key) => key,
            Part::Rest(_) => REST,
        };
        format!("{}={key}", self.by.name())
    }

    /// Whether what has this value belongs to it.
    pub fn holds(&self, key: Option<&str>) -> bool {
        match &self.part {
            Part::Key(own) => key == Some(own),
            Part::Rest(named) => !key.is_some_and(|key| named.iter().any(|name| name == key)),
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.part {
            Part::Key(key) => write!(f, "{key}"),
            Part::Rest(_) => write!(f, "other {}s", self.by.name()),
        }
    }
}

/// What the company calls the values of a record.
#[derive(Clone, Copy)]
pub struct Names<'a> {
    /// Vendor values to channels.
    pub words: &'a Vocabulary,
    /// Owners to teams.
    pub teams: &'a Teams,
}

impl<'a> Names<'a> {
    /// A lead's.
    pub fn of_lead(&self, by: Dimension, lead: &'a Lead) -> Option<&'a str> {
        self.named(by, lead.key(by))
    }

    /// An opportunity's: its own where it has one, else its lead's.
    pub fn of_opportunity(
        &self,
        by: Dimension,
        opportunity: &'a Opportunity,
        facts: &'a Facts,
    ) -> Option<&'a str> {
        let inherited = || facts.lead_of(opportunity)?.inherited(by);
        self.named(by, opportunity.key(by).or_else(inherited))
    }

    /// Those of visits.
    pub fn of_visit(&self, by: Dimension, visit: &'a Visit) -> Option<&'a str> {
        let value = match by {
            Dimension::Channel => visit.channel.as_deref(),
            Dimension::Campaign => visit.campaign.as_deref(),
            _ => None,
        };
        self.named(by, value)
    }

    /// That of a stored value.
    pub fn named<'b>(&self, by: Dimension, value: Option<&'b str>) -> Option<&'b str>
    where
        'a: 'b,
    {
        let value = value.filter(|value| !value.is_empty())?;
        Some(match by {
            Dimension::Channel => self.words.channel(value),
            Dimension::Campaign => self.words.campaign(value),
            // An owner in no team is a team of one.
            Dimension::Team => self.teams.team_of(value).unwrap_or(value),
            _ => value,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_what_no_part_names_and_what_has_no_value() {
        let paid = Scope { by: Dimension::Channel, part: Part::Key("paid".into()) };
        let rest = Scope { by: Dimension::Channel, part: Part::Rest(vec!["paid".into()]) };
        for (value, of_paid) in [(Some("paid"), true), (Some("organic"), false), (None, false)] {
            assert_eq!((paid.holds(value), rest.holds(value)), (of_paid, !of_paid), "{value:?}");
        }
        assert_eq!((paid.name(), rest.name()), ("channel=paid".into(), "channel=*".into()));
        assert_eq!(rest.to_string(), "other channels");
    }
}
