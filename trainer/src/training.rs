//! The off-policy training loop: collects transitions, stores them, learns from them, and shows how it goes.
//!
//! [`train`] knows no algorithm's equations; [`crate::algorithm::sac`] knows no environments, files or clocks. What a
//! person sees goes through a [`TrainingObserver`], so the loop itself prints and writes nothing.

use crate::action_space::{ActionSpaceError, require_continuous};
use crate::actor::TrainedActor;
use crate::algorithm::sac::{Sac, SacMetrics, SacState};
use crate::config::TrainingConfig;
use crate::evaluation::{Evaluation, EvaluationError, evaluate_image};
use crate::normalizer::Normalizer;
use crate::parallel::Workers;
use crate::random::Stream;
use crate::replay::{Batch, Replay, Transition};
use crate::report::undefined;
use serde::{Deserialize, Serialize};
use sinew_sim::randomization::AdaptiveRanges;
use sinew_sim::{Fault, Randomization, SimError, Task, VecEnv};
use std::collections::VecDeque;
use std::time::Instant;

/// Finished episodes over which the training return is averaged.
const RETURN_WINDOW: usize = 20;
/// Environment steps between two reports of progress.
const PROGRESS_INTERVAL: u64 = 500;
/// Evaluation episodes come from their own streams, apart from every training episode.
const EVALUATION_SEED_OFFSET: u64 = 0x5eed_0000_0000;

/// How training goes.
#[derive(Clone, Copy, Debug)]
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
    /// Of the last update.
    pub metrics: SacMetrics,
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
    /// Networks, optimizers, temperature.
    pub sac: SacState,
    /// Observation statistics.
    pub normalizer: Normalizer,
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
        "training diverged at step {steps}: {metrics:?}; the last checkpoint is kept, try a smaller learning rate"
    )]
    Diverged {
        /// Environment steps trained.
        steps: u64,
        /// The losses.
        metrics: SacMetrics,
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
    require_continuous(task, "sac")?;
    Run::new(task, config)?.run(observer)
}

struct Run<'r> {
    task: &'r Task,
    config: &'r TrainingConfig,
    workers: Workers,
    environments: VecEnv,
    sac: Sac,
    policy: crate::algorithm::sac::Policy,
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
    metrics: SacMetrics,
    returns: VecDeque<f64>,
    episodes: u64,
    /// Not yet shown to the observer.
    faults: Vec<Fault>,
    fault_count: u64,
    /// The best evaluation's mean return, and its actor.
    best: Option<(f64, TrainedActor)>,
    started: Instant,
    evaluation_seconds: f64,
}

impl<'r> Run<'r> {
    fn new(task: &'r Task, config: &'r TrainingConfig) -> Result<Self, TrainingError> {
        let (count, seed) = (config.training.environments, config.training.seed);
        let (observation_size, action_size) = (task.observation_size(), task.action_size());
        // Stepping takes less time than learning here, and a second set of threads would fight the first for cores.
        let environments = VecEnv::new(task, Randomization::Training, count, seed, 1)?;
        let sac = Sac::new(&config.sac, observation_size, action_size, seed);
        Ok(Self {
            task,
            config,
            workers: Workers::new(config.training.threads),
            environments,
            policy: sac.policy(count, action_size),
            sac,
            normalizer: Normalizer::new(task.observation_floor()),
            replay: Replay::new(config.sac.replay_capacity, observation_size, action_size),
            batch: Batch::new(config.sac.batch_size, observation_size, action_size),
            exploration: Stream::new(seed, "exploration"),
            sampling: Stream::new(seed, "replay"),
            observations: vec![0.0; count * observation_size],
            normalized: vec![0.0; count * observation_size],
            actions: vec![0.0; count * action_size],
            steps: 0,
            updates_due: 0.0,
            metrics: SacMetrics::default(),
            returns: VecDeque::with_capacity(RETURN_WINDOW),
            episodes: 0,
            faults: Vec::new(),
            fault_count: 0,
            best: None,
            started: Instant::now(),
            evaluation_seconds: 0.0,
        })
    }

    fn run(mut self, observer: &mut dyn TrainingObserver) -> Result<TrainedActor, TrainingError> {
        self.environments.reset()?;
        while self.steps < self.config.training.steps {
            let before = self.steps;
            self.collect()?;
            for fault in self.faults.drain(..) {
                self.fault_count += 1;
                observer.on_fault(self.fault_count, &fault);
            }
            self.learn()?;
            let steps = self.steps;
            let passed = |interval: u64| interval > 0 && before / interval < steps / interval;
            if passed(PROGRESS_INTERVAL) {
                self.report(observer);
            }
            let last = steps >= self.config.training.steps;
            let interval = self.config.training.evaluation_interval;
            if passed(interval) || (last && interval > 0 && interval < steps) {
                observer.on_evaluation(&self.evaluate()?);
            }
            if passed(self.config.training.checkpoint_interval) || last {
                observer
                    .on_checkpoint(&self.checkpoint())
                    .map_err(|source| TrainingError::Checkpoint { steps, source })?;
            }
        }
        self.report(observer);
        Ok(self.best_actor())
    }

    fn report(&self, observer: &mut dyn TrainingObserver) {
        observer.on_progress(&self.progress());
        if let Some(ranges) = self.environments.adaptive_ranges() {
            observer.on_ranges(self.steps, ranges);
        }
    }

    /// One step of every environment.
    fn collect(&mut self) -> Result<(), SimError> {
        self.observations.copy_from_slice(self.environments.observations());
        if self.config.sac.normalize_observations {
            self.normalizer.record(&self.observations);
        }
        if self.steps < self.config.training.start_steps {
            self.actions.iter_mut().for_each(|action| *action = self.exploration.uniform(-1.0, 1.0));
        } else {
            self.normalized.copy_from_slice(&self.observations);
            self.normalizer.apply(&mut self.normalized);
            let noise = Some(&mut self.exploration);
            self.sac.act(&mut self.policy, &self.normalized, noise, &mut self.actions);
        }
        self.environments.step(&self.actions)?;
        self.store();
        self.faults.extend(self.environments.take_faults());
        for summary in self.environments.finished().iter().flatten().filter(|summary| !summary.faulted) {
            if self.returns.len() == RETURN_WINDOW {
                self.returns.pop_front();
            }
            self.returns.push_back(summary.episode_return);
            self.episodes += 1;
        }
        self.steps += self.config.training.environments as u64;
        if self.steps >= self.config.training.start_steps {
            self.updates_due += self.config.training.environments as f64 * self.config.sac.updates_per_step;
        }
        Ok(())
    }

    fn store(&mut self) {
        let (observation_size, action_size) = (self.task.observation_size(), self.task.action_size());
        for environment in 0..self.config.training.environments {
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
        if self.config.sac.normalize_observations {
            self.normalizer.refresh();
        }
        let done = self.steps as f32 / self.config.training.steps as f32;
        let rate_scale = 1.0 - done * (1.0 - self.config.sac.final_learning_rate_share);
        for _ in 0..updates {
            self.replay.sample(&mut self.sampling, &mut self.batch);
            self.normalizer.apply(&mut self.batch.observations);
            self.normalizer.apply(&mut self.batch.next_observations);
            self.metrics = self.sac.update(&self.batch, rate_scale, &self.workers);
        }
        if self.metrics.critic_loss.is_finite() && self.metrics.actor_loss.is_finite() {
            Ok(())
        } else {
            Err(TrainingError::Diverged { steps: self.steps, metrics: self.metrics })
        }
    }

    /// Scores the present actor, and keeps it if none before was better.
    fn evaluate(&mut self) -> Result<EvaluationPoint, TrainingError> {
        let started = Instant::now();
        let actor = self.actor();
        let image = actor.image(self.task).map_err(EvaluationError::from)?;
        let seed = self.config.training.seed.wrapping_add(EVALUATION_SEED_OFFSET);
        let (episodes, threads) = (self.config.training.evaluation_episodes, self.config.training.threads);
        let evaluation = evaluate_image(self.task, &image, Randomization::Training, episodes, seed, threads)?;
        self.evaluation_seconds += started.elapsed().as_secs_f64();
        let Evaluation { return_mean, return_std, success_rate, .. } = evaluation;
        if self.best.as_ref().is_none_or(|(best, _)| return_mean >= *best) {
            self.best = Some((return_mean, actor));
        }
        Ok(EvaluationPoint { steps: self.steps, return_mean, return_std, success_rate })
    }

    fn progress(&self) -> Progress {
        let seconds = self.started.elapsed().as_secs_f64();
        Progress {
            steps: self.steps,
            total_steps: self.config.training.steps,
            seconds,
            steps_per_s: self.steps as f64 / (seconds - self.evaluation_seconds).max(1e-9),
            return_mean: self.returns.iter().sum::<f64>() / self.returns.len() as f64,
            episodes: self.episodes,
            faults: self.fault_count,
            metrics: self.metrics,
        }
    }

    /// The actor of the best evaluation; the present one where there was none.
    fn best_actor(&self) -> TrainedActor {
        self.best.as_ref().map_or_else(|| self.actor(), |(_, actor)| actor.clone())
    }

    fn actor(&self) -> TrainedActor {
        TrainedActor::new(
            &self.sac.actor_layers(),
            &self.normalizer,
            self.config.sac.normalize_observations,
            self.task.action_size(),
            self.steps,
            self.config.training.seed,
        )
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            steps: self.steps,
            actor: self.best_actor(),
            sac: self.sac.state(),
            normalizer: self.normalizer.clone(),
        }
    }
}
