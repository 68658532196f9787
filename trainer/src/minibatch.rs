//! Rows of a rollout, gathered for one update, and the order in which updates take them.
//!
//! What is taken are whole sequences, which without memory are single rows. Those of one update lie side by side, step by step,
//! so that a network runs one step of all of them at a time.
//!
//! A minibatch is cut into fixed shards that threads work on side by side. How many there are follows from its size alone,
//! and their gradients are added in order, so the result is the same for any number of threads.

use crate::end::End;
use crate::network::gru::Past;
use crate::random::Stream;
use crate::rollout::{Rollout, RolloutShape};
use std::ops::Range;

/// Rows of one shard where that gives few enough shards: products of that many rows still run at full speed, and their
/// intermediate values stay in a core's own cache.
const SHARD_ROWS: usize = 256;
/// Shards at most: each costs one pass over the parameters when gradients are added.
const MOST_SHARDS: usize = 8;

/// The shards of `sequences` sequences of `steps` steps.
pub fn shards(sequences: usize, steps: usize) -> impl Iterator<Item = Range<usize>> {
    let most = MOST_SHARDS.min(sequences.max(1));
    let count = (sequences * steps).div_ceil(SHARD_ROWS).clamp(1, most);
    (0..count).map(move |shard| sequences * shard / count..sequences * (shard + 1) / count)
}

/// The rows of a rollout that are experience, and the order in which its sequences are taken.
#[derive(Clone, Debug, Default)]
pub struct Order {
    rows: Vec<usize>,
    /// The first row of each.
    sequences: Vec<usize>,
}

impl Order {
    /// Room for a rollout's rows.
    pub fn new(shape: RolloutShape) -> Self {
        Self { rows: Vec::with_capacity(shape.rows()), sequences: Vec::with_capacity(shape.sequences()) }
    }

    /// Takes a rollout's rows and sequences, in their order. Without memory rows that are no experience are left out; in
    /// sequences they stand where they stood, and nothing is learned from them.
    pub fn take(&mut self, rollout: &Rollout) {
        rollout.experience(&mut self.rows);
        if rollout.shape.memory.is_some() {
            rollout.sequence_starts(&mut self.sequences);
        } else {
            self.sequences.clear();
            self.sequences.extend_from_slice(&self.rows);
        }
    }

    /// Shuffles the sequences (Fisher and Yates).
    pub fn shuffle(&mut self, stream: &mut Stream) {
        for last in (1..self.sequences.len()).rev() {
            self.sequences.swap(last, stream.index(last + 1));
        }
    }

    /// The rows that are experience, as the rollout has them.
    pub fn rows(&self) -> &[usize] {
        &self.rows
    }

    /// First rows of `span` of the sequences, which start again after the last: faults leave a few less than a rollout holds.
    fn span(&self, span: Range<usize>) -> impl Iterator<Item = usize> {
        span.map(|position| self.sequences[position % self.sequences.len()])
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
    /// The actor's and the critic's states before the sequences, `[sequences, memory]`.
    states: [Vec<f32>; 2],
    /// Which rows begin an episode within their sequence, `[rows]`; empty without memory.
    begins: Vec<bool>,
    /// Those that are no experience, which are among them where there is memory.
    faulted: Vec<usize>,
    /// Where in the rollout the rows lie, `[rows]`.
    sources: Vec<usize>,
}

/// Whose states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The actor's.
    Actor,
    /// The critic's.
    Critic,
}

impl Rows {
    /// Room for so many sequences.
    pub fn new(shape: RolloutShape, sequences: usize) -> Self {
        let count = sequences * shape.sequence_steps();
        let remembered = if shape.memory.is_some() { count } else { 0 };
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
            states: [0, 1].map(|_| vec![0.0; sequences * shape.memory_size()]),
            begins: vec![false; remembered],
            faulted: Vec::with_capacity(remembered),
            sources: Vec::with_capacity(count),
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

    /// What came before the rows.
    pub fn past(&self, whose: Whose) -> Past<'_> {
        Past { states: &self.states[whose as usize], begins: &self.begins }
    }

    /// Makes the critic's `outputs [rows]` those that it had and should have, for rows that are no experience: whatever the loss,
    /// they add nothing to it.
    pub fn excuse(&mut self, outputs: &[f32]) {
        for row in &self.faulted {
            self.values[*row] = outputs[*row];
            self.targets[*row] = outputs[*row];
        }
    }

    /// Gathers `span` of the order's sequences from a rollout with its advantages and targets.
    pub fn gather(
        &mut self,
        rollout: &Rollout,
        [advantages, targets]: [&[f32]; 2],
        order: &Order,
        span: Range<usize>,
    ) {
        let (steps, environments) = (self.shape.sequence_steps(), self.shape.environments);
        self.sources.clear();
        for step in 0..steps {
            self.sources.extend(order.span(span.clone()).map(|first| first + step * environments));
        }
        let sources = &self.sources[..];
        let RolloutShape { observation_size, privileged_size, sample_size, output_size, .. } = self.shape;
        gather_rows(&mut self.observations, &rollout.observations, sources, observation_size);
        gather_rows(&mut self.samples, &rollout.samples, sources, sample_size);
        gather_rows(&mut self.outputs, &rollout.outputs, sources, output_size);
        gather_rows(&mut self.log_probs, &rollout.log_probs, sources, 1);
        gather_rows(&mut self.values, &rollout.values, sources, 1);
        gather_rows(&mut self.advantages, advantages, sources, 1);
        gather_rows(&mut self.targets, targets, sources, 1);
        if privileged_size > 0 {
            let joined = self.joined.chunks_exact_mut(observation_size + privileged_size);
            let observations = self.observations.chunks_exact(observation_size);
            for ((joined, observation), row) in joined.zip(observations).zip(sources) {
                let start = row * privileged_size;
                join(joined, observation, &rollout.privileged[start..start + privileged_size]);
            }
        }
        if self.shape.memory.is_some() {
            self.gather_pasts(rollout);
        }
    }

    /// What came before the rows that are gathered, in sequences.
    fn gather_pasts(&mut self, rollout: &Rollout) {
        let sequences = self.count() / self.shape.sequence_steps();
        self.faulted.clear();
        for (index, (row, begins)) in self.sources.iter().zip(&mut self.begins).enumerate() {
            *begins = index >= sequences && rollout.begins(*row);
            if rollout.ends[*row] == End::Faulted {
                self.faulted.push(index);
            }
        }
        let width = self.shape.memory_size();
        for (states, kept) in self.states.iter_mut().zip(&rollout.states) {
            for (state, first) in states.chunks_exact_mut(width).zip(&self.sources) {
                let start = rollout.sequence(*first) * width;
                state.copy_from_slice(&kept[start..start + width]);
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

/// `to [sources, width]`: the rows of `from` that `sources` names.
fn gather_rows(to: &mut [f32], from: &[f32], sources: &[usize], width: usize) {
    if width == 1 {
        for (to, row) in to.iter_mut().zip(sources) {
            *to = from[*row];
        }
        return;
    }
    for (to, row) in to.chunks_exact_mut(width).zip(sources) {
        // In a loop: rows are shorter than a call of `memcpy` is worth.
        for (to, from) in to.iter_mut().zip(&from[row * width..][..width]) {
            *to = *from;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::MemoryShape;

    const SHAPE: RolloutShape = RolloutShape {
        steps: 5,
        environments: 1,
        observation_size: 1,
        privileged_size: 2,
        sample_size: 1,
        output_size: 1,
        memory: None,
    };

    #[test]
    fn shards_cover_every_row_once_and_follow_from_the_number_of_rows() {
        for rows in [1, 64, 257, 1000, 5000] {
            let covered: Vec<usize> = shards(rows, 1).flatten().collect();
            assert_eq!(covered, (0..rows).collect::<Vec<_>>());
        }
        assert_eq!(shards(64, 1).count(), 1);
        assert_eq!(shards(1024, 1).count(), 4);
        assert_eq!(shards(100_000, 1).count(), 8);
        assert_eq!(shards(4, 300).collect::<Vec<_>>(), [0..1, 1..2, 2..3, 3..4]);
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

    #[test]
    fn sequences_lie_side_by_side_with_the_states_before_them() {
        let memory = MemoryShape { size: 2, sequence_steps: 3 };
        let shape =
            RolloutShape { steps: 6, environments: 2, privileged_size: 0, memory: Some(memory), ..SHAPE };
        let mut rollout = Rollout::new(shape);
        rollout.observations = (0..12).map(|row| row as f32).collect();
        for step in 0..6 {
            let states: Vec<f32> = (0..4).map(|value| (10 * step + value) as f32).collect();
            rollout.keep_states(step, [&states, &[0.5; 4]]);
        }
        rollout.ends[2] = End::Terminated;
        rollout.ends[6] = End::Faulted;
        let mut order = Order::new(shape);
        order.take(&rollout);
        assert_eq!(order.sequences, [0, 1, 6, 7]);
        let mut rows = Rows::new(shape, 2);
        rows.gather(&rollout, [&[0.0; 12], &[7.0; 12]], &order, 0..2);
        assert_eq!(rows.observations, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
        let past = rows.past(Whose::Actor);
        assert_eq!(past.states, [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(past.begins, [false, false, false, false, true, false]);
        rows.gather(&rollout, [&[0.0; 12], &[7.0; 12]], &order, 2..4);
        assert_eq!(rows.observations, [6.0, 7.0, 8.0, 9.0, 10.0, 11.0]);
        assert_eq!(rows.past(Whose::Actor).states, [30.0, 31.0, 32.0, 33.0]);
        assert_eq!(rows.past(Whose::Critic).states, [0.5; 4]);
        assert_eq!(rows.past(Whose::Actor).begins, [false, false, true, false, false, false]);
        rows.excuse(&[9.0; 6]);
        assert_eq!((&rows.targets[..], rows.values[0]), (&[9.0, 7.0, 7.0, 7.0, 7.0, 7.0][..], 9.0));
    }
}
