//! `searchAnalytics/query`: the searches of a site, added up.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::{Span, Timestamp};
use serde_json::{Value, json};

use super::limits::{Telling, pacific};
use super::property::{Property, Searched};
use super::ranges::today;
use super::search_asked::{Group, SearchAsked};
use super::settle::{Known, known};
use super::sites::{first_kept, holds};
use super::wire::Answer;

/// Of all searches of a day, in thousandths, so many are known soon after it has ended.
const SOON_KNOWN: i64 = 750;

#[derive(Debug, Default)]
struct Sums {
    clicks: u64,
    impressions: u64,
    positions: f64,
}

impl Sums {
    fn add(&mut self, searched: &Searched, known: Known) {
        let impressions = known.of(searched.impressions);
        self.clicks += known.of(searched.clicks).min(impressions);
        self.impressions += impressions;
        self.positions += searched.position * impressions as f64;
    }

    fn row(&self, keys: &[String]) -> Value {
        let impressions = self.impressions as f64;
        let mut row = json!({
            "clicks": self.clicks,
            "impressions": self.impressions,
            "ctr": self.clicks as f64 / impressions,
            "position": self.positions / impressions,
        });
        if !keys.is_empty() {
            row["keys"] = json!(keys);
        }
        row
    }
}

fn value(group: Group, day: Date, searched: &Searched) -> String {
    match group {
        Group::Date => day.to_string(),
        Group::Query => searched.query.clone(),
        Group::Page => searched.page.clone(),
        Group::Country => searched.country.to_owned(),
        Group::Device => searched.device.to_owned(),
    }
}

impl SearchAsked {
    /// Whether searches count. Queries that the vendor does not tell are in no group of queries, and
    /// they pass no filter by one.
    fn counts(&self, site: &str, day: Date, searched: &Searched) -> bool {
        let about_queries = self.groups.contains(&Group::Query)
            || self.conditions.iter().any(|condition| condition.group == Group::Query);
        searched.kind == self.kind
            && (self.by_page || !searched.beside)
            && !(about_queries && searched.query.is_empty())
            && holds(site, &searched.page)
            && self
                .conditions
                .iter()
                .all(|condition| condition.passes(&value(condition.group, day, searched)))
    }

    /// The most clicked first; by date the days come in their order.
    fn sort(&self, rows: &mut [(Vec<String>, Sums)]) {
        let date = self.groups.iter().position(|group| *group == Group::Date);
        rows.sort_by(|a, b| {
            let by_date = date.map_or(std::cmp::Ordering::Equal, |at| a.0[at].cmp(&b.0[at]));
            by_date
                .then(b.1.clicks.cmp(&a.1.clicks))
                .then(b.1.impressions.cmp(&a.1.impressions))
                .then_with(|| a.0.cmp(&b.0))
        });
    }

    /// Drops the rows beyond what is kept of each day.
    fn keep(&self, rows: &mut Vec<(Vec<String>, Sums)>, most: usize) {
        let Some(date) = self.groups.iter().position(|group| *group == Group::Date) else {
            return rows.truncate(most);
        };
        let (mut day, mut count) = (String::new(), 0);
        rows.retain(|row| {
            if row.0[date] != day {
                (day, count) = (row.0[date].clone(), 0);
            }
            count += 1;
            count <= most
        });
    }
}

/// Tells the searches of a site as they stand at an instant.
pub(super) fn query(
    property: &Property,
    site: &str,
    asked: &SearchAsked,
    (now, telling): (Timestamp, &Telling),
) -> Answer {
    let (zone, hours) = (pacific(), telling.final_days * 24);
    let today = today(&zone, now);
    let last_final = today.saturating_sub(Span::new().days(telling.final_days));
    let first = asked.first.max(first_kept(today));
    let last = if asked.fresh { asked.last.min(today) } else { asked.last.min(last_final) };
    let mut sums: BTreeMap<Vec<String>, Sums> = BTreeMap::new();
    let days = if first <= last { Some(property.searches.range(first..=last)) } else { None };
    for (day, searches) in days.into_iter().flatten() {
        // What is final is told in full, whatever the hour.
        let hours = if *day <= last_final { 0 } else { hours };
        let Some(known) = known(*day, &zone, now, (hours, SOON_KNOWN)) else { continue };
        for searched in searches.iter().filter(|searched| asked.counts(site, *day, searched)) {
            let key = asked.groups.iter().map(|group| value(*group, *day, searched)).collect();
            sums.entry(key).or_default().add(searched, known);
        }
    }
    let mut rows: Vec<_> = sums.into_iter().filter(|row| row.1.impressions > 0).collect();
    asked.sort(&mut rows);
    asked.keep(&mut rows, telling.search_rows);
    let page = rows.iter().skip(asked.start).take(asked.limit);
    let page: Vec<Value> = page.map(|(keys, sums)| sums.row(keys)).collect();
    let mut body = json!({});
    if !page.is_empty() {
        body["rows"] = Value::from(page);
    }
    let how = if asked.by_page { "byPage" } else { "byProperty" };
    body["responseAggregationType"] = json!(how);
    let incomplete = last_final.saturating_add(Span::new().days(1)).max(asked.first);
    if asked.fresh && asked.groups.contains(&Group::Date) && incomplete <= asked.last.min(today) {
        body["metadata"] = json!({"firstIncompleteDate": incomplete.to_string()});
    }
    Answer::json(200, format!("{body:#}\n").into_bytes())
}
