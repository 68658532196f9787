//! What learns in the off-policy loop: [`Learning`] stores the steps that were staged, and makes the updates that are due.

use super::collector::Collector;
use super::explorer::Explorer;
use super::{OffPolicy, OffPolicySettings, transition_sizes};
use crate::config::RunConfig;
use crate::normalizer::Normalizer;
use crate::parallel::Workers;
use crate::random::Stream;
use crate::replay::{Batch, NStep, Replay};
use crate::training::normalizers;
use sinew_sim::Task;

/// A learner with its replay buffer.
pub(super) struct Learning<'r, L> {
    run: &'r RunConfig,
    pub(super) settings: OffPolicySettings,
    pub(super) workers: Workers,
    pub(super) learner: L,
    /// Of observations and of privileged values: those in use are what the learner learned with last.
    pub(super) normalizers: [Normalizer; 2],
    pub(super) n_step: NStep,
    pub(super) replay: Replay,
    pub(super) batch: Batch,
    pub(super) sampling: Stream,
    /// Steps of single environments that were stored.
    pub(super) steps: u64,
    /// Updates owed to these; its whole part is done next.
    pub(super) updates_due: f64,
    /// Whether the acting parameters may have changed since they were last handed to the collector.
    pub(super) has_changed: bool,
}

impl<'r, L: OffPolicy> Learning<'r, L> {
    /// With an empty replay buffer.
    pub(super) fn new(task: &Task, run: &'r RunConfig, learner: L) -> Self {
        let settings = learner.settings();
        let sizes = transition_sizes(task, settings.privileged_critic);
        // With a lag one thread collects.
        let threads = run.threads.saturating_sub(usize::from(run.lag > 0));
        Self {
            run,
            settings,
            workers: Workers::new(threads),
            learner,
            normalizers: normalizers(task, sizes.privileged),
            n_step: NStep::new(settings.n_step, settings.gamma, run.environments, sizes),
            replay: Replay::new(settings.replay_capacity, sizes, settings.priority_exponent),
            batch: Batch::new(settings.batch_size, sizes),
            sampling: Stream::new(run.seed, "replay"),
            steps: 0,
            updates_due: 0.0,
            has_changed: true,
        }
    }

    /// Stores what was collected, in order.
    pub(super) fn take_in<E: Explorer>(&mut self, collector: &Collector<'_, E>) {
        let count = self.run.environments;
        for row in 0..collector.stage.rows() {
            self.n_step.push(row % count, &collector.stage.step(row), &mut self.replay);
        }
        for _ in 0..collector.stage.rows() / count {
            self.steps += count as u64;
            if self.steps >= self.settings.start_steps {
                self.updates_due += count as f64 * self.settings.updates_per_step;
            }
        }
        for (own, recording) in self.normalizers.iter_mut().zip(&collector.normalizers) {
            own.take_records(recording);
        }
    }

    /// Lets the collector act as the learner would now.
    pub(super) fn hand_over<E: Explorer>(&mut self, collector: &mut Collector<'_, E>) {
        if self.has_changed {
            collector.explorer.follow(self.learner.acting_parameters());
            self.has_changed = false;
        }
        for (recording, own) in collector.normalizers.iter_mut().zip(&self.normalizers) {
            recording.copy_from(own);
        }
    }

    /// The updates that are due.
    pub(super) fn learn(&mut self) {
        if self.replay.is_empty() {
            return;
        }
        let updates = self.updates_due as u64;
        self.updates_due -= updates as f64;
        if self.settings.normalize_observations {
            self.normalizers.iter_mut().for_each(Normalizer::refresh);
        }
        let done = self.steps as f32 / self.run.steps as f32;
        let rate_scale = 1.0 - done * (1.0 - self.settings.final_learning_rate_share);
        let importance = self.settings.importance_exponent;
        let importance = importance + done * (1.0 - importance);
        for _ in 0..updates {
            self.draw(importance);
            self.learner.update(&self.batch, rate_scale, &self.workers);
            self.replay.reprioritize(&self.batch, self.learner.errors());
            self.has_changed = true;
        }
    }

    /// A batch, normalized where the run normalizes.
    pub(super) fn draw(&mut self, importance: f32) {
        let batch = &mut self.batch;
        self.replay.sample(&mut self.sampling, importance, batch);
        if self.settings.normalize_observations {
            let [observations, privileged] = &self.normalizers;
            observations.apply(&mut batch.observations);
            observations.apply(&mut batch.next_observations);
            privileged.apply(&mut batch.privileged);
            privileged.apply(&mut batch.next_privileged);
        }
    }
}
