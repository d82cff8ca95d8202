//! A simulated year of hand-offs and alerts, with an oracle that knows the truth.
//!
//! `cargo test --test alert_year` lives five parts of it; `PACELINE_YEARS=200 cargo test --release --test alert_year
//! whole_years -- --ignored --nocapture` lives two hundred whole years, from the seed `PACELINE_FROM` (1) on, and prints
//! what happened in each and how long it took.

mod support;
#[path = "support/year/mod.rs"]
mod year;

use jiff::civil::{Date, date};
use year::{DOWN, LOOKS, Tally, Year};

async fn part(seed: u64, from: Date, to: Date) -> Tally {
    let mut year = Year::new(seed).await;
    year.live(from, to).await;
    let tally = year.tally;
    assert!(tally.deals > 20 && tally.overdue_told > 1 && tally.messages > 3, "{tally:?}");
    tally
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clocks_go_forward_and_nobody_is_woken() {
    part(1, date(2026, 2, 16), date(2026, 3, 23)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_days_without_the_crm_lose_nothing() {
    let tally = part(2, date(2026, 4, 6), date(2026, 5, 18)).await;
    assert_eq!(tally.outages, DOWN.len() * LOOKS.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_is_a_flood_and_no_performance() {
    let tally = part(3, date(2026, 7, 27), date(2026, 8, 31)).await;
    assert_eq!(tally.floods, 1, "{tally:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_clocks_go_back_and_a_goal_is_doubled() {
    let tally = part(4, date(2026, 10, 12), date(2026, 12, 7)).await;
    assert!(tally.doubled_told, "{tally:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn holidays_are_nobodys_delay() {
    part(5, date(2026, 12, 7), date(2027, 1, 4)).await;
}

/// The study: whole years, and how often a healthy quarter was called one that is behind.
#[ignore = "a study: each year takes minutes"]
#[tokio::test(flavor = "multi_thread")]
async fn whole_years() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let from = number("PACELINE_FROM").unwrap_or(1);
    let (mut healthy, mut false_alarms) = (0, 0);
    for seed in from..from + number("PACELINE_YEARS").unwrap_or(1) {
        let began = std::time::Instant::now();
        let mut year = Year::new(seed).await;
        year.live(date(2026, 1, 5), date(2027, 1, 4)).await;
        println!("seed {seed}, {} s: {:?}", began.elapsed().as_secs(), year.tally);
        assert!(year.tally.floods == 1 && year.tally.doubled_told, "{:?}", year.tally);
        healthy += year.tally.healthy;
        false_alarms += year.tally.false_alarms;
        println!("{false_alarms} false alarms in {healthy} healthy quarters");
    }
}
