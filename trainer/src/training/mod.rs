//! A training run: lets an algorithm collect and learn, scores it now and then, and shows how it goes.
//!
//! [`train`] drives a `Loop`, one algorithm's way of collecting experience and learning from it: `off_policy` learns from
//! all that was ever collected, `on_policy` from what the present policy just did. What a person sees goes through a [`TrainingObserver`], so nothing here prints or writes.

mod episodes;
mod error;
mod identity;
mod initial;
mod metric;
mod off_policy;
mod on_policy;
mod run;
mod snapshot;
mod state;

pub use error::TrainingError;
pub use initial::Initialization;
pub use metric::Metric;
pub(crate) use off_policy::{Explorer, OffPolicy, OffPolicySettings, transition_sizes};
pub(crate) use on_policy::{OnPolicy, OnPolicySettings};
pub use snapshot::{Checkpoint, SavedRun, SavedTransitions};
pub(crate) use state::Network;
pub use state::StateError;

use crate::action_space::{ActionSpace, check_action_space};
use crate::actor::TrainedActor;
use crate::algorithm::a2c::A2c;
use crate::algorithm::ddpg::Ddpg;
use crate::algorithm::dqn::Dqn;
use crate::algorithm::npg::Npg;
use crate::algorithm::ppo::Ppo;
use crate::algorithm::reinforce::Reinforce;
use crate::algorithm::sac::Sac;
use crate::algorithm::td3::Td3;
use crate::algorithm::trpo::Trpo;
use crate::config::{AlgorithmConfig, RunConfig, TrainingConfig};
use crate::normalizer::Normalizer;
use crate::parallel::Workers;
use crate::replay::Replay;
use crate::report::undefined;
use crate::rollout::{MemoryShape, RolloutShape};
use episodes::Episodes;
use off_policy::OffPolicyLoop;
use on_policy::OnPolicyLoop;
use run::Run;
use serde::{Deserialize, Serialize};
use sinew_sim::randomization::AdaptiveRanges;
use sinew_sim::{Fault, Task, VecEnv};

/// How training goes.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Environment steps so far.
    pub steps: u64,
    /// Environment steps in the whole run.
    pub total_steps: u64,
    /// Seconds since the start, evaluations included.
    pub seconds: f64,
    /// Environment steps per second, evaluations excluded.
    pub steps_per_s: f64,
    /// Mean return of the last 20 finished training episodes; NaN before the first.
    pub return_mean: f64,
    /// Mean number of their steps; NaN before the first.
    pub episode_steps_mean: f64,
    /// Finished training episodes.
    pub episodes: u64,
    /// Episodes whose simulation broke down.
    pub faults: u64,
    /// Of the last update; the same names throughout a run.
    pub metrics: Vec<Metric>,
}

/// One point of the learning curve: the exported policy without exploration, on training's ranges.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvaluationPoint {
    /// Environment steps trained.
    pub steps: u64,
    /// Mean return.
    #[serde(deserialize_with = "undefined::number")]
    pub return_mean: f64,
    /// Standard deviation over episodes.
    #[serde(deserialize_with = "undefined::number")]
    pub return_std: f64,
    /// 95 % interval of the mean return; NaN where there was but one episode.
    #[serde(deserialize_with = "undefined::interval", default = "undefined::nothing_known")]
    pub return_interval: [f64; 2],
    /// Mean number of steps of an episode; NaN in a file from before it was kept.
    #[serde(deserialize_with = "undefined::number", default = "undefined::nothing")]
    pub episode_steps_mean: f64,
    /// Share of episodes that succeeded; absent where the task defines no success.
    pub success_rate: Option<f64>,
    /// 95 % interval of that share.
    #[serde(default)]
    pub success_interval: Option<[f64; 2]>,
}

/// Sees a training run.
pub trait TrainingObserver {
    /// About every 500 environment steps.
    fn on_progress(&mut self, progress: &Progress);
    /// After each report of progress, where the task has adaptive ranges.
    fn on_ranges(&mut self, _steps: u64, _ranges: &AdaptiveRanges) {}
    /// When training begins to simulate the formulation that the task is accepted in.
    fn on_exact_simulation(&mut self, _steps: u64) {}
    /// When an episode's simulation broke down; `count` is how many have by now. None of it is learned from.
    fn on_fault(&mut self, count: u64, fault: &Fault);
    /// After each evaluation.
    fn on_evaluation(&mut self, point: &EvaluationPoint);
    /// At each checkpoint, with the replay buffer where the run has one.
    ///
    /// # Errors
    /// Ends training: a run that cannot be saved should not go on unnoticed.
    fn on_checkpoint(&mut self, checkpoint: &Checkpoint, replay: Option<&Replay>) -> std::io::Result<()>;
    /// Whether to save and stop; asked after every update.
    fn interrupted(&mut self) -> bool {
        false
    }
}

/// One algorithm's way of collecting experience and learning from it.
trait Loop {
    /// Collects some steps of every environment, and learns what is due.
    fn advance(&mut self) -> Result<(), TrainingError>;
    /// Environment steps collected.
    fn steps(&self) -> u64;
    /// The environments that it collects from.
    fn environments(&self) -> &VecEnv;
    /// The same, to be restored.
    fn environments_mut(&mut self) -> &mut VecEnv;
    /// The episodes that it collected.
    fn episodes(&mut self) -> &mut Episodes;
    /// Of the last update; the same names throughout a run.
    fn metrics(&self) -> Vec<Metric>;
    /// The part that ships, as it is now.
    fn actor(&self) -> TrainedActor;
    /// Every network; the same names and sizes in every run of the same task and configuration.
    fn networks(&mut self) -> Vec<Network<'_>>;
    /// The running statistics of the observations, where they are normalized.
    fn normalizer(&mut self) -> Option<&mut Normalizer>;
    /// The stored transitions, where it learns from any that are older than the present rollout.
    fn replay(&mut self) -> Option<&mut Replay> {
        None
    }
    /// Whether anything follows a schedule over the run's whole length, so that a longer run would have gone another way.
    fn follows_total_steps(&self) -> bool;
    /// All from which it goes on bit for bit that the methods above do not reach: optimizers, streams, steps, updates due.
    fn state(&self) -> Result<Vec<u8>, StateError>;
    /// Goes on from [`Self::state`] of a loop of the same task and configuration.
    fn restore(&mut self, state: &[u8]) -> Result<(), StateError>;
}

/// Where a run starts.
pub enum Start {
    /// With fresh networks.
    Fresh,
    /// With networks that were trained before.
    Initial(Initialization),
    /// Where another process left it.
    Resumed(Box<SavedRun>),
}

/// How training ended, other than by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All steps were made.
    Completed,
    /// An evaluation reached `training.stop_at_return` or `training.stop_at_success`.
    Reached,
    /// The observer asked for it; the run is saved and can go on.
    Interrupted,
}

/// What training came to.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The actor of the best evaluation, or the last one where none was made.
    pub actor: TrainedActor,
    /// Environment steps in all.
    pub steps: u64,
    /// How it ended.
    pub ending: Ending,
}

/// Trains a policy from fresh networks and returns the actor of the best evaluation, or the last one where none was made.
///
/// The result depends on the task, the configuration and the instruction set, and not on the number of threads.
///
/// # Errors
/// See [`TrainingError`].
pub fn train(
    task: &Task,
    config: &TrainingConfig,
    observer: &mut dyn TrainingObserver,
) -> Result<TrainedActor, TrainingError> {
    Ok(train_from(task, config, Start::Fresh, observer)?.actor)
}

/// Trains a policy from `start`. A run that was saved and resumed, however often, gives the bits of one that never stopped.
///
/// # Errors
/// See [`TrainingError`].
pub fn train_from(
    task: &Task,
    config: &TrainingConfig,
    start: Start,
    observer: &mut dyn TrainingObserver,
) -> Result<Trained, TrainingError> {
    Run::new(task, config, learner(task, config)?, start)?.run(observer)
}

/// The algorithm that the configuration names, ready to collect its first step.
fn learner<'r>(task: &Task, config: &'r TrainingConfig) -> Result<Box<dyn Loop + 'r>, TrainingError> {
    check_action_space(task, config.algorithm.algorithm())?;
    let run = &config.training;
    let sizes = |privileged_critic| transition_sizes(task, privileged_critic);
    let (space, seed) = (ActionSpace::of(task), run.seed);
    let rollouts = |steps, memory| rollout_shape(task, run, &space, steps, memory);
    Ok(match &config.algorithm {
        AlgorithmConfig::Sac(sac) => {
            let learner = Sac::new(sac, sizes(sac.privileged_critic), seed);
            Box::new(OffPolicyLoop::new(task, run, learner)?)
        }
        AlgorithmConfig::Td3(td3) => {
            let learner = Td3::new(td3, sizes(td3.privileged_critic), seed);
            Box::new(OffPolicyLoop::new(task, run, learner)?)
        }
        AlgorithmConfig::Ddpg(ddpg) => {
            let learner = Ddpg::new(ddpg, sizes(ddpg.privileged_critic), seed);
            Box::new(OffPolicyLoop::new(task, run, learner)?)
        }
        AlgorithmConfig::Dqn(dqn) => {
            let rows = task.discrete_actions().unwrap_or_default();
            let learner = Dqn::new(dqn, rows, sizes(false), seed);
            Box::new(OffPolicyLoop::new(task, run, learner)?)
        }
        AlgorithmConfig::Ppo(ppo) => {
            let learner = Ppo::new(ppo, rollouts(ppo.steps_per_environment, ppo.memory()), &space, seed);
            Box::new(OnPolicyLoop::new(task, run, learner)?)
        }
        AlgorithmConfig::A2c(a2c) => {
            let learner = A2c::new(a2c, rollouts(a2c.steps_per_environment, a2c.memory()), &space, seed);
            Box::new(OnPolicyLoop::new(task, run, learner)?)
        }
        AlgorithmConfig::Trpo(trpo) => {
            let learner = Trpo::new(trpo, rollouts(trpo.steps_per_environment, trpo.memory()), &space, seed);
            Box::new(OnPolicyLoop::new(task, run, learner)?)
        }
        AlgorithmConfig::Npg(npg) => {
            let learner = Npg::new(npg, rollouts(npg.steps_per_environment, npg.memory()), &space, seed);
            Box::new(OnPolicyLoop::new(task, run, learner)?)
        }
        AlgorithmConfig::Reinforce(reinforce) => {
            let shape = rollouts(reinforce.steps_per_environment, reinforce.memory());
            let learner = Reinforce::new(reinforce, shape, &space, seed);
            Box::new(OnPolicyLoop::new(task, run, learner)?)
        }
    })
}

/// What the privileged values' deviations are held above: they never reach a robot, so this only keeps a constant finite.
const PRIVILEGED_FLOOR: f32 = 1e-4;

/// Fresh statistics of a task's observations and of so many privileged values.
fn normalizers(task: &Task, privileged_size: usize) -> [Normalizer; 2] {
    [Normalizer::new(task.observation_floor()), Normalizer::new(&vec![PRIVILEGED_FLOOR; privileged_size])]
}

/// What a lag lets run side by side: collecting, and learning.
fn sides(run: &RunConfig) -> Workers {
    Workers::new(if run.lag > 0 { run.threads.min(2) } else { 1 })
}

/// What an on-policy algorithm collects between two rounds of learning.
fn rollout_shape(
    task: &Task,
    run: &RunConfig,
    space: &ActionSpace,
    steps: usize,
    memory: Option<MemoryShape>,
) -> RolloutShape {
    RolloutShape {
        steps,
        environments: run.environments,
        observation_size: task.observation_size(),
        privileged_size: task.privileged_size(),
        sample_size: space.choice_size(),
        output_size: space.output_size(),
        memory,
    }
}
