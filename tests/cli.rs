//! The program from outside: exit statuses, flags, documents, one daemon at a time, a clean stop.

mod support;

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::write;

const CONFIG: &str = r#"
[company]
name = "Small"
time_zone = "UTC"
[source.export]
kind = "csv"
[[source.export.file]]
path = "deals.csv"
object = "opportunity"
[source.export.file.columns]
id = "id"
created_at = "created"
closed_at = "closed"
outcome = "status"
owner = "owner"
amount = "amount"
[[source.export.file]]
path = "calls.csv"
object = "activity"
[source.export.file.columns]
id = "id"
opportunity = "deal"
kind = { const = "call" }
at = "at"
owner = "owner"
[plan]
file = "plan.toml"
"#;

const PLAN: &str = "[[goal]]\nname = \"year\"\nfrom = \"2026-01-01\"\nto = \"2027-01-01\"\n\
                    revenue = 120000\nevery = \"quarter\"\n[goal.assume]\naverage_deal_value = 1000\n\
                    lead_to_opportunity = 0.5\nwin_rate = 0.5\n";
const NOW: &str = "2026-07-01T12:00:00Z";

fn company() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "paceline.toml", CONFIG);
    write(folder.path(), "plan.toml", PLAN);
    let deals = "id,created,closed,status,owner,amount\n\
                 a,2026-01-05,2026-03-01,won,u1,1000\nb,2026-06-29T09:00:00Z,,open,u2,500\n";
    write(folder.path(), "deals.csv", deals);
    write(folder.path(), "calls.csv", "id,deal,at,owner\n1,a,2026-01-06 10:00:00,u1\n");
    folder
}

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    command.arg("--config").arg(folder.join("paceline.toml")).args(["--as-of", NOW]).args(args);
    command
}

fn run(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().unwrap()
}

fn json(folder: &Path, args: &[&str]) -> Value {
    let output = run(folder, args);
    serde_json::from_slice(&output.stdout).unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

#[test]
fn exit_statuses_tell_done_failed_misused_and_behind() {
    let folder = company();
    let folder = folder.path();
    assert_eq!(code(&run(folder, &["pace"])), 1, "nothing was read yet");
    assert_eq!(code(&run(folder, &["sync"])), 0);
    assert_eq!(code(&run(folder, &["pace"])), 0);
    assert_eq!(code(&run(folder, &["pace", "--fail-when-behind"])), 3);
    assert_eq!(code(&run(folder, &["followups", "--fail-when-behind"])), 3);
    assert_eq!(code(&run(folder, &["sync", "--source", "nobody"])), 2);
    assert_eq!(code(&run(folder, &["rates", "--from", "won", "--to", "lead"])), 2);
    let closed = ["rates", "--from", "opportunity", "--to", "won", "--basis", "closed"];
    assert_eq!(code(&run(folder, &closed)), 0);
    assert_eq!(code(&run(folder, &[&closed[..], &["--window", "90d"]].concat())), 2);
    std::fs::remove_file(folder.join("deals.csv")).unwrap();
    let failed = run(folder, &["sync"]);
    assert_eq!(code(&failed), 1);
    assert!(String::from_utf8_lossy(&failed.stderr).contains("deals.csv"));
    write(folder, "paceline.toml", "[compony]\n");
    assert_eq!(code(&run(folder, &["check"])), 2);
}

#[test]
fn documents_carry_their_clock_and_hold_the_contract() {
    let folder = company();
    let folder = folder.path();
    run(folder, &["sync"]);
    let plan = json(folder, &["plan", "--format", "json"]);
    assert_eq!(plan["goals"][0]["required"]["wins"], 120);
    assert_eq!(plan["goals"][0]["required"]["revenue"], "120000.00");
    assert_eq!(plan["goals"][0]["required"]["mqls"], Value::Null);
    assert_eq!(plan["goals"][0]["periods"].as_array().unwrap().len(), 4);
    let pace = json(folder, &["--format", "json", "pace"]);
    assert_eq!(pace["rows"][2]["metric"], "revenue");
    assert_eq!(pace["rows"][2]["actual"], "1000.00");
    assert_eq!(pace["unmeasured"][0], "leads");
    let followups = json(folder, &["followups", "--format", "json"]);
    assert_eq!(followups["handed_off"], 2);
    assert_eq!(followups["verdicts"]["in_time"], 1);
    assert_eq!(followups["verdicts"]["overdue"], 1);
    let excuse = ["followups", "excuse", "b", "--by", "dana", "--reason", "a test deal"];
    assert_eq!(code(&run(folder, &excuse)), 0);
    let followups = json(folder, &["followups", "--format", "json"]);
    assert_eq!(followups["verdicts"]["excused"], 1);
    let rates = json(
        folder,
        &["rates", "--from", "opportunity", "--to", "won", "--by", "owner", "--format", "json"],
    );
    assert_eq!(rates["rows"][0]["key"], "u1");
    assert_eq!(rates["total"]["rate"], 0.5);
    assert_eq!(rates["total"]["smoothed"], 0.5);
    assert_eq!(rates["total"]["mature_share"], 1.0);
    for document in [&plan, &pace, &followups, &rates] {
        assert_eq!(document["as_of"], NOW);
        assert_eq!(document["data_as_of"], NOW);
    }
    let csv = run(folder, &["pace", "--format", "csv"]);
    assert!(String::from_utf8_lossy(&csv.stdout).starts_with("goal,metric,"));
}

#[test]
fn one_daemon_at_a_time_and_it_stops_when_it_is_asked_to() {
    let folder = company();
    let mut daemon = command(folder.path(), &["run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lock = folder.path().join("paceline.lock");
    let begun = Instant::now();
    while !lock.exists() && begun.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(20));
    }
    // Its first step is done once there is something to read.
    while code(&run(folder.path(), &["pace"])) != 0 && begun.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(50));
    }
    let second = run(folder.path(), &["run", "--once"]);
    assert_eq!(code(&second), 1);
    assert!(String::from_utf8_lossy(&second.stderr).contains("another paceline runs"));
    let asked = Instant::now();
    let kill = Command::new("kill").args(["-TERM", &daemon.id().to_string()]).status().unwrap();
    assert!(kill.success());
    assert!(daemon.wait().unwrap().success());
    assert!(asked.elapsed() < Duration::from_secs(10));
    assert_eq!(code(&run(folder.path(), &["run", "--once"])), 0);
}

#[test]
fn check_says_of_every_part_whether_it_is_in_order_and_which_line_to_change() {
    let folder = company();
    let good = run(folder.path(), &["check"]);
    assert_eq!(code(&good), 0, "{}", String::from_utf8_lossy(&good.stdout));
    let broken =
        format!("{CONFIG}\n[team.a]\nslack = {{ webhook = {{ env = \"NO_SUCH_VARIABLE\" }} }}\n")
            .replace("deals.csv", "nowhere.csv");
    write(folder.path(), "paceline.toml", &broken);
    let output = run(folder.path(), &["check"]);
    let text = String::from_utf8_lossy(&output.stdout);
    assert_eq!(code(&output), 1);
    assert!(text.contains("fail  source export") && text.contains("nowhere.csv"), "{text}");
    assert!(text.contains("fail  slack to team.a") && text.contains("NO_SUCH_VARIABLE"), "{text}");
    let line = broken.lines().position(|line| line.starts_with("slack")).unwrap() + 1;
    assert!(text.contains(&format!("paceline.toml:{line}")), "{text}");
}
