//! Proximal policy optimization (Schulman et al. 2017, arXiv 1707.06347), with clipped ratios or a penalty on divergence.
//!
//! ```text
//! for each rollout of T steps in E environments under the present actor pi_old:
//!     A_t = sum of (gamma lambda)^k delta_{t+k},  R_t = A_t + V(s_t)                  generalized_advantage, value_targets
//!     for each epoch, for each minibatch of the shuffled rows:
//!         ratio = exp(log pi(a|s) - log pi_old(a|s))
//!         minimize  -mean min(ratio A, clip(ratio, 1 ± epsilon) A)                    clipped_surrogate
//!               or  -mean ratio A + beta mean KL(pi_old || pi)                        surrogate
//!               and -c mean H(pi)
//!         minimize  1/2 mean max((V - R)², (V_old + clip(V - V_old, ±epsilon_V) - R)²)  clipped_value_loss
//!         the learning rate follows mean KL(pi_old || pi), if asked for               adapted_rate
//!     beta follows mean KL(pi_old || pi)                                              adapted_penalty
//! ```
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | T, E | `steps_per_environment`, the run's `environments` | |
//! | A, R | `advantages`, `targets` | `[T · E]` |
//! | epsilon, `epsilon_V` | `clip_range`, `value_clip_range` | |
//! | c | `entropy_coefficient` | |
//! | beta | `penalty` | |
//!
//! Deviations from the paper, and why:
//! - actor and critic share nothing, and each gradient is shortened by its own norm, so that the size of rewards cannot slow the
//!   actor and the loss needs no weight between the two;
//! - advantages are normalized over the rollout, as in `rsl_rl`, which makes the step independent of the rewards' unit;
//! - the learning rate may follow the divergence, as in `rsl_rl`: divided by 1.5 above twice the target, multiplied by it below half,
//!   which on robots replaces tuning;
//! - with `training.lag = 1`, `pi_old` and `V_old` are those of the round before, which collected while the present ones were learned.

use crate::action_space::ActionSpace;
use crate::actor_critic::{ActorCritic, Estimates, Estimation};
use crate::config::ConfigError;
use crate::config::on_policy::on_policy_settings;
use crate::config::settings::{at_least_one, positive, require};
use crate::gradient_shard::{Losses, Shard, add_up, minibatch};
use crate::optimizer::{Adam, clip_norm};
use crate::parallel::Workers;
use crate::random::Stream;
use crate::rollout::{Rollout, RolloutShape};
use crate::training::{Metric, OnPolicy, OnPolicySettings, StateError};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::math;

/// Bounds of a learning rate that follows the divergence, as in `rsl_rl`.
const RATE_BOUNDS: [f32; 2] = [1e-5, 1e-2];
/// By how much such a rate changes at a time.
const RATE_FACTOR: f32 = 1.5;

/// What keeps the new policy near the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Surrogate {
    /// Ratios beyond the clip range earn nothing.
    Clip,
    /// Divergence from the old policy costs, at a price that follows it.
    KlPenalty,
}

on_policy_settings! {
    /// Proximal policy optimization's settings.
    pub struct PpoConfig, PpoDocument in "ppo" with 2048 steps {
        /// How far advantages look before they trust the critic. 1 trusts rewards alone: less bias, more noise.
        lambda: f32 = 0.95,
        /// Passes over each rollout. More learn more from it and move farther from the policy that made it.
        epochs: usize = 10,
        /// Updates in one pass. More are smaller and noisier.
        minibatches: usize = 32,
        /// Adam's step size, for actor and critic.
        learning_rate: f32 = 3e-4,
        /// Whether the learning rate follows the divergence, aiming at `target_kl`; it then starts at `learning_rate`.
        adapt_learning_rate: bool = false,
        /// Divergence in nats of one round of learning that a following learning rate, or the penalty, aims at.
        target_kl: f32 = 0.01,
        /// `"clip"`, or `"kl_penalty"`.
        surrogate: Surrogate = Surrogate::Clip,
        /// Ratios farther than this from 1 earn nothing. Smaller moves less in one round.
        clip_range: f32 = 0.2,
        /// Price of a nat of divergence at the start, for `"kl_penalty"`.
        initial_kl_penalty: f32 = 1.0,
        /// Values may move so far in one round, in the unit of returns, or of their deviations where values are normalized; 0
        /// for as far as they want.
        value_clip_range: f32 = 0.0,
        /// Reward of a nat of entropy. Larger explores longer.
        entropy_coefficient: f32 = 0.0,
        /// Gradients longer than this are shortened to it, the actor's and the critic's apart.
        largest_gradient_norm: f32 = 0.5,
        /// Whether advantages are shifted and scaled to mean 0 and deviation 1 over each rollout.
        normalize_advantages: bool = true,
        /// Whether the critic learns values with mean 0 and deviation 1 over all so far. Spares choosing a unit for rewards.
        normalize_values: bool = false,
    }
}

impl PpoConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.check_shared()?;
        at_least_one("ppo.epochs", self.epochs as u64)?;
        at_least_one("ppo.minibatches", self.minibatches as u64)?;
        let unit = |value: f32| (0.0..=1.0).contains(&value);
        require(unit(self.lambda), "ppo.lambda", self.lambda, "from 0 to 1")?;
        positive("ppo.learning_rate", f64::from(self.learning_rate))?;
        positive("ppo.target_kl", f64::from(self.target_kl))?;
        positive("ppo.clip_range", f64::from(self.clip_range))?;
        positive("ppo.initial_kl_penalty", f64::from(self.initial_kl_penalty))?;
        positive("ppo.largest_gradient_norm", f64::from(self.largest_gradient_norm))?;
        let not_negative = |value: f32| value >= 0.0 && value.is_finite();
        let range = self.value_clip_range;
        require(not_negative(range), "ppo.value_clip_range", range, "0 or above, and finite")?;
        let coefficient = self.entropy_coefficient;
        require(not_negative(coefficient), "ppo.entropy_coefficient", coefficient, "0 or above, and finite")
    }
}

/// What a round of updates did; means over its minibatches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PpoMetrics {
    /// The surrogate, without penalty and entropy.
    pub policy_loss: f32,
    /// `1/2 mean` of squared errors, in the critic's own unit.
    pub value_loss: f32,
    /// `mean KL(pi_old || pi)` over the last epoch.
    pub kl: f32,
    /// Share of rows whose ratio earned nothing.
    pub clip_fraction: f32,
    /// Share of the targets' variance that the critic explained before the round.
    pub explained_variance: f32,
    /// At the end of the round.
    pub learning_rate: f32,
}

/// Proximal policy optimization's networks and buffers.
pub struct Ppo {
    config: PpoConfig,
    networks: ActorCritic,
    actor_adam: Adam,
    /// Follows the divergence where it may; else it stays.
    learning_rate: f32,
    /// Price of divergence.
    penalty: f32,
    shuffling: Stream,
    estimates: Estimates,
    /// Sequences of a minibatch, which without memory are rows.
    minibatch: usize,
    shards: Vec<Shard>,
    metrics: PpoMetrics,
}

/// What learning has changed of [`Ppo`] beside its networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PpoState {
    actor_adam: Adam,
    learning_rate: f32,
    penalty: f32,
    shuffling: Stream,
    metrics: PpoMetrics,
}

/// `-Σ scale · min(ratio A, clip(ratio, 1 ± epsilon) A)`, `ratio = exp(log_prob - old_log_prob)`; writes its derivative by `log_prob`:
/// `-scale · ratio A`, or 0 where the clipped ratio is the smaller. All `[rows]`; returns the loss and how many rows had none.
pub fn clipped_surrogate(
    by_log_prob: &mut [f32],
    [log_probs, old_log_probs]: [&[f32]; 2],
    advantages: &[f32],
    epsilon: f32,
    scale: f32,
) -> (f32, usize) {
    let (mut loss, mut clipped) = (0.0, 0);
    for (row, by_log_prob) in by_log_prob.iter_mut().enumerate() {
        let ratio = math::exp(log_probs[row] - old_log_probs[row]);
        let advantage = advantages[row];
        let raised = if ratio < 1.0 - epsilon { 1.0 - epsilon } else { ratio };
        let held = if raised > 1.0 + epsilon { 1.0 + epsilon } else { raised };
        let (free, held) = (ratio * advantage, held * advantage);
        let earns_nothing = held < free;
        loss -= scale * if earns_nothing { held } else { free };
        *by_log_prob = if earns_nothing { 0.0 } else { -scale * free };
        clipped += usize::from(earns_nothing);
    }
    (loss, clipped)
}

/// `-Σ scale · ratio A`; writes its derivative by `log_prob`, `-scale · ratio A`. All `[rows]`.
pub fn surrogate(
    by_log_prob: &mut [f32],
    [log_probs, old_log_probs]: [&[f32]; 2],
    advantages: &[f32],
    scale: f32,
) -> f32 {
    let mut loss = 0.0;
    for (row, by_log_prob) in by_log_prob.iter_mut().enumerate() {
        *by_log_prob = -scale * math::exp(log_probs[row] - old_log_probs[row]) * advantages[row];
        loss += *by_log_prob;
    }
    loss
}

/// `Σ scale/2 · max((V - R)², (V_old + clip(V - V_old, ±epsilon) - R)²)`; writes its derivative by V: `scale (V - R)`, or 0 where the
/// clipped value's error is the larger. All `[rows]`; an epsilon of 0 clips nothing.
pub fn clipped_value_loss(
    gradient: &mut [f32],
    values: &[f32],
    old_values: &[f32],
    targets: &[f32],
    epsilon: f32,
    scale: f32,
) -> f32 {
    let mut loss = 0.0;
    for (row, gradient) in gradient.iter_mut().enumerate() {
        let error = values[row] - targets[row];
        let moved = values[row] - old_values[row];
        let raised = if moved < -epsilon { -epsilon } else { moved };
        let held = if raised > epsilon { epsilon } else { raised };
        let held_error = old_values[row] + held - targets[row];
        let is_held = epsilon > 0.0 && held_error * held_error > error * error && held != moved;
        loss += 0.5 * scale * if is_held { held_error * held_error } else { error * error };
        *gradient = if is_held { 0.0 } else { scale * error };
    }
    loss
}

/// `rsl_rl`'s rule: a rate after a step that diverged by `kl` from the rollout's policy.
pub fn adapted_rate(rate: f32, kl: f32, target: f32) -> f32 {
    let [lowest, highest] = RATE_BOUNDS;
    if kl > 2.0 * target {
        let slower = rate / RATE_FACTOR;
        if slower < lowest { lowest } else { slower }
    } else if kl < 0.5 * target && kl > 0.0 {
        let faster = rate * RATE_FACTOR;
        if faster > highest { highest } else { faster }
    } else {
        rate
    }
}

/// The paper's rule (section 4): a price after a round that diverged by `kl`.
pub fn adapted_penalty(penalty: f32, kl: f32, target: f32) -> f32 {
    if kl > 1.5 * target {
        2.0 * penalty
    } else if kl < target / 1.5 {
        0.5 * penalty
    } else {
        penalty
    }
}

impl Ppo {
    /// Fresh networks for a task's sizes; the same seed gives the same ones.
    pub fn new(config: &PpoConfig, shape: RolloutShape, space: &ActionSpace, seed: u64) -> Self {
        let networks = ActorCritic::new(&config.actor_shape(), shape, space, seed);
        let sequences = (shape.sequences() / config.minibatches).max(1);
        Self {
            config: config.clone(),
            actor_adam: Adam::new(networks.actor.parameters().len()),
            learning_rate: config.learning_rate,
            penalty: config.initial_kl_penalty,
            shuffling: Stream::new(seed, "minibatches"),
            estimates: Estimates::new(shape),
            minibatch: sequences,
            shards: minibatch(&networks, sequences),
            networks,
            metrics: PpoMetrics::default(),
        }
    }

    fn estimation(&self) -> Estimation {
        let PpoConfig { gamma, lambda, normalize_advantages, normalize_values, .. } = self.config;
        Estimation { gamma, lambda, normalize_advantages, normalize_values }
    }

    /// Gradients of both losses over one minibatch, in the first shard's buffers.
    fn differentiate(&mut self, rollout: &Rollout, minibatch: usize, workers: &Workers) -> Losses {
        let Self { config, networks, estimates, .. } = self;
        let ActorCritic { actor, critic, .. } = networks;
        let rows = self.minibatch * networks.shape.sequence_steps();
        let (first, scale) = (minibatch * self.minibatch, 1.0 / rows as f32);
        let by_entropy = -scale * config.entropy_coefficient;
        let by_divergence = match config.surrogate {
            Surrogate::Clip => 0.0,
            Surrogate::KlPenalty => scale * self.penalty,
        };
        workers.for_each(&mut self.shards, |shard| {
            shard.gather(rollout, estimates, first);
            let mut clipped = 0;
            let prices = [scale, by_divergence, by_entropy];
            shard.differentiate_actor(actor, &rollout.behaviour, prices, |by_log_prob, log_probs, rows| {
                let log_probs = [log_probs, &rows.log_probs[..]];
                if config.surrogate == Surrogate::KlPenalty {
                    return surrogate(by_log_prob, log_probs, &rows.advantages, scale);
                }
                let loss;
                (loss, clipped) =
                    clipped_surrogate(by_log_prob, log_probs, &rows.advantages, config.clip_range, scale);
                loss
            });
            shard.losses.clipped = scale * clipped as f32;
            shard.differentiate_critic(critic, |gradient, values, rows| {
                let range = config.value_clip_range;
                clipped_value_loss(gradient, values, &rows.values, &rows.targets, range, scale)
            });
        });
        add_up(&mut self.shards)
    }

    /// One step of both networks along the first shard's gradients.
    fn step(&mut self, learning_rate: f32) {
        let Some(shard) = self.shards.first_mut() else { return };
        let largest_norm = self.config.largest_gradient_norm;
        let ActorCritic { actor, critic, .. } = &mut self.networks;
        clip_norm(&mut shard.actor.gradient, largest_norm);
        self.actor_adam.step(actor.parameters_mut(), &shard.actor.gradient, learning_rate);
        actor.bound();
        critic.step(&mut shard.critic.gradient, largest_norm, learning_rate);
    }
}

impl OnPolicy for Ppo {
    const NAME: &'static str = "ppo";
    type State = PpoState;

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
        let PpoConfig { epochs, minibatches, adapt_learning_rate, target_kl, surrogate, .. } = self.config;
        let (mut round, mut last_epoch) = (Losses::default(), Losses::default());
        for _ in 0..epochs {
            self.estimates.order.shuffle(&mut self.shuffling);
            last_epoch = Losses::default();
            for minibatch in 0..minibatches {
                let losses = self.differentiate(rollout, minibatch, workers);
                if adapt_learning_rate {
                    self.learning_rate = adapted_rate(self.learning_rate, losses.kl, target_kl);
                }
                self.step(rate_scale * self.learning_rate);
                last_epoch.add(losses);
            }
            round.add(last_epoch);
        }
        let kl = last_epoch.kl / minibatches as f32;
        if surrogate == Surrogate::KlPenalty {
            self.penalty = adapted_penalty(self.penalty, kl, target_kl);
        }
        let updates = (epochs * minibatches) as f32;
        self.metrics = PpoMetrics {
            policy_loss: round.policy / updates,
            value_loss: round.value / updates,
            kl,
            clip_fraction: round.clipped / updates,
            explained_variance: self.estimates.explained_variance,
            learning_rate: rate_scale * self.learning_rate,
        };
    }

    fn metrics(&self) -> Vec<Metric> {
        let metrics = self.metrics;
        vec![
            Metric::new("policy_loss", metrics.policy_loss),
            Metric::new("value_loss", metrics.value_loss),
            Metric::new("kl", metrics.kl),
            Metric::new("clip_fraction", metrics.clip_fraction),
            Metric::new("explained_variance", metrics.explained_variance),
            Metric::new("learning_rate", metrics.learning_rate),
        ]
    }

    fn losses(&self) -> [f32; 2] {
        [self.metrics.policy_loss, self.metrics.value_loss]
    }

    fn state(&self) -> PpoState {
        PpoState {
            actor_adam: self.actor_adam.clone(),
            learning_rate: self.learning_rate,
            penalty: self.penalty,
            shuffling: self.shuffling.clone(),
            metrics: self.metrics,
        }
    }

    fn restore(&mut self, state: PpoState) -> Result<(), StateError> {
        self.actor_adam.restore("the actor's optimizer", state.actor_adam)?;
        self.learning_rate = state.learning_rate;
        self.penalty = state.penalty;
        self.shuffling = state.shuffling;
        self.metrics = state.metrics;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actor_critic::example::{MEMORY, SHAPE, disturb, rollout};
    use crate::end::End;

    #[test]
    fn the_clipped_surrogate_agrees_with_hand_computed_cases() {
        // Ratios 1.5, 1.5, 0.5, 0.5 and 1.1, epsilon 0.2: a good action that has become likelier, and a bad one that has become
        // rarer, earn nothing more; their opposites count in full.
        let log_probs = [1.5_f32, 1.5, 0.5, 0.5, 1.1].map(|ratio| math::ln(ratio) - 2.0);
        let advantages = [2.0, -2.0, 2.0, -2.0, 2.0];
        let mut by_log_prob = [f32::NAN; 5];
        let (loss, clipped) =
            clipped_surrogate(&mut by_log_prob, [&log_probs, &[-2.0; 5]], &advantages, 0.2, 0.2);
        let expected = -0.2 * (1.2 * 2.0 - 1.5 * 2.0 + 0.5 * 2.0 - 0.8 * 2.0 + 1.1 * 2.0);
        assert!((loss - expected).abs() < 1e-5, "{loss} {expected}");
        assert_eq!(clipped, 2);
        for (found, expected) in by_log_prob.iter().zip([0.0, 0.6, -0.2, 0.0, -0.44]) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }

    #[test]
    fn the_value_loss_holds_a_value_that_has_moved_far_towards_its_target() {
        // Old values 0, epsilon 0.5. 2 is held at 0.5, which is farther from 3: no gradient. Beyond a target of 1 it is the
        // nearer: the free error counts. Within the range nothing is held.
        let mut gradient = [f32::NAN; 3];
        let loss = clipped_value_loss(&mut gradient, &[2.0, 2.0, 0.4], &[0.0; 3], &[3.0, 1.0, 1.0], 0.5, 1.0);
        assert!((loss - 0.5 * (2.5 * 2.5 + 1.0 + 0.36)).abs() < 1e-6, "{loss}");
        assert_eq!(gradient[..2], [0.0, 1.0]);
        assert!((gradient[2] + 0.6).abs() < 1e-6);
        let loss = clipped_value_loss(&mut gradient[..1], &[2.0], &[0.0], &[3.0], 0.0, 1.0);
        assert_eq!((loss, gradient[0]), (0.5, -1.0));
    }

    #[test]
    fn rate_and_penalty_follow_the_divergence() {
        assert_eq!(adapted_rate(3e-4, 0.021, 0.01), 3e-4 / 1.5);
        assert_eq!(adapted_rate(3e-4, 0.0049, 0.01), 3e-4 * 1.5);
        assert_eq!(adapted_rate(3e-4, 0.01, 0.01), 3e-4);
        assert_eq!(adapted_rate(3e-4, 0.0, 0.01), 3e-4);
        assert_eq!(adapted_rate(1e-5, 1.0, 0.01), 1e-5);
        assert_eq!(adapted_rate(9e-3, 1e-4, 0.01), 1e-2);
        assert_eq!(adapted_penalty(1.0, 0.016, 0.01), 2.0);
        assert_eq!(adapted_penalty(1.0, 0.006, 0.01), 0.5);
        assert_eq!(adapted_penalty(1.0, 0.01, 0.01), 1.0);
    }

    fn learner(config: &PpoConfig) -> Ppo {
        Ppo::new(config, SHAPE, &ActionSpace::Continuous(2), 9)
    }

    /// The same that remembers.
    fn remembering(config: &PpoConfig) -> Ppo {
        Ppo::new(config, RolloutShape { memory: Some(MEMORY), ..SHAPE }, &ActionSpace::Continuous(2), 9)
    }

    fn config(surrogate: Surrogate) -> PpoConfig {
        PpoConfig {
            steps_per_environment: SHAPE.steps,
            epochs: 2,
            minibatches: 1,
            hidden: vec![8, 8],
            surrogate,
            value_clip_range: 0.05,
            entropy_coefficient: 0.3,
            normalize_values: true,
            ..PpoConfig::default()
        }
    }

    fn whole_state(ppo: &mut Ppo) -> (Vec<f32>, Vec<f32>, Vec<u8>) {
        let state = postcard::to_stdvec(&(ppo.state(), ppo.networks().critic.state())).unwrap();
        let ActorCritic { actor, critic, .. } = ppo.networks_mut();
        (actor.parameters().to_vec(), critic.parameters_mut().to_vec(), state)
    }

    #[test]
    fn updates_are_the_same_for_any_number_of_threads() {
        for fresh in [learner, remembering] {
            let states = [1, 2, 3].map(|threads| {
                let mut ppo = fresh(&config(Surrogate::Clip));
                assert!(ppo.shards.len() > 1);
                let rollout = rollout(&mut ppo.networks);
                ppo.update(&rollout, 1.0, &Workers::new(threads));
                whole_state(&mut ppo)
            });
            assert!(states[0] == states[1] && states[0] == states[2]);
        }
    }

    #[test]
    fn a_rollout_without_experience_changes_nothing() {
        let mut ppo = learner(&config(Surrogate::Clip));
        let mut rollout = rollout(&mut ppo.networks);
        rollout.ends.fill(End::Faulted);
        let before = whole_state(&mut ppo);
        ppo.update(&rollout, 1.0, &Workers::new(1));
        assert!(whole_state(&mut ppo) == before);
    }

    /// Both losses over the whole rollout at the present parameters, as the gradients take them.
    fn losses(ppo: &mut Ppo, rollout: &Rollout, workers: &Workers) -> [f64; 2] {
        let losses = ppo.differentiate(rollout, 0, workers);
        let config = &ppo.config;
        let kl_price = if config.surrogate == Surrogate::KlPenalty { ppo.penalty } else { 0.0 };
        let policy = losses.policy + kl_price * losses.kl
            - config.entropy_coefficient * ppo.networks.actor.entropy(&[]);
        [f64::from(policy), f64::from(losses.value)]
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        let workers = Workers::new(1);
        let cases = [Surrogate::Clip, Surrogate::KlPenalty].map(|surrogate| (surrogate, config(surrogate)));
        let cases =
            cases.iter().flat_map(|case| [learner, remembering].map(|fresh| (case.0, fresh(&case.1))));
        for (surrogate, mut ppo) in cases {
            let rollout = rollout(&mut ppo.networks);
            ppo.networks.estimate(&rollout, ppo.estimation(), &mut ppo.estimates);
            disturb(&mut ppo.networks);
            losses(&mut ppo, &rollout, &workers);
            let gradients = [ppo.shards[0].actor.gradient.clone(), ppo.shards[0].critic.gradient.clone()];
            let count = [gradients[0].len(), gradients[1].len()];
            let step = 2e-3;
            for index in (0..count[0]).step_by(7).chain(count[0] - 2..count[0]) {
                let mut at = |offset: f32| {
                    ppo.networks.actor.parameters_mut()[index] += offset;
                    losses(&mut ppo, &rollout, &workers)[0]
                };
                let (above, below) = (at(step), at(-2.0 * step));
                at(step);
                let numeric = (above - below) / (2.0 * f64::from(step));
                let found = f64::from(gradients[0][index]);
                assert!((numeric - found).abs() < 4e-3, "{surrogate:?} {index}: {numeric} {found}");
            }
            for index in (0..count[1]).step_by(7).chain(count[1] - 2..count[1]) {
                let mut at = |offset: f32| {
                    ppo.networks.critic.parameters_mut()[index] += offset;
                    losses(&mut ppo, &rollout, &workers)[1]
                };
                let (above, below) = (at(step), at(-2.0 * step));
                at(step);
                let numeric = (above - below) / (2.0 * f64::from(step));
                let found = f64::from(gradients[1][index]);
                assert!((numeric - found).abs() < 4e-3, "critic {index}: {numeric} {found}");
            }
        }
    }
}
