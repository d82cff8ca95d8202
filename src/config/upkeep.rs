//! `[http]`, `[backup]`, `[retention]`, `[heartbeat]`: what keeps the daemon running and seen.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::{reader::Reader, secret::Secret, span};

/// `[http]`: the status page, health and metrics.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Http {
    /// Where they are served; nowhere when absent.
    pub listen: Option<SocketAddr>,
    /// Who may read them. Needed where others than this machine can ask.
    pub token: Option<Secret>,
    /// The address under which people reach the page.
    pub public_url: Option<String>,
}

/// `[backup]`: the nightly copies.
#[derive(Clone, Debug, PartialEq)]
pub struct Backup {
    /// Whether they are made.
    pub enabled: bool,
    /// Where they lie.
    pub directory: PathBuf,
    /// Minutes after midnight in the company's zone.
    pub minute: i64,
    /// The newest copies that are kept.
    pub keep_daily: usize,
    /// The weeks beside them of which the newest copy is kept.
    pub keep_weekly: usize,
}

/// `[retention]`: what is deleted, and when.
#[derive(Clone, Debug, PartialEq)]
pub struct Retention {
    /// Messages that were delivered or given up.
    pub messages_secs: i64,
    /// Alerts that have ended, with their transitions.
    pub evaluations_secs: i64,
    /// The change log; all of it is kept when absent.
    pub change_log_secs: Option<i64>,
}

/// `[heartbeat]`: who is told regularly that the daemon is well.
#[derive(Clone, Debug, PartialEq)]
pub struct Heartbeat {
    /// The address that is asked; whoever knows it can feign a heartbeat, so it is a secret.
    pub url: Secret,
    /// Seconds between two.
    pub every_secs: i64,
}

/// Days that messages are kept.
const MESSAGES_DAYS: i64 = 90;
/// Days that ended alerts are kept: over a year, so that a year can be looked at.
const EVALUATIONS_DAYS: i64 = 400;
/// A shorter change log could not rebuild the week that a digest compares with.
const CHANGE_LOG_SECS_MIN: i64 = 35 * 86_400;

/// Reads `[http]`.
pub fn read_http(root: &Reader<'_>) -> Http {
    let Some(table) = root.table("http") else { return Http::default() };
    let listen = table.parsed("listen", "an address like \"127.0.0.1:9187\"", |text| {
        text.parse::<SocketAddr>().ok()
    });
    let token = table.has("token").then(|| table.secret("token")).flatten();
    if token.is_none()
        && let Some(address) = listen.filter(|address| !address.ip().is_loopback())
    {
        table.problem(
            "listen",
            format!("{address} can be reached from outside, and no token is set"),
            "listen on 127.0.0.1, or set `token = { file = \"…\" }`",
        );
    }
    let http = Http {
        listen,
        token,
        public_url: table.parsed(
            "public_url",
            "a URL like \"https://paceline.example.com\"",
            |t| t.starts_with("http").then(|| t.trim_end_matches('/').to_owned()),
        ),
    };
    table.finish();
    http
}

/// Reads `[backup]`; copies lie beside the database when it does not say.
pub fn read_backup(root: &Reader<'_>, database: &Path) -> Backup {
    let beside = database.parent().unwrap_or(Path::new(".")).join("backups");
    let mut backup = Backup {
        enabled: true,
        directory: beside,
        minute: 2 * 60 + 30,
        keep_daily: 7,
        keep_weekly: 5,
    };
    let Some(table) = root.table("backup") else { return backup };
    backup.enabled = table.flag("enabled").unwrap_or(true);
    backup.directory = table.file_path("directory").unwrap_or(backup.directory);
    let at = table.parsed("at", "a time like \"02:30\"", span::minute_of_day);
    backup.minute = at.unwrap_or(backup.minute);
    let count = |key, least: usize| {
        let what = format!("a whole number from {least} to 1000");
        table.parsed(key, &what, |text| text.parse().ok().filter(|n| (least..=1_000).contains(n)))
    };
    backup.keep_daily = count("keep_daily", 1).unwrap_or(backup.keep_daily);
    backup.keep_weekly = count("keep_weekly", 0).unwrap_or(backup.keep_weekly);
    table.finish();
    backup
}

/// Reads `[retention]`.
pub fn read_retention(root: &Reader<'_>) -> Retention {
    let mut retention = Retention {
        messages_secs: MESSAGES_DAYS * 86_400,
        evaluations_secs: EVALUATIONS_DAYS * 86_400,
        change_log_secs: None,
    };
    let Some(table) = root.table("retention") else { return retention };
    let span = |key| table.parsed(key, "a span like \"90d\"", span::duration_secs);
    // A message of this week tells that it was sent already.
    let messages = table.parsed("messages", "a span of at least 8 days like \"90d\"", |text| {
        span::duration_secs(text).filter(|secs| *secs >= 8 * 86_400)
    });
    retention.messages_secs = messages.unwrap_or(retention.messages_secs);
    retention.evaluations_secs = span("evaluations").unwrap_or(retention.evaluations_secs);
    retention.change_log_secs = table.parsed(
        "change_log",
        "a span of at least 35 days like \"800d\"; all of it is kept where the key is absent",
        |text| span::duration_secs(text).filter(|secs| *secs >= CHANGE_LOG_SECS_MIN),
    );
    table.finish();
    retention
}

/// Reads `[heartbeat]`.
pub fn read_heartbeat(root: &Reader<'_>) -> Option<Heartbeat> {
    let table = root.table("heartbeat")?;
    let url = table.has("url").then(|| table.secret("url")).flatten();
    let url = table.required("url", "url = { file = \"heartbeat-url\" }", url);
    let every = table.parsed("every", "a span like \"5m\"", span::duration_secs);
    table.finish();
    Some(Heartbeat { url: url?, every_secs: every.unwrap_or(300) })
}
