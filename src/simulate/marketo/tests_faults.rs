//! Tokens, limits and what goes wrong, told by examples over a socket.

use serde_json::{Value, json};

use super::Faults;
use super::tests_http::{Running, TYPES, tell};

#[tokio::test]
async fn a_service_has_one_token_until_it_ends() {
    let running = Running::new("").await;
    let first = running.token.lock().unwrap().clone();
    running.pass(600);
    assert_eq!(running.log_in("i").await, 3000);
    assert_eq!(*running.token.lock().unwrap(), first);
    running.log_in("other").await;
    assert_ne!(*running.token.lock().unwrap(), first);
    running.log_in("i").await;
    running.pass(3000);
    assert_eq!(running.get("/rest/v1/activities/types.json").await.code(), "602");
    assert_eq!(running.log_in("i").await, 3600);
    assert!(running.get("/rest/v1/activities/types.json").await.rows().len() > 10);
    running.simulator.expire_tokens();
    assert_eq!(running.get("/rest/v1/activities/types.json").await.code(), "602");
}

#[tokio::test]
async fn bad_credentials_and_bad_tokens_are_refused() {
    let running = Running::new("[auth]\nclient_id = \"i\"\nclient_secret = \"s\"\n").await;
    let asks = "grant_type=client_credentials&client_id=";
    let told = running.identity(&format!("{asks}i&client_secret=x")).await;
    assert_eq!((told.status, told.json()["error"].as_str()), (401, Some("invalid_client")));
    let told = running.identity(&format!("{asks}x&client_secret=s")).await;
    assert_eq!((told.status, told.json()["error"].as_str()), (401, Some("unauthorized")));
    let url = format!("{}/identity/oauth/token", running.simulator.base_url());
    let form = format!("{asks}i&client_secret=s");
    let type_of_form = "application/x-www-form-urlencoded";
    let request = running.client.post(url).header("content-type", type_of_form).body(form);
    assert_eq!(tell(request).await.status, 200);
    let token = running.token.lock().unwrap().clone();
    let bare = format!("{}/rest/v1/leads/describe.json", running.simulator.base_url());
    assert_eq!(tell(running.client.get(&bare)).await.code(), "600");
    let in_query = format!("{bare}?access_token={token}");
    assert_eq!(tell(running.client.get(&in_query)).await.code(), "601");
    running.simulator.set_faults(Faults::from_toml("[auth]\nquery_token = true\n").unwrap());
    assert!(!tell(running.client.get(&in_query)).await.rows().is_empty());
}

#[tokio::test]
async fn limits_hold_and_tell_how_they_are_used() {
    let running = Running::new("[limits]\nper_20_secs = 3\ndaily = 7\nused = 1\n").await;
    for _ in 0..3 {
        running.get("/rest/v1/activities/types.json").await.rows();
    }
    assert_eq!(running.get("/rest/v1/activities/types.json").await.code(), "606");
    running.pass(21);
    let usage = running.get("/rest/v1/stats/usage.json").await.rows();
    assert_eq!((&usage[0]["total"], &usage[0]["date"]), (&json!(6), &json!("2026-05-04")));
    running.get("/rest/v1/activities/types.json").await.rows();
    assert_eq!(running.get("/rest/v1/activities/types.json").await.code(), "607");
    // Midnight in Chicago is at five in UTC.
    running.pass(16 * 3600 + 3500);
    running.log_in("i").await;
    assert_eq!(running.get("/rest/v1/activities/types.json").await.code(), "607");
    running.pass(100);
    running.get("/rest/v1/activities/types.json").await.rows();
    assert_eq!(running.get("/rest/v1/stats/usage/last7days.json").await.rows().len(), 2);
    let requests = running.simulator.requests();
    assert_eq!((requests.refused, requests.most_in_20_secs, requests.token), (3, 4, 2));
}

#[tokio::test]
async fn more_than_ten_at_once_are_too_many() {
    let running = Running::new("[limits]\nlatency_ms = 300\n").await;
    let path = "/rest/v1/activities/types.json";
    let asks = (0..13).map(|_| running.get(path));
    let mut codes = Vec::new();
    let mut running_asks = tokio::task::JoinSet::new();
    for _ in asks {
        let (client, url) = (running.client.clone(), running.simulator.base_url() + path);
        let token = running.token.lock().unwrap().clone();
        running_asks.spawn(async move { tell(client.get(url).bearer_auth(token)).await });
    }
    while let Some(told) = running_asks.join_next().await {
        codes.push(told.unwrap().json()["errors"][0]["code"].clone());
    }
    assert_eq!(codes.iter().filter(|code| **code == json!("615")).count(), 3);
    assert_eq!(running.simulator.requests().most_at_once, 13);
}

#[tokio::test]
async fn what_the_user_does_not_see_vanishes_and_types_may_have_other_ids() {
    let subscription = "[subscription]\nhidden_fields = [\"leadStatus\"]\nshift_type_ids = 5000\n";
    let running = Running::new(subscription).await;
    let lead = running.change(|i| i.create_lead(&[("leadStatus", json!("New"))], running.at(-9)));
    let fields = running.get("/rest/v1/leads/describe.json").await.rows();
    assert!(!fields.iter().any(|field| field["rest"]["name"] == "leadStatus"));
    let again = running.get("/rest/v1/leads/describe2.json").await.rows();
    assert!(!again[0]["fields"].to_string().contains("leadStatus"));
    let told = running.get(&format!("/rest/v1/lead/{lead}.json?fields=leadStatus")).await.rows();
    assert_eq!(told, [json!({"id": lead})]);
    let types = running.get("/rest/v1/activities/types.json").await.rows();
    let sends = types.iter().find(|kind| kind["name"] == "Send Email").unwrap();
    assert_eq!(sends["id"], json!(5006));
    let start = running.since("2026-05-04T11:00:00Z").await;
    let (rows, ..) = running.read("/rest/v1/activities.json?activityTypeIds=5012&", &start).await;
    assert_eq!(rows[0]["activityTypeId"], json!(5012));
}

#[tokio::test]
async fn faults_hit_what_they_are_for() {
    let faults = "[[fault]]\non = \"types\"\nskip = 1\nanswer = 606\n\
        [[fault]]\non = \"describe\"\nanswer = \"no_result\"\n\
        [[fault]]\non = \"describe\"\nanswer = \"html_503\"\n\
        [[fault]]\non = \"token\"\nskip = 1\nanswer = 401\n\
        [[fault]]\non = \"activities\"\nanswer = \"empty_page\"\n\
        [[fault]]\non = \"programs\"\nanswer = \"truncated_json\"\n";
    let running = Running::new(faults).await;
    running.get("/rest/v1/activities/types.json").await.rows();
    assert_eq!(running.get("/rest/v1/activities/types.json").await.code(), "606");
    running.get("/rest/v1/activities/types.json").await.rows();
    let told = running.get("/rest/v1/leads/describe.json").await.json();
    assert_eq!((&told["success"], told.get("result")), (&json!(true), None));
    assert_eq!(running.get("/rest/v1/leads/describe.json").await.status, 503);
    assert_eq!(running.log_in("i").await, 0);
    let start = running.since("2026-05-04T11:00:00Z").await;
    let told = running.get(&format!("{TYPES}nextPageToken={start}")).await;
    assert_eq!((told.rows().len(), &told.json()["moreResult"]), (0, &json!(true)));
    assert_eq!(told.json()["nextPageToken"], json!(start));
    let told = running.get("/rest/asset/v1/programs.json").await;
    assert!(serde_json::from_str::<Value>(&told.text).is_err());
    assert_eq!(running.get("/rest/v1/nothing.json").await.code(), "610");
    assert!(running.simulator.log()[1].contains("/rest/v1/activities/types.json"));
}
