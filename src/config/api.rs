//! What every source behind an API takes, and what each vendor takes beside it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    reader::{Entry, Reader},
    secret::Secret,
    span,
};
use crate::domain::{Object, record::ATTRIBUTES};

/// How fast a source may ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RateLimit {
    /// As fast as the vendor's smallest tier allows, until its answers say more.
    Vendor,
    /// At most so many requests in so many seconds.
    AtMost(usize, i64),
    /// As fast as it can: a test server.
    None,
}

/// Vendor's names for canonical fields, in place of the usual ones.
pub type FieldNames = BTreeMap<(Object, String), String>;

/// `kind = "hubspot"`
#[derive(Clone, Debug, PartialEq)]
pub struct HubSpot {
    /// The API's address.
    pub base_url: String,
    /// A service key or the token of a private app.
    pub token: Secret,
    /// The dated version of the API, or `v3`.
    pub api_version: String,
    /// The account's number, for links.
    pub portal_id: Option<String>,
    /// Whether contacts' touches are read, for attribution.
    pub touches: bool,
    /// How fast it may ask.
    pub rate_limit: RateLimit,
    /// Property names that replace the usual ones.
    pub fields: FieldNames,
    /// The attributes whose values are kept; of others only that there is one.
    pub values_of: BTreeSet<String>,
}

/// `kind = "tryton"`
#[derive(Clone, Debug, PartialEq)]
pub struct Tryton {
    /// The server's address.
    pub base_url: String,
    /// The name of the database.
    pub database: String,
    /// The user.
    pub username: String,
    /// Its password.
    pub password: Secret,
    /// How fast it may ask.
    pub rate_limit: RateLimit,
}

/// `kind = "salesforce"`
#[derive(Clone, Debug, PartialEq)]
pub struct Salesforce {
    /// The address of My Domain.
    pub base_url: String,
    /// The consumer key of the app.
    pub client_id: Secret,
    /// How the app proves who it is.
    pub login: Login,
    /// The number of the API's version, like `67.0`.
    pub api_version: String,
    /// Whether campaign memberships are read as touches, for attribution.
    pub touches: bool,
    /// Of the requests that a day allows the whole company, the share that is ours.
    pub daily_share: f64,
    /// How fast it may ask.
    pub rate_limit: RateLimit,
    /// Field names that replace the usual ones.
    pub fields: FieldNames,
    /// The attributes whose values are kept; of others only that there is one.
    pub values_of: BTreeSet<String>,
}

/// `kind = "pipedrive"`
#[derive(Clone, Debug, PartialEq)]
pub struct Pipedrive {
    /// The address of the company, or the one that serves all.
    pub base_url: String,
    /// An administrator's API token.
    pub token: Secret,
    /// Of the tokens that a day allows the whole company, the share that is ours.
    pub daily_share: f64,
    /// How fast it may ask.
    pub rate_limit: RateLimit,
    /// Field names that replace the usual ones.
    pub fields: FieldNames,
    /// The attributes whose values are kept; of others only that there is one.
    pub values_of: BTreeSet<String>,
}

/// How an app proves who it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Login {
    /// Client credentials.
    ClientSecret(Secret),
    /// A JWT that is signed for a user.
    Key {
        /// The user.
        username: String,
        /// The private key, as PEM.
        private_key: Secret,
        /// Who the assertion is for; `base_url` when absent.
        audience: Option<String>,
    },
}

/// Reads the keys of a Tryton source.
pub fn read_tryton(table: &Reader<'_>) -> Option<Tryton> {
    let base_url =
        table.required("base_url", "base_url = \"https://tryton.example.com\"", base_url(table));
    let database = table.parsed("database", "the name of the database", |text| {
        let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        (!text.is_empty() && text.chars().all(plain)).then(|| text.to_owned())
    });
    let database = table.required("database", "database = \"crm\"", database);
    let username = table.text("username");
    let username = table.required("username", "username = \"paceline\"", username);
    let password = table.secret("password");
    let password = table.required("password", "password = { file = \"password.txt\" }", password);
    let rate_limit = rate_limit(table);
    Some(Tryton {
        base_url: base_url?,
        database: database?,
        username: username?,
        password: password?,
        rate_limit,
    })
}

/// The version of summer 2026; each is supported for at least three years.
const SALESFORCE_VERSION: &str = "67.0";
/// Other integrations live from the same budget.
const DAILY_SHARE: f64 = 0.5;

/// Reads the keys of a Salesforce source.
pub fn read_salesforce(table: &Reader<'_>) -> Option<Salesforce> {
    let example = "base_url = \"https://yourdomain.my.salesforce.com\"";
    let base_url = table.required("base_url", example, base_url(table));
    let client_id = table.text_or_secret("client_id");
    let client_id = table.required("client_id", "client_id = \"the consumer key\"", client_id);
    let login = salesforce_login(table);
    let api_version = table.parsed("api_version", "a version like \"67.0\"", |text| {
        let number = text.trim_start_matches('v');
        let whole = number.strip_suffix(".0").unwrap_or(number);
        whole.parse::<u16>().ok().map(|whole| format!("{whole}.0"))
    });
    let touches = table.flag("touches").unwrap_or(false);
    let daily_share = daily_share(table);
    let rate_limit = rate_limit(table);
    let fields =
        field_names(table, &[Object::Lead, Object::Opportunity, Object::Activity], |_, _, _| false);
    Some(Salesforce {
        base_url: base_url?,
        client_id: client_id?,
        login: login?,
        api_version: api_version.unwrap_or_else(|| SALESFORCE_VERSION.into()),
        touches,
        daily_share,
        rate_limit,
        fields,
        values_of: BTreeSet::new(),
    })
}

/// Pipedrive has one address for all accounts, beside those of the companies.
const PIPEDRIVE_URL: &str = "https://api.pipedrive.com";

/// Reads the keys of a Pipedrive source.
pub fn read_pipedrive(table: &Reader<'_>) -> Option<Pipedrive> {
    let base_url = base_url(table).unwrap_or_else(|| PIPEDRIVE_URL.into());
    let token =
        table.required("token", "token = { env = \"PIPEDRIVE_TOKEN\" }", table.secret("token"));
    let (daily_share, rate_limit) = (daily_share(table), rate_limit(table));
    let fields =
        field_names(table, &[Object::Lead, Object::Opportunity, Object::Activity], |_, _, _| false);
    let values_of = BTreeSet::new();
    Some(Pipedrive { base_url, token: token?, daily_share, rate_limit, fields, values_of })
}

/// `daily_share = 0.5`
pub(super) fn daily_share(table: &Reader<'_>) -> f64 {
    let share = table.parsed("daily_share", "a share like 0.5", |text| {
        text.parse().ok().filter(|share: &f64| *share > 0.0 && *share <= 1.0)
    });
    share.unwrap_or(DAILY_SHARE)
}

/// `client_secret`, or `username` and `private_key`.
fn salesforce_login(table: &Reader<'_>) -> Option<Login> {
    let (secret, private_key) = (table.secret("client_secret"), table.secret("private_key"));
    let (username, audience) = (table.text("username"), table.text("audience"));
    match (table.has("client_secret"), table.has("private_key")) {
        (true, false) => secret.map(Login::ClientSecret),
        (false, true) => {
            let example = "username = \"integration@example.com\"";
            let username = table.required("username", example, username)?;
            private_key.map(|private_key| Login::Key { username, private_key, audience })
        }
        _ => {
            let mend = "write `client_secret = { file = \"…\" }` (client credentials), or `username` \
                        and `private_key = { file = \"…\" }` (JWT bearer)";
            table.problem("client_secret", "one way of logging in is needed, and only one", mend);
            None
        }
    }
}

/// HubSpot has one address for all accounts.
const HUBSPOT_URL: &str = "https://api.hubapi.com";
/// The newest dated version when this was written; each is supported for at least 18 months.
const HUBSPOT_VERSION: &str = "2026-09";

/// Reads the keys of a HubSpot source.
pub fn read_hubspot(table: &Reader<'_>) -> Option<HubSpot> {
    let base_url = base_url(table).unwrap_or_else(|| HUBSPOT_URL.into());
    let token =
        table.required("token", "token = { env = \"HUBSPOT_TOKEN\" }", table.secret("token"));
    let version = |text: &str| {
        let dated = text.len() == 7
            && text
                .bytes()
                .enumerate()
                .all(|(i, b)| if i == 4 { b == b'-' } else { b.is_ascii_digit() });
        (text == "v3" || dated).then(|| text.to_owned())
    };
    let api_version = table.parsed("api_version", "a version like \"2026-09\"", version);
    let portal_id = table.parsed("portal_id", "the account's number", |text| {
        (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.to_owned())
    });
    let rate_limit = rate_limit(table);
    let touches = table.flag("touches").unwrap_or(false);
    let fields =
        field_names(table, &[Object::Lead, Object::Opportunity, Object::Activity], |_, _, _| false);
    Some(HubSpot {
        touches,
        base_url,
        token: token?,
        api_version: api_version.unwrap_or_else(|| HUBSPOT_VERSION.into()),
        portal_id,
        rate_limit,
        fields,
        values_of: BTreeSet::new(),
    })
}

/// `base_url`, without its trailing slash.
pub(super) fn base_url(table: &Reader<'_>) -> Option<String> {
    table.parsed("base_url", "an address like \"https://api.example.com\"", |text| {
        let known = text.starts_with("https://") || text.starts_with("http://");
        (known && text.len() > "https://".len()).then(|| text.trim_end_matches('/').to_owned())
    })
}

/// `rate_limit = "190/10s"` or `"none"`.
pub(super) fn rate_limit(table: &Reader<'_>) -> RateLimit {
    let expected = "a limit like \"190/10s\", or \"none\" for a test server";
    let parsed = table.parsed("rate_limit", expected, |text| {
        if text == "none" {
            return Some(RateLimit::None);
        }
        let (count, span) = text.split_once('/')?;
        let count: usize = count.trim().parse().ok().filter(|count| *count > 0)?;
        let span = span.trim();
        let span = if span.starts_with(|c: char| c.is_ascii_digit()) {
            span::duration_secs(span)?
        } else {
            span::duration_secs(&format!("1{span}"))?
        };
        Some(RateLimit::AtMost(count, span))
    });
    parsed.unwrap_or(RateLimit::Vendor)
}

/// `[source.NAME.fields.OBJECT]`. `read_table` takes the tables that a vendor has beside names, and says whether it
/// knows one.
pub(super) fn field_names(
    table: &Reader<'_>,
    objects: &[Object],
    mut read_table: impl FnMut(Object, &str, &Reader<'_>) -> bool,
) -> FieldNames {
    let mut names = FieldNames::new();
    let Some(fields) = table.table("fields") else { return names };
    for object in objects {
        let Some(own) = fields.table(object.name()) else { continue };
        for (field, entry) in own.free_entries() {
            // The lead of an opportunity is an association, its outcome several properties.
            let fixed = match object {
                Object::Opportunity => ["lead", "outcome", "url"].contains(&field.as_str()),
                // What an activity is and when it happened is told by several properties.
                Object::Activity => field != "automated",
                _ => false,
            };
            match entry {
                Entry::Table(special) if read_table(*object, &field, &special) => {}
                Entry::Table(attributes)
                    if *object == Object::Opportunity && field == ATTRIBUTES =>
                {
                    let named = attributes.entries().into_iter();
                    names.extend(
                        named.map(|(own, name)| ((*object, format!("{field}.{own}")), name)),
                    );
                }
                Entry::Scalar(name)
                    if object.told_fields().any(|own| own == field)
                        && !fixed
                        && field != ATTRIBUTES =>
                {
                    names.insert((*object, field), name);
                }
                _ => {
                    let known: Vec<&str> = object.told_fields().collect();
                    own.problem(
                        &field,
                        format!("cannot be replaced in a {}", object.name()),
                        format!(
                            "write `field = \"the vendor's name\"` with some of: {}",
                            known.join(", ")
                        ),
                    );
                }
            }
        }
    }
    fields.finish();
    names
}
