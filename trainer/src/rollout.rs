//! What on-policy learning learns from: some steps of every environment, all made by one policy.
//!
//! A [`Rollout`] is `[steps, environments]` of everything, row by row. An episode can end inside it in three ways, which are
//! never merged ([`End`]): after a termination nothing more can be earned, after a truncation the value of the last state
//! stands for the rest, and a step whose simulation broke down is no experience at all.

use crate::end::End;
use crate::training::StateError;
use serde::{Deserialize, Serialize};

/// How large a rollout and its rows are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What actor and critic remember; nothing where rows stand for themselves.
    pub memory: Option<MemoryShape>,
}

/// How much actor and critic remember, and through how many steps they learn to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryShape {
    /// Values of each one's state.
    pub size: usize,
    /// Steps of a sequence, of which a rollout has a whole number: derivatives flow back as far as its first.
    pub sequence_steps: usize,
}

impl RolloutShape {
    /// Steps of all environments.
    pub fn rows(&self) -> usize {
        self.steps * self.environments
    }

    /// Values of a state; 0 without memory.
    pub fn memory_size(&self) -> usize {
        self.memory.map_or(0, |memory| memory.size)
    }

    /// Steps of a sequence; without memory each step is one.
    pub fn sequence_steps(&self) -> usize {
        self.memory.map_or(1, |memory| memory.sequence_steps)
    }

    /// Sequences of all environments.
    pub fn sequences(&self) -> usize {
        self.rows() / self.sequence_steps()
    }

    /// Values that the critic sees.
    pub fn critic_size(&self) -> usize {
        self.observation_size + self.privileged_size
    }
}

/// Some steps of every environment; `rows` is `steps · environments`, step by step.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
    /// The actor's and the critic's states before each sequence, `[sequences, memory]`, in the order of the sequences' first rows.
    pub states: [Vec<f32>; 2],
    /// The parameters of its own that the distribution had from which choices were drawn.
    pub behaviour: Vec<f32>,
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
            states: [0, 1].map(|_| vec![0.0; shape.sequences() * shape.memory_size()]),
            behaviour: Vec::new(),
            shape,
        }
    }

    /// Begins anew, with choices from a distribution that has these parameters of its own. Of the last rollout nothing is left, so
    /// that equal rollouts are equal in what is meaningless too.
    pub fn begin(&mut self, own: &[f32]) {
        self.behaviour.clear();
        self.behaviour.extend_from_slice(own);
        self.final_values.fill(0.0);
    }

    /// Becomes a saved one.
    ///
    /// # Errors
    /// It has another shape.
    pub fn restore(&mut self, saved: Self) -> Result<(), StateError> {
        let sizes = |rollout: &Self| {
            let Self { observations, privileged, samples, outputs, log_probs, rewards, .. } = rollout;
            let Self { values, final_values, ends, states: [actor, critic], .. } = rollout;
            let parts =
                [observations, privileged, samples, outputs, log_probs, rewards, values, final_values];
            (parts.map(Vec::len), ends.len(), [actor.len(), critic.len()])
        };
        if self.shape != saved.shape || sizes(self) != sizes(&saved) {
            let [expected, found] = [self.shape, saved.shape].map(|shape| format!("{shape:?}"));
            return Err(StateError::Part { what: "the newest rollout".to_owned(), expected, found });
        }
        *self = saved;
        Ok(())
    }

    /// Keeps the actor's and the critic's states `[environments, memory]` before a step, where a sequence begins with it.
    pub fn keep_states(&mut self, step: usize, states: [&[f32]; 2]) {
        if step.is_multiple_of(self.shape.sequence_steps()) {
            let first = step / self.shape.sequence_steps();
            for (kept, states) in self.states.iter_mut().zip(states) {
                kept[first * states.len()..(first + 1) * states.len()].copy_from_slice(states);
            }
        }
    }

    /// The first row of each sequence into `rows`.
    pub fn sequence_starts(&self, rows: &mut Vec<usize>) {
        let RolloutShape { steps, environments, .. } = self.shape;
        rows.clear();
        for step in (0..steps).step_by(self.shape.sequence_steps()) {
            rows.extend(step * environments..(step + 1) * environments);
        }
    }

    /// The number of the sequence that begins with a row.
    pub fn sequence(&self, first: usize) -> usize {
        let environments = self.shape.environments;
        first / environments / self.shape.sequence_steps() * environments + first % environments
    }

    /// Whether a row begins an episode that an earlier row of the rollout did not belong to.
    pub fn begins(&self, row: usize) -> bool {
        row >= self.shape.environments && self.ends[row - self.shape.environments] != End::None
    }

    /// The rows that are experience, in order, into `rows`.
    pub fn experience(&self, rows: &mut Vec<usize>) {
        rows.clear();
        rows.extend((0..self.ends.len()).filter(|row| self.ends[*row] != End::Faulted));
    }
}
