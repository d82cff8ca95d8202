//! A report of the Data API: what is asked and what its rows mean: pure.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use crate::domain::{Fault, Object, Record};

/// Rows of one answer; the API allows 250,000.
pub const ROWS_MAX: u64 = 100_000;
/// What the API calls visits that have no campaign.
const NO_CAMPAIGN: [&str; 4] = ["(not set)", "(direct)", "(organic)", "(referral)"];
/// The row in which the API puts together what it has no room for.
const OTHER: &str = "(other)";

/// Which dimensions visits are told by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dimensions {
    /// The channel of a session.
    pub channel: String,
    /// Its campaign.
    pub campaign: String,
}

/// The question for the sessions of some days.
pub fn question(dimensions: &Dimensions, from: Date, to: Date, offset: u64, limit: u64) -> Value {
    let names = ["date", &dimensions.channel, &dimensions.campaign];
    let by = names.map(|name| json!({"name": name}));
    let order = names.map(|name| json!({"dimension": {"dimensionName": name}}));
    json!({
        "dateRanges": [{"startDate": from.to_string(), "endDate": to.to_string()}],
        "dimensions": by,
        "metrics": [{"name": "sessions"}],
        "orderBys": order,
        // 64-bit numbers are texts in Google's JSON.
        "limit": limit.to_string(),
        "offset": offset.to_string(),
        "keepEmptyRows": false,
        "returnPropertyQuota": true,
    })
}

/// An answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Sessions by day, channel and campaign; blank where there is none.
    pub sessions: BTreeMap<(Date, String, String), u64>,
    /// Rows of this answer.
    pub rows: u64,
    /// Rows of the whole report.
    pub row_count: u64,
    /// What is to be known about its figures.
    pub quality: Quality,
    /// The property's time zone.
    pub zone: Option<String>,
    /// Why it is empty, where that is told.
    pub empty_reason: Option<String>,
    /// What it cost of the day's tokens.
    pub tokens: Option<Tokens>,
}

/// The tokens of a day, of a property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// What this answer cost.
    pub used: u64,
    /// What is left to everybody.
    pub left: u64,
}

/// What the API says about the figures of a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// Rows of few people are left out.
    pub thresholded: bool,
    /// What there was no room for is put together in `(other)`.
    pub has_other: bool,
    /// Figures are worked out from a sample.
    pub sampled: bool,
}

impl Report {
    /// Reads an answer. What is the default is left out of it: no rows, a count of none.
    ///
    /// # Errors
    /// What is no report.
    pub fn parse(body: &[u8]) -> Result<Report, String> {
        let value: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        if !value.is_object() || value.get("dimensionHeaders").is_none() {
            return Err("it has no `dimensionHeaders`".into());
        }
        let none = Vec::new();
        let rows = match value.get("rows") {
            None | Some(Value::Null) => &none,
            Some(rows) => rows.as_array().ok_or("`rows` is no list")?,
        };
        let row_count = match value.get("rowCount") {
            None | Some(Value::Null) => 0,
            Some(count) => count.as_u64().ok_or("`rowCount` is no count")?,
        };
        let mut report = Report { rows: rows.len() as u64, row_count, ..Report::default() };
        if report.rows > row_count {
            return Err(format!("it has {} rows and tells {row_count}", report.rows));
        }
        for row in rows {
            report.add(row)?;
        }
        let metadata = &value["metadata"];
        let is = |name: &str| metadata[name].as_bool().unwrap_or(false);
        report.quality = Quality {
            thresholded: is("subjectToThresholding"),
            has_other: is("dataLossFromOtherRow"),
            sampled: metadata["samplingMetadatas"].as_array().is_some_and(|all| !all.is_empty()),
        };
        report.zone = metadata["timeZone"].as_str().map(str::to_owned);
        let plain = |reason: &str| reason.chars().filter(|c| !c.is_control()).take(80).collect();
        report.empty_reason = metadata["emptyReason"].as_str().map(plain);
        let tokens = &value["propertyQuota"]["tokensPerDay"];
        // What is zero is left out.
        let count = |name: &str| tokens[name].as_u64().unwrap_or(0);
        report.tokens = tokens
            .is_object()
            .then(|| Tokens { used: count("consumed"), left: count("remaining") });
        Ok(report)
    }

    fn add(&mut self, row: &Value) -> Result<(), String> {
        let text = |list: &str, at: usize| {
            row[list].get(at).and_then(|one| one.get("value")?.as_str()).unwrap_or_default()
        };
        let day = Date::strptime("%Y%m%d", text("dimensionValues", 0))
            .map_err(|_| "a row has no date like 20261120")?;
        let (channel, campaign) = (text("dimensionValues", 1), text("dimensionValues", 2));
        let campaign = if NO_CAMPAIGN.contains(&campaign) { "" } else { campaign };
        let count: u64 =
            text("metricValues", 0).parse().map_err(|_| "a row has no whole number of sessions")?;
        // "(organic)" and "(not set)" may both stand in one channel and day.
        let key = (day, channel.to_owned(), campaign.to_owned());
        *self.sessions.entry(key).or_insert(0) += count;
        Ok(())
    }

    /// Takes the rows of the next answer to the same question.
    pub fn extend(&mut self, next: Report) {
        for (key, count) in next.sessions {
            *self.sessions.entry(key).or_insert(0) += count;
        }
        self.rows += next.rows;
        self.quality.thresholded |= next.quality.thresholded;
        self.quality.has_other |= next.quality.has_other;
        self.quality.sampled |= next.quality.sampled;
    }

    /// The first day that has visits.
    pub fn first_day(&self) -> Option<Date> {
        self.sessions.keys().next().map(|(day, ..)| *day)
    }

    /// The property's zone; UTC where it tells none that is known.
    pub fn time_zone(&self) -> TimeZone {
        let zone = self.zone.as_deref().and_then(|name| TimeZone::get(name).ok());
        zone.unwrap_or(TimeZone::UTC)
    }

    /// Visits of these days as records, and what is to be known about their figures as faults of the first record of
    /// each day: these go when the day is read again and told whole. A day of which nothing is told though there
    /// may be something is a record of no visits, so that it can be known.
    pub fn visits(&self, source: &str, days: &[Date]) -> (Vec<Record>, Vec<Fault>) {
        let (mut records, mut faults) = (Vec::new(), Vec::new());
        let mut note = |record: &Record, (kind, detail): (&str, String)| {
            faults.push(Fault {
                source: source.to_owned(),
                origin: "sessions by day".into(),
                object: Object::Visit.name().into(),
                record: record.id.clone(),
                kind: kind.into(),
                detail,
                line: 0,
            });
        };
        let mut last_day = None;
        for ((day, channel, campaign), count) in &self.sessions {
            let record = visit(*day, channel, campaign, *count);
            if last_day != Some(*day) {
                last_day = Some(*day);
                self.notes(*day).into_iter().for_each(|own| note(&record, own));
            }
            if is_other(channel, campaign) {
                let detail = format!(
                    "{count} visits of {day} are in `(other)`: Google had no room for their channel or \
                     campaign"
                );
                note(&record, ("other_row", detail));
            }
            records.push(record);
        }
        let told: BTreeSet<Date> = self.sessions.keys().map(|(day, ..)| *day).collect();
        for day in days.iter().filter(|day| !told.contains(day)) {
            let Some(why) = self.withheld() else { break };
            let record = visit(*day, "", "", 0);
            note(&record, ("thresholded", format!("no visits of {day} are told: {why}")));
            records.push(record);
        }
        (records, faults)
    }

    /// Why there may be visits where none are told.
    fn withheld(&self) -> Option<String> {
        let thresholds = || "Google's thresholds may withhold those of few people".to_owned();
        let reason = self.empty_reason.as_ref().map(|reason| format!("Google says {reason}"));
        reason.or_else(|| self.quality.thresholded.then(thresholds))
    }

    /// What is to be known of a day's figures, in words.
    fn notes(&self, day: Date) -> Vec<(&'static str, String)> {
        let mut notes = Vec::new();
        if self.quality.thresholded {
            let detail =
                format!("visits of few people on {day} are withheld by Google's thresholds");
            notes.push(("thresholded", detail));
        }
        let shown = |(_, channel, campaign): &(Date, String, String)| is_other(channel, campaign);
        if self.quality.has_other && !self.sessions.keys().any(shown) {
            let detail = format!("Google had no room for all campaigns of {day}");
            notes.push(("other_row", detail));
        }
        if self.quality.sampled {
            notes.push(("sampled", format!("visits of {day} are worked out from a sample")));
        }
        notes
    }
}

fn is_other(channel: &str, campaign: &str) -> bool {
    channel == OTHER || campaign == OTHER
}

fn visit(day: Date, channel: &str, campaign: &str, count: u64) -> Record {
    let filled = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let mut record = Record::empty(Object::Visit, format!("{day}|{channel}|{campaign}"));
    record.set("at", Some(day.to_string()));
    record.set("count", Some(count.to_string()));
    record.set("channel", filled(channel));
    record.set("campaign", filled(campaign));
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn row(day: &str, channel: &str, campaign: &str, sessions: &str) -> Value {
        json!({"dimensionValues": [{"value": day}, {"value": channel}, {"value": campaign}],
               "metricValues": [{"value": sessions}]})
    }

    fn parsed(rows: Value, metadata: Value) -> Report {
        let body = json!({"dimensionHeaders": [{"name": "date"}], "rows": rows, "rowCount": 3,
                          "metadata": metadata});
        Report::parse(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn what_has_no_campaign_is_put_together_and_the_other_row_stays_what_it_is() {
        let rows = json!([
            row("20261120", "Organic Search", "(organic)", "40"),
            row("20261120", "Organic Search", "(not set)", "2"),
            row("20261120", "Paid Search", "(other)", "9"),
        ]);
        let report =
            parsed(rows, json!({"timeZone": "America/New_York", "subjectToThresholding": true}));
        let (records, faults) = report.visits("web", &[]);
        let told: Vec<_> =
            records.iter().map(|r| (r.get("channel"), r.get("campaign"), r.get("count"))).collect();
        assert_eq!(
            told,
            [
                (Some("Organic Search"), None, Some("42")),
                (Some("Paid Search"), Some("(other)"), Some("9")),
            ]
        );
        assert_eq!(records[0].id, "2026-11-20|Organic Search|");
        let kinds: Vec<_> = faults.iter().map(|f| (f.kind.as_str(), f.record.as_str())).collect();
        assert_eq!(
            kinds,
            [
                ("thresholded", "2026-11-20|Organic Search|"),
                ("other_row", "2026-11-20|Paid Search|(other)"),
            ]
        );
        assert_eq!(report.time_zone().iana_name(), Some("America/New_York"));
    }

    #[test]
    fn a_day_that_is_withheld_wholly_is_not_a_day_without_visits() {
        let days = [date(2026, 11, 20), date(2026, 11, 21)];
        let rows = json!([row("20261120", "Direct", "", "40")]);
        let (records, faults) = parsed(rows.clone(), json!({})).visits("web", &days);
        assert_eq!((records.len(), faults.len()), (1, 0), "without a word there were none");
        let thresholded = parsed(rows.clone(), json!({"subjectToThresholding": true}));
        let (records, faults) = thresholded.visits("web", &days);
        assert_eq!(records[1].get("count"), Some("0"));
        assert_eq!((faults[1].record.as_str(), faults.len()), ("2026-11-21||", 2));
        assert!(faults[1].detail.contains("no visits of 2026-11-21 are told"), "{faults:?}");
        let empty = json!({"emptyReason": "DATA_IS_BEING_PROCESSED"});
        let (_, faults) = parsed(json!([]), empty).visits("web", &days);
        assert_eq!(faults.len(), 2);
        assert!(faults[0].detail.contains("DATA_IS_BEING_PROCESSED"), "{faults:?}");
        let (_, faults) = parsed(rows, json!({"dataLossFromOtherRow": true})).visits("web", &days);
        assert_eq!(faults[0].kind, "other_row", "a row `(other)` that is not shown");
    }

    #[test]
    fn an_empty_report_has_no_rows_and_a_body_of_something_else_is_none() {
        let empty = br#"{"dimensionHeaders":[{"name":"date"}],"metricHeaders":[],"kind":"x"}"#;
        assert_eq!(Report::parse(empty).unwrap().row_count, 0);
        assert!(Report::parse(b"{}").is_err());
        assert!(Report::parse(b"null").is_err());
        let odd = br#"{"dimensionHeaders":[],"rows":[],"rowCount":"many"}"#;
        assert!(Report::parse(odd).is_err());
        let bad = json!({"dimensionHeaders": [], "rows": [row("yesterday", "", "", "1")]});
        assert!(Report::parse(bad.to_string().as_bytes()).is_err());
    }

    #[test]
    fn numbers_of_64_bits_are_asked_for_as_texts() {
        let by = Dimensions { channel: "a".into(), campaign: "b".into() };
        let asked = question(&by, date(2026, 11, 1), date(2026, 11, 30), 500, ROWS_MAX);
        assert_eq!(asked["offset"], "500");
        assert_eq!(asked["limit"], "100000");
        assert_eq!(asked["dateRanges"][0]["endDate"], "2026-11-30");
    }
}
