//! Why the simulator could not do what was asked: [`SimError`].

use sinew_policy_runtime::action::ActionFault;
use sinew_policy_runtime::observation::ObservationFault;

/// Why the simulator could not do what was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SimError {
    /// The task is equations without a robot.
    #[error("task {task:?} is equations alone and has no robot")]
    NoRobot {
        /// The task.
        task: String,
    },
    /// No environment was asked for.
    #[error("0 environments, expected at least 1")]
    NoEnvironment,
    /// A slice of the wrong length.
    #[error("{what}: {found} values, expected {expected}")]
    Length {
        /// Which.
        what: &'static str,
        /// What was expected.
        expected: usize,
        /// What was found.
        found: usize,
    },
    /// A snapshot that cannot be encoded or decoded.
    #[error("snapshot: {reason}")]
    Snapshot {
        /// What is wrong.
        reason: String,
    },
    /// An action that is NaN or infinite.
    #[error("environment {environment}: action {index} is {value}, expected a finite number")]
    NotFinite {
        /// The environment.
        environment: u64,
        /// Position in the action.
        index: usize,
        /// The action.
        value: f32,
    },
    /// The task's contract does not fit its own robot.
    #[error("the contract does not fit the robot: {reason}")]
    Contract {
        /// The first difference.
        reason: String,
    },
    /// No observation could be made.
    #[error("environment {environment}: {fault}")]
    Observation {
        /// The environment.
        environment: u64,
        /// Why.
        fault: ObservationFault,
    },
    /// No actuator command could be made.
    #[error("environment {environment}: {fault}")]
    Action {
        /// The environment.
        environment: u64,
        /// Why.
        fault: ActionFault,
    },
    /// A worker thread could not be started.
    #[error("cannot start worker thread {worker}: {source}")]
    Spawn {
        /// Which.
        worker: usize,
        /// Why.
        source: std::io::Error,
    },
    /// A worker thread ended before its work was done.
    #[error("worker thread {worker} ended before its work was done")]
    WorkerLost {
        /// Which.
        worker: usize,
    },
}

impl SimError {
    /// Refuses the first of `(what, expected, found)` whose lengths differ.
    pub(crate) fn check_lengths(lengths: &[(&'static str, usize, usize)]) -> Result<(), Self> {
        match lengths.iter().find(|(_, expected, found)| expected != found) {
            Some(&(what, expected, found)) => Err(Self::Length { what, expected, found }),
            None => Ok(()),
        }
    }
}
