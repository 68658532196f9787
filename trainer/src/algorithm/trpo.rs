//! Trust region policy optimization (Schulman et al. 2015, arXiv 1502.05477).
//!
//! ```text
//! for each rollout under the present actor pi_old:
//!     A_t, R_t                                                                        generalized_advantage, value_targets
//!     g = gradient of mean ratio A at pi_old,  F = Hessian of mean KL(pi_old || ·)    surrogate_gain, fisher_product
//!     x = (F + damping)⁻¹ g,  s = √(2 delta / (x · F x)) x                            conjugate_gradient, step_length
//!     for j = 0, 1, …:  theta <- theta_old + c^j s                                    search
//!         until mean ratio A has grown and mean KL(pi_old || pi) <= delta             is_acceptable
//!     minimize  1/2 mean (V - R)²                                                     value_loss
//! ```
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | theta | the actor's parameters | |
//! | delta | `largest_kl` | |
//! | c | `backtracking` | |
//!
//! Deviations from the paper, and why:
//! - advantages come from a critic, by generalized advantage estimation, and are normalized, as in all of today's implementations;
//! - damping, without which the Fisher information of few rows is nearly singular.

use super::natural::{Natural, NaturalState};
use crate::action_space::ActionSpace;
use crate::actor_critic::ActorCritic;
use crate::config::ConfigError;
use crate::config::natural::natural_settings;
use crate::config::settings::{at_least_one, require};
use crate::natural_gradient::Standing;
use crate::parallel::Workers;
use crate::rollout::{Rollout, RolloutShape};
use crate::training::{Metric, OnPolicy, OnPolicySettings, StateError};
use serde::{Deserialize, Serialize};

natural_settings! {
    /// Trust region policy optimization's settings.
    pub struct TrpoConfig, TrpoDocument in "trpo" {
        /// By how much a step that is refused is shortened.
        backtracking: f32 = 0.8,
        /// Steps that are tried at most; if all are refused, the actor stays.
        largest_backtracks: usize = 10,
    }
}

impl TrpoConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.check_natural()?;
        let shortens = self.backtracking > 0.0 && self.backtracking < 1.0;
        require(shortens, "trpo.backtracking", self.backtracking, "above 0 and below 1")?;
        at_least_one("trpo.largest_backtracks", self.largest_backtracks as u64)
    }
}

/// Trust region policy optimization's networks and buffers.
pub struct Trpo {
    config: TrpoConfig,
    natural: Natural,
    /// Share of the longest step that was taken last.
    step_share: f32,
}

/// What learning has changed of [`Trpo`] beside its networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct TrpoState {
    natural: NaturalState,
    step_share: f32,
}

/// Whether a step may stay: it gains, and stays within the trust region.
pub fn is_acceptable(before: Standing, after: Standing, largest_kl: f32) -> bool {
    after.gain > before.gain && after.kl <= largest_kl
}

impl Trpo {
    /// Fresh networks for a task's sizes; the same seed gives the same ones.
    pub fn new(config: &TrpoConfig, shape: RolloutShape, space: &ActionSpace, seed: u64) -> Self {
        let natural = Natural::new(config.natural(), &config.actor_shape(), shape, space, seed);
        Self { config: config.clone(), natural, step_share: 0.0 }
    }

    /// Shortens the step until it is acceptable; where it ended, and the share of it that was taken.
    fn search(&mut self, rollout: &Rollout, before: Standing, workers: &Workers) -> (Standing, f32) {
        let mut step_share = 1.0;
        for _ in 0..self.config.largest_backtracks {
            self.natural.step(step_share);
            let after = self.natural.standing(rollout, workers);
            if is_acceptable(before, after, self.config.largest_kl) {
                return (after, step_share);
            }
            step_share *= self.config.backtracking;
        }
        self.natural.step(0.0);
        (before, 0.0)
    }
}

impl OnPolicy for Trpo {
    const NAME: &'static str = "trpo";
    type State = TrpoState;

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
        let Some(before) = self.natural.aim(rollout, workers) else { return };
        let (after, step_share) = self.search(rollout, before, workers);
        self.natural.conclude(rollout, after, rate_scale, workers);
        self.step_share = step_share;
    }

    fn metrics(&self) -> Vec<Metric> {
        let mut metrics = self.natural.metrics();
        metrics.push(Metric::new("step_share", self.step_share));
        metrics
    }

    fn losses(&self) -> [f32; 2] {
        self.natural.losses()
    }

    fn state(&self) -> TrpoState {
        TrpoState { natural: self.natural.state(), step_share: self.step_share }
    }

    fn restore(&mut self, state: TrpoState) -> Result<(), StateError> {
        self.natural.restore(state.natural);
        self.step_share = state.step_share;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_acceptable_that_gains_within_the_trust_region() {
        let before = Standing { gain: 0.1, kl: 0.0 };
        assert!(is_acceptable(before, Standing { gain: 0.2, kl: 0.01 }, 0.01));
        assert!(!is_acceptable(before, Standing { gain: 0.1, kl: 0.01 }, 0.01));
        assert!(!is_acceptable(before, Standing { gain: 0.2, kl: 0.02 }, 0.01));
        assert!(!is_acceptable(before, Standing { gain: f32::NAN, kl: 0.0 }, 0.01));
    }
}
