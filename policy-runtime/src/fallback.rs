//! What a host commands when the policy may not: hold joints at a safe pose, damp them, or let rotors sink.
//!
//! [`JointFallback`] is a function of the time alone. It sends servo gains and lets the drives close the loop, so it needs no
//! sensor and nothing that the policy said; stiffness grows from zero, so that a joint far from its pose is not torn there.
//! After a while it lets go and only damps. [`DescentFallback`] levels rotors out while attitude is fresh, for robots that have
//! no attitude controller of their own.

use crate::interface::{Actuator, JointSetpoint, MAX_ACTUATORS, Setpoint};
use crate::observation::SensorFrame;
use crate::safe_action::{Attitude, LevelDescent};
use serde::{Deserialize, Serialize};

/// What a host commands when the policy may not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Fallback {
    /// Joints are held or damped.
    Joints(JointFallback),
    /// Rotors level out and sink.
    Descent(DescentFallback),
}

impl Fallback {
    /// One setpoint for each actuator, `elapsed_s` after the fallback began; absent where the newest sample does not allow it.
    pub fn setpoints(
        &self,
        actuators: &[Actuator],
        sample: &SensorFrame,
        elapsed_s: f32,
    ) -> Option<heapless::Vec<Setpoint, MAX_ACTUATORS>> {
        match self {
            Self::Joints(joints) => Some(joints.setpoints(elapsed_s)),
            Self::Descent(descent) => descent.setpoints(actuators, sample, elapsed_s),
        }
    }
}

/// Where a sensor's values stand in a sample.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SensorPlace {
    /// Its number among the interface's sensors.
    pub sensor: u16,
    /// The place of its first value among all sensors' values.
    pub first: u16,
}

impl SensorPlace {
    /// Its values, unless they are older than `largest_age_us`.
    fn values<const SIZE: usize>(self, sample: &SensorFrame, largest_age_us: u32) -> Option<[f32; SIZE]> {
        let (sensor, first) = (usize::from(self.sensor), usize::from(self.first));
        let fresh = *sample.ages_us.get(sensor)? <= largest_age_us;
        sample.values.get(first..)?.first_chunk().copied().filter(|_| fresh)
    }
}

/// Rotors level out and sink for some time, and then stop; see [`LevelDescent`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DescentFallback {
    /// How.
    pub descent: LevelDescent,
    /// The sensor of the base's orientation, a quaternion `[w, x, y, z]` from body to world.
    pub orientation: SensorPlace,
    /// That of its angular velocity, rad/s, body frame.
    pub angular_velocity: SensorPlace,
    /// That of its velocity, m/s, world frame.
    pub velocity: SensorPlace,
    /// Values older than this are as good as none, µs.
    pub largest_age_us: u32,
}

impl DescentFallback {
    /// One setpoint for each actuator, `elapsed_s` after the fallback began; absent while the descent lasts and no fresh and
    /// finite attitude is known: the robot's own safe action knows more then.
    pub fn setpoints(
        &self,
        actuators: &[Actuator],
        sample: &SensorFrame,
        elapsed_s: f32,
    ) -> Option<heapless::Vec<Setpoint, MAX_ACTUATORS>> {
        self.descent.setpoints(actuators, self.attitude(sample).as_ref(), elapsed_s)
    }

    fn attitude(&self, sample: &SensorFrame) -> Option<Attitude> {
        Some(Attitude::new(
            self.orientation.values(sample, self.largest_age_us)?,
            self.angular_velocity.values(sample, self.largest_age_us)?,
            self.velocity.values(sample, self.largest_age_us)?,
        ))
    }
}

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
    use crate::interface::ActuatorMode;
    use crate::safe_action::RotorMount;

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
    fn rotors_sink_while_attitude_is_fresh_and_finite_and_then_stop() {
        let mount = |y_m| RotorMount { x_m: 0.0, y_m, yaw_sign: 0.0, hover_speed_rad_per_s: 100.0 };
        let rotors = [mount(0.1), mount(-0.1)].into_iter().collect();
        let place = |sensor, first| SensorPlace { sensor, first };
        let fallback = DescentFallback {
            descent: LevelDescent { rotors, descent_speed_m_per_s: 0.5, duration_s: 2.0 },
            orientation: place(0, 1),
            angular_velocity: place(2, 8),
            velocity: place(1, 5),
            largest_age_us: 20_000,
        };
        let actuator = |name| Actuator {
            name,
            mode: ActuatorMode::RotorSpeed,
            minimum: 0.0,
            maximum: 200.0,
            max_rate_per_s: None,
            stiffness: 0.0,
            damping: 0.0,
        };
        let actuators = ["left", "right"].map(actuator);
        let commands = |tilt: f32, age_us: u32, elapsed_s: f32| {
            // A roll to the right by `tilt`, sinking as it should.
            let (w, x) = (libm::cosf(0.5 * tilt), libm::sinf(0.5 * tilt));
            let values = [9.0, w, x, 0.0, 0.0, 0.3, 0.0, -0.5, 0.0, 0.0, 0.0];
            let sample = SensorFrame { values: &values, ages_us: &[20_000, 0, age_us] };
            fallback.setpoints(&actuators, &sample, elapsed_s).map(|setpoints| match setpoints[..] {
                [Setpoint::Rotor(left), Setpoint::Rotor(right)] => [left, right],
                ref other => panic!("{other:?}"),
            })
        };
        assert_eq!(commands(0.0, 20_000, 0.0), Some([100.0, 100.0]));
        // 100 sqrt(1 - 0.1 sin 0.2) and 100 sqrt(1 + 0.1 sin 0.2).
        let [left, right] = commands(0.2, 0, 1.0).unwrap();
        assert!((left - 99.0017).abs() < 1e-3 && (right - 100.9885).abs() < 1e-3, "{left} {right}");
        // Too old, or no number: nothing is known that could be answered.
        assert_eq!((commands(0.0, 20_001, 1.0), commands(f32::NAN, 0, 1.0)), (None, None));
        assert_eq!(commands(0.0, 20_001, 2.0), Some([0.0, 0.0]));
        assert_eq!(commands(0.0, 0, f32::NAN), Some([0.0, 0.0]));
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
