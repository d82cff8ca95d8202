//! Bugs that others had with HubSpot, each with its test. The numbers and sources are those of public
//! issues: airbyte, estuary, singer taps, dbt_hubspot, PostHog, Pipedream.

#[path = "support/account.rs"]
mod account;
mod support;

use account::{Account, contact, deal, properties};
use jiff::ToSpan;
use paceline::simulate::hubspot::{Faults, Object, generated};
use paceline::sync::Full;

const NO_LIMITS: &str = "[limits]\nenforce = false\nheaders = false\n";

/// airbyte 43317, estuary 2100: HubSpot's own bulk updates give one stamp to all records, and readers
/// went round for ever at the 10,000th.
#[tokio::test]
async fn more_records_with_one_stamp_than_a_search_can_give_are_all_read() {
    let account = Account::with(NO_LIMITS, generated(12_500, 1), "rate_limit = \"none\"\n").await;
    account.sync().await;
    account.pass(60);
    let at = account.now();
    for id in 1_001..13_501 {
        let change = vec![("hs_analytics_source".to_owned(), Some("BULK".to_owned()))];
        account.portal().update(Object::Contact, id, change, at);
    }
    account.pass(60);
    assert_eq!(account.sync().await.changed, 12_500);
    let facts = account.facts().await;
    assert!(facts.leads.values().all(|lead| lead.channel.as_deref() == Some("BULK")));
    account.pass(10);
    assert_eq!(account.sync().await.changed, 0);
}

/// airbyte pull requests 10700, 61543: a search answers 400 beyond 10,000 results.
#[tokio::test]
async fn more_changes_than_one_search_can_give_are_all_read() {
    let account = Account::with(NO_LIMITS, generated(11_000, 2), "rate_limit = \"none\"\n").await;
    account.sync().await;
    account.pass(60);
    let begun = account.now();
    for (n, id) in (1_001..12_001_u64).enumerate() {
        let change = vec![("hubspot_owner_id".to_owned(), Some("77".to_owned()))];
        account.portal().update(Object::Contact, id, change, begun + (n as i64 / 3).milliseconds());
    }
    account.pass(60);
    assert_eq!(account.sync().await.changed, 11_000);
}

/// airbyte pull request 69203: rows appear in the search index after the cursor has passed them.
#[tokio::test]
async fn a_row_that_the_index_shows_forty_minutes_late_is_read() {
    let account = Account::new("").await;
    contact(&mut account.portal(), 1, account.now());
    account.sync().await;
    account.pass(10);
    let late = account.now();
    contact(&mut account.portal(), 2, late);
    account.portal().hide_from_search(Object::Contact, 2, late + 40.minutes());
    account.pass(5);
    contact(&mut account.portal(), 3, account.now());
    account.pass(5);
    account.sync().await;
    assert_eq!(account.living().await.0, ["1", "3"]);
    account.pass(35);
    account.sync().await;
    assert_eq!(account.living().await.0, ["1", "2", "3"]);
}

/// The same where the hour is too large to be read at every sync: it is read once more when it is over.
#[tokio::test]
async fn a_late_row_of_a_busy_hour_is_read_when_the_hour_is_over() {
    let account = Account::with(NO_LIMITS, generated(3_000, 3), "rate_limit = \"none\"\n").await;
    account.sync().await;
    account.pass(10);
    let busy = account.now();
    for id in 1_001..4_001 {
        let change = vec![("hubspot_owner_id".to_owned(), Some("77".to_owned()))];
        account.portal().update(Object::Contact, id, change, busy + (id as i64 % 900).seconds());
    }
    account.portal().hide_from_search(Object::Contact, 2_000, busy + 40.minutes());
    account.pass(20);
    assert_eq!(account.sync().await.changed, 2_999);
    let searched = account.simulator.requests().search;
    account.pass(10);
    let report = account.sync().await;
    assert!(report.read < 3_000, "the busy hour is not read at every sync: {}", report.read);
    assert!(account.simulator.requests().search - searched < 40);
    account.pass(60);
    contact(&mut account.portal(), 9, account.now());
    account.pass(65);
    assert_eq!(account.sync().await.changed, 1 + 1, "the new one, and the late one");
}

/// estuary: the cap cut a millisecond in half, and the rest of it was lost after a restart.
#[tokio::test]
async fn the_last_millisecond_is_read_again_after_a_restart() {
    let account = Account::new("").await;
    let at = account.now();
    contact(&mut account.portal(), 1, at);
    account.sync().await;
    // Stamped within the very millisecond at which the cursor stands, and visible only now.
    contact(&mut account.portal(), 2, at);
    account.sync().await;
    assert_eq!(account.living().await.0, ["1", "2"]);
}

/// estuary commit 392b8c98a: results of a search come out of order.
#[tokio::test]
async fn rows_out_of_order_are_not_lost() {
    let shuffled = format!(
        "{NO_LIMITS}[[fault]]\non = \"search\"\nobject = \"contacts\"\ntimes = 3\nskip = 2\nanswer = \"shuffle\"\n"
    );
    let account = Account::with(&shuffled, generated(1_500, 4), "rate_limit = \"none\"\n").await;
    account.sync().await;
    account.pass(10);
    let begun = account.now();
    for (n, id) in (1_001..2_501_u64).enumerate() {
        let change = vec![("hubspot_owner_id".to_owned(), Some("77".to_owned()))];
        account.portal().update(Object::Contact, id, change, begun + (n as i64).milliseconds());
    }
    account.pass(10);
    assert_eq!(account.sync().await.changed, 1_500);
}

/// airbyte 14390, 43352, 20624: a search cannot tell associations, so increments lacked them.
#[tokio::test]
async fn a_deal_of_an_increment_has_its_contact_and_its_history() {
    let account = Account::new("").await;
    account.sync().await;
    account.pass(10);
    {
        let mut portal = account.portal();
        contact(&mut portal, 1, account.now());
        deal(&mut portal, 9, account.now(), &[("hubspot_owner_id", "7")]);
        portal.associate((Object::Deal, 9), (Object::Contact, 1));
    }
    account.pass(1);
    let won = vec![("dealstage".to_owned(), Some("closedwon".to_owned()))];
    account.portal().update(Object::Deal, 9, won, account.now());
    account.pass(1);
    account.sync().await;
    let facts = account.facts().await;
    let deal = facts.opportunities.values().next().unwrap();
    assert_eq!(deal.lead.as_deref(), Some("1"));
    assert!(deal.won_at().is_some());
    assert_eq!((facts.stage_changes.len(), facts.owner_changes.len()), (2, 1));
}

/// airbyte 27199, 44554: an activity linked later changes no stamp, so the link was never read.
#[tokio::test]
async fn an_activity_linked_later_without_a_stamp_counts_for_a_hand_off_that_waits() {
    let account = Account::new("").await;
    {
        let mut portal = account.portal();
        contact(&mut portal, 1, account.now());
        deal(&mut portal, 9, account.now(), &[("hubspot_owner_id", "7")]);
        let call =
            properties(&[("hs_timestamp", "2026-11-02T09:20:00Z"), ("hubspot_owner_id", "7")]);
        portal.create_with_id(Object::Call, 5, call, account.now());
    }
    account.pass(60);
    account.sync().await;
    assert!(account.facts().await.activity_links.is_empty());
    account.portal().associate((Object::Call, 5), (Object::Deal, 9));
    account.portal().associate((Object::Deal, 9), (Object::Contact, 1));
    account.pass(120);
    account.sync().await;
    let facts = account.facts().await;
    assert_eq!(facts.activity_links[0].opportunity.as_deref(), Some("9"));
    let deal = facts.opportunities.values().next().unwrap();
    assert_eq!(deal.lead.as_deref(), Some("1"), "and so does a contact that is linked later");
    // A touch is known now, so the links are not asked for any more.
    let before = account.simulator.requests().associations;
    account.pass(120);
    account.sync().await;
    let asked = account.simulator.requests().associations - before;
    assert_eq!(asked, 3, "only for the rows of the last millisecond");
}

/// airbyte 35017: a search never shows what was archived.
#[tokio::test]
async fn what_was_archived_leaves_the_rates_with_the_time_at_which_it_went() {
    let account = Account::new("").await;
    contact(&mut account.portal(), 1, account.now());
    deal(&mut account.portal(), 9, account.now(), &[]);
    account.sync().await;
    account.pass(30);
    let at = account.now();
    account.portal().archive(Object::Deal, 9, at);
    account.pass(30);
    assert_eq!(account.sync().await.deleted, 1);
    let facts = account.facts().await;
    assert_eq!(facts.opportunities.values().next().unwrap().deleted_at, Some(at));
    // Out of the recycle bin again.
    account.portal().restore(Object::Deal, 9, account.now());
    account.pass(30);
    account.sync().await;
    assert_eq!(account.living().await.1, ["9"]);
}

/// dbt_hubspot 46, 134, 171: merged contacts and deals were counted twice, chains above all.
#[tokio::test]
async fn a_chain_of_merges_counts_once_and_takes_along_what_belonged_to_it() {
    let account = Account::new("").await;
    {
        let mut portal = account.portal();
        for id in [1, 2, 3] {
            contact(&mut portal, id, account.now());
        }
        for (id, lead) in [(91, 1), (92, 3)] {
            deal(&mut portal, id, account.now(), &[("hubspot_owner_id", "7")]);
            portal.associate((Object::Deal, id), (Object::Contact, lead));
        }
    }
    account.sync().await;
    account.pass(30);
    // 1 into 2, then 2 into 3; the deals become a new one.
    account.portal().merge(Object::Contact, 2, 1, false, account.now());
    account.pass(1);
    account.portal().merge(Object::Contact, 3, 2, false, account.now());
    let new = account.portal().merge(Object::Deal, 91, 92, true, account.now());
    account.pass(30);
    account.sync().await;
    assert_eq!(account.living().await, (vec!["3".to_owned()], vec![new.to_string()]));
    let facts = account.facts().await;
    assert_eq!(facts.merged.len(), 2, "both deals are known as merged");
    let of_lead = facts.opportunities.values().filter(|deal| deal.deleted_at.is_none());
    assert!(of_lead.into_iter().all(|deal| deal.lead.as_deref() == Some("3")));
}

/// The same where the survivor does not name the merged ones: the vendor answers for them when asked.
#[tokio::test]
async fn an_id_that_is_answered_with_another_one_was_merged() {
    let account = Account::new("").await;
    for id in [91, 92] {
        deal(&mut account.portal(), id, account.now(), &[("hubspot_owner_id", "7")]);
    }
    account.sync().await;
    account.pass(30);
    let new = account.portal().merge(Object::Deal, 91, 92, true, account.now());
    let nothing = vec![("hs_merged_object_ids".to_owned(), None)];
    account.portal().update(Object::Deal, new, nothing, account.now());
    account.pass(30);
    account.try_sync(Full::Checked).await.unwrap();
    assert_eq!(account.living().await.1, [new.to_string()]);
    assert_eq!(account.facts().await.merged.len(), 2);
}

/// dbt_hubspot 75, dbt_hubspot_source 93: stages were mixed up between pipelines, and vanished with
/// their definition.
#[tokio::test]
async fn a_deal_in_a_deleted_stage_keeps_it_and_is_named() {
    let account = Account::new("").await;
    deal(&mut account.portal(), 9, account.now(), &[]);
    account.sync().await;
    account.portal().remove_stage("default", "appointmentscheduled");
    let change = vec![("amount".to_owned(), Some("2000".to_owned()))];
    account.pass(5);
    account.portal().update(Object::Deal, 9, change, account.now());
    account.pass(5);
    account.sync().await;
    let facts = account.facts().await;
    let deal = facts.opportunities.values().next().unwrap();
    assert_eq!(deal.stage.as_deref(), Some("appointmentscheduled"));
    let faults = account.store.faults().await.unwrap();
    assert_eq!(faults.len(), 1);
    assert_eq!((faults[0].kind.as_str(), faults[0].record.as_str()), ("unknown_stage", "9"));
    // Moved to a living stage, nothing is wrong with it any more.
    account.pass(5);
    let moved = vec![("dealstage".to_owned(), Some("qualifiedtobuy".to_owned()))];
    account.portal().update(Object::Deal, 9, moved, account.now());
    account.pass(5);
    account.sync().await;
    assert!(account.store.faults().await.unwrap().is_empty());
}

/// airbyte 23630: the "recent" endpoints gave 9,990 of two million activities.
#[tokio::test]
async fn more_activities_than_a_recent_list_holds_are_all_read_on_the_first_load() {
    let account = Account::with(NO_LIMITS, generated(0, 1), "rate_limit = \"none\"\n").await;
    for id in 1..=10_500_u64 {
        let call =
            properties(&[("hs_timestamp", "2026-01-05T10:00:00Z"), ("hubspot_owner_id", "7")]);
        account.portal().create_with_id(Object::Call, id, call, account.now() - 200.hours());
    }
    account.sync().await;
    assert_eq!(account.facts().await.activities.len(), 10_500);
}

/// tap-hubspot 2.3.0, 2.5.2, 2.12.1: what changed during a long first load was lost.
#[tokio::test]
async fn what_changes_during_the_first_load_is_read_after_it() {
    let slow = format!(
        "{NO_LIMITS}[[fault]]\non = \"list\"\nobject = \"contacts\"\nskip = 5\ntimes = 1\nanswer = \"slow\"\ndelay_ms = 400\n"
    );
    let account = Account::with(&slow, generated(1_000, 5), "rate_limit = \"none\"\n").await;
    let change = async {
        // The first pages have been read when this one changes.
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
        let change = vec![("hs_analytics_source".to_owned(), Some("CHANGED".to_owned()))];
        account.portal().update(Object::Contact, 1_001, change, account.now());
    };
    let (_, ()) = tokio::join!(account.sync(), change);
    let facts = account.facts().await;
    let first = facts.leads.values().find(|lead| lead.key.id == "1001").unwrap();
    assert_eq!(first.channel.as_deref(), Some("CHANGED"));
}

/// airbyte pull requests 60937, 62481: a token that ended in mid-run ended the run.
#[tokio::test]
async fn a_token_that_is_renewed_in_mid_run_is_read_again() {
    let account = Account::new("[auth]\ntoken = \"new-token\"\n").await;
    contact(&mut account.portal(), 1, account.now());
    let error = account.try_sync(Full::No).await.unwrap_err();
    assert!(error.contains("HTTP 401") && error.contains("`token`"), "{error}");
    assert!(!error.contains("good-token"), "{error}");
    std::fs::write(account.folder.path().join("token"), "new-token").unwrap();
    account.sync().await;
    // In mid-run: the server's token changes, and so does the file, before the run asks again.
    account.simulator.set_faults(
        Faults::from_toml("[[fault]]\non = \"search\"\ntimes = 1\nskip = 1\nanswer = \"401\"\n")
            .unwrap(),
    );
    account.pass(10);
    contact(&mut account.portal(), 2, account.now());
    account.pass(10);
    account.sync().await;
    assert_eq!(account.living().await.0, ["1", "2"]);
}

/// Pipedream 18215, hubspot-api-ruby 27, hubspot-api-nodejs 416: storms of 429 on searches, whose
/// limit is the account's and stands in no header.
#[tokio::test]
async fn a_client_never_lives_on_refusals() {
    let account = Account::with("", generated(30_000, 6), "rate_limit = \"190/10s\"\n").await;
    account.sync().await;
    account.pass(60);
    for id in 1_001..5_001 {
        let change = vec![("hubspot_owner_id".to_owned(), Some("77".to_owned()))];
        account.portal().update(
            Object::Contact,
            id,
            change,
            account.now() - (id as i64).milliseconds(),
        );
    }
    account.pass(5);
    account.sync().await;
    let requests = account.simulator.requests();
    assert!(requests.total > 330, "{requests:?}");
    assert_eq!(requests.refused_429, 0, "{requests:?}");
    assert!(
        requests.most_in_10_secs <= 190 && requests.most_searches_in_1_sec <= 5,
        "{requests:?}"
    );
}

/// PostHog 64726: a 429 with `Retry-After` ended the run.
#[tokio::test]
async fn a_429_is_waited_for_with_and_without_retry_after() {
    for (answer, least_ms) in [
        ("policy = \"SECONDLY\"", 1_000),
        ("policy = \"TEN_SECONDLY_ROLLING\"", 10_000),
        ("retry_after_secs = 7", 7_000),
    ] {
        let faults =
            format!("[[fault]]\non = \"list\"\nobject = \"deals\"\nanswer = \"429\"\n{answer}\n");
        let account = Account::new(&faults).await;
        deal(&mut account.portal(), 9, account.now(), &[]);
        account.sync().await;
        assert_eq!(account.living().await.1, ["9"]);
        let waited_ms = account.environment.timer.now_ms();
        assert!((least_ms..least_ms + 8_000).contains(&waited_ms), "{answer}: {waited_ms} ms");
    }
    let account = Account::new("[[fault]]\non = \"list\"\nobject = \"deals\"\ntimes = 0\nanswer = \"429\"\npolicy = \"DAILY\"\n").await;
    contact(&mut account.portal(), 1, account.now());
    let error = account.try_sync(Full::No).await.unwrap_err();
    assert!(error.contains("quota") && error.contains("goes on from here"), "{error}");
    assert_eq!(account.complete_to().await, None, "incomplete, and not a success with fewer rows");
    assert_eq!(account.living().await.0, ["1"], "what could be read is kept");
}

/// airbyte and tap-hubspot 2.6.5, 2.9.2: addresses that held all properties were too long.
#[tokio::test]
async fn only_what_is_needed_is_asked_for_and_nothing_personal() {
    let account = Account::new("").await;
    contact(&mut account.portal(), 1, account.now());
    deal(&mut account.portal(), 9, account.now(), &[]);
    account.sync().await;
    account.pass(10);
    account.sync().await;
    let log = account.simulator.log();
    assert!(log.len() > 20);
    for line in log {
        assert!(line.len() < 2_000, "{} bytes: {line}", line.len());
        let lower = line.to_lowercase();
        for word in
            ["email\"", "firstname", "lastname", "phone", "address", "dealname", "body", "subject"]
        {
            assert!(!lower.contains(word) || lower.contains("hs_email_"), "{word}: {line}");
        }
    }
}

/// airbyte 4.7.0, 5.8.2, 5.8.5, 5.8.12: numbers for strings, floats for milliseconds, text for numbers.
#[tokio::test]
async fn values_of_the_wrong_type_are_read_all_the_same() {
    let typed = "[[fault]]\non = \"any\"\ntimes = 0\nanswer = \"numbers\"\n";
    let account = Account::new(typed).await;
    contact(&mut account.portal(), 1, account.now());
    let more = [("createdate", "1762074000000.0"), ("hubspot_owner_id", "7")];
    deal(&mut account.portal(), 9, account.now(), &more);
    account.portal().associate((Object::Deal, 9), (Object::Contact, 1));
    account.sync().await;
    let facts = account.facts().await;
    let deal = facts.opportunities.values().next().unwrap();
    assert_eq!(deal.amount, Some("1000".parse().unwrap()));
    assert_eq!((deal.owner.as_deref(), deal.lead.as_deref()), (Some("7"), Some("1")));
    assert_eq!(deal.created_at.unwrap().to_string(), "2025-11-02T09:00:00Z");
}

/// ragflow pull request 15464: "greater than the last stamp" skips what shares it.
#[tokio::test]
async fn equal_stamps_across_the_border_of_a_page_are_all_read() {
    let account = Account::with(NO_LIMITS, generated(700, 7), "rate_limit = \"none\"\n").await;
    account.sync().await;
    account.pass(10);
    let begun = account.now();
    for (n, id) in (1_001..1_701_u64).enumerate() {
        // Groups of 70 with one stamp: the 200th row of a page lies within a group.
        let change = vec![("hubspot_owner_id".to_owned(), Some("77".to_owned()))];
        account.portal().update(Object::Contact, id, change, begun + (n as i64 / 70).seconds());
    }
    account.pass(20);
    assert_eq!(account.sync().await.changed, 700);
}
