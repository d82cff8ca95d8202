//! Proves each wrong answer that a faults file can ask for.

use serde_json::{Value, json};

use super::tests::{Bench, FREE, START_MS, contacts, ids};
use super::{Faults, Portal};

const LIST: &str = "/crm/objects/2026-09/contacts";

/// A portal of six contacts with one fault.
async fn with(fault: &str) -> Bench {
    Bench::new(contacts(6, |n| n as i64), &format!("{FREE}[[fault]]\n{fault}\n")).await
}

#[tokio::test]
async fn statuses_hit_after_the_skipped_and_as_often_as_told() {
    for status in [401, 403, 404, 423, 429, 477, 500, 502, 503, 504, 520, 530] {
        let row =
            format!("on = 'list'\nskip = 1\ntimes = 2\nretry_after_secs = 2\nanswer = '{status}'");
        let bench = with(&row).await;
        assert_eq!(bench.get(LIST).await.0, 200);
        assert_eq!(bench.get("/crm/owners/2026-09").await.0, 200);
        let response = bench.raw("GET", LIST, Value::Null).await;
        assert_eq!(response.headers()["retry-after"], "2");
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(bench.get(LIST).await.0, status);
        assert_eq!(bench.get(LIST).await.0, 200);
    }
}

#[tokio::test]
async fn bodies_are_broken_in_every_way() {
    let (status, body) = with("on='any'\nanswer='html'").await.get(LIST).await;
    assert!(status == 200 && body.as_str().is_some_and(|b| b.starts_with("<!DOCTYPE")));
    assert_eq!(with("on='any'\nanswer='html_503'").await.get(LIST).await.0, 503);
    assert_eq!(with("on='any'\nanswer='empty'").await.get(LIST).await, (200, json!("")));
    assert_eq!(with("on='any'\nanswer='null'").await.get(LIST).await, (200, Value::Null));
    assert_eq!(with("on='any'\nanswer='redirect'").await.get(LIST).await.0, 302);
    let (_, half) = with("on='any'\nanswer='truncated_json'").await.get(LIST).await;
    assert!(half.as_str().is_some_and(|b| b.starts_with("{\"results\"")));
    let bench = with("on='any'\nanswer='wrong_type'").await;
    let response = bench.raw("GET", LIST, Value::Null).await;
    assert_eq!(response.headers()["content-type"], "text/plain");
    let bench = with("on='any'\nanswer='cut'").await;
    assert!(bench.raw("GET", LIST, Value::Null).await.bytes().await.is_err());
    assert_eq!(bench.get(LIST).await.0, 200);
    let bench = with("on='any'\nanswer='slow'\ndelay_ms=5").await;
    assert_eq!(bench.get(LIST).await.0, 200);
    let bench = with("on='any'\nanswer='endless'\ndelay_ms=1").await;
    let mut response = bench.raw("GET", LIST, Value::Null).await;
    let mut bytes = 0;
    while bytes < 20_000 {
        bytes += response.chunk().await.expect("more").expect("no end").len();
    }
}

#[tokio::test]
async fn rows_are_spoiled_in_every_way() {
    let (_, page) = with("on='list'\nanswer='shuffle'").await.get(LIST).await;
    let mut shuffled = ids(&page);
    assert!(!shuffled.is_sorted());
    shuffled.sort_unstable();
    assert_eq!(shuffled, (1001..1007).collect::<Vec<u64>>());
    let bench = with("on='search'\nanswer='stale_row'").await;
    let since = json!([{ "propertyName": "lastmodifieddate", "operator": "GTE",
        "value": (START_MS + 3).to_string() }]);
    let (_, page) = bench.search(since, "lastmodifieddate", 0).await;
    assert_eq!((ids(&page), &page["total"]), (vec![1003, 1004, 1005, 1006], &json!(3)));
    let (_, page) = with("on='any'\nanswer='numbers'").await.get(LIST).await;
    assert_eq!(page["results"][0]["properties"]["hs_object_id"], 1001);
    let (_, page) = with("on='any'\nanswer='ids_as_numbers'").await.get(LIST).await;
    assert_eq!(page["results"][0]["id"], 1001);
    let bench = with("on='batch_read'\nanswer='partial'\nshare=0.5\ncategory='RATE_LIMITS'").await;
    let inputs: Vec<Value> = (1001..1007).map(|id| json!({ "id": id.to_string() })).collect();
    let path = format!("{LIST}/batch/read");
    let (status, page) = bench.ask("POST", &path, json!({ "inputs": inputs })).await;
    assert_eq!((status, ids(&page).len()), (207, 3));
    assert_eq!(page["errors"][0]["category"], "RATE_LIMITS");
    assert_eq!(page["errors"][0]["context"]["ids"], json!(["1001", "1003", "1005"]));
}

#[tokio::test]
async fn tokens_and_scopes_are_checked() {
    let faults = "[auth]\nmissing_scopes = ['sales-email-read']\n";
    let bench = Bench::new(Portal::empty(), faults).await;
    let (status, body) = bench.get("/crm/objects/2026-09/emails").await;
    assert_eq!((status, &body["category"]), (403, &json!("MISSING_SCOPES")));
    assert_eq!(bench.get("/crm/objects/2026-09/calls").await.0, 200);
    let bare = bench.client.get(format!("{}{LIST}", bench.simulator.base_url())).send().await;
    assert_eq!(bare.expect("an answer").status(), 401);
    let bench = Bench::new(Portal::empty(), "[auth]\ntoken = 'other'\n").await;
    assert_eq!(bench.get(LIST).await.1["category"], "INVALID_AUTHENTICATION");
    assert_eq!(bench.simulator.log(), [format!("GET {LIST}")]);
}

#[test]
fn a_wrong_faults_file_is_told_what_is_allowed() {
    let error = |text: &str| Faults::from_toml(text).expect_err("an error");
    assert!(error("[limits]\nper_second = 1").contains("search_per_sec"));
    assert!(error("[[fault]]\non='search'\nanswer='odd'").contains("truncated_json"));
    assert!(error("[[fault]]\non='find'\nanswer='429'").contains("batch_read"));
    assert!(error("[[fault]]\non='search'\nanswer='429'\ncount=2").contains("times"));
    assert!(error("[[fault]]\non='list'\nanswer='stale_row'").contains("cannot"));
}
