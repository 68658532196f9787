//! Natural policy gradient (Kakade 2002), its steps of a fixed divergence.
//!
//! ```text
//! for each rollout under the present actor pi_old:
//!     A_t, R_t                                                                        generalized_advantage, value_targets
//!     g = gradient of mean ratio A at pi_old,  F = Hessian of mean KL(pi_old || ·)    surrogate_gain, fisher_product
//!     x = (F + damping)⁻¹ g                                                           conjugate_gradient
//!     theta <- theta + √(2 delta / (x · F x)) x                                       step_length
//!     minimize  1/2 mean (V - R)²                                                     value_loss
//! ```
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | theta | the actor's parameters | |
//! | delta | `largest_kl` | |
//!
//! Deviations from the paper, and why:
//! - the step's length follows from the divergence that it may come to, not from a learning rate: that is the one setting with
//!   the same meaning for every task (Rajeswaran et al. 2017, arXiv 1703.02660);
//! - the Fisher information is never inverted but applied, by conjugate gradient: networks here have thousands of parameters.
//!
//! Nothing checks whether a step was good: that is trust region policy optimization's addition.

use super::natural::{Natural, NaturalState};
use crate::action_space::ActionSpace;
use crate::actor_critic::ActorCritic;
use crate::config::ConfigError;
use crate::config::natural::natural_settings;
use crate::parallel::Workers;
use crate::rollout::{Rollout, RolloutShape};
use crate::training::{Metric, OnPolicy, OnPolicySettings, StateError};

natural_settings! {
    /// Natural policy gradient's settings.
    pub struct NpgConfig, NpgDocument in "npg" {}
}

impl NpgConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.check_natural()
    }
}

/// Natural policy gradient's networks and buffers.
pub struct Npg {
    config: NpgConfig,
    natural: Natural,
}

impl Npg {
    /// Fresh networks for a task's sizes; the same seed gives the same ones.
    pub fn new(config: &NpgConfig, shape: RolloutShape, space: &ActionSpace, seed: u64) -> Self {
        let natural = Natural::new(config.natural(), &config.actor_shape(), shape, space, seed);
        Self { config: config.clone(), natural }
    }
}

impl OnPolicy for Npg {
    const NAME: &'static str = "npg";
    type State = NaturalState;

    fn settings(&self) -> OnPolicySettings {
        self.config.on_policy()
    }

    fn networks(&self) -> &ActorCritic {
        &self.natural.networks
    }

    fn networks_mut(&mut self) -> &mut ActorCritic {
        &mut self.natural.networks
    }

    fn update(&mut self, rollout: &Rollout, rate_scale: f32, workers: &Workers) {
        if self.natural.aim(rollout, workers).is_none() {
            return;
        }
        self.natural.step(1.0);
        let after = self.natural.standing(rollout, workers);
        self.natural.conclude(rollout, after, rate_scale, workers);
    }

    fn metrics(&self) -> Vec<Metric> {
        self.natural.metrics()
    }

    fn losses(&self) -> [f32; 2] {
        self.natural.losses()
    }

    fn state(&self) -> NaturalState {
        self.natural.state()
    }

    fn restore(&mut self, state: NaturalState) -> Result<(), StateError> {
        self.natural.restore(state);
        Ok(())
    }
}
