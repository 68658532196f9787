//! Gymnasium's Acrobot-v1 in f64, operation by operation.
//!
//! `gymnasium/envs/classic_control/acrobot.py`, its `book` dynamics: Sutton and Barto, "Reinforcement Learning: An
//! Introduction" (1998), section 11.3. Two links of 1 kg and 1 m, each with its centre of
//! mass in the middle and an inertia of 1 kg m²; g = 9.8 m/s²; one step of Runge and Kutta's fourth order of 0.2 s; then
//! angles are wrapped to half a turn either way and speeds bounded to 4π and 9π rad/s. Both angles are 0 where the links
//! hang; the second counts from the first link. Torque acts at the elbow; there is no noise.

use super::Mechanism;
use crate::robot::JointKind;
use crate::truth::JointState;
use core::f64::consts::{FRAC_PI_2, PI, TAU};

const GRAVITY: f64 = 9.8;
const MASS_1: f64 = 1.0;
const MASS_2: f64 = 1.0;
const LENGTH_1: f64 = 1.0;
/// From each link's joint to its centre of mass, m.
const CENTRE_1: f64 = 0.5;
const CENTRE_2: f64 = 0.5;
/// Of each link, kg m².
const INERTIA: f64 = 1.0;

/// From one action to the next, s.
pub const PERIOD_S: f64 = 0.2;
/// The speeds of shoulder and elbow are bounded to them either way, rad/s.
pub const MAX_SPEEDS: [f64; 2] = [4.0 * PI, 9.0 * PI];

pub(super) const MECHANISM: Mechanism = Mechanism {
    name: "acrobot-v1",
    joints: &[("shoulder", JointKind::Hinge), ("elbow", JointKind::Hinge)],
    driven: 1,
    period_s: PERIOD_S,
    advance,
};

fn advance(joints: &mut [JointState], torque: f64) {
    if let [shoulder, elbow] = joints {
        [shoulder.position, elbow.position, shoulder.velocity, elbow.velocity] =
            next([shoulder.position, elbow.position, shoulder.velocity, elbow.velocity], torque);
    }
}

/// Both angles in rad and both angular velocities one period later, under a torque in N m at the elbow.
pub fn next(state: [f64; 4], torque: f64) -> [f64; 4] {
    let along = |by: f64, slope: [f64; 4]| -> [f64; 4] { core::array::from_fn(|i| state[i] + by * slope[i]) };
    let k1 = slope(state, torque);
    let k2 = slope(along(PERIOD_S / 2.0, k1), torque);
    let k3 = slope(along(PERIOD_S / 2.0, k2), torque);
    let k4 = slope(along(PERIOD_S, k3), torque);
    let sum: [f64; 4] = core::array::from_fn(|i| k1[i] + 2.0 * k2[i] + 2.0 * k3[i] + k4[i]);
    let [angle_1, angle_2, speed_1, speed_2] = along(PERIOD_S / 6.0, sum);
    let [limit_1, limit_2] = MAX_SPEEDS;
    [wrapped(angle_1), wrapped(angle_2), bounded(speed_1, limit_1), bounded(speed_2, limit_2)]
}

/// Time derivatives of both angles and both angular velocities.
fn slope([angle_1, angle_2, speed_1, speed_2]: [f64; 4], torque: f64) -> [f64; 4] {
    let (sine_2, cosine_2) = (libm::sin(angle_2), libm::cos(angle_2));
    let d1 = MASS_1 * (CENTRE_1 * CENTRE_1)
        + MASS_2 * (LENGTH_1 * LENGTH_1 + CENTRE_2 * CENTRE_2 + 2.0 * LENGTH_1 * CENTRE_2 * cosine_2)
        + INERTIA
        + INERTIA;
    let d2 = MASS_2 * (CENTRE_2 * CENTRE_2 + LENGTH_1 * CENTRE_2 * cosine_2) + INERTIA;
    let phi2 = MASS_2 * CENTRE_2 * GRAVITY * libm::cos(angle_1 + angle_2 - FRAC_PI_2);
    let phi1 = -MASS_2 * LENGTH_1 * CENTRE_2 * (speed_2 * speed_2) * sine_2
        - 2.0 * MASS_2 * LENGTH_1 * CENTRE_2 * speed_2 * speed_1 * sine_2
        + (MASS_1 * CENTRE_1 + MASS_2 * LENGTH_1) * GRAVITY * libm::cos(angle_1 - FRAC_PI_2)
        + phi2;
    let acceleration_2 =
        (torque + d2 / d1 * phi1 - MASS_2 * LENGTH_1 * CENTRE_2 * (speed_1 * speed_1) * sine_2 - phi2)
            / (MASS_2 * (CENTRE_2 * CENTRE_2) + INERTIA - d2 * d2 / d1);
    let acceleration_1 = -(d2 * acceleration_2 + phi1) / d1;
    [speed_1, speed_2, acceleration_1, acceleration_2]
}

/// Height of the tip above the shoulder, m: the links are 1 m long and hang at 0.
pub(crate) fn tip_height_m(joints: &[JointState]) -> f64 {
    let mut angle = 0.0;
    joints.iter().fold(0.0, |height, joint| {
        angle += joint.position;
        height - libm::cos(angle)
    })
}

/// An angle within half a turn, less or plus full turns one by one, as Gymnasium takes them.
fn wrapped(angle: f64) -> f64 {
    // Where a state is so far from physical that one by one might take forever, the remainder does the most of it.
    let mut angle = if angle.abs() > 1e3 { libm::fmod(angle, TAU) } else { angle };
    while angle > PI {
        angle -= TAU;
    }
    while angle < -PI {
        angle += TAU;
    }
    angle
}

fn bounded(value: f64, limit: f64) -> f64 {
    let raised = if value < -limit { -limit } else { value };
    if raised > limit { limit } else { raised }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tip_is_two_metres_below_where_it_hangs_and_two_above_where_it_stands() {
        let joints = |shoulder, elbow| {
            [shoulder, elbow].map(|position| JointState { position, ..JointState::default() })
        };
        assert_eq!(tip_height_m(&joints(0.0, 0.0)), -2.0);
        assert_eq!(tip_height_m(&joints(PI, 0.0)), 2.0);
        assert!((tip_height_m(&joints(FRAC_PI_2, FRAC_PI_2)) - 1.0).abs() < 1e-15);
        assert!((tip_height_m(&joints(-FRAC_PI_2, FRAC_PI_2)) + 1.0).abs() < 1e-15);
    }

    #[test]
    fn angles_wrap_by_full_turns_from_any_distance() {
        for (angle, expected) in
            [(3.0, 3.0), (PI, PI), (-PI, -PI), (4.0, 4.0 - TAU), (-20.0, -20.0 + 3.0 * TAU)]
        {
            assert!((wrapped(angle) - expected).abs() < 1e-14, "{angle}");
        }
        for angle in [1e6, -1e18, 1e300] {
            assert!(wrapped(angle).abs() <= PI, "{angle}");
        }
        assert!(wrapped(f64::INFINITY).is_nan() && wrapped(f64::NAN).is_nan());
    }

    #[test]
    fn without_torque_the_energy_is_kept() {
        // The equations' own energy: kinetic by d1 and d2, potential by the two centres of mass. A step of 0.2 s is coarse.
        let energy = |[angle_1, angle_2, speed_1, speed_2]: [f64; 4]| {
            let cosine = libm::cos(angle_2);
            let (m11, m12, m22) = (3.5 + cosine, 1.25 + 0.5 * cosine, 1.25);
            let kinetic =
                0.5 * m11 * speed_1 * speed_1 + m12 * speed_1 * speed_2 + 0.5 * m22 * speed_2 * speed_2;
            kinetic - 1.5 * GRAVITY * libm::cos(angle_1) - 0.5 * GRAVITY * libm::cos(angle_1 + angle_2)
        };
        let mut state = [0.8, -0.4, 0.3, 0.1];
        let start = energy(state);
        for _ in 0..50 {
            state = next(state, 0.0);
        }
        assert!((energy(state) - start).abs() < 0.02 * start.abs(), "{} against {start}", energy(state));
    }
}
