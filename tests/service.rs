//! The running daemon from outside: its pages, its signals, its service manager, its lock.

mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use support::write;
use tempfile::TempDir;

/// What takes longer is broken.
const PATIENCE: Duration = Duration::from_secs(30);

const CONFIG: &str = r#"
[company]
name = "<b>Northwind</b>"
time_zone = "UTC"
currency = "USD"

[source.files]
kind = "csv"
[[source.files.file]]
path = "leads.csv"
object = "lead"
[source.files.file.columns]
id = "id"
created_at = "at"
channel = "channel"

[team.sales]
file = "told/sales.txt"

[operator]
file = "told/operator.txt"

[http]
listen = "127.0.0.1:PORT"

[plan]
file = "plan.toml"
"#;

const PLAN: &str = r#"
[[goal]]
name = "leads & <script>alert(1)</script>"
from = "2026-01-01"
to = "2036-01-01"
leads = 5000
every = "quarter"
team = "sales"
"#;

/// A folder with a daemon's configuration.
struct Site {
    folder: TempDir,
    port: u16,
}

/// A daemon that is ended with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Site {
    fn new(change: impl Fn(String) -> String) -> Site {
        let folder = tempfile::tempdir().unwrap();
        // A port that was free a moment ago.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let site = Site { folder, port };
        site.configure(change);
        write(site.path(), "plan.toml", PLAN);
        write(site.path(), "leads.csv", "id,at,channel\n1,2026-02-01T09:00:00Z,<i>web</i>\n");
        site
    }

    fn configure(&self, change: impl Fn(String) -> String) {
        let config = change(CONFIG.replace("PORT", &self.port.to_string()));
        write(self.path(), "paceline.toml", &config);
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
        command.arg("--config").arg(self.path().join("paceline.toml")).args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    fn start(&self) -> Running {
        let log = std::fs::File::create(self.path().join("log")).unwrap();
        let mut command = self.command(&["run", "--log-format", "json"]);
        let running = Running(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        self.wait_for("the first check", || {
            let answer = self.ask("/readyz", "");
            answer.is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
        });
        running
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path().join("log")).unwrap_or_default()
    }

    /// An answer with its head; nothing while nobody listens.
    fn ask(&self, path: &str, headers: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let host = if headers.contains("Host:") { "" } else { "Host: localhost\r\n" };
        let request = format!("GET {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        Some(String::from_utf8_lossy(&answer).into_owned())
    }

    /// The answer to a form.
    fn post(&self, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn page(&self, path: &str) -> String {
        let answer = self.ask(path, "").unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{path}: {answer}");
        answer
    }

    fn wait_for(&self, what: &str, holds: impl Fn() -> bool) {
        let begun = Instant::now();
        while !holds() {
            assert!(begun.elapsed() < PATIENCE, "{what} did not come: {}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn signal(running: &Running, name: &str) {
    let process = running.0.id().to_string();
    assert!(Command::new("kill").args([name, &process]).status().unwrap().success());
}

#[test]
fn pages_show_what_there_is_and_a_vendors_text_does_no_harm() {
    let site = Site::new(|toml| toml);
    let _running = site.start();
    site.wait_for("a check", || site.page("/metrics").contains("paceline_goal_actual"));
    let overview = site.page("/");
    assert!(overview.contains("&lt;b&gt;Northwind&lt;&#x2f;b&gt;"), "{overview}");
    assert!(!overview.contains("<script") && !overview.contains("<b>Northwind"));
    assert!(
        overview.contains("<svg")
            && overview.contains("content-security-policy: default-src 'none'")
    );
    let link = "/goals/leads%20%26%20%3Cscript%3Ealert%281%29%3C/script%3E";
    let escaped = link.replacen("C/s", "C&#x2f;s", 1);
    assert!(overview.contains(&format!("href=\"{escaped}\"")), "{overview}");
    let goal = site.page(link);
    assert!(goal.contains("The plan, worked backward") && !goal.contains("<script"), "{goal}");
    assert!(site.page("/handoffs").contains("0 wait, are overdue or are not known"));
    assert!(site.page("/sources/files").contains("0 in all"));
    for gone in ["/goals/none", "/alerts/77", "/sources/none", "/digests/2020-W01"] {
        assert!(site.ask(gone, "").unwrap().starts_with("HTTP/1.1 404"), "{gone}");
    }
    let metrics = site.page("/metrics");
    assert!(metrics.contains("\npaceline_store_up 1\n"), "{metrics}");
    assert!(metrics.contains("\npaceline_source_up{source=\"files\"} 1\n"), "{metrics}");
    assert!(metrics.contains("\npaceline_job_consecutive_failures{task=\"evaluate\"} 0\n"));
}

#[test]
fn a_link_in_a_message_asks_first_and_then_acknowledges_and_only_a_true_one_does() {
    let site = Site::new(|toml| {
        let url = "public_url = \"https://paceline.example.com\"\ntoken = { file = \"token\" }";
        let toml =
            toml.replace("[plan]", &format!("{url}\n\n[alerts]\ndeliver = \"always\"\n\n[plan]"));
        toml.replace("2026-01-01", "2025-01-01")
    });
    write(site.path(), "token", "s3cret");
    let port = site.port;
    let mut command = site.command(&["run", "--log-format", "json"]);
    let log = std::fs::File::create(site.path().join("log")).unwrap();
    let _running = Running(command.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    let told = || std::fs::read_to_string(site.path().join("told/sales.txt")).unwrap_or_default();
    site.wait_for("a message", || told().contains("Acknowledge: https://"));
    let told = told();
    let link = |label: &str| {
        let line = told.lines().find_map(|line| line.strip_prefix(label)).unwrap();
        line.trim().strip_prefix("https://paceline.example.com").unwrap().to_owned()
    };
    let acknowledge = link("Acknowledge: ");
    assert!(link("How this came about: ").starts_with("/alerts/"), "{told}");
    // No token is needed for the link, and following it does nothing yet.
    let form = site.page(&acknowledge);
    assert!(
        form.contains("<form method=\"post\">") && form.contains("form-action 'self'"),
        "{form}"
    );
    let list = || {
        let output = site.run(&["alerts", "list", "--format", "json"]);
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(list().contains("\"state\": \"firing\""), "{}", list());
    let unnamed = site.post(&acknowledge, "by=&why=calls&until=3d");
    assert!(unnamed.starts_with("HTTP/1.1 422") && unnamed.contains("who is missing"), "{unnamed}");
    let forged = acknowledge.replacen("signature=", "signature=00", 1);
    for wrong in [forged.as_str(), "/act/acknowledge/1?until=9999999999&signature=ab"] {
        assert!(site.post(wrong, "by=eve&why=x&until=3d").starts_with("HTTP/1.1 403"), "{wrong}");
    }
    let done = site.post(&acknowledge, "by=Dana+%3Cb%3E&why=calls&until=3d");
    assert!(done.contains("Dana &lt;b&gt; looks after alert 1"), "{port}: {done}");
    assert!(list().contains("\"state\": \"acknowledged\""), "{}", list());
    let silenced = site.post(&link("Silence: "), "by=Dana&why=fair&until=1d");
    assert!(silenced.contains("Nothing is told of this until"), "{silenced}");
    let output = site.run(&["alerts", "silences"]);
    assert!(String::from_utf8_lossy(&output.stdout).contains("Silence 1 by Dana"), "{output:?}");
}

#[test]
fn a_foreign_name_is_refused_and_a_token_opens_the_pages() {
    let site = Site::new(|toml| toml);
    let running = site.start();
    let foreign = site.ask("/", "Host: evil.example.com\r\n").unwrap();
    assert!(foreign.starts_with("HTTP/1.1 421"), "{foreign}");
    drop(running);
    let site = Site::new(|toml| toml.replace("[plan]", "token = { file = \"token\" }\n[plan]"));
    write(site.path(), "token", "s3cret-token\n");
    let log = std::fs::File::create(site.path().join("log")).unwrap();
    let _running = Running(site.command(&["run"]).stderr(log).spawn().unwrap());
    site.wait_for("health", || {
        site.ask("/healthz", "").is_some_and(|answer| answer.starts_with("HTTP/1.1 200"))
    });
    for path in ["/", "/readyz", "/metrics", "/handoffs"] {
        let refused = site.ask(path, "").unwrap();
        assert!(refused.starts_with("HTTP/1.1 401"), "{path}: {refused}");
        let wrong = site.ask(path, "Authorization: Bearer s3cret\r\n").unwrap();
        assert!(wrong.starts_with("HTTP/1.1 401"), "{path}: {wrong}");
    }
    let right = site.ask("/metrics", "Authorization: Bearer s3cret-token\r\n").unwrap();
    assert!(right.starts_with("HTTP/1.1 200") && !right.contains("s3cret"), "{right}");
    assert!(!site.log().contains("s3cret"));
}

#[test]
fn a_second_daemon_is_refused_and_what_reads_works_beside_the_first() {
    let site = Site::new(|toml| toml);
    let running = site.start();
    let second = site.run(&["run"]);
    let told = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{told}");
    assert!(told.contains("another paceline runs on"), "{told}");
    for arguments in [&["pace"][..], &["rates", "--from", "lead", "--to", "opportunity"], &["jobs"]]
    {
        let output = site.run(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{arguments:?}: {text}");
    }
    assert_eq!(site.run(&["health"]).status.code(), Some(0));
    let copy = site.path().join("copy.db");
    let backup = site.run(&["backup", copy.to_str().unwrap()]);
    assert!(backup.status.success(), "{}", String::from_utf8_lossy(&backup.stderr));
    assert_eq!(site.run(&["backup", copy.to_str().unwrap()]).status.code(), Some(2), "it is there");
    drop(running);
    assert_eq!(site.run(&["health"]).status.code(), Some(1));
    // The lock died with its process, and the copy is a whole database.
    std::fs::rename(&copy, site.path().join("paceline.db")).unwrap();
    let _ = std::fs::remove_file(site.path().join("paceline.db-wal"));
    let _ = std::fs::remove_file(site.path().join("paceline.db-shm"));
    let again = site.run(&["run", "--once"]);
    let told = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(told.contains("files: 1 records read, 0 changed"), "{told}");
}

#[test]
fn hangup_takes_a_new_configuration_and_refuses_a_broken_one() {
    let site = Site::new(|toml| toml);
    let mut running = site.start();
    site.configure(|toml| toml.replace("currency = \"USD\"", "currency = \"USD\"\nnonsense = 1"));
    signal(&running, "-HUP");
    site.wait_for("the refusal", || site.log().contains("the new configuration is broken"));
    site.wait_for("the operator's message", || {
        let told = std::fs::read_to_string(site.path().join("told/operator.txt"));
        told.is_ok_and(|told| {
            told.contains("The new configuration is broken") && told.contains("nonsense")
        })
    });
    assert!(site.page("/").contains("Northwind"), "the old one runs on");
    site.configure(|toml| toml.replace("<b>Northwind</b>", "Southwind"));
    signal(&running, "-HUP");
    site.wait_for("the new name", || site.page("/").contains("Southwind"));
    signal(&running, "-TERM");
    let begun = Instant::now();
    let status = running.0.wait().unwrap();
    assert!(status.success() && begun.elapsed() < Duration::from_secs(10), "{status}");
    assert!(site.log().contains("paceline stops"));
    assert!(!site.path().join("paceline.db-wal").exists(), "the database was closed");
}

#[test]
fn the_service_manager_hears_that_the_daemon_is_ready_well_reloading_and_stopping() {
    let site = Site::new(|toml| toml);
    let socket = site.path().join("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_read_timeout(Some(PATIENCE)).unwrap();
    let hear = || {
        let mut bytes = [0; 4096];
        let count = manager.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    };
    let log = std::fs::File::create(site.path().join("log")).unwrap();
    let mut command = site.command(&["run"]);
    command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "400000").stderr(log);
    let running = Running(command.spawn().unwrap());
    assert_eq!(hear().trim(), "READY=1");
    assert_eq!(hear().trim(), "WATCHDOG=1");
    assert_eq!(hear().trim(), "WATCHDOG=1", "again and again");
    signal(&running, "-HUP");
    let reloading =
        std::iter::repeat_with(hear).find(|told| !told.starts_with("WATCHDOG")).unwrap();
    assert!(
        reloading.contains("RELOADING=1") && reloading.contains("MONOTONIC_USEC="),
        "{reloading}"
    );
    let ready = std::iter::repeat_with(hear).find(|told| !told.starts_with("WATCHDOG")).unwrap();
    assert_eq!(ready.trim(), "READY=1");
    signal(&running, "-TERM");
    let stopping = std::iter::repeat_with(hear).find(|told| !told.starts_with("WATCHDOG")).unwrap();
    assert_eq!(stopping.trim(), "STOPPING=1");
}

#[test]
fn a_port_for_everybody_needs_a_token() {
    let site = Site::new(|toml| toml.replace("127.0.0.1:", "0.0.0.0:"));
    let refused = site.run(&["run"]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2), "{told}");
    assert!(told.contains("can be reached from outside") && told.contains("token ="), "{told}");
}

#[test]
fn what_is_written_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let site = Site::new(|toml| toml);
    let running = site.start();
    let copy = site.path().join("copy.db");
    assert!(site.run(&["backup", copy.to_str().unwrap()]).status.success());
    drop(running);
    for name in ["paceline.db", "paceline.lock", "copy.db"] {
        let mode = std::fs::metadata(site.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn version_names_the_commit() {
    let output = Command::new(env!("CARGO_BIN_EXE_paceline")).arg("--version").output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert_eq!(told.trim(), format!("paceline {}", paceline::VERSION));
    assert!(told.contains(&format!("({})", paceline::COMMIT)));
}
