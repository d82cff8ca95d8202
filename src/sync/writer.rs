//! The one writer: merges pages into the store, with their cursors, in one transaction.

mod filling;

use std::collections::HashSet;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use jiff::{Timestamp, tz::TimeZone};
use tokio::task::JoinHandle;

use super::deltas::Deltas;
use super::merge::{self, Batch, Merged};
use super::mixer::Mixer;
use super::people::People;
use super::units::{self, Before, Changed};
use super::{SyncReport, rollup};
use crate::domain::{Object, Record};
use crate::sources::{Gone, Page, Part, id_hash};
use crate::store::{
    Store, StoreResult, Write,
    changes::Change,
    forget::Forgotten,
    records::{Loaded, Tombstone},
    rollups::{Loading, MonthChange},
};

/// Writes the pages of one sync.
pub(super) struct Writer<'a> {
    store: &'a Store,
    source: &'a str,
    people: Option<&'a People>,
    seen: Timestamp,
    zone: &'a TimeZone,
    load: Load,
    deltas: Deltas,
    /// New leads being fed meanwhile, with what is to be written of them already.
    feeding: Option<JoinHandle<(Deltas, Vec<MonthChange>)>>,
    forgotten: Forgotten,
    has_faults: bool,
    /// Whether a transaction failed: what it fed is still among the deltas.
    failed: bool,
    /// What was done so far.
    pub report: SyncReport,
}

/// What is known beforehand about the stored records.
enum Load {
    /// The source was never read, so what this sync has not written is not there: nothing has to be
    /// looked up, and the roll-ups are written at the end.
    First {
        written: HashSet<u32, BuildHasherDefault<Mixer>>,
        opportunities: bool,
        /// What was built anew since holds what was written before.
        epoch: Option<String>,
        _loading: Loading,
    },
    /// Anything may be stored.
    Later,
}

/// What a batch changes of one kind of record.
struct Changes {
    object: Object,
    put: Vec<Record>,
    /// By field: whether it differs in any record that is stored.
    differs: Vec<bool>,
    gone: Vec<Tombstone>,
    old: Loaded,
    lines: Vec<Change>,
}

impl<'a> Writer<'a> {
    /// A writer for one sync of a source; `first` says that nothing of it is stored yet.
    pub async fn new(
        store: &'a Store,
        (source, people, zone): (&'a str, Option<&'a People>, &'a TimeZone),
        seen: Timestamp,
        first: bool,
    ) -> StoreResult<Writer<'a>> {
        rollup::refresh(store, zone).await?;
        let load = match first {
            true => Load::First {
                written: HashSet::default(),
                opportunities: false,
                epoch: store.rollup_epoch().await?,
                _loading: store.begin_loading(source),
            },
            false => Load::Later,
        };
        let has_faults = store.has_faults(source).await?;
        let forgotten = store.forgotten(source).await?;
        let (deltas, report) = (Deltas::default(), SyncReport::default());
        let (feeding, failed) = (None, false);
        Ok(Writer {
            store,
            source,
            people,
            seen,
            zone,
            load,
            deltas,
            feeding,
            forgotten,
            has_faults,
            failed,
            report,
        })
    }

    /// Stores pages and the cursors behind them.
    pub async fn commit(&mut self, pages: Vec<Page>) -> StoreResult<()> {
        let stored = self.try_commit(pages).await;
        self.failed |= stored.is_err();
        stored
    }

    async fn try_commit(&mut self, pages: Vec<Page>) -> StoreResult<()> {
        let mut write = self.store.begin().await?;
        let mut batch = merge::batch(pages);
        self.report.read += batch.read;
        // Nobody can be forgotten while this transaction is open.
        self.forgotten = self.store.forgotten(self.source).await?;
        batch.forget(&self.forgotten);
        self.keep_pseudonyms(&mut write, &mut batch).await?;
        self.complete(&mut write, &mut batch).await?;
        let echo = self.settle_people(&mut write, &mut batch).await?;
        self.take_followers(&mut write, &mut batch).await?;
        let mut changes = Vec::new();
        for mut part in std::mem::take(&mut batch.parts) {
            self.add_missing_children(&mut write, &mut part).await?;
            if part.rechecked && self.has_faults {
                let ids: Vec<&str> = part.ids().collect();
                write.forget_faults_of(self.source, part.object, &ids).await?;
            }
            changes.push(self.changes(&mut write, part).await?);
        }
        let changes = Arc::new(changes);
        self.store_and_feed(&mut write, &changes).await?;
        for (source, records) in echo {
            self.echo(&mut write, &source, records).await?;
        }
        for change in changes.iter() {
            self.report.changed += change.put.len() as u64;
            self.report.deleted += change.gone.len() as u64;
        }
        self.note(&mut write, &batch).await?;
        write.commit().await?;
        if let Load::First { written, opportunities, .. } = &mut self.load {
            written.extend(changes.iter().flat_map(|c| c.put.iter().map(|r| key(c.object, &r.id))));
            *opportunities |= changes.iter().any(|c| c.object == Object::Opportunity);
        }
        Ok(())
    }

    /// Writes what is left of the roll-ups. It is needed at the end of every sync, also of one that
    /// could not read everything. After a transaction that failed they stay marked as unfinished, and
    /// the next sync builds them anew.
    pub async fn finish(&mut self) -> StoreResult<()> {
        let (mut deltas, mut months) = self.fed().await;
        let Load::First { epoch, .. } = &self.load else { return Ok(()) };
        if self.failed {
            return Ok(());
        }
        months.extend(deltas.take());
        let mut write = self.store.begin().await?;
        if write.rollup_epoch().await? == *epoch {
            write.add_to_cells(&months).await?;
            write.mark_rollups_finished(Some(self.source)).await?;
        } else {
            // They were built anew meanwhile and hold a part of these sums; the next sync builds them
            // once more.
            write.mark_rollups_unfinished(self.source).await?;
        }
        write.commit().await
    }

    /// Puts the parts of the roll-ups together.
    pub async fn compact(&mut self) -> StoreResult<()> {
        let mut write = self.store.begin().await?;
        write.compact_rollups().await?;
        write.commit().await
    }

    /// Marks what an inventory lacks as gone.
    pub async fn bury(&mut self, object: Object, gone: Vec<Gone>) -> StoreResult<()> {
        let part = Part { gone, ..Part::of(object, Vec::new()) };
        self.commit(vec![Page { parts: vec![part], ..Page::default() }]).await
    }

    async fn note(&mut self, write: &mut Write, batch: &Batch) -> StoreResult<()> {
        for (pass, faults) in &batch.faults {
            self.report.faults += faults.len() as u64;
            self.has_faults |= !faults.is_empty();
            write.note_faults(faults, *pass, self.seen).await?;
        }
        for (origin, pass) in &batch.origins_done {
            write.forget_faults(self.source, origin, *pass).await?;
        }
        for (name, value) in &batch.cursors {
            write.set_cursor(self.source, name, value).await?;
        }
        Ok(())
    }

    /// Whether a record may be stored already.
    fn may_be_stored(&self, object: Object, id: &str) -> bool {
        match &self.load {
            Load::First { written, .. } => written.contains(&key(object, id)),
            Load::Later => true,
        }
    }

    async fn changes(&self, write: &mut Write, part: Merged) -> StoreResult<Changes> {
        let object = part.object;
        let ids: Vec<&str> = part.ids().filter(|id| self.may_be_stored(object, id)).collect();
        let stored = write.stored(self.source, object, &ids).await?;
        let mut gone: Vec<Tombstone> = Vec::new();
        for one in &part.gone {
            if stored.get(&one.id).is_some_and(|old| !old.deleted) {
                let at = one.at.unwrap_or(self.seen);
                gone.push(Tombstone { id: one.id.clone(), at, merged_into: one.into.clone() });
            }
        }
        let mut put = part.records;
        put.retain(|record| merge::is_changed(record, stored.get(&record.id)));
        let known = put.iter().map(|record| record.id.as_str());
        let known = known.chain(gone.iter().map(|stone| stone.id.as_str()));
        let known: Vec<&str> = known.filter(|id| stored.contains_key(*id)).collect();
        let old = write.values(self.source, object, &known).await?;
        let mut differs = vec![false; object.fields().len()];
        let changed = put.iter().filter_map(|record| {
            let (old, deleted_at) = old.get(&record.id)?;
            for (differs, (new, old)) in
                differs.iter_mut().zip(record.values.iter().zip(&old.values))
            {
                *differs |= new != old;
            }
            Some(merge::change(record, old, *deleted_at, self.seen, self.zone))
        });
        let buried = gone.iter().map(|stone| merge::burial(object, &stone.id, stone.at));
        let lines = changed.chain(buried).collect();
        Ok(Changes { object, put, differs, gone, old, lines })
    }

    /// Of parents whose records are all here, what is stored beside them is gone.
    async fn add_missing_children(&self, write: &mut Write, part: &mut Merged) -> StoreResult<()> {
        if matches!(self.load, Load::First { .. }) {
            return Ok(());
        }
        let told: HashSet<String> = part.ids().map(str::to_owned).collect();
        for whole in std::mem::take(&mut part.whole) {
            let parents: Vec<&str> = whole.parents.iter().map(String::as_str).collect();
            let known = write.values_where(self.source, part.object, whole.field, &parents).await?;
            let living = known.into_iter().filter(|(_, (_, deleted_at))| deleted_at.is_none());
            let missing = living.map(|(id, _)| id).filter(|id| !told.contains(id));
            part.gone.extend(missing.map(Gone::now));
        }
        Ok(())
    }

    /// Stores what a batch changes, and feeds the roll-ups with it.
    async fn store_and_feed(
        &mut self,
        write: &mut Write,
        changes: &Arc<Vec<Changes>>,
    ) -> StoreResult<()> {
        let of = |object: Object| changes.iter().find(|change| change.object == object);
        let (leads, deals) = (of(Object::Lead), of(Object::Opportunity));
        if is_empty(leads) && is_empty(deals) {
            return store_all(write, self.source, changes, self.seen).await;
        }
        let first = matches!(self.load, Load::First { .. });
        if first {
            write.mark_rollups_unfinished(self.source).await?;
        }
        let nothing_belongs = matches!(self.load, Load::First { opportunities: false, .. });
        let months = if nothing_belongs && is_empty(deals) && leads.is_none_or(Changes::is_new) {
            let months = self.feed_aside(changes).await;
            store_all(write, self.source, changes, self.seen).await?;
            months
        } else {
            let (leads, deals) = (changed(leads), changed(deals));
            let before = self.before(write, &leads, &deals, of(Object::Opportunity)).await?;
            let (mut fed, mut months) = self.fed().await;
            units::feed(self.source, &before, &leads, &deals, self.zone, &mut fed);
            if !first || fed.len() >= rollup::SUMS_MAX {
                months.extend(fed.take());
            }
            self.deltas = fed;
            store_all(write, self.source, changes, self.seen).await?;
            months
        };
        write.add_to_cells(&months).await
    }

    /// Feeds new leads that nothing belongs to, which are most of a first load, in a thread of its
    /// own: storing them is SQLite's work and takes as long. Gives what the leads before them made.
    async fn feed_aside(&mut self, changes: &Arc<Vec<Changes>>) -> Vec<MonthChange> {
        let (mut deltas, months) = self.fed().await;
        let (changes, zone) = (Arc::clone(changes), self.zone.clone());
        self.feeding = Some(tokio::task::spawn_blocking(move || {
            let leads = changes.iter().filter(|change| change.object == Object::Lead);
            units::feed_lone_leads(leads.flat_map(|change| &change.put), &zone, &mut deltas);
            let full = deltas.len() >= rollup::SUMS_MAX;
            let months = if full { deltas.take() } else { Vec::new() };
            (deltas, months)
        }));
        months
    }

    /// What was fed so far, with what of it is to be written.
    async fn fed(&mut self) -> (Deltas, Vec<MonthChange>) {
        match self.feeding.take() {
            None => (std::mem::take(&mut self.deltas), Vec::new()),
            Some(feeding) => match feeding.await {
                Ok(fed) => fed,
                Err(stopped) => match stopped.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // The process ends, and this task with it.
                    Err(_) => std::future::pending().await,
                },
            },
        }
    }

    /// What the units of a batch rested on before it.
    async fn before(
        &self,
        write: &mut Write,
        leads: &Changed<'_>,
        deals: &Changed<'_>,
        deal_part: Option<&Changes>,
    ) -> StoreResult<Before> {
        let empty = Loaded::new();
        let old_deals = deal_part.map_or(&empty, |part| &part.old);
        let of_deals = units::leads_of(deals, old_deals);
        let of_deals = of_deals.iter().map(String::as_str).filter(|id| !leads.contains_key(id));
        let lead_ids: Vec<&str> = leads.keys().copied().chain(of_deals).collect();
        let stored = |id: &&str| self.may_be_stored(Object::Lead, id);
        let stored: Vec<&str> = lead_ids.iter().copied().filter(stored).collect();
        let leads_before = write.values(self.source, Object::Lead, &stored).await?;
        let mut before = Before { leads: leads_before, ..Before::default() };
        if !matches!(self.load, Load::First { opportunities: false, .. }) {
            before.opportunities =
                write.values_where(self.source, Object::Opportunity, "lead", &lead_ids).await?;
        }
        before.opportunities.extend(old_deals.iter().map(|(id, old)| (id.clone(), old.clone())));
        Ok(before)
    }
}

impl Changes {
    /// Whether all of its records are new.
    fn is_new(&self) -> bool {
        self.old.is_empty()
    }
}

fn is_empty(part: Option<&Changes>) -> bool {
    part.is_none_or(|part| part.put.is_empty() && part.gone.is_empty())
}

async fn store_all(
    write: &mut Write,
    source: &str,
    changes: &[Changes],
    seen: Timestamp,
) -> StoreResult<()> {
    for change in changes {
        write.put(source, change.object, &change.put, &change.differs, seen).await?;
        write.bury(source, change.object, &change.gone).await?;
        write.log(source, &change.lines, seen).await?;
    }
    Ok(())
}

/// The records of a part after the batch, by id.
fn changed(part: Option<&Changes>) -> Changed<'_> {
    let Some(part) = part else { return Changed::new() };
    let put = part.put.iter().map(|record| (record.id.as_str(), (record, None)));
    let gone = part.gone.iter().filter_map(|stone| {
        let (record, _) = part.old.get(&stone.id)?;
        Some((stone.id.as_str(), (record, Some(stone.at))))
    });
    put.chain(gone).collect()
}

/// Half of a hash is enough: where two meet, one more record is looked up.
fn key(object: Object, id: &str) -> u32 {
    (id_hash(id).wrapping_mul(31).wrapping_add(object as u64) >> 16) as u32
}
