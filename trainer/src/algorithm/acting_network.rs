//! The network that acts in the environments, apart from the one that learns.

use crate::network::mlp::{Mlp, Workspace};

/// A network with parameters of its own, which follow the learned ones when they are told to.
pub(crate) struct ActingNetwork {
    network: Mlp,
    parameters: Vec<f32>,
    workspace: Workspace,
}

impl ActingNetwork {
    /// For `environments` rows at a time.
    pub(crate) fn new(network: &Mlp, parameters: &[f32], environments: usize) -> Self {
        Self {
            network: network.clone(),
            parameters: parameters.to_vec(),
            workspace: network.workspace(environments),
        }
    }

    /// Takes over learned parameters.
    pub(crate) fn follow(&mut self, parameters: &[f32]) {
        self.parameters.copy_from_slice(parameters);
    }

    /// The network's outputs, one row for each of `observations`.
    pub(crate) fn forward(&mut self, observations: &[f32]) -> &[f32] {
        self.network.forward(&self.parameters, observations, &mut self.workspace)
    }
}
