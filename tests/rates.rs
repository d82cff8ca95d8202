//! The estimator's properties, and its interval against the plain formulas.

use jiff::civil::date;
use paceline::domain::unit::End;
use paceline::rates::Tally;
use proptest::prelude::*;

/// (entry day, how it ended, lag)
fn entrants() -> impl Strategy<Value = Vec<(i32, u8, i64)>> {
    prop::collection::vec((0_i32..200, 0_u8..3, 0_i64..150), 1..60)
}

/// When it entered and how it stands on the day it is looked at: what has not happened yet waits.
fn entrant((day, end, lag): (i32, u8, i64)) -> (jiff::civil::Date, End) {
    let entered = date(2026, 1, 1) + jiff::Span::new().days(day);
    let age = i64::from(entered.until(date(2026, 7, 20)).unwrap().get_days());
    let end = match end {
        _ if lag > age => End::Waiting,
        0 => End::Converted,
        1 => End::Lost,
        _ => End::Waiting,
    };
    (entered, end)
}

fn tally(entrants: &[(i32, u8, i64)]) -> Tally {
    let mut tally = Tally::default();
    for one in entrants {
        let (entered, end) = entrant(*one);
        tally.add(entered, end, one.2, 1);
    }
    tally
}

proptest! {
    #[test]
    fn a_rate_lies_in_its_interval_and_both_in_zero_to_one(all in entrants(), window in 0_i64..220) {
        let row = tally(&all).row(Some(window), date(2026, 7, 20));
        let (rate, low, high) = (row.rate.unwrap(), row.low.unwrap(), row.high.unwrap());
        prop_assert!((0.0..=1.0).contains(&rate));
        prop_assert!(0.0 <= low && low <= rate + 1e-9 && rate <= high + 1e-9 && high <= 1.0);
        prop_assert!(row.converted <= row.matured && row.matured <= row.entered);
        if row.window_reached == Some(false) {
            prop_assert_eq!(high, 1.0);
            prop_assert!(row.reached_days.unwrap() < window);
            prop_assert_eq!(row.lag_days.p50, None);
        } else {
            prop_assert_eq!(row.reached_days, Some(window));
        }
    }

    #[test]
    fn one_more_win_never_lowers_the_rate(all in entrants(), lag in 0_i64..20, window in 0_i64..220) {
        let before = tally(&all);
        let mut after = before.clone();
        after.add(date(2026, 1, 1), End::Converted, lag, 1);
        let seen = date(2026, 7, 20);
        let rate = |tally: &Tally| tally.row(Some(window), seen).rate.unwrap();
        if lag <= window {
            prop_assert!(rate(&after) >= rate(&before) - 1e-12);
        }
    }

    #[test]
    fn without_censoring_the_rate_is_converted_by_entered(all in entrants()) {
        let settled: Vec<_> = all.into_iter().map(|(day, end, lag)| (day % 50, end % 2, lag)).collect();
        let row = tally(&settled).row(Some(150), date(2026, 7, 20));
        prop_assert_eq!(row.matured, row.entered);
        prop_assert!((row.rate.unwrap() - row.converted as f64 / row.entered as f64).abs() < 1e-12);
    }

    #[test]
    fn what_is_added_and_taken_away_leaves_no_trace(one in entrants(), other in entrants()) {
        let mut mixed = tally(&one);
        mixed.extend(&tally(&other));
        for taken in &other {
            let (entered, end) = entrant(*taken);
            mixed.add(entered, end, taken.2, -1);
        }
        prop_assert_eq!(mixed, tally(&one));
    }
}

/// `tests/studies/survival.py`: lifelines and statsmodels on the same entrants, ties and all.
#[test]
fn rates_and_intervals_are_those_of_established_programs() {
    let file: serde_json::Value =
        serde_json::from_str(include_str!("studies/survival.json")).unwrap();
    let seen_to = date(2026, 7, 20);
    let mut compared = 0;
    for case in file["cases"].as_array().unwrap() {
        let mut tally = Tally::default();
        for one in case["entrants"].as_array().unwrap() {
            let entered = seen_to - jiff::Span::new().days(one[0].as_i64().unwrap());
            let end = match one[1].as_str().unwrap() {
                "won" => End::Converted,
                "lost" => End::Lost,
                _ => End::Waiting,
            };
            let lag = if end == End::Waiting { 0 } else { one[2].as_i64().unwrap() };
            tally.add(entered, end, lag, 1);
        }
        for expected in case["expected"].as_array().unwrap() {
            let row = tally.row(expected["window"].as_i64(), seen_to);
            for (name, value) in [
                ("rate", row.rate.unwrap()),
                ("size", row.size),
                ("low", row.low.unwrap()),
                ("high", row.high.unwrap()),
            ] {
                let theirs = expected[name].as_f64().unwrap();
                let close = (value - theirs).abs() < 1e-9 * theirs.abs().max(1.0);
                assert!(close, "{name} of {expected}: {value}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 72);
}
