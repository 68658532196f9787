//! REINFORCE (Williams 1992) with returns to go, and a choice of what they are compared with.
//!
//! ```text
//! for each rollout under the present actor:
//!     G_t = r_t + gamma G_{t+1} until the episode ends                                returns_to_go
//!     A_t = G_t - b                                                                   subtract_mean, subtract_mean_of_age
//!     minimize  -mean log pi(a|s) A,  one step of Adam                                policy_gradient_loss
//! ```
//!
//! | baseline b | what it is |
//! |---|---|
//! | `none` | 0 |
//! | `constant` | the mean of all returns to go |
//! | `time_dependent` | the mean of those from the same step of an episode |
//! | `learned` | V(s), which also stands for what a time limit or the rollout's end cut off |
//!
//! Deviations from the paper, and why:
//! - without a critic nothing can stand for what a rollout's end cut off: the rows of such an episode are left out, so rollouts
//!   should be a multiple of an episode's steps. A time limit ends a return like a termination there, which a time-dependent
//!   baseline compares fairly;
//! - returns are discounted but states are not weighted by `gamma^t`, as everywhere today;
//! - advantages may be scaled to deviation 1, which makes the step independent of the rewards' unit.

use crate::action_space::ActionSpace;
use crate::actor_critic::{ActorCritic, Estimates, Estimation};
use crate::advantage::normalize;
use crate::config::ConfigError;
use crate::config::on_policy::on_policy_settings;
use crate::config::settings::{at_least_one, positive};
use crate::end::End;
use crate::gradient_shard::{Shard, add_up, minibatch};
use crate::optimizer::Adam;
use crate::parallel::Workers;
use crate::random::Stream;
use crate::rollout::{Rollout, RolloutShape};
use crate::training::{Metric, OnPolicy, OnPolicySettings, StateError};
use crate::value_regression::{Regression, ValueRegression};
use serde::{Deserialize, Serialize};

/// What returns are compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// Nothing.
    None,
    /// Their mean.
    Constant,
    /// The mean of those from the same step of an episode.
    TimeDependent,
    /// A critic.
    Learned,
}

on_policy_settings! {
    /// REINFORCE's settings.
    pub struct ReinforceConfig, ReinforceDocument in "reinforce" with 1000 steps {
        /// `"none"`, `"constant"`, `"time_dependent"` or `"learned"`. Each one leaves less noise than the one before.
        baseline: Baseline = Baseline::Learned,
        /// Adam's step size for the actor.
        learning_rate: f32 = 1e-2,
        /// Adam's step size for a learned baseline.
        critic_learning_rate: f32 = 1e-3,
        /// Passes of a learned baseline over each rollout.
        critic_epochs: usize = 10,
        /// Steps of a learned baseline in each pass.
        critic_minibatches: usize = 16,
        /// Whether advantages are shifted and scaled to mean 0 and deviation 1 over each rollout.
        normalize_advantages: bool = true,
    }
}

impl ReinforceConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.check_shared()?;
        at_least_one("reinforce.critic_epochs", self.critic_epochs as u64)?;
        at_least_one("reinforce.critic_minibatches", self.critic_minibatches as u64)?;
        positive("reinforce.learning_rate", f64::from(self.learning_rate))?;
        positive("reinforce.critic_learning_rate", f64::from(self.critic_learning_rate))
    }
}

/// What an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReinforceMetrics {
    /// `-mean log pi(a|s) A`.
    pub policy_loss: f32,
    /// Of a learned baseline, in its own unit.
    pub value_loss: f32,
}

/// REINFORCE's networks and buffers.
pub struct Reinforce {
    config: ReinforceConfig,
    networks: ActorCritic,
    actor_adam: Adam,
    estimates: Estimates,
    regression: ValueRegression,
    shards: Vec<Shard>,
    /// Rows whose return is known.
    complete: Vec<usize>,
    /// Of each row, its step within its episode, `[rows]`.
    ages: Vec<usize>,
    /// Of the first row of the rollout to come, `[environments]`.
    first_ages: Vec<usize>,
    /// Complete rows by their age.
    by_age: Vec<usize>,
    metrics: ReinforceMetrics,
}

/// What learning has changed of [`Reinforce`] beside its networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ReinforceState {
    actor_adam: Adam,
    shuffling: Stream,
    first_ages: Vec<usize>,
    metrics: ReinforceMetrics,
}

/// `-Σ scale · log pi(a|s) A`; writes its derivative by `log_prob`, `-scale A`. All `[rows]`.
pub fn policy_gradient_loss(
    by_log_prob: &mut [f32],
    log_probs: &[f32],
    advantages: &[f32],
    scale: f32,
) -> f32 {
    let mut loss = 0.0;
    for ((by_log_prob, log_prob), advantage) in by_log_prob.iter_mut().zip(log_probs).zip(advantages) {
        *by_log_prob = -scale * advantage;
        loss -= scale * log_prob * advantage;
    }
    loss
}

/// `G_t = r_t + gamma G_{t+1}` until the episode ends, `[rows]`, and the rows for which that is known into `complete`, in order.
///
/// Not known are the steps of an episode that the rollout's end cut off, and of one whose simulation broke down.
pub fn returns_to_go(returns: &mut [f32], complete: &mut Vec<usize>, rollout: &Rollout, gamma: f32) {
    let count = rollout.shape.environments;
    for row in (0..returns.len()).rev() {
        let next = returns.get(row + count).copied().unwrap_or(f32::NAN);
        returns[row] = match rollout.ends[row] {
            End::None => rollout.rewards[row] + gamma * next,
            End::Terminated | End::Truncated => rollout.rewards[row],
            End::Faulted => f32::NAN,
        };
    }
    complete.clear();
    complete.extend((0..returns.len()).filter(|row| !returns[*row].is_nan()));
    returns.iter_mut().filter(|value| value.is_nan()).for_each(|value| *value = 0.0);
}

/// Subtracts from the returns of `rows` their mean.
pub fn subtract_mean(returns: &mut [f32], rows: &[usize]) {
    let sum: f64 = rows.iter().map(|row| f64::from(returns[*row])).sum();
    let mean = (sum / rows.len().max(1) as f64) as f32;
    for row in rows {
        returns[*row] -= mean;
    }
}

/// Subtracts from the returns of `rows` the mean of those of the same age; `by_age` is room for as many rows.
pub fn subtract_mean_of_age(returns: &mut [f32], rows: &[usize], ages: &[usize], by_age: &mut Vec<usize>) {
    by_age.clear();
    by_age.extend_from_slice(rows);
    by_age.sort_unstable_by_key(|row| (ages[*row], *row));
    for same in by_age.chunk_by(|left, right| ages[*left] == ages[*right]) {
        subtract_mean(returns, same);
    }
}

impl Reinforce {
    /// Fresh networks for a task's sizes; the same seed gives the same ones.
    pub fn new(config: &ReinforceConfig, shape: RolloutShape, space: &ActionSpace, seed: u64) -> Self {
        let networks = ActorCritic::new(&config.actor_shape(), shape, space, seed);
        let regression = Regression {
            epochs: config.critic_epochs,
            minibatches: config.critic_minibatches,
            learning_rate: config.critic_learning_rate,
        };
        Self {
            config: config.clone(),
            actor_adam: Adam::new(networks.actor.parameters().len()),
            estimates: Estimates::new(shape),
            regression: ValueRegression::new(regression, &networks, seed),
            shards: minibatch(&networks, shape.sequences()),
            complete: Vec::with_capacity(shape.rows()),
            ages: vec![0; shape.rows()],
            first_ages: vec![0; shape.environments],
            by_age: Vec::with_capacity(shape.rows()),
            networks,
            metrics: ReinforceMetrics::default(),
        }
    }

    /// Advantages of the rollout; those of rows without one are 0.
    fn estimate(&mut self, rollout: &Rollout) {
        let Self { config, networks, estimates, complete, ages, by_age, .. } = self;
        let learned = config.baseline == Baseline::Learned;
        let estimation = Estimation {
            gamma: config.gamma,
            lambda: 1.0,
            normalize_advantages: learned && config.normalize_advantages,
            normalize_values: learned,
        };
        networks.estimate(rollout, estimation, estimates);
        if learned {
            complete.clear();
            complete.extend_from_slice(estimates.order.rows());
            return;
        }
        let advantages = &mut estimates.advantages;
        returns_to_go(advantages, complete, rollout, config.gamma);
        match config.baseline {
            Baseline::None | Baseline::Learned => {}
            Baseline::Constant => subtract_mean(advantages, complete),
            Baseline::TimeDependent => subtract_mean_of_age(advantages, complete, ages, by_age),
        }
        if config.normalize_advantages {
            normalize(advantages, complete);
        }
    }

    /// Each row's step within its episode.
    fn count_ages(&mut self, rollout: &Rollout) {
        let count = self.first_ages.len();
        for (row, end) in rollout.ends.iter().enumerate() {
            let age = &mut self.first_ages[row % count];
            self.ages[row] = *age;
            *age = if *end == End::None { *age + 1 } else { 0 };
        }
    }
}

impl OnPolicy for Reinforce {
    const NAME: &'static str = "reinforce";
    type State = ReinforceState;

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
        self.count_ages(rollout);
        self.estimate(rollout);
        if self.complete.is_empty() {
            return;
        }
        let (estimates, scale) = (&self.estimates, 1.0 / self.complete.len() as f32);
        let actor = &self.networks.actor;
        workers.for_each(&mut self.shards, |shard| {
            shard.gather(rollout, estimates, 0);
            shard.differentiate_actor(
                actor,
                &rollout.behaviour,
                [scale, 0.0, 0.0],
                |by_log_prob, log_probs, rows| {
                    policy_gradient_loss(by_log_prob, log_probs, &rows.advantages, scale)
                },
            );
        });
        let losses = add_up(&mut self.shards);
        if let Some(shard) = self.shards.first() {
            let rate = rate_scale * self.config.learning_rate;
            self.actor_adam.step(self.networks.actor.parameters_mut(), &shard.actor.gradient, rate);
            self.networks.actor.bound();
        }
        let mut value_loss = 0.0;
        if self.config.baseline == Baseline::Learned {
            let Self { regression, networks, estimates, .. } = self;
            value_loss = regression.fit(networks, rollout, estimates, rate_scale, workers);
        }
        self.metrics = ReinforceMetrics { policy_loss: losses.policy, value_loss };
    }

    fn metrics(&self) -> Vec<Metric> {
        let ReinforceMetrics { policy_loss, value_loss } = self.metrics;
        vec![Metric::new("policy_loss", policy_loss), Metric::new("value_loss", value_loss)]
    }

    fn losses(&self) -> [f32; 2] {
        [self.metrics.policy_loss, self.metrics.value_loss]
    }

    fn state(&self) -> ReinforceState {
        ReinforceState {
            actor_adam: self.actor_adam.clone(),
            shuffling: self.regression.shuffling().clone(),
            first_ages: self.first_ages.clone(),
            metrics: self.metrics,
        }
    }

    fn restore(&mut self, state: ReinforceState) -> Result<(), StateError> {
        self.actor_adam.restore("the actor's optimizer", state.actor_adam)?;
        self.regression.restore_shuffling(state.shuffling);
        StateError::check_length("the episodes' ages", self.first_ages.len(), state.first_ages.len())?;
        self.first_ages = state.first_ages;
        self.metrics = state.metrics;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rollout(ends: &[End]) -> Rollout {
        let mut rollout = Rollout::new(RolloutShape {
            steps: ends.len(),
            environments: 1,
            observation_size: 1,
            privileged_size: 0,
            sample_size: 1,
            output_size: 1,
            memory: None,
        });
        rollout.rewards.fill(1.0);
        rollout.ends.copy_from_slice(ends);
        rollout
    }

    #[test]
    fn returns_to_go_stop_at_every_end_and_leave_out_what_was_cut_off() {
        let (mut returns, mut complete) = (vec![9.0; 6], Vec::new());
        let ends = [End::None, End::Truncated, End::None, End::Terminated, End::None, End::None];
        returns_to_go(&mut returns, &mut complete, &rollout(&ends), 0.5);
        assert_eq!(returns, [1.5, 1.0, 1.5, 1.0, 0.0, 0.0]);
        assert_eq!(complete, [0, 1, 2, 3]);
        let ends = [End::Terminated, End::None, End::Faulted, End::None, End::None, End::Terminated];
        returns_to_go(&mut returns, &mut complete, &rollout(&ends), 0.5);
        assert_eq!(returns, [1.0, 0.0, 0.0, 1.75, 1.5, 1.0]);
        assert_eq!(complete, [0, 3, 4, 5]);
    }

    #[test]
    fn baselines_agree_with_hand_computed_cases() {
        let mut returns = [4.0, 2.0, 8.0, 6.0, 100.0];
        subtract_mean(&mut returns, &[0, 1, 2, 3]);
        assert_eq!(returns, [-1.0, -3.0, 3.0, 1.0, 100.0]);
        let mut returns = [4.0, 2.0, 8.0, 6.0, 100.0];
        subtract_mean_of_age(&mut returns, &[0, 1, 2, 3], &[0, 1, 0, 1, 2], &mut Vec::new());
        assert_eq!(returns, [-2.0, -2.0, 2.0, 2.0, 100.0]);
    }

    #[test]
    fn the_loss_agrees_with_a_hand_computed_case() {
        let mut by_log_prob = [0.0; 2];
        assert_eq!(policy_gradient_loss(&mut by_log_prob, &[-1.0, -2.0], &[3.0, -4.0], 0.5), -2.5);
        assert_eq!(by_log_prob, [-1.5, 2.0]);
    }
}
