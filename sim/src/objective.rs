//! What an episode is worth: weighted reward terms, terminations and success, all read from the true state.
//!
//! Rewards are data, named terms with weights in the task's file, so that tuning one needs no code and every run
//! records what it was trained for. What terms cannot say is a [`CustomObjective`].

mod custom;

pub use custom::CustomObjective;

use crate::quantity::{Measure, Situation};
use serde::Deserialize;

/// What counts as good: a task's rewards, terminations and success.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Objective {
    pub(crate) rewards: Vec<RewardTerm>,
    pub(crate) terminations: Vec<Termination>,
    pub(crate) success: Option<Success>,
}

/// One weighted term of the reward.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RewardTerm {
    /// What is rewarded.
    pub measure: Measure,
    /// How the quantity becomes a number.
    pub shape: Shape,
    /// Factor; negative for a penalty.
    pub weight: f64,
    /// The quantity's own scale, in its unit: what counts as one. Smaller is stricter.
    pub scale: f64,
    /// Whether the state before the step counts, or the state that it led to.
    pub sample: Sample,
}

/// The state from which a reward term is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sample {
    /// The state in which the action was chosen, as in Gymnasium's pendulum.
    Before,
    /// The state to which the action led.
    #[default]
    After,
}

/// How a quantity `x`, divided by its scale, becomes a reward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// `x`.
    Linear,
    /// `x²`.
    Squared,
    /// `exp(-x²)`: from 1 at 0 to nothing beyond two scales; sharpens the end.
    Gaussian,
    /// `1 / (1 + x²)`: from 1 at 0 with a long tail; guides from afar.
    Rational,
    /// `1`, whatever the quantity: a reward for each step survived.
    Constant,
}

impl RewardTerm {
    /// The reward before its weight.
    pub(crate) fn shaped(&self, situation: &Situation) -> f64 {
        let x = self.measure.value(situation) / self.scale;
        match self.shape {
            Shape::Linear => x,
            Shape::Squared => x * x,
            Shape::Gaussian => libm::exp(-x * x),
            Shape::Rational => 1.0 / (1.0 + x * x),
            Shape::Constant => 1.0,
        }
    }
}

/// The sum of the terms that `sample` selects; `factors` are on their weights, 1 where there are none.
pub(crate) fn reward(terms: &[RewardTerm], factors: &[f64], sample: Sample, situation: &Situation) -> f64 {
    let selected = terms.iter().enumerate().filter(|(_, term)| term.sample == sample);
    selected.fold(0.0, |sum, (index, term)| {
        let value = term.weight * term.shaped(situation);
        sum + factors.get(index).map_or(value, |factor| factor * value)
    })
}

/// Ends an episode when a quantity leaves its bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Termination {
    /// What is watched.
    pub measure: Measure,
    /// The largest value that lets the episode continue, in the quantity's unit.
    pub above: f64,
    /// The smallest.
    pub below: f64,
    /// Added to the reward of the step that ends the episode.
    pub reward: f64,
}

impl Termination {
    /// Whether the episode ends here.
    pub(crate) fn applies(&self, situation: &Situation) -> bool {
        let value = self.measure.value(situation);
        value > self.above || value < self.below
    }
}

/// When an episode counts as a success: the quantity stays below its limit for the last seconds of a full episode.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Success {
    /// What is judged.
    pub measure: Measure,
    /// What of the values in the window must stay below `limit`.
    pub statistic: Statistic,
    /// In the quantity's unit.
    pub limit: f64,
    /// Length of the window at the episode's end, s.
    pub window_s: f64,
}

/// One number for the values of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// The largest.
    #[default]
    Max,
    /// The root of the mean square.
    Rms,
}

impl Success {
    /// What must stay below the limit: the quantity, or its distance from its target.
    pub(crate) fn value(&self, situation: &Situation) -> f64 {
        let value = self.measure.value(situation);
        if self.measure.target == 0.0 { value } else { value.abs() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantity::Quantity;
    use crate::truth::Truth;

    #[test]
    fn each_shape_is_its_formula() {
        let mut truth = Truth::default();
        truth.base.velocity_m_per_s = [0.0, 0.0, 1.0];
        let situation = Situation::still(&truth, &[], &[]);
        let term = |shape| RewardTerm {
            measure: Measure::of(Quantity::Speed),
            shape,
            weight: 2.0,
            scale: 0.5,
            sample: Sample::After,
        };
        for (shape, expected) in [
            (Shape::Linear, 4.0),
            (Shape::Squared, 8.0),
            (Shape::Gaussian, 2.0 * libm::exp(-4.0)),
            (Shape::Rational, 0.4),
            (Shape::Constant, 2.0),
        ] {
            assert_eq!(reward(&[term(shape)], &[], Sample::After, &situation), expected);
            assert_eq!(reward(&[term(shape)], &[0.5], Sample::After, &situation), 0.5 * expected);
            assert_eq!(reward(&[term(shape)], &[], Sample::Before, &situation), 0.0);
        }
    }
}
