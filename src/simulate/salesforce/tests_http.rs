//! What the endpoints answer, told by examples over a socket.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::{Faults, Org, Simulator};

/// A running org whose clock the test holds.
struct Running {
    org: Arc<Mutex<Org>>,
    simulator: Simulator,
    now: Arc<Mutex<Timestamp>>,
    client: Client,
    token: Mutex<String>,
}

struct Told {
    status: u16,
    headers: reqwest::header::HeaderMap,
    text: String,
}

impl Told {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    fn code(&self) -> (u16, String) {
        (self.status, self.json()[0]["errorCode"].as_str().unwrap_or_default().to_owned())
    }

    fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }
}

impl Running {
    async fn new(faults: &str) -> Running {
        let org = Arc::new(Mutex::new(Org::empty()));
        let now = Arc::new(Mutex::new("2026-05-04T12:00:00Z".parse::<Timestamp>().unwrap()));
        let clock = Arc::clone(&now);
        let faults = Faults::from_toml(faults).unwrap();
        let clock = Arc::new(move || *clock.lock().unwrap());
        let simulator = Simulator::start(Arc::clone(&org), faults, clock, 0).await.unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        let running = Running { org, simulator, now, client, token: Mutex::default() };
        running.log_in().await;
        running
    }

    async fn log_in(&self) {
        let told = self.token("grant_type=client_credentials&client_id=i&client_secret=s").await;
        assert_eq!(told.status, 200, "{}", told.text);
        assert!(told.json().get("expires_in").is_none());
        *self.token.lock().unwrap() = told.json()["access_token"].as_str().unwrap().to_owned();
    }

    async fn token(&self, form: &str) -> Told {
        self.send(Method::POST, "/services/oauth2/token", form.to_owned(), None).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: String,
        header: Option<(&str, &str)>,
    ) -> Told {
        let url = format!("{}{path}", self.simulator.base_url());
        let token = self.token.lock().unwrap().clone();
        let mut request = self.client.request(method, url).bearer_auth(token).body(body);
        if let Some((name, value)) = header {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Told { status, headers, text: response.text().await.unwrap() }
    }

    async fn get(&self, path: &str) -> Told {
        let path = format!("/services/data/v67.0{path}");
        self.send(Method::GET, &path, String::new(), None).await
    }

    async fn query(&self, query: &str) -> Told {
        self.get(&format!("/query?q={}", query.replace(' ', "+"))).await
    }

    fn advance(&self, hours: i64) {
        let mut now = self.now.lock().unwrap();
        *now = now.checked_add(SignedDuration::from_hours(hours)).unwrap();
    }

    fn add_leads(&self, count: usize) -> Vec<String> {
        let mut org = self.org.lock().unwrap();
        let now = *self.now.lock().unwrap();
        let name = |at: usize| json!(format!("Name {at}"));
        (0..count).map(|at| org.create("Lead", &[("LastName", name(at))], now)).collect()
    }

    async fn job(&self, query: &str) -> Told {
        let body = json!({ "operation": "queryAll", "query": query }).to_string();
        self.send(Method::POST, "/services/data/v67.0/jobs/query", body, None).await
    }
}

#[tokio::test]
async fn pages_follow_each_other_until_their_locator_expires() {
    let running = Running::new("").await;
    running.add_leads(4100);
    let first = running.query("SELECT Id FROM Lead").await.json();
    assert_eq!((&first["totalSize"], &first["done"]), (&json!(4100), &json!(false)));
    assert_eq!(first["records"].as_array().unwrap().len(), 2000);
    let next = first["nextRecordsUrl"].as_str().unwrap().to_owned();
    let second = running.send(Method::GET, &next, String::new(), None).await.json();
    let third = second["nextRecordsUrl"].as_str().unwrap().to_owned();
    let third = running.send(Method::GET, &third, String::new(), None).await.json();
    assert_eq!((third["records"].as_array().unwrap().len(), &third["done"]), (100, &json!(true)));
    running.advance(48);
    running.log_in().await;
    let told = running.send(Method::GET, &next, String::new(), None).await;
    assert_eq!(told.code(), (400, "INVALID_QUERY_LOCATOR".to_owned()));
    let requests = running.simulator.requests();
    assert_eq!((requests.query, requests.query_more, requests.token), (1, 3, 2));
}

#[tokio::test]
async fn a_caller_may_wish_for_smaller_pages() {
    let running = Running::new("").await;
    running.add_leads(600);
    let path = "/services/data/v67.0/query?q=SELECT+Id+FROM+Lead";
    let wish = Some(("Sforce-Query-Options", "batchSize=250"));
    let told = running.send(Method::GET, path, String::new(), wish).await.json();
    assert_eq!(told["records"].as_array().unwrap().len(), 250);
    let told = running.query("SELECT COUNT() FROM Lead").await.json();
    assert_eq!(told, json!({ "totalSize": 600, "done": true, "records": [] }));
}

#[tokio::test]
async fn a_token_ends_after_its_requests_or_hours_or_when_all_do() {
    let running =
        Running::new("[auth]\nclient_id = 'i'\nclient_secret = 's'\ntoken_requests = 2").await;
    for expected in [200, 200, 401] {
        assert_eq!(running.get("/limits").await.status, expected);
    }
    running.log_in().await;
    running.simulator.expire_tokens();
    let told = running.get("/limits").await;
    assert_eq!(told.code(), (401, "INVALID_SESSION_ID".to_owned()));
    running.log_in().await;
    running.advance(3);
    assert_eq!(running.get("/limits").await.status, 401);
    let told = running.token("grant_type=client_credentials&client_id=i&client_secret=x").await;
    assert_eq!((told.status, &told.json()["error"]), (400, &json!("invalid_client")));
    let told = running.token("grant_type=client_credentials&client_id=x&client_secret=s").await;
    assert_eq!(told.json()["error"], "invalid_client_id");
}

#[tokio::test]
async fn the_daily_limit_is_told_and_kept_and_rolls_on() {
    let running = Running::new("[limits]\ndaily = 12\nused = 10").await;
    let told = running.get("/limits").await;
    assert_eq!(told.header("sforce-limit-info"), "api-usage=11/12");
    assert_eq!(told.json()["DailyApiRequests"], json!({ "Max": 12, "Remaining": 1 }));
    assert_eq!(running.get("/limits").await.status, 200);
    let told = running.get("/limits").await;
    assert_eq!(told.code(), (403, "REQUEST_LIMIT_EXCEEDED".to_owned()));
    assert_eq!(running.simulator.requests().refused, 1);
    running.advance(25);
    running.log_in().await;
    assert_eq!(running.get("/limits").await.status, 200);
}

#[tokio::test]
async fn a_bulk_job_is_told_in_csv_and_ends_with_the_word_null() {
    let running = Running::new("").await;
    running.add_leads(5);
    {
        let mut org = running.org.lock().unwrap();
        let fields = [("LastName", json!("a \"b\",\nc")), ("Score__c", json!(1.5))];
        org.create("Lead", &fields, "2026-05-04T12:00:00Z".parse().unwrap());
    }
    let query = "SELECT Id, Owner.Name, LastName, SystemModstamp, Score__c, IsDeleted FROM Lead";
    let job = running.job(query).await.json();
    assert_eq!(job["state"], "UploadComplete");
    let path = format!("/jobs/query/{}", job["id"].as_str().unwrap());
    let early = running.get(&format!("{path}/results")).await;
    assert_eq!(early.status, 400);
    assert_eq!(running.get(&path).await.json()["state"], "InProgress");
    let done = running.get(&path).await.json();
    assert_eq!(
        (&done["state"], &done["numberRecordsProcessed"]),
        (&json!("JobComplete"), &json!(6))
    );
    let first = running.get(&format!("{path}/results?maxRecords=4")).await;
    assert_eq!(first.header("sforce-numberofrecords"), "4");
    let locator = first.header("sforce-locator").to_owned();
    let last = running.get(&format!("{path}/results?maxRecords=4&locator={locator}")).await;
    assert_eq!(last.header("sforce-locator"), "null");
    let mut reader = csv::Reader::from_reader(last.text.as_bytes());
    assert_eq!(reader.headers().unwrap().get(1), Some("Owner.Name"));
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let row: Vec<&str> = rows[1].iter().skip(1).collect();
    let expected = ["Integration User", "a \"b\",\nc", "2026-05-04T12:00:00.000Z", "1.5", "false"];
    assert_eq!(row, expected);
    assert_eq!(rows[0].get(4), Some(""));
    let path = format!("/services/data/v67.0{path}");
    let told = running.send(Method::DELETE, &path, String::new(), None).await;
    assert_eq!(told.status, 204);
    let refused = running.job("SELECT COUNT() FROM Lead").await;
    assert_eq!(refused.code(), (400, "API_ERROR".to_owned()));
}

#[tokio::test]
async fn what_a_caller_may_not_see_is_not_there() {
    let running = Running::new("").await;
    let describe = |told: &Told, name: &str| {
        told.json()["fields"].as_array().unwrap().iter().any(|field| field["name"] == name)
    };
    let before = running.get("/sobjects/Lead/describe").await;
    assert!(describe(&before, "LeadSource") && !describe(&before, "CurrencyIsoCode"));
    {
        let mut org = running.org.lock().unwrap();
        org.hide("Lead", "LeadSource");
        org.hide_object("Event");
        org.set_multicurrency(true);
    }
    let after = running.get("/sobjects/Lead/describe").await;
    assert!(!describe(&after, "LeadSource") && describe(&after, "CurrencyIsoCode"));
    let told = running.query("SELECT LeadSource FROM Lead").await;
    assert_eq!(told.code(), (400, "INVALID_FIELD".to_owned()));
    let told = running.query("SELECT Id FROM Event").await;
    assert_eq!(told.code(), (400, "INVALID_TYPE".to_owned()));
    assert_eq!(running.get("/sobjects/Event/describe").await.status, 404);
}

#[tokio::test]
async fn deleted_and_archived_records_are_told_by_queries_for_all_rows_only() {
    let running = Running::new("").await;
    let leads = running.add_leads(2);
    let now = *running.now.lock().unwrap();
    {
        let mut org = running.org.lock().unwrap();
        org.delete("Lead", &leads[0], now);
        let task = org.create("Task", &[("Status", json!("Completed"))], now);
        org.archive(&task);
    }
    for object in ["Lead", "Task"] {
        let query = format!("SELECT+Id+FROM+{object}");
        let all = running.get(&format!("/queryAll?q={query}")).await.json();
        let present = running.get(&format!("/query?q={query}")).await.json();
        let counts = (all["totalSize"].as_u64(), present["totalSize"].as_u64());
        assert_eq!(counts, if object == "Lead" { (Some(2), Some(1)) } else { (Some(1), Some(0)) });
    }
    let span = "start=2026-05-04T11:00:00Z&end=2026-05-04T13:00:00%2B00:00";
    let told = running.get(&format!("/sobjects/Lead/deleted/?{span}")).await.json();
    assert_eq!(told["deletedRecords"][0]["id"], json!(leads[0]));
    let told = running.get(&format!("/sobjects/Lead/updated/?{span}")).await.json();
    assert_eq!(told["ids"], json!([leads[1]]));
    assert_eq!(told["latestDateCovered"], "2026-05-04T12:00:00.000+0000");
    running.advance(24 * 15);
    running.log_in().await;
    let told = running.get("/queryAll?q=SELECT+Id+FROM+Lead").await.json();
    assert_eq!(told["totalSize"], 1);
}

#[tokio::test]
async fn relations_are_told_as_objects_and_queues_own_leads() {
    let running = Running::new("").await;
    let now = *running.now.lock().unwrap();
    {
        let mut org = running.org.lock().unwrap();
        let queue =
            org.create("Group", &[("Name", json!("Inbound")), ("Type", json!("Queue"))], now);
        org.create("Lead", &[("LastName", json!("A")), ("OwnerId", json!(queue))], now);
        org.create("Opportunity", &[("Name", json!("A"))], now);
    }
    let told = running.query("SELECT Owner.Name, Id, Owner.Type FROM Lead").await.json();
    let owner = &told["records"][0]["Owner"];
    assert_eq!(
        (&owner["Name"], &owner["attributes"]["type"]),
        (&json!("Inbound"), &json!("Group"))
    );
    let told = running.query("SELECT Campaign.Name FROM Opportunity").await.json();
    assert_eq!(told["records"][0]["Campaign"], Value::Null);
}

#[tokio::test]
async fn faults_hit_the_requests_that_they_name() {
    let running = Running::new(
        "[[fault]]\non = 'query'\nobject = 'Lead'\nanswer = 'short'\n\
         [[fault]]\non = 'query'\nobject = 'Task'\nskip = 1\nanswer = '503'\nretry_after_secs = 7\n\
         [[fault]]\non = 'bulk_status'\nanswer = 'failed_job'\n",
    )
    .await;
    running.add_leads(6);
    let told = running.query("SELECT Id FROM Lead").await.json();
    assert_eq!((told["records"].as_array().unwrap().len(), &told["totalSize"]), (4, &json!(6)));
    assert_eq!(running.query("SELECT Id FROM Task").await.status, 200);
    let told = running.query("SELECT Id FROM Task").await;
    assert_eq!((told.status, told.header("retry-after")), (503, "7"));
    let job = running.job("SELECT Id FROM Lead").await.json();
    let told = running.get(&format!("/jobs/query/{}", job["id"].as_str().unwrap())).await;
    assert_eq!(told.json()["state"], "Failed");
    let error = Faults::from_toml("[[fault]]\non = 'search'\nanswer = '503'").unwrap_err();
    assert!(error.contains("bulk_create"), "{error}");
    let error = Faults::from_toml("[[fault]]\non = 'query'\nanswer = 'shuffle'").unwrap_err();
    assert!(error.contains("failed_job"), "{error}");
}

#[tokio::test]
async fn long_addresses_and_strangers_are_refused() {
    let running = Running::new("").await;
    let told = running.get(&format!("/query?q={}", "x".repeat(17_000))).await;
    assert_eq!(told.status, 414);
    let long = "x".repeat(17_000);
    let path = "/services/data/v67.0/limits";
    let told = running.send(Method::GET, path, String::new(), Some(("x-long", &long))).await;
    assert_eq!(told.status, 431);
    *running.token.lock().unwrap() = "somebody".to_owned();
    assert_eq!(running.get("/limits").await.status, 401);
    assert_eq!(running.send(Method::GET, "/services/data", String::new(), None).await.status, 200);
}

#[tokio::test]
async fn records_are_written_within_the_vendors_rules() {
    let running = Running::new("").await;
    let path = "/services/data/v67.0/sobjects/Lead";
    let post = |body: Value| running.send(Method::POST, path, body.to_string(), None);
    let told = post(json!({ "LastName": "A" })).await;
    assert_eq!(told.code(), (400, "REQUIRED_FIELD_MISSING".to_owned()));
    let told = post(json!({ "LastName": "A", "Company": "B", "IsConverted": true })).await;
    assert_eq!(told.code(), (400, "INVALID_FIELD_FOR_INSERT_UPDATE".to_owned()));
    let told = post(json!({ "LastName": "A", "Company": "B", "Nope": 1 })).await;
    assert_eq!(told.code(), (400, "INVALID_FIELD".to_owned()));
    let told = post(json!({ "LastName": "A", "Company": "B" })).await;
    assert_eq!(told.status, 201);
    let one = format!("{path}/{}", told.json()["id"].as_str().unwrap());
    let send = |method, body: &str| running.send(method, &one, body.to_owned(), None);
    assert_eq!(send(Method::PATCH, "{\"Title\":\"Dr\"}").await.status, 204);
    assert_eq!(send(Method::GET, "").await.json()["Title"], "Dr");
    assert_eq!(send(Method::DELETE, "").await.status, 204);
    assert_eq!(send(Method::GET, "").await.code(), (404, "ENTITY_IS_DELETED".to_owned()));
}
