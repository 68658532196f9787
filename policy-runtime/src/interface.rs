//! What a robot offers to a policy: its named sensors and actuators, with units, frames and limits.
//!
//! The same [`Interface`] is derived from the simulated robot and from the real robot's description. Its
//! [`Interface::hash`] ties the two together: a policy's contract stores the hash of the robot that it was trained on,
//! and host and robot compare theirs before anything moves. Everything is matched by name, never by position.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Largest number of sensors of a robot.
pub const MAX_SENSORS: usize = 32;
/// Largest number of actuators of a robot.
pub const MAX_ACTUATORS: usize = 32;

/// The SI unit of a sensor, a command or an actuator command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A pure number, such as a quaternion's component or a normalized action.
    Dimensionless,
    /// rad.
    Radian,
    /// rad/s.
    RadianPerSecond,
    /// m.
    Meter,
    /// m/s.
    MeterPerSecond,
    /// m/s².
    MeterPerSecondSquared,
    /// N.
    Newton,
    /// N·m.
    NewtonMeter,
}

/// The frame in which a value is expressed. All frames are right-handed: x forward, y left, z up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Frame {
    /// Fixed to the ground.
    World,
    /// Fixed to the robot's base.
    Body,
    /// Along or about a joint's or rotor's own axis.
    Joint,
    /// Rotates from body to world: an orientation.
    BodyToWorld,
}

/// A named group of values that are measured together and share one age.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sensor<'a> {
    /// Unique among the robot's sensors.
    pub name: &'a str,
    /// How many values; a quaternion has 4, in the order w, x, y, z.
    pub size: u16,
    /// SI unit of every value.
    pub unit: Unit,
    /// Frame of every value.
    pub frame: Frame,
}

/// What an actuator does with the number that it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActuatorMode {
    /// A joint's feed-forward torque, N·m.
    Torque,
    /// A joint's position target, rad, tracked with the actuator's stiffness and damping.
    Position,
    /// A joint's velocity target, rad/s, tracked with the actuator's damping.
    Velocity,
    /// A rotor's speed, rad/s.
    RotorSpeed,
    /// A slide's feed-forward force, N.
    Force,
}

impl ActuatorMode {
    /// The SI unit of the mode's number.
    pub const fn unit(self) -> Unit {
        match self {
            Self::Torque => Unit::NewtonMeter,
            Self::Position => Unit::Radian,
            Self::Velocity | Self::RotorSpeed => Unit::RadianPerSecond,
            Self::Force => Unit::Newton,
        }
    }
}

/// A named actuator with its limits and gains.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Actuator<'a> {
    /// Unique among the robot's actuators.
    pub name: &'a str,
    /// What the commanded number means.
    pub mode: ActuatorMode,
    /// Smallest command, in the mode's unit.
    pub minimum: f32,
    /// Largest command, in the mode's unit.
    pub maximum: f32,
    /// Largest change of the command per second, in the mode's unit; absent where the actuator sets no limit.
    pub max_rate_per_s: Option<f32>,
    /// Proportional gain of the servo, N·m/rad; 0 where the mode has none.
    pub stiffness: f32,
    /// Derivative gain of the servo, N·m·s/rad; 0 where the mode has none.
    pub damping: f32,
}

/// What a joint's servo is told: the form that drives speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JointSetpoint {
    /// rad.
    pub position: f32,
    /// rad/s.
    pub velocity: f32,
    /// N·m/rad.
    pub stiffness: f32,
    /// N·m·s/rad.
    pub damping: f32,
    /// Feed-forward, N·m; of a slide N, and every gain accordingly.
    pub torque: f32,
}

impl JointSetpoint {
    /// The servo law, `stiffness (position - q) + damping (velocity - dq) + torque`, in N·m.
    ///
    /// Wherever the loop closes, in a drive, in the host or in the simulator, it closes with this expression.
    pub fn servo_torque(&self, position: f32, velocity: f32) -> f32 {
        self.stiffness * (self.position - position) + self.damping * (self.velocity - velocity) + self.torque
    }
}

/// One actuator's command.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Setpoint {
    /// For a joint.
    Joint(JointSetpoint),
    /// For a rotor: its speed in rad/s.
    Rotor(f32),
}

impl Setpoint {
    /// Whether every number in it is finite.
    pub fn is_finite(&self) -> bool {
        match self {
            Self::Joint(joint) => {
                joint.position.is_finite()
                    && joint.velocity.is_finite()
                    && joint.stiffness.is_finite()
                    && joint.damping.is_finite()
                    && joint.torque.is_finite()
            }
            Self::Rotor(speed) => speed.is_finite(),
        }
    }
}

impl Actuator<'_> {
    /// The setpoint that carries `value`, a number in the mode's unit, with this actuator's gains.
    pub fn setpoint(&self, value: f32) -> Setpoint {
        let gains =
            JointSetpoint { stiffness: self.stiffness, damping: self.damping, ..JointSetpoint::default() };
        match self.mode {
            ActuatorMode::Torque | ActuatorMode::Force => {
                Setpoint::Joint(JointSetpoint { torque: value, ..JointSetpoint::default() })
            }
            ActuatorMode::Position => Setpoint::Joint(JointSetpoint { position: value, ..gains }),
            ActuatorMode::Velocity => {
                Setpoint::Joint(JointSetpoint { velocity: value, stiffness: 0.0, ..gains })
            }
            ActuatorMode::RotorSpeed => Setpoint::Rotor(value),
        }
    }
}

/// A robot's sensors and actuators, in the order in which the robot itself reports and takes them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interface<'a> {
    /// Sensor groups; a sample is their values one after the other.
    #[serde(borrow)]
    pub sensors: heapless::Vec<Sensor<'a>, MAX_SENSORS>,
    /// Actuators; an actuator command has one number for each.
    #[serde(borrow)]
    pub actuators: heapless::Vec<Actuator<'a>, MAX_ACTUATORS>,
}

/// SHA-256 of an interface.
pub type InterfaceHash = [u8; 32];

impl<'a> Interface<'a> {
    /// SHA-256 over the postcard encoding of every name, size, unit, frame, mode, limit and gain.
    ///
    /// The order counts: two robots with the same parts in another order have different hashes, because frames on the
    /// wire carry numbers without names.
    pub fn hash(&self) -> InterfaceHash {
        struct Feed(Sha256);
        impl postcard::ser_flavors::Flavor for Feed {
            type Output = InterfaceHash;
            fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
                self.0.update([byte]);
                Ok(())
            }
            fn finalize(self) -> postcard::Result<InterfaceHash> {
                Ok(self.0.finalize().into())
            }
        }
        // Encoding fails only where the flavor does, and this one takes every byte.
        postcard::serialize_with_flavor(self, Feed(Sha256::new())).unwrap_or([0; 32])
    }

    /// How many values a sample of this robot has.
    pub fn sample_size(&self) -> usize {
        self.sensors.iter().map(|sensor| usize::from(sensor.size)).sum()
    }

    /// The position of a sensor in the list, its first value's position in a sample, and the sensor.
    pub fn sensor(&self, name: &str) -> Option<(usize, usize, &Sensor<'a>)> {
        let mut offset = 0;
        for (index, sensor) in self.sensors.iter().enumerate() {
            if sensor.name == name {
                return Some((index, offset, sensor));
            }
            offset += usize::from(sensor.size);
        }
        None
    }

    /// The position of an actuator in the list, and the actuator.
    pub fn actuator(&self, name: &str) -> Option<(usize, &Actuator<'a>)> {
        self.actuators.iter().enumerate().find(|(_, actuator)| actuator.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(maximum: f32) -> Interface<'static> {
        let mut interface = Interface::default();
        let sensor = Sensor { name: "hinge_position", size: 1, unit: Unit::Radian, frame: Frame::Joint };
        let actuator = Actuator {
            name: "hinge",
            mode: ActuatorMode::Torque,
            minimum: -2.0,
            maximum,
            max_rate_per_s: None,
            stiffness: 0.0,
            damping: 0.0,
        };
        interface.sensors.push(sensor).unwrap();
        interface.actuators.push(actuator).unwrap();
        interface
    }

    #[test]
    fn any_changed_limit_changes_the_hash() {
        assert_eq!(interface(2.0).hash(), interface(2.0).hash());
        assert_ne!(interface(2.0).hash(), interface(2.5).hash());
    }

    #[test]
    fn the_servo_law_pulls_towards_the_setpoint() {
        let setpoint =
            JointSetpoint { position: 1.0, velocity: 0.5, stiffness: 10.0, damping: 2.0, torque: 0.25 };
        assert_eq!(setpoint.servo_torque(0.5, 1.0), 10.0 * 0.5 + 2.0 * -0.5 + 0.25);
    }
}
