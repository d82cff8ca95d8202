//! Whether the daemon lives, and whether everything it needs is there.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::Asked;
use crate::daemon::Ground;

/// A message that should have left so long ago waits for somebody.
const OUTBOX_LATE_SECS: i64 = 3_600;

/// The process answers and its tick moves.
pub async fn healthy(State(web): Asked) -> Response {
    let ground = web.ground();
    match ground.pulse.ailment() {
        None => "ok\n".into_response(),
        Some(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")).into_response(),
    }
}

/// Database, tick, freshness of each source, outbox: 503 when one of them is not in order.
pub async fn ready(State(web): Asked) -> Response {
    let checks = checks(&web.ground()).await;
    let ready = checks.iter().all(|(_, result)| result.is_ok());
    let told: serde_json::Map<String, Value> = checks
        .into_iter()
        .map(|(name, result)| (name, result.map_or_else(Value::String, |()| json!("ok"))))
        .collect();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"ready": ready, "checks": told}))).into_response()
}

/// Each part, with what is wrong with it.
pub async fn checks(ground: &Ground) -> Vec<(String, Result<(), String>)> {
    let now = ground.clock.now();
    let mut checks = vec![
        ("database".to_owned(), ground.store.answers().await.map_err(|error| error.to_string())),
        ("tick".to_owned(), ground.pulse.ailment().map_or(Ok(()), Err)),
    ];
    let states = ground.store.source_states().await.unwrap_or_default();
    let after = ground.settings.alerts.source_stale.after_secs;
    for (name, source) in &ground.settings.sources {
        let after = after + source.kind.lag_secs();
        let complete = states.get(name).and_then(|state| state.complete_to);
        let result = match complete {
            None => Err("it was never read completely".to_owned()),
            Some(at) if now.as_second() - at.as_second() > after => {
                Err(format!("its data is complete to {at} only"))
            }
            Some(_) => Ok(()),
        };
        checks.push((format!("source:{name}"), result));
    }
    let outbox = match ground.store.oldest_due(now).await {
        Ok(Some(secs)) if secs > OUTBOX_LATE_SECS => {
            Err(format!("a message has been due for {secs} s"))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(error.to_string()),
    };
    checks.push(("outbox".to_owned(), outbox));
    checks
}
