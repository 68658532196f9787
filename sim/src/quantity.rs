//! Named numbers computed from the true state: the vocabulary of rewards, terminations and success.

use crate::rotation;
use crate::truth::Truth;
use serde::Deserialize;

/// A non-negative number computed from the true state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Distance of the base from the first command, m.
    PositionError,
    /// Speed of the base, m/s.
    Speed,
    /// Angle between the base's z axis and the world's, rad.
    Tilt,
    /// Length of the base's angular velocity, rad/s.
    AngularSpeed,
    /// Magnitude of the base's rotation about its own z axis, rad/s.
    YawRate,
    /// Largest distance of a joint from 0, wrapped to half a turn, rad.
    UprightAngle,
    /// Length of the joint velocities, rad/s.
    JointSpeed,
    /// Length of the actuator command, in the actuators' units.
    Command,
    /// Length of the normalized action.
    Action,
    /// Length of the change of the normalized action since the previous period.
    ActionChange,
}

/// Everything that a [`Quantity`] may depend on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation<'a> {
    pub(crate) truth: &'a Truth,
    pub(crate) goal: &'a [f32],
    pub(crate) command: &'a [f32],
    pub(crate) action: &'a [f32],
    pub(crate) previous_action: &'a [f32],
}

impl Quantity {
    /// The name that files use.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PositionError => "position_error",
            Self::Speed => "speed",
            Self::Tilt => "tilt",
            Self::AngularSpeed => "angular_speed",
            Self::YawRate => "yaw_rate",
            Self::UprightAngle => "upright_angle",
            Self::JointSpeed => "joint_speed",
            Self::Command => "command",
            Self::Action => "action",
            Self::ActionChange => "action_change",
        }
    }

    /// The unit as a suffix of a metric's name.
    pub(crate) const fn unit_suffix(self) -> &'static str {
        match self {
            Self::PositionError => "_m",
            Self::Speed => "_m_per_s",
            Self::Tilt | Self::UprightAngle => "_rad",
            Self::AngularSpeed | Self::YawRate | Self::JointSpeed => "_rad_per_s",
            Self::Command | Self::Action | Self::ActionChange => "",
        }
    }

    /// Its value.
    pub(crate) fn value(self, situation: &Situation) -> f64 {
        let Situation { truth, goal, command, action, previous_action } = *situation;
        match self {
            Self::PositionError => {
                let position = truth.base.position_m;
                rotation::length([0, 1, 2].map(|axis| f64::from(goal[axis]) - position[axis]))
            }
            Self::Speed => rotation::length(truth.base.velocity_m_per_s),
            Self::Tilt => rotation::tilt(truth.base.orientation),
            Self::AngularSpeed => rotation::length(truth.base.angular_velocity_rad_per_s),
            Self::YawRate => truth.base.angular_velocity_rad_per_s[2].abs(),
            Self::UprightAngle => truth.joints.iter().fold(0.0, |largest: f64, joint| {
                let angle = wrapped(joint.position_rad).abs();
                if angle > largest { angle } else { largest }
            }),
            Self::JointSpeed => norm(truth.joints.iter().map(|joint| joint.velocity_rad_per_s)),
            Self::Command => norm(command.iter().map(|value| f64::from(*value))),
            Self::Action => norm(action.iter().map(|value| f64::from(*value))),
            Self::ActionChange => {
                norm(action.iter().zip(previous_action).map(|(new, old)| f64::from(*new) - f64::from(*old)))
            }
        }
    }
}

/// Euclidean norm; of a single value its magnitude, exactly.
fn norm(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let mut rest = values.clone();
    match (rest.next(), rest.next()) {
        (Some(only), None) => only.abs(),
        _ => libm::sqrt(values.fold(0.0, |sum, value| sum + value * value)),
    }
}

/// An angle in `[-pi, pi)`: `((angle + pi) mod 2 pi) - pi`, as Gymnasium computes it.
pub fn wrapped(angle_rad: f64) -> f64 {
    use core::f64::consts::{PI, TAU};
    let rest = libm::fmod(angle_rad + PI, TAU);
    (if rest < 0.0 { rest + TAU } else { rest }) - PI
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::f64::consts::{PI, TAU};

    #[test]
    fn angles_wrap_to_half_a_turn_either_way() {
        for (angle, expected) in [(0.0, 0.0), (PI, -PI), (1.5 * PI, -0.5 * PI), (-1.5 * PI, 0.5 * PI)] {
            assert!((wrapped(angle) - expected).abs() < 1e-12, "{angle}");
            assert!((wrapped(angle + 3.0 * TAU) - expected).abs() < 1e-12, "{angle}");
        }
    }

    #[test]
    fn quantities_are_the_hand_computed_numbers() {
        let mut truth = Truth::default();
        truth.base.position_m = [0.0, 3.0, 1.0];
        truth.base.angular_velocity_rad_per_s = [0.0, 3.0, -4.0];
        let situation = Situation {
            truth: &truth,
            goal: &[0.0, 0.0, 5.0],
            command: &[-2.0],
            action: &[0.5, 0.0],
            previous_action: &[0.5, -1.0],
        };
        for (quantity, expected) in [
            (Quantity::PositionError, 5.0),
            (Quantity::AngularSpeed, 5.0),
            (Quantity::YawRate, 4.0),
            (Quantity::Command, 2.0),
            (Quantity::Action, 0.5),
            (Quantity::ActionChange, 1.0),
            (Quantity::Tilt, 0.0),
        ] {
            assert_eq!(quantity.value(&situation), expected, "{}", quantity.name());
        }
    }
}
