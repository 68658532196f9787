//! The off-policy loop: stores every transition, and learns from batches drawn from all of them.
//!
//! [`OffPolicyLoop`] knows no algorithm's equations; an [`OffPolicy`] learner knows no environments, files or clocks.
//!
//! What collects and what learns share nothing. Without a lag they take turns, step by step. With a lag of N updates the loop goes
//! block by block: the policy of a block's beginning collects it while the updates that earlier blocks left due are made from what
//! was stored before it, and at its end its steps are stored in order. A block is as many steps as N updates are made for, and at
//! least one of every environment, so the policy that collects is at most N updates behind the one that learns, or those of one step.

mod collector;
mod explorer;
mod learning;
mod stage;
#[cfg(test)]
mod tests;

pub(crate) use explorer::Explorer;

use super::{Episodes, Loop, Metric, Network, StateError, TrainingError, sides};
use crate::action_space::ActionSpace;
use crate::actor::{ActorOrigin, TrainedActor};
use crate::config::RunConfig;
use crate::normalizer::Normalizer;
use crate::parallel::Workers;
use crate::random::Stream;
use crate::replay::{Batch, NStep, Priorities, Replay, TransitionSizes};
use collector::Collector;
use learning::Learning;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sinew_sim::{SimError, Task, VecEnv};

/// A learner that takes batches of transitions, whoever's actions they hold.
pub(crate) trait OffPolicy: Send {
    /// As the command line and contracts name it.
    const NAME: &'static str;
    /// What learning has changed beside its networks: optimizers, streams, the last update's metrics.
    type State: Serialize + DeserializeOwned;
    /// What acts for it.
    type Explorer: Explorer;

    /// How it wants its transitions.
    fn settings(&self) -> OffPolicySettings;
    /// What acts for it in so many environments, with a copy of the present [`Self::acting_parameters`].
    fn explorer(&self, environments: usize) -> Self::Explorer;
    /// The parameters of the network that acts.
    fn acting_parameters(&self) -> &[f32];
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

/// Collects transitions with one learner and learns from them.
pub(crate) struct OffPolicyLoop<'r, L: OffPolicy> {
    run: &'r RunConfig,
    collector: Collector<'r, L::Explorer>,
    learning: Learning<'r, L>,
    /// Steps of every environment between two rounds of updates.
    block: usize,
    /// What a lag lets run side by side: collecting, and learning.
    sides: Workers,
}

/// What [`OffPolicyLoop`] leaves in a checkpoint beside what every loop does.
#[derive(Serialize, Deserialize)]
struct OffPolicyState<S, E> {
    learner: S,
    explorer: E,
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

/// The sizes of what is learned from in a task, by critics that may see what it reveals to them alone, or may not.
pub(crate) fn transition_sizes(task: &Task, privileged_critic: bool) -> TransitionSizes {
    TransitionSizes {
        observation: task.observation_size(),
        privileged: if privileged_critic { task.privileged_size() } else { 0 },
        action: ActionSpace::of(task).choice_size(),
    }
}

impl OffPolicySettings {
    /// Steps of every environment for which `lag` updates are made, at least one, and no more than are kept.
    fn block(&self, lag: u64, environments: usize) -> usize {
        let steps = lag as f64 / (environments as f64 * self.updates_per_step);
        (steps as usize).min(self.replay_capacity / environments).max(1)
    }
}

impl<'r, L: OffPolicy> OffPolicyLoop<'r, L> {
    pub(crate) fn new(task: &Task, run: &'r RunConfig, learner: L) -> Result<Self, SimError> {
        let (settings, explorer) = (learner.settings(), learner.explorer(run.environments));
        let block = settings.block(run.lag, run.environments);
        let collector = Collector::new(task, run, settings, explorer, block)?;
        Ok(Self { run, collector, learning: Learning::new(task, run, learner), block, sides: sides(run) })
    }
}

impl<L: OffPolicy> Loop for OffPolicyLoop<'_, L> {
    fn advance(&mut self) -> Result<(), TrainingError> {
        let Self { run, collector, learning, block, sides } = self;
        let (steps, block) = (learning.steps, *block);
        learning.hand_over(collector);
        if run.lag == 0 {
            collector.collect(steps, block)?;
            learning.take_in(collector);
            learning.learn();
        } else {
            let mut collected = Ok(());
            sides.both(&mut || collected = collector.collect(steps, block), &mut || learning.learn());
            collected?;
            learning.take_in(collector);
        }
        if self.learning.learner.is_finite() {
            Ok(())
        } else {
            Err(TrainingError::diverged(self.steps(), &self.metrics()))
        }
    }

    fn steps(&self) -> u64 {
        self.learning.steps
    }

    fn environments(&self) -> &VecEnv {
        &self.collector.environments
    }

    fn environments_mut(&mut self) -> &mut VecEnv {
        &mut self.collector.environments
    }

    fn episodes(&mut self) -> &mut Episodes {
        &mut self.collector.episodes
    }

    fn metrics(&self) -> Vec<Metric> {
        let mut metrics = self.learning.learner.metrics();
        metrics.extend(self.collector.explorer.metrics());
        metrics
    }

    fn actor(&self) -> TrainedActor {
        let Learning { learner, normalizers: [observations, _], settings, steps, .. } = &self.learning;
        let normalizer = settings.normalize_observations.then_some(observations);
        learner.actor(normalizer, ActorOrigin { algorithm: L::NAME, steps: *steps, seed: self.run.seed })
    }

    fn networks(&mut self) -> Vec<Network<'_>> {
        // Whoever asks may change them.
        self.learning.has_changed = true;
        self.learning.learner.networks()
    }

    fn normalizer(&mut self) -> Option<&mut Normalizer> {
        let Learning { normalizers: [observations, _], settings, .. } = &mut self.learning;
        settings.normalize_observations.then_some(observations)
    }

    fn replay(&mut self) -> Option<&mut Replay> {
        Some(&mut self.learning.replay)
    }

    fn follows_total_steps(&self) -> bool {
        let settings = &self.learning.settings;
        settings.explores_by_progress
            || settings.final_learning_rate_share != 1.0
            || (settings.priority_exponent > 0.0 && settings.importance_exponent != 1.0)
    }

    fn state(&self) -> Result<Vec<u8>, StateError> {
        let Self { collector, learning, .. } = self;
        Ok(postcard::to_stdvec(&OffPolicyState {
            learner: learning.learner.state(),
            explorer: collector.explorer.state(),
            exploration: collector.exploration.clone(),
            sampling: learning.sampling.clone(),
            steps: learning.steps,
            updates_due: learning.updates_due,
            privileged_normalizer: learning.normalizers[1].clone(),
            n_step: learning.n_step.clone(),
            priorities: learning.replay.priorities().cloned(),
        })?)
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), StateError> {
        let state: OffPolicyState<L::State, <L::Explorer as Explorer>::State> = postcard::from_bytes(state)?;
        let Self { collector, learning, .. } = self;
        learning.learner.restore(state.learner)?;
        collector.explorer.restore(state.explorer)?;
        learning.n_step.restore(state.n_step)?;
        learning.replay.restore_priorities(state.priorities)?;
        learning.normalizers[1].restore("the privileged values' statistics", state.privileged_normalizer)?;
        collector.exploration = state.exploration;
        learning.sampling = state.sampling;
        learning.steps = state.steps;
        learning.updates_due = state.updates_due;
        learning.has_changed = true;
        Ok(())
    }
}
