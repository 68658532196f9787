//! What a host commands when the policy may not: hold joints at a safe pose, or damp them.
//!
//! [`JointFallback`] is a function of the time alone. It sends servo gains and lets the drives close the loop, so it needs no
//! sensor and nothing that the policy said; stiffness grows from zero, so that a joint far from its pose is not torn there.
//! After a while it lets go and only damps. Rotors have no such fallback: the robot's own descent is theirs.

use crate::interface::{JointSetpoint, MAX_ACTUATORS, Setpoint};
use serde::{Deserialize, Serialize};

/// One joint's part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HeldJoint {
    /// Where it is held, rad or m.
    pub pose: f32,
    /// Of its servo while it is held, N·m/rad or N/m.
    pub stiffness: f32,
    /// Of its servo, N·m·s/rad or N·s/m.
    pub damping: f32,
}

/// Holds, then damps; see the [module](self).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JointFallback {
    /// One for each actuator, in the robot's order.
    pub joints: heapless::Vec<HeldJoint, MAX_ACTUATORS>,
    /// Stiffness grows for so long, s.
    pub ramp_s: f32,
    /// Joints are held for so long, s, and damped from then on; 0 damps at once.
    pub hold_s: f32,
}

impl JointFallback {
    /// One setpoint for each actuator, `elapsed_s` after the fallback began.
    pub fn setpoints(&self, elapsed_s: f32) -> heapless::Vec<Setpoint, MAX_ACTUATORS> {
        let share = if !(elapsed_s < self.hold_s) {
            0.0
        } else if elapsed_s < self.ramp_s {
            elapsed_s / self.ramp_s
        } else {
            1.0
        };
        let mut setpoints = heapless::Vec::new();
        for joint in &self.joints {
            let setpoint = JointSetpoint {
                position: joint.pose,
                velocity: 0.0,
                stiffness: share * joint.stiffness,
                damping: joint.damping,
                torque: 0.0,
            };
            // As many as there are joints, which have the same capacity.
            let _ = setpoints.push(Setpoint::Joint(setpoint));
        }
        setpoints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gains(fallback: &JointFallback, elapsed_s: f32) -> [f32; 2] {
        match fallback.setpoints(elapsed_s)[..] {
            [Setpoint::Joint(joint)] => {
                assert_eq!((joint.position, joint.velocity, joint.torque), (0.5, 0.0, 0.0));
                [joint.stiffness, joint.damping]
            }
            ref other => panic!("{other:?}"),
        }
    }

    #[test]
    fn stiffness_grows_holds_and_gives_way_to_damping() {
        let joint = HeldJoint { pose: 0.5, stiffness: 20.0, damping: 1.0 };
        let hold = JointFallback { joints: [joint].into_iter().collect(), ramp_s: 0.5, hold_s: 2.0 };
        for (elapsed_s, stiffness) in
            [(0.0, 0.0), (0.25, 10.0), (0.5, 20.0), (1.9, 20.0), (2.0, 0.0), (f32::NAN, 0.0)]
        {
            assert_eq!(gains(&hold, elapsed_s), [stiffness, 1.0], "{elapsed_s} s");
        }
        let damp = JointFallback { hold_s: 0.0, ..hold };
        assert_eq!(gains(&damp, 0.0), [0.0, 1.0]);
    }
}
