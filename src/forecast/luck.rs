//! How much whole periods differed from what their opportunities led to expect, learnt from those before
//! (`statistics.md` 5.5): the forecast of the same length is made at earlier days and held against what came.

use jiff::{ToSpan, civil::Date};

use super::{Conversion, draw::PERIOD_VARIANCE_MIN};

/// Earlier periods that are looked at.
const PERIODS_MAX: i64 = 8;
/// Fewer say nothing.
const PERIODS_MIN: usize = 3;
/// Days before such a period over which its intake is measured, and of which records must be there.
const INTAKE_DAYS: i64 = 91;
/// Days of closings that must be there before the first such period.
const CLOSINGS_DAYS: i64 = 28;

/// What became of an opportunity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    /// When it was created.
    pub created: Date,
    /// When it was closed, if it is.
    pub closed: Option<Date>,
    /// Whether it was won.
    pub won: bool,
}

/// The variance of a factor of mean 1 that explains how far wins lay from what was expected at earlier
/// days: the mean square of `actual / expected - 1`, less what chance alone explains, which is
/// `dispersion / expected`. At least [`PERIOD_VARIANCE_MIN`], which it is where there is too little past.
pub fn period_variance(
    courses: &[Course],
    conversion: &Conversion,
    today: Date,
    days: i64,
    dispersion: f64,
) -> f64 {
    let first = courses.iter().filter_map(|one| one.closed).min();
    let Some(first) = first.filter(|_| days > 0) else { return PERIOD_VARIANCE_MIN };
    let origins = (1..=PERIODS_MAX).map_while(|back| {
        let origin = today.checked_sub((back * days).days()).ok()?;
        (between(first, origin) >= CLOSINGS_DAYS).then_some(origin)
    });
    let squares: Vec<f64> = origins
        .filter_map(|origin| {
            let expected = expected(courses, conversion, origin, days);
            let in_time = |one: &&Course| {
                let after = one.closed.map_or(0, |closed| between(origin, closed));
                one.won && after > 0 && after <= days
            };
            let actual = courses.iter().filter(in_time).count() as f64;
            // Of very few expected ones nearly all is chance.
            (expected >= 1.0).then(|| (actual / expected - 1.0).powi(2) - dispersion / expected)
        })
        .collect();
    if squares.len() < PERIODS_MIN {
        return PERIOD_VARIANCE_MIN;
    }
    (squares.iter().sum::<f64>() / squares.len() as f64).clamp(PERIOD_VARIANCE_MIN, 1.0)
}

/// The wins of the days after an origin, as they would have been expected then.
fn expected(courses: &[Course], conversion: &Conversion, origin: Date, days: i64) -> f64 {
    let age = |one: &Course| between(one.created, origin);
    let open = courses
        .iter()
        .filter(|one| age(one) >= 0 && one.closed.is_none_or(|closed| between(origin, closed) > 0));
    let of_open: f64 = open.map(|one| conversion.chance(age(one), days)).sum();
    let recent = courses.iter().filter(|one| (0..INTAKE_DAYS).contains(&age(one))).count() as f64;
    let lags: f64 = (0..days).map(|left| conversion.lag_share(left)).sum();
    of_open + recent / INTAKE_DAYS as f64 * conversion.rate() * lags
}

fn between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    /// Half of ten a day are won after ten days; in every other month so many times as many.
    fn courses(times: [usize; 2]) -> Vec<Course> {
        let mut all = Vec::new();
        for day in 0..420_i64 {
            let created = date(2025, 1, 1).saturating_add(day.days());
            let closed = created.saturating_add(10.days());
            let won = 5 * times[usize::from((day / 30) % 2 == 1)];
            all.extend((0..10).map(|n| Course { created, closed: Some(closed), won: n < won }));
        }
        all
    }

    fn conversion() -> Conversion {
        let won = (0..=10).map(|age| if age == 10 { 0.5 } else { 0.0 }).collect();
        let waiting = (0..=10).map(|age| if age == 10 { 0.0 } else { 1.0 }).collect();
        Conversion::new(won, waiting, 4_000.0).unwrap()
    }

    #[test]
    fn periods_that_came_as_expected_vary_by_the_least() {
        let today = date(2026, 2, 1);
        let found = period_variance(&courses([1, 1]), &conversion(), today, 30, 1.0);
        assert_eq!(found, PERIOD_VARIANCE_MIN);
        assert_eq!(period_variance(&[], &conversion(), today, 30, 1.0), PERIOD_VARIANCE_MIN);
        let short = period_variance(&courses([0, 2]), &conversion(), today, 200, 1.0);
        assert_eq!(short, PERIOD_VARIANCE_MIN, "one earlier period says nothing");
    }

    #[test]
    fn periods_that_swing_vary_more() {
        // None in one month and twice as many in the next: the ratio is about 0 or 2.
        let found = period_variance(&courses([0, 2]), &conversion(), date(2026, 2, 1), 30, 1.0);
        assert!(found > 0.5, "{found}");
    }
}
