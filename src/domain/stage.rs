//! The stages of the funnel, in order, and what can be counted at each.

use std::fmt;
use std::str::FromStr;

/// A stage that a visit, a lead or an opportunity enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Stage {
    /// Somebody came.
    Visit,
    /// A lead was created.
    Lead,
    /// It first qualified for marketing.
    Mql,
    /// The first opportunity that came from it was created.
    Opportunity,
    /// The first of its opportunities was won.
    Won,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Stage; 5] =
        [Stage::Visit, Stage::Lead, Stage::Mql, Stage::Opportunity, Stage::Won];

    /// The name on the command line and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Stage::Visit => "visit",
            Stage::Lead => "lead",
            Stage::Mql => "mql",
            Stage::Opportunity => "opportunity",
            Stage::Won => "won",
        }
    }
}

/// The plural of a stage's or an object's name.
pub fn plural(name: &str) -> String {
    match name.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{name}s"),
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Stage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Stage::ALL
            .into_iter()
            .find(|stage| stage.name() == text)
            .ok_or_else(|| format!("`{text}` is no stage: visit, lead, mql, opportunity or won"))
    }
}

/// What a plan asks for and a pace is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Metric {
    /// Visits.
    Visits,
    /// Leads created.
    Leads,
    /// Leads that first qualified.
    Mqls,
    /// Opportunities created.
    Opportunities,
    /// Opportunities won.
    Wins,
    /// Their value.
    Revenue,
}

impl Metric {
    /// All of them, in the order of the funnel.
    pub const ALL: [Metric; 6] = [
        Metric::Visits,
        Metric::Leads,
        Metric::Mqls,
        Metric::Opportunities,
        Metric::Wins,
        Metric::Revenue,
    ];

    /// The name in plan files and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Visits => "visits",
            Metric::Leads => "leads",
            Metric::Mqls => "mqls",
            Metric::Opportunities => "opportunities",
            Metric::Wins => "wins",
            Metric::Revenue => "revenue",
        }
    }

    /// The name for people.
    pub fn title(self) -> &'static str {
        match self {
            Metric::Mqls => "MQLs",
            other => other.name(),
        }
    }

    /// What counts the entries of a stage.
    pub fn of_stage(stage: Stage) -> Metric {
        match stage {
            Stage::Visit => Metric::Visits,
            Stage::Lead => Metric::Leads,
            Stage::Mql => Metric::Mqls,
            Stage::Opportunity => Metric::Opportunities,
            Stage::Won => Metric::Wins,
        }
    }

    /// The stage whose entries it counts; revenue counts wins by their value.
    pub fn stage(self) -> Stage {
        match self {
            Metric::Visits => Stage::Visit,
            Metric::Leads => Stage::Lead,
            Metric::Mqls => Stage::Mql,
            Metric::Opportunities => Stage::Opportunity,
            Metric::Wins | Metric::Revenue => Stage::Won,
        }
    }
}
