//! Exploration by an actor's own randomness: choices drawn from a squashed Gaussian, `a = tanh(u)`.

use super::acting_network::ActingNetwork;
use crate::distribution::SquashedGaussian;
use crate::network::mlp::Mlp;
use crate::random::Stream;
use crate::training::{Explorer, StateError};

/// Draws from an actor's distribution, one row for each environment.
pub struct SquashedExplorer {
    acting: ActingNetwork,
    gaussian: SquashedGaussian,
}

impl SquashedExplorer {
    /// For `environments` environments, with parameters of its own.
    pub fn new(network: &Mlp, parameters: &[f32], environments: usize, action_size: usize) -> Self {
        Self {
            acting: ActingNetwork::new(network, parameters, environments),
            gaussian: SquashedGaussian::new(environments, action_size),
        }
    }
}

impl Explorer for SquashedExplorer {
    type State = ();

    fn follow(&mut self, parameters: &[f32]) {
        self.acting.follow(parameters);
    }

    fn explore(&mut self, observations: &[f32], _progress: f32, noise: &mut Stream, choices: &mut [f32]) {
        let output = self.acting.forward(observations);
        noise.fill_normal(&mut self.gaussian.noise);
        self.gaussian.sample(output);
        choices.copy_from_slice(&self.gaussian.actions);
    }

    fn state(&self) {}

    fn restore(&mut self, (): ()) -> Result<(), StateError> {
        Ok(())
    }
}
