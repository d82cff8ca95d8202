//! One person in several sources: which leads are the same, settled in the transaction that stores them.
//!
//! A lead of the CRM counts; one of another source that is the same person is counted as that one
//! (`domain/person.rs` says how what both know is put together). They are the same where the other source names
//! the CRM's id of the lead, or of the contact that it became; else, where that is switched on, where both have one
//! address, of which only a keyed hash is known here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::{hmac, rand};

use super::merge::Merged;
use crate::domain::person::{
    CONTACT, CRM_ID, ELSEWHERE, EMAIL_HASH, Elsewhere, PERSON, key_of, parse_key,
};
use crate::domain::{Object, Record, RecordKey};
use crate::store::{StoreResult, Write, records::Loaded};

/// Bytes of the key of the hashes.
const KEY_BYTES: usize = 32;
/// Merges one after the other that are followed.
const MERGES_MAX: usize = 8;
/// Characters of a hash: 132 bits.
const HASH_CHARS: usize = 22;

/// Which sources tell of the same people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    /// The source whose leads count.
    pub crm: String,
    /// The others that have leads.
    pub others: Vec<String>,
    /// Whether people are matched by their address, too.
    pub by_address: bool,
}

impl People {
    /// Who tells of the same people, of sources and what they report: the CRM is the one that is named, else the
    /// only one that reports opportunities. None where there is no CRM, or nobody beside it.
    pub fn among(
        crm: Option<&str>,
        by_address: bool,
        sources: &[(String, Vec<Object>)],
    ) -> Option<People> {
        let report = |object: Object| {
            let reports = move |(_, objects): &&(String, Vec<Object>)| objects.contains(&object);
            sources.iter().filter(reports).map(|(name, _)| name.clone())
        };
        let crm = match crm {
            Some(name) => name.to_owned(),
            None => {
                let mut all = report(Object::Opportunity);
                all.next().filter(|_| all.next().is_none())?
            }
        };
        let others: Vec<String> = report(Object::Lead).filter(|name| *name != crm).collect();
        (!others.is_empty()).then_some(People { crm, others, by_address })
    }
}

/// Leads of other sources that change with a batch, by source.
pub type Echo = BTreeMap<String, Vec<Record>>;

/// Puts keyed hashes in the place of addresses; where nobody is matched by them they are left out.
pub async fn hide_addresses(
    write: &mut Write,
    people: Option<&People>,
    part: &mut Merged,
) -> StoreResult<()> {
    if part.records_mut().all(|record| record.get(EMAIL_HASH).is_none()) {
        return Ok(());
    }
    let key = match people.filter(|people| people.by_address) {
        Some(_) => {
            let made = rand::generate::<[u8; KEY_BYTES]>(&rand::SystemRandom::new());
            // Without random numbers there is no key, and nobody is matched.
            let made = made.map(rand::Random::expose).ok();
            match made {
                Some(made) => Some(write.person_key(&URL_SAFE_NO_PAD.encode(made)).await?),
                None => None,
            }
        }
        None => None,
    };
    let key = key.map(|key| hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()));
    for record in part.records_mut() {
        let address = record.get(EMAIL_HASH).map(|text| text.trim().to_lowercase());
        let hash = address.filter(|address| address.contains('@')).and_then(|address| {
            let tag = hmac::sign(key.as_ref()?, address.as_bytes());
            Some(URL_SAFE_NO_PAD.encode(tag.as_ref()).chars().take(HASH_CHARS).collect())
        });
        record.set(EMAIL_HASH, hash);
    }
    Ok(())
}

/// Settles who is whom among the leads of a batch, and gives the leads of other sources that change with it.
/// `stored` is what is known of the batch's leads.
pub async fn settle(
    write: &mut Write,
    people: &People,
    source: &str,
    part: &mut Merged,
    stored: &Loaded,
) -> StoreResult<Echo> {
    if source == people.crm {
        return of_crm(write, people, part, stored).await;
    }
    let mut crm = Crm::default();
    crm.load(write, people, part.records.iter()).await?;
    let before = |id: &str| stored.get(id).and_then(|(record, _)| counted_as(record, people));
    let mut links: Vec<Link> = Vec::new();
    for record in &mut part.records {
        let now = crm.whose(record);
        record.set(PERSON, now.as_ref().map(|id| key_of(&people.crm, id)));
        let (key, before) = (key_of(source, &record.id), before(&record.id));
        links.push(Link { key, before, now, record: Some(record.clone()) });
    }
    for gone in &part.gone {
        let (key, before) = (key_of(source, &gone.id), before(&gone.id));
        links.push(Link { key, before, now: None, record: None });
    }
    let changed = crm.learn(write, people, links).await?;
    Ok(if changed.is_empty() { Echo::new() } else { Echo::from([(people.crm.clone(), changed)]) })
}

/// Leads of the CRM: whoever may be one of those that are new, gone, or called otherwise is looked at again.
async fn of_crm(
    write: &mut Write,
    people: &People,
    part: &mut Merged,
    stored: &Loaded,
) -> StoreResult<Echo> {
    let is_news = |record: &&Record| match stored.get(&record.id) {
        Some((old, None)) => {
            [CONTACT, EMAIL_HASH].iter().any(|field| old.get(field) != record.get(field))
        }
        _ => true,
    };
    let news: Vec<&Record> = part.records.iter().filter(is_news).collect();
    let mut names = values(news.iter().copied(), CONTACT);
    names.extend(news.iter().map(|record| record.id.clone()));
    let ids = news.iter().map(|record| record.id.as_str());
    let ids = ids.chain(part.gone.iter().map(|gone| gone.id.as_str()));
    let persons: Vec<String> = ids.map(|id| key_of(&people.crm, id)).collect();
    let hashes = values(news.iter().copied(), EMAIL_HASH);
    let mut others: BTreeMap<RecordKey, Record> = BTreeMap::new();
    for (field, told) in [(CRM_ID, names), (EMAIL_HASH, hashes), (PERSON, persons)] {
        others.extend(write.leads_called(&people.others, field, &told).await?);
    }
    if others.is_empty() {
        return Ok(Echo::new());
    }
    let mut crm = Crm::default();
    crm.load(write, people, others.values()).await?;
    crm.take(write, people, part).await?;
    let (mut echo, mut links) = (Echo::new(), Vec::new());
    for (key, mut record) in others {
        let (before, now) = (counted_as(&record, people), crm.whose(&record));
        if now != before {
            record.set(PERSON, now.as_ref().map(|id| key_of(&people.crm, id)));
            echo.entry(key.source.clone()).or_default().push(record.clone());
        }
        let key = key_of(&key.source, &key.id);
        links.push(Link { key, before, now, record: Some(record) });
    }
    let places = part.records.iter().enumerate().map(|(place, own)| (own.id.clone(), place));
    let places: HashMap<String, usize> = places.collect();
    for record in crm.learn(write, people, links).await? {
        match places.get(&record.id) {
            Some(place) => part.records[*place] = record,
            None => part.records.push(record),
        }
    }
    Ok(echo)
}

/// A lead of another source, and whom of the CRM it is counted as.
struct Link {
    key: String,
    before: Option<String>,
    now: Option<String>,
    /// None where it is gone.
    record: Option<Record>,
}

/// The leads of the CRM that some others may be, by what they are called.
#[derive(Default)]
struct Crm {
    known: BTreeMap<String, Record>,
    /// Contact or hash of the address -> who was first of those called so.
    called: HashMap<String, String>,
    /// Those that are gone, and by whom they were taken over.
    gone: BTreeMap<String, Option<String>>,
}

impl Crm {
    /// Looks for those whom these may be.
    async fn load(
        &mut self,
        write: &mut Write,
        people: &People,
        others: impl Iterator<Item = &Record> + Clone,
    ) -> StoreResult<()> {
        let source = [people.crm.clone()];
        let (ids, hashes) = (values(others.clone(), CRM_ID), values(others, EMAIL_HASH));
        self.load_with_heirs(write, people, ids.clone()).await?;
        for (field, told) in [(CONTACT, &ids), (EMAIL_HASH, &hashes)] {
            let found = write.leads_called(&source, field, told).await?;
            self.known.extend(found.into_iter().map(|(key, record)| (key.id, record)));
        }
        self.index();
        Ok(())
    }

    /// Loads these, and those into whom they were merged, one after the other.
    async fn load_with_heirs(
        &mut self,
        write: &mut Write,
        people: &People,
        mut ids: Vec<String>,
    ) -> StoreResult<()> {
        for _ in 0..=MERGES_MAX {
            if ids.is_empty() {
                break;
            }
            let told: Vec<&str> = ids.iter().map(String::as_str).collect();
            self.load_ids(write, people, &told).await?;
            let heirs = write.heirs_of_leads(&people.crm, &ids).await?;
            ids = heirs.iter().map(|(_, heir)| heir.clone()).collect();
            self.gone.extend(heirs.into_iter().map(|(id, heir)| (id, Some(heir))));
        }
        Ok(())
    }

    async fn load_ids(
        &mut self,
        write: &mut Write,
        people: &People,
        ids: &[&str],
    ) -> StoreResult<()> {
        for (id, (record, deleted_at)) in write.values(&people.crm, Object::Lead, ids).await? {
            if deleted_at.is_none() {
                self.known.entry(id).or_insert(record);
            }
        }
        Ok(())
    }

    /// What a batch says of them is news. Whoever took somebody over need not be in it.
    async fn take(&mut self, write: &mut Write, people: &People, part: &Merged) -> StoreResult<()> {
        let heirs = part.gone.iter().filter_map(|gone| gone.into.clone()).collect();
        self.load_with_heirs(write, people, heirs).await?;
        for gone in &part.gone {
            self.known.remove(&gone.id);
            self.gone.insert(gone.id.clone(), gone.into.clone());
        }
        for record in &part.records {
            self.gone.remove(&record.id);
            self.known.insert(record.id.clone(), record.clone());
        }
        self.index();
        Ok(())
    }

    /// Of several with one contact or address it is the one that came first.
    fn index(&mut self) {
        let mut all: Vec<&Record> = self.known.values().collect();
        all.sort_by_key(|record| order(record));
        self.called.clear();
        for record in all {
            for field in [CONTACT, EMAIL_HASH] {
                let Some(name) = record.get(field) else { continue };
                let place = self.called.entry(format!("{field} {name}"));
                place.or_insert_with(|| record.id.clone());
            }
        }
    }

    /// Whom of the CRM a lead of another source is.
    fn whose(&self, record: &Record) -> Option<String> {
        let called = |field: &str, name: &str| self.called.get(&format!("{field} {name}")).cloned();
        let told = record.get(CRM_ID);
        let named = || told.filter(|id| self.known.contains_key(*id)).map(str::to_owned);
        let heir = || {
            let mut heir = told?;
            for _ in 0..MERGES_MAX {
                heir = self.gone.get(heir)?.as_deref()?;
                if self.known.contains_key(heir) {
                    return Some(heir.to_owned());
                }
            }
            None
        };
        let addressed = || called(EMAIL_HASH, record.get(EMAIL_HASH)?);
        named().or_else(heir).or_else(|| called(CONTACT, told?)).or_else(addressed)
    }

    /// They learn what the others know of them; gives those of which that makes a difference.
    async fn learn(
        &mut self,
        write: &mut Write,
        people: &People,
        links: Vec<Link>,
    ) -> StoreResult<Vec<Record>> {
        // Whom somebody was counted as before learns that they are not.
        let before: BTreeSet<&str> = links.iter().filter_map(|l| l.before.as_deref()).collect();
        let absent = before.into_iter().filter(|id| !self.gone.contains_key(*id));
        let absent: Vec<&str> = absent.collect();
        self.load_ids(write, people, &absent).await?;
        let mut changed = BTreeSet::new();
        for Link { key, before, now, record } in links {
            if let Some(before) = before.filter(|before| now.as_ref() != Some(before)) {
                changed.extend(self.change(&before, |elsewhere| elsewhere.remove(&key)));
            }
            if let (Some(now), Some(record)) = (now, record) {
                changed.extend(self.change(&now, |elsewhere| elsewhere.set(key, &record)));
            }
        }
        Ok(changed.iter().filter_map(|id| self.known.get(id).cloned()).collect())
    }

    /// Changes what others know of a lead; gives its id where that makes a difference.
    fn change(&mut self, id: &str, how: impl FnOnce(&mut Elsewhere)) -> Option<String> {
        let record = self.known.get_mut(id)?;
        let before = record.get(ELSEWHERE).map(str::to_owned);
        let mut elsewhere = Elsewhere::of(record);
        how(&mut elsewhere);
        elsewhere.store_in(record);
        (record.get(ELSEWHERE) != before.as_deref()).then(|| id.to_owned())
    }
}

/// The lead of the CRM that a stored lead is counted as.
fn counted_as(record: &Record, people: &People) -> Option<String> {
    let key = record.get(PERSON).and_then(parse_key)?;
    (key.source == people.crm).then_some(key.id)
}

/// Who was first: by creation, then by id.
fn order(record: &Record) -> (String, String) {
    (record.get("created_at").unwrap_or("9").to_owned(), record.id.clone())
}

fn values<'a>(records: impl Iterator<Item = &'a Record>, field: &str) -> Vec<String> {
    let told = records.filter_map(|record| record.get(field));
    told.map(str::to_owned).collect::<BTreeSet<_>>().into_iter().collect()
}
