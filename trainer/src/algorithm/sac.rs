//! Soft actor-critic (Haarnoja et al. 2018, arXiv 1812.05905) with a learned or a fixed temperature.
//!
//! ```text
//! for each batch (s, a, r, s', discount) drawn from the replay buffer:
//!     a', log pi(a'|s')  ~ actor(s')
//!     y  = r + discount (min_i Q'_i(s', a') - alpha log pi(a'|s'))                    td_target
//!     for i in 1, 2:  minimize  1/2 mean (Q_i(s, a) - y)²                             squared_loss
//!                     Q'_i <- (1 - tau) Q'_i + tau Q_i
//!     ã, log pi(ã|s)     ~ actor(s), reparametrized
//!     minimize  mean (alpha log pi(ã|s) - min_i Q_i(s, ã))                            actor_loss
//!     minimize  -log alpha · mean (log pi(ã|s) + target entropy)                      temperature_loss
//! ```
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | Q, Q' | [`CriticPair`] | |
//! | y | `targets` | `[batch]`, or `[batch, atoms]` with quantiles |
//! | discount | `gamma^n`, 0 where the task ended | `[batch]` |
//! | alpha | `exp(log_alpha)` | |
//! | tau, gamma | [`SacConfig`] | |
//!
//! Its sample-efficient relatives are settings: `updates_per_step` above 1 with `critic_layer_norm`, and with
//! `critic_dropout` (`DroQ`: Hiraoka et al. 2022, arXiv 2110.02034), whose actor climbs the mean of the critics; and
//! `critic_quantiles` above 1 (TQC: Kuznetsov et al. 2020, arXiv 2005.04269), where y has the atoms of both critics' mixture
//! without its largest and the loss is the quantile Huber loss.
//!
//! Deviations from the papers, and why:
//! - the temperature's loss is in `log alpha` as in Stable-Baselines3, which keeps alpha positive; the paper's is in alpha;
//! - the temperature steps last, with the log-probabilities of the actor's pass, so that one alpha serves the whole update;
//! - the actor's two passes, over s and s', use the actor as it was before the update, so that they can run side by side;
//! - the actor steps with every update, while that of `DroQ` steps once in several: one update less to explain;
//! - quantiles come from two critics, as in Stable-Baselines3; the paper has five;
//! - rewards within an n-step return carry no entropy, as in Stable-Baselines3.

use super::critic::{CriticShape, CriticState, concatenate, mean};
use super::critic_pair::CriticPair;
use super::squashed_explorer::SquashedExplorer;
use crate::actor::{ActorOrigin, TrainedActor};
use crate::config::off_policy::off_policy_settings;
use crate::config::settings::{at_least_one, positive, require, share};
use crate::config::{ConfigError, NumberOrAuto};
use crate::distribution::SquashedGaussian;
use crate::network::mlp::{Mlp, Workspace};
use crate::network::regularizer::Regularization;
use crate::normalizer::Normalizer;
use crate::optimizer::Adam;
use crate::parallel::Workers;
use crate::random::Stream;
use crate::replay::{Batch, TransitionSizes};
use crate::training::{Metric, Network, OffPolicy, OffPolicySettings, StateError};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::math;
use sinew_policy_runtime::onnx::write::Squash;

off_policy_settings! {
    /// Soft actor-critic's settings.
    pub struct SacConfig, SacDocument in "sac" {
        /// Share of the online critic that flows into its target at each update. Smaller is steadier and slower.
        tau: f32 = 0.005,
        /// Adam's step size for the actor.
        actor_learning_rate: f32 = 3e-4,
        /// Adam's step size for the critics.
        critic_learning_rate: f32 = 3e-4,
        /// Whether the temperature is learned; else it stays as it starts.
        learn_alpha: bool = true,
        /// Adam's step size for the logarithm of the temperature.
        alpha_learning_rate: f32 = 3e-4,
        /// Entropy that the temperature aims at, in nats; `"auto"` is minus the number of actions.
        target_entropy: NumberOrAuto = NumberOrAuto::AUTO,
        /// Temperature at the start. Larger explores more at first.
        initial_alpha: f32 = 1.0,
        /// Whether critics also see what the task reveals to them alone; changes nothing where that is nothing.
        privileged_critic: bool = true,
        /// Whether the critics' hidden layers are normalized row by row. Keeps values from running away with many updates per
        /// step.
        critic_layer_norm: bool = false,
        /// Share of the critics' hidden values that is dropped in every pass, such as 0.01 with 20 updates per step. More doubts
        /// values more.
        critic_dropout: f32 = 0.0,
        /// Quantiles of the return that each critic learns, such as 25; 1 learns its mean alone.
        critic_quantiles: usize = 1,
        /// Of those, how many of the largest are left out of targets, of each critic. More is more cautious.
        dropped_quantiles: usize = 2,
    }
}

impl SacConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.check_shared()?;
        share("sac.tau", self.tau)?;
        positive("sac.actor_learning_rate", f64::from(self.actor_learning_rate))?;
        positive("sac.critic_learning_rate", f64::from(self.critic_learning_rate))?;
        positive("sac.alpha_learning_rate", f64::from(self.alpha_learning_rate))?;
        positive("sac.initial_alpha", f64::from(self.initial_alpha))?;
        let entropy = self.target_entropy.number().unwrap_or(0.0);
        require(entropy.is_finite(), "sac.target_entropy", entropy, "\"auto\" or a finite number")?;
        let (dropout, dropped) = (self.critic_dropout, self.dropped_quantiles);
        require((0.0..1.0).contains(&dropout), "sac.critic_dropout", dropout, "from 0 to below 1")?;
        at_least_one("sac.critic_quantiles", self.critic_quantiles as u64)?;
        let some_left = self.critic_quantiles == 1 || dropped < self.critic_quantiles;
        require(some_left, "sac.dropped_quantiles", dropped, "fewer than sac.critic_quantiles")
    }
}

/// What an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SacMetrics {
    /// Mean loss of the two critics.
    pub critic_loss: f32,
    /// `mean (alpha log pi - min Q)`.
    pub actor_loss: f32,
    /// The temperature used.
    pub alpha: f32,
    /// `-mean log pi`.
    pub entropy: f32,
    /// Mean of the first critic's values.
    pub q_mean: f32,
}

/// The actor's pass over one batch of observations.
struct PolicyPass {
    workspace: Workspace,
    gaussian: SquashedGaussian,
    /// `(s, a)` with the sampled action, `[batch, observation + privileged + action]`.
    critic_input: Vec<f32>,
}

/// Soft actor-critic's networks and buffers.
pub struct Sac {
    config: SacConfig,
    sizes: TransitionSizes,
    actor: Mlp,
    actor_learned: ActorLearned,
    actor_gradient: Vec<f32>,
    critics: CriticPair,
    target_entropy: f32,
    noise: Stream,
    /// Over s' and over s.
    passes: [PolicyPass; 2],
    targets: Vec<f32>,
    critic_input: Vec<f32>,
    q_gradient: Vec<f32>,
    metrics: SacMetrics,
}

/// What learning changes of the actor, which has no slow copy, and of the temperature.
struct ActorLearned {
    parameters: Vec<f32>,
    adam: Adam,
    log_alpha: f32,
    alpha_adam: Adam,
}

/// What learning has changed of [`Sac`] beside its networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SacState {
    actor: Adam,
    temperature: Adam,
    critics: [CriticState; 2],
    noise: Stream,
    metrics: SacMetrics,
}

/// `y = r + discount (V' - alpha log pi(a'|s'))` with `V'` the critics' pessimistic value, or each of its atoms: `[batch, atoms]`.
pub fn td_target(
    targets: &mut [f32],
    batch: &Batch,
    next_values: &[f32],
    next_log_probs: &[f32],
    alpha: f32,
) {
    let atoms = targets.len() / next_log_probs.len();
    for (index, (target, value)) in targets.iter_mut().zip(next_values).enumerate() {
        let row = index / atoms;
        let soft_value = value - alpha * next_log_probs[row];
        *target = batch.rewards[row] + batch.discounts[row] * soft_value;
    }
}

/// `mean (alpha log pi - V)`, all `[batch]`.
pub fn actor_loss(log_probs: &[f32], values: &[f32], alpha: f32) -> f32 {
    let sum: f32 = log_probs.iter().zip(values).map(|(log_prob, value)| alpha * log_prob - value).sum();
    sum / log_probs.len() as f32
}

/// `-log alpha · mean (log pi + target entropy)`.
pub fn temperature_loss(log_alpha: f32, log_probs: &[f32], target_entropy: f32) -> f32 {
    -log_alpha * (mean(log_probs) + target_entropy)
}

/// Derivative of [`temperature_loss`] by `log alpha`.
pub fn temperature_gradient(log_probs: &[f32], target_entropy: f32) -> f32 {
    -(mean(log_probs) + target_entropy)
}

impl Sac {
    /// Fresh networks; the same seed gives the same ones.
    pub(crate) fn new(config: &SacConfig, sizes: TransitionSizes, seed: u64) -> Self {
        let TransitionSizes { observation, privileged, action } = sizes;
        let batch = config.batch_size;
        let input_size = observation + privileged + action;
        let actor = Mlp::new(observation, &config.hidden, 2 * action, config.activation);
        let pass = || PolicyPass {
            workspace: actor.workspace(batch),
            gaussian: SquashedGaussian::new(batch, action),
            critic_input: vec![0.0; batch * input_size],
        };
        let critics = CriticPair::new(&config.critic_shape(sizes), config.dropped_quantiles, seed);
        Self {
            config: config.clone(),
            sizes,
            passes: [pass(), pass()],
            actor_gradient: vec![0.0; actor.parameter_count()],
            actor_learned: ActorLearned {
                parameters: actor.initial_parameters(&mut Stream::new(seed, "actor")),
                adam: Adam::new(actor.parameter_count()),
                log_alpha: math::ln(config.initial_alpha),
                alpha_adam: Adam::new(1),
            },
            actor,
            target_entropy: config.target_entropy.number().unwrap_or(-(action as f32)),
            noise: Stream::new(seed, "update noise"),
            targets: vec![0.0; batch * critics.atoms()],
            critics,
            critic_input: vec![0.0; batch * input_size],
            q_gradient: vec![0.0; batch * action],
            metrics: SacMetrics::default(),
        }
    }

    /// `a ~ pi(s)` and `a' ~ pi(s')`, each beside what the critics see.
    fn sample_policy(&mut self, batch: &Batch, workers: &Workers) {
        let [next, current] = &mut self.passes;
        self.noise.fill_normal(&mut next.gaussian.noise);
        self.noise.fill_normal(&mut current.gaussian.noise);
        let mut work = [
            (next, &batch.next_observations, &batch.next_privileged),
            (current, &batch.observations, &batch.privileged),
        ];
        workers.for_each(&mut work, |(pass, observations, privileged)| {
            let parameters = &self.actor_learned.parameters;
            let output = self.actor.forward(parameters, observations, &mut pass.workspace);
            pass.gaussian.sample(output);
            let seen = [&observations[..], privileged, &pass.gaussian.actions];
            concatenate(&mut pass.critic_input, seen, self.sizes);
        });
    }

    /// Descends the actor's loss along the critics' gradient.
    fn step_actor(&mut self, batch: &Batch, alpha: f32, learning_rate: f32) {
        let PolicyPass { workspace, gaussian, .. } = &mut self.passes[1];
        gaussian.policy_gradient(&self.q_gradient, alpha, workspace.output_gradient_mut());
        let ActorLearned { parameters, adam, .. } = &mut self.actor_learned;
        let gradient = Some(&mut self.actor_gradient[..]);
        self.actor.backward(parameters, &batch.observations, workspace, gradient, None);
        adam.step(parameters, &self.actor_gradient, learning_rate);
    }

    /// Descends the temperature's loss; a fixed temperature stays.
    fn step_temperature(&mut self, gradient: f32, learning_rate: f32) {
        if self.config.learn_alpha {
            let ActorLearned { log_alpha, alpha_adam, .. } = &mut self.actor_learned;
            alpha_adam.step(std::slice::from_mut(log_alpha), &[gradient], learning_rate);
        }
    }
}

impl SacConfig {
    fn critic_shape(&self, sizes: TransitionSizes) -> CriticShape<'_> {
        CriticShape {
            sizes,
            hidden: &self.hidden,
            activation: self.activation,
            regularization: Regularization {
                layer_norm: self.critic_layer_norm,
                dropout: self.critic_dropout,
            },
            quantiles: self.critic_quantiles,
            batch_size: self.batch_size,
        }
    }
}

impl OffPolicy for Sac {
    const NAME: &'static str = "sac";
    type State = SacState;
    type Explorer = SquashedExplorer;

    fn settings(&self) -> OffPolicySettings {
        self.config.off_policy(self.config.privileged_critic)
    }

    fn explorer(&self, environments: usize) -> SquashedExplorer {
        SquashedExplorer::new(&self.actor, self.acting_parameters(), environments, self.sizes.action)
    }

    fn acting_parameters(&self) -> &[f32] {
        &self.actor_learned.parameters
    }

    fn update(&mut self, batch: &Batch, rate_scale: f32, workers: &Workers) {
        let alpha = math::exp(self.actor_learned.log_alpha);
        let SacConfig { tau, actor_learning_rate, critic_learning_rate, alpha_learning_rate, .. } =
            self.config;

        self.sample_policy(batch, workers);
        let [next, current] = &mut self.passes;

        let next_values = self.critics.next_values(&next.critic_input, workers);
        td_target(&mut self.targets, batch, next_values, &next.gaussian.log_probs, alpha);

        let taken = [&batch.observations[..], &batch.privileged, &batch.actions];
        concatenate(&mut self.critic_input, taken, self.sizes);
        let aims = [&self.targets[..], &batch.weights];
        self.critics.regress(&self.critic_input, aims, rate_scale * critic_learning_rate, tau, workers);
        let q_mean = self.critics.mean_value();

        let values = self.critics.climb(&current.critic_input, &mut self.q_gradient, workers);
        let log_probs = &current.gaussian.log_probs;
        let actor_loss = actor_loss(log_probs, values, alpha);
        let critic_loss = self.critics.loss();
        self.metrics = SacMetrics { critic_loss, actor_loss, alpha, entropy: -mean(log_probs), q_mean };
        let alpha_gradient = temperature_gradient(log_probs, self.target_entropy);
        self.step_actor(batch, alpha, rate_scale * actor_learning_rate);
        self.step_temperature(alpha_gradient, rate_scale * alpha_learning_rate);
    }

    fn errors(&self) -> &[f32] {
        self.critics.errors()
    }

    #[cfg(test)]
    fn targets(&self) -> &[f32] {
        &self.targets
    }

    fn metrics(&self) -> Vec<Metric> {
        let SacMetrics { critic_loss, actor_loss, alpha, entropy, q_mean } = self.metrics;
        vec![
            Metric::new("critic_loss", critic_loss),
            Metric::new("actor_loss", actor_loss),
            Metric::new("alpha", alpha),
            Metric::new("entropy", entropy),
            Metric::new("q_mean", q_mean),
        ]
    }

    fn is_finite(&self) -> bool {
        self.metrics.critic_loss.is_finite() && self.metrics.actor_loss.is_finite()
    }

    /// The means, without their deviations.
    fn actor(&self, normalizer: Option<&Normalizer>, origin: ActorOrigin) -> TrainedActor {
        let layers = self.actor.layer_parameters(&self.actor_learned.parameters);
        TrainedActor::new(&layers, normalizer, self.sizes.action, Squash::Tanh, origin)
    }

    fn networks(&mut self) -> Vec<Network<'_>> {
        let ActorLearned { parameters, log_alpha, .. } = &mut self.actor_learned;
        let temperature = std::slice::from_mut(log_alpha);
        let own = [Network::new("actor", parameters), Network::new("temperature", temperature)];
        own.into_iter().chain(self.critics.networks()).collect()
    }

    fn state(&self) -> SacState {
        SacState {
            actor: self.actor_learned.adam.clone(),
            temperature: self.actor_learned.alpha_adam.clone(),
            critics: self.critics.state(),
            noise: self.noise.clone(),
            metrics: self.metrics,
        }
    }

    fn restore(&mut self, state: SacState) -> Result<(), StateError> {
        self.actor_learned.adam.restore("the actor's optimizer", state.actor)?;
        self.actor_learned.alpha_adam.restore("the temperature's optimizer", state.temperature)?;
        self.critics.restore(state.critics)?;
        self.noise = state.noise;
        self.metrics = state.metrics;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: TransitionSizes = TransitionSizes { observation: 2, privileged: 1, action: 1 };

    #[test]
    fn the_target_is_soft_and_bootstraps_unless_the_task_ended() {
        let mut batch = Batch::new(2, SIZES);
        batch.rewards = vec![1.0, 1.0];
        batch.discounts = vec![0.9, 0.0];
        let mut targets = [0.0; 2];
        td_target(&mut targets, &batch, &[3.0, 3.0], &[-2.0, -2.0], 0.5);
        // 1 + 0.9 (3 + 0.5 · 2), and 1 alone.
        assert!((targets[0] - 4.6).abs() < 1e-6);
        assert_eq!(targets[1], 1.0);
        let mut atoms = [0.0; 4];
        td_target(&mut atoms, &batch, &[3.0, 5.0, 3.0, 5.0], &[-2.0, -2.0], 0.5);
        assert!((atoms[0] - 4.6).abs() < 1e-6 && (atoms[1] - 6.4).abs() < 1e-6);
        assert_eq!(atoms[2..], [1.0; 2]);
    }

    #[test]
    fn losses_agree_with_hand_computed_cases() {
        assert_eq!(actor_loss(&[1.0, -1.0], &[2.0, 4.0], 0.5), -3.0);
        // Entropy -1.5 is below the target of -1: the loss falls as alpha rises.
        assert_eq!(temperature_loss(2.0, &[1.0, 2.0], -1.0), -1.0);
        assert_eq!(temperature_gradient(&[1.0, 2.0], -1.0), -0.5);
        let above = temperature_loss(0.5, &[1.0, 2.0], -1.0);
        let below = temperature_loss(0.25, &[1.0, 2.0], -1.0);
        assert_eq!((above - below) / 0.25, -0.5);
    }

    fn batch() -> Batch {
        let mut batch = Batch::new(4, SIZES);
        batch.observations = (0..8).map(|value| value as f32 / 8.0).collect();
        batch.rewards = vec![1.0, -1.0, 0.5, 2.0];
        batch.discounts = vec![0.9; 4];
        batch
    }

    #[test]
    fn a_fixed_temperature_stays_and_a_learned_one_moves() {
        for learn_alpha in [false, true] {
            let config = SacConfig {
                hidden: vec![8],
                batch_size: 4,
                initial_alpha: 0.25,
                learn_alpha,
                ..SacConfig::default()
            };
            let mut sac = Sac::new(&config, SIZES, 1);
            let before = sac.actor_learned.log_alpha;
            sac.update(&batch(), 1.0, &Workers::new(1));
            assert_eq!(sac.actor_learned.log_alpha != before, learn_alpha);
        }
    }

    #[test]
    fn every_relative_learns_the_reward_where_nothing_follows() {
        let plain = SacConfig {
            hidden: vec![32, 32],
            batch_size: 4,
            critic_learning_rate: 1e-2,
            ..SacConfig::default()
        };
        let normed = SacConfig { critic_layer_norm: true, ..plain.clone() };
        let droq = SacConfig { critic_dropout: 0.01, ..normed.clone() };
        let tqc = SacConfig { critic_quantiles: 9, dropped_quantiles: 2, ..plain.clone() };
        let mut batch = batch();
        batch.discounts = vec![0.0; 4];
        for config in [plain, normed, droq, tqc] {
            let mut sac = Sac::new(&config, SIZES, 1);
            let workers = Workers::new(1);
            (0..400).for_each(|_| sac.update(&batch, 1.0, &workers));
            let worst = sac.errors().iter().fold(0.0, |worst: f32, error| worst.max(error.abs()));
            assert!(worst < 0.2, "{config:?}: {worst}");
        }
    }
}
