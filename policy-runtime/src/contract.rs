//! The contract: everything beside the weights that a policy and a robot must agree on.
//!
//! A policy that meets the wrong joint order, period, unit or history is not slightly wrong, it breaks hardware. So the
//! contract travels inside the policy's file, is hashed with the weights, and is compared with the robot before
//! anything moves. The type borrows its names, so that it can be read in place from an image without allocation; it
//! is decoded to build an [`crate::observation::ObservationBuilder`] and an [`crate::action::ActionMap`] and is not
//! held during ticks.

use crate::interface::{Actuator, Frame, Interface, InterfaceHash, MAX_ACTUATORS, MAX_SENSORS, Sensor, Unit};
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
pub const MAX_RANDOMIZATIONS: usize = 24;

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
    /// [`Interface::hash`] of the robot that the policy was trained on.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// Why a contract cannot be used: the field, what was expected and what was found.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError<'a> {
    /// Another schema.
    #[error("contract schema_version is {found}, this build reads {SCHEMA_VERSION}")]
    SchemaVersion {
        /// In the file.
        found: u16,
    },
    /// A period that is not positive, or does not divide the next.
    #[error("{shorter} = {shorter_s} s must be positive and divide {longer} = {longer_s} s exactly")]
    Periods {
        /// Field of the shorter period.
        shorter: &'static str,
        /// Its value.
        shorter_s: f64,
        /// Field of the longer period.
        longer: &'static str,
        /// Its value.
        longer_s: f64,
    },
    /// A name that is listed twice, is empty, or holds other characters than letters, digits, `_`, `-`, `.` and `/`.
    #[error("{list} name {name:?} is repeated, empty, or holds a character outside [A-Za-z0-9_./-]")]
    Name {
        /// The list.
        list: &'static str,
        /// The name.
        name: &'a str,
    },
    /// A term that names a sensor or command that the contract does not have.
    #[error("observation term {term:?} reads {name:?}, which the contract does not list")]
    UnknownSource {
        /// The term.
        term: &'a str,
        /// What it reads.
        name: &'a str,
    },
    /// A term whose size, sensors or history do not fit its source.
    #[error("observation term {term:?}: {field} is {found}, expected {expected}")]
    Term {
        /// The term.
        term: &'a str,
        /// The field.
        field: &'static str,
        /// What was expected.
        expected: usize,
        /// What was found.
        found: usize,
    },
    /// A limit that is not finite, or a minimum that is not below its maximum.
    #[error("{name:?}: {field} must be finite, and minimum below maximum; found {found}")]
    Limit {
        /// Actuator or command.
        name: &'a str,
        /// The field.
        field: &'static str,
        /// The value.
        found: f32,
    },
    /// A list of the wrong length.
    #[error("{field} has {found} values, expected {expected}")]
    Length {
        /// The field.
        field: &'static str,
        /// What was expected.
        expected: usize,
        /// What was found.
        found: usize,
    },
}

/// Why a contract and a robot do not belong together.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Mismatch<'a> {
    /// The robot lacks a sensor.
    #[error("the policy reads sensor {name:?}, which the robot does not have")]
    MissingSensor {
        /// The sensor.
        name: &'a str,
    },
    /// The robot lacks an actuator.
    #[error("the policy drives actuator {name:?}, which the robot does not have")]
    MissingActuator {
        /// The actuator.
        name: &'a str,
    },
    /// The robot has an actuator that the policy does not drive.
    #[error("the robot's actuator {name:?} is not driven by the policy")]
    UndrivenActuator {
        /// The actuator.
        name: &'a str,
    },
    /// A sensor differs in size, unit or frame.
    #[error("sensor {name:?}: {field} differs between policy and robot")]
    Sensor {
        /// The sensor.
        name: &'a str,
        /// The field.
        field: &'static str,
    },
    /// An actuator differs in mode, limit or gain.
    #[error("actuator {name:?}: {field} is {expected} in the policy and {found} in the robot")]
    Actuator {
        /// The actuator.
        name: &'a str,
        /// The field.
        field: &'static str,
        /// In the policy.
        expected: f32,
        /// In the robot.
        found: f32,
    },
    /// The actuator's mode differs.
    #[error("actuator {name:?}: mode is {expected:?} in the policy and {found:?} in the robot")]
    Mode {
        /// The actuator.
        name: &'a str,
        /// In the policy.
        expected: crate::interface::ActuatorMode,
        /// In the robot.
        found: crate::interface::ActuatorMode,
    },
    /// All parts fit, in another order or with others beside them.
    #[error(
        "the robot's interface hash differs from the policy's: same parts, another order or others beside them"
    )]
    Hash,
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

    fn check<'a>(&self) -> Result<(), ContractError<'a>> {
        let pairs = [
            ("servo_period_s", self.servo_period_s, "loop_period_s", self.loop_period_s),
            ("loop_period_s", self.loop_period_s, "policy_period_s", self.policy_period_s),
        ];
        for (shorter, shorter_s, longer, longer_s) in pairs {
            if Self::ratio(shorter_s, longer_s).is_none() {
                return Err(ContractError::Periods { shorter, shorter_s, longer, longer_s });
            }
        }
        Ok(())
    }
}

impl<'a> Contract<'a> {
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

    /// Checks everything that can be checked without the robot.
    ///
    /// # Errors
    /// The first field that cannot be used, with what was expected and found.
    pub fn validate(&self) -> Result<(), ContractError<'a>> {
        if self.schema_version != SCHEMA_VERSION {
            return Err(ContractError::SchemaVersion { found: self.schema_version });
        }
        self.periods.check()?;
        check_names("sensor", &self.sensors.iter().map(|sensor| sensor.name))?;
        check_names("observation term", &self.observation.iter().map(|term| term.name))?;
        check_names("command", &self.commands.iter().map(|command| command.name))?;
        check_names("actuator", &self.actions.iter().map(|action| action.name))?;
        check_names("task", &core::iter::once(self.task))?;
        self.commands.iter().try_for_each(check_command)?;
        for action in &self.actions {
            check_range(action.name, action.minimum, action.maximum)?;
        }
        self.observation.iter().try_for_each(|term| self.check_term(term))?;
        let lengths = [
            ("actions", self.actions.len(), self.actions.len().max(1)),
            ("observation", self.observation_size(), self.observation_size().max(1)),
            ("default_pose", self.default_pose.len(), self.actions.len()),
        ];
        for (field, found, expected) in lengths {
            if found != expected {
                return Err(ContractError::Length { field, expected, found });
            }
        }
        match self.default_pose.iter().zip(&self.actions).find(|(value, _)| !value.is_finite()) {
            Some((value, action)) => {
                Err(ContractError::Limit { name: action.name, field: "default_pose", found: *value })
            }
            None => Ok(()),
        }
    }

    /// Checks that every sensor and actuator of the contract is the robot's, by name, and the robot's hash.
    ///
    /// # Errors
    /// The first sensor or actuator that differs, with both values.
    pub fn matches(&self, robot: &Interface<'a>) -> Result<(), Mismatch<'a>> {
        for sensor in &self.sensors {
            let Some((_, _, found)) = robot.sensor(sensor.name) else {
                return Err(Mismatch::MissingSensor { name: sensor.name });
            };
            let fields = [
                ("size", sensor.size == found.size),
                ("unit", sensor.unit == found.unit),
                ("frame", sensor.frame == found.frame),
            ];
            if let Some((field, _)) = fields.into_iter().find(|(_, equal)| !equal) {
                return Err(Mismatch::Sensor { name: sensor.name, field });
            }
        }
        for action in &self.actions {
            let Some((_, found)) = robot.actuator(action.name) else {
                return Err(Mismatch::MissingActuator { name: action.name });
            };
            check_actuator(action, found)?;
        }
        if let Some(actuator) = robot
            .actuators
            .iter()
            .find(|actuator| self.actions.iter().all(|action| action.name != actuator.name))
        {
            return Err(Mismatch::UndrivenActuator { name: actuator.name });
        }
        if robot.hash() == self.interface_hash { Ok(()) } else { Err(Mismatch::Hash) }
    }

    fn check_term(&self, term: &ObservationTerm<'a>) -> Result<(), ContractError<'a>> {
        let error = |field, expected, found| ContractError::Term { term: term.name, field, expected, found };
        let mut sensed = 0;
        for name in &term.sensors {
            let Some(sensor) = self.sensors.iter().find(|sensor| sensor.name == *name) else {
                return Err(ContractError::UnknownSource { term: term.name, name });
            };
            sensed += usize::from(sensor.size);
        }
        let command = match term.command {
            None => 0,
            Some(name) => match self.commands.iter().find(|command| command.name == name) {
                Some(command) => command.size(),
                None => return Err(ContractError::UnknownSource { term: term.name, name }),
            },
        };
        // Per source: how many sensors (`None` for any number), their values together, the command's values, the size.
        let (sensors, sensor_values, command_values, size) = match term.source {
            TermSource::Sensor => (None, sensed.max(1), 0, sensed),
            TermSource::CosSin => (None, sensed.max(1), 0, 2 * sensed),
            TermSource::ProjectedGravity => (Some(1), 4, 0, 3),
            TermSource::RotateToBody => (Some(2), 7, 0, 3),
            TermSource::CommandErrorInBody => (Some(2), 7, 3, 3),
            TermSource::Command => (Some(0), 0, command.max(1), command),
            TermSource::PreviousAction => (Some(0), 0, 0, self.actions.len()),
        };
        let checks = [
            ("number of sensors", sensors.unwrap_or(term.sensors.len()), term.sensors.len()),
            ("number of sensor values", sensor_values, sensed),
            ("command size", command_values, command),
            ("size", size, usize::from(term.size)),
            ("history.length", term.history.length.max(1).into(), term.history.length.into()),
            ("history.stride", term.history.stride.max(1).into(), term.history.stride.into()),
        ];
        for (field, expected, found) in checks {
            if expected != found {
                return Err(error(field, expected, found));
            }
        }
        let first = &self.observation[0].history;
        if self.layout == Layout::TimeMajor && term.history != *first {
            return Err(error(
                "history.length (time_major)",
                first.length.into(),
                term.history.length.into(),
            ));
        }
        if !(term.max_age_s > 0.0 && term.max_age_s.is_finite()) {
            return Err(ContractError::Limit { name: term.name, field: "max_age_s", found: term.max_age_s });
        }
        Ok(())
    }
}

fn check_names<'a>(
    list: &'static str,
    names: &(impl Iterator<Item = &'a str> + Clone),
) -> Result<(), ContractError<'a>> {
    for (index, name) in names.clone().enumerate() {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte);
        if name.is_empty() || !name.bytes().all(legal) || names.clone().take(index).any(|other| other == name)
        {
            return Err(ContractError::Name { list, name });
        }
    }
    Ok(())
}

fn check_range(name: &str, minimum: f32, maximum: f32) -> Result<(), ContractError<'_>> {
    if !maximum.is_finite() {
        return Err(ContractError::Limit { name, field: "maximum", found: maximum });
    }
    if !(minimum.is_finite() && minimum < maximum) {
        return Err(ContractError::Limit { name, field: "minimum", found: minimum });
    }
    Ok(())
}

fn check_command<'a>(command: &CommandTerm<'a>) -> Result<(), ContractError<'a>> {
    for (field, list) in [("minimum", &command.minimum), ("maximum", &command.maximum)] {
        if list.len() != command.size() || command.size() == 0 {
            return Err(ContractError::Length { field, expected: command.size().max(1), found: list.len() });
        }
    }
    for (index, safe) in command.safe_value.iter().enumerate() {
        check_range(command.name, command.minimum[index], command.maximum[index])?;
        if !(command.minimum[index] <= *safe && *safe <= command.maximum[index]) {
            return Err(ContractError::Limit { name: command.name, field: "safe_value", found: *safe });
        }
    }
    Ok(())
}

fn check_actuator<'a>(policy: &Actuator<'a>, robot: &Actuator<'a>) -> Result<(), Mismatch<'a>> {
    if policy.mode != robot.mode {
        return Err(Mismatch::Mode { name: policy.name, expected: policy.mode, found: robot.mode });
    }
    let rate = |actuator: &Actuator| actuator.max_rate_per_s.unwrap_or(f32::INFINITY);
    let fields = [
        ("minimum", policy.minimum, robot.minimum),
        ("maximum", policy.maximum, robot.maximum),
        ("max_rate_per_s", rate(policy), rate(robot)),
        ("stiffness", policy.stiffness, robot.stiffness),
        ("damping", policy.damping, robot.damping),
    ];
    match fields.into_iter().find(|(_, expected, found)| expected != found) {
        Some((field, expected, found)) => {
            Err(Mismatch::Actuator { name: policy.name, field, expected, found })
        }
        None => Ok(()),
    }
}
