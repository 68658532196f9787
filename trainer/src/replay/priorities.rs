//! Prioritized draws (Schaul et al. 2016, arXiv 1511.05952, proportional form) from a tree of sums.
//!
//! Transition `i` has priority `p_i = (|error| + epsilon)^exponent` and is drawn with probability `P(i) = p_i / Σ p`. Draws
//! are stratified: one from each of `batch` equal shares of the sum, as in the paper's appendix. A node is always the sum of
//! its children as they are, never a running total, so no rounding piles up and equal priorities give equal trees.

use super::Batch;
use crate::random::Stream;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::math;

/// Keeps a transition without error from never being drawn again.
const EPSILON: f32 = 1e-6;

/// A priority for each place of a ring.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Priorities {
    exponent: f32,
    /// A complete binary tree: node `i` has children `2 i` and `2 i + 1`, the root is 1, and the leaves are the second half.
    sums: Vec<f64>,
    /// Of all priorities so far: that of a new transition, so that each is learned from at least about once.
    largest: f64,
}

impl Priorities {
    /// No priorities, for `capacity` places.
    pub fn new(capacity: usize, exponent: f32) -> Self {
        Self { exponent, sums: vec![0.0; 2 * capacity.next_power_of_two()], largest: 1.0 }
    }

    /// How many places there are, rounded up to a power of two.
    pub fn capacity(&self) -> usize {
        self.sums.len() / 2
    }

    /// Gives a new transition's place the largest priority so far.
    pub fn insert(&mut self, place: usize) {
        self.write(place, self.largest);
    }

    /// Gives a place the priority of its transition's error.
    pub fn set(&mut self, place: usize, error: f32) {
        let priority = f64::from(power(error.abs() + EPSILON, self.exponent));
        self.largest = if priority > self.largest { priority } else { self.largest };
        self.write(place, priority);
    }

    /// Fills the batch's indices, and its weights: `(count P(i))^-importance`, divided by the largest of the batch.
    pub(super) fn draw(&self, stream: &mut Stream, count: usize, importance: f32, batch: &mut Batch) {
        let total = self.sums[1];
        let share = total / batch.indices.len() as f64;
        let mut largest = 0.0;
        for (slot, index) in batch.indices.iter_mut().enumerate() {
            let mass = (slot as f64 + f64::from(stream.unit())) * share;
            // Rounding may lead past the last transition.
            *index = self.find(mass).min(count - 1);
            let likelihood = self.sums[self.sums.len() / 2 + *index] / total * count as f64;
            let weight = power(likelihood as f32, -importance);
            batch.weights[slot] = weight;
            largest = if weight > largest { weight } else { largest };
        }
        batch.weights.iter_mut().for_each(|weight| *weight /= largest);
    }

    fn write(&mut self, place: usize, priority: f64) {
        let mut node = self.sums.len() / 2 + place;
        self.sums[node] = priority;
        while node > 1 {
            node /= 2;
            self.sums[node] = self.sums[2 * node] + self.sums[2 * node + 1];
        }
    }

    /// The place at which the running sum of priorities passes `mass`.
    fn find(&self, mut mass: f64) -> usize {
        let leaves = self.sums.len() / 2;
        let mut node = 1;
        while node < leaves {
            let left = self.sums[2 * node];
            // Past an empty half there is nothing to find, whatever rounding left of the mass.
            if mass < left || self.sums[2 * node + 1] <= 0.0 {
                node *= 2;
            } else {
                mass -= left;
                node = 2 * node + 1;
            }
        }
        node - leaves
    }
}

/// `base^exponent` for a positive base.
fn power(base: f32, exponent: f32) -> f32 {
    math::exp(exponent * math::ln(base))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_found_by_its_share_of_the_sum() {
        let mut priorities = Priorities::new(5, 1.0);
        for (place, error) in [1.0, 2.0, 0.0, 3.0, 4.0].into_iter().enumerate() {
            priorities.set(place, error);
        }
        assert!((priorities.sums[1] - 10.0).abs() < 1e-4);
        for (mass, place) in [(0.5, 0), (1.5, 1), (2.9, 1), (3.5, 3), (6.5, 4), (9.9, 4), (11.0, 4)] {
            assert_eq!(priorities.find(mass), place, "{mass}");
        }
    }

    #[test]
    fn the_exponent_flattens_priorities() {
        let mut priorities = Priorities::new(2, 0.5);
        priorities.set(0, 4.0);
        priorities.set(1, 9.0);
        assert!((priorities.sums[2] - 2.0).abs() < 1e-5 && (priorities.sums[3] - 3.0).abs() < 1e-5);
    }
}
