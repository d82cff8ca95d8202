//! The file: its mode, its migrations, a copy before one, and what a newer version made.

mod support;

use std::os::unix::fs::PermissionsExt;

use paceline::store::Store;
use sqlx::{Connection, SqliteConnection};

async fn execute(path: &std::path::Path, sql: &str) {
    let mut connection =
        SqliteConnection::connect(&format!("sqlite://{}", path.display())).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn the_database_and_its_side_files_are_for_their_owner_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.db");
    let store = Store::open(&path).await.unwrap();
    store.begin().await.unwrap().commit().await.unwrap();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let file = file.unwrap();
        let mode = file.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", file.path().display());
    }
    store.close().await;
}

#[tokio::test]
async fn a_newer_database_is_refused_with_a_word() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.db");
    Store::open(&path).await.unwrap().close().await;
    execute(&path, "UPDATE _sqlx_migrations SET version = 9999 WHERE version = 9").await;
    let error = Store::open(&path).await.unwrap_err().to_string();
    assert!(error.contains("newer version of paceline"), "{error}");
}

/// A file as an older version left it: later migrations have not been run.
async fn older(path: &std::path::Path, version: i64) {
    std::fs::write(path, "").unwrap();
    let url = format!("sqlite://{}", path.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    sqlx::migrate!("./migrations").run_to(version, &mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_copy_is_kept_before_a_migration() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.db");
    older(&path, 9).await;
    Store::open(&path).await.unwrap().close().await;
    let copy = folder.path().join("p.before-9.bak");
    let mode = std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let bytes = std::fs::read(&copy).unwrap();
    assert!(bytes.starts_with(b"SQLite format 3"));
}

#[tokio::test]
async fn a_file_that_is_no_database_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.db");
    std::fs::write(&path, "this is a letter, and a long one, and no database at all".repeat(99))
        .unwrap();
    let error = Store::open(&path).await.unwrap_err().to_string();
    assert!(error.contains("p.db"), "{error}");
}

/// On a full disk SQLite rolls back by itself, and sqlx then took the connection for one in a
/// transaction: a daemon could write nothing more until it was started anew.
#[tokio::test]
async fn after_a_full_disk_every_connection_writes_again() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("p.db")).await.unwrap();
    let pages = store.size_bytes().await.unwrap() / 4096;
    let large = "x".repeat(100_000);
    for _ in 0..4 {
        // The limit belongs to a connection, and the one that met it is replaced by a new one.
        store.limit_pages(u32::try_from(pages).unwrap()).await.unwrap();
        let mut write = store.begin().await.unwrap();
        let full = write.set_meta("large", &large).await.unwrap_err();
        assert_eq!(full.trouble(), Some(paceline::store::Trouble::DiskFull), "{full}");
        drop(write);
    }
    store.limit_pages(1_000_000).await.unwrap();
    for n in 0..12 {
        let mut write = store.begin().await.unwrap();
        write.set_meta("large", &format!("{large}{n}")).await.unwrap();
        write.commit().await.unwrap();
    }
}

#[tokio::test]
async fn a_full_disk_is_an_error_and_leaves_nothing_half_written() {
    let (folder, settings) = support::settings_of(
        "[source.export]\nkind = \"csv\"\n[[source.export.file]]\npath = \"l.csv\"\nobject = \"lead\"\n\
         [source.export.file.columns]\nid = \"id\"\ncreated_at = \"at\"\n",
    );
    let mut rows = String::from("id,at\n");
    (0..20_000).for_each(|n| rows.push_str(&format!("lead-with-a-long-id-{n},2026-01-05\n")));
    support::write(folder.path(), "l.csv", &rows);
    let store = Store::open(&settings.database).await.unwrap();
    store.limit_pages(200).await.unwrap();
    let clock = support::clock("2026-04-01T12:00:00Z");
    let sync = || {
        paceline::daemon::sync_source(
            &settings,
            &store,
            &clock,
            "export",
            paceline::sync::Full::No,
            &|_| {},
        )
    };
    let error = sync().await.unwrap_err();
    assert!(error.contains("full"), "{error}");
    let facts = store.facts().await.unwrap();
    let known = support::change_log(&store).await;
    assert_eq!(known, format!("{facts:?}"), "records and change log agree");
    assert_eq!(facts.leads.len() % 500, 0, "whole pages only");
    let zone = &settings.company.zone;
    if store.rollups_are_sound(zone).await.unwrap() {
        let kept = support::rollups(&store).await;
        store.limit_pages(1_000_000).await.unwrap();
        paceline::sync::rollup::rebuild(&store, zone).await.unwrap();
        assert_eq!(support::rollups(&store).await, kept, "they are those of the stored records");
    }
    store.limit_pages(1_000_000).await.unwrap();
    sync().await.unwrap();
    assert_eq!(store.facts().await.unwrap().leads.len(), 20_000);
}

#[tokio::test]
async fn an_older_change_log_becomes_one_of_what_was_before() {
    use sqlx::Row;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.db");
    std::fs::write(&path, "").unwrap();
    for sql in [
        include_str!("../migrations/0001_records.sql"),
        include_str!("../migrations/0002_change_log.sql"),
        include_str!("../migrations/0003_sync.sql"),
        include_str!("../migrations/0004_rollups.sql"),
        "INSERT INTO change (source, object, id, kind, event_at, seen_ms, changed, fields) VALUES
             ('s', 'lead', '1', 'put', '2026-01-05', 1000, 'created_at channel',
              '{\"created_at\":\"2026-01-05\",\"channel\":\"a\"}'),
             ('s', 'lead', '2', 'put', NULL, 1000, 'channel', '{\"channel\":\"x\"}'),
             ('s', 'lead', '1', 'put', NULL, 2000, 'channel',
              '{\"created_at\":\"2026-01-05\",\"channel\":\"b\"}'),
             ('s', 'lead', '1', 'delete', '2026-03-01T00:00:00Z', 3000, NULL, NULL),
             ('s', 'lead', '1', 'put', NULL, 4000, '', '{\"channel\":\"b\"}');",
        include_str!("../migrations/0007_history.sql"),
    ] {
        execute(&path, sql).await;
    }
    let url = format!("sqlite://{}", path.display());
    let mut connection = SqliteConnection::connect(&url).await.unwrap();
    let rows = sqlx::query("SELECT id, seen_ms, changed, was, was_deleted_ms FROM change")
        .fetch_all(&mut connection)
        .await
        .unwrap();
    let lines: Vec<(i64, String, String, Option<i64>)> =
        rows.iter().map(|row| (row.get(1), row.get(2), row.get(3), row.get(4))).collect();
    let deleted = 1_772_323_200_000;
    let full =
        |channel: &str| format!("{{\"created_at\":\"2026-01-05\",\"channel\":\"{channel}\"}}");
    assert_eq!(
        lines,
        [
            (2000, "channel".to_owned(), full("a"), None),
            (3000, String::new(), full("b"), None),
            (4000, String::new(), full("b"), Some(deleted)),
        ]
    );
}

#[tokio::test]
async fn what_an_older_version_told_is_known_to_everybody() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.db");
    older(&path, 13).await;
    for (id, state, ended) in [(1, "resolved", "5000"), (2, "firing", "NULL")] {
        let sql = format!(
            "INSERT INTO alert VALUES ({id}, 'r', 's', '{state}', 'warning', 2, 1000, {ended}, 5000,
                                       'why', '{{}}', '[\"d-1\"]')"
        );
        execute(&path, &sql).await;
        let sql =
            format!("INSERT INTO alert_transition VALUES ({id}, {id}, 1000, 'opened', '', 1, '')");
        execute(&path, &sql).await;
    }
    let store = Store::open(&path).await.unwrap();
    let mut write = store.begin().await.unwrap();
    let heard = write.heard().await.unwrap();
    let all = &heard[&(2, "*".to_owned())];
    assert_eq!((heard.len(), all.level, all.ended), (1, 2, false));
    assert!(all.records.contains("d-1"));
    assert_eq!(write.untold_ends().await.unwrap(), []);
    // Its end is told to the team: everybody's row says nothing of them any more.
    let known = paceline::domain::heard::Heard { ended: true, ..all.clone() };
    write.put_heard(2, "team.sales", &known, 1).await.unwrap();
    let mut over = write.open_alerts().await.unwrap().remove(0);
    over.state = "resolved".into();
    write.put_alert(&over).await.unwrap();
    assert_eq!(write.untold_ends().await.unwrap().len(), 1, "others may not have heard");
    assert!(write.heard().await.unwrap()[&(2, "team.sales".to_owned())].ended);
    drop(write);
    let row = store.alert(2).await.unwrap().unwrap();
    assert_eq!((row.thread.as_str(), row.state.as_str()), ("alert:2", "firing"));
    assert_eq!(store.transitions_of(1).await.unwrap().len(), 1);
}
