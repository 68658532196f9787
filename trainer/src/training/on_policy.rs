//! The on-policy loop: collects a rollout with the present policy, learns from it, and forgets it.
//!
//! [`OnPolicyLoop`] knows no algorithm's equations; an [`OnPolicy`] learner knows no environments, files or clocks. Statistics
//! of observations change between two rollouts alone, so every row of a rollout was normalized alike; and when they change, the
//! networks' first layers change with them so that no action and no value does: a policy that balances on a knife's edge would
//! fall over each time.
//!
//! What collects and what learns share nothing. Without a lag they take turns. With a lag of one update the next rollout is
//! collected while the learner learns from the last one, by the policy as it was before that: the first advance collects alone, and
//! the last rollout of a run stays unlearned. Choices' log-probabilities are those of the policy that collected.

mod behaviour;
mod collector;
#[cfg(test)]
mod tests;

use super::{Episodes, Loop, Metric, Network, StateError, TrainingError, sides};
use crate::actor::{ActorOrigin, TrainedActor};
use crate::actor_critic::ActorCritic;
use crate::config::RunConfig;
use crate::normalizer::{Normalizer, Rescaling};
use crate::parallel::Workers;
use crate::random::Stream;
use crate::rollout::{Rollout, RolloutShape};
use crate::value_function::ValueState;
use behaviour::{Behaviour, BehaviourState};
use collector::Collector;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sinew_sim::{SimError, Task, VecEnv};

/// Environment steps whose observations make the first statistics, where observations are normalized: nothing is learned from
/// rollouts that began before, for their inputs had no scale yet.
const WARM_UP_STEPS: u64 = 1_000;

/// A learner that takes rollouts of its own present policy.
pub(crate) trait OnPolicy: Send {
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
    collector: Collector,
    learner: L,
    /// How the normalization of observations and of what only the critic sees changed last.
    changes: [Rescaling; 2],
    /// The newest.
    rollout: Rollout,
    /// Absent without a lag: then the learner's own networks act.
    behaviour: Option<Behaviour>,
    /// What a lag lets run side by side: collecting, and learning.
    sides: Workers,
    /// Mean entropy of the newest rollout's choices under the actor's present deviations, in nats.
    entropy: f32,
    /// Of the environments.
    steps: u64,
}

/// What [`OnPolicyLoop`] leaves in a checkpoint beside what every loop does.
#[derive(Serialize, Deserialize)]
struct OnPolicyState<S> {
    learner: S,
    critic: ValueState,
    /// As the learner's critic expects it.
    privileged: Normalizer,
    /// What the actor and the critic that collect remember.
    states: [Vec<f32>; 2],
    exploration: Stream,
    entropy: f32,
    steps: u64,
    behaviour: Option<BehaviourState>,
}

impl<'r, L: OnPolicy> OnPolicyLoop<'r, L> {
    pub(crate) fn new(task: &Task, run: &'r RunConfig, learner: L) -> Result<Self, SimError> {
        let (settings, shape) = (learner.settings(), learner.networks().shape);
        let RolloutShape { observation_size, privileged_size, .. } = shape;
        let lags = run.lag > 0;
        // A step of equations takes less time than handing it to a thread and back.
        let stepping = match (task.has_robot(), lags) {
            (true, false) => run.threads,
            (true, true) => run.threads / 2,
            (false, _) => 1,
        };
        let learning = if lags { run.threads.saturating_sub(stepping) } else { run.threads };
        let collector = Collector::new(task, run, shape, settings.normalize_observations, stepping)?;
        Ok(Self {
            run,
            settings,
            workers: Workers::new(learning),
            changes: [Rescaling::new(observation_size), Rescaling::new(privileged_size)],
            rollout: Rollout::new(shape),
            behaviour: lags.then(|| Behaviour::new(learner.networks(), &collector)),
            sides: sides(run),
            collector,
            learner,
            entropy: 0.0,
            steps: 0,
        })
    }

    /// Whether the rollout that began `rollouts` before the next one can be learned from.
    fn can_learn_from(&self, rollouts: u64) -> bool {
        let began = self.steps.checked_sub(rollouts * self.rollout.shape.rows() as u64);
        let normalizes = self.settings.normalize_observations || self.rollout.shape.privileged_size > 0;
        began.is_some_and(|steps| !normalizes || steps >= WARM_UP_STEPS)
    }

    /// What learning rates are scaled by after so many steps.
    fn rate_scale(&self, steps: u64) -> f32 {
        let done = steps as f32 / self.run.steps as f32;
        1.0 - done * (1.0 - self.settings.final_learning_rate_share)
    }

    /// Collects a rollout and learns from it.
    fn take_turns(&mut self) -> Result<(), SimError> {
        // Not right after learning: the actor ships with the statistics that it learned with.
        if self.steps > 0 {
            self.collector.refresh(&mut self.changes);
            if self.can_learn_from(1) {
                // Else nothing has been learned, and a fresh network is right in scale for what is normalized from now on.
                self.learner.networks_mut().absorb(&self.changes[0], &self.changes[1]);
            }
        }
        self.collector.collect(self.learner.networks_mut(), &mut self.rollout)?;
        if self.can_learn_from(0) {
            self.learner.update(&self.rollout, self.rate_scale(self.steps), &self.workers);
        }
        Ok(())
    }

    /// Collects a rollout while the learner learns from the one before, or in turn without a lag.
    fn round(&mut self) -> Result<(), SimError> {
        let last_began = self.steps.saturating_sub(self.rollout.shape.rows() as u64);
        let (rate_scale, learns, has_learned) =
            (self.rate_scale(last_began), self.can_learn_from(1), self.can_learn_from(2));
        let Self { learner, collector, rollout, workers, changes, sides, .. } = self;
        let Some(behaviour) = &mut self.behaviour else { return self.take_turns() };
        if self.steps == 0 {
            behaviour.begin(learner.networks(), collector);
        } else {
            behaviour.renew(learner.networks_mut(), collector, changes, [has_learned, learns]);
        }
        std::mem::swap(rollout, &mut behaviour.rollout);
        let Behaviour { networks, rollout: last, .. } = behaviour;
        let mut collected = Ok(());
        let mut learn = || {
            if learns {
                learner.update(last, rate_scale, workers);
            }
        };
        sides.both(&mut || collected = collector.collect(networks, rollout), &mut learn);
        collected
    }

    /// What acts.
    fn acting(&self) -> &ActorCritic {
        self.behaviour.as_ref().map_or_else(|| self.learner.networks(), |behaviour| &behaviour.networks)
    }

    /// What observations and privileged values are normalized by for the learner's networks.
    fn normalizers(&self) -> &[Normalizer; 2] {
        self.behaviour.as_ref().map_or(&self.collector.normalizers, |behaviour| &behaviour.normalizers)
    }

    /// The same, to be restored.
    fn normalizers_mut(&mut self) -> &mut [Normalizer; 2] {
        let behaviour = self.behaviour.as_mut();
        behaviour.map_or(&mut self.collector.normalizers, |behaviour| &mut behaviour.normalizers)
    }
}

impl<L: OnPolicy> Loop for OnPolicyLoop<'_, L> {
    fn advance(&mut self) -> Result<(), TrainingError> {
        self.round()?;
        self.entropy = self.learner.networks().actor.entropy(&self.rollout.outputs);
        self.steps += self.rollout.shape.rows() as u64;
        if self.learner.losses().iter().all(|loss| loss.is_finite()) {
            Ok(())
        } else {
            Err(TrainingError::diverged(self.steps, &self.metrics()))
        }
    }

    fn steps(&self) -> u64 {
        self.steps
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
        let actor = &self.learner.networks().actor;
        let mut metrics = self.learner.metrics();
        metrics.push(Metric::new("entropy", self.entropy));
        metrics.extend(actor.mean_deviation().map(|deviation| Metric::new("deviation", deviation)));
        metrics
    }

    fn actor(&self) -> TrainedActor {
        let normalizer = self.settings.normalize_observations.then_some(&self.normalizers()[0]);
        let origin = ActorOrigin { algorithm: L::NAME, steps: self.steps, seed: self.run.seed };
        self.learner.networks().actor.trained(normalizer, origin)
    }

    fn networks(&mut self) -> Vec<Network<'_>> {
        let ActorCritic { actor, critic, .. } = self.learner.networks_mut();
        vec![Network::new("actor", actor.parameters_mut()), Network::new("critic", critic.parameters_mut())]
    }

    fn normalizer(&mut self) -> Option<&mut Normalizer> {
        let normalizes = self.settings.normalize_observations;
        normalizes.then_some(&mut self.normalizers_mut()[0])
    }

    fn follows_total_steps(&self) -> bool {
        self.settings.final_learning_rate_share != 1.0
    }

    fn state(&self) -> Result<Vec<u8>, StateError> {
        Ok(postcard::to_stdvec(&OnPolicyState {
            learner: self.learner.state(),
            critic: self.learner.networks().critic.state(),
            privileged: self.normalizers()[1].clone(),
            states: self.acting().states().map(<[f32]>::to_vec),
            exploration: self.collector.exploration.clone(),
            entropy: self.entropy,
            steps: self.steps,
            behaviour: self.behaviour.as_ref().map(|_| BehaviourState::of(&self.rollout, &self.collector)),
        })?)
    }

    fn restore(&mut self, state: &[u8]) -> Result<(), StateError> {
        let state: OnPolicyState<L::State> = postcard::from_bytes(state)?;
        self.learner.restore(state.learner)?;
        self.learner.networks_mut().critic.restore(state.critic)?;
        self.normalizers_mut()[1].restore("the privileged values' statistics", state.privileged)?;
        let acting = match &mut self.behaviour {
            Some(behaviour) => &mut behaviour.networks,
            None => self.learner.networks_mut(),
        };
        acting.restore_states(state.states)?;
        if let (Some(_), Some(saved)) = (&self.behaviour, state.behaviour) {
            saved.restore(&mut self.rollout, &mut self.collector)?;
        }
        self.collector.exploration = state.exploration;
        self.entropy = state.entropy;
        self.steps = state.steps;
        Ok(())
    }
}
