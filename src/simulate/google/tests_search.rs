//! What Search Console answers, told by examples over a socket.

use jiff::civil::date;
use reqwest::Method;
use serde_json::{Value, json};

use super::Searched;
use super::tests::{BOTH, Running, Told};

const SITE: &str = "sc-domain%3Aexample.com";

impl Running {
    async fn search(&self, site: &str, request: &Value) -> Told {
        let path = format!("/webmasters/v3/sites/{site}/searchAnalytics/query");
        self.send(Method::POST, &path, request.to_string()).await
    }

    /// Some searches of the first two days of April 2026. It is the fourth of May.
    async fn searched(faults: &str) -> Running {
        let running = Running::new(faults).await;
        {
            let mut property = running.property.lock().unwrap();
            property.set_site("sc-domain:example.com", "siteFullUser");
            property.set_site("https://shop.example.com/", "siteOwner");
            property.set_site("https://old.example.com/", "siteUnverifiedUser");
            let pages = ["https://www.example.com/", "https://shop.example.com/a"];
            let first = date(2026, 4, 1);
            property.add_searched(first, Searched::new("racks", pages[0], 10, 100, 2.0));
            property.add_searched(first, Searched::new("cage", pages[1], 5, 300, 8.0));
            property.add_searched(first, Searched::new("", pages[0], 2, 50, 20.0));
            let mut beside = Searched::new("racks", pages[1], 0, 100, 3.0);
            beside.beside = true;
            property.add_searched(first, beside);
            let second = date(2026, 4, 2);
            property.add_searched(second, Searched::new("racks", pages[0], 20, 100, 4.0));
            let mut mobile = Searched::new("racks", pages[0], 1, 10, 9.0);
            (mobile.device, mobile.country) = ("MOBILE", "can");
            property.add_searched(second, mobile);
        }
        running
    }
}

fn april(dimensions: &[&str], more: Value) -> Value {
    let mut request =
        json!({"startDate": "2026-04-01", "endDate": "2026-04-30", "dimensions": dimensions});
    for (name, value) in more.as_object().unwrap() {
        request[name] = value.clone();
    }
    request
}

/// Each row as its keys, clicks and impressions.
fn rows(told: &Told) -> Vec<String> {
    assert_eq!(told.status, 200, "{}", told.text);
    let rows = told.json()["rows"].as_array().cloned().unwrap_or_default();
    let line = |row: &Value| {
        let keys = row["keys"].as_array().cloned().unwrap_or_default();
        let keys: Vec<&str> = keys.iter().map(|key| key.as_str().unwrap()).collect();
        format!("{} {} {}", keys.join(" "), row["clicks"], row["impressions"])
    };
    rows.iter().map(line).collect()
}

#[tokio::test]
async fn sites_are_told_with_the_level_of_permission() {
    let running = Running::searched("").await;
    let told = running.send(Method::GET, "/webmasters/v3/sites", String::new()).await.json();
    assert_eq!(told["siteEntry"].as_array().unwrap().len(), 3);
    let path = format!("/webmasters/v3/sites/{SITE}");
    let told = running.send(Method::GET, &path, String::new()).await.json();
    assert_eq!(
        told,
        json!({"siteUrl": "sc-domain:example.com", "permissionLevel": "siteFullUser"})
    );
    for site in ["https%3A%2F%2Fold.example.com%2F", "sc-domain%3Aother.test"] {
        let told = running.search(site, &april(&[], json!({}))).await;
        assert_eq!(told.error(), (403, "forbidden".to_owned()), "{site}");
    }
    let told = running.search("https%3A%2F%2Fold.example.com%2F", &april(&[], json!({}))).await;
    assert!(told.message().contains("for site 'https://old.example.com/'."), "{}", told.text);
}

#[tokio::test]
async fn queries_are_ranked_by_clicks_and_rare_ones_only_count() {
    let running = Running::searched("").await;
    let total = running.search(SITE, &april(&[], json!({}))).await;
    assert_eq!(rows(&total), [" 38 560"]);
    assert_eq!(total.json()["responseAggregationType"], "byProperty");
    let told = running.search(SITE, &april(&["QUERY"], json!({}))).await;
    assert_eq!(rows(&told), ["racks 31 210", "cage 5 300"]);
    let row = told.json()["rows"][0].clone();
    assert_eq!(row["position"], json!((200.0 + 400.0 + 90.0) / 210.0));
    assert_eq!(row["ctr"], json!(31.0 / 210.0));
    // The days without data are not there, and they are in their order.
    let told = running.search(SITE, &april(&["date"], json!({}))).await;
    assert_eq!(rows(&told), ["2026-04-01 17 450", "2026-04-02 21 110"]);
    assert!(told.json().get("metadata").is_none());
    let told = running.search(SITE, &april(&["device", "country"], json!({}))).await;
    assert_eq!(rows(&told), ["DESKTOP usa 37 550", "MOBILE can 1 10"]);
    let nothing = json!({"type": "IMAGE", "dimensions": ["query"]});
    let told = running.search(SITE, &april(&[], nothing)).await.json();
    assert_eq!(told, json!({"responseAggregationType": "byProperty"}));
}

#[tokio::test]
async fn by_page_each_of_them_counts() {
    let running = Running::searched("").await;
    let told = running.search(SITE, &april(&["page"], json!({}))).await;
    let pages = ["https://www.example.com/ 33 260", "https://shop.example.com/a 5 400"];
    assert_eq!(rows(&told), pages);
    assert_eq!(told.json()["responseAggregationType"], "byPage");
    let shop = "https%3A%2F%2Fshop.example.com%2F";
    let told = running.search(shop, &april(&["page"], json!({}))).await;
    assert_eq!(rows(&told), pages[1..]);
    let by_property = json!({"aggregationType": "byProperty"});
    let told = running.search(SITE, &april(&["page"], by_property)).await;
    assert!(told.message().starts_with("'BY_PROPERTY' is not a valid aggregation type"));
    let by_page = json!({"aggregationType": "BY_PAGE"});
    assert_eq!(rows(&running.search(SITE, &april(&[], by_page)).await), [" 38 660"]);
}

#[tokio::test]
async fn filters_are_those_of_the_vendor() {
    let running = Running::searched("").await;
    for (operator, expression, expected) in [
        ("equals", "RACKS", "racks 31 210"),
        ("notContains", "rack", "cage 5 300"),
        ("includingRegex", "^c.ge$", "cage 5 300"),
        ("EXCLUDING_REGEX", "ca|x", "racks 31 210"),
    ] {
        let filter = json!({"dimension": "QUERY", "operator": operator, "expression": expression});
        let more = json!({"dimensionFilterGroups": [{"groupType": "and", "filters": [filter]}]});
        let told = running.search(SITE, &april(&["query"], more)).await;
        assert_eq!(rows(&told), [expected], "{operator}");
    }
    // Who filters by queries loses the rare ones.
    let filter = json!({"dimension": "query", "operator": "notEquals", "expression": "nothing"});
    let more = json!({"dimensionFilterGroups": [{"filters": [filter]}]});
    assert_eq!(rows(&running.search(SITE, &april(&[], more)).await), [" 36 510"]);
}

#[tokio::test]
async fn rows_are_limited_and_paged() {
    let running = Running::searched("").await;
    let page = |start: i64| april(&["query"], json!({"rowLimit": 1, "startRow": start}));
    assert_eq!(rows(&running.search(SITE, &page(0)).await), ["racks 31 210"]);
    assert_eq!(rows(&running.search(SITE, &page(1)).await), ["cage 5 300"]);
    assert!(running.search(SITE, &page(2)).await.json().get("rows").is_none());
    for (more, begins) in [
        (json!({"rowLimit": 25_001}), "Invalid value '25001'. Values must be within the range: [1"),
        (json!({"rowLimit": 0}), "Invalid value '0'."),
        (json!({"startDate": "2026-4-1"}), "Invalid value for startDate"),
        (json!({"startDate": null}), "startDate field is required."),
        (json!({"endDate": "2026-03-01"}), "startDate 2026-04-01 is after"),
        (json!({"dimensions": ["colour"]}), "Invalid value for dimensions"),
        (json!({"colour": 1}), "Invalid JSON payload received. Unknown name \"colour\""),
    ] {
        let told = running.search(SITE, &april(&["query"], more)).await;
        assert_eq!(told.status, 400, "{}", told.text);
        assert!(told.message().starts_with(begins), "{}", told.text);
    }
    let kept = "[data]\nsearch_rows = 1";
    running.simulator.set_faults(super::Faults::from_toml(kept).unwrap());
    let told = running.search(SITE, &april(&["date", "query"], json!({}))).await;
    assert_eq!(rows(&told), ["2026-04-01 racks 10 100", "2026-04-02 racks 21 110"]);
}

#[tokio::test]
async fn final_days_are_three_days_old_and_fresh_ones_are_marked() {
    let running = Running::searched("").await;
    {
        let mut property = running.property.lock().unwrap();
        for day in [1, 2, 3, 4] {
            let searched = Searched::new("racks", "https://www.example.com/", 100, 1000, 2.0);
            property.add_searched(date(2026, 5, day), searched);
        }
        let old = Searched::new("racks", "https://www.example.com/", 9, 90, 2.0);
        property.add_searched(date(2025, 1, 3), old.clone());
        property.add_searched(date(2025, 1, 4), old);
    }
    let ask = |state: &str| {
        json!({"startDate": "2026-05-01", "endDate": "2026-05-10",
            "dimensions": ["DATE"], "dataState": state})
    };
    let told = running.search(SITE, &ask("final")).await;
    assert_eq!(rows(&told), ["2026-05-01 100 1000"]);
    assert!(told.json().get("metadata").is_none());
    // Nine in the morning in the Pacific.
    let told = running.search(SITE, &ask("ALL")).await;
    let days =
        ["2026-05-01 100 1000", "2026-05-02 85 856", "2026-05-03 76 768", "2026-05-04 15 156"];
    assert_eq!(rows(&told), days);
    assert_eq!(told.json()["metadata"]["firstIncompleteDate"], "2026-05-02");
    running.advance(24);
    running.log_in(BOTH).await;
    let told = running.search(SITE, &ask("final")).await;
    assert_eq!(rows(&told), ["2026-05-01 100 1000", "2026-05-02 100 1000"]);
    // Sixteen months are kept.
    let old = json!({"startDate": "2025-01-01", "endDate": "2025-01-31", "dimensions": ["date"]});
    assert!(rows(&running.search(SITE, &old).await).is_empty());
}

#[tokio::test]
async fn minutes_and_loads_are_limited() {
    let running = Running::searched("[limits]\nsearch_per_minute = 2").await;
    let request = april(&["query", "page"], json!({}));
    for _ in 0..2 {
        assert_eq!(running.search(SITE, &request).await.status, 200);
    }
    let told = running.search(SITE, &request).await;
    assert_eq!(told.error(), (429, "rateLimitExceeded".to_owned()));
    let loads = "[limits]\nsearch_load = 100";
    running.simulator.set_faults(super::Faults::from_toml(loads).unwrap());
    let told = running.search(SITE, &request).await;
    assert_eq!(told.error(), (403, "quotaExceeded".to_owned()));
    assert_eq!(running.simulator.requests().refused, 2);
}
