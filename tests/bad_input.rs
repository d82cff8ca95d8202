//! Bad input gets an error or a fault that names the place; the rest goes on and nothing is lost.

mod support;

use paceline::config::Settings;
use paceline::daemon::sync_source;
use paceline::evaluate::Snapshot;
use paceline::store::Store;
use support::{clock, instant, settings_in, settings_of, write};

const NOW: &str = "2026-04-01T12:00:00Z";

const CONFIG: &str = r#"
[currency.rates.EUR]
"2026-01-01" = "1.1"
[source.export]
kind = "csv"
[[source.export.file]]
path = "deals.csv"
object = "opportunity"
[source.export.file.columns]
id = "id"
created_at = "created"
closed_at = "closed"
outcome = { column = "status", map = { Won = "won", Open = "open" } }
amount = "amount"
currency = "currency"
"#;

async fn synced(deals: &str) -> (tempfile::TempDir, Settings, Store, Result<(), String>) {
    let (folder, settings) = settings_of(CONFIG);
    write(folder.path(), "deals.csv", deals);
    let store = Store::open(&settings.database).await.unwrap();
    let result =
        sync_source(&settings, &store, &clock(NOW), "export", paceline::sync::Full::No, &|_| {})
            .await;
    (folder, settings, store, result.map(|_| ()))
}

async fn faults(store: &Store) -> Vec<(String, String, i64)> {
    let faults = store.faults().await.unwrap();
    faults.into_iter().map(|fault| (fault.kind, fault.record, fault.line)).collect()
}

#[tokio::test]
async fn a_missing_file_is_named_and_completeness_stays() {
    let (folder, settings) = settings_of(CONFIG);
    let store = Store::open(&settings.database).await.unwrap();
    let now = clock(NOW);
    let sync = || sync_source(&settings, &store, &now, "export", paceline::sync::Full::No, &|_| {});
    let error = sync().await.unwrap_err();
    assert!(error.contains("deals.csv") && error.contains("mend:"), "{error}");
    let state = &store.source_states().await.unwrap()["export"];
    assert_eq!(state.complete_to, None);
    assert!(state.last_error.as_ref().unwrap().contains("deals.csv"));
    write(folder.path(), "deals.csv", "id,created,closed,status,amount,currency\n");
    sync().await.unwrap();
    let state = &store.source_states().await.unwrap()["export"];
    assert_eq!((state.complete_to, &state.last_error), (Some(instant(NOW)), &None));
}

#[tokio::test]
async fn a_column_that_is_not_there_is_named_with_the_line_that_asks_for_it() {
    let (_folder, _settings, _store, result) =
        synced("id,created,closed,status,value,currency\n").await;
    let error = result.unwrap_err();
    assert!(error.contains("paceline.toml:14"), "{error}");
    assert!(error.contains("`amount`") && error.contains("value"), "{error}");
}

#[tokio::test]
async fn each_bad_cell_is_a_fault_that_names_record_and_line_and_the_rest_goes_on() {
    let (_folder, settings, store, result) = synced(
        "id,created,closed,status,amount,currency\n\
         a,2026-02-30,,Open,10,\n\
         b,2026-01-05,2026-02-01,Won,-10,\n\
         c,2026-01-05,2026-02-01,Lost,10,\n\
         ,2026-01-05,,Open,10,\n\
         d,2026-01-05,,Open,ten,\n\
         e,2026-01-05,,Open\n\
         d,2026-01-06,,Open,11,\n\
         f,2026-01-05,2026-02-01,Won,100,GBP\n\
         g,2026-01-05,2026-02-01,Won,100,EUR\n",
    )
    .await;
    result.unwrap();
    let found = faults(&store).await;
    let expected = [
        ("malformed_date", "a", 2),
        ("no_entry_date", "a", 2),
        ("negative_amount", "b", 3),
        ("unknown_value", "c", 4),
        ("no_id", "", 5),
        ("duplicate_id", "d", 6),
        ("short_row", "e", 7),
    ];
    let expected: Vec<_> =
        expected.map(|(kind, id, line)| (kind.to_owned(), id.to_owned(), line)).to_vec();
    assert_eq!(found, expected);
    let facts = store.facts().await.unwrap();
    let ids: Vec<_> = facts.opportunities.keys().map(|key| key.id.as_str()).collect();
    assert_eq!(ids, ["a", "b", "c", "d", "f", "g"]);
    let snapshot = Snapshot::load(&settings, &store, instant(NOW), None).await.unwrap();
    let derived = snapshot.derived_faults();
    assert_eq!(derived.len(), 1);
    assert_eq!((derived[0].kind.as_str(), derived[0].record.as_str()), ("no_currency_rate", "f"));
    assert!(derived[0].detail.contains("[currency.rates.GBP]"));
}

#[tokio::test]
async fn of_two_rows_with_one_id_the_last_counts_at_every_sync() {
    let deals =
        "id,created,closed,status,amount,currency\nd,2026-01-05,,Open,1,\nd,2026-01-06,,Open,2,\n";
    let (_folder, settings, store, result) = synced(deals).await;
    result.unwrap();
    let again =
        sync_source(&settings, &store, &clock(NOW), "export", paceline::sync::Full::No, &|_| {})
            .await
            .unwrap();
    assert_eq!((again.read, again.changed), (1, 0));
    let facts = store.facts().await.unwrap();
    assert_eq!(facts.opportunities.values().next().unwrap().amount, Some(2.into()));
}

#[tokio::test]
async fn a_mended_file_has_no_faults_any_more() {
    let (folder, settings, store, _) =
        synced("id,created,closed,status,amount,currency\na,soon,,Open,1,\n").await;
    assert_eq!(faults(&store).await.len(), 2);
    write(
        folder.path(),
        "deals.csv",
        "id,created,closed,status,amount,currency\na,2026-01-05,,Open,1,\n",
    );
    sync_source(&settings, &store, &clock(NOW), "export", paceline::sync::Full::No, &|_| {})
        .await
        .unwrap();
    assert!(faults(&store).await.is_empty());
}

#[tokio::test]
async fn a_quote_that_is_never_closed_ends_the_sync_and_keeps_what_came_before() {
    let mut deals = String::from("id,created,closed,status,amount,currency\n");
    (0..5_000).for_each(|n| deals.push_str(&format!("{n},2026-01-05,,Open,1,\n")));
    deals.push_str("x,\"2026-01-05,,Open,1,\n");
    (0..100_000).for_each(|n| deals.push_str(&format!("y{n},2026-01-05,,Open,1,\n")));
    let (_folder, _settings, store, result) = synced(&deals).await;
    let error = result.unwrap_err();
    assert!(error.contains("deals.csv:5002") && error.contains("quote"), "{error}");
    assert_eq!(store.source_states().await.unwrap()["export"].complete_to, None);
}

#[tokio::test]
async fn an_empty_file_is_named() {
    let (_folder, _settings, _store, result) = synced("").await;
    assert!(result.unwrap_err().contains("no header line"));
}

#[test]
fn every_problem_of_a_configuration_is_told_at_once_with_file_line_and_mend() {
    let folder = tempfile::tempdir().unwrap();
    let toml = "[company]\n\
                time_zone = \"America/New_Yorck\"\n\
                curency = \"USD\"\n\
                [source.crm]\n\
                kind = \"csv\"\n\
                every = \"often\"\n\
                [[source.crm.file]]\n\
                path = \"a.csv\"\n\
                object = \"leed\"\n\
                [team.a]\n\
                email = [\"nobody\"]\n\
                slack = { }\n\
                [digest]\n\
                to = [\"b\"]\n";
    let problems = settings_in(folder.path(), toml).unwrap_err();
    let text = problems.to_string();
    for expected in [
        "paceline.toml:2: `company.time_zone`",
        "paceline.toml:3: `company.curency`: is not a known key\n    mend: did you mean `currency`?",
        "paceline.toml:6: `source.crm.every`",
        "paceline.toml:9: `source.crm.file[0].object`",
        "`source.crm.file[0].columns`: is missing",
        "paceline.toml:11: `team.a.email`",
        "paceline.toml:12: `team.a.slack`",
        "paceline.toml:14: `digest.to`: there is no team `b`",
        "`email`: somebody is to get e-mail, but there is no mail server",
    ] {
        assert!(text.contains(expected), "{expected}\nis not in\n{text}");
    }
    assert!(problems.0.iter().all(|problem| !problem.mend.is_empty()), "{text}");
}

#[test]
fn broken_toml_is_told_with_every_line() {
    let folder = tempfile::tempdir().unwrap();
    let text = settings_in(folder.path(), "[company]\nname = North\nx = 1\ny = = 2\n").unwrap_err();
    let text = text.to_string();
    assert!(text.contains("paceline.toml:2") && text.contains("paceline.toml:4"), "{text}");
}

#[test]
fn a_plan_with_shares_that_do_not_add_up_or_two_ways_to_won_is_refused() {
    use paceline::config::{document::Document, plan_file};
    let read = |text: &str| {
        let file = std::path::Path::new("plan.toml");
        plan_file::from_document(&Document::from_text(file, text, None).unwrap())
    };
    let goal = "[[goal]]\nname = \"g\"\nfrom = \"2027-01-01\"\nto = \"2027-04-01\"\n";
    let error =
        read(&format!("{goal}wins = 10\nshape = [0.2, 0.2, 0.5]\n")).unwrap_err().to_string();
    assert!(error.contains("plan.toml:6") && error.contains("add up to 0.9"), "{error}");
    let error = read(&format!("{goal}wins = 10\nleads = 10\n")).unwrap_err().to_string();
    assert!(error.contains("several targets"), "{error}");
    let error =
        read("[[goal]]\nname = \"g\"\nfrom = \"2027-04-01\"\nto = \"2027-01-01\"\nwins = 1\n");
    assert!(error.unwrap_err().to_string().contains("ends before it begins"));
    let error = read(&format!("{goal}wins = 10\n[goal.assume]\nwin_rate = 30\n")).unwrap_err();
    assert!(error.to_string().contains("a rate above 0 and at most 1"), "{error}");
    let goals =
        read(&format!("{goal}wins = 10\n[goal.assume]\nlead_to_won = 0.1\nwin_rate = 0.3\n"));
    let calendar = paceline::domain::BusinessCalendar::standard(jiff::tz::TimeZone::UTC);
    let error = paceline::plan::lay_out(
        &goals.unwrap()[0],
        &Default::default(),
        &calendar,
        Default::default(),
    );
    assert!(error.unwrap_err().to_string().contains("two ways"));
}

#[tokio::test]
async fn a_small_quote_that_is_never_closed_is_an_error_and_deletes_nothing() {
    let rows: String = (0..1_000).map(|n| format!("{n},2026-01-05,,Open,1,\n")).collect();
    let header = "id,created,closed,status,amount,currency\n";
    let (folder, settings, store, result) = synced(&format!("{header}{rows}")).await;
    result.unwrap();
    let now = clock(NOW);
    let full =
        || sync_source(&settings, &store, &now, "export", paceline::sync::Full::Checked, &|_| {});
    // In the middle of a row, and as the last column of one.
    for broken in ["2,\"2026-01-05,,Open,1,", "2,2026-01-05,,Open,1,\"EUR"] {
        let broken = rows.replacen("2,2026-01-05,,Open,1,", broken, 1);
        write(folder.path(), "deals.csv", &format!("{header}{broken}"));
        let error = full().await.unwrap_err();
        assert!(error.contains("deals.csv:4: a quote that opens here is not closed"), "{error}");
    }
    // An export that lost most of its rows is not believed either.
    write(folder.path(), "deals.csv", header);
    let error = full().await.unwrap_err();
    assert!(error.contains("1000 of 1000 opportunity records are gone"), "{error}");
    assert!(store.facts().await.unwrap().opportunities.values().all(|o| o.deleted_at.is_none()));
    let accepted =
        sync_source(&settings, &store, &now, "export", paceline::sync::Full::Accepted, &|_| {});
    assert_eq!(accepted.await.unwrap().deleted, 1_000);
}

#[tokio::test]
async fn a_closed_quote_over_several_lines_is_a_value() {
    let deals = "id,created,closed,status,amount,currency\na,2026-01-05,,Open,1,\"E\nU\nR\"\n";
    let (_folder, _settings, store, result) = synced(deals).await;
    result.unwrap();
    assert!(faults(&store).await.is_empty());
}

#[tokio::test]
async fn a_goal_that_cannot_be_worked_out_stops_nothing_else_and_the_operator_hears_of_it_once() {
    let config =
        format!("{CONFIG}\n[operator]\nfile = \"operator.txt\"\n[plan]\nfile = \"plan.toml\"\n");
    let (folder, settings) = settings_of(&config);
    write(folder.path(), "deals.csv", "id,created,closed,status,amount,currency\n");
    let goal = "[[goal]]\nname = \"young\"\nfrom = \"2026-01-01\"\nto = \"2027-01-01\"\nwins = 10\n\
                [goal.assume]\nwin_rate = \"actual\"\n\
                [[goal]]\nname = \"given\"\nfrom = \"2026-01-01\"\nto = \"2027-01-01\"\nwins = 10\n";
    write(folder.path(), "plan.toml", goal);
    let store = Store::open(&settings.database).await.unwrap();
    for at in [NOW, "2026-04-01T12:20:00Z"] {
        let step = paceline::daemon::step(
            &settings,
            &store,
            &clock(at),
            true,
            &paceline::daemon::silent(),
        )
        .await
        .unwrap();
        assert!(step.checked.is_some(), "{step:?}");
    }
    let told = std::fs::read_to_string(folder.path().join("operator.txt")).unwrap();
    assert_eq!(told.matches("goal `young`: `win_rate` is to be measured").count(), 1, "{told}");
    let snapshot = Snapshot::load(&settings, &store, instant(NOW), None).await.unwrap();
    assert_eq!(snapshot.plans.len(), 1);
}
