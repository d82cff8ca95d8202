//! What keeps a daemon running for years: leases, clocks, retention, copies, forgetting, a full disk.

#[path = "support/company.rs"]
mod company;
mod support;

use std::path::Path;

use company::{FIRST_MONDAY, SECOND_MONDAY, World};
use jiff::ToSpan;
use paceline::clock::Clock;
use paceline::config::Settings;
use paceline::daemon::{self, Daemon, Ground, Step};
use paceline::evaluate::digesting;
use paceline::store::{Store, Trouble};
use support::{change_log, clock, dump, instant, rollups, settings_of, write};
use tempfile::TempDir;

const CONFIG: &str = r#"
[company]
time_zone = "America/New_York"

[source.files]
kind = "csv"
every = "10m"
[[source.files.file]]
path = "leads.csv"
object = "lead"
[source.files.file.columns]
id = "id"
created_at = "at"
channel = "channel"
[[source.files.file]]
path = "deals.csv"
object = "opportunity"
[source.files.file.columns]
id = "id"
lead = "lead"
created_at = "at"
owner = "owner"

[operator]
file = "operator.txt"
"#;

async fn world(more: &str) -> (TempDir, Settings, Store) {
    let (folder, settings) = settings_of(&format!("{CONFIG}{more}"));
    write(
        folder.path(),
        "leads.csv",
        "id,at,channel\n1,2026-10-01T09:00:00Z,web\n5,2026-10-02T09:00:00Z,mail\n15,2026-10-03T09:00:00Z,web\n",
    );
    write(
        folder.path(),
        "deals.csv",
        "id,lead,at,owner\n15,5,2026-10-05T09:00:00Z,ada\n16,1,2026-10-06T09:00:00Z,ben\n",
    );
    let store = Store::open(&settings.database).await.unwrap();
    (folder, settings, store)
}

async fn step_at(settings: &Settings, store: &Store, at: &str) -> Step {
    daemon::step(settings, store, &clock(at), false, &daemon::silent()).await.unwrap()
}

fn operator(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("operator.txt")).unwrap_or_default()
}

#[tokio::test]
async fn a_job_runs_when_it_is_due_and_not_before() {
    let (_folder, settings, store) = world("").await;
    let first = step_at(&settings, &store, "2026-11-02T15:00:00Z").await;
    assert_eq!(first.synced.len(), 1);
    let early = step_at(&settings, &store, "2026-11-02T15:09:59Z").await;
    assert!(early.synced.is_empty() && early.checked.is_none());
    let due = step_at(&settings, &store, "2026-11-02T15:10:00Z").await;
    assert_eq!((due.synced.len(), due.checked.is_some()), (1, true));
    let jobs = store.jobs().await.unwrap();
    let sync = &jobs["sync:files"];
    assert_eq!((sync.run, sync.failures, sync.lease.as_ref()), (2, 0, None));
    assert_eq!(sync.last_success, Some(instant("2026-11-02T15:10:00Z")));
    assert_eq!(sync.next_due, instant("2026-11-02T15:20:00Z"));
    // In winter time, 02:30 in New York is 07:30 in UTC.
    assert_eq!(jobs["backup"].next_due, instant("2026-11-03T07:30:00Z"));
}

#[tokio::test]
async fn a_clock_that_jumps_back_fires_nothing_twice_and_holds_nothing_up() {
    let (folder, settings, store) = world("[team.sales]\nfile = \"sales.txt\"\n").await;
    step_at(&settings, &store, "2026-11-20T15:00:00Z").await;
    let monday = step_at(&settings, &store, "2026-11-23T13:00:00Z").await;
    assert_eq!(monday.digest.as_deref(), Some("2026-W47"));
    let told = std::fs::read_to_string(folder.path().join("sales.txt")).unwrap();
    // Three weeks back: nothing is due at once.
    let back = step_at(&settings, &store, "2026-11-02T15:00:00Z").await;
    assert!(back.synced.is_empty() && back.digest.is_none(), "{back:?}");
    let soon = step_at(&settings, &store, "2026-11-02T15:10:00Z").await;
    assert_eq!(soon.synced.len(), 1, "it does not wait for three weeks");
    // The digests of the weeks that come again: those that were written go out once.
    for at in ["2026-11-09T13:00:00Z", "2026-11-16T13:00:00Z", "2026-11-23T13:05:00Z"] {
        step_at(&settings, &store, at).await;
    }
    let again = std::fs::read_to_string(folder.path().join("sales.txt")).unwrap();
    let count = |text: &str| text.matches("week 47").count();
    assert!(count(&told) > 0);
    assert_eq!(count(&told), count(&again), "the digest of week 47 was sent twice");
}

#[tokio::test]
async fn a_job_that_somebody_else_runs_is_left_alone_until_that_process_is_no_more() {
    let (_folder, settings, store) = world("").await;
    let now = instant("2026-11-02T15:00:00Z");
    let until = now.saturating_add(6.hours()).unwrap();
    // Process 1 runs as long as the machine does.
    let stat = std::fs::read_to_string("/proc/1/stat").unwrap();
    let began = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap();
    store.schedule("sync:files", now).await.unwrap();
    store.claim_job("sync:files", &format!("1:{began}"), now, until).await.unwrap().unwrap();
    let step = step_at(&settings, &store, "2026-11-02T15:00:00Z").await;
    assert!(step.synced.is_empty(), "process 1 reads it");
    store.free_job("sync:files", &format!("1:{began}")).await.unwrap();
    store.claim_job("sync:files", "1:7", now, until).await.unwrap().unwrap();
    let step = step_at(&settings, &store, "2026-11-02T15:00:00Z").await;
    assert_eq!(step.synced.len(), 1, "that process is no more");
}

#[tokio::test]
async fn a_source_that_fails_leaves_the_others_alone_and_is_told_when_it_lasts() {
    let more = "[source.gone]\nkind = \"csv\"\n[[source.gone.file]]\npath = \"gone.csv\"\n\
                object = \"visit\"\n[source.gone.file.columns]\nat = \"day\"\ncount = \"n\"\n";
    let (folder, settings, store) = world(more).await;
    for minute in [0, 10, 20, 30] {
        let at = format!("2026-11-02T15:{minute:02}:00Z");
        let step = step_at(&settings, &store, &at).await;
        let of = |name: &str| step.synced.iter().find(|(known, _)| known == name).unwrap();
        assert!(of("files").1.is_ok() && of("gone").1.is_err());
        let told = operator(folder.path());
        let count = told.matches("Source gone could not be read").count();
        assert_eq!(count, usize::from(minute >= 20), "at {minute}: {told}");
    }
    write(folder.path(), "gone.csv", "day,n\n2026-11-01,5\n");
    step_at(&settings, &store, "2026-11-02T15:40:00Z").await;
    assert!(operator(folder.path()).contains("Job sync:gone works again"));
}

#[tokio::test]
async fn a_secret_that_is_refused_is_told_at_once() {
    let crm = simulated_crm("[[fault]]\non = \"any\"\ntimes = 0\nanswer = \"401\"\n").await;
    let more = format!(
        "[source.crm]\nkind = \"hubspot\"\nbase_url = \"{}\"\ntoken = {{ file = \"token\" }}\n",
        crm.base_url()
    );
    let (folder, settings, store) = world(&more).await;
    write(folder.path(), "token", "a-dead-token\n");
    step_at(&settings, &store, "2026-11-02T15:00:00Z").await;
    let told = operator(folder.path());
    assert!(told.contains("Source crm refuses its secret"), "{told}");
    assert!(!told.contains("a-dead-token"));
}

async fn simulated_crm(faults: &str) -> paceline::simulate::hubspot::Simulator {
    use paceline::simulate::hubspot::{Faults, Portal, Simulator};
    let portal = std::sync::Arc::new(std::sync::Mutex::new(Portal::empty()));
    let now = std::sync::Arc::new(|| instant("2026-11-02T15:00:00Z"));
    Simulator::start(portal, Faults::from_toml(faults).unwrap(), now, 0).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_hangs_holds_up_no_other_lane_and_ends_with_the_daemon() {
    // It takes connections and never answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let more = format!(
        "[source.crm]\nkind = \"hubspot\"\nbase_url = \"http://{}\"\ntoken = {{ file = \"token\" }}\n",
        silent.local_addr().unwrap()
    );
    let (folder, settings, store) = world(&more).await;
    write(folder.path(), "token", "token\n");
    let clock = Clock::Fixed(instant("2026-11-02T15:00:00Z"));
    let ground = Ground::new(&settings, &store, clock, daemon::silent());
    let mut daemon = Daemon::new(ground);
    // New jobs are put into the schedule at the first tick.
    daemon.tick().await;
    daemon.tick().await;
    loop {
        let jobs = store.jobs().await.unwrap();
        let done = |job: &str| jobs.get(job).is_some_and(|row| row.last_outcome.is_some());
        if done("sync:files") && done("evaluate") && done("deliver") {
            break;
        }
        daemon.ended().await;
        daemon.tick().await;
    }
    let jobs = store.jobs().await.unwrap();
    assert_eq!(jobs["sync:files"].last_outcome.as_deref(), Some("done"));
    assert_eq!(jobs["evaluate"].last_outcome.as_deref(), Some("done"));
    assert!(jobs["sync:crm"].lease.is_some() && jobs["sync:crm"].last_outcome.is_none());
    let begun = std::time::Instant::now();
    daemon.drain(std::time::Duration::from_secs(7)).await;
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "a sync is cut off at once");
}

#[tokio::test]
async fn retention_deletes_what_is_over_and_refuses_what_can_no_longer_be_rebuilt() {
    let world = World::new(|toml| {
        let more = "\n[retention]\nmessages = \"8d\"\nevaluations = \"7d\"\nchange_log = \"35d\"\n";
        format!("{toml}{more}")
    })
    .await;
    world.export(FIRST_MONDAY);
    world.step(FIRST_MONDAY).await;
    world.export(SECOND_MONDAY);
    world.step(SECOND_MONDAY).await;
    let store = &world.store;
    let before = store.outbox_counts().await.unwrap();
    assert!(before.sent > 0);
    let frozen = store.digest("2026-W46").await.unwrap();
    assert!(frozen.is_some());
    world.step("2027-01-29T13:00:00Z").await;
    let gone = store.outbox_counts().await.unwrap();
    assert!(gone.sent < before.sent, "{gone:?}");
    // What is kept is kept; what was written stays; what would have to be rebuilt is refused.
    let of = |week: &str| week.parse().unwrap();
    let now = instant("2027-01-29T13:00:00Z");
    assert!(digesting::digest_of(&world.settings, store, of("2026-W46"), now).await.is_ok());
    let refused = digesting::digest_of(&world.settings, store, of("2026-W49"), now).await;
    let told = refused.unwrap_err().to_string();
    assert!(told.contains("the change log is kept from 2026-12-25"), "{told}");
    assert!(digesting::digest_of(&world.settings, store, of("2027-W03"), now).await.is_ok());
}

#[tokio::test]
async fn a_copy_made_during_a_sync_is_whole_and_gives_the_same_figures() {
    let (folder, settings, store) = world("").await;
    step_at(&settings, &store, "2026-11-02T15:00:00Z").await;
    let expected = (dump(&store).await, rollups(&store).await);
    let path = folder.path().join("copy.db");
    let now = clock("2026-11-02T15:10:00Z");
    let syncing = daemon::step(&settings, &store, &now, true, &SILENT);
    let (copied, stepped) = tokio::join!(store.copy_to(&path), syncing);
    copied.unwrap();
    stepped.unwrap();
    let copy = Store::open(&path).await.unwrap();
    assert_eq!((dump(&copy).await, rollups(&copy).await), expected);
    assert!(!folder.path().join("copy.db.partial").exists());
    copy.check_integrity().await.unwrap();
}

static SILENT: std::sync::LazyLock<daemon::Progress> = std::sync::LazyLock::new(daemon::silent);

#[tokio::test]
async fn nightly_copies_are_made_and_kept_by_rule() {
    let (folder, settings, store) = world("[backup]\nkeep_daily = 2\nkeep_weekly = 1\n").await;
    let mut at = instant("2026-11-02T07:30:00Z");
    step_at(&settings, &store, "2026-11-01T12:00:00Z").await;
    for _ in 0..20 {
        step_at(&settings, &store, &at.to_string()).await;
        at = at.saturating_add(24.hours()).unwrap();
    }
    let mut names: Vec<String> = std::fs::read_dir(folder.path().join("backups"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    // The last is Saturday, 21 November; the newest of the week before was Sunday's.
    assert_eq!(
        names,
        ["paceline-2026-11-15.db", "paceline-2026-11-20.db", "paceline-2026-11-21.db"]
    );
}

#[tokio::test]
async fn somebody_who_is_forgotten_is_named_nowhere_and_still_counts() {
    let (folder, settings, store) = world("").await;
    step_at(&settings, &store, "2026-11-02T15:00:00Z").await;
    let before = rollups(&store).await;
    let named = dump(&store).await.join("\n");
    assert!(store.forget("files", "5", instant("2026-11-02T16:00:00Z")).await.unwrap());
    let names = |facts: &paceline::domain::Facts| {
        let mut names: Vec<String> = facts.leads.keys().map(|key| key.id.clone()).collect();
        names.sort();
        names
    };
    let facts = store.facts().await.unwrap();
    assert_eq!(names(&facts).len(), 3);
    assert!(!names(&facts).contains(&"5".to_owned()) && names(&facts).contains(&"15".to_owned()));
    let pseudonym = names(&facts).into_iter().find(|name| name.starts_with("forgotten-")).unwrap();
    // The source still has the person: neither a sync nor a comparison of ids brings them back.
    write(
        folder.path(),
        "deals.csv",
        "id,lead,at,owner\n15,5,2026-10-05T09:00:00Z,chloe\n16,1,2026-10-06T09:00:00Z,ben\n",
    );
    step_at(&settings, &store, "2026-11-03T15:00:00Z").await;
    let facts = store.facts().await.unwrap();
    assert_eq!(names(&facts).len(), 3);
    assert!(facts.leads.values().all(|lead| lead.deleted_at.is_none()));
    let deal = facts.opportunities.values().find(|deal| deal.key.id == "15").unwrap();
    assert_eq!((deal.lead.as_deref(), deal.owner.as_deref()), (Some(&*pseudonym), Some("chloe")));
    let leads = |cells: &[String]| {
        let of_leads = cells.iter().filter(|cell| cell.contains("from: Lead"));
        of_leads.cloned().collect::<Vec<_>>()
    };
    assert_eq!(leads(&rollups(&store).await), leads(&before));
    let now = dump(&store).await.join("\n") + &change_log(&store).await;
    assert!(named.contains("\"5\"") && !now.contains("\"5\""), "{now}");
}

#[tokio::test]
async fn a_full_disk_is_told_past_the_outbox_and_mends_itself() {
    let (folder, settings, store) = world("").await;
    step_at(&settings, &store, "2026-11-02T15:00:00Z").await;
    let mut leads = String::from("id,at,channel\n");
    for n in 0..40_000 {
        leads.push_str(&format!("n{n},2026-10-01T09:00:00Z,a-channel-with-a-long-name\n"));
    }
    write(folder.path(), "leads.csv", &leads);
    let pages = store.size_bytes().await.unwrap() / 4096;
    store.limit_pages(u32::try_from(pages).unwrap() + 8).await.unwrap();
    let ground = Ground::new(&settings, &store, clock("2026-11-02T15:10:00Z"), daemon::silent());
    let mut daemon = Daemon::new(ground);
    daemon.tick().await;
    while store.jobs().await.unwrap()["sync:files"].last_outcome.as_deref() == Some("done") {
        daemon.ended().await;
        daemon.tick().await;
    }
    let told = operator(folder.path());
    assert!(told.contains("paceline: the disk of the database is full"), "{told}");
    assert_eq!(told.matches("the disk of the database is full").count(), 1, "seldom: {told}");
    daemon.drain(std::time::Duration::from_secs(5)).await;
    store.limit_pages(1_000_000).await.unwrap();
    let mended = step_at(&settings, &store, "2026-11-02T16:00:00Z").await;
    assert!(mended.is_complete(), "{mended:?}");
    assert!(store.facts().await.unwrap().leads.len() >= 40_000);
}

async fn root_page(database: &Path, table: &str) -> usize {
    use sqlx::Connection;
    let url = format!("sqlite://{}", database.display());
    let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?";
    let page: i64 = sqlx::query_scalar(sql).bind(table).fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    page as usize
}

#[tokio::test]
async fn a_broken_page_is_found_and_told_past_the_outbox() {
    let (folder, settings, store) = world("").await;
    step_at(&settings, &store, "2026-11-02T15:00:00Z").await;
    store.close().await;
    // A page that no job reads, so that only looking for it finds it.
    let page = root_page(&settings.database, "touch").await;
    let mut bytes = std::fs::read(&settings.database).unwrap();
    bytes[(page - 1) * 4096..page * 4096].fill(0xa5);
    std::fs::write(&settings.database, bytes).unwrap();
    let store = Store::open(&settings.database).await.unwrap();
    let error = store.check_integrity().await.unwrap_err();
    assert_eq!(error.trouble(), Some(Trouble::Damaged), "{error}");
    step_at(&settings, &store, "2026-11-10T15:00:00Z").await;
    let told = operator(folder.path());
    assert!(told.contains("paceline: the database is damaged"), "{told}");
    assert!(told.contains("newest sound backup"), "{told}");
}

#[tokio::test]
async fn the_heartbeat_is_sent_while_all_is_well_and_its_address_is_told_nobody() {
    let server = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/ping/secret-uuid", server.local_addr().unwrap());
    let (folder, settings, store) =
        world("[heartbeat]\nurl = { file = \"url\" }\nevery = \"5m\"\n").await;
    write(folder.path(), "url", &url);
    let answers = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut asked = Vec::new();
        for status in ["200 OK", "500 No"] {
            let (mut stream, _) = server.accept().await.unwrap();
            let mut bytes = [0; 2048];
            let count = stream.read(&mut bytes).await.unwrap();
            asked.push(String::from_utf8_lossy(&bytes[..count]).lines().next().unwrap().to_owned());
            let answer =
                format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        }
        asked
    });
    let of = |step: &Step| {
        step.others.iter().find(|(job, _)| job == "heartbeat").map(|(_, result)| result.clone())
    };
    let well = step_at(&settings, &store, "2026-11-02T15:00:00Z").await;
    assert_eq!(of(&well), Some(Ok("the heartbeat was sent".into())));
    assert_eq!(of(&step_at(&settings, &store, "2026-11-02T15:04:59Z").await), None);
    let failed = step_at(&settings, &store, "2026-11-02T15:05:00Z").await;
    let error = of(&failed).unwrap().unwrap_err();
    assert!(error.contains("500") && !error.contains("secret-uuid"), "{error}");
    assert_eq!(answers.await.unwrap(), ["GET /ping/secret-uuid HTTP/1.1"; 2]);
}
