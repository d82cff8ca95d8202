//! Tryton's JSON-RPC: sessions, tagged values, and errors that come with status 200.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use jiff::civil::date;
use jiff::tz::TimeZone;
use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use super::map::Row;
use crate::config::api::Tryton as Settings;
use crate::config::secret::Secret;
use crate::sources::SourceError;
use crate::sources::http::{
    Answer, Api, Auth, Environment, Meaning, Quota, Rate, Request, Vendor, retry_after_ms,
};

/// A server of one's own has no tiers; this leaves it time for the people who work with it.
const USUAL_RATE: Rate = Rate { count: 50, window_ms: 1_000 };

/// A session with a database.
pub struct Rpc {
    api: Api,
    path: String,
    username: String,
    password: Secret,
    place: String,
}

/// The fields that this database has beside the usual ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fields {
    /// Whether campaigns, sources and mediums are known.
    pub marketing: bool,
}

/// What a status means. Errors of the application come with status 200, see [`Rpc::call`].
struct TrytonVendor;

impl Vendor for TrytonVendor {
    fn meaning(&self, answer: &Answer) -> Meaning {
        let why = format!("HTTP {}", answer.status);
        match answer.status {
            200..=299 => Meaning::Usable,
            401 => Meaning::Unauthorised { why: "the session or the password was refused".into() },
            403 => Meaning::Refused {
                why: "HTTP 403: this version of Tryton does not offer that".into(),
                mend: "look whether the modules sale_opportunity and its needs are activated"
                    .into(),
            },
            404 => Meaning::Refused { why, mend: "look at `database` and `base_url`".into() },
            // After six wrong passwords the right one is refused for five minutes too.
            429 => Meaning::Later { why: "HTTP 429: too many logins".into() },
            408 | 500..=599 => Meaning::Again { wait_ms: retry_after_ms(&answer.headers), why },
            _ => Meaning::Refused { why, mend: "look at `base_url`".into() },
        }
    }

    fn quota(&self, _: &HeaderMap) -> Quota {
        Quota::default()
    }
}

impl Rpc {
    /// A connection that is not logged in yet.
    pub fn new(
        settings: &Settings,
        environment: &Environment,
        place: &str,
    ) -> Result<Rpc, SourceError> {
        let rate = Rate::of(settings.rate_limit, USUAL_RATE);
        let vendor = Box::new(TrytonVendor);
        let url = &settings.base_url;
        let api = Api::new(url, vendor, Auth::Session, (rate, None), environment, place)?;
        Ok(Rpc {
            api,
            path: format!("/{}/rpc/", settings.database),
            username: settings.username.clone(),
            password: settings.password.clone(),
            place: place.to_owned(),
        })
    }

    /// Opens a session. A password that is refused is not tried again: six bad ones lock the user.
    pub async fn log_in(&self) -> Result<(), SourceError> {
        let password = self.password.reveal().map_err(|error| SourceError::Unauthorised {
            place: self.place.clone(),
            message: error.to_string(),
            mend: "set the secret that `password` points to".into(),
        })?;
        let params = json!([self.username, {"password": password}]);
        let answer = self.send("log in", "common.db.login", &params).await?;
        let (Some(user), Some(token)) = (answer[0].as_i64(), answer[1].as_str()) else {
            return Err(SourceError::Unauthorised {
                place: self.place.clone(),
                message: "log in: the name or the password was refused".into(),
                mend: "look at `username` and at the secret that `password` points to".into(),
            });
        };
        let session = STANDARD.encode(format!("{}:{user}:{token}", self.username));
        self.api.set_session(format!("Session {session}"));
        Ok(())
    }

    /// Calls a method. A session that is lost is opened again, once.
    pub async fn call(
        &self,
        operation: &str,
        method: &str,
        params: Value,
    ) -> Result<Value, SourceError> {
        match self.send(operation, method, &params).await {
            Err(SourceError::Unauthorised { .. }) => {
                self.log_in().await?;
                self.send(operation, method, &params).await
            }
            other => other,
        }
    }

    async fn send(
        &self,
        operation: &str,
        method: &str,
        params: &Value,
    ) -> Result<Value, SourceError> {
        let body = json!({"id": 1, "method": method, "params": params});
        let request = Request::post(operation, self.path.as_str(), &body);
        let answer: Value = self
            .api
            .read(&request, |body| {
                let answer: Value = serde_json::from_slice(body)?;
                // An answer without either is no answer: it was cut, or somebody else gave it.
                if answer.get("result").is_none() && answer.get("error").is_none() {
                    return Err(serde::de::Error::custom("neither a result nor an error"));
                }
                Ok(answer)
            })
            .await?;
        match answer.get("error") {
            None => Ok(answer["result"].clone()),
            Some(error) => Err(SourceError::At {
                place: self.place.clone(),
                message: format!("{operation}: Tryton answers {}", class_of(error)),
                mend:
                    "look whether the user belongs to the group Sales and has a current company, \
                       and into the server's log"
                        .into(),
            }),
        }
    }

    /// The ids of all records of a model.
    pub async fn ids(&self, model: &str) -> Result<Vec<i64>, SourceError> {
        self.ids_of(model, u64::MAX).await
    }

    /// The first ids of a model's records.
    pub async fn ids_of(&self, model: &str, limit: u64) -> Result<Vec<i64>, SourceError> {
        let limit = if limit == u64::MAX { Value::Null } else { json!(limit) };
        let domain = if model == "ir.note" { of_opportunities() } else { json!([]) };
        let params = json!([domain, 0, limit, [["id", "ASC"]], {}]);
        let method = format!("model.{model}.search");
        let found = self.call("list ids", &method, params).await?;
        Ok(found.as_array().into_iter().flatten().filter_map(Value::as_i64).collect())
    }

    /// Which fields there are: asking for one that is absent is an error.
    pub async fn known_fields(&self) -> Result<Fields, SourceError> {
        let params = json!([["state", "marketing_source"], {}]);
        let method = "model.sale.opportunity.fields_get";
        // Without the module the answer is an error for that name.
        let known = match self.call("read fields", method, params).await {
            Ok(known) => known.get("marketing_source").is_some(),
            Err(SourceError::At { .. }) => false,
            Err(error) => return Err(error),
        };
        Ok(Fields { marketing: known })
    }

    /// Opportunities from a place on, in order of their last change.
    pub async fn opportunities(
        &self,
        fields: &Fields,
        from: Option<(Timestamp, i64)>,
        limit: u64,
    ) -> Result<Vec<Row>, SourceError> {
        let params = json!([since(from), 0, limit, by_change(), names(fields), {}]);
        let method = "model.sale.opportunity.search_read";
        let found = self.call("read opportunities", method, params).await?;
        Ok(found.as_array().into_iter().flatten().filter_map(Row::parse).collect())
    }

    /// The opportunities of these ids as they were at an instant.
    pub async fn opportunities_at(
        &self,
        ids: &[i64],
        at: Timestamp,
    ) -> Result<Vec<Row>, SourceError> {
        let fields = json!(["state", "employee"]);
        let context = json!({"_datetime": tagged(at)});
        let params = json!([[["id", "in", ids]], 0, null, null, fields, context]);
        let method = "model.sale.opportunity.search_read";
        let found = self.call("read a revision", method, params).await?;
        Ok(found.as_array().into_iter().flatten().filter_map(Row::parse).collect())
    }

    /// When each of these opportunities changed; deleted ones are among them. Who changed it is not
    /// kept.
    pub async fn revisions(&self, ids: &[i64]) -> Result<Vec<(Timestamp, i64)>, SourceError> {
        let method = "model.sale.opportunity.history_revisions";
        let found = self.call("read revisions", method, json!([ids, {}])).await?;
        let revision = |value: &Value| Some((untagged(&value[0])?, value[1].as_i64()?));
        Ok(found.as_array().into_iter().flatten().filter_map(revision).collect())
    }

    /// Notes on opportunities from a place on, without their text.
    pub async fn notes(
        &self,
        from: Option<(Timestamp, i64)>,
        limit: u64,
    ) -> Result<Vec<Value>, SourceError> {
        let domain = json!([of_opportunities(), since(from)]);
        let fields = json!(["resource", "create_date", "create_uid", "last_modified_at"]);
        let params = json!([domain, 0, limit, by_change(), fields, {}]);
        let found = self.call("read notes", "model.ir.note.search_read", params).await?;
        Ok(found.as_array().cloned().unwrap_or_default())
    }
}

/// The class of an error, and what Tryton says about access; other texts may name people.
fn class_of(error: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let class = text(&error[0]);
    let said = text(&error[1][0]);
    let told = if said.contains("access") { format!("{class}: {said}") } else { class };
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    told.chars().take(160).map(plain).collect()
}

fn names(fields: &Fields) -> Vec<&'static str> {
    let mut names = vec![
        "state",
        "employee",
        "amount",
        "currency.code",
        "lost_reason",
        "create_date",
        "last_modified_at",
    ];
    if fields.marketing {
        names.extend(["marketing_source.name", "marketing_campaign.name", "marketing_medium.name"]);
    }
    names
}

fn of_opportunities() -> Value {
    json!([["resource", "like", "sale.opportunity,%"]])
}

fn by_change() -> Value {
    json!([["last_modified_at", "ASC"], ["id", "ASC"]])
}

/// Behind a place in the order of changes. `last_modified_at` is the creation until the first edit,
/// where `write_date` would be null and hide new records.
fn since(from: Option<(Timestamp, i64)>) -> Value {
    match from {
        None => json!([]),
        Some((at, id)) => json!([
            "OR",
            [["last_modified_at", ">", tagged(at)]],
            [["last_modified_at", "=", tagged(at)], ["id", ">", id]],
        ]),
    }
}

/// An instant as Tryton tags it: UTC, in microseconds.
fn tagged(at: Timestamp) -> Value {
    let at = at.to_zoned(TimeZone::UTC);
    json!({
        "__class__": "datetime",
        "year": at.year(), "month": at.month(), "day": at.day(),
        "hour": at.hour(), "minute": at.minute(), "second": at.second(),
        "microsecond": at.subsec_nanosecond() / 1_000,
    })
}

/// An instant from its tagged form.
pub(super) fn untagged(value: &Value) -> Option<Timestamp> {
    let part = |name: &str| value.get(name)?.as_i64();
    let small = |name: &str| i8::try_from(part(name)?).ok();
    let day =
        jiff::civil::Date::new(i16::try_from(part("year")?).ok()?, small("month")?, small("day")?);
    let nanosecond = i32::try_from(part("microsecond")? * 1_000).ok()?;
    let time =
        jiff::civil::Time::new(small("hour")?, small("minute")?, small("second")?, nanosecond);
    let at = day.unwrap_or(date(1970, 1, 1)).to_datetime(time.ok()?);
    Some(at.to_zoned(TimeZone::UTC).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_is_tagged_to_the_microsecond_and_back() {
        let at: Timestamp = "2026-11-22T02:18:42.199602Z".parse().unwrap();
        assert_eq!(tagged(at)["microsecond"], 199_602);
        assert_eq!(untagged(&tagged(at)), Some(at));
        assert_eq!(untagged(&Value::Null), None);
    }

    #[test]
    fn an_error_shows_its_class_and_no_names() {
        let shown = |error: Value| class_of(&error);
        assert_eq!(shown(json!(["UserError", ["Party \"Ada\" is locked", "", null]])), "UserError");
        let access = json!(["UserError", ["You are not allowed to access \"Sale Opportunity\"."]]);
        assert!(shown(access).contains("not allowed to access"));
        assert_eq!(shown(json!(["'stat'", ""])), "'stat'");
    }
}
