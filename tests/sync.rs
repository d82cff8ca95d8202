//! Records come in once, changes once, and the roll-ups follow.

mod support;

use paceline::config::Settings;
use paceline::daemon::sync_source;
use paceline::domain::{Object, Record};
use paceline::store::Store;
use paceline::sync::{Full, SyncReport, rollup};
use support::{change_log, clock, dump, instant, rollups, settings_of, write};

const CONFIG: &str = r#"
[company]
time_zone = "America/New_York"
[source.export]
kind = "csv"
[[source.export.file]]
path = "leads.csv"
object = "lead"
[source.export.file.columns]
id = "id"
created_at = "created"
mql_at = "mql"
channel = "source"
[[source.export.file]]
path = "deals.csv"
object = "opportunity"
[source.export.file.columns]
id = "id"
lead = "lead"
created_at = "created"
closed_at = "closed"
outcome = "status"
owner = "owner"
amount = "amount"
"#;

const LEADS: &str = "id,created,mql,source\n\
    1,2026-01-05,2026-01-07,web\n\
    2,2026-01-05,,web\n\
    3,2026-02-10 23:30:00,2026-02-12,ads\n\
    4,2026-02-11,,\n";
const DEALS: &str = "id,lead,created,closed,status,owner,amount\n\
    a,1,2026-01-20,2026-03-01,won,u1,1000.50\n\
    b,3,2026-02-20,,open,u2,500\n\
    c,,2026-02-21,2026-02-25,lost,u1,70\n";

async fn sync(settings: &Settings, store: &Store, at: &str, full: bool) -> SyncReport {
    let full = if full { paceline::sync::Full::Checked } else { paceline::sync::Full::No };
    sync_source(settings, store, &clock(at), "export", full, &|_| {}).await.unwrap()
}

/// Checks that the kept roll-ups are those of a rebuild, and that the log tells the same as the tables.
async fn check_derived(store: &Store, settings: &Settings) {
    let kept = rollups(store).await;
    rollup::rebuild(store, &settings.company.zone).await.unwrap();
    assert_eq!(rollups(store).await, kept);
    assert!(!kept.is_empty());
    let end = change_log(store).await;
    assert_eq!(end, format!("{:?}", store.facts().await.unwrap()));
}

#[tokio::test]
async fn a_second_sync_of_the_same_files_changes_nothing() {
    let (folder, settings) = settings_of(CONFIG);
    write(folder.path(), "leads.csv", LEADS);
    write(folder.path(), "deals.csv", DEALS);
    let store = Store::open(&settings.database).await.unwrap();
    let first = sync(&settings, &store, "2026-04-01T12:00:00Z", false).await;
    assert_eq!((first.read, first.changed), (7, 7));
    let before = dump(&store).await;
    let second = sync(&settings, &store, "2026-04-01T12:10:00Z", true).await;
    assert_eq!((second.read, second.changed, second.deleted), (7, 0, 0));
    assert_eq!(dump(&store).await, before);
    check_derived(&store, &settings).await;
}

#[tokio::test]
async fn rollups_follow_every_kind_of_change_and_equal_a_rebuild() {
    let (folder, settings) = settings_of(CONFIG);
    write(folder.path(), "leads.csv", LEADS);
    write(folder.path(), "deals.csv", DEALS);
    let store = Store::open(&settings.database).await.unwrap();
    sync(&settings, &store, "2026-04-01T12:00:00Z", false).await;
    // A deal is won, one is reopened, one moves to another lead and owner, a lead changes its channel.
    let steps = [
        (LEADS.to_owned(), DEALS.replace("b,3,2026-02-20,,open", "b,3,2026-02-20,2026-04-02,won")),
        (LEADS.to_owned(), DEALS.replace("2026-03-01,won", ",open")),
        (LEADS.to_owned(), DEALS.replace("b,3,2026-02-20,,open,u2", "b,2,2026-02-20,,open,u1")),
        (
            LEADS.replace("3,2026-02-10 23:30:00,2026-02-12,ads", "3,2026-02-10,2026-02-12,web"),
            DEALS.to_owned(),
        ),
        (
            LEADS.replace("2,2026-01-05,,web\n", ""),
            DEALS.replace("c,,2026-02-21,2026-02-25,lost,u1,70\n", ""),
        ),
        (LEADS.to_owned(), DEALS.to_owned()),
    ];
    for (hour, (leads, deals)) in steps.iter().enumerate() {
        write(folder.path(), "leads.csv", leads);
        write(folder.path(), "deals.csv", deals);
        sync(&settings, &store, &format!("2026-04-02T{:02}:00:00Z", hour + 10), true).await;
        check_derived(&store, &settings).await;
    }
}

#[tokio::test]
async fn parts_of_the_rollups_are_put_together_by_a_full_sync_and_tell_the_same() {
    use sqlx::{Connection, SqliteConnection};
    let (folder, settings) = settings_of(CONFIG);
    write(folder.path(), "leads.csv", LEADS);
    write(folder.path(), "deals.csv", DEALS);
    let store = Store::open(&settings.database).await.unwrap();
    sync(&settings, &store, "2026-04-01T12:00:00Z", false).await;
    write(folder.path(), "deals.csv", &DEALS.replace("2026-03-01,won", ",open"));
    sync(&settings, &store, "2026-04-01T13:00:00Z", false).await;
    let before = rollups(&store).await;
    let count = async |sql: &'static str| {
        let url = format!("sqlite://{}", settings.database.display());
        let mut connection = SqliteConnection::connect(&url).await.unwrap();
        sqlx::query_scalar::<_, i64>(sql).fetch_one(&mut connection).await.unwrap()
    };
    let in_parts = "SELECT count(*) - count(DISTINCT place) FROM rollup";
    assert!(count(in_parts).await > 0, "a change adds a part");
    sync(&settings, &store, "2026-04-01T14:00:00Z", true).await;
    assert_eq!(count(in_parts).await, 0);
    assert_eq!(rollups(&store).await, before);
    check_derived(&store, &settings).await;
}

#[tokio::test]
async fn what_is_gone_becomes_a_tombstone_on_a_full_sync_only_and_may_come_back() {
    let (folder, settings) = settings_of(CONFIG);
    write(folder.path(), "leads.csv", LEADS);
    write(folder.path(), "deals.csv", DEALS);
    let store = Store::open(&settings.database).await.unwrap();
    sync(&settings, &store, "2026-04-01T12:00:00Z", false).await;
    write(folder.path(), "leads.csv", &LEADS.replace("4,2026-02-11,,\n", ""));
    assert_eq!(sync(&settings, &store, "2026-04-02T12:00:00Z", false).await.deleted, 0);
    assert_eq!(sync(&settings, &store, "2026-04-03T12:00:00Z", true).await.deleted, 1);
    let deleted = |facts: &paceline::domain::Facts| {
        facts.leads.values().find(|lead| lead.key.id == "4").unwrap().deleted_at
    };
    assert_eq!(deleted(&store.facts().await.unwrap()), Some(instant("2026-04-03T12:00:00Z")));
    let known_before = store.facts_known_at(instant("2026-04-02T12:00:00Z")).await.unwrap();
    assert_eq!(deleted(&known_before), None, "as it was known then");
    write(folder.path(), "leads.csv", LEADS);
    assert_eq!(sync(&settings, &store, "2026-04-04T12:00:00Z", true).await.changed, 1);
    assert_eq!(deleted(&store.facts().await.unwrap()), None);
}

#[tokio::test]
async fn a_past_state_is_rebuilt_as_it_was_known_then() {
    let (folder, settings) = settings_of(CONFIG);
    write(folder.path(), "leads.csv", LEADS);
    write(folder.path(), "deals.csv", DEALS);
    let store = Store::open(&settings.database).await.unwrap();
    sync(&settings, &store, "2026-04-01T12:00:00Z", false).await;
    let then = format!("{:?}", store.facts().await.unwrap());
    write(folder.path(), "deals.csv", &DEALS.replace("1000.50", "9000"));
    sync(&settings, &store, "2026-04-08T12:00:00Z", false).await;
    let known = store.facts_known_at(instant("2026-04-05T00:00:00Z")).await.unwrap();
    assert_eq!(format!("{known:?}"), then);
    assert_ne!(format!("{:?}", store.facts().await.unwrap()), then);
}

#[tokio::test]
async fn another_zone_in_the_configuration_rebuilds_the_days() {
    let (folder, settings) = settings_of(CONFIG);
    write(folder.path(), "leads.csv", LEADS);
    write(folder.path(), "deals.csv", DEALS);
    let store = Store::open(&settings.database).await.unwrap();
    sync(&settings, &store, "2026-04-01T12:00:00Z", false).await;
    let new_york = rollups(&store).await;
    rollup::refresh(&store, &jiff::tz::TimeZone::UTC).await.unwrap();
    // The lead of 23:30 in New York was created on the next day in UTC.
    assert_ne!(rollups(&store).await, new_york);
}

#[tokio::test]
async fn what_is_deleted_leaves_the_rates_whatever_the_files_reach() {
    use paceline::domain::stage::Stage;
    use paceline::evaluate::{Snapshot, tallies};
    let (folder, settings) = settings_of(
        &CONFIG.replace("kind = \"csv\"", "kind = \"csv\"\ncomplete_to = \"2026-03-20\""),
    );
    write(folder.path(), "leads.csv", LEADS);
    write(folder.path(), "deals.csv", DEALS);
    let store = Store::open(&settings.database).await.unwrap();
    sync(&settings, &store, "2026-04-01T12:00:00Z", false).await;
    write(folder.path(), "leads.csv", &LEADS.replace("4,2026-02-11,,\n", ""));
    assert_eq!(sync(&settings, &store, "2026-04-02T12:00:00Z", true).await.deleted, 1);
    let at = instant("2026-04-03T12:00:00Z");
    let snapshot = Snapshot::load(&settings, &store, at, None).await.unwrap();
    let cut = tallies::cut_of(&snapshot, Stage::Lead, Stage::Won).unwrap();
    let tally = tallies::total(&snapshot, Stage::Lead, Stage::Won, cut).await.unwrap();
    assert_eq!(tally.entered(), 3);
}

#[tokio::test]
async fn a_leads_past_is_worked_out_again_when_anything_of_its_deals_came_later() {
    use paceline::domain::stage::Stage;
    use paceline::evaluate::{Snapshot, tallies};
    let (folder, settings) =
        settings_of(&CONFIG.replace("mql_at = \"mql\"", "disqualified_at = \"mql\""));
    // Lost on 10 February with its only deal; another deal was opened in May.
    write(folder.path(), "leads.csv", "id,created,mql,source\n1,2026-01-05,2026-02-10,web\n");
    let deals = "id,lead,created,closed,status,owner,amount\n\
                 a,1,2026-01-20,2026-02-05,lost,u1,1\nb,1,2026-05-01,,open,u1,1\n";
    write(folder.path(), "deals.csv", deals);
    let store = Store::open(&settings.database).await.unwrap();
    sync(&settings, &store, "2026-06-01T12:00:00Z", false).await;
    let row = async |at: &str| {
        let snapshot = Snapshot::load(&settings, &store, instant(at), None).await.unwrap();
        let cut = tallies::cut_of(&snapshot, Stage::Lead, Stage::Won).unwrap();
        let tally = tallies::total(&snapshot, Stage::Lead, Stage::Won, cut).await.unwrap();
        let day = settings.company.zone.to_datetime(cut).date();
        tally.row(Some(90), day)
    };
    let past = row("2026-03-20T12:00:00Z").await;
    assert_eq!((past.window_reached, past.reached_days), (Some(true), Some(90)), "it had ended");
    let now = row("2026-05-20T12:00:00Z").await;
    assert_eq!(now.reached_days, Some(90));
    assert_eq!(now.low, Some(0.0), "it waits again");
}

#[tokio::test]
async fn visits_become_leads_by_their_sums_with_and_without_a_window() {
    use paceline::domain::stage::Stage;
    use paceline::evaluate::{Snapshot, tallies};
    use paceline::rates::RatesQuery;
    let visits = "\n[[source.export.file]]\npath = \"visits.csv\"\nobject = \"visit\"\n\
                  [source.export.file.columns]\nat = \"day\"\ncount = \"count\"\n";
    let (folder, settings) = settings_of(&format!("{CONFIG}{visits}"));
    write(folder.path(), "leads.csv", LEADS);
    write(folder.path(), "deals.csv", DEALS);
    write(folder.path(), "visits.csv", "day,count\n2026-01-31,10\n2026-02-28,10\n");
    let store = Store::open(&settings.database).await.unwrap();
    sync(&settings, &store, "2026-04-01T12:00:00Z", false).await;
    let at = instant("2026-04-01T12:00:00Z");
    let snapshot = Snapshot::load(&settings, &store, at, None).await.unwrap();
    for window_days in [None, Some(30)] {
        let query = RatesQuery {
            from: Stage::Visit,
            to: Stage::Lead,
            by: None,
            window_days,
            by_month: false,
            since: None,
            until: None,
        };
        let row = tallies::table(&snapshot, &query).await.unwrap().0.total.row;
        assert_eq!((row.entered, row.matured, row.converted), (20, 20, 4), "{window_days:?}");
        assert_eq!(row.rate, Some(0.2));
    }
}

/// A source that sends its second page when it is told to.
struct Gated {
    gate: std::sync::Arc<tokio::sync::Notify>,
    sent: std::sync::Arc<tokio::sync::Notify>,
}

impl paceline::sources::Source for Gated {
    fn objects(&self) -> Vec<Object> {
        vec![Object::Lead]
    }

    fn provides(&self, object: Object, _field: &str) -> bool {
        object == Object::Lead
    }

    fn read<'a>(
        &'a self,
        request: paceline::sources::ReadRequest,
        pages: tokio::sync::mpsc::Sender<paceline::sources::Page>,
    ) -> paceline::sources::Boxed<
        'a,
        Result<paceline::sources::Complete, paceline::sources::SourceError>,
    > {
        use paceline::sources::{Complete, Page, Part};
        Box::pin(async move {
            for page in 0..2 {
                let lead = |n: u64| {
                    let mut lead = Record::empty(Object::Lead, format!("{page}-{n}"));
                    lead.set("created_at", Some("2026-01-05T10:00:00Z".into()));
                    lead.set("channel", Some("web".into()));
                    lead
                };
                let parts = vec![Part::of(Object::Lead, (0..50).map(lead).collect())];
                let cursor = Some(("leads".to_owned(), page.to_string()));
                pages.send(Page { parts, cursor, ..Page::default() }).await.unwrap();
                self.sent.notify_one();
                if page == 0 {
                    self.gate.notified().await;
                }
            }
            Ok(Complete { complete_to: request.started, inventories: Vec::new() })
        })
    }

    fn check<'a>(
        &'a self,
    ) -> paceline::sources::Boxed<
        'a,
        Result<paceline::sources::Probe, paceline::sources::SourceError>,
    > {
        unreachable!("nobody checks it")
    }

    fn discover<'a>(
        &'a self,
    ) -> paceline::sources::Boxed<
        'a,
        Result<paceline::sources::Discovered, paceline::sources::SourceError>,
    > {
        unreachable!("nobody asks it")
    }
}

/// While one source is loaded for the first time, another one is synced: by the same process, or by
/// another one that knows nothing of the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_beside_a_first_load_counts_nobody_twice() {
    for same_process in [true, false] {
        let (folder, settings) = support::settings_of(
            "[source.files]\nkind = \"csv\"\n[[source.files.file]]\npath = \"l.csv\"\nobject = \"lead\"\n\
             [source.files.file.columns]\nid = \"id\"\ncreated_at = \"at\"\n",
        );
        support::write(folder.path(), "l.csv", "id,at\n1,2026-01-06\n");
        let store = Store::open(&settings.database).await.unwrap();
        let other = if same_process {
            store.clone()
        } else {
            Store::open(&settings.database).await.unwrap()
        };
        let zone = settings.company.zone.clone();
        let clock = support::clock("2026-02-01T12:00:00Z");
        let source = Gated { gate: Default::default(), sent: Default::default() };
        let (gate, sent) = (source.gate.clone(), source.sent.clone());
        let loading = {
            let (store, zone) = (store.clone(), zone.clone());
            tokio::spawn(async move {
                let sync = paceline::sync::Sync {
                    store: &store,
                    name: "slow",
                    source: &source,
                    full: Full::No,
                    warns: false,
                    people: None,
                    clock: &clock,
                    zone: &zone,
                };
                paceline::sync::run(&sync, &|_| {}).await.unwrap();
            })
        };
        sent.notified().await;
        while store.facts().await.unwrap().leads.len() < 50 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
        let sync = || sync_source(&settings, &other, &clock, "files", Full::No, &|_| {});
        for _ in 0..2 {
            sync().await.unwrap();
        }
        gate.notify_one();
        loading.await.unwrap();
        sync().await.unwrap();
        assert!(store.rollups_are_sound(&zone).await.unwrap(), "same process: {same_process}");
        let fed = support::rollups(&store).await;
        paceline::sync::rollup::rebuild(&store, &zone).await.unwrap();
        assert_eq!(fed, support::rollups(&store).await, "same process: {same_process}");
    }
}
