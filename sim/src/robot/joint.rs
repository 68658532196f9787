//! The joints of a model, in either of rapier's formulations.
//!
//! Reduced coordinates (a multibody) keep joints exact and their positions at hand. Joint constraints give every body its
//! six coordinates and let the solver hold them together: faster for many joints, never quite exact. A joint here says
//! in which of the two it lives, and everything that reads or drives it works on both.

use rapier3d::dynamics::{ImpulseJointHandle, JointAxis, MultibodyJointHandle, RigidBodyHandle};
use rapier3d::math::{Pose, Rotation, Vector};
use serde::Deserialize;

/// How rapier holds a robot's joints together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Formulation {
    /// Reduced coordinates.
    #[default]
    Multibody,
    /// Six coordinates for every body, and a constraint for every joint.
    JointConstraints,
}

impl std::fmt::Display for Formulation {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Multibody => "multibody",
            Self::JointConstraints => "joint constraints",
        })
    }
}

/// How a joint moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JointKind {
    /// About an axis: rad, N m.
    Hinge,
    /// Along an axis: m, N.
    Slide,
}

impl JointKind {
    /// rapier's free axis: the joint frame's x axis.
    pub(super) const fn axis(self) -> JointAxis {
        match self {
            Self::Hinge => JointAxis::AngX,
            Self::Slide => JointAxis::LinX,
        }
    }

    /// Where the position stands among a multibody joint's coordinates.
    pub(super) const fn coordinate(self) -> usize {
        match self {
            Self::Slide => 0,
            Self::Hinge => 3,
        }
    }

    /// The motion between the joint's two frames at a position.
    pub(super) fn motion(self, position: f32) -> Pose {
        match self {
            Self::Hinge => Pose::from_rotation(Rotation::from_axis_angle(Vector::X, position)),
            Self::Slide => Pose::from_translation(Vector::X * position),
        }
    }
}

/// A joint of one degree of freedom.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ModelJoint {
    pub(crate) kind: JointKind,
    pub(crate) holder: Holder,
    /// Its place among the model's links.
    pub(crate) link: usize,
    /// Viscous friction in the file, N m s/rad or N s/m.
    pub(crate) damping: f64,
    /// Dry friction in the file, N m or N.
    pub(crate) friction: f64,
    /// Inertia of the motor's rotor behind its gear, kg m² or kg.
    pub(crate) armature: f64,
}

/// What of rapier's holds a joint.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Holder {
    Multibody(MultibodyJointHandle),
    /// The joint, whose motor is its viscous friction, and beside it a free one whose motor is its dry friction: a joint
    /// of rapier's has but one motor for each axis.
    Constraint {
        joint: ImpulseJointHandle,
        friction: ImpulseJointHandle,
    },
}

/// Two bodies and how they touch, with or without freedom; parents come before children.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Link {
    pub(crate) parent: RigidBodyHandle,
    pub(crate) child: RigidBodyHandle,
    /// The joint's frame in the parent and in the child; its axis is x.
    pub(crate) frames: [Pose; 2],
}
