//! What the Data API answers, told by examples over a socket.

use std::sync::{Arc, Mutex};

use jiff::civil::date;
use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::pattern::Pattern;
use super::{Faults, Property, Simulator};

pub(super) const BOTH: &str = "https://www.googleapis.com/auth/analytics.readonly \
                               https://www.googleapis.com/auth/webmasters.readonly";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A running property whose clock the test holds. It is noon of a Monday in New York.
pub(super) struct Running {
    pub(super) property: Arc<Mutex<Property>>,
    pub(super) simulator: Simulator,
    now: Arc<Mutex<Timestamp>>,
    client: Client,
    token: Mutex<String>,
}

pub(super) struct Told {
    pub(super) status: u16,
    pub(super) text: String,
}

impl Told {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// The status, and the name or reason of the error.
    pub(super) fn error(&self) -> (u16, String) {
        let error = &self.json()["error"];
        let reason = error["details"][0]["reason"].as_str();
        let named = reason.or(error["errors"][0]["reason"].as_str()).or(error["status"].as_str());
        (self.status, named.unwrap_or_default().to_owned())
    }

    pub(super) fn message(&self) -> String {
        self.json()["error"]["message"].as_str().unwrap_or_default().to_owned()
    }

    /// The rows of a report, each as its values and figures with blanks between them.
    pub(super) fn rows(&self) -> Vec<String> {
        assert_eq!(self.status, 200, "{}", self.text);
        let values = |row: &Value, name: &str| -> Vec<String> {
            let all = row[name].as_array().cloned().unwrap_or_default();
            all.iter().map(|value| value["value"].as_str().unwrap().to_owned()).collect()
        };
        let rows = self.json()["rows"].as_array().cloned().unwrap_or_default();
        let told = |row: &Value| {
            [values(row, "dimensionValues"), values(row, "metricValues")].concat().join(" ")
        };
        rows.iter().map(told).collect()
    }
}

pub(super) fn part(value: &Value) -> String {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(value.to_string())
}

impl Running {
    pub(super) async fn new(faults: &str) -> Running {
        let property = Arc::new(Mutex::new(Property::empty("77", "America/New_York")));
        let now = Arc::new(Mutex::new("2026-05-04T16:00:00Z".parse::<Timestamp>().unwrap()));
        let clock = Arc::clone(&now);
        let clock = Arc::new(move || *clock.lock().unwrap());
        let faults = Faults::from_toml(faults).unwrap();
        let simulator = Simulator::start(Arc::clone(&property), faults, clock, 0).await.unwrap();
        let wait = std::time::Duration::from_secs(20);
        let client = crate::net::client("http://", wait, None).unwrap();
        let running = Running { property, simulator, now, client, token: Mutex::default() };
        running.log_in(BOTH).await;
        running
    }

    pub(super) fn claims(&self, scope: &str) -> Value {
        let now = self.now.lock().unwrap().as_second();
        let audience = "https://oauth2.googleapis.com/token";
        json!({"iss": "a@project.test", "scope": scope, "aud": audience,
            "iat": now, "exp": now + 3600})
    }

    pub(super) async fn assert(&self, claims: &Value) -> Told {
        let head = part(&json!({"alg": "RS256", "typ": "JWT"}));
        let form = format!(
            "grant_type={}&assertion={head}.{}.c2ln",
            JWT_BEARER.replace(':', "%3A"),
            part(claims)
        );
        self.send(Method::POST, "/token", form).await
    }

    pub(super) async fn log_in(&self, scope: &str) {
        let told = self.assert(&self.claims(scope)).await;
        if told.status == 200 {
            let token = told.json()["access_token"].as_str().unwrap().to_owned();
            *self.token.lock().unwrap() = token;
        }
    }

    pub(super) async fn send(&self, method: Method, path: &str, body: String) -> Told {
        let url = format!("{}{path}", self.simulator.base_url());
        let token = self.token.lock().unwrap().clone();
        let request = self.client.request(method, url).bearer_auth(token).body(body);
        let response = request.send().await.unwrap();
        Told { status: response.status().as_u16(), text: response.text().await.unwrap() }
    }

    pub(super) async fn report(&self, request: Value) -> Told {
        self.send(Method::POST, "/v1beta/properties/77:runReport", request.to_string()).await
    }

    pub(super) fn advance(&self, hours: i64) {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(SignedDuration::from_hours(hours)).unwrap();
    }

    /// Sets sessions of a day in April 2026, which is settled.
    pub(super) fn set(&self, day: i8, channel: &str, campaign: &str, count: u32) {
        let mut property = self.property.lock().unwrap();
        property.set_sessions(date(2026, 4, day), channel, campaign, count);
    }
}

/// A request for sessions of April 2026.
pub(super) fn april(dimensions: &[&str], more: Value) -> Value {
    let named: Vec<Value> = dimensions.iter().map(|name| json!({ "name": name })).collect();
    let mut request = json!({
        "dateRanges": [{"startDate": "2026-04-01", "endDate": "2026-04-30"}],
        "dimensions": named,
        "metrics": [{"name": "sessions"}],
    });
    for (name, value) in more.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}

#[tokio::test]
async fn a_report_has_headers_rows_and_what_is_said_about_them() {
    let running = Running::new("").await;
    running.set(1, "Email", "spring", 30);
    running.set(1, "Direct", "(direct)", 50);
    running.set(2, "Email", "spring", 20);
    let told = running.report(april(&["date", "sessionDefaultChannelGroup"], json!({}))).await;
    assert_eq!(told.rows(), ["20260401 Direct 50", "20260401 Email 30", "20260402 Email 20"]);
    let body = told.json();
    assert_eq!(body["metricHeaders"], json!([{"name": "sessions", "type": "TYPE_INTEGER"}]));
    assert_eq!(body["rowCount"], 3);
    assert_eq!(body["metadata"], json!({"currencyCode": "USD", "timeZone": "America/New_York"}));
    assert_eq!(body["kind"], "analyticsData#runReport");
    assert!(body.get("propertyQuota").is_none());
    let requests = running.simulator.requests();
    assert_eq!((requests.reports, requests.token), (1, 1));
}

#[tokio::test]
async fn pages_are_cut_by_limit_and_offset_which_are_texts() {
    let running = Running::new("").await;
    for day in 1..=30 {
        running.set(day, "Email", "spring", u32::from(day.unsigned_abs()));
    }
    let order = json!([{"dimension": {"dimensionName": "date"}}]);
    let page = |offset: &str| {
        let more = json!({"limit": "4", "offset": offset, "orderBys": order});
        running.report(april(&["date"], more))
    };
    let first = page("0").await;
    assert_eq!(first.rows(), ["20260401 1", "20260402 2", "20260403 3", "20260404 4"]);
    assert_eq!(first.json()["rowCount"], 30);
    assert_eq!(page("28").await.rows(), ["20260429 29", "20260430 30"]);
    let beyond = page("30").await.json();
    assert_eq!((beyond.get("rows"), &beyond["rowCount"]), (None, &json!(30)));
    let told = running.report(april(&["date"], json!({"limit": -1}))).await;
    assert_eq!(told.error(), (400, "INVALID_ARGUMENT".to_owned()));
}

#[tokio::test]
async fn a_days_figures_grow_for_two_days_and_their_origin_comes_late() {
    let running = Running::new("").await;
    let may = |day: i8| date(2026, 5, day);
    {
        let mut property = running.property.lock().unwrap();
        property.set_sessions(may(3), "Email", "spring", 1000);
        property.set_sessions(may(4), "Email", "spring", 1000);
        property.set_sessions(may(5), "Email", "spring", 1000);
    }
    let ask = |day: &str| {
        let more = json!({"dateRanges": [{"startDate": day, "endDate": day}]});
        running.report(april(&["sessionDefaultChannelGroup", "sessionCampaignName"], more))
    };
    // Noon of the fourth: eight hours of the day are told, and yesterday is twelve hours old.
    assert_eq!(ask("today").await.rows(), ["Email spring 241", "Unassigned (not set) 42"]);
    assert_eq!(ask("yesterday").await.rows(), ["Email spring 779", "Unassigned (not set) 98"]);
    assert_eq!(ask("1daysAgo").await.rows(), ["Email spring 779", "Unassigned (not set) 98"]);
    assert!(ask("2026-05-05").await.rows().is_empty());
    running.advance(36);
    running.log_in(BOTH).await;
    assert_eq!(ask("3daysAgo").await.rows(), ["Email spring 1000"]);
    running.property.lock().unwrap().set_sessions(may(3), "Email", "spring", 1100);
    assert_eq!(ask("2026-05-03").await.rows(), ["Email spring 1100"]);
    assert_eq!(running.property.lock().unwrap().sessions(may(3), "Email", "spring"), 1100);
}

#[tokio::test]
async fn users_do_not_add_up_and_totals_are_told_on_request() {
    let running = Running::new("").await;
    running.set(1, "Email", "spring", 100);
    running.set(2, "Email", "spring", 100);
    running.set(2, "Direct", "(direct)", 100);
    let more = json!({
        "metrics": [{"name": "totalUsers"}, {"name": "sessions"}],
        "metricAggregations": ["TOTAL", "MAXIMUM"],
    });
    let told = running.report(april(&["date", "sessionDefaultChannelGroup"], more)).await;
    assert_eq!(told.rows().len(), 3);
    let body = told.json();
    let totals = &body["totals"][0];
    assert_eq!(totals["dimensionValues"][1]["value"], "RESERVED_TOTAL");
    let users: u64 = totals["metricValues"][0]["value"].as_str().unwrap().parse().unwrap();
    assert!((82..3 * 82).contains(&users), "{users}");
    assert_eq!(totals["metricValues"][1]["value"], "300");
    assert_eq!(body["maximums"][0]["metricValues"][1]["value"], "100");
}

#[tokio::test]
async fn filters_nest_and_several_ranges_have_a_column() {
    let running = Running::new("").await;
    running.set(1, "Email", "spring-news", 10);
    running.set(1, "Email", "autumn-news", 20);
    running.set(2, "Direct", "(direct)", 40);
    let field = |name: &str, filter: Value| {
        let mut told = filter;
        told["fieldName"] = json!(name);
        json!({ "filter": told })
    };
    let channel = "sessionDefaultChannelGroup";
    let email = field(channel, json!({"stringFilter": {"matchType": 1, "value": "email"}}));
    let begins = json!({"matchType": "BEGINS_WITH", "value": "spring"});
    let spring = field("sessionCampaignName", json!({ "stringFilter": begins }));
    let direct = field(channel, json!({"in_list_filter": {"values": ["Direct"]}}));
    let not_spring = json!({ "notExpression": spring });
    let both = json!({"andGroup": {"expressions": [email, not_spring]}});
    let any = json!({"orGroup": {"expressions": [both, direct]}});
    let told = running.report(april(&["sessionCampaignName"], json!({"dimensionFilter": any})));
    assert_eq!(told.await.rows(), ["(direct) 40", "autumn-news 20"]);
    let ranges = json!([
        {"startDate": "2026-04-01", "endDate": "2026-04-01"},
        {"startDate": "2026-04-02", "endDate": "2026-04-02", "name": "later"},
    ]);
    let more = json!({"dateRanges": ranges, "metricFilter": field("sessions",
        json!({"numericFilter": {"operation": "GREATER_THAN", "value": {"int64Value": "15"}}}))});
    let told = running.report(april(&[channel], more)).await;
    assert_eq!(told.rows(), ["Direct later 40", "Email date_range_0 30"]);
    assert_eq!(told.json()["dimensionHeaders"][1]["name"], "dateRange");
}

#[tokio::test]
async fn small_rows_are_withheld_and_many_campaigns_are_put_together() {
    let running = Running::new("[data]\nthreshold_users = 10\nsampled = true").await;
    for (campaign, count) in [("a", 100), ("b", 60), ("c", 30), ("d", 5)] {
        running.set(1, "Email", campaign, count);
    }
    let ask = || running.report(april(&["sessionCampaignName"], json!({})));
    let told = ask().await;
    assert_eq!(told.rows(), ["a 100", "b 60", "c 30"]);
    let metadata = told.json()["metadata"].clone();
    assert_eq!(metadata["subjectToThresholding"], true);
    assert_eq!(metadata["samplingMetadatas"][0]["samplingSpaceSize"], "1170");
    let faults = Faults::from_toml("[data]\ncampaigns = 2").unwrap();
    running.simulator.set_faults(faults);
    let told = ask().await;
    assert_eq!(told.rows(), ["a 100", "b 60", "(other) 35"]);
    assert_eq!(told.json()["metadata"]["dataLossFromOtherRow"], true);
    // The channel alone has few values, and nothing is lost.
    let told = running.report(april(&["sessionDefaultChannelGroup"], json!({}))).await;
    assert_eq!(told.rows(), ["Email 195"]);
    assert!(told.json()["metadata"].get("dataLossFromOtherRow").is_none());
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    let running = Running::new("").await;
    for (more, begins) in [
        (json!({"dimensions": [{"name": "colour"}]}), "Field colour is not a valid dimension."),
        (json!({"metrics": [{"name": "Sessions"}]}), "Did you mean sessions? Field Sessions is"),
        (json!({"dateRanges": []}), "A dateRange is required."),
        (
            json!({"dateRanges": [{"startDate": "2026-04-31", "endDate": "today"}]}),
            "Invalid date: 2026-04-31.",
        ),
        (
            json!({"dateRanges": [{"startDate": "today", "endDate": "yesterday"}]}),
            "The startDate 2026-05-04 is after",
        ),
        (json!({"colour": 1}), "Invalid JSON payload received. Unknown name \"colour\": Cannot"),
        (json!({"limit": "many"}), "Invalid value at 'limit'"),
    ] {
        let told = running.report(april(&["date"], more)).await;
        assert_eq!(told.status, 400);
        assert!(told.message().starts_with(begins), "{}", told.text);
    }
    let post = |path: &'static str| running.send(Method::POST, path, "{}".to_owned());
    let told = post("/v1beta/properties/78:runReport").await;
    assert_eq!(told.error(), (403, "PERMISSION_DENIED".to_owned()));
    assert!(told.message().starts_with("User does not have sufficient permissions for this"));
    let told = post("/v1beta/properties/UA-1:runReport").await;
    assert!(told.message().starts_with("Invalid property ID: UA-1."));
    assert!(post("/v1beta/properties/77:other").await.text.contains("404."));
}

#[tokio::test]
async fn batches_lists_of_fields_and_compatibility_are_told() {
    let running = Running::new("").await;
    running.set(1, "Email", "spring", 10);
    let two = json!({"requests": [april(&["date"], json!({})), april(&[], json!({}))]});
    let path = "/v1beta/properties/77:batchRunReports";
    let told = running.send(Method::POST, path, two.to_string()).await.json();
    assert_eq!(told["kind"], "analyticsData#batchRunReports");
    assert_eq!(told["reports"][1]["rows"], json!([{"metricValues": [{"value": "10"}]}]));
    assert_eq!(running.simulator.requests().reports, 2);
    let path = "/v1beta/properties/77/metadata";
    let told = running.send(Method::GET, path, String::new()).await.json();
    assert_eq!(told["name"], "properties/77/metadata");
    assert_eq!(told["dimensions"][0]["apiName"], "date");
    let path = "/v1beta/properties/77:checkCompatibility";
    let told = running.send(Method::POST, path, "{}".to_owned()).await.json();
    assert_eq!(told["metricCompatibilities"][0]["compatibility"], "COMPATIBLE");
}

#[test]
fn patterns_match_as_re2_does_as_far_as_they_go() {
    for (pattern, text, whole, expected) in [
        ("spr.*", "spring", true, true),
        ("spr", "spring", true, false),
        ("ring$", "spring", false, true),
        ("^(a|b)+c?$", "ababc", false, true),
        ("[a-c]\\d+", "x b42", false, true),
        ("[^a-c]", "abc", false, false),
        ("a|b", "xb", true, false),
        ("(?:rack|cage)s?", "racks", true, true),
    ] {
        let found = Pattern::read(pattern).unwrap().matches(text, whole);
        assert_eq!(found, expected, "{pattern} {text}");
    }
    for bad in ["(", "a)", "*a", "[a", "a{2}", "\\1"] {
        assert!(Pattern::read(bad).is_none(), "{bad}");
    }
}

#[test]
fn the_invented_company_is_a_property_and_a_site() {
    let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
    let property = crate::simulate::Company::generate(42).property_at(now);
    let channels: std::collections::BTreeSet<&str> =
        property.origins.iter().map(|origin| origin.channel.as_str()).collect();
    assert!(channels.contains("Organic Search") && channels.contains("Organic Social"));
    assert_eq!(channels.len(), 7);
    let campaigns = property.origins.iter().map(|origin| origin.campaign.as_str());
    assert!(campaigns.clone().any(|name| name == "search-ads-brand"));
    assert!(property.days.keys().next_back().is_some_and(|last| *last == date(2026, 11, 23)));
    let mean = |from: jiff::civil::Date, to: jiff::civil::Date| {
        let days = property.searches.range(from..=to).flat_map(|day| day.1);
        let of = days.filter(|row| row.query == "disaster recovery colocation");
        let (sum, count) = of.fold((0.0, 0.0), |sum, row| {
            let seen = f64::from(row.impressions);
            (sum.0 + row.position * seen, sum.1 + seen)
        });
        sum / count
    };
    assert!(mean(date(2026, 8, 1), date(2026, 8, 31)) < 4.0);
    assert!(mean(date(2026, 11, 1), date(2026, 11, 20)) > 10.0);
    let clicks: u32 = property.searches[&date(2026, 10, 6)].iter().map(|row| row.clicks).sum();
    let visits = property.sessions(date(2026, 10, 6), "Organic Search", "(organic)");
    assert!((visits / 2..visits * 2).contains(&clicks), "{clicks} of {visits}");
}

#[test]
fn a_folder_of_canonical_files_becomes_a_property() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    put("visit.csv", "at,count,channel,campaign\n2026-04-01,10,Email,spring\n2026-04-01,5,,\n");
    put("ranking.csv", "keyword,at,position\ncolocation,2026-04-01,3.5\n");
    let zone = jiff::tz::TimeZone::get("Europe/Berlin").unwrap();
    let property = Property::from_csv(dir.path(), &zone).unwrap();
    assert_eq!(property.sessions(date(2026, 4, 1), "Email", "spring"), 10);
    assert_eq!(property.sessions(date(2026, 4, 1), "Unassigned", "(not set)"), 5);
    assert_eq!(property.zone_name, "Europe/Berlin");
    assert_eq!(property.searches[&date(2026, 4, 1)][0].position, 3.5);
    put("visit.csv", "at,count\n2026-04-01,ten\n");
    assert!(Property::from_csv(dir.path(), &zone).unwrap_err().ends_with("number: \"ten\""));
}

#[test]
fn generated_rows_are_as_many_as_were_asked_for() {
    let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
    for rows in [1, 80, 1000, 100_000] {
        let property = super::generated(rows, 1, now);
        assert_eq!(property.days.values().map(Vec::len).sum::<usize>(), rows);
        assert_eq!(property.days.keys().next_back(), Some(&date(2026, 11, 22)));
    }
}
