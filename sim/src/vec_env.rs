//! Many environments, stepped together: [`VecEnv`], with the same results for any number of threads.
//!
//! Environments never share state and each draws from its own streams, so how they are spread over threads cannot
//! matter. Workers own their environments only while they step them: a shard of environments travels to a worker and
//! back through a channel, which needs no lock and no unsafe code. With one thread nothing travels. The one thing that
//! environments do share, adaptive ranges of randomization, changes between steps alone: see `adaptation`.

mod adaptation;
mod shard;

use crate::env::{Env, EnvState, EpisodeSummary};
use crate::error::SimError;
use crate::fault::Fault;
use crate::randomization::{AdaptiveRanges, AdaptiveRangesState, Randomization};
use crate::task::Task;
use crossbeam::channel::{Receiver, Sender, bounded};
use serde::{Deserialize, Serialize};
use shard::Shard;
use std::thread::JoinHandle;

/// Many environments of one task.
pub struct VecEnv {
    /// Each a run of consecutive environments; `None` only while a worker steps it.
    shards: Vec<Option<Box<Shard>>>,
    workers: Vec<Worker>,
    action_size: usize,
    observation_size: usize,
    environments: usize,
    observations: Vec<f32>,
    final_observations: Vec<f32>,
    privileged_size: usize,
    privileged: Vec<f32>,
    final_privileged: Vec<f32>,
    rewards: Vec<f32>,
    terminated: Vec<bool>,
    truncated: Vec<bool>,
    faulted: Vec<bool>,
    finished: Vec<Option<EpisodeSummary>>,
    /// Absent where nothing adapts.
    ranges: Option<AdaptiveRanges>,
}

/// Everything from which a [`VecEnv`] goes on bit for bit.
#[derive(Clone, Serialize, Deserialize)]
pub struct VecEnvState {
    /// In the order of the environments, whatever threads they were on.
    environments: Vec<EnvState>,
    /// What the next actions answer, `[environments, observation_size]`.
    observations: Vec<f32>,
    ranges: Option<AdaptiveRangesState>,
}

/// A thread that steps the shards that it is sent.
struct Worker {
    /// Taken on drop, which ends the thread.
    work: Option<Sender<Box<Shard>>>,
    done: Receiver<Box<Shard>>,
    thread: Option<JoinHandle<()>>,
}

impl VecEnv {
    /// `environments` environments, of which the `i`-th depends on (`seed`, `i`, its actions) alone, stepped by `threads`
    /// threads, the caller's included; 0 counts as 1. Call [`Self::reset`] before the first step. In training, where a task
    /// has adaptive ranges, it depends also on how the others' episodes moved them.
    ///
    /// # Errors
    /// No environment, or a thread that cannot be started.
    pub fn new(
        task: &Task,
        randomization: Randomization,
        environments: usize,
        seed: u64,
        threads: usize,
    ) -> Result<Self, SimError> {
        if environments == 0 {
            return Err(SimError::NoEnvironment);
        }
        let threads = threads.clamp(1, environments);
        let mut shards = Vec::with_capacity(threads);
        for index in 0..threads {
            let span = environments * index / threads..environments * (index + 1) / threads;
            let envs: Result<Vec<Env>, SimError> = span
                .clone()
                .map(|environment| Env::new(task, randomization, seed, environment as u64))
                .collect();
            shards.push(Some(Box::new(Shard::new(envs?, span.start, task))));
        }
        let workers = (1..threads).map(Worker::start).collect::<Result<_, _>>()?;
        let (observation_size, action_size) = (task.observation_size(), task.action_size());
        let ranges = match randomization {
            Randomization::Training => task.adaptive_ranges(),
            Randomization::Acceptance | Randomization::Nominal => None,
        };
        Ok(Self {
            shards,
            workers,
            action_size,
            observation_size,
            environments,
            observations: vec![0.0; environments * observation_size],
            final_observations: vec![0.0; environments * observation_size],
            privileged_size: task.privileged_size(),
            privileged: vec![0.0; environments * task.privileged_size()],
            final_privileged: vec![0.0; environments * task.privileged_size()],
            rewards: vec![0.0; environments],
            terminated: vec![false; environments],
            truncated: vec![false; environments],
            faulted: vec![false; environments],
            finished: vec![None; environments],
            ranges,
        })
    }

    /// Starts episode 0 of every environment, and adaptive ranges from their start.
    ///
    /// # Errors
    /// A worker was lost in an earlier step.
    pub fn reset(&mut self) -> Result<(), SimError> {
        self.restart_ranges()?;
        for index in 0..self.shards.len() {
            let Some(shard) = &mut self.shards[index] else {
                return Err(SimError::WorkerLost { worker: index });
            };
            shard.reset()?;
        }
        (0..self.shards.len()).for_each(|index| self.collect(index));
        Ok(())
    }

    /// Takes one normalized action in every environment, `[environments, action_size]`, row by row.
    ///
    /// An environment whose episode ends starts its next one at once: [`Self::observations`] is then the new episode's
    /// first, and [`Self::final_observations`] the old one's last.
    ///
    /// # Errors
    /// Actions of the wrong number or not finite, or a lost worker. The
    /// environments are then unusable until the next [`Self::reset`], after a lost worker for good.
    pub fn step(&mut self, actions: &[f32]) -> Result<(), SimError> {
        let expected = self.environments * self.action_size;
        if actions.len() != expected {
            return Err(SimError::Length { what: "actions", expected, found: actions.len() });
        }
        self.dispatch(actions)?;
        let own = self.step_own(actions);
        let others = self.gather();
        own.and(others)?;
        for index in 0..self.shards.len() {
            if let Some(error) = self.shards[index].as_mut().and_then(|shard| shard.error.take()) {
                return Err(error);
            }
            self.collect(index);
        }
        self.adapt()
    }

    /// The present state of all environments, the same for any number of threads.
    ///
    /// # Errors
    /// A worker was lost in an earlier step.
    pub fn state(&self) -> Result<VecEnvState, SimError> {
        let mut environments = Vec::with_capacity(self.environments);
        for (worker, shard) in self.shards.iter().enumerate() {
            let shard = shard.as_ref().ok_or(SimError::WorkerLost { worker })?;
            environments.extend(shard.states());
        }
        let ranges = self.ranges.as_ref().map(AdaptiveRanges::state);
        Ok(VecEnvState { environments, observations: self.observations.clone(), ranges })
    }

    /// Goes on from the state of as many environments of the same task and level of randomization, on any number of threads.
    ///
    /// Rewards and ends of the step before are not part of a state: they read as nothing until the next step.
    ///
    /// # Errors
    /// The state of another task or number of environments, or a lost worker. The environments are then unusable until
    /// the next [`Self::reset`].
    pub fn restore(&mut self, state: &VecEnvState) -> Result<(), SimError> {
        SimError::check_lengths(&[
            ("environments", self.environments, state.environments.len()),
            ("observations", self.observations.len(), state.observations.len()),
        ])?;
        match (&mut self.ranges, &state.ranges) {
            (Some(ranges), Some(saved)) => ranges.restore(saved)?,
            (None, None) => {}
            (_, saved) => {
                let found = if saved.is_some() { "it has" } else { "it has no" };
                return Err(SimError::Snapshot { reason: format!("{found} adaptive ranges") });
            }
        }
        for (worker, shard) in self.shards.iter_mut().enumerate() {
            let shard = shard.as_mut().ok_or(SimError::WorkerLost { worker })?;
            let rows = shard.first * self.observation_size..;
            shard.restore(&state.environments[shard.first..], &state.observations[rows])?;
        }
        (0..self.shards.len()).for_each(|index| self.collect(index));
        Ok(())
    }

    /// Sends every shard but the first to its worker.
    fn dispatch(&mut self, actions: &[f32]) -> Result<(), SimError> {
        for (index, worker) in self.workers.iter().enumerate() {
            let lost = SimError::WorkerLost { worker: index + 1 };
            let Some(mut shard) = self.shards[index + 1].take() else { return Err(lost) };
            let first = shard.first * self.action_size;
            shard.take_actions(&actions[first..]);
            let Some(work) = &worker.work else { return Err(lost) };
            if work.send(shard).is_err() {
                return Err(lost);
            }
        }
        Ok(())
    }

    fn step_own(&mut self, actions: &[f32]) -> Result<(), SimError> {
        let Some(shard) = &mut self.shards[0] else { return Err(SimError::WorkerLost { worker: 0 }) };
        shard.take_actions(actions);
        shard.step();
        Ok(())
    }

    fn gather(&mut self) -> Result<(), SimError> {
        for (index, worker) in self.workers.iter().enumerate() {
            let shard = worker.done.recv().map_err(|_| SimError::WorkerLost { worker: index + 1 })?;
            self.shards[index + 1] = Some(shard);
        }
        Ok(())
    }

    /// Copies a shard's results into the whole.
    fn collect(&mut self, index: usize) {
        let Some(shard) = &mut self.shards[index] else { return };
        let rows = shard.first..shard.first + shard.len();
        let values = rows.start * self.observation_size..rows.end * self.observation_size;
        self.observations[values.clone()].copy_from_slice(&shard.observations);
        self.final_observations[values].copy_from_slice(&shard.final_observations);
        let values = rows.start * self.privileged_size..rows.end * self.privileged_size;
        self.privileged[values.clone()].copy_from_slice(&shard.privileged);
        self.final_privileged[values].copy_from_slice(&shard.final_privileged);
        self.rewards[rows.clone()].copy_from_slice(&shard.rewards);
        self.terminated[rows.clone()].copy_from_slice(&shard.terminated);
        self.truncated[rows.clone()].copy_from_slice(&shard.truncated);
        self.faulted[rows.clone()].copy_from_slice(&shard.faulted);
        for (slot, summary) in self.finished[rows].iter_mut().zip(&mut shard.finished) {
            *slot = summary.take();
        }
    }

    /// How many environments.
    pub fn environments(&self) -> usize {
        self.environments
    }

    /// What the next actions answer, `[environments, observation_size]`: after a reset, the new episode's first.
    pub fn observations(&self) -> &[f32] {
        &self.observations
    }

    /// What the last actions led to, `[environments, observation_size]`: before any reset.
    pub fn final_observations(&self) -> &[f32] {
        &self.final_observations
    }

    /// What only a critic sees beside [`Self::observations`], `[environments, privileged_size]`: true, undelayed, and what each
    /// episode drew.
    pub fn privileged(&self) -> &[f32] {
        &self.privileged
    }

    /// The same beside [`Self::final_observations`].
    pub fn final_privileged(&self) -> &[f32] {
        &self.final_privileged
    }

    /// Rewards of the last step, `[environments]`.
    pub fn rewards(&self) -> &[f32] {
        &self.rewards
    }

    /// Which tasks ended in the last step, `[environments]`.
    pub fn terminated(&self) -> &[bool] {
        &self.terminated
    }

    /// Where time ran out in the last step, `[environments]`.
    pub fn truncated(&self) -> &[bool] {
        &self.truncated
    }

    /// Where the simulation broke down in the last step: that step is no experience, and the next episode has begun.
    pub fn faulted(&self) -> &[bool] {
        &self.faulted
    }

    /// Everything that broke down since this was last called, in the order of the environments.
    pub fn take_faults(&mut self) -> Vec<Fault> {
        self.shards.iter_mut().flatten().flat_map(|shard| std::mem::take(&mut shard.faults)).collect()
    }

    /// Summaries of the episodes that ended in the last step, `[environments]`.
    pub fn finished(&self) -> &[Option<EpisodeSummary>] {
        &self.finished
    }

    /// Sets how difficult the terrains of one environment's episodes to come are; see [`Env::set_difficulty`].
    pub fn set_difficulty(&mut self, environment: usize, difficulty: Option<f64>) {
        let shards = self.shards.iter_mut().flatten();
        let mut found = shards.filter_map(|shard| shard.env_mut(environment.checked_sub(shard.first)?));
        if let Some(env) = found.next() {
            env.set_difficulty(difficulty);
        }
    }

    /// One of the environments; absent if there are fewer.
    pub fn env(&self, environment: usize) -> Option<&Env> {
        self.shards.iter().flatten().find_map(|shard| shard.env(environment.checked_sub(shard.first)?))
    }
}

impl Worker {
    fn start(index: usize) -> Result<Self, SimError> {
        let (work, inbox) = bounded::<Box<Shard>>(1);
        let (outbox, done) = bounded(1);
        let body = move || {
            for mut shard in inbox {
                shard.step();
                if outbox.send(shard).is_err() {
                    return;
                }
            }
        };
        let builder = std::thread::Builder::new().name(format!("environments-{index}"));
        let thread = builder.spawn(body).map_err(|source| SimError::Spawn { worker: index, source })?;
        Ok(Self { work: Some(work), done, thread: Some(thread) })
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.work = None;
        if let Some(thread) = self.thread.take() {
            // A worker's panic has already been reported as a lost worker.
            let _ = thread.join();
        }
    }
}
