//! Named numbers computed from the true state: the vocabulary of rewards, terminations and success.

use crate::equations::acrobot;
use crate::rotation;
use crate::truth::{BaseState, ContactState, Truth};
use serde::Deserialize;

/// A number computed from the true state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// Distance of the base, or of a site, from the first command, m.
    PositionError,
    /// Length of the horizontal velocity of the base minus the first command's first two values, in the frame of its heading, m/s.
    VelocityError,
    /// Magnitude of the base's rotation about its own z axis minus the first command's third value, rad/s.
    YawRateError,
    /// Height of the base's origin, or of a site, in the world, m.
    Height,
    /// Magnitude of the base's vertical velocity, m/s.
    VerticalSpeed,
    /// Length of the base's angular velocity about its own x and y axes, rad/s.
    RollPitchRate,
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
    /// Position of one joint, rad or m.
    JointPosition,
    /// Velocity of one joint, rad/s or m/s.
    JointVelocity,
    /// Length of the joints' distance from the default pose, rad or m.
    PoseError,
    /// Length of the joints' efforts, N m or N.
    Effort,
    /// Mechanical power of the joints, the sum of its magnitudes, W.
    Power,
    /// Sum of the normal forces on some surfaces, N.
    ContactForce,
    /// For each of some surfaces that touched down in this period, how long it had been in the air, s.
    AirTime,
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
    /// Each joint's position in the robot's default pose, rad or m.
    pub default_pose: &'a [f64],
    /// Since the episode's start, s.
    pub time_s: f64,
}

impl<'a> Situation<'a> {
    /// A state to which no action led.
    pub(crate) fn still(truth: &'a Truth, goal: &'a [f32], default_pose: &'a [f64]) -> Self {
        Self {
            truth,
            before: truth,
            goal,
            command: &[],
            action: &[],
            previous_action: &[],
            default_pose,
            time_s: 0.0,
        }
    }
}

impl Quantity {
    /// The name that files use.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PositionError => "position_error",
            Self::VelocityError => "velocity_error",
            Self::YawRateError => "yaw_rate_error",
            Self::Height => "height",
            Self::VerticalSpeed => "vertical_speed",
            Self::RollPitchRate => "roll_pitch_rate",
            Self::Speed => "speed",
            Self::Tilt => "tilt",
            Self::AngularSpeed => "angular_speed",
            Self::YawRate => "yaw_rate",
            Self::UprightAngle => "upright_angle",
            Self::JointOffset => "joint_offset",
            Self::JointSpeed => "joint_speed",
            Self::JointPosition => "joint_position",
            Self::JointVelocity => "joint_velocity",
            Self::PoseError => "pose_error",
            Self::Effort => "effort",
            Self::Power => "power",
            Self::ContactForce => "contact_force",
            Self::AirTime => "air_time",
            Self::TipHeight => "tip_height",
            Self::Command => "command",
            Self::Action => "action",
            Self::ActionChange => "action_change",
        }
    }

    /// The unit as a suffix of a metric's name.
    pub(crate) const fn unit_suffix(self) -> &'static str {
        match self {
            Self::PositionError | Self::TipHeight | Self::Height => "_m",
            Self::Speed | Self::VelocityError | Self::VerticalSpeed => "_m_per_s",
            Self::Power => "_w",
            Self::ContactForce => "_n",
            Self::AirTime => "_s",
            Self::Tilt | Self::UprightAngle => "_rad",
            Self::AngularSpeed | Self::YawRate | Self::YawRateError | Self::RollPitchRate => "_rad_per_s",
            Self::JointOffset
            | Self::JointSpeed
            | Self::JointPosition
            | Self::JointVelocity
            | Self::PoseError
            | Self::Effort
            | Self::Command
            | Self::Action
            | Self::ActionChange => "",
        }
    }

    /// Whether it is one of joints, of which a file may name a single one.
    pub(crate) const fn is_of_joints(self) -> bool {
        matches!(
            self,
            Self::UprightAngle
                | Self::JointOffset
                | Self::JointSpeed
                | Self::PoseError
                | Self::Effort
                | Self::Power
        ) || self.is_of_one_joint()
    }

    /// Whether it is one joint's, which a file must name.
    pub(crate) const fn is_of_one_joint(self) -> bool {
        matches!(self, Self::JointPosition | Self::JointVelocity)
    }

    /// Whether it is one of places, of which a file may name a site.
    pub(crate) const fn is_of_sites(self) -> bool {
        matches!(self, Self::PositionError | Self::Height)
    }

    /// Whether it is one of surfaces, which a file must name.
    pub(crate) const fn is_of_contacts(self) -> bool {
        matches!(self, Self::ContactForce | Self::AirTime)
    }

    /// Whether the first command must have three values.
    pub(crate) const fn needs_goal(self) -> bool {
        matches!(self, Self::PositionError | Self::VelocityError | Self::YawRateError)
    }
}

/// A quantity of something, less a target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measure {
    /// What is measured.
    pub quantity: Quantity,
    /// The joint, by its position among the joints; all of them where absent.
    pub joint: Option<usize>,
    /// The site, by its position among the true state's sites; the base where absent.
    pub site: Option<usize>,
    /// The surfaces, one bit for each of the true state's contacts.
    pub contacts: u64,
    /// What is taken from the quantity, in its unit; of the air time, from each touch-down's.
    pub target: f64,
}

impl Measure {
    /// The quantity of the whole robot.
    pub fn of(quantity: Quantity) -> Self {
        Self { quantity, joint: None, site: None, contacts: 0, target: 0.0 }
    }

    /// Its value.
    pub(crate) fn value(self, situation: &Situation) -> f64 {
        if self.quantity == Quantity::AirTime {
            return self.air_time(situation);
        }
        self.quantity_of(situation) - self.target
    }

    /// Which of the true state's contacts are meant.
    fn touching(self, truth: &Truth) -> impl Iterator<Item = (usize, &ContactState)> {
        truth.contacts.iter().enumerate().filter(move |(index, _)| self.contacts & (1 << index) != 0)
    }

    fn air_time(self, situation: &Situation) -> f64 {
        let landed = self
            .touching(situation.truth)
            .filter(|(index, contact)| contact.touches() && !situation.before.contacts[*index].touches());
        landed.fold(0.0, |sum, (_, contact)| sum + contact.last_air_time_s - self.target)
    }

    fn quantity_of(self, situation: &Situation) -> f64 {
        let Situation { truth, goal, command, action, previous_action, default_pose, .. } = *situation;
        let span = self.joint.map_or(0..truth.joints.len(), |joint| joint..joint + 1);
        let joints = &truth.joints[span.clone()];
        let place = self.site.map_or(&truth.base, |site| &truth.sites[site].motion);
        let efforts = || truth.efforts[span.clone()].iter();
        match self.quantity {
            Quantity::PositionError => {
                let position = place.position_m;
                rotation::length([0, 1, 2].map(|axis| f64::from(goal[axis]) - position[axis]))
            }
            Quantity::VelocityError => {
                let [ahead, aside] = along_heading(&truth.base);
                rotation::length([f64::from(goal[0]) - ahead, f64::from(goal[1]) - aside, 0.0])
            }
            Quantity::YawRateError => (f64::from(goal[2]) - truth.base.angular_velocity_rad_per_s[2]).abs(),
            Quantity::Height => place.position_m[2],
            Quantity::VerticalSpeed => truth.base.velocity_m_per_s[2].abs(),
            Quantity::RollPitchRate => {
                let [roll, pitch, _] = truth.base.angular_velocity_rad_per_s;
                rotation::length([roll, pitch, 0.0])
            }
            Quantity::JointPosition => joints[0].position,
            Quantity::JointVelocity => joints[0].velocity,
            Quantity::PoseError => {
                let pose = joints.iter().zip(&default_pose[span]);
                norm(pose.map(|(joint, default)| joint.position - default))
            }
            Quantity::Effort => norm(efforts().copied()),
            Quantity::Power => {
                efforts().zip(joints).fold(0.0, |sum, (effort, joint)| sum + (effort * joint.velocity).abs())
            }
            Quantity::ContactForce => {
                self.touching(truth).fold(0.0, |sum, (_, contact)| sum + contact.normal_force_n)
            }
            // It is computed from two states.
            Quantity::AirTime => 0.0,
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

/// The base's horizontal velocity ahead and to the left of where it is heading, m/s.
pub(crate) fn along_heading(base: &BaseState) -> [f64; 2] {
    let [x, y, _] = rotation::to_world(base.orientation, [1.0, 0.0, 0.0]);
    let length = libm::sqrt(x * x + y * y);
    // Upright on its nose it heads nowhere: the world's axes then.
    let (cosine, sine) = if length > 1e-6 { (x / length, y / length) } else { (1.0, 0.0) };
    let [vx, vy, _] = base.velocity_m_per_s;
    [cosine * vx + sine * vy, cosine * vy - sine * vx]
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
        truth.efforts = vec![-4.0, 3.0];
        truth.base.position_m = [0.0, 3.0, 1.0];
        truth.base.velocity_m_per_s = [0.0, 0.0, -2.0];
        truth.base.angular_velocity_rad_per_s = [0.0, 3.0, -4.0];
        let situation = Situation {
            command: &[-2.0],
            action: &[0.5, 0.0],
            previous_action: &[0.5, -1.0],
            ..Situation::still(&truth, &[0.0, 0.0, 5.0], &[-4.0, 0.5])
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
            (Quantity::PoseError, 1.5),
            (Quantity::Effort, 5.0),
            (Quantity::Power, 24.0),
            (Quantity::Height, 1.0),
            (Quantity::VerticalSpeed, 2.0),
            (Quantity::RollPitchRate, 3.0),
            (Quantity::YawRateError, 9.0),
        ] {
            let measure = Measure::of(quantity);
            assert_eq!(measure.value(&situation), expected, "{}", quantity.name());
        }
        for (quantity, expected) in [
            (Quantity::JointOffset, 2.0),
            (Quantity::JointSpeed, 4.0),
            (Quantity::UprightAngle, 2.0),
            (Quantity::JointPosition, 2.0),
            (Quantity::JointVelocity, 4.0),
            (Quantity::PoseError, 1.5),
            (Quantity::Effort, 3.0),
            (Quantity::Power, 12.0),
        ] {
            let measure = Measure { joint: Some(1), ..Measure::of(quantity) };
            assert_eq!(measure.value(&situation), expected, "{}", quantity.name());
        }
    }

    #[test]
    fn a_velocity_counts_along_the_heading() {
        let mut truth = Truth::default();
        // Heading along world y, tipped forward: 2 m/s ahead is along y, 1 m/s to the left along -x.
        let heading = rotation::from_rotation_vector([0.0, 0.0, 0.5 * PI]);
        let nod = rotation::from_rotation_vector([0.0, 0.3, 0.0]);
        truth.base.orientation = rotation::multiply(heading, nod);
        truth.base.velocity_m_per_s = [-1.0, 2.0, 5.0];
        let [ahead, aside] = along_heading(&truth.base);
        assert!((ahead - 2.0).abs() < 1e-12 && (aside - 1.0).abs() < 1e-12, "{ahead} {aside}");
        let measure = Measure::of(Quantity::VelocityError);
        let error = measure.value(&Situation::still(&truth, &[2.0, 0.0, 0.0], &[]));
        assert!((error - 1.0).abs() < 1e-12, "{error}");
    }

    #[test]
    fn feet_earn_their_time_in_the_air_when_they_land() {
        let contact = |normal_force_n, last_air_time_s| ContactState {
            normal_force_n,
            last_air_time_s,
            ..ContactState::default()
        };
        let with = |contacts| Truth { contacts, ..Truth::default() };
        let before = with(vec![contact(0.0, 0.0), contact(0.0, 0.0), contact(5.0, 0.2), contact(0.0, 0.0)]);
        let truth = with(vec![contact(9.0, 0.4), contact(0.0, 0.0), contact(5.0, 0.2), contact(7.0, 0.9)]);
        let situation = Situation { before: &before, ..Situation::still(&truth, &[], &[]) };
        let measure = |quantity, target| Measure { contacts: 0b0111, target, ..Measure::of(quantity) };
        // Only the first of the three landed; the fourth is not asked for.
        assert!((measure(Quantity::AirTime, 0.25).value(&situation) - 0.15).abs() < 1e-12);
        assert_eq!(measure(Quantity::ContactForce, 4.0).value(&situation), 10.0);
    }
}
