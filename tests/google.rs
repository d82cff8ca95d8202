//! Google Analytics and Search Console: restated days, figures that are less than they seem, days that are nobody's,
//! and every fault.

#[path = "support/reading.rs"]
mod reading;
mod support;

use std::sync::{Arc, Mutex, MutexGuard};

use jiff::civil::{Date, date};
use paceline::simulate::google::{self, Faults, Property, Searched, Simulator};
use paceline::store::Store;
use paceline::sync::Full;
use reading::{Reading, Time};

/// A property with what reads it. The time is nine in the morning of the second of November 2026 in London.
struct Web {
    reading: Reading,
    simulator: Simulator,
    property: Arc<Mutex<Property>>,
}

const ANALYTICS: &str = "kind = \"ga4\"\nproperty = \"123456789\"\nsince = \"2026-09-01\"\n";
const SEARCH: &str =
    "kind = \"search-console\"\nsite = \"sc-domain:example.com\"\nsince = \"2026-09-01\"\n";

impl std::ops::Deref for Web {
    type Target = Reading;

    fn deref(&self) -> &Reading {
        &self.reading
    }
}

impl Web {
    async fn new(keys: &str, faults: &str) -> Web {
        Web::of(Property::empty("123456789", "Europe/London"), keys, faults).await
    }

    async fn of(property: Property, keys: &str, faults: &str) -> Web {
        let time = Time::new();
        let property = Arc::new(Mutex::new(property));
        for site in ["sc-domain:example.com", "https://www.example.com/"] {
            property.lock().unwrap().set_site(site, "siteFullUser");
        }
        let told = Faults::from_toml(faults).unwrap();
        let shared = Arc::clone(&property);
        let simulator = Simulator::start(shared, told, time.clock(), 0).await.unwrap();
        let url = simulator.base_url();
        let toml = format!(
            "[source.crm]\n{keys}base_url = \"{url}\"\nkey = {{ file = \"key.json\" }}\nrate_limit = \"20/1s\"\n"
        );
        let reading = Reading::new(&toml, time).await;
        let account = google::service_account(&format!("{url}/token"));
        std::fs::write(reading.folder.path().join("key.json"), account).unwrap();
        Web { reading, simulator, property }
    }

    fn property(&self) -> MutexGuard<'_, Property> {
        self.property.lock().unwrap()
    }

    async fn visits(&self) -> Vec<(String, String, String, u64)> {
        let facts = self.reading.facts().await;
        let mut told: Vec<_> = facts
            .visits
            .iter()
            .map(|visit| {
                let text = |value: &Option<String>| value.clone().unwrap_or_default();
                (visit.at.to_string(), text(&visit.channel), text(&visit.campaign), visit.count)
            })
            .collect();
        told.sort();
        told
    }

    async fn positions(&self, keyword: &str) -> Vec<(String, f64, u64)> {
        let seen = self.reading.store.positions(keyword).await.unwrap();
        let mut told: Vec<_> = seen
            .iter()
            .map(|(at, position, times)| (at.to_string(), *position, times.unwrap()))
            .collect();
        told.sort_by(|a, b| a.0.cmp(&b.0));
        told
    }
}

fn day(month: i8, day: i8) -> Date {
    date(2026, month, day)
}

async fn faults(store: &Store) -> Vec<String> {
    store.faults().await.unwrap().into_iter().map(|fault| fault.kind).collect()
}

#[tokio::test]
async fn visits_come_by_day_channel_and_campaign_and_restated_days_replace_what_was() {
    let web = Web::new(ANALYTICS, "[data]\nsettle_hours = 0\n").await;
    web.property().set_sessions(day(10, 1), "Organic Search", "(organic)", 40);
    web.property().set_sessions(day(10, 30), "Paid Search", "brand", 7);
    web.property().set_sessions(day(10, 30), "Email", "rack-notes", 3);
    web.property().set_sessions(day(11, 2), "Email", "rack-notes", 9);
    web.reading.sync().await;
    let row = |at: &str, channel: &str, campaign: &str, count| {
        (at.to_owned(), channel.to_owned(), campaign.to_owned(), count)
    };
    let first = [
        row("2026-10-01", "Organic Search", "", 40),
        row("2026-10-30", "Email", "rack-notes", 3),
        row("2026-10-30", "Paid Search", "brand", 7),
    ];
    assert_eq!(web.visits().await, first, "the running day is not over");
    // A day counts as complete when it is over for 48 hours, and is the property's own.
    assert_eq!(
        web.reading.complete_to().await.unwrap().to_string(),
        "2026-10-31T00:00:00Z",
        "not the day that may still be restated"
    );
    web.property().clear_sessions(day(10, 30));
    web.property().set_sessions(day(10, 30), "Paid Search", "brand", 8);
    web.property().set_sessions(day(10, 1), "Organic Search", "(organic)", 41);
    web.reading.pass(60);
    web.reading.sync().await;
    let second =
        [row("2026-10-01", "Organic Search", "", 40), row("2026-10-30", "Paid Search", "brand", 8)];
    assert_eq!(web.visits().await, second, "the last days are read again, those before are not");
    web.reading.try_sync(Full::Checked).await.unwrap();
    assert_eq!(web.visits().await[0].3, 41, "a full sync reads all");
}

#[tokio::test]
async fn many_rows_are_read_page_by_page_and_a_first_load_goes_on_where_it_was_cut_off() {
    let faults = "[data]\nsettle_hours = 0\n[limits]\npage_rows = 7\n\
        [[fault]]\non = \"report\"\nskip = 12\ntimes = 3\nanswer = \"503\"\n";
    let web = Web::new(ANALYTICS, faults).await;
    for number in 0..60 {
        let at = day(9, 1).saturating_add(jiff::Span::new().days(number));
        web.property().set_sessions(at, "Email", "a", 1 + number as u32);
        web.property().set_sessions(at, "Direct", "(direct)", 2);
    }
    let error = web.reading.try_sync(Full::No).await.unwrap_err();
    assert!(error.contains("read sessions"), "{error}");
    let kept = web.visits().await.len();
    assert!(kept > 0 && kept < 120, "{kept}");
    web.reading.sync().await;
    let visits = web.visits().await;
    assert_eq!(visits.len(), 120);
    assert_eq!(visits.iter().map(|visit| visit.3).sum::<u64>(), 60 * 61 / 2 + 120);
}

#[tokio::test]
async fn wherever_a_first_load_is_cut_off_it_ends_as_one_that_is_left_alone() {
    let faults = "[data]\nsettle_hours = 0\n[limits]\npage_rows = 7\n";
    for keys in [ANALYTICS, SEARCH] {
        reading::cut_off_anywhere(async || {
            let web = Web::new(keys, faults).await;
            for number in 0..30 {
                let at = day(9, 20).saturating_add(jiff::Span::new().days(number));
                for campaign in ["a", "b", "c", "d"] {
                    web.property().set_sessions(at, "Email", campaign, 1 + number as u32);
                }
                let page = "https://www.example.com/";
                let searched = Searched::new("quarter rack", page, 3, 100, 4.5);
                web.property().add_searched(at, searched);
            }
            web
        })
        .await;
    }
}

#[tokio::test]
async fn thresholds_and_the_other_row_are_stored_as_what_they_are_and_told() {
    let faults = "[data]\nsettle_hours = 0\nthreshold_users = 5\ncampaigns = 2\n";
    let web = Web::new(ANALYTICS, faults).await;
    for (campaign, count) in [("a", 50), ("b", 40), ("c", 30), ("d", 20)] {
        web.property().set_sessions(day(10, 20), "Email", campaign, count);
    }
    web.reading.sync().await;
    assert!(web.visits().await.iter().any(|visit| visit.2 == "(other)"));
    let told = self::faults(&web.reading.store).await;
    assert!(told.contains(&"other_row".into()) && told.contains(&"thresholded".into()), "{told:?}");
    let probe = web.reading.source().check().await.unwrap();
    let warned = probe.warnings.join("\n");
    assert!(warned.contains("thresholding") && warned.contains("(other)"), "{warned}");
    assert!(warned.contains("Europe/London"), "its days are not the company's: {warned}");
    web.simulator.set_faults(Faults::from_toml("[data]\nsettle_hours = 0\n").unwrap());
    web.reading.try_sync(Full::Checked).await.unwrap();
    assert!(self::faults(&web.reading.store).await.is_empty(), "what was told is mended");
    assert!(!web.visits().await.iter().any(|visit| visit.2 == "(other)"));
}

/// A day of which rows of few people are all that there is has no rows, and that is no day without visits.
#[tokio::test]
async fn a_day_that_is_withheld_wholly_is_told_and_mended_when_it_is_told() {
    let web = Web::new(ANALYTICS, "[data]\nsettle_hours = 0\nthreshold_users = 5\n").await;
    web.property().set_sessions(day(10, 20), "Email", "a", 50);
    web.property().set_sessions(day(10, 21), "Email", "a", 2);
    web.reading.sync().await;
    let told = web.reading.store.faults().await.unwrap();
    let of_day = |fault: &&paceline::domain::Fault| fault.record.starts_with("2026-10-21");
    let detail = told.iter().find(of_day).map(|fault| fault.detail.clone()).unwrap_or_default();
    assert!(detail.contains("no visits of 2026-10-21 are told"), "{told:?}");
    web.simulator.set_faults(Faults::from_toml("[data]\nsettle_hours = 0\n").unwrap());
    web.reading.try_sync(Full::Checked).await.unwrap();
    assert!(web.reading.store.faults().await.unwrap().is_empty());
    assert_eq!(web.visits().await.len(), 2);
}

#[tokio::test]
async fn days_are_those_of_the_property_wherever_it_is() {
    for (zone, complete_to) in [
        ("America/Los_Angeles", "2026-10-31T07:00:00Z"),
        ("Asia/Tokyo", "2026-10-30T15:00:00Z"),
        ("Pacific/Auckland", "2026-10-30T11:00:00Z"),
    ] {
        let property = Property::empty("123456789", zone);
        let web = Web::of(property, ANALYTICS, "[data]\nsettle_hours = 0\n").await;
        for at in [day(10, 31), day(11, 1), day(11, 2)] {
            web.property().set_sessions(at, "Email", "a", 7);
        }
        web.reading.sync().await;
        let days: Vec<_> = web.visits().await.into_iter().map(|visit| visit.0).collect();
        assert_eq!(days, ["2026-10-31", "2026-11-01"], "{zone}: the running day is not over");
        assert_eq!(web.reading.complete_to().await, Some(support::instant(complete_to)), "{zone}");
    }
}

#[tokio::test]
async fn a_clock_that_is_askew_and_a_property_without_visits_lose_nothing() {
    for minutes in [-1, 1] {
        for keys in [ANALYTICS, SEARCH] {
            let web = Web::new(keys, "[data]\nsettle_hours = 0\n").await;
            web.reading.set_vendor_ahead(minutes);
            web.reading.sync().await;
            assert!(
                web.reading.complete_to().await.is_some(),
                "nothing is there, and all of it read"
            );
            for at in [day(10, 30), day(10, 31), day(11, 1), day(11, 2)] {
                web.property().set_sessions(at, "Email", "a", 7);
                let page = "https://www.example.com/";
                web.property().add_searched(at, Searched::new("rack", page, 3, 100, 4.5));
            }
            for _ in 0..6 {
                web.reading.pass(24 * 60);
                web.reading.sync().await;
            }
            let told = (web.visits().await.len(), web.positions("rack").await.len());
            let expected = if keys == ANALYTICS { (4, 0) } else { (0, 4) };
            assert_eq!(told, expected, "{minutes} minutes askew");
        }
    }
    // What is signed holds for an hour: by more nothing is to be had, and it says why.
    for minutes in [-600, 600] {
        let web = Web::new(ANALYTICS, "").await;
        web.reading.set_vendor_ahead(minutes);
        let error = web.reading.try_sync(Full::No).await.unwrap_err();
        assert!(error.contains("this machine's clock"), "{error}");
    }
}

#[tokio::test]
async fn of_a_days_tokens_only_the_share_is_used_over_all_runs() {
    let faults = "[data]\nsettle_hours = 0\n[limits]\ntokens_per_day = 200\n";
    let keys = ANALYTICS.replace("2026-09-01", "2022-09-01");
    let mut web = Web::new(&format!("{keys}daily_share = 0.2\n"), faults).await;
    for number in 0..1_500 {
        let at = date(2022, 9, 1).saturating_add(jiff::Span::new().days(number));
        web.property().set_sessions(at, "Email", "a", 9);
    }
    let mut refused = 0;
    while let Err(error) = web.reading.try_sync(Full::No).await {
        assert!(error.contains("our share"), "{error}");
        refused += 1;
        let used = web.simulator.requests().tokens;
        web.reading.restart();
        web.reading.try_sync(Full::No).await.unwrap_err();
        assert!(web.simulator.requests().tokens <= used + 20, "it is the same day");
        assert!(used <= 60 * refused, "{used} of the 40 of each day");
        assert!(refused < 40, "{used}");
        web.reading.pass(25 * 60);
    }
    assert!(refused >= 1, "{:?}", web.simulator.requests());
    assert_eq!(web.visits().await.len(), 1_500);
}

#[tokio::test]
async fn at_least_95_percent_of_the_rate_is_used() {
    let limits = "[data]\nsettle_hours = 0\n[limits]\npage_rows = 5\n";
    for keys in [ANALYTICS, SEARCH] {
        let web = Web::new(keys, limits).await;
        for number in 0..60 {
            let at = day(9, 1).saturating_add(jiff::Span::new().days(number));
            for name in 0..40 {
                web.property().set_sessions(at, "Email", &format!("{name}"), 9);
                let page = "https://www.example.com/";
                web.property().add_searched(at, Searched::new(&format!("{name}"), page, 3, 9, 4.5));
            }
        }
        web.reading.sync().await;
        let sent = web.simulator.requests();
        assert!(sent.total > 60, "{keys}: {sent:?}");
        let share = web.reading.share_of_rate(0, sent.total, (20, 1_000));
        assert!((0.95..1.0).contains(&share), "{keys}: {share} with {sent:?}");
    }
}

/// A site that is an address tells only of that address, and its days are the same.
#[tokio::test]
async fn a_site_that_is_an_address_is_read_as_a_domain_is() {
    let keys = SEARCH.replace("sc-domain:example.com", "https://www.example.com/");
    let web = Web::new(&keys, "").await;
    let at = day(10, 5);
    for page in ["https://www.example.com/rack", "https://blog.example.com/rack"] {
        web.property().add_searched(at, Searched::new("quarter rack", page, 3, 100, 4.5));
    }
    web.reading.sync().await;
    assert_eq!(web.positions("quarter rack").await, [("2026-10-05".to_owned(), 4.5, 100)]);
    assert_eq!(web.reading.warned(Full::Checked).await, "");
}

#[tokio::test]
async fn positions_are_those_of_final_days_and_no_row_is_no_position() {
    let web = Web::new(SEARCH, "").await;
    for at in [day(10, 5), day(10, 7)] {
        web.property().add_searched(
            at,
            Searched::new("quarter rack", "https://www.example.com/rack", 3, 100, 4.5),
        );
        web.property()
            .add_searched(at, Searched::new("", "https://www.example.com/rack", 9, 300, 20.0));
    }
    web.property().add_searched(
        day(11, 1),
        Searched::new("quarter rack", "https://www.example.com/rack", 3, 80, 4.0),
    );
    web.reading.sync().await;
    let first = [("2026-10-05".to_owned(), 4.5, 100), ("2026-10-07".to_owned(), 4.5, 100)];
    assert_eq!(web.positions("quarter rack").await, first, "neither day between nor the fresh one");
    assert_eq!(web.positions("").await, [], "what Google does not tell is nobody's keyword");
    let complete = web.reading.complete_to().await.unwrap();
    assert!(complete <= support::instant("2026-10-31T08:00:00Z"), "{complete}");
    assert_eq!(complete.to_string()[11..], *"08:00:00Z", "its days end at eight in UTC");
    web.reading.pass(4 * 24 * 60);
    web.reading.sync().await;
    assert_eq!(web.positions("quarter rack").await.len(), 3);
}

#[tokio::test]
async fn named_keywords_are_asked_for_by_themselves() {
    let keys = format!("{SEARCH}keywords = [\"quarter rack\", \"never shown\"]\n");
    let web = Web::new(&keys, "").await;
    for number in 0..40 {
        let at = day(9, 1).saturating_add(jiff::Span::new().days(number));
        web.property().add_searched(
            at,
            Searched::new("quarter rack", "https://www.example.com/rack", 3, 100, 4.5),
        );
        web.property().add_searched(
            at,
            Searched::new("half rack", "https://www.example.com/rack", 30, 900, 1.5),
        );
    }
    web.reading.sync().await;
    assert_eq!(web.positions("quarter rack").await.len(), 40);
    assert_eq!(web.positions("half rack").await, []);
    assert!(web.simulator.requests().search < 6, "days are not asked for one by one");
    let probe = web.reading.source().check().await.unwrap();
    assert!(probe.warnings.iter().any(|text| text.contains("never shown")), "{:?}", probe.warnings);
}

/// The faults that pass, each once and three times less one.
const PASSING: [&str; 11] = [
    "500",
    "502",
    "503",
    "429",
    "html_503",
    "slow",
    "cut",
    "truncated_json",
    "empty",
    "null",
    "wrong_type",
];

async fn filled(keys: &str, faults: &str) -> Web {
    let web = Web::new(keys, &format!("[data]\nsettle_hours = 0\n{faults}")).await;
    web.property().set_sessions(day(10, 20), "Email", "a", 50);
    web.property().add_searched(
        day(10, 20),
        Searched::new("quarter rack", "https://www.example.com/", 3, 100, 4.5),
    );
    web
}

#[tokio::test]
async fn faults_that_pass_change_nothing_and_lasting_ones_end_the_run_as_incomplete() {
    for (keys, operation) in [(ANALYTICS, "report"), (SEARCH, "search")] {
        let good = filled(keys, "").await;
        good.reading.sync().await;
        let expected = support::dump(&good.reading.store).await;
        for answer in PASSING {
            let fault = format!("[[fault]]\non = \"{operation}\"\nanswer = \"{answer}\"\n");
            let more = if ["slow", "endless"].contains(&answer) { "delay_ms = 4000\n" } else { "" };
            let web = filled(keys, &format!("{fault}{more}skip = 1\ntimes = 1\n")).await;
            web.reading
                .try_sync(Full::No)
                .await
                .unwrap_or_else(|e| panic!("{operation} {answer}: {e}"));
            let told = support::dump(&web.reading.store).await;
            support::assert_same(&told, &expected, &format!("{operation} {answer}"));
            if answer == "wrong_type" {
                // Only its header is wrong, and nothing rests on that.
                continue;
            }
            let web = filled(keys, &format!("{fault}{more}skip = 1\ntimes = 0\n")).await;
            let ended = web.reading.try_sync(Full::No).await;
            let error = ended.expect_err(&format!("{operation} {answer} lasts"));
            assert!(error.contains("read "), "{operation} {answer}: {error}");
            assert!(web.reading.complete_to().await.is_none(), "{operation} {answer}");
        }
    }
}

#[tokio::test]
async fn refusals_name_the_mend_and_quotas_end_the_run_until_the_next() {
    let wrong = [
        ("disabled", "switch the API on"),
        ("scope", "scope"),
        ("access", "viewer of the property"),
        ("tokens_per_day", "the next sync goes on from here"),
        ("tokens_per_hour", "the next sync goes on from here"),
        ("html", "base_url"),
        ("redirect", "set `base_url`"),
    ];
    for (answer, words) in wrong {
        let fault = format!("[[fault]]\non = \"report\"\ntimes = 0\nanswer = \"{answer}\"\n");
        let web = filled(ANALYTICS, &fault).await;
        let error = web.reading.try_sync(Full::No).await.unwrap_err();
        assert!(error.contains(words), "{answer}: {error}");
        assert!(!error.contains("invented.iam") && !error.contains("127.0.0.1"), "{error}");
    }
    for (answer, words) in [("quota", "the next sync goes on"), ("403", "viewer of the property")] {
        let fault = format!("[[fault]]\non = \"search\"\ntimes = 0\nanswer = \"{answer}\"\n");
        let web = filled(SEARCH, &fault).await;
        let error = web.reading.try_sync(Full::No).await.unwrap_err();
        assert!(error.contains(words), "{answer}: {error}");
    }
    let web = filled(SEARCH, "").await;
    web.property().remove_site("sc-domain:example.com");
    let error = web.reading.try_sync(Full::No).await.unwrap_err();
    assert!(error.contains("sc-domain") || error.contains("viewer"), "{error}");
}

#[tokio::test]
async fn a_token_that_ends_in_mid_run_is_asked_for_again_and_a_key_that_is_none_is_told() {
    let web = filled(ANALYTICS, "[auth]\ntoken_requests = 2\n").await;
    web.reading.sync().await;
    assert!(web.simulator.requests().token >= 2);
    std::fs::write(web.reading.folder.path().join("key.json"), "{\"private_key\": \"x\"}").unwrap();
    let error = web.reading.try_sync(Full::No).await.unwrap_err();
    assert!(error.contains("client_email") && error.contains("mend: make `key` point"), "{error}");
    std::fs::write(web.reading.folder.path().join("key.json"), "not json").unwrap();
    let error = web.reading.try_sync(Full::No).await.unwrap_err();
    assert!(error.contains("this is no JSON"), "{error}");
}

#[tokio::test]
async fn a_source_whose_data_is_settled_after_days_is_not_stale_for_that() {
    use paceline::config::source::Kind;
    let web = filled(ANALYTICS, "").await;
    let kind: &Kind = &web.reading.settings.sources["crm"].kind;
    web.reading.sync().await;
    let behind = web.reading.now().duration_since(web.reading.complete_to().await.unwrap());
    assert!(behind.as_secs() <= kind.lag_secs(), "{behind}");
}
