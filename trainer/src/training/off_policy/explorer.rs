//! What acts while a learner learns: an [`Explorer`] has parameters of its own, so it can collect beside learning.

use crate::random::Stream;
use crate::training::{Metric, StateError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Chooses exploring actions by parameters that it copies from its learner.
pub(crate) trait Explorer: Send {
    /// What exploring has changed: noise that lasts, its metrics.
    type State: Serialize + DeserializeOwned;

    /// Acts by these parameters from now on.
    fn follow(&mut self, parameters: &[f32]);
    /// Exploring choices `[environments, choice]` for `observations [environments, observation]`, normalized; `progress` is the
    /// share of the run that is done.
    fn explore(&mut self, observations: &[f32], progress: f32, noise: &mut Stream, choices: &mut [f32]);
    /// One environment's episode is over: exploration that has a memory forgets.
    fn end_episode(&mut self, _environment: usize) {}
    /// Of the last step; the same names throughout a run.
    fn metrics(&self) -> Vec<Metric> {
        Vec::new()
    }
    /// What exploring has changed.
    fn state(&self) -> Self::State;
    /// Goes on from the state of an explorer of the same task and configuration.
    fn restore(&mut self, state: Self::State) -> Result<(), StateError>;
}
