//! What can be randomized: [`Parameter`], with its targets, unit, legal operations and limits in one table.

use serde::Deserialize;

/// A number of the simulated robot that differs from episode to episode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Parameter {
    /// Mass of a body, kg. Its inertia grows with it, unless a term of the inertia's own covers the body.
    Mass,
    /// Inertia of a body about its centre of mass, as a factor on the file's.
    Inertia,
    /// Centre of mass of a body, m, body frame; each axis is drawn apart.
    CenterOfMass,
    /// Size of a body, as a factor on its shapes and on the distances to its joints; its mass stays.
    BodySize,
    /// Friction of a body's surfaces.
    ContactFriction,
    /// Restitution of a body's surfaces, 0 to 1.
    Restitution,
    /// Viscous friction of a joint, N m s/rad or N s/m.
    JointDamping,
    /// Dry friction of a joint, N m or N.
    JointFriction,
    /// Inertia of a joint's rotor behind its gear, kg m² or kg.
    JointArmature,
    /// Lower limit of a joint, rad or m.
    JointLow,
    /// Upper limit of a joint, rad or m.
    JointHigh,
    /// Proportional gain of an actuator's servo, N m/rad.
    ServoStiffness,
    /// Derivative gain of an actuator's servo, N m s/rad.
    ServoDamping,
    /// Factor on an actuator's effort or thrust.
    MotorStrength,
    /// Time constant of an actuator's lag, s.
    MotorLag,
    /// Supply voltage, as a factor on the nominal: scales a DC motor's stall torque and its no-load speed.
    SupplyVoltage,
    /// Factor on a rotor's drag in moving air.
    AirDrag,
    /// From the command to the actuator, s.
    ActionDelay,
    /// From the motion to the sample, s.
    ObservationDelay,
    /// From one action to the next, s; resolved to whole physics steps.
    PolicyPeriod,
    /// Gravity, m/s²: a factor, or a vector in a random direction that is added.
    Gravity,
    /// A change of the base's velocity, m/s, in a random horizontal direction, each time that it is drawn anew.
    Push,
    /// A force on a body's centre of mass, N, in a random direction.
    Force,
    /// Velocity of the air, m/s, in a random horizontal direction; acts on rotors.
    Wind,
    /// Standard deviation of a sensor's white noise, in its unit; of an orientation a rotation, rad.
    SensorNoise,
    /// Largest length of a sensor's constant error, in its unit; of an orientation a rotation, rad.
    SensorBias,
    /// How far a sensor's error walks, in its unit over the root of a second.
    SensorBiasWalk,
    /// Largest relative error of a sensor's scale.
    SensorScaleError,
    /// Smallest difference that a sensor tells, in its unit.
    SensorQuantization,
    /// Largest magnitude that a sensor shows, in its unit.
    SensorSaturation,
    /// Probability that a sample of a sensor is lost and the one before it stays.
    SensorDropout,
    /// Where an object starts, m, world frame; each axis is drawn apart.
    ObjectPosition,
    /// How an object is turned about the vertical, rad.
    ObjectYaw,
    /// Size of an object, as a factor; its mass stays.
    ObjectSize,
    /// Where a depth camera sits, m, in the axes of its site or the base; each axis is drawn apart.
    CameraPosition,
    /// A rotation of a depth camera, rad, about a random axis.
    CameraRotation,
    /// A depth camera's field of view from left to right, rad.
    CameraFieldOfView,
}

/// What a parameter belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TargetKind {
    Body,
    Joint,
    Actuator,
    Sensor,
    Object,
    /// The world or the robot as a whole: there is but one.
    World,
}

/// How a drawn number changes the nominal one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Replaces it.
    Set,
    /// Multiplies it.
    Scale,
    /// Is added to it.
    Add,
}

/// How a drawn number becomes the components of a vector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Components {
    /// One number.
    Scalar,
    /// Three, drawn apart.
    Axes,
    /// A length, in a direction that is uniform on the sphere.
    Direction,
    /// A length, in a direction that is uniform in the horizontal plane.
    Horizontal,
}

impl Components {
    pub(crate) const fn count(self) -> usize {
        match self {
            Self::Scalar => 1,
            Self::Axes | Self::Direction | Self::Horizontal => 3,
        }
    }
}

/// A parameter's row in the table.
pub(crate) struct Form {
    pub(crate) name: &'static str,
    pub(crate) target: TargetKind,
    pub(crate) components: Components,
    /// Whether the drawn number may be set, scale, be added.
    operations: [bool; 3],
    /// Smallest and largest legal number where it is set or added.
    pub(crate) limits: (f64, f64),
}

impl Form {
    pub(crate) fn allows(&self, operation: Operation) -> bool {
        self.operations[operation as usize]
    }

    /// The legal operations in words.
    pub(crate) fn operations(&self) -> String {
        let words = ["set", "scale", "add"].into_iter().zip(self.operations);
        let legal: Vec<&str> = words.filter_map(|(word, legal)| legal.then_some(word)).collect();
        legal.join(" or ")
    }
}

impl Parameter {
    /// Every parameter, in the order of the declaration.
    pub(crate) const ALL: [Self; 37] = [
        Self::Mass,
        Self::Inertia,
        Self::CenterOfMass,
        Self::BodySize,
        Self::ContactFriction,
        Self::Restitution,
        Self::JointDamping,
        Self::JointFriction,
        Self::JointArmature,
        Self::JointLow,
        Self::JointHigh,
        Self::ServoStiffness,
        Self::ServoDamping,
        Self::MotorStrength,
        Self::MotorLag,
        Self::SupplyVoltage,
        Self::AirDrag,
        Self::ActionDelay,
        Self::ObservationDelay,
        Self::PolicyPeriod,
        Self::Gravity,
        Self::Push,
        Self::Force,
        Self::Wind,
        Self::SensorNoise,
        Self::SensorBias,
        Self::SensorBiasWalk,
        Self::SensorScaleError,
        Self::SensorQuantization,
        Self::SensorSaturation,
        Self::SensorDropout,
        Self::ObjectPosition,
        Self::ObjectYaw,
        Self::ObjectSize,
        Self::CameraPosition,
        Self::CameraRotation,
        Self::CameraFieldOfView,
    ];

    /// Name, target, components, operations and limits.
    pub(crate) const fn form(self) -> Form {
        use Components::{Axes, Direction, Horizontal, Scalar};
        use TargetKind::{Actuator, Body, Joint, Object, Sensor, World};
        const ANY: [bool; 3] = [true; 3];
        const SCALE: [bool; 3] = [false, true, false];
        const SET_OR_ADD: [bool; 3] = [true, false, true];
        const ADD: [bool; 3] = [false, false, true];
        const SCALE_OR_ADD: [bool; 3] = [false, true, true];
        let (name, target, components, operations, limits) = match self {
            Self::Mass => ("mass", Body, Scalar, ANY, (-1e6, 1e6)),
            Self::Inertia => ("inertia", Body, Scalar, SCALE, (0.0, 0.0)),
            Self::CenterOfMass => ("center_of_mass", Body, Axes, ADD, (-1e3, 1e3)),
            Self::BodySize => ("body_size", Body, Scalar, SCALE, (0.0, 0.0)),
            Self::ContactFriction => ("contact_friction", Body, Scalar, ANY, (-1e3, 1e3)),
            Self::Restitution => ("restitution", Body, Scalar, SET_OR_ADD, (0.0, 1.0)),
            Self::JointDamping => ("joint_damping", Joint, Scalar, ANY, (-1e6, 1e6)),
            Self::JointFriction => ("joint_friction", Joint, Scalar, ANY, (-1e6, 1e6)),
            Self::JointArmature => ("joint_armature", Joint, Scalar, ANY, (-1e6, 1e6)),
            Self::JointLow => ("joint_low", Joint, Scalar, SET_OR_ADD, (-1e6, 1e6)),
            Self::JointHigh => ("joint_high", Joint, Scalar, SET_OR_ADD, (-1e6, 1e6)),
            Self::ServoStiffness => ("servo_stiffness", Actuator, Scalar, ANY, (-1e6, 1e6)),
            Self::ServoDamping => ("servo_damping", Actuator, Scalar, ANY, (-1e6, 1e6)),
            Self::MotorStrength => ("motor_strength", Actuator, Scalar, SCALE, (0.0, 0.0)),
            Self::MotorLag => ("motor_lag", Actuator, Scalar, ANY, (0.0, 100.0)),
            Self::SupplyVoltage => ("supply_voltage", Actuator, Scalar, SCALE, (0.0, 0.0)),
            Self::AirDrag => ("air_drag", Actuator, Scalar, SCALE, (0.0, 0.0)),
            Self::ActionDelay => ("action_delay", Actuator, Scalar, ANY, (0.0, 1.0)),
            Self::ObservationDelay => ("observation_delay", Sensor, Scalar, ANY, (0.0, 1.0)),
            Self::PolicyPeriod => ("policy_period", World, Scalar, SCALE_OR_ADD, (-1.0, 1.0)),
            Self::Gravity => ("gravity", World, Direction, SCALE_OR_ADD, (0.0, 1e3)),
            Self::Push => ("push", World, Horizontal, ADD, (0.0, 1e3)),
            Self::Force => ("force", Body, Direction, ADD, (0.0, 1e6)),
            Self::Wind => ("wind", World, Horizontal, ADD, (0.0, 1e3)),
            Self::SensorNoise => ("sensor_noise", Sensor, Scalar, ANY, (0.0, 1e6)),
            Self::SensorBias => ("sensor_bias", Sensor, Scalar, ANY, (0.0, 1e6)),
            Self::SensorBiasWalk => ("sensor_bias_walk", Sensor, Scalar, ANY, (0.0, 1e6)),
            Self::SensorScaleError => ("sensor_scale_error", Sensor, Scalar, ANY, (0.0, 1.0)),
            Self::SensorQuantization => ("sensor_quantization", Sensor, Scalar, ANY, (0.0, 1e6)),
            Self::SensorSaturation => ("sensor_saturation", Sensor, Scalar, ANY, (0.0, 1e9)),
            Self::SensorDropout => ("sensor_dropout", Sensor, Scalar, ANY, (0.0, 1.0)),
            Self::ObjectPosition => ("object_position", Object, Axes, ADD, (-1e3, 1e3)),
            Self::ObjectYaw => ("object_yaw", Object, Scalar, ADD, (-10.0, 10.0)),
            Self::ObjectSize => ("object_size", Object, Scalar, SCALE, (0.0, 0.0)),
            Self::CameraPosition => ("camera_position", Sensor, Axes, ADD, (-1e3, 1e3)),
            Self::CameraRotation => ("camera_rotation", Sensor, Direction, ADD, (0.0, 3.2)),
            Self::CameraFieldOfView => ("camera_field_of_view", Sensor, Scalar, ANY, (-3.0, 3.0)),
        };
        Form { name, target, components, operations, limits }
    }

    /// Whether it can change within an episode; what it touches is otherwise built at the episode's start.
    pub(crate) const fn changes_within_an_episode(self) -> bool {
        !matches!(self, Self::BodySize | Self::ObjectPosition | Self::ObjectYaw | Self::ObjectSize)
    }
}

/// Smallest and largest factor.
pub(crate) const FACTORS: (f64, f64) = (0.0, 20.0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parameter_stands_in_its_place_and_has_a_name_of_its_own() {
        for (index, parameter) in Parameter::ALL.into_iter().enumerate() {
            assert_eq!(parameter as usize, index);
            let name = parameter.form().name;
            assert_eq!(Parameter::ALL.iter().filter(|other| other.form().name == name).count(), 1, "{name}");
        }
    }
}
