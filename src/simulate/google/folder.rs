//! Fills a property from the canonical CSV files: `visit.csv` and `ranking.csv`.

use std::path::Path;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::folder_rows::{Row, Table};
use super::property::{NOT_SET, Property, Searched};

/// A ranking says nothing of how often a keyword was searched for.
const IMPRESSIONS: u32 = 100;
const PAGE: &str = "https://www.example.com/";

/// The day of a row. One with an hour is the day in the zone.
fn day(row: Row, zone: &TimeZone) -> Result<Date, String> {
    let told = row.cell("at");
    match told.parse::<Date>() {
        Ok(day) if told.len() == 10 => Ok(day),
        _ => Ok(row.needed_time("at", zone)?.to_zoned(zone.clone()).date()),
    }
}

fn or<'t>(told: &'t str, other: &'t str) -> &'t str {
    if told.is_empty() { other } else { told }
}

impl Property {
    /// The property of the visits and rankings in a folder. Files that are absent have no rows, and times
    /// are days in `zone`, which is the property's. Channels and campaigns are told as they are written.
    /// Errors name file and line.
    pub fn from_csv(dir: &Path, zone: &TimeZone) -> Result<Property, String> {
        if !dir.is_dir() {
            return Err(format!("{} is no folder", dir.display()));
        }
        let name = zone.iana_name().unwrap_or("UTC");
        let mut property = Property::empty("123456789", name);
        property.set_site("sc-domain:example.com", "siteFullUser");
        for row in Table::read(dir, ["visit.csv", "visits.csv"])?.rows() {
            let told = row.cell("count");
            let count: u32 =
                told.parse().map_err(|_| row.wrong(&format!("count is no number: {told:?}")))?;
            let (channel, campaign) = (row.cell("channel"), row.cell("campaign"));
            let (channel, campaign) = (or(channel, "Unassigned"), or(campaign, NOT_SET));
            let day = day(row, zone)?;
            let before = property.sessions(day, channel, campaign);
            property.set_sessions(day, channel, campaign, before.saturating_add(count));
        }
        for row in Table::read(dir, ["ranking.csv", "rankings.csv"])?.rows() {
            let told = row.cell("position");
            let position: f64 = told
                .parse()
                .ok()
                .filter(|position| *position >= 1.0)
                .ok_or_else(|| row.wrong(&format!("position is no position: {told:?}")))?;
            let keyword = row.cell("keyword");
            if keyword.is_empty() {
                return Err(row.wrong("keyword is empty"));
            }
            let clicks = (f64::from(IMPRESSIONS) * 0.3 / position) as u32;
            let searched = Searched::new(keyword, PAGE, clicks, IMPRESSIONS, position);
            property.add_searched(day(row, zone)?, searched);
        }
        Ok(property)
    }
}
