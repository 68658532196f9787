//! Gymnasium's CartPole-v1 in f64, operation by operation.
//!
//! `gymnasium/envs/classic_control/cartpole.py`, after Barto, Sutton and Anderson, "Neuronlike Adaptive Elements That Can
//! Solve Difficult Learning Control Problems" (1983), without their friction: g = 9.8 m/s², cart 1 kg, pole 0.1 kg and 1 m
//! long, dt = 0.02 s, explicit Euler. Angle 0 is upright; a positive angle leans towards positive positions.

use super::Mechanism;
use crate::robot::JointKind;
use crate::truth::JointState;

const GRAVITY: f64 = 9.8;
const CART_MASS: f64 = 1.0;
const POLE_MASS: f64 = 0.1;
const TOTAL_MASS: f64 = POLE_MASS + CART_MASS;
/// From the pole's hinge to its centre of mass, m.
const HALF_LENGTH: f64 = 0.5;
const POLE_MASS_LENGTH: f64 = POLE_MASS * HALF_LENGTH;

/// From one action to the next, s.
pub const PERIOD_S: f64 = 0.02;

pub(super) const MECHANISM: Mechanism = Mechanism {
    name: "cartpole-v1",
    joints: &[("cart", JointKind::Slide), ("pole", JointKind::Hinge)],
    driven: 0,
    period_s: PERIOD_S,
    advance,
};

fn advance(joints: &mut [JointState], force: f64) {
    if let [cart, pole] = joints {
        [cart.position, cart.velocity, pole.position, pole.velocity] =
            next([cart.position, cart.velocity, pole.position, pole.velocity], force);
    }
}

/// Position in m, velocity, angle in rad and angular velocity one period later, under a force in N on the cart.
pub fn next([position, velocity, angle, speed]: [f64; 4], force: f64) -> [f64; 4] {
    let (sine, cosine) = (libm::sin(angle), libm::cos(angle));
    // The acceleration that the cart would have if the pole did not accelerate.
    let shared = (force + POLE_MASS_LENGTH * (speed * speed) * sine) / TOTAL_MASS;
    let angular_acceleration = (GRAVITY * sine - cosine * shared)
        / (HALF_LENGTH * (4.0 / 3.0 - POLE_MASS * (cosine * cosine) / TOTAL_MASS));
    let acceleration = shared - POLE_MASS_LENGTH * angular_acceleration * cosine / TOTAL_MASS;
    [
        position + PERIOD_S * velocity,
        velocity + PERIOD_S * acceleration,
        angle + PERIOD_S * speed,
        speed + PERIOD_S * angular_acceleration,
    ]
}
