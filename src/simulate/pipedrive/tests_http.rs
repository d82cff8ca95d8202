//! What the endpoints answer, told by examples over a socket.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::tests::day;
use super::{Account, Clock, Faults, Simulator};

pub(super) const FREE: &str = "[limits]\nenforce = false\n";

/// It follows no redirect.
pub(super) fn http() -> Client {
    crate::net::client("http://", std::time::Duration::from_secs(20), None).unwrap()
}

/// A running account whose clock the test holds.
pub(super) struct Running {
    pub(super) account: Arc<Mutex<Account>>,
    pub(super) simulator: Simulator,
    now_ms: Arc<AtomicI64>,
    client: Client,
}

pub(super) struct Told {
    pub(super) status: u16,
    headers: reqwest::header::HeaderMap,
    pub(super) text: String,
}

impl Told {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    fn ids(&self) -> Vec<u64> {
        let body = self.json();
        body["data"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
    }

    fn cursor(&self) -> Option<String> {
        self.json()["additional_data"]["next_cursor"].as_str().map(str::to_owned)
    }
}

impl Running {
    /// It is the 20th of May 2026.
    pub(super) async fn new(account: Account, faults: &str) -> Running {
        let account = Arc::new(Mutex::new(account));
        let now_ms = Arc::new(AtomicI64::new(day(20).as_millisecond()));
        let told = Arc::clone(&now_ms);
        let clock: Clock =
            Arc::new(move || Timestamp::from_millisecond(told.load(Ordering::Relaxed)).unwrap());
        let faults = Faults::from_toml(faults).unwrap();
        let simulator = Simulator::start(Arc::clone(&account), faults, clock, 0).await.unwrap();
        let client = http();
        Running { account, simulator, now_ms, client }
    }

    pub(super) fn pass(&self, secs: i64) {
        self.now_ms.fetch_add(secs * 1000, Ordering::Relaxed);
    }

    pub(super) async fn send(&self, method: Method, path: &str, body: Value) -> Told {
        let url = format!("{}{path}", self.simulator.base_url());
        let mut request = self.client.request(method, url).header("x-api-token", "t");
        if !body.is_null() {
            request = request.json(&body);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Told { status, headers, text: response.text().await.unwrap() }
    }

    pub(super) async fn get(&self, path: &str) -> Told {
        self.send(Method::GET, path, Value::Null).await
    }
}

/// An account with this many deals, one a day.
pub(super) fn deals(count: i64) -> Account {
    let mut account = Account::empty();
    for number in 1..=count {
        let title = json!(format!("Deal {number}"));
        account.create("deals", &[("title", title)], day(number));
    }
    account
}

#[tokio::test]
async fn a_list_goes_on_behind_its_cursor_until_there_is_none() {
    let running = Running::new(deals(7), FREE).await;
    let mut seen = Vec::new();
    let mut path = "/api/v2/deals?limit=3".to_owned();
    loop {
        let told = running.get(&path).await;
        seen.extend(told.ids());
        let Some(cursor) = told.cursor() else { break };
        path = format!("/api/v2/deals?limit=3&cursor={cursor}");
    }
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);
    let told = running.get("/api/v2/deals?limit=2&sort_by=update_time&sort_direction=desc").await;
    assert_eq!(told.ids(), [7, 6]);
    let cursor = told.cursor().unwrap();
    running.account.lock().unwrap().update("deals", "3", &[("value", json!(9))], day(19));
    assert_eq!(running.get(&format!("/api/v2/deals?cursor={cursor}")).await.ids(), [5, 4, 2, 1]);
}

#[tokio::test]
async fn the_last_page_says_so_in_three_ways() {
    let running = Running::new(deals(1), FREE).await;
    let mut ways = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let body = running.get("/api/v2/deals").await.json();
        ways.insert(body.get("additional_data").map_or("none".to_owned(), Value::to_string));
    }
    let ways: Vec<&str> = ways.iter().map(String::as_str).collect();
    assert_eq!(ways, ["none", "null", "{\"next_cursor\":null}"]);
}

#[tokio::test]
async fn deleted_and_archived_deals_are_in_lists_of_their_own() {
    let mut account = deals(5);
    account.delete("deals", "1", day(10));
    account.archive("deals", "2", day(10));
    account.win("3", day(10));
    let running = Running::new(account, FREE).await;
    assert_eq!(running.get("/api/v2/deals").await.ids(), [3, 4, 5]);
    let all = "/api/v2/deals?status=open,won,lost,deleted";
    assert_eq!(running.get(all).await.ids(), [1, 3, 4, 5]);
    assert_eq!(running.get("/api/v2/deals?status=won").await.ids(), [3]);
    assert_eq!(running.get("/api/v2/deals/archived").await.ids(), [2]);
    running.account.lock().unwrap().unarchive("deals", "2", day(11));
    assert_eq!(running.get("/api/v2/deals/archived").await.ids(), [0_u64; 0]);
    running.pass(20 * 86_400);
    assert_eq!(running.get("/api/v2/deals?status=deleted").await.ids(), [0_u64; 0]);
    assert_eq!(running.get("/api/v2/deals/1").await.status, 404);
}

#[tokio::test]
async fn updated_since_counts_its_second_and_updated_until_does_not() {
    let running = Running::new(deals(4), FREE).await;
    let path =
        "/api/v2/deals?updated_since=2026-05-02T12:00:00Z&updated_until=2026-05-04T12:00:00Z";
    assert_eq!(running.get(path).await.ids(), [2, 3]);
    let with = format!("{path}&filter_id=1");
    assert_eq!(running.get(&with).await.ids(), [1, 2, 3, 4]);
    for wrong in ["2026-05-02T12:00:00.000Z", "2026-05-02 12:00:00", "yesterday"] {
        let told = running.get(&format!("/api/v2/deals?updated_since={wrong}")).await;
        assert_eq!((told.status, &told.json()["success"]), (400, &json!(false)), "{wrong}");
    }
    for wrong in ["limit=501", "limit=0", "status=new", "sort_by=title", "cursor=x", "owner_id=a"] {
        assert_eq!(running.get(&format!("/api/v2/deals?{wrong}")).await.status, 400, "{wrong}");
    }
}

#[tokio::test]
async fn the_lead_of_a_deal_is_told_on_request_only() {
    let mut account = Account::empty();
    let lead = account.create("leads", &[("title", json!("L"))], day(1));
    let deal = account.convert_lead(&lead, day(2));
    let running = Running::new(account, FREE).await;
    let path = format!("/api/v2/deals/{deal}");
    assert!(running.get(&path).await.json()["data"].get("source_lead_id").is_none());
    let told = running.get("/api/v2/deals?include_fields=source_lead_id").await.json();
    assert_eq!(told["data"][0]["source_lead_id"], lead);
    assert_eq!(running.get("/api/v1/leads").await.json()["data"], json!([]));
    assert_eq!(running.get(&format!("/v1/leads/{lead}")).await.status, 404);
}

#[tokio::test]
async fn leads_are_paged_by_offset() {
    let mut account = Account::empty();
    for number in 1..=5 {
        account.create("leads", &[("title", json!(format!("L{number}")))], day(number));
    }
    let old = account.create("leads", &[("title", json!("Old"))], day(6));
    account.archive("leads", &old, day(7));
    let running = Running::new(account, FREE).await;
    let told = running.get("/v1/leads?limit=2&start=2").await.json();
    assert_eq!(told["data"][0]["title"], "L3");
    assert_eq!(told["data"][0]["add_time"], "2026-05-03T12:00:00.000Z");
    assert_eq!(
        told["additional_data"]["pagination"],
        json!({ "start": 2, "limit": 2, "more_items_in_collection": true, "next_start": 4 })
    );
    let told = running.get("/api/v1/leads?start=4&sort=update_time%20DESC").await.json();
    assert_eq!(told["data"][0]["title"], "L1");
    assert_eq!(told["additional_data"]["pagination"]["more_items_in_collection"], false);
    let told = running.get("/api/v1/leads?updated_since=2026-05-04T12:00:00Z").await.json();
    assert_eq!(told["data"].as_array().unwrap().len(), 2);
    let told = running.get("/api/v1/leads/archived").await.json();
    assert_eq!(
        (&told["data"][0]["id"], &told["data"][0]["is_archived"]),
        (&json!(old), &json!(true))
    );
}

#[tokio::test]
async fn the_log_of_a_deal_begins_with_the_latest_change() {
    let mut account = deals(1);
    account.update("deals", "1", &[("stage_id", json!(2))], day(3));
    account.win("1", day(4));
    let running = Running::new(account, FREE).await;
    let first = running.get("/api/v1/deals/1/changelog?limit=4").await;
    let mut rows = first.json()["data"].as_array().unwrap().clone();
    let path = format!("/v1/deals/1/changelog?cursor={}", first.cursor().unwrap());
    let last = running.get(&path).await;
    assert_eq!(last.cursor(), None);
    rows.extend(last.json()["data"].as_array().unwrap().clone());
    let fields: Vec<&str> = rows.iter().map(|row| row["field_key"].as_str().unwrap()).collect();
    assert_eq!(
        fields,
        ["close_time", "won_time", "status", "stage_change_time", "stage_id", "add_time"]
    );
    assert_eq!((&rows[2]["old_value"], &rows[2]["new_value"]), (&json!("open"), &json!("won")));
    assert_eq!(
        (&rows[4]["time"], &rows[4]["actor_user_id"]),
        (&json!("2026-05-03 12:00:00"), &json!(1))
    );
    let flow = running.get("/api/v1/deals/1/flow?items=dealChange&start=4&limit=1").await.json();
    let row = &flow["data"][0];
    assert_eq!(
        (&row["object"], &row["data"]["field_key"]),
        (&json!("dealChange"), &json!("stage_id"))
    );
    assert_eq!(row["data"]["additional_data"]["new_value_formatted"], "Contact Made");
    assert_eq!(flow["additional_data"]["pagination"]["next_start"], 5);
    assert_eq!(running.get("/api/v1/deals/7/flow").await.status, 404);
}

#[tokio::test]
async fn activities_are_filtered_by_what_they_belong_to() {
    let mut account = deals(1);
    let lead = account.create("leads", &[], day(1));
    account.create("activities", &[("deal_id", json!(1)), ("done", json!(true))], day(2));
    account.create("activities", &[("lead_id", json!(lead))], day(3));
    account.create("activities", &[("deal_id", json!(1))], day(4));
    account.delete("activities", "3", day(5));
    let running = Running::new(account, FREE).await;
    assert_eq!(running.get("/api/v2/activities").await.ids(), [1, 2]);
    assert_eq!(running.get("/api/v2/activities?deal_id=1").await.ids(), [1]);
    assert_eq!(running.get(&format!("/api/v2/activities?lead_id={lead}")).await.ids(), [2]);
    assert_eq!(running.get("/api/v2/activities?done=false").await.ids(), [2]);
    let since = "/api/v2/activities?updated_since=2026-05-03T00:00:00Z";
    assert_eq!(running.get(since).await.ids(), [2]);
}

#[tokio::test]
async fn fields_stages_and_users_are_as_documented() {
    let mut account = Account::empty();
    let key = account.add_field("Segment", "enum", &["smb", "mid"]);
    account.create("users", &[("name", json!("Bo"))], day(1));
    account.delete("users", "2", day(2));
    let running = Running::new(account, FREE).await;
    let fields = running.get("/api/v2/dealFields?limit=500").await.json();
    let fields = fields["data"].as_array().unwrap();
    let of = |code: &str| fields.iter().find(|field| field["field_code"] == code).unwrap();
    assert_eq!(of("channel")["options"][0], json!({ "id": 1, "label": "Web" }));
    assert_eq!((key.len(), &of(&key)["is_custom_field"]), (40, &json!(true)));
    assert_eq!(running.get("/api/v2/stages").await.ids(), [1, 2, 3, 4, 5]);
    assert_eq!(running.get("/api/v2/pipelines").await.ids(), [1]);
    let users = running.get("/api/v1/users").await.json();
    assert_eq!(
        (&users["data"][0]["is_you"], &users["data"][1]["active_flag"]),
        (&json!(true), &json!(false))
    );
    let me = running.get("/v1/users/me").await.json();
    assert_eq!(
        (&me["data"]["is_admin"], &me["data"]["company_domain"]),
        (&json!(1), &json!("example"))
    );
    assert_eq!(running.get("/api/v1/activityTypes").await.json()["data"][0]["key_string"], "call");
    assert_eq!(running.get("/api/v1/currencies").await.json()["data"][0]["code"], "USD");
}

#[tokio::test]
async fn what_was_removed_from_v1_is_gone() {
    let running = Running::new(deals(1), FREE).await;
    for path in ["/v1/deals", "/api/v1/deals/1", "/api/v1/persons", "/v1/stages", "/v1/activities"]
    {
        assert_eq!(running.get(path).await.status, 410, "{path}");
    }
    for path in ["/v1/other", "/api/v2/users", "/api/v2/leads", "/"] {
        assert_eq!(running.get(path).await.status, 404, "{path}");
    }
}

#[tokio::test]
async fn records_are_written_as_the_official_client_writes_them() {
    let running = Running::new(Account::empty(), FREE).await;
    let body = json!({ "title": "New", "value": 10, "stage_id": 2 });
    let told = running.send(Method::POST, "/api/v2/deals", body).await.json();
    assert_eq!((&told["data"]["id"], &told["data"]["stage_id"]), (&json!(1), &json!(2)));
    let body = json!({ "status": "lost", "lost_reason": "Price" });
    let told = running.send(Method::PATCH, "/api/v2/deals/1", body).await.json();
    assert_eq!(told["data"]["lost_time"], "2026-05-20T12:00:00Z");
    let wrong = [json!({ "titel": "x" }), json!({ "stage_id": "2" }), json!({ "stage_id": 99 })];
    for body in wrong {
        let told = running.send(Method::PATCH, "/api/v2/deals/1", body.clone()).await;
        assert_eq!(told.status, 400, "{body}");
    }
    let alone = json!({ "title": "L" });
    assert_eq!(running.send(Method::POST, "/v1/leads", alone).await.status, 400);
    let body = json!({ "title": "L", "person_id": 3 });
    let told = running.send(Method::POST, "/v1/leads", body).await;
    let lead = told.json()["data"]["id"].as_str().unwrap().to_owned();
    assert_eq!((told.status, told.json()["data"]["source_name"].clone()), (201, json!("API")));
    let path = format!("/v1/leads/{lead}");
    let told = running.send(Method::PATCH, &path, json!({ "is_archived": true })).await.json();
    assert_eq!(told["data"]["is_archived"], true);
    let path = format!("/api/v2/leads/{lead}/convert/deal");
    let told = running.send(Method::POST, &path, json!({ "stage_id": 3 })).await.json();
    let conversion = told["data"]["conversion_id"].as_str().unwrap();
    let path = format!("/api/v2/leads/{lead}/convert/status/{conversion}");
    assert_eq!(running.get(&path).await.json()["data"]["deal_id"], 2);
    let body = json!({ "merge_with_id": 2 });
    running.send(Method::PUT, "/v1/deals/1/merge", body).await;
    assert_eq!(running.get("/api/v2/deals/1").await.json()["data"]["is_deleted"], true);
    let told = running.send(Method::DELETE, "/api/v2/deals/2", Value::Null).await.json();
    assert_eq!(told["data"]["id"], 2);
    assert_eq!(running.simulator.requests().writes, 11);
}
