//! What a host counts: [`Counters`].

use crate::wire::host_session::SessionCounters;
use crate::wire::message::Refusal;
use serde::{Deserialize, Serialize};

/// What happened since the start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// Ticks.
    pub ticks: u64,
    /// Policy periods.
    pub inferences: u64,
    /// Policy periods with an output outside its limits.
    pub saturated: u64,
    /// Commands that the supervisor had to bound.
    pub interventions: u64,
    /// Ticks whose worst fault was answered with a warning.
    pub warnings: u64,
    /// Samples taken.
    pub samples: u64,
    /// Samples that were repeated, old, or of another session.
    pub rejected_samples: u64,
    /// Frames that were damaged.
    pub damaged_frames: u64,
    /// Frames that the link refused.
    pub send_errors: u64,
    /// Samples that never came, by their sequence.
    pub missing_samples: u64,
    /// Starts of the robot while the session lasted.
    pub robot_restarts: u64,
    /// Operator's messages that were repeated, old, or had a goal that cannot be used.
    pub rejected_operator: u64,
    /// The robot's newest fault, as the protocol numbers it; 0 where there was none.
    pub robot_fault: u8,
    /// Why the robot refused the newest hello, where it did.
    pub refused: Option<Refusal>,
}

impl Counters {
    /// What a session counts is counted here too.
    pub(super) fn adopt(&mut self, session: SessionCounters) {
        let SessionCounters {
            samples,
            rejected_samples,
            missing_samples,
            robot_restarts,
            robot_fault,
            refused,
        } = session;
        (self.samples, self.rejected_samples, self.missing_samples) =
            (samples, rejected_samples, missing_samples);
        (self.robot_restarts, self.robot_fault, self.refused) = (robot_restarts, robot_fault, refused);
    }
}
