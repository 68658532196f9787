//! A sampled batch of transitions, each value in a matrix of its own: what one update reads.

use super::TransitionSizes;

/// A sampled batch.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[batch, observation]`.
    pub observations: Vec<f32>,
    /// What only critics see beside `observations`, `[batch, privileged]`.
    pub privileged: Vec<f32>,
    /// `[batch, action]`.
    pub actions: Vec<f32>,
    /// Discounted rewards until the next observation, `[batch]`.
    pub rewards: Vec<f32>,
    /// `[batch, observation]`.
    pub next_observations: Vec<f32>,
    /// `[batch, privileged]`.
    pub next_privileged: Vec<f32>,
    /// What a value of the next observation counts, `[batch]`: `gamma` to the power of the steps until there, 0 where the task
    /// ended.
    pub discounts: Vec<f32>,
    /// What each transition's loss counts, `[batch]`: 1 where draws are uniform.
    pub weights: Vec<f32>,
    /// Which transitions were drawn, `[batch]`.
    pub(super) indices: Vec<usize>,
}

impl Batch {
    /// Buffers for `rows` transitions.
    pub fn new(rows: usize, sizes: TransitionSizes) -> Self {
        let matrix = |width: usize| vec![0.0; rows * width];
        Self {
            observations: matrix(sizes.observation),
            privileged: matrix(sizes.privileged),
            actions: matrix(sizes.action),
            rewards: matrix(1),
            next_observations: matrix(sizes.observation),
            next_privileged: matrix(sizes.privileged),
            discounts: matrix(1),
            weights: vec![1.0; rows],
            indices: vec![0; rows],
        }
    }
}
