//! The whole loop on the invented company with the shipped configuration.

#[path = "support/company.rs"]
mod company;
mod support;

use company::{FIRST_MONDAY, SECOND_MONDAY, World};
use paceline::digest::{Week, html, text};
use paceline::evaluate::{Snapshot, digesting};
use support::instant;

#[tokio::test]
async fn alerts_are_told_once_and_not_at_every_check() {
    let world = World::new(|toml| toml).await;
    world.export(FIRST_MONDAY);
    let first = world.step(FIRST_MONDAY).await;
    assert!(first.is_complete(), "{first:?}");
    let told = first.checked.unwrap().told;
    assert!(told > 0);
    let marketing = world.told("marketing");
    // One message for the goal: what is behind upstream, and what follows from it.
    assert!(marketing.contains("\nBehind plan: leads, opportunities Q4: "), "{marketing}");
    assert!(marketing.contains("\nAlso       marketing: 57 opportunities short"), "{marketing}");
    assert_eq!(marketing.matches("\nBehind plan: ").count(), 1, "{marketing}");
    let again = world.step("2026-11-16T13:10:00Z").await;
    assert_eq!(again.checked.unwrap().told, 0);
    assert_eq!(world.told("marketing"), marketing);
}

#[tokio::test]
async fn every_message_has_an_owner_a_date_a_size_and_records() {
    let world = World::new(|toml| toml).await;
    world.export(FIRST_MONDAY);
    world.step(FIRST_MONDAY).await;
    world.export(SECOND_MONDAY);
    world.step(SECOND_MONDAY).await;
    let open =
        world.store.alerts_between(instant(FIRST_MONDAY), instant(SECOND_MONDAY)).await.unwrap();
    assert!(open.len() >= 4, "{}", open.len());
    for row in open {
        let finding: paceline::alerts::Finding = serde_json::from_str(&row.finding).unwrap();
        assert!(!finding.owner.is_empty() && !finding.act_by.is_empty(), "{finding:?}");
        assert!(finding.summary.chars().any(|c| c.is_ascii_digit()), "a size: {}", finding.summary);
        assert!(finding.records_total > 0 && !finding.records.is_empty(), "{}", finding.summary);
        let labels: Vec<&str> = finding.lines.iter().map(|(label, _)| label.as_str()).collect();
        assert!(labels.contains(&"Owner") && labels.contains(&"Next step"), "{labels:?}");
        assert!(labels.len() <= 9, "{labels:?}");
    }
}

#[tokio::test]
async fn follow_ups_of_the_second_week_reach_the_owners_team() {
    let world = World::new(|toml| toml).await;
    world.export(FIRST_MONDAY);
    world.step(FIRST_MONDAY).await;
    world.export(SECOND_MONDAY);
    world.step(SECOND_MONDAY).await;
    let inside = world.told("inside_sales");
    assert!(inside.contains("3 hand-offs wait for a first touch by Ben Lindqvist"), "{inside}");
    assert!(inside.contains("https://crm.example.com/deals/D-01616"));
    assert!(!world.told("field_sales").contains("first touch by Ben Lindqvist\n\n"));
}

#[tokio::test]
async fn every_running_goal_says_how_it_may_end_and_what_is_still_to_come() {
    let world = World::new(|toml| toml).await;
    world.export(SECOND_MONDAY);
    world.step(SECOND_MONDAY).await;
    let clock = instant(SECOND_MONDAY);
    let snapshot = Snapshot::load(&world.settings, &world.store, clock, None).await.unwrap();
    let rows = snapshot.pace().unwrap();
    let running: Vec<_> =
        rows.iter().filter(|row| row.period.to > jiff::civil::date(2026, 11, 24)).collect();
    assert!(running.len() >= 6, "{}", running.len());
    for row in &running {
        let forecast = row.forecast.unwrap();
        assert!(forecast.p10 <= forecast.p50 && forecast.p50 <= forecast.p90, "{row:?}");
        let actual = paceline::domain::number::to_f64(row.actual);
        assert!(forecast.p10 >= actual, "what is there stays there");
        assert_eq!(row.pipeline.is_some(), row.metric >= paceline::domain::Metric::Wins);
        if let Some(rest) = &row.pipeline {
            assert!(rest.open_count > 200 && rest.expected_open > 0.0 && rest.expected_new > 0.0);
            assert!(rest.expected_open < rest.open, "{rest:?}");
            assert!(rest.last_useful_day < rest.last_possible_day);
            // What begins further up takes longer.
            assert_eq!(rest.last_days_before.len(), 2);
            for days in &rest.last_days_before {
                assert!(days.useful <= days.possible && Some(days.useful) < rest.last_useful_day);
            }
        }
    }
    // The year's opportunities lie behind it: two months before its wins.
    let over = rows.iter().filter(|row| row.forecast.is_none());
    assert!(over.into_iter().all(|row| row.period.to <= jiff::civil::date(2026, 11, 24)));
}

#[tokio::test]
async fn in_shadow_everything_is_recorded_and_nothing_is_sent() {
    let world = World::new(|toml| toml.replace("mode = \"live\"", "mode = \"shadow\"")).await;
    world.export(FIRST_MONDAY);
    let step = world.step("2026-11-18T13:00:00Z").await;
    let checked = step.checked.unwrap();
    assert_eq!((checked.told, checked.messages), (0, 0));
    let open =
        world.store.alerts_between(instant(FIRST_MONDAY), instant(SECOND_MONDAY)).await.unwrap();
    assert!(!open.is_empty());
    assert_eq!(world.told("marketing"), "");
}

#[tokio::test]
async fn a_rule_that_is_switched_off_finds_nothing_and_ends_what_it_had() {
    let world = World::new(|toml| toml).await;
    world.export(FIRST_MONDAY);
    world.step(FIRST_MONDAY).await;
    let mut settings = world.settings.clone();
    settings.alerts.pace_behind.enabled = false;
    let world = World { settings, ..world };
    world.step("2026-11-16T14:00:00Z").await;
    let rows =
        world.store.alerts_between(instant(FIRST_MONDAY), instant(SECOND_MONDAY)).await.unwrap();
    let pace: Vec<_> = rows.iter().filter(|row| row.rule == "pace_behind").collect();
    assert!(!pace.is_empty() && pace.iter().all(|row| row.state == "resolved"), "{pace:?}");
}

#[tokio::test]
async fn what_rests_on_stale_data_is_held_back_and_the_operator_hears_of_the_source() {
    let world = World::new(|toml| toml).await;
    world.export(FIRST_MONDAY);
    world.step(FIRST_MONDAY).await;
    let state = |rows: &[paceline::store::alerts::AlertRow], rule: &str| {
        let of_rule = rows.iter().filter(|row| row.rule == rule);
        of_rule.map(|row| row.state.clone()).collect::<Vec<_>>()
    };
    let alerts =
        || world.store.alerts_between(instant(FIRST_MONDAY), instant("2026-12-31T00:00:00Z"));
    let told_before = world.told("marketing");
    // The exports vanish for two days.
    std::fs::remove_dir_all(world.folder.path().join("exports")).unwrap();
    let step = world.step("2026-11-18T15:00:00Z").await;
    assert!(!step.is_complete());
    assert!(step.checked.unwrap().stale.contains("export"));
    let rows = alerts().await.unwrap();
    assert!(state(&rows, "pace_behind").iter().all(|state| state == "stale"), "{rows:?}");
    assert_eq!(state(&rows, "source_stale"), ["firing"]);
    assert!(world.told("operator").contains("No complete data from source export"));
    assert_eq!(world.told("marketing"), told_before, "nothing is said about pace");
    // They come back: the alerts go on without a new message, and the source's ends.
    world.export("2026-11-18T15:30:00Z");
    world.step("2026-11-18T16:00:00Z").await;
    let rows = alerts().await.unwrap();
    assert!(state(&rows, "pace_behind").contains(&"firing".to_owned()));
    assert_eq!(state(&rows, "source_stale"), ["resolved"]);
    assert!(world.told("operator").contains("Over: "));
}

#[tokio::test]
async fn the_digest_is_written_once_and_is_the_same_document_when_asked_again() {
    let world = World::new(|toml| toml).await;
    world.export(FIRST_MONDAY);
    assert_eq!(world.step(FIRST_MONDAY).await.digest.as_deref(), Some("2026-W46"));
    assert_eq!(world.step("2026-11-16T13:05:00Z").await.digest, None);
    world.export(SECOND_MONDAY);
    let step = world.step(SECOND_MONDAY).await;
    assert_eq!(step.digest.as_deref(), Some("2026-W47"));
    let week: Week = "2026-W47".parse().unwrap();
    let ask =
        |at: &'static str| digesting::digest_of(&world.settings, &world.store, week, instant(at));
    let first = ask(SECOND_MONDAY).await.unwrap();
    world.export("2026-11-25T13:00:00Z");
    world.step("2026-11-25T13:00:00Z").await;
    assert_eq!(ask("2026-11-25T13:00:00Z").await.unwrap(), first);
    let early = digesting::digest_of(
        &world.settings,
        &world.store,
        "2026-W48".parse().unwrap(),
        instant("2026-11-25T13:00:00Z"),
    );
    assert!(early.await.unwrap_err().to_string().contains("not over yet"));
}

#[tokio::test]
async fn the_digest_holds_in_80_columns_in_102_kilobytes_and_in_slacks_limits() {
    let world = World::over_http().await;
    world.export(FIRST_MONDAY);
    world.step(FIRST_MONDAY).await;
    world.export(SECOND_MONDAY);
    // Three opportunities were merged into their twins in the CRM.
    let step = world.step(SECOND_MONDAY).await;
    let deleted = step.synced.iter().map(|(_, report)| report.as_ref().unwrap().deleted);
    assert!(deleted.sum::<u64>() >= 3, "{:?}", step.synced);
    let week: Week = "2026-W47".parse().unwrap();
    let digest = digesting::digest_of(&world.settings, &world.store, week, instant(SECOND_MONDAY));
    let digest = digest.await.unwrap();
    let plain = text::render(&digest);
    for line in plain.lines() {
        assert!(line.chars().count() <= 80, "{} columns: {line}", line.chars().count());
    }
    insta::assert_snapshot!("digest_text", plain);
    let first_screens = plain.split("\nRATE: ").next().unwrap().trim_end();
    assert!(
        include_str!("../README.md").contains(first_screens),
        "the README shows another digest"
    );
    let document = html::document(&digest).unwrap();
    assert!(document.html.len() < 80_000, "{} bytes", document.html.len());
    assert!(!document.html.contains("<script") && !document.html.contains("<img"));
    assert!(document.blocks.len() <= 50);
    for block in &document.blocks {
        let text = block["text"]["text"].as_str().unwrap_or_default();
        assert!(text.chars().count() <= 3_000);
    }
    assert!(
        digest.restated.iter().any(|line| line.contains("opportunities of 2026-W46: 21 is now 18"))
    );
}

#[tokio::test]
async fn a_vendors_text_can_do_no_harm_in_any_form() {
    let world = World::new(|toml| toml).await;
    world.export(SECOND_MONDAY);
    let owners = world.folder.path().join("exports/owners.csv");
    let evil = "<!channel> *all* <script>alert(1)</script> \u{1b}[31m";
    let named = std::fs::read_to_string(&owners).unwrap().replace("Ben Lindqvist", evil);
    std::fs::write(&owners, named).unwrap();
    world.step(SECOND_MONDAY).await;
    let messages = world.store.messages_since(instant(SECOND_MONDAY)).await.unwrap();
    assert!(messages.iter().any(|(_, _, m)| m.text.contains("<!channel>")), "the name is used");
    for (_, _, message) in messages {
        let slack = serde_json::to_string(&message.blocks).unwrap();
        assert!(!slack.contains("<!channel>") && !slack.contains("<script"), "{slack}");
        assert!(!message.html.contains("<script") && !message.html.contains("<!channel>"));
        for form in [&message.text, &message.subject, &message.html, &slack] {
            assert!(!form.contains('\u{1b}'));
        }
    }
}

#[tokio::test]
async fn rates_from_rollups_are_those_worked_out_from_the_facts_at_any_clock() {
    use paceline::domain::{dimension::Dimension, stage::Stage};
    use paceline::evaluate::tallies;
    use paceline::rates::RatesQuery;
    let world = World::new(|toml| toml).await;
    world.export(SECOND_MONDAY);
    world.step(SECOND_MONDAY).await;
    // In the middle of a day, on a past day, and now.
    for clock in ["2026-06-17T15:37:00Z", SECOND_MONDAY] {
        let kept =
            Snapshot::load(&world.settings, &world.store, instant(clock), None).await.unwrap();
        let known = Some(instant(SECOND_MONDAY));
        let anew =
            Snapshot::load(&world.settings, &world.store, instant(clock), known).await.unwrap();
        for (from, to) in [
            (Stage::Visit, Stage::Lead),
            (Stage::Lead, Stage::Mql),
            (Stage::Lead, Stage::Won),
            (Stage::Mql, Stage::Opportunity),
            (Stage::Opportunity, Stage::Won),
        ] {
            for by in [Dimension::Channel, Dimension::Team] {
                let query = RatesQuery {
                    from,
                    to,
                    by: Some(by),
                    window_days: Some(60),
                    by_month: true,
                    since: None,
                    until: None,
                };
                let kept = tallies::table(&kept, &query).await.unwrap();
                let anew = tallies::table(&anew, &query).await.unwrap();
                assert_eq!(kept, anew, "{from} to {to} by {} at {clock}", by.name());
            }
        }
    }
}

#[tokio::test]
async fn a_digest_after_a_pause_says_how_far_the_data_reached_then() {
    let world = World::new(|toml| toml).await;
    let friday = "2026-11-20T18:00:00Z";
    world.export(friday);
    world.step(friday).await;
    // The daemon is down over Monday, and comes back on Tuesday with newer exports.
    world.export("2026-11-24T14:00:00Z");
    let step = world.step("2026-11-24T14:00:00Z").await;
    assert_eq!(step.digest.as_deref(), Some("2026-W47"), "late, and once");
    let week: Week = "2026-W47".parse().unwrap();
    let at = instant("2026-11-24T15:00:00Z");
    let digest = digesting::digest_of(&world.settings, &world.store, week, at).await.unwrap();
    assert_eq!(digest.data_as_of, Some(instant(friday)));
    assert!(digest.notes.iter().any(|note| note.starts_with("Held back")), "{:?}", digest.notes);
    assert!(
        digest.actions.iter().all(|action| !action.what.contains("short")),
        "{:?}",
        digest.actions
    );
    assert!(world.told("marketing").contains("Late: this digest was due Mon 23 Nov 08:00"));
    assert_eq!(world.step("2026-11-24T14:10:00Z").await.digest, None);
}

#[tokio::test]
async fn a_new_source_that_cannot_be_read_stops_neither_alerts_nor_the_digest() {
    let other = "\n[source.other]\nkind = \"csv\"\n[[source.other.file]]\npath = \"nowhere.csv\"\n\
                 object = \"visit\"\n[source.other.file.columns]\nat = \"day\"\ncount = \"count\"\n";
    let world = World::new(|toml| toml).await;
    world.export(FIRST_MONDAY);
    world.step(FIRST_MONDAY).await;
    let mut with_other = World::new(|toml| format!("{toml}{other}")).await.settings.sources;
    let mut settings = world.settings.clone();
    settings.sources.insert("other".into(), with_other.remove("other").unwrap());
    let world = World { settings, ..world };
    world.export(SECOND_MONDAY);
    let step = world.step(SECOND_MONDAY).await;
    assert!(step.synced.iter().any(|(name, result)| name == "other" && result.is_err()));
    assert_eq!(step.digest.as_deref(), Some("2026-W47"));
    let rows =
        world.store.alerts_between(instant(FIRST_MONDAY), instant(SECOND_MONDAY)).await.unwrap();
    let pace: Vec<_> = rows.iter().filter(|row| row.rule == "pace_behind").collect();
    assert!(!pace.is_empty() && pace.iter().all(|row| row.state == "firing"));
    assert!(world.told("operator").contains("Source other has never been read completely"));
}
