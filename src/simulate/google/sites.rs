//! The sites of Search Console that the account may see.

use jiff::civil::Date;
use serde_json::{Value, json};

use super::property::Property;
use super::refusals::no_site;
use super::wire::Answer;

/// Who has not proved to own a site may not see its data.
const UNVERIFIED: &str = "siteUnverifiedUser";

fn entry((address, level): &(String, String)) -> Value {
    json!({"siteUrl": address, "permissionLevel": level})
}

fn told(body: &Value) -> Answer {
    Answer::json(200, format!("{body:#}\n").into_bytes())
}

/// All of them.
pub(super) fn list(property: &Property) -> Answer {
    let mut body = json!({});
    if !property.sites.is_empty() {
        body["siteEntry"] = property.sites.iter().map(entry).collect();
    }
    told(&body)
}

fn find<'p>(property: &'p Property, address: &str) -> Result<&'p (String, String), Answer> {
    property.sites.iter().find(|site| site.0 == address).ok_or_else(|| no_site(address))
}

/// One of them.
pub(super) fn one(property: &Property, address: &str) -> Result<Answer, Answer> {
    find(property, address).map(|site| told(&entry(site)))
}

/// Refuses who may not see the data of a site.
pub(super) fn readable(property: &Property, address: &str) -> Result<(), Answer> {
    match find(property, address)?.1.as_str() {
        UNVERIFIED => Err(no_site(address)),
        _ => Ok(()),
    }
}

/// Whether a page belongs to a site, which is a domain or the beginning of addresses.
pub(super) fn holds(site: &str, page: &str) -> bool {
    let Some(domain) = site.strip_prefix("sc-domain:") else { return page.starts_with(site) };
    let host = page.split_once("://").map_or(page, |(_, rest)| rest);
    let host = host.split(['/', ':', '?', '#']).next().unwrap_or_default();
    host == domain || host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.'))
}

/// The first day of which anything is kept, sixteen months ago.
pub(super) fn first_kept(today: Date) -> Date {
    today.saturating_sub(jiff::Span::new().months(16))
}
