//! Steps that were collected and are not yet stored: a [`Stage`] holds those of one block, in the order in which they were made.

use super::collector::Seen;
use crate::end::End;
use crate::replay::{Step, TransitionSizes};
use sinew_sim::VecEnv;

/// The steps of a block; `rows` is `steps · environments`, step by step.
pub(super) struct Stage {
    sizes: TransitionSizes,
    /// `[rows, observation]`.
    observations: Vec<f32>,
    /// `[rows, privileged]`.
    privileged: Vec<f32>,
    /// `[rows, choice]`.
    choices: Vec<f32>,
    /// `[rows]`.
    rewards: Vec<f32>,
    /// What the steps led to, before any reset, `[rows, observation]`.
    next_observations: Vec<f32>,
    /// `[rows, privileged]`.
    next_privileged: Vec<f32>,
    /// `[rows]`.
    ends: Vec<End>,
}

impl Stage {
    /// Room for so many rows.
    pub(super) fn new(sizes: TransitionSizes, rows: usize) -> Self {
        let matrix = |width: usize| Vec::with_capacity(rows * width);
        Self {
            sizes,
            observations: matrix(sizes.observation),
            privileged: matrix(sizes.privileged),
            choices: matrix(sizes.action),
            rewards: matrix(1),
            next_observations: matrix(sizes.observation),
            next_privileged: matrix(sizes.privileged),
            ends: Vec::with_capacity(rows),
        }
    }

    /// Forgets all steps.
    pub(super) fn clear(&mut self) {
        self.observations.clear();
        self.privileged.clear();
        self.choices.clear();
        self.rewards.clear();
        self.next_observations.clear();
        self.next_privileged.clear();
        self.ends.clear();
    }

    /// Takes in the step that all environments just made: with `choices [environments, choice]`, for what was `seen` before it.
    pub(super) fn push(&mut self, seen: &Seen, choices: &[f32], environments: &VecEnv) {
        self.observations.extend_from_slice(&seen.observations);
        self.privileged.extend_from_slice(&seen.privileged);
        self.choices.extend_from_slice(choices);
        self.rewards.extend_from_slice(environments.rewards());
        self.next_observations.extend_from_slice(environments.final_observations());
        // Critics that are not to see it get rows of no values.
        if self.sizes.privileged > 0 {
            self.next_privileged.extend_from_slice(environments.final_privileged());
        }
        let count = environments.rewards().len();
        self.ends.extend((0..count).map(|environment| End::of(environments, environment)));
    }

    /// How many steps of single environments it holds.
    pub(super) fn rows(&self) -> usize {
        self.ends.len()
    }

    /// How the steps left their episodes, `[rows]`.
    pub(super) fn ends(&self) -> &[End] {
        &self.ends
    }

    /// One environment's step.
    pub(super) fn step(&self, row: usize) -> Step<'_> {
        let of = |width: usize| row * width..(row + 1) * width;
        let TransitionSizes { observation, privileged, action } = self.sizes;
        Step {
            observation: &self.observations[of(observation)],
            privileged: &self.privileged[of(privileged)],
            action: &self.choices[of(action)],
            reward: self.rewards[row],
            next_observation: &self.next_observations[of(observation)],
            next_privileged: &self.next_privileged[of(privileged)],
            end: self.ends[row],
        }
    }
}
