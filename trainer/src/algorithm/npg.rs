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

use crate::actor::{ActorOrigin, TrainedActor};
use crate::actor_critic::{ActorCritic, Estimates, Estimation};
use crate::config::ConfigError;
use crate::config::settings::{at_least_one, positive, require, settings, share, widths};
use crate::natural_gradient::{Descent, NaturalGradient};
use crate::network::activation::Activation;
use crate::normalizer::Normalizer;
use crate::parallel::Workers;
use crate::random::Stream;
use crate::rollout::{Rollout, RolloutShape};
use crate::stochastic_actor::{ActorShape, DEVIATION_BOUNDS};
use crate::training::{Metric, OnPolicy, OnPolicySettings, StateError};
use crate::value_function::ValueFunction;
use crate::value_regression::{Regression, ValueRegression};
use serde::{Deserialize, Serialize};

settings! {
    /// Natural policy gradient's settings.
    pub struct NpgConfig, NpgDocument {
        /// Discount per step. Nearer 1 looks farther ahead and learns more slowly.
        gamma: f32 = 0.99,
        /// How far advantages look before they trust the critic. 1 trusts rewards alone: less bias, more noise.
        lambda: f32 = 0.95,
        /// Steps of each environment between two updates. More give steadier and rarer updates.
        steps_per_environment: usize = 2048,
        /// Divergence in nats that an update may come to. Larger moves farther.
        largest_kl: f32 = 0.01,
        /// Products with the Fisher information in each update. More find a better direction.
        conjugate_gradient_iterations: usize = 15,
        /// Added to the Fisher information's diagonal. Larger turns the direction towards the plain gradient.
        damping: f32 = 0.1,
        /// Adam's step size for the critic.
        critic_learning_rate: f32 = 1e-3,
        /// The critic's learning rate falls linearly over the run to this share of itself.
        final_learning_rate_share: f32 = 1.0,
        /// Passes of the critic over each rollout.
        critic_epochs: usize = 10,
        /// Steps of the critic in each pass.
        critic_minibatches: usize = 16,
        /// Widths of the hidden layers, actor and critic alike.
        hidden: Vec<usize> = vec![64, 64],
        /// Non-linearity between layers.
        activation: Activation = Activation::Tanh,
        /// Deviation of each normalized action at the start. Larger explores more at first.
        initial_deviation: f32 = 1.0,
        /// Whether observations are normalized by running statistics, which then ship inside the policy.
        normalize_observations: bool = true,
        /// Whether the critic learns values with mean 0 and deviation 1 over all so far.
        normalize_values: bool = true,
    }
}

impl NpgConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        at_least_one("npg.steps_per_environment", self.steps_per_environment as u64)?;
        let iterations = self.conjugate_gradient_iterations as u64;
        at_least_one("npg.conjugate_gradient_iterations", iterations)?;
        at_least_one("npg.critic_epochs", self.critic_epochs as u64)?;
        at_least_one("npg.critic_minibatches", self.critic_minibatches as u64)?;
        widths("npg.hidden", &self.hidden)?;
        share("npg.gamma", self.gamma)?;
        share("npg.final_learning_rate_share", self.final_learning_rate_share)?;
        require((0.0..=1.0).contains(&self.lambda), "npg.lambda", self.lambda, "from 0 to 1")?;
        positive("npg.largest_kl", f64::from(self.largest_kl))?;
        positive("npg.damping", f64::from(self.damping))?;
        positive("npg.critic_learning_rate", f64::from(self.critic_learning_rate))?;
        let [lowest, highest] = DEVIATION_BOUNDS;
        let inside = self.initial_deviation >= lowest && self.initial_deviation <= highest;
        require(inside, "npg.initial_deviation", self.initial_deviation, "from 0.01 to 2")
    }
}

/// What an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct NpgMetrics {
    /// `-mean ratio A` after the step.
    pub policy_loss: f32,
    /// `1/2 mean (V - R)²` over the critic's last pass, in its own unit.
    pub value_loss: f32,
    /// Of a choice, in nats.
    pub entropy: f32,
    /// `mean KL(pi_old || pi)` after the step.
    pub kl: f32,
    /// Share of the targets' variance that the critic explained.
    pub explained_variance: f32,
    /// Mean of the actions' deviations.
    pub deviation: f32,
}

/// Natural policy gradient's networks and buffers.
pub struct Npg {
    config: NpgConfig,
    seed: u64,
    networks: ActorCritic,
    estimates: Estimates,
    descent: NaturalGradient,
    regression: ValueRegression,
    metrics: NpgMetrics,
}

/// What learning has changed of [`Npg`] beside its networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct NpgState {
    shuffling: Stream,
    metrics: NpgMetrics,
}

impl Npg {
    /// Fresh networks for a task's sizes; the same seed gives the same ones.
    pub fn new(config: &NpgConfig, shape: RolloutShape, action_size: usize, seed: u64) -> Self {
        let NpgConfig { activation, initial_deviation, .. } = *config;
        let deviation_bounds = DEVIATION_BOUNDS;
        let actor = ActorShape { hidden: &config.hidden, activation, initial_deviation, deviation_bounds };
        let networks = ActorCritic::new(&actor, shape, action_size, seed);
        let descent = Descent {
            iterations: config.conjugate_gradient_iterations,
            damping: config.damping,
            largest_kl: config.largest_kl,
        };
        let regression = Regression {
            epochs: config.critic_epochs,
            minibatches: config.critic_minibatches,
            learning_rate: config.critic_learning_rate,
        };
        Self {
            config: config.clone(),
            seed,
            estimates: Estimates::new(shape),
            descent: NaturalGradient::new(descent, &networks),
            regression: ValueRegression::new(regression, &networks, seed),
            networks,
            metrics: NpgMetrics::default(),
        }
    }

    fn estimation(&self) -> Estimation {
        let NpgConfig { gamma, lambda, normalize_values, .. } = self.config;
        Estimation { gamma, lambda, normalize_advantages: true, normalize_values }
    }
}

impl OnPolicy for Npg {
    type State = NpgState;

    fn settings(&self) -> OnPolicySettings {
        OnPolicySettings {
            shape: self.networks.shape,
            final_learning_rate_share: self.config.final_learning_rate_share,
            normalize_observations: self.config.normalize_observations,
        }
    }

    fn networks(&mut self) -> &mut ActorCritic {
        &mut self.networks
    }

    fn critic(&self) -> &ValueFunction {
        &self.networks.critic
    }

    fn update(&mut self, rollout: &Rollout, rate_scale: f32, workers: &Workers) {
        self.networks.estimate(rollout, self.estimation(), &mut self.estimates);
        if self.estimates.order.rows().is_empty() {
            return;
        }
        self.descent.evaluate(&self.networks, rollout, &self.estimates, workers);
        self.descent.aim(&self.networks, workers);
        self.descent.step(&mut self.networks, 1.0);
        let after = self.descent.evaluate(&self.networks, rollout, &self.estimates, workers);
        let Self { regression, networks, estimates, .. } = self;
        let value_loss = regression.fit(networks, rollout, estimates, rate_scale, workers);
        self.metrics = NpgMetrics {
            policy_loss: -after.gain,
            value_loss,
            entropy: networks.actor.entropy(),
            kl: after.kl,
            explained_variance: estimates.explained_variance,
            deviation: networks.actor.mean_deviation(),
        };
    }

    fn metrics(&self) -> Vec<Metric> {
        let metrics = self.metrics;
        vec![
            Metric::new("policy_loss", metrics.policy_loss),
            Metric::new("value_loss", metrics.value_loss),
            Metric::new("entropy", metrics.entropy),
            Metric::new("kl", metrics.kl),
            Metric::new("explained_variance", metrics.explained_variance),
            Metric::new("deviation", metrics.deviation),
        ]
    }

    fn is_finite(&self) -> bool {
        self.metrics.policy_loss.is_finite() && self.metrics.value_loss.is_finite()
    }

    fn actor(&self, normalizer: Option<&Normalizer>, steps: u64) -> TrainedActor {
        let origin = ActorOrigin { algorithm: "npg", steps, seed: self.seed };
        self.networks.actor.trained(normalizer, origin)
    }

    fn state(&self) -> NpgState {
        NpgState { shuffling: self.regression.shuffling().clone(), metrics: self.metrics }
    }

    fn restore(&mut self, state: NpgState) -> Result<(), StateError> {
        self.regression.restore_shuffling(state.shuffling);
        self.metrics = state.metrics;
        Ok(())
    }
}
