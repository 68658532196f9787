//! One run from its start to its end: advances the loop, looks at it, and saves it.
//!
//! What is done at a step is done in one order, with saving last, so a checkpoint never has anything left to do at its step.
//!
//! Where the task trains in a formulation of its own, the run's last steps may simulate the one that it is accepted in
//! (`training.exact_share`). From then on evaluations do so too, and the best is sought anew: returns before and after are those of
//! different robots.

use super::identity::RunIdentity;
use super::snapshot::LoopState;
use super::{
    Checkpoint, Ending, EvaluationPoint, Loop, Metric, Progress, SavedRun, Start, Trained, TrainingError,
    TrainingObserver,
};
use crate::actor::TrainedActor;
use crate::config::{RunConfig, TrainingConfig};
use crate::evaluation::{EvaluationError, evaluate_image};
use sinew_sim::{Randomization, Task};
use std::time::Instant;

/// Environment steps between two reports of progress.
const PROGRESS_INTERVAL: u64 = 500;
/// Evaluation episodes come from their own streams, apart from every training episode.
const EVALUATION_SEED_OFFSET: u64 = 0x5eed_0000_0000;

pub(super) struct Run<'r> {
    task: &'r Task,
    config: &'r TrainingConfig,
    learning: Box<dyn Loop + 'r>,
    /// Environment steps after which the formulation is simulated that the task is accepted in; none where that never changes.
    exact_from: Option<u64>,
    best: Option<Best>,
    curve: Vec<EvaluationPoint>,
    /// Steps that another process made.
    resumed_at: u64,
    started: Instant,
    evaluation_seconds: f64,
}

/// The best evaluation so far.
struct Best {
    steps: u64,
    return_mean: f64,
    actor: TrainedActor,
}

/// Environment steps after which a run simulates the formulation that the task is accepted in; none where that never changes.
fn exact_from(task: &Task, run: &RunConfig) -> Option<u64> {
    let changes = task.has_training_formulation() && run.exact_share > 0.0;
    changes.then_some(((1.0 - run.exact_share) * run.steps as f64) as u64)
}

impl<'r> Run<'r> {
    pub(super) fn new(
        task: &'r Task,
        config: &'r TrainingConfig,
        learning: Box<dyn Loop + 'r>,
        start: Start,
    ) -> Result<Self, TrainingError> {
        let mut run = Self {
            task,
            config,
            learning,
            exact_from: exact_from(task, &config.training),
            best: None,
            curve: Vec::new(),
            resumed_at: 0,
            started: Instant::now(),
            evaluation_seconds: 0.0,
        };
        match start {
            Start::Fresh => {}
            Start::Initial(initial) => initial.apply(&mut *run.learning)?,
            Start::Resumed(saved) => run.resume(*saved)?,
        }
        if run.is_exact_at(0) && run.learning.steps() == 0 {
            let environments = run.learning.environments_mut();
            environments.simulate_exactly();
            environments.reset()?;
        }
        Ok(run)
    }

    /// Whether a run that changes its formulation has done so after so many steps.
    fn is_exact_at(&self, steps: u64) -> bool {
        self.exact_from.is_some_and(|from| from <= steps)
    }

    fn resume(&mut self, saved: SavedRun) -> Result<(), TrainingError> {
        let SavedRun { checkpoint, transitions } = saved;
        checkpoint.check(self.task, self.config)?;
        let asked = self.config.training.steps;
        if asked != checkpoint.total_steps {
            if asked < checkpoint.steps {
                return Err(TrainingError::Finished { found: checkpoint.steps, asked });
            }
            if self.learning.follows_total_steps() || self.exact_from.is_some() {
                return Err(TrainingError::Identity {
                    what: "training.steps, over which a setting follows a schedule,".to_owned(),
                    expected: checkpoint.total_steps.to_string(),
                    found: asked.to_string(),
                });
            }
        }
        checkpoint.learning.restore(&mut *self.learning, transitions.as_ref())?;
        let actor = checkpoint.actor;
        self.best = checkpoint.best.map(|(steps, return_mean)| Best { steps, return_mean, actor });
        self.curve = checkpoint.curve;
        self.resumed_at = checkpoint.steps;
        Ok(())
    }

    pub(super) fn run(mut self, observer: &mut dyn TrainingObserver) -> Result<Trained, TrainingError> {
        let mut ending = self.ending();
        while ending.is_none() {
            let interrupted = self.advance(observer)?;
            ending = self.ending().or(interrupted.then_some(Ending::Interrupted));
        }
        let ending = ending.unwrap_or(Ending::Completed);
        if ending != Ending::Interrupted {
            // Once more, with the time of the last evaluation.
            observer.on_progress(&self.progress());
        }
        Ok(Trained { actor: self.best_actor(), steps: self.learning.steps(), ending })
    }

    /// Advances the loop once and does what is due then; whether the observer asked to stop.
    fn advance(&mut self, observer: &mut dyn TrainingObserver) -> Result<bool, TrainingError> {
        let run = &self.config.training;
        let before = self.learning.steps();
        self.learning.advance()?;
        let steps = self.learning.steps();
        for (count, fault) in self.learning.episodes().take_faults() {
            observer.on_fault(count, &fault);
        }
        if !self.is_exact_at(before) && self.is_exact_at(steps) {
            self.learning.environments_mut().simulate_exactly();
            self.best = None;
            observer.on_exact_simulation(steps);
        }
        let passed = |interval: u64| interval > 0 && before / interval < steps / interval;
        let last = steps >= run.steps;
        if passed(PROGRESS_INTERVAL) || last {
            self.report(observer);
        }
        let mut improved = false;
        if passed(run.evaluation_interval)
            || (last && run.evaluation_interval > 0 && run.evaluation_interval < steps)
        {
            improved = self.evaluate()?;
            if let Some(point) = self.curve.last() {
                observer.on_evaluation(point);
            }
        }
        let interrupted = observer.interrupted();
        let done = self.ending().is_some();
        if passed(run.checkpoint_interval) || done || interrupted || (improved && run.keep_best) {
            let checkpoint = self.checkpoint()?;
            let replay = self.learning.replay().map(|replay| &*replay);
            observer
                .on_checkpoint(&checkpoint, replay)
                .map_err(|source| TrainingError::Checkpoint { steps, source })?;
        }
        Ok(interrupted)
    }

    /// How the run has ended, if it has.
    fn ending(&self) -> Option<Ending> {
        let run = &self.config.training;
        // What was reached on cheap physics is not yet what was asked for.
        let counts = |point: &&EvaluationPoint| self.exact_from.is_none() || self.is_exact_at(point.steps);
        let reached = self.curve.last().filter(counts).is_some_and(|point| {
            point.return_mean >= run.stop_at_return
                || point.success_rate.is_some_and(|rate| rate >= run.stop_at_success)
        });
        let completed = self.learning.steps() >= run.steps;
        if completed { Some(Ending::Completed) } else { reached.then_some(Ending::Reached) }
    }

    fn report(&mut self, observer: &mut dyn TrainingObserver) {
        observer.on_progress(&self.progress());
        if let Some(ranges) = self.learning.environments().adaptive_ranges() {
            observer.on_ranges(self.learning.steps(), ranges);
        }
    }

    /// Scores the present actor, and keeps it if none before was better: whether it was.
    fn evaluate(&mut self) -> Result<bool, TrainingError> {
        let started = Instant::now();
        let steps = self.learning.steps();
        let actor = self.learning.actor();
        let image = actor.image(self.task).map_err(EvaluationError::from)?;
        let seed = self.config.training.seed.wrapping_add(EVALUATION_SEED_OFFSET);
        let (episodes, threads) = (self.config.training.evaluation_episodes, self.config.training.threads);
        let task = if self.is_exact_at(steps) { self.task.exact() } else { self.task.clone() };
        let evaluation = evaluate_image(&task, &image, Randomization::Training, episodes, seed, threads)?;
        self.evaluation_seconds += started.elapsed().as_secs_f64();
        let return_mean = evaluation.return_mean;
        self.curve.push(EvaluationPoint {
            steps,
            return_mean,
            return_std: evaluation.return_std,
            return_interval: evaluation.return_interval,
            episode_steps_mean: evaluation.episode_steps_mean(),
            success_rate: evaluation.success_rate,
            success_interval: evaluation.success_interval,
        });
        let improved = self.best.as_ref().is_none_or(|best| return_mean >= best.return_mean);
        if improved {
            self.best = Some(Best { steps, return_mean, actor });
        }
        Ok(improved)
    }

    fn progress(&mut self) -> Progress {
        let seconds = self.started.elapsed().as_secs_f64();
        let steps = self.learning.steps();
        let mut metrics = self.learning.metrics();
        metrics.extend(Metric::of_curriculum(self.learning.environments()));
        let own_steps = (steps - self.resumed_at) as f64;
        let episodes = self.learning.episodes();
        Progress {
            steps,
            total_steps: self.config.training.steps,
            seconds,
            steps_per_s: own_steps / (seconds - self.evaluation_seconds).max(1e-9),
            return_mean: episodes.return_mean(),
            episode_steps_mean: episodes.steps_mean(),
            episodes: episodes.finished(),
            faults: episodes.fault_count(),
            metrics,
        }
    }

    /// The actor of the best evaluation; the present one where there was none.
    fn best_actor(&self) -> TrainedActor {
        self.best.as_ref().map_or_else(|| self.learning.actor(), |best| best.actor.clone())
    }

    /// The present state, which must be worth keeping.
    fn checkpoint(&mut self) -> Result<Checkpoint, TrainingError> {
        let steps = self.learning.steps();
        let learning =
            LoopState::of(&mut *self.learning).map_err(|source| TrainingError::Encode { steps, source })?;
        if !learning.is_finite() {
            return Err(TrainingError::diverged(steps, &self.learning.metrics()));
        }
        Ok(Checkpoint {
            steps,
            total_steps: self.config.training.steps,
            actor: self.best_actor(),
            best: self.best.as_ref().map(|best| (best.steps, best.return_mean)),
            curve: self.curve.clone(),
            identity: RunIdentity::new(self.task, self.config),
            learning,
        })
    }
}
