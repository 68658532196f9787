//! What a host knows about a robot: its interface, how long it obeys, and what it does on its own.
//!
//! `robot.toml` says it for a real robot; for a simulated one it follows from the task. Names are owned here, and
//! [`Robot::interface`] lends them.

mod descent;
mod fallback;
mod guard;
mod supervision;

pub use descent::{DescentDescription, RotorDescription, Spin};
pub use fallback::{FallbackController, FallbackDescription, HeldDescription};
pub use guard::{Bounds, GuardDescription, GuardedCause};
pub use supervision::{Mistake, Supervision};

use crate::host::HostError;
use crate::wire::message::MAX_SAMPLE;
use crate::wire::robot_session::LARGEST_COMMAND_AGE_US;
use serde::{Deserialize, Serialize};
use sinew_policy_runtime::document::{self, DocumentError};
use sinew_policy_runtime::interface::{
    Actuator, ActuatorMode, Frame, Interface, MAX_ACTUATORS, MAX_SENSORS, Sensor, Unit,
};
use sinew_policy_runtime::supervisor::Limits;

/// Between slower samples a robot's own rule would end every command: it obeys none for a sample that it sent longer ago.
const SLOWEST_SAMPLES_HZ: f64 = 1e6 / LARGEST_COMMAND_AGE_US as f64;

/// A robot's description, checked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Robot {
    /// For people.
    pub name: String,
    /// The robot obeys an actuator command for so long, s, and then enters its own safe state.
    pub valid_for_s: f64,
    /// Samples that the robot sends in a second; as many as the host's ticks where absent. More fill the link, which is
    /// refused where it cannot carry them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample_rate_hz: Option<f64>,
    /// In the order in which the robot reports them.
    pub sensors: Vec<SensorDescription>,
    /// In the order in which the robot takes them.
    pub actuators: Vec<ActuatorDescription>,
    /// The supervisor's phases, tolerances and answers; its own where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervisor: Option<Limits>,
    /// What the host commands when the policy may not; nothing where absent, which leaves it to the robot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<FallbackDescription>,
    /// What sensors may say.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<GuardDescription>,
}

/// A group of values that are measured together.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SensorDescription {
    /// Unique among the sensors.
    pub name: String,
    /// How many values.
    pub size: u16,
    /// Of each.
    pub unit: Unit,
    /// Of each.
    pub frame: Frame,
}

/// An actuator with its limits and gains.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActuatorDescription {
    /// Unique among the actuators.
    pub name: String,
    /// What its number means.
    pub mode: ActuatorMode,
    /// Smallest command, in the mode's unit.
    pub minimum: f32,
    /// Largest command, in the mode's unit.
    pub maximum: f32,
    /// Largest change of the command per second.
    #[serde(default)]
    pub max_rate_per_s: Option<f32>,
    /// Of the servo, N·m/rad.
    #[serde(default)]
    pub stiffness: f32,
    /// Of the servo, N·m·s/rad.
    #[serde(default)]
    pub damping: f32,
    /// Which sensor shows where its joint is; `NAME_position` where absent, and needed by a jog alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feedback: Option<Feedback>,
}

/// Where a joint's position stands in a sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// Of the robot.
    pub sensor: String,
    /// Which of its values, from 0.
    #[serde(default)]
    pub index: u16,
    /// What it says where the robot rests before a jog, rad or m: a jig, or hanging still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<f32>,
}

/// Why a robot and a policy cannot be run together.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RobotError {
    /// A file that cannot be read, not TOML, an unknown key, or a value of the wrong type.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A value that cannot be used.
    #[error("{file}: {field} is {found}, expected {expected}")]
    Value {
        /// The file.
        file: String,
        /// The field.
        field: String,
        /// Its value.
        found: String,
        /// What it must be.
        expected: String,
    },
    /// Policy, robot and the host's options do not belong together.
    #[error("{reason}")]
    Policy {
        /// The first thing that does not fit.
        reason: String,
    },
}

impl From<HostError<'_>> for RobotError {
    fn from(error: HostError) -> Self {
        Self::Policy { reason: error.to_string() }
    }
}

impl Robot {
    /// Reads `robot.toml`.
    ///
    /// # Errors
    /// The file cannot be read or used.
    pub fn load(path: &str) -> Result<Self, RobotError> {
        let text = document::read(path)?;
        Self::parse(&text, path)
    }

    /// Reads a robot's text; `file` stands in errors.
    ///
    /// # Errors
    /// A file that cannot be read, not TOML, an unknown key, or a value that cannot be used.
    pub fn parse(text: &str, file: &str) -> Result<Self, RobotError> {
        let robot: Self = document::parse(text, file)?;
        let value = |field: &str, found: String, expected: String| {
            Err(RobotError::Value { file: file.to_owned(), field: field.to_owned(), found, expected })
        };
        let valid_for_s = robot.valid_for_s;
        if !(valid_for_s > 0.0 && valid_for_s <= 1.0) {
            return value("valid_for_s", valid_for_s.to_string(), "above 0 and at most 1".to_owned());
        }
        if let Some(rate_hz) = robot.sample_rate_hz
            && !(SLOWEST_SAMPLES_HZ..=100_000.0).contains(&rate_hz)
        {
            let expected = format!("from {SLOWEST_SAMPLES_HZ} to 100000");
            return value("sample_rate_hz", rate_hz.to_string(), expected);
        }
        let values: usize = robot.sensors.iter().map(|sensor| usize::from(sensor.size)).sum();
        if values > MAX_SAMPLE {
            return value("number of sensors' values", values.to_string(), format!("at most {MAX_SAMPLE}"));
        }
        for (field, found, most) in [
            ("number of sensors", robot.sensors.len(), MAX_SENSORS),
            ("number of actuators", robot.actuators.len(), MAX_ACTUATORS),
        ] {
            if found == 0 || found > most {
                return value(field, found.to_string(), format!("from 1 to {most}"));
            }
        }
        if let Some((field, found, expected)) = robot.supervision_mistake() {
            return value(&field, found, expected);
        }
        Ok(robot)
    }

    /// The simulated robot of a task, as its plant offers it.
    #[cfg(feature = "sim")]
    pub fn of_task(task: &sinew_sim::Task) -> Self {
        let interface = task.interface();
        let sensor = |sensor: &Sensor| SensorDescription {
            name: sensor.name.to_owned(),
            size: sensor.size,
            unit: sensor.unit,
            frame: sensor.frame,
        };
        let actuator = |actuator: &Actuator| ActuatorDescription {
            name: actuator.name.to_owned(),
            mode: actuator.mode,
            minimum: actuator.minimum,
            maximum: actuator.maximum,
            max_rate_per_s: actuator.max_rate_per_s,
            stiffness: actuator.stiffness,
            damping: actuator.damping,
            feedback: None,
        };
        Self {
            name: task.name().to_owned(),
            // Two and a half policy periods: one lost frame is bridged, two are not.
            valid_for_s: 2.5 * task.policy_period_s(),
            sample_rate_hz: None,
            sensors: interface.sensors.iter().map(sensor).collect(),
            actuators: interface.actuators.iter().map(actuator).collect(),
            supervisor: None,
            fallback: None,
            guards: Vec::new(),
        }
    }

    /// Sensors and actuators, with borrowed names.
    pub fn interface(&self) -> Interface<'_> {
        let sensor = |sensor: &'_ SensorDescription| -> (u16, Unit, Frame) {
            (sensor.size, sensor.unit, sensor.frame)
        };
        let mut interface = Interface::default();
        for description in &self.sensors {
            let (size, unit, frame) = sensor(description);
            // `parse` has checked the number; a task's interface has the same capacity.
            let _ = interface.sensors.push(Sensor { name: &description.name, size, unit, frame });
        }
        for description in &self.actuators {
            let _ = interface.actuators.push(Actuator {
                name: &description.name,
                mode: description.mode,
                minimum: description.minimum,
                maximum: description.maximum,
                max_rate_per_s: description.max_rate_per_s,
                stiffness: description.stiffness,
                damping: description.damping,
            });
        }
        interface
    }

    /// How long the robot obeys an actuator command, µs.
    pub fn valid_for_us(&self) -> u32 {
        (self.valid_for_s * 1e6) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PENDULUM: &str = r#"
name = "bench pendulum"
valid_for_s = 0.1
[[sensors]]
name = "hinge_position"
size = 1
unit = "radian"
frame = "joint"
[[actuators]]
name = "hinge"
mode = "torque"
minimum = -2.0
maximum = 2.0
"#;

    #[test]
    fn a_description_lends_the_interface_that_it_describes() {
        let robot = Robot::parse(PENDULUM, "robot.toml").unwrap();
        let interface = robot.interface();
        assert_eq!((interface.sensors[0].name, interface.actuators[0].maximum), ("hinge_position", 2.0));
        assert_eq!(robot.valid_for_us(), 100_000);
    }

    #[test]
    fn errors_name_the_place_the_value_and_what_was_expected() {
        let error = |text: &str| Robot::parse(text, "robot.toml").unwrap_err().to_string();
        let unknown = error(&PENDULUM.replace("valid_for_s", "valid_for"));
        assert!(
            unknown.starts_with("robot.toml:3: unknown key \"valid_for\", did you mean \"valid_for_s\"?"),
            "{unknown}"
        );
        let value = error(&PENDULUM.replace("valid_for_s = 0.1", "valid_for_s = 0.0"));
        assert_eq!(value, "robot.toml: valid_for_s is 0, expected above 0 and at most 1");
        let value = error(&PENDULUM.replace("size = 1", "size = 2000"));
        assert_eq!(value, "robot.toml: number of sensors' values is 2000, expected at most 1536");
        let value = error(&PENDULUM.replace("valid_for_s = 0.1", "valid_for_s = 0.1\nsample_rate_hz = -1.0"));
        assert_eq!(value, "robot.toml: sample_rate_hz is -1, expected from 4 to 100000");
    }
}
