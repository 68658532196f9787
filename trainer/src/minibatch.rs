//! Rows of a rollout, gathered for one update, and the order in which updates take them.
//!
//! A minibatch is cut into fixed shards that threads work on side by side. How many there are follows from its size alone,
//! and their gradients are added in order, so the result is the same for any number of threads.

use crate::random::Stream;
use crate::rollout::{Rollout, RolloutShape};
use std::ops::Range;

/// Rows of one shard where that gives few enough shards: products of that many rows still run at full speed, and their
/// intermediate values stay in a core's own cache.
const SHARD_ROWS: usize = 256;
/// Shards at most: each costs one pass over the parameters when gradients are added.
const MOST_SHARDS: usize = 8;

/// The shards of `rows` rows.
pub fn shards(rows: usize) -> impl Iterator<Item = Range<usize>> {
    let count = rows.div_ceil(SHARD_ROWS).clamp(1, MOST_SHARDS);
    (0..count).map(move |shard| rows * shard / count..rows * (shard + 1) / count)
}

/// The rows of a rollout that are experience, in the order in which they are taken.
#[derive(Clone, Debug, Default)]
pub struct Order {
    rows: Vec<usize>,
}

impl Order {
    /// Room for a rollout's rows.
    pub fn new(shape: RolloutShape) -> Self {
        Self { rows: Vec::with_capacity(shape.rows()) }
    }

    /// Takes a rollout's rows, in their order.
    pub fn take(&mut self, rollout: &Rollout) {
        rollout.experience(&mut self.rows);
    }

    /// Shuffles them (Fisher and Yates).
    pub fn shuffle(&mut self, stream: &mut Stream) {
        for last in (1..self.rows.len()).rev() {
            self.rows.swap(last, stream.index(last + 1));
        }
    }

    /// The rows.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// `span` of the rows, which start again after the last: faults leave a few less than a rollout holds.
    fn span(&self, span: Range<usize>) -> impl Iterator<Item = usize> {
        span.map(|position| self.rows[position % self.rows.len()])
    }
}

/// What an update reads of some rows.
#[derive(Clone, Debug)]
pub struct Rows {
    shape: RolloutShape,
    /// `[rows, observation]`.
    pub observations: Vec<f32>,
    /// Observations and privileged values side by side, `[rows, observation + privileged]`; empty without privileged values.
    joined: Vec<f32>,
    /// `[rows, sample]`.
    pub samples: Vec<f32>,
    /// Of the actor that drew the samples, `[rows, output]`.
    pub outputs: Vec<f32>,
    /// Of the actor that drew the samples, `[rows]`.
    pub log_probs: Vec<f32>,
    /// The critic's, when the samples were drawn, `[rows]`.
    pub values: Vec<f32>,
    /// `[rows]`.
    pub advantages: Vec<f32>,
    /// What the critic should have said, `[rows]`.
    pub targets: Vec<f32>,
}

impl Rows {
    /// Room for `count` rows.
    pub fn new(shape: RolloutShape, count: usize) -> Self {
        let joined = if shape.privileged_size > 0 { count * shape.critic_size() } else { 0 };
        Self {
            shape,
            observations: vec![0.0; count * shape.observation_size],
            joined: vec![0.0; joined],
            samples: vec![0.0; count * shape.sample_size],
            outputs: vec![0.0; count * shape.output_size],
            log_probs: vec![0.0; count],
            values: vec![0.0; count],
            advantages: vec![0.0; count],
            targets: vec![0.0; count],
        }
    }

    /// How many.
    pub fn count(&self) -> usize {
        self.values.len()
    }

    /// What the critic sees, `[rows, observation + privileged]`.
    pub fn critic_inputs(&self) -> &[f32] {
        if self.joined.is_empty() { &self.observations } else { &self.joined }
    }

    /// Gathers `span` of `order` from a rollout with its advantages and targets.
    pub fn gather(
        &mut self,
        rollout: &Rollout,
        [advantages, targets]: [&[f32]; 2],
        order: &Order,
        span: Range<usize>,
    ) {
        let RolloutShape { observation_size, privileged_size, sample_size, output_size, .. } = self.shape;
        for (index, row) in order.span(span).enumerate() {
            copy_row(&mut self.observations, index, &rollout.observations, row, observation_size);
            copy_row(&mut self.samples, index, &rollout.samples, row, sample_size);
            copy_row(&mut self.outputs, index, &rollout.outputs, row, output_size);
            self.log_probs[index] = rollout.log_probs[row];
            self.values[index] = rollout.values[row];
            self.advantages[index] = advantages[row];
            self.targets[index] = targets[row];
            if privileged_size > 0 {
                let privileged = &rollout.privileged[row * privileged_size..(row + 1) * privileged_size];
                let width = observation_size + privileged_size;
                let joined = &mut self.joined[index * width..(index + 1) * width];
                let observation = &rollout.observations[row * observation_size..(row + 1) * observation_size];
                join(joined, observation, privileged);
            }
        }
    }
}

/// One row of observations and one of privileged values, side by side.
pub fn join(joined: &mut [f32], observation: &[f32], privileged: &[f32]) {
    let (left, right) = joined.split_at_mut(observation.len());
    left.copy_from_slice(observation);
    right.copy_from_slice(privileged);
}

/// In a loop: rows are shorter than a call of `memcpy` is worth.
fn copy_row(to: &mut [f32], index: usize, from: &[f32], row: usize, width: usize) {
    let to = &mut to[index * width..(index + 1) * width];
    let from = &from[row * width..(row + 1) * width];
    for (to, from) in to.iter_mut().zip(from) {
        *to = *from;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::end::End;

    const SHAPE: RolloutShape = RolloutShape {
        steps: 5,
        environments: 1,
        observation_size: 1,
        privileged_size: 2,
        sample_size: 1,
        output_size: 1,
    };

    #[test]
    fn shards_cover_every_row_once_and_follow_from_the_number_of_rows() {
        for rows in [1, 64, 257, 1000, 5000] {
            let covered: Vec<usize> = shards(rows).flatten().collect();
            assert_eq!(covered, (0..rows).collect::<Vec<_>>());
        }
        assert_eq!(shards(64).count(), 1);
        assert_eq!(shards(1024).count(), 4);
        assert_eq!(shards(100_000).count(), 8);
    }

    #[test]
    fn a_shuffled_order_takes_every_experience_once_and_starts_again() {
        let mut rollout = Rollout::new(SHAPE);
        rollout.ends[2] = End::Faulted;
        let mut order = Order::new(SHAPE);
        order.take(&rollout);
        assert_eq!(order.rows(), [0, 1, 3, 4]);
        order.shuffle(&mut Stream::new(3, "shuffle test"));
        let mut taken: Vec<usize> = order.span(0..4).collect();
        assert_eq!(order.span(4..5).next(), Some(taken[0]));
        taken.sort_unstable();
        assert_eq!(taken, [0, 1, 3, 4]);
    }

    #[test]
    fn the_critic_sees_observation_and_privileged_values_of_the_same_row() {
        let mut rollout = Rollout::new(SHAPE);
        rollout.observations = vec![0.0, 1.0, 2.0, 3.0, 4.0];
        rollout.privileged = (0..10).map(|index| 10.0 + index as f32).collect();
        let mut order = Order::new(SHAPE);
        order.take(&rollout);
        let mut rows = Rows::new(SHAPE, 2);
        rows.gather(&rollout, [&[0.0; 5], &[0.0; 5]], &order, 2..4);
        assert_eq!(rows.observations, [2.0, 3.0]);
        assert_eq!(rows.critic_inputs(), [2.0, 14.0, 15.0, 3.0, 16.0, 17.0]);
    }
}
