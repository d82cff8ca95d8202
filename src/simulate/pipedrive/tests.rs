//! What happens to records, and what their logs tell of it.

use std::fs;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{Account, generated};

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A day of May 2026, at noon.
pub(super) fn day(day: i64) -> Timestamp {
    at("2026-05-01T12:00:00Z") + jiff::SignedDuration::from_hours(24 * (day - 1))
}

fn deal(account: &mut Account) -> String {
    account.create("deals", &[("title", json!("One")), ("value", json!(200))], day(1))
}

/// The fields of a deal's log in the order in which they changed, each with old and new.
fn log(account: &Account, id: &str) -> Vec<(String, Option<String>, Option<String>)> {
    let changes = &account.logs[&id.parse().unwrap()];
    changes.iter().map(|c| (c.field.to_string(), c.old.clone(), c.new.clone())).collect()
}

fn row(field: &str, old: &str, new: &str) -> (String, Option<String>, Option<String>) {
    let told = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    (field.to_owned(), told(old), told(new))
}

#[test]
fn a_new_deal_is_in_the_first_stage_and_its_log_begins_with_add_time() {
    let mut account = Account::empty();
    let id = deal(&mut account);
    let told = account.get("deals", &id).unwrap();
    assert_eq!((&told["stage_id"], &told["pipeline_id"]), (&json!(1), &json!(1)));
    assert_eq!((&told["status"], &told["owner_id"]), (&json!("open"), &json!(1)));
    assert_eq!(told["add_time"], "2026-05-01T12:00:00Z");
    assert_eq!(log(&account, &id), [row("add_time", "", "2026-05-01 12:00:00")]);
}

#[test]
fn a_move_and_an_owner_change_are_in_the_log_and_move_update_time() {
    let mut account = Account::empty();
    let id = deal(&mut account);
    let user = account.create("users", &[("name", json!("Bo"))], day(1));
    account.update("deals", &id, &[("stage_id", json!(3))], day(2));
    account.update("deals", &id, &[("owner_id", json!(user.parse::<u64>().unwrap()))], day(3));
    account.update("deals", &id, &[("value", json!(200))], day(4));
    let log = log(&account, &id);
    assert_eq!(
        log[1..],
        [
            row("stage_id", "1", "3"),
            row("stage_change_time", "", "2026-05-02 12:00:00"),
            row("user_id", "1", "2"),
        ]
    );
    let told = account.get("deals", &id).unwrap();
    assert_eq!(told["stage_change_time"], "2026-05-02T12:00:00Z");
    assert_eq!(told["update_time"], "2026-05-04T12:00:00Z");
}

#[test]
fn a_won_deal_keeps_its_stage_and_can_be_reopened_and_lost() {
    let mut account = Account::empty();
    let id = deal(&mut account);
    account.win(&id, day(2));
    let told = account.get("deals", &id).unwrap();
    assert_eq!((&told["status"], &told["stage_id"]), (&json!("won"), &json!(1)));
    assert_eq!(told["won_time"], "2026-05-02T12:00:00Z");
    assert_eq!(told["local_won_date"], "2026-05-02");
    account.reopen(&id, day(3));
    let told = account.get("deals", &id).unwrap();
    assert_eq!((&told["won_time"], &told["close_time"]), (&Value::Null, &Value::Null));
    assert_eq!(told["first_won_time"], "2026-05-02T12:00:00Z");
    account.lose(&id, "Price", day(4));
    let told = account.get("deals", &id).unwrap();
    assert_eq!((&told["status"], &told["lost_reason"]), (&json!("lost"), &json!("Price")));
    let log = log(&account, &id);
    let statuses: Vec<_> = log.iter().filter(|row| row.0 == "status").cloned().collect();
    assert_eq!(
        statuses,
        [row("status", "open", "won"), row("status", "won", "open"), row("status", "open", "lost")]
    );
}

#[test]
fn a_deleted_deal_keeps_its_update_time_and_is_purged_after_thirty_days() {
    let mut account = Account::empty();
    let id = deal(&mut account);
    account.delete("deals", &id, day(5));
    let told = account.get("deals", &id).unwrap();
    assert_eq!((&told["is_deleted"], &told["status"]), (&json!(true), &json!("deleted")));
    assert_eq!(told["update_time"], "2026-05-01T12:00:00Z");
    account.purge(day(34));
    assert!(account.get("deals", &id).is_some());
    account.purge(day(35));
    assert!(account.get("deals", &id).is_none());
}

#[test]
fn a_converted_lead_is_gone_and_its_deal_has_its_fields_and_activities() {
    let mut account = Account::empty();
    let segment = account.add_field("Segment", "varchar", &[]);
    let lead = account.create(
        "leads",
        &[
            ("title", json!("Big one")),
            ("person_id", json!(7)),
            ("channel", json!(2)),
            ("value", json!({ "amount": 300, "currency": "EUR" })),
            (&segment, json!("smb")),
        ],
        day(1),
    );
    assert_eq!(account.get("leads", &lead).unwrap()[&segment], "smb");
    let fields = [("lead_id", json!(lead)), ("done", json!(true))];
    let activity = account.create("activities", &fields, day(2));
    let id = account.convert_lead(&lead, day(3));
    let told = account.get("deals", &id).unwrap();
    assert_eq!((&told["source_lead_id"], &told["channel"]), (&json!(lead), &json!(2)));
    assert_eq!((&told["value"], &told["currency"]), (&json!(300), &json!("EUR")));
    assert_eq!(told["custom_fields"][&segment], "smb");
    let moved = account.get("activities", &activity).unwrap();
    assert_eq!((&moved["deal_id"], &moved["lead_id"]), (&told["id"], &Value::Null));
    assert_eq!(moved["update_time"], "2026-05-02T12:00:00Z");
    assert_eq!(account.convert_lead(&lead, day(4)), "");
}

#[test]
fn the_loser_of_a_merge_is_deleted_and_its_activities_are_the_winners() {
    let mut account = Account::empty();
    let (winner, loser) = (deal(&mut account), deal(&mut account));
    let fields = [("deal_id", json!(2))];
    let activity = account.create("activities", &fields, day(2));
    account.merge_deals(&winner, &loser, day(3));
    assert_eq!(account.get("deals", &loser).unwrap()["status"], "deleted");
    assert_eq!(account.get("deals", &winner).unwrap()["update_time"], "2026-05-03T12:00:00Z");
    assert_eq!(account.get("activities", &activity).unwrap()["deal_id"], 1);
}

#[test]
fn an_activity_that_is_done_says_when_and_may_be_back_dated() {
    let mut account = Account::empty();
    let id = account.create("activities", &[("subject", json!("Call"))], day(1));
    assert_eq!(account.get("activities", &id).unwrap()["marked_as_done_time"], Value::Null);
    account.update("activities", &id, &[("done", json!(true))], day(2));
    let told = account.get("activities", &id).unwrap();
    assert_eq!(told["marked_as_done_time"], "2026-05-02T12:00:00Z");
    let fields = [("done", json!(true)), ("marked_as_done_time", json!("2026-04-01T08:00:00Z"))];
    account.update("activities", &id, &fields, day(3));
    let told = account.get("activities", &id).unwrap();
    assert_eq!(told["marked_as_done_time"], "2026-04-01T08:00:00Z");
}

#[test]
fn a_record_may_lack_its_add_time() {
    let mut account = Account::empty();
    let id = account.create("deals", &[("add_time", Value::Null)], day(1));
    assert_eq!(account.get("deals", &id).unwrap()["add_time"], Value::Null);
}

#[test]
fn a_lead_is_known_by_a_uuid_alone() {
    let mut account = Account::empty();
    let id = account.create("leads", &[], day(1));
    assert_eq!((id.len(), &id[14..15], &id[24..]), (36, "4", "000000000001"));
    let wrong = format!("0{}", &id[1..]);
    assert!(id == wrong || account.get("leads", &wrong).is_none());
    assert!(account.get("leads", "1").is_none());
    assert_eq!(account.create("notes", &[], day(1)), "");
}

#[test]
fn a_folder_of_csv_files_becomes_leads_and_the_deals_they_were_converted_into() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
    write(
        "lead.csv",
        "id,created_at,mql_at,channel,campaign,owner,segment\n\
         a,2026-01-05T08:00:00Z,2026-01-06T08:00:00Z,Web,c1,u1,smb\n\
         b,2026-01-07T08:00:00Z,,Event,,,\n",
    );
    write("owner.csv", "id,name,email,active\nu1,Una,una@example.test,true\n");
    write(
        "opportunity.csv",
        "id,lead,created_at,closed_at,outcome,amount,currency,lost_reason\n\
         9,a,2026-01-10T08:00:00Z,2026-02-01T08:00:00Z,lost,500,EUR,Price\n",
    );
    write(
        "stage_change.csv",
        "opportunity,at,from,to\n9,2026-01-12T08:00:00Z,New,Demo\n9,2026-02-01T08:00:00Z,Demo,Lost\n",
    );
    write("owner_change.csv", "opportunity,at,owner\n9,2026-01-11T09:00:00Z,u1\n");
    write(
        "activity.csv",
        "id,at,kind,lead,opportunity,owner\nx,2026-01-11T10:00:00Z,call,a,9,u1\n\
         y,2026-01-08T10:00:00Z,email_out,b,,u1\nz,2026-01-08T10:00:00Z,note,b,,u1\n",
    );
    let account = Account::from_csv(dir.path(), &TimeZone::UTC).unwrap();
    let deal = account.get("deals", "9").unwrap();
    assert_eq!((&deal["status"], &deal["lost_reason"]), (&json!("lost"), &json!("Price")));
    assert_eq!((&deal["value"], &deal["currency"]), (&json!(500.0), &json!("EUR")));
    assert_eq!((&deal["owner_id"], &deal["channel_id"]), (&json!(7_000_001), &json!("c1")));
    assert_eq!(deal["close_time"], "2026-02-01T08:00:00Z");
    assert!(deal["source_lead_id"].as_str().unwrap().ends_with("-000000000001"));
    let log = log(&account, "9");
    let fields: Vec<&str> = log.iter().map(|row| row.0.as_str()).collect();
    assert_eq!(fields[..4], ["add_time", "user_id", "stage_id", "stage_change_time"]);
    assert_eq!(account.get("activities", "1").unwrap()["deal_id"], 9);
    let other = account.get("activities", "2").unwrap();
    assert!(other["lead_id"].as_str().unwrap().ends_with("-000000000002"));
    assert!(account.get("activities", "3").is_none());
    write("opportunity.csv", "id,outcome\n1,maybe\n");
    let error = Account::from_csv(dir.path(), &TimeZone::UTC).unwrap_err();
    assert!(error.contains("line 2") && error.contains("maybe"), "{error}");
}

#[test]
fn the_companys_account_holds_its_leads_deals_and_activities_under_lasting_ids() {
    let company = crate::simulate::Company::generate(42);
    let early = company.account_at(at("2026-09-01T12:00:00Z"));
    let late = company.account_at(at("2026-11-19T12:00:00Z"));
    let count = |account: &Account, kind| account.table(kind).records.len();
    use super::catalog::Kind::{Activity, Deal, Lead};
    for kind in [Lead, Deal, Activity] {
        assert!(count(&early, kind) > 0 && count(&early, kind) <= count(&late, kind) + 2000);
    }
    let deal = |account: &Account| account.get("deals", "1").unwrap()["title"].clone();
    assert_eq!(deal(&early), deal(&late));
    let deals = &late.table(Deal).records;
    assert!(deals.iter().any(|deal| !deal.text_of("source_lead_id").is_empty()));
    assert!(deals.iter().any(|deal| deal.status() == "won"));
    assert!(deals.iter().any(|deal| deal.status() == "deleted"));
}

#[test]
fn generated_leads_are_the_same_for_a_seed() {
    let (one, other) = (generated(50, 7), generated(50, 7));
    let id = one.table(super::catalog::Kind::Lead).records[49].number;
    let id = super::record::uuid(id);
    assert_eq!(one.get("leads", &id), other.get("leads", &id));
    assert!(one.get("leads", &id).unwrap()["channel"].is_u64());
}
