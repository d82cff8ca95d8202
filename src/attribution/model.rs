//! How an opportunity is shared among what touched it.

/// A way of sharing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// All to the first touch.
    First,
    /// All to the last.
    Last,
    /// Every touch alike.
    Linear,
    /// 40 % to the first, 40 % to the one that made the lead, 20 % to the others.
    UShaped,
    /// 30 % to the first, to the one that made the lead and to the one that made the opportunity, 10 %
    /// to the others.
    WShaped,
}

impl Model {
    /// All of them.
    pub const ALL: [Model; 5] =
        [Model::First, Model::Last, Model::Linear, Model::UShaped, Model::WShaped];

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Model::First => "first",
            Model::Last => "last",
            Model::Linear => "linear",
            Model::UShaped => "u_shaped",
            Model::WShaped => "w_shaped",
        }
    }

    /// The weight of each touch; they add up to 1. A touch that is several things at once has the weights
    /// of all of them, and what would go to others goes to these where there are no others.
    pub fn weights(self, touches: usize, made_lead: usize, made_opportunity: usize) -> Vec<f64> {
        let (marked, each): (Vec<usize>, f64) = match self {
            Model::First => (vec![0], 1.0),
            Model::Last => (vec![touches.saturating_sub(1)], 1.0),
            Model::Linear => (Vec::new(), 0.0),
            Model::UShaped => (vec![0, made_lead], 0.4),
            Model::WShaped => (vec![0, made_lead, made_opportunity], 0.3),
        };
        let mut weights = vec![0.0; touches];
        for touch in &marked {
            weights[*touch] += each;
        }
        let others = weights.iter().filter(|weight| **weight == 0.0).count();
        let given = each * marked.len() as f64;
        for weight in &mut weights {
            *weight = match (others, *weight == 0.0) {
                (0, _) => *weight / given,
                (_, true) => (1.0 - given) / others as f64,
                (_, false) => *weight,
            };
        }
        weights
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(model: Model, touches: usize, lead: usize, deal: usize, expected: &[f64]) {
        let weights = model.weights(touches, lead, deal);
        assert_eq!(weights.len(), expected.len());
        for (weight, expected) in weights.iter().zip(expected) {
            assert!((weight - expected).abs() < 1e-12, "{model:?}: {weights:?}");
        }
    }

    #[test]
    fn weights_are_those_of_the_textbook() {
        close(Model::First, 3, 1, 2, &[1.0, 0.0, 0.0]);
        close(Model::Last, 3, 1, 2, &[0.0, 0.0, 1.0]);
        close(Model::Linear, 4, 1, 2, &[0.25; 4]);
        close(Model::UShaped, 4, 2, 3, &[0.4, 0.1, 0.4, 0.1]);
        close(Model::WShaped, 5, 2, 4, &[0.3, 0.05, 0.3, 0.05, 0.3]);
    }

    #[test]
    fn a_touch_that_is_several_things_has_the_weights_of_all() {
        for model in Model::ALL {
            close(model, 1, 0, 0, &[1.0]);
        }
        close(Model::UShaped, 2, 1, 1, &[0.5, 0.5]);
        close(Model::UShaped, 2, 0, 1, &[0.8, 0.2]);
        close(Model::WShaped, 2, 0, 1, &[2.0 / 3.0, 1.0 / 3.0]);
        close(Model::WShaped, 3, 0, 2, &[0.6, 0.1, 0.3]);
    }
}
