//! What learning changes of one network: parameters, their slow copy, the optimizer's moments.

use crate::optimizer::{Adam, polyak};
use crate::training::{Network, StateError};

/// One network's parameters with all that belongs to them.
#[derive(Clone, Debug, PartialEq)]
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

    /// The network under its name, and its slow copy.
    pub(crate) fn networks(&mut self, name: &str) -> [Network<'_>; 2] {
        [Network::new(name, &mut self.parameters), Network::new(format!("target {name}"), &mut self.target)]
    }

    /// What is saved beside the networks.
    pub fn optimizer(&self) -> Adam {
        self.adam.clone()
    }

    /// Goes on from a saved optimizer; `whose` stands in errors.
    ///
    /// # Errors
    /// It belongs to another number of parameters.
    pub fn restore(&mut self, whose: &str, optimizer: Adam) -> Result<(), StateError> {
        self.adam.restore(whose, optimizer)
    }
}
