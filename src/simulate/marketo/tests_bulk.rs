//! What bulk extracts do, told by examples over a socket.

use reqwest::Method;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::tests_http::{Running, Told};

impl Running {
    async fn job(&self, extract: &str, body: Value) -> String {
        let path = format!("/bulk/v1/{extract}/export/create.json");
        let rows = self.post(&path, body).await.rows();
        rows[0]["exportId"].as_str().unwrap().to_owned()
    }

    async fn act(&self, extract: &str, id: &str, what: &str) -> Told {
        let method = if ["status", "file"].contains(&what) { Method::GET } else { Method::POST };
        self.ask(method, &format!("/bulk/v1/{extract}/export/{id}/{what}.json"), None).await
    }

    async fn status(&self, extract: &str, id: &str) -> String {
        let rows = self.act(extract, id, "status").await.rows();
        rows[0]["status"].as_str().unwrap().to_owned()
    }

    /// The file of a job that is let run.
    async fn file(&self, extract: &str, body: Value) -> String {
        let id = self.job(extract, body).await;
        self.act(extract, &id, "enqueue").await.rows();
        self.pass(180);
        assert_eq!(self.status(extract, &id).await, "Completed");
        self.act(extract, &id, "file").await.text
    }
}

fn in_may(fields: Value) -> Value {
    let range = json!({"startAt": "2026-05-01T00:00:00Z", "endAt": "2026-05-31T00:00:00Z"});
    json!({"fields": fields, "filter": {"createdAt": range}})
}

#[tokio::test]
async fn a_job_goes_its_way_by_the_minutes_of_the_clock() {
    let running = Running::new("").await;
    running.change(|i| {
        let told = [("email", json!("a@example.test")), ("company", json!("Racks, \"Inc\""))];
        i.create_lead(&told, running.at(-60));
    });
    let mut body = in_may(json!(["id", "email", "company", "leadStatus"]));
    body["columnHeaderNames"] = json!({"email": "E-mail"});
    let id = running.job("leads", body).await;
    assert_eq!(running.act("leads", &id, "file").await.status, 404);
    let queued = running.act("leads", &id, "enqueue").await.rows();
    assert_eq!((&queued[0]["status"], &queued[0]["startedAt"]), (&json!("Queued"), &Value::Null));
    assert_eq!(running.act("leads", &id, "enqueue").await.code(), "1029");
    running.pass(59);
    assert_eq!(running.status("leads", &id).await, "Queued");
    running.pass(1);
    assert_eq!(running.status("leads", &id).await, "Processing");
    assert_eq!(running.act("leads", &id, "file").await.text, "File not found");
    running.pass(60);
    let told = running.act("leads", &id, "status").await.rows().remove(0);
    let file = running.act("leads", &id, "file").await.text;
    assert_eq!(
        file,
        "id,E-mail,company,leadStatus\n1000,a@example.test,\"Racks, \"\"Inc\"\"\",null\n"
    );
    let sum: String =
        digest(&SHA256, file.as_bytes()).as_ref().iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(told["fileChecksum"], format!("sha256:{sum}"));
    assert_eq!((&told["fileSize"], &told["numberOfRecords"]), (&json!(file.len()), &json!(1)));
    assert_eq!(running.get("/bulk/v1/leads/export.json?status=Completed").await.rows().len(), 1);
    assert_eq!(running.get("/bulk/v1/activities/export.json").await.rows().len(), 0);
    // Nobody else sees it.
    running.log_in("other").await;
    assert_eq!(running.act("leads", &id, "status").await.code(), "1013");
    assert_eq!(running.act("leads", &id, "file").await.status, 404);
    running.pass(8 * 86_400);
    running.log_in("i").await;
    assert_eq!(running.act("leads", &id, "file").await.status, 404);
}

#[tokio::test]
async fn files_can_be_had_in_parts() {
    let running = Running::new("").await;
    let whole = running.file("leads", in_may(json!(["id", "email"]))).await;
    assert_eq!(whole, "id,email\n");
    let rows = running.get("/bulk/v1/leads/export.json").await.rows();
    let id = rows[0]["exportId"].as_str().unwrap().to_owned();
    let part = async |range: &str| {
        let url = format!("{}/bulk/v1/leads/export/{id}/file.json", running.simulator.base_url());
        let token = running.token.lock().unwrap().clone();
        let request = running.client.get(url).bearer_auth(token).header("range", range);
        let answer = request.send().await.unwrap();
        let told = answer.headers().get("content-range").unwrap().to_str().unwrap().to_owned();
        (answer.status().as_u16(), told, answer.text().await.unwrap())
    };
    assert_eq!(part("bytes=0-0").await, (206, "bytes 0-0/9".to_owned(), "i".to_owned()));
    assert_eq!(part("bytes=3-").await, (206, "bytes 3-8/9".to_owned(), "email\n".to_owned()));
    let (status, told, _) = part("bytes=9-").await;
    assert_eq!((status, told.as_str()), (416, "bytes */9"));
}

#[tokio::test]
async fn ten_may_wait_and_two_run() {
    let running = Running::new("[limits]\nper_20_secs = 1000\n").await;
    let mut ids = Vec::new();
    for _ in 0..11 {
        ids.push(running.job("leads", in_may(json!(["id"]))).await);
    }
    for id in &ids[..10] {
        running.act("leads", id, "enqueue").await.rows();
    }
    let told = running.act("leads", &ids[10], "enqueue").await;
    assert!(told.code() == "1029" && told.text.contains("Too many jobs in queue"));
    running.pass(60);
    let rows = running.get("/bulk/v1/leads/export.json?status=Processing").await.rows();
    assert_eq!(rows.len(), 2);
    let told = running.act("leads", &ids[9], "cancel").await.rows();
    assert_eq!(told[0]["status"], "Cancelled");
    assert_eq!(running.status("leads", &ids[9]).await, "Canceled");
    running.act("leads", &ids[10], "enqueue").await.rows();
    running.pass(60);
    assert_eq!(running.status("leads", &ids[1]).await, "Completed");
    assert_eq!(running.status("leads", &ids[2]).await, "Processing");
}

#[tokio::test]
async fn the_day_has_a_quota_and_ranges_an_end() {
    let running = Running::new("[limits]\nbulk_bytes = 1\n").await;
    running.file("leads", in_may(json!(["id"]))).await;
    let path = "/bulk/v1/leads/export/create.json";
    let told = running.post(path, in_may(json!(["id"]))).await;
    assert!(told.code() == "1029" && told.text.contains("Export daily quota"));
    running.pass(24 * 3600);
    running.log_in("i").await;
    running.post(path, in_may(json!(["id"]))).await.rows();
    let range = |start: &str, end: &str| json!({"fields": ["id"], "filter": {"createdAt": {"startAt": start, "endAt": end}}});
    let long = range("2026-05-01T00:00:00Z", "2026-06-01T00:00:01Z");
    assert_eq!(running.post(path, long).await.code(), "1003");
    let exact = range("2026-05-01T00:00:00-00:00", "2026-06-01T00:00:00+0000");
    running.post(path, exact).await.rows();
    let fractions = range("2026-05-01T00:00:00.000Z", "2026-05-02T00:00:00Z");
    assert_eq!(running.post(path, fractions).await.code(), "1001");
    let unknown = in_may(json!(["nothing"]));
    assert_eq!(running.post(path, unknown).await.code(), "1003");
}

#[tokio::test]
async fn what_was_updated_is_any_field_and_may_not_be_provisioned() {
    let running = Running::new("").await;
    running.change(|i| {
        let lead = i.create_lead(&[], running.at(-90 * 1440));
        i.set(lead, "segment", json!("smb"), running.at(-5));
    });
    let range = json!({"startAt": "2026-05-04T00:00:00Z", "endAt": "2026-05-05T00:00:00Z"});
    let body = json!({"fields": ["id", "updatedAt"], "filter": {"updatedAt": range}});
    let file = running.file("leads", body.clone()).await;
    assert_eq!(file, "id,updatedAt\n1000,2026-02-03T12:00:00Z\n");
    let off = super::Faults::from_toml("[subscription]\nupdated_filter = false\n").unwrap();
    running.simulator.set_faults(off);
    let path = "/bulk/v1/leads/export/create.json";
    assert_eq!(running.post(path, body).await.code(), "1035");
}

#[tokio::test]
async fn activities_and_members_have_files_too() {
    let running = Running::new("").await;
    let program = running.change(|i| {
        let program = i.add_program("Racks", "Content", running.at(-60));
        let told = [("lastName", json!("Notes"))];
        let lead = i.create_lead(&told, running.at(-50));
        i.set_member(program, lead, "Engaged", running.at(-40));
        let email = i.add_email("News", None, running.at(-60));
        i.send_email(lead, email, running.at(-30), running.at(600));
        let gone = i.create_lead(&[], running.at(-20));
        i.delete_lead(gone, running.at(-10));
        program
    });
    let file = running.file("activities", in_may(Value::Null)).await;
    let lines: Vec<&str> = file.lines().collect();
    assert_eq!(
        lines[0],
        "marketoGUID,leadId,activityDate,activityTypeId,campaignId,primaryAttributeValueId,\
         primaryAttributeValue,attributes"
    );
    // What is not committed yet is in no file, and deletions are in none at all.
    assert_eq!(lines.len(), 3);
    let row =
        format!("2,1000,2026-05-04T11:20:00Z,104,null,{program},Racks,\"{{\"\"Acquired By\"\":");
    assert!(lines[2].starts_with(&row), "{}", lines[2]);
    let mut deletions = in_may(Value::Null);
    deletions["filter"]["activityTypeIds"] = json!([37]);
    let refused = running.post("/bulk/v1/activities/export/create.json", deletions).await;
    assert_eq!(refused.code(), "1003");
    let fields = json!(["leadId", "statusName", "reachedSuccess", "lastName"]);
    let one = json!({"fields": fields, "filter": {"programId": program}});
    let file = running.file("program/members", one).await;
    assert_eq!(file, "Lead Id,Status,Success,lastName\n1000,Engaged,true,Notes\n");
    let some = json!({"fields": ["leadId"], "filter": {"programIds": [program]}});
    let file = running.file("program/members", some).await;
    assert_eq!(file, format!("programId,Lead Id\n{program},1000\n"));
}

#[tokio::test]
async fn jobs_fail_and_values_are_dirty_where_faults_want_it() {
    let faults = "[limits]\nstatus_secs = 0\n[subscription]\ndirt = [\"cr\", \"nul\", \"line_separator\"]\n\
        [[fault]]\non = \"bulk_enqueue\"\nanswer = \"failed_job\"\n\
        [[fault]]\non = \"bulk_create\"\nanswer = \"no_result\"\n\
        [[fault]]\non = \"bulk_file\"\nanswer = 404\n";
    let running = Running::new(faults).await;
    running.change(|i| {
        for _ in 0..11 {
            i.create_lead(&[("company", json!("Racks"))], running.at(-50));
        }
    });
    let body = in_may(json!(["company"]));
    let path = "/bulk/v1/leads/export/create.json";
    assert_eq!(running.post(path, body.clone()).await.json().get("result"), None);
    let id = running.job("leads", body.clone()).await;
    running.act("leads", &id, "enqueue").await.rows();
    for status in ["Queued", "Processing", "Failed"] {
        assert_eq!(running.status("leads", &id).await, status);
    }
    let id = running.job("leads", body).await;
    running.act("leads", &id, "enqueue").await.rows();
    for status in ["Queued", "Processing", "Completed"] {
        assert_eq!(running.status("leads", &id).await, status);
    }
    let gone = running.act("leads", &id, "file").await;
    assert_eq!((gone.status, gone.headers["content-type"].to_str().unwrap()), (404, "text/plain"));
    let file = running.act("leads", &id, "file").await.text;
    for dirt in ["Ra\rcks\n", "Ra\0cks\n", "Ra\u{2028}cks\n"] {
        assert!(file.contains(dirt), "{file:?}");
    }
}
