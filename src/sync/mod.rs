//! Running a source: fetch ahead, merge, commit pages with the cursor behind them.
//!
//! The source reads in its own task, a few pages ahead of the one writer. A page, its faults and its
//! cursor are one transaction, so a kill at any moment loses nothing and repeats nothing.

pub mod merge;
pub mod rollup;

use jiff::{Timestamp, tz::TimeZone};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::domain::{Moment, Object};
use crate::sources::{Complete, Inventory, Page, ReadRequest, Source, SourceError};
use crate::store::{Store, StoreError, records::LogLine};

/// Pages that a source may be ahead of the writer.
const PAGES_AHEAD_MAX: usize = 8;

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
pub async fn run(
    store: &Store,
    name: &str,
    source: &dyn Source,
    full: Full,
    clock: &Clock,
    zone: &TimeZone,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<SyncReport, SyncError> {
    let started = clock.now();
    let cursors = store.cursors(name).await?;
    let (sender, mut pages) = mpsc::channel(PAGES_AHEAD_MAX);
    let reading = source.read(ReadRequest { cursors, started }, sender);
    let mut report = SyncReport::default();
    let counted = &mut report;
    // The writer owns its end of the channel: when it fails, the channel closes and the reader ends.
    let writing = async move {
        while let Some(page) = pages.recv().await {
            commit_page(store, name, page, started, zone, counted).await?;
            progress(counted.read);
        }
        Ok::<(), StoreError>(())
    };
    let (read, written) = tokio::join!(reading, writing);
    if let Err(error) = written {
        return Err(error.into());
    }
    let result = match read {
        Ok(complete) => finish(store, name, &complete, started, full, &mut report).await,
        Err(error) => Err(error.into()),
    };
    if let Err(error) = &result {
        let mut write = store.begin().await?;
        write.finish_sync(name, started, Err(&error.to_string())).await?;
        write.commit().await?;
    }
    result.map(|()| report)
}

/// Everything was read: ids are compared where asked for, and completeness moves.
async fn finish(
    store: &Store,
    name: &str,
    complete: &Complete,
    started: Timestamp,
    full: Full,
    report: &mut SyncReport,
) -> Result<(), SyncError> {
    let mut write = store.begin().await?;
    if full != Full::No {
        for inventory in &complete.inventories {
            let to = complete.complete_to;
            let found = reconcile(&mut write, name, inventory, started, to, full);
            report.deleted += found.await?;
        }
    }
    write.finish_sync(name, started, Ok(complete.complete_to)).await?;
    write.commit().await?;
    Ok(())
}

async fn commit_page(
    store: &Store,
    name: &str,
    page: Page,
    seen: Timestamp,
    zone: &TimeZone,
    report: &mut SyncReport,
) -> Result<(), StoreError> {
    let mut write = store.begin().await?;
    report.read += page.records.len() as u64;
    report.faults += page.faults.len() as u64;
    let records = merge::last_of_each(page.records);
    let ids: Vec<&str> = records.iter().map(|record| record.id.as_str()).collect();
    let stored = write.stored(name, page.object, &ids).await?;
    let changed = merge::changed(&records, &stored);
    let known: Vec<&str> = changed
        .iter()
        .map(|record| record.id.as_str())
        .filter(|id| stored.contains_key(*id))
        .collect();
    let old = write.values(name, page.object, &known).await?;
    let lines: Vec<LogLine> = changed
        .iter()
        .map(|record| merge::log_line(record, old.get(&record.id).map(|(old, _)| old), seen, zone))
        .collect();
    write.put(name, page.object, &changed, seen).await?;
    write.log(name, &lines, seen).await?;
    write.note_faults(&page.faults, page.pass, seen).await?;
    if let Some(origin) = &page.origin_done {
        write.forget_faults(name, origin, page.pass).await?;
    }
    write.set_cursor(name, &page.cursor_key, &page.cursor).await?;
    write.commit().await?;
    report.changed += lines.len() as u64;
    Ok(())
}

/// Turns what the source no longer has into tombstones.
///
/// They are dated at the end of what the source tells, so that figures up to there leave them out.
async fn reconcile(
    write: &mut crate::store::Write,
    name: &str,
    inventory: &Inventory,
    seen: Timestamp,
    complete_to: Timestamp,
    full: Full,
) -> Result<u64, SyncError> {
    let object = inventory.object;
    let living = write.living_ids(name, object).await?;
    let known = living.len();
    let gone: Vec<String> = living.into_iter().filter(|id| !inventory.contains(id)).collect();
    if full == Full::Checked && gone.len() >= IMPLAUSIBLE_MIN && gone.len() * 2 > known {
        return Err(SyncError::Implausible {
            name: name.to_owned(),
            object: object.name(),
            gone: gone.len(),
            known,
        });
    }
    let at = complete_to.min(seen);
    let lines: Vec<LogLine> = gone.iter().map(|id| tombstone(object, id, at)).collect();
    write.tombstone(name, object, &gone, at).await?;
    write.log(name, &lines, seen).await?;
    Ok(gone.len() as u64)
}

fn tombstone(object: Object, id: &str, at: Timestamp) -> LogLine {
    LogLine {
        record: crate::domain::Record::empty(object, id),
        deleted: true,
        event_at: Some(Moment::Instant(at)),
        changed: Vec::new(),
    }
}
