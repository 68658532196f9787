//! The replay buffer: raw transitions in a flat ring, drawn uniformly or by [`Priorities`].
//!
//! Observations are kept as the environment gave them, in SI units; they are normalized when they are sampled, so a
//! statistic that moves later never leaves a stale copy behind. How an episode ended is kept as a discount and in no other
//! form: 0 where the task ended, while an episode that ran out of time is bootstrapped from its final observation. [`NStep`]
//! makes transitions of single steps.

mod batch;
mod journal;
mod n_step;
mod priorities;

pub use batch::Batch;
pub use n_step::{NStep, Step};
pub use priorities::Priorities;

use crate::random::Stream;
use crate::training::StateError;
use serde::{Deserialize, Serialize};

/// How many values a transition's parts have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransitionSizes {
    /// What the policy sees.
    pub observation: usize,
    /// What only critics see beside it.
    pub privileged: usize,
    /// What is learned about: a normalized action, or the index of a discrete one.
    pub action: usize,
}

/// A ring of transitions.
#[derive(Clone, Debug)]
pub struct Replay {
    capacity: usize,
    sizes: TransitionSizes,
    /// A transition's values lie together, since a draw reads them all: observation, action, next observation, privileged, next
    /// privileged, reward, discount.
    rows: Vec<f32>,
    /// Where the next transition goes.
    head: usize,
    /// Transitions ever stored.
    pushed: u64,
    /// Absent where draws are uniform.
    priorities: Option<Priorities>,
}

/// Some steps of one environment as a single one.
#[derive(Clone, Copy, Debug)]
pub struct Transition<'t> {
    /// What the action was chosen for, `[observation]`.
    pub observation: &'t [f32],
    /// What only critics see beside it, `[privileged]`.
    pub privileged: &'t [f32],
    /// `[action]`.
    pub action: &'t [f32],
    /// What the steps earned, discounted.
    pub reward: f32,
    /// What they led to, before any reset, `[observation]`.
    pub next_observation: &'t [f32],
    /// `[privileged]`.
    pub next_privileged: &'t [f32],
    /// What a value of the next observation counts: 0 where the task ended, as opposed to time running out.
    pub discount: f32,
}

impl Replay {
    /// An empty ring for `capacity` transitions; memory grows as it fills. A priority exponent of 0 draws uniformly.
    pub fn new(capacity: usize, sizes: TransitionSizes, priority_exponent: f32) -> Self {
        let priorities = (priority_exponent > 0.0).then(|| Priorities::new(capacity, priority_exponent));
        Self { capacity, sizes, rows: Vec::new(), head: 0, pushed: 0, priorities }
    }

    /// How many transitions are stored.
    pub fn len(&self) -> usize {
        self.rows.len() / self.width()
    }

    /// Whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Stores a transition, in place of the oldest when full.
    pub fn push(&mut self, transition: &Transition) {
        let start = self.head * self.width();
        if start == self.rows.len() {
            self.rows.resize(start + self.width(), 0.0);
        }
        let mut row = &mut self.rows[start..];
        for part in [
            transition.observation,
            transition.action,
            transition.next_observation,
            transition.privileged,
            transition.next_privileged,
            &[transition.reward, transition.discount],
        ] {
            let (place, rest) = row.split_at_mut(part.len());
            place.copy_from_slice(part);
            row = rest;
        }
        if let Some(priorities) = &mut self.priorities {
            priorities.insert(self.head);
        }
        self.head = (self.head + 1) % self.capacity;
        self.pushed += 1;
    }

    /// Fills `batch` with transitions drawn with replacement; the ring must not be empty. Weights take back as much of the bias
    /// of prioritized draws as `importance_exponent` says, 1 being all of it.
    pub fn sample(&self, stream: &mut Stream, importance_exponent: f32, batch: &mut Batch) {
        let (width, count) = (self.width(), self.len());
        if let Some(priorities) = &self.priorities {
            priorities.draw(stream, count, importance_exponent, batch);
        } else {
            batch.indices.iter_mut().for_each(|index| *index = stream.index(count));
        }
        // Two loops: the first one's loads do not depend on each other, so their cache misses overlap.
        for (slot, index) in batch.indices.iter().enumerate() {
            let end = (*index + 1) * width;
            batch.rewards[slot] = self.rows[end - 2];
            batch.discounts[slot] = self.rows[end - 1];
        }
        let TransitionSizes { observation, privileged, action } = self.sizes;
        for (slot, index) in batch.indices.iter().enumerate() {
            let row = &self.rows[index * width..(index + 1) * width];
            let row = copy_part(&mut batch.observations, slot, row, observation);
            let row = copy_part(&mut batch.actions, slot, row, action);
            let row = copy_part(&mut batch.next_observations, slot, row, observation);
            let row = copy_part(&mut batch.privileged, slot, row, privileged);
            copy_part(&mut batch.next_privileged, slot, row, privileged);
        }
    }

    /// Draws the batch's transitions from now on by how far off their values were; follows [`Self::sample`], and does nothing
    /// where draws are uniform.
    pub fn reprioritize(&mut self, batch: &Batch, errors: &[f32]) {
        if let Some(priorities) = &mut self.priorities {
            batch.indices.iter().zip(errors).for_each(|(index, error)| priorities.set(*index, *error));
        }
    }

    /// The transition that was stored last; there must be one.
    #[cfg(test)]
    pub(crate) fn newest(&self) -> Transition<'_> {
        let TransitionSizes { observation, privileged, action } = self.sizes;
        let place = (self.head + self.capacity - 1) % self.capacity;
        let row = &self.rows[place * self.width()..(place + 1) * self.width()];
        let (observation, row) = row.split_at(observation);
        let (action, row) = row.split_at(action);
        let (next_observation, row) = row.split_at(observation.len());
        let (privileged, row) = row.split_at(privileged);
        let (next_privileged, row) = row.split_at(privileged.len());
        let (reward, discount) = (row[0], row[1]);
        Transition { observation, privileged, action, reward, next_observation, next_privileged, discount }
    }

    /// How often each transition is to be drawn; absent where draws are uniform. No part of the transitions themselves.
    pub fn priorities(&self) -> Option<&Priorities> {
        self.priorities.as_ref()
    }

    /// Goes on drawing by saved priorities.
    ///
    /// # Errors
    /// There are none where some are needed, or the other way round, or they are of another capacity.
    pub fn restore_priorities(&mut self, saved: Option<Priorities>) -> Result<(), StateError> {
        let capacity = |priorities: &Option<Priorities>| priorities.as_ref().map_or(0, Priorities::capacity);
        let what = "the replay buffer's priorities";
        StateError::check_length(what, capacity(&self.priorities), capacity(&saved))?;
        self.priorities = saved;
        Ok(())
    }
}

/// `matrix[slot] = row[..size]`, and gives the rest: a loop, since parts are shorter than a call of `memcpy` is worth.
fn copy_part<'r>(matrix: &mut [f32], slot: usize, row: &'r [f32], size: usize) -> &'r [f32] {
    let (part, rest) = row.split_at(size);
    for (value, source) in matrix[slot * size..].iter_mut().zip(part) {
        *value = *source;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: TransitionSizes = TransitionSizes { observation: 1, privileged: 1, action: 1 };

    fn push(replay: &mut Replay, value: f32) {
        replay.push(&Transition {
            observation: &[value],
            privileged: &[value + 0.25],
            action: &[-value],
            reward: 2.0 * value,
            next_observation: &[value + 1.0],
            next_privileged: &[value + 1.25],
            discount: if value == 9.0 { 0.0 } else { 0.5 },
        });
    }

    #[test]
    fn the_oldest_transition_makes_room_and_rows_stay_together() {
        let mut replay = Replay::new(4, SIZES, 0.0);
        (0..10).for_each(|step| push(&mut replay, step as f32));
        assert_eq!(replay.len(), 4);
        let mut batch = Batch::new(64, SIZES);
        replay.sample(&mut Stream::new(3, "replay test"), 1.0, &mut batch);
        for slot in 0..64 {
            let value = batch.observations[slot];
            assert!((6.0..=9.0).contains(&value));
            assert_eq!(batch.privileged[slot], value + 0.25);
            assert_eq!(batch.actions[slot], -value);
            assert_eq!(batch.rewards[slot], 2.0 * value);
            assert_eq!(batch.next_observations[slot], value + 1.0);
            assert_eq!(batch.next_privileged[slot], value + 1.25);
            assert_eq!(batch.discounts[slot], if value == 9.0 { 0.0 } else { 0.5 });
        }
        assert!((6..=9).all(|value| batch.observations.contains(&(value as f32))));
        assert_eq!(batch.weights, [1.0; 64]);
    }

    #[test]
    fn a_transition_that_is_far_off_is_drawn_more_often_and_counts_less() {
        let mut replay = Replay::new(4, SIZES, 1.0);
        (0..4).for_each(|step| push(&mut replay, step as f32));
        let mut batch = Batch::new(4, SIZES);
        // Equal priorities, drawn in four equal strata: each transition once.
        let mut stream = Stream::new(3, "replay test");
        replay.sample(&mut stream, 1.0, &mut batch);
        assert_eq!(batch.observations, [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(batch.weights, [1.0; 4]);
        // Then 0 weighs as much as the other three together.
        replay.reprioritize(&batch, &[3.0, 1.0, 1.0, 1.0]);
        let mut large = Batch::new(600, SIZES);
        replay.sample(&mut stream, 1.0, &mut large);
        let often = large.observations.iter().filter(|value| **value == 0.0).count();
        assert_eq!(often, 300);
        for (value, weight) in large.observations.iter().zip(&large.weights) {
            let expected = if *value == 0.0 { 1.0 / 3.0 } else { 1.0 };
            assert!((weight - expected).abs() < 1e-5, "{value}: {weight}");
        }
        // A new transition gets the largest priority so far.
        push(&mut replay, 0.0);
        push(&mut replay, 1.0);
        replay.sample(&mut stream, 0.0, &mut large);
        let often = large.observations.iter().filter(|value| **value == 1.0).count();
        assert_eq!(often, 600 * 3 / 8);
        assert_eq!(large.weights, [1.0; 600]);
    }
}
