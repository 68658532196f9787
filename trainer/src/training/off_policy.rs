//! The off-policy loop: stores every transition, and learns from batches drawn from all of them.
//!
//! [`OffPolicyLoop`] knows no algorithm's equations; an [`OffPolicy`] learner knows no environments, files or clocks.

#[cfg(test)]
mod tests;

use super::{Episodes, Loop, Metric, Network, StateError, TrainingError};
use crate::action_space::ActionSpace;
use crate::actor::{ActorOrigin, TrainedActor};
use crate::config::RunConfig;
use crate::end::End;
use crate::normalizer::Normalizer;
use crate::parallel::Workers;
use crate::random::Stream;
use crate::replay::{Batch, NStep, Priorities, Replay, Step, TransitionSizes};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sinew_sim::{Randomization, SimError, Task, VecEnv};

/// What the privileged values' deviations are held above: they never reach a robot, so this only keeps a constant finite.
const PRIVILEGED_FLOOR: f32 = 1e-4;

/// A learner that takes batches of transitions, whoever's actions they hold.
pub(crate) trait OffPolicy {
    /// As the command line and contracts name it.
    const NAME: &'static str;
    /// What learning has changed beside its networks: optimizers, streams, the last update's metrics.
    type State: Serialize + DeserializeOwned;

    /// How it wants its transitions.
    fn settings(&self) -> OffPolicySettings;
    /// Exploring choices `[environments, choice]` for `observations [environments, observation]`, normalized; `progress` is the
    /// share of the run that is done.
    fn explore(&mut self, observations: &[f32], progress: f32, noise: &mut Stream, choices: &mut [f32]);
    /// One environment's episode is over: exploration that has a memory forgets.
    fn end_episode(&mut self, _environment: usize) {}
    /// One update on a batch of normalized observations; every learning rate is scaled by `rate_scale`.
    fn update(&mut self, batch: &Batch, rate_scale: f32, workers: &Workers);
    /// How far off each value of the last update's batch was, `[batch]`.
    fn errors(&self) -> &[f32];
    /// What the last update's values were to be, `[batch]`.
    #[cfg(test)]
    fn targets(&self) -> &[f32];
    /// Of the last update; one that is not finite ends the run.
    fn metrics(&self) -> Vec<Metric>;
    /// Whether the last update's losses are finite.
    fn is_finite(&self) -> bool;
    /// The part that ships, without exploration.
    fn actor(&self, normalizer: Option<&Normalizer>, origin: ActorOrigin) -> TrainedActor;
    /// Every network, targets included; the one that ships is called `actor`.
    fn networks(&mut self) -> Vec<Network<'_>>;
    /// What learning has changed beside its networks.
    fn state(&self) -> Self::State;
    /// Goes on from the state of a learner of the same task and configuration.
    fn restore(&mut self, state: Self::State) -> Result<(), StateError>;
}

/// What a learner acts in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surroundings {
    /// Environments that it chooses for at a time.
    pub(crate) environments: usize,
    /// Of what it learns from; without privileged values where its critics are not to see them.
    pub(crate) sizes: TransitionSizes,
}

/// How a learner wants its transitions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OffPolicySettings {
    /// Discount per step.
    pub(crate) gamma: f32,
    /// Steps that a transition spans.
    pub(crate) n_step: usize,
    /// Transitions in one update.
    pub(crate) batch_size: usize,
    /// Transitions kept.
    pub(crate) replay_capacity: usize,
    /// How much errors matter for what is drawn; 0 draws uniformly.
    pub(crate) priority_exponent: f32,
    /// How much of that bias weights take back at the start.
    pub(crate) importance_exponent: f32,
    /// Environment steps with uniformly random actions before learning starts.
    pub(crate) start_steps: u64,
    /// Updates per environment step.
    pub(crate) updates_per_step: f64,
    /// Share of the learning rates that is left at the end of the run.
    pub(crate) final_learning_rate_share: f32,
    /// Whether observations are normalized by running statistics.
    pub(crate) normalize_observations: bool,
    /// Whether critics see what the task reveals to them alone.
    pub(crate) privileged_critic: bool,
    /// Whether exploration follows the share of the run that is done.
    pub(crate) explores_by_progress: bool,
}

/// What is seen of all environments at one time, raw.
struct Seen {
    /// `[environments, observation]`.
    observations: Vec<f32>,
    /// `[environments, privileged]`; empty where no critic is to see it.
    privileged: Vec<f32>,
}

/// Collects transitions with one learner and learns from them.
pub(crate) struct OffPolicyLoop<'r, L> {
    run: &'r RunConfig,
    settings: OffPolicySettings,
    workers: Workers,
    environments: VecEnv,
    action_space: ActionSpace,
    learner: L,
    normalizer: Normalizer,
    privileged_normalizer: Normalizer,
    n_step: NStep,
    replay: Replay,
    batch: Batch,
    exploration: Stream,
    sampling: Stream,
    /// What the present actions were chosen for.
    seen: Seen,
    normalized: Vec<f32>,
    /// `[environments, choice]`: as learned about.
    choices: Vec<f32>,
    /// `[environments, action]`: as done.
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
    privileged_normalizer: Normalizer,
    /// Steps that are in no stored transition yet.
    n_step: NStep,
    /// How often each stored transition is to be drawn.
    priorities: Option<Priorities>,
}

impl Surroundings {
    /// A task's, for critics that may see what it reveals to them alone, or may not.
    pub(crate) fn new(task: &Task, environments: usize, privileged_critic: bool) -> Self {
        let sizes = TransitionSizes {
            observation: task.observation_size(),
            privileged: if privileged_critic { task.privileged_size() } else { 0 },
            action: ActionSpace::of(task).choice_size(),
        };
        Self { environments, sizes }
    }
}

impl<'r, L: OffPolicy> OffPolicyLoop<'r, L> {
    pub(crate) fn new(task: &Task, run: &'r RunConfig, learner: L) -> Result<Self, SimError> {
        let (count, seed) = (run.environments, run.seed);
        let settings = learner.settings();
        let Surroundings { sizes, .. } = Surroundings::new(task, count, settings.privileged_critic);
        // Stepping takes less time than learning here, and a second set of threads would fight the first for cores.
        let mut environments = VecEnv::new(task, Randomization::Training, count, seed, 1)?;
        environments.reset()?;
        Ok(Self {
            run,
            settings,
            workers: Workers::new(run.threads),
            environments,
            action_space: ActionSpace::of(task),
            learner,
            normalizer: Normalizer::new(task.observation_floor()),
            privileged_normalizer: Normalizer::new(&vec![PRIVILEGED_FLOOR; sizes.privileged]),
            n_step: NStep::new(settings.n_step, settings.gamma, count, sizes),
            replay: Replay::new(settings.replay_capacity, sizes, settings.priority_exponent),
            batch: Batch::new(settings.batch_size, sizes),
            exploration: Stream::new(seed, "exploration"),
            sampling: Stream::new(seed, "replay"),
            seen: Seen {
                observations: vec![0.0; count * sizes.observation],
                privileged: vec![0.0; count * sizes.privileged],
            },
            normalized: vec![0.0; count * sizes.observation],
            choices: vec![0.0; count * sizes.action],
            actions: vec![0.0; count * task.action_size()],
            steps: 0,
            updates_due: 0.0,
            episodes: Episodes::new(),
        })
    }

    /// The share of the run that is done.
    fn progress(&self) -> f32 {
        self.steps as f32 / self.run.steps as f32
    }

    /// One step of every environment.
    fn collect(&mut self) -> Result<(), SimError> {
        self.look();
        if self.steps < self.settings.start_steps {
            self.action_space.draw(&mut self.exploration, &mut self.choices);
        } else {
            self.normalized.copy_from_slice(&self.seen.observations);
            if self.settings.normalize_observations {
                self.normalizer.apply(&mut self.normalized);
            }
            let progress = self.progress();
            self.learner.explore(&self.normalized, progress, &mut self.exploration, &mut self.choices);
        }
        self.action_space.actions(&self.choices, &mut self.actions);
        self.environments.step(&self.actions)?;
        self.store();
        self.episodes.record(&mut self.environments);
        self.steps += self.run.environments as u64;
        if self.steps >= self.settings.start_steps {
            self.updates_due += self.run.environments as f64 * self.settings.updates_per_step;
        }
        Ok(())
    }

    /// Keeps what is seen now, since a step overwrites it.
    fn look(&mut self) {
        self.seen.observations.copy_from_slice(self.environments.observations());
        if !self.seen.privileged.is_empty() {
            self.seen.privileged.copy_from_slice(self.environments.privileged());
        }
        if self.settings.normalize_observations {
            self.normalizer.record(&self.seen.observations);
            self.privileged_normalizer.record(&self.seen.privileged);
        }
    }

    fn store(&mut self) {
        let count = self.run.environments;
        let row = |values: &[f32], environment: usize| {
            let width = values.len() / count;
            environment * width..(environment + 1) * width
        };
        let environments = &self.environments;
        // Critics that are not to see it get rows of no values.
        let final_privileged =
            if self.seen.privileged.is_empty() { &[] } else { environments.final_privileged() };
        for environment in 0..count {
            let end = End::of(environments, environment);
            let observation = row(&self.seen.observations, environment);
            let privileged = row(&self.seen.privileged, environment);
            let step = Step {
                observation: &self.seen.observations[observation.clone()],
                privileged: &self.seen.privileged[privileged.clone()],
                action: &self.choices[row(&self.choices, environment)],
                reward: environments.rewards()[environment],
                next_observation: &environments.final_observations()[observation],
                next_privileged: &final_privileged[privileged],
                end,
            };
            self.n_step.push(environment, &step, &mut self.replay);
            if end != End::None {
                self.learner.end_episode(environment);
            }
        }
    }

    /// The updates that are due.
    fn learn(&mut self) -> Result<(), TrainingError> {
        if self.replay.is_empty() {
            return Ok(());
        }
        let updates = self.updates_due as u64;
        self.updates_due -= updates as f64;
        if self.settings.normalize_observations {
            self.normalizer.refresh();
            self.privileged_normalizer.refresh();
        }
        let done = self.progress();
        let rate_scale = 1.0 - done * (1.0 - self.settings.final_learning_rate_share);
        let importance = self.settings.importance_exponent;
        let importance = importance + done * (1.0 - importance);
        for _ in 0..updates {
            self.draw(importance);
            self.learner.update(&self.batch, rate_scale, &self.workers);
            self.replay.reprioritize(&self.batch, self.learner.errors());
        }
        if self.learner.is_finite() {
            Ok(())
        } else {
            Err(TrainingError::diverged(self.steps, &self.learner.metrics()))
        }
    }

    /// A batch, normalized where the run normalizes.
    fn draw(&mut self, importance: f32) {
        let batch = &mut self.batch;
        self.replay.sample(&mut self.sampling, importance, batch);
        if self.settings.normalize_observations {
            self.normalizer.apply(&mut batch.observations);
            self.normalizer.apply(&mut batch.next_observations);
            self.privileged_normalizer.apply(&mut batch.privileged);
            self.privileged_normalizer.apply(&mut batch.next_privileged);
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
        let origin = ActorOrigin { algorithm: L::NAME, steps: self.steps, seed: self.run.seed };
        self.learner.actor(normalizer, origin)
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
        let settings = &self.settings;
        settings.explores_by_progress
            || settings.final_learning_rate_share != 1.0
            || (settings.priority_exponent > 0.0 && settings.importance_exponent != 1.0)
    }

    fn state(&self) -> Result<Vec<u8>, StateError> {
        Ok(postcard::to_stdvec(&OffPolicyState {
            learner: self.learner.state(),
            exploration: self.exploration.clone(),
            sampling: self.sampling.clone(),
            steps: self.steps,
            updates_due: self.updates_due,
            privileged_normalizer: self.privileged_normalizer.clone(),
            n_step: self.n_step.clone(),
            priorities: self.replay.priorities().cloned(),
        })?)
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), StateError> {
        let state: OffPolicyState<L::State> = postcard::from_bytes(state)?;
        self.learner.restore(state.learner)?;
        self.n_step.restore(state.n_step)?;
        self.replay.restore_priorities(state.priorities)?;
        self.privileged_normalizer
            .restore("the privileged values' statistics", state.privileged_normalizer)?;
        self.exploration = state.exploration;
        self.sampling = state.sampling;
        self.steps = state.steps;
        self.updates_due = state.updates_due;
        Ok(())
    }
}
