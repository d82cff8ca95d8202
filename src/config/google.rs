//! `kind = "ga4"` and `kind = "search-console"`.

use jiff::civil::Date;

use super::api::{RateLimit, base_url, daily_share, rate_limit};
use super::reader::Reader;
use super::secret::Secret;

/// Both restate figures over days, so they are asked less often than a CRM.
pub const EVERY_SECS: i64 = 3 * 3_600;
/// A day counts when it is over for two days, so the last one that does began three days ago; and a sync may
/// be due.
pub const ANALYTICS_LAG_SECS: i64 = 3 * 86_400 + EVERY_SECS;
/// Final data comes after two or three days; days without any are waited for a little longer.
pub const SEARCH_LAG_SECS: i64 = 6 * 86_400 + EVERY_SECS;
/// The addresses of the two APIs.
const ANALYTICS_URL: &str = "https://analyticsdata.googleapis.com";
const SEARCH_URL: &str = "https://searchconsole.googleapis.com";
/// Keywords of a day that are kept where none are named.
const KEYWORDS_MAX: usize = 1_000;
/// What Search Console tells of a day at most.
const KEYWORDS_LIMIT: usize = 50_000;

/// Who asks, and how fast.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// The API's address.
    pub base_url: String,
    /// The JSON file of the service account's key.
    pub key: Secret,
    /// How fast it may ask.
    pub rate_limit: RateLimit,
}

/// `kind = "ga4"`
#[derive(Clone, Debug, PartialEq)]
pub struct Analytics {
    /// Who asks.
    pub account: Account,
    /// The property's number.
    pub property: String,
    /// The first day that is read.
    pub since: Option<Date>,
    /// The share of a day's tokens that is used at most; other tools live from them too.
    pub daily_share: f64,
    /// The dimension that is taken as the channel.
    pub channel: String,
    /// The dimension that is taken as the campaign.
    pub campaign: String,
}

/// `kind = "search-console"`
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// Who asks.
    pub account: Account,
    /// The site: `sc-domain:example.com`, or an address with its slash at the end.
    pub site: String,
    /// The first day that is read.
    pub since: Option<Date>,
    /// The keywords that are read; the most clicked ones of each day where none are named.
    pub keywords: Vec<String>,
    /// How many of them.
    pub keywords_max: usize,
}

/// Reads the keys of an Analytics source.
pub fn read_analytics(table: &Reader<'_>) -> Option<Analytics> {
    let account = account(table, ANALYTICS_URL);
    let property = table.parsed("property", "the property's number, like \"123456789\"", |text| {
        let number = text.trim_start_matches("properties/");
        let whole = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        whole.then(|| number.to_owned())
    });
    let property = table.required("property", "property = \"123456789\"", property);
    let (since, daily_share) = (since(table), daily_share(table));
    let dimension = |key| {
        table.parsed(
            key,
            "a dimension of the Data API, like \"sessionDefaultChannelGroup\"",
            |text| {
                let plain = |c: char| c.is_ascii_alphanumeric() || "_:".contains(c);
                (!text.is_empty() && text.chars().all(plain)).then(|| text.to_owned())
            },
        )
    };
    let channel = dimension("channel").unwrap_or_else(|| "sessionDefaultChannelGroup".into());
    let campaign = dimension("campaign").unwrap_or_else(|| "sessionCampaignName".into());
    let (account, property) = (account?, property?);
    Some(Analytics { account, property, since, daily_share, channel, campaign })
}

/// Reads the keys of a Search Console source.
pub fn read_search(table: &Reader<'_>) -> Option<Search> {
    let account = account(table, SEARCH_URL);
    let expected = "\"sc-domain:example.com\", or an address like \"https://www.example.com/\"";
    let site = table.parsed("site", expected, |text| {
        let domain = text.strip_prefix("sc-domain:").is_some_and(|domain| domain.contains('.'));
        let address = text.starts_with("https://") || text.starts_with("http://");
        (domain || (address && text.ends_with('/'))).then(|| text.to_owned())
    });
    let site = table.required("site", "site = \"sc-domain:example.com\"", site);
    let since = since(table);
    let keywords = table.list("keywords").unwrap_or_default();
    let expected = "how many keywords of a day are kept, up to 50000";
    let keywords_max = table.parsed("keywords_max", expected, |text| {
        text.parse().ok().filter(|count| (1..=KEYWORDS_LIMIT).contains(count))
    });
    let keywords_max = keywords_max.unwrap_or(KEYWORDS_MAX);
    Some(Search { account: account?, site: site?, since, keywords, keywords_max })
}

fn account(table: &Reader<'_>, usual_url: &str) -> Option<Account> {
    let base_url = base_url(table).unwrap_or_else(|| usual_url.into());
    let key =
        table.required("key", "key = { file = \"service-account.json\" }", table.secret("key"));
    let rate_limit = rate_limit(table);
    Some(Account { base_url, key: key?, rate_limit })
}

/// `since = "2025-01-01"`: the first day that is read.
pub fn since(table: &Reader<'_>) -> Option<Date> {
    table.parsed("since", "a date like \"2025-01-01\"", |text| text.parse().ok())
}
