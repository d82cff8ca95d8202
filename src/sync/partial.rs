//! Records that are told in parts, each word on top of the one before: pure.

use std::collections::HashMap;

use jiff::tz::TimeZone;

use crate::domain::{Moment, Object, Record};
use crate::sources::{Gone, Part, Told};
use crate::store::records::Loaded;

/// A record as it stands after some words.
struct Standing {
    record: Option<Record>,
    gone: Option<Gone>,
    is_alive: bool,
    is_told: bool,
}

/// What a batch says of the records of one kind, put on top of what is stored. The result is the same however many
/// pages one batch holds: what a batch holds depends on how fast pages come.
pub fn fold(object: Object, parts: Vec<Part>, stored: &Loaded) -> (Vec<Record>, Vec<Gone>) {
    let mut fold = Fold { object, stored, places: HashMap::new(), standings: Vec::new() };
    for Part { told, records, gone, .. } in parts {
        records.into_iter().for_each(|record| fold.record(record, told));
        gone.into_iter().for_each(|gone| fold.gone(gone, told));
    }
    let (mut records, mut gone) = (Vec::new(), Vec::new());
    for standing in fold.standings.into_iter().filter(|standing| standing.is_told) {
        match standing.gone {
            Some(end) => gone.push(end),
            None => records.extend(standing.record),
        }
    }
    gone.sort_by(|a, b| a.id.cmp(&b.id));
    (records, gone)
}

struct Fold<'a> {
    object: Object,
    stored: &'a Loaded,
    places: HashMap<String, usize>,
    standings: Vec<Standing>,
}

impl Fold<'_> {
    fn of(&mut self, id: &str) -> &mut Standing {
        let place = *self.places.entry(id.to_owned()).or_insert_with(|| {
            let stored = self.stored.get(id);
            self.standings.push(Standing {
                record: stored.map(|(record, _)| record.clone()),
                gone: None,
                is_alive: stored.is_some_and(|(_, deleted_at)| deleted_at.is_none()),
                is_told: false,
            });
            self.standings.len() - 1
        });
        &mut self.standings[place]
    }

    fn record(&mut self, mut record: Record, told: Told) {
        let standing = self.of(&record.id);
        match told {
            Told::All => {}
            Told::But(fields) => {
                if let Some(before) = &standing.record {
                    let value = |field: &&str| before.get(field).map(str::to_owned);
                    fields.iter().for_each(|field| record.set(field, value(field)));
                }
            }
            Told::First(fields) => return standing.first(&record, fields),
        }
        *standing = Standing { record: Some(record), gone: None, is_alive: true, is_told: true };
    }

    fn gone(&mut self, gone: Gone, told: Told) {
        let object = self.object;
        let standing = self.of(&gone.id);
        let own = standing.record.clone();
        let into = gone.into.clone();
        (standing.gone, standing.is_alive, standing.is_told) = (Some(gone), false, true);
        // The times of whoever was merged go on as those of the survivor.
        if let (Told::First(fields), Some(own), Some(into)) = (told, own, into) {
            let mut heir = Record::empty(object, into);
            fields.iter().for_each(|field| heir.set(field, own.get(field).map(str::to_owned)));
            self.of(&heir.id).first(&heir, fields);
        }
    }
}

impl Standing {
    /// Of a time that is known and another the earlier counts. What is told of a record that nobody knows is left out.
    fn first(&mut self, told: &Record, fields: &[&'static str]) {
        let Some(record) = self.record.as_mut().filter(|_| self.is_alive) else { return };
        for field in fields {
            let first = earlier(record.moment(field), told.moment(field));
            record.set(field, first.map(|at| at.to_string()));
        }
        self.is_told = true;
    }
}

/// The earlier of two times. A day counts as its beginning.
fn earlier(one: Option<Moment>, other: Option<Moment>) -> Option<Moment> {
    let order = |moment: &Moment| moment.order(&TimeZone::UTC);
    one.into_iter().chain(other).min_by_key(order)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MQL: &[&str] = &["mql_at"];

    fn lead(id: &str, channel: &str, mql_at: Option<u8>) -> Record {
        let mut record = Record::empty(Object::Lead, id);
        record.set("channel", Some(channel.into()));
        record.set("mql_at", mql_at.map(|day| format!("2026-04-{day:02}T10:00:00Z")));
        record
    }

    fn part(told: Told, records: Vec<Record>) -> Part {
        Part { told, ..Part::of(Object::Lead, records) }
    }

    fn shown(records: &[Record]) -> Vec<(&str, Option<&str>, Option<&str>)> {
        let shown = |own| -> (&str, _, _) {
            let own: &Record = own;
            (own.id.as_str(), own.get("channel"), own.get("mql_at"))
        };
        records.iter().map(shown).collect()
    }

    #[test]
    fn what_a_record_does_not_say_stays_and_of_two_first_times_the_earlier_counts() {
        let parts = vec![
            part(Told::But(MQL), vec![lead("1", "b", None), lead("3", "c", None)]),
            part(
                Told::First(MQL),
                [("1", 9), ("2", 8), ("3", 7), ("3", 6), ("nobody", 5)]
                    .map(|(id, day)| lead(id, "", Some(day)))
                    .into(),
            ),
        ];
        let stored = [lead("1", "a", Some(2)), lead("2", "z", None)];
        let stored = stored.map(|record| (record.id.clone(), (record, None))).into();
        let (records, _) = fold(Object::Lead, parts, &stored);
        assert_eq!(
            shown(&records),
            [
                ("1", Some("b"), Some("2026-04-02T10:00:00Z")),
                ("3", Some("c"), Some("2026-04-06T10:00:00Z")),
                ("2", Some("z"), Some("2026-04-08T10:00:00Z")),
            ]
        );
    }

    #[test]
    fn what_is_told_wholly_holds_though_a_part_of_it_was_told_before_in_the_same_batch() {
        let stored = [("1".to_owned(), (lead("1", "a", Some(2)), None))].into();
        let parts = vec![
            part(Told::But(MQL), vec![lead("1", "b", None)]),
            part(Told::All, vec![lead("1", "c", None)]),
            part(Told::First(MQL), vec![lead("1", "", Some(9))]),
        ];
        let (records, _) = fold(Object::Lead, parts, &stored);
        assert_eq!(shown(&records), [("1", Some("c"), Some("2026-04-09T10:00:00Z"))]);
    }

    /// A page about some of four leads.
    fn pages() -> impl Strategy<Value = Vec<Part>> {
        let told = prop_oneof![Just(Told::All), Just(Told::But(MQL)), Just(Told::First(MQL))];
        let record = (0..4_u8, proptest::option::of(1..28_u8), 0..3_u8);
        let records = proptest::collection::vec(record, 0..4);
        let gone = proptest::collection::vec((0..4_u8, proptest::option::of(0..4_u8)), 0..2);
        let page = (told, records, gone).prop_map(|(told, records, gone)| {
            let lead = |(id, mql_at, channel): (u8, _, u8)| {
                lead(&id.to_string(), &channel.to_string(), mql_at)
            };
            let end = |(id, into): (u8, Option<u8>)| {
                let into = into.filter(|into| *into != id).map(|into| into.to_string());
                Gone { into, ..Gone::now(id.to_string()) }
            };
            let gone = gone.into_iter().map(end).collect();
            Part { gone, ..part(told, records.into_iter().map(lead).collect()) }
        });
        proptest::collection::vec(page, 0..8).prop_map(without_returns)
    }

    /// Who is gone stays away: of who came and went in one batch nothing is stored, so a return is another matter.
    fn without_returns(mut pages: Vec<Part>) -> Vec<Part> {
        let mut away = std::collections::HashSet::new();
        for page in &mut pages {
            page.records.retain(|record| !away.contains(&record.id));
            page.gone.retain(|gone| away.insert(gone.id.clone()));
        }
        pages
    }

    /// Applies pages in batches of so many.
    fn stored_after(pages: &[Part], batch: usize) -> std::collections::BTreeMap<String, String> {
        let mut stored = Loaded::new();
        let copy = |part: &Part| Part {
            gone: part.gone.clone(),
            ..self::part(part.told, part.records.clone())
        };
        for some in pages.chunks(batch) {
            let (records, gone) = fold(Object::Lead, some.iter().map(copy).collect(), &stored);
            for record in records {
                stored.insert(record.id.clone(), (record, None));
            }
            for gone in gone {
                if let Some((_, deleted_at)) = stored.get_mut(&gone.id) {
                    *deleted_at = Some(jiff::Timestamp::UNIX_EPOCH);
                }
            }
        }
        let living = stored.into_iter().filter(|(_, (_, deleted_at))| deleted_at.is_none());
        living.map(|(id, (record, _))| (id, format!("{:?}", shown(&[record])))).collect()
    }

    proptest! {
        #[test]
        fn pages_mean_the_same_in_one_batch_and_one_by_one(pages in pages()) {
            prop_assert_eq!(stored_after(&pages, 8), stored_after(&pages, 1));
            prop_assert_eq!(stored_after(&pages, 2), stored_after(&pages, 1));
        }
    }
}
