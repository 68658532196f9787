//! The replay buffer: raw transitions in flat rings, sampled uniformly.
//!
//! Observations are kept as the environment gave them, in SI units; they are normalized when they are sampled, so a
//! statistic that moves later never leaves a stale copy behind. `terminated` is kept and `truncated` is not: an
//! episode that ran out of time is bootstrapped from its final observation.

mod journal;

use crate::random::Stream;

/// A ring of transitions.
#[derive(Clone, Debug)]
pub struct Replay {
    capacity: usize,
    observation_size: usize,
    action_size: usize,
    /// A transition's values lie together, since a draw reads them all: observation, action, next observation, reward, and 1
    /// where the task ended, else 0.
    rows: Vec<f32>,
    /// Where the next transition goes.
    head: usize,
    /// Transitions ever stored.
    pushed: u64,
}

/// A sampled batch.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[batch, observation]`.
    pub observations: Vec<f32>,
    /// `[batch, action]`.
    pub actions: Vec<f32>,
    /// `[batch]`.
    pub rewards: Vec<f32>,
    /// `[batch, observation]`.
    pub next_observations: Vec<f32>,
    /// `[batch]`, 1 where the task ended, else 0.
    pub terminated: Vec<f32>,
    /// Which transitions were drawn, `[batch]`.
    indices: Vec<usize>,
}

impl Batch {
    /// Buffers for `size` transitions.
    pub fn new(size: usize, observation_size: usize, action_size: usize) -> Self {
        Self {
            observations: vec![0.0; size * observation_size],
            actions: vec![0.0; size * action_size],
            rewards: vec![0.0; size],
            next_observations: vec![0.0; size * observation_size],
            terminated: vec![0.0; size],
            indices: vec![0; size],
        }
    }
}

/// One transition of one environment.
#[derive(Clone, Copy, Debug)]
pub struct Transition<'t> {
    /// What the action was chosen for, `[observation]`.
    pub observation: &'t [f32],
    /// The normalized action, `[action]`.
    pub action: &'t [f32],
    /// What it earned.
    pub reward: f32,
    /// What it led to, before any reset, `[observation]`.
    pub next_observation: &'t [f32],
    /// Whether the task ended, as opposed to time running out.
    pub terminated: bool,
}

impl Replay {
    /// An empty ring for `capacity` transitions; memory grows as it fills.
    pub fn new(capacity: usize, observation_size: usize, action_size: usize) -> Self {
        Self { capacity, observation_size, action_size, rows: Vec::new(), head: 0, pushed: 0 }
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
        let row = &mut self.rows[start..];
        let (observation, row) = row.split_at_mut(self.observation_size);
        let (action, row) = row.split_at_mut(self.action_size);
        let (next_observation, row) = row.split_at_mut(self.observation_size);
        observation.copy_from_slice(transition.observation);
        action.copy_from_slice(transition.action);
        next_observation.copy_from_slice(transition.next_observation);
        row[0] = transition.reward;
        row[1] = f32::from(transition.terminated);
        self.head = (self.head + 1) % self.capacity;
        self.pushed += 1;
    }

    /// Fills `batch` with transitions drawn uniformly with replacement; the ring must not be empty.
    pub fn sample(&self, stream: &mut Stream, batch: &mut Batch) {
        let (width, count) = (self.width(), self.len());
        // Two loops: the first one's loads do not depend on each other, so their cache misses overlap.
        for (slot, index) in batch.indices.iter_mut().enumerate() {
            *index = stream.index(count);
            let end = (*index + 1) * width;
            batch.rewards[slot] = self.rows[end - 2];
            batch.terminated[slot] = self.rows[end - 1];
        }
        for (slot, index) in batch.indices.iter().enumerate() {
            let row = &self.rows[index * width..(index + 1) * width];
            let (observation, row) = row.split_at(self.observation_size);
            let (action, row) = row.split_at(self.action_size);
            copy_row(&mut batch.observations, slot, observation);
            copy_row(&mut batch.actions, slot, action);
            copy_row(&mut batch.next_observations, slot, &row[..self.observation_size]);
        }
    }
}

/// `matrix[slot] = row`: a loop, since rows are shorter than a call of `memcpy` is worth.
fn copy_row(matrix: &mut [f32], slot: usize, row: &[f32]) {
    for (value, source) in matrix[slot * row.len()..].iter_mut().zip(row) {
        *value = *source;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_transition_makes_room_and_rows_stay_together() {
        let mut replay = Replay::new(4, 1, 1);
        for step in 0..10 {
            let value = step as f32;
            replay.push(&Transition {
                observation: &[value],
                action: &[-value],
                reward: 2.0 * value,
                next_observation: &[value + 1.0],
                terminated: step == 9,
            });
        }
        assert_eq!(replay.len(), 4);
        let mut batch = Batch::new(64, 1, 1);
        replay.sample(&mut Stream::new(3, "replay test"), &mut batch);
        for slot in 0..64 {
            let value = batch.observations[slot];
            assert!((6.0..=9.0).contains(&value));
            assert_eq!(batch.actions[slot], -value);
            assert_eq!(batch.rewards[slot], 2.0 * value);
            assert_eq!(batch.next_observations[slot], value + 1.0);
            assert_eq!(batch.terminated[slot], f32::from(value == 9.0));
        }
        assert!((6..=9).all(|value| batch.observations.contains(&(value as f32))));
    }
}
