//! A run of consecutive environments with their inputs and outputs: what one thread steps.

use super::levels::Levels;
use crate::curriculum::{Lesson, Progress};
use crate::env::{Env, EnvState, EpisodeSummary};
use crate::error::SimError;
use crate::fault::Fault;
use crate::randomization::Boundary;
use crate::robot::SimulatedRobot;
use crate::task::Task;
use std::ops::Range;

/// A run of consecutive environments.
pub(super) struct Shard {
    envs: Vec<Env>,
    /// Its place among the shards.
    pub(super) index: usize,
    /// Index of the first of them among all.
    pub(super) first: usize,
    action_size: usize,
    observation_size: usize,
    privileged_size: usize,
    actions: Vec<f32>,
    pub(super) observations: Vec<f32>,
    pub(super) final_observations: Vec<f32>,
    pub(super) privileged: Vec<f32>,
    pub(super) final_privileged: Vec<f32>,
    pub(super) rewards: Vec<f32>,
    pub(super) terminated: Vec<bool>,
    pub(super) truncated: Vec<bool>,
    pub(super) faulted: Vec<bool>,
    /// What broke down since [`super::VecEnv`] last took them.
    pub(super) faults: Vec<Fault>,
    pub(super) finished: Vec<Option<EpisodeSummary>>,
    /// Where those episodes stood that ended in the last step.
    pub(super) boundaries: Vec<Option<Boundary>>,
    /// What those episodes showed of what their curriculum asks.
    pub(super) progress: Vec<Progress>,
    /// Present where the ground of each environment grows harder by itself.
    levels: Option<Levels>,
    /// What went wrong in the last step.
    pub(super) error: Option<SimError>,
}

impl Shard {
    pub(super) fn new(
        envs: Vec<Env>,
        index: usize,
        first: usize,
        task: &Task,
        levels: Option<Levels>,
    ) -> Self {
        let (count, observation_size, action_size) =
            (envs.len(), task.observation_size(), task.action_size());
        Self {
            envs,
            index,
            first,
            action_size,
            observation_size,
            privileged_size: task.privileged_size(),
            actions: vec![0.0; count * action_size],
            observations: vec![0.0; count * observation_size],
            final_observations: vec![0.0; count * observation_size],
            privileged: vec![0.0; count * task.privileged_size()],
            final_privileged: vec![0.0; count * task.privileged_size()],
            rewards: vec![0.0; count],
            terminated: vec![false; count],
            truncated: vec![false; count],
            faulted: vec![false; count],
            faults: Vec::new(),
            finished: vec![None; count],
            boundaries: vec![None; count],
            progress: vec![Progress::default(); count],
            levels,
            error: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.envs.len()
    }

    pub(super) fn env(&self, index: usize) -> Option<&Env> {
        self.envs.get(index)
    }

    pub(super) fn env_mut(&mut self, index: usize) -> Option<&mut Env> {
        self.envs.get_mut(index)
    }

    /// Sets the adaptive ranges of the episodes to come.
    pub(super) fn set_ranges(&mut self, ranges: &[[f64; 2]]) -> Result<(), SimError> {
        self.envs.iter_mut().try_for_each(|env| env.set_ranges(ranges))
    }

    /// Sets what the episodes to come are asked for.
    pub(super) fn set_lesson(&mut self, lesson: &Lesson) -> Result<(), SimError> {
        self.envs.iter_mut().try_for_each(|env| env.set_lesson(lesson))
    }

    /// The episodes to come are simulated in the formulation that the task is accepted in.
    pub(super) fn simulate_exactly(&mut self) {
        self.envs.iter_mut().for_each(Env::simulate_exactly);
    }

    /// From now on the ground is what the task's file says.
    pub(super) fn forget_levels(&mut self) {
        self.levels = None;
        self.envs.iter_mut().for_each(|env| env.set_difficulty(None));
    }

    /// How hard the ground of each environment's episodes to come is; nothing where the file says it.
    pub(super) fn levels(&self) -> &[u32] {
        self.levels.as_ref().map_or(&[], Levels::levels)
    }

    /// Takes this shard's actions from those of all environments.
    pub(super) fn take_actions(&mut self, actions: &[f32]) {
        let start = self.first * self.action_size;
        let count = self.actions.len();
        self.actions.copy_from_slice(&actions[start..start + count]);
    }

    /// Starts episode 0 of every environment.
    pub(super) fn reset(&mut self) -> Result<(), SimError> {
        if let Some(levels) = &mut self.levels {
            levels.reset();
            levels.tell(&mut self.envs);
        }
        let rows = self.observations.chunks_exact_mut(self.observation_size);
        self.envs.iter_mut().zip(rows).try_for_each(|(env, row)| env.reset(0, row))?;
        self.begin()
    }

    /// Of every environment.
    pub(super) fn states(&self) -> impl Iterator<Item = EnvState> {
        self.envs.iter().map(Env::state)
    }

    /// Goes on from the states, levels and observations at the front of those given.
    pub(super) fn restore(
        &mut self,
        states: &[EnvState],
        levels: &[u32],
        observations: &[f32],
    ) -> Result<(), SimError> {
        if let Some(own) = &mut self.levels {
            own.restore(levels);
        }
        self.envs.iter_mut().zip(states).try_for_each(|(env, state)| env.restore(state))?;
        let count = self.observations.len();
        self.observations.copy_from_slice(&observations[..count]);
        self.begin()
    }

    /// Nothing has been stepped yet.
    fn begin(&mut self) -> Result<(), SimError> {
        self.error = None;
        self.final_observations.copy_from_slice(&self.observations);
        for index in 0..self.envs.len() {
            let span = self.privileged_span(index);
            self.envs[index].reveal(&mut self.privileged[span])?;
        }
        self.final_privileged.copy_from_slice(&self.privileged);
        self.rewards.fill(0.0);
        self.terminated.fill(false);
        self.truncated.fill(false);
        self.faulted.fill(false);
        self.finished.fill(None);
        Ok(())
    }

    fn observation_span(&self, index: usize) -> Range<usize> {
        index * self.observation_size..(index + 1) * self.observation_size
    }

    fn privileged_span(&self, index: usize) -> Range<usize> {
        index * self.privileged_size..(index + 1) * self.privileged_size
    }

    /// Steps every environment, and starts the next episode of those whose episode ended.
    pub(super) fn step(&mut self) {
        self.error = self.step_all().err();
    }

    fn step_all(&mut self) -> Result<(), SimError> {
        // What a step that breaks down leaves behind: finite, and of this episode.
        self.final_observations.copy_from_slice(&self.observations);
        self.final_privileged.copy_from_slice(&self.privileged);
        (0..self.envs.len()).try_for_each(|index| self.step_one(index))?;
        self.observations.copy_from_slice(&self.final_observations);
        self.privileged.copy_from_slice(&self.final_privileged);
        for index in 0..self.envs.len() {
            self.finished[index] = None;
            if self.terminated[index] || self.truncated[index] || self.faulted[index] {
                self.begin_next(index)?;
            }
        }
        Ok(())
    }

    fn step_one(&mut self, index: usize) -> Result<(), SimError> {
        let span = self.observation_span(index);
        let seen = self.privileged_span(index);
        let env = &mut self.envs[index];
        let action = &self.actions[index * self.action_size..(index + 1) * self.action_size];
        let outcome = env.step(action, &mut self.final_observations[span])?;
        if !outcome.faulted {
            env.reveal(&mut self.final_privileged[seen])?;
        }
        self.rewards[index] = outcome.reward;
        self.terminated[index] = outcome.terminated;
        self.truncated[index] = outcome.truncated;
        self.faulted[index] = outcome.faulted;
        self.faults.extend(env.fault().cloned());
        Ok(())
    }

    /// Sums up the episode that ended, and starts the environment's next.
    fn begin_next(&mut self, index: usize) -> Result<(), SimError> {
        let span = self.observation_span(index);
        let seen = self.privileged_span(index);
        let env = &mut self.envs[index];
        self.finished[index] = Some(env.summary());
        self.progress[index] = env.progress();
        if let Some(levels) = self.levels.as_mut().filter(|_| !self.faulted[index]) {
            levels.advance(index, env, &self.progress[index]);
        }
        self.boundaries[index] = env.robot().and_then(SimulatedRobot::boundary);
        env.reset(env.episode() + 1, &mut self.observations[span])?;
        env.reveal(&mut self.privileged[seen])
    }
}
