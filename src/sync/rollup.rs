//! Feeding the roll-ups from the change log: the cost is what changed, not what is stored.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{Timestamp, civil::Date, tz::TimeZone};

use crate::domain::{
    Lead, Moment, Object, Opportunity, Record, RecordKey, facts,
    unit::{Cell, Unit, UnitKind},
};
use crate::store::{Store, StoreResult, Write, rollups::StoredUnit};

/// Lines of the change log that go into one transaction.
const LINES_PER_BATCH: i64 = 4_000;
/// The place in the change log up to which roll-ups were fed.
const FED_SEQ: &str = "rollup_fed_seq";
/// The zone that the days of the roll-ups are in.
const ZONE: &str = "rollup_zone";

/// Brings units and roll-ups up to the end of the change log. With another zone than last time they
/// are built anew, since days would not compare.
///
/// # Errors
/// When the database cannot be read or written; the next call goes on where this one stopped.
pub async fn refresh(store: &Store, zone: &TimeZone) -> StoreResult<()> {
    let name = zone.iana_name().unwrap_or("UTC").to_owned();
    if store.meta(ZONE).await?.is_none_or(|known| known != name) {
        rebuild_from_nothing(store, &name).await?;
    }
    let mut fed: i64 = store.meta(FED_SEQ).await?.and_then(|seq| seq.parse().ok()).unwrap_or(0);
    loop {
        let mut write = store.begin().await?;
        let Some(unseen) = write.changes_after(fed, LINES_PER_BATCH).await? else {
            return Ok(());
        };
        let mut sources: BTreeMap<String, Dirty> = BTreeMap::new();
        for ((source, object), ids) in unseen.records {
            let dirty = sources.entry(source).or_default();
            match object {
                Object::Lead => dirty.leads.extend(ids),
                Object::Opportunity => dirty.opportunities.extend(ids),
                _ => {}
            }
        }
        for (source, dirty) in sources {
            feed(&mut write, &source, dirty, zone).await?;
        }
        fed = unseen.last_seq;
        write.set_meta(FED_SEQ, &fed.to_string()).await?;
        write.commit().await?;
    }
}

/// Empties units and roll-ups, so that the next refresh feeds them the whole change log.
///
/// # Errors
/// When the database cannot be written.
pub async fn rebuild_from_nothing(store: &Store, zone_name: &str) -> StoreResult<()> {
    let mut write = store.begin().await?;
    write.clear_rollups().await?;
    write.set_meta(FED_SEQ, "0").await?;
    write.set_meta(ZONE, zone_name).await?;
    write.commit().await
}

#[derive(Default)]
struct Dirty {
    leads: BTreeSet<String>,
    opportunities: BTreeSet<String>,
}

fn refs(ids: &BTreeSet<String>) -> Vec<&str> {
    ids.iter().map(String::as_str).collect()
}

/// Recomputes the units that a batch of changes touches.
async fn feed(
    write: &mut Write,
    source: &str,
    mut dirty: Dirty,
    zone: &TimeZone,
) -> StoreResult<()> {
    // A lead's unit rests on its opportunities, theirs inherit its channel.
    dirty.leads.extend(write.leads_ever(source, &refs(&dirty.opportunities)).await?);
    let of_leads = write.opportunities_of(source, &refs(&dirty.leads)).await?;
    dirty.opportunities.extend(of_leads);
    let leads = write.values(source, Object::Lead, &refs(&dirty.leads)).await?;
    let opportunities =
        write.values(source, Object::Opportunity, &refs(&dirty.opportunities)).await?;
    let typed = Typed::new(source, leads, opportunities);
    let mut deltas: HashMap<Cell, (i64, i64)> = HashMap::new();
    for (kind, ids) in
        [(UnitKind::Lead, &dirty.leads), (UnitKind::Opportunity, &dirty.opportunities)]
    {
        let old = write.units(kind, source, &refs(ids)).await?;
        let mut changed = Vec::new();
        for id in ids {
            let Some(new) = typed.unit(kind, id, zone) else { continue };
            if old.get(id) == Some(&new) {
                continue;
            }
            if let Some(old) = old.get(id) {
                add(&mut deltas, old, -1);
            }
            add(&mut deltas, &new, 1);
            changed.push(new);
        }
        write.put_units(&changed).await?;
    }
    let mut cells: Vec<_> =
        deltas.into_iter().map(|(cell, (count, value))| (cell, count, value)).collect();
    cells.retain(|(_, count, value)| *count != 0 || *value != 0);
    // A fixed order keeps the file the same for the same changes, and inserts near each other.
    cells.sort();
    write.add_to_cells(&cells).await
}

fn add(deltas: &mut HashMap<Cell, (i64, i64)>, stored: &StoredUnit, sign: i64) {
    if stored.deleted {
        return;
    }
    for (cell, value) in stored.unit.cells() {
        let delta = deltas.entry(cell).or_default();
        delta.0 += sign;
        delta.1 += sign * value;
    }
}

/// The records of a batch as typed nouns.
struct Typed {
    source: String,
    leads: HashMap<String, Lead>,
    opportunities: HashMap<String, Opportunity>,
    by_lead: HashMap<String, Vec<String>>,
}

type Loaded = HashMap<String, (Record, Option<Timestamp>)>;

impl Typed {
    fn new(source: &str, leads: Loaded, opportunities: Loaded) -> Typed {
        let key = |id: &str| RecordKey { source: source.to_owned(), id: id.to_owned() };
        let leads = leads
            .into_iter()
            .map(|(id, (record, deleted))| (id.clone(), facts::lead(key(&id), &record, deleted)))
            .collect();
        let opportunities: HashMap<String, Opportunity> = opportunities
            .into_iter()
            .map(|(id, (record, deleted))| {
                (id.clone(), facts::opportunity(key(&id), &record, deleted))
            })
            .collect();
        let mut by_lead: HashMap<String, Vec<String>> = HashMap::new();
        for (id, opportunity) in &opportunities {
            if let Some(lead) = &opportunity.lead {
                by_lead.entry(lead.clone()).or_default().push(id.clone());
            }
        }
        Typed { source: source.to_owned(), leads, opportunities, by_lead }
    }

    fn unit(&self, kind: UnitKind, id: &str, zone: &TimeZone) -> Option<StoredUnit> {
        let key = RecordKey { source: self.source.clone(), id: id.to_owned() };
        // A deleted record's unit is kept with its days, to be taken out again and to be found by
        // its last day; it only contributes nothing.
        let (unit, deleted_at, last_day) = match kind {
            UnitKind::Lead => {
                let lead = self.leads.get(id)?;
                let own = self.by_lead.get(id).into_iter().flatten();
                let own: Vec<_> = own.filter_map(|id| self.opportunities.get(id)).collect();
                let living = Lead { deleted_at: None, ..lead.clone() };
                let unit = Unit::of_lead(&living, own.iter().copied(), None, zone)?;
                let moments = [lead.created_at, lead.mql_at, lead.disqualified_at];
                let own_days = own.iter().map(|o| last_day_of(o, zone)).max().flatten();
                (unit, lead.deleted_at, last_of(moments, lead.deleted_at, zone).max(own_days))
            }
            UnitKind::Opportunity => {
                let opportunity = self.opportunities.get(id)?;
                let lead = opportunity.lead.as_ref().and_then(|lead| self.leads.get(lead));
                let living = Opportunity { deleted_at: None, ..opportunity.clone() };
                let unit = Unit::of_opportunity(&living, lead, None, zone)?;
                (unit, opportunity.deleted_at, last_day_of(opportunity, zone))
            }
        };
        Some(StoredUnit { key, unit, deleted: deleted_at.is_some(), last_day })
    }
}

/// The latest day on which anything happened to an opportunity.
fn last_day_of(opportunity: &Opportunity, zone: &TimeZone) -> Option<Date> {
    let moments = [opportunity.created_at, opportunity.closed_at, None];
    last_of(moments, opportunity.deleted_at, zone)
}

fn last_of(
    moments: [Option<Moment>; 3],
    deleted_at: Option<Timestamp>,
    zone: &TimeZone,
) -> Option<Date> {
    let days = moments.into_iter().flatten().map(|moment| moment.date(zone));
    days.chain(deleted_at.map(|at| zone.to_datetime(at).date())).max()
}
