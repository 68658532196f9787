//! Advantage actor-critic (Mnih et al. 2016, arXiv 1602.01783), its environments stepped together.
//!
//! ```text
//! for each short rollout under the present actor:
//!     A_t, R_t with lambda 1: returns of up to T steps, then V                        generalized_advantage, value_targets
//!     minimize  -mean log pi(a|s) A - c mean H(pi)                                    policy_gradient_loss
//!     minimize  1/2 mean (V - R)²,  one step for each rollout                         value_loss
//! ```
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | T | `steps_per_environment` | |
//! | A, R | `estimates` | `[T · environments]` |
//! | c | `entropy_coefficient` | |
//!
//! Deviations from the paper, and why:
//! - one learner waits for all its environments, as in all of today's implementations: the result does not depend on timing;
//! - Adam in place of `RMSProp`, which every other algorithm here uses too;
//! - actor and critic share nothing, and each gradient is shortened by its own norm, so that the loss needs no weight between
//!   the two.

use crate::actor::{ActorOrigin, TrainedActor};
use crate::actor_critic::{ActorCritic, Estimates, Estimation};
use crate::algorithm::reinforce::policy_gradient_loss;
use crate::config::ConfigError;
use crate::config::settings::{at_least_one, positive, require, settings, share, widths};
use crate::gradient_shard::{Shard, add_up, minibatch};
use crate::network::activation::Activation;
use crate::normalizer::Normalizer;
use crate::optimizer::{Adam, clip_norm};
use crate::parallel::Workers;
use crate::rollout::{Rollout, RolloutShape};
use crate::stochastic_actor::{ActorShape, DEVIATION_BOUNDS};
use crate::training::{Metric, OnPolicy, OnPolicySettings, StateError};
use crate::value_function::ValueFunction;
use crate::value_regression::value_loss;
use serde::{Deserialize, Serialize};

settings! {
    /// Advantage actor-critic's settings.
    pub struct A2cConfig, A2cDocument {
        /// Discount per step. Nearer 1 looks farther ahead and learns more slowly.
        gamma: f32 = 0.99,
        /// How far advantages look before they trust the critic. 1 trusts rewards alone: less bias, more noise.
        lambda: f32 = 1.0,
        /// Steps of each environment between two updates. More give steadier and rarer updates.
        steps_per_environment: usize = 5,
        /// Adam's step size, for actor and critic.
        learning_rate: f32 = 7e-4,
        /// The learning rate falls linearly over the run to this share of itself.
        final_learning_rate_share: f32 = 1.0,
        /// Reward of a nat of entropy. Larger explores longer.
        entropy_coefficient: f32 = 0.0,
        /// Gradients longer than this are shortened to it, the actor's and the critic's apart.
        largest_gradient_norm: f32 = 0.5,
        /// Whether advantages are shifted and scaled to mean 0 and deviation 1 over each rollout.
        normalize_advantages: bool = false,
        /// Widths of the hidden layers, actor and critic alike.
        hidden: Vec<usize> = vec![64, 64],
        /// Non-linearity between layers.
        activation: Activation = Activation::Tanh,
        /// Deviation of each normalized action at the start. Larger explores more at first.
        initial_deviation: f32 = 1.0,
        /// Whether observations are normalized by running statistics, which then ship inside the policy.
        normalize_observations: bool = true,
        /// Whether the critic learns values with mean 0 and deviation 1 over all so far.
        normalize_values: bool = false,
    }
}

impl A2cConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        at_least_one("a2c.steps_per_environment", self.steps_per_environment as u64)?;
        widths("a2c.hidden", &self.hidden)?;
        share("a2c.gamma", self.gamma)?;
        share("a2c.final_learning_rate_share", self.final_learning_rate_share)?;
        require((0.0..=1.0).contains(&self.lambda), "a2c.lambda", self.lambda, "from 0 to 1")?;
        positive("a2c.learning_rate", f64::from(self.learning_rate))?;
        positive("a2c.largest_gradient_norm", f64::from(self.largest_gradient_norm))?;
        let coefficient = self.entropy_coefficient;
        let usable = coefficient >= 0.0 && coefficient.is_finite();
        require(usable, "a2c.entropy_coefficient", coefficient, "0 or above, and finite")?;
        let [lowest, highest] = DEVIATION_BOUNDS;
        let inside = self.initial_deviation >= lowest && self.initial_deviation <= highest;
        require(inside, "a2c.initial_deviation", self.initial_deviation, "from 0.01 to 2")
    }
}

/// What an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct A2cMetrics {
    /// `-mean log pi(a|s) A`.
    pub policy_loss: f32,
    /// `1/2 mean (V - R)²`, in the critic's own unit.
    pub value_loss: f32,
    /// Of a choice, in nats.
    pub entropy: f32,
    /// Share of the targets' variance that the critic explained.
    pub explained_variance: f32,
    /// Mean of the actions' deviations.
    pub deviation: f32,
}

/// Advantage actor-critic's networks and buffers.
pub struct A2c {
    config: A2cConfig,
    seed: u64,
    networks: ActorCritic,
    actor_adam: Adam,
    estimates: Estimates,
    shards: Vec<Shard>,
    metrics: A2cMetrics,
}

/// What learning has changed of [`A2c`] beside its networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct A2cState {
    actor_adam: Adam,
    metrics: A2cMetrics,
}

impl A2c {
    /// Fresh networks for a task's sizes; the same seed gives the same ones.
    pub fn new(config: &A2cConfig, shape: RolloutShape, action_size: usize, seed: u64) -> Self {
        let A2cConfig { activation, initial_deviation, .. } = *config;
        let deviation_bounds = DEVIATION_BOUNDS;
        let actor = ActorShape { hidden: &config.hidden, activation, initial_deviation, deviation_bounds };
        let networks = ActorCritic::new(&actor, shape, action_size, seed);
        Self {
            config: config.clone(),
            seed,
            actor_adam: Adam::new(networks.actor.parameters().len()),
            estimates: Estimates::new(shape),
            shards: minibatch(&networks, shape.rows()),
            networks,
            metrics: A2cMetrics::default(),
        }
    }

    fn estimation(&self) -> Estimation {
        let A2cConfig { gamma, lambda, normalize_advantages, normalize_values, .. } = self.config;
        Estimation { gamma, lambda, normalize_advantages, normalize_values }
    }
}

impl OnPolicy for A2c {
    type State = A2cState;

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
        let (estimates, scale) = (&self.estimates, 1.0 / self.networks.shape.rows() as f32);
        let prices = [scale, 0.0, -scale * self.config.entropy_coefficient];
        let ActorCritic { actor, critic, behaviour, .. } = &self.networks;
        workers.for_each(&mut self.shards, |shard| {
            shard.gather(rollout, estimates, 0);
            shard.differentiate_actor(actor, behaviour, prices, |by_log_prob, log_probs, rows| {
                policy_gradient_loss(by_log_prob, log_probs, &rows.advantages, scale)
            });
            shard.differentiate_critic(critic, |gradient, values, rows| {
                value_loss(gradient, values, &rows.targets, scale)
            });
        });
        let losses = add_up(&mut self.shards);
        let ActorCritic { actor, critic, .. } = &mut self.networks;
        if let Some(shard) = self.shards.first_mut() {
            let rate = rate_scale * self.config.learning_rate;
            clip_norm(&mut shard.actor.gradient, self.config.largest_gradient_norm);
            self.actor_adam.step(actor.parameters_mut(), &shard.actor.gradient, rate);
            actor.bound();
            critic.step(&mut shard.critic.gradient, self.config.largest_gradient_norm, rate);
        }
        self.metrics = A2cMetrics {
            policy_loss: losses.policy,
            value_loss: losses.value,
            entropy: actor.entropy(),
            explained_variance: self.estimates.explained_variance,
            deviation: actor.mean_deviation(),
        };
    }

    fn metrics(&self) -> Vec<Metric> {
        let A2cMetrics { policy_loss, value_loss, entropy, explained_variance, deviation } = self.metrics;
        vec![
            Metric::new("policy_loss", policy_loss),
            Metric::new("value_loss", value_loss),
            Metric::new("entropy", entropy),
            Metric::new("explained_variance", explained_variance),
            Metric::new("deviation", deviation),
        ]
    }

    fn is_finite(&self) -> bool {
        self.metrics.policy_loss.is_finite() && self.metrics.value_loss.is_finite()
    }

    fn actor(&self, normalizer: Option<&Normalizer>, steps: u64) -> TrainedActor {
        let origin = ActorOrigin { algorithm: "a2c", steps, seed: self.seed };
        self.networks.actor.trained(normalizer, origin)
    }

    fn state(&self) -> A2cState {
        A2cState { actor_adam: self.actor_adam.clone(), metrics: self.metrics }
    }

    fn restore(&mut self, state: A2cState) -> Result<(), StateError> {
        self.actor_adam.restore("the actor's optimizer", state.actor_adam)?;
        self.metrics = state.metrics;
        Ok(())
    }
}
