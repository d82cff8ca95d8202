//! What the endpoints answer, told by examples over a socket.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::{Faults, Instance, Simulator};

/// A running instance whose clock the test holds.
pub(super) struct Running {
    pub(super) instance: Arc<Mutex<Instance>>,
    pub(super) simulator: Simulator,
    pub(super) now: Arc<Mutex<Timestamp>>,
    pub(super) client: Client,
    pub(super) token: Mutex<String>,
}

pub(super) struct Told {
    pub(super) status: u16,
    pub(super) headers: reqwest::header::HeaderMap,
    pub(super) text: String,
}

impl Told {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{}", self.text))
    }

    pub(super) fn rows(&self) -> Vec<Value> {
        let told = self.json();
        assert_eq!((self.status, &told["success"]), (200, &json!(true)), "{told}");
        told["result"].as_array().cloned().unwrap_or_default()
    }

    pub(super) fn code(&self) -> String {
        let told = self.json();
        assert_eq!((self.status, &told["success"]), (200, &json!(false)), "{told}");
        told["errors"][0]["code"].as_str().unwrap().to_owned()
    }
}

impl Running {
    pub(super) async fn new(faults: &str) -> Running {
        let instance = Arc::new(Mutex::new(Instance::empty()));
        let now = Arc::new(Mutex::new("2026-05-04T12:00:00Z".parse::<Timestamp>().unwrap()));
        let clock = Arc::clone(&now);
        let faults = Faults::from_toml(faults).unwrap();
        let clock = Arc::new(move || *clock.lock().unwrap());
        let simulator = Simulator::start(Arc::clone(&instance), faults, clock, 0).await.unwrap();
        let client = Client::builder().no_proxy().build().unwrap();
        let running = Running { instance, simulator, now, client, token: Mutex::default() };
        running.log_in("i").await;
        running
    }

    pub(super) async fn identity(&self, query: &str) -> Told {
        let url = format!("{}/identity/oauth/token?{query}", self.simulator.base_url());
        tell(self.client.get(url)).await
    }

    pub(super) async fn log_in(&self, client: &str) -> i64 {
        let query = format!("grant_type=client_credentials&client_id={client}&client_secret=s");
        let told = self.identity(&query).await;
        if told.status == 200 {
            *self.token.lock().unwrap() = told.json()["access_token"].as_str().unwrap().to_owned();
        }
        told.json()["expires_in"].as_i64().unwrap_or(0)
    }

    pub(super) fn pass(&self, secs: i64) {
        *self.now.lock().unwrap() += SignedDuration::from_secs(secs);
    }

    pub(super) fn at(&self, minutes: i64) -> Timestamp {
        "2026-05-04T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_mins(minutes)
    }

    pub(super) async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Told {
        let url = format!("{}{path}", self.simulator.base_url());
        let token = self.token.lock().unwrap().clone();
        let mut request = self.client.request(method, url).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        tell(request).await
    }

    pub(super) async fn get(&self, path: &str) -> Told {
        self.ask(Method::GET, path, None).await
    }

    pub(super) async fn post(&self, path: &str, body: Value) -> Told {
        self.ask(Method::POST, path, Some(body)).await
    }

    pub(super) fn change<T>(&self, with: impl FnOnce(&mut Instance) -> T) -> T {
        with(&mut self.instance.lock().unwrap())
    }

    pub(super) async fn since(&self, at: &str) -> String {
        let path = format!("/rest/v1/activities/pagingtoken.json?sinceDatetime={at}");
        self.get(&path).await.json()["nextPageToken"].as_str().unwrap().to_owned()
    }

    /// Reads to the end, and tells the rows, the last token and how many pages there were.
    pub(super) async fn read(&self, path: &str, token: &str) -> (Vec<Value>, String, usize) {
        let (mut rows, mut token, mut pages) = (Vec::new(), token.to_owned(), 0);
        loop {
            let told = self.get(&format!("{path}nextPageToken={token}")).await;
            rows.extend(told.rows());
            pages += 1;
            let told = told.json();
            token = told["nextPageToken"].as_str().unwrap().to_owned();
            if told["moreResult"] == json!(false) {
                return (rows, token, pages);
            }
        }
    }
}

pub(super) async fn tell(request: reqwest::RequestBuilder) -> Told {
    let answer = request.send().await.unwrap();
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    Told { status, headers, text: answer.text().await.unwrap() }
}

pub(super) const TYPES: &str = "/rest/v1/activities.json?activityTypeIds=6&";

#[tokio::test]
async fn pages_cover_slices_of_the_log_whatever_matches() {
    let running = Running::new("[limits]\nslice_rows = 4\nper_20_secs = 1000\n").await;
    let email = running.change(|i| {
        let program = i.add_program("News", "Email Send", running.at(-60));
        i.add_email("Notes", Some(program), running.at(-60))
    });
    for number in 0..9 {
        running.change(|i| {
            let lead = i.create_lead(&[("email", json!(number))], running.at(-50 + number));
            if number % 4 == 3 {
                i.send_email(lead, email, running.at(-50 + number), running.at(-50 + number));
            }
        });
    }
    let start = running.since("2026-05-04T11:00:00Z").await;
    let (rows, end, pages) = running.read(TYPES, &start).await;
    assert_eq!((rows.len(), pages), (2, 4));
    let row = &rows[0];
    assert_eq!(row["primaryAttributeValue"], "News.Notes");
    assert_eq!(row["marketoGUID"], row["id"].to_string());
    assert_eq!(row["attributes"][0], json!({"name": "Campaign Run ID", "value": email * 10}));
    assert!(row["activityDate"].as_str().unwrap().ends_with('Z'));
    // Nothing new: the token stays, and the list may be absent.
    let (rows, again, _) = running.read(TYPES, &end).await;
    assert_eq!((rows.len(), again), (0, end));
    assert_eq!(running.get("/rest/v1/activities.json?activityTypeIds=6").await.code(), "1002");
    let many = "/rest/v1/activities.json?activityTypeIds=1,2,3,4,5,6,7,8,9,10,11&nextPageToken=x";
    assert_eq!(running.get(many).await.code(), "1003");
    assert_eq!(running.get(&format!("{TYPES}nextPageToken=nonsense")).await.code(), "1003");
}

#[tokio::test]
async fn tokens_are_places_in_time_which_late_rows_may_miss() {
    let running = Running::new("").await;
    let (lead, email) = running.change(|i| {
        (i.create_lead(&[], running.at(-50)), i.add_email("Notes", None, running.at(-50)))
    });
    let start = running.since("2026-05-04T11:30:00Z").await;
    running.change(|i| i.send_email(lead, email, running.at(-10), running.at(10)));
    let (rows, before, _) = running.read(TYPES, &start).await;
    assert!(rows.is_empty());
    // Who carries the token on sees what happened behind it, once it is committed.
    running.pass(1200);
    assert_eq!(running.read(TYPES, &before).await.0.len(), 1);
    // Who has passed that time in the meantime does not, but for an overlap.
    let now = running.since("2026-05-04T12:00:00Z").await;
    assert_eq!(running.read(TYPES, &now).await.0.len(), 0);
    running.change(|i| i.send_email(lead, email, running.at(15), running.at(15)));
    let (rows, passed, _) = running.read(TYPES, &before).await;
    assert_eq!(rows.len(), 2);
    running.change(|i| i.send_email(lead, email, running.at(14), running.at(19)));
    assert_eq!(running.read(TYPES, &passed).await.0.len(), 0);
    assert_eq!(running.read(TYPES, &start).await.0.len(), 3);
}

#[tokio::test]
async fn changes_and_deletions_have_endpoints_of_their_own() {
    let running = Running::new("").await;
    let start = running.since("2026-05-04T11:00:00Z").await;
    running.change(|i| {
        let told = [("leadStatus", json!("New")), ("lastName", json!("Racks"))];
        let lead = i.create_lead(&told, running.at(-30));
        i.change(lead, "leadStatus", json!("MQL"), running.at(-20));
        i.change(lead, "country", json!("France"), running.at(-19));
        let gone = i.create_lead(&[("lastName", json!("Gone"))], running.at(-10));
        i.delete_lead(gone, running.at(-5));
    });
    let changes = "/rest/v1/activities/leadchanges.json?";
    let (rows, ..) = running.read(&format!("{changes}fields=leadStatus,country&"), &start).await;
    let types: Vec<&Value> = rows.iter().map(|row| &row["activityTypeId"]).collect();
    assert_eq!(types, [12, 13, 13]);
    let told = json!([{"id": 129, "name": "leadStatus", "newValue": "MQL", "oldValue": "New"}]);
    assert_eq!(rows[1]["fields"], told);
    assert_eq!(rows[2]["fields"][0]["oldValue"], Value::Null);
    assert_eq!(rows[1]["activityDate"], "2026-05-04T11:40:00+0000");
    let refused = running.get(&format!("{changes}nextPageToken={start}")).await;
    assert_eq!(refused.code(), "1002");
    let unknown = format!("{changes}fields=nothing&nextPageToken={start}");
    assert_eq!(running.get(&unknown).await.code(), "1006");
    let (rows, ..) = running.read("/rest/v1/activities/deletedleads.json?", &start).await;
    assert_eq!(
        (rows.len(), &rows[0]["leadId"], &rows[0]["attributes"]),
        (1, &json!(1001), &json!([]))
    );
    assert_eq!(rows[0]["primaryAttributeValue"], "Gone");
}

#[tokio::test]
async fn leads_are_found_by_what_can_be_searched() {
    let running = Running::new("").await;
    running.change(|i| {
        for number in 0..1001 {
            let told = [
                ("email", json!(format!("P{number}@example.test"))),
                ("segment", json!("smb")),
                ("leadStatus", json!("New")),
            ];
            i.create_lead(&told, running.at(-60));
        }
    });
    let leads = "/rest/v1/leads.json?filterType=";
    let rows =
        running.get(&format!("{leads}email&filterValues=p1@example.test,P2@EXAMPLE.test")).await;
    assert_eq!(rows.rows().len(), 2);
    assert_eq!(running.get(&format!("{leads}segment&filterValues=smb")).await.code(), "1003");
    assert_eq!(running.get(&format!("{leads}leadStatus&filterValues=New")).await.code(), "1011");
    assert_eq!(running.get(&format!("{leads}nothing&filterValues=New")).await.code(), "1006");
    let ids =
        |count: usize| (1000..1000 + count).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let many = format!("{leads}id&filterValues={}", ids(301));
    assert_eq!(running.get(&many).await.code(), "1003");
    let some = format!("{leads}id&batchSize=200&fields=leadStatus&filterValues={}", ids(300));
    let first = running.get(&some).await;
    assert_eq!(first.rows().len(), 200);
    assert_eq!(first.rows()[0], json!({"id": 1000, "leadStatus": "New"}));
    let token = first.json()["nextPageToken"].as_str().unwrap().to_owned();
    let second = running.get(&format!("{some}&nextPageToken={token}")).await;
    assert_eq!((second.rows().len(), second.json().get("nextPageToken")), (100, None));
    assert_eq!(running.get("/rest/v1/lead/1005.json").await.rows()[0]["email"], "P5@example.test");
    assert_eq!(running.get("/rest/v1/lead/5.json").await.code(), "1004");
    let long = format!("{leads}id&filterValues={}", "1,".repeat(5000));
    assert_eq!(running.get(&long).await.status, 414);
    let url = format!("{}/rest/v1/leads.json?_method=GET", running.simulator.base_url());
    let token = running.token.lock().unwrap().clone();
    let request = running.client.post(url).bearer_auth(token);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let told = tell(request.body(format!("filterType=id&filterValues={}", ids(300)))).await;
    assert_eq!(told.rows().len(), 300);
}

#[tokio::test]
async fn programs_tell_themselves_and_their_members() {
    let running = Running::new("").await;
    let (program, lead) = running.change(|i| {
        let program = i.add_program("Racks", "Webinar", running.at(-60));
        i.add_cost(program, "2026-05-01", 250.0);
        i.add_tag(program, "Region", "EU");
        let lead = i.create_lead(&[("email", json!("a@example.test"))], running.at(-50));
        i.set_member(program, lead, "Attended", running.at(-40));
        (program, lead)
    });
    let programs = "/rest/asset/v1/programs.json?maxReturn=200";
    let rows = running.get(programs).await.rows();
    assert_eq!(rows[0]["createdAt"], "2026-05-04T11:00:00Z+0000");
    assert!(rows[0].get("tags").is_none());
    let end = running.get(&format!("{programs}&offset=1")).await.json();
    assert_eq!((end.get("result"), end["warnings"].as_array().unwrap().len()), (None, 1));
    let old = format!("{programs}&latestUpdatedAt=2026-05-04T10:59:00Z");
    assert!(running.get(&old).await.rows().is_empty());
    assert_eq!(running.get("/rest/asset/v1/programs.json?maxReturn=500").await.code(), "1003");
    let one = running.get(&format!("/rest/asset/v1/program/{program}.json")).await.rows();
    assert_eq!(one[0]["costs"], json!([{"startDate": "2026-05-01", "cost": 250}]));
    assert_eq!(one[0]["tags"][0]["tagValue"], "EU");
    let rows = running.get(&format!("/rest/v1/leads/programs/{program}.json")).await.rows();
    assert_eq!(
        (&rows[0]["id"], &rows[0]["membership"]["reachedSuccess"]),
        (&json!(lead), &json!(true))
    );
    let members = format!("/rest/v1/programs/{program}/members.json?filterType=");
    let told = running.get(&format!("{members}statusName&filterValues=Attended")).await;
    assert_eq!((&told.json()["moreResult"], &told.rows()[0]["seq"]), (&json!(false), &json!(0)));
    let week =
        "updatedAt&startAt=2026-05-01T00:00:00Z&endAt=2026-05-08T00:00:00Z&fields=statusName";
    assert_eq!(running.get(&format!("{members}{week}")).await.rows()[0]["statusName"], "Attended");
    let long = "updatedAt&startAt=2026-05-01T00:00:00Z&endAt=2026-05-09T00:00:00Z";
    assert_eq!(running.get(&format!("{members}{long}")).await.code(), "1003");
}

#[tokio::test]
async fn what_is_written_can_be_read() {
    let running = Running::new("").await;
    let program = running.change(|i| i.add_program("Racks", "Content", running.at(-60)));
    let input = json!({"input": [{"email": "a@example.test", "leadStatus": "New"},
        {"email": "b@example.test"}, {"email": "c@example.test", "nothing": 1}]});
    let rows = running.post("/rest/v1/leads.json", input).await.rows();
    let statuses: Vec<&Value> = rows.iter().map(|row| &row["status"]).collect();
    assert_eq!(statuses, ["created", "created", "skipped"]);
    let ids = [&rows[0]["id"], &rows[1]["id"]];
    let again = json!({"input": [{"email": "A@example.test", "leadStatus": "MQL"}]});
    let rows = running.post("/rest/v1/leads.json", again).await.rows();
    assert_eq!(rows, [json!({"id": ids[0], "status": "updated"})]);
    assert_eq!(running.change(|i| i.changes_to("leadStatus", "MQL")), 1);
    let only = json!({"action": "createOnly", "input": [{"email": "a@example.test"}]});
    let rows = running.post("/rest/v1/leads.json", only).await.rows();
    assert_eq!(rows[0]["reasons"][0]["code"], "1005");
    let path = format!("/rest/v1/programs/{program}/members/status.json");
    let joins = json!({"statusName": "Engaged", "input": [{"leadId": ids[1]}, {"leadId": 5}]});
    let rows = running.post(&path, joins.clone()).await.rows();
    assert_eq!(rows[0], json!({"seq": 0, "status": "created", "leadId": ids[1]}));
    assert_eq!(rows[1]["status"], "skipped");
    assert_eq!(running.post(&path, joins).await.rows()[0]["reasons"][0]["code"], "1037");
    let path = format!("/rest/v1/leads/{}/merge.json?leadId={}", ids[0], ids[1]);
    assert_eq!(running.post(&path, json!({})).await.json()["success"], json!(true));
    assert_eq!(running.get(&format!("/rest/v1/lead/{}.json", ids[1])).await.code(), "1004");
    let of = format!("/rest/v1/leads/{}/programMembership.json", ids[0]);
    assert_eq!(running.get(&of).await.rows()[0]["progressionStatus"], "Engaged");
    let gone = json!({"input": [{"id": ids[0]}, {"id": ids[1]}]});
    let rows = running.ask(Method::DELETE, "/rest/v1/leads.json", Some(gone)).await.rows();
    let statuses: Vec<&Value> = rows.iter().map(|row| &row["status"]).collect();
    assert_eq!(statuses, ["deleted", "skipped"]);
}
