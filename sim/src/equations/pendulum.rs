//! Gymnasium's Pendulum-v1 in f64, operation by operation.
//!
//! `gymnasium/envs/classic_control/pendulum.py`: g = 10 m/s², m = 1 kg, l = 1 m, dt = 0.05 s, torque within ±2 N m, speed within
//! ±8 rad/s, semi-implicit Euler. Angle 0 is upright, counter-clockwise is positive.

use crate::error::SimError;
use crate::quantity::wrapped;
use crate::random::Stream;
use crate::start;
use crate::task::StartDocument;
use crate::truth::{JointState, Truth};

const GRAVITY: f64 = 10.0;
const MASS: f64 = 1.0;
const LENGTH: f64 = 1.0;

/// From one action to the next, s.
pub const PERIOD_S: f64 = 0.05;
/// The speed is clipped to it either way, rad/s.
pub const MAX_SPEED: f64 = 8.0;
/// The torque is clipped to it either way, N m.
pub const MAX_TORQUE: f64 = 2.0;

/// Gymnasium's cost of acting in a state: angle² + 0.1 speed² + 0.001 torque²; the reward is its negative.
pub fn cost(angle: f64, speed: f64, torque: f64) -> f64 {
    let angle = wrapped(angle);
    angle * angle + 0.1 * speed * speed + 0.001 * torque * torque
}

/// The pendulum's state.
#[derive(Clone, Debug)]
pub(crate) struct Pendulum {
    truth: Truth,
}

impl Pendulum {
    pub(crate) fn new() -> Self {
        Self { truth: Truth { joints: vec![JointState::default()], ..Truth::default() } }
    }

    pub(crate) fn reset(&mut self, start: &StartDocument, joint_names: &[String], stream: &mut Stream) {
        let joints = joint_names.iter().map(|name| (name, 0.0));
        start::draw(start, joints, &[], stream, &mut self.truth);
    }

    pub(crate) fn truth(&self) -> &Truth {
        &self.truth
    }

    /// Goes on from a true state.
    pub(crate) fn restore(&mut self, truth: &Truth) -> Result<(), SimError> {
        SimError::check_lengths(&[("joints", self.truth.joints.len(), truth.joints.len())])?;
        self.truth.clone_from(truth);
        Ok(())
    }

    /// Advances by 0.05 s under a torque in N m that is already within its limits.
    pub(crate) fn step(&mut self, torque: f64) {
        for joint in &mut self.truth.joints {
            (joint.position, joint.velocity) = next(joint.position, joint.velocity, torque);
        }
    }

    pub(crate) fn sense(&self, values: &mut [f32]) {
        for (pair, joint) in values.chunks_exact_mut(2).zip(&self.truth.joints) {
            pair[0] = joint.position as f32;
            pair[1] = joint.velocity as f32;
        }
    }
}

/// Angle in rad and speed in rad/s one period later, under a torque in N m.
pub fn next(angle: f64, speed: f64, torque: f64) -> (f64, f64) {
    let acceleration =
        3.0 * GRAVITY / (2.0 * LENGTH) * libm::sin(angle) + 3.0 / (MASS * (LENGTH * LENGTH)) * torque;
    let speed = speed + acceleration * PERIOD_S;
    let raised = if speed < -MAX_SPEED { -MAX_SPEED } else { speed };
    let speed = if raised > MAX_SPEED { MAX_SPEED } else { raised };
    (angle + speed * PERIOD_S, speed)
}
