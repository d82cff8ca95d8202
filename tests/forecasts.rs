//! What was forecast is kept once a week and held against how it ended; earlier periods are forecast from what
//! had happened by then.

mod support;

use jiff::{Timestamp, ToSpan, civil::date};
use paceline::clock::Clock;
use paceline::domain::Metric;
use paceline::evaluate::{
    Snapshot,
    recording::{kept, replayed},
};
use paceline::pacing::record::{Made, score};
use support::{DEALS_AND_PLAN, instant, synced};

const PLAN: &str = "[[goal]]\nname = \"may\"\nfrom = \"2026-05-01\"\nto = \"2026-06-01\"\nwins = 30\n\
                    [goal.assume]\nwin_rate = 0.25\nlead_to_opportunity = 0.5\naverage_deal_value = 1000\n";

/// Four opportunities on each day of 2025 and 2026, of which one is won and three are lost after 30 days.
fn deals() -> String {
    let mut text = String::from("id,created,closed,outcome,amount\n");
    for n in 0..520 {
        let day = date(2025, 1, 1).saturating_add(n.days());
        let closed = day.saturating_add(30.days());
        for k in 0..4 {
            let outcome = if k == 0 { "won" } else { "lost" };
            text.push_str(&format!("d{n}-{k},{day},{closed},{outcome},1000\n"));
        }
    }
    text
}

#[tokio::test]
async fn a_forecast_is_kept_once_a_week_and_learns_how_its_period_ended() {
    let files = [("deals.csv", deals()), ("plan.toml", PLAN.to_owned())];
    let files: Vec<(&str, &str)> =
        files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let (_folder, settings, store) =
        synced(DEALS_AND_PLAN, &files, instant("2026-04-27T12:00:00Z")).await;
    let mut days = 0;
    let mut at = instant("2026-04-27T12:00:00Z");
    while at < instant("2026-06-03T00:00:00Z") {
        let silent = paceline::daemon::silent();
        let clock = Clock::Fixed(at);
        paceline::daemon::step(&settings, &store, &clock, true, &silent).await.unwrap();
        at = Timestamp::from_second(at.as_second() + 86_400).unwrap();
        days += 1;
    }
    assert!(days > 30);
    let kept = kept(&store, at).await.unwrap();
    let of = |metric: Metric| -> Vec<&Made> {
        kept.iter().filter(|made| made.metric == metric && made.goal == "may").collect()
    };
    let wins = of(Metric::Wins);
    // The weeks from the 27th of April to the 25th of May.
    assert_eq!(wins.len(), 5, "{wins:?}");
    assert!(wins.iter().all(|made| made.ended == Some(31.0)), "{wins:?}");
    assert!(wins.windows(2).all(|pair| pair[0].at < pair[1].at && pair[0].so_far < pair[1].so_far));
    let score = score(wins.into_iter());
    assert_eq!((score.of, score.within), (5, 5), "{score:?}");
    assert!(score.p50_off.unwrap() < 0.1 && score.brier.unwrap() < 0.25, "{score:?}");
}

#[tokio::test]
async fn earlier_periods_are_forecast_from_what_had_happened_by_then() {
    let now = instant("2026-05-10T00:00:00Z");
    let (_folder, settings, store) =
        synced(DEALS_AND_PLAN, &[("deals.csv", &deals()), ("plan.toml", PLAN)], now).await;
    let mut snapshot = Snapshot::load(&settings, &store, now, None).await.unwrap();
    let before = snapshot.pace().unwrap();
    let found = replayed(&mut snapshot).await.unwrap();
    assert_eq!(snapshot.clock, now);
    assert_eq!(snapshot.pace().unwrap(), before);
    let wins: Vec<&Made> = found.iter().filter(|made| made.metric == Metric::Wins).collect();
    assert_eq!(wins.len(), 16, "eight months, each after a third and two thirds");
    for made in &wins {
        let days = made.period.from.until(made.period.to).unwrap().get_days();
        assert_eq!(made.ended, Some(f64::from(days)), "one win a day: {made:?}");
        assert!(made.so_far < f64::from(days) * 0.7, "later wins are not known: {made:?}");
    }
    let score = score(wins.into_iter());
    assert!(score.within >= 14 && score.p50_off.unwrap() < 0.1, "{score:?}");
}
