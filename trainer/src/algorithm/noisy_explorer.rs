//! Exploration by noise that is added to a deterministic actor's actions, `a = clip(mu(s) + noise, ±1)`.

use super::acting_network::ActingNetwork;
use super::deterministic_actor::squash;
use crate::exploration::ActionNoise;
use crate::network::mlp::Mlp;
use crate::random::Stream;
use crate::training::{Explorer, StateError};

/// A deterministic actor's actions with noise, one row for each environment.
pub struct NoisyExplorer {
    acting: ActingNetwork,
    noise: ActionNoise,
    /// Whether an episode's end sets the noise to 0. Independent noise needs none of it.
    forgets: bool,
}

impl NoisyExplorer {
    /// For `environments` environments, with parameters of its own; noise that `forgets` starts from 0 with each episode.
    pub fn new(
        network: &Mlp,
        parameters: &[f32],
        environments: usize,
        noise: ActionNoise,
        forgets: bool,
    ) -> Self {
        Self { acting: ActingNetwork::new(network, parameters, environments), noise, forgets }
    }
}

impl Explorer for NoisyExplorer {
    type State = ActionNoise;

    fn follow(&mut self, parameters: &[f32]) {
        self.acting.follow(parameters);
    }

    fn explore(&mut self, observations: &[f32], _progress: f32, noise: &mut Stream, choices: &mut [f32]) {
        squash(choices, self.acting.forward(observations));
        self.noise.disturb(noise, choices);
    }

    fn end_episode(&mut self, environment: usize) {
        if self.forgets {
            self.noise.reset(environment);
        }
    }

    fn state(&self) -> ActionNoise {
        self.noise.clone()
    }

    fn restore(&mut self, state: ActionNoise) -> Result<(), StateError> {
        self.noise.restore(state)
    }
}
