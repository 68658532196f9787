//! The off-policy loop: stores every transition, and learns from batches drawn from all of them.
//!
//! [`OffPolicyLoop`] knows no algorithm's equations; an [`OffPolicy`] learner knows no environments, files or clocks.

use super::{Episodes, Loop, Metric, Network, StateError, TrainingError};
use crate::actor::TrainedActor;
use crate::config::RunConfig;
use crate::normalizer::Normalizer;
use crate::parallel::Workers;
use crate::random::Stream;
use crate::replay::{Batch, Replay, Transition};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sinew_sim::{Randomization, SimError, Task, VecEnv};

/// A learner that takes batches of transitions, whoever's actions they hold.
pub(crate) trait OffPolicy {
    /// What learning has changed beside its networks: optimizers, streams, the last update's metrics.
    type State: Serialize + DeserializeOwned;

    /// How it wants its transitions.
    fn settings(&self) -> OffPolicySettings;
    /// Exploring actions `[environments, action]` for `observations [environments, observation]`, normalized.
    fn explore(&mut self, observations: &[f32], noise: &mut Stream, actions: &mut [f32]);
    /// One update on a batch of normalized observations; every learning rate is scaled by `rate_scale`.
    fn update(&mut self, batch: &Batch, rate_scale: f32, workers: &Workers);
    /// Of the last update; one that is not finite ends the run.
    fn metrics(&self) -> Vec<Metric>;
    /// Whether the last update's losses are finite.
    fn is_finite(&self) -> bool;
    /// The part that ships, without exploration, after so many environment steps.
    fn actor(&self, normalizer: Option<&Normalizer>, steps: u64) -> TrainedActor;
    /// Every network, targets included; the one that ships is called `actor`.
    fn networks(&mut self) -> Vec<Network<'_>>;
    /// What learning has changed beside its networks.
    fn state(&self) -> Self::State;
    /// Goes on from the state of a learner of the same task and configuration.
    fn restore(&mut self, state: Self::State) -> Result<(), StateError>;
}

/// How a learner wants its transitions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OffPolicySettings {
    /// Transitions in one update.
    pub(crate) batch_size: usize,
    /// Transitions kept.
    pub(crate) replay_capacity: usize,
    /// Environment steps with uniformly random actions before learning starts.
    pub(crate) start_steps: u64,
    /// Updates per environment step.
    pub(crate) updates_per_step: f64,
    /// Share of the learning rates that is left at the end of the run.
    pub(crate) final_learning_rate_share: f32,
    /// Whether observations are normalized by running statistics.
    pub(crate) normalize_observations: bool,
}

/// Collects transitions with one learner and learns from them.
pub(crate) struct OffPolicyLoop<'r, L> {
    run: &'r RunConfig,
    settings: OffPolicySettings,
    workers: Workers,
    environments: VecEnv,
    learner: L,
    normalizer: Normalizer,
    replay: Replay,
    batch: Batch,
    exploration: Stream,
    sampling: Stream,
    /// `[environments, observation]`: what the present actions were chosen for, raw.
    observations: Vec<f32>,
    normalized: Vec<f32>,
    actions: Vec<f32>,
    steps: u64,
    /// Updates owed to the steps made so far; its whole part is done next.
    updates_due: f64,
    episodes: Episodes,
}

/// What [`OffPolicyLoop`] leaves in a checkpoint beside what every loop does.
#[derive(Serialize, Deserialize)]
struct OffPolicyState<S> {
    learner: S,
    exploration: Stream,
    sampling: Stream,
    steps: u64,
    updates_due: f64,
}

impl<'r, L: OffPolicy> OffPolicyLoop<'r, L> {
    pub(crate) fn new(task: &Task, run: &'r RunConfig, learner: L) -> Result<Self, SimError> {
        let (count, seed) = (run.environments, run.seed);
        let (observation_size, action_size) = (task.observation_size(), task.action_size());
        let settings = learner.settings();
        // Stepping takes less time than learning here, and a second set of threads would fight the first for cores.
        let mut environments = VecEnv::new(task, Randomization::Training, count, seed, 1)?;
        environments.reset()?;
        Ok(Self {
            run,
            settings,
            workers: Workers::new(run.threads),
            environments,
            learner,
            normalizer: Normalizer::new(task.observation_floor()),
            replay: Replay::new(settings.replay_capacity, observation_size, action_size),
            batch: Batch::new(settings.batch_size, observation_size, action_size),
            exploration: Stream::new(seed, "exploration"),
            sampling: Stream::new(seed, "replay"),
            observations: vec![0.0; count * observation_size],
            normalized: vec![0.0; count * observation_size],
            actions: vec![0.0; count * action_size],
            steps: 0,
            updates_due: 0.0,
            episodes: Episodes::new(),
        })
    }

    /// One step of every environment.
    fn collect(&mut self) -> Result<(), SimError> {
        self.observations.copy_from_slice(self.environments.observations());
        if self.settings.normalize_observations {
            self.normalizer.record(&self.observations);
        }
        if self.steps < self.settings.start_steps {
            self.actions.iter_mut().for_each(|action| *action = self.exploration.uniform(-1.0, 1.0));
        } else {
            self.normalized.copy_from_slice(&self.observations);
            self.normalizer.apply(&mut self.normalized);
            self.learner.explore(&self.normalized, &mut self.exploration, &mut self.actions);
        }
        self.environments.step(&self.actions)?;
        self.store();
        self.episodes.record(&mut self.environments);
        self.steps += self.run.environments as u64;
        if self.steps >= self.settings.start_steps {
            self.updates_due += self.run.environments as f64 * self.settings.updates_per_step;
        }
        Ok(())
    }

    fn store(&mut self) {
        let observation_size = self.observations.len() / self.run.environments;
        let action_size = self.actions.len() / self.run.environments;
        for environment in 0..self.run.environments {
            if self.environments.faulted()[environment] {
                continue;
            }
            let observation = environment * observation_size..(environment + 1) * observation_size;
            let action = environment * action_size..(environment + 1) * action_size;
            self.replay.push(&Transition {
                observation: &self.observations[observation.clone()],
                action: &self.actions[action],
                reward: self.environments.rewards()[environment],
                next_observation: &self.environments.final_observations()[observation],
                terminated: self.environments.terminated()[environment],
            });
        }
    }

    /// The updates that are due.
    fn learn(&mut self) -> Result<(), TrainingError> {
        let updates = self.updates_due as u64;
        self.updates_due -= updates as f64;
        if self.settings.normalize_observations {
            self.normalizer.refresh();
        }
        let done = self.steps as f32 / self.run.steps as f32;
        let rate_scale = 1.0 - done * (1.0 - self.settings.final_learning_rate_share);
        for _ in 0..updates {
            self.replay.sample(&mut self.sampling, &mut self.batch);
            self.normalizer.apply(&mut self.batch.observations);
            self.normalizer.apply(&mut self.batch.next_observations);
            self.learner.update(&self.batch, rate_scale, &self.workers);
        }
        if self.learner.is_finite() {
            Ok(())
        } else {
            Err(TrainingError::diverged(self.steps, &self.learner.metrics()))
        }
    }
}

impl<L: OffPolicy> Loop for OffPolicyLoop<'_, L> {
    fn advance(&mut self) -> Result<(), TrainingError> {
        self.collect()?;
        self.learn()
    }

    fn steps(&self) -> u64 {
        self.steps
    }

    fn environments(&self) -> &VecEnv {
        &self.environments
    }

    fn environments_mut(&mut self) -> &mut VecEnv {
        &mut self.environments
    }

    fn episodes(&mut self) -> &mut Episodes {
        &mut self.episodes
    }

    fn metrics(&self) -> Vec<Metric> {
        self.learner.metrics()
    }

    fn actor(&self) -> TrainedActor {
        let normalizer = self.settings.normalize_observations.then_some(&self.normalizer);
        self.learner.actor(normalizer, self.steps)
    }

    fn networks(&mut self) -> Vec<Network<'_>> {
        self.learner.networks()
    }

    fn normalizer(&mut self) -> Option<&mut Normalizer> {
        self.settings.normalize_observations.then_some(&mut self.normalizer)
    }

    fn replay(&mut self) -> Option<&mut Replay> {
        Some(&mut self.replay)
    }

    fn follows_total_steps(&self) -> bool {
        self.settings.final_learning_rate_share != 1.0
    }

    fn state(&self) -> Result<Vec<u8>, StateError> {
        Ok(postcard::to_stdvec(&OffPolicyState {
            learner: self.learner.state(),
            exploration: self.exploration.clone(),
            sampling: self.sampling.clone(),
            steps: self.steps,
            updates_due: self.updates_due,
        })?)
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), StateError> {
        let state: OffPolicyState<L::State> = postcard::from_bytes(state)?;
        self.learner.restore(state.learner)?;
        self.exploration = state.exploration;
        self.sampling = state.sampling;
        self.steps = state.steps;
        self.updates_due = state.updates_due;
        Ok(())
    }
}
