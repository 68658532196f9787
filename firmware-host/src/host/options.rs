//! How a host behaves, and why policy, robot and options may not belong together: [`HostOptions`], [`HostError`].

use crate::wire::message::MAX_GOAL;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::controller::ControllerError;
use sinew_policy_runtime::supervisor::Limits;

/// How a host behaves.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HostOptions {
    /// Chosen at random for each run.
    pub session: u64,
    /// Of the control loop, s; divides the policy's period.
    pub tick_period_s: f64,
    /// The goal, one command of the contract after the other.
    pub goal: heapless::Vec<f32, MAX_GOAL>,
    /// The supervisor's phases and tolerances.
    pub limits: Limits,
}

/// Why policy, robot and options do not belong together.
#[derive(Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum HostError<'a> {
    /// The policy cannot run on this robot, or not in this memory.
    #[error("{0}")]
    Policy(ControllerError<'a>),
    /// The tick does not divide the policy's period.
    #[error("a tick of {tick_s} s does not divide the policy's period of {period_s} s exactly")]
    Period {
        /// The tick.
        tick_s: f64,
        /// The policy's period.
        period_s: f64,
    },
    /// The goal has the wrong length.
    #[error("the goal has {found} values, the policy's commands have {expected}")]
    Goal {
        /// What the policy takes.
        expected: usize,
        /// What was given.
        found: usize,
    },
}
