//! How events fall into the weeks of a period, learnt from comparable periods before it: the share of
//! each week, and how much a count varies beyond chance (`statistics.md` 2c).

use jiff::{ToSpan, civil::Date};

use crate::domain::period::Period;

/// Fewer periods than this teach nothing.
pub const PERIODS_MIN: usize = 4;
/// More than this are too long ago.
pub const PERIODS_MAX: usize = 8;
/// Fewer events in all of them teach nothing.
pub const EVENTS_MIN: f64 = 30.0;

/// What was learnt.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// The share of a period's events that has come by the end of each week.
    pub by_week: Vec<f64>,
    /// Variance divided by mean, with the uncertainty of the estimates in it; at least 1.
    pub dispersion: f64,
    /// Periods that it was learnt from.
    pub periods: usize,
    /// Events in them.
    pub events: f64,
}

impl History {
    /// From the weekly counts of periods, the same number of weeks in each. None when they are too few.
    ///
    /// The share of a week is that of all periods together, with one pseudo-event spread as the whole's is
    /// (evenly where there is no whole), so that no week is impossible. The dispersion is Pearson's statistic over its degrees of freedom, never
    /// below 1, times `1 + 1/Q` for having been estimated from Q periods.
    pub fn learn(weekly: &[Vec<f64>], whole: Option<&History>) -> Option<History> {
        let weeks = weekly.first().map_or(0, Vec::len);
        let totals: Vec<f64> = weekly.iter().map(|counts| counts.iter().sum()).collect();
        let events: f64 = totals.iter().sum();
        if weekly.len() < PERIODS_MIN || events < EVENTS_MIN || weeks < 2 {
            return None;
        }
        let week = |w: usize| weekly.iter().map(|counts| counts[w]).sum::<f64>();
        let pseudo = |w: usize| match whole.filter(|whole| whole.by_week.len() == weeks) {
            Some(whole) if w > 0 => whole.by_week[w] - whole.by_week[w - 1],
            Some(whole) => whole.by_week[0],
            None => 1.0 / weeks as f64,
        };
        let share = |w: usize| (week(w) + pseudo(w)) / (events + 1.0);
        let shares: Vec<f64> = (0..weeks).map(share).collect();
        let with_events = (0..weeks).filter(|w| week(*w) > 0.0).count();
        let periods = weekly.len() as f64;
        let freedom = (periods - 1.0) * (with_events as f64 - 1.0);
        let pearson: f64 = weekly
            .iter()
            .zip(&totals)
            .filter(|(_, total)| **total > 0.0)
            .flat_map(|(counts, total)| {
                counts.iter().zip(&shares).map(move |(count, share)| {
                    let expected = total * share;
                    (count - expected).powi(2) / expected
                })
            })
            .sum();
        let raw = if freedom > 0.0 { (pearson / freedom).max(1.0) } else { 1.0 };
        let by_week = shares.iter().scan(0.0, |sum, share| {
            *sum += share;
            Some(*sum)
        });
        Some(History {
            by_week: by_week.collect(),
            dispersion: raw * (1.0 + 1.0 / periods),
            periods: weekly.len(),
            events,
        })
    }
}

/// The comparable periods before one, the latest first: whole months before a period of whole months,
/// else as many days.
pub fn before(period: Period) -> Vec<Period> {
    let days = days_between(period.from, period.to);
    let months = months_between(period.from, period.to);
    let back = |date: Date, times: i32| match months {
        Some(months) => date.checked_sub((months * times).months()),
        None => date.checked_sub((days * times).days()),
    };
    let earlier = (1..=PERIODS_MAX as i32).map_while(|times| {
        Some(Period {
            from: back(period.from, times).ok()?,
            to: back(period.from, times - 1).ok()?,
        })
    });
    earlier.collect()
}

/// The number of weeks of a period, the last of which may be short.
pub fn weeks(period: Period) -> usize {
    usize::try_from((days_between(period.from, period.to) + 6) / 7).unwrap_or(0)
}

/// The week of a period that a day lies in; what is longer than the period's own weeks is its last.
pub fn week_of(period: Period, day: Date, weeks: usize) -> Option<usize> {
    let since = days_between(period.from, day);
    let week = usize::try_from(since / 7).ok().filter(|_| since >= 0 && day < period.to)?;
    Some(week.min(weeks.saturating_sub(1)))
}

fn days_between(from: Date, to: Date) -> i32 {
    from.until(to).map_or(0, |span| span.get_days())
}

/// How many months a period has, when it is whole months.
fn months_between(from: Date, to: Date) -> Option<i32> {
    if from.day() != to.day() || from.day() > 28 {
        return None;
    }
    let months = |date: Date| i32::from(date.year()) * 12 + i32::from(date.month());
    Some(months(to) - months(from)).filter(|months| *months > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn quarters_come_before_a_quarter_and_days_before_odd_days() {
        let quarter = Period { from: date(2026, 10, 1), to: date(2027, 1, 1) };
        let earlier = before(quarter);
        assert_eq!(earlier.len(), 8);
        assert_eq!((earlier[0].from, earlier[0].to), (date(2026, 7, 1), date(2026, 10, 1)));
        assert_eq!((earlier[7].from, earlier[7].to), (date(2024, 10, 1), date(2025, 1, 1)));
        let odd = Period { from: date(2026, 3, 3), to: date(2026, 3, 13) };
        assert_eq!(before(odd)[1], Period { from: date(2026, 2, 11), to: date(2026, 2, 21) });
        assert_eq!(weeks(quarter), 14);
        assert_eq!(week_of(quarter, date(2026, 12, 31), 14), Some(13));
        assert_eq!(week_of(quarter, date(2027, 1, 1), 14), None);
        assert_eq!(week_of(quarter, date(2026, 9, 30), 14), None);
    }

    /// By hand: shares (11+.5)/31 and (19+.5)/31.
    #[test]
    fn shares_and_dispersion_are_those_worked_by_hand() {
        let weekly = [[2.0, 6.0], [3.0, 4.0], [3.0, 5.0], [3.0, 4.0]].map(Vec::from);
        let history = History::learn(&weekly, None).unwrap();
        assert!((history.by_week[0] - 11.5 / 31.0).abs() < 1e-12);
        assert!((history.by_week[1] - 1.0).abs() < 1e-12);
        // Closer together than chance: never below 1, times 1 + 1/4.
        assert!((history.dispersion - 1.25).abs() < 1e-12);
        let wild = [[0.0, 9.0], [9.0, 0.0], [1.0, 8.0], [8.0, 1.0]].map(Vec::from);
        // Both shares are one half: (4.5² + 4.5² + 3.5² + 3.5²) · 2 / 4.5 over three degrees.
        let expected = 2.0 * (2.0 * 20.25 + 2.0 * 12.25) / 4.5 / 3.0 * 1.25;
        assert!((History::learn(&wild, None).unwrap().dispersion - expected).abs() < 1e-9);
    }

    #[test]
    fn too_few_periods_or_events_teach_nothing() {
        assert_eq!(History::learn(&vec![vec![20.0, 20.0]; 3], None), None);
        assert_eq!(History::learn(&vec![vec![2.0, 2.0]; 4], None), None);
        assert_eq!(History::learn(&[], None), None);
    }
}
