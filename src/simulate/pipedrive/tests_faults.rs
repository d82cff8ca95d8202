//! Limits, tokens and faults, told by examples over a socket.

use serde_json::json;

use super::tests::day;
use super::tests_http::{FREE, Running, deals, http};
use super::{Account, Faults};

#[tokio::test]
async fn a_burst_is_refused_until_two_seconds_have_passed() {
    let running = Running::new(deals(1), "[limits]\nburst = 2\n").await;
    let first = running.get("/api/v2/deals/1").await;
    assert_eq!((first.status, first.header("x-ratelimit-remaining")), (200, "1"));
    assert_eq!(first.header("x-daily-ratelimit-token-remaining"), "29999");
    running.get("/api/v2/deals").await;
    let refused = running.get("/api/v2/deals").await;
    assert_eq!((refused.status, refused.json()["errorCode"].clone()), (429, json!(429)));
    assert_eq!(refused.header("x-ratelimit-remaining"), "0");
    assert_eq!(refused.header("x-ratelimit-reset"), "2");
    assert_eq!(refused.header("x-daily-ratelimit-token-remaining"), "29989");
    running.pass(2);
    assert_eq!(running.get("/api/v2/deals").await.status, 200);
    let requests = running.simulator.requests();
    assert_eq!((requests.total, requests.lists, requests.refused), (4, 3, 1));
    assert_eq!((requests.tokens, requests.most_in_2_secs), (21, 3));
}

#[tokio::test]
async fn a_day_whose_tokens_are_spent_ends_at_midnight() {
    let running = Running::new(deals(1), "[limits]\ndaily = 45\nused = 10\n").await;
    assert_eq!(running.get("/api/v1/deals/1/changelog").await.status, 200);
    let refused = running.get("/api/v1/leads").await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("x-daily-ratelimit-token-remaining"), "0");
    running.pass(3600);
    assert_eq!(running.get("/api/v2/deals").await.status, 429);
    running.pass(11 * 3600);
    let told = running.get("/api/v2/deals").await;
    assert_eq!((told.status, told.header("x-daily-ratelimit-token-remaining")), (200, "35"));
}

#[tokio::test]
async fn who_ignores_refusals_meets_the_edge() {
    let faults = "[limits]\nburst = 1\nblock_after = 3\nblock_secs = 60\ndaily_headers = false\n";
    let running = Running::new(deals(1), faults).await;
    let mut statuses = Vec::new();
    for _ in 0..6 {
        statuses.push(running.get("/api/v2/deals").await.status);
    }
    assert_eq!(statuses, [200, 429, 429, 429, 403, 403]);
    let blocked = running.get("/api/v2/deals").await;
    assert!(blocked.text.contains("Cloudflare") && blocked.header("content-type").contains("html"));
    assert_eq!(blocked.header("x-ratelimit-limit"), "");
    running.pass(60);
    let told = running.get("/api/v2/deals").await;
    assert_eq!((told.status, told.header("x-daily-ratelimit-token-limit")), (200, ""));
}

#[tokio::test]
async fn a_token_may_come_in_three_ways_and_others_see_their_own_alone() {
    let mut account = deals(2);
    account.create("users", &[("name", json!("Bo"))], day(1));
    account.update("deals", "2", &[("owner_id", json!(2))], day(3));
    let faults = format!("{FREE}[auth]\ntoken = \"good\"\nadmin = false\n");
    let running = Running::new(account, &faults).await;
    let refused = running.get("/api/v2/deals").await;
    assert_eq!(
        (refused.status, refused.json()),
        (
            401,
            json!({
                "success": false,
                "error": "unauthorized access",
                "errorCode": 401,
                "error_info": "Please check developers.pipedrive.com",
            })
        )
    );
    let told = running.get("/api/v2/deals?api_token=good").await;
    assert_eq!(told.status, 401, "the header goes first");
    let client = http();
    let url = format!("{}/api/v2/deals", running.simulator.base_url());
    let told = client.get(&url).bearer_auth("good").send().await.unwrap();
    let told: serde_json::Value = serde_json::from_str(&told.text().await.unwrap()).unwrap();
    assert_eq!(told["data"].as_array().unwrap().len(), 1);
    let url = format!("{}/v1/users/me?api_token=good", running.simulator.base_url());
    let told = client.get(&url).send().await.unwrap().text().await.unwrap();
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["data"]["is_admin"], 0);
}

#[tokio::test]
async fn faults_hit_whom_they_name_as_often_as_they_say() {
    let faults = "[[fault]]\non = \"flow\"\nanswer = \"null\"\nskip = 1\n\
                  [[fault]]\non = \"users\"\nanswer = 402\ntimes = 0\n\
                  [[fault]]\non = \"stages\"\nanswer = \"daily\"\n\
                  [[fault]]\non = \"leads\"\nanswer = \"html_403\"\n\
                  [[fault]]\non = \"deals\"\nanswer = \"shuffle\"\n\
                  [[fault]]\non = \"changelog\"\nanswer = \"null_data\"\n\
                  [[fault]]\non = \"fields\"\nanswer = \"redirect\"\n\
                  [[fault]]\non = \"get\"\nanswer = \"truncated_json\"\n";
    let running = Running::new(deals(4), &format!("{FREE}{faults}")).await;
    let mut texts = Vec::new();
    for _ in 0..3 {
        texts.push(running.get("/v1/deals/1/flow").await.text == "null");
    }
    assert_eq!(texts, [false, true, false]);
    for _ in 0..3 {
        assert_eq!(running.get("/v1/users").await.status, 402);
    }
    let daily = running.get("/api/v2/stages").await;
    assert_eq!((daily.status, daily.header("x-daily-ratelimit-token-remaining")), (429, "0"));
    assert_eq!(running.get("/v1/leads").await.status, 403);
    let told = running.get("/api/v2/deals").await.json();
    assert_ne!(told["data"][0]["id"], 1);
    assert!(running.get("/v1/deals/1/changelog").await.json()["data"].is_null());
    assert_eq!(running.get("/api/v2/dealFields").await.status, 302);
    let broken = running.get("/api/v2/deals/1").await.text;
    assert!(serde_json::from_str::<serde_json::Value>(&broken).is_err());
    running.simulator.set_faults(Faults::none());
    assert_eq!(running.get("/v1/users").await.status, 200);
    assert!(running.simulator.log()[0].starts_with("GET /v1/deals/1/flow"));
}

#[tokio::test]
async fn pages_may_be_shorter_than_asked_for() {
    let running = Running::new(deals(5), "[limits]\npage_rows = 2\n").await;
    let told = running.get("/api/v2/deals?limit=500").await.json();
    assert_eq!(told["data"].as_array().unwrap().len(), 2);
    assert!(told["additional_data"]["next_cursor"].is_string());
}

#[test]
fn a_faults_file_that_is_wrong_tells_what_is_allowed() {
    let of = |text: &str| Faults::from_toml(text).unwrap_err();
    assert!(of("[[fault]]\non = \"dealz\"\nanswer = 500\n").contains("archived_deals"));
    assert!(of("[[fault]]\non = \"deals\"\nanswer = 418\n").contains("null_data"));
    assert!(of("[[fault]]\non = \"write\"\nanswer = \"shuffle\"\n").contains("cannot"));
    assert!(of("[limits]\nbursts = 1\n").contains("bursts"));
    assert!(Account::empty().get("deals", "1").is_none());
}
