//! How long a check takes after 1,000 changes, on 100,000 leads and on 2,000,000, with the same opportunities;
//! and how long building the roll-ups anew takes beside DuckDB, which works the same cells out of the same
//! rows.
//!
//!     PYTHON=/path/to/python cargo test --release --test evaluation -- --nocapture
//!
//! Not part of `cargo test`: the figures are for `docs/PERFORMANCE.md`. Without a Python that has `duckdb` that
//! part says SKIPPED.

#[path = "../support/mod.rs"]
mod support;

use std::fmt::Write;
use std::path::Path;
use std::time::Instant;

use jiff::civil::{Date, date};
use jiff::{Timestamp, ToSpan};
use paceline::clock::Clock;
use paceline::config::Settings;
use paceline::daemon::sync_source;
use paceline::domain::{dimension::Dimension, stage::Stage};
use paceline::evaluate::{Board, Snapshot, alerting};
use paceline::store::Store;
use paceline::sync::{Full, rollup};
use support::{settings_of, write};
use tempfile::TempDir;

const CONFIG: &str = r#"
[company]
name = "C"
time_zone = "UTC"
[source.crm]
kind = "csv"
[[source.crm.file]]
path = "leads.csv"
object = "lead"
[source.crm.file.columns]
id = "id"
created_at = "created"
mql_at = "mql"
disqualified_at = "out"
channel = "channel"
campaign = "campaign"
owner = "owner"
segment = "segment"
[[source.crm.file]]
path = "deals.csv"
object = "opportunity"
[source.crm.file.columns]
id = "id"
lead = "lead"
created_at = "created"
closed_at = "closed"
outcome = "outcome"
owner = "owner"
amount = "amount"
[[source.crm.file]]
path = "calls.csv"
object = "activity"
columns = { id = "id", opportunity = "deal", kind = "kind", at = "at", owner = "owner" }
[plan]
file = "plan.toml"
"#;
const PLAN: &str = r#"
[[goal]]
name = "year"
from = "2026-01-01"
to = "2027-01-01"
revenue = 20000000
[goal.shares.channel]
c0 = 0.3
"*" = 0.7
[goal.assume]
average_deal_value = 5000
win_rate = 0.3
lead_to_mql = 0.4
mql_to_opportunity = 0.2
sales_cycle = "45d"
[[goal]]
name = "leads Q4"
from = "2026-10-01"
to = "2027-01-01"
leads = 20000
"#;
const FIRST: Date = date(2023, 1, 1);
const DAYS: usize = 1_420;
const LAST: Date = date(2026, 11, 21);
const NOW: &str = "2026-11-22T12:00:00Z";
const DEALS: usize = 12_000;
/// Of which so many are open.
const OPEN: usize = 800;
const CHANGES: usize = 1_000;
const RUNS: usize = 7;

/// Leads of nearly four years, two of five an MQL after 0 to 20 days, one of five out after 60; every change
/// moves the owner of a lead of the last months.
fn leads(count: usize, changed: usize) -> String {
    let mut text = String::from("id,created,mql,out,channel,campaign,owner,segment\n");
    for n in 0..count {
        let day = FIRST.saturating_add(((n * DAYS / count) as i32).days());
        // What is yet to come is not there.
        let after = |days: usize| {
            let day = day.saturating_add((days as i32).days());
            if day > LAST { String::new() } else { day.to_string() }
        };
        let mql = if n % 5 < 2 { after(n % 21) } else { String::new() };
        let out = if n % 5 == 4 { after(60) } else { String::new() };
        let owner = if n + changed >= count { "u99".to_owned() } else { format!("u{}", n % 12) };
        let _ = writeln!(
            text,
            "l{n},{day}T{:02}:{:02}:00Z,{mql},{out},c{},k{},{owner},s{}",
            n % 24,
            n % 60,
            n % 8,
            n % 40,
            n % 3
        );
    }
    text
}

fn deals(leads: usize) -> (String, String) {
    let mut deals = String::from("id,lead,created,closed,outcome,owner,amount\n");
    let mut calls = String::from("id,deal,kind,at,owner\n");
    for n in 0..DEALS {
        let lead = n * leads / DEALS;
        let day = FIRST.saturating_add(((lead * DAYS / leads) as i32).days());
        let created = day.saturating_add(2.days());
        let closed = created.saturating_add(((n % 80) as i32 + 5).days());
        let open = n + OPEN >= DEALS;
        let (closed, outcome) = match (open, n % 3) {
            (true, _) => (String::new(), "open"),
            (_, 0) => (closed.to_string(), "won"),
            _ => (closed.to_string(), "lost"),
        };
        let owner = n % 12;
        let _ = writeln!(
            deals,
            "d{n},l{lead},{created}T09:00:00Z,{closed},{outcome},u{owner},{}",
            1_000 + n % 9_000
        );
        let _ = writeln!(calls, "a{n},d{n},call,{created}T10:00:00Z,u{owner}");
    }
    (deals, calls)
}

async fn sync(settings: &Settings, store: &Store, at: Timestamp) -> f64 {
    let begun = Instant::now();
    let clock = Clock::Fixed(at);
    sync_source(settings, store, &clock, "crm", Full::No, &|_| {}).await.unwrap();
    begun.elapsed().as_secs_f64()
}

/// The median of what a check takes, as the daemon runs it, with the page's figures.
async fn check(settings: &Settings, store: &Store, at: Timestamp) -> (f64, usize) {
    let mut times = Vec::new();
    let mut held = 0;
    for _ in 0..RUNS {
        let begun = Instant::now();
        let snapshot = Snapshot::load_present(settings, store, at).await.unwrap();
        alerting::check(&snapshot).await.unwrap();
        Board::of(&snapshot).await.unwrap();
        times.push(begun.elapsed().as_secs_f64());
        held = snapshot.facts.leads.len();
    }
    times.sort_by(f64::total_cmp);
    (times[RUNS / 2], held)
}

async fn company(count: usize) -> (TempDir, Settings, Store, f64) {
    let (folder, settings) = settings_of(CONFIG);
    let (deals, calls) = deals(count);
    write(folder.path(), "deals.csv", &deals);
    write(folder.path(), "calls.csv", &calls);
    write(folder.path(), "leads.csv", &leads(count, 0));
    write(folder.path(), "plan.toml", PLAN);
    let store = Store::open(&settings.database).await.unwrap();
    let now = support::instant(NOW);
    let first = sync(&settings, &store, now).await;
    write(folder.path(), "leads.csv", &leads(count, CHANGES));
    let later = now + 1.hour();
    let second = sync(&settings, &store, later).await;
    println!("{count:>9} leads: first load {first:.1} s, 1,000 changed {second:.1} s");
    let (time, held) = check(&settings, &store, later).await;
    println!("{count:>9} leads: a check takes {:.0} ms ({held} leads held)", time * 1_000.0);
    (folder, settings, store, time)
}

/// Cells and entrants of every pair and dimension.
async fn cells(store: &Store) -> (usize, i64) {
    let mut sums = (0, 0);
    let dimensions = [None].into_iter().chain(Dimension::STORED.map(Some));
    for by in dimensions {
        for from in [Stage::Lead, Stage::Mql, Stage::Opportunity] {
            for to in [Stage::Mql, Stage::Opportunity, Stage::Won] {
                let found = store.cells(from, to, by).await.unwrap();
                sums.0 += found.len();
                sums.1 += found.iter().map(|(_, count, _)| count).sum::<i64>();
            }
        }
    }
    sums
}

fn duckdb(folder: &Path) -> Option<String> {
    let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".into());
    let script = "tests/studies/rollup_duckdb.py";
    let out = std::process::Command::new(python).arg(script).arg(folder).output().ok()?;
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).trim().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_takes_as_long_with_many_leads_as_with_few() {
    let (_small, _, _, few) = company(100_000).await;
    let (folder, settings, store, many) = company(2_000_000).await;
    println!("ratio {:.2}", many / few);
    let begun = Instant::now();
    rollup::rebuild(&store, &settings.company.zone).await.unwrap();
    let took = begun.elapsed().as_secs_f64();
    let (count, entrants) = cells(&store).await;
    println!("roll-ups built anew: {took:.1} s, {count} cells, {entrants} entrants");
    match duckdb(folder.path()) {
        Some(told) => println!("DuckDB: {told}"),
        None => println!("SKIPPED: no Python with duckdb (set PYTHON)"),
    }
}
