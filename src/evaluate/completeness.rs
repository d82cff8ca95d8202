//! How far the data of each source reaches, and what a figure rests on.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use crate::config::Settings;
use crate::domain::{Object, stage::Stage};
use crate::sources;

/// How far each source's data is complete, and what each can report.
#[derive(Clone, Debug, Default)]
pub struct Completeness {
    /// Source -> how far.
    pub complete_to: BTreeMap<String, Option<Timestamp>>,
    /// Source -> objects.
    pub objects: BTreeMap<String, BTreeSet<Object>>,
}

impl Completeness {
    /// The sources that can report any of these objects.
    pub fn sources_of(&self, objects: &[Object]) -> BTreeSet<String> {
        let reports = |known: &BTreeSet<Object>| objects.iter().any(|o| known.contains(o));
        let named = self.objects.iter().filter(|(_, known)| reports(known));
        named.map(|(name, _)| name.clone()).collect()
    }

    /// The earliest completeness of the sources that can report these objects; none when there is no
    /// such source, or when one of them was never read completely.
    pub fn of(&self, objects: &[Object]) -> Option<Timestamp> {
        let sources = self.sources_of(objects);
        let complete: Option<Vec<Timestamp>> =
            sources.iter().map(|name| self.complete_to.get(name).copied().flatten()).collect();
        complete?.into_iter().min()
    }
}

/// The objects that tell entries into a stage.
pub fn objects_of(stage: Stage) -> &'static [Object] {
    match stage {
        Stage::Visit => &[Object::Visit],
        Stage::Lead | Stage::Mql => &[Object::Lead],
        Stage::Opportunity | Stage::Won => &[Object::Opportunity],
    }
}

/// The objects that tell a pair's entries, events and losses.
pub fn objects_of_pair(from: Stage, to: Stage) -> Vec<Object> {
    let mut objects = [objects_of(from), objects_of(to)].concat();
    // A lead is lost when it is disqualified and its opportunities are closed.
    if from < Stage::Opportunity && from != Stage::Visit && to >= Stage::Opportunity {
        objects.extend([Object::Lead, Object::Opportunity]);
    }
    objects
}

/// What is known of every configured source, no later than the clock.
pub(super) fn completeness(
    settings: &Settings,
    complete: &BTreeMap<String, Timestamp>,
    clock: Timestamp,
) -> Completeness {
    let mut completeness = Completeness::default();
    for (name, source) in &settings.sources {
        let reached = complete.get(name).map(|at| (*at).min(clock));
        completeness.complete_to.insert(name.clone(), reached);
        let objects = sources::open(name, source, &settings.company.zone).objects();
        completeness.objects.insert(name.clone(), objects.into_iter().collect());
    }
    completeness
}
