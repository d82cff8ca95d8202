//! Running a source: fetch ahead, merge, commit pages with the cursor behind them.
//!
//! The source reads in its own task, a few pages ahead of the one writer. A page, its faults and its
//! cursor are one transaction, so a kill at any moment loses nothing and repeats nothing.

pub mod merge;
pub mod rollup;

use jiff::{Timestamp, tz::TimeZone};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::domain::Object;
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

/// Why a sync did not read everything. What was read before it is stored.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The source could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store could not be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One pass over one source.
///
/// # Errors
/// When not everything could be read or stored; completeness then stays where it was.
pub async fn run(
    store: &Store,
    name: &str,
    source: &dyn Source,
    full: bool,
    clock: &Clock,
    zone: &TimeZone,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<SyncReport, SyncError> {
    let started = clock.now();
    let cursors = store.cursors(name).await?;
    let (sender, mut pages) = mpsc::channel(PAGES_AHEAD_MAX);
    let reading = source.read(ReadRequest { cursors, started }, sender);
    let mut report = SyncReport::default();
    let writing = async {
        while let Some(page) = pages.recv().await {
            commit_page(store, name, page, started, zone, &mut report).await?;
            progress(report.read);
        }
        Ok::<(), StoreError>(())
    };
    // The reader ends by itself when the writer has gone: its channel is closed.
    let (read, written) = tokio::join!(reading, writing);
    if let Err(error) = written {
        return Err(error.into());
    }
    let mut write = store.begin().await?;
    match read {
        Ok(Complete { complete_to, inventories }) => {
            if full {
                for inventory in &inventories {
                    report.deleted += reconcile(&mut write, name, inventory, started).await?;
                }
            }
            write.finish_sync(name, started, Ok(complete_to)).await?;
            write.commit().await?;
            Ok(report)
        }
        Err(error) => {
            write.finish_sync(name, started, Err(&error.to_string())).await?;
            write.commit().await?;
            Err(error.into())
        }
    }
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
async fn reconcile(
    write: &mut crate::store::Write,
    name: &str,
    inventory: &Inventory,
    seen: Timestamp,
) -> Result<u64, StoreError> {
    let living = write.living_ids(name, inventory.object).await?;
    let gone: Vec<String> = living.into_iter().filter(|id| !inventory.contains(id)).collect();
    let lines: Vec<LogLine> = gone.iter().map(|id| tombstone(inventory.object, id)).collect();
    write.tombstone(name, inventory.object, &gone, seen).await?;
    write.log(name, &lines, seen).await?;
    Ok(gone.len() as u64)
}

fn tombstone(object: Object, id: &str) -> LogLine {
    LogLine {
        record: crate::domain::Record::empty(object, id),
        deleted: true,
        event_at: None,
        changed: Vec::new(),
    }
}
