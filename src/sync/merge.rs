//! What a batch of pages changes: pure.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::{Timestamp, tz::TimeZone};

use super::partial;
use crate::domain::record::{ATTRIBUTES, FieldKind, PRESENT};
use crate::domain::{Fault, Moment, Object, Record};
use crate::sources::{Gone, Page, Part, Told, Whole};
use crate::store::changes::Change;
use crate::store::forget::Forgotten;
use crate::store::records::{Loaded, Stored};

/// Pages put together, by kind of record.
#[derive(Debug, Default)]
pub struct Batch {
    /// Kinds in the order of their first page.
    pub parts: Vec<Merged>,
    /// Faults with the pass that found them.
    pub faults: Vec<(i64, Vec<Fault>)>,
    /// Where to go on.
    pub cursors: Vec<(String, String)>,
    /// Files that were read to their end, with the pass.
    pub origins_done: Vec<(String, i64)>,
    /// Records read.
    pub read: u64,
}

impl Batch {
    /// Leaves out people who asked to be forgotten, and names nobody in their place.
    pub fn forget(&mut self, forgotten: &Forgotten) {
        if forgotten.is_empty() {
            return;
        }
        for part in &mut self.parts {
            let object = part.object;
            forget_in(object, &mut part.records, &mut part.gone, forgotten);
            for part in &mut part.partial {
                forget_in(object, &mut part.records, &mut part.gone, forgotten);
            }
        }
        for (_, faults) in &mut self.faults {
            faults.retain(|fault| {
                fault.object != "lead" || forgotten.name_of(&fault.record).is_none()
            });
        }
    }
}

fn forget_in(
    object: Object,
    records: &mut Vec<Record>,
    gone: &mut Vec<Gone>,
    forgotten: &Forgotten,
) {
    if object == Object::Lead {
        records.retain(|record| forgotten.name_of(&record.id).is_none());
        gone.iter_mut().for_each(|gone| {
            let into = gone.into.as_ref().and_then(|into| forgotten.name_of(into));
            gone.into = into.or(gone.into.take());
        });
        // Who was merged into another counts once; who is deleted still counts.
        gone.retain_mut(|gone| match forgotten.name_of(&gone.id) {
            Some(name) => {
                gone.id = name;
                gone.into.is_some()
            }
            None => true,
        });
    }
    records.iter_mut().for_each(|record| forgotten.apply(record));
}

/// The records of one kind; each id is there once, as its last page told it.
#[derive(Debug)]
pub struct Merged {
    /// The kind.
    pub object: Object,
    /// What there is.
    pub records: Vec<Record>,
    /// What is gone.
    pub gone: Vec<Gone>,
    /// Parents of which all records are here.
    pub whole: Vec<Whole>,
    /// What is told in parts, in its order: records and ends come of it when what is stored is known.
    pub partial: Vec<Part>,
    /// Fields that are nobody's but ours: they stay as they are stored.
    pub kept: Vec<&'static str>,
    /// Whether the faults of these records are told anew.
    pub rechecked: bool,
}

impl Merged {
    /// Nothing of a kind yet.
    pub fn empty(object: Object) -> Merged {
        let (records, gone, whole) = (Vec::new(), Vec::new(), Vec::new());
        let (partial, kept) = (Vec::new(), Vec::new());
        Merged { object, records, gone, whole, partial, kept, rechecked: false }
    }

    /// Fills in what the records do not say, from what is stored.
    pub fn complete(&mut self, stored: &Loaded) {
        if !self.partial.is_empty() {
            let parts = std::mem::take(&mut self.partial);
            (self.records, self.gone) = partial::fold(self.object, parts, stored);
        }
        for record in &mut self.records {
            let Some((old, _)) = stored.get(&record.id) else { continue };
            for field in &self.kept {
                record.set(field, old.get(field).map(str::to_owned));
            }
        }
    }

    /// Every record that is told of, also in part.
    pub fn records_mut(&mut self) -> impl Iterator<Item = &mut Record> {
        let parts = self.partial.iter_mut().flat_map(|part| part.records.iter_mut());
        self.records.iter_mut().chain(parts)
    }

    /// Ids of which must be known what is stored, so that what is told is complete.
    pub fn asked(&self) -> impl Iterator<Item = &str> {
        let parts = self.partial.iter().flat_map(|part| {
            let ends = part.gone.iter().flat_map(|gone| [Some(&gone.id), gone.into.as_ref()]);
            part.records.iter().map(|record| &record.id).chain(ends.flatten())
        });
        self.records.iter().map(|record| &record.id).chain(parts).map(String::as_str)
    }

    /// Every id that is told something about.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        let gone = self.gone.iter().map(|gone| gone.id.as_str());
        self.records.iter().map(|record| record.id.as_str()).chain(gone)
    }
}

/// Puts pages together.
pub fn batch(pages: Vec<Page>) -> Batch {
    let mut batch = Batch::default();
    let mut parts: Vec<Vec<Part>> = Vec::new();
    let mut rechecked = false;
    for page in pages {
        rechecked |= page.rechecked;
        batch.faults.push((page.pass, page.faults));
        batch.cursors.extend(page.cursor);
        batch.origins_done.extend(page.origin_done.map(|origin| (origin, page.pass)));
        for part in page.parts {
            batch.read += part.records.len() as u64;
            match parts.iter_mut().find(|same| same[0].object == part.object) {
                Some(same) => same.push(part),
                None => parts.push(vec![part]),
            }
        }
    }
    batch.parts = parts.into_iter().map(merged).collect();
    batch.parts.iter_mut().for_each(|part| part.rechecked = rechecked);
    batch
}

fn merged(mut parts: Vec<Part>) -> Merged {
    let mut merged = Merged::empty(parts[0].object);
    if parts.iter().any(|part| part.told != Told::All) {
        merged.whole.extend(parts.iter_mut().filter_map(|part| part.whole.take()));
        merged.partial = parts;
        return merged;
    }
    leave_out_retold(&mut parts);
    let (records, gone) = last_words(&parts);
    let (mut records, mut gone) = (records.into_iter(), gone.into_iter());
    for part in &mut parts {
        merged.whole.extend(part.whole.take());
        part.records.retain(|_| records.next() == Some(true));
        part.gone.retain(|_| gone.next() == Some(true));
        merged.gone.append(&mut part.gone);
    }
    merged.gone.sort_by(|a, b| a.id.cmp(&b.id));
    merged.records = parts.into_iter().flat_map(|part| part.records).collect();
    merged
}

/// Leaves out what was told of parents of whom a later page tells all anew.
fn leave_out_retold(parts: &mut [Part]) {
    let mut retold: HashMap<&'static str, HashSet<String>> = HashMap::new();
    for part in parts.iter_mut().rev() {
        for (field, parents) in &retold {
            part.records
                .retain(|record| record.get(field).is_none_or(|own| !parents.contains(own)));
        }
        if let Some(whole) = &part.whole {
            retold.entry(whole.field).or_default().extend(whole.parents.iter().cloned());
        }
    }
}

/// Which records, and which ends of records, are the last word on their id.
fn last_words(parts: &[Part]) -> (Vec<bool>, Vec<bool>) {
    let count = parts.iter().map(|part| part.records.len() + part.gone.len()).sum();
    let mut last: HashMap<&str, usize> = HashMap::with_capacity(count);
    let mut place = 0;
    let mut ids = Vec::with_capacity(count);
    for part in parts {
        let records = part.records.iter().map(|record| (record.id.as_str(), true));
        let gone = part.gone.iter().map(|gone| (gone.id.as_str(), false));
        for (id, is_record) in records.chain(gone) {
            last.insert(id, place);
            ids.push((id, is_record));
            place += 1;
        }
    }
    let (mut records, mut gone) = (Vec::with_capacity(count), Vec::new());
    for (place, (id, is_record)) in ids.into_iter().enumerate() {
        let counts = last.get(id) == Some(&place);
        if is_record { records.push(counts) } else { gone.push(counts) }
    }
    (records, gone)
}

/// Whether a record is new, differs from what is stored, or comes back from deletion.
pub fn is_changed(record: &Record, stored: Option<&Stored>) -> bool {
    stored.is_none_or(|old| old.deleted || old.fingerprint != record.fingerprint())
}

/// Attributes as they were, without the values of those of which only their being there is kept by now.
fn no_more_than(before: Option<String>, now: &Option<String>) -> Option<String> {
    type Attributes = BTreeMap<String, String>;
    let read = |text: &str| serde_json::from_str::<Attributes>(text).ok();
    let (Some(mut was), Some(now)) =
        (before.as_deref().and_then(read), now.as_deref().and_then(read))
    else {
        return before;
    };
    for (name, value) in &mut was {
        if now.get(name).is_some_and(|now| now == PRESENT) {
            PRESENT.clone_into(value);
        }
    }
    serde_json::to_string(&was).ok()
}

/// The line of the change log for a stored record that differs, or comes back.
///
/// The event's time is the latest time among the changed fields that is not in the future; where
/// only other fields changed it is not known.
pub fn change(
    record: &Record,
    old: &Record,
    was_deleted_at: Option<Timestamp>,
    seen: Timestamp,
    zone: &TimeZone,
) -> Change {
    let mut was = Vec::new();
    let mut event_at: Option<(Timestamp, Moment)> = None;
    for (index, (name, kind)) in record.object.fields().iter().enumerate() {
        let value = &record.values[index];
        if old.values[index] == *value {
            continue;
        }
        let before = old.values[index].clone();
        was.push((*name, if *name == ATTRIBUTES { no_more_than(before, value) } else { before }));
        if *kind != FieldKind::Moment || *name == "expected_close" {
            continue;
        }
        let Some(moment) = value.as_deref().and_then(Moment::parse) else { continue };
        let at = match moment {
            Moment::Instant(at) => at,
            Moment::Day(day) => day.to_zoned(zone.clone()).map_or(seen, |at| at.timestamp()),
        };
        if at <= seen && event_at.is_none_or(|(latest, _)| at > latest) {
            event_at = Some((at, moment));
        }
    }
    Change {
        object: record.object,
        id: record.id.clone(),
        event_at: event_at.map(|(_, moment)| moment),
        was,
        was_deleted_at,
    }
}

/// The line of the change log for a record that went.
pub fn burial(object: Object, id: &str, at: Timestamp) -> Change {
    Change {
        object,
        id: id.to_owned(),
        event_at: Some(Moment::Instant(at)),
        was: Vec::new(),
        was_deleted_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(id: &str, channel: &str) -> Record {
        let mut record = Record::empty(Object::Lead, id);
        record.set("channel", Some(channel.into()));
        record.set("created_at", Some("2026-01-05".into()));
        record
    }

    fn page(records: Vec<Record>, gone: &[&str]) -> Page {
        let gone = gone.iter().map(|id| Gone::now(*id)).collect();
        Page { parts: vec![Part { gone, ..Part::of(Object::Lead, records) }], ..Page::default() }
    }

    #[test]
    fn the_last_word_on_an_id_counts_over_all_pages() {
        let pages = vec![
            page(vec![lead("1", "a"), lead("2", "a"), lead("1", "b")], &["3"]),
            page(vec![lead("3", "c")], &["2"]),
        ];
        let batch = batch(pages);
        assert_eq!((batch.read, batch.parts.len()), (4, 1));
        let merged = &batch.parts[0];
        let kept: Vec<_> =
            merged.records.iter().map(|r| (r.id.as_str(), r.get("channel"))).collect();
        assert_eq!(kept, [("1", Some("b")), ("3", Some("c"))]);
        assert_eq!(merged.gone, [Gone::now("2")]);
    }

    #[test]
    fn of_a_parent_that_is_told_wholly_twice_the_later_page_counts() {
        let link = |id: &str, opportunity: &str| {
            let mut record = Record::empty(Object::ContactRole, id);
            record.set("opportunity", Some(opportunity.into()));
            record
        };
        let page = |parents: &[&str], records| {
            let parents = parents.iter().map(|id| (*id).to_owned()).collect();
            let whole = Some(Whole { field: "opportunity", parents });
            let part = Part { whole, ..Part::of(Object::ContactRole, records) };
            Page { parts: vec![part], ..Page::default() }
        };
        let batch = batch(vec![
            page(&["D1", "D2"], vec![link("a", "D1"), link("b", "D1"), link("c", "D2")]),
            page(&["D1"], vec![link("b", "D1")]),
        ]);
        let told: Vec<_> = batch.parts[0].records.iter().map(|own| own.id.as_str()).collect();
        assert_eq!(told, ["c", "b"]);
        assert_eq!(batch.parts[0].whole.len(), 2);
    }

    #[test]
    fn an_unchanged_row_is_no_change_and_a_deleted_one_comes_back() {
        let record = lead("1", "a");
        let stored = |deleted| Stored { fingerprint: record.fingerprint(), deleted };
        assert!(!is_changed(&record, Some(&stored(false))));
        assert!(is_changed(&record, Some(&stored(true))));
        assert!(is_changed(&record, None));
    }

    #[test]
    fn a_change_keeps_what_was_and_when_it_happened() {
        let old = lead("1", "a");
        let mut new = old.clone();
        new.set("mql_at", Some("2026-02-01T10:00:00Z".into()));
        new.set("disqualified_at", Some("2031-01-01".into()));
        new.set("channel", Some("b".into()));
        let seen = "2026-03-01T00:00:00Z".parse().unwrap();
        let change = change(&new, &old, None, seen, &TimeZone::UTC);
        let was = [("mql_at", None), ("disqualified_at", None), ("channel", Some("a".to_owned()))];
        assert_eq!(change.was, was);
        assert_eq!(change.event_at, Moment::parse("2026-02-01T10:00:00Z"), "not the future one");
    }
}
