//! Running a source: fetch ahead, merge, commit pages with the cursor behind them.
//!
//! The source reads ahead of the one writer. Pages, their faults and their cursors are one
//! transaction, so a kill at any moment loses nothing and repeats nothing.

mod deltas;
pub mod merge;
mod mixer;
mod partial;
pub mod people;
pub mod rollup;
pub mod units;
mod writer;

use std::collections::HashSet;

use jiff::{Timestamp, tz::TimeZone};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::domain::Object;
use crate::sources::http::is_spent;
use crate::sources::{Complete, Inventory, Page, ReadRequest, Source, SourceError, Waiting};
use crate::store::{Store, StoreError, forget};
use people::People;
use writer::Writer;

/// Pages that a source may be ahead of the writer.
const PAGES_AHEAD_MAX: usize = 64;
/// Records after which a transaction takes no further page.
const RECORDS_PER_COMMIT: usize = 10_000;

/// Who is told how many records were read so far.
pub type Progress<'a> = dyn Fn(u64) + std::marker::Sync + 'a;

/// A sync that is to be made.
pub struct Sync<'a> {
    /// Where records go.
    pub store: &'a Store,
    /// The source's key in the configuration.
    pub name: &'a str,
    /// Where they come from.
    pub source: &'a dyn Source,
    /// Whether ids are compared.
    pub full: Full,
    /// Whether the log is to say what the source does not see.
    pub warns: bool,
    /// Which sources tell of the same people; none where there is only one.
    pub people: Option<&'a People>,
    /// The time.
    pub clock: &'a Clock,
    /// The company's zone.
    pub zone: &'a TimeZone,
}

/// What a sync did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyncReport {
    /// Records read.
    pub read: u64,
    /// Records that were new or differed.
    pub changed: u64,
    /// Records found deleted.
    pub deleted: u64,
    /// Data faults seen.
    pub faults: u64,
}

/// Whether ids are compared with the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// They are not.
    No,
    /// They are, unless most of the records would go: that looks like a broken export.
    Checked,
    /// They are, whatever goes.
    Accepted,
}

/// Records younger than this are left out where counts are compared: the vendor's count may lag.
const COUNTED_BEFORE: jiff::SignedDuration = jiff::SignedDuration::from_hours(1);

/// Fewer missing records are believed, whatever their share.
const IMPLAUSIBLE_MIN: usize = 50;

/// Why a sync did not read everything. What was read before it is stored.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The source could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Most of the records would be marked as deleted.
    #[error(
        "{gone} of {known} {object} records are gone, which looks like a broken export, so nothing \
         was deleted\n    mend: export it again; if they are really gone, run `paceline sync \
         --source {name} --full --accept-deletions`"
    )]
    Implausible {
        /// The source.
        name: String,
        /// What would go.
        object: &'static str,
        /// How many would go.
        gone: usize,
        /// Of how many.
        known: usize,
    },
}

/// One pass over one source.
///
/// # Errors
/// When not everything could be read or stored; completeness then stays where it was.
pub async fn run(sync: &Sync<'_>, progress: &Progress<'_>) -> Result<SyncReport, SyncError> {
    let started = sync.clock.now();
    let cursors = sync.store.cursors(sync.name).await?;
    let place = (sync.name, sync.people, sync.zone);
    let mut writer = Writer::new(sync.store, place, started, cursors.is_empty()).await?;
    let (sender, pages) = mpsc::channel(PAGES_AHEAD_MAX);
    let mut waiting = Vec::new();
    if sync.source.provides(Object::ContactRole, "lead") {
        let found = sync.store.waiting_hand_offs(sync.name, started).await?;
        // The source knows nobody by the name of somebody who is forgotten.
        let known = |lead: Option<String>| lead.filter(|lead| !forget::is_pseudonym(lead));
        let found = found.into_iter();
        waiting =
            found.map(|(deal, lead)| Waiting { opportunity: deal, lead: known(lead) }).collect();
    }
    let full = sync.full != Full::No;
    // What was spent is noted also where nothing was to be had.
    let is_first = cursors.keys().all(|cursor| is_spent(cursor));
    let refused = if sync.warns && (full || is_first) { warn(sync).await } else { None };
    let result = if let Some(error) = refused {
        Err(error.into())
    } else {
        let reading = sync.source.read(ReadRequest { cursors, started, full, waiting }, sender);
        let (read, written) = tokio::join!(reading, write_all(&mut writer, pages, progress));
        match (read, written) {
            (_, Err(error)) => Err(error.into()),
            (Err(error), Ok(())) => Err(error.into()),
            (Ok(complete), Ok(())) => finish(sync, &mut writer, &complete, started).await,
        }
    };
    writer.finish().await?;
    let mut write = sync.store.begin().await?;
    let outcome = result.as_ref().map(|to| *to).map_err(ToString::to_string);
    let outcome = outcome.as_ref().map(|to| *to).map_err(String::as_str);
    write.finish_sync(sync.name, started, outcome).await?;
    write.commit().await?;
    if sync.warns && (full || is_first) {
        for fault in known_faults(sync.store, sync.name).await? {
            tracing::warn!(source = sync.name, "source {}: {fault}", sync.name);
        }
    }
    result.map(|_| writer.report)
}

/// What is wrong with a source's records, by kind, in words without anything of theirs: but a stage is nobody's secret.
///
/// # Errors
/// When the store cannot be read.
pub async fn known_faults(store: &Store, source: &str) -> Result<Vec<String>, StoreError> {
    let kinds = store.fault_kinds(source).await?;
    let words = |(kind, count, detail): (String, u64, String)| {
        let shown = kind.replace('_', " ");
        let one = if kind == "unknown_stage" { format!(" ({detail})") } else { String::new() };
        format!("{count} x {shown}{one}; `paceline faults` shows which records")
    };
    Ok(kinds.into_iter().map(words).collect())
}

/// Says what the source does not see, and what that means for the numbers: before the first sync, and once a day with
/// a full one. Gives the refusal of a secret, which is not tried again: it may be what locks an account.
async fn warn(sync: &Sync<'_>) -> Option<SourceError> {
    let name = sync.name;
    match sync.source.check().await {
        Ok(probe) => probe.warnings.iter().for_each(|warning| {
            tracing::warn!(source = name, "source {name}: {warning}");
        }),
        Err(error @ SourceError::Unauthorised { .. }) => return Some(error),
        // The reading tells what stands in its way.
        Err(error) => tracing::info!(source = name, "source {name} cannot be checked: {error}"),
    }
    None
}

/// Takes pages as they come. While a transaction runs the reader goes on, so the next one takes all
/// that has come meanwhile: many pages when the source is quick, one when it is slow.
///
/// The writer owns its end of the channel: when it fails, the channel closes and the reader ends.
async fn write_all(
    writer: &mut Writer<'_>,
    mut pages: mpsc::Receiver<Page>,
    progress: &Progress<'_>,
) -> Result<(), StoreError> {
    while let Some(page) = pages.recv().await {
        let mut taken = vec![page];
        let mut records: usize = 0;
        while records < RECORDS_PER_COMMIT {
            let Ok(page) = pages.try_recv() else { break };
            records += page.parts.iter().map(|part| part.records.len()).sum::<usize>();
            taken.push(page);
        }
        writer.commit(taken).await?;
        progress(writer.report.read);
    }
    Ok(())
}

/// Everything was read: ids are compared where asked for. Gives how far the data is complete.
async fn finish(
    sync: &Sync<'_>,
    writer: &mut Writer<'_>,
    complete: &Complete,
    started: Timestamp,
) -> Result<Timestamp, SyncError> {
    if sync.full != Full::No {
        for inventory in &complete.inventories {
            reconcile(sync, writer, inventory, complete.complete_to.min(started)).await?;
        }
        writer.compact().await?;
    }
    Ok(complete.complete_to)
}

/// Turns what the source no longer has into tombstones.
///
/// They are dated at the end of what the source tells, so that figures up to there leave them out.
async fn reconcile(
    sync: &Sync<'_>,
    writer: &mut Writer<'_>,
    inventory: &Inventory,
    at: Timestamp,
) -> Result<(), SyncError> {
    let object = inventory.object;
    let living = sync.store.living_ids(sync.name, object).await?;
    let known = living.len();
    let missing = living.into_iter().filter(|id| !inventory.contains(id));
    // Who asked to be forgotten has a name that no source knows.
    let mut gone: Vec<String> = missing.filter(|id| !forget::is_pseudonym(id)).collect();
    if object == Object::Lead && sync.source.conversion_hides_leads() {
        let named = sync.store.named_leads(sync.name).await?;
        let named: HashSet<&str> = named.iter().map(String::as_str).collect();
        gone.retain(|id| !named.contains(id.as_str()));
    }
    if sync.full == Full::Checked && gone.len() >= IMPLAUSIBLE_MIN && gone.len() * 2 > known {
        return Err(SyncError::Implausible {
            name: sync.name.to_owned(),
            object: object.name(),
            gone: gone.len(),
            known,
        });
    }
    let mut fates = sync.source.fates(object, gone).await?;
    fates.iter_mut().for_each(|fate| fate.at = fate.at.or(Some(at)));
    writer.bury(object, fates).await?;
    if object == Object::Opportunity {
        compare_counts(sync, inventory, sync.clock.now()).await?;
    }
    Ok(())
}

/// The ledger's own check: as many opportunities here as the source says that it has. Where it does not count, what
/// it listed is compared.
async fn compare_counts(
    sync: &Sync<'_>,
    inventory: &Inventory,
    now: Timestamp,
) -> Result<(), SyncError> {
    let object = inventory.object;
    // What was created while this sync ran may be there and not yet here.
    let before = now.checked_sub(COUNTED_BEFORE).unwrap_or(now);
    let (there, before) = match sync.source.own_count(object, before).await {
        Some(count) => (count, Some(before)),
        None => (inventory.count() as u64, None),
    };
    let here = sync.store.count_living(sync.name, object, before).await?;
    let mut write = sync.store.begin().await?;
    write.note_count(sync.name, now, there, here).await?;
    write.commit().await?;
    Ok(())
}
