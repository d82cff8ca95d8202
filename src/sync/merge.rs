//! What a page changes: pure.

use std::collections::HashMap;

use jiff::{Timestamp, tz::TimeZone};

use crate::domain::record::FieldKind;
use crate::domain::{Moment, Record};
use crate::store::records::{LogLine, Stored};

/// Of records with the same id in one page, the last one counts.
pub fn last_of_each(records: Vec<Record>) -> Vec<Record> {
    let mut last: HashMap<String, usize> = HashMap::with_capacity(records.len());
    for (index, record) in records.iter().enumerate() {
        last.insert(record.id.clone(), index);
    }
    records
        .into_iter()
        .enumerate()
        .filter(|(index, record)| last.get(&record.id) == Some(index))
        .map(|(_, record)| record)
        .collect()
}

/// The records that are new, differ from what is stored, or come back from deletion.
pub fn changed<'a>(records: &'a [Record], stored: &HashMap<String, Stored>) -> Vec<&'a Record> {
    records
        .iter()
        .filter(|record| {
            stored
                .get(&record.id)
                .is_none_or(|old| old.deleted || old.fingerprint != record.fingerprint())
        })
        .collect()
}

/// The line of the change log for a record that was new or differs.
///
/// The event's time is the latest time among the changed fields that is not in the future; where
/// only other fields changed it is not known.
pub fn log_line(
    record: &Record,
    old: Option<&Record>,
    seen: Timestamp,
    zone: &TimeZone,
) -> LogLine {
    let mut changed = Vec::new();
    let mut event_at: Option<(Timestamp, Moment)> = None;
    for (index, (name, kind)) in record.object.fields().iter().enumerate() {
        let value = &record.values[index];
        if old.map_or(value.is_none(), |old| old.values[index] == *value) {
            continue;
        }
        changed.push(*name);
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
    LogLine {
        record: record.clone(),
        deleted: false,
        event_at: event_at.map(|(_, moment)| moment),
        changed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Object;

    fn lead(id: &str, channel: &str) -> Record {
        let mut record = Record::empty(Object::Lead, id);
        record.set("channel", Some(channel.into()));
        record.set("created_at", Some("2026-01-05".into()));
        record
    }

    #[test]
    fn the_last_of_two_rows_with_one_id_counts() {
        let kept = last_of_each(vec![lead("1", "a"), lead("2", "a"), lead("1", "b")]);
        let kept: Vec<_> = kept.iter().map(|r| (r.id.as_str(), r.get("channel"))).collect();
        assert_eq!(kept, [("2", Some("a")), ("1", Some("b"))]);
    }

    #[test]
    fn an_unchanged_row_is_no_change_and_a_deleted_one_comes_back() {
        let record = lead("1", "a");
        let entry = |deleted| Stored { fingerprint: record.fingerprint(), deleted };
        let stored = |deleted| HashMap::from([("1".to_owned(), entry(deleted))]);
        let records = [record.clone()];
        assert!(changed(&records, &stored(false)).is_empty());
        assert_eq!(changed(&records, &stored(true)).len(), 1);
    }

    #[test]
    fn the_event_is_the_latest_changed_time_that_is_not_in_the_future() {
        let old = lead("1", "a");
        let mut new = old.clone();
        new.set("mql_at", Some("2026-02-01T10:00:00Z".into()));
        new.set("disqualified_at", Some("2031-01-01".into()));
        let seen = "2026-03-01T00:00:00Z".parse().unwrap();
        let line = log_line(&new, Some(&old), seen, &TimeZone::UTC);
        assert_eq!(line.changed, ["mql_at", "disqualified_at"]);
        assert_eq!(line.event_at, Moment::parse("2026-02-01T10:00:00Z"));
    }
}
