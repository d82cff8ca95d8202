//! The same company on another stack has the same funnel: with Salesforce, Marketo and Google nobody counts twice.

mod support;

use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use paceline::clock::{Clock, Timer};
use paceline::daemon::{self, Ground};
use paceline::simulate::{marketo, pipedrive, salesforce};
use paceline::sources::http::{Environment, Pacers};
use paceline::store::Store;
use serde_json::{Value, json};

fn paceline(arguments: &[&str]) -> String {
    let ran = Command::new(env!("CARGO_BIN_EXE_paceline")).args(arguments).output().unwrap();
    assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

fn asked(folder: &Path, arguments: &[&str]) -> Value {
    let config = folder.join("config/paceline.toml");
    let mut all = vec!["--config", config.to_str().unwrap()];
    all.extend(["--as-of", "2026-11-23T13:00:00Z", "--format", "json"]);
    all.extend(arguments);
    serde_json::from_str(&paceline(&all)).unwrap()
}

#[test]
fn on_every_stack_the_company_has_the_funnel_that_it_has_on_hubspot() {
    let folder = tempfile::tempdir().unwrap();
    let demo = |stack: &str| {
        let own = folder.path().join(stack);
        let printed = paceline(&["demo", "--stack", stack, "--dir", own.to_str().unwrap()]);
        (own, printed)
    };
    let (hubspot, _) = demo("hubspot");
    let (salesforce, printed) = demo("salesforce");
    assert!(printed.contains("0 data faults"), "{printed}");
    // Google's figures are late by days when all is well: that holds nothing back.
    assert!(printed.contains("data complete to Mon 23 Nov 08:00"), "{printed}");
    assert!(!printed.contains("Held back"), "{printed}");
    // When leads qualified, and most campaigns, only Marketo knows; opportunities only Salesforce.
    for pair in [["lead", "mql"], ["mql", "opportunity"]] {
        let rates = ["rates", "--from", pair[0], "--to", pair[1]];
        let (one, other) = (asked(&hubspot, &rates), asked(&salesforce, &rates));
        let entered = |rates: &Value| rates["total"]["entered"].as_u64().unwrap();
        assert!(entered(&one) > 4_000, "{one}");
        assert_eq!(entered(&one), entered(&other), "{pair:?}");
    }
    // Programs and campaigns of one name are one campaign, and so are the addresses of visits.
    let rates =
        asked(&salesforce, &["rates", "--from", "visit", "--to", "lead", "--by", "campaign"]);
    let rows = rates["rows"].as_array().unwrap();
    let brand: Vec<&Value> =
        rows.iter().filter(|row| row["name"].as_str() == Some("Search ads: Brand")).collect();
    assert_eq!(brand.len(), 1, "one row of a campaign that three vendors know");
    assert!(brand[0]["entered"].as_u64() > brand[0]["converted"].as_u64());
    assert!(brand[0]["converted"].as_u64() > Some(0));
    // Pipedrive knows no MQL; of a deal whose creation it does not tell it says so.
    let (pipedrive, printed) = demo("pipedrive");
    assert!(
        printed.contains("1 x no entry date") && printed.contains("1 data faults"),
        "{printed}"
    );
    let rates = ["rates", "--from", "opportunity", "--to", "won"];
    let told: Vec<Value> = [&hubspot, &salesforce, &pipedrive].map(|own| asked(own, &rates)).into();
    let of = |figure: &str| -> Vec<u64> {
        told.iter().map(|rates| rates["total"][figure].as_u64().unwrap()).collect()
    };
    // Of one deal only Salesforce tells when it was created.
    let entered = of("entered");
    assert!(
        entered[0] > 1_000 && entered == [entered[0], entered[0] + 1, entered[0]],
        "{entered:?}"
    );
    let won = of("converted");
    assert!(won[0] > 300 && won == [won[0]; 3], "{won:?}");
}

/// A simulated vendor's clock, which waits move on.
fn clock_of(timer: &Timer) -> Arc<dyn Fn() -> Timestamp + Send + Sync> {
    let timer = timer.clone();
    Arc::new(move || {
        NOW.parse::<Timestamp>().unwrap() + SignedDuration::from_millis(timer.now_ms())
    })
}

const NOW: &str = "2026-11-23T13:00:00Z";

/// Reads a CRM and Marketo beside it, and gives the leads that count, with how many of marketing's were matched, how
/// many of these by address, and the file of the database.
async fn people(
    crm: &str,
    marketing: marketo::Instance,
    timer: &Timer,
) -> (Vec<String>, (u64, u64), Vec<u8>) {
    let (shared, none) = (Arc::new(Mutex::new(marketing)), marketo::Faults::none());
    let marketing = marketo::Simulator::start(shared, none, clock_of(timer), 0).await.unwrap();
    let (folder, settings) = support::settings_of(&format!(
        "[identity]\nemail = true\n{crm}\n[source.marketing]\nkind = \"marketo\"\nbase_url = \"{}\"\n\
         client_id = \"paceline\"\nclient_secret = {{ file = \"secret\" }}\n",
        marketing.base_url()
    ));
    support::write(folder.path(), "secret", "good-secret\n");
    support::write(folder.path(), "token", "good-token\n");
    let store = Store::open(&settings.database).await.unwrap();
    let clock = Clock::Fixed(NOW.parse().unwrap());
    let mut ground = Ground::new(&settings, &store, clock, Arc::new(|_, _| {}));
    let (timer, pacers) = (timer.clone(), Pacers::default());
    ground.environment = Environment { timer, clock, pacers, ..Environment::default() };
    let step = daemon::step_on(&ground, true).await.unwrap();
    assert!(step.is_complete(), "{step:?}");
    let facts = store.facts().await.unwrap();
    let living = facts.leads.values().filter(|lead| lead.deleted_at.is_none());
    let mut leads: Vec<String> = living.map(|lead| lead.key.id.clone()).collect();
    leads.sort();
    let found = store.matched("marketing").await.unwrap();
    store.close().await;
    let stored = std::fs::read(folder.path().join("paceline.db")).unwrap();
    (leads, (found.matched, found.by_address), stored)
}

fn holds(stored: &[u8], word: &str) -> bool {
    stored.windows(word.len()).any(|own| own.eq_ignore_ascii_case(word.as_bytes()))
}

/// Four people of marketing: known by the id of the lead, by that of the contact that it became, by the address, and
/// by nobody.
#[tokio::test]
async fn salesforces_leads_are_marketos_by_its_ids_or_by_a_hash_of_the_address() {
    let timer = Timer::skipping();
    let at = NOW.parse::<Timestamp>().unwrap() - SignedDuration::from_hours(24 * 9);
    let mut org = salesforce::Org::empty();
    let mut lead = |email: &str| org.create("Lead", &[("Email", json!(email))], at);
    let (ada, ben, cy) = (lead("ada@example.com"), lead("ben@example.com"), lead("Cy@Example.com"));
    org.convert_lead(&ben, None, at + SignedDuration::from_hours(1));
    let contact = org.get("Lead", &ben).unwrap()["ConvertedContactId"].as_str().unwrap().to_owned();
    let mut instance = marketo::Instance::empty();
    let mut known = |email: &str, name: &str, id: &str| {
        let mut fields = vec![("email", json!(email)), (name, json!(id))];
        fields.retain(|(name, _)| !name.is_empty());
        instance.create_lead(&fields, at)
    };
    known("other@example.com", "sfdcLeadId", &ada);
    known("different@example.com", "sfdcContactId", &contact);
    known(" cy@example.com", "", "");
    let nobody = known("nobody@example.com", "", "");
    let (shared, none) = (Arc::new(Mutex::new(org)), salesforce::Faults::none());
    let org = salesforce::Simulator::start(shared, none, clock_of(&timer), 0).await.unwrap();
    let crm = format!(
        "[source.crm]\nkind = \"salesforce\"\nbase_url = \"{}\"\nclient_id = \"paceline\"\nclient_secret = {{ file = \"secret\" }}\n",
        org.base_url()
    );
    let (leads, matched, stored) = people(&crm, instance, &timer).await;
    let mut expected = vec![ada, ben, cy, nobody.to_string()];
    expected.sort();
    assert_eq!((leads, matched), (expected, (3, 1)));
    assert!(!holds(&stored, "example.com"), "no address is stored");
}

#[tokio::test]
async fn pipedrives_leads_are_marketos_by_a_hash_of_their_persons_address() {
    let timer = Timer::skipping();
    let at = NOW.parse::<Timestamp>().unwrap() - SignedDuration::from_hours(24 * 9);
    let mut account = pipedrive::Account::empty();
    let emails = json!([{"value": "Zoe.Z@Example.com", "primary": true, "label": "work"}]);
    let ada = account.create("persons", &[("name", json!("Ada")), ("emails", emails)], at);
    let person = json!(ada.parse::<u64>().unwrap());
    let lead = account.create("leads", &[("title", json!("L")), ("person_id", person)], at);
    let mut instance = marketo::Instance::empty();
    instance.create_lead(&[("email", json!("zoe.z@example.com"))], at);
    let nobody = instance.create_lead(&[("email", json!("nobody@example.com"))], at);
    let (shared, none) = (Arc::new(Mutex::new(account)), pipedrive::Faults::none());
    let account = pipedrive::Simulator::start(shared, none, clock_of(&timer), 0).await.unwrap();
    let crm = format!(
        "[source.crm]\nkind = \"pipedrive\"\nbase_url = \"{}\"\ntoken = {{ file = \"token\" }}\n",
        account.base_url()
    );
    let (leads, matched, stored) = people(&crm, instance, &timer).await;
    let mut expected = vec![lead, nobody.to_string()];
    expected.sort();
    assert_eq!((leads, matched), (expected, (1, 1)));
    assert!(
        !holds(&stored, "zoe.z@example.com"),
        "of users there are addresses, and of nobody else"
    );
}
