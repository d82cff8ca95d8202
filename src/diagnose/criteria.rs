//! Whether the criteria of an opportunity are too tight or too loose.
//!
//! Too tight: fewer of the leads pass, and those that do are won more often. Too loose: the reverse, and not
//! because sales follows up more slowly than before.

/// The one-sided 5 % point of the normal distribution. Two things must be true at once, so a false verdict
/// is rarer than that.
const Z_ONE_SIDED: f64 = 1.644_853_626_951_472_2;
/// Fewer than this say nothing.
const SIZE_MIN: f64 = 20.0;

/// A share and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share {
    /// The share.
    pub share: f64,
    /// The size that it rests on.
    pub size: f64,
}

/// A share before and lately.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// Before.
    pub before: Share,
    /// Lately.
    pub lately: Share,
}

impl Change {
    /// How far it moved, in standard errors; none where too little is known.
    pub fn moved(&self) -> Option<f64> {
        let Change { before, lately } = self;
        if before.size < SIZE_MIN || lately.size < SIZE_MIN {
            return None;
        }
        let all = before.size + lately.size;
        let pooled = (before.share * before.size + lately.share * lately.size) / all;
        let error = (pooled * (1.0 - pooled) * (1.0 / before.size + 1.0 / lately.size)).sqrt();
        (error > 0.0).then(|| (lately.share - before.share) / error)
    }
}

/// What the shares say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Criteria {
    /// Fewer pass, and they are better.
    TooTight,
    /// More pass, and they are worse.
    TooLoose,
    /// More pass and they are worse, but they are followed up more slowly too.
    LooseOrSlow,
    /// Neither.
    Fit,
    /// Too little is known.
    NotDecidable,
}

/// Judges by the share of leads that pass, the share of these that is won, and the share of hand-offs that
/// is touched in time.
pub fn judge(pass: &Change, won: &Change, in_time: Option<&Change>) -> Criteria {
    let (Some(pass), Some(won)) = (pass.moved(), won.moved()) else {
        return Criteria::NotDecidable;
    };
    let slower = in_time.and_then(Change::moved).is_some_and(|moved| moved < -Z_ONE_SIDED);
    match () {
        () if pass < -Z_ONE_SIDED && won > Z_ONE_SIDED => Criteria::TooTight,
        () if pass > Z_ONE_SIDED && won < -Z_ONE_SIDED && slower => Criteria::LooseOrSlow,
        () if pass > Z_ONE_SIDED && won < -Z_ONE_SIDED => Criteria::TooLoose,
        () => Criteria::Fit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(before: f64, lately: f64) -> Change {
        let of = |share| Share { share, size: 200.0 };
        Change { before: of(before), lately: of(lately) }
    }

    #[test]
    fn both_shares_must_move_and_in_opposite_directions() {
        let (same, less, more) = (change(0.3, 0.3), change(0.4, 0.2), change(0.2, 0.4));
        assert_eq!(judge(&less, &more, None), Criteria::TooTight);
        assert_eq!(judge(&more, &less, None), Criteria::TooLoose);
        assert_eq!(judge(&more, &less, Some(&change(0.9, 0.5))), Criteria::LooseOrSlow);
        assert_eq!(judge(&more, &less, Some(&same)), Criteria::TooLoose);
        for (pass, won) in [(&same, &less), (&less, &same), (&less, &less), (&more, &more)] {
            assert_eq!(judge(pass, won, None), Criteria::Fit);
        }
    }

    #[test]
    fn few_decide_nothing() {
        let of = |share, size| Share { share, size };
        let few = Change { before: of(0.4, 200.0), lately: of(0.1, 8.0) };
        assert_eq!(few.moved(), None);
        assert_eq!(judge(&few, &change(0.2, 0.4), None), Criteria::NotDecidable);
        // By hand: (0.3 - 0.2) / sqrt(0.25 * 0.75 * (1/100 + 1/100)).
        let known = Change { before: of(0.2, 100.0), lately: of(0.3, 100.0) };
        assert!((known.moved().unwrap() - 1.632_993_161_855_452).abs() < 1e-12);
    }
}
