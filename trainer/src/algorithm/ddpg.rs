//! Deep deterministic policy gradient (Lillicrap et al. 2016, arXiv 1509.02971).
//!
//! ```text
//! act with     a = clip(mu(s) + exploration noise, ±1), Gaussian or Ornstein-Uhlenbeck
//! for each batch (s, a, r, s', discount) drawn from the replay buffer:
//!     y = r + discount Q'(s', mu'(s'))                                                  td_target
//!     minimize  1/2 mean (Q(s, a) - y)²                                                 squared_loss
//!     maximize  mean Q(s, mu(s))                                                        policy_gradient
//!     Q' <- (1 - tau) Q' + tau Q,  mu' <- (1 - tau) mu' + tau mu
//! ```
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | mu, mu' | [`DeterministicActor`] | |
//! | Q, Q' | [`Critic`] | |
//! | y | `targets` | `[batch]` |
//! | discount | `gamma^n`, 0 where the task ended | `[batch]` |
//!
//! Deviations from the paper, and why:
//! - no batch normalization and no weight decay, as in all reference implementations since;
//! - the critic sees the action in its first layer, and all networks start as PyTorch's do;
//! - Gaussian noise is the default: it scores no worse (Fujimoto et al. 2018) and has no memory.

use super::critic::{Critic, CriticShape, CriticState, concatenate, mean, td_target};
use super::deterministic_actor::{ActorShape, DeterministicActor};
use super::noisy_explorer::NoisyExplorer;
use crate::actor::{ActorOrigin, TrainedActor};
use crate::config::ConfigError;
use crate::config::off_policy::off_policy_settings;
use crate::config::settings::{not_negative, positive, share};
use crate::exploration::{ActionNoise, NoiseKind};
use crate::network::regularizer::Regularization;
use crate::normalizer::Normalizer;
use crate::optimizer::Adam;
use crate::parallel::Workers;
use crate::replay::{Batch, TransitionSizes};
use crate::training::{Metric, Network, OffPolicy, OffPolicySettings, StateError};
use serde::{Deserialize, Serialize};

off_policy_settings! {
    /// Deep deterministic policy gradient's settings.
    pub struct DdpgConfig, DdpgDocument in "ddpg" {
        /// Share of the online networks that flows into their targets at each update. Smaller is steadier and slower.
        tau: f32 = 0.005,
        /// Adam's step size for the actor.
        actor_learning_rate: f32 = 1e-3,
        /// Adam's step size for the critic.
        critic_learning_rate: f32 = 1e-3,
        /// Whether critics also see what the task reveals to them alone; changes nothing where that is nothing.
        privileged_critic: bool = true,
        /// `"gaussian"` noise is independent from step to step, `"ornstein_uhlenbeck"` noise drifts.
        exploration: NoiseKind = NoiseKind::Gaussian,
        /// Deviation of the exploring noise's draws, in normalized actions. Larger explores more and acts worse meanwhile.
        exploration_deviation: f32 = 0.1,
        /// Share of Ornstein-Uhlenbeck noise that is taken back each step. Smaller pushes one way for longer, and farther.
        exploration_reversion: f32 = 0.15,
    }
}

impl DdpgConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.check_shared()?;
        share("ddpg.tau", self.tau)?;
        positive("ddpg.actor_learning_rate", f64::from(self.actor_learning_rate))?;
        positive("ddpg.critic_learning_rate", f64::from(self.critic_learning_rate))?;
        not_negative("ddpg.exploration_deviation", self.exploration_deviation)?;
        share("ddpg.exploration_reversion", self.exploration_reversion)
    }
}

/// What an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DdpgMetrics {
    /// `1/2 mean (Q - y)²`.
    pub critic_loss: f32,
    /// `-mean Q(s, mu(s))`.
    pub actor_loss: f32,
    /// Mean of the critic's values.
    pub q_mean: f32,
}

/// The networks and buffers.
pub struct Ddpg {
    config: DdpgConfig,
    sizes: TransitionSizes,
    actor: DeterministicActor,
    critic: Critic,
    critic_input: Vec<f32>,
    targets: Vec<f32>,
    q_gradient: Vec<f32>,
    metrics: DdpgMetrics,
}

/// What learning has changed of [`Ddpg`] beside its networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DdpgState {
    actor: Adam,
    critic: CriticState,
    metrics: DdpgMetrics,
}

impl Ddpg {
    /// Fresh networks; the same seed gives the same ones.
    pub(crate) fn new(config: &DdpgConfig, sizes: TransitionSizes, seed: u64) -> Self {
        let TransitionSizes { observation, privileged, action } = sizes;
        let (batch_size, hidden, activation) = (config.batch_size, &config.hidden[..], config.activation);
        let actor = ActorShape { observation, action, hidden, activation, batch_size };
        let regularization = Regularization::default();
        let critic = CriticShape { sizes, hidden, activation, regularization, quantiles: 1, batch_size };
        Self {
            config: config.clone(),
            sizes,
            actor: DeterministicActor::new(&actor, seed),
            critic: Critic::new(&critic, seed, "critic"),
            critic_input: vec![0.0; batch_size * (observation + privileged + action)],
            targets: vec![0.0; batch_size],
            q_gradient: vec![0.0; batch_size * action],
            metrics: DdpgMetrics::default(),
        }
    }
}

impl OffPolicy for Ddpg {
    const NAME: &'static str = "ddpg";
    type State = DdpgState;
    type Explorer = NoisyExplorer;

    fn settings(&self) -> OffPolicySettings {
        self.config.off_policy(self.config.privileged_critic)
    }

    fn explorer(&self, environments: usize) -> NoisyExplorer {
        let DdpgConfig { exploration, exploration_deviation, exploration_reversion, .. } = self.config;
        let (deviation, reversion) = (exploration_deviation, exploration_reversion);
        let noise = ActionNoise::new(exploration, deviation, reversion, environments, self.sizes.action);
        NoisyExplorer::new(self.actor.network(), self.acting_parameters(), environments, noise, true)
    }

    fn acting_parameters(&self) -> &[f32] {
        self.actor.parameters()
    }

    fn update(&mut self, batch: &Batch, rate_scale: f32, _workers: &Workers) {
        let next_actions = self.actor.target_actions(&batch.next_observations);
        let next = [&batch.next_observations, &batch.next_privileged, &*next_actions];
        concatenate(&mut self.critic_input, next, self.sizes);
        td_target(&mut self.targets, batch, self.critic.evaluate_target(&self.critic_input));

        let taken = [&batch.observations[..], &batch.privileged, &batch.actions];
        concatenate(&mut self.critic_input, taken, self.sizes);
        let critic_rate = rate_scale * self.config.critic_learning_rate;
        self.critic.regress(&self.critic_input, &self.targets, &batch.weights, critic_rate);
        let q_mean = mean(self.critic.output());

        let actions = self.actor.actions(&batch.observations);
        concatenate(&mut self.critic_input, [&batch.observations, &batch.privileged, actions], self.sizes);
        let actor_loss = -mean(self.critic.evaluate(&self.critic_input));
        self.critic.differentiate(1.0, &mut self.q_gradient);
        let actor_rate = rate_scale * self.config.actor_learning_rate;
        self.actor.step(&batch.observations, &self.q_gradient, actor_rate);

        self.critic.track(self.config.tau);
        self.actor.track(self.config.tau);
        self.metrics = DdpgMetrics { critic_loss: self.critic.loss(), actor_loss, q_mean };
    }

    fn errors(&self) -> &[f32] {
        self.critic.errors()
    }

    #[cfg(test)]
    fn targets(&self) -> &[f32] {
        &self.targets
    }

    fn metrics(&self) -> Vec<Metric> {
        let DdpgMetrics { critic_loss, actor_loss, q_mean } = self.metrics;
        vec![
            Metric::new("critic_loss", critic_loss),
            Metric::new("actor_loss", actor_loss),
            Metric::new("q_mean", q_mean),
        ]
    }

    fn is_finite(&self) -> bool {
        self.metrics.critic_loss.is_finite() && self.metrics.actor_loss.is_finite()
    }

    fn actor(&self, normalizer: Option<&Normalizer>, origin: ActorOrigin) -> TrainedActor {
        self.actor.trained(normalizer, origin)
    }

    fn networks(&mut self) -> Vec<Network<'_>> {
        self.actor.networks().into_iter().chain(self.critic.networks("critic")).collect()
    }

    fn state(&self) -> DdpgState {
        DdpgState { actor: self.actor.state(), critic: self.critic.state(), metrics: self.metrics }
    }

    fn restore(&mut self, state: DdpgState) -> Result<(), StateError> {
        self.actor.restore(state.actor)?;
        self.critic.restore(state.critic)?;
        self.metrics = state.metrics;
        Ok(())
    }
}
