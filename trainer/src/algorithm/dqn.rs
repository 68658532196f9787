//! Deep Q-network for discrete actions (Mnih et al. 2015), with double Q-learning (van Hasselt et al. 2016, arXiv 1509.06461),
//! dueling (Wang et al. 2016, arXiv 1511.06581) and n-step returns, each of which can be left out.
//!
//! ```text
//! act with     a random action in a share epsilon of the steps, else argmax_k Q(s, k);  or  a ~ softmax(Q(s, ·) / temperature)
//! for each batch (s, a, r, s', discount) drawn from the replay buffer:
//!     a' = argmax_k Q(s', k)                     double; else argmax_k Q'(s', k)             best_actions
//!     y  = r + discount Q'(s', a')                                                          double_target
//!     minimize  mean H(Q(s, a) - y),  H Huber's loss that turns linear at 1                 huber_loss
//!     every target_interval-th update:  Q' <- (1 - tau) Q' + tau Q
//! ```
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | Q, Q' | [`QNetwork`] | `[batch, actions]` |
//! | a | an index into the task's table, as a number | `[batch]` |
//! | y | `targets` | `[batch]` |
//! | discount | `gamma^n`, 0 where the task ended | `[batch]` |
//!
//! Deviations from the papers, and why:
//! - Adam in place of `RMSProp`, as in all implementations since;
//! - the target network's interval is counted in updates, which does not change with the updates per step;
//! - the dueling streams share all hidden layers: these networks are small.

use super::q_network::{QNetwork, QShape};
use super::value_explorer::{DiscreteExploration, Schedule, ValueExplorer, largest};
use crate::actor::{ActorOrigin, TrainedActor};
use crate::config::ConfigError;
use crate::config::off_policy::off_policy_settings;
use crate::config::settings::{at_least_one, not_negative, positive, require, share};
use crate::normalizer::Normalizer;
use crate::optimizer::Adam;
use crate::parallel::Workers;
use crate::replay::{Batch, TransitionSizes};
use crate::training::{Metric, Network, OffPolicy, OffPolicySettings, StateError};
use serde::{Deserialize, Serialize};

off_policy_settings! {
    /// Deep Q-network's settings.
    pub struct DqnConfig, DqnDocument in "dqn" {
        /// Adam's step size.
        learning_rate: f32 = 1e-3,
        /// Updates from one step of the target network to the next. More are steadier and slower.
        target_interval: u64 = 100,
        /// Share of the network that flows into its target in such a step; 1 copies it.
        tau: f32 = 1.0,
        /// Whether the network itself chooses the action that its target values, against too high values.
        double: bool = true,
        /// Whether a state's value and its actions' advantages are apart.
        dueling: bool = false,
        /// `"epsilon_greedy"` takes a random action now and then, `"boltzmann"` the better ones more often.
        exploration: DiscreteExploration = DiscreteExploration::EpsilonGreedy,
        /// Share of random actions at the start; for `"boltzmann"` the temperature, in units of return.
        exploration_start: f32 = 1.0,
        /// The same from the end of its fall on.
        exploration_end: f32 = 0.05,
        /// Share of the run over which it falls linearly.
        exploration_share: f32 = 0.1,
    }
}

impl DqnConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.check_shared()?;
        positive("dqn.learning_rate", f64::from(self.learning_rate))?;
        at_least_one("dqn.target_interval", self.target_interval)?;
        share("dqn.tau", self.tau)?;
        share("dqn.exploration_share", self.exploration_share)?;
        for (key, value) in
            [("dqn.exploration_start", self.exploration_start), ("dqn.exploration_end", self.exploration_end)]
        {
            match self.exploration {
                DiscreteExploration::EpsilonGreedy => {
                    not_negative(key, value)?;
                    require(value <= 1.0, key, value, "at most 1")?;
                }
                DiscreteExploration::Boltzmann => positive(key, f64::from(value))?,
            }
        }
        Ok(())
    }
}

/// What an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DqnMetrics {
    /// `mean H(Q - y)`.
    pub loss: f32,
    /// Mean value of the actions taken.
    pub q_mean: f32,
}

/// The network and buffers.
pub struct Dqn {
    config: DqnConfig,
    /// The task's table of normalized actions, `[actions, action]`.
    rows: Vec<Vec<f32>>,
    network: QNetwork,
    updates: u64,
    /// `[batch]`.
    next_actions: Vec<usize>,
    targets: Vec<f32>,
    /// Values of the actions taken, `[batch]`.
    q: Vec<f32>,
    slopes: Vec<f32>,
    errors: Vec<f32>,
    metrics: DqnMetrics,
}

/// What learning has changed of [`Dqn`] beside its networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DqnState {
    network: Adam,
    updates: u64,
    metrics: DqnMetrics,
}

/// Each row's action of the largest value, the first among equals: `best [batch]` of `values [batch, actions]`.
pub fn best_actions(best: &mut [usize], values: &[f32]) {
    let actions = values.len() / best.len();
    for (best, values) in best.iter_mut().zip(values.chunks_exact(actions)) {
        *best = largest(values);
    }
}

/// `y = r + discount Q'(s', a')`: `targets [batch]` of `next_values [batch, actions]` and the chosen `next_actions [batch]`.
pub fn double_target(targets: &mut [f32], batch: &Batch, next_values: &[f32], next_actions: &[usize]) {
    let actions = next_values.len() / targets.len();
    for (row, target) in targets.iter_mut().enumerate() {
        let value = next_values[row * actions + next_actions[row]];
        *target = batch.rewards[row] + batch.discounts[row] * value;
    }
}

/// `mean w H(Q - y)` with `H(e) = e²/2` within 1 and `|e| - 1/2` beyond; writes its derivative by Q, and the errors. All `[batch]`.
pub fn huber_loss(
    slopes: &mut [f32],
    errors: &mut [f32],
    q: &[f32],
    targets: &[f32],
    weights: &[f32],
) -> f32 {
    let scale = 1.0 / q.len() as f32;
    let mut loss = 0.0;
    for (row, (q, target)) in q.iter().zip(targets).enumerate() {
        let error = q - target;
        let bounded = error.clamp(-1.0, 1.0);
        loss += weights[row] * bounded * (error - 0.5 * bounded);
        slopes[row] = scale * weights[row] * bounded;
        errors[row] = error;
    }
    scale * loss
}

impl Dqn {
    /// A fresh network for a task's table of normalized actions; the same seed gives the same one.
    pub(crate) fn new(config: &DqnConfig, rows: &[Vec<f32>], sizes: TransitionSizes, seed: u64) -> Self {
        let shape = QShape {
            observation: sizes.observation,
            actions: rows.len(),
            hidden: &config.hidden,
            activation: config.activation,
            dueling: config.dueling,
            batch_size: config.batch_size,
        };
        let column = || vec![0.0; config.batch_size];
        Self {
            config: config.clone(),
            rows: rows.to_vec(),
            network: QNetwork::new(&shape, seed),
            updates: 0,
            next_actions: vec![0; config.batch_size],
            targets: column(),
            q: column(),
            slopes: column(),
            errors: column(),
            metrics: DqnMetrics::default(),
        }
    }

    /// `y` into `targets`.
    fn aim(&mut self, batch: &Batch) {
        if self.config.double {
            best_actions(&mut self.next_actions, self.network.values(&batch.next_observations));
        }
        let next_values = self.network.target_values(&batch.next_observations);
        if !self.config.double {
            best_actions(&mut self.next_actions, next_values);
        }
        double_target(&mut self.targets, batch, next_values, &self.next_actions);
    }
}

impl OffPolicy for Dqn {
    const NAME: &'static str = "dqn";
    type State = DqnState;
    type Explorer = ValueExplorer;

    fn settings(&self) -> OffPolicySettings {
        // The values are the policy, which sees what a robot sees.
        OffPolicySettings { explores_by_progress: true, ..self.config.off_policy(false) }
    }

    fn explorer(&self, environments: usize) -> ValueExplorer {
        let DqnConfig { exploration, exploration_start, exploration_end, exploration_share, .. } =
            self.config;
        let schedule = Schedule { start: exploration_start, end: exploration_end, share: exploration_share };
        ValueExplorer::new(&self.network, environments, exploration, schedule)
    }

    fn acting_parameters(&self) -> &[f32] {
        self.network.parameters()
    }

    fn update(&mut self, batch: &Batch, rate_scale: f32, _workers: &Workers) {
        self.aim(batch);
        let values = self.network.values(&batch.observations);
        for (row, q) in self.q.iter_mut().enumerate() {
            *q = values[row * self.rows.len() + batch.actions[row] as usize];
        }
        let (q, targets) = (&self.q, &self.targets);
        self.metrics.loss = huber_loss(&mut self.slopes, &mut self.errors, q, targets, &batch.weights);
        self.metrics.q_mean = q.iter().sum::<f32>() / q.len() as f32;
        let rate = rate_scale * self.config.learning_rate;
        self.network.step(&batch.observations, &batch.actions, &self.slopes, rate);
        self.updates += 1;
        if self.updates.is_multiple_of(self.config.target_interval) {
            self.network.track(self.config.tau);
        }
    }

    fn errors(&self) -> &[f32] {
        &self.errors
    }

    #[cfg(test)]
    fn targets(&self) -> &[f32] {
        &self.targets
    }

    fn metrics(&self) -> Vec<Metric> {
        let DqnMetrics { loss, q_mean } = self.metrics;
        vec![Metric::new("loss", loss), Metric::new("q_mean", q_mean)]
    }

    fn is_finite(&self) -> bool {
        self.metrics.loss.is_finite()
    }

    /// The best action's row.
    fn actor(&self, normalizer: Option<&Normalizer>, origin: ActorOrigin) -> TrainedActor {
        self.network.with_layers(|layers| TrainedActor::choosing(layers, normalizer, &self.rows, origin))
    }

    fn networks(&mut self) -> Vec<Network<'_>> {
        self.network.networks().into()
    }

    fn state(&self) -> DqnState {
        DqnState { network: self.network.state(), updates: self.updates, metrics: self.metrics }
    }

    fn restore(&mut self, state: DqnState) -> Result<(), StateError> {
        self.network.restore(state.network)?;
        self.updates = state.updates;
        self.metrics = state.metrics;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZES: TransitionSizes = TransitionSizes { observation: 1, privileged: 0, action: 1 };

    #[test]
    fn the_target_is_the_slow_value_of_the_chosen_action_unless_the_task_ended() {
        let mut batch = Batch::new(2, SIZES);
        batch.rewards = vec![1.0, 1.0];
        batch.discounts = vec![0.5, 0.0];
        let mut next_actions = [9, 9];
        // The network prefers action 2, whatever its target thinks.
        best_actions(&mut next_actions, &[1.0, 2.0, 3.0, 0.0, 7.0, 7.0]);
        assert_eq!(next_actions, [2, 1]);
        let mut targets = [0.0; 2];
        double_target(&mut targets, &batch, &[10.0, 20.0, 6.0, 10.0, 20.0, 6.0], &next_actions);
        assert_eq!(targets, [4.0, 1.0]);
    }

    #[test]
    fn the_huber_loss_agrees_with_hand_computed_cases_and_finite_differences() {
        let (mut slopes, mut errors) = ([0.0; 4], [0.0; 4]);
        let (mut q, targets, weights) = ([0.5, 4.0, -2.0, 1.0], [0.0, 1.0, 1.0, 1.0], [1.0, 1.0, 0.5, 1.0]);
        // 1/8, 3 - 1/2, half of 3 - 1/2, and 0.
        let loss = huber_loss(&mut slopes, &mut errors, &q, &targets, &weights);
        assert_eq!(loss, (0.125 + 2.5 + 1.25) / 4.0);
        assert_eq!(slopes, [0.125, 0.25, -0.125, 0.0]);
        assert_eq!(errors, [0.5, 3.0, -3.0, 0.0]);
        for index in 0..4 {
            let original = q[index];
            let mut loss_at = |value: f32| {
                q[index] = value;
                huber_loss(&mut [0.0; 4], &mut [0.0; 4], &q, &targets, &weights)
            };
            let numeric = (loss_at(original + 1e-2) - loss_at(original - 1e-2)) / 2e-2;
            q[index] = original;
            assert!((numeric - slopes[index]).abs() < 1e-3, "{index}: {numeric}");
        }
    }

    fn dqn() -> Dqn {
        let config = DqnConfig { hidden: vec![8], batch_size: 4, target_interval: 2, ..DqnConfig::default() };
        Dqn::new(&config, &[vec![-1.0], vec![0.0], vec![1.0]], SIZES, 1)
    }

    #[test]
    fn the_slow_copy_waits_for_its_turn() {
        let mut dqn = dqn();
        let (mut batch, workers) = (Batch::new(4, SIZES), Workers::new(1));
        batch.rewards = vec![1.0; 4];
        let networks = |dqn: &mut Dqn| {
            let [fast, slow] = dqn.network.networks();
            (fast.parameters.to_vec(), slow.parameters.to_vec())
        };
        let (_, before) = networks(&mut dqn);
        dqn.update(&batch, 1.0, &workers);
        assert_eq!(networks(&mut dqn).1, before);
        dqn.update(&batch, 1.0, &workers);
        let (fast, slow) = networks(&mut dqn);
        // Rounding: the copy goes by way of the difference.
        assert!(slow.iter().zip(&fast).all(|(slow, fast)| (slow - fast).abs() < 1e-6));
        assert_ne!(slow, before);
    }
}
