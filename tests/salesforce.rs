//! Salesforce: what its records mean, what was deleted, merged or late, and bugs that others had with it, each with its
//! test. The numbers are those of public issues: airbyte, estuary, singer taps, simple-salesforce, supaglue.

#[path = "support/org.rs"]
mod org;
mod support;

use jiff::{Timestamp, ToSpan};
use org::{BEGUN, Company, deal, leads};
use paceline::domain::Facts;
use paceline::simulate::salesforce::{Faults, Org};
use paceline::sync::Full;
use serde_json::{Value, json};
use support::instant;

fn stages(facts: &Facts, id: &str) -> Vec<String> {
    let mut own: Vec<_> = facts.stage_changes.iter().filter(|c| c.opportunity.id == id).collect();
    own.sort_by_key(|change| format!("{:?}", change.at));
    own.iter().filter_map(|change| change.value.clone()).collect()
}

#[tokio::test]
async fn a_lead_that_becomes_an_opportunity_is_one_chain_with_its_campaign_its_stages_and_its_owners()
 {
    let company = Company::new("").await;
    company.org().track_owner_history(true);
    let ada =
        company.create("User", &[("Name", json!("Ada")), ("Email", json!("ada@example.com"))]);
    let ben =
        company.create("User", &[("Name", json!("Ben")), ("Email", json!("ben@example.com"))]);
    let queue = company.create("Group", &[("Name", json!("New leads")), ("Type", json!("Queue"))]);
    let webinar =
        company.create("Campaign", &[("Name", json!("Racks")), ("Type", json!("Webinar"))]);
    let fair = company.create("Campaign", &[("Name", json!("Fair")), ("ActualCost", json!(900))]);
    let lead = company.create("Lead", &[("LeadSource", json!("Web")), ("OwnerId", json!(queue))]);
    company.pass(5);
    for campaign in [&webinar, &fair] {
        company
            .create("CampaignMember", &[("CampaignId", json!(campaign)), ("LeadId", json!(lead))]);
        company.pass(1);
    }
    let id = deal(&company, &[("OwnerId", json!(ada)), ("CampaignId", json!(fair))]);
    let now = company.now();
    company.org().convert_lead(&lead, Some(&id), now);
    company.pass(30);
    company.update("Opportunity", &id, &[("OwnerId", json!(ben))]);
    company.update("Opportunity", &id, &[("Amount", json!(20000))]);
    company.pass(30);
    company.update(
        "Opportunity",
        &id,
        &[("StageName", json!("Closed Won")), ("CloseDate", json!("2026-11-02"))],
    );
    company.pass(30);
    company.sync().await;
    let facts = company.facts().await;
    let (key, found) = facts.opportunities.first_key_value().unwrap();
    assert_eq!((key.id.as_str(), found.lead.as_deref()), (id.as_str(), Some(lead.as_str())));
    assert_eq!(found.outcome, paceline::domain::Outcome::Won);
    assert_eq!(found.closed_at.map(|at| at.to_string()).as_deref(), Some("2026-11-02"));
    assert_eq!(found.amount.map(|amount| amount.to_string()).as_deref(), Some("20000"));
    assert_eq!(
        (found.campaign.as_deref(), found.owner.as_deref()),
        (Some(fair.as_str()), Some(ben.as_str()))
    );
    assert_eq!(stages(&facts, &id), ["Prospecting", "Closed Won"], "an amount is no stage");
    let owners: Vec<_> =
        facts.owner_changes.iter().filter_map(|change| change.value.clone()).collect();
    assert_eq!(owners, [ada, ben.clone()]);
    let lead = facts.leads.values().next().unwrap();
    assert_eq!(lead.campaign.as_deref(), Some(webinar.as_str()), "the first that it joined");
    assert_eq!(
        (lead.channel.as_deref(), lead.owner.as_deref()),
        (Some("Web"), Some(queue.as_str()))
    );
    assert_eq!(facts.owner_name(&queue), "New leads");
    assert_eq!(facts.campaigns[&webinar].name, "Racks");
    assert_eq!(facts.campaigns[&webinar].channel.as_deref(), Some("Webinar"));
}

#[tokio::test]
async fn a_deal_that_is_closed_before_its_close_date_was_closed_when_it_came_into_its_stage() {
    let company = Company::new("").await;
    let id = deal(&company, &[]);
    company.pass(30);
    let at = company.now();
    company.update("Opportunity", &id, &[("StageName", json!("Closed Won"))]);
    company.pass(30);
    company.sync().await;
    let facts = company.facts().await;
    let closed = facts.opportunities.values().next().unwrap().closed_at;
    assert_eq!(closed.map(|at| at.to_string()), Some(at.to_string()));
    let faults = company.store.faults().await.unwrap();
    assert!(faults.iter().any(|fault| fault.kind == "close_date_ahead"), "{faults:?}");
}

#[tokio::test]
async fn a_lead_that_is_converted_without_an_opportunity_stays_a_lead() {
    let company = Company::new("").await;
    let lead = company.create("Lead", &[("LeadSource", json!("Web"))]);
    let now = company.now();
    company.org().convert_lead(&lead, None, now);
    company.pass(20);
    company.sync().await;
    assert_eq!(company.living().await, (vec![lead], Vec::new()));
}

#[tokio::test]
async fn what_is_done_and_about_the_opportunity_or_its_people_counts_and_nothing_else() {
    let company = Company::new("").await;
    let id = deal(&company, &[]);
    let contact = company.create("Contact", &[("LastName", json!("Invented"))]);
    company.create(
        "OpportunityContactRole",
        &[("OpportunityId", json!(id)), ("ContactId", json!(contact))],
    );
    let task = |fields: &[(&str, Value)]| company.create("Task", fields);
    let done = |subtype: &str| {
        vec![
            ("WhatId", json!(id)),
            ("TaskSubtype", json!(subtype)),
            ("Status", json!("Completed")),
            ("IsClosed", json!(true)),
            ("CompletedDateTime", json!("2026-11-02T10:00:00.000+0000")),
        ]
    };
    let (call, mail, mailing) =
        (task(&done("Call")), task(&done("Email")), task(&done("ListEmail")));
    let mut on_contact = done("Task");
    on_contact[0] = ("WhoId", json!(contact));
    let errand = task(&on_contact);
    let mut planned = done("Call");
    planned[3] = ("IsClosed", json!(false));
    planned[2] = ("Status", json!("Not Started"));
    let planned = task(&planned);
    task(&[
        ("Status", json!("Completed")),
        ("IsClosed", json!(true)),
        ("TaskSubtype", json!("Call")),
    ]);
    let meeting = company.create(
        "Event",
        &[("WhatId", json!(id)), ("StartDateTime", json!("2026-11-03T14:00:00.000+0000"))],
    );
    company.pass(60);
    company.sync().await;
    let facts = company.facts().await;
    let mut told: Vec<_> =
        facts.activities.iter().map(|a| (a.key.id.clone(), a.kind.clone(), a.automated)).collect();
    let mut expected = vec![
        (call, "call".into(), false),
        (mail, "email_out".into(), false),
        (mailing, "email_out".into(), true),
        (errand.clone(), "task_done".into(), false),
        (meeting, "meeting".to_owned(), false),
    ];
    told.sort();
    expected.sort();
    assert_eq!(told, expected);
    let errand = facts.activities.iter().find(|a| a.key.id == errand).unwrap();
    assert_eq!(errand.lead.as_deref(), Some(contact.as_str()));
    assert_eq!(facts.contact_roles.len(), 1);
    // The call is made after all, and the meeting is deleted.
    company.update("Task", &planned, &[("Status", json!("Completed")), ("IsClosed", json!(true))]);
    company.pass(10);
    company.sync().await;
    assert_eq!(company.facts().await.activities.len(), 6);
}

/// simple-salesforce 760, 785, 803: `query` leaves out what is deleted and what is archived.
#[tokio::test]
async fn what_is_deleted_merged_or_archived_is_known_for_what_it_is() {
    let company = Company::new("").await;
    let ids = { leads(&mut company.org(), 4, instant(BEGUN)) };
    let id = deal(&company, &[]);
    let call = company.create(
        "Task",
        &[
            ("WhatId", json!(id)),
            ("TaskSubtype", json!("Call")),
            ("Status", json!("Completed")),
            ("IsClosed", json!(true)),
        ],
    );
    company.org().archive(&call);
    company.sync().await;
    assert_eq!(
        company.facts().await.activities.len(),
        1,
        "archived after a year, and still evidence"
    );
    company.pass(10);
    let now = company.now();
    company.org().merge_leads(&ids[0], &ids[1], now);
    company.org().delete("Lead", &ids[2], now);
    company.org().delete("Opportunity", &id, now);
    company.pass(10);
    company.sync().await;
    assert_eq!(company.living().await, (vec![ids[0].clone(), ids[3].clone()], Vec::new()));
    let facts = company.facts().await;
    let merged = facts.leads.values().find(|lead| lead.key.id == ids[1]).unwrap();
    assert_eq!(merged.deleted_at.map(|at| at.as_second()), Some(now.as_second()));
    // Undeleted, it is back.
    company.pass(10);
    let now = company.now();
    company.org().undelete("Lead", &ids[2], now);
    company.pass(10);
    company.sync().await;
    assert_eq!(company.living().await.0.len(), 3);
}

#[tokio::test]
async fn what_was_deleted_for_good_is_found_by_a_full_sync_and_only_then() {
    let company = Company::new("").await;
    let ids = { leads(&mut company.org(), 60, instant(BEGUN)) };
    company.sync().await;
    company.org().purge("Lead", &ids[7]);
    company.pass(30);
    assert_eq!(company.sync().await.deleted, 0);
    company.pass(30);
    assert_eq!(company.try_sync(Full::Checked).await.unwrap().deleted, 1);
    assert_eq!(company.living().await.0.len(), 59);
    assert_eq!(company.try_sync(Full::Checked).await.unwrap().deleted, 0);
}

/// supaglue 532, airbyte pull request 34107: a cursor that is only a time loses or repeats rows of a second.
#[tokio::test]
async fn three_thousand_rows_of_one_second_are_all_read_also_when_the_run_is_cut_off_among_them() {
    let faults = "[limits]\npage_rows = 200\n[[fault]]\non = \"query_more\"\nobject = \"Lead\"\nskip = 5\ntimes = 0\nanswer = \"503\"\n";
    let company = Company::new("[limits]\npage_rows = 200\n").await;
    company.sync().await;
    company.pass(10);
    let at = company.now();
    for _ in 0..3_000 {
        company.org().create("Lead", &[("LeadSource", json!("Import"))], at);
    }
    company.pass(1);
    company.simulator.set_faults(Faults::from_toml(faults).unwrap());
    company.try_sync(Full::No).await.unwrap_err();
    let read = company.living().await.0.len();
    assert!((1_000..3_000).contains(&read), "{read}");
    company.simulator.set_faults(Faults::from_toml("[limits]\npage_rows = 200\n").unwrap());
    company.pass(1);
    let report = company.sync().await;
    assert_eq!((report.changed as usize, company.living().await.0.len()), (3_000 - read, 3_000));
}

/// airbyte 27146, 42490, 27048: rows become visible after the cursor has passed their stamps.
#[tokio::test]
async fn a_row_whose_transaction_ended_late_is_read_at_once_or_within_the_hour() {
    let company = Company::new("").await;
    leads(&mut company.org(), 2, instant(BEGUN));
    company.sync().await;
    for late_minutes in [12, 50] {
        company.pass(90);
        company.create("Lead", &[]);
        company.pass(1);
        company.sync().await;
        company.pass(late_minutes);
        let known = company.living().await.0.len();
        let id = company.create("Lead", &[]);
        let began = company.now() - (late_minutes + 3).minutes();
        company.org().stamp("Lead", &id, began);
        company.pass(1);
        company.sync().await;
        if late_minutes == 12 {
            assert_eq!(company.living().await.0.len(), known + 1, "within the overlap");
        }
        company.pass(65);
        company.sync().await;
        assert_eq!(company.living().await.0.len(), known + 1, "{late_minutes}");
    }
}

/// Longer than an hour no transaction is known to run; should one, the day's full sync finds its rows.
#[tokio::test]
async fn a_row_whose_transaction_ended_hours_late_is_found_by_the_days_full_sync() {
    let company = Company::new("").await;
    leads(&mut company.org(), 2, instant(BEGUN));
    company.sync().await;
    company.pass(5 * 60);
    company.create("Lead", &[]);
    company.sync().await;
    let id = company.create("Lead", &[]);
    let began = company.now() - 4.hours();
    company.org().stamp("Lead", &id, began);
    company.pass(65);
    company.sync().await;
    assert_eq!(company.living().await.0.len(), 3);
    company.try_sync(Full::Checked).await.unwrap();
    assert_eq!(company.living().await.0.len(), 4);
}

#[tokio::test]
async fn a_membership_a_role_and_a_conversion_reach_records_that_did_not_change() {
    let company = Company::with("", Org::empty(), "touches = true\n").await;
    let lead = company.create("Lead", &[]);
    let id = deal(&company, &[]);
    let contact = company.create("Contact", &[("LastName", json!("Invented"))]);
    let campaign = company.create("Campaign", &[("Name", json!("Racks"))]);
    company.sync().await;
    company.pass(60);
    let member = company
        .create("CampaignMember", &[("CampaignId", json!(campaign)), ("LeadId", json!(lead))]);
    let role = company.create(
        "OpportunityContactRole",
        &[("OpportunityId", json!(id)), ("ContactId", json!(contact))],
    );
    company.pass(1);
    company.sync().await;
    let facts = company.facts().await;
    assert_eq!(facts.leads.values().next().unwrap().campaign.as_deref(), Some(campaign.as_str()));
    assert_eq!(facts.contact_roles.len(), 1);
    company.pass(60);
    let now = company.now();
    company.org().convert_lead(&lead, Some(&id), now);
    company.org().delete("CampaignMember", &member, now);
    company.org().delete("OpportunityContactRole", &role, now);
    company.pass(1);
    company.sync().await;
    let facts = company.facts().await;
    assert_eq!(facts.opportunities.values().next().unwrap().lead.as_deref(), Some(lead.as_str()));
    assert_eq!(facts.leads.values().next().unwrap().campaign, None);
    assert!(facts.contact_roles.iter().any(|role| role.lead == lead));
}

#[tokio::test]
async fn a_vendors_clock_that_is_askew_loses_nothing() {
    for minutes in [-600, -20, 20, 600] {
        let company = Company::new("").await;
        let vendor =
            |company: &Company| -> Timestamp { company.now() + (minutes as i64).minutes() };
        leads(&mut company.org(), 1, vendor(&company));
        company.sync().await;
        for _ in 0..4 {
            company.pass(10);
            leads(&mut company.org(), 1, vendor(&company));
            company.pass(10);
            company.sync().await;
        }
        assert_eq!(company.living().await.0.len(), 5, "{minutes} minutes askew");
    }
}
