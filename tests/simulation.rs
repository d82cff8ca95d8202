//! The whole daemon through weeks of faults: no record is lost or counted twice, each digest reaches
//! each team once, everything that was to be told arrives. Seeds 1 to 3 once failed, and stay.

mod support;
#[path = "support/weeks/mod.rs"]
mod weeks;

use weeks::Weeks;

/// A sync every so many hours.
const SYNC_HOURS: i64 = 24;

async fn live(seed: u64, count: usize) {
    let mut weeks = Weeks::new(seed, SYNC_HOURS).await;
    weeks.live(count).await;
    let tally = &weeks.tally;
    assert!(tally.kills > 0 && tally.failed_syncs > 0 && tally.clock_steps > 0, "{tally:?}");
    assert!(tally.digests >= 2 * (count - 2) && tally.full_disks > 0, "{tally:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_weeks_of_faults_lose_nothing() {
    live(1, 50).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_other_weeks_lose_nothing() {
    live(2, 50).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_more_weeks_lose_nothing() {
    live(3, 50).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_fifty_weeks_lose_nothing() {
    live(4, 50).await;
}
