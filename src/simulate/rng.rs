//! Chance and the clock: SplitMix64 with the few distributions that a sales history needs, and the
//! business hours that random moments have to respect.
//!
//! It never calls the platform's `exp`, `ln` or `cos`: their last bit differs between platforms,
//! and one bit is enough to turn one history into another.

use jiff::civil::{Date, DateTime, Weekday};
use jiff::{SignedDuration, Span};

use super::{CLOSING_HOUR, FIRST_AWAKE_HOUR, HOLIDAYS, OPENING_HOUR};

const BUSINESS_DAY_MINUTES: f64 = (CLOSING_HOUR - OPENING_HOUR) as f64 * 60.0;

/// A stream of random numbers. Streams made from different topics do not disturb each other, so
/// that one more draw for a lead leaves every campaign as it was.
pub struct Rng(u64);

impl Rng {
    /// The stream for the thing number `index` of a `topic`.
    pub fn of(seed: u64, topic: &str, index: usize) -> Rng {
        let mut state = seed;
        for byte in topic.bytes() {
            state = mix(state ^ u64::from(byte));
        }
        Rng(mix(state ^ index as u64))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// Uniform in [0, 1); 53 bits are all that a float can tell apart.
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Uniform in [low, high).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + self.unit() * (high - low)
    }

    /// A whole number below `limit`; the bias of this way is far below anything we could measure.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.unit() * limit as f64) as usize
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// Standard normal as the sum of twelve uniforms, which needs no logarithm and has no tail
    /// beyond six, so that no single draw can spoil a demonstration.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    pub fn log_normal(&mut self, median: f64, sigma: f64) -> f64 {
        median * exp(sigma * self.normal())
    }

    /// Knuth's method, in portions: for a large mean its threshold would vanish below the floats.
    pub fn poisson(&mut self, mean: f64) -> usize {
        const LARGEST_PORTION: f64 = 16.0;
        let mut arrivals = 0;
        let mut left = mean;
        while left > 0.0 {
            let threshold = exp(-left.min(LARGEST_PORTION));
            left -= LARGEST_PORTION;
            let mut product = self.unit();
            while product > threshold {
                arrivals += 1;
                product *= self.unit();
            }
        }
        arrivals
    }

    /// `at`, or some time during the next business day if nobody is at work then.
    pub fn working_moment(&mut self, at: DateTime) -> DateTime {
        let opening = next_opening(at);
        let waited = if opening > at { self.unit() } else { 0.0 };
        after_business_minutes(opening, waited * BUSINESS_DAY_MINUTES)
    }

    pub fn moment_between(&mut self, start: DateTime, end: DateTime) -> DateTime {
        let seconds = end.duration_since(start).as_secs().max(0);
        after_days(start, self.unit() * seconds as f64 / 86_400.0)
    }

    /// The index of one of the weights. Rounding may leave a point beyond the last of them, which
    /// is why the last possible index is the answer and not an error.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut point = self.unit() * weights.iter().sum::<f64>();
        let mut choice = 0;
        for (index, &weight) in weights.iter().enumerate() {
            if weight > 0.0 {
                choice = index;
            }
            if point < weight {
                break;
            }
            point -= weight;
        }
        choice
    }
}

fn is_business_day(day: Date) -> bool {
    !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) && !HOLIDAYS.contains(&day)
}

pub(super) fn at_hour(day: Date, hour: i8) -> DateTime {
    day.at(hour, 0, 0, 0)
}

/// The first moment of business hours that is not before `at`.
pub(super) fn next_opening(at: DateTime) -> DateTime {
    if is_business_day(at.date()) && at.hour() < CLOSING_HOUR {
        return at.max(at_hour(at.date(), OPENING_HOUR));
    }
    let mut day = at.date();
    loop {
        day = day.saturating_add(Span::new().days(1));
        if is_business_day(day) {
            return at_hour(day, OPENING_HOUR);
        }
    }
}

/// The moment that lies so many business minutes after `at`.
pub(super) fn after_business_minutes(at: DateTime, minutes: f64) -> DateTime {
    let mut at = next_opening(at);
    let mut left = SignedDuration::from_secs((minutes * 60.0) as i64);
    loop {
        let closing = at_hour(at.date(), CLOSING_HOUR);
        let today = closing.duration_since(at);
        if left < today {
            return at + left;
        }
        left -= today;
        at = next_opening(closing);
    }
}

/// Plain days later, but not while the city sleeps.
pub(super) fn after_days(at: DateTime, days: f64) -> DateTime {
    let later = at + SignedDuration::from_secs((days * 86_400.0) as i64);
    if later.hour() >= FIRST_AWAKE_HOUR {
        return later;
    }
    later + SignedDuration::from_hours(i64::from(FIRST_AWAKE_HOUR))
}

/// The output function of SplitMix64.
fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// e^x from multiplications only: a short series for x/1024, squared ten times.
fn exp(x: f64) -> f64 {
    let small = x / 1024.0;
    let mut power = 1.0 + small * (1.0 + small / 2.0 * (1.0 + small / 3.0 * (1.0 + small / 4.0)));
    for _ in 0..10 {
        power *= power;
    }
    power
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    const DRAWS: usize = 20_000;

    fn mean(draw: impl FnMut(usize) -> f64) -> f64 {
        (0..DRAWS).map(draw).sum::<f64>() / DRAWS as f64
    }

    #[test]
    fn agrees_with_the_published_splitmix64() {
        let mut rng = Rng(1_234_567);
        assert_eq!(rng.next(), 6_457_827_717_110_365_317);
        assert_eq!(rng.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn exp_is_close_to_the_real_one() {
        for x in [-16.0, -1.5, 0.0, 0.3, 4.2] {
            assert!((exp(x) / f64::exp(x) - 1.0).abs() < 1e-7, "exp({x})");
        }
    }

    #[test]
    fn distributions_have_their_means() {
        let mut rng = Rng::of(1, "test", 0);
        assert!((mean(|_| rng.unit()) - 0.5).abs() < 0.01);
        assert!(mean(|_| rng.normal()).abs() < 0.03);
        assert!((mean(|_| rng.poisson(40.0) as f64) - 40.0).abs() < 0.2);
        let above = mean(|_| f64::from(u8::from(rng.log_normal(55.0, 0.5) > 55.0)));
        assert!((above - 0.5).abs() < 0.02, "the median halves the draws, not {above}");
    }

    #[test]
    fn weights_are_respected_and_zero_is_never_chosen() {
        let mut rng = Rng::of(1, "test", 1);
        let mut counts = [0_usize; 3];
        for _ in 0..DRAWS {
            counts[rng.weighted(&[3.0, 1.0, 0.0])] += 1;
        }
        assert_eq!(counts[2], 0);
        assert!((counts[0] as f64 / DRAWS as f64 - 0.75).abs() < 0.02);
    }

    #[test]
    fn business_minutes_skip_nights_weekends_and_holidays() {
        let wednesday = date(2026, 11, 25).at(16, 30, 0, 0);
        assert_eq!(after_business_minutes(wednesday, 29.0), date(2026, 11, 25).at(16, 59, 0, 0));
        assert_eq!(after_business_minutes(wednesday, 60.0), date(2026, 11, 27).at(9, 30, 0, 0));
        let saturday = date(2026, 11, 14).at(20, 0, 0, 0);
        assert_eq!(after_business_minutes(saturday, 500.0), date(2026, 11, 17).at(9, 20, 0, 0));
    }

    #[test]
    fn nothing_is_planned_for_the_hours_of_sleep() {
        let evening = date(2026, 3, 7).at(22, 0, 0, 0);
        assert_eq!(after_days(evening, 0.2), date(2026, 3, 8).at(8, 48, 0, 0));
    }
}
