//! The replay buffer: raw transitions in flat rings, sampled uniformly.
//!
//! Observations are kept as the environment gave them, in SI units; they are normalized when they are sampled, so a
//! statistic that moves later never leaves a stale copy behind. `terminated` is kept and `truncated` is not: an
//! episode that ran out of time is bootstrapped from its final observation.

use crate::random::Stream;
use serde::{Deserialize, Serialize};

/// A ring of transitions.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Replay {
    capacity: usize,
    observation_size: usize,
    action_size: usize,
    observations: Vec<f32>,
    actions: Vec<f32>,
    rewards: Vec<f32>,
    next_observations: Vec<f32>,
    /// 1 where the task ended, else 0.
    terminated: Vec<f32>,
    /// Where the next transition goes.
    head: usize,
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
        Self {
            capacity,
            observation_size,
            action_size,
            observations: Vec::new(),
            actions: Vec::new(),
            rewards: Vec::new(),
            next_observations: Vec::new(),
            terminated: Vec::new(),
            head: 0,
        }
    }

    /// How many transitions are stored.
    pub fn len(&self) -> usize {
        self.rewards.len()
    }

    /// Whether nothing is stored.
    pub fn is_empty(&self) -> bool {
        self.rewards.is_empty()
    }

    /// Stores a transition, in place of the oldest when full.
    pub fn push(&mut self, transition: &Transition) {
        if self.len() < self.capacity {
            self.observations.extend_from_slice(transition.observation);
            self.actions.extend_from_slice(transition.action);
            self.rewards.push(transition.reward);
            self.next_observations.extend_from_slice(transition.next_observation);
            self.terminated.push(f32::from(transition.terminated));
        } else {
            let head = self.head;
            row_mut(&mut self.observations, head, self.observation_size)
                .copy_from_slice(transition.observation);
            row_mut(&mut self.actions, head, self.action_size).copy_from_slice(transition.action);
            self.rewards[head] = transition.reward;
            row_mut(&mut self.next_observations, head, self.observation_size)
                .copy_from_slice(transition.next_observation);
            self.terminated[head] = f32::from(transition.terminated);
        }
        self.head = (self.head + 1) % self.capacity;
    }

    /// Fills `batch` with transitions drawn uniformly with replacement; the ring must not be empty.
    pub fn sample(&self, stream: &mut Stream, batch: &mut Batch) {
        let (observation_size, action_size) = (self.observation_size, self.action_size);
        for slot in 0..batch.rewards.len() {
            let index = stream.index(self.len());
            row_mut(&mut batch.observations, slot, observation_size).copy_from_slice(row(
                &self.observations,
                index,
                observation_size,
            ));
            row_mut(&mut batch.actions, slot, action_size).copy_from_slice(row(
                &self.actions,
                index,
                action_size,
            ));
            row_mut(&mut batch.next_observations, slot, observation_size).copy_from_slice(row(
                &self.next_observations,
                index,
                observation_size,
            ));
            batch.rewards[slot] = self.rewards[index];
            batch.terminated[slot] = self.terminated[index];
        }
    }
}

fn row(matrix: &[f32], index: usize, width: usize) -> &[f32] {
    &matrix[index * width..(index + 1) * width]
}

fn row_mut(matrix: &mut [f32], index: usize, width: usize) -> &mut [f32] {
    &mut matrix[index * width..(index + 1) * width]
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
