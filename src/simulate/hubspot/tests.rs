//! Proves that the simulator keeps the vendor's rules: paging, caps, merges, archives, limits.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Clock, Faults, Object, Portal, Simulator};

/// 2026-03-02T08:00:00Z.
pub(super) const START_MS: i64 = 1_772_438_400_000;

pub(super) fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(START_MS + ms).expect("an instant")
}

pub(super) struct Bench {
    pub(super) simulator: Simulator,
    pub(super) portal: Arc<Mutex<Portal>>,
    now_ms: Arc<AtomicI64>,
    pub(super) client: reqwest::Client,
}

impl Bench {
    pub(super) async fn new(portal: Portal, faults: &str) -> Bench {
        let portal = Arc::new(Mutex::new(portal));
        let now_ms = Arc::new(AtomicI64::new(START_MS));
        let told = Arc::clone(&now_ms);
        let clock: Clock = Arc::new(move || {
            Timestamp::from_millisecond(told.load(Ordering::Relaxed)).expect("an instant")
        });
        let faults = Faults::from_toml(faults).expect("good faults");
        let simulator =
            Simulator::start(Arc::clone(&portal), faults, clock, 0).await.expect("a free port");
        let client = crate::net::client("http://", std::time::Duration::from_secs(20), None)
            .expect("a client");
        Bench { simulator, portal, now_ms, client }
    }

    pub(super) fn pass(&self, ms: i64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    pub(super) async fn raw(&self, method: &str, path: &str, body: Value) -> reqwest::Response {
        let url = format!("{}{path}", self.simulator.base_url());
        let method = reqwest::Method::from_bytes(method.as_bytes()).expect("a method");
        let request = self.client.request(method, url).bearer_auth("t");
        let request = if body.is_null() { request } else { request.json(&body) };
        request.send().await.expect("an answer")
    }

    pub(super) async fn ask(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let response = self.raw(method, path, body).await;
        let status = response.status().as_u16();
        let text = response.text().await.expect("a body");
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    pub(super) async fn get(&self, path: &str) -> (u16, Value) {
        self.ask("GET", path, Value::Null).await
    }

    pub(super) async fn search(&self, filters: Value, sort: &str, after: usize) -> (u16, Value) {
        let body = json!({
            "filterGroups": [{ "filters": filters }],
            "sorts": [{ "propertyName": sort, "direction": "ASCENDING" }],
            "properties": ["lastmodifieddate"], "limit": 200, "after": after.to_string(),
        });
        self.ask("POST", "/crm/objects/2026-09/contacts/search", body).await
    }
}

pub(super) fn contacts(count: usize, stamp_ms: impl Fn(usize) -> i64) -> Portal {
    let mut portal = Portal::empty();
    for n in 0..count {
        let properties = vec![("email".to_owned(), format!("p{n}@example.test"))];
        portal.create_with_id(Object::Contact, 1001 + n as u64, properties, at(stamp_ms(n)));
    }
    portal
}

pub(super) fn ids(value: &Value) -> Vec<u64> {
    let rows = value["results"].as_array().expect("results");
    rows.iter().map(|r| r["id"].as_str().and_then(|i| i.parse().ok()).expect("an id")).collect()
}

fn filter(name: &str, operator: &str, value: &str) -> Value {
    json!([{ "propertyName": name, "operator": operator, "value": value }])
}

fn pair(primary: u64, loser: u64) -> Value {
    json!({ "primaryObjectId": primary.to_string(), "objectIdToMerge": loser.to_string() })
}

pub(super) const FREE: &str = "[limits]\nenforce = false\n";

#[tokio::test]
async fn the_list_pages_by_id_and_keeps_its_caps() {
    let bench = Bench::new(contacts(250, |n| n as i64), FREE).await;
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let path = format!("/crm/objects/2026-09/contacts?limit=100&properties=email,zz{after}");
        let (status, page) = bench.get(&path).await;
        assert_eq!(status, 200);
        seen.extend(ids(&page));
        let Some(next) = page["paging"]["next"]["after"].as_str() else { break };
        after = format!("&after={next}");
    }
    assert_eq!(seen, (1001..1251).collect::<Vec<u64>>());
    let (status, page) = bench.get("/crm/v3/objects/0-1?properties=phone").await;
    assert_eq!((status, ids(&page).len()), (200, 10));
    let properties = &page["results"][0]["properties"];
    assert!(properties["phone"].is_null() && properties.get("phone").is_some());
    assert_eq!(properties["createdate"], "2026-03-02T08:00:00.000Z");
    assert!(properties.get("email").is_none());
    assert_eq!(bench.get("/crm/objects/2026-09/contacts?limit=101").await.0, 400);
    let with_history = "/crm/objects/2026-09/contacts?propertiesWithHistory=email&limit=";
    assert_eq!(bench.get(&format!("{with_history}51")).await.0, 400);
    let (status, page) = bench.get(&format!("{with_history}50")).await;
    assert_eq!(status, 200);
    let history = &page["results"][0]["propertiesWithHistory"]["email"][0];
    assert_eq!(history["value"], "p0@example.test");
    assert_eq!(bench.simulator.requests().list, 7);
}

#[tokio::test]
async fn a_search_ends_at_ten_thousand_and_an_instant_drains_by_id() {
    let bench = Bench::new(contacts(10_500, |_| 7), FREE).await;
    let since = json!([{
        "propertyName": "lastmodifieddate", "operator": "GTE", "value": START_MS.to_string(),
    }]);
    let (status, page) = bench.search(since.clone(), "lastmodifieddate", 9800).await;
    assert_eq!((status, &page["total"]), (200, &json!(10_500)));
    assert_eq!(page["paging"]["next"]["after"], "10000");
    assert!(!ids(&page).is_sorted(), "ties are not in the order of ids");
    assert_eq!(bench.search(since, "lastmodifieddate", 10_000).await.0, 400);
    let (mut last, mut seen) = (0, Vec::new());
    loop {
        let filters = json!([
            { "propertyName": "lastmodifieddate", "operator": "EQ",
              "value": (START_MS + 7).to_string() },
            { "propertyName": "hs_object_id", "operator": "GT", "value": last.to_string() },
        ]);
        let (status, page) = bench.search(filters, "hs_object_id", 0).await;
        assert_eq!((status, &page["total"]), (200, &json!(10_500 - seen.len())));
        seen.extend(ids(&page));
        if page.get("paging").is_none() {
            break;
        }
        last = *seen.last().expect("a row");
    }
    assert_eq!(seen, (1001..11_501).collect::<Vec<u64>>());
}

#[tokio::test]
async fn searches_refuse_what_the_vendor_refuses_and_scan_what_they_must() {
    let bench = Bench::new(contacts(500, |n| n as i64), FREE).await;
    let epoch = filter("lastmodifieddate", "GTE", "0");
    assert_eq!(bench.search(epoch, "lastmodifieddate", 0).await.0, 500);
    let wrong_name = filter("hs_lastmodifieddate", "GTE", "1");
    assert_eq!(bench.search(wrong_name, "hs_object_id", 0).await.0, 400);
    let path = "/crm/objects/2026-09/contacts/search";
    let two = json!({ "sorts": ["hs_object_id", "createdate"] });
    assert_eq!(bench.ask("POST", path, two).await.0, 400);
    let (_, page) = bench.search(filter("email", "EQ", "P7@example.test"), "createdate", 0).await;
    assert_eq!((ids(&page), &page["total"]), (vec![1008], &json!(1)));
    let window = json!([
        { "propertyName": "lastmodifieddate", "operator": "BETWEEN",
          "value": "2026-03-02T08:00:00.100999Z", "highValue": (START_MS + 199).to_string() },
        { "propertyName": "hs_object_id", "operator": "GT", "value": 1150 },
    ]);
    let (_, page) = bench.search(window, "hs_object_id", 0).await;
    assert_eq!(ids(&page), (1151..1201).collect::<Vec<u64>>());
    let down = json!({ "sorts": ["-hs_object_id"], "limit": 3, "after": "2" });
    let (_, page) = bench.ask("POST", path, down).await;
    assert_eq!(ids(&page), [1498, 1497, 1496]);
    let newest = json!({ "limit": 2, "after": 498,
        "sorts": [{ "propertyName": "lastmodifieddate", "direction": "DESCENDING" }] });
    let (_, page) = bench.ask("POST", path, newest).await;
    assert_eq!((ids(&page), page.get("paging")), (vec![1002, 1001], None));
}

#[tokio::test]
async fn merges_chain_and_lead_to_the_survivor() {
    let mut portal = Portal::empty();
    for id in 1..=4 {
        portal.create_with_id(Object::Deal, id, Vec::new(), at(0));
    }
    portal.create_with_id(Object::Contact, 50, Vec::new(), at(0));
    portal.associate((Object::Deal, 2), (Object::Contact, 50));
    let bench = Bench::new(portal, FREE).await;
    bench.pass(5000);
    let path = "/crm/objects/2026-09/deals/merge";
    let (status, first) = bench.ask("POST", path, pair(1, 2)).await;
    assert_eq!(status, 200);
    let first: u64 = first["id"].as_str().and_then(|i| i.parse().ok()).expect("an id");
    assert!(first > 4);
    let (_, second) = bench.ask("POST", path, pair(3, first)).await;
    assert_eq!(second["properties"]["hs_merged_object_ids"], format!("1;2;3;{first}"));
    assert_eq!(second["updatedAt"], "2026-03-02T08:00:05.000Z");
    let (_, read) = bench.get("/crm/objects/2026-09/deals/1").await;
    assert_eq!(read["id"], second["id"]);
    let (_, list) = bench.get("/crm/objects/2026-09/deals").await;
    assert_eq!(ids(&list).len(), 2);
    let links = json!({ "inputs": [{ "id": "2" }, { "id": second["id"] }] });
    let path = "/crm/associations/2026-09/deals/contacts/batch/read";
    let (status, read) = bench.ask("POST", path, links).await;
    assert_eq!((status, read["results"].as_array().map(Vec::len)), (207, Some(1)));
    assert_eq!(read["results"][0]["to"][0]["toObjectId"], "50");
    assert_eq!(read["results"][0]["to"][0]["associationTypes"][0]["typeId"], 3);
}

#[tokio::test]
async fn archived_records_leave_the_list_and_the_search() {
    let mut portal = contacts(3, |n| n as i64);
    portal.archive(Object::Contact, 1002, at(100));
    portal.hide_from_search(Object::Contact, 1003, at(2000));
    let bench = Bench::new(portal, FREE).await;
    let (_, live) = bench.get("/crm/objects/2026-09/contacts").await;
    assert_eq!(ids(&live), [1001, 1003]);
    let (_, gone) = bench.get("/crm/objects/2026-09/contacts?archived=true").await;
    assert_eq!(ids(&gone), [1002]);
    assert_eq!(gone["results"][0]["archivedAt"], "2026-03-02T08:00:00.100Z");
    assert_eq!(bench.get("/crm/objects/2026-09/contacts/1002").await.0, 404);
    let all = json!([{ "propertyName": "lastmodifieddate", "operator": "GT", "value": "1" }]);
    let (_, page) = bench.search(all.clone(), "lastmodifieddate", 0).await;
    assert_eq!((ids(&page), &page["total"]), (vec![1001], &json!(1)));
    bench.pass(2000);
    let (_, page) = bench.search(all, "lastmodifieddate", 0).await;
    assert_eq!(ids(&page), [1001, 1003]);
    bench.portal.lock().expect("the portal").restore(Object::Contact, 1002, at(3000));
    let (_, live) = bench.get("/crm/objects/2026-09/contacts").await;
    assert_eq!(ids(&live), [1001, 1002, 1003]);
}

#[tokio::test]
async fn batches_answer_207_and_links_page_per_record() {
    let mut portal = contacts(5, |_| 0);
    portal.create_with_id(Object::Deal, 9, Vec::new(), at(0));
    for contact in 1001..1006 {
        portal.associate((Object::Deal, 9), (Object::Contact, contact));
    }
    let faults = "[limits]\nenforce = false\nassociations_page = 2\n";
    let bench = Bench::new(portal, faults).await;
    let read = json!({ "inputs": [{ "id": "1001" }, { "id": "77" }, { "id": "1004" }] });
    let (status, page) = bench.ask("POST", "/crm/v3/objects/contacts/batch/read", read).await;
    assert_eq!((status, ids(&page).len(), &page["numErrors"]), (207, 2, &json!(1)));
    assert_eq!(page["errors"][0]["context"]["ids"], json!(["77"]));
    let many: Vec<Value> = (0..101).map(|id| json!({ "id": id.to_string() })).collect();
    let path = "/crm/objects/2026-09/contacts/batch/read";
    assert_eq!(bench.ask("POST", path, json!({ "inputs": many })).await.0, 400);
    let many = json!({ "inputs": many[..51], "propertiesWithHistory": ["email"] });
    assert_eq!(bench.ask("POST", path, many).await.0, 400);
    let (mut seen, mut input) = (Vec::new(), json!({ "id": "9" }));
    loop {
        let path = "/crm/v4/associations/deals/contacts/batch/read";
        let (status, page) = bench.ask("POST", path, json!({ "inputs": [input] })).await;
        assert_eq!(status, 200);
        let row = &page["results"][0];
        let to = row["to"].as_array().expect("links");
        seen.extend(to.iter().filter_map(|link| link["toObjectId"].as_u64()));
        let Some(after) = row["paging"]["next"]["after"].as_str() else { break };
        input = json!({ "id": "9", "after": after });
    }
    assert_eq!(seen, [1001, 1002, 1003, 1004, 1005]);
    let (_, page) = bench.get("/crm/objects/2026-09/deals?associations=contacts").await;
    let linked = &page["results"][0]["associations"]["contacts"];
    assert_eq!(linked["results"][1], json!({ "id": "1002", "type": "deal_to_contact" }));
    assert_eq!(linked["paging"]["next"]["after"], "2");
}

#[tokio::test]
async fn stages_set_their_consequences_and_history_is_newest_first() {
    let bench = Bench::new(Portal::empty(), FREE).await;
    let body = json!({ "properties": { "dealstage": "qualifiedtobuy", "amount": 12.5 } });
    let (status, made) = bench.ask("POST", "/crm/objects/2026-09/deals", body).await;
    assert_eq!((status, &made["properties"]["hs_is_closed"]), (201, &json!("false")));
    bench.pass(1000);
    let path = format!("/crm/objects/2026-09/deals/{}", made["id"].as_str().expect("an id"));
    let body = json!({ "properties": { "dealstage": "closedwon", "amount": null } });
    let (_, made) = bench.ask("PATCH", &path, body).await;
    assert_eq!(made["properties"]["hs_is_closed_won"], "true");
    let (_, read) = bench.get(&format!("{path}?propertiesWithHistory=dealstage,amount")).await;
    let history = &read["propertiesWithHistory"];
    assert_eq!(history["dealstage"][0]["value"], "closedwon");
    assert_eq!(history["dealstage"][0]["timestamp"], "2026-03-02T08:00:01.000Z");
    assert_eq!(history["dealstage"][1]["value"], "qualifiedtobuy");
    assert_eq!(
        (&history["amount"][0]["value"], &history["amount"][1]["value"]),
        (&json!(""), &json!("12.5"))
    );
    let (_, pipelines) = bench.get("/crm/pipelines/2026-09/deals").await;
    let won = &pipelines["results"][0]["stages"][5]["metadata"];
    assert_eq!(won, &json!({ "isClosed": "true", "probability": "1.0" }));
    assert_eq!(bench.ask("DELETE", &path, Value::Null).await.0, 204);
    assert_eq!(bench.get(&path).await.0, 404);
    assert_eq!(bench.get("/crm/properties/2026-09/deals/amount").await.1["type"], "number");
    assert_eq!(bench.get("/crm/v3/properties/deals/nope").await.0, 404);
}

#[tokio::test]
async fn the_limits_hold_by_the_portals_clock() {
    let bench = Bench::new(contacts(1, |_| 0), "[limits]\nper_10_secs = 8\n").await;
    let all = json!([{ "propertyName": "hs_object_id", "operator": "GT", "value": "1" }]);
    for _ in 0..5 {
        assert_eq!(bench.search(all.clone(), "hs_object_id", 0).await.0, 200);
    }
    let (status, refused) = bench.search(all.clone(), "hs_object_id", 0).await;
    assert_eq!((status, &refused["policyName"]), (429, &json!("SECONDLY")));
    assert_eq!(refused["message"], "You have reached your secondly limit.");
    bench.pass(1000);
    let response = bench.raw("POST", "/crm/v3/objects/contacts/search", json!({})).await;
    assert_eq!(response.status(), 200);
    assert!(response.headers().get("x-hubspot-ratelimit-max").is_none());
    assert_eq!(response.headers()["date"], "Mon, 02 Mar 2026 08:00:01 GMT");
    let response = bench.raw("GET", "/crm/owners/2026-09", Value::Null).await;
    assert_eq!(response.headers()["x-hubspot-ratelimit-remaining"], "1");
    assert_eq!(bench.get("/crm/owners/2026-09").await.0, 200);
    let (status, refused) = bench.get("/crm/owners/2026-09").await;
    assert_eq!((status, &refused["policyName"]), (429, &json!("TEN_SECONDLY_ROLLING")));
    bench.pass(10_000);
    assert_eq!(bench.get("/crm/owners/2026-09").await.0, 200);
    let counted = bench.simulator.requests();
    assert_eq!((counted.refused_429, counted.most_searches_in_1_sec), (2, 6));
    assert_eq!(counted.most_in_10_secs, 10);
}
