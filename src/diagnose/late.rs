//! What late follow-up costs: the difference of the win rates of prompt and late hand-offs, compared within
//! strata only.
//!
//! The pooled risk difference of Mantel & Haenszel with the variance of Sato (1989), which holds for few
//! large strata and for many small ones alike. A stratum that has only prompt ones, or only late ones, says
//! nothing.

use std::collections::BTreeMap;

/// The 97.5 % point of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;
/// Fewer comparable hand-offs than this on either side say nothing.
const EACH_MIN: usize = 20;

/// A hand-off that could be seen for the whole window.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// What it is compared within.
    pub stratum: String,
    /// Touched in time.
    pub prompt: bool,
    /// Won within the window.
    pub won: bool,
}

/// Prompt ones against late ones.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// The win rate of prompt ones less that of late ones, within strata.
    pub difference: f64,
    /// Its 95 % interval.
    pub low: f64,
    /// See there.
    pub high: f64,
    /// Prompt ones in strata that have both.
    pub prompt: usize,
    /// Late ones in these.
    pub late: usize,
}

impl Comparison {
    /// Whether chance would not explain it.
    pub fn is_decided(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}

/// Compares them; none where too few are comparable.
pub fn compare(seen: &[Seen]) -> Option<Comparison> {
    // Prompt, prompt and won, late, late and won.
    let mut strata: BTreeMap<&str, [f64; 4]> = BTreeMap::new();
    for one in seen {
        let counts = strata.entry(&one.stratum).or_default();
        let side = if one.prompt { 0 } else { 2 };
        counts[side] += 1.0;
        counts[side + 1] += f64::from(u8::from(one.won));
    }
    strata.retain(|_, counts| counts[0] > 0.0 && counts[2] > 0.0);
    let (mut sum, mut weight, mut p, mut q) = (0.0, 0.0, 0.0, 0.0);
    let (mut prompt, mut late) = (0.0, 0.0);
    for [n1, a, n0, b] in strata.into_values() {
        let n = n1 + n0;
        sum += (a * n0 - b * n1) / n;
        weight += n1 * n0 / n;
        p += (n1 * n1 * b - n0 * n0 * a + n1 * n0 * (n0 - n1) / 2.0) / (n * n);
        q += (a * (n0 - b) + b * (n1 - a)) / (2.0 * n);
        prompt += n1;
        late += n0;
    }
    let (prompt, late) = (prompt as usize, late as usize);
    if prompt < EACH_MIN || late < EACH_MIN {
        return None;
    }
    let difference = sum / weight;
    let half = Z * ((difference * p + q) / (weight * weight)).max(0.0).sqrt();
    Some(Comparison { difference, low: difference - half, high: difference + half, prompt, late })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stratum(name: &str, [n1, a, n0, b]: [usize; 4]) -> Vec<Seen> {
        let of = |prompt: bool, all: usize, won: usize| {
            (0..all).map(move |n| Seen { stratum: name.to_owned(), prompt, won: n < won })
        };
        of(true, n1, a).chain(of(false, n0, b)).collect()
    }

    /// The figures of an independent program: 0.24468085 and variance 0.01049020 without the minimum.
    #[test]
    fn the_pooled_difference_is_that_of_mantel_and_haenszel_with_satos_variance() {
        let mut all = stratum("a", [20, 8, 30, 5]);
        all.extend(stratum("b", [10, 3, 15, 2]));
        all.extend(stratum("c", [1, 1, 4, 0]));
        all.extend(stratum("only prompt", [50, 50, 0, 0]));
        let found = compare(&all).unwrap();
        assert!((found.difference - 0.244_680_851_063_829_75).abs() < 1e-12);
        let half = Z * 0.010_490_209_298_517_67_f64.sqrt();
        assert!((found.low - (found.difference - half)).abs() < 1e-9, "{found:?}");
        assert_eq!((found.prompt, found.late), (31, 49));
        assert!(found.is_decided());
    }

    #[test]
    fn a_channel_that_is_good_and_served_promptly_is_no_effect_of_promptness() {
        // All are won at 60 % in the good channel and at 10 % in the bad one, prompt or late.
        let mut all = stratum("good", [100, 60, 20, 12]);
        all.extend(stratum("bad", [20, 2, 100, 10]));
        let found = compare(&all).unwrap();
        assert!(found.difference.abs() < 1e-12 && !found.is_decided(), "{found:?}");
        let mixed: Vec<Seen> =
            all.into_iter().map(|one| Seen { stratum: String::new(), ..one }).collect();
        assert!(compare(&mixed).unwrap().difference > 0.3, "without strata it would be one");
    }

    #[test]
    fn too_few_say_nothing() {
        assert_eq!(compare(&stratum("a", [19, 5, 100, 5])), None);
        assert_eq!(compare(&[]), None);
    }
}
