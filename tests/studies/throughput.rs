//! How fast a first load and an unchanged second pass are, in records a second.
//!
//!     cargo test --release --test throughput -- --nocapture
//!
//! Not part of `cargo test`: the figures are for `docs/PERFORMANCE.md`.

#[path = "../support/mod.rs"]
mod support;

use std::fmt::Write;
use std::time::Instant;

use paceline::daemon::sync_source;
use paceline::store::Store;

const LEADS: usize = 500_000;
const DEALS: usize = 75_000;

#[tokio::test(flavor = "multi_thread")]
async fn first_load_and_second_pass() {
    let (folder, settings) = support::settings_of(
        "[source.export]\nkind = \"csv\"\n[[source.export.file]]\npath = \"l.csv\"\nobject = \"lead\"\n\
         [source.export.file.columns]\nid = \"id\"\ncreated_at = \"at\"\nmql_at = \"mql\"\n\
         channel = \"source\"\ncampaign = \"campaign\"\nowner = \"owner\"\n\
         [[source.export.file]]\npath = \"d.csv\"\nobject = \"opportunity\"\n\
         [source.export.file.columns]\nid = \"id\"\nlead = \"lead\"\ncreated_at = \"at\"\n\
         closed_at = \"closed\"\noutcome = \"status\"\nowner = \"owner\"\namount = \"amount\"\n",
    );
    let mut leads = String::from("id,at,mql,source,campaign,owner\n");
    for n in 0..LEADS {
        let (month, day) = (1 + n % 12, 1 + n % 28);
        let _ = writeln!(
            leads,
            "lead-{n},2025-{month:02}-{day:02} 10:{:02}:00,2025-{month:02}-28,S{},c{},u{}",
            n % 60,
            n % 9,
            n % 80,
            n % 12
        );
    }
    support::write(folder.path(), "l.csv", &leads);
    let mut deals = String::from("id,lead,at,closed,status,owner,amount\n");
    for n in 0..DEALS {
        let status = ["open", "won", "lost"][n % 3];
        let closed = if n % 3 == 0 { "" } else { "2026-02-10 12:00:00" };
        let _ = writeln!(
            deals,
            "deal-{n},lead-{},2026-01-{:02},{closed},{status},u{},{n}.00",
            n * 6,
            1 + n % 28,
            n % 12
        );
    }
    support::write(folder.path(), "d.csv", &deals);
    let store = Store::open(&settings.database).await.unwrap();
    for (name, at) in
        [("first load", "2026-04-01T12:00:00Z"), ("unchanged second pass", "2026-04-01T13:00:00Z")]
    {
        let clock = support::clock(at);
        let begun = Instant::now();
        let report =
            sync_source(&settings, &store, &clock, "export", paceline::sync::Full::No, &|_| {})
                .await
                .unwrap();
        let secs = begun.elapsed().as_secs_f64();
        println!(
            "{name}: {} records, {} changed, {secs:.1} s, {:.0} records a second, roll-ups included",
            report.read,
            report.changed,
            report.read as f64 / secs
        );
    }
}
