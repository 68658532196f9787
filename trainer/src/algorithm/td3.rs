//! Twin delayed deep deterministic policy gradient (Fujimoto et al. 2018, arXiv 1802.09477).
//!
//! ```text
//! act with     a = clip(mu(s) + exploration noise, ±1)
//! for each batch (s, a, r, s', discount) drawn from the replay buffer:
//!     epsilon = clip(N(0, smoothing), ±smoothing_clip);  a' = clip(mu'(s') + epsilon, ±1)       smooth
//!     y  = r + discount min_i Q'_i(s', a')                                                      td_target
//!     for i in 1, 2:  minimize  1/2 mean (Q_i(s, a) - y)²                                       squared_loss
//!     every policy_delay-th update:
//!         maximize  mean Q_1(s, mu(s))                                                          policy_gradient
//!         Q'_i <- (1 - tau) Q'_i + tau Q_i,  mu' <- (1 - tau) mu' + tau mu
//! ```
//!
//! | symbol | here | shape |
//! |---|---|---|
//! | mu, mu' | [`DeterministicActor`] | |
//! | Q, Q' | [`CriticPair`] | |
//! | y | `targets` | `[batch]` |
//! | discount | `gamma^n`, 0 where the task ended | `[batch]` |
//!
//! Deviations from the paper, and why:
//! - the squared error is halved, as is usual where its derivative is written by hand; Adam does not see the factor;
//! - all networks start as PyTorch's do, and actor and critics have the same hidden layers;
//! - the slow critics follow before the actor's step and not after it: neither reads the other.

use super::critic::{CriticShape, CriticState, concatenate, mean, td_target};
use super::critic_pair::CriticPair;
use super::deterministic_actor::{ActorShape, DeterministicActor};
use super::noisy_explorer::NoisyExplorer;
use crate::actor::{ActorOrigin, TrainedActor};
use crate::config::ConfigError;
use crate::config::off_policy::off_policy_settings;
use crate::config::settings::{at_least_one, not_negative, positive, share};
use crate::exploration::{ActionNoise, NoiseKind};
use crate::network::regularizer::Regularization;
use crate::normalizer::Normalizer;
use crate::optimizer::Adam;
use crate::parallel::Workers;
use crate::random::Stream;
use crate::replay::{Batch, TransitionSizes};
use crate::training::{Metric, Network, OffPolicy, OffPolicySettings, StateError};
use serde::{Deserialize, Serialize};

off_policy_settings! {
    /// Twin delayed deep deterministic policy gradient's settings.
    pub struct Td3Config, Td3Document in "td3" {
        /// Share of the online networks that flows into their targets at each of the actor's updates. Smaller is steadier and
        /// slower.
        tau: f32 = 0.005,
        /// Adam's step size for the actor.
        actor_learning_rate: f32 = 1e-3,
        /// Adam's step size for the critics.
        critic_learning_rate: f32 = 1e-3,
        /// Whether critics also see what the task reveals to them alone; changes nothing where that is nothing.
        privileged_critic: bool = true,
        /// Deviation of the exploring Gaussian noise, in normalized actions. Larger explores more and acts worse meanwhile.
        exploration_deviation: f32 = 0.1,
        /// Deviation of the noise on the target's actions. Larger smooths values over more similar actions.
        smoothing_deviation: f32 = 0.2,
        /// Bound of that noise.
        smoothing_clip: f32 = 0.5,
        /// Critic updates per actor update. More let values settle first.
        policy_delay: u64 = 2,
    }
}

impl Td3Config {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        self.check_shared()?;
        share("td3.tau", self.tau)?;
        positive("td3.actor_learning_rate", f64::from(self.actor_learning_rate))?;
        positive("td3.critic_learning_rate", f64::from(self.critic_learning_rate))?;
        not_negative("td3.exploration_deviation", self.exploration_deviation)?;
        not_negative("td3.smoothing_deviation", self.smoothing_deviation)?;
        not_negative("td3.smoothing_clip", self.smoothing_clip)?;
        at_least_one("td3.policy_delay", self.policy_delay)
    }
}

/// What an update did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Td3Metrics {
    /// `1/2 mean (Q - y)²`, mean of the two critics.
    pub critic_loss: f32,
    /// `-mean Q_1(s, mu(s))` of the last update that had the actor's turn.
    pub actor_loss: f32,
    /// Mean of the first critic's values.
    pub q_mean: f32,
}

/// The networks and buffers.
pub struct Td3 {
    config: Td3Config,
    sizes: TransitionSizes,
    actor: DeterministicActor,
    critics: CriticPair,
    noise: Stream,
    updates: u64,
    /// Normal draws for the target's actions, `[batch, action]`.
    smoothing: Vec<f32>,
    critic_input: Vec<f32>,
    targets: Vec<f32>,
    q_gradient: Vec<f32>,
    metrics: Td3Metrics,
}

/// What learning has changed of [`Td3`] beside its networks.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Td3State {
    actor: Adam,
    critics: [CriticState; 2],
    noise: Stream,
    updates: u64,
    metrics: Td3Metrics,
}

/// `a' = clip(mu'(s') + clip(deviation · normal, ±clip), ±1)`, in place.
pub fn smooth(actions: &mut [f32], normals: &[f32], deviation: f32, clip: f32) {
    for (action, normal) in actions.iter_mut().zip(normals) {
        let epsilon = (deviation * normal).clamp(-clip, clip);
        *action = (*action + epsilon).clamp(-1.0, 1.0);
    }
}

impl Td3 {
    /// Fresh networks; the same seed gives the same ones.
    pub(crate) fn new(config: &Td3Config, sizes: TransitionSizes, seed: u64) -> Self {
        let TransitionSizes { observation, privileged, action } = sizes;
        let (batch_size, hidden, activation) = (config.batch_size, &config.hidden[..], config.activation);
        let actor = ActorShape { observation, action, hidden, activation, batch_size };
        let regularization = Regularization::default();
        let critic = CriticShape { sizes, hidden, activation, regularization, quantiles: 1, batch_size };
        Self {
            config: config.clone(),
            sizes,
            actor: DeterministicActor::new(&actor, seed),
            critics: CriticPair::new(&critic, 0, seed),
            noise: Stream::new(seed, "update noise"),
            updates: 0,
            smoothing: vec![0.0; batch_size * action],
            critic_input: vec![0.0; batch_size * (observation + privileged + action)],
            targets: vec![0.0; batch_size],
            q_gradient: vec![0.0; batch_size * action],
            metrics: Td3Metrics::default(),
        }
    }

    /// `y` into `targets`.
    fn aim(&mut self, batch: &Batch, workers: &Workers) {
        let next_actions = self.actor.target_actions(&batch.next_observations);
        self.noise.fill_normal(&mut self.smoothing);
        smooth(next_actions, &self.smoothing, self.config.smoothing_deviation, self.config.smoothing_clip);
        let next = [&batch.next_observations, &batch.next_privileged, &*next_actions];
        concatenate(&mut self.critic_input, next, self.sizes);
        td_target(&mut self.targets, batch, self.critics.next_values(&self.critic_input, workers));
    }

    /// Climbs the first critic; gives the actor's loss.
    fn step_actor(&mut self, batch: &Batch, learning_rate: f32) -> f32 {
        let actions = self.actor.actions(&batch.observations);
        let current = [&batch.observations, &batch.privileged, actions];
        concatenate(&mut self.critic_input, current, self.sizes);
        let critic = self.critics.first();
        let loss = -mean(critic.evaluate(&self.critic_input));
        critic.differentiate(1.0, &mut self.q_gradient);
        self.actor.step(&batch.observations, &self.q_gradient, learning_rate);
        loss
    }
}

impl OffPolicy for Td3 {
    const NAME: &'static str = "td3";
    type State = Td3State;
    type Explorer = NoisyExplorer;

    fn settings(&self) -> OffPolicySettings {
        self.config.off_policy(self.config.privileged_critic)
    }

    fn explorer(&self, environments: usize) -> NoisyExplorer {
        let (deviation, action) = (self.config.exploration_deviation, self.sizes.action);
        let noise = ActionNoise::new(NoiseKind::Gaussian, deviation, 1.0, environments, action);
        NoisyExplorer::new(self.actor.network(), self.acting_parameters(), environments, noise, false)
    }

    fn acting_parameters(&self) -> &[f32] {
        self.actor.parameters()
    }

    fn update(&mut self, batch: &Batch, rate_scale: f32, workers: &Workers) {
        self.updates += 1;
        let actors_turn = self.updates.is_multiple_of(self.config.policy_delay);
        let tau = if actors_turn { self.config.tau } else { 0.0 };

        self.aim(batch, workers);
        let taken = [&batch.observations[..], &batch.privileged, &batch.actions];
        concatenate(&mut self.critic_input, taken, self.sizes);
        let critic_rate = rate_scale * self.config.critic_learning_rate;
        self.critics.regress(&self.critic_input, [&self.targets, &batch.weights], critic_rate, tau, workers);
        self.metrics.critic_loss = self.critics.loss();
        self.metrics.q_mean = self.critics.mean_value();

        if actors_turn {
            self.metrics.actor_loss = self.step_actor(batch, rate_scale * self.config.actor_learning_rate);
            self.actor.track(tau);
        }
    }

    fn errors(&self) -> &[f32] {
        self.critics.errors()
    }

    #[cfg(test)]
    fn targets(&self) -> &[f32] {
        &self.targets
    }

    fn metrics(&self) -> Vec<Metric> {
        let Td3Metrics { critic_loss, actor_loss, q_mean } = self.metrics;
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
        self.actor.networks().into_iter().chain(self.critics.networks()).collect()
    }

    fn state(&self) -> Td3State {
        Td3State {
            actor: self.actor.state(),
            critics: self.critics.state(),
            noise: self.noise.clone(),
            updates: self.updates,
            metrics: self.metrics,
        }
    }

    fn restore(&mut self, state: Td3State) -> Result<(), StateError> {
        self.actor.restore(state.actor)?;
        self.critics.restore(state.critics)?;
        self.noise = state.noise;
        self.updates = state.updates;
        self.metrics = state.metrics;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smoothing_noise_and_actions_are_bounded() {
        let mut actions = [0.0, 0.0, 0.9, -0.9];
        smooth(&mut actions, &[1.0, 10.0, 10.0, -1.0], 0.2, 0.5);
        assert_eq!(actions, [0.2, 0.5, 1.0, -1.0]);
    }

    #[test]
    fn the_actor_and_the_slow_copies_wait_for_their_turn() {
        let config = Td3Config { hidden: vec![8], batch_size: 4, policy_delay: 3, ..Td3Config::default() };
        let sizes = TransitionSizes { observation: 2, privileged: 0, action: 1 };
        let mut td3 = Td3::new(&config, sizes, 1);
        let mut batch = Batch::new(4, sizes);
        batch.observations = (0..8).map(|value| value as f32 / 8.0).collect();
        let networks =
            |td3: &mut Td3| td3.networks().into_iter().map(|network| network.parameters.to_vec()).collect();
        let before: Vec<Vec<f32>> = networks(&mut td3);
        let workers = Workers::new(1);
        for update in 1..=3 {
            td3.update(&batch, 1.0, &workers);
            let after = networks(&mut td3);
            // The actor and its slow copy, then each critic and its own.
            for (place, (after, before)) in after.iter().zip(&before).enumerate() {
                let waits = update < 3 && ![2, 4].contains(&place);
                assert_eq!(after == before, waits, "update {update}, network {place}");
            }
        }
    }
}
