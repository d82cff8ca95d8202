//! What a batch of changes does to the roll-ups: pure.
//!
//! A unit rests on its neighbours: a lead on its opportunities, an opportunity on its lead. Each unit
//! that a change can touch is worked out before and after it, and the difference is what the roll-ups
//! get.

use std::collections::{BTreeSet, HashMap, HashSet};

use jiff::{Timestamp, tz::TimeZone};

use crate::domain::{
    Lead, Opportunity, Record, RecordKey,
    dimension::Dimension,
    facts,
    unit::{Cell, Contribution, Unit, UnitKind},
};
use crate::store::{records::Loaded, rollups::CellCount};

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

/// Changes of cells, with the texts of their keys kept once.
#[derive(Debug, Default)]
pub struct Deltas {
    /// By dimension, the total first: text -> place in `keys`.
    places: [HashMap<String, u32>; 1 + Dimension::STORED.len()],
    keys: Vec<(Option<Dimension>, String)>,
    currencies: Vec<String>,
    cells: HashMap<(u32, u32, Contribution), (i64, i64)>,
}

impl Deltas {
    /// Adds a unit, or with a sign of -1 takes it away.
    pub fn add(&mut self, unit: &Unit, sign: i64) {
        let contributions = unit.contributions();
        if contributions.is_empty() {
            return;
        }
        let dimensions = [None].into_iter().chain(Dimension::STORED.map(Some));
        for (index, dimension) in dimensions.enumerate() {
            let text = dimension.and_then(|dimension| unit.key(dimension)).unwrap_or_default();
            let key = self.key(index, dimension, text);
            for contribution in &contributions {
                let (currency, value) = unit.worth(contribution);
                let currency = self.currency(currency);
                let cell = self.cells.entry((key, currency, *contribution)).or_default();
                cell.0 += sign;
                cell.1 += sign * value;
            }
        }
    }

    /// How many cells it holds.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Takes everything out, in the order of the cells: it keeps the file the same for the same
    /// changes, and puts what lies together in the file together.
    pub fn take(&mut self) -> Vec<CellCount> {
        let cells = std::mem::take(&mut self.cells).into_iter();
        let changed = cells.filter(|(_, (count, value))| *count != 0 || *value != 0);
        let mut cells: Vec<CellCount> = changed
            .map(|((key, currency, contribution), (count, value))| {
                let (dimension, key) = self.keys[key as usize].clone();
                let currency = self.currencies[currency as usize].clone();
                (Cell { dimension, key, contribution, currency }, count, value)
            })
            .collect();
        cells.sort_unstable_by(|(a, ..), (b, ..)| {
            let place = |cell: &Cell| (cell.contribution.from, cell.contribution.to);
            (place(a), a).cmp(&(place(b), b))
        });
        cells
    }

    fn key(&mut self, index: usize, dimension: Option<Dimension>, text: &str) -> u32 {
        if let Some(place) = self.places[index].get(text) {
            return *place;
        }
        let place = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        self.keys.push((dimension, text.to_owned()));
        self.places[index].insert(text.to_owned(), place);
        place
    }

    /// There are few currencies, so looking through them is quick.
    fn currency(&mut self, text: &str) -> u32 {
        let place = self.currencies.iter().position(|known| known == text);
        let place = place.unwrap_or_else(|| {
            self.currencies.push(text.to_owned());
            self.currencies.len() - 1
        });
        u32::try_from(place).unwrap_or(u32::MAX)
    }
}
