//! The configuration: one struct per section, read from the file and the environment over it.
//!
//! Reading notes every problem with its file, line and mend, and returns them all at once. Values
//! leave here parsed: a zone is a zone, a window is a number of days.

mod alert_rules;
pub mod alerts;
pub mod api;
pub mod company;
mod criteria;
pub mod document;
pub mod google;
mod identity;
pub mod marketo;
pub mod plan_file;
mod plan_lags;
pub mod problem;
pub mod reader;
pub mod secret;
pub mod sinks;
pub mod source;
pub mod span;
pub mod upkeep;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::alerts::settings::AlertSettings;
use crate::domain::{money::CurrencyRates, vocabulary::Vocabulary};
use crate::handoff::settings::Settings as Handoff;
use company::Company;
use document::Document;
pub use identity::Identity;
pub use problem::{Problem, Problems};
use reader::Reader;
pub use secret::Secret;
use sinks::{Email, Sinks, Team};
use source::Source;
use upkeep::{Backup, Heartbeat, Http, Retention};

/// Everything that the operator decided, apart from the plan.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The file it was read from.
    pub file: PathBuf,
    /// `[company]`
    pub company: Company,
    /// `[currency.rates.*]`
    pub currency: CurrencyRates,
    /// `[database] url`, as a path.
    pub database: PathBuf,
    /// `[source.*]`
    pub sources: BTreeMap<String, Source>,
    /// `[identity]`: how people are told who are in several sources.
    pub identity: Identity,
    /// `[channels]` and `[campaigns]`
    pub words: Vocabulary,
    /// `[handoff]`
    pub handoff: Handoff,
    /// `[team.*]`
    pub teams: BTreeMap<String, Team>,
    /// `[email]`
    pub email: Option<Email>,
    /// `[operator]`
    pub operator: Sinks,
    /// `[escalation]`: the ways to whoever hears of what a team did not mend.
    pub escalation: Sinks,
    /// `[digest]`
    pub digest: Digest,
    /// `[alerts]`
    pub alerts: AlertSettings,
    /// `[http]`
    pub http: Http,
    /// `[backup]`
    pub backup: Backup,
    /// `[retention]`
    pub retention: Retention,
    /// `[heartbeat]`
    pub heartbeat: Option<Heartbeat>,
    /// `[network]`
    pub network: Network,
    /// `[plan] file`
    pub plan: Option<PathBuf>,
    /// What works and is worth a second look; `check` prints it.
    pub warnings: Vec<Problem>,
}

/// `[digest]`: when the week's digest is written, and who gets it.
#[derive(Clone, Debug, PartialEq)]
pub struct Digest {
    /// ISO weekday, Monday being 1.
    pub weekday: i8,
    /// Minutes after midnight in the company's zone.
    pub minute: i64,
    /// The teams that get it; every team when absent.
    pub to: Option<Vec<String>>,
}

/// `[network]`: what all connections to others share.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Network {
    /// Authorities that are trusted beside the machine's, as PEM.
    pub ca_file: Option<PathBuf>,
}

impl Settings {
    /// Reads the file and lays the process's environment over it.
    ///
    /// # Errors
    /// Every problem, with its place and its mend.
    pub fn load(file: &Path) -> Result<Settings, Problems> {
        let prefix = format!("{}__", document::PREFIX);
        let environment = std::env::vars().filter(|(name, _)| name.starts_with(&prefix)).collect();
        Settings::from_document(&Document::load(file, Some(environment))?)
    }

    /// Reads a document that is at hand.
    ///
    /// # Errors
    /// Every problem, with its place and its mend.
    pub fn from_document(document: &Document) -> Result<Settings, Problems> {
        let problems = RefCell::default();
        let root = Reader::root(document, &problems);
        let mut warnings = Vec::new();
        let company = company::read(&root);
        let network = read_network(&root);
        let database = read_database(&root, document);
        let mut alerts = alerts::read(&root);
        let escalation = root.table("escalation").map(|table| {
            alerts::read_escalation(&table, &mut alerts.escalation);
            sinks::read_only(&table)
        });
        let sources = source::read(&root, &network, &mut warnings);
        let mut settings = Settings {
            file: document.file.clone(),
            currency: read_currency(&root, &company),
            database: database.clone(),
            identity: identity::read(&root, &sources.keys().cloned().collect::<Vec<_>>()),
            sources,
            words: read_words(&root),
            handoff: company::read_handoff(&root),
            teams: sinks::read_teams(&root, &company, &mut warnings),
            email: sinks::read_email(&root, &network),
            operator: root.table("operator").map(|t| sinks::read_only(&t)).unwrap_or_default(),
            digest: read_digest(&root),
            alerts,
            escalation: escalation.unwrap_or_default(),
            http: upkeep::read_http(&root),
            backup: upkeep::read_backup(&root, &database),
            retention: upkeep::read_retention(&root),
            heartbeat: upkeep::read_heartbeat(&root),
            plan: root.table("plan").and_then(|table| {
                let file = table.required("file", "file = \"plan.toml\"", table.file_path("file"));
                table.finish();
                file
            }),
            company,
            network,
            warnings,
        };
        root.finish();
        let asked = settings.handoff.criteria.iter().filter(|criterion| criterion.reads_value());
        let asked = asked.map(|criterion| criterion.field.clone()).collect();
        settings.sources.values_mut().for_each(|source| source.keep_values_of(&asked));
        if settings.identity.by_address {
            settings.sources.values_mut().for_each(Source::ask_for_addresses);
        }
        check_references(&root, &settings);
        let found = problems.into_inner();
        if found.is_empty() { Ok(settings) } else { Err(Problems(found)) }
    }

    /// The teams that the digest goes to.
    pub fn digest_teams(&self) -> Vec<String> {
        self.digest.to.clone().unwrap_or_else(|| self.teams.keys().cloned().collect())
    }
}

fn read_database(root: &Reader<'_>, document: &Document) -> PathBuf {
    let default = document.directory().join("paceline.db");
    let Some(table) = root.table("database") else { return default };
    let from_environment = table.place("url").starts_with("environment");
    let path = table.parsed("url", "a URL like \"sqlite://paceline.db\"", |text| {
        let path = text.strip_prefix("sqlite://").or_else(|| text.strip_prefix("sqlite:"))?;
        (!path.is_empty()).then(|| PathBuf::from(path))
    });
    table.finish();
    match path {
        Some(path) if from_environment => path,
        Some(path) => document.directory().join(path),
        None => default,
    }
}

fn read_currency(root: &Reader<'_>, company: &Company) -> CurrencyRates {
    let mut rates = CurrencyRates { company: company.currency.clone(), rates: BTreeMap::new() };
    let Some(table) = root.table("currency") else { return rates };
    for (currency, dated) in table.named_tables("rates") {
        let entry = rates.rates.entry(currency.to_uppercase()).or_default();
        for (day, value) in dated.entries() {
            match (day.parse(), value.parse::<rust_decimal::Decimal>()) {
                (Ok(day), Ok(value)) if value > rust_decimal::Decimal::ZERO => {
                    entry.insert(day, value);
                }
                _ => dated.problem(
                    &day,
                    format!("`{value}` from `{day}` is no dated rate"),
                    "write a line like \"2026-01-01\" = \"1.08\"",
                ),
            }
        }
    }
    table.finish();
    rates
}

fn read_words(root: &Reader<'_>) -> Vocabulary {
    let entries = |key| root.table(key).map(|table| table.entries()).unwrap_or_default();
    let map = |key| entries(key).into_iter().collect();
    Vocabulary::new(map("channels"), map("campaigns"))
}

fn read_network(root: &Reader<'_>) -> Network {
    let Some(table) = root.table("network") else { return Network::default() };
    let network = Network { ca_file: table.file_path("ca_file") };
    table.finish();
    network
}

fn read_digest(root: &Reader<'_>) -> Digest {
    let mut digest = Digest { weekday: 1, minute: 8 * 60, to: None };
    let Some(table) = root.table("digest") else { return digest };
    let schedule = table.parsed("schedule", "a day and a time, like \"mon 08:00\"", |text| {
        let (day, time) = text.split_once(' ')?;
        Some((span::weekday(day)?, span::minute_of_day(time.trim())?))
    });
    if let Some((weekday, minute)) = schedule {
        (digest.weekday, digest.minute) = (weekday, minute);
    }
    digest.to = table.list("to");
    table.finish();
    digest
}

/// Names that must exist elsewhere in the configuration.
fn check_references(root: &Reader<'_>, settings: &Settings) {
    let known = settings.teams.keys().cloned().collect::<Vec<_>>().join(", ");
    if let (Some(table), Some(to)) = (root.table("digest"), &settings.digest.to) {
        for team in to.iter().filter(|team| !settings.teams.contains_key(*team)) {
            table.problem(
                "to",
                format!("there is no team `{team}`"),
                format!("name one of: {known}; or add `[team.{team}]`"),
            );
        }
    }
    let mails = settings.teams.values().any(|team| !team.sinks.email.is_empty())
        || !settings.operator.email.is_empty();
    if mails && settings.email.is_none() {
        root.problem(
            "email",
            "somebody is to get e-mail, but there is no mail server",
            "add `[email]` with `smtp = \"smtp://host:port\"` and `from = \"…\"`",
        );
    }
    check_owners(root, settings);
}

fn check_owners(root: &Reader<'_>, settings: &Settings) {
    let mut seen: BTreeMap<&str, &str> = BTreeMap::new();
    for (name, team) in &settings.teams {
        for owner in &team.owners {
            if let Some(other) = seen.insert(owner, name) {
                root.problem(
                    "team",
                    format!("`{owner}` is in team `{other}` and in team `{name}`"),
                    "leave each owner in one team",
                );
            }
        }
    }
}

/// Keys that the environment can reach are `[a-z0-9_]`; others work, with a warning.
fn warn_of_key(reader: &Reader<'_>, name: &str, warnings: &mut Vec<Problem>) {
    if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        warnings.push(Problem {
            place: reader.place(""),
            key: reader.path(""),
            message: format!("the environment cannot override a key like `{name}`"),
            mend: "use a-z, 0-9 and _".into(),
        });
    }
}
