//! What learning changes of one network: parameters, their slow copy, the optimizer's moments.

use crate::optimizer::{Adam, polyak};
use serde::{Deserialize, Serialize};

/// One network's parameters with all that belongs to them, as checkpoints hold it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// The network's parameters.
    pub parameters: Vec<f32>,
    /// The slow copy that bootstrapping reads.
    pub target: Vec<f32>,
    adam: Adam,
}

impl Learned {
    /// Fresh parameters, and a copy of them as target.
    pub fn new(parameters: Vec<f32>) -> Self {
        Self { target: parameters.clone(), adam: Adam::new(parameters.len()), parameters }
    }

    /// One step of Adam against `gradient`.
    pub fn step(&mut self, gradient: &[f32], learning_rate: f32) {
        self.adam.step(&mut self.parameters, gradient, learning_rate);
    }

    /// Moves the target towards the parameters by the share `tau`.
    pub fn track(&mut self, tau: f32) {
        polyak(&mut self.target, &self.parameters, tau);
    }
}
