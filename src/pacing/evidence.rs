//! Whether a shortfall is more than chance, looked at week by week: a group-sequential test with
//! O'Brien-Fleming-type spending (Lan & DeMets 1983; `statistics.md` 2b).
//!
//! At look k at most `alpha(t_k)` of all periods that run to plan have crossed the boundary, with `t`
//! the share of the events that are expected by the last look. So a period that runs to plan is called
//! behind with a probability of at most alpha, however often one looks.

use super::counts::Law;
use crate::domain::normal::{normal_cdf, normal_quantile};

/// One-sided probability that a period which runs to plan is called behind.
pub const ALPHA: f64 = 0.05;
/// A look with fewer expected events decides nothing and costs nothing.
pub const EXPECTED_MIN: f64 = 5.0;
/// Above this a p-value is of no interest to anybody.
const P_VALUE_MAX: f64 = 0.2;
/// Halvings in the search for the least alpha: to a thousandth of itself.
const HALVINGS: usize = 14;
/// The smallest alpha that is told apart from none.
const ALPHA_MIN: f64 = 1e-9;

/// Which way a boundary lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Too few.
    Below,
    /// More than planned.
    Above,
}

/// The schedule of a period's looks, under the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Looks {
    /// Events expected by each look, from the period's start; not falling.
    pub expected: Vec<f64>,
    /// Variance of a count divided by its mean, at least 1.
    pub dispersion: f64,
}

/// What is known at the last look taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// The first look, counted from 0, at which the boundary was crossed.
    pub crossed: Option<usize>,
    /// The least alpha whose boundary has been crossed, where that is at most 0.2.
    pub p_value: Option<f64>,
}

/// The alpha that may be spent by the share `t` of the information.
fn spent(alpha: f64, t: f64) -> f64 {
    if t <= 0.0 {
        return 0.0;
    }
    let z = normal_quantile(1.0 - alpha / 2.0);
    2.0 - 2.0 * normal_cdf(z / t.min(1.0).sqrt())
}

impl Looks {
    /// The boundary of each look for an alpha: the largest count that is too small, or the smallest
    /// that is more than chance. None where a look decides nothing.
    ///
    /// Only the first `taken` looks are worked out; all alpha is spent at the last of the schedule.
    pub fn boundaries(&self, alpha: f64, side: Side, taken: usize) -> Vec<Option<f64>> {
        let all = self.expected.last().copied().unwrap_or(0.0);
        let unit = Law::unit(all, self.dispersion);
        let (mut going_on, mut before, mut crossed) = (Law::sure(0), 0.0, 0.0);
        let mut boundaries = Vec::new();
        for expected in self.expected.iter().take(taken) {
            if *expected < EXPECTED_MIN {
                boundaries.push(None);
                continue;
            }
            let step = Law::of_count(expected - before, self.dispersion, unit);
            (going_on, before) = (going_on.plus(&step), *expected);
            let left = spent(alpha, expected / all) - crossed;
            let (boundary, mass) = cut(&mut going_on, side, left);
            crossed += mass;
            boundaries.push(boundary.map(|at| at as f64 * unit));
        }
        boundaries
    }

    /// What the counts by each look that was taken say.
    pub fn evidence(&self, counts: &[f64], side: Side) -> Evidence {
        let crossed_at = |alpha: f64| self.crossed_at(counts, side, alpha);
        // What has come as planned needs no arithmetic.
        let towards = |(expected, count): (&f64, &f64)| match side {
            Side::Below => count < expected,
            Side::Above => count > expected,
        };
        if !self.expected.iter().zip(counts).any(towards) {
            return Evidence { crossed: None, p_value: None };
        }
        let p_value = least_alpha(|alpha| crossed_at(alpha).is_some());
        let crossed = crossed_at(ALPHA).filter(|_| p_value.is_some());
        Evidence { crossed, p_value }
    }

    /// The first look at which the boundary of an alpha was crossed.
    pub fn crossed_at(&self, counts: &[f64], side: Side, alpha: f64) -> Option<usize> {
        let boundaries = self.boundaries(alpha, side, counts.len().min(self.expected.len()));
        boundaries.iter().zip(counts).position(|(boundary, count)| match (boundary, side) {
            (None, _) => false,
            (Some(boundary), Side::Below) => count <= boundary,
            (Some(boundary), Side::Above) => count >= boundary,
        })
    }
}

/// Takes off the end of a law as much as `left` allows; gives the boundary and what was taken.
fn cut(law: &mut Law, side: Side, left: f64) -> (Option<i64>, f64) {
    let (mut taken, mut points) = (0.0, 0);
    let length = law.mass.len();
    for step in 0..length {
        let at = if side == Side::Below { step } else { length - 1 - step };
        if taken + law.mass[at] > left {
            break;
        }
        taken += law.mass[at];
        points = step + 1;
        law.mass[at] = 0.0;
    }
    let edge = |points: usize| match side {
        Side::Below => law.first + points as i64 - 1,
        Side::Above => law.first + (length - points) as i64,
    };
    // Below the first number that carries anything lies what can be called impossible; it is a boundary
    // too, but never a negative count.
    let boundary = Some(edge(points)).filter(|at| *at >= 0);
    (boundary, taken)
}

/// The least alpha for which something holds, which holds for every larger one.
fn least_alpha(holds: impl Fn(f64) -> bool) -> Option<f64> {
    if !holds(P_VALUE_MAX) {
        return None;
    }
    if holds(ALPHA_MIN) {
        return Some(ALPHA_MIN);
    }
    let (mut low, mut high) = (ALPHA_MIN.ln(), P_VALUE_MAX.ln());
    for _ in 0..HALVINGS {
        let middle = 0.5 * (low + high);
        if holds(middle.exp()) { high = middle } else { low = middle }
    }
    Some(high.exp())
}

/// Which of many hypotheses fall at a false discovery rate of at most 0.2 (Benjamini & Hochberg 1995).
pub fn discoveries(p_values: &[Option<f64>], rate: f64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    let p = |at: usize| p_values[at].unwrap_or(1.0);
    order.sort_by(|a, b| p(*a).total_cmp(&p(*b)));
    let many = p_values.len() as f64;
    let holds = |(rank, at): (usize, &usize)| p(*at) <= rate * (rank + 1) as f64 / many;
    let last = order.iter().enumerate().rposition(holds);
    let mut found = vec![false; p_values.len()];
    for at in order.into_iter().take(last.map_or(0, |last| last + 1)) {
        found[at] = true;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn linear(all: f64, dispersion: f64) -> Looks {
        // Twelve weekly looks of a period of thirteen weeks.
        Looks { expected: (1..=12).map(|k| all * f64::from(k) / 13.0).collect(), dispersion }
    }

    #[test]
    fn all_alpha_is_spent_at_the_last_look_and_hardly_any_at_the_first() {
        assert!((spent(ALPHA, 1.0) - ALPHA).abs() < 1e-12);
        assert!(spent(ALPHA, 0.2) < 2e-5);
        assert!(spent(ALPHA, 0.0).abs() < 1e-12);
    }

    /// The chance of crossing at any look, by adding up what is taken off at each.
    fn false_alarms(looks: &Looks, actual: f64) -> f64 {
        let boundaries = looks.boundaries(ALPHA, Side::Below, looks.expected.len());
        let (mut going_on, mut before, mut crossed) = (Law::sure(0), 0.0, 0.0);
        for (expected, boundary) in looks.expected.iter().zip(boundaries) {
            going_on =
                going_on.plus(&Law::of_count((expected - before) * actual, looks.dispersion, 1.0));
            before = *expected;
            let Some(boundary) = boundary else { continue };
            for (at, mass) in going_on.mass.iter_mut().enumerate() {
                if (going_on.first + at as i64) as f64 <= boundary {
                    crossed += *mass;
                    *mass = 0.0;
                }
            }
        }
        crossed
    }

    /// The table of `statistics.md` 2b, column "OBF spent by w12", known dispersion.
    #[test]
    fn false_alarms_and_power_are_those_that_were_found_by_convolution() {
        for (all, dispersion, alarm, power) in [
            (12.0, 1.0, 0.046, 0.241),
            (40.0, 1.0, 0.044, 0.558),
            (200.0, 1.0, 0.049, 0.997),
            (12.0, 2.0, 0.038, 0.153),
            (40.0, 2.0, 0.049, 0.391),
            (200.0, 2.0, 0.049, 0.921),
        ] {
            let looks = linear(all, dispersion);
            let (found_alarm, found_power) = (false_alarms(&looks, 1.0), false_alarms(&looks, 0.7));
            assert!((found_alarm - alarm).abs() < 6e-4, "{all} {dispersion}: {found_alarm}");
            assert!((found_power - power).abs() < 6e-4, "{all} {dispersion}: {found_power}");
        }
    }

    #[test]
    fn a_large_count_is_decided_as_a_normal_one() {
        let looks = linear(2_000_000.0, 1.0);
        let boundary = looks.boundaries(ALPHA, Side::Below, 12)[11].unwrap();
        let by_then = looks.expected[11];
        let z = (boundary - by_then) / by_then.sqrt();
        // -1.80 by exact convolution at 1,500 events.
        assert!((-1.83..-1.78).contains(&z), "{z}");
    }

    #[test]
    fn what_was_taken_before_stands_whatever_comes_after() {
        let looks = linear(40.0, 1.0);
        let early = looks.evidence(&[0.0, 0.0, 0.0, 0.0], Side::Below);
        assert!(early.crossed.is_some() && early.p_value.is_some_and(|p| p < ALPHA));
        let later = looks.evidence(&[0.0, 0.0, 0.0, 0.0, 30.0, 40.0], Side::Below);
        assert_eq!(later.crossed, early.crossed);
        let none = looks.evidence(&[3.0], Side::Below);
        assert_eq!((none.crossed, none.p_value), (None, None));
        assert!(looks.evidence(&[3.0, 6.0, 9.0, 30.0], Side::Above).crossed.is_some());
    }

    #[test]
    fn benjamini_and_hochberg_reject_the_example_of_their_paper() {
        let p = [
            0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
            0.5719, 0.6528, 0.7590, 1.0,
        ];
        let found = discoveries(&p.map(Some), 0.05);
        assert_eq!(found.iter().filter(|found| **found).count(), 4);
        assert!(discoveries(&[], 0.1).is_empty());
    }

    proptest! {
        #[test]
        fn one_more_event_never_makes_a_shortfall_more_certain(
            all in 8.0..80.0_f64, dispersion in 1.0..3.0_f64, weekly in prop::collection::vec(0_u32..8, 12), at in 0_usize..12,
        ) {
            let looks = linear(all, dispersion);
            let sums = |weekly: &[u32]| -> Vec<f64> {
                weekly.iter().scan(0, |sum, week| { *sum += week; Some(f64::from(*sum)) }).collect()
            };
            let mut more = weekly.clone();
            more[at] += 1;
            let (fewer, more) = (sums(&weekly), sums(&more));
            let (fewer, more) = (looks.evidence(&fewer, Side::Below), looks.evidence(&more, Side::Below));
            let p = |evidence: &Evidence| evidence.p_value.unwrap_or(1.0);
            prop_assert!(p(&more) >= p(&fewer) * 0.999);
            prop_assert!(fewer.crossed.is_some() || more.crossed.is_none());
        }
    }
}
