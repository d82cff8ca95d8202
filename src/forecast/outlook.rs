//! What is known at an instant about the rest of a period, in expectation (`statistics.md` 5.1 to 5.4).

use jiff::{ToSpan, civil::Date};

use super::Conversion;

/// An open opportunity.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Open {
    /// Its age in days.
    pub age_days: i64,
    /// What it is worth in the company's currency, where it says so.
    pub value: Option<f64>,
}

/// New opportunities on a coming day.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Intake {
    /// The day.
    pub day: Date,
    /// How many are expected.
    pub count: f64,
    /// The most that ever came in a month, for a day of it.
    pub count_max: f64,
}

/// A period's rest.
#[derive(Clone, Debug, PartialEq)]
pub struct Outlook {
    /// The day up to which everything is seen.
    pub today: Date,
    /// The period's first day: what is won before it does not count.
    pub from: Date,
    /// The day after the period's last.
    pub to: Date,
    /// What is there: wins, or money.
    pub actual: f64,
    /// What is wanted.
    pub goal: f64,
    /// When an opportunity is won.
    pub conversion: Conversion,
    /// What is open.
    pub open: Vec<Open>,
    /// What will be new, on business days.
    pub intake: Vec<Intake>,
    /// Variance of a count of new ones divided by its mean.
    pub dispersion: f64,
    /// The variance of what a whole period has in common, its mean being 1.
    pub period_variance: f64,
    /// What won ones were worth; each counts as one where wins are counted and not money.
    pub values: Option<Vec<f64>>,
}

/// The rest of a period in expectation.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pipeline {
    /// The value (or the number) of what is open.
    pub open: f64,
    /// Opportunities that are open, and those of them that are older than any that was won.
    pub open_count: usize,
    /// Of `open_count`.
    pub zombies: usize,
    /// What the open ones will bring within the period.
    pub expected_open: f64,
    /// What new ones will bring within it.
    pub expected_new: f64,
    /// Open value divided by what is missing; none when nothing is.
    pub coverage: Option<f64>,
    /// The coverage that this company's own conversion asks for; none when nothing is open or missing.
    pub coverage_needed: Option<f64>,
    /// What will be missing at the end.
    pub gap_at_end: f64,
    /// The part of it that the most ever created could still bring.
    pub recoverable: f64,
    /// The rest of it.
    pub beyond_recovery: f64,
    /// Opportunities that would have to be created now to close the gap.
    pub needed_now: Option<f64>,
    /// The day up to which everything is seen.
    pub today: Option<Date>,
    /// The last day on which a new opportunity has half of its usual chance to count.
    pub last_useful_day: Option<Date>,
    /// The last on which it has a tenth of it.
    pub last_possible_day: Option<Date>,
    /// The same of the stages before, the earliest first.
    pub last_days_before: Vec<LastDays>,
}

/// Until when a new entrant of a stage counts.
#[derive(Clone, Debug, PartialEq)]
pub struct LastDays {
    /// The stage's name.
    pub stage: &'static str,
    /// The last day on which it has half of its usual chance to count.
    pub useful: Date,
    /// The last on which it has a tenth of it.
    pub possible: Date,
}

/// The last days of a stage whose entrants are won by this curve, for a period that ends before `to`
/// (`statistics.md` 5, 3).
pub fn last_days(stage: &'static str, conversion: &Conversion, to: Date) -> Option<LastDays> {
    let last = |share: f64| to.checked_sub((conversion.days_for(share)? + 1).days()).ok();
    Some(LastDays { stage, useful: last(0.5)?, possible: last(0.1)? })
}

impl Outlook {
    /// What a win is worth.
    pub fn mean_value(&self) -> f64 {
        match &self.values {
            None => 1.0,
            Some(values) if values.is_empty() => 0.0,
            Some(values) => values.iter().sum::<f64>() / values.len() as f64,
        }
    }

    /// What an open one is worth, if it is won.
    pub fn value_of(&self, open: &Open) -> f64 {
        match self.values {
            None => 1.0,
            Some(_) => open.value.unwrap_or_else(|| self.mean_value()),
        }
    }

    /// The share of a day's new ones, of those that are won at all, that is won in time.
    pub fn in_time(&self, day: Date) -> f64 {
        let by = |end: Date| self.conversion.lag_share(days_between(day, end) - 1);
        by(self.to) - by(self.from)
    }

    /// The chance that an open one is won within the period.
    pub fn chance(&self, open: &Open) -> f64 {
        let by = |end: Date| match days_between(self.today, end) - 1 {
            days if days >= 0 => self.conversion.chance(open.age_days, days),
            _ => 0.0,
        };
        (by(self.to) - by(self.from)).max(0.0)
    }

    /// The rest in expectation.
    pub fn pipeline(&self) -> Pipeline {
        let (rate, value) = (self.conversion.rate(), self.mean_value());
        let open: f64 = self.open.iter().map(|open| self.value_of(open)).sum();
        let expected_open: f64 =
            self.open.iter().map(|open| self.chance(open) * self.value_of(open)).sum();
        let brings = |count: fn(&Intake) -> f64| -> f64 {
            self.intake.iter().map(|day| count(day) * rate * self.in_time(day.day) * value).sum()
        };
        let expected_new = brings(|day| day.count);
        let missing = (self.goal - self.actual).max(0.0);
        let gap_at_end = (missing - expected_open - expected_new).max(0.0);
        let spare = brings(|day| (day.count_max - day.count).max(0.0));
        let recoverable = gap_at_end.min(spare);
        let kappa = if open > 0.0 { expected_open / open } else { 0.0 };
        let new_share = if missing > 0.0 { (expected_new / missing).min(1.0) } else { 0.0 };
        let now = rate * self.in_time(self.today) * value;
        Pipeline {
            open,
            open_count: self.open.len(),
            zombies: self.open.iter().filter(|o| self.conversion.is_zombie(o.age_days)).count(),
            // The sum of nothing is minus zero.
            expected_open: expected_open + 0.0,
            expected_new: expected_new + 0.0,
            coverage: (missing > 0.0).then_some(open / missing),
            coverage_needed: (missing > 0.0 && kappa > 0.0).then(|| (1.0 - new_share) / kappa),
            gap_at_end,
            recoverable,
            beyond_recovery: gap_at_end - recoverable,
            needed_now: (now > 0.0).then(|| gap_at_end / now),
            today: Some(self.today),
            last_useful_day: self.last_day(0.5),
            last_possible_day: self.last_day(0.1),
            last_days_before: Vec::new(),
        }
    }

    /// The last day from which so much of the usual conversion comes before the end.
    fn last_day(&self, share: f64) -> Option<Date> {
        let days = self.conversion.days_for(share)?;
        self.to.checked_sub((days + 1).days()).ok()
    }
}

fn days_between(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;
    use proptest::prelude::*;

    fn outlook(actual: f64, goal: f64) -> Outlook {
        let conversion = Conversion::new(
            (0..=40).map(|age| 0.3 * f64::from(age) / 40.0).collect(),
            (0..=40).map(|age| 1.0 - 0.7 * f64::from(age) / 40.0).collect(),
            100.0,
        );
        let intake = (0..10).map(|n| Intake {
            day: date(2026, 6, 11).saturating_add(n.days()),
            count: 2.0,
            count_max: 3.0,
        });
        Outlook {
            today: date(2026, 6, 10),
            from: date(2026, 6, 1),
            to: date(2026, 7, 1),
            actual,
            goal,
            conversion: conversion.unwrap(),
            open: vec![
                Open { age_days: 0, value: Some(100.0) },
                Open { age_days: 20, value: None },
            ],
            intake: intake.collect(),
            dispersion: 1.0,
            period_variance: 0.01,
            values: Some(vec![50.0, 150.0]),
        }
    }

    #[test]
    fn the_last_days_of_a_stage_leave_half_and_a_tenth_of_its_wins() {
        // Of the wins a third comes within 4 days, the rest by 9.
        let won = vec![0.0, 0.0, 0.0, 0.0, 0.1, 0.1, 0.1, 0.1, 0.1, 0.3];
        let curve = Conversion::new(won, vec![1.0; 10], 50.0).unwrap();
        let days = last_days("leads", &curve, date(2026, 7, 1)).unwrap();
        assert_eq!((days.useful, days.possible), (date(2026, 6, 21), date(2026, 6, 26)));
    }

    #[test]
    fn the_rest_is_what_is_worked_out_by_hand() {
        let pipeline = outlook(0.0, 1_000.0).pipeline();
        // 20 whole days are left: 15 % of all, and 15 of the 65 that wait at 20 days.
        let open = 100.0 * 0.15 + 100.0 * 0.15 / 0.65;
        assert!((pipeline.expected_open - open).abs() < 1e-9, "{pipeline:?}");
        // On 11 June 19 days are left, on 20 June 10.
        let new: f64 = (10..20).map(|left| 2.0 * 0.3 * f64::from(left) / 40.0 * 100.0).sum();
        assert!((pipeline.expected_new - new).abs() < 1e-9);
        assert_eq!(pipeline.coverage, Some(0.2));
        let needed = (1.0 - new / 1_000.0) / (open / 200.0);
        assert!((pipeline.coverage_needed.unwrap() - needed).abs() < 1e-9);
        assert!((pipeline.recoverable - new / 2.0).abs() < 1e-9);
        assert_eq!(pipeline.last_useful_day, Some(date(2026, 6, 10)));
        assert_eq!(pipeline.last_possible_day, Some(date(2026, 6, 26)));
        let reached = outlook(2_000.0, 1_000.0).pipeline();
        assert_eq!((reached.coverage, reached.coverage_needed), (None, None));
    }

    #[test]
    fn what_is_won_before_the_period_does_not_count() {
        let mut outlook = outlook(0.0, 1_000.0);
        let whole = outlook.pipeline();
        outlook.from = date(2026, 6, 21);
        // Of the ten days before it, and of the ten after it.
        let later = outlook.pipeline();
        let open = 100.0 * 0.075 + 100.0 * 0.075 / 0.65;
        assert!((later.expected_open - open).abs() < 1e-9, "{later:?} {whole:?}");
        let before: f64 = (0..10).map(|left| 2.0 * 0.3 * f64::from(left) / 40.0 * 100.0).sum();
        assert!((whole.expected_new - later.expected_new - before).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn the_gap_is_what_can_be_recovered_and_what_cannot(actual in 0.0..3_000.0_f64, goal in 0.0..3_000.0_f64) {
            let pipeline = outlook(actual, goal).pipeline();
            let sum = pipeline.recoverable + pipeline.beyond_recovery;
            prop_assert!((sum - pipeline.gap_at_end).abs() < 1e-9);
            prop_assert!(pipeline.recoverable >= 0.0 && pipeline.beyond_recovery >= -1e-9);
        }
    }
}
