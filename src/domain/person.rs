//! One person in several sources: what others know of a lead of the CRM, and how it is put together.
//!
//! The rule: the CRM's lead is the one that counts, since opportunities come from it. It became a lead, and a
//! qualified one, when the first source knew; of everything else the CRM's own word counts, and where it has
//! none that of the others, in the order of their names.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::tz::TimeZone;

use super::facts::RecordKey;
use super::moment::Moment;
use super::record::{Object, Record};

/// The lead of the CRM that a lead is counted as: its source and id.
pub const PERSON: &str = "person";
/// What other sources know of a lead.
pub const ELSEWHERE: &str = "elsewhere";
/// The id that the CRM has for a person, as another source tells it: of a lead or of a contact.
pub const CRM_ID: &str = "crm_id";
/// The contact that a lead of the CRM became.
pub const CONTACT: &str = "contact";
/// A keyed hash of the address.
pub const EMAIL_HASH: &str = "email_hash";
/// Fields that are ours: no source tells them.
pub const OURS: [&str; 2] = [PERSON, ELSEWHERE];

/// Times of which the earliest counts.
const FIRST: [&str; 3] = ["created_at", "mql_at", "opted_out_at"];
/// What is taken from others where the CRM does not say.
const FILLED: [&str; 8] =
    ["disqualified_at", "channel", "campaign", "owner", "segment", "market", "opt_in", "nurture"];

/// What other sources know of a lead: their keys, and the fields that are filled there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Elsewhere(BTreeMap<String, BTreeMap<String, String>>);

impl Elsewhere {
    /// What a lead's record holds.
    pub fn of(record: &Record) -> Elsewhere {
        let json = record.get(ELSEWHERE).and_then(|text| text.split_once('|'));
        let known = json.and_then(|(_, json)| serde_json::from_str(json).ok());
        Elsewhere(known.unwrap_or_default())
    }

    /// Puts it into a lead's record. The latest time stands in front, where a query can see it.
    pub fn store_in(&self, record: &mut Record) {
        let times = self.0.values().flat_map(|known| {
            let dated = FIRST.iter().chain(["disqualified_at"].iter());
            dated.filter_map(|field| known.get(*field))
        });
        let latest = times.max().cloned().unwrap_or_default();
        let json = serde_json::to_string(&self.0).unwrap_or_default();
        record.set(ELSEWHERE, (!self.0.is_empty()).then(|| format!("{latest}|{json}")));
    }

    /// What another lead tells.
    pub fn set(&mut self, key: String, record: &Record) {
        let fields = FIRST.iter().chain(&FILLED);
        let told = |field: &&str| Some(((*field).to_owned(), record.get(field)?.to_owned()));
        self.0.insert(key, fields.filter_map(told).collect());
    }

    /// Another lead is somebody else.
    pub fn remove(&mut self, key: &str) {
        self.0.remove(key);
    }

    /// The keys of the others.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// A lead's key in one text.
pub fn key_of(source: &str, id: &str) -> String {
    format!("{source}/{id}")
}

/// A key from its text. A source's name has no slash.
pub fn parse_key(text: &str) -> Option<RecordKey> {
    let (source, id) = text.split_once('/')?;
    Some(RecordKey { source: source.to_owned(), id: id.to_owned() })
}

/// A lead with what others know of it.
pub fn put_together(record: &Record) -> Cow<'_, Record> {
    if record.object != Object::Lead || record.get(ELSEWHERE).is_none() {
        return Cow::Borrowed(record);
    }
    let Elsewhere(others) = Elsewhere::of(record);
    let mut whole = record.clone();
    for known in others.values() {
        for field in FIRST {
            let told = known.get(field).and_then(|text| Moment::parse(text));
            let times = whole.moment(field).into_iter().chain(told);
            let first = times.min_by_key(|moment| moment.order(&TimeZone::UTC));
            whole.set(field, first.map(|moment| moment.to_string()));
        }
        for field in FILLED.iter().filter(|field| record.get(field).is_none()) {
            if whole.get(field).is_none() {
                whole.set(field, known.get(*field).cloned());
            }
        }
    }
    Cow::Owned(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lead(fields: &[(&str, &str)]) -> Record {
        let mut record = Record::empty(Object::Lead, "1");
        fields.iter().for_each(|(field, value)| record.set(field, Some((*value).into())));
        record
    }

    #[test]
    fn the_first_times_count_and_blanks_are_filled() {
        let mut crm = lead(&[("created_at", "2026-03-05T10:00:00Z"), ("channel", "Web")]);
        let marketing = lead(&[
            ("created_at", "2026-03-01T10:00:00Z"),
            ("mql_at", "2026-03-04T10:00:00Z"),
            ("channel", "Webinar"),
            ("campaign", "1001"),
        ]);
        let mut elsewhere = Elsewhere::of(&crm);
        elsewhere.set(key_of("marketing", "7"), &marketing);
        elsewhere.store_in(&mut crm);
        assert!(crm.get(ELSEWHERE).unwrap().starts_with("2026-03-04T10:00:00Z|{"));
        let whole = put_together(&crm);
        assert_eq!(whole.get("created_at"), Some("2026-03-01T10:00:00Z"));
        assert_eq!(whole.get("mql_at"), Some("2026-03-04T10:00:00Z"));
        assert_eq!((whole.get("channel"), whole.get("campaign")), (Some("Web"), Some("1001")));
        let mut elsewhere = Elsewhere::of(&crm);
        assert_eq!(elsewhere.keys().collect::<Vec<_>>(), ["marketing/7"]);
        elsewhere.remove("marketing/7");
        elsewhere.store_in(&mut crm);
        assert_eq!(crm.get(ELSEWHERE), None);
        assert_eq!(put_together(&crm).get("mql_at"), None);
    }
}
