//! The on-policy loop: collects a rollout with the present policy, learns from it, and forgets it.
//!
//! [`OnPolicyLoop`] knows no algorithm's equations; an [`OnPolicy`] learner knows no environments, files or clocks. Statistics
//! of observations change between two rollouts alone, so every row of a rollout was normalized alike; and when they change, the
//! networks' first layers change with them so that no action and no value does: a policy that balances on a knife's edge would
//! fall over each time.

#[cfg(test)]
mod tests;

use super::{Episodes, Loop, Metric, Network, StateError, TrainingError};
use crate::actor::{ActorOrigin, TrainedActor};
use crate::actor_critic::ActorCritic;
use crate::config::RunConfig;
use crate::end::End;
use crate::normalizer::{Normalizer, Rescaling};
use crate::parallel::Workers;
use crate::random::Stream;
use crate::rollout::{Rollout, RolloutShape};
use crate::stochastic_actor::Choice;
use crate::value_function::ValueState;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sinew_sim::{Randomization, SimError, Task, VecEnv};

/// Floor under the deviations of privileged values: they never ship, so only values that do not move at all need one.
const PRIVILEGED_FLOOR: f32 = 1e-4;

/// Environment steps whose observations make the first statistics, where observations are normalized: nothing is learned from
/// rollouts that began before, for their inputs had no scale yet.
const WARM_UP_STEPS: u64 = 1_000;

/// A learner that takes rollouts of its own present policy.
pub(crate) trait OnPolicy {
    /// As the command line and contracts name it.
    const NAME: &'static str;
    /// What learning has changed beside its networks: the actor's optimizer, streams, the last update's metrics.
    type State: Serialize + DeserializeOwned;

    /// How it wants its rollouts.
    fn settings(&self) -> OnPolicySettings;
    /// What acts and judges.
    fn networks(&self) -> &ActorCritic;
    /// The same, to be changed.
    fn networks_mut(&mut self) -> &mut ActorCritic;
    /// Learns from a rollout; every learning rate is scaled by `rate_scale`.
    fn update(&mut self, rollout: &Rollout, rate_scale: f32, workers: &Workers);
    /// Of the last update.
    fn metrics(&self) -> Vec<Metric>;
    /// Policy and value loss of the last update.
    fn losses(&self) -> [f32; 2];
    /// What learning has changed beside its networks and the critic's own state.
    fn state(&self) -> Self::State;
    /// Goes on from the state of a learner of the same task and configuration.
    fn restore(&mut self, state: Self::State) -> Result<(), StateError>;
}

/// How a learner wants its rollouts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OnPolicySettings {
    /// Share of the learning rates that is left at the end of the run.
    pub(crate) final_learning_rate_share: f32,
    /// Whether observations are normalized by running statistics.
    pub(crate) normalize_observations: bool,
}

/// Collects rollouts with one learner and learns from them.
pub(crate) struct OnPolicyLoop<'r, L> {
    run: &'r RunConfig,
    settings: OnPolicySettings,
    workers: Workers,
    environments: VecEnv,
    learner: L,
    normalizer: Normalizer,
    /// Of what only the critic sees.
    privileged: Normalizer,
    /// How their normalization changed last.
    changes: [Rescaling; 2],
    rollout: Rollout,
    exploration: Stream,
    actions: Vec<f32>,
    /// Where the last step led, normalized, `[environments, observation]` and `[environments, privileged]`.
    next: [Vec<f32>; 2],
    /// Mean entropy of the last rollout's choices under the actor's present deviations, in nats.
    entropy: f32,
    steps: u64,
    episodes: Episodes,
}

/// What [`OnPolicyLoop`] leaves in a checkpoint beside what every loop does.
#[derive(Serialize, Deserialize)]
struct OnPolicyState<S> {
    learner: S,
    critic: ValueState,
    privileged: Normalizer,
    /// What actor and critic remember.
    states: [Vec<f32>; 2],
    exploration: Stream,
    entropy: f32,
    steps: u64,
}

impl<'r, L: OnPolicy> OnPolicyLoop<'r, L> {
    pub(crate) fn new(task: &Task, run: &'r RunConfig, learner: L) -> Result<Self, SimError> {
        let (count, seed) = (run.environments, run.seed);
        let (settings, shape) = (learner.settings(), learner.networks().shape);
        let RolloutShape { observation_size, privileged_size, .. } = shape;
        // A step of equations takes less time than handing it to a thread and back.
        let threads = if task.has_robot() { run.threads } else { 1 };
        let mut environments = VecEnv::new(task, Randomization::Training, count, seed, threads)?;
        environments.reset()?;
        Ok(Self {
            run,
            settings,
            workers: Workers::new(run.threads),
            environments,
            learner,
            normalizer: Normalizer::new(task.observation_floor()),
            privileged: Normalizer::new(&vec![PRIVILEGED_FLOOR; privileged_size]),
            changes: [Rescaling::new(observation_size), Rescaling::new(privileged_size)],
            rollout: Rollout::new(shape),
            exploration: Stream::new(seed, "exploration"),
            actions: vec![0.0; count * task.action_size()],
            next: [vec![0.0; count * observation_size], vec![0.0; count * privileged_size]],
            entropy: 0.0,
            steps: 0,
            episodes: Episodes::new(),
        })
    }

    /// One rollout.
    fn collect(&mut self) -> Result<(), SimError> {
        let count = self.run.environments;
        // Not right after learning: the actor ships with the statistics that it learned with.
        self.refresh();
        for step in 0..self.rollout.shape.steps {
            self.observe(step);
            self.rollout.keep_states(step, self.learner.networks().states());
            self.choose(step);
            self.environments.step(&self.actions)?;
            let rows = step * count..(step + 1) * count;
            self.rollout.rewards[rows].copy_from_slice(self.environments.rewards());
            self.store_ends(step);
            self.episodes.record(&mut self.environments);
        }
        let [observations, privileged] = &mut self.next;
        observations.copy_from_slice(self.environments.observations());
        privileged.copy_from_slice(self.environments.privileged());
        self.value_next(self.rollout.shape.rows());
        Ok(())
    }

    /// Puts the statistics recorded so far into use.
    fn refresh(&mut self) {
        if self.steps == 0 {
            return;
        }
        let has_learned = self.has_statistics(self.steps - self.rollout.shape.rows() as u64);
        let [observations, privileged] = &mut self.changes;
        if self.settings.normalize_observations {
            self.normalizer.refresh_with(observations);
        }
        self.privileged.refresh_with(privileged);
        if has_learned {
            // Else nothing has been learned, and a fresh network is right in scale for what is normalized from now on.
            self.learner.networks_mut().absorb(observations, privileged);
        }
    }

    /// Whether a rollout that began after so many steps can be learned from.
    fn has_statistics(&self, steps: u64) -> bool {
        let normalizes = self.settings.normalize_observations || self.rollout.shape.privileged_size > 0;
        !normalizes || steps >= WARM_UP_STEPS
    }

    /// Takes in what the next actions answer.
    fn observe(&mut self, step: usize) {
        let (observations, privileged) = (self.environments.observations(), self.environments.privileged());
        let values = step * observations.len()..(step + 1) * observations.len();
        let row = &mut self.rollout.observations[values];
        row.copy_from_slice(observations);
        if self.settings.normalize_observations {
            self.normalizer.record(observations);
            self.normalizer.apply(row);
        }
        if !privileged.is_empty() {
            let row = &mut self.rollout.privileged[step * privileged.len()..(step + 1) * privileged.len()];
            row.copy_from_slice(privileged);
            self.privileged.record(privileged);
            self.privileged.apply(row);
        }
    }

    /// Choices and values for what was taken in.
    fn choose(&mut self, step: usize) {
        let shape = self.rollout.shape;
        let rows = step * shape.environments..(step + 1) * shape.environments;
        let of = |width: usize| rows.start * width..rows.end * width;
        let Rollout { observations, privileged, samples, outputs, log_probs, values, .. } = &mut self.rollout;
        let observations = &observations[of(shape.observation_size)];
        let mut choice = Choice {
            samples: &mut samples[of(shape.sample_size)],
            outputs: &mut outputs[of(shape.output_size)],
            log_probs: &mut log_probs[rows.clone()],
            actions: &mut self.actions,
        };
        self.learner.networks_mut().act(observations, &mut self.exploration, &mut choice);
        self.learner.networks_mut().values(
            observations,
            &privileged[of(shape.privileged_size)],
            &mut values[rows],
        );
        self.learner.networks_mut().remember();
    }

    /// How the step ended episodes, and what the states are worth in which time ran out.
    fn store_ends(&mut self, step: usize) {
        let first = step * self.run.environments;
        let environments = &self.environments;
        let mut any_truncated = false;
        for (index, end) in self.rollout.ends[first..first + self.run.environments].iter_mut().enumerate() {
            *end = End::of(environments, index);
            any_truncated |= *end == End::Truncated;
        }
        if any_truncated {
            let [observations, privileged] = &mut self.next;
            observations.copy_from_slice(environments.final_observations());
            privileged.copy_from_slice(environments.final_privileged());
            self.normalize_next();
            let values = &mut self.rollout.final_values[first..first + self.run.environments];
            self.learner.networks_mut().values(&self.next[0], &self.next[1], values);
        }
        let ends = self.rollout.ends[first..first + self.run.environments].iter().enumerate();
        for (environment, _) in ends.filter(|(_, end)| **end != End::None) {
            self.learner.networks_mut().forget(environment);
        }
    }

    /// What the observations in `next` are worth, as the values from `first` on.
    fn value_next(&mut self, first: usize) {
        self.normalize_next();
        self.learner.networks_mut().values(&self.next[0], &self.next[1], &mut self.rollout.values[first..]);
    }

    fn normalize_next(&mut self) {
        let [observations, privileged] = &mut self.next;
        if self.settings.normalize_observations {
            self.normalizer.apply(observations);
        }
        if !privileged.is_empty() {
            self.privileged.apply(privileged);
        }
    }

    fn learn(&mut self) -> Result<(), TrainingError> {
        let done = self.steps as f32 / self.run.steps as f32;
        let rate_scale = 1.0 - done * (1.0 - self.settings.final_learning_rate_share);
        if self.has_statistics(self.steps) {
            self.learner.update(&self.rollout, rate_scale, &self.workers);
        }
        self.entropy = self.learner.networks().actor.entropy(&self.rollout.outputs);
        self.steps += self.rollout.shape.rows() as u64;
        if self.learner.losses().iter().all(|loss| loss.is_finite()) {
            Ok(())
        } else {
            Err(TrainingError::diverged(self.steps, &self.metrics()))
        }
    }
}

impl<L: OnPolicy> Loop for OnPolicyLoop<'_, L> {
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
        let actor = &self.learner.networks().actor;
        let mut metrics = self.learner.metrics();
        metrics.push(Metric::new("entropy", self.entropy));
        metrics.extend(actor.mean_deviation().map(|deviation| Metric::new("deviation", deviation)));
        metrics
    }

    fn actor(&self) -> TrainedActor {
        let normalizer = self.settings.normalize_observations.then_some(&self.normalizer);
        let origin = ActorOrigin { algorithm: L::NAME, steps: self.steps, seed: self.run.seed };
        self.learner.networks().actor.trained(normalizer, origin)
    }

    fn networks(&mut self) -> Vec<Network<'_>> {
        let ActorCritic { actor, critic, .. } = self.learner.networks_mut();
        vec![Network::new("actor", actor.parameters_mut()), Network::new("critic", critic.parameters_mut())]
    }

    fn normalizer(&mut self) -> Option<&mut Normalizer> {
        self.settings.normalize_observations.then_some(&mut self.normalizer)
    }

    fn follows_total_steps(&self) -> bool {
        self.settings.final_learning_rate_share != 1.0
    }

    fn state(&self) -> Result<Vec<u8>, StateError> {
        Ok(postcard::to_stdvec(&OnPolicyState {
            learner: self.learner.state(),
            critic: self.learner.networks().critic.state(),
            privileged: self.privileged.clone(),
            states: self.learner.networks().states().map(<[f32]>::to_vec),
            exploration: self.exploration.clone(),
            entropy: self.entropy,
            steps: self.steps,
        })?)
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), StateError> {
        let state: OnPolicyState<L::State> = postcard::from_bytes(state)?;
        self.learner.restore(state.learner)?;
        self.learner.networks_mut().critic.restore(state.critic)?;
        self.privileged.restore("the privileged values' statistics", state.privileged)?;
        self.learner.networks_mut().restore_states(state.states)?;
        self.exploration = state.exploration;
        self.entropy = state.entropy;
        self.steps = state.steps;
        Ok(())
    }
}
