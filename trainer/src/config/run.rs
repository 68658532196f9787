//! How long, on what, and how often to look: what every algorithm's run has.

use super::ConfigError;
use super::settings::{at_least_one, settings};

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
        /// Environment steps between evaluations; 0 for none. The actor of the best one is exported, so more of them find a better
        /// one.
        evaluation_interval: u64 = 10_000,
        /// Episodes of one evaluation. More make the learning curve smoother and training slower.
        evaluation_episodes: usize = 20,
        /// Environment steps between checkpoints; 0 for the last alone.
        checkpoint_interval: u64 = 50_000,
    }
}

impl RunConfig {
    pub(crate) fn check(&self) -> Result<(), ConfigError> {
        at_least_one("training.steps", self.steps)?;
        at_least_one("training.environments", self.environments as u64)?;
        at_least_one("training.threads", self.threads as u64)?;
        at_least_one("training.evaluation_episodes", self.evaluation_episodes as u64)
    }
}
