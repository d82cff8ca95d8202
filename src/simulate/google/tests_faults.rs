//! Tokens, quotas and faults, told by examples over a socket.

use reqwest::Method;
use serde_json::json;

use super::Faults;
use super::tests::{BOTH, Running, april};

#[tokio::test]
async fn tokens_are_given_for_good_assertions_and_end_after_an_hour() {
    let running = Running::new("[auth]\nclient_email = \"a@project.test\"").await;
    let told = running.assert(&running.claims(BOTH)).await;
    assert_eq!(
        (&told.json()["expires_in"], &told.json()["token_type"]),
        (&json!(3599), &json!("Bearer"))
    );
    let good = running.claims(BOTH);
    for (field, value, error, begins) in [
        ("iss", json!("b@project.test"), "invalid_grant", "Invalid grant: account not found"),
        ("aud", json!("https://example.test"), "invalid_grant", "Invalid JWT: Failed audience"),
        ("exp", json!(good["iat"].as_i64().unwrap() + 3601), "invalid_grant", "Invalid JWT: Token"),
        ("iat", json!(null), "invalid_grant", "Invalid JWT: iat"),
        ("scope", json!(""), "invalid_scope", "Invalid OAuth scope"),
        ("scope", json!("analytics"), "invalid_scope", "Some requested scopes"),
    ] {
        let mut claims = good.clone();
        claims[field] = value;
        let told = running.assert(&claims).await;
        assert_eq!(
            (told.status, told.json()["error"].as_str()),
            (400, Some(error)),
            "{}",
            told.text
        );
        assert!(told.json()["error_description"].as_str().unwrap().starts_with(begins));
    }
    let form = "grant_type=client_credentials".to_owned();
    let told = running.send(Method::POST, "/token", form).await;
    assert_eq!(told.json()["error"], "unsupported_grant_type");
    assert_eq!(running.report(april(&[], json!({}))).await.status, 200);
    running.advance(1);
    let told = running.report(april(&[], json!({}))).await;
    assert_eq!(told.error(), (401, "ACCESS_TOKEN_EXPIRED".to_owned()));
    running.log_in(BOTH).await;
    assert_eq!(running.report(april(&[], json!({}))).await.status, 200);
    running.simulator.expire_tokens();
    assert_eq!(running.report(april(&[], json!({}))).await.status, 401);
}

#[tokio::test]
async fn signatures_are_checked_where_there_is_a_key() {
    let der = "MEgCQQC7JHoJfg6yNzLMOWet8Z49a4KD0dCspMAYvo2YAMB7/wdEycocujbhJ2n/seONi+5XqTqqFkM5\
               VBl8rmkkFPZk7XUCAwEAAQ==";
    let pem = format!("-----BEGIN RSA PUBLIC KEY-----\n{der}\n-----END RSA PUBLIC KEY-----\n");
    let faults = format!("[auth]\npublic_key = '''\n{pem}'''");
    let running = Running::new(&faults).await;
    let told = running.assert(&running.claims(BOTH)).await;
    assert_eq!(told.status, 400);
    assert_eq!(told.json()["error_description"], "Invalid JWT Signature.");
    assert!(Faults::from_toml("[auth]\npublic_key = 'none'").is_err());
}

#[tokio::test]
async fn an_api_wants_its_scope_and_must_be_switched_on() {
    let running = Running::new("").await;
    running.log_in("https://www.googleapis.com/auth/webmasters").await;
    let told = running.report(april(&[], json!({}))).await;
    assert_eq!(told.error(), (403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT".to_owned()));
    let sites = || running.send(Method::GET, "/webmasters/v3/sites", String::new());
    assert_eq!(sites().await.json(), json!({}));
    let off = "[auth]\ndisabled = [\"searchconsole\"]\nproperty_access = false";
    running.simulator.set_faults(Faults::from_toml(off).unwrap());
    let told = sites().await;
    assert_eq!(told.error(), (403, "SERVICE_DISABLED".to_owned()));
    assert_eq!(told.json()["error"]["errors"][0]["reason"], "accessNotConfigured");
    running.log_in(BOTH).await;
    let told = running.report(april(&[], json!({}))).await;
    assert_eq!(told.error(), (403, "PERMISSION_DENIED".to_owned()));
}

#[tokio::test]
async fn the_quota_is_told_is_used_up_and_comes_back() {
    let running = Running::new("[limits]\ntokens_per_hour = 6\nthresholded_per_hour = 1").await;
    let ask = |dimensions: &'static [&str]| {
        running.report(april(dimensions, json!({"returnPropertyQuota": true})))
    };
    let quota = ask(&["date"]).await.json()["propertyQuota"].clone();
    assert_eq!(quota["tokensPerHour"], json!({"consumed": 2, "remaining": 4}));
    assert_eq!(quota["tokensPerDay"], json!({"consumed": 2, "remaining": 199_998}));
    assert_eq!(quota["concurrentRequests"], json!({"remaining": 10}));
    assert_eq!(quota["serverErrorsPerProjectPerHour"], json!({"remaining": 10}));
    assert_eq!(ask(&["userGender"]).await.status, 200);
    let told = ask(&["date"]).await;
    assert_eq!(told.error(), (429, "RESOURCE_EXHAUSTED".to_owned()));
    assert!(told.message().starts_with("Exhausted potentially thresholded requests quota."));
    running.advance(1);
    running.log_in(BOTH).await;
    for _ in 0..3 {
        assert_eq!(ask(&["date"]).await.status, 200);
    }
    let told = ask(&["date"]).await;
    assert!(told.message().starts_with("Exhausted property tokens per hour."), "{}", told.text);
    assert_eq!(running.simulator.requests().refused, 2);
}

#[tokio::test]
async fn the_day_of_the_quota_ends_at_midnight_in_the_pacific() {
    // It is nine in the morning there.
    let running = Running::new("[limits]\nused_today = 200000").await;
    let ask = || running.report(april(&["date"], json!({})));
    assert!(ask().await.message().starts_with("Exhausted property tokens per day."));
    running.advance(14);
    running.log_in(BOTH).await;
    assert_eq!(ask().await.status, 429);
    running.advance(1);
    running.log_in(BOTH).await;
    assert_eq!(ask().await.status, 200);
}

#[tokio::test]
async fn after_ten_server_errors_in_an_hour_nothing_is_answered() {
    let running = Running::new("[[fault]]\non = \"report\"\ntimes = 10\nanswer = 503").await;
    for _ in 0..10 {
        let told = running.report(april(&[], json!({}))).await;
        assert_eq!(told.error(), (503, "UNAVAILABLE".to_owned()));
    }
    let told = running.report(april(&[], json!({}))).await;
    assert!(told.message().starts_with("Exhausted server errors for a project per hour."));
    running.advance(1);
    running.log_in(BOTH).await;
    assert_eq!(running.report(april(&[], json!({}))).await.status, 200);
}

#[tokio::test]
async fn requests_that_are_under_way_count_until_they_are_answered() {
    let slow =
        "[limits]\nconcurrent = 1\n[[fault]]\non = \"report\"\nanswer = \"slow\"\ndelay_ms = 400";
    let running = Running::new(slow).await;
    let ask = || running.report(april(&[], json!({})));
    let later = async {
        tokio::time::sleep(std::time::Duration::from_millis(150)).await;
        ask().await
    };
    let (first, second) = tokio::join!(ask(), later);
    assert_eq!(first.status, 200);
    assert!(second.message().starts_with("Exhausted concurrent requests quota."));
    assert_eq!(ask().await.status, 200);
}

#[tokio::test]
async fn each_fault_breaks_what_it_should() {
    let of = |on: &str, answer: &str| {
        format!("[[fault]]\non = \"{on}\"\nskip = 1\nanswer = \"{answer}\"")
    };
    let running = Running::new("").await;
    running.property.lock().unwrap().set_site("sc-domain:example.test", "siteOwner");
    for (answer, status, reason) in [
        ("400", 400, "INVALID_ARGUMENT"),
        ("401", 401, "ACCESS_TOKEN_EXPIRED"),
        ("404", 404, "NOT_FOUND"),
        ("429", 429, "RESOURCE_EXHAUSTED"),
        ("500", 500, "INTERNAL"),
        ("scope", 403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
        ("disabled", 403, "SERVICE_DISABLED"),
        ("access", 403, "PERMISSION_DENIED"),
        ("tokens_per_hour", 429, "RESOURCE_EXHAUSTED"),
    ] {
        running.simulator.set_faults(Faults::from_toml(&of("report", answer)).unwrap());
        assert_eq!(running.report(april(&[], json!({}))).await.status, 200);
        let told = running.report(april(&[], json!({}))).await;
        assert_eq!(told.error(), (status, reason.to_owned()), "{answer}");
        assert_eq!(running.report(april(&[], json!({}))).await.status, 200);
    }
    for (answer, status, reason) in [
        ("quota", 403, "quotaExceeded"),
        ("rate", 403, "rateLimitExceeded"),
        ("429", 429, "rateLimitExceeded"),
        ("access", 403, "forbidden"),
        ("503", 503, "backendError"),
    ] {
        running.simulator.set_faults(Faults::from_toml(&of("sites", answer)).unwrap());
        let ask = || running.send(Method::GET, "/webmasters/v3/sites", String::new());
        assert_eq!(ask().await.status, 200);
        assert_eq!(ask().await.error(), (status, reason.to_owned()), "{answer}");
    }
    running.simulator.set_faults(Faults::from_toml(&of("report", "truncated_json")).unwrap());
    running.report(april(&[], json!({}))).await;
    let told = running.report(april(&[], json!({}))).await;
    assert!(serde_json::from_str::<serde_json::Value>(&told.text).is_err());
    for wrong in ["on = \"all\"\nanswer = 400", "on = \"any\"\nanswer = 418"] {
        assert!(Faults::from_toml(&format!("[[fault]]\n{wrong}")).unwrap_err().contains("none of"));
    }
}
