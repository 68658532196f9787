//! What collects for the on-policy loop: a [`Collector`] steps environments by an actor's choices and fills a rollout.
//!
//! It shares nothing with what learns, so a rollout can be collected on a thread of its own.

use crate::actor_critic::ActorCritic;
use crate::config::RunConfig;
use crate::end::End;
use crate::normalizer::{Normalizer, Rescaling};
use crate::random::Stream;
use crate::rollout::{Rollout, RolloutShape};
use crate::stochastic_actor::Choice;
use crate::training::{Episodes, normalizers};
use sinew_sim::{Randomization, SimError, Task, VecEnv};

/// Environments, and what is seen of them.
pub(super) struct Collector {
    pub(super) environments: VecEnv,
    normalizes_observations: bool,
    /// Of observations and of what only the critic sees.
    pub(super) normalizers: [Normalizer; 2],
    pub(super) exploration: Stream,
    actions: Vec<f32>,
    /// Where the last step led, normalized, `[environments, observation]` and `[environments, privileged]`.
    next: [Vec<f32>; 2],
    pub(super) episodes: Episodes,
}

impl Collector {
    /// With fresh environments, stepped by `threads` threads.
    pub(super) fn new(
        task: &Task,
        run: &RunConfig,
        shape: RolloutShape,
        normalizes_observations: bool,
        threads: usize,
    ) -> Result<Self, SimError> {
        let RolloutShape { environments: count, observation_size, privileged_size, .. } = shape;
        let mut environments = VecEnv::new(task, Randomization::Training, count, run.seed, threads)?;
        environments.reset()?;
        Ok(Self {
            environments,
            normalizes_observations,
            normalizers: normalizers(task, privileged_size),
            exploration: Stream::new(run.seed, "exploration"),
            actions: vec![0.0; count * task.action_size()],
            next: [vec![0.0; count * observation_size], vec![0.0; count * privileged_size]],
            episodes: Episodes::new(),
        })
    }

    /// Puts the statistics recorded so far into use, and says how normalized values change by it.
    pub(super) fn refresh(&mut self, [observations, privileged]: &mut [Rescaling; 2]) {
        if self.normalizes_observations {
            self.normalizers[0].refresh_with(observations);
        }
        self.normalizers[1].refresh_with(privileged);
    }

    /// One rollout by `networks`, which remember on from the one before.
    pub(super) fn collect(
        &mut self,
        networks: &mut ActorCritic,
        rollout: &mut Rollout,
    ) -> Result<(), SimError> {
        let count = rollout.shape.environments;
        rollout.begin(networks.actor.own());
        for step in 0..rollout.shape.steps {
            self.observe(step, rollout);
            rollout.keep_states(step, networks.states());
            self.choose(step, networks, rollout);
            self.environments.step(&self.actions)?;
            let rows = step * count..(step + 1) * count;
            rollout.rewards[rows].copy_from_slice(self.environments.rewards());
            self.store_ends(step, networks, rollout);
            self.episodes.record(&mut self.environments);
        }
        let [observations, privileged] = &mut self.next;
        observations.copy_from_slice(self.environments.observations());
        privileged.copy_from_slice(self.environments.privileged());
        self.normalize_next();
        let rows = rollout.shape.rows();
        networks.values(&self.next[0], &self.next[1], &mut rollout.values[rows..]);
        Ok(())
    }

    /// Takes in what the next actions answer.
    fn observe(&mut self, step: usize, rollout: &mut Rollout) {
        let (observations, privileged) = (self.environments.observations(), self.environments.privileged());
        let values = step * observations.len()..(step + 1) * observations.len();
        let row = &mut rollout.observations[values];
        row.copy_from_slice(observations);
        if self.normalizes_observations {
            self.normalizers[0].record(observations);
            self.normalizers[0].apply(row);
        }
        if !privileged.is_empty() {
            let row = &mut rollout.privileged[step * privileged.len()..(step + 1) * privileged.len()];
            row.copy_from_slice(privileged);
            self.normalizers[1].record(privileged);
            self.normalizers[1].apply(row);
        }
    }

    /// Choices and values for what was taken in.
    fn choose(&mut self, step: usize, networks: &mut ActorCritic, rollout: &mut Rollout) {
        let shape = rollout.shape;
        let rows = step * shape.environments..(step + 1) * shape.environments;
        let of = |width: usize| rows.start * width..rows.end * width;
        let Rollout { observations, privileged, samples, outputs, log_probs, values, .. } = rollout;
        let observations = &observations[of(shape.observation_size)];
        let mut choice = Choice {
            samples: &mut samples[of(shape.sample_size)],
            outputs: &mut outputs[of(shape.output_size)],
            log_probs: &mut log_probs[rows.clone()],
            actions: &mut self.actions,
        };
        networks.act(observations, &mut self.exploration, &mut choice);
        networks.values(observations, &privileged[of(shape.privileged_size)], &mut values[rows]);
        networks.remember();
    }

    /// How the step ended episodes, and what the states are worth in which time ran out.
    fn store_ends(&mut self, step: usize, networks: &mut ActorCritic, rollout: &mut Rollout) {
        let count = rollout.shape.environments;
        let rows = step * count..(step + 1) * count;
        let environments = &self.environments;
        let mut any_truncated = false;
        for (index, end) in rollout.ends[rows.clone()].iter_mut().enumerate() {
            *end = End::of(environments, index);
            any_truncated |= *end == End::Truncated;
        }
        if any_truncated {
            let [observations, privileged] = &mut self.next;
            observations.copy_from_slice(environments.final_observations());
            privileged.copy_from_slice(environments.final_privileged());
            self.normalize_next();
            networks.values(&self.next[0], &self.next[1], &mut rollout.final_values[rows.clone()]);
        }
        let ends = rollout.ends[rows].iter().enumerate();
        for (environment, _) in ends.filter(|(_, end)| **end != End::None) {
            networks.forget(environment);
        }
    }

    fn normalize_next(&mut self) {
        let [observations, privileged] = &mut self.next;
        if self.normalizes_observations {
            self.normalizers[0].apply(observations);
        }
        if !privileged.is_empty() {
            self.normalizers[1].apply(privileged);
        }
    }
}
