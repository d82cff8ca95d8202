//! Which channels and campaigns opportunities, wins and their value are owed to. Pure.
//!
//! The weights of one opportunity add up to 1 over what touched it, so that what is *sourced* adds up to
//! all there is. What is *influenced* counts an opportunity once for each key that touched it; it is never
//! added up. What nothing is known of is a row of its own.

pub mod model;

use std::collections::{BTreeMap, BTreeSet};

pub use model::Model;

/// The touches of one opportunity, the earliest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Path {
    /// The channel or the campaign of each touch.
    pub keys: Vec<Option<String>>,
    /// The touch that made the lead: the last one by then, else the first.
    pub made_lead: usize,
    /// The touch that made the opportunity: the last one by then, else the first.
    pub made_opportunity: usize,
    /// What is attributed: 1, or a value.
    pub worth: f64,
}

/// What is owed to one channel or campaign.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Credit {
    /// By each of [`Model::ALL`].
    pub sourced: [f64; Model::ALL.len()],
    /// What it touched at all; never to be added up.
    pub influenced: f64,
}

/// What is owed to each key; none is "unattributed".
pub fn credit(paths: &[Path]) -> BTreeMap<Option<String>, Credit> {
    let mut credits: BTreeMap<Option<String>, Credit> = BTreeMap::new();
    for path in paths {
        if path.keys.is_empty() {
            let unknown = credits.entry(None).or_default();
            unknown.sourced.iter_mut().for_each(|sum| *sum += path.worth);
            unknown.influenced += path.worth;
            continue;
        }
        for (at, model) in Model::ALL.into_iter().enumerate() {
            let weights = model.weights(path.keys.len(), path.made_lead, path.made_opportunity);
            for (key, weight) in path.keys.iter().zip(weights) {
                credits.entry(key.clone()).or_default().sourced[at] += weight * path.worth;
            }
        }
        for key in path.keys.iter().collect::<BTreeSet<_>>() {
            credits.entry(key.clone()).or_default().influenced += path.worth;
        }
    }
    credits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn two_touches_of_one_channel_influence_an_opportunity_once() {
        let keys = ["web", "mail", "web"].map(|key| Some(key.to_owned())).to_vec();
        let path = Path { keys, made_lead: 0, made_opportunity: 2, worth: 1.0 };
        let nothing = Path { worth: 1.0, ..Path::default() };
        let credits = credit(&[path, nothing]);
        let web = &credits[&Some("web".to_owned())];
        assert_eq!(web.influenced, 1.0);
        assert!((web.sourced[2] - 2.0 / 3.0).abs() < 1e-12, "linear");
        assert_eq!(credits[&None].sourced, [1.0; 5]);
    }

    proptest! {
        #[test]
        fn what_is_sourced_adds_up_to_all_there_is(
            paths in prop::collection::vec(
                (prop::collection::vec(prop::option::of("[ab]"), 0..7), 0_usize..7, 0_usize..7, 1_u32..900),
                1..20,
            ),
        ) {
            let paths: Vec<Path> = paths
                .into_iter()
                .map(|(keys, lead, deal, worth)| {
                    let last = keys.len().saturating_sub(1);
                    Path {
                        keys,
                        made_lead: lead.min(last),
                        made_opportunity: deal.min(last),
                        worth: f64::from(worth),
                    }
                })
                .collect();
            let all: f64 = paths.iter().map(|path| path.worth).sum();
            let credits = credit(&paths);
            for (at, model) in Model::ALL.into_iter().enumerate() {
                let sum: f64 = credits.values().map(|credit| credit.sourced[at]).sum();
                prop_assert!((sum - all).abs() < 1e-9 * all, "{}: {sum} of {all}", model.name());
            }
            for credit in credits.values() {
                let least = credit.sourced.iter().all(|sum| *sum <= credit.influenced + 1e-9);
                prop_assert!(least, "{credit:?}");
            }
        }
    }
}
