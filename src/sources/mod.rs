//! Where records come from. A source fetches and maps; it never stores.
//!
//! A new vendor is one file here and one line in [`open_in`].

pub mod csv;
pub mod google;
mod history;
pub mod http;
pub mod hubspot;
pub mod marketo;
pub mod pipedrive;
pub mod salesforce;
pub mod tryton;
mod value;
mod window;

use std::collections::{BTreeMap, HashSet};
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;

use jiff::{Timestamp, tz::TimeZone};
use tokio::sync::mpsc::Sender;

use crate::config::source::{Kind, Source as Settings};
use crate::domain::{Fault, Object, Record};
use http::Environment;

/// What a source read in one piece, with the cursor behind it. It is stored whole or not at all.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The records, by kind.
    pub parts: Vec<Part>,
    /// What was wrong with single records.
    pub faults: Vec<Fault>,
    /// Whether `faults` is all that is wrong with these records, so that earlier ones are mended.
    pub rechecked: bool,
    /// The name of the cursor, and where to go on when the page is stored.
    pub cursor: Option<(String, String)>,
    /// The number of the pass over a file; an interrupted one goes on under its number.
    pub pass: i64,
    /// The file whose last page this is.
    pub origin_done: Option<String>,
}

/// Records of one kind.
#[derive(Clone, Debug)]
pub struct Part {
    /// What they are.
    pub object: Object,
    /// The records; of those with one id the last counts.
    pub records: Vec<Record>,
    /// Records that the source no longer has, or that no longer count.
    pub gone: Vec<Gone>,
    /// Parents of which these are all the records: what is stored of them beside these is gone.
    pub whole: Option<Whole>,
    /// What the records say of their fields.
    pub told: Told,
}

/// What records say of their fields: some vendors tell a record and its history in different places.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Told {
    /// Everything.
    #[default]
    All,
    /// Everything but these, which stay as they are stored.
    But(&'static [&'static str]),
    /// Only these times, of records that are known; an earlier one that is stored stays.
    First(&'static [&'static str]),
}

impl Part {
    /// A part of records only.
    pub fn of(object: Object, records: Vec<Record>) -> Part {
        Part { object, records, gone: Vec::new(), whole: None, told: Told::All }
    }
}

/// A record that a source no longer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// Its id.
    pub id: String,
    /// When it went; the sync's clock where the vendor does not tell.
    pub at: Option<Timestamp>,
    /// The record that it was merged into: its pair counts once, and what belonged to it follows.
    pub into: Option<String>,
}

impl Gone {
    /// Gone, and nothing more is known.
    pub fn now(id: impl Into<String>) -> Gone {
        Gone { id: id.into(), at: None, into: None }
    }
}

/// Parents whose records are all in a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whole {
    /// The field that names the parent.
    pub field: &'static str,
    /// The parents' ids.
    pub parents: Vec<String>,
}

/// Where a source goes on, and what this sync is to do.
#[derive(Clone, Debug)]
pub struct ReadRequest {
    /// The stored cursors.
    pub cursors: BTreeMap<String, String>,
    /// The sync's clock at its start.
    pub started: Timestamp,
    /// Whether everything is to be read, so that ids can be compared.
    pub full: bool,
    /// Opportunities whose hand-off may still be waiting for its first touch: their links are read
    /// again, since vendors link activities later and tell nobody.
    pub waiting: Vec<Waiting>,
}

/// An opportunity whose hand-off waits for its first touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The opportunity.
    pub opportunity: String,
    /// The lead that it is known to come from.
    pub lead: Option<String>,
}

/// What a pass over everything found.
#[derive(Debug)]
pub struct Complete {
    /// How far the data is complete.
    pub complete_to: Timestamp,
    /// The ids that the source has, where the pass saw all of them.
    pub inventories: Vec<Inventory>,
}

/// The ids that a source has, as 64-bit hashes: a million of them take 16 MB.
#[derive(Debug)]
pub struct Inventory {
    /// What they are ids of.
    pub object: Object,
    hashes: HashSet<u64>,
}

impl Inventory {
    /// An inventory of these hashes of [`id_hash`].
    pub fn new(object: Object, hashes: impl IntoIterator<Item = u64>) -> Inventory {
        Inventory { object, hashes: hashes.into_iter().collect() }
    }

    /// How many ids there are.
    pub fn count(&self) -> usize {
        self.hashes.len()
    }

    /// Whether the source has this id.
    pub fn contains(&self, id: &str) -> bool {
        self.hashes.contains(&id_hash(id))
    }
}

/// A hash of a text. `DefaultHasher::new` has fixed keys, so it is the same in every run; should a
/// later Rust change it, a file is read again and the operator is told once more, and no more.
pub fn id_hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

/// Why a source could not be read to its end.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Something at a place in a file or in the configuration.
    #[error("{place}: {message}\n    mend: {mend}")]
    At {
        /// File and line.
        place: String,
        /// What is wrong.
        message: String,
        /// What to do.
        mend: String,
    },
    /// The secret was refused.
    #[error("{place}: {message}\n    mend: {mend}")]
    Unauthorised {
        /// Where the source stands in the configuration.
        place: String,
        /// What was asked and how it was refused.
        message: String,
        /// What to do.
        mend: String,
    },
    /// A limit that no waiting in this run gets over. The next run goes on from here.
    #[error("{place}: {message}; the next sync goes on from here")]
    Later {
        /// Where the source stands in the configuration.
        place: String,
        /// What was asked and why it must wait.
        message: String,
    },
    /// Nothing usable came back, after several tries.
    #[error(
        "{place}: {message}\n    mend: if it lasts, look whether the vendor has an outage and whether \
         `base_url` and the network are right; the next sync goes on from here"
    )]
    Unanswered {
        /// Where the source stands in the configuration.
        place: String,
        /// What was asked and what came back.
        message: String,
    },
    /// What was asked for does not exist at the vendor.
    #[error(
        "{0}: the vendor has no such thing (HTTP 404)\n    mend: look whether `base_url` is right; where this \
         worked before, the vendor has switched it off, and a newer paceline asks otherwise"
    )]
    NotThere(String),
    /// Nobody takes the pages any more.
    #[error("the store stopped taking records")]
    StoreGone,
}

/// What `check` learned about a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// What is in order, in words.
    pub found: String,
    /// What is worth a second look.
    pub warnings: Vec<String>,
}

/// A value that a source holds, for `discover`: object, field, value, how often.
pub type Discovered = BTreeMap<(Object, &'static str), BTreeMap<String, u64>>;

/// Different values of a field that `discover` keeps apart.
const VALUES_MAX: usize = 1_000;

/// Counts the values of those fields of a record that `filled` names, among those that people map or scope by.
fn count_values(found: &mut Discovered, record: &Record, filled: impl Fn(&str) -> bool) {
    for field in ["channel", "campaign", "segment", "market", "product", "stage"] {
        if record.object.field_index(field).is_none() || !filled(field) {
            continue;
        }
        let values = found.entry((record.object, field)).or_default();
        let value = record.get(field).unwrap_or_default();
        if values.len() < VALUES_MAX || values.contains_key(value) {
            *values.entry(value.to_owned()).or_insert(0) += 1;
        }
    }
}

/// A future that a trait object can return.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A source.
pub trait Source: Send + Sync {
    /// The objects that it can report.
    fn objects(&self) -> Vec<Object>;

    /// Whether it fills this field.
    fn provides(&self, object: Object, field: &str) -> bool;

    /// Reads everything from the cursors on and sends it page by page.
    fn read<'a>(
        &'a self,
        request: ReadRequest,
        pages: Sender<Page>,
    ) -> Boxed<'a, Result<Complete, SourceError>>;

    /// What became of records that the source no longer lists.
    fn fates<'a>(
        &'a self,
        _object: Object,
        ids: Vec<String>,
    ) -> Boxed<'a, Result<Vec<Gone>, SourceError>> {
        Box::pin(async { Ok(ids.into_iter().map(Gone::now).collect()) })
    }

    /// Whether a lead is listed no more once it became an opportunity: one that an opportunity names is then not
    /// gone.
    fn conversion_hides_leads(&self) -> bool {
        false
    }

    /// How many records were created before an instant, by the source's own count; none where it has none, or
    /// does not answer: nothing rests on it but a comparison.
    fn own_count<'a>(&'a self, _object: Object, _before: Timestamp) -> Boxed<'a, Option<u64>> {
        Box::pin(async { None })
    }

    /// Asks one harmless question.
    fn check<'a>(&'a self) -> Boxed<'a, Result<Probe, SourceError>>;

    /// Counts the values of the fields that the configuration maps.
    fn discover<'a>(&'a self) -> Boxed<'a, Result<Discovered, SourceError>>;
}

/// Reads in a task of its own, so that asking and parsing go on while pages are merged and stored. It
/// ends by itself when nobody takes its pages any more.
async fn in_background(
    reading: impl Future<Output = Result<Complete, SourceError>> + Send + 'static,
) -> Result<Complete, SourceError> {
    outcome(tokio::spawn(reading).await)
}

/// What a task came to: its panic is a panic here, and a process that ends is no panic.
fn outcome<T>(
    ended: Result<Result<T, SourceError>, tokio::task::JoinError>,
) -> Result<T, SourceError> {
    match ended {
        Ok(result) => result,
        Err(stopped) if stopped.is_panic() => std::panic::resume_unwind(stopped.into_panic()),
        Err(_) => Err(SourceError::StoreGone),
    }
}

/// Makes a source from its configuration.
pub fn open(name: &str, settings: &Settings, zone: &TimeZone) -> Box<dyn Source> {
    open_in(name, settings, zone, &Environment::default())
}

/// As [`open`], with other bounds and another way of waiting: for tests.
pub fn open_in(
    name: &str,
    settings: &Settings,
    zone: &TimeZone,
    environment: &Environment,
) -> Box<dyn Source> {
    let place = &settings.place;
    let ca_file = settings.ca_file.clone();
    let environment = &Environment { ca_file, ..environment.clone() };
    match &settings.kind {
        Kind::Csv(csv) => Box::new(csv::CsvSource::new(name, csv.clone(), zone.clone())),
        Kind::Analytics(own) => Box::new(google::analytics::Analytics::new(
            name,
            own.clone(),
            environment,
            (place, zone),
        )),
        Kind::HubSpot(hubspot) => {
            Box::new(hubspot::HubSpot::new(name, hubspot.clone(), environment, place))
        }
        Kind::Marketo(own) => {
            Box::new(marketo::Marketo::new(name, own.clone(), environment, (place, zone)))
        }
        Kind::Pipedrive(pipedrive) => {
            Box::new(pipedrive::Pipedrive::new(name, pipedrive.clone(), environment, place))
        }
        Kind::Salesforce(salesforce) => {
            Box::new(salesforce::Salesforce::new(name, salesforce.clone(), environment, place))
        }
        Kind::Search(search) => {
            Box::new(google::search::Search::new(name, search.clone(), environment, place))
        }
        Kind::Tryton(tryton) => Box::new(tryton::Tryton::new(tryton.clone(), environment, place)),
    }
}
