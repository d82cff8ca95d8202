//! The difference between two products, split over their factors without a rest.
//!
//! Log-mean Divisia (Ang 2005; `statistics.md` 4): `effect_x = Σ L(Rᴬ, Rᴾ) · ln(xᴬ / xᴾ)` with
//! `L(a, b) = (a - b) / (ln a - ln b)`. Where a factor is 0 on one side, Shapley's value for that segment.

use std::collections::BTreeMap;

/// The factors of one side, in one order.
type Side = Vec<(Factor, f64)>;

/// What may differ from the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Factor {
    /// How many entered the chain.
    Volume,
    /// Which of them: the segments' shares.
    Mix,
    /// The chain's rate number n.
    Rate(usize),
    /// When they came, of the chain's rate number n: early, late, or from before.
    Timing(usize),
    /// What one is worth.
    Value,
}

/// One side of a segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Factors {
    /// Entrants.
    pub volume: f64,
    /// Cohort rates of the chain; none where nobody entered, which takes the other side's.
    pub rates: Vec<Option<f64>>,
    /// What came in the window divided by entrants times rate; 1 where a plan has a fixed lag.
    pub timing: Vec<Option<f64>>,
    /// What one is worth; none where there is none.
    pub value: Option<f64>,
}

/// A segment: as planned, and as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Segment {
    /// As planned.
    pub plan: Factors,
    /// As it is.
    pub actual: Factors,
}

/// The contribution of each factor; they add up to the difference.
pub fn split(segments: &[Segment]) -> BTreeMap<Factor, f64> {
    let all = |side: fn(&Segment) -> &Factors| segments.iter().map(|s| side(s).volume).sum::<f64>();
    let (planned, actual) = (all(|s| &s.plan), all(|s| &s.actual));
    let mut effects = BTreeMap::new();
    for segment in segments {
        let (before, after) = sides(segment, planned, actual);
        let product = |side: &[(Factor, f64)]| side.iter().map(|(_, x)| x).product::<f64>();
        let (p, a) = (product(&before), product(&after));
        let one_sided = segment.plan.volume <= 0.0 || segment.actual.volume <= 0.0;
        if segments.len() > 1 && one_sided {
            // A segment that is new, or that has ended, is a matter of the mix.
            *effects.entry(Factor::Mix).or_insert(0.0) += a - p;
            continue;
        }
        let zero = before.iter().chain(&after).any(|(_, x)| *x <= 0.0);
        for (at, (factor, x)) in before.iter().enumerate() {
            let effect = if zero {
                shapley(&before, &after, at)
            } else {
                log_mean(a, p) * (after[at].1 / x).ln()
            };
            *effects.entry(*factor).or_insert(0.0) += effect;
        }
    }
    effects
}

/// The factors of both sides, an undefined one taking the other side's value.
fn sides(segment: &Segment, planned: f64, actual: f64) -> (Side, Side) {
    // Nothing at all has no mix.
    let share = |volume: f64, all: f64| if all > 0.0 { volume / all } else { 1.0 };
    let (plan, own) = (&segment.plan, &segment.actual);
    let mut before = vec![(Factor::Volume, planned), (Factor::Mix, share(plan.volume, planned))];
    let mut after = vec![(Factor::Volume, actual), (Factor::Mix, share(own.volume, actual))];
    let mut add = |factor: Factor, p: Option<f64>, a: Option<f64>| {
        let both = (p.or(a).unwrap_or(1.0), a.or(p).unwrap_or(1.0));
        before.push((factor, both.0));
        after.push((factor, both.1));
    };
    for (n, (p, a)) in plan.rates.iter().zip(&own.rates).enumerate() {
        add(Factor::Rate(n), *p, *a);
    }
    for (n, (p, a)) in plan.timing.iter().zip(&own.timing).enumerate() {
        add(Factor::Timing(n), *p, *a);
    }
    add(Factor::Value, plan.value, own.value);
    (before, after)
}

fn log_mean(a: f64, b: f64) -> f64 {
    let ratio = (a / b).ln();
    if (a / b - 1.0).abs() < 1e-6 {
        return (a * b).sqrt() * (1.0 + ratio * ratio / 24.0);
    }
    (a - b) / ratio
}

/// Shapley's value of one factor: its mean effect over all orders in which the factors change.
fn shapley(before: &[(Factor, f64)], after: &[(Factor, f64)], at: usize) -> f64 {
    let many = before.len();
    let others: Vec<usize> = (0..many).filter(|other| *other != at).collect();
    let factorial = |n: usize| (1..=n).map(|k| k as f64).product::<f64>();
    let step = after[at].1 - before[at].1;
    (0..1_u32 << others.len())
        .map(|chosen| {
            let size = chosen.count_ones() as usize;
            let weight = factorial(size) * factorial(many - size - 1) / factorial(many);
            let rest = others.iter().enumerate().map(|(bit, other)| {
                if chosen >> bit & 1 == 1 { after[*other].1 } else { before[*other].1 }
            });
            weight * rest.product::<f64>() * step
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn side(volume: f64, rate: f64, timing: f64, value: f64) -> Factors {
        Factors { volume, rates: vec![Some(rate)], timing: vec![Some(timing)], value: Some(value) }
    }

    /// Half of the volume, all else as planned: the volume alone explains it.
    #[test]
    fn what_did_not_change_contributes_nothing() {
        let segment =
            Segment { plan: side(100.0, 0.3, 1.0, 1_000.0), actual: side(50.0, 0.3, 1.0, 1_000.0) };
        let effects = split(&[segment]);
        assert!((effects[&Factor::Volume] + 15_000.0).abs() < 1e-9, "{effects:?}");
        for factor in [Factor::Mix, Factor::Rate(0), Factor::Timing(0), Factor::Value] {
            assert!(effects[&factor].abs() < 1e-9, "{factor:?}");
        }
    }

    /// Two factors of which one goes to 0, worked by hand: with 2 · 3 becoming 4 · 0, Shapley gives the
    /// first the mean of its steps at 3 and at 0, and the second that of its steps at 2 and at 4.
    #[test]
    fn a_zero_is_split_by_shapley() {
        let (before, after) = (
            [(Factor::Volume, 2.0), (Factor::Value, 3.0)],
            [(Factor::Volume, 4.0), (Factor::Value, 0.0)],
        );
        assert!((shapley(&before, &after, 0) - 3.0).abs() < 1e-12);
        assert!((shapley(&before, &after, 1) + 9.0).abs() < 1e-12);
    }

    #[test]
    fn a_new_segment_is_mix() {
        let old =
            Segment { plan: side(50.0, 0.3, 1.0, 100.0), actual: side(50.0, 0.3, 1.0, 100.0) };
        let new = Segment { plan: side(0.0, 0.3, 1.0, 100.0), actual: side(10.0, 0.3, 1.0, 100.0) };
        let effects = split(&[old, new]);
        let sum: f64 = effects.values().sum();
        assert!((sum - 300.0).abs() < 1e-9, "{effects:?}");
    }

    proptest! {
        #[test]
        fn the_parts_add_up_to_the_difference(
            plan in prop::collection::vec((0.0..200.0_f64, 0.0..1.0_f64, 0.0..2.0_f64, 0.0..9e4_f64), 1..4),
            actual in prop::collection::vec((0.0..200.0_f64, 0.0..1.0_f64, 0.0..2.0_f64, 0.0..9e4_f64), 4),
            zero in 0_usize..8,
        ) {
            let of = |(mut volume, mut rate, timing, value): (f64, f64, f64, f64)| {
                if zero == 1 { volume = 0.0 }
                if zero == 2 { rate = 0.0 }
                side(volume, rate, timing, value)
            };
            let segments: Vec<Segment> = plan.iter().zip(&actual)
                .map(|(p, a)| Segment { plan: side(p.0, p.1, p.2, p.3), actual: of(*a) }).collect();
            let worth = |f: &Factors| {
                f.volume * f.rates[0].unwrap() * f.timing[0].unwrap() * f.value.unwrap()
            };
            let difference: f64 = segments.iter().map(|s| worth(&s.actual) - worth(&s.plan)).sum();
            let sum: f64 = split(&segments).values().sum();
            prop_assert!((sum - difference).abs() < 1e-6 * (1.0 + difference.abs() + 2e7), "{} {}", sum, difference);
        }
    }
}
