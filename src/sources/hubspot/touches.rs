//! What a contact's own properties tell of the ways on which marketing reached it: its first visit, its first
//! form, and the latest of each. A property holds one value, but each is kept as it is read, so that the
//! latest ones add up to a history from the first sync on.

use super::map::moment;
use super::wire::Item;
use crate::domain::{Object, Record};

/// A touch: its kind, when it was, its channel and its campaign.
struct From {
    kind: &'static str,
    at: &'static str,
    channel: &'static str,
    campaign: &'static str,
}

const FIRST: (&str, &str) = ("hs_analytics_source", "hs_analytics_source_data_1");
const LATEST: (&str, &str) = ("hs_latest_source", "hs_latest_source_data_1");
const TOUCHES: [From; 4] = [
    of("visit", "hs_analytics_first_timestamp", FIRST),
    of("form", "first_conversion_date", FIRST),
    of("visit", "hs_latest_source_timestamp", LATEST),
    of("form", "recent_conversion_date", LATEST),
];

const fn of(
    kind: &'static str,
    at: &'static str,
    (channel, campaign): (&'static str, &'static str),
) -> From {
    From { kind, at, channel, campaign }
}

/// The properties that touches come from.
pub(super) fn properties() -> impl Iterator<Item = &'static str> {
    TOUCHES.iter().flat_map(|touch| [touch.at, touch.channel, touch.campaign])
}

/// The touches of a contact; where the first is the latest, it is one.
pub(super) fn touches(item: &Item<'_>, contact: &str) -> Vec<Record> {
    let mut records: Vec<Record> = Vec::new();
    for touch in &TOUCHES {
        let get = |name: &str| item.properties.get(name).map(str::to_owned);
        let Some(at) = item.properties.get(touch.at).and_then(moment) else { continue };
        let id = format!("{contact}|{}|{at}", touch.kind);
        if records.iter().any(|record| record.id == id) {
            continue;
        }
        let mut record = Record::empty(Object::Touch, id);
        record.set("lead", Some(contact.to_owned()));
        record.set("kind", Some(touch.kind.to_owned()));
        record.set("at", Some(at));
        record.set("channel", get(touch.channel));
        record.set("campaign", get(touch.campaign));
        records.push(record);
    }
    records
}
