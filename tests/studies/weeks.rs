//! Many weeks of a whole daemon under faults, by seed:
//!
//!     PACELINE_WEEKS=10000 cargo test --release --test weeks -- --nocapture
//!
//! Three worlds run side by side, fifty weeks for each seed; a sync and a step every 24 hours. It
//! prints each seed that is through, and at the end what was done and found. docs/RELIABILITY.md has the table.

#[path = "../support/mod.rs"]
mod support;
#[path = "../support/weeks/mod.rs"]
mod weeks;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use weeks::{Tally, Weeks};

/// A sync every so many hours.
const SYNC_HOURS: i64 = 24;
/// Weeks of one seed.
const WEEKS_PER_SEED: usize = 50;
/// Worlds at a time.
const WORLDS: usize = 3;
/// Seeds begin here; those of `cargo test` are smaller.
const FIRST_SEED: u64 = 1_000;

#[tokio::test(flavor = "multi_thread")]
async fn many_weeks_of_faults_lose_nothing() {
    let weeks: usize =
        std::env::var("PACELINE_WEEKS").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let seeds = (weeks.div_ceil(WEEKS_PER_SEED)) as u64;
    let (next, total) = (Arc::new(AtomicU64::new(0)), Arc::new(Mutex::new(Tally::default())));
    let begun = Instant::now();
    let worlds: Vec<_> = (0..WORLDS)
        .map(|_| {
            let (next, total) = (Arc::clone(&next), Arc::clone(&total));
            tokio::spawn(async move {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    if seed >= seeds {
                        return;
                    }
                    let mut world = Weeks::new(FIRST_SEED + seed, SYNC_HOURS).await;
                    world.live(WEEKS_PER_SEED).await;
                    let mut total = total.lock().unwrap();
                    total.add(&world.tally);
                    let secs = begun.elapsed().as_secs_f64();
                    println!("seed {}: {} weeks in {secs:.0} s", FIRST_SEED + seed, total.weeks);
                }
            })
        })
        .collect();
    for world in worlds {
        world.await.unwrap();
    }
    let total = total.lock().unwrap().clone();
    println!("{total:#?}");
    println!(
        "{} weeks of {seeds} seeds, a sync every {SYNC_HOURS} hours, in {:.0} s",
        total.weeks,
        begun.elapsed().as_secs_f64()
    );
}
