//! What every source must do, whatever its vendor does: a fault that passes is got over, a fault that
//! stays ends the run as incomplete, and nothing is lost or twice.

#[path = "support/account.rs"]
mod account;
mod support;

use account::{Account, contact, deal, properties};
use jiff::ToSpan;
use paceline::simulate::hubspot::{Faults, Object, Portal, generated};
use paceline::sync::Full;
use support::{assert_same, dump, instant, rollups};

/// A small account with something of everything.
fn portal() -> Portal {
    let mut portal = generated(450, 11);
    let begun = instant("2026-10-01T09:00:00Z");
    for n in 0..130_u64 {
        let at = begun + (n as i64).hours();
        let outcome = ["closedwon", "closedlost", "qualifiedtobuy"][n as usize % 3];
        deal(
            &mut portal,
            90_000 + n,
            at,
            &[("hubspot_owner_id", "1"), ("closedate", "2026-10-20T09:00:00Z")],
        );
        let stage = vec![("dealstage".to_owned(), Some(outcome.to_owned()))];
        portal.update(Object::Deal, 90_000 + n, stage, at + 50.hours());
        portal.associate((Object::Deal, 90_000 + n), (Object::Contact, 1_001 + n * 3));
        if n % 10 == 0 {
            portal.associate((Object::Deal, 90_000 + n), (Object::Contact, 1_002 + n * 3));
        }
        let stamp = (at + 1.hours()).to_string();
        let call = properties(&[("hs_timestamp", &stamp), ("hubspot_owner_id", "1")]);
        portal.create_with_id(Object::Call, 70_000 + n, call, at + 1.hours());
        portal.associate((Object::Call, 70_000 + n), (Object::Contact, 1_001 + n * 3));
    }
    portal
}

/// The store after a sync of the small account and of some changes, with nothing going wrong.
async fn undisturbed() -> Vec<String> {
    let account = Account::with("", portal(), "rate_limit = \"190/10s\"\n").await;
    account.sync().await;
    account.pass(240);
    change(&account);
    account.pass(30);
    account.sync().await;
    state(&account).await
}

/// What people do, at a time that does not depend on how long the client had to wait before.
fn change(account: &Account) {
    let now = instant(account::START) + 3.hours();
    let mut portal = account.portal();
    contact(&mut portal, 5_000, now);
    for id in [1_001, 1_002, 1_200] {
        let change = vec![("hs_analytics_source".to_owned(), Some("CHANGED".to_owned()))];
        portal.update(Object::Contact, id, change, now);
    }
    let won = vec![("dealstage".to_owned(), Some("closedwon".to_owned()))];
    portal.update(Object::Deal, 90_002, won, now);
    portal.archive(Object::Deal, 90_003, now);
    portal.merge(Object::Contact, 1_004, 1_007, false, now);
}

/// Records and roll-ups. When something was first seen differs between runs, and is not among it.
async fn state(account: &Account) -> Vec<String> {
    let mut state = dump(&account.store).await;
    state.extend(rollups(&account.store).await);
    state
}

/// Faults that pass: each hits several operations, in the first load and in the increment.
const PASSING: [&str; 15] = [
    "answer = \"500\"",
    "answer = \"502\"",
    "answer = \"503\"\nretry_after_secs = 3",
    "answer = \"504\"",
    "answer = \"521\"",
    "answer = \"423\"",
    "answer = \"477\"\nretry_after_secs = 20",
    "answer = \"429\"\npolicy = \"SECONDLY\"",
    "answer = \"429\"\nretry_after_secs = 5",
    "answer = \"401\"",
    "answer = \"html\"",
    "answer = \"html_503\"",
    "answer = \"cut\"",
    "answer = \"truncated_json\"",
    "answer = \"empty\"",
];

#[tokio::test]
async fn a_fault_that_passes_changes_nothing() {
    let expected = undisturbed().await;
    for fault in PASSING {
        let mut toml = String::new();
        for on in ["list", "search", "batch_read", "associations", "owners", "pipelines"] {
            toml.push_str(&format!("[[fault]]\non = \"{on}\"\nskip = 1\n{fault}\n"));
        }
        let account = Account::with(&toml, portal(), "rate_limit = \"190/10s\"\n").await;
        // A run that had to give up goes on in the next one.
        let mut runs = 0;
        while account.try_sync(Full::No).await.is_err() {
            runs += 1;
            assert!(runs < 4, "{fault}");
        }
        account.simulator.set_faults(Faults::from_toml(&toml).unwrap());
        account.pass(240);
        change(&account);
        account.pass(30);
        while account.try_sync(Full::No).await.is_err() {
            runs += 1;
            assert!(runs < 8, "{fault}");
        }
        assert_same(&state(&account).await, &expected, fault);
    }
}

#[tokio::test]
async fn other_shapes_of_the_same_answer_change_nothing() {
    let expected = undisturbed().await;
    for answer in ["wrong_type", "numbers", "ids_as_numbers", "shuffle"] {
        let on = if answer == "shuffle" { "search" } else { "any" };
        let toml = format!("[[fault]]\non = \"{on}\"\ntimes = 0\nanswer = \"{answer}\"\n");
        let account = Account::with(&toml, portal(), "rate_limit = \"190/10s\"\n").await;
        account.sync().await;
        account.pass(240);
        change(&account);
        account.pass(30);
        account.sync().await;
        assert_same(&state(&account).await, &expected, answer);
    }
    // Lists of associations that come in pages of their own.
    let paged = "[limits]\nassociations_page = 1\n";
    let account = Account::with(paged, portal(), "rate_limit = \"190/10s\"\n").await;
    account.sync().await;
    account.pass(240);
    change(&account);
    account.pass(30);
    account.sync().await;
    assert_same(&state(&account).await, &expected, "associations_page = 1");
}

/// Faults that stay, with what the error must say.
const STAYING: [(&str, &str); 12] = [
    ("on = \"list\"\nobject = \"contacts\"\nanswer = \"500\"", "HTTP 500"),
    ("on = \"list\"\nobject = \"contacts\"\nanswer = \"html\"", "text/html"),
    ("on = \"list\"\nobject = \"contacts\"\nanswer = \"cut\"", "list contacts"),
    ("on = \"list\"\nobject = \"contacts\"\nanswer = \"endless\"\ndelay_ms = 1", "list contacts"),
    (
        "on = \"list\"\nobject = \"contacts\"\nanswer = \"slow\"\ndelay_ms = 9000",
        "no answer in time",
    ),
    ("on = \"list\"\nobject = \"contacts\"\nanswer = \"null\"", "list contacts"),
    ("on = \"list\"\nobject = \"contacts\"\nanswer = \"redirect\"", "base_url"),
    ("on = \"any\"\nanswer = \"401\"", "`token`"),
    ("on = \"any\"\nanswer = \"530\"", "`token`"),
    ("on = \"list\"\nobject = \"contacts\"\nanswer = \"477\"\nretry_after_secs = 7200", "7200 s"),
    ("on = \"list\"\nobject = \"contacts\"\nanswer = \"429\"\npolicy = \"DAILY\"", "quota"),
    ("on = \"associations\"\nanswer = \"500\"", "associations"),
];

#[tokio::test]
async fn a_fault_that_stays_ends_the_run_as_incomplete_and_the_next_one_goes_on() {
    let expected = {
        let account = Account::with("", portal(), "rate_limit = \"190/10s\"\n").await;
        account.sync().await;
        state(&account).await
    };
    for (fault, said) in STAYING {
        let toml = format!("[[fault]]\nskip = 2\ntimes = 0\n{fault}\n");
        let account = Account::with(&toml, portal(), "rate_limit = \"190/10s\"\n").await;
        let error = account.try_sync(Full::No).await.unwrap_err();
        assert!(error.contains(said), "{fault}: {error}");
        assert!(!error.contains("good-token") && !error.contains("127.0.0.1"), "{error}");
        assert_eq!(account.complete_to().await, None, "{fault}");
        let state_of = account.store.source_states().await.unwrap();
        assert!(state_of["crm"].last_error.is_some(), "{fault}");
        account.simulator.set_faults(Faults::none());
        account.pass(30);
        let started = account.now();
        account.sync().await;
        assert_eq!(account.complete_to().await, Some(started), "{fault}");
        assert_same(&state(&account).await, &expected, fault);
    }
}

#[tokio::test]
async fn a_part_of_a_batch_that_fails_is_asked_for_again_and_never_left_out() {
    let once = "[[fault]]\non = \"batch_read\"\nanswer = \"partial\"\n";
    let account = Account::with(once, portal(), "rate_limit = \"190/10s\"\n").await;
    account.sync().await;
    account.pass(240);
    change(&account);
    account.pass(30);
    account.sync().await;
    assert_same(&state(&account).await, &undisturbed().await, once);
    let always = "[[fault]]\non = \"batch_read\"\ntimes = 0\nanswer = \"partial\"\n";
    account.simulator.set_faults(Faults::from_toml(always).unwrap());
    let complete = account.complete_to().await;
    let won = vec![("amount".to_owned(), Some("77".to_owned()))];
    account.portal().update(Object::Deal, 90_002, won, account.now());
    account.pass(30);
    let error = account.try_sync(Full::No).await.unwrap_err();
    assert!(error.contains("a part of the batch failed"), "{error}");
    assert_eq!(account.complete_to().await, complete);
}

#[tokio::test]
async fn a_scope_that_is_missing_is_named_by_check_and_ends_a_sync_as_incomplete() {
    let account = Account::new("[auth]\nmissing_scopes = [\"sales-email-read\"]\n").await;
    contact(&mut account.portal(), 1, account.now());
    let error = account.source().check().await.unwrap_err().to_string();
    assert!(error.contains("sales-email-read") && error.contains("emails"), "{error}");
    assert!(account.try_sync(Full::No).await.unwrap_err().contains("scope"));
    assert_eq!(account.complete_to().await, None);
    account.simulator.set_faults(Faults::none());
    let found = account.source().check().await.unwrap().found;
    assert!(found.contains("pipelines"), "{found}");
}

#[tokio::test]
async fn a_property_that_the_account_does_not_have_is_named_by_check() {
    let keys = "[source.crm.fields.lead]\ncampaign = \"utm_campain\"\n";
    let account = Account::with("", Portal::empty(), keys).await;
    let warnings = account.source().check().await.unwrap().warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("utm_campain") && warnings[0].contains("[source.crm.fields.lead]")
    );
}

#[tokio::test]
async fn a_secret_that_is_missing_or_empty_is_named_and_no_outage() {
    let account = Account::new("").await;
    std::fs::write(account.folder.path().join("token"), "\n").unwrap();
    let error = account.try_sync(Full::No).await.unwrap_err();
    assert!(error.contains("the secret is empty") && error.contains("`token`"), "{error}");
    assert!(!error.contains("outage"), "{error}");
}

#[tokio::test]
async fn an_empty_account_is_complete_and_grows() {
    let account = Account::new("").await;
    assert_eq!(account.sync().await.changed, 0);
    assert_eq!(account.complete_to().await, Some(instant(account::START)));
    account.pass(10);
    contact(&mut account.portal(), 1, account.now());
    account.pass(10);
    account.sync().await;
    assert_eq!(account.living().await.0, ["1"]);
}

#[tokio::test]
async fn a_vendors_clock_that_is_askew_loses_nothing() {
    for minutes in [-600, -20, 20, 600] {
        let account = Account::new("").await;
        let vendor = |account: &Account| account.now() + (minutes as i64).minutes();
        contact(&mut account.portal(), 1, vendor(&account));
        account.sync().await;
        for id in 2..6 {
            account.pass(10);
            contact(&mut account.portal(), id, vendor(&account));
            account.pass(10);
            account.sync().await;
        }
        assert_eq!(account.living().await.0.len(), 5, "{minutes} minutes askew");
    }
}

#[tokio::test]
async fn an_old_record_that_changes_late_and_a_stale_row_are_read_as_they_are() {
    let stale =
        "[[fault]]\non = \"search\"\nobject = \"contacts\"\ntimes = 0\nanswer = \"stale_row\"\n";
    let account = Account::with(stale, generated(300, 12), "rate_limit = \"190/10s\"\n").await;
    account.sync().await;
    for _ in 0..3 {
        account.pass(24 * 60);
        let change = vec![("hubspot_owner_id".to_owned(), Some("5".to_owned()))];
        account.portal().update(Object::Contact, 1_001, change, account.now());
        account.pass(10);
        account.sync().await;
    }
    let facts = account.facts().await;
    let first = facts.leads.values().find(|lead| lead.key.id == "1001").unwrap();
    assert_eq!(first.owner.as_deref(), Some("5"));
    assert_eq!(facts.leads.len(), 300);
}

#[tokio::test]
async fn what_was_deleted_for_good_is_found_by_a_full_sync_and_only_then() {
    let account = Account::with("", portal(), "rate_limit = \"190/10s\"\n").await;
    account.sync().await;
    account.portal().purge(Object::Contact, 1_001);
    account.portal().purge(Object::Deal, 90_004);
    account.portal().purge(Object::Call, 70_005);
    account.pass(30);
    assert_eq!(account.sync().await.deleted, 0);
    account.pass(30);
    let report = account.try_sync(Full::Checked).await.unwrap();
    // The contact, the deal, the call, and what hung on them.
    assert!((3..=6).contains(&report.deleted), "{report:?}");
    let (leads, deals) = account.living().await;
    assert!(!leads.contains(&"1001".to_owned()) && !deals.contains(&"90004".to_owned()));
    account.pass(30);
    assert_eq!(account.try_sync(Full::Checked).await.unwrap().deleted, 0);
}

#[tokio::test]
async fn deals_without_contacts_and_with_several_have_the_first_contact_or_none() {
    let account = Account::new("").await;
    {
        let mut portal = account.portal();
        contact(&mut portal, 3, account.now() - 2.hours());
        contact(&mut portal, 2, account.now() - 1.hours());
        deal(&mut portal, 90, account.now(), &[]);
        deal(&mut portal, 91, account.now(), &[]);
        for id in [2, 3] {
            portal.associate((Object::Deal, 91), (Object::Contact, id));
        }
    }
    account.sync().await;
    let facts = account.facts().await;
    let leads: Vec<Option<&str>> =
        facts.opportunities.values().map(|d| d.lead.as_deref()).collect();
    assert_eq!(leads, [None, Some("3")], "the one that was created first");
    assert_eq!(facts.contact_roles.len(), 2);
}

#[tokio::test]
async fn wherever_a_first_load_is_cut_off_it_ends_as_one_that_is_left_alone() {
    let limits = "[limits]\nenforce = false\n";
    let keys = "rate_limit = \"none\"\n";
    account::cut_off_anywhere(async || Account::with(limits, portal(), keys).await).await;
}

#[tokio::test]
async fn wherever_an_increment_is_cut_off_it_ends_as_one_that_is_left_alone() {
    account::cut_off_anywhere(async || {
        let account =
            Account::with("[limits]\nenforce = false\n", portal(), "rate_limit = \"none\"\n");
        let account = account.await;
        account.sync().await;
        account.pass(240);
        change(&account);
        account.pass(30);
        account
    })
    .await;
}

#[tokio::test]
async fn a_first_load_goes_on_at_the_page_where_it_was_cut_off() {
    let cut = "[limits]\nenforce = false\n[[fault]]\non = \"list\"\nobject = \"contacts\"\nskip = 30\ntimes = 0\nanswer = \"500\"\n";
    let account = Account::with(cut, generated(5_000, 13), "rate_limit = \"none\"\n").await;
    account.try_sync(Full::No).await.unwrap_err();
    assert_eq!(account.living().await.0.len(), 3_000);
    account.simulator.set_faults(Faults::from_toml("[limits]\nenforce = false\n").unwrap());
    let before = account.simulator.log().len();
    account.sync().await;
    let log = account.simulator.log();
    let lists = log[before..]
        .iter()
        .filter(|line| line.contains("/contacts?") && line.contains("archived=false"));
    assert_eq!(lists.count(), 20, "the twenty pages that were missing");
    assert_eq!(account.living().await.0.len(), 5_000);
}
