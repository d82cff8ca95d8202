//! `[source.*]`: where records come from.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::{Timestamp, civil::Date};

use super::{
    Network,
    api::{self, HubSpot, Pipedrive, Salesforce, Tryton},
    google::{self, Analytics, Search},
    marketo::{self, Marketo},
    problem::Problem,
    reader::{Entry, Reader},
    span, warn_of_key,
};
use crate::domain::{
    past::Past,
    person::EMAIL_HASH,
    record::{ATTRIBUTES, Object},
};

/// The kinds of source that this version has.
pub const KINDS: &[&str] =
    &["csv", "ga4", "hubspot", "marketo", "pipedrive", "salesforce", "search-console", "tryton"];

/// Seconds between two syncs.
const EVERY_SECS: i64 = 600;

/// Before the name of an attribute, where fields are named.
pub const ATTRIBUTE_PREFIX: &str = "attributes.";

/// One source.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Seconds between two syncs.
    pub every_secs: i64,
    /// What its kind needs.
    pub kind: Kind,
    /// Where it stands in the configuration.
    pub place: String,
    /// `[network] ca_file`
    pub ca_file: Option<PathBuf>,
    /// `complete_from`: from when on its data knows what happened.
    pub past: Past,
}

/// What each kind of source needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// Exports in CSV files.
    Csv(Csv),
    /// Google Analytics 4.
    Analytics(Analytics),
    /// HubSpot's API.
    HubSpot(HubSpot),
    /// Marketo's API.
    Marketo(Marketo),
    /// Pipedrive's API.
    Pipedrive(Pipedrive),
    /// Salesforce's API.
    Salesforce(Salesforce),
    /// Google Search Console.
    Search(Search),
    /// A Tryton database.
    Tryton(Tryton),
}

impl Kind {
    /// Seconds between two syncs where the configuration does not say.
    fn every_secs(&self) -> i64 {
        match self {
            Kind::Analytics(_) | Kind::Search(_) => google::EVERY_SECS,
            _ => EVERY_SECS,
        }
    }

    /// How far behind the clock its data is when all is well, in seconds: figures that the vendor may still
    /// restate are not complete.
    pub fn lag_secs(&self) -> i64 {
        match self {
            Kind::Analytics(_) => google::ANALYTICS_LAG_SECS,
            Kind::Search(_) => google::SEARCH_LAG_SECS,
            _ => 0,
        }
    }
}

/// Exports in CSV files.
#[derive(Clone, Debug, PartialEq)]
pub struct Csv {
    /// How far the files reach.
    pub complete_to: CompleteTo,
    /// The files, in the order of the configuration.
    pub files: Vec<CsvFile>,
}

/// How far files reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompleteTo {
    /// As far as the sync's clock.
    Sync,
    /// As far as the time at which the files were last written.
    Modified,
    /// To the end of that day.
    Day(Date),
    /// To that instant.
    Instant(Timestamp),
}

/// One CSV file.
#[derive(Clone, Debug, PartialEq)]
pub struct CsvFile {
    /// Where it lies.
    pub path: PathBuf,
    /// What its rows are.
    pub object: Object,
    /// What separates its columns.
    pub delimiter: u8,
    /// Canonical field (or `id`) -> where its value comes from.
    pub columns: BTreeMap<String, Column>,
    /// Where each column stands in the configuration.
    pub places: BTreeMap<String, String>,
}

/// Where a field's value comes from.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The column, or none for a constant.
    pub name: Option<String>,
    /// The constant.
    pub constant: Option<String>,
    /// File's value -> canonical value; what it does not know is a data fault.
    pub map: Option<BTreeMap<String, String>>,
    /// A `strptime` form for dates that the built-in forms do not read.
    pub format: Option<String>,
    /// Of an attribute whose value no criterion reads only its being there is kept.
    pub presence: bool,
}

impl Source {
    /// Addresses are asked for only where people are matched by them.
    pub fn ask_for_addresses(&mut self) {
        let (fields, name) = match &mut self.kind {
            Kind::HubSpot(own) => (&mut own.fields, "email"),
            Kind::Marketo(own) => (&mut own.fields, "email"),
            // Of a lead's person, who has it.
            Kind::Pipedrive(own) => (&mut own.fields, "email"),
            Kind::Salesforce(own) => (&mut own.fields, "Email"),
            Kind::Analytics(_) | Kind::Csv(_) | Kind::Search(_) | Kind::Tryton(_) => return,
        };
        let field = (Object::Lead, EMAIL_HASH.to_owned());
        fields.entry(field).or_insert_with(|| name.to_owned());
    }

    /// Of attributes beside these only their being there is kept: a sponsor's name is nobody's concern here.
    pub fn keep_values_of(&mut self, asked: &BTreeSet<String>) {
        match &mut self.kind {
            Kind::Csv(csv) => {
                let columns = csv.files.iter_mut().flat_map(|file| &mut file.columns);
                for (field, column) in columns {
                    let name = field.strip_prefix(ATTRIBUTE_PREFIX);
                    column.presence = name.is_some_and(|name| !asked.contains(name));
                }
            }
            Kind::HubSpot(hubspot) => hubspot.values_of.clone_from(asked),
            Kind::Pipedrive(pipedrive) => pipedrive.values_of.clone_from(asked),
            Kind::Salesforce(salesforce) => salesforce.values_of.clone_from(asked),
            Kind::Analytics(_) | Kind::Marketo(_) | Kind::Search(_) | Kind::Tryton(_) => {}
        }
    }
}

/// Reads every `[source.*]`.
pub fn read(
    root: &Reader<'_>,
    network: &Network,
    warnings: &mut Vec<Problem>,
) -> BTreeMap<String, Source> {
    let mut sources = BTreeMap::new();
    for (name, table) in root.named_tables("source") {
        warn_of_key(&table, &name, warnings);
        let every = table.parsed("every", "a span like \"10m\"", span::duration_secs);
        let kind = table.text("kind");
        let kind = table.required("kind", "kind = \"csv\"", kind);
        let kind = match kind.as_deref() {
            Some("csv") => Some(Kind::Csv(read_csv(&table, warnings))),
            Some("ga4") => google::read_analytics(&table).map(Kind::Analytics),
            Some("hubspot") => api::read_hubspot(&table).map(Kind::HubSpot),
            Some("marketo") => marketo::read_marketo(&table).map(Kind::Marketo),
            Some("pipedrive") => api::read_pipedrive(&table).map(Kind::Pipedrive),
            Some("salesforce") => api::read_salesforce(&table).map(Kind::Salesforce),
            Some("search-console") => google::read_search(&table).map(Kind::Search),
            Some("tryton") => api::read_tryton(&table).map(Kind::Tryton),
            Some(other) => {
                table.problem(
                    "kind",
                    format!("`{other}` is no kind of source that this version has"),
                    format!("use one of: {}", KINDS.join(", ")),
                );
                continue;
            }
            None => None,
        };
        let past = read_past(&table);
        table.finish();
        if let Some(kind) = kind {
            let (place, ca_file) = (table.place("kind"), network.ca_file.clone());
            let every_secs = every.unwrap_or_else(|| kind.every_secs());
            sources.insert(name, Source { every_secs, kind, place, ca_file, past });
        }
    }
    sources
}

/// `complete_from = { entries = "2017-01-01", events = "2017-03-01", missing = "records" }`
fn read_past(table: &Reader<'_>) -> Past {
    let Some(own) = table.table("complete_from") else { return Past::default() };
    let day = |key| own.parsed(key, "a date like \"2017-03-01\"", |text| text.parse().ok());
    let missing = own.parsed("missing", "\"records\" or \"events\"", |text| match text {
        "records" => Some(true),
        "events" => Some(false),
        _ => None,
    });
    let past = Past {
        entries: day("entries"),
        events: day("events"),
        records_missing: missing.unwrap_or(false),
    };
    own.finish();
    past
}

fn read_csv(table: &Reader<'_>, warnings: &mut Vec<Problem>) -> Csv {
    let complete_to =
        table.parsed("complete_to", "\"sync\", \"modified\" or a date", |text| match text {
            "sync" => Some(CompleteTo::Sync),
            "modified" => Some(CompleteTo::Modified),
            _ if text.len() == 10 => text.parse().ok().map(CompleteTo::Day),
            _ => text.parse().ok().map(CompleteTo::Instant),
        });
    let files: Vec<CsvFile> =
        table.array("file").iter().filter_map(|file| read_file(file, warnings)).collect();
    if !table.has("file") {
        let mend =
            format!("add `[[{}]]` with `path`, `object` and a `columns` table", table.path("file"));
        table.problem("file", "a csv source needs files", mend);
    }
    Csv { complete_to: complete_to.unwrap_or(CompleteTo::Sync), files }
}

fn read_file(table: &Reader<'_>, warnings: &mut Vec<Problem>) -> Option<CsvFile> {
    let path = table.required("path", "path = \"leads.csv\"", table.file_path("path"));
    let names = Object::ALL.map(Object::name).join(", ");
    let object = table.parsed("object", &format!("one of: {names}"), Object::from_name);
    let object = table.required("object", "object = \"lead\"", object);
    let delimiter = table.parsed("delimiter", "one character like \";\"", |text| match text {
        "\\t" | "tab" => Some(b'\t'),
        _ if text.len() == 1 => text.bytes().next(),
        _ => None,
    });
    let columns = table.table("columns");
    if columns.is_none() && !table.has("columns") {
        let mend =
            format!("add `[{}]` with lines like `id = \"the column\"`", table.path("columns"));
        table.problem("columns", "is missing", mend);
    }
    table.finish();
    let (path, object, columns) = (path?, object?, columns?);
    let mut file = CsvFile {
        path,
        object,
        delimiter: delimiter.unwrap_or(b','),
        columns: BTreeMap::new(),
        places: BTreeMap::new(),
    };
    for (field, entry) in columns.free_entries() {
        if object == Object::Opportunity && field == ATTRIBUTES {
            read_attributes(&columns, entry, &mut file);
            continue;
        }
        if field != "id" && !object.told_fields().any(|own| own == field) {
            let known: Vec<_> = object.told_fields().collect();
            columns.problem(
                &field,
                format!("a {} has no field `{field}`", object.name()),
                format!("use some of: id, {}", known.join(", ")),
            );
            continue;
        }
        if let Some(column) = read_column(&columns, &field, entry) {
            file.places.insert(field.clone(), columns.place(&field));
            file.columns.insert(field, column);
        }
    }
    check_columns(&columns, &file, warnings);
    Some(file)
}

/// `attributes = { industry = "the column" }`: what only the agreed criteria ask.
fn read_attributes(columns: &Reader<'_>, entry: Entry<'_>, file: &mut CsvFile) {
    let Entry::Table(own) = entry else {
        let mend = "write `attributes = { industry = \"the column\" }`";
        columns.problem(ATTRIBUTES, "must name columns", mend);
        return;
    };
    for (name, entry) in own.free_entries() {
        if let Some(column) = read_column(&own, &name, entry) {
            let field = format!("{ATTRIBUTE_PREFIX}{name}");
            file.places.insert(field.clone(), own.place(&name));
            file.columns.insert(field, column);
        }
    }
}

/// Fields without which the file says nothing.
fn check_columns(columns: &Reader<'_>, file: &CsvFile, warnings: &mut Vec<Problem>) {
    let object = file.object;
    if object.natural_key().is_none() && !file.columns.contains_key("id") {
        columns.problem("id", "is missing", "add `id = \"the column that holds the id\"`");
    }
    for field in object.required().iter().filter(|field| !file.columns.contains_key(**field)) {
        let mend = format!("add `{field} = \"the column that holds it\"`");
        // An export of closed deals may know no creation; it still gives the closed basis.
        if *field == "created_at" {
            warnings.push(Problem {
                place: columns.place(""),
                key: columns.path(field),
                message: "is not mapped: these records enter no cohort".into(),
                mend,
            });
        } else {
            columns.problem(field, "is missing", mend);
        }
    }
    if object == Object::Activity && !file.columns.contains_key("owner") {
        warnings.push(Problem {
            place: columns.place(""),
            key: columns.path("owner"),
            message: "is not mapped: an activity of nobody is no touch".into(),
            mend: "add `owner = \"the column that holds who did it\"`".into(),
        });
    }
}

fn read_column(columns: &Reader<'_>, field: &str, entry: Entry<'_>) -> Option<Column> {
    let mut column =
        Column { name: None, constant: None, map: None, format: None, presence: false };
    match entry {
        Entry::Scalar(name) => column.name = Some(name),
        Entry::Table(table) => {
            column.name = table.text("column");
            column.constant = table.text("const");
            column.map = table.table("map").map(|map| map.entries().into_iter().collect());
            column.format = table.text("format");
            table.finish();
            if column.name.is_some() == column.constant.is_some() {
                columns.problem(
                    field,
                    "needs one of `column` and `const`",
                    format!("write `{field} = {{ column = \"…\" }}` or `{{ const = \"…\" }}`"),
                );
                return None;
            }
        }
        Entry::Other => {
            columns.problem(field, "must be a column", format!("write `{field} = \"the column\"`"));
            return None;
        }
    }
    Some(column)
}
