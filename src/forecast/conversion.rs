//! When an opportunity is won, if it is (`statistics.md` 5, 5.1): the Aalen-Johansen curve by age.

/// By age in whole days: the share that is won, and the share that still waits.
#[derive(Clone, Debug, PartialEq)]
pub struct Conversion {
    /// F: won by the end of that day.
    pub won: Vec<f64>,
    /// S: neither won nor lost by then.
    pub waiting: Vec<f64>,
    /// The size that the rate rests on.
    pub size: f64,
}

impl Conversion {
    /// A curve from age 0 to its horizon; none without one.
    pub fn new(won: Vec<f64>, waiting: Vec<f64>, size: f64) -> Option<Conversion> {
        (won.len() >= 2 && won.len() == waiting.len()).then_some(Conversion { won, waiting, size })
    }

    /// The age, in days, at which it is over.
    pub fn horizon_days(&self) -> usize {
        self.won.len() - 1
    }

    /// The share that is won at all.
    pub fn rate(&self) -> f64 {
        self.won[self.horizon_days()]
    }

    fn won_by(&self, age_days: i64) -> f64 {
        match usize::try_from(age_days) {
            Ok(age) => self.won[age.min(self.horizon_days())],
            Err(_) => 0.0,
        }
    }

    /// The lags of those that are won: the share of them that is won by this age.
    pub fn lag_share(&self, age_days: i64) -> f64 {
        let rate = self.rate();
        if rate > 0.0 { self.won_by(age_days) / rate } else { 0.0 }
    }

    /// The chance that an opportunity which is open at this age is won within so many days. One that is
    /// older than the horizon has the chance of the oldest tenth of the ages.
    pub fn chance(&self, age_days: i64, within_days: i64) -> f64 {
        let age = usize::try_from(age_days).unwrap_or(0);
        let at = |age: usize| {
            let waiting = self.waiting[age];
            let more = self.won_by(age as i64 + within_days) - self.won[age];
            (waiting > 0.0).then(|| (more / waiting).clamp(0.0, 1.0))
        };
        if !self.is_zombie(age_days) {
            return at(age).unwrap_or(0.0);
        }
        let horizon = self.horizon_days();
        let oldest: Vec<f64> = (horizon - horizon / 10..horizon).filter_map(at).collect();
        if oldest.is_empty() { 0.0 } else { oldest.iter().sum::<f64>() / oldest.len() as f64 }
    }

    /// Whether an open opportunity is older than any that was won.
    pub fn is_zombie(&self, age_days: i64) -> bool {
        let age = usize::try_from(age_days).unwrap_or(0);
        age > self.horizon_days() || self.waiting[age] <= 0.0
    }

    /// The days before an end within which a share of the usual wins still comes: the smallest lag by
    /// which at least that share is won.
    pub fn days_for(&self, share: f64) -> Option<i64> {
        let enough = |age: &usize| self.lag_share(*age as i64) >= share;
        (0..self.won.len()).find(enough).map(|age| age as i64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten enter: two are won at 2 days, two lost at 3, one won at 5.
    fn ten() -> Conversion {
        let won = vec![0.0, 0.0, 0.2, 0.2, 0.2, 0.3, 0.3];
        let waiting = vec![1.0, 1.0, 0.8, 0.6, 0.6, 0.5, 0.5];
        Conversion::new(won, waiting, 10.0).unwrap()
    }

    #[test]
    fn an_open_opportunitys_chance_is_that_of_those_that_waited_as_long() {
        let curve = ten();
        assert!((curve.chance(0, 2) - 0.2).abs() < 1e-12);
        assert!((curve.chance(0, 99) - 0.3).abs() < 1e-12);
        // Of the six that wait at 3 days one is won.
        assert!((curve.chance(3, 2) - 1.0 / 6.0).abs() < 1e-12);
        assert!((curve.chance(3, 1)).abs() < 1e-12);
        assert!(curve.is_zombie(7) && !curve.is_zombie(6));
    }

    #[test]
    fn the_last_useful_day_leaves_half_of_the_usual_chance() {
        assert_eq!(ten().days_for(0.5), Some(2));
        assert_eq!(ten().days_for(0.9), Some(5));
        assert!((ten().lag_share(2) - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(
            Conversion::new(vec![0.0, 0.0], vec![1.0, 1.0], 3.0).unwrap().days_for(0.5),
            None
        );
    }
}
