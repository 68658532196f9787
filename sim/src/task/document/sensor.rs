//! A sensor as written in a task's file: what it measures, where, how often, and what is wrong with it.

use crate::robot::JointKind;
use crate::task::scan::{BeamsDocument, CameraDocument, GridDocument};
use serde::Deserialize;
use sinew_policy_runtime::interface::{Frame, Unit};

/// What a sensor measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SensorQuantity {
    /// A hinge's angle, rad; a slide's displacement, m.
    JointPosition,
    /// A hinge's speed, rad/s; a slide's, m/s.
    JointVelocity,
    /// What a hinge's actuators apply, N m; a slide's, N.
    JointEffort,
    /// The base's origin, m, world.
    BasePosition,
    /// The base's velocity, m/s, world.
    BaseVelocity,
    /// The base's orientation, w, x, y, z.
    BaseOrientation,
    /// The base's angular velocity, rad/s, body.
    BaseAngularVelocity,
    /// What an accelerometer feels: acceleration minus gravity, m/s², body.
    BaseAcceleration,
    /// Sum of the normal forces on a geom, N.
    ContactForce,
    /// How far below the base the ground lies at points around it, m.
    HeightScan,
    /// How far the nearest surface lies along rays, m.
    Range,
    /// How far the nearest surface lies along a camera's axis at each pixel, m.
    DepthCamera,
}

impl SensorQuantity {
    /// Size, unit and frame; `kind` is that of the joint, where the quantity is a joint's.
    pub(crate) const fn form(self, kind: JointKind) -> (u16, Unit, Frame) {
        match (self, kind) {
            (Self::JointPosition, JointKind::Hinge) => (1, Unit::Radian, Frame::Joint),
            (Self::JointPosition, JointKind::Slide) => (1, Unit::Meter, Frame::Joint),
            (Self::JointVelocity, JointKind::Hinge) => (1, Unit::RadianPerSecond, Frame::Joint),
            (Self::JointVelocity, JointKind::Slide) => (1, Unit::MeterPerSecond, Frame::Joint),
            (Self::JointEffort, JointKind::Hinge) => (1, Unit::NewtonMeter, Frame::Joint),
            (Self::JointEffort, JointKind::Slide) => (1, Unit::Newton, Frame::Joint),
            (Self::BasePosition, _) => (3, Unit::Meter, Frame::World),
            (Self::BaseVelocity, _) => (3, Unit::MeterPerSecond, Frame::World),
            (Self::BaseOrientation, _) => (4, Unit::Dimensionless, Frame::BodyToWorld),
            (Self::BaseAngularVelocity, _) => (3, Unit::RadianPerSecond, Frame::Body),
            (Self::BaseAcceleration, _) => (3, Unit::MeterPerSecondSquared, Frame::Body),
            (Self::ContactForce, _) => (1, Unit::Newton, Frame::Body),
            // As many values as there are rays.
            (Self::HeightScan | Self::Range | Self::DepthCamera, _) => (0, Unit::Meter, Frame::Body),
        }
    }
}

/// A sensor of the robot.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SensorDocument {
    pub(crate) name: String,
    pub(crate) quantity: SensorQuantity,
    /// The joint, for a joint's quantity.
    pub(crate) joint: Option<String>,
    /// Or several of a kind, one value after the other.
    #[serde(default)]
    pub(crate) joints: Vec<String>,
    /// The site where a sensor of the base's motion sits, whose axes are the sensor's; the base's origin where absent.
    pub(crate) site: Option<String>,
    /// The geom, or the body, whose contacts are felt.
    pub(crate) geom: Option<String>,
    /// Of a height scan.
    pub(crate) grid: Option<GridDocument>,
    /// Of a range finder.
    pub(crate) beams: Option<BeamsDocument>,
    /// Of a depth camera.
    pub(crate) camera: Option<CameraDocument>,
    /// From one of its samples to the next, s, a multiple of the physics step; each physics step where absent.
    pub(crate) period_s: Option<f64>,
    /// What is wrong with it, in training and acceptance.
    #[serde(default)]
    pub(crate) errors: SensorErrors,
}

/// How wrong a sensor is, in its unit; an orientation's errors are rotations, rad.
#[derive(Clone, Copy, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SensorErrors {
    /// Standard deviation of each value's white noise.
    pub(crate) noise: f64,
    /// Largest length of an error that is constant through the episode.
    pub(crate) bias: f64,
    /// Deviation of an error that walks, after a second.
    pub(crate) bias_walk: f64,
    /// Largest relative error of the scale.
    pub(crate) scale: f64,
    /// Smallest difference that it tells; 0 for any.
    pub(crate) quantization: f64,
    /// Largest magnitude that it shows; 0 for any.
    pub(crate) saturation: f64,
    /// Probability that a sample is lost, and the one before it stays.
    pub(crate) dropout: f64,
    /// From the motion to the sample, s.
    pub(crate) latency_s: f64,
}

impl SensorErrors {
    /// Every error with its name in files and its largest legal value.
    pub(crate) fn named(&self) -> [(&'static str, f64, f64); 8] {
        [
            ("noise", self.noise, 1e6),
            ("bias", self.bias, 1e6),
            ("bias_walk", self.bias_walk, 1e6),
            ("scale", self.scale, 1.0),
            ("quantization", self.quantization, 1e6),
            ("saturation", self.saturation, 1e9),
            ("dropout", self.dropout, 1.0),
            ("latency_s", self.latency_s, 1.0),
        ]
    }
}
