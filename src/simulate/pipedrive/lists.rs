//! The lists of v2: deals, activities, persons, stages and pipelines, page by page behind a cursor.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::catalog::Kind;
use super::cursor::{self, Cursor};
use super::query;
use super::record::{Record, number_of};
use super::refusals::{invalid, not_found};
use super::render;
use super::server::Ask;
use super::wire::Answer;

/// What the rows of a list have in common.
#[derive(Default)]
struct Wanted {
    archived: Option<bool>,
    statuses: Option<Vec<String>>,
    ids: Option<Vec<u64>>,
    since: Option<i64>,
    until: Option<i64>,
    numbers: Vec<(&'static str, u64)>,
    lead: Option<String>,
    done: Option<bool>,
    /// Whose rows alone the caller may see.
    owner: Option<u64>,
}

/// The filters that are numbers, by kind.
fn number_filters(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Deal => &["owner_id", "person_id", "org_id", "pipeline_id", "stage_id"],
        Kind::Activity => &["owner_id", "deal_id", "person_id", "org_id"],
        Kind::Person => &["owner_id", "org_id"],
        Kind::Stage => &["pipeline_id"],
        _ => &[],
    }
}

impl Wanted {
    fn read(ask: &Ask, kind: Kind, archived: bool) -> Result<Wanted, Answer> {
        let owned = matches!(kind, Kind::Deal | Kind::Activity | Kind::Person);
        let mut wanted = Wanted {
            archived: (kind == Kind::Deal).then_some(archived),
            owner: (owned && !ask.admin).then_some(ask.account.admin),
            ..Wanted::default()
        };
        // A filter of the account goes over all others; this one has none that leaves rows out.
        if ask.request.parameter("filter_id").is_some() {
            return Ok(wanted);
        }
        if kind == Kind::Deal {
            let told = ask.request.list("status");
            let known = ["open", "won", "lost", "deleted"];
            if told.iter().any(|status| !known.contains(&status.as_str())) {
                return Err(invalid("status", "must be one of open, won, lost, deleted"));
            }
            wanted.statuses = (!told.is_empty()).then_some(told);
        }
        if owned {
            wanted.ids = query::ids(ask)?;
            wanted.since = query::time(ask, "updated_since")?;
            wanted.until = query::time(ask, "updated_until")?;
        }
        for name in number_filters(kind) {
            wanted.numbers.extend(query::number(ask, name)?.map(|number| (*name, number)));
        }
        if kind == Kind::Activity {
            wanted.lead = ask.request.parameter("lead_id").map(str::to_owned);
            let done = query::word(ask, "done", &["true", "false"])?;
            wanted.done = done.map(|word| word == "true");
        }
        Ok(wanted)
    }

    fn fits(&self, ask: &Ask, record: &Record) -> bool {
        let status = match &self.statuses {
            Some(statuses) => statuses.iter().any(|status| status == record.status()),
            None => record.deleted.is_none(),
        };
        let updated = record.updated.div_euclid(1000);
        let owner = || record.number_of("owner_id").unwrap_or(ask.account.admin);
        status
            && self.archived.is_none_or(|archived| archived == record.archived.is_some())
            && self.since.is_none_or(|since| updated >= since)
            && self.until.is_none_or(|until| updated < until)
            && self.ids.as_ref().is_none_or(|ids| ids.contains(&record.number))
            && self.owner.is_none_or(|mine| mine == owner())
            && self.numbers.iter().all(|(name, number)| match *name {
                "owner_id" => owner() == *number,
                name => record.number_of(name) == Some(*number),
            })
            && self.lead.as_ref().is_none_or(|lead| record.text_of("lead_id") == lead)
            && self.done.is_none_or(|done| {
                record.get("done").and_then(Value::as_bool).unwrap_or(false) == done
            })
    }
}

/// The place of a record in an order.
fn key(record: &Record, field: &str) -> i64 {
    match field {
        "update_time" => record.updated.div_euclid(1000),
        "add_time" => record.added.map_or(0, |at| at.div_euclid(1000)),
        "due_date" => record.text_of("due_date").replace('-', "").parse().unwrap_or(0),
        "order_nr" => record.number_of("order_nr").unwrap_or(0) as i64,
        _ => record.number as i64,
    }
}

/// A list of v2.
pub(super) fn list(ask: &Ask, kind: Kind, archived: bool) -> Result<Answer, Answer> {
    let wanted = Wanted::read(ask, kind, archived)?;
    let limit = query::limit(ask)?;
    let mut sorts = vec!["id", "update_time", "add_time"];
    match kind {
        Kind::Activity => sorts.push("due_date"),
        Kind::Stage => sorts.push("order_nr"),
        _ => {}
    }
    let sort = query::word(ask, "sort_by", &sorts)?.unwrap_or("id");
    let descending = query::word(ask, "sort_direction", &["asc", "desc"])? == Some("desc");
    let (sort, descending, begin) = match cursor::of(ask)? {
        Some(Cursor { field, value, descending, id }) => {
            let known = sorts.iter().find(|sort| **sort == field);
            let sort = known.ok_or_else(|| invalid("cursor", "Invalid cursor"))?;
            (*sort, descending, Some((value, id)))
        }
        None => (sort, descending, None),
    };
    let order = |one: (i64, u64), other: (i64, u64)| -> Ordering {
        if descending { other.cmp(&one) } else { one.cmp(&other) }
    };
    let place = |record: &Record| (key(record, sort), record.number);
    let records = &ask.account.table(kind).records;
    let mut rows: Vec<&Record> = records
        .iter()
        .filter(|record| wanted.fits(ask, record))
        .filter(|record| begin.is_none_or(|begin| order(place(record), begin).is_ge()))
        .collect();
    if rows.len() > limit {
        rows.select_nth_unstable_by(limit, |one, other| order(place(one), place(other)));
        rows.truncate(limit + 1);
    }
    rows.sort_by(|one, other| order(place(one), place(other)));
    let next = rows.get(limit).map(|row| {
        let (value, id) = place(row);
        Cursor { field: sort.to_owned(), value, descending, id }.text()
    });
    rows.truncate(limit);
    let with = ask.request.list("include_fields");
    let with: Vec<&str> = with.iter().map(String::as_str).collect();
    let rows = rows.into_iter().map(|row| render::told(ask.account, kind, row, &with)).collect();
    Ok(answer(ask, rows, next))
}

/// One record of v2.
pub(super) fn one(ask: &Ask, kind: Kind, id: &str) -> Result<Answer, Answer> {
    let record = number_of(kind, id).and_then(|number| ask.account.table(kind).find(number));
    // A lead that was deleted or converted cannot be asked for any more.
    let record = record.filter(|record| kind != Kind::Lead || record.deleted.is_none());
    let Some(record) = record else { return Err(not_found("Not found")) };
    let with = ask.request.list("include_fields");
    let with: Vec<&str> = with.iter().map(String::as_str).collect();
    Ok(single(&render::told(ask.account, kind, record, &with)))
}

/// The envelope of one record.
pub(super) fn single(data: &Value) -> Answer {
    Answer::json(200, json!({ "success": true, "data": data }).to_string().into_bytes())
}

/// The envelope of a page. On the last one the vendor tells that there is no more in any of three ways.
pub(super) fn answer(ask: &Ask, mut rows: Vec<Value>, cursor: Option<String>) -> Answer {
    ask.reorder(&mut rows);
    let mut body = json!({ "success": true, "data": rows });
    match (cursor, ask.turn % 3) {
        (Some(cursor), _) => body["additional_data"] = json!({ "next_cursor": cursor }),
        (None, 0) => body["additional_data"] = json!({ "next_cursor": null }),
        (None, 1) => body["additional_data"] = Value::Null,
        (None, _) => {}
    }
    Answer::json(200, body.to_string().into_bytes())
}
