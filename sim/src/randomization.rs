//! Domain randomization: the ranges that a task's file states, and what one episode draws from them.
//!
//! Everything that differs between the simulator and the robot is drawn once per episode, so that the policy meets a
//! consistent robot that it can come to know, never a mean one. What is absent from the file is nominal.

use crate::random::Stream;
use serde::{Deserialize, Serialize};

/// Which of a task's ranges an environment draws from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Randomization {
    /// The ranges of training.
    Training,
    /// The ranges under which a policy is accepted.
    Acceptance,
    /// None: the model as written, no delay, no noise. Start states are still random.
    Nominal,
}

/// `[low, high]`, drawn uniformly.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(from = "[f64; 2]")]
pub struct Range {
    /// Smallest value.
    pub low: f64,
    /// Largest value.
    pub high: f64,
}

impl From<[f64; 2]> for Range {
    fn from([low, high]: [f64; 2]) -> Self {
        Self { low, high }
    }
}

impl Range {
    const ONE: Self = Self { low: 1.0, high: 1.0 };
    const ZERO: Self = Self { low: 0.0, high: 0.0 };

    pub(crate) fn draw(self, stream: &mut Stream) -> f64 {
        stream.uniform(self.low, self.high)
    }
}

/// The ranges of one level.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Ranges {
    /// Factor on every body's mass; inertia is scaled apart.
    pub(crate) mass_scale: Range,
    /// Factor on every body's inertia about its centre of mass.
    pub(crate) inertia_scale: Range,
    /// Factor on the contact friction of every shape.
    pub(crate) contact_friction_scale: Range,
    /// Viscous friction of every joint, N m s/rad, beside the model's.
    pub(crate) joint_damping_n_m_s_per_rad: Range,
    /// Dry friction of every joint, N m, beside the model's.
    pub(crate) joint_friction_n_m: Range,
    /// Factor on the rotors' drag in moving air.
    pub(crate) air_drag_scale: Range,
    /// Factor on every motor's torque or thrust.
    pub(crate) motor_strength_scale: Range,
    /// Factor on every motor's time constant.
    pub(crate) motor_lag_scale: Range,
    /// From the command to the actuator, s.
    pub(crate) action_delay_s: Range,
    /// From the motion to the sample, s.
    pub(crate) observation_delay_s: Range,
    /// Noise and bias of sensors.
    pub(crate) sensors: Vec<SensorErrors>,
}

impl Default for Ranges {
    fn default() -> Self {
        Self {
            mass_scale: Range::ONE,
            inertia_scale: Range::ONE,
            contact_friction_scale: Range::ONE,
            joint_damping_n_m_s_per_rad: Range::ZERO,
            joint_friction_n_m: Range::ZERO,
            air_drag_scale: Range::ONE,
            motor_strength_scale: Range::ONE,
            motor_lag_scale: Range::ONE,
            action_delay_s: Range::ZERO,
            observation_delay_s: Range::ZERO,
            sensors: Vec::new(),
        }
    }
}

/// How wrong a sensor is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SensorErrors {
    /// The sensor.
    pub(crate) name: String,
    /// Standard deviation of each value's white noise, in the sensor's unit; an orientation's is a rotation, rad.
    pub(crate) noise: f64,
    /// Largest length of an error that is constant through the episode, in the sensor's unit; an orientation's is a
    /// rotation, rad.
    pub(crate) bias: f64,
}

impl Ranges {
    /// Every range with its name in files, lowest legal value and highest legal value.
    pub(crate) fn named(&self) -> [(&'static str, Range, f64, f64); 10] {
        [
            ("mass_scale", self.mass_scale, 0.05, 20.0),
            ("inertia_scale", self.inertia_scale, 0.05, 20.0),
            ("contact_friction_scale", self.contact_friction_scale, 0.0, 20.0),
            ("joint_damping_n_m_s_per_rad", self.joint_damping_n_m_s_per_rad, 0.0, 1e3),
            ("joint_friction_n_m", self.joint_friction_n_m, 0.0, 1e3),
            ("air_drag_scale", self.air_drag_scale, 0.0, 20.0),
            ("motor_strength_scale", self.motor_strength_scale, 0.0, 20.0),
            ("motor_lag_scale", self.motor_lag_scale, 0.0, 20.0),
            ("action_delay_s", self.action_delay_s, 0.0, 1.0),
            ("observation_delay_s", self.observation_delay_s, 0.0, 1.0),
        ]
    }

    /// What one episode is made of, in a fixed order of draws.
    pub(crate) fn draw(&self, stream: &mut Stream) -> Draw {
        Draw {
            mass_scale: self.mass_scale.draw(stream),
            inertia_scale: self.inertia_scale.draw(stream),
            contact_friction_scale: self.contact_friction_scale.draw(stream),
            joint_damping_n_m_s_per_rad: self.joint_damping_n_m_s_per_rad.draw(stream),
            joint_friction_n_m: self.joint_friction_n_m.draw(stream),
            air_drag_scale: self.air_drag_scale.draw(stream),
            motor_strength_scale: self.motor_strength_scale.draw(stream),
            motor_lag_scale: self.motor_lag_scale.draw(stream),
            action_delay_s: self.action_delay_s.draw(stream),
            action_phase: stream.uniform(0.0, 1.0),
            observation_delay_s: self.observation_delay_s.draw(stream),
            observation_phase: stream.uniform(0.0, 1.0),
        }
    }
}

/// One episode's robot.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Draw {
    /// Factor on every body's mass.
    pub mass_scale: f64,
    /// Factor on every body's inertia about its centre of mass.
    pub inertia_scale: f64,
    /// Factor on the contact friction of every shape.
    pub contact_friction_scale: f64,
    /// Viscous friction of every joint, N m s/rad, beside the model's.
    pub joint_damping_n_m_s_per_rad: f64,
    /// Dry friction of every joint, N m, beside the model's.
    pub joint_friction_n_m: f64,
    /// Factor on the rotors' drag in moving air.
    pub air_drag_scale: f64,
    /// Factor on every motor's torque or thrust.
    pub motor_strength_scale: f64,
    /// Factor on every motor's time constant.
    pub motor_lag_scale: f64,
    /// From the command to the actuator, s.
    pub action_delay_s: f64,
    /// Where in a physics step commands arrive, as a fraction of it.
    pub action_phase: f64,
    /// From the motion to the sample, s.
    pub observation_delay_s: f64,
    /// Where in a physics step samples are taken, as a fraction of it.
    pub observation_phase: f64,
}

/// A delay in whole physics steps.
///
/// Commands and samples fall anywhere within a physics step; `phase` says where, so a delay between two whole numbers of
/// steps becomes either of them, with the right mean over episodes.
pub(crate) fn delay_steps(delay_s: f64, phase: f64, physics_period_s: f64) -> u32 {
    (delay_s / physics_period_s + phase) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_within_their_ranges_and_fill_them() {
        let ranges = Ranges {
            mass_scale: Range { low: 0.7, high: 1.3 },
            action_delay_s: Range { low: 0.0, high: 0.02 },
            ..Ranges::default()
        };
        let draws: Vec<Draw> =
            (0..2000).map(|episode| ranges.draw(&mut Stream::new(1, 0, episode))).collect();
        let masses = draws.iter().map(|draw| draw.mass_scale);
        assert!(masses.clone().all(|mass| (0.7..1.3).contains(&mass)));
        assert!(masses.clone().any(|mass| mass < 0.71) && masses.clone().any(|mass| mass > 1.29));
        assert!(draws.iter().all(|draw| (0.0..0.02).contains(&draw.action_delay_s)));
        assert!(draws.iter().all(|draw| draw.inertia_scale == 1.0 && draw.observation_delay_s == 0.0));
    }

    #[test]
    fn a_delay_between_two_steps_becomes_either_with_the_right_mean() {
        assert_eq!(delay_steps(0.02, 0.99, 0.002), 10);
        assert_eq!(delay_steps(0.0, 0.99, 0.002), 0);
        let total: u32 = (0..100).map(|index| delay_steps(0.005, f64::from(index) / 100.0, 0.002)).sum();
        assert_eq!(total, 250);
    }
}
