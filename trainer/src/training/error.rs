//! Why training ended early.

use super::{Metric, StateError};
use crate::action_space::ActionSpaceError;
use crate::evaluation::EvaluationError;
use sinew_sim::SimError;

/// Why training ended early.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainingError {
    /// The algorithm cannot act in the task.
    #[error(transparent)]
    ActionSpace(#[from] ActionSpaceError),
    /// The simulator refused the task.
    #[error(transparent)]
    Simulation(#[from] SimError),
    /// A loss or a parameter is NaN or infinite.
    #[error(
        "training diverged at step {steps}: {metrics}; the last checkpoint is kept, try a smaller learning rate"
    )]
    Diverged {
        /// Environment steps trained.
        steps: u64,
        /// The last update's, each with its name.
        metrics: String,
    },
    /// The checkpoint is of another task, configuration or instruction set.
    #[error("the run cannot go on: {what} is {found}, its checkpoint was made with {expected}")]
    Identity {
        /// What differs.
        what: String,
        /// The checkpoint's.
        expected: String,
        /// What this run has.
        found: String,
    },
    /// The run has come further than it is now meant to.
    #[error("the run has {found} steps already, so --steps must be more than {asked}")]
    Finished {
        /// Environment steps trained.
        found: u64,
        /// The length asked for.
        asked: u64,
    },
    /// The run cannot start or go on from what was saved.
    #[error("the run cannot start from what was saved: {0}")]
    State(#[from] StateError),
    /// The state of learning cannot be encoded.
    #[error("the checkpoint at step {steps} cannot be encoded: {source}")]
    Encode {
        /// Environment steps trained.
        steps: u64,
        /// Why.
        source: StateError,
    },
    /// A checkpoint could not be written.
    #[error(
        "the checkpoint at step {steps} could not be written: {source}; the last one before it is kept, and --resume goes on from it"
    )]
    Checkpoint {
        /// Environment steps trained.
        steps: u64,
        /// Why.
        source: std::io::Error,
    },
    /// The policy could not be exported or run.
    #[error(transparent)]
    Evaluation(#[from] EvaluationError),
}

impl TrainingError {
    pub(super) fn diverged(steps: u64, metrics: &[Metric]) -> Self {
        let metrics: Vec<String> = metrics.iter().map(Metric::to_string).collect();
        Self::Diverged { steps, metrics: metrics.join(", ") }
    }
}
