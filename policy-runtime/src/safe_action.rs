//! What actuators do when nobody may command them: the peer's own safe state.
//!
//! It runs on the robot's side of the link, where attitude is fresh, as soon as a command's `valid_for` has passed, on a
//! stop, and after a fault. Joints go limp; a quadrotor levels out and sinks for a limited time, then its motors stop.
//! Nothing here repeats what the policy last said.

use crate::interface::{Actuator, MAX_ACTUATORS, Setpoint};
use crate::observation::rotate_to_body;
use serde::{Deserialize, Serialize};

/// A rotor's place and direction, as the level descent mixes it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RotorMount {
    /// Forward of the centre of mass, m.
    pub x_m: f32,
    /// Left of it, m.
    pub y_m: f32,
    /// Torque about +z that the body feels as the rotor speeds up: +1 for a rotor that turns clockwise seen from above.
    pub yaw_sign: f32,
    /// Speed that carries its share of the nominal weight, rad/s.
    pub hover_speed_rad_per_s: f32,
}

/// Level out and sink while attitude is fresh, then motors off.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LevelDescent {
    /// One for each actuator, in the robot's order.
    pub rotors: heapless::Vec<RotorMount, MAX_ACTUATORS>,
    /// Speed of the descent, m/s.
    pub descent_speed_m_per_s: f32,
    /// Motors stop after it, s.
    pub duration_s: f32,
}

/// What a robot does when nobody may command it.
#[derive(Clone, Debug, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one for a robot's whole life, and no heap to box it on")]
pub enum SafeAction {
    /// Every actuator's command is 0: limp joints, stopped rotors.
    Zero,
    /// For a quadrotor.
    LevelDescent(LevelDescent),
}

/// The motion that a level descent needs, measured on board.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Attitude {
    /// Unit vector of gravity in the body frame; `[0, 0, -1]` when level.
    pub gravity: [f32; 3],
    /// rad/s, body frame.
    pub angular_velocity: [f32; 3],
    /// Upwards, m/s.
    pub climb_m_per_s: f32,
}

impl Attitude {
    /// Of a base with an orientation `[w, x, y, z]` from body to world, an angular velocity in rad/s in the body frame, and a
    /// velocity in m/s in the world frame.
    pub fn new(orientation: [f32; 4], angular_velocity: [f32; 3], [_, _, climb_m_per_s]: [f32; 3]) -> Self {
        Self { gravity: rotate_to_body(orientation, [0.0, 0.0, -1.0]), angular_velocity, climb_m_per_s }
    }

    fn is_finite(&self) -> bool {
        let Self { gravity, angular_velocity, climb_m_per_s } = self;
        gravity.iter().chain(angular_velocity).chain([climb_m_per_s]).all(|value| value.is_finite())
    }
}

/// Share of the hover thrust for a tilt of one radian. With a Crazyflie's arm and inertia, 7 rad/s of bandwidth.
const TILT_GAIN: f32 = 0.1;
/// Share of the hover thrust for 1 rad/s of roll or pitch: about critical damping.
const RATE_GAIN: f32 = 0.03;
/// Share of the hover thrust for 1 rad/s of yaw.
const YAW_RATE_GAIN: f32 = 0.02;
/// Share of the hover thrust for 1 m/s of error in the speed of descent.
const CLIMB_GAIN: f32 = 0.3;
/// Collective thrust stays within these shares of the hover thrust.
const COLLECTIVE: [f32; 2] = [0.5, 1.5];

impl SafeAction {
    /// One setpoint for each actuator, `elapsed_s` after the safe state began.
    ///
    /// Without a fresh and finite attitude a level descent is impossible, and rotors stop.
    pub fn setpoints(
        &self,
        actuators: &[Actuator],
        attitude: Option<&Attitude>,
        elapsed_s: f32,
        setpoints: &mut [Setpoint],
    ) {
        for (index, (setpoint, actuator)) in setpoints.iter_mut().zip(actuators).enumerate() {
            *setpoint = match self {
                Self::LevelDescent(descent) => descent.setpoint(index, actuator, attitude, elapsed_s),
                Self::Zero => actuator.setpoint(0.0),
            };
        }
    }
}

/// Within the actuator's limits, or 0. Compare-select, so that a NaN becomes the smallest command.
fn bounded(value: f32, actuator: &Actuator) -> f32 {
    let within = value >= actuator.minimum && value <= actuator.maximum;
    if within || value == 0.0 {
        value
    } else if value > actuator.maximum {
        actuator.maximum
    } else {
        actuator.minimum
    }
}

impl LevelDescent {
    /// One setpoint for each actuator, `elapsed_s` after it began; absent while it lasts and no finite attitude is known.
    pub fn setpoints(
        &self,
        actuators: &[Actuator],
        attitude: Option<&Attitude>,
        elapsed_s: f32,
    ) -> Option<heapless::Vec<Setpoint, MAX_ACTUATORS>> {
        if elapsed_s < self.duration_s && !attitude.is_some_and(Attitude::is_finite) {
            return None;
        }
        let mut setpoints = heapless::Vec::new();
        for (index, actuator) in actuators.iter().enumerate() {
            // As many as there are actuators, of which an interface has at most as many.
            let _ = setpoints.push(self.setpoint(index, actuator, attitude, elapsed_s));
        }
        Some(setpoints)
    }

    /// The speed of an actuator's rotor; 0 without an attitude and when the descent is over.
    fn setpoint(
        &self,
        index: usize,
        actuator: &Actuator,
        attitude: Option<&Attitude>,
        elapsed_s: f32,
    ) -> Setpoint {
        let speed = match (self.rotors.get(index), attitude) {
            (Some(rotor), Some(attitude)) if elapsed_s < self.duration_s => self.speed(rotor, attitude),
            _ => 0.0,
        };
        actuator.setpoint(bounded(speed, actuator))
    }

    /// Speed of one rotor, rad/s: thrust goes with its square.
    fn speed(&self, rotor: &RotorMount, attitude: &Attitude) -> f32 {
        let ([gravity_x, gravity_y, _], [roll_rate, pitch_rate, yaw_rate]) =
            (attitude.gravity, attitude.angular_velocity);
        // A roll to the right lowers y: gravity turns towards -y, and the torque about x must be negative.
        let roll = TILT_GAIN * gravity_y - RATE_GAIN * roll_rate;
        let pitch = -TILT_GAIN * gravity_x - RATE_GAIN * pitch_rate;
        let yaw = -YAW_RATE_GAIN * yaw_rate;
        let raised = 1.0 + CLIMB_GAIN * (-self.descent_speed_m_per_s - attitude.climb_m_per_s);
        let collective = if raised < COLLECTIVE[0] {
            COLLECTIVE[0]
        } else if raised > COLLECTIVE[1] {
            COLLECTIVE[1]
        } else {
            raised
        };
        let (side, front) = (sign(rotor.y_m), sign(rotor.x_m));
        let share = collective + side * roll - front * pitch + rotor.yaw_sign * yaw;
        let share = if share > 0.0 { share } else { 0.0 };
        rotor.hover_speed_rad_per_s * crate::math::sqrt(share)
    }
}

fn sign(value: f32) -> f32 {
    if value > 0.0 {
        1.0
    } else if value < 0.0 {
        -1.0
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interface::ActuatorMode;

    /// Front left, front right, rear right, rear left; the diagonals turn alike.
    fn descent() -> (SafeAction, [Actuator<'static>; 4]) {
        let mount = |x_m, y_m, yaw_sign| RotorMount { x_m, y_m, yaw_sign, hover_speed_rad_per_s: 1500.0 };
        let mounts = [
            mount(0.03, 0.03, 1.0),
            mount(0.03, -0.03, -1.0),
            mount(-0.03, -0.03, 1.0),
            mount(-0.03, 0.03, -1.0),
        ];
        let actuator = |name| Actuator {
            name,
            mode: ActuatorMode::RotorSpeed,
            minimum: 0.0,
            maximum: 2200.0,
            max_rate_per_s: None,
            stiffness: 0.0,
            damping: 0.0,
        };
        let rotors = mounts.into_iter().collect();
        let descent = LevelDescent { rotors, descent_speed_m_per_s: 0.5, duration_s: 2.0 };
        (SafeAction::LevelDescent(descent), ["a", "b", "c", "d"].map(actuator))
    }

    fn speeds(attitude: Option<Attitude>, elapsed_s: f32) -> [f32; 4] {
        let (action, actuators) = descent();
        let mut setpoints = [Setpoint::Rotor(-1.0); 4];
        action.setpoints(&actuators, attitude.as_ref(), elapsed_s, &mut setpoints);
        setpoints.map(|setpoint| match setpoint {
            Setpoint::Rotor(speed) => speed,
            Setpoint::Joint(_) => f32::NAN,
        })
    }

    fn sinking(gravity: [f32; 3], angular_velocity: [f32; 3]) -> Attitude {
        Attitude { gravity, angular_velocity, climb_m_per_s: -0.5 }
    }

    #[test]
    fn a_level_robot_that_sinks_as_it_should_hovers_evenly() {
        assert_eq!(speeds(Some(sinking([0.0, 0.0, -1.0], [0.0; 3])), 0.5), [1500.0; 4]);
    }

    #[test]
    fn a_tilt_is_answered_by_the_rotors_on_the_low_side() {
        // Rolled to the right: gravity points towards -y in the body, right rotors must push harder.
        let [front_left, front_right, rear_right, rear_left] =
            speeds(Some(sinking([0.0, -0.3, -0.95], [0.0; 3])), 0.5);
        assert!(front_right > 1500.0 && rear_right > 1500.0 && front_left < 1500.0 && rear_left < 1500.0);
        // Nose down: gravity points towards +x in the body, front rotors must push harder.
        let [front_left, front_right, rear_right, rear_left] =
            speeds(Some(sinking([0.3, 0.0, -0.95], [0.0; 3])), 0.5);
        assert!(front_left > 1500.0 && front_right > 1500.0 && rear_right < 1500.0 && rear_left < 1500.0);
        // Turning left: rotors that turn the body right push harder.
        let [front_left, front_right, ..] = speeds(Some(sinking([0.0, 0.0, -1.0], [0.0, 0.0, 2.0])), 0.5);
        assert!(front_left < 1500.0 && front_right > 1500.0);
    }

    #[test]
    fn rotors_stop_after_the_descent_and_without_attitude() {
        assert_eq!(speeds(Some(sinking([0.0, 0.0, -1.0], [0.0; 3])), 2.5), [0.0; 4]);
        assert_eq!(speeds(None, 0.5), [0.0; 4]);
        assert_eq!(speeds(Some(sinking([0.0, f32::NAN, -1.0], [0.0; 3])), 0.5), [0.0; 4]);
    }
}
