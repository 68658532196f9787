//! Named numbers computed from the true state: the vocabulary of rewards, terminations and success.

use crate::equations::acrobot;
use crate::rotation;
use crate::truth::Truth;
use serde::Deserialize;

/// A number computed from the true state; none but a height is ever negative.
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
    /// Largest distance of a hinge from 0, wrapped to half a turn, rad.
    UprightAngle,
    /// Largest distance of a joint from 0, not wrapped, rad or m.
    JointOffset,
    /// Length of the joint velocities, rad/s or m/s.
    JointSpeed,
    /// Height of acrobot-v1's tip above its shoulder, m: -2 hanging, 2 standing.
    TipHeight,
    /// Length of the actuator command, in the actuators' units.
    Command,
    /// Length of the normalized action.
    Action,
    /// Length of the change of the normalized action since the previous period.
    ActionChange,
}

/// Everything that a [`Quantity`] or a [`crate::CustomObjective`] may depend on: where a step led, and what led there.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The true state.
    pub truth: &'a Truth,
    /// The true state in which the action was chosen, one policy period ago.
    pub before: &'a Truth,
    /// The goals that the action knew, one command after the other, in their units.
    pub goal: &'a [f32],
    /// The actuator command, in the actuators' units.
    pub command: &'a [f32],
    /// The normalized action, within [-1, 1].
    pub action: &'a [f32],
    /// The normalized action of the step before; 0 in an episode's first.
    pub previous_action: &'a [f32],
    /// Since the episode's start, s.
    pub time_s: f64,
}

impl<'a> Situation<'a> {
    /// A state to which no action led.
    pub(crate) fn still(truth: &'a Truth, goal: &'a [f32]) -> Self {
        Self { truth, before: truth, goal, command: &[], action: &[], previous_action: &[], time_s: 0.0 }
    }
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
            Self::JointOffset => "joint_offset",
            Self::JointSpeed => "joint_speed",
            Self::TipHeight => "tip_height",
            Self::Command => "command",
            Self::Action => "action",
            Self::ActionChange => "action_change",
        }
    }

    /// The unit as a suffix of a metric's name.
    pub(crate) const fn unit_suffix(self) -> &'static str {
        match self {
            Self::PositionError | Self::TipHeight => "_m",
            Self::Speed => "_m_per_s",
            Self::Tilt | Self::UprightAngle => "_rad",
            Self::AngularSpeed | Self::YawRate => "_rad_per_s",
            Self::JointOffset | Self::JointSpeed | Self::Command | Self::Action | Self::ActionChange => "",
        }
    }

    /// Whether it is one of joints, of which a file may name a single one.
    pub(crate) const fn is_of_joints(self) -> bool {
        matches!(self, Self::UprightAngle | Self::JointOffset | Self::JointSpeed)
    }
}

/// A quantity, of all joints or of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// What is measured.
    pub quantity: Quantity,
    /// The joint, by its position among the joints; all of them where absent.
    pub joint: Option<usize>,
}

impl Measure {
    /// Its value.
    pub(crate) fn value(self, situation: &Situation) -> f64 {
        let Situation { truth, goal, command, action, previous_action, .. } = *situation;
        let joints = match self.joint {
            Some(joint) => &truth.joints[joint..=joint],
            None => &truth.joints,
        };
        match self.quantity {
            Quantity::PositionError => {
                let position = truth.base.position_m;
                rotation::length([0, 1, 2].map(|axis| f64::from(goal[axis]) - position[axis]))
            }
            Quantity::Speed => rotation::length(truth.base.velocity_m_per_s),
            Quantity::Tilt => rotation::tilt(truth.base.orientation),
            Quantity::AngularSpeed => rotation::length(truth.base.angular_velocity_rad_per_s),
            Quantity::YawRate => truth.base.angular_velocity_rad_per_s[2].abs(),
            Quantity::UprightAngle => largest(joints.iter().map(|joint| wrapped(joint.position).abs())),
            Quantity::JointOffset => largest(joints.iter().map(|joint| joint.position.abs())),
            Quantity::JointSpeed => norm(joints.iter().map(|joint| joint.velocity)),
            Quantity::TipHeight => acrobot::tip_height_m(joints),
            Quantity::Command => norm(command.iter().map(|value| f64::from(*value))),
            Quantity::Action => norm(action.iter().map(|value| f64::from(*value))),
            Quantity::ActionChange => {
                norm(action.iter().zip(previous_action).map(|(new, old)| f64::from(*new) - f64::from(*old)))
            }
        }
    }
}

/// The largest of values that are not negative; 0 of none.
fn largest(values: impl Iterator<Item = f64>) -> f64 {
    values.fold(0.0, |largest, value| if value > largest { value } else { largest })
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
    use crate::truth::JointState;
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
        let joint = |position, velocity| JointState { position, velocity };
        let mut truth = Truth { joints: vec![joint(-4.0, 3.0), joint(2.0, 4.0)], ..Truth::default() };
        truth.base.position_m = [0.0, 3.0, 1.0];
        truth.base.angular_velocity_rad_per_s = [0.0, 3.0, -4.0];
        let situation = Situation {
            command: &[-2.0],
            action: &[0.5, 0.0],
            previous_action: &[0.5, -1.0],
            ..Situation::still(&truth, &[0.0, 0.0, 5.0])
        };
        for (quantity, expected) in [
            (Quantity::PositionError, 5.0),
            (Quantity::AngularSpeed, 5.0),
            (Quantity::YawRate, 4.0),
            (Quantity::Command, 2.0),
            (Quantity::Action, 0.5),
            (Quantity::ActionChange, 1.0),
            (Quantity::Tilt, 0.0),
            (Quantity::JointOffset, 4.0),
            (Quantity::JointSpeed, 5.0),
        ] {
            let measure = Measure { quantity, joint: None };
            assert_eq!(measure.value(&situation), expected, "{}", quantity.name());
        }
        for (quantity, expected) in
            [(Quantity::JointOffset, 2.0), (Quantity::JointSpeed, 4.0), (Quantity::UprightAngle, 2.0)]
        {
            assert_eq!(Measure { quantity, joint: Some(1) }.value(&situation), expected);
        }
    }
}
