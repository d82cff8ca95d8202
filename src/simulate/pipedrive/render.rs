//! Records and times as the endpoints tell them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::account::Account;
use super::catalog::{Kind, ON_REQUEST, Unset};
use super::record::{Record, id_of};

/// RFC 3339 to the second, as v2 tells times.
pub(super) fn seconds(ms: i64) -> String {
    stamp(ms, "%Y-%m-%dT%H:%M:%SZ")
}

/// As v1 tells times.
pub(super) fn plain(ms: i64) -> String {
    stamp(ms, "%Y-%m-%d %H:%M:%S")
}

/// As the lists of leads tell times.
pub(super) fn milliseconds(ms: i64) -> String {
    stamp(ms, "%Y-%m-%dT%H:%M:%S%.3fZ")
}

fn stamp(ms: i64, format: &str) -> String {
    let at = Timestamp::from_millisecond(ms).unwrap_or_default();
    jiff::fmt::strtime::format(format, at).unwrap_or_default()
}

/// A time that was told in one of these ways.
pub(super) fn read(value: &Value) -> Option<i64> {
    let text = value.as_str()?;
    let told =
        if text.contains('T') || text.contains('Z') { text.to_owned() } else { format!("{text}Z") };
    told.parse::<Timestamp>().ok().map(Timestamp::as_millisecond)
}

/// A record as it is answered. Fields on request are told when `with` names them.
pub(super) fn told(account: &Account, kind: Kind, record: &Record, with: &[&str]) -> Value {
    let mut map = Map::new();
    for (name, unset) in kind.fields() {
        if ON_REQUEST.contains(name) && !with.contains(name) {
            continue;
        }
        let value = match (name, unset) {
            (&"status", _) if kind == Kind::Deal => json!(record.status()),
            (_, Unset::Told) => worked_out(account, kind, record, name),
            _ => record.get(name).cloned().unwrap_or_else(|| unset.value(account.admin)),
        };
        map.insert((*name).to_owned(), value);
    }
    let own = record.filled().filter(|field| !kind.has(field.0));
    let own = own.map(|(key, value)| (key.to_string(), value.clone()));
    match kind {
        // A field that no lead has set is absent there.
        Kind::Lead => map.extend(own.filter(|field| !field.1.is_null())),
        Kind::Deal | Kind::Person => {
            let mut custom = Map::new();
            if kind == Kind::Deal {
                let keys = account.custom.iter().filter(|field| field.is_own());
                custom.extend(keys.map(|field| (field.key.clone(), Value::Null)));
            }
            custom.extend(own);
            map.insert("custom_fields".to_owned(), Value::Object(custom));
        }
        _ => {}
    }
    Value::Object(map)
}

fn worked_out(account: &Account, kind: Kind, record: &Record, name: &str) -> Value {
    let time = |ms: i64| match kind {
        Kind::Lead => milliseconds(ms),
        Kind::User => plain(ms),
        _ => seconds(ms),
    };
    let day = |name: &str| record.text_of(name).get(..10).map_or(Value::Null, |day| json!(day));
    match name {
        "id" if kind == Kind::Lead => json!(id_of(kind, record.number)),
        "id" => json!(record.number),
        "add_time" | "created" => json!(record.added.map(time)),
        "update_time" | "modified" | "last_login" => json!(time(record.updated)),
        "archive_time" => json!(record.archived.map(time)),
        "is_archived" => json!(record.archived.is_some()),
        "is_deleted" => json!(record.deleted.is_some()),
        "active_flag" => json!(record.deleted.is_none()),
        "local_won_date" => day("won_time"),
        "local_lost_date" => day("lost_time"),
        "local_close_date" => day("close_time"),
        "cc_email" => json!(format!("company+lead{}@pipedrivemail.example", record.number)),
        "is_you" => json!(record.number == account.admin),
        "is_admin" => json!(u8::from(record.number == account.admin)),
        "access" => {
            let admin = record.number == account.admin;
            let set = "62cc4d7f-4038-4352-abf3-a8c1c822b631";
            json!([{ "app": "sales", "admin": admin, "permission_set_id": set }])
        }
        _ => Value::Null,
    }
}
