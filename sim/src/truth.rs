//! The true state of a robot: what rewards, terminations and metrics read, and no policy ever sees.

/// The true state of a robot, in SI units.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Truth {
    /// The floating base; at rest at the origin for a robot that is fixed to the ground.
    pub base: BaseState,
    /// Every joint, in the model's order.
    pub joints: Vec<JointState>,
}

/// Motion of a floating base.
#[derive(Clone, Copy, Debug, PartialEq)]
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
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct JointState {
    /// rad, counted over full turns.
    pub position_rad: f64,
    /// rad/s.
    pub velocity_rad_per_s: f64,
}

impl Truth {
    /// Whether every number is finite.
    pub fn is_finite(&self) -> bool {
        let base = &self.base;
        let vectors = [base.position_m, base.velocity_m_per_s, base.angular_velocity_rad_per_s];
        vectors.iter().flatten().chain(&base.orientation).all(|value| value.is_finite())
            && self
                .joints
                .iter()
                .all(|joint| joint.position_rad.is_finite() && joint.velocity_rad_per_s.is_finite())
    }
}
