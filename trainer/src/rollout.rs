//! What on-policy learning learns from: some steps of every environment, all made by the present policy.
//!
//! A [`Rollout`] is `[steps, environments]` of everything, row by row. An episode can end inside it in three ways, which are
//! never merged ([`End`]): after a termination nothing more can be earned, after a truncation the value of the last state
//! stands for the rest, and a step whose simulation broke down is no experience at all.

use crate::end::End;

/// How large a rollout and its rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RolloutShape {
    /// Steps of each environment.
    pub steps: usize,
    /// Environments.
    pub environments: usize,
    /// Values that the actor sees.
    pub observation_size: usize,
    /// Values that only the critic sees beside them.
    pub privileged_size: usize,
    /// Values that say what was chosen.
    pub sample_size: usize,
    /// Outputs of the actor's network.
    pub output_size: usize,
}

impl RolloutShape {
    /// Steps of all environments.
    pub fn rows(&self) -> usize {
        self.steps * self.environments
    }

    /// Values that the critic sees.
    pub fn critic_size(&self) -> usize {
        self.observation_size + self.privileged_size
    }
}

/// Some steps of every environment; `rows` is `steps · environments`, step by step.
#[derive(Clone, Debug)]
pub struct Rollout {
    /// How large it is.
    pub shape: RolloutShape,
    /// As the actor saw them: normalized where the run normalizes, `[rows, observation]`.
    pub observations: Vec<f32>,
    /// What only the critic sees, normalized, `[rows, privileged]`.
    pub privileged: Vec<f32>,
    /// What was chosen, before the environment clipped it, `[rows, sample]`.
    pub samples: Vec<f32>,
    /// The actor's outputs from which it was drawn, `[rows, output]`.
    pub outputs: Vec<f32>,
    /// How likely the choice was, `[rows]`.
    pub log_probs: Vec<f32>,
    /// `[rows]`.
    pub rewards: Vec<f32>,
    /// The critic's values of the observations, `[rows]`, and after them of those that the last step led to, `[environments]`.
    pub values: Vec<f32>,
    /// The critic's values of the observations that a truncated step led to, `[rows]`; meaningless elsewhere.
    pub final_values: Vec<f32>,
    /// `[rows]`.
    pub ends: Vec<End>,
}

impl Rollout {
    /// Room for a rollout.
    pub fn new(shape: RolloutShape) -> Self {
        let rows = shape.rows();
        Self {
            observations: vec![0.0; rows * shape.observation_size],
            privileged: vec![0.0; rows * shape.privileged_size],
            samples: vec![0.0; rows * shape.sample_size],
            outputs: vec![0.0; rows * shape.output_size],
            log_probs: vec![0.0; rows],
            rewards: vec![0.0; rows],
            values: vec![0.0; rows + shape.environments],
            final_values: vec![0.0; rows],
            ends: vec![End::None; rows],
            shape,
        }
    }

    /// The rows that are experience, in order, into `rows`.
    pub fn experience(&self, rows: &mut Vec<usize>) {
        rows.clear();
        rows.extend((0..self.ends.len()).filter(|row| self.ends[*row] != End::Faulted));
    }
}
