//! What happened to one deal, as v1 tells it in two ways: the change log and the flow, both with the
//! latest first.

use std::sync::Arc;

use serde_json::{Value, json};

use super::catalog::Kind;
use super::cursor;
use super::leads::paged;
use super::query;
use super::record::{Record, number_of};
use super::refusals::not_found;
use super::render;
use super::server::Ask;
use super::wire::Answer;

/// A row of a deal's log. Its time is in milliseconds.
#[derive(Debug, Clone)]
pub(super) struct Change {
    pub(super) id: u64,
    pub(super) at: i64,
    pub(super) field: Arc<str>,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
    pub(super) actor: u64,
}

/// The log of a deal, the latest change first.
fn log_of(ask: &Ask, id: &str) -> Result<(u64, Vec<Change>), Answer> {
    let number = number_of(Kind::Deal, id);
    let number = number.filter(|number| ask.account.table(Kind::Deal).find(*number).is_some());
    let Some(number) = number else { return Err(not_found("Deal not found")) };
    let mut changes = ask.account.logs.get(&number).cloned().unwrap_or_default();
    changes.sort_by_key(|change| std::cmp::Reverse((change.at, change.id)));
    Ok((number, changes))
}

/// The change log of a deal, behind a cursor that names the first row of the next page.
pub(super) fn changelog(ask: &Ask, id: &str) -> Result<Answer, Answer> {
    let (_, changes) = log_of(ask, id)?;
    let limit = query::loose_limit(ask);
    let from = match cursor::place(ask)? {
        0 => 0,
        id => {
            let place = changes.iter().position(|change| change.id == id as u64);
            place.ok_or_else(|| super::refusals::invalid("cursor", "Invalid cursor"))?
        }
    };
    let next = changes.get(from + limit).map(|change| cursor::of_place("id", change.id as usize));
    let page = changes.iter().skip(from).take(limit);
    let rows = page.map(|change| {
        json!({
            "field_key": &*change.field,
            "old_value": change.old,
            "new_value": change.new,
            "actor_user_id": change.actor,
            "time": render::plain(change.at),
            "change_source": "app",
            "change_source_user_agent": null,
            "is_bulk_update_flag": false,
        })
    });
    Ok(super::lists::answer(ask, rows.collect(), next))
}

/// Everything around a deal: its changes, and its activities.
pub(super) fn flow(ask: &Ask, id: &str) -> Result<Answer, Answer> {
    let (number, changes) = log_of(ask, id)?;
    let items = ask.request.list("items");
    let wanted = |item: &str| items.is_empty() || items.iter().any(|wanted| wanted == item);
    // Changes of custom fields are told to those only who ask for all.
    let all = ask.request.parameter("all_changes") == Some("1");
    let mut rows: Vec<(i64, u64, Value)> = Vec::new();
    if wanted("dealChange") || wanted("change") {
        let told = changes.iter().filter(|change| all || change.field.len() < 40);
        rows.extend(told.map(|change| (change.at, change.id, told_change(ask, number, change))));
    }
    if wanted("activity") {
        let activities = ask.account.table(Kind::Activity).records.iter();
        let theirs = activities.filter(|activity| {
            activity.deleted.is_none() && activity.number_of("deal_id") == Some(number)
        });
        rows.extend(
            theirs.map(|row| (row.added.unwrap_or(0), row.number, told_activity(ask, row))),
        );
    }
    rows.sort_by_key(|row| std::cmp::Reverse((row.0, row.1)));
    paged(ask, rows.into_iter().map(|row| row.2))
}

fn told_change(ask: &Ask, deal: u64, change: &Change) -> Value {
    let name = |value: &Option<String>| {
        let number: u64 = value.as_ref()?.parse().ok()?;
        let kind = match &*change.field {
            "stage_id" => Kind::Stage,
            "user_id" => Kind::User,
            "pipeline_id" => Kind::Pipeline,
            _ => return None,
        };
        ask.account.table(kind).find(number).map(|record| record.text_of("name").to_owned())
    };
    let (old, new) = (name(&change.old), name(&change.new));
    let formatted = if old.is_some() || new.is_some() {
        json!({ "old_value_formatted": old, "new_value_formatted": new })
    } else {
        json!([])
    };
    json!({
        "object": "dealChange",
        "timestamp": render::plain(change.at),
        "data": {
            "id": change.id,
            "item_id": deal,
            "user_id": change.actor,
            "field_key": &*change.field,
            "old_value": change.old,
            "new_value": change.new,
            "is_bulk_update_flag": null,
            "log_time": render::plain(change.at),
            "change_source": "app",
            "change_source_user_agent": null,
            "origin": "app",
            "origin_id": null,
            "additional_data": formatted,
        },
    })
}

fn told_activity(ask: &Ask, activity: &Record) -> Value {
    let owner = activity.number_of("owner_id").unwrap_or(ask.account.admin);
    let done = render::read(activity.get("marked_as_done_time").unwrap_or(&Value::Null));
    json!({
        "object": "activity",
        "timestamp": render::plain(activity.added.unwrap_or(0)),
        "data": {
            "id": activity.number,
            "user_id": owner,
            "done": activity.get("done").and_then(Value::as_bool).unwrap_or(false),
            "type": activity.text_of("type"),
            "subject": activity.text_of("subject"),
            "deal_id": activity.get("deal_id"),
            "add_time": activity.added.map(render::plain),
            "update_time": render::plain(activity.updated),
            "marked_as_done_time": done.map(render::plain).unwrap_or_default(),
            "active_flag": true,
        },
    })
}
