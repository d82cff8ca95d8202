//! The roll-ups as a whole: whether they can be trusted, and building them anew.
//!
//! They are fed in the transaction that changes the records, but for a first load, whose sums are
//! written at its end; until then they are marked as unfinished, and one that was cut off is mended
//! by building them anew.

use jiff::tz::TimeZone;

use super::deltas::Deltas;
use super::units;
use crate::domain::{Object, unit::UnitKind};
use crate::store::{Store, StoreResult, Write};

/// Records that a rebuild reads at a time.
const RECORDS_PER_READ: i64 = 5_000;
/// Sums that are kept in memory before they are written: about 10 MB.
pub(super) const SUMS_MAX: usize = 250_000;

/// Builds the roll-ups anew where they cannot be trusted: after a first load that was cut off, and
/// with another zone than last time, since days would not compare.
///
/// # Errors
/// When the database cannot be read or written; nothing is changed then.
pub async fn refresh(store: &Store, zone: &TimeZone) -> StoreResult<()> {
    if store.rollups_want_a_rebuild(zone).await? { rebuild(store, zone).await } else { Ok(()) }
}

/// Empties the roll-ups and works them out from the records.
///
/// # Errors
/// When the database cannot be read or written; nothing is changed then.
pub async fn rebuild(store: &Store, zone: &TimeZone) -> StoreResult<()> {
    let mut write = store.begin().await?;
    write.clear_rollups(zone).await?;
    let mut deltas = Deltas::default();
    for source in write.sources_of(Object::Lead).await? {
        rebuild_leads(&mut write, &source, zone, &mut deltas).await?;
    }
    for source in write.sources_of(Object::Opportunity).await? {
        rebuild_opportunities(&mut write, &source, zone, &mut deltas).await?;
    }
    write.add_to_cells(&deltas.take()).await?;
    write.mark_rollups_finished(None).await?;
    write.commit().await
}

/// Feeds every lead, beside its opportunities.
async fn rebuild_leads(
    write: &mut Write,
    source: &str,
    zone: &TimeZone,
    deltas: &mut Deltas,
) -> StoreResult<()> {
    let mut after = String::new();
    loop {
        let leads = write.records_after(source, Object::Lead, &after, RECORDS_PER_READ).await?;
        let Some(last) = leads.keys().max() else { return Ok(()) };
        after.clone_from(last);
        let ids: Vec<&str> = leads.keys().map(String::as_str).collect();
        let own = write.values_where(source, Object::Opportunity, "lead", &ids).await?;
        units::add_all(source, UnitKind::Lead, &leads, &own, zone, deltas);
        flush(write, deltas).await?;
    }
}

/// Feeds every opportunity, beside its lead.
async fn rebuild_opportunities(
    write: &mut Write,
    source: &str,
    zone: &TimeZone,
    deltas: &mut Deltas,
) -> StoreResult<()> {
    let mut after = String::new();
    loop {
        let own =
            write.records_after(source, Object::Opportunity, &after, RECORDS_PER_READ).await?;
        let Some(last) = own.keys().max() else { return Ok(()) };
        after.clone_from(last);
        let ids: Vec<&str> = own.values().filter_map(|(deal, _)| deal.get("lead")).collect();
        let leads = write.values(source, Object::Lead, &ids).await?;
        units::add_all(source, UnitKind::Opportunity, &leads, &own, zone, deltas);
        flush(write, deltas).await?;
    }
}

async fn flush(write: &mut Write, deltas: &mut Deltas) -> StoreResult<()> {
    if deltas.len() < SUMS_MAX {
        return Ok(());
    }
    write.add_to_cells(&deltas.take()).await
}
