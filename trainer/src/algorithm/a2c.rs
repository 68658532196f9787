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

use crate::action_space::ActionSpace;
use crate::actor_critic::{ActorCritic, Estimates, Estimation};
use crate::algorithm::reinforce::policy_gradient_loss;
use crate::config::ConfigError;
use crate::config::on_policy::on_policy_settings;
use crate::config::settings::{positive, require};
use crate::gradient_shard::{Shard, add_up, minibatch};
use crate::optimizer::{Adam, clip_norm};
use crate::parallel::Workers;
use crate::rollout::{Rollout, RolloutShape};
use crate::training::{Metric, OnPolicy, OnPolicySettings, StateError};
use crate::value_regression::value_loss;
use serde::{Deserialize, Serialize};

on_policy_settings! {
    /// Advantage actor-critic's settings.
    pub struct A2cConfig, A2cDocument in "a2c" with 5 steps {
        /// How far advantages look before they trust the critic. 1 trusts rewards alone: less bias, more noise.
        lambda: f32 = 1.0,
        /// Adam's step size, for actor and critic.
        learning_rate: f32 = 7e-4,
        /// Reward of a nat of entropy. Larger explores longer.
        entropy_coefficient: f32 = 0.0,
        /// Gradients longer than this are shortened to it, the actor's and the critic's apart.
        largest_gradient_norm: f32 = 0.5,
        /// Whether advantages are shifted and scaled to mean 0 and deviation 1 over each rollout.
        normalize_advantages: bool = false,
        /// Whether the critic learns values with mean 0 and deviation 1 over all so far.
        normalize_values: bool = false,
    }
}

impl A2cConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.check_shared()?;
        require((0.0..=1.0).contains(&self.lambda), "a2c.lambda", self.lambda, "from 0 to 1")?;
        positive("a2c.learning_rate", f64::from(self.learning_rate))?;
        positive("a2c.largest_gradient_norm", f64::from(self.largest_gradient_norm))?;
        let coefficient = self.entropy_coefficient;
        let usable = coefficient >= 0.0 && coefficient.is_finite();
        require(usable, "a2c.entropy_coefficient", coefficient, "0 or above, and finite")
    }
}

/// What an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct A2cMetrics {
    /// `-mean log pi(a|s) A`.
    pub policy_loss: f32,
    /// `1/2 mean (V - R)²`, in the critic's own unit.
    pub value_loss: f32,
    /// Share of the targets' variance that the critic explained.
    pub explained_variance: f32,
}

/// Advantage actor-critic's networks and buffers.
pub struct A2c {
    config: A2cConfig,
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
    pub fn new(config: &A2cConfig, shape: RolloutShape, space: &ActionSpace, seed: u64) -> Self {
        let networks = ActorCritic::new(&config.actor_shape(), shape, space, seed);
        Self {
            config: config.clone(),
            actor_adam: Adam::new(networks.actor.parameters().len()),
            estimates: Estimates::new(shape),
            shards: minibatch(&networks, shape.sequences()),
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
    const NAME: &'static str = "a2c";
    type State = A2cState;

    fn settings(&self) -> OnPolicySettings {
        self.config.on_policy()
    }

    fn networks(&self) -> &ActorCritic {
        &self.networks
    }

    fn networks_mut(&mut self) -> &mut ActorCritic {
        &mut self.networks
    }

    fn update(&mut self, rollout: &Rollout, rate_scale: f32, workers: &Workers) {
        self.networks.estimate(rollout, self.estimation(), &mut self.estimates);
        if self.estimates.order.rows().is_empty() {
            return;
        }
        let (estimates, scale) = (&self.estimates, 1.0 / self.networks.shape.rows() as f32);
        let prices = [scale, 0.0, -scale * self.config.entropy_coefficient];
        let ActorCritic { actor, critic, .. } = &self.networks;
        workers.for_each(&mut self.shards, |shard| {
            shard.gather(rollout, estimates, 0);
            shard.differentiate_actor(actor, &rollout.behaviour, prices, |by_log_prob, log_probs, rows| {
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
            explained_variance: self.estimates.explained_variance,
        };
    }

    fn metrics(&self) -> Vec<Metric> {
        let A2cMetrics { policy_loss, value_loss, explained_variance } = self.metrics;
        vec![
            Metric::new("policy_loss", policy_loss),
            Metric::new("value_loss", value_loss),
            Metric::new("explained_variance", explained_variance),
        ]
    }

    fn losses(&self) -> [f32; 2] {
        [self.metrics.policy_loss, self.metrics.value_loss]
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
