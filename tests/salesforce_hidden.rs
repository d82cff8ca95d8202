//! Salesforce: what the integration user may not see, what is not kept, renamed stages and versions that are switched off.

#[path = "support/org.rs"]
mod org;
mod support;

use org::{Company, deal, story};
use paceline::simulate::salesforce::{Faults, Org};
use paceline::sync::Full;
use serde_json::json;
use support::{assert_same, dump};

#[tokio::test]
async fn currencies_fields_and_histories_that_are_hidden_are_told_by_check_and_break_nothing() {
    let keys = "[source.crm.fields.lead]\nmql_at = \"MQL_Date__c\"\nsegment = \"Nowhere__c\"\n";
    let company = Company::with("", Org::empty(), keys).await;
    company.create("Lead", &[("MQL_Date__c", json!("2026-11-01"))]);
    deal(&company, &[]);
    {
        let mut org = company.org();
        org.hide("Lead", "HasOptedOutOfEmail");
        org.hide("Task", "CompletedDateTime");
        org.hide("Lead", "ConvertedOpportunityId");
        org.hide_object("Event");
        org.hide_object("OpportunityFieldHistory");
    }
    let told = company.warned(Full::No).await;
    company.sync().await;
    let facts = company.facts().await;
    assert_eq!(facts.opportunities.values().next().unwrap().currency, None);
    assert_eq!(
        facts.leads.values().next().unwrap().mql_at.map(|at| at.to_string()).as_deref(),
        Some("2026-11-01")
    );
    let warnings = company.source().check().await.unwrap().warnings.join("\n");
    for said in [
        "Lead.HasOptedOutOfEmail",
        "Task.CompletedDateTime",
        "may not see Event: meetings count as no touch",
        "owner history is not tracked: hand-off is taken from creation",
        "`Nowhere__c`",
        "[source.crm.fields.lead]",
    ] {
        assert!(warnings.contains(said), "{said}: {warnings}");
        assert!(told.contains(said), "{said}: {told}");
    }
    assert_eq!(company.warned(Full::No).await, "", "it is said once a day");
    assert!(company.warned(Full::Checked).await.contains("may not see Event: meetings count"));
    company.org().set_multicurrency(true);
    let id = deal(&company, &[("CurrencyIsoCode", json!("EUR"))]);
    company.pass(25 * 60);
    company.sync().await;
    let facts = company.facts().await;
    let euros = facts.opportunities.values().find(|deal| deal.key.id == id).unwrap();
    assert_eq!(euros.currency.as_deref(), Some("EUR"));
    // Hidden after it was read is no deletion.
    company.org().hide_object("Lead");
    company.pass(25 * 60);
    let error = company.try_sync(Full::Checked).await.unwrap_err();
    assert!(error.contains("Lead cannot be read any more"), "{error}");
    assert_eq!(company.living().await.0.len(), 1);
}

#[tokio::test]
async fn a_stage_that_was_deleted_is_a_fault_and_a_version_that_is_switched_off_is_named() {
    let company = Company::with("", Org::empty(), "api_version = \"21.0\"\n").await;
    let error = company.source().check().await.unwrap_err().to_string();
    assert!(error.contains("21.0") && error.contains("api_version"), "{error}");
    let company = Company::new("").await;
    let id = deal(&company, &[("StageName", json!("Long forgotten"))]);
    company.sync().await;
    let faults = company.store.faults().await.unwrap();
    assert!(faults.iter().any(|f| f.kind == "unknown_stage" && f.record == id), "{faults:?}");
    let told = company.warned(Full::Checked).await;
    assert!(told.contains("1 x unknown stage (stage `Long forgotten` is none of the"), "{told}");
    assert!(told.contains("keeps its outcome"), "what that means: {told}");
}

#[tokio::test]
async fn each_kind_that_is_hidden_is_told_with_what_it_means_and_the_others_are_read() {
    for (object, meaning) in [
        ("User", "owners are shown by their ids"),
        ("Campaign", "campaigns are shown by their ids"),
        ("Lead", "there are no leads"),
        ("CampaignMember", "leads have no campaign"),
        ("OpportunityContactRole", "counts for no opportunity"),
        ("Task", "calls, e-mails and tasks count as no touch"),
        ("OpportunityHistory", "stages have no dates"),
        ("OpportunityStage", "a stage that was deleted or renamed is not noticed"),
    ] {
        let company = Company::with("", story(), "").await;
        company.org().hide_object(object);
        let told = company.warned(Full::No).await;
        assert!(told.contains(object) && told.contains(meaning), "{object}: {told}");
        company.sync().await;
        let (leads, deals) = company.living().await;
        assert!(!deals.is_empty() && leads.is_empty() == (object == "Lead"), "{object}");
    }
}

#[tokio::test]
async fn a_formula_is_told_by_check_and_its_changes_are_seen_by_a_full_sync() {
    let keys = "[source.crm.fields.lead]\nsegment = \"Tier__c\"\n";
    let company = Company::with("", Org::empty(), keys).await;
    let lead = company.create("Lead", &[]);
    // What changed in the last hour is read again, whatever it is.
    company.pass(70);
    company.create("Lead", &[]);
    company.org().set_formula("Lead", &lead, "Tier__c", json!("gold"));
    let told = company.warned(Full::No).await;
    assert!(told.contains("Lead.Tier__c is a formula") && told.contains("sync --full"), "{told}");
    company.sync().await;
    let segment = async || {
        let leads = company.facts().await.leads;
        leads.into_values().find(|own| own.key.id == lead).unwrap().segment
    };
    assert_eq!(segment().await.as_deref(), Some("gold"));
    company.org().set_formula("Lead", &lead, "Tier__c", json!("iron"));
    company.pass(90);
    company.sync().await;
    assert_eq!(segment().await.as_deref(), Some("gold"), "no stamp moved");
    company.try_sync(Full::Checked).await.unwrap();
    assert_eq!(segment().await.as_deref(), Some("iron"));
}

#[tokio::test]
async fn a_stage_that_is_renamed_stays_the_stage_that_it_is() {
    let company = Company::new("").await;
    let quote = ("Quote", 50.0, false, false);
    let others = [("Prospecting", 10.0, false, false), ("Won", 100.0, true, true)];
    company.org().set_stages(&[others[0], quote, others[1]]);
    deal(&company, &[("StageName", json!("Quote"))]);
    company.sync().await;
    company.org().rename_stage("Quote", "Proposal");
    company.pass(10);
    let id = deal(&company, &[("StageName", json!("Quote"))]);
    company.sync().await;
    let faults = company.store.faults().await.unwrap();
    assert!(faults.is_empty(), "{faults:?}");
    let facts = company.facts().await;
    let named: Vec<_> = facts.opportunities.values().map(|deal| deal.stage.clone()).collect();
    assert_eq!(named, [Some("Quote".to_owned()), Some("Quote".to_owned())]);
    company.org().set_stages(&others);
    company.pass(10);
    company.update("Opportunity", &id, &[("Amount", json!(1))]);
    company.sync().await;
    let faults = company.store.faults().await.unwrap();
    assert!(faults.iter().any(|f| f.kind == "unknown_stage" && f.record == id), "{faults:?}");
}

#[tokio::test]
async fn a_version_that_is_not_spoken_and_opportunities_that_are_hidden_are_no_empty_company() {
    let company = Company::with("", story(), "api_version = \"21.0\"\n").await;
    let error = company.try_sync(Full::No).await.unwrap_err();
    assert!(error.contains("21.0") && error.contains("api_version = "), "{error}");
    assert_eq!(company.complete_to().await, None);
    let company = Company::with("", story(), "").await;
    company.org().hide_object("Opportunity");
    let error = company.try_sync(Full::No).await.unwrap_err();
    assert!(error.contains("may not see Opportunity") && error.contains("permission"), "{error}");
    assert_eq!(company.complete_to().await, None);
}

#[tokio::test]
async fn a_version_that_is_switched_off_in_mid_life_is_named_and_nothing_is_lost() {
    let company = Company::with("", story(), "").await;
    company.sync().await;
    let (before, complete) = (dump(&company.store).await, company.complete_to().await);
    for on in ["describe", "query", "query_all"] {
        let fault = format!("[[fault]]\non = \"{on}\"\ntimes = 0\nanswer = \"410\"\n");
        company.simulator.set_faults(Faults::from_toml(&fault).unwrap());
        company.pass(10);
        for full in [Full::No, Full::Checked] {
            if on == "describe" && full == Full::No {
                continue;
            }
            let error = company.try_sync(full).await.unwrap_err();
            assert!(error.contains("UNSUPPORTED_API_VERSION"), "{on}: {error}");
            assert!(error.contains("set `api_version`"), "{on}: {error}");
        }
    }
    assert_same(&dump(&company.store).await, &before, "410");
    assert_eq!(company.complete_to().await, complete);
}
