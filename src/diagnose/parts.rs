//! Parts that add up to the cent, each with how sure it is.

use std::collections::BTreeMap;

use super::split::{Factor, Factors, Segment, split};
use crate::forecast::draw::Chance;

/// Draws of an interval.
const DRAWS: usize = 2_000;
/// Every interval's seed: the same data gives the same figures.
const SEED: u64 = 0xd1a6;

/// What the actual side of a segment rests on.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Effective size of each rate.
    pub sizes: Vec<f64>,
    /// Counts of the stages: entrants, what came of the first rate, and so on.
    pub counts: Vec<f64>,
    /// Variance of a count divided by its mean.
    pub dispersion: f64,
    /// What won ones were worth.
    pub values: Vec<f64>,
}

/// What a factor contributed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// The factor.
    pub factor: Factor,
    /// Its contribution: below 0 it cost something.
    pub effect: f64,
    /// Lower end of the 90 % interval.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Part {
    /// Whether its direction is more than chance.
    pub fn is_decided(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// The parts, rounded to cents that add up to the rounded difference, with the timing of all rates as
/// one. The intervals draw rates from their posterior, counts from their law, values from the wins.
pub fn parts(segments: &[Segment], evidence: &[Evidence]) -> Vec<Part> {
    let effects = rounded(&merged(split(segments)));
    let mut drawn: BTreeMap<Factor, Vec<f64>> = BTreeMap::new();
    let mut chance = Chance::new(SEED);
    for _ in 0..DRAWS {
        let other: Vec<Segment> = segments
            .iter()
            .zip(evidence)
            .map(|(segment, evidence)| Segment {
                plan: segment.plan.clone(),
                actual: redrawn(&segment.actual, evidence, &mut chance),
            })
            .collect();
        for (factor, effect) in merged(split(&other)) {
            drawn.entry(factor).or_default().push(effect);
        }
    }
    let quantile = |factor: Factor, q: f64| {
        let mut all = drawn.get(&factor).cloned().unwrap_or_default();
        all.sort_unstable_by(f64::total_cmp);
        let at = (q * all.len() as f64) as usize;
        all.get(at.min(all.len().saturating_sub(1))).copied().unwrap_or(0.0)
    };
    effects
        .into_iter()
        .map(|(factor, effect)| Part {
            factor,
            effect,
            low: quantile(factor, 0.05),
            high: quantile(factor, 0.95),
        })
        .collect()
}

fn merged(effects: BTreeMap<Factor, f64>) -> BTreeMap<Factor, f64> {
    let mut merged = BTreeMap::new();
    for (factor, effect) in effects {
        let factor = if let Factor::Timing(_) = factor { Factor::Timing(0) } else { factor };
        *merged.entry(factor).or_insert(0.0) += effect;
    }
    merged
}

/// What could as well have been.
fn redrawn(actual: &Factors, evidence: &Evidence, chance: &mut Chance) -> Factors {
    // None may as well have been one.
    let counts: Vec<f64> = evidence
        .counts
        .iter()
        .map(|count| chance.count(count.max(0.5), evidence.dispersion))
        .collect();
    let mut rates = Vec::new();
    for (n, (rate, size)) in actual.rates.iter().zip(&evidence.sizes).enumerate() {
        let apart = actual.timing.get(n).copied().flatten().is_some();
        let together = (counts[n] > 0.0).then(|| counts[n + 1] / counts[n]);
        rates.push(match rate {
            Some(rate) if apart => Some(chance.rate(*rate, *size)),
            Some(_) => together,
            None => None,
        });
    }
    let timing = actual.timing.iter().enumerate().map(|(n, timing)| {
        let rate = rates.get(n).copied().flatten();
        match (timing, rate, counts.get(n), counts.get(n + 1)) {
            (Some(_), Some(rate), Some(entered), Some(came)) if rate * entered > 0.0 => {
                Some(came / (entered * rate))
            }
            (timing, ..) => *timing,
        }
    });
    let many = evidence.values.len();
    let sum: f64 = (0..many).map(|_| chance.one_of(&evidence.values)).sum();
    Factors {
        volume: counts.first().copied().unwrap_or(actual.volume),
        timing: timing.collect(),
        rates,
        value: if many > 0 { Some(sum / many as f64) } else { actual.value },
    }
}

/// Cents by the largest remainder, so that they add up.
fn rounded(effects: &BTreeMap<Factor, f64>) -> BTreeMap<Factor, f64> {
    let total = (effects.values().sum::<f64>() * 100.0).round();
    let mut cents: Vec<(Factor, f64, f64)> = effects
        .iter()
        .map(|(factor, effect)| {
            let whole = (effect * 100.0).floor();
            (*factor, whole, effect * 100.0 - whole)
        })
        .collect();
    let missing = total - cents.iter().map(|(_, whole, _)| whole).sum::<f64>();
    cents.sort_by(|a, b| b.2.total_cmp(&a.2));
    for (_, whole, _) in cents.iter_mut().take(missing.max(0.0) as usize) {
        *whole += 1.0;
    }
    cents.into_iter().map(|(factor, whole, _)| (factor, whole / 100.0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(actual: Factors, counts: Vec<f64>, values: Vec<f64>) -> Vec<Part> {
        let plan = Factors {
            volume: 100.0,
            rates: vec![Some(0.3)],
            timing: vec![Some(1.0)],
            value: Some(1_000.0),
        };
        let evidence = Evidence { sizes: vec![counts[0]], counts, dispersion: 1.0, values };
        parts(&[Segment { plan, actual }], &[evidence])
    }

    #[test]
    fn a_large_shortfall_is_decided_and_a_small_one_is_not() {
        let actual = |volume: f64, rate: f64| Factors {
            volume,
            rates: vec![Some(rate)],
            timing: vec![Some(1.0)],
            value: Some(1_000.0),
        };
        let found = case(actual(40.0, 0.28), vec![40.0, 11.2], vec![1_000.0; 11]);
        let of = |factor: Factor| found.iter().find(|part| part.factor == factor).unwrap();
        assert!(of(Factor::Volume).is_decided() && of(Factor::Volume).effect < -10_000.0);
        assert!(!of(Factor::Rate(0)).is_decided(), "{:?}", of(Factor::Rate(0)));
        let sum: f64 = found.iter().map(|part| part.effect).sum();
        assert!((sum - (40.0 * 0.28 * 1_000.0 - 30_000.0)).abs() < 0.006, "{sum}");
    }

    #[test]
    fn cents_add_up() {
        let third = 10.0 / 3.0;
        let effects = [(Factor::Volume, third), (Factor::Mix, third), (Factor::Value, third)];
        let rounded = rounded(&effects.into_iter().collect());
        let sum: f64 = rounded.values().sum();
        assert!((sum - 10.0).abs() < 1e-9, "{rounded:?}");
    }
}
