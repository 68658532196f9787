//! Whether a contract and a robot belong together: matched by name, never by position.

use super::Contract;
use crate::interface::{Actuator, Interface};

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

impl<'a> Contract<'a> {
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
