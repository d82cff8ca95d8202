//! What a batch of changes does to the roll-ups: pure.
//!
//! A unit rests on its neighbours: a lead on its opportunities, an opportunity on its lead. Each unit
//! that a change can touch is worked out before and after it, and the difference is what the roll-ups
//! get.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::{Timestamp, tz::TimeZone};

use super::deltas::Deltas;
use crate::domain::{
    Lead, Opportunity, Record, RecordKey, facts,
    unit::{Unit, UnitKind},
};
use crate::store::records::Loaded;

/// Leads and opportunities by id, borrowed, with the time of their tombstone.
pub type Changed<'a> = HashMap<&'a str, (&'a Record, Option<Timestamp>)>;

/// The records of a batch as they were, with everything that a changed unit rests on.
#[derive(Debug, Default)]
pub struct Before {
    /// Leads.
    pub leads: Loaded,
    /// Opportunities.
    pub opportunities: Loaded,
}

/// Adds what a batch changes about its units.
pub fn feed(
    source: &str,
    before: &Before,
    leads: &Changed<'_>,
    opportunities: &Changed<'_>,
    zone: &TimeZone,
    deltas: &mut Deltas,
) {
    let old = View::new(source, &before.leads, &before.opportunities, None);
    let new = View::new(source, &before.leads, &before.opportunities, Some((leads, opportunities)));
    let lead_ids: HashSet<&str> = old.leads.keys().chain(new.leads.keys()).copied().collect();
    let deal_ids: HashSet<&str> =
        old.opportunities.keys().chain(new.opportunities.keys()).copied().collect();
    for (kind, ids) in [(UnitKind::Lead, lead_ids), (UnitKind::Opportunity, deal_ids)] {
        for id in ids {
            let was = old.unit(kind, id, zone);
            let is = new.unit(kind, id, zone);
            if was == is {
                continue;
            }
            was.iter().for_each(|unit| deltas.add(unit, -1));
            is.iter().for_each(|unit| deltas.add(unit, 1));
        }
    }
}

/// Adds new leads that nothing belongs to.
pub fn feed_lone_leads<'a>(
    leads: impl Iterator<Item = &'a Record>,
    zone: &TimeZone,
    deltas: &mut Deltas,
) {
    for record in leads {
        // The address of a lead does not count in a cell.
        let key = RecordKey { source: String::new(), id: String::new() };
        let unit = Unit::of_lone_lead(facts::lead(key, record, None), zone);
        unit.iter().for_each(|unit| deltas.add(unit, 1));
    }
}

/// Adds every lead, or every opportunity, beside the records that it rests on.
pub fn add_all(
    source: &str,
    kind: UnitKind,
    leads: &Loaded,
    opportunities: &Loaded,
    zone: &TimeZone,
    deltas: &mut Deltas,
) {
    let view = View::new(source, leads, opportunities, None);
    let ids = match kind {
        UnitKind::Lead => leads.keys(),
        UnitKind::Opportunity => opportunities.keys(),
    };
    ids.filter_map(|id| view.unit(kind, id, zone)).for_each(|unit| deltas.add(&unit, 1));
}

/// The leads that changed opportunities came from and come from.
pub fn leads_of(opportunities: &Changed<'_>, old: &Loaded) -> BTreeSet<String> {
    let now = opportunities.values().map(|(record, _)| *record);
    let before = old.values().map(|(record, _)| record);
    now.chain(before).filter_map(|record| record.get("lead").map(str::to_owned)).collect()
}

/// Leads and opportunities as they stand before or after.
struct View<'a> {
    leads: HashMap<&'a str, Lead>,
    opportunities: HashMap<&'a str, Opportunity>,
    by_lead: HashMap<String, Vec<&'a str>>,
}

impl<'a> View<'a> {
    fn new(
        source: &str,
        leads: &'a Loaded,
        opportunities: &'a Loaded,
        changed: Option<(&Changed<'a>, &Changed<'a>)>,
    ) -> View<'a> {
        let key = |id: &str| RecordKey { source: source.to_owned(), id: id.to_owned() };
        let mut view =
            View { leads: HashMap::new(), opportunities: HashMap::new(), by_lead: HashMap::new() };
        let stored = leads.iter().map(|(id, (record, at))| (id.as_str(), record, *at));
        let new = changed.into_iter().flat_map(|(leads, _)| leads);
        let new = new.map(|(id, (record, at))| (*id, *record, *at));
        for (id, record, at) in stored.chain(new) {
            view.leads.insert(id, facts::lead(key(id), record, at));
        }
        let stored = opportunities.iter().map(|(id, (record, at))| (id.as_str(), record, *at));
        let new = changed.into_iter().flat_map(|(_, opportunities)| opportunities);
        let new = new.map(|(id, (record, at))| (*id, *record, *at));
        for (id, record, at) in stored.chain(new) {
            view.opportunities.insert(id, facts::opportunity(key(id), record, at));
        }
        for (id, opportunity) in &view.opportunities {
            if let Some(lead) = &opportunity.lead {
                view.by_lead.entry(lead.clone()).or_default().push(id);
            }
        }
        view
    }

    fn unit(&self, kind: UnitKind, id: &str, zone: &TimeZone) -> Option<Unit> {
        match kind {
            UnitKind::Lead => {
                let own = self.by_lead.get(id).into_iter().flatten();
                let own = own.filter_map(|id| self.opportunities.get(id));
                Unit::of_lead(self.leads.get(id)?, own, None, zone)
            }
            UnitKind::Opportunity => {
                let opportunity = self.opportunities.get(id)?;
                let lead = opportunity.lead.as_ref().and_then(|lead| self.leads.get(lead.as_str()));
                Unit::of_opportunity(opportunity, lead, None, zone)
            }
        }
    }
}
