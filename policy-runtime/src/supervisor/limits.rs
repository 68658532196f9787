//! How long phases last, what is tolerated, and what is answered to what is not.

use super::Answers;
use serde::{Deserialize, Serialize};

/// How long phases last, what is tolerated, and what is answered to what is not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// The policy runs in shadow for so long, s.
    pub standby_s: f32,
    /// The robot moves to its default pose for so long, s.
    pub readying_s: f32,
    /// The policy is blended in for so long, s.
    pub engaging_s: f32,
    /// Fresh samples in a row that end a fallback.
    pub recovery_ticks: u32,
    /// A fallback that lasts longer becomes a stop, s.
    pub fallback_s: f32,
    /// Policy periods in a row with an output out of range that are tolerated.
    pub out_of_range_periods: u32,
    /// Late ticks within a second that are tolerated: the default survives one stall of some ticks.
    pub overruns_per_s: u32,
    /// An operator's station that is silent for longer is a fault, s; 0 where none has to be heard.
    pub operator_silence_s: f32,
    /// The policy stays in shadow: it computes, and nothing is commanded.
    pub shadow: bool,
    /// What is answered to each cause.
    pub answers: Answers,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            standby_s: 0.2,
            readying_s: 1.0,
            engaging_s: 0.5,
            recovery_ticks: 3,
            fallback_s: 1.0,
            out_of_range_periods: 50,
            overruns_per_s: 20,
            operator_silence_s: 0.0,
            shadow: false,
            answers: Answers::default(),
        }
    }
}

impl Limits {
    /// The policy commands from its first sample on: for a robot that is released in motion, as in training.
    pub fn immediate() -> Self {
        Self { standby_s: 0.0, readying_s: 0.0, engaging_s: 0.0, ..Self::default() }
    }
}
