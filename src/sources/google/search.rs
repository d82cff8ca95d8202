//! Google Search Console: positions, clicks and impressions by day and keyword.
//!
//! Only final data is read. A keyword that has no row of a day was not shown, or so rarely that Google tells
//! nothing of it: that is no position at all, and least of all a bad one. A day is one in Pacific Standard
//! Time.

use jiff::{Span, civil::Date, tz};
use serde_json::{Value, json};
use tokio::sync::mpsc::Sender;

use super::cursor::{Cursor, each_day, pieces};
use super::{api, counted};
use crate::config::google::Search as Settings;
use crate::domain::{Object, Record};
use crate::sources::http::{Api, Environment, Request};
use crate::sources::{
    Boxed, Complete, Discovered, Page, Part, Probe, ReadRequest, Source, SourceError, Whole,
    in_background,
};

/// What the service account is to be allowed.
const SCOPE: &str = "https://www.googleapis.com/auth/webmasters.readonly";
/// The name of the cursor.
const RANKINGS: &str = "rankings";
/// "All data in Search Console is in Pacific time", without summer time.
const DAY_OFFSET_HOURS: i8 = -8;
/// Search Console keeps sixteen months.
const MONTHS_BACK: i64 = 16;
/// Final data comes after two or three days; one that is still missing then never had any.
const FINAL_AFTER_DAYS: i64 = 5;
/// The last days that are read again at each sync.
const DAYS_AGAIN: i64 = 3;
/// Days of one question about one keyword.
const DAYS_MAX: i64 = 180;
/// Rows of one answer, at most.
const ROWS_MAX: usize = 25_000;

/// A site in Search Console.
#[derive(Clone)]
pub struct Search {
    name: String,
    settings: Settings,
    environment: Environment,
    place: String,
}

/// A row: its keys, and what is counted.
struct Row {
    keys: Vec<String>,
    clicks: u64,
    impressions: u64,
    position: String,
}

impl Search {
    /// A source of this site.
    pub fn new(name: &str, settings: Settings, environment: &Environment, place: &str) -> Search {
        let (name, place, environment) = (name.to_owned(), place.to_owned(), environment.clone());
        Search { name, settings, environment, place }
    }

    fn api(&self) -> Result<Api, SourceError> {
        api(&self.settings.account, (SCOPE, ""), &self.environment, &self.place)
    }

    /// A page of rows of final data.
    async fn ask(
        &self,
        api: &Api,
        (from, to): (Date, Date),
        dimensions: &[&str],
        keyword: Option<&str>,
        (limit, start): (usize, usize),
    ) -> Result<Vec<Row>, SourceError> {
        let site = encoded(&self.settings.site);
        let mut body = json!({
            "startDate": from.to_string(),
            "endDate": to.to_string(),
            "dimensions": dimensions,
            "type": "web",
            "dataState": "final",
            "rowLimit": limit,
            "startRow": start,
        });
        if let Some(keyword) = keyword {
            let filter = json!({"dimension": "query", "operator": "equals", "expression": keyword});
            body["dimensionFilterGroups"] = json!([{"groupType": "and", "filters": [filter]}]);
        }
        let path = format!("/webmasters/v3/sites/{site}/searchAnalytics/query");
        let request = Request::post("read positions", path, &body);
        let rows = api.read_answer(&request, |answer| rows(&answer.body, dimensions.len())).await;
        rows.map_err(|error| self.no_site(error))
    }

    fn no_site(&self, error: SourceError) -> SourceError {
        match error {
            SourceError::NotThere(_) => SourceError::At {
                place: self.place.clone(),
                message: format!("there is no site `{}` for this account", self.settings.site),
                mend: "write `site` as Search Console shows it: \"sc-domain:example.com\", or an address with its \
                       slash at the end"
                    .into(),
            },
            error => error,
        }
    }

    /// The last day whose data is final.
    async fn final_day(&self, api: &Api, today: Date) -> Result<Date, SourceError> {
        let day = |days: i64| today.saturating_sub(Span::new().days(days));
        let days = self.ask(api, (day(14), today), &["date"], None, (ROWS_MAX, 0)).await?;
        let told = days.iter().filter_map(|row| row.keys.first()?.parse::<Date>().ok()).max();
        let old_enough = day(FINAL_AFTER_DAYS);
        // Days on which a site was not shown have no row.
        Ok(told.map_or(old_enough, |told| told.max(old_enough)).min(day(1)))
    }

    async fn read_all(
        &self,
        request: &ReadRequest,
        pages: Sender<Page>,
    ) -> Result<Complete, SourceError> {
        let api = self.api()?;
        counted(&self.name, &api, self.pass(&api, request, &pages)).await
    }

    async fn pass(
        &self,
        api: &Api,
        request: &ReadRequest,
        pages: &Sender<Page>,
    ) -> Result<Complete, SourceError> {
        let today = zone().to_datetime(request.started).date();
        let last = self.final_day(api, today).await?;
        let mut cursor = Cursor::parse(request.cursors.get(RANKINGS));
        let kept = today.saturating_sub(Span::new().months(MONTHS_BACK));
        let first = self.settings.since.or(cursor.from).unwrap_or(kept).max(kept);
        let days = cursor.days(first, last, DAYS_AGAIN, request.full);
        // Keywords that are named are asked for over many days at once, the others day by day.
        let days_max = if self.settings.keywords.is_empty() { 1 } else { DAYS_MAX };
        let todo = days.map(|(from, to)| pieces(from, to, days_max)).unwrap_or_default();
        for piece in todo {
            let records = self.records(api, piece).await?;
            cursor.advance(piece.0, piece.1);
            let parents = each_day(piece.0, piece.1).iter().map(Date::to_string).collect();
            let whole = Some(Whole { field: "at", parents });
            let parts = vec![Part { whole, ..Part::of(Object::Ranking, records) }];
            let cursor = Some((RANKINGS.to_owned(), cursor.text()));
            let page = Page { parts, cursor, rechecked: true, ..Page::default() };
            pages.send(page).await.map_err(|_| SourceError::StoreGone)?;
        }
        let complete_to = last.tomorrow().ok().and_then(|day| day.to_zoned(zone()).ok());
        let complete_to = complete_to.map_or(request.started, |midnight| midnight.timestamp());
        Ok(Complete { complete_to, inventories: Vec::new() })
    }

    async fn records(&self, api: &Api, days: (Date, Date)) -> Result<Vec<Record>, SourceError> {
        let mut records = Vec::new();
        for keyword in &self.settings.keywords {
            let rows = self.ask(api, days, &["date"], Some(keyword), (ROWS_MAX, 0)).await?;
            records.extend(rows.iter().filter_map(|row| ranking(row.keys.first()?, keyword, row)));
        }
        let most = if self.settings.keywords.is_empty() { self.settings.keywords_max } else { 0 };
        let mut seen = 0;
        while seen < most {
            let limit = ROWS_MAX.min(most - seen);
            let rows = self.ask(api, days, &["date", "query"], None, (limit, seen)).await?;
            records.extend(rows.iter().filter_map(|row| ranking(&row.keys[0], &row.keys[1], row)));
            seen += rows.len();
            if rows.len() < limit {
                break;
            }
        }
        // Rows with equal clicks may stand on two pages.
        records.sort_by(|a, b| a.id.cmp(&b.id));
        records.dedup_by(|a, b| a.id == b.id);
        Ok(records)
    }

    async fn check_all(&self) -> Result<Probe, SourceError> {
        let api = self.api()?;
        let path = format!("/webmasters/v3/sites/{}", encoded(&self.settings.site));
        let site: Value = match api.json(&Request::get("ask about the site", path)).await {
            Ok(site) => site,
            Err(error) => return Err(self.no_site(error)),
        };
        let today = zone().to_datetime(self.environment.clock.now()).date();
        let last = self.final_day(&api, today).await?;
        let mut warnings = Vec::new();
        let level = site.get("permissionLevel").and_then(Value::as_str).unwrap_or("unknown");
        if level == "siteUnverifiedUser" {
            warnings.push(
                "the service account is no verified user of the site: nothing is told; mend: add its e-mail \
                 address under Users and permissions"
                    .to_owned(),
            );
        }
        for keyword in &self.settings.keywords {
            let days = (last.saturating_sub(Span::new().days(28)), last);
            if self.ask(&api, days, &["date"], Some(keyword), (1, 0)).await?.is_empty() {
                warnings.push(format!(
                    "`{keyword}` was not shown in four weeks, or so rarely that Google tells nothing: it has no \
                     position then"
                ));
            }
        }
        let found = format!("the site is read as {level}; final data up to {last}");
        Ok(Probe { found, warnings })
    }
}

/// The zone of Search Console's days.
fn zone() -> tz::TimeZone {
    tz::TimeZone::fixed(tz::offset(DAY_OFFSET_HOURS))
}

/// A site as a part of a path: `https://www.example.com/` and `sc-domain:example.com`.
fn encoded(site: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._~".contains(&b);
    site.bytes()
        .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// Reads a page of rows; where there are none, `rows` is left out.
fn rows(body: &[u8], keys: usize) -> Result<Vec<Row>, String> {
    let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
    let Some(answer) = value.as_object() else { return Err("it is no object".into()) };
    let none = Vec::new();
    let found = match answer.get("rows") {
        None if answer.contains_key("responseAggregationType") || answer.is_empty() => &none,
        Some(rows) => rows.as_array().ok_or("`rows` is no list")?,
        None => return Err("it has neither rows nor `responseAggregationType`".into()),
    };
    found.iter().map(|row| one_row(row, keys)).collect()
}

fn one_row(row: &Value, keys: usize) -> Result<Row, String> {
    let told = row.get("keys").and_then(Value::as_array).ok_or("a row has no `keys`")?;
    let told: Vec<String> = told.iter().filter_map(|key| key.as_str().map(str::to_owned)).collect();
    if told.len() != keys {
        return Err(format!("a row has {} keys where {keys} were asked for", told.len()));
    }
    // Counts come as `12.0`, or not at all where they are 0.
    let count = |name: &str| row.get(name).and_then(Value::as_f64).unwrap_or(0.0).max(0.0) as u64;
    let position = row.get("position").and_then(Value::as_f64).ok_or("a row has no position")?;
    let position = format!("{:.2}", position);
    Ok(Row { keys: told, clicks: count("clicks"), impressions: count("impressions"), position })
}

fn ranking(day: &str, keyword: &str, row: &Row) -> Option<Record> {
    let day: Date = day.parse().ok()?;
    let mut record = Record::empty(Object::Ranking, format!("{keyword}|{day}"));
    record.set("keyword", Some(keyword.to_owned()));
    record.set("at", Some(day.to_string()));
    record.set("position", Some(row.position.clone()));
    record.set("clicks", Some(row.clicks.to_string()));
    record.set("impressions", Some(row.impressions.to_string()));
    Some(record)
}

impl Source for Search {
    fn objects(&self) -> Vec<Object> {
        vec![Object::Ranking]
    }

    fn provides(&self, object: Object, field: &str) -> bool {
        object == Object::Ranking && object.field_index(field).is_some()
    }

    fn read<'a>(
        &'a self,
        request: ReadRequest,
        pages: Sender<Page>,
    ) -> Boxed<'a, Result<Complete, SourceError>> {
        let own = self.clone();
        Box::pin(in_background(async move { own.read_all(&request, pages).await }))
    }

    fn check<'a>(&'a self) -> Boxed<'a, Result<Probe, SourceError>> {
        Box::pin(self.check_all())
    }

    fn discover<'a>(&'a self) -> Boxed<'a, Result<Discovered, SourceError>> {
        Box::pin(async {
            // Keywords are named in targets; there is nothing to map.
            self.api().map(|_| Discovered::new())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_stands_in_one_part_of_the_path() {
        assert_eq!(encoded("sc-domain:example.com"), "sc-domain%3Aexample.com");
        assert_eq!(encoded("https://www.example.com/"), "https%3A%2F%2Fwww.example.com%2F");
    }

    #[test]
    fn an_answer_without_rows_is_empty_and_one_of_something_else_is_none() {
        let read = |text: &str| rows(text.as_bytes(), 1).map(|rows| rows.len());
        assert_eq!(read(r#"{"responseAggregationType": "byProperty"}"#), Ok(0));
        assert_eq!(read("{}"), Ok(0));
        assert!(read(r#"{"error": {"code": 500}}"#).is_err());
        assert!(read("null").is_err());
        let row = r#"{"rows": [{"keys": ["2026-11-20"], "clicks": 3.0, "impressions": 40, "ctr": 0.07,
            "position": 7.25}]}"#;
        let found = rows(row.as_bytes(), 1).unwrap();
        let record = ranking("2026-11-20", "quarter rack", &found[0]).unwrap();
        assert_eq!(record.id, "quarter rack|2026-11-20");
        assert_eq!((record.get("position"), record.get("clicks")), (Some("7.25"), Some("3")));
        assert!(rows(row.as_bytes(), 2).is_err());
    }

    #[test]
    fn its_days_begin_at_eight_in_utc() {
        let at: jiff::Timestamp = "2026-07-01T07:59:00Z".parse().unwrap();
        assert_eq!(zone().to_datetime(at).date(), jiff::civil::date(2026, 6, 30));
    }
}
