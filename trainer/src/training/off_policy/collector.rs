//! What collects for the off-policy loop: a [`Collector`] steps environments by an explorer's choices and stages what comes of it.
//!
//! It shares nothing with what learns, so a block of steps can be collected on a thread of its own.

use super::explorer::Explorer;
use super::stage::Stage;
use super::{OffPolicySettings, transition_sizes};
use crate::action_space::ActionSpace;
use crate::config::RunConfig;
use crate::end::End;
use crate::normalizer::Normalizer;
use crate::random::Stream;
use crate::training::{Episodes, normalizers};
use sinew_sim::{Randomization, SimError, Task, VecEnv};

/// What is seen of all environments at one time, raw.
pub(super) struct Seen {
    /// `[environments, observation]`.
    pub(super) observations: Vec<f32>,
    /// `[environments, privileged]`; empty where no critic is to see it.
    pub(super) privileged: Vec<f32>,
}

/// Environments, and what acts in them.
pub(super) struct Collector<'r, E> {
    run: &'r RunConfig,
    settings: OffPolicySettings,
    pub(super) environments: VecEnv,
    action_space: ActionSpace,
    pub(super) explorer: E,
    /// Of observations and of privileged values: they record what is seen; those in use change between blocks alone.
    pub(super) normalizers: [Normalizer; 2],
    pub(super) exploration: Stream,
    /// What the present actions were chosen for.
    seen: Seen,
    /// The same as the policy sees it, `[environments, observation]`.
    pub(super) normalized: Vec<f32>,
    /// `[environments, choice]`: as learned about.
    choices: Vec<f32>,
    /// `[environments, action]`: as done.
    actions: Vec<f32>,
    /// The steps of the last block.
    pub(super) stage: Stage,
    pub(super) episodes: Episodes,
}

impl<'r, E: Explorer> Collector<'r, E> {
    /// With fresh environments, for blocks of `block` steps of each.
    pub(super) fn new(
        task: &Task,
        run: &'r RunConfig,
        settings: OffPolicySettings,
        explorer: E,
        block: usize,
    ) -> Result<Self, SimError> {
        let (count, seed) = (run.environments, run.seed);
        let sizes = transition_sizes(task, settings.privileged_critic);
        // Stepping takes less time than learning here, and a second set of threads would fight the first for cores.
        let mut environments = VecEnv::new(task, Randomization::Training, count, seed, 1)?;
        environments.reset()?;
        Ok(Self {
            run,
            settings,
            environments,
            action_space: ActionSpace::of(task),
            explorer,
            normalizers: normalizers(task, sizes.privileged),
            exploration: Stream::new(seed, "exploration"),
            seen: Seen {
                observations: vec![0.0; count * sizes.observation],
                privileged: vec![0.0; count * sizes.privileged],
            },
            normalized: vec![0.0; count * sizes.observation],
            choices: vec![0.0; count * sizes.action],
            actions: vec![0.0; count * task.action_size()],
            stage: Stage::new(sizes, block * count),
            episodes: Episodes::new(),
        })
    }

    /// Stages `block` steps of every environment; `steps` is how many of single environments were made before.
    pub(super) fn collect(&mut self, steps: u64, block: usize) -> Result<(), SimError> {
        self.stage.clear();
        let count = self.run.environments as u64;
        (0..block as u64).try_for_each(|step| self.step(steps + step * count))
    }

    /// One step of every environment.
    fn step(&mut self, steps: u64) -> Result<(), SimError> {
        self.look();
        if steps < self.settings.start_steps {
            self.action_space.draw(&mut self.exploration, &mut self.choices);
        } else {
            self.normalized.copy_from_slice(&self.seen.observations);
            if self.settings.normalize_observations {
                self.normalizers[0].apply(&mut self.normalized);
            }
            let progress = steps as f32 / self.run.steps as f32;
            self.explorer.explore(&self.normalized, progress, &mut self.exploration, &mut self.choices);
        }
        self.action_space.actions(&self.choices, &mut self.actions);
        self.environments.step(&self.actions)?;
        self.stage.push(&self.seen, &self.choices, &self.environments);
        let last = self.stage.rows() - self.run.environments;
        for (environment, _) in
            self.stage.ends()[last..].iter().enumerate().filter(|(_, end)| **end != End::None)
        {
            self.explorer.end_episode(environment);
        }
        self.episodes.record(&mut self.environments);
        Ok(())
    }

    /// Keeps what is seen now, since a step overwrites it.
    fn look(&mut self) {
        self.seen.observations.copy_from_slice(self.environments.observations());
        if !self.seen.privileged.is_empty() {
            self.seen.privileged.copy_from_slice(self.environments.privileged());
        }
        if self.settings.normalize_observations {
            let [observations, privileged] = &mut self.normalizers;
            observations.record(&self.seen.observations);
            privileged.record(&self.seen.privileged);
        }
    }
}
