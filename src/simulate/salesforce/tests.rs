//! What an org does of itself, told by examples.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Org;

pub(super) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn morning() -> Timestamp {
    at("2026-05-04T08:00:00.900Z")
}

fn noon() -> Timestamp {
    at("2026-05-04T12:00:00Z")
}

fn told(org: &Org, object: &str, id: &str, field: &str) -> Value {
    org.get(object, id).unwrap()[field].clone()
}

fn lead(org: &mut Org) -> String {
    org.create("Lead", &[("LastName", json!("Lovelace")), ("Company", json!("Acme"))], morning())
}

fn deal(org: &mut Org) -> String {
    let fields = [
        ("Name", json!("Deal")),
        ("StageName", json!("Prospecting")),
        ("CloseDate", json!("2026-06-30")),
        ("Amount", json!(1000)),
    ];
    org.create("Opportunity", &fields, morning())
}

/// The values of a field of all records that refer to an opportunity.
fn children(org: &Org, object: &str, deal: &str, field: &str) -> Vec<Value> {
    let table = org.table(object).unwrap();
    let all = table.records.iter().map(|r| org.get(object, &r.key.text()).unwrap());
    all.filter(|r| r["OpportunityId"] == deal).map(|r| r[field].clone()).collect()
}

#[test]
fn ids_tell_their_object_and_times_are_told_to_the_second() {
    let mut org = Org::empty();
    let id = lead(&mut org);
    assert!(id.starts_with("00Q") && id.len() == 18, "{id}");
    assert_eq!(told(&org, "Lead", &id, "CreatedDate"), "2026-05-04T08:00:00.000+0000");
    assert_eq!(told(&org, "Lead", &id, "Name"), "Lovelace");
    assert_eq!(told(&org, "Lead", &id, "OwnerId"), json!(org.user.text()));
}

#[test]
fn an_opportunity_follows_its_stage_and_each_change_is_a_row_of_history() {
    let mut org = Org::empty();
    let id = deal(&mut org);
    assert_eq!(told(&org, "Opportunity", &id, "Probability"), 10.0);
    assert_eq!(told(&org, "Opportunity", &id, "ExpectedRevenue"), 100.0);
    org.update("Opportunity", &id, &[("NextStep", json!("Call"))], noon());
    org.update("Opportunity", &id, &[("Amount", json!(2000))], noon());
    org.update("Opportunity", &id, &[("StageName", json!("Closed Won"))], noon());
    assert_eq!(told(&org, "Opportunity", &id, "IsWon"), true);
    assert_eq!(told(&org, "Opportunity", &id, "Probability"), 100.0);
    assert_eq!(told(&org, "Opportunity", &id, "ForecastCategory"), "Closed");
    let stages = children(&org, "OpportunityHistory", &id, "StageName");
    assert_eq!(stages, ["Prospecting", "Prospecting", "Closed Won"]);
    let before = children(&org, "OpportunityHistory", &id, "PrevAmount");
    assert_eq!(before, [Value::Null, json!(1000.0), json!(2000.0)]);
    assert!(children(&org, "OpportunityFieldHistory", &id, "Field").is_empty());
}

#[test]
fn a_change_of_owner_is_told_by_names_and_by_ids_once_it_is_tracked() {
    let mut org = Org::empty();
    org.track_owner_history(true);
    let id = deal(&mut org);
    let ada = org.create("User", &[("LastName", json!("Ada"))], morning());
    org.update("Opportunity", &id, &[("OwnerId", json!(ada))], noon());
    let fields = children(&org, "OpportunityFieldHistory", &id, "Field");
    assert_eq!(fields, ["created", "Owner", "Owner"]);
    let new = children(&org, "OpportunityFieldHistory", &id, "NewValue");
    assert_eq!(new, [Value::Null, json!("Ada"), json!(ada)]);
}

#[test]
fn a_converted_lead_is_a_contact_whose_tasks_keep_their_stamps() {
    let mut org = Org::empty();
    let (lead, deal) = (lead(&mut org), deal(&mut org));
    let task = org.create("Task", &[("WhoId", json!(lead))], morning());
    let contact = org.convert_lead(&lead, Some(&deal), noon());
    assert!(contact.starts_with("003"));
    assert_eq!(told(&org, "Lead", &lead, "IsConverted"), true);
    assert_eq!(told(&org, "Lead", &lead, "ConvertedDate"), "2026-05-04");
    assert_eq!(told(&org, "Lead", &lead, "ConvertedOpportunityId"), json!(deal));
    assert_eq!(told(&org, "Lead", &lead, "SystemModstamp"), "2026-05-04T12:00:00.000+0000");
    assert_eq!(told(&org, "Task", &task, "WhoId"), json!(contact));
    assert_eq!(told(&org, "Task", &task, "SystemModstamp"), "2026-05-04T08:00:00.000+0000");
    assert_eq!(children(&org, "OpportunityContactRole", &deal, "ContactId"), [json!(contact)]);
    let other = self::lead(&mut org);
    org.convert_lead(&other, None, noon());
    assert_eq!(told(&org, "Lead", &other, "ConvertedOpportunityId"), Value::Null);
}

#[test]
fn a_lead_that_lost_a_merge_names_the_winner_and_leaves_it_what_it_had() {
    let mut org = Org::empty();
    let (winner, loser) = (lead(&mut org), lead(&mut org));
    let campaign = org.create("Campaign", &[("Name", json!("Spring"))], morning());
    let member = [("CampaignId", json!(campaign)), ("LeadId", json!(loser))];
    let member = org.create("CampaignMember", &member, morning());
    org.merge_leads(&winner, &loser, noon());
    assert_eq!(told(&org, "Lead", &loser, "IsDeleted"), true);
    assert_eq!(told(&org, "Lead", &loser, "MasterRecordId"), json!(winner));
    assert_eq!(told(&org, "CampaignMember", &member, "LeadId"), json!(winner));
    let stamp = told(&org, "CampaignMember", &member, "SystemModstamp");
    assert_eq!(stamp, "2026-05-04T08:00:00.000+0000");
}

#[test]
fn a_deleted_opportunity_takes_its_history_along_and_brings_it_back() {
    let mut org = Org::empty();
    let id = deal(&mut org);
    org.delete("Opportunity", &id, noon());
    assert_eq!(told(&org, "Opportunity", &id, "IsDeleted"), true);
    assert_eq!(children(&org, "OpportunityHistory", &id, "IsDeleted"), [json!(true)]);
    org.undelete("Opportunity", &id, noon());
    assert_eq!(children(&org, "OpportunityHistory", &id, "IsDeleted"), [json!(false)]);
    org.purge("Opportunity", &id);
    assert!(org.get("Opportunity", &id).is_none());
    assert!(children(&org, "OpportunityHistory", &id, "IsDeleted").is_empty());
}

#[test]
fn a_formula_moves_no_stamp_and_a_task_is_completed_once() {
    let mut org = Org::empty();
    let id = deal(&mut org);
    org.set_formula("Opportunity", &id, "Score__c", json!(7));
    assert_eq!(told(&org, "Opportunity", &id, "Score__c"), 7.0);
    let stamp = told(&org, "Opportunity", &id, "SystemModstamp");
    assert_eq!(stamp, "2026-05-04T08:00:00.000+0000");
    let task = org.create("Task", &[("Subject", json!("Call"))], morning());
    assert_eq!(told(&org, "Task", &task, "CompletedDateTime"), Value::Null);
    org.update("Task", &task, &[("Status", json!("Completed"))], noon());
    org.update("Task", &task, &[("Subject", json!("Call again"))], at("2026-05-05T00:00:00Z"));
    let completed = told(&org, "Task", &task, "CompletedDateTime");
    assert_eq!(completed, "2026-05-04T12:00:00.000+0000");
}

#[test]
fn the_company_of_a_later_day_has_the_same_ids() {
    let company = crate::simulate::Company::generate(7);
    let (early, late) =
        (company.org_at(at("2026-03-02T12:00:00Z")), company.org_at(at("2026-03-09T12:00:00Z")));
    for object in ["Lead", "Opportunity", "OpportunityHistory", "Task", "Contact"] {
        let (early, late) = (early.table(object).unwrap(), late.table(object).unwrap());
        assert!(!early.records.is_empty() && early.records.len() < late.records.len(), "{object}");
        for (a, b) in early.records.iter().zip(&late.records) {
            assert_eq!((a.key, a.created), (b.key, b.created), "{object}");
        }
    }
    let won = late.table("Opportunity").unwrap();
    let of = |field: &'static str| move |r: &&super::table::Record| won.value(r, field);
    let won =
        won.records.iter().filter(|r| of("IsWon")(r) == super::cell::Cell::Bool(true)).count();
    assert!(won > 100, "{won}");
    assert_eq!(late.count("OpportunityStage"), 6);
}

#[test]
fn a_folder_of_canonical_files_becomes_an_org() {
    let dir = tempfile::tempdir().unwrap();
    let put = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
    put("lead.csv", "id,created_at,mql_at,channel,campaign\nl1,2026-01-01,2026-01-02,web,Spring\n");
    put(
        "opportunity.csv",
        "id,lead,created_at,closed_at,outcome,owner,amount,currency\n\
         o1,l1,2026-01-03T10:00:00Z,2026-02-03T10:00:00Z,won,ada,500.5,EUR\n",
    );
    put("stage_change.csv", "opportunity,at,from,to\no1,2026-01-10T09:00:00Z,Demo,Offer\n");
    put("owner_change.csv", "opportunity,at,owner\no1,2026-01-04T09:00:00Z,ada\n");
    put(
        "activity.csv",
        "id,opportunity,lead,kind,at,owner\na1,o1,,call,2026-01-05T09:00:00Z,ada\n\
         a2,,l1,meeting,2026-01-06T09:00:00Z,ada\na3,o1,,note,2026-01-06T09:00:00Z,ada\n",
    );
    let org = Org::from_csv(dir.path(), &jiff::tz::TimeZone::UTC).unwrap();
    let first = |object: &str| {
        let table = org.table(object).unwrap();
        org.get(object, &table.records[0].key.text()).unwrap()
    };
    let deal = first("Opportunity");
    assert_eq!(deal["StageName"], "Closed Won");
    assert_eq!(deal["CloseDate"], "2026-02-03");
    assert_eq!(deal["CurrencyIsoCode"], "EUR");
    assert_eq!(first("Lead")["ConvertedOpportunityId"], deal["Id"]);
    let stages = children(&org, "OpportunityHistory", deal["Id"].as_str().unwrap(), "StageName");
    assert_eq!(stages, ["Demo", "Offer", "Closed Won"]);
    assert_eq!(first("Task")["TaskSubtype"], "Call");
    assert_eq!(first("Task")["CompletedDateTime"], "2026-01-05T09:00:00.000+0000");
    assert_eq!(first("Event")["WhoId"], first("Lead")["ConvertedContactId"]);
    assert_eq!((org.count("Task"), org.count("Event"), org.count("CampaignMember")), (1, 1, 1));
    assert_eq!(
        children(&org, "OpportunityFieldHistory", deal["Id"].as_str().unwrap(), "Field").len(),
        3
    );
}
