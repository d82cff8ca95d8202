//! What happens to one deal, and how its log tells it: fields change, it moves, is won, lost, reopened.

use jiff::Timestamp;
use serde_json::Value;

use super::account::Account;
use super::catalog::Kind;
use super::history::Change;
use super::record::number_of;
use super::render;

/// A value as the log tells it; none of null.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Bool(yes) => Some(u8::from(*yes).to_string()),
        other => Some(other.to_string()),
    }
}

/// The times that follow from a status: which are set to now, and which are cleared.
fn times(status: &str) -> (&'static [&'static str], &'static [&'static str]) {
    match status {
        "won" => (&["won_time", "close_time"], &["lost_time", "lost_reason"]),
        "lost" => (&["lost_time", "close_time"], &["won_time"]),
        _ => (&[], &["won_time", "lost_time", "close_time", "lost_reason"]),
    }
}

impl Account {
    /// Fills a new deal. Its log begins with `add_time`; what it was created with is not in it.
    pub(super) fn begin_deal(&mut self, number: u64, fields: &[(&str, Value)], at: i64) {
        let told = |name: &str| fields.iter().find(|field| field.0 == name).map(|field| &field.1);
        let stage = told("stage_id").and_then(Value::as_u64);
        let pipeline = stage.and_then(|stage| self.pipeline_of(stage));
        let pipeline = pipeline.or(told("pipeline_id").and_then(Value::as_u64)).unwrap_or(1);
        let stage = stage.or_else(|| self.first_stage(pipeline));
        self.log(number, "add_time", None, Some(render::plain(at)), at);
        self.put(Kind::Deal, number, "stage_id", stage.into(), at);
        self.put(Kind::Deal, number, "pipeline_id", pipeline.into(), at);
        self.put(Kind::Deal, number, "status", "open".into(), at);
        let later = ["stage_id", "pipeline_id", "status"];
        for (name, value) in fields.iter().filter(|field| !later.contains(&field.0)) {
            self.put(Kind::Deal, number, name, value.clone(), at);
        }
        let closed = told("status").and_then(Value::as_str).filter(|status| *status != "open");
        if let Some(status) = closed {
            let stamp = self.table(Kind::Deal).find(number).map_or(at, |deal| deal.updated);
            self.set_status(number, status, fields, at);
            if let Some(deal) = self.table_mut(Kind::Deal).find_mut(number) {
                deal.updated = stamp;
            }
        }
    }

    /// Changes fields of a deal and writes each change to its log.
    pub(super) fn change_deal(&mut self, number: u64, fields: &[(&str, Value)], at: i64) {
        for (name, value) in fields {
            match *name {
                "custom_fields" => {
                    for (key, value) in value.as_object().cloned().unwrap_or_default() {
                        self.set_logged(number, &key, value, at);
                    }
                }
                "status" => {
                    let status = value.as_str().unwrap_or("open").to_owned();
                    self.set_status(number, &status, fields, at);
                }
                "stage_id" => self.move_deal(number, value, at),
                "id" | "add_time" | "update_time" => {
                    self.put(Kind::Deal, number, name, value.clone(), at);
                }
                _ => self.set_logged(number, name, value.clone(), at),
            }
        }
    }

    fn move_deal(&mut self, number: u64, stage: &Value, at: i64) {
        let was = self.field(number, "stage_id");
        if was == *stage {
            return;
        }
        self.set_logged(number, "stage_id", stage.clone(), at);
        self.set_logged(number, "stage_change_time", render::seconds(at).into(), at);
        if let Some(pipeline) = stage.as_u64().and_then(|stage| self.pipeline_of(stage)) {
            self.set_logged(number, "pipeline_id", pipeline.into(), at);
        }
    }

    /// Gives a deal a status, with the times that go with it but for those that `fields` name.
    fn set_status(&mut self, number: u64, status: &str, fields: &[(&str, Value)], at: i64) {
        self.set_logged(number, "status", status.into(), at);
        let named = |name: &str| fields.iter().find(|field| field.0 == name).map(|field| &field.1);
        let (set, cleared) = times(status);
        for name in set {
            let value = named(name).cloned().unwrap_or_else(|| render::seconds(at).into());
            self.set_logged(number, name, value, at);
        }
        for name in cleared.iter().filter(|name| named(name).is_none()) {
            self.set_logged(number, name, Value::Null, at);
        }
        if status == "won" && self.field(number, "first_won_time").is_null() {
            self.put(Kind::Deal, number, "first_won_time", render::seconds(at).into(), at);
        }
    }

    /// Fills a field of a deal; where that changes it, the log has a row.
    fn set_logged(&mut self, number: u64, name: &str, value: Value, at: i64) {
        let was = self.field(number, name);
        self.put(Kind::Deal, number, name, value, at);
        let is = self.field(number, name);
        if was == is {
            return;
        }
        // The log knows the owner by the name that v1 has for it.
        let name = if name == "owner_id" { "user_id" } else { name };
        let told = |value: &Value| match (name.ends_with("_time"), render::read(value)) {
            (true, Some(ms)) => Some(render::plain(ms)),
            _ => text(value),
        };
        let (was, is) = (told(&was), told(&is));
        self.log(number, name, was, is, at);
    }

    /// Writes a row to the log of a deal.
    pub(super) fn log(
        &mut self,
        deal: u64,
        name: &str,
        old: Option<String>,
        new: Option<String>,
        at: i64,
    ) {
        self.changes += 1;
        let (id, actor, field) = (self.changes, self.admin, self.name(name));
        let change = Change { id, at, field, old, new, actor };
        self.logs.entry(deal).or_default().push(change);
    }

    /// What a deal holds in a field, as its endpoint tells it.
    fn field(&self, number: u64, name: &str) -> Value {
        let Some(deal) = self.table(Kind::Deal).find(number) else { return Value::Null };
        if name == "is_archived" {
            return deal.archived.is_some().into();
        }
        let unset = Kind::Deal.fields().iter().find(|field| field.0 == name);
        let unset = unset.map_or(Value::Null, |field| field.1.value(self.admin));
        deal.get(name).cloned().unwrap_or(unset)
    }

    fn pipeline_of(&self, stage: u64) -> Option<u64> {
        self.table(Kind::Stage).find(stage)?.number_of("pipeline_id")
    }

    fn first_stage(&self, pipeline: u64) -> Option<u64> {
        let stages = self.table(Kind::Stage).records.iter();
        let theirs = stages.filter(|stage| stage.number_of("pipeline_id") == Some(pipeline));
        theirs.min_by_key(|stage| stage.number_of("order_nr")).map(|stage| stage.number)
    }

    /// Wins a deal, which stays in its stage.
    pub fn win(&mut self, deal: &str, at: Timestamp) {
        self.update("deals", deal, &[("status", "won".into())], at);
    }

    /// Loses a deal; an empty reason is none.
    pub fn lose(&mut self, deal: &str, reason: &str, at: Timestamp) {
        let reason = if reason.is_empty() { Value::Null } else { reason.into() };
        self.update("deals", deal, &[("status", "lost".into()), ("lost_reason", reason)], at);
    }

    /// Opens a deal again that was won or lost.
    pub fn reopen(&mut self, deal: &str, at: Timestamp) {
        self.update("deals", deal, &[("status", "open".into())], at);
    }

    /// Whether there is such a deal and it is not deleted.
    pub(super) fn live_deal(&self, id: &str) -> Option<u64> {
        let number = number_of(Kind::Deal, id)?;
        self.table(Kind::Deal).find(number).filter(|deal| deal.deleted.is_none())?;
        Some(number)
    }
}
