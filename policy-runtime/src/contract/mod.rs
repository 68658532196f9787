//! The contract: everything beside the weights that a policy and a robot must agree on.
//!
//! A policy that meets the wrong joint order, period, unit or history is not slightly wrong, it breaks hardware. So the
//! contract travels inside the policy's file, is hashed with the weights, and is compared with the robot before
//! anything moves. The type borrows its names, so that it can be read in place from an image without allocation; it
//! is decoded to build an [`crate::observation::ObservationBuilder`] and an [`crate::action::ActionMap`] and is not
//! held during ticks.

mod check;
mod matching;

pub use check::ContractError;
pub use matching::Mismatch;

use crate::interface::{Actuator, Frame, InterfaceHash, MAX_ACTUATORS, MAX_SENSORS, Sensor, Unit};
use serde::{Deserialize, Serialize};

/// The schema that this version reads and writes.
pub const SCHEMA_VERSION: u16 = 1;
/// Largest number of observation terms.
pub const MAX_TERMS: usize = 16;
/// Largest number of sensors in one observation term.
pub const MAX_TERM_SENSORS: usize = 4;
/// Largest number of command terms.
pub const MAX_COMMANDS: usize = 4;
/// Largest number of values of one command term.
pub const MAX_COMMAND_SIZE: usize = 8;
/// Largest number of randomized quantities listed in the provenance.
pub const MAX_RANDOMIZATIONS: usize = 64;

/// Everything beside the weights that a policy and a robot must agree on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract<'a> {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u16,
    /// The task that the policy was trained on.
    #[serde(borrow)]
    pub task: &'a str,
    /// The three periods.
    pub periods: Periods,
    /// What the robot receives between two inferences.
    pub interpolation: Interpolation,
    /// The robot's sensors that the policy reads.
    #[serde(borrow)]
    pub sensors: heapless::Vec<Sensor<'a>, MAX_SENSORS>,
    /// The graph's input, term by term.
    #[serde(borrow)]
    pub observation: heapless::Vec<ObservationTerm<'a>, MAX_TERMS>,
    /// How terms with history are laid out.
    pub layout: Layout,
    /// The goals that the policy takes.
    #[serde(borrow)]
    pub commands: heapless::Vec<CommandTerm<'a>, MAX_COMMANDS>,
    /// The graph's output, actuator by actuator.
    #[serde(borrow)]
    pub actions: heapless::Vec<Actuator<'a>, MAX_ACTUATORS>,
    /// One number for each action, in its unit: where readying moves the robot, and where rate limits start from.
    pub default_pose: heapless::Vec<f32, MAX_ACTUATORS>,
    /// [`crate::interface::Interface::hash`] of the robot that the policy was trained on.
    #[serde(with = "crate::hexadecimal")]
    pub interface_hash: InterfaceHash,
    /// Where the weights come from.
    #[serde(borrow)]
    pub provenance: Provenance<'a>,
}

/// The three periods in seconds, each dividing the next exactly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Periods {
    /// Of the joint or rotor servo.
    pub servo_period_s: f64,
    /// Of the host's tick.
    pub loop_period_s: f64,
    /// Of inference, history and recurrent state. Nothing changes it after training.
    pub policy_period_s: f64,
}

/// What the robot receives between two inferences.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// The last inference's setpoint.
    Hold,
}

/// How an observation's values are ordered where terms carry history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// All samples of the first term, then all samples of the next.
    TermMajor,
    /// All terms of one sample, then all terms of the next; every term must have the same history.
    TimeMajor,
}

/// How a term is computed from sensors, command and previous action.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TermSource {
    /// The sensors' values, one sensor after the other.
    Sensor,
    /// Cosine and sine of each value of the sensors, `[cos a, sin a, cos b, sin b, …]`.
    CosSin,
    /// The unit vector of gravity in the body frame; the sensor is an orientation quaternion.
    ProjectedGravity,
    /// A world vector in the body frame; sensors: the vector, the orientation quaternion.
    RotateToBody,
    /// Command minus sensor, turned into the body frame; sensors: the position, the orientation quaternion.
    CommandErrorInBody,
    /// The command's values.
    Command,
    /// The policy's own raw output of the previous inference, before scaling, delay and supervision.
    PreviousAction,
    /// The rotation from body to world, `R(q)` row by row, 9 values; the sensor is an orientation quaternion.
    RotationMatrix,
    /// A clock that the policy walks by: `[sin 2πφ, cos 2πφ]` with `φ = t / period_s`, `t` the policy periods since the reset.
    Phase {
        /// Of the gait, in seconds.
        period_s: f32,
    },
}

/// Which sample of a term's history comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryOrder {
    /// The oldest sample first.
    OldestFirst,
    /// The newest sample first.
    NewestFirst,
}

/// What a term's history holds before enough samples have come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HistoryReset {
    /// Copies of the first sample.
    RepeatFirst,
    /// Zeros.
    Zero,
}

/// A term's history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// How many samples the policy sees, the newest included; at least 1.
    pub length: u16,
    /// Policy periods between two of them; at least 1.
    pub stride: u16,
    /// Which comes first.
    pub order: HistoryOrder,
    /// What stands in before they exist.
    pub reset: HistoryReset,
}

impl History {
    /// The newest sample alone.
    pub const NONE: Self =
        Self { length: 1, stride: 1, order: HistoryOrder::OldestFirst, reset: HistoryReset::RepeatFirst };

    /// How many samples must be kept to serve it.
    pub const fn samples_kept(&self) -> usize {
        (self.length as usize - 1) * self.stride as usize + 1
    }
}

/// A named piece of the observation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObservationTerm<'a> {
    /// Unique among the terms.
    pub name: &'a str,
    /// How it is computed.
    pub source: TermSource,
    /// The sensors it reads, in the order that `source` asks for.
    #[serde(borrow)]
    pub sensors: heapless::Vec<&'a str, MAX_TERM_SENSORS>,
    /// The command it reads, where `source` asks for one.
    #[serde(borrow)]
    pub command: Option<&'a str>,
    /// Values of one sample.
    pub size: u16,
    /// Unit of every value.
    pub unit: Unit,
    /// Frame of every value.
    pub frame: Frame,
    /// Samples of the past that the policy sees too.
    pub history: History,
    /// Largest age of the sensors in seconds when they are used; an older one is a fault.
    pub max_age_s: f32,
}

impl ObservationTerm<'_> {
    /// Values that the term takes in the observation, history included.
    pub fn width(&self) -> usize {
        usize::from(self.size) * usize::from(self.history.length)
    }
}

/// A goal given to the policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandTerm<'a> {
    /// Unique among the commands.
    pub name: &'a str,
    /// Unit of every value.
    pub unit: Unit,
    /// Frame of every value.
    pub frame: Frame,
    /// Smallest values.
    pub minimum: heapless::Vec<f32, MAX_COMMAND_SIZE>,
    /// Largest values.
    pub maximum: heapless::Vec<f32, MAX_COMMAND_SIZE>,
    /// What is used when the operator's command is too old.
    pub safe_value: heapless::Vec<f32, MAX_COMMAND_SIZE>,
    /// Largest age in seconds.
    pub max_age_s: f32,
}

impl CommandTerm<'_> {
    /// How many values the command has.
    pub fn size(&self) -> usize {
        self.safe_value.len()
    }
}

/// Where the weights come from. No time, host, path or thread count: equal runs give equal files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provenance<'a> {
    /// Such as `sac`.
    pub algorithm: &'a str,
    /// Environment steps trained.
    pub steps: u64,
    /// The run's seed.
    pub seed: u64,
    /// Sinew's version.
    pub version: &'a str,
    /// The ranges that the policy was trained under.
    #[serde(borrow)]
    pub randomization: heapless::Vec<RandomizationRange<'a>, MAX_RANDOMIZATIONS>,
}

impl<'a> Provenance<'a> {
    /// Of a policy trained under no randomization, or whose ranges the task adds.
    pub fn new(algorithm: &'a str, steps: u64, seed: u64, version: &'a str) -> Self {
        Self { algorithm, steps, seed, version, randomization: heapless::Vec::new() }
    }
}

/// One randomized quantity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RandomizationRange<'a> {
    /// Such as `mass_scale`.
    pub term: &'a str,
    /// Lowest value drawn.
    pub low: f64,
    /// Highest value drawn.
    pub high: f64,
}

impl Periods {
    /// How many of the shorter fit into the longer, if they do so exactly (to one part in a billion).
    pub fn ratio(shorter_s: f64, longer_s: f64) -> Option<u32> {
        if !(shorter_s > 0.0 && shorter_s.is_finite() && longer_s.is_finite()) {
            return None;
        }
        let exact = longer_s / shorter_s;
        if !(exact < 1e9) {
            return None;
        }
        let whole = (exact + 0.5) as u32;
        let error = exact - f64::from(whole);
        (whole >= 1 && error < 1e-9 * exact && error > -1e-9 * exact).then_some(whole)
    }
}

impl Contract<'_> {
    /// Values of the graph's input.
    pub fn observation_size(&self) -> usize {
        self.observation.iter().map(ObservationTerm::width).sum()
    }

    /// Values of all commands together.
    pub fn command_size(&self) -> usize {
        self.commands.iter().map(CommandTerm::size).sum()
    }

    /// Values of the graph's output.
    pub fn action_size(&self) -> usize {
        self.actions.len()
    }

    /// Whether the graph must emit `raw_action` beside `action`.
    pub fn uses_previous_action(&self) -> bool {
        self.observation.iter().any(|term| term.source == TermSource::PreviousAction)
    }
}
