//! Real funnels against the answers of two independent programs. They lie beside the project and are
//! not part of it: where they are absent, these tests say so and pass.

#[path = "support/account.rs"]
mod account;
mod support;

use std::path::{Path, PathBuf};

use paceline::clock::Clock;
use paceline::config::Settings;
use paceline::daemon::sync_source;
use paceline::domain::{dimension::Dimension, past::Past, stage::Stage};
use paceline::evaluate::{Snapshot, tallies};
use paceline::rates::{RateTable, RatesQuery, Row, closed};
use paceline::store::Store;
use serde_json::Value;
use support::{instant, settings_of};

/// The data's folder, or none with a word about it.
fn data() -> Option<PathBuf> {
    let path = Path::new("../shared/data");
    if !path.exists() {
        eprintln!("SKIPPED: ../shared/data is absent");
        return None;
    }
    path.canonicalize().ok()
}

fn reference(data: &Path, name: &str) -> Value {
    let text = std::fs::read_to_string(data.join("reference").join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn olist(data: &Path) -> (tempfile::TempDir, Settings) {
    let data = data.join("olist");
    settings_of(&format!(
        r#"
        [source.export]
        kind = "csv"
        [[source.export.file]]
        path = "{data}/olist_marketing_qualified_leads_dataset.csv"
        object = "lead"
        [source.export.file.columns]
        id = "mql_id"
        created_at = "first_contact_date"
        mql_at = "first_contact_date"
        channel = "origin"
        campaign = "landing_page_id"
        [[source.export.file]]
        path = "{data}/olist_closed_deals_dataset.csv"
        object = "opportunity"
        [source.export.file.columns]
        id = "seller_id"
        lead = "mql_id"
        created_at = "won_date"
        closed_at = "won_date"
        outcome = {{ const = "won" }}
        owner = "sr_id"
        "#,
        data = data.display()
    ))
}

fn maven(data: &Path) -> (tempfile::TempDir, Settings) {
    settings_of(&format!(
        r#"
        [source.export]
        kind = "csv"
        [[source.export.file]]
        path = "{data}/maven/sales_pipeline.csv"
        object = "opportunity"
        [source.export.file.columns]
        id = "opportunity_id"
        created_at = "engage_date"
        closed_at = "close_date"
        outcome = {{ column = "deal_stage", map = {{ Won = "won", Lost = "lost", Engaging = "open", Prospecting = "open" }} }}
        owner = "sales_agent"
        segment = {{ column = "product" }}
        amount = "close_value"
        "#,
        data = data.display()
    ))
}

async fn synced(settings: &Settings, clock: &str) -> Store {
    let store = Store::open(&settings.database).await.unwrap();
    let clock = Clock::Fixed(instant(clock));
    sync_source(settings, &store, &clock, "export", paceline::sync::Full::No, &|_| {})
        .await
        .unwrap();
    store
}

async fn table(settings: &Settings, store: &Store, clock: &str, query: RatesQuery) -> RateTable {
    let snapshot = Snapshot::load(settings, store, instant(clock), None).await.unwrap();
    tallies::table(&snapshot, &query).await.unwrap().0
}

fn lead_to_won() -> RatesQuery {
    RatesQuery {
        from: Stage::Lead,
        to: Stage::Won,
        by: None,
        window_days: None,
        by_month: false,
        since: None,
        until: None,
    }
}

fn close(ours: Option<f64>, theirs: &Value, what: &str) {
    match (ours, theirs.as_f64()) {
        (Some(ours), Some(theirs)) => {
            assert!((ours - theirs).abs() < 1e-9, "{what}: {ours} and not {theirs}");
        }
        (ours, theirs) => assert_eq!(ours, theirs, "{what}"),
    }
}

#[tokio::test]
async fn every_origin_of_olist_has_the_reference_rate_and_interval() {
    let Some(data) = data() else { return };
    let (_folder, settings) = olist(&data);
    let store = synced(&settings, "2018-11-14T23:59:59Z").await;
    let query = RatesQuery { by: Some(Dimension::Channel), ..lead_to_won() };
    let table = table(&settings, &store, "2018-11-14T23:59:59Z", query).await;
    let reference = &reference(&data, "olist.json");
    let per_origin = reference["per_origin"].as_object().unwrap();
    assert_eq!(table.rows.len(), per_origin.len());
    for row in &table.rows {
        let key = row.key.as_deref().unwrap_or("(blank)");
        let answer = &per_origin[key];
        assert_eq!(row.row.entered, answer["leads"].as_u64().unwrap(), "{key}");
        assert_eq!(row.row.converted, answer["closed_deals"].as_u64().unwrap(), "{key}");
        close(row.row.rate, &answer["rate"], key);
        close(row.row.low, &answer["wilson95"][0], key);
        close(row.row.high, &answer["wilson95"][1], key);
        let lags = &answer["lag_calendar_days"]["nearest_rank"];
        assert_eq!(row.row.lag_days.p50, lags["p50"].as_i64(), "{key}");
        assert_eq!(row.row.lag_days.p90, lags["p90"].as_i64(), "{key}");
    }
    assert_eq!((table.total.row.entered, table.total.row.converted), (8_000, 842));
}

/// Compares one cohort cell; the reference's `rate_eligible` is `converted / matured`.
fn compare_cell(row: &Row, cell: &Value, what: &str) {
    assert_eq!(row.matured, cell["eligible_leads"].as_u64().unwrap(), "{what}");
    assert_eq!(row.converted, cell["converted_eligible"].as_u64().unwrap(), "{what}");
    close(row.rate, &cell["kaplan_meier"], what);
    if row.matured == row.entered {
        close(row.low, &cell["wilson95_eligible"][0], what);
        close(row.high, &cell["wilson95_eligible"][1], what);
    }
}

async fn compare_cohorts(settings: &Settings, store: &Store, clock: &str, cohorts: &Value) {
    let mut cells = 0;
    for window in [30, 60, 90, 180] {
        let query = RatesQuery { window_days: Some(window), by_month: true, ..lead_to_won() };
        let table = table(settings, store, clock, query).await;
        for cohort in table.total.cohorts.as_ref().unwrap() {
            let month = &cohort.from.to_string()[..7];
            let answer = &cohorts[month];
            if answer.is_null() {
                continue;
            }
            let what = format!("{month} within {window} days as of {clock}");
            assert_eq!(cohort.row.entered, answer["leads"].as_u64().unwrap(), "{what}");
            compare_cell(&cohort.row, &answer["windows"][window.to_string()], &what);
            cells += 1;
        }
    }
    assert_eq!(cells, 48, "twelve cohorts at four windows");
}

#[tokio::test]
async fn every_cohort_cell_of_olist_agrees_at_the_end_and_as_of_the_thirtieth_of_june() {
    let Some(data) = data() else { return };
    let (_folder, settings) = olist(&data);
    let store = synced(&settings, "2018-11-14T23:59:59Z").await;
    let reference = reference(&data, "olist.json");
    let finals = final_cohorts(&reference);
    compare_cohorts(&settings, &store, "2018-11-14T23:59:59Z", &finals).await;
    let earlier = &reference["cohorts_as_of"]["2018-06-30"];
    compare_cohorts(&settings, &store, "2018-06-30T23:59:59Z", earlier).await;
}

/// The final cohorts may be wrapped in another level.
fn final_cohorts(reference: &Value) -> Value {
    let cohorts = &reference["cohorts_final"];
    if cohorts["2018-04"].is_object() {
        return cohorts.clone();
    }
    let inner = cohorts.as_object().unwrap().values().find(|value| value["2018-04"].is_object());
    inner.unwrap().clone()
}

#[tokio::test]
async fn young_leads_of_april_are_censored_and_not_a_fall_of_the_rate() {
    let Some(data) = data() else { return };
    let (_folder, settings) = olist(&data);
    let store = synced(&settings, "2018-11-14T23:59:59Z").await;
    let april = RatesQuery {
        window_days: Some(90),
        since: Some(jiff::civil::date(2018, 4, 1)),
        until: Some(jiff::civil::date(2018, 5, 1)),
        ..lead_to_won()
    };
    let row = table(&settings, &store, "2018-06-30T23:59:59Z", april).await.total.row;
    assert_eq!((row.entered, row.matured, row.converted), (1_352, 19, 1));
    assert!((row.rate.unwrap() - 0.124_882_657_997).abs() < 1e-9);
}

#[tokio::test]
async fn maven_win_rates_of_what_closed_agree_by_product_and_quarter() {
    let Some(data) = data() else { return };
    let (_folder, settings) = maven(&data);
    let store = synced(&settings, "2017-12-31T23:59:59Z").await;
    let clock = instant("2017-12-31T23:59:59Z");
    let snapshot = Snapshot::load(&settings, &store, clock, None).await.unwrap();
    let zone = &settings.company.zone;
    let reference = reference(&data, "maven.json");
    let by_product = closed::closed(
        &snapshot.facts,
        clock,
        zone,
        None,
        None,
        |o| Some(o.segment.clone().map(|p| if p == "GTXPro" { "GTX Pro".into() } else { p })),
        |_, _| None,
    );
    let products = reference["win_rate_by"]["product"].as_object().unwrap();
    assert_eq!(by_product.rows.len(), products.len());
    for row in &by_product.rows {
        let key = row.key.as_deref().unwrap();
        compare_closed(&row.row, &products[key], key);
    }
    compare_closed(&by_product.total.row, &reference["totals"]["overall"], "overall");
    for (quarter, answer) in reference["win_rate_by"]["close_quarter"].as_object().unwrap() {
        let number: i8 = quarter[6..].parse().unwrap();
        let since = jiff::civil::date(2017, number * 3 - 2, 1);
        let until = since.saturating_add(jiff::Span::new().months(3));
        let table = closed::closed(
            &snapshot.facts,
            clock,
            zone,
            Some(since),
            Some(until),
            |_| None,
            |_, _| None,
        );
        compare_closed(&table.total.row, answer, quarter);
    }
}

fn compare_closed(row: &Row, answer: &Value, what: &str) {
    assert_eq!(row.entered, answer["closed"].as_u64().unwrap(), "{what}");
    assert_eq!(row.converted, answer["won"].as_u64().unwrap(), "{what}");
    close(row.rate, &answer["rate"], what);
    close(row.low, &answer["wilson95"][0], what);
    close(row.high, &answer["wilson95"][1], what);
}

#[tokio::test]
async fn maven_losses_end_the_wait_and_five_hundred_undated_rows_are_faults() {
    let Some(data) = data() else { return };
    let (_folder, settings) = maven(&data);
    let store = synced(&settings, "2017-12-31T23:59:59Z").await;
    let query = RatesQuery { from: Stage::Opportunity, window_days: Some(138), ..lead_to_won() };
    let row = table(&settings, &store, "2017-12-31T23:59:59Z", query).await.total.row;
    assert_eq!(row.entered, 8_300);
    let rate = row.rate.unwrap();
    assert!((rate - 0.519).abs() < 5e-4, "{rate}, where losses as censored would say 0.678");
    let undated = store.faults().await.unwrap();
    let undated = undated.iter().filter(|fault| fault.kind == "no_entry_date").count();
    assert_eq!(undated, 500);
}

/// Deals that closed before March are missing from the file: whoever was engaged before joins the risk
/// set then. Both figures are those of `statistics.md`, finding 6.
#[tokio::test]
async fn maven_records_that_are_missing_lower_the_rate_unless_entrants_come_late_to_the_risk_set() {
    let Some(data) = data() else { return };
    let (_folder, mut settings) = maven(&data);
    let store = synced(&settings, "2017-12-31T23:59:59Z").await;
    let query = RatesQuery { from: Stage::Opportunity, window_days: Some(90), ..lead_to_won() };
    let rate = async |settings: &Settings| {
        table(settings, &store, "2017-12-31T23:59:59Z", query.clone()).await.total.row.rate.unwrap()
    };
    let naive = rate(&settings).await;
    assert!((naive - 0.397).abs() < 5e-4, "{naive}");
    let past = &mut settings.sources.get_mut("export").unwrap().past;
    *past = Past {
        events: Some(jiff::civil::date(2017, 3, 1)),
        records_missing: true,
        ..Past::default()
    };
    let truncated = rate(&settings).await;
    assert!((truncated - 0.419).abs() < 5e-4, "{truncated}");
}

#[tokio::test]
async fn olist_cohorts_whose_wins_nobody_recorded_have_no_rate_and_say_why() {
    let Some(data) = data() else { return };
    let (_folder, mut settings) = olist(&data);
    let store = synced(&settings, "2018-11-14T23:59:59Z").await;
    let first_win = jiff::civil::date(2017, 12, 1);
    settings.sources.get_mut("export").unwrap().past.events = Some(first_win);
    let query = RatesQuery { window_days: Some(90), by_month: true, ..lead_to_won() };
    let total = table(&settings, &store, "2018-11-14T23:59:59Z", query).await.total;
    assert_eq!(total.row.rate, None);
    for cohort in total.cohorts.unwrap() {
        assert_eq!(cohort.row.rate.is_none(), cohort.from < first_win, "{}", cohort.from);
        assert_eq!(cohort.row.unknown.is_some(), cohort.from < first_win);
        assert_eq!(cohort.row.smoothed.is_none(), cohort.from < first_win);
    }
}

/// Olist's files under canonical names, for the simulated CRM.
fn olist_portal(data: &Path) -> paceline::simulate::hubspot::Portal {
    let folder = tempfile::tempdir().unwrap();
    type Renamed = (&'static str, &'static str, &'static [(&'static str, &'static str)]);
    let files: [Renamed; 2] = [
        (
            "olist_marketing_qualified_leads_dataset.csv",
            "lead.csv",
            &[
                ("id", "mql_id"),
                ("created_at", "first_contact_date"),
                ("mql_at", "first_contact_date"),
                ("channel", "origin"),
                ("campaign", "landing_page_id"),
            ],
        ),
        (
            "olist_closed_deals_dataset.csv",
            "opportunity.csv",
            &[
                ("id", "seller_id"),
                ("lead", "mql_id"),
                ("created_at", "won_date"),
                ("closed_at", "won_date"),
                ("owner", "sr_id"),
            ],
        ),
    ];
    for (theirs, ours, columns) in files {
        let mut reader = csv::Reader::from_path(data.join("olist").join(theirs)).unwrap();
        let header = reader.headers().unwrap().clone();
        let place = |name: &str| header.iter().position(|known| known == name).unwrap();
        let mut writer = csv::Writer::from_path(folder.path().join(ours)).unwrap();
        let won = (ours == "opportunity.csv").then_some("outcome");
        writer.write_record(columns.iter().map(|(name, _)| *name).chain(won)).unwrap();
        for row in reader.records() {
            let row = row.unwrap();
            let cells = columns.iter().map(|(_, name)| &row[place(name)]);
            writer.write_record(cells.chain(won.map(|_| "won"))).unwrap();
        }
        writer.flush().unwrap();
    }
    paceline::simulate::hubspot::Portal::from_csv(folder.path(), &jiff::tz::TimeZone::UTC).unwrap()
}

#[tokio::test]
async fn olist_over_http_has_the_rates_of_its_files_also_under_faults() {
    let Some(data) = data() else { return };
    let (_folder, settings) = olist(&data);
    let files = synced(&settings, "2026-11-01T00:00:00Z").await;
    let mut faults = String::from("[limits]\nassociations_page = 1\n");
    for (on, answer) in [
        ("list", "500"),
        ("list", "cut"),
        ("list", "html"),
        ("search", "429"),
        ("associations", "truncated_json"),
        ("associations", "503"),
        ("batch_read", "401"),
    ] {
        let fault =
            format!("[[fault]]\non = \"{on}\"\nskip = 3\ntimes = 2\nanswer = \"{answer}\"\n");
        faults.push_str(&fault);
    }
    for faults in ["", faults.as_str()] {
        let portal = olist_portal(&data);
        let account = account::Account::with(faults, portal, "rate_limit = \"190/10s\"\n").await;
        // A run that had to give up goes on in the next one.
        let mut gave_up = 0;
        while account.try_sync(paceline::sync::Full::No).await.is_err() {
            gave_up += 1;
            assert!(gave_up < 6 && !faults.is_empty());
        }
        for clock in ["2018-06-30T12:00:00Z", "2018-11-30T12:00:00Z"] {
            for by in [None, Some(Dimension::Channel), Some(Dimension::Campaign)] {
                for (window_days, by_month) in [(None, false), (Some(90), true)] {
                    let query = RatesQuery { by, window_days, by_month, ..lead_to_won() };
                    let of_files = table(&settings, &files, clock, query.clone()).await;
                    let over_http = table(&account.settings, &account.store, clock, query).await;
                    assert!(of_files.total.row.entered > 1_000);
                    assert_eq!(format!("{of_files:?}"), format!("{over_http:?}"), "{clock} {by:?}");
                }
            }
        }
    }
}
