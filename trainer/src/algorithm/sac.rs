//! Soft actor-critic (Haarnoja et al. 2018, arXiv 1812.05905) with a learned temperature.
//!
//! ```text
//! for each batch (s, a, r, s', terminated) drawn from the replay buffer:
//!     a', log pi(a'|s')  ~ actor(s')
//!     y  = r + gamma (1 - terminated) (min_i Q'_i(s', a') - alpha log pi(a'|s'))      td_target
//!     for i in 1, 2:  minimize  1/2 mean (Q_i(s, a) - y)²                             critic_loss
//!                     Q'_i <- (1 - tau) Q'_i + tau Q_i
//!     ã, log pi(ã|s)     ~ actor(s), reparametrized
//!     minimize  mean (alpha log pi(ã|s) - min_i Q_i(s, ã))                            actor_loss
//!     minimize  -log alpha · mean (log pi(ã|s) + target entropy)                      temperature_loss
//! ```
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | Q, Q' | `Critic`'s `parameters`, `target` | |
//! | y | `targets` | `[batch]` |
//! | alpha | `exp(log_alpha)` | |
//! | tau, gamma | [`SacConfig`] | |
//!
//! Deviations from the paper, and why:
//! - the temperature's loss is in `log alpha` as in Stable-Baselines3, which keeps alpha positive; the paper's is in alpha;
//! - the temperature steps last, with the log-probabilities of the actor's pass, so that one alpha serves the whole update;
//! - the actor's two passes, over s and s', use the actor as it was before the update, so that they can run side by side.
//!
//! The two critics never read each other within a phase: they are the shards that run in parallel.

use crate::actor::{ActorOrigin, TrainedActor};
use crate::config::settings::{at_least_one, positive, require, settings, share, widths};
use crate::config::{ConfigError, NumberOrAuto};
use crate::distribution::SquashedGaussian;
use crate::network::activation::Activation;
use crate::network::mlp::{Mlp, Workspace};
use crate::normalizer::Normalizer;
use crate::optimizer::{Adam, polyak};
use crate::parallel::Workers;
use crate::random::Stream;
use crate::replay::Batch;
use crate::training::{Metric, Network, OffPolicy, OffPolicySettings, StateError};
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::math;
use sinew_policy_runtime::onnx::write::Squash;

settings! {
    /// Soft actor-critic's settings.
    pub struct SacConfig, SacDocument {
        /// Discount per step. Nearer 1 looks farther ahead and learns more slowly.
        gamma: f32 = 0.99,
        /// Share of the online critic that flows into its target at each update. Smaller is steadier and slower.
        tau: f32 = 0.005,
        /// Adam's step size for the actor.
        actor_learning_rate: f32 = 3e-4,
        /// Adam's step size for the critics.
        critic_learning_rate: f32 = 3e-4,
        /// Adam's step size for the logarithm of the temperature.
        alpha_learning_rate: f32 = 3e-4,
        /// All learning rates fall linearly over the run to this share of themselves. Smaller settles the final policy, but a
        /// longer run is then no continuation of a shorter one.
        final_learning_rate_share: f32 = 1.0,
        /// Environment steps with uniformly random actions before learning starts.
        start_steps: u64 = 1_000,
        /// Transitions in one update.
        batch_size: usize = 256,
        /// Transitions kept. Larger remembers older behaviour.
        replay_capacity: usize = 1_000_000,
        /// Widths of the hidden layers, actor and critics alike.
        hidden: Vec<usize> = vec![256, 256],
        /// Non-linearity between layers.
        activation: Activation = Activation::Relu,
        /// Updates per environment step. More learn more from each step and take longer.
        updates_per_step: f64 = 1.0,
        /// Entropy that the temperature aims at, in nats; `"auto"` is minus the number of actions.
        target_entropy: NumberOrAuto = NumberOrAuto::AUTO,
        /// Temperature at the start. Larger explores more at first.
        initial_alpha: f32 = 1.0,
        /// Whether observations are normalized by running statistics, which then ship inside the policy.
        normalize_observations: bool = false,
    }
}

impl SacConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        at_least_one("sac.batch_size", self.batch_size as u64)?;
        at_least_one("sac.replay_capacity", self.replay_capacity as u64)?;
        widths("sac.hidden", &self.hidden)?;
        share("sac.gamma", self.gamma)?;
        share("sac.tau", self.tau)?;
        share("sac.final_learning_rate_share", self.final_learning_rate_share)?;
        positive("sac.actor_learning_rate", f64::from(self.actor_learning_rate))?;
        positive("sac.critic_learning_rate", f64::from(self.critic_learning_rate))?;
        positive("sac.alpha_learning_rate", f64::from(self.alpha_learning_rate))?;
        positive("sac.updates_per_step", self.updates_per_step)?;
        positive("sac.initial_alpha", f64::from(self.initial_alpha))?;
        let entropy = self.target_entropy.number().unwrap_or(0.0);
        require(entropy.is_finite(), "sac.target_entropy", entropy, "\"auto\" or a finite number")
    }
}

/// What an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SacMetrics {
    /// `1/2 mean (Q - y)²`, mean of the two critics.
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

/// One Q function, its slow copy and its optimizer.
struct Critic {
    network: Mlp,
    parameters: Vec<f32>,
    target: Vec<f32>,
    gradient: Vec<f32>,
    adam: Adam,
    workspace: Workspace,
    /// Rows of the batch in which this critic is the lower one; the actor's gradient flows through those alone.
    lower_rows: Vec<usize>,
    /// Of those rows.
    lower: Workspace,
    /// `∂Q/∂a` of those rows, `[lower rows, action]`.
    action_gradient: Vec<f32>,
    loss: f32,
}

/// The actor's pass over one batch of observations.
struct PolicyPass {
    workspace: Workspace,
    gaussian: SquashedGaussian,
    /// `(s, a)` with the sampled action, `[batch, observation + action]`.
    critic_input: Vec<f32>,
}

/// Soft actor-critic's networks and buffers.
pub struct Sac {
    config: SacConfig,
    observation_size: usize,
    seed: u64,
    actor: Mlp,
    actor_parameters: Vec<f32>,
    actor_gradient: Vec<f32>,
    actor_adam: Adam,
    critics: [Critic; 2],
    log_alpha: f32,
    alpha_adam: Adam,
    target_entropy: f32,
    noise: Stream,
    /// For exploring, one row for each environment.
    exploring: (Workspace, SquashedGaussian),
    /// Over s' and over s.
    passes: [PolicyPass; 2],
    targets: Vec<f32>,
    critic_input: Vec<f32>,
    q_gradient: Vec<f32>,
    metrics: SacMetrics,
}

/// What learning has changed of [`Sac`] beside its networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SacState {
    actor_adam: Adam,
    critic_adams: [Adam; 2],
    alpha_adam: Adam,
    noise: Stream,
    metrics: SacMetrics,
}

/// `y = r + gamma (1 - terminated) (min_i Q'_i(s', a') - alpha log pi(a'|s'))`, all `[batch]`.
pub fn td_target(
    targets: &mut [f32],
    batch: &Batch,
    next_q: [&[f32]; 2],
    next_log_probs: &[f32],
    alpha: f32,
    gamma: f32,
) {
    for (index, target) in targets.iter_mut().enumerate() {
        let soft_value = smaller(next_q[0][index], next_q[1][index]) - alpha * next_log_probs[index];
        *target = batch.rewards[index] + gamma * (1.0 - batch.terminated[index]) * soft_value;
    }
}

/// `1/2 mean (Q - y)²`; writes its derivative by Q, `(Q - y) / batch`. All `[batch]`.
pub fn critic_loss(gradient: &mut [f32], q: &[f32], targets: &[f32]) -> f32 {
    let scale = 1.0 / q.len() as f32;
    let mut loss = 0.0;
    for ((gradient, q), target) in gradient.iter_mut().zip(q).zip(targets) {
        let error = q - target;
        loss += 0.5 * error * error;
        *gradient = scale * error;
    }
    scale * loss
}

/// `mean (alpha log pi - min_i Q_i)`, all `[batch]`.
pub fn actor_loss(log_probs: &[f32], q: [&[f32]; 2], alpha: f32) -> f32 {
    let q_min = q[0].iter().zip(q[1]).map(|(first, second)| smaller(*first, *second));
    let sum: f32 = log_probs.iter().zip(q_min).map(|(log_prob, q)| alpha * log_prob - q).sum();
    sum / log_probs.len() as f32
}

/// Derivative of `-log alpha · mean (log pi + target entropy)` by `log alpha`.
pub fn temperature_gradient(log_probs: &[f32], target_entropy: f32) -> f32 {
    -(log_probs.iter().sum::<f32>() / log_probs.len() as f32 + target_entropy)
}

fn smaller(first: f32, second: f32) -> f32 {
    if second < first { second } else { first }
}

impl Sac {
    /// Fresh networks that act in so many environments; the same seed gives the same ones.
    pub fn new(
        config: &SacConfig,
        observation_size: usize,
        action_size: usize,
        environments: usize,
        seed: u64,
    ) -> Self {
        let batch = config.batch_size;
        let input_size = observation_size + action_size;
        let actor = Mlp::new(observation_size, &config.hidden, 2 * action_size, config.activation);
        let actor_parameters = actor.initial_parameters(&mut Stream::new(seed, "actor"));
        let pass = || PolicyPass {
            workspace: actor.workspace(batch),
            gaussian: SquashedGaussian::new(batch, action_size),
            critic_input: vec![0.0; batch * input_size],
        };
        let critic =
            |purpose| Critic::new(config, observation_size, action_size, &mut Stream::new(seed, purpose));
        Self {
            config: config.clone(),
            observation_size,
            seed,
            exploring: (actor.workspace(environments), SquashedGaussian::new(environments, action_size)),
            passes: [pass(), pass()],
            actor_gradient: vec![0.0; actor.parameter_count()],
            actor_adam: Adam::new(actor.parameter_count()),
            actor_parameters,
            actor,
            critics: [critic("critic 1"), critic("critic 2")],
            log_alpha: math::ln(config.initial_alpha),
            alpha_adam: Adam::new(1),
            target_entropy: config.target_entropy.number().unwrap_or(-(action_size as f32)),
            noise: Stream::new(seed, "update noise"),
            targets: vec![0.0; batch],
            critic_input: vec![0.0; batch * input_size],
            q_gradient: vec![0.0; batch * action_size],
            metrics: SacMetrics::default(),
        }
    }

    /// `a ~ pi(s)` and `a' ~ pi(s')`, each beside its observation.
    fn sample_policy(&mut self, batch: &Batch, workers: &Workers) {
        let [next, current] = &mut self.passes;
        self.noise.fill_normal(&mut next.gaussian.noise);
        self.noise.fill_normal(&mut current.gaussian.noise);
        let mut work = [(next, &batch.next_observations), (current, &batch.observations)];
        workers.for_each(&mut work, |(pass, observations)| {
            let output = self.actor.forward(&self.actor_parameters, observations, &mut pass.workspace);
            pass.gaussian.sample(output);
            concatenate(&mut pass.critic_input, observations, &pass.gaussian.actions, self.observation_size);
        });
    }

    /// Gives each row of the actor's batch to the critic whose value is the smaller.
    fn split_by_lower_critic(&mut self) {
        let [first, second] = &mut self.critics;
        first.lower_rows.clear();
        second.lower_rows.clear();
        let values = first.workspace.output().iter().zip(second.workspace.output());
        for (row, (first_q, second_q)) in values.enumerate() {
            let lower = if second_q < first_q { &mut second.lower_rows } else { &mut first.lower_rows };
            lower.push(row);
        }
    }

    /// Descends the actor's loss along the smaller critic's gradient.
    fn step_actor(&mut self, batch: &Batch, alpha: f32, learning_rate: f32) {
        let action_size = self.q_gradient.len() / self.targets.len();
        for critic in &self.critics {
            let gradients = critic.action_gradient.chunks_exact(action_size);
            for (row, gradient) in critic.lower_rows.iter().zip(gradients) {
                self.q_gradient[row * action_size..(row + 1) * action_size].copy_from_slice(gradient);
            }
        }
        let PolicyPass { workspace, gaussian, .. } = &mut self.passes[1];
        gaussian.policy_gradient(&self.q_gradient, alpha, workspace.output_gradient_mut());
        self.actor.backward(
            &self.actor_parameters,
            &batch.observations,
            workspace,
            Some(&mut self.actor_gradient),
            None,
        );
        self.actor_adam.step(&mut self.actor_parameters, &self.actor_gradient, learning_rate);
    }
}

impl OffPolicy for Sac {
    type State = SacState;

    fn settings(&self) -> OffPolicySettings {
        OffPolicySettings {
            batch_size: self.config.batch_size,
            replay_capacity: self.config.replay_capacity,
            start_steps: self.config.start_steps,
            updates_per_step: self.config.updates_per_step,
            final_learning_rate_share: self.config.final_learning_rate_share,
            normalize_observations: self.config.normalize_observations,
        }
    }

    fn explore(&mut self, observations: &[f32], noise: &mut Stream, actions: &mut [f32]) {
        let (workspace, gaussian) = &mut self.exploring;
        let output = self.actor.forward(&self.actor_parameters, observations, workspace);
        noise.fill_normal(&mut gaussian.noise);
        gaussian.sample(output);
        actions.copy_from_slice(&gaussian.actions);
    }

    fn update(&mut self, batch: &Batch, rate_scale: f32, workers: &Workers) {
        let alpha = math::exp(self.log_alpha);
        let (gamma, tau) = (self.config.gamma, self.config.tau);
        let critic_rate = rate_scale * self.config.critic_learning_rate;

        self.sample_policy(batch, workers);
        let [next, current] = &mut self.passes;

        workers.for_each(&mut self.critics, |critic| critic.evaluate_target(&next.critic_input));
        let next_q = [self.critics[0].workspace.output(), self.critics[1].workspace.output()];
        td_target(&mut self.targets, batch, next_q, &next.gaussian.log_probs, alpha, gamma);

        concatenate(&mut self.critic_input, &batch.observations, &batch.actions, self.observation_size);
        workers.for_each(&mut self.critics, |critic| {
            critic.regress(&self.critic_input, &self.targets, critic_rate);
            polyak(&mut critic.target, &critic.parameters, tau);
        });
        let q_mean = mean(self.critics[0].workspace.output());

        workers.for_each(&mut self.critics, |critic| critic.evaluate(&current.critic_input));
        self.split_by_lower_critic();
        workers.for_each(&mut self.critics, Critic::differentiate);
        let current = &self.passes[1];
        let q = [self.critics[0].workspace.output(), self.critics[1].workspace.output()];
        let log_probs = &current.gaussian.log_probs;
        self.metrics = SacMetrics {
            critic_loss: 0.5 * (self.critics[0].loss + self.critics[1].loss),
            actor_loss: actor_loss(log_probs, q, alpha),
            alpha,
            entropy: -mean(log_probs),
            q_mean,
        };
        let alpha_gradient = temperature_gradient(log_probs, self.target_entropy);
        self.step_actor(batch, alpha, rate_scale * self.config.actor_learning_rate);
        let alpha_rate = rate_scale * self.config.alpha_learning_rate;
        self.alpha_adam.step(std::slice::from_mut(&mut self.log_alpha), &[alpha_gradient], alpha_rate);
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
    fn actor(&self, normalizer: Option<&Normalizer>, steps: u64) -> TrainedActor {
        let layers = self.actor.layer_parameters(&self.actor_parameters);
        let action_size = self.q_gradient.len() / self.targets.len();
        let origin = ActorOrigin { algorithm: "sac", steps, seed: self.seed };
        TrainedActor::new(&layers, normalizer, action_size, Squash::Tanh, origin)
    }

    fn networks(&mut self) -> Vec<Network<'_>> {
        let [first, second] = &mut self.critics;
        vec![
            Network::new("actor", &mut self.actor_parameters),
            Network::new("critic 1", &mut first.parameters),
            Network::new("critic 2", &mut second.parameters),
            Network::new("target critic 1", &mut first.target),
            Network::new("target critic 2", &mut second.target),
            Network::new("temperature", std::slice::from_mut(&mut self.log_alpha)),
        ]
    }

    fn state(&self) -> SacState {
        SacState {
            actor_adam: self.actor_adam.clone(),
            critic_adams: [self.critics[0].adam.clone(), self.critics[1].adam.clone()],
            alpha_adam: self.alpha_adam.clone(),
            noise: self.noise.clone(),
            metrics: self.metrics,
        }
    }

    fn restore(&mut self, state: SacState) -> Result<(), StateError> {
        self.actor_adam.restore("the actor's optimizer", state.actor_adam)?;
        for (critic, adam) in self.critics.iter_mut().zip(state.critic_adams) {
            critic.adam.restore("a critic's optimizer", adam)?;
        }
        self.alpha_adam.restore("the temperature's optimizer", state.alpha_adam)?;
        self.noise = state.noise;
        self.metrics = state.metrics;
        Ok(())
    }
}

impl Critic {
    fn new(config: &SacConfig, observation_size: usize, action_size: usize, stream: &mut Stream) -> Self {
        let network = Mlp::new(observation_size + action_size, &config.hidden, 1, config.activation);
        let parameters = network.initial_parameters(stream);
        Self {
            target: parameters.clone(),
            gradient: vec![0.0; parameters.len()],
            adam: Adam::new(parameters.len()),
            workspace: network.workspace(config.batch_size),
            lower_rows: Vec::with_capacity(config.batch_size),
            lower: network.workspace(config.batch_size),
            action_gradient: vec![0.0; config.batch_size * action_size],
            loss: 0.0,
            parameters,
            network,
        }
    }

    /// `Q'(s', a')` into the workspace's output.
    fn evaluate_target(&mut self, input: &[f32]) {
        self.network.forward(&self.target, input, &mut self.workspace);
    }

    /// One step of regression on the targets.
    fn regress(&mut self, input: &[f32], targets: &[f32], learning_rate: f32) {
        self.network.forward(&self.parameters, input, &mut self.workspace);
        let (q, gradient) = self.workspace.output_and_gradient_mut();
        self.loss = critic_loss(gradient, q, targets);
        self.network.backward(&self.parameters, input, &mut self.workspace, Some(&mut self.gradient), None);
        self.adam.step(&mut self.parameters, &self.gradient, learning_rate);
    }

    /// `Q(s, ã)` into the workspace's output.
    fn evaluate(&mut self, input: &[f32]) {
        self.network.forward(&self.parameters, input, &mut self.workspace);
    }

    /// `∂Q/∂ã` of the lower rows into `action_gradient`.
    fn differentiate(&mut self) {
        let rows = self.lower_rows.len();
        let action_size = self.action_gradient.len() / self.workspace.output().len();
        self.lower.select(&self.workspace, &self.lower_rows);
        self.lower.output_gradient_mut()[..rows].fill(1.0);
        let gradient = &mut self.action_gradient[..rows * action_size];
        if rows > 0 {
            self.network.backward(&self.parameters, &[], &mut self.lower, None, Some(gradient));
        }
    }
}

/// `rows of (observation, action)` side by side, in loops: rows are shorter than a call of `memcpy` is worth.
fn concatenate(input: &mut [f32], observations: &[f32], actions: &[f32], observation_size: usize) {
    let rows = observations.len() / observation_size;
    let action_size = actions.len() / rows;
    let pairs = observations.chunks_exact(observation_size).zip(actions.chunks_exact(action_size));
    for (input, (observation, action)) in input.chunks_exact_mut(observation_size + action_size).zip(pairs) {
        for (input, value) in input.iter_mut().zip(observation.iter().chain(action)) {
            *input = *value;
        }
    }
}

fn mean(values: &[f32]) -> f32 {
    values.iter().sum::<f32>() / values.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_target_bootstraps_from_the_smaller_critic_unless_the_task_ended() {
        let mut batch = Batch::new(2, 1, 1);
        batch.rewards = vec![1.0, 1.0];
        batch.terminated = vec![0.0, 1.0];
        let mut targets = [0.0; 2];
        td_target(&mut targets, &batch, [&[4.0, 4.0], &[3.0, 3.0]], &[-2.0, -2.0], 0.5, 0.9);
        // 1 + 0.9 (3 + 0.5 · 2), and 1 alone.
        assert!((targets[0] - 4.6).abs() < 1e-6);
        assert_eq!(targets[1], 1.0);
    }

    #[test]
    fn losses_agree_with_hand_computed_cases() {
        let mut gradient = [0.0; 2];
        assert_eq!(critic_loss(&mut gradient, &[1.0, 4.0], &[3.0, 3.0]), 1.25);
        assert_eq!(gradient, [-1.0, 0.5]);
        assert_eq!(actor_loss(&[1.0, -1.0], [&[2.0, 5.0], &[3.0, 4.0]], 0.5), -3.0);
        // Entropy -1.5 is below the target of -1: the loss falls as alpha rises.
        assert_eq!(temperature_gradient(&[1.0, 2.0], -1.0), -0.5);
    }
}
