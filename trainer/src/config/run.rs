//! How long, on what, and how often to look: what every algorithm's run has.

use super::ConfigError;
use super::settings::{at_least_one, require, settings};

settings! {
    /// How long, on what, and how often to look.
    pub struct RunConfig, RunDocument {
        /// Environment steps in all. More train longer and better.
        steps: u64 = 100_000,
        /// The seed of everything random. Any other gives another, equally valid run; up to 2^63 - 1, TOML's largest.
        seed: u64 = 0,
        /// Environments stepped together. More give steadier data for each update.
        environments: usize = 1,
        /// Threads. Changes the time alone, never the result.
        threads: usize = 1,
        /// Updates by which the policy that collects may be behind the one that learns; above 0, environments are stepped while
        /// learning goes on, on a thread of their own where there are two. More overlap in longer pieces, and experience comes from
        /// older policies, from which less is learned at a time. 0 collects and learns in turn. For ppo, where an update is all that
        /// is learned from one rollout, at most 1, which leaves the last rollout unlearned; for a2c, trpo, npg and reinforce 0.
        lag: u64 = 0,
        /// Share of the steps, at the end of the run, that simulate the formulation that the task is accepted in, where its
        /// `training_formulation` is another. A larger one narrows the gap between the two, and
        /// takes longer.
        exact_share: f64 = 0.0,
        /// Environment steps between evaluations; 0 for none. The actor of the best one is exported, so more of them find a better
        /// one.
        evaluation_interval: u64 = 10_000,
        /// Episodes of one evaluation. More make the learning curve smoother and training slower.
        evaluation_episodes: usize = 20,
        /// Environment steps between checkpoints; 0 for the last alone.
        checkpoint_interval: u64 = 50_000,
        /// Checkpoints that are kept: the newest ones. More let you go back further, for their room on disk.
        keep_checkpoints: usize = 3,
        /// Whether each evaluation that is the best so far leaves a checkpoint, which is kept beside the newest until a better one
        /// comes.
        keep_best: bool = true,
        /// Mean return of an evaluation at which training ends early; inf for never.
        stop_at_return: f64 = f64::INFINITY,
        /// Share of successes of an evaluation, 0 to 1, at which training ends early; inf for never.
        stop_at_success: f64 = f64::INFINITY,
    }
}

impl RunConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        at_least_one("training.steps", self.steps)?;
        at_least_one("training.environments", self.environments as u64)?;
        at_least_one("training.threads", self.threads as u64)?;
        at_least_one("training.evaluation_episodes", self.evaluation_episodes as u64)?;
        at_least_one("training.keep_checkpoints", self.keep_checkpoints as u64)?;
        let exact = (0.0..=1.0).contains(&self.exact_share);
        require(exact, "training.exact_share", self.exact_share, "from 0 to 1")?;
        let (stop_at_return, stop_at_success) = (self.stop_at_return, self.stop_at_success);
        require(
            !stop_at_return.is_nan(),
            "training.stop_at_return",
            stop_at_return,
            "a number, or inf for never",
        )?;
        let share = stop_at_success > 0.0 && stop_at_success <= 1.0 || stop_at_success == f64::INFINITY;
        require(share, "training.stop_at_success", stop_at_success, "above 0 and at most 1, or inf for never")
    }
}
