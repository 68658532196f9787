//! A training run: lets an algorithm collect and learn, scores it now and then, and shows how it goes.
//!
//! [`train`] drives a `Loop`, one algorithm's way of collecting experience and learning from it: `off_policy` learns from
//! all that was ever collected, `on_policy` from what the present policy just did. What a person sees goes through a [`TrainingObserver`], so nothing here prints or writes.

mod episodes;
mod metric;
mod off_policy;
mod on_policy;
mod state;

pub use metric::Metric;
pub(crate) use off_policy::{OffPolicy, OffPolicySettings, Surroundings};
pub(crate) use on_policy::{OnPolicy, OnPolicySettings};
pub(crate) use state::Network;
pub use state::StateError;

use crate::action_space::{ActionSpaceError, check_action_space};
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
use crate::evaluation::{Evaluation, EvaluationError, evaluate_image};
use crate::normalizer::Normalizer;
use crate::replay::Replay;
use crate::report::undefined;
use crate::rollout::RolloutShape;
use episodes::Episodes;
use off_policy::OffPolicyLoop;
use on_policy::OnPolicyLoop;
use serde::{Deserialize, Serialize};
use sinew_sim::randomization::AdaptiveRanges;
use sinew_sim::{Fault, Randomization, SimError, Task, VecEnv};
use std::time::Instant;

/// Environment steps between two reports of progress.
const PROGRESS_INTERVAL: u64 = 500;
/// Evaluation episodes come from their own streams, apart from every training episode.
const EVALUATION_SEED_OFFSET: u64 = 0x5eed_0000_0000;

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
    /// Share of episodes that succeeded; absent where the task defines no success.
    pub success_rate: Option<f64>,
}

/// What a checkpoint holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Environment steps trained.
    pub steps: u64,
    /// The actor as it would be exported: that of the best evaluation so far.
    pub actor: TrainedActor,
    /// Every network's parameters, by name.
    pub networks: Vec<(String, Vec<f32>)>,
    /// The running statistics of the observations, where they are normalized.
    pub normalizer: Option<Normalizer>,
    /// What else learning has changed, in the loop's own form.
    pub learning: Vec<u8>,
}

/// Sees a training run.
pub trait TrainingObserver {
    /// About every 500 environment steps.
    fn on_progress(&mut self, progress: &Progress);
    /// After each report of progress, where the task has adaptive ranges.
    fn on_ranges(&mut self, _steps: u64, _ranges: &AdaptiveRanges) {}
    /// When an episode's simulation broke down; `count` is how many have by now. None of it is learned from.
    fn on_fault(&mut self, count: u64, fault: &Fault);
    /// After each evaluation.
    fn on_evaluation(&mut self, point: &EvaluationPoint);
    /// At each checkpoint.
    ///
    /// # Errors
    /// Ends training: a run that cannot be saved should not go on unnoticed.
    fn on_checkpoint(&mut self, checkpoint: &Checkpoint) -> std::io::Result<()>;
}

/// Why training ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// The algorithm cannot act in the task.
    #[error(transparent)]
    ActionSpace(#[from] ActionSpaceError),
    /// The simulator refused the task.
    #[error(transparent)]
    Simulation(#[from] SimError),
    /// A loss is NaN or infinite.
    #[error(
        "training diverged at step {steps}: {metrics}; the last checkpoint is kept, try a smaller learning rate"
    )]
    Diverged {
        /// Environment steps trained.
        steps: u64,
        /// The last update's, each with its name.
        metrics: String,
    },
    /// The state of learning cannot be encoded.
    #[error("the checkpoint at step {steps} cannot be encoded: {source}")]
    Encode {
        /// Environment steps trained.
        steps: u64,
        /// Why.
        source: StateError,
    },
    /// A checkpoint could not be written.
    #[error("the checkpoint at step {steps} could not be written: {source}")]
    Checkpoint {
        /// Environment steps trained.
        steps: u64,
        /// Why.
        source: std::io::Error,
    },
    /// The policy could not be exported or run.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
}

impl TrainingError {
    fn diverged(steps: u64, metrics: &[Metric]) -> Self {
        let metrics: Vec<String> = metrics.iter().map(Metric::to_string).collect();
        Self::Diverged { steps, metrics: metrics.join(", ") }
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

/// Trains a policy and returns the actor of the best evaluation, or the last one where none was made.
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
    Run {
        task,
        config,
        learning: start(task, config)?,
        best: None,
        started: Instant::now(),
        evaluation_seconds: 0.0,
    }
    .run(observer)
}

/// The algorithm that the configuration names, ready to collect its first step.
fn start<'r>(task: &Task, config: &'r TrainingConfig) -> Result<Box<dyn Loop + 'r>, TrainingError> {
    check_action_space(task, config.algorithm.algorithm())?;
    let run = &config.training;
    let around = |privileged| Surroundings::new(task, run.environments, privileged);
    let rollouts = |steps| rollout_shape(task, run, steps);
    let (action_size, seed) = (task.action_size(), run.seed);
    Ok(match &config.algorithm {
        AlgorithmConfig::Sac(sac) => {
            let learner = Sac::new(sac, around(sac.privileged_critic), seed);
            Box::new(OffPolicyLoop::new(task, run, learner)?)
        }
        AlgorithmConfig::Td3(td3) => {
            let learner = Td3::new(td3, around(td3.privileged_critic), seed);
            Box::new(OffPolicyLoop::new(task, run, learner)?)
        }
        AlgorithmConfig::Ddpg(ddpg) => {
            let learner = Ddpg::new(ddpg, around(ddpg.privileged_critic), seed);
            Box::new(OffPolicyLoop::new(task, run, learner)?)
        }
        AlgorithmConfig::Dqn(dqn) => {
            let rows = task.discrete_actions().unwrap_or_default();
            let learner = Dqn::new(dqn, rows, around(false), seed);
            Box::new(OffPolicyLoop::new(task, run, learner)?)
        }
        AlgorithmConfig::Ppo(ppo) => {
            let learner = Ppo::new(ppo, rollouts(ppo.steps_per_environment), action_size, seed);
            Box::new(OnPolicyLoop::new(task, run, learner)?)
        }
        AlgorithmConfig::A2c(a2c) => {
            let learner = A2c::new(a2c, rollouts(a2c.steps_per_environment), action_size, seed);
            Box::new(OnPolicyLoop::new(task, run, learner)?)
        }
        AlgorithmConfig::Trpo(trpo) => {
            let learner = Trpo::new(trpo, rollouts(trpo.steps_per_environment), action_size, seed);
            Box::new(OnPolicyLoop::new(task, run, learner)?)
        }
        AlgorithmConfig::Npg(npg) => {
            let learner = Npg::new(npg, rollouts(npg.steps_per_environment), action_size, seed);
            Box::new(OnPolicyLoop::new(task, run, learner)?)
        }
        AlgorithmConfig::Reinforce(reinforce) => {
            let shape = rollouts(reinforce.steps_per_environment);
            let learner = Reinforce::new(reinforce, shape, action_size, seed);
            Box::new(OnPolicyLoop::new(task, run, learner)?)
        }
    })
}

/// What an on-policy algorithm collects between two rounds of learning.
fn rollout_shape(task: &Task, run: &RunConfig, steps: usize) -> RolloutShape {
    RolloutShape {
        steps,
        environments: run.environments,
        observation_size: task.observation_size(),
        privileged_size: task.privileged_size(),
        sample_size: task.action_size(),
        output_size: task.action_size(),
    }
}

struct Run<'r> {
    task: &'r Task,
    config: &'r TrainingConfig,
    learning: Box<dyn Loop + 'r>,
    /// The best evaluation's mean return, and its actor.
    best: Option<(f64, TrainedActor)>,
    started: Instant,
    evaluation_seconds: f64,
}

impl Run<'_> {
    fn run(mut self, observer: &mut dyn TrainingObserver) -> Result<TrainedActor, TrainingError> {
        let total_steps = self.config.training.steps;
        while self.learning.steps() < total_steps {
            let before = self.learning.steps();
            self.learning.advance()?;
            let steps = self.learning.steps();
            for (count, fault) in self.learning.episodes().take_faults() {
                observer.on_fault(count, &fault);
            }
            let passed = |interval: u64| interval > 0 && before / interval < steps / interval;
            if passed(PROGRESS_INTERVAL) {
                self.report(observer);
            }
            let last = steps >= total_steps;
            let interval = self.config.training.evaluation_interval;
            if passed(interval) || (last && interval > 0 && interval < steps) {
                observer.on_evaluation(&self.evaluate()?);
            }
            if passed(self.config.training.checkpoint_interval) || last {
                observer
                    .on_checkpoint(&self.checkpoint()?)
                    .map_err(|source| TrainingError::Checkpoint { steps, source })?;
            }
        }
        self.report(observer);
        Ok(self.best_actor())
    }

    fn report(&mut self, observer: &mut dyn TrainingObserver) {
        observer.on_progress(&self.progress());
        if let Some(ranges) = self.learning.environments().adaptive_ranges() {
            observer.on_ranges(self.learning.steps(), ranges);
        }
    }

    /// Scores the present actor, and keeps it if none before was better.
    fn evaluate(&mut self) -> Result<EvaluationPoint, TrainingError> {
        let started = Instant::now();
        let actor = self.learning.actor();
        let image = actor.image(self.task).map_err(EvaluationError::from)?;
        let seed = self.config.training.seed.wrapping_add(EVALUATION_SEED_OFFSET);
        let (episodes, threads) = (self.config.training.evaluation_episodes, self.config.training.threads);
        let evaluation = evaluate_image(self.task, &image, Randomization::Training, episodes, seed, threads)?;
        self.evaluation_seconds += started.elapsed().as_secs_f64();
        let Evaluation { return_mean, return_std, success_rate, .. } = evaluation;
        if self.best.as_ref().is_none_or(|(best, _)| return_mean >= *best) {
            self.best = Some((return_mean, actor));
        }
        Ok(EvaluationPoint { steps: self.learning.steps(), return_mean, return_std, success_rate })
    }

    fn progress(&mut self) -> Progress {
        let seconds = self.started.elapsed().as_secs_f64();
        let steps = self.learning.steps();
        let metrics = self.learning.metrics();
        let episodes = self.learning.episodes();
        Progress {
            steps,
            total_steps: self.config.training.steps,
            seconds,
            steps_per_s: steps as f64 / (seconds - self.evaluation_seconds).max(1e-9),
            return_mean: episodes.return_mean(),
            episodes: episodes.finished(),
            faults: episodes.fault_count(),
            metrics,
        }
    }

    /// The actor of the best evaluation; the present one where there was none.
    fn best_actor(&self) -> TrainedActor {
        self.best.as_ref().map_or_else(|| self.learning.actor(), |(_, actor)| actor.clone())
    }

    fn checkpoint(&mut self) -> Result<Checkpoint, TrainingError> {
        let steps = self.learning.steps();
        let learning = self.learning.state().map_err(|source| TrainingError::Encode { steps, source })?;
        let networks = self.learning.networks().into_iter();
        let networks = networks.map(|network| (network.name, network.parameters.to_vec())).collect();
        let normalizer = self.learning.normalizer().cloned();
        Ok(Checkpoint { steps, actor: self.best_actor(), networks, normalizer, learning })
    }
}
