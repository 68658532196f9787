//! Which value of which sensor is a joint's position, as `robot.toml` says.

use crate::robot::{ActuatorDescription, Feedback, Robot};
use crate::wire::message::Refusal;
use sinew_policy_runtime::interface::{ActuatorMode, Unit};
use sinew_policy_runtime::supervisor::Cause;

/// A joint as a jog sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct JoggedJoint {
    /// Its actuator's.
    pub name: String,
    /// What its actuator takes.
    pub mode: ActuatorMode,
    /// Its position's place in a sample.
    pub value: usize,
    /// What its position is where the robot rests before the jog, where `robot.toml` says so.
    pub rest: Option<f32>,
    /// Of its servo.
    pub stiffness: f32,
    /// Of its servo.
    pub damping: f32,
    /// Smallest and largest command.
    pub limits: [f32; 2],
    /// Largest torque or force either way, of an actuator that takes one.
    pub largest: f32,
}

/// Why a robot cannot be jogged, or is jogged no further.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JogError {
    /// It has rotors.
    #[error("actuator {actuator:?} is a rotor, whose sign no joint position shows; a jog is for joints")]
    Rotor {
        /// The rotor.
        actuator: String,
    },
    /// Nothing says where a joint is.
    #[error(
        "actuator {actuator:?}: feedback is {found}, expected {{ sensor = \"NAME\", index = N }} of a position in radian or meter"
    )]
    Feedback {
        /// The actuator.
        actuator: String,
        /// What there is.
        found: String,
    },
    /// Its guards cannot be used, which the file's check refuses.
    #[error("{reason}")]
    Guards {
        /// Why not.
        reason: String,
    },
    /// The operator.
    #[error("stopped by the operator")]
    Stopped,
    /// The robot refuses the session.
    #[error("the robot refuses: {reason:?}")]
    Refused {
        /// Why.
        reason: Refusal,
    },
    /// It restarted, or stopped or disarmed itself.
    #[error("the robot restarted, or stopped itself")]
    Lost,
    /// No fresh sample comes.
    #[error("no fresh sample comes from the robot")]
    Silent,
    /// One of its guards.
    #[error("{cause:?}: a sensor says what robot.toml does not allow")]
    Guard {
        /// What it means.
        cause: Cause,
    },
    /// A position actuator's joint is where it may not be told to be.
    #[error(
        "{actuator} is at {position}, and its limits are {minimum} and {maximum}: its sign or its zero is wrong, or it must be moved by hand"
    )]
    OutsideLimits {
        /// The actuator.
        actuator: String,
        /// Where its joint is.
        position: f32,
        /// Its smallest position.
        minimum: f32,
        /// Its largest.
        maximum: f32,
    },
    /// What a probe found.
    #[error("the newest finding")]
    Finding,
    /// A joint that the robot does not have.
    #[error("actuator {found:?} is not of this robot; known: {known}")]
    Unknown {
        /// What was asked for.
        found: String,
        /// What there is.
        known: String,
    },
}

/// All joints of a robot, in the order of its actuators.
///
/// # Errors
/// It has a rotor, or a joint whose position no sensor shows.
pub fn jogged_joints(robot: &Robot) -> Result<Vec<JoggedJoint>, JogError> {
    robot.actuators.iter().map(|actuator| jogged(robot, actuator)).collect()
}

fn jogged(robot: &Robot, actuator: &ActuatorDescription) -> Result<JoggedJoint, JogError> {
    let name = actuator.name.clone();
    if actuator.mode == ActuatorMode::RotorSpeed {
        return Err(JogError::Rotor { actuator: name });
    }
    // A sensor that bears the actuator's name needs no word about it.
    let own = || Feedback { sensor: format!("{name}_position"), index: 0, rest: None };
    let feedback = actuator.feedback.clone().unwrap_or_else(own);
    let mut first = 0;
    for sensor in &robot.sensors {
        let is_position = matches!(sensor.unit, Unit::Radian | Unit::Meter);
        if sensor.name == feedback.sensor && feedback.index < sensor.size && is_position {
            let value = first + usize::from(feedback.index);
            let largest = actuator.maximum.min(-actuator.minimum).max(0.0);
            let ActuatorDescription { mode, stiffness, damping, .. } = *actuator;
            let (rest, limits) = (feedback.rest, [actuator.minimum, actuator.maximum]);
            return Ok(JoggedJoint { name, mode, value, rest, stiffness, damping, limits, largest });
        }
        first += usize::from(sensor.size);
    }
    let found = match &actuator.feedback {
        None => "absent".to_owned(),
        Some(Feedback { sensor, index, .. }) => format!("value {index} of {sensor:?}"),
    };
    Err(JogError::Feedback { actuator: name, found })
}
