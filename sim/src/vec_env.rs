//! Many environments, stepped together: [`VecEnv`], with the same results for any number of threads.
//!
//! Environments never share state and each draws from its own streams, so how they are spread over threads cannot
//! matter. They are stepped in shards by a crew of threads, see `crew`; with one thread nothing travels. What
//! environments do share, adaptive ranges of randomization and a curriculum, changes between steps alone: see `adaptation`
//! and `teaching`.

mod adaptation;
mod crew;
mod levels;
mod shard;
mod teaching;

use crate::curriculum::{Curriculum, CurriculumState};
use crate::env::{Env, EnvState, EpisodeSummary};
use crate::error::SimError;
use crate::fault::Fault;
use crate::randomization::{AdaptiveRanges, AdaptiveRangesState, Randomization};
use crate::task::Task;
use crew::Crew;
use levels::Levels;
use serde::{Deserialize, Serialize};
use shard::Shard;
use std::sync::Arc;

/// Many environments of one task.
pub struct VecEnv {
    /// Each a run of consecutive environments; `None` only while a thread steps it.
    shards: Vec<Option<Box<Shard>>>,
    crew: Crew,
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
    /// Absent where nothing that all environments share grows harder.
    curriculum: Option<Curriculum>,
}

/// Everything from which a [`VecEnv`] goes on bit for bit.
#[derive(Clone, Serialize, Deserialize)]
pub struct VecEnvState {
    /// In the order of the environments, whatever threads they were on.
    environments: Vec<EnvState>,
    /// What the next actions answer, `[environments, observation_size]`.
    observations: Vec<f32>,
    ranges: Option<AdaptiveRangesState>,
    curriculum: Option<CurriculumState>,
    /// Of the ground of each environment, where it grows harder.
    levels: Vec<u32>,
}

impl VecEnv {
    /// `environments` environments, of which the `i`-th depends on (`seed`, `i`, its actions) alone, stepped by `threads`
    /// threads, the caller's included; 0 counts as 1. Call [`Self::reset`] before the first step. In training, where a task
    /// has adaptive ranges or a curriculum, it depends also on how the others' episodes moved them.
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
        let course = task.course();
        let learns = randomization == Randomization::Training;
        let terrain = course.terrain.filter(|_| learns);
        let count = crew::shards(environments, threads);
        let mut shards = Vec::with_capacity(count);
        for index in 0..count {
            let span = environments * index / count..environments * (index + 1) / count;
            let envs: Result<Vec<Env>, SimError> = span
                .clone()
                .map(|environment| Env::new(task, randomization, seed, environment as u64))
                .collect();
            let levels = terrain.map(|course| Levels::new(course, seed, span.start, span.len()));
            shards.push(Some(Box::new(Shard::new(envs?, index, span.start, task, levels))));
        }
        let crew = Crew::new(threads, count)?;
        let (observation_size, action_size) = (task.observation_size(), task.action_size());
        let ranges = match randomization {
            Randomization::Training => task.adaptive_ranges(),
            Randomization::Acceptance | Randomization::Nominal => None,
        };
        Ok(Self {
            shards,
            crew,
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
            curriculum: (learns && course.is_shared()).then(|| Curriculum::new(Arc::clone(course))),
        })
    }

    /// Starts episode 0 of every environment, and adaptive ranges and curriculum from their start.
    ///
    /// # Errors
    /// A worker was lost in an earlier step.
    pub fn reset(&mut self) -> Result<(), SimError> {
        self.restart_ranges()?;
        self.restart_curriculum()?;
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
        self.crew.step(&mut self.shards, actions)?;
        for index in 0..self.shards.len() {
            if let Some(error) = self.shards[index].as_mut().and_then(|shard| shard.error.take()) {
                return Err(error);
            }
            self.collect(index);
        }
        self.adapt()?;
        self.teach()
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
        Ok(VecEnvState {
            environments,
            observations: self.observations.clone(),
            ranges: self.ranges.as_ref().map(AdaptiveRanges::state),
            curriculum: self.curriculum.as_ref().map(Curriculum::state),
            levels: self.terrain_levels().collect(),
        })
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
        self.restore_curriculum(state.curriculum.as_ref(), state.levels.len())?;
        for (worker, shard) in self.shards.iter_mut().enumerate() {
            let shard = shard.as_mut().ok_or(SimError::WorkerLost { worker })?;
            let rows = shard.first * self.observation_size..;
            let levels = state.levels.get(shard.first..).unwrap_or_default();
            shard.restore(&state.environments[shard.first..], levels, &state.observations[rows])?;
        }
        (0..self.shards.len()).for_each(|index| self.collect(index));
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

    /// Simulates the episodes to come in the formulation that the task is accepted in, in training too: what was learned on cheap
    /// physics can then be refined on the exact one. Episodes that have begun end as they are. A state that is restored brings its
    /// own.
    pub fn simulate_exactly(&mut self) {
        self.shards.iter_mut().flatten().for_each(|shard| shard.simulate_exactly());
    }

    /// Sets how difficult the terrains of one environment's episodes to come are; see [`Env::set_difficulty`]. Where a curriculum
    /// moves it, it does so again when the episode ends.
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
