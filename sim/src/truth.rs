//! The true state of a robot: what rewards, terminations and metrics read, and no policy ever sees.

use serde::{Deserialize, Serialize};

/// The true state of a robot, in SI units.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Truth {
    /// The floating base; at rest at the origin for a robot that is fixed to the ground.
    pub base: BaseState,
    /// Every joint, in the model's order.
    pub joints: Vec<JointState>,
    /// Of every joint, what its actuators applied over the last physics step: N m of a hinge, N of a slide.
    pub efforts: Vec<f64>,
}

/// Motion of a floating base.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct BaseState {
    /// Of the base's origin, m, world frame.
    pub position_m: [f64; 3],
    /// Of the base's origin, m/s, world frame.
    pub velocity_m_per_s: [f64; 3],
    /// Body to world, w, x, y, z.
    pub orientation: [f64; 4],
    /// rad/s, body frame.
    pub angular_velocity_rad_per_s: [f64; 3],
}

impl Default for BaseState {
    fn default() -> Self {
        Self {
            position_m: [0.0; 3],
            velocity_m_per_s: [0.0; 3],
            orientation: [1.0, 0.0, 0.0, 0.0],
            angular_velocity_rad_per_s: [0.0; 3],
        }
    }
}

/// Motion of one joint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JointState {
    /// Of a hinge rad, counted over full turns; of a slide m.
    pub position: f64,
    /// rad/s or m/s.
    pub velocity: f64,
}

impl Truth {
    /// Takes on another state of as many joints; nothing is allocated.
    pub(crate) fn copy_from(&mut self, other: &Self) {
        let Self { base, joints, efforts } = other;
        self.base = *base;
        self.joints.clone_from(joints);
        self.efforts.clone_from(efforts);
    }

    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        let base = &self.base;
        // Zero times a finite number is zero, times any other it is NaN: one comparison for all.
        let mut nothing = 0.0;
        for vector in [&base.position_m, &base.velocity_m_per_s, &base.angular_velocity_rad_per_s] {
            nothing += 0.0 * vector[0] + 0.0 * vector[1] + 0.0 * vector[2];
        }
        for component in base.orientation {
            nothing += 0.0 * component;
        }
        for joint in &self.joints {
            nothing += 0.0 * joint.position + 0.0 * joint.velocity;
        }
        nothing == 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_that_is_not_finite_is_found_anywhere() {
        let mut truth = Truth { joints: vec![JointState::default(); 2], ..Truth::default() };
        truth.base.velocity_m_per_s = [-3.0, 1e300, 0.0];
        assert!(truth.is_finite());
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let mut broken = truth.clone();
            broken.base.angular_velocity_rad_per_s[2] = value;
            assert!(!broken.is_finite());
            let mut broken = truth.clone();
            broken.joints[1].velocity = value;
            assert!(!broken.is_finite());
        }
    }
}
