//! Pipedrive: what its records mean, every fault, and bugs that others had with it, each with its test. The
//! numbers are those of public issues: airbyte, singer taps.

#[path = "support/pipes.rs"]
mod pipes;
mod support;

use jiff::ToSpan;
use paceline::domain::{Facts, Outcome};
use paceline::simulate::pipedrive::{Account, Faults};
use paceline::sync::Full;
use pipes::Pipes;
use serde_json::json;
use support::{assert_same, dump, instant, rollups};

const BEGUN: &str = "2026-10-01T09:00:00Z";

fn deal(account: &mut Account, title: &str, at: jiff::Timestamp) -> String {
    let fields = [("title", json!(title)), ("value", json!(1000)), ("currency", json!("EUR"))];
    account.create("deals", &fields, at)
}

fn outcomes(facts: &Facts) -> Vec<Outcome> {
    facts
        .opportunities
        .values()
        .filter(|deal| deal.deleted_at.is_none())
        .map(|d| d.outcome)
        .collect()
}

fn changes(of: &[paceline::domain::facts::Change]) -> Vec<String> {
    let mut told: Vec<_> = of.iter().map(|c| (c.at.to_string(), c.value.clone())).collect();
    told.sort();
    told.into_iter().filter_map(|(_, value)| value).collect()
}

#[tokio::test]
async fn a_lead_that_becomes_a_deal_stays_a_lead_and_the_deal_has_its_channel_stages_and_owners() {
    let pipes = Pipes::new("").await;
    pipes.account().set_channels(&["Webinar", "Fair"]);
    let channel = pipes.account().channel("Fair").unwrap();
    let ada = pipes.create("users", &[("name", json!("Ada")), ("email", json!("ada@example.com"))]);
    let ben = pipes.create("users", &[("name", json!("Ben")), ("email", json!("ben@example.com"))]);
    let own = [
        ("title", json!("Invented")),
        ("owner_id", json!(ada.parse::<u64>().unwrap())),
        ("channel", json!(channel)),
        ("channel_id", json!("June boards")),
    ];
    let lead = pipes.create("leads", &own);
    pipes.sync().await;
    pipes.pass(20);
    let now = pipes.now();
    let id = pipes.account().convert_lead(&lead, now);
    pipes.pass(20);
    pipes.update(
        "deals",
        &id,
        &[("stage_id", json!(2)), ("owner_id", json!(ben.parse::<u64>().unwrap()))],
    );
    pipes.pass(20);
    let won = pipes.now();
    pipes.account().win(&id, won);
    pipes.pass(20);
    pipes.sync().await;
    let facts = pipes.facts().await;
    let (_, found) = facts.opportunities.first_key_value().unwrap();
    assert_eq!((found.lead.as_deref(), found.outcome), (Some(lead.as_str()), Outcome::Won));
    assert_eq!(found.closed_at.map(|at| at.to_string()), Some(won.to_string()));
    assert_eq!(found.stage.as_deref(), Some("2"), "won is no stage");
    assert_eq!(changes(&facts.stage_changes), ["1", "2"]);
    assert_eq!(changes(&facts.owner_changes), [ada, ben.clone()]);
    let found = facts.leads.values().next().unwrap();
    assert_eq!(
        (found.channel.as_deref(), found.campaign.as_deref()),
        (Some("Fair"), Some("June boards"))
    );
    assert_eq!(found.deleted_at, None);
    assert_eq!(facts.owner_name(&ben), "Ben");
    // It is listed no more, and a comparison of all ids leaves it what it is.
    pipes.pass(20);
    assert_eq!(pipes.try_sync(Full::Checked).await.unwrap().deleted, 0);
    assert_eq!(pipes.living().await.0, std::slice::from_ref(&lead));
    // Also when the deal is deleted and purged: the deal is gone, and not the lead.
    let now = pipes.now();
    pipes.account().delete("deals", &id, now);
    pipes.sync().await;
    pipes.pass(40 * 24 * 60);
    pipes.try_sync(Full::Checked).await.unwrap();
    assert_eq!(pipes.living().await, (vec![lead], Vec::new()));
}

#[tokio::test]
async fn a_second_change_within_a_second_is_read_too() {
    let pipes = Pipes::new("").await;
    let id = pipes.create("deals", &[("title", json!("A"))]);
    pipes.sync().await;
    let now = pipes.now();
    pipes.account().win(&id, now);
    pipes.sync().await;
    pipes.account().reopen(&id, now);
    pipes.pass(1);
    pipes.sync().await;
    assert_eq!(outcomes(&pipes.facts().await), [Outcome::Open]);
}

/// tap-pipedrive pull request 149, issue 60, and the change of July 2025.
#[tokio::test]
async fn archived_deals_count_deleted_ones_do_not_and_a_deal_that_is_reopened_is_open() {
    let pipes = Pipes::new("").await;
    let ids: Vec<String> = (0..4)
        .map(|n| deal(&mut pipes.account(), &format!("{n}"), instant(BEGUN) + n.hours()))
        .collect();
    {
        let mut account = pipes.account();
        for (n, id) in ids.iter().enumerate() {
            account.win(id, instant(BEGUN) + (10 + n as i64).hours());
        }
        account.archive("deals", &ids[0], instant(BEGUN) + 20.hours());
    }
    pipes.sync().await;
    assert_eq!(outcomes(&pipes.facts().await), [Outcome::Won; 4]);
    pipes.pass(30);
    let now = pipes.now();
    pipes.account().delete("deals", &ids[1], now);
    pipes.account().reopen(&ids[2], now);
    pipes.account().archive("deals", &ids[3], now);
    pipes.pass(5);
    pipes.sync().await;
    let facts = pipes.facts().await;
    assert_eq!(outcomes(&facts), [Outcome::Won, Outcome::Open, Outcome::Won]);
    assert!(
        facts.opportunities.values().any(|deal| deal.key.id == ids[1] && deal.deleted_at.is_some())
    );
    // Purged after a month: what is gone stays gone, and what is there stays there.
    pipes.pass(40 * 24 * 60);
    pipes.try_sync(Full::Checked).await.unwrap();
    assert_eq!(outcomes(&pipes.facts().await).len(), 3);
}

#[tokio::test]
async fn what_is_done_and_about_the_deal_its_lead_or_its_person_counts() {
    let pipes = Pipes::new("").await;
    let person = pipes.create("persons", &[("name", json!("Invented"))]);
    let person: u64 = person.parse().unwrap();
    let fields = [("title", json!("A")), ("person_id", json!(person))];
    let id = pipes.create("deals", &fields);
    let of = |kind: &str, about: (&str, serde_json::Value), done: bool| {
        pipes.create(
            "activities",
            &[("subject", json!("A")), ("type", json!(kind)), about, ("done", json!(done))],
        )
    };
    let number = json!(id.parse::<u64>().unwrap());
    of("call", ("deal_id", number.clone()), true);
    of("email", ("person_id", json!(person)), true);
    let planned = of("meeting", ("deal_id", number.clone()), false);
    of("lunch", ("deal_id", number), true);
    pipes.sync().await;
    let facts = pipes.facts().await;
    let mut kinds: Vec<_> = facts.activities.iter().map(|a| a.kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["call", "email_out", "task_done"]);
    let mail = facts.activities.iter().find(|a| a.kind == "email_out").unwrap();
    let role = &facts.contact_roles[0];
    assert_eq!(
        (mail.lead.as_deref(), role.opportunity.id.as_str()),
        (Some(role.lead.as_str()), id.as_str())
    );
    pipes.pass(10);
    pipes.update("activities", &planned, &[("done", json!(true))]);
    pipes.pass(1);
    pipes.sync().await;
    assert_eq!(pipes.facts().await.activities.len(), 4);
}

#[tokio::test]
async fn the_change_log_is_read_for_deals_that_changed_and_for_no_other() {
    let pipes = Pipes::new("").await;
    let ids: Vec<String> = (0..30)
        .map(|n| deal(&mut pipes.account(), &format!("{n}"), instant(BEGUN) + n.minutes()))
        .collect();
    pipes.sync().await;
    assert_eq!(pipes.simulator.requests().changelog, 30);
    for _ in 0..3 {
        pipes.pass(10);
        pipes.sync().await;
    }
    assert_eq!(pipes.simulator.requests().changelog, 30, "those of the overlap are known");
    pipes.update("deals", &ids[3], &[("value", json!(77))]);
    pipes.pass(1);
    assert_eq!(pipes.sync().await.changed, 1);
    assert_eq!(pipes.simulator.requests().changelog, 31);
}

#[tokio::test]
async fn a_day_that_is_spent_ends_the_run_keeps_what_was_read_and_the_next_day_goes_on() {
    // Sixty deals cost twenty tokens each; half of a day's thousand is ours.
    let pipes = Pipes::with("[limits]\ndaily = 1000\n", Account::empty(), "").await;
    for n in 0..60 {
        deal(&mut pipes.account(), &format!("{n}"), instant(BEGUN) + n.minutes());
    }
    let mut days = 0;
    loop {
        match pipes.try_sync(Full::No).await {
            Ok(_) => break,
            Err(error) => {
                assert!(error.contains("our share") && error.contains("goes on"), "{error}")
            }
        }
        assert_eq!(pipes.complete_to().await, None);
        let spent = pipes.simulator.requests().tokens;
        pipes.pass(10);
        pipes.try_sync(Full::No).await.unwrap_err();
        assert!(pipes.simulator.requests().tokens <= spent + 25, "the same day has no more of it");
        assert!(spent <= 520 * (days + 1), "{spent} tokens");
        days += 1;
        assert!(days < 6);
        pipes.pass(25 * 60);
    }
    assert!(days >= 2, "{days}");
    assert_eq!(pipes.living().await.1.len(), 60);
}

fn story() -> Account {
    let mut account = Account::empty();
    for n in 0..60_i64 {
        let at = instant(BEGUN) + n.hours();
        let lead = account.create("leads", &[("title", json!("L"))], at);
        if n % 3 == 0 {
            let id = account.convert_lead(&lead, at + 1.hours());
            account.update("deals", &id, &[("stage_id", json!(2 + n % 2))], at + 2.hours());
            account.win(&id, at + 30.hours());
            let call = [
                ("subject", json!("C")),
                ("type", json!("call")),
                ("deal_id", json!(id.parse::<u64>().unwrap())),
                ("done", json!(true)),
            ];
            account.create("activities", &call, at + 3.hours());
        }
    }
    account
}

/// What happens after a first load.
fn grow(account: &mut Account) {
    let now = instant("2026-11-02T12:00:00Z");
    for n in 0..30 {
        let lead = account.create("leads", &[("title", json!("N"))], now + n.minutes());
        if n % 5 == 0 {
            let id = account.convert_lead(&lead, now + 35.minutes());
            account.win(&id, now + (36 + n).minutes());
        }
    }
    let id = deal(account, "late", now);
    account.lose(&id, "price", now + 40.minutes());
    let gone = deal(account, "gone", now);
    account.delete("deals", &gone, now + 41.minutes());
}

/// A store of some records, after a first load and some changes.
async fn stored(faults: &str) -> Vec<String> {
    let faults = format!("[limits]\npage_rows = 7\nenforce = false\n{faults}");
    let pipes = Pipes::with(&faults, story(), "rate_limit = \"20/2s\"\n").await;
    let mut runs = 0;
    while let Err(error) = pipes.try_sync(Full::No).await {
        runs += 1;
        assert!(runs < 8, "{faults}: {error}");
    }
    pipes.simulator.set_faults(Faults::from_toml(&faults).unwrap());
    pipes.pass(240);
    grow(&mut pipes.account());
    pipes.pass(60);
    while let Err(error) = pipes.try_sync(Full::No).await {
        runs += 1;
        assert!(runs < 16, "{faults}: {error}");
    }
    let mut state = dump(&pipes.store).await;
    state.extend(rollups(&pipes.store).await);
    // Leads have random ids of the vendor's, and links its address.
    let address = pipes.simulator.base_url();
    state.iter().map(|line| line.replace(&address, "BASE")).collect()
}

#[tokio::test]
async fn a_fault_that_passes_changes_nothing() {
    let expected = stored("").await;
    for answer in [
        "500",
        "502",
        "503",
        "504",
        "429",
        "html_503",
        "html",
        "cut",
        "truncated_json",
        "empty",
        "null",
        "wrong_type",
        "401",
    ] {
        let mut faults = String::new();
        for on in ["deals", "leads", "activities", "changelog", "users", "stages"] {
            faults.push_str(&format!(
                "[[fault]]\non = \"{on}\"\nskip = 1\ntimes = 1\nanswer = \"{answer}\"\n"
            ));
        }
        assert_same(&stored(&faults).await, &expected, answer);
    }
}

#[tokio::test]
async fn wherever_a_first_load_is_cut_off_it_ends_as_one_that_is_left_alone() {
    let limits = "[limits]\npage_rows = 7\nenforce = false\n";
    let keys = "rate_limit = \"20/2s\"\n";
    pipes::cut_off_anywhere(async || Pipes::with(limits, story(), keys).await).await;
}

#[tokio::test]
async fn wherever_an_increment_is_cut_off_it_ends_as_one_that_is_left_alone() {
    let limits = "[limits]\npage_rows = 5\nenforce = false\n";
    pipes::cut_off_anywhere(async || {
        let pipes = Pipes::with(limits, story(), "rate_limit = \"20/2s\"\n").await;
        pipes.sync().await;
        grow(&mut pipes.account());
        pipes.pass(300);
        pipes
    })
    .await;
}

#[tokio::test]
async fn rows_that_come_in_no_order_are_read_all_the_same() {
    let expected = stored("").await;
    let shuffled = "[[fault]]\non = \"any\"\ntimes = 0\nanswer = \"shuffle\"\n";
    assert_same(&stored(shuffled).await, &expected, "shuffle");
}

#[tokio::test]
async fn a_fault_that_stays_ends_the_run_as_incomplete_and_names_what_to_mend() {
    for (fault, said) in [
        ("on = \"deals\"\nanswer = \"500\"", "HTTP 500"),
        ("on = \"deals\"\nanswer = \"html\"", "text/html"),
        ("on = \"changelog\"\nanswer = \"null\"", "change log"),
        ("on = \"leads\"\nanswer = \"cut\"", "list leads"),
        ("on = \"leads\"\nanswer = \"slow\"\ndelay_ms = 9000", "no answer in time"),
        ("on = \"leads\"\nanswer = \"endless\"\ndelay_ms = 1", "list leads"),
        ("on = \"any\"\nanswer = \"401\"", "`token`"),
        ("on = \"any\"\nanswer = \"402\"", "closed or unpaid"),
        ("on = \"deals\"\nanswer = \"403\"", "administrator"),
        ("on = \"deals\"\nanswer = \"html_403\"", "blocked for a while"),
        ("on = \"deals\"\nanswer = \"daily\"", "budget"),
        ("on = \"deals\"\nanswer = \"redirect\"", "base_url"),
    ] {
        let faults = format!("[limits]\nenforce = false\n[[fault]]\ntimes = 0\n{fault}\n");
        let pipes = Pipes::with(&faults, story(), "").await;
        let error = pipes.try_sync(Full::No).await.unwrap_err();
        assert!(error.contains(said), "{fault}: {error}");
        assert!(!error.contains("good-token") && !error.contains("127.0.0.1"), "{error}");
        assert_eq!(pipes.complete_to().await, None, "{fault}");
        pipes.simulator.set_faults(Faults::from_toml("[limits]\nenforce = false\n").unwrap());
        pipes.pass(25 * 60);
        pipes.sync().await;
        assert_eq!(pipes.living().await.1.len(), 20, "{fault}");
    }
}

#[tokio::test]
async fn an_empty_account_is_complete_and_grows() {
    let pipes = Pipes::new("").await;
    assert_eq!(pipes.sync().await.changed, 1, "the token's own user");
    assert_eq!(pipes.complete_to().await, Some(instant("2026-11-02T09:00:00Z")));
    pipes.pass(10);
    deal(&mut pipes.account(), "first", pipes.now());
    pipes.pass(10);
    pipes.try_sync(Full::Checked).await.unwrap();
    assert_eq!(pipes.living().await.1.len(), 1);
}

#[tokio::test]
async fn a_vendors_clock_that_is_askew_loses_nothing() {
    for minutes in [-600, -20, 20, 600] {
        let pipes = Pipes::new("").await;
        pipes.set_vendor_ahead(minutes);
        deal(&mut pipes.account(), "0", pipes.vendors_now());
        pipes.sync().await;
        for n in 1..5 {
            pipes.pass(10);
            deal(&mut pipes.account(), &format!("{n}"), pipes.vendors_now());
            pipes.account().create("leads", &[("title", json!("L"))], pipes.vendors_now());
            pipes.pass(10);
            pipes.sync().await;
        }
        let (leads, deals) = pipes.living().await;
        assert_eq!((leads.len(), deals.len()), (4, 5), "{minutes} minutes askew");
    }
}

#[tokio::test]
async fn a_stage_that_was_deleted_is_a_fault_and_one_that_is_renamed_is_none() {
    let pipes = Pipes::new("").await;
    pipes.account().set_stages(&["Qualified", "Offer"]);
    let id = deal(&mut pipes.account(), "A", instant(BEGUN));
    pipes.update("deals", &id, &[("stage_id", json!(2))]);
    pipes.sync().await;
    pipes.account().set_stages(&["Qualified", "Proposal"]);
    pipes.pass(10);
    pipes.update("deals", &id, &[("value", json!(7))]);
    pipes.sync().await;
    assert!(pipes.store.faults().await.unwrap().is_empty());
    pipes.account().set_stages(&["Qualified"]);
    pipes.pass(10);
    pipes.update("deals", &id, &[("value", json!(8))]);
    pipes.sync().await;
    let faults = pipes.store.faults().await.unwrap();
    assert!(faults.iter().any(|f| f.kind == "unknown_stage" && f.record == id), "{faults:?}");
}

#[tokio::test]
async fn at_least_95_percent_of_the_rate_is_used_and_never_more() {
    let mut account = Account::empty();
    for n in 0..4_000_i64 {
        account.create("leads", &[("title", json!("L"))], instant(BEGUN) + n.minutes());
    }
    let pipes = Pipes::with("[limits]\npage_rows = 10\n", account, "daily_share = 1\n").await;
    pipes.sync().await;
    let sent = pipes.simulator.requests();
    assert!(sent.total > 400 && sent.refused == 0, "{sent:?}");
    let share = pipes.share_of_rate(0, sent.total, (20, 2_000));
    assert!((0.95..1.0).contains(&share), "{share}");
}

/// Without its change log a deal would have today's stage and owner from its creation on.
#[tokio::test]
async fn a_change_log_that_is_not_to_be_had_is_an_error_and_no_deal_that_never_changed() {
    for (answer, said) in
        [("404", "change log"), ("410", "switched this off"), ("403", "change log")]
    {
        let fault = format!("[[fault]]\non = \"changelog\"\ntimes = 0\nanswer = \"{answer}\"\n");
        let pipes = Pipes::with(&fault, story(), "").await;
        let error = pipes.try_sync(Full::No).await.unwrap_err();
        assert!(error.contains(said) && error.contains("mend:"), "{answer}: {error}");
        assert_eq!(pipes.complete_to().await, None, "{answer}");
        let error = pipes.source().check().await.unwrap_err().to_string();
        assert!(error.contains(said), "{answer}: {error}");
        pipes.simulator.set_faults(Faults::none());
        pipes.pass(25 * 60);
        pipes.sync().await;
        let other = Pipes::with("", story(), "").await;
        other.pass(25 * 60);
        other.sync().await;
        assert_same(&pipes.state().await, &other.state().await, answer);
    }
}

#[tokio::test]
async fn deal_fields_that_are_hidden_are_told_with_what_it_means_and_break_nothing() {
    let fault = "[[fault]]\non = \"fields\"\ntimes = 0\nanswer = \"404\"\n";
    let pipes = Pipes::with(fault, story(), "").await;
    let told = pipes.warned(Full::No).await;
    assert!(told.contains("the deal fields cannot be read: channels"), "{told}");
    assert_eq!(pipes.living().await.1.len(), 20);
}

#[tokio::test]
async fn leads_that_share_a_second_and_more_than_a_page_are_all_read() {
    let pipes = Pipes::new("[limits]\npage_rows = 10\n").await;
    let at = instant(BEGUN);
    for n in 0..95_i64 {
        let at = if n < 40 { at } else { at + (n / 10).seconds() };
        pipes.account().create("leads", &[("title", json!("L"))], at);
    }
    pipes.sync().await;
    assert_eq!(pipes.living().await.0.len(), 95);
}

/// airbyte 58634: what was read in windows of a month lost what was older.
#[tokio::test]
async fn old_deals_are_read_and_a_creation_that_is_missing_is_a_fault_and_no_crash() {
    let pipes = Pipes::new("").await;
    deal(&mut pipes.account(), "old", instant("2019-01-01T09:00:00Z"));
    let id = deal(&mut pipes.account(), "odd", instant(BEGUN));
    pipes.update("deals", &id, &[("add_time", json!(null))]);
    pipes.sync().await;
    assert_eq!(pipes.living().await.1.len(), 2);
    let faults = pipes.store.faults().await.unwrap();
    assert!(faults.iter().any(|f| f.kind == "no_entry_date" && f.record == id), "{faults:?}");
}

#[tokio::test]
async fn check_tells_what_a_conversion_before_the_first_sync_means_and_who_the_token_is() {
    let pipes = Pipes::with("[auth]\nadmin = false\n", story(), "").await;
    let warnings = pipes.source().check().await.unwrap().warnings.join("\n");
    for said in ["no administrator", "deletes a lead when it becomes a deal", "complete_from"] {
        assert!(warnings.contains(said), "{said}: {warnings}");
    }
}
