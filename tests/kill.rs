//! A sync that is killed at random moments ends in the same store as one that is left alone.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use paceline::config::Settings;
use paceline::store::Store;
use support::{dump, settings_in, write};

const CLOCK: &str = "2026-11-23T13:00:00Z";
const LEADS: usize = 60_000;
const KILLS: u64 = 20;

const CONFIG: &str = r#"
[source.export]
kind = "csv"
complete_to = "2026-11-20"
[[source.export.file]]
path = "leads.csv"
object = "lead"
[source.export.file.columns]
id = "id"
created_at = "created"
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
amount = "amount"
"#;

/// Exports with duplicates, faults and changes between leads.
fn exports(folder: &Path) {
    let mut leads = String::from("id,created,source\n");
    for n in 0..LEADS {
        let day = 1 + n % 28;
        // Every 997th lead stands twice, far apart, and every 1,009th has a date that is none.
        let id = if n % 997 == 0 { n / 2 } else { n };
        let date =
            if n % 1_009 == 5 { "soon".into() } else { format!("2026-{:02}-{day:02}", 1 + n % 11) };
        leads.push_str(&format!("L{id},{date},S{}\n", n % 7));
    }
    write(folder, "leads.csv", &leads);
    let mut deals = String::from("id,lead,created,closed,status,amount\n");
    for n in 0..LEADS / 6 {
        let status = ["open", "won", "lost"][n % 3];
        let closed = if n % 3 == 0 { "" } else { "2026-11-15" };
        deals.push_str(&format!(
            "D{n},L{},2026-10-{:02},{closed},{status},{n}.50\n",
            n * 3,
            1 + n % 28
        ));
    }
    write(folder, "deals.csv", &deals);
    write(folder, "paceline.toml", CONFIG);
}

fn sync(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paceline"));
    command
        .arg("--config")
        .arg(folder.join("paceline.toml"))
        .args(["--as-of", CLOCK, "--quiet", "sync"])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

async fn state(folder: &Path) -> Vec<String> {
    state_with(folder, CONFIG).await
}

async fn state_with(folder: &Path, config: &str) -> Vec<String> {
    let settings: Settings = settings_in(folder, config).unwrap();
    let store = Store::open_existing(&settings.database).await.unwrap();
    let mut state = dump(&store).await;
    state.push(format!("{:?}", store.source_states().await.unwrap()));
    state.extend(support::rollups(&store).await);
    state.push(support::change_log(&store).await);
    store.close().await;
    state
}

const OVER_HTTP: &str = r#"
[source.crm]
kind = "hubspot"
base_url = "BASE"
token = { file = "token" }
rate_limit = "none"
"#;

/// A first load over HTTP that is killed at random moments, deals with histories and links among it.
#[tokio::test(flavor = "multi_thread")]
async fn twenty_kills_of_a_load_over_http_change_nothing() {
    use paceline::simulate::hubspot::{Faults, Object, Simulator, generated};
    let mut portal = generated(12_000, 9);
    let at = support::instant("2026-10-01T09:00:00Z");
    for n in 0..1_500_u64 {
        let properties = [("dealstage", "appointmentscheduled"), ("hubspot_owner_id", "3")];
        let properties = properties.map(|(name, value)| (name.to_owned(), value.to_owned()));
        portal.create_with_id(Object::Deal, 90_000 + n, properties.to_vec(), at);
        let stage = ["closedwon", "closedlost", "qualifiedtobuy"][n as usize % 3].to_owned();
        portal.update(Object::Deal, 90_000 + n, vec![("dealstage".into(), Some(stage))], at);
        portal.associate((Object::Deal, 90_000 + n), (Object::Contact, 1_001 + n * 2));
    }
    let faults = Faults::from_toml("[limits]\nenforce = false\n").unwrap();
    let clock = std::sync::Arc::new(|| support::instant(CLOCK));
    let portal = std::sync::Arc::new(std::sync::Mutex::new(portal));
    let simulator = Simulator::start(portal, faults, clock, 0).await.unwrap();
    let config = OVER_HTTP.replace("BASE", &simulator.base_url());
    let lay_out = |folder: &Path| {
        write(folder, "paceline.toml", &config);
        write(folder, "token", "simulated");
    };
    let left_alone = tempfile::tempdir().unwrap();
    lay_out(left_alone.path());
    assert!(sync(left_alone.path()).status().unwrap().success());
    let expected = state_with(left_alone.path(), &config).await;
    let killed = tempfile::tempdir().unwrap();
    lay_out(killed.path());
    let mut random = 0xbeef_u64;
    let mut died = 0;
    for _ in 0..KILLS {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut child = sync(killed.path()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(20 + (random >> 33) % 200));
        child.kill().unwrap();
        died += u32::from(!child.wait().unwrap().success());
    }
    assert!(died >= 8, "only {died} of {KILLS} syncs were still running when they were killed");
    assert!(sync(killed.path()).status().unwrap().success());
    assert_same(&state_with(killed.path(), &config).await, &expected);
}

#[tokio::test]
async fn twenty_kills_at_random_moments_change_nothing() {
    let left_alone = tempfile::tempdir().unwrap();
    exports(left_alone.path());
    assert!(sync(left_alone.path()).status().unwrap().success());
    let expected = state(left_alone.path()).await;

    let killed = tempfile::tempdir().unwrap();
    exports(killed.path());
    // The same random moments at every run of the test.
    let mut random = 0x5eed_u64;
    let mut died = 0;
    for _ in 0..KILLS {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let mut child = sync(killed.path()).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(15 + (random >> 33) % 400));
        child.kill().unwrap();
        died += u32::from(!child.wait().unwrap().success());
    }
    assert!(died >= 8, "only {died} of {KILLS} syncs were still running when they were killed");
    assert!(sync(killed.path()).status().unwrap().success());
    assert_same(&state(killed.path()).await, &expected);
}

fn assert_same(actual: &[String], expected: &[String]) {
    assert_eq!(actual.len(), expected.len());
    for (actual, expected) in actual.iter().zip(expected) {
        let differs = actual.bytes().zip(expected.bytes()).position(|(a, b)| a != b);
        let from = differs.unwrap_or(0).saturating_sub(80);
        let shown = |text: &str| text.chars().skip(from).take(200).collect::<String>();
        assert!(actual == expected, "{}\nand not\n{}", shown(actual), shown(expected));
    }
}
