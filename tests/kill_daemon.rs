//! A hundred kills of the running daemon at random moments of sync, evaluation and delivery.

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::{Timestamp, ToSpan};
use paceline::simulate::hubspot::{Faults, Object, Portal, Simulator};
use paceline::store::Store;
use support::{instant, settings_in, write};

const KILLS: usize = 100;
const START: &str = "2026-10-05T14:00:00Z";

const CONFIG: &str = r#"
[company]
time_zone = "America/New_York"

[source.crm]
kind = "hubspot"
base_url = "BASE"
token = { file = "token" }
rate_limit = "none"
every = "1m"

[handoff]
since = "2026-09-01"

[team.sales]
owners = ["7"]
file = "sales.txt"

[operator]
file = "operator.txt"
"#;

fn properties(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// More for the sync to read, and a hand-off that is overdue, so that there is something to tell.
fn add_work(portal: &mut Portal, round: u64, now: Timestamp) {
    for n in 0..40 {
        let own = properties(&[("hs_analytics_source", "ORGANIC_SEARCH")]);
        portal.create_with_id(Object::Contact, 1_000 + round * 40 + n, own, now);
    }
    let earlier = now.saturating_sub(96.hours()).unwrap();
    let own = properties(&[
        ("dealstage", "appointmentscheduled"),
        ("pipeline", "default"),
        ("amount", "1000"),
        ("hubspot_owner_id", "7"),
    ]);
    let deal = 500_000 + round;
    portal.create_with_id(Object::Deal, deal, own, earlier);
    portal.stamp(Object::Deal, deal, now);
    portal.associate((Object::Deal, deal), (Object::Contact, 1_000 + round * 40));
}

fn start(folder: &Path, arguments: &[&str], at: Timestamp) -> Child {
    Command::new(env!("CARGO_BIN_EXE_paceline"))
        .arg("--config")
        .arg(folder.join("paceline.toml"))
        .args(["--quiet", "--as-of", &at.to_string()])
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

async fn records(folder: &Path, config: &str) -> BTreeMap<String, String> {
    let settings = settings_in(folder, config).unwrap();
    let store = Store::open(&settings.database).await.unwrap();
    let facts = store.facts().await.unwrap();
    let leads = facts.leads.values().map(|lead| (lead.key.id.clone(), format!("{lead:?}")));
    let deals = facts.opportunities.values().map(|deal| (deal.key.id.clone(), format!("{deal:?}")));
    let mut all: BTreeMap<String, String> = leads.chain(deals).collect();
    for (n, line) in support::rollups(&store).await.into_iter().enumerate() {
        all.insert(format!("cell {n}"), line);
    }
    store.close().await;
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_kills_lose_no_record_and_no_message() {
    let portal = Arc::new(Mutex::new(Portal::empty()));
    let now = Arc::new(Mutex::new(instant(START)));
    let faults = Faults::from_toml("[limits]\nenforce = false\n").unwrap();
    let clock = Arc::clone(&now);
    let time = Arc::new(move || *clock.lock().unwrap());
    let crm = Simulator::start(Arc::clone(&portal), faults, time, 0).await.unwrap();
    let config = CONFIG.replace("BASE", &crm.base_url());
    let folder = tempfile::tempdir().unwrap();
    let lay_out = |folder: &Path| {
        write(folder, "paceline.toml", &config);
        write(folder, "token", "simulated");
    };
    lay_out(folder.path());
    let mut random = 0xfeed_u64;
    let mut next = |limit: u64| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % limit
    };
    let mut at = instant(START);
    for round in 0..KILLS as u64 {
        at = at.saturating_add(30.minutes()).unwrap();
        *now.lock().unwrap() = at;
        add_work(&mut portal.lock().unwrap(), round, at);
        let mut child = start(folder.path(), &["run"], at);
        tokio::time::sleep(Duration::from_millis(30 + next(500))).await;
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success(), "a daemon does not end by itself");
    }
    // It is left alone until all that waited has left.
    for _ in 0..14 {
        at = at.saturating_add(40.minutes()).unwrap();
        *now.lock().unwrap() = at;
        let mut child = start(folder.path(), &["run", "--once"], at);
        assert!(child.wait().unwrap().success());
    }
    let undisturbed = tempfile::tempdir().unwrap();
    lay_out(undisturbed.path());
    assert!(start(undisturbed.path(), &["sync"], at).wait().unwrap().success());
    let expected = records(undisturbed.path(), &config).await;
    let actual = records(folder.path(), &config).await;
    assert!(expected.len() > KILLS * 41);
    assert_eq!(actual, expected);
    check_messages(folder.path(), &config).await;
}

/// Every message reached its file, more than once at most as often as the daemon was killed.
async fn check_messages(folder: &Path, config: &str) {
    let settings = settings_in(folder, config).unwrap();
    let store = Store::open(&settings.database).await.unwrap();
    let counts = store.outbox_counts().await.unwrap();
    assert_eq!((counts.pending, counts.dead), (0, 0), "{counts:?}");
    let told = std::fs::read_to_string(folder.join("sales.txt")).unwrap();
    let mut messages = 0;
    for (key, _, message) in store.messages_since(Timestamp::UNIX_EPOCH).await.unwrap() {
        if key.ends_with(":file:team.sales") {
            messages += 1;
            assert!(told.contains(message.text.trim_end()), "`{key}` was never delivered");
        }
    }
    let arrived = told.lines().filter(|line| line.starts_with("---- message ")).count();
    assert!(messages >= 10, "only {messages} messages");
    assert!(arrived - messages <= KILLS / 4, "{} repeats of {messages}", arrived - messages);
    store.close().await;
}
