//! Gymnasium's Pendulum-v1 in f64, operation by operation.
//!
//! `gymnasium/envs/classic_control/pendulum.py`: g = 10 m/s², m = 1 kg, l = 1 m, dt = 0.05 s, torque within ±2 N m, speed within
//! ±8 rad/s, semi-implicit Euler. Angle 0 is upright, counter-clockwise is positive.

use super::Mechanism;
use crate::quantity::wrapped;
use crate::robot::JointKind;
use crate::truth::JointState;

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

pub(super) const MECHANISM: Mechanism = Mechanism {
    name: "pendulum-v1",
    joints: &[("hinge", JointKind::Hinge)],
    driven: 0,
    period_s: PERIOD_S,
    advance,
};

fn advance(joints: &mut [JointState], torque: f64) {
    for joint in joints {
        (joint.position, joint.velocity) = next(joint.position, joint.velocity, torque);
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
